//! What must hold in whole random runs of Karpenter with everything it may be asked for: pods go where they may, commands stay
//! within budgets, limits hold, and consolidation never raises a price.

#[path = "support/plans.rs"]
mod plans;

use std::collections::BTreeMap;

use fleetsim::catalog::{Catalog, TypeId, ZoneId};
use fleetsim::karpenter::disruption::{Budget, ConsolidationPolicy, Decision, Reason};
use fleetsim::karpenter::lifecycle::CREATE_FLEET_IDLE;
use fleetsim::karpenter::pods::{PodAffinityTerm, SpreadConstraint};
use fleetsim::metrics::{JobRecord, NodeEnd, NodeRecord};
use fleetsim::simulation::{CapacityPlan, ClassPlacement, Explained, Explanation, Placement};
use fleetsim::units::{Ppm, SimDuration, SimTime};
use fleetsim::workload::{Distribution, Retry};
use plans::{Case, mins, secs};
use proptest::prelude::*;

const HOST: &str = "kubernetes.io/hostname";
const TYPES: [&str; 4] = ["m6i.large", "m6i.xlarge", "m6i.2xlarge", "c6i.xlarge"];
/// Classes by number: what the pods of each ask for.
const CLASSES: [&str; 5] = ["plain", "apart", "port", "near", "spread"];

/// A run by the numbers it is drawn with.
#[derive(Clone, Debug)]
struct Drawn {
    seed: u64,
    /// Start and work in seconds, class, quarters of a core.
    jobs: Vec<(u64, u64, usize)>,
    cpu: [u32; 5],
    policy: u8,
    budget: usize,
    limit_cores: Option<i64>,
    is_spot: bool,
    /// When launches fail, in seconds.
    failing: Option<(u64, u64)>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let jobs = prop::collection::vec((0..1800_u64, 20..1500_u64, 0..5_usize), 1..50);
    let limit = prop::option::of(4..40_i64);
    let failing = prop::option::weighted(0.3, (0..1200_u64, 1..600_u64));
    let parts = (any::<u64>(), jobs, prop::array::uniform5(1..8_u32), 0..3_u8);
    (parts, 0..4_usize, limit, any::<bool>(), failing).prop_map(
        |((seed, jobs, cpu, policy), budget, limit_cores, is_spot, failing)| Drawn {
            seed,
            jobs,
            cpu,
            policy,
            budget,
            limit_cores,
            is_spot,
            failing,
        },
    )
}

fn term(class: &str) -> PodAffinityTerm {
    let match_labels = vec![("class".to_owned(), class.to_owned())];
    PodAffinityTerm { key: HOST.to_owned(), match_labels, weight: None }
}

fn placement(class: &str) -> Placement {
    let none = Placement::default();
    match class {
        "apart" => Placement { anti_affinity: vec![term("apart")], ..none },
        "port" => Placement { host_ports: vec![443], ..none },
        "near" => Placement { affinity: vec![term("plain")], ..none },
        "spread" => {
            let key = "topology.kubernetes.io/zone".to_owned();
            let rule = SpreadConstraint {
                key,
                max_skew: 1,
                is_soft: false,
                match_labels: vec![],
                min_domains: None,
            };
            Placement { spread: vec![rule], ..none }
        }
        _ => none,
    }
}

impl Drawn {
    fn case(&self) -> Case {
        let capacity = if self.is_spot { "spot" } else { "on-demand" };
        let mut case =
            Case::new().seed(self.seed).at_once().manager(60).pool(&TYPES, capacity, Some(secs(30)));
        for (name, quarters) in CLASSES.iter().zip(self.cpu) {
            let duration = Distribution::Constant(SimDuration::ZERO);
            case = case.class(name, quarters * 250, 512, duration, |class| class.retry = Retry::always(2));
        }
        for (start, work, class) in &self.jobs {
            case = case.job(secs(*start), CLASSES[*class], secs(*work));
        }
        case.until(mins(120)).change(|plan| {
            plan.executor.poll_timeout = mins(30);
            // Reclaimed nodes are replaced while they still run, whatever the limit.
            plan.ec2.spot.scale = Ppm::ZERO;
            plan.kubernetes.placements = CLASSES
                .iter()
                .map(|class| ClassPlacement { class: (*class).to_owned(), placement: placement(class) })
                .collect();
            if let Some((from, span)) = self.failing {
                plan.ec2.launch_stress.failures =
                    vec![(SimTime::ZERO + secs(from), SimTime::ZERO + secs(from + span))];
            }
            let CapacityPlan::Karpenter(karpenter) = &mut plan.capacity else {
                unreachable!("a pool was added")
            };
            let pool = &mut karpenter.pools[0];
            pool.spec.limits.cpu = self.limit_cores.map(|cores| cores * 1000);
            pool.disruption.consolidation_policy = [
                ConsolidationPolicy::WhenEmpty,
                ConsolidationPolicy::WhenEmptyOrUnderutilized,
                ConsolidationPolicy::Balanced,
            ][usize::from(self.policy)];
            pool.disruption.budgets = vec![Budget::new(&self.budget.to_string(), None, None, None)];
        })
    }
}

/// The pods of a class by node, as (bound, script ended).
fn stays<'a>(jobs: &'a [JobRecord], class: u32) -> impl Iterator<Item = (u32, SimTime, SimTime)> + 'a {
    let of = jobs.iter().filter(move |job| job.class == class && job.bound_at != SimTime::NEVER);
    of.filter_map(|job| Some((job.node?, job.bound_at, job.script_ended_at)))
}

