//! A run that explains itself says why, in Karpenter's own classes of reasons, and is otherwise the same run.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::karpenter::disruption::{ConsolidationPolicy, Reason, Refusal, Skip};
use fleetsim::karpenter::solver::{NoType, Refusal as PassRefusal};
use fleetsim::simulation::{CapacityPlan, Explained, Explanation, KarpenterPlan, Kept};
use fleetsim::units::{SimDuration, SimTime};
use fleetsim::workload::Distribution;
use plans::{Case, digest, mins, secs};

fn case(change: impl FnOnce(&mut KarpenterPlan)) -> Case {
    let case =
        Case::new().at_once().manager(20).pool(&["m6i.large", "m6i.xlarge"], "on-demand", Some(secs(30)));
    let duration = Distribution::Constant(SimDuration::ZERO);
    let case =
        case.class("test", 1500, 1024, duration.clone(), |_| {}).class("huge", 8000, 1024, duration, |_| {});
    case.change(|plan| {
        let CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else { unreachable!("a pool was added") };
        karpenter.pools[0].disruption.consolidation_policy = ConsolidationPolicy::WhenEmptyOrUnderutilized;
        change(karpenter);
    })
}

fn said(reasons: &[Explained], what: impl Fn(&Explanation) -> bool) -> usize {
    reasons.iter().filter(|one| what(&one.what)).count()
}

#[test]
fn explaining_a_run_changes_nothing_of_it() {
    let case = case(|_| {}).job(secs(0), "test", mins(20)).job(secs(5), "test", mins(2));
    let (run, reasons) = case.explained();
    assert_eq!(digest(&run), digest(&case.run().finished));
    assert!(!reasons.is_empty() && reasons.is_sorted_by_key(|one| one.at));
}

#[test]
fn a_pod_that_stays_pending_carries_what_each_node_pool_said() {
    let (_, reasons) = case(|_| {}).job(secs(0), "huge", mins(1)).explained();
    let no_room = PassRefusal::NoType(NoType::Fits);
    let is_said = |what: &Explanation| matches!(what, Explanation::PodUnplaced { build: 0, refusals } if refusals[..] == [(0, no_room)]);
    assert!(said(&reasons, is_said) > 0, "{reasons:?}");
}

#[test]
fn a_pod_beyond_the_limits_of_its_pool_is_told_so() {
    let limited = case(|karpenter| karpenter.pools[0].spec.limits.cpu = Some(1000));
    let (_, reasons) = limited.job(secs(0), "test", mins(1)).explained();
    let is_said = |what: &Explanation| matches!(what, Explanation::PodUnplaced { refusals, .. } if refusals[..] == [(0, PassRefusal::Limits)]);
    assert!(said(&reasons, is_said) > 0, "{reasons:?}");
}

#[test]
fn a_launch_says_what_each_filter_left_and_what_ec2_took() {
    let (run, reasons) = case(|_| {}).job(secs(0), "test", mins(1)).explained();
    let launched = reasons.iter().find_map(|one| match &one.what {
        Explanation::Launched { node: 0, pods: 1, claim_types, filters: Some(filters), chosen, .. } => {
            Some((*claim_types, *filters, *chosen))
        }
        _ => None,
    });
    let (claim_types, filters, chosen) = launched.expect("a launch");
    assert_eq!((claim_types, filters.available, filters.fitting, filters.sent), (2, 2, 2, 2));
    let node = &run.outcome.node_records.as_ref().expect("nodes are kept")[0];
    assert_eq!(chosen.map(|one| one.0.raw()), Some(node.instance_type));
}

#[test]
fn a_node_that_is_left_alone_carries_the_reason_and_loses_it_when_it_no_longer_holds() {
    let mut protected = case(|_| {}).job(secs(0), "test", mins(5)).job(mins(10), "test", secs(1));
    protected.workload.classes[fleetsim::engine::Id::new(0)].do_not_disrupt = true;
    let (_, reasons) = protected.explained();
    let kept = Some(Kept::Refused(Refusal::PodDoNotDisrupt));
    assert_eq!(said(&reasons, |what| *what == Explanation::NodeKept { node: 0, why: kept }), 1, "said once");
    let (_, reasons) = case(|_| {}).job(secs(0), "test", mins(5)).explained();
    let cheapest = Some(Kept::Skipped(Skip::NotCheaper));
    assert!(
        said(&reasons, |what| *what == Explanation::NodeKept { node: 0, why: cheapest }) > 0,
        "{reasons:?}"
    );
}

#[test]
fn a_pool_whose_budget_lets_nothing_go_is_said_to_be_blocked() {
    let none = vec![fleetsim::karpenter::disruption::Budget::new("0", None, None, None)];
    let (_, reasons) = case(|karpenter| karpenter.pools[0].disruption.budgets = none)
        .job(secs(0), "test", mins(5))
        .explained();
    for reason in [Reason::Empty, Reason::Underutilized, Reason::Drifted] {
        let blocked = Explanation::PoolBlocked { pool: 0, reason, is_blocked: true };
        assert!(said(&reasons, |what| *what == blocked) == 1, "{reason}");
    }
    assert!(reasons.iter().all(|one| one.at < SimTime::ZERO + mins(30)));
}
