//! kube-scheduler places pods that have rules about other pods as a plain reading of the plugins says, whatever came before.

use fleetsim::engine::Streams;
use fleetsim::kubernetes::{
    Footprint, NeighbourRules, NodeClass, NodeHold, NodeInfo, NodeKey, PodKey, PodShape, PodTerm, Scheduler,
    SchedulerConfig, SchedulingOutcome, SpreadConstraint,
};
use fleetsim::units::{Resources, SimTime};
use proptest::prelude::*;

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";
const NODES: u32 = 7;
const ZONES: u32 = 3;

fn label(app: u8) -> Vec<(String, String)> {
    vec![("app".to_owned(), ["a", "b"][usize::from(app % 2)].to_owned())]
}

/// A kind of rule, what it is about, and by which domain.
type DrawnRule = (u8, u8, bool, u32);

fn rules(own: u8, drawn: &[DrawnRule]) -> NeighbourRules {
    let mut rules = NeighbourRules { labels: label(own), ..NeighbourRules::default() };
    for &(kind, app, by_zone, number) in drawn {
        let key = (if by_zone { ZONE } else { HOST }).to_owned();
        let term = PodTerm { key: key.clone(), match_labels: label(app), weight: None };
        match kind % 6 {
            0 | 1 => rules.spread.push(SpreadConstraint {
                key,
                max_skew: 1 + number % 2,
                is_soft: kind == 1,
                match_labels: label(app),
                min_domains: (number % 3 == 0).then_some(2 + number % 4),
            }),
            2 => rules.affinity.push(term),
            3 => rules.anti_affinity.push(term),
            4 => rules.host_ports = vec![80 + (number % 2) as u16],
            _ => rules.affinity.push(PodTerm { weight: Some(1 + number % 100), ..term }),
        }
    }
    rules
}

fn same_domain(key: &str, one: u32, other: u32) -> bool {
    if key == HOST { one == other } else { one % ZONES == other % ZONES }
}

/// Whether the filters let a pod with these rules onto the node, beside pods at (node, rules).
fn may_go(node: u32, own: &NeighbourRules, placed: &[(u32, &NeighbourRules)]) -> bool {
    let near = |key: &str| -> Vec<&NeighbourRules> {
        placed.iter().filter(|(at, _)| same_domain(key, *at, node)).map(|(_, pod)| *pod).collect()
    };
    let shares_port =
        near(HOST).iter().any(|other| other.host_ports.iter().any(|it| own.host_ports.contains(it)));
    let is_spread = own.spread.iter().filter(|rule| !rule.is_soft).all(|rule| {
        let count = |node: u32| {
            let counted = placed
                .iter()
                .filter(|(at, pod)| same_domain(&rule.key, *at, node) && pod.has(&rule.match_labels));
            counted.count() as i64
        };
        let domains = if rule.key == HOST { NODES } else { ZONES };
        let is_short = rule.min_domains.is_some_and(|wanted| domains < wanted);
        let least = if is_short { 0 } else { (0..domains).map(count).min().unwrap() };
        count(node) + i64::from(own.has(&rule.match_labels)) - least <= i64::from(rule.max_skew)
    });
    let required = || own.affinity.iter().filter(|term| term.weight.is_none());
    let wanted: Vec<_> = required().flat_map(|term| term.match_labels.clone()).collect();
    let is_near = required().all(|term| near(&term.key).iter().any(|pod| pod.has(&wanted)));
    let is_first = own.has(&wanted) && !placed.iter().any(|(_, pod)| pod.has(&wanted));
    let is_apart =
        own.anti_affinity.iter().all(|term| !near(&term.key).iter().any(|pod| pod.has(&term.match_labels)));
    let repels = |(at, pod): &(u32, &NeighbourRules)| {
        pod.anti_affinity.iter().any(|term| same_domain(&term.key, *at, node) && own.has(&term.match_labels))
    };
    !shares_port && is_spread && (is_near || is_first) && is_apart && !placed.iter().any(repels)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_pod_is_bound_where_the_filters_let_it_and_unschedulable_where_they_let_it_nowhere(
        kinds in prop::collection::vec((0..2_u8, prop::collection::vec((0..6_u8, 0..2_u8, any::<bool>(), 0..1000_u32), 0..3)), 1..6),
        steps in prop::collection::vec((any::<bool>(), any::<u16>()), 1..60),
    ) {
        let kinds: Vec<NeighbourRules> = kinds.iter().map(|(own, drawn)| rules(*own, drawn)).collect();
        let mut scheduler = Scheduler::new(SchedulerConfig::default(), Streams::new(1, 0));
        for node in 0..NODES {
            let labels = vec![(ZONE.to_owned(), format!("zone-{}", node % ZONES))];
            let class = scheduler.register_node_class(NodeClass { labels, taints: Vec::new() });
            let info = NodeInfo {
                class,
                zone: (node % ZONES) as u16,
                allocatable: Resources::new(100_000, 100_000),
                pods: 200,
                daemons: Footprint::default(),
                daemon_pods: 0,
                hold: NodeHold::NONE,
            };
            scheduler.add_node(SimTime::ZERO, NodeKey(node), info);
        }
        let mut placed: Vec<(u32, u32, usize)> = Vec::new();
        let mut out = Vec::new();
        for (number, (creates, choice)) in (0_u32..).zip(steps) {
            let now = SimTime::from_ms(u64::from(number) * 60_000);
            if !creates && !placed.is_empty() {
                let (pod, _, _) = placed.swap_remove(usize::from(choice) % placed.len());
                scheduler.pod_deleted(now, PodKey(pod));
                scheduler.wake(now, &mut out);
                continue;
            }
            let kind = usize::from(choice) % kinds.len();
            let own = &kinds[kind];
            // Shapes are met as they come, also with pods of others in place.
            let shape = PodShape { neighbours: own.clone(), ..PodShape::of(Resources::new(100, 100)) };
            let shape = scheduler.register_shape(shape);
            scheduler.pod_created(now, PodKey(number), shape);
            out.clear();
            scheduler.wake(now, &mut out);
            let around: Vec<_> = placed.iter().map(|(_, node, kind)| (*node, &kinds[*kind])).collect();
            let open: Vec<u32> = (0..NODES).filter(|node| may_go(*node, own, &around)).collect();
            match out[..] {
                [SchedulingOutcome::Bound { node, .. }] => {
                    prop_assert!(open.contains(&node.0), "{:?} is none of {:?}", node, open);
                    placed.push((number, node.0, kind));
                }
                [SchedulingOutcome::Unschedulable { .. }] => {
                    prop_assert!(open.is_empty(), "{:?} would take it", open);
                    scheduler.pod_deleted(now, PodKey(number));
                    scheduler.wake(now, &mut out);
                }
                _ => prop_assert!(false, "{:?}", out),
            }
        }
    }
}