/// No two pods that may not share a node do.
fn check_apart(jobs: &[JobRecord], class: u32) {
    let mut by_node: BTreeMap<u32, Vec<(SimTime, SimTime)>> = BTreeMap::new();
    for (node, from, to) in stays(jobs, class) {
        by_node.entry(node).or_default().push((from, to));
    }
    for (node, mut stays) in by_node {
        stays.sort_unstable();
        for pair in stays.windows(2) {
            assert!(pair[1].0 >= pair[0].1, "{} share node {node}: {pair:?}", CLASSES[class as usize]);
        }
    }
}

/// Every pod that must be near a plain one was bound to a node that had one.
fn check_near(jobs: &[JobRecord]) {
    let plain: Vec<_> = stays(jobs, 0).collect();
    for (node, at, _) in stays(jobs, 3) {
        let is_there =
            |stay: &(u32, SimTime, SimTime)| stay.0 == node && stay.1 <= at && stay.2 + secs(2) >= at;
        assert!(plain.iter().any(is_there), "nobody to be near to on node {node} at {at:?}");
    }
}

/// What the plan's own prices say that a node costs.
fn price(catalog: &Catalog, node: &NodeRecord) -> u64 {
    let (kind, zone) = (TypeId::new(node.instance_type), ZoneId(node.zone as u8));
    catalog.price(kind, zone, node.capacity).expect("sold").0
}

/// Commands take no more nodes than the budget has left; replacements are cheaper than what they replace.
fn check_commands(
    drawn: &Drawn,
    nodes: &BTreeMap<u32, NodeRecord>,
    reasons: &[Explained],
    catalog: &Catalog,
) {
    // A command whose replacement never comes is taken back, and its nodes may be taken again: only the last counts.
    let mut taken_at: BTreeMap<u32, SimTime> = BTreeMap::new();
    for one in reasons {
        if let Explanation::Commanded { nodes, .. } = &one.what {
            taken_at.extend(nodes.iter().map(|node| (*node, one.at)));
        }
    }
    let by_command = [NodeEnd::Empty, NodeEnd::Consolidated, NodeEnd::Drifted];
    taken_at.retain(|node, _| by_command.contains(&nodes[node].end));
    for one in reasons {
        let Explanation::Commanded { reason, decision, nodes: taken } = &one.what else { continue };
        let is_leaving =
            |(node, at): &(&u32, &SimTime)| **at <= one.at && nodes[*node].terminated_at > one.at;
        let mut leaving: Vec<u32> = taken_at.iter().filter(is_leaving).map(|(node, _)| *node).collect();
        leaving.extend(taken);
        leaving.sort_unstable();
        leaving.dedup();
        assert!(leaving.len() <= drawn.budget, "{leaving:?} go at once, {} may", drawn.budget);
        if (*reason, *decision) != (Reason::Underutilized, Decision::Replace) {
            continue;
        }
        let answered_at = one.at + CREATE_FLEET_IDLE;
        let launched: Vec<u32> = reasons
            .iter()
            .filter(|other| other.at == answered_at)
            .filter_map(|other| match &other.what {
                Explanation::Launched { node, chosen: Some(_), .. } => Some(*node),
                _ => None,
            })
            .collect();
        if let [replacement] = launched[..] {
            let before: u64 = taken.iter().map(|node| price(catalog, &nodes[node])).sum();
            assert!(price(catalog, &nodes[&replacement]) < before, "{replacement} replaces {taken:?}");
        }
    }
}

/// Nodes of the pool never have more CPU than its limit, those on their way out apart.
fn check_limit(drawn: &Drawn, nodes: &[NodeRecord], reasons: &[Explained]) {
    let Some(cores) = drawn.limit_cores else { return };
    // From the first command on, as those that are taken back may have made room.
    let mut gone_from: BTreeMap<u32, SimTime> = BTreeMap::new();
    for one in reasons {
        if let Explanation::Commanded { nodes, .. } = &one.what {
            for node in nodes {
                gone_from.entry(*node).or_insert(one.at);
            }
        }
    }
    for node in nodes {
        let at = node.launched_at;
        let is_there = |other: &&NodeRecord| {
            let until =
                gone_from.get(&other.ordinal).copied().unwrap_or(SimTime::NEVER).min(other.terminated_at);
            other.launched_at <= at && at < until
        };
        let used: u32 = nodes.iter().filter(is_there).map(|other| other.cpu.0).sum();
        assert!(i64::from(used) <= cores * 1000, "{used} of {cores} at {at:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn pods_go_where_they_may_and_commands_keep_budgets_limits_and_prices(drawn in drawn()) {
        let case = drawn.case();
        let (run, reasons) = case.explained();
        let jobs = run.outcome.job_records.clone().expect("jobs are kept");
        let nodes = run.outcome.node_records.clone().expect("nodes are kept");
        check_apart(&jobs, 1);
        check_apart(&jobs, 2);
        check_near(&jobs);
        let by_ordinal: BTreeMap<u32, NodeRecord> = nodes.iter().map(|node| (node.ordinal, *node)).collect();
        check_commands(&drawn, &by_ordinal, &reasons, &case.plan.ec2.catalog);
        check_limit(&drawn, &nodes, &reasons);
        let again = case.run();
        prop_assert_eq!(plans::digest(&again.finished), plans::digest(&run));
    }
}
