//! What Karpenter does to nodes and their pods in the whole loop, one rule per test.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::engine::Id;
use fleetsim::karpenter::disruption::{Budget, ConsolidationPolicy, Reason, Version};
use fleetsim::kubernetes::{DisruptionLimit, PodShare};
use fleetsim::metrics::{JobOutcome, NodeEnd, NodeRecord};
use fleetsim::simulation::{
    CapacityPlan, Decision, DriftNotice, DriftPlan, Image, KarpenterPlan, PodDisruptionBudget, ScalePlan,
};
use fleetsim::units::{SimDuration, SimTime};
use fleetsim::workload::{Class, Distribution, ImageId, Retry};
use plans::{Case, mins, secs};

/// Jobs written with their work need no distribution.
fn nothing() -> Distribution {
    Distribution::Constant(SimDuration::ZERO)
}

/// Karpenter with on-demand nodes of two cores, removed half a minute after they are empty; nothing else takes time.
fn karpenter() -> Case {
    let case = Case::new().at_once().manager(20).pool(&["m6i.large"], "on-demand", Some(secs(30)));
    case.class("test", 1500, 1024, nothing(), |_| {})
}

trait Changes {
    fn karpenter(self, change: impl FnOnce(&mut KarpenterPlan)) -> Self;
    fn all_jobs(self, change: impl FnOnce(&mut Class)) -> Self;
}

impl Changes for Case {
    fn karpenter(self, change: impl FnOnce(&mut KarpenterPlan)) -> Self {
        self.change(|plan| match &mut plan.capacity {
            CapacityPlan::Karpenter(karpenter) => change(karpenter),
            _ => unreachable!("a pool was added"),
        })
    }

    fn all_jobs(mut self, change: impl FnOnce(&mut Class)) -> Self {
        change(&mut self.workload.classes[Id::new(0)]);
        self
    }
}

#[test]
fn a_timed_do_not_disrupt_protects_a_pod_for_its_duration_after_its_start() {
    let case = karpenter().all_jobs(|class| class.do_not_disrupt_for = Some(mins(10)));
    let case = case.karpenter(|karpenter| karpenter.pools[0].expire_after = Some(mins(5)));
    let run = case.job(secs(0), "test", mins(20)).job(mins(30), "test", secs(1)).run();
    let (job, node) = (run.job(0), run.nodes()[0]);
    assert_eq!((job.outcome, node.end), (JobOutcome::Interrupted, NodeEnd::Expired));
    // The eviction queue looks every 10 s at the latest; a start has whole seconds.
    let held = job.script_ended_at - job.bound_at;
    assert!(held >= secs(599) && held <= secs(610), "{held:?}");
}

#[test]
fn karpenter_1_8_ignores_a_do_not_disrupt_with_a_duration() {
    let case = karpenter().all_jobs(|class| class.do_not_disrupt_for = Some(mins(10)));
    let case = case.karpenter(|karpenter| {
        karpenter.pools[0].expire_after = Some(mins(5));
        karpenter.disruption.version = Version::V1_8;
    });
    let run = case.job(secs(0), "test", mins(20)).job(mins(30), "test", secs(1)).run();
    assert!(run.job(0).script_ended_at <= SimTime::ZERO + secs(330), "{:?}", run.job(0));
}

#[test]
fn a_termination_grace_period_ends_a_drain_that_a_protected_pod_holds() {
    let case = karpenter().all_jobs(|class| class.do_not_disrupt = true).karpenter(|karpenter| {
        karpenter.pools[0].expire_after = Some(mins(5));
        karpenter.pools[0].termination_grace_period = Some(mins(10));
    });
    let run = case.job(secs(0), "test", mins(40)).job(mins(60), "test", secs(1)).run();
    let (job, node) = (run.job(0), run.nodes()[0]);
    assert_eq!((job.outcome, node.end), (JobOutcome::Interrupted, NodeEnd::Expired));
    // Deleted when its own grace period of 30 s would outlast the deadline, at the next turn of the eviction queue.
    let deadline = node.launched_at + mins(15);
    let early = deadline.saturating_since(job.script_ended_at);
    assert!(early >= secs(20) && early <= secs(30), "{early:?}");
}

