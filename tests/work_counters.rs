//! What a job costs does not depend on how large the fleet is: the work per job on two fleets, one 25 times the other, over the
//! same hours of the week. Counts, not times, so that no quiet machine is needed.

#[path = "../benches/load/mod.rs"]
mod load;

use fleetsim::metrics::{NodeEnd, RunOutcome, WorkCounters};
use load::{Fleet, Hours, Load};

/// Most by which work per job may grow from the small fleet to the large one.
const MOST: f64 = 1.5;

/// Not bounded, because kube-scheduler's sampling rule says how many nodes are scored.
const ASIDE: [&str; 1] = ["nodes_considered"];

/// The same hours on a small fleet and on one 25 times as large.
struct Pair {
    fleet: Fleet,
    small: RunOutcome,
    large: RunOutcome,
}

/// Of a counter, how much it is per job.
fn per_job(outcome: &RunOutcome, count: u64) -> f64 {
    count as f64 / outcome.jobs.jobs() as f64
}

fn counter(outcome: &RunOutcome, name: &str) -> u64 {
    outcome.work.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| count)
}

impl Pair {
    fn of(fleet: Fleet) -> Self {
        let hours = Hours::bringing(80_000, 1500.0);
        let run = |nodes| Load::over(hours, fleet, nodes).run().outcome;
        Self { fleet, small: run(60.0), large: run(1500.0) }
    }

    /// Every counter of the simulator's work grows at most by `MOST`.
    fn assert_no_counter_grows(&self) {
        let mut grown = Vec::new();
        for (name, count) in self.large.work.iter() {
            let of_large = per_job(&self.large, count);
            let of_small = per_job(&self.small, counter(&self.small, name));
            let is_aside = ASIDE.contains(&name) || WorkCounters::is_modelled(name);
            if of_large > MOST * of_small + 0.001 && !is_aside {
                grown.push(format!("{name}: {of_small:.3} to {of_large:.3}"));
            }
        }
        assert!(grown.is_empty(), "{}: per job grows by more than {MOST}: {grown:?}", self.fleet.name());
    }

    /// What kube-scheduler does to pods that wait depends on the share of jobs that wait, which is larger where a large fleet
    /// follows the same morning. It is no hidden work: messages follow each other at the pace of its API client, a retry
    /// in vain comes at most once per shape of pod and event, and with both counted all steps grow no more than the rest.
    fn assert_waiting_pods_are_not_gone_through(&self) {
        const SHAPES: u64 = 4;
        for outcome in [&self.small, &self.large] {
            let seconds = outcome.end.as_ms() / 1000;
            let messages = counter(outcome, "kube_scheduler_messages");
            assert!(messages <= 125 * seconds, "a call takes 8 ms: {messages} in {seconds} s");
            let retries = counter(outcome, "kube_scheduler_retries_in_vain");
            // A pod's end, and a node's coming, readiness, taint and going.
            let events = counter(outcome, "bindings") + 4 * counter(outcome, "nodes_launched");
            assert!(retries <= SHAPES * events, "{retries} retries in vain upon {events} events");
        }
        let steps = |outcome: &RunOutcome| {
            let counts = |(name, _): &(&str, u64)| !WorkCounters::is_peak(name) && !ASIDE.contains(name);
            per_job(outcome, outcome.work.iter().filter(counts).map(|(_, count)| count).sum())
        };
        let (small, large) = (steps(&self.small), steps(&self.large));
        assert!(large <= MOST * small, "{}: all steps per job: {small:.3} to {large:.3}", self.fleet.name());
    }
}

#[test]
fn work_per_job_does_not_grow_with_the_fleet() {
    let pair = Pair::of(Fleet::Nodes130);
    pair.assert_no_counter_grows();
    pair.assert_waiting_pods_are_not_gone_through();
}

#[test]
fn work_per_job_does_not_grow_with_the_fleet_under_consolidation() {
    let pair = Pair::of(Fleet::Consolidating130);
    pair.assert_no_counter_grows();
    pair.assert_waiting_pods_are_not_gone_through();
}

#[test]
fn consolidation_that_knows_that_no_node_can_go_decides_as_if_it_had_asked_about_each() {
    // Where reasons are wanted every candidate is asked about; where not, none is while pods wait for several new nodes.
    let nodes = 400.0;
    let load = Load::over(Hours::bringing(12_000, nodes), Fleet::Consolidating130, nodes);
    let (mut knows, mut asks) = (load.run().outcome, load.run_explained().outcome);
    let what_ifs = |outcome: &RunOutcome| counter(outcome, "disruption_what_ifs");
    assert!(10 * what_ifs(&knows) < 9 * what_ifs(&asks), "{} and {}", what_ifs(&knows), what_ifs(&asks));
    assert!(knows.nodes.ended(NodeEnd::Consolidated) > 0, "some nodes were consolidated");
    (knows.work, asks.work) = Default::default();
    assert_eq!(knows, asks);
}