/// Long and short jobs on nodes of four cores, two to a node: once the short ones are over, half the nodes would do.
fn half_empty(change: impl FnOnce(&mut KarpenterPlan)) -> Case {
    let case = Case::new().at_once().manager(20).pool(&["m6i.xlarge"], "on-demand", Some(secs(30)));
    let mut case = case.class("test", 1500, 1024, nothing(), |_| {}).karpenter(|karpenter| {
        karpenter.pools[0].disruption.consolidation_policy = ConsolidationPolicy::WhenEmptyOrUnderutilized;
        change(karpenter);
    });
    for _ in 0..6 {
        case = case.job(secs(0), "test", mins(2)).job(secs(0), "test", mins(60));
    }
    case
}

/// A protected long job on one node, and on another nine small jobs, of which three are soon over.
fn half_a_node_too_large(policy: ConsolidationPolicy) -> plans::Run {
    let case =
        Case::new().at_once().manager(20).pool(&["m6i.large", "m6i.xlarge"], "on-demand", Some(secs(30)));
    let mut case = case
        .class("big", 3800, 1024, nothing(), |class| class.do_not_disrupt = true)
        .class("small", 300, 256, nothing(), |_| {})
        .karpenter(|karpenter| karpenter.pools[0].disruption.consolidation_policy = policy)
        .job(secs(0), "big", mins(60));
    for number in 0..9 {
        case = case.job(secs(30), "small", mins(if number < 3 { 2 } else { 60 }));
    }
    case.run()
}

#[test]
fn balanced_leaves_a_node_alone_whose_pods_weigh_more_than_what_a_smaller_one_saves() {
    let moved = half_a_node_too_large(ConsolidationPolicy::WhenEmptyOrUnderutilized);
    assert_eq!((ended(&moved, NodeEnd::Consolidated), moved.count(JobOutcome::Interrupted)), (1, 6));
    // A quarter of the pool's cost for seven ninths of its disruption.
    let left = half_a_node_too_large(ConsolidationPolicy::Balanced);
    assert_eq!((ended(&left, NodeEnd::Consolidated), left.count(JobOutcome::Success)), (0, 10));
    // An even share of both is worth it: six nodes with one job each become three.
    let even = half_empty(|karpenter| {
        karpenter.pools[0].disruption.consolidation_policy = ConsolidationPolicy::Balanced;
    });
    assert!(ended(&even.run(), NodeEnd::Consolidated) > 0);
}

/// A PodDisruptionBudget of all job pods.
fn with_pdb(case: Case, limit: DisruptionLimit) -> Case {
    case.change(|plan| {
        let budget = PodDisruptionBudget { name: "jobs".to_owned(), classes: Vec::new(), limit };
        plan.kubernetes.disruption_budgets.push(budget);
    })
}

fn ended(run: &plans::Run, end: NodeEnd) -> usize {
    run.nodes().iter().filter(|node| node.end == end).count()
}

#[test]
fn consolidation_leaves_nodes_alone_whose_pods_a_disruption_budget_holds() {
    let free = half_empty(|_| {}).run();
    assert!(ended(&free, NodeEnd::Consolidated) > 0 && free.count(JobOutcome::Interrupted) > 0);
    let held = with_pdb(half_empty(|_| {}), DisruptionLimit::MaxUnavailable(PodShare::Pods(0))).run();
    assert_eq!((ended(&held, NodeEnd::Consolidated), held.count(JobOutcome::Success)), (0, 12));
    // Bare pods have no controller whose replicas a share could be taken of.
    let share = with_pdb(half_empty(|_| {}), DisruptionLimit::MaxUnavailable(PodShare::Percent(50))).run();
    assert_eq!(share.count(JobOutcome::Success), 12);
}

#[test]
fn a_drain_evicts_no_more_pods_than_their_disruption_budget_lets_go() {
    let expiring = |limit: Option<DisruptionLimit>| {
        let mut case = karpenter().karpenter(|karpenter| karpenter.pools[0].expire_after = Some(mins(5)));
        if let Some(limit) = limit {
            case = with_pdb(case, limit);
        }
        for _ in 0..4 {
            case = case.job(secs(0), "test", mins(20));
        }
        case.job(mins(40), "test", secs(1)).run()
    };
    assert_eq!(expiring(None).count(JobOutcome::Interrupted), 4);
    let one_stays = DisruptionLimit::MinAvailable(PodShare::Pods(1));
    assert_eq!(expiring(Some(one_stays)).count(JobOutcome::Interrupted), 3);
}

#[test]
fn a_pod_counts_for_its_disruption_budget_from_when_its_containers_run() {
    let case = karpenter()
        .class("slow", 1500, 1024, nothing(), |class| class.image = ImageId(1))
        .karpenter(|karpenter| karpenter.pools[0].expire_after = Some(mins(5)))
        .change(|plan| {
            plan.executor.poll_timeout = mins(60);
            let image = |name: &str, compressed_mb| Image { name: name.to_owned(), compressed_mb, layers: 1 };
            plan.kubernetes.images = vec![image("small", 1), image("huge", 100_000)];
        });
    let one_stays = DisruptionLimit::MinAvailable(PodShare::Pods(1));
    let run = with_pdb(case, one_stays)
        .job(secs(0), "test", mins(20))
        .job(secs(0), "slow", mins(20))
        .job(mins(30), "test", secs(1))
        .run();
    // One pod runs and must stay; the other still pulls its image, which no budget protects.
    assert_eq!((run.job(0).outcome, run.job(1).outcome), (JobOutcome::Success, JobOutcome::Interrupted));
    assert!(run.job(1).slot_freed_at <= SimTime::ZERO + secs(330), "{:?}", run.job(1));
}

/// Three nodes with a job of an hour each, whose image or pool changes after ten minutes.
fn drifting(notice: DriftNotice, budget: &str) -> Case {
    let mut case = karpenter().karpenter(|karpenter| {
        karpenter.drifts = vec![DriftPlan { at: SimTime::ZERO + secs(610), notice, pools: Vec::new() }];
        karpenter.pools[0].disruption.budgets = vec![Budget::new(budget, None, None, None)];
    });
    for _ in 0..3 {
        case = case.job(secs(0), "test", mins(60));
    }
    case.all_jobs(|class| class.retry = Retry::always(2))
}

#[test]
fn a_changed_image_is_noticed_within_five_minutes_and_nodes_are_replaced_one_by_one() {
    let run = drifting(DriftNotice::Image, "1").run();
    let nodes = run.nodes();
    let drifted: Vec<_> = nodes.iter().filter(|node| node.end == NodeEnd::Drifted).collect();
    assert_eq!(drifted.len(), 3);
    let gone = |index: usize| drifted[index].terminated_at;
    let mut ends: Vec<SimTime> = (0..3).map(gone).collect();
    ends.sort();
    assert!(ends[0] >= SimTime::ZERO + secs(610) && ends[0] <= SimTime::ZERO + secs(960), "{ends:?}");
    // A budget of one comes back when the drain is over, and the next pass is up to ten seconds away.
    assert!(ends[1] > ends[0] && ends[2] > ends[1], "{ends:?}");
    assert_eq!(run.finished.outcome.jobs.ended(JobOutcome::Success), 3);
}

#[test]
fn a_changed_node_pool_is_noticed_at_once_and_the_replacement_is_there_first() {
    let run = drifting(DriftNotice::NodePool, "100%").run();
    let nodes = run.nodes();
    let drifted = nodes.iter().filter(|node| node.end == NodeEnd::Drifted);
    let ends: Vec<SimTime> = drifted.map(|node| node.terminated_at).collect();
    assert!(ends.len() == 3 && ends.iter().all(|end| *end <= SimTime::ZERO + secs(660)), "{ends:?}");
    let replaced = nodes.iter().filter(|node| node.launched_at >= SimTime::ZERO + secs(610));
    let first_end = ends.iter().min().expect("three ends");
    assert!(replaced.clone().count() >= 3 && replaced.clone().any(|node| node.ready_at <= *first_end));
    assert!(replaced.clone().all(|node| node.end != NodeEnd::Drifted), "the new ones are as they should be");
}

#[test]
fn a_budget_of_no_nodes_holds_drift_and_so_does_a_protected_pod_without_a_grace_period() {
    assert_eq!(ended(&drifting(DriftNotice::Image, "0").run(), NodeEnd::Drifted), 0);
    let protected = || drifting(DriftNotice::Image, "100%").all_jobs(|class| class.do_not_disrupt = true);
    assert_eq!(ended(&protected().run(), NodeEnd::Drifted), 0);
    let ending = protected().karpenter(|karpenter| {
        karpenter.pools[0].termination_grace_period = Some(mins(10));
    });
    assert_eq!(ended(&ending.run(), NodeEnd::Drifted), 3);
}

#[test]
fn a_static_pool_keeps_its_replicas_without_pods_and_replaces_what_expires() {
    let run = karpenter()
        .karpenter(|karpenter| {
            karpenter.pools[0].replicas = Some(3);
            karpenter.pools[0].expire_after = Some(mins(30));
        })
        .until(mins(45))
        .job(mins(5), "test", mins(1))
        .run();
    assert_eq!((run.nodes().len(), ended(&run, NodeEnd::Expired), ended(&run, NodeEnd::Empty)), (6, 3, 0));
    assert_eq!(run.job(0).outcome, JobOutcome::Success, "pods run on its nodes");
}

#[test]
fn a_static_pool_opens_no_claim_for_pods_that_do_not_fit_its_nodes() {
    let case = karpenter().karpenter(|karpenter| karpenter.pools[0].replicas = Some(1)).until(mins(30));
    let run = case.job(mins(5), "test", mins(20)).job(mins(5), "test", mins(20)).run();
    assert_eq!(run.nodes().len(), 1);
    assert_eq!((run.job(0).outcome, run.job(1).outcome), (JobOutcome::Success, JobOutcome::PodTimeout));
}

#[test]
fn a_static_pool_that_is_scaled_gets_nodes_at_once_and_gives_up_the_empty_ones_first() {
    let run = karpenter()
        .karpenter(|karpenter| {
            karpenter.pools[0].replicas = Some(2);
            let scale = |at, replicas| ScalePlan { at: SimTime::ZERO + at, pool: 0, replicas };
            karpenter.scales = vec![scale(mins(10), 4), scale(mins(20), 1)];
        })
        .until(mins(60))
        .job(mins(15), "test", mins(30))
        .run();
    let nodes = run.nodes();
    let (kept, gone): (Vec<NodeRecord>, Vec<NodeRecord>) =
        nodes.iter().partition(|node| node.end == NodeEnd::RunEnd);
    assert_eq!((kept.len(), gone.len(), ended(&run, NodeEnd::Empty)), (1, 3, 3));
    assert_eq!(run.job(0).node, Some(kept[0].ordinal), "the node in use stays");
    assert_eq!(run.job(0).outcome, JobOutcome::Success);
    let later = nodes.iter().filter(|node| node.launched_at >= SimTime::ZERO + mins(10)).count();
    assert_eq!(later, 2);
    assert!(gone.iter().all(|node| node.terminated_at <= SimTime::ZERO + mins(21)));
}

#[test]
fn static_drift_replaces_as_many_nodes_at_a_time_as_the_budget_says() {
    let run = karpenter()
        .karpenter(|karpenter| {
            karpenter.pools[0].replicas = Some(4);
            karpenter.pools[0].disruption.budgets = vec![Budget::new("2", None, None, None)];
            let at = SimTime::ZERO + mins(10);
            karpenter.drifts = vec![DriftPlan { at, notice: DriftNotice::NodePool, pools: vec![0] }];
        })
        .until(mins(40))
        .job(mins(30), "test", mins(1))
        .run();
    let commands: Vec<(SimTime, u32)> = run
        .finished
        .decisions
        .iter()
        .filter_map(|one| match one.what {
            Decision::Command { reason: Reason::Drifted, nodes, .. } => Some((one.at, nodes)),
            _ => None,
        })
        .collect();
    assert_eq!(commands.len(), 4);
    assert_eq!(commands[0].0, commands[1].0, "two at once");
    assert!(commands[2].0 > commands[1].0 && commands[2].0 == commands[3].0);
    assert_eq!((ended(&run, NodeEnd::Drifted), run.nodes().len()), (4, 8));
}

#[test]
fn a_time_to_live_until_expired_launches_the_replacement_before_the_old_node_goes() {
    let run = karpenter()
        .karpenter(|karpenter| karpenter.pools[0].ttl_until_expired = Some(mins(10)))
        .all_jobs(|class| class.retry = Retry::always(2))
        .job(secs(0), "test", mins(15))
        .run();
    let nodes = run.nodes();
    assert_eq!(nodes[0].end, NodeEnd::Expired);
    assert!(
        nodes[1].ready_at <= nodes[0].terminated_at && nodes[0].terminated_at < SimTime::ZERO + secs(660)
    );
    assert_eq!(run.job(0).outcome, JobOutcome::Interrupted);
}
