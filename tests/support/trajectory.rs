//! What a run of a whole cluster amounts to, recorded or simulated: the same numbers from either, and their comparison.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use fleetsim::catalog::Catalog;
use fleetsim::karpenter::disruption::{Decision as How, Reason};
use fleetsim::metrics::{JobOutcome, NodeEnd};
use fleetsim::simulation::Decision;
use fleetsim::units::{HourlyPrice, SimTime};
use serde_json::Value;

use super::cluster::{list, number, text};
use super::plans::Run;

/// A pod's instants, in milliseconds since the start.
#[derive(Clone, Debug, Default)]
pub struct Pod {
    pub created: i64,
    pub bound: Option<i64>,
    /// Its job was over.
    pub deleted: Option<i64>,
    pub evicted: bool,
}

/// A node's.
#[derive(Clone, Debug, Default)]
pub struct Node {
    pub launched: Option<i64>,
    pub registered: Option<i64>,
    pub terminating: Option<i64>,
    pub vcpus: f64,
    pub dollars_per_hour: f64,
    pub went_empty: bool,
    pub pods: usize,
    pub last_pod_deleted: Option<i64>,
}

/// A disruption command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub at: i64,
    pub what: String,
}

/// A whole run.
#[derive(Clone, Debug, Default)]
pub struct Trajectory {
    pub pods: Vec<Pod>,
    pub nodes: Vec<Node>,
    pub commands: Vec<Command>,
    /// New claims of each pass that opened some.
    pub claims: Vec<i64>,
    /// When passes started.
    pub passes: Vec<i64>,
    pub ended: i64,
}

fn instant(value: &Value) -> Option<i64> {
    value.as_i64().filter(|ms| *ms >= 0)
}

/// A recorded run.
pub fn recorded(run: &Value, catalog: &Catalog) -> Trajectory {
    let pod = |pod: &Value| Pod {
        created: number(&pod["created_ms"]),
        bound: instant(&pod["bound_ms"]),
        deleted: instant(&pod["delete_requested_ms"]),
        evicted: instant(&pod["evicted_ms"]).is_some(),
    };
    let node = |node: &Value| Node {
        launched: instant(&node["launched_ms"]),
        registered: instant(&node["registered_ms"]),
        terminating: instant(&node["instance_terminating_ms"]),
        vcpus: node["instance_type"]
            .as_str()
            .and_then(|name| catalog.find(name))
            .map_or(0.0, |id| f64::from(catalog.get(id).vcpus)),
        dollars_per_hour: node["usd_per_hour"].as_f64().unwrap_or(0.0),
        went_empty: node["disrupted_reason"] == "Empty",
        pods: node["pods_bound"].as_u64().unwrap_or(0) as usize,
        last_pod_deleted: instant(&node["last_pod_delete_requested_ms"]),
    };
    let events = list(&run["events"]);
    let of_kind = |kind: &'static str| events.iter().filter(move |event| event["kind"] == kind);
    Trajectory {
        pods: list(&run["pods"]).iter().map(pod).collect(),
        nodes: list(&run["nodes"]).iter().map(node).collect(),
        commands: of_kind("disruption_command")
            .map(|event| Command {
                at: number(&event["ms"]),
                what: format!(
                    "{}/{}",
                    event["info"]["reason"].as_str().map(capital).unwrap_or_default(),
                    text(&event["info"]["decision"])
                ),
            })
            .collect(),
        passes: of_kind("pass_started").map(|event| number(&event["ms"])).collect(),
        claims: of_kind("pass_new_claims").map(|event| number(&event["info"]["nodeclaims"])).collect(),
        ended: number(&run["ended_ms"]),
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// A simulated run that started `later` than the recording's clock.
pub fn simulated(run: &Run, catalog: &Catalog, later: i64, case: &Value) -> Trajectory {
    let at = |time: SimTime| (time != SimTime::NEVER).then(|| time.as_ms() as i64 - later);
    let delay = |name: &str| number(&case["delays"][name]);
    let jobs = run.jobs();
    let mut nodes: Vec<Node> = Vec::new();
    let mut ended = 0;
    let mut is_cut = false;
    for node in run.nodes() {
        let kind = catalog.get(fleetsim::engine::Id::new(node.instance_type));
        let price = catalog.price(
            fleetsim::engine::Id::new(node.instance_type),
            fleetsim::catalog::ZoneId(node.zone as u8),
            node.capacity,
        );
        let stands = node.end == NodeEnd::RunEnd;
        is_cut |= stands;
        ended = ended.max(at(node.terminated_at).unwrap_or(0) + delay("terminate_ms"));
        nodes.push(Node {
            launched: at(node.launched_at),
            registered: at(node.registered_at),
            terminating: at(node.terminated_at).filter(|_| !stands),
            vcpus: f64::from(kind.vcpus),
            dollars_per_hour: price.map_or(0.0, HourlyPrice::as_dollars),
            went_empty: node.end == NodeEnd::Empty,
            pods: node.pods_run as usize,
            last_pod_deleted: jobs
                .iter()
                .filter(|job| job.node == Some(node.ordinal) && job.outcome == JobOutcome::Success)
                .filter_map(|job| at(job.script_ended_at))
                .max(),
        });
    }
    let mut pods = Vec::new();
    for job in &jobs {
        is_cut |= matches!(job.outcome, JobOutcome::StillRunning | JobOutcome::StillWaiting);
        let deleted = at(job.script_ended_at).filter(|_| job.outcome == JobOutcome::Success);
        ended = ended.max(deleted.unwrap_or(0) + delay("teardown_ms"));
        pods.push(Pod {
            created: at(job.pod_created_at).expect("a pod is created at once"),
            bound: at(job.bound_at),
            deleted,
            evicted: job.outcome == JobOutcome::Interrupted,
        });
    }
    let mut commands = Vec::new();
    let (mut claims, mut passes) = (Vec::new(), Vec::new());
    for decided in &run.finished.decisions {
        match decided.what {
            Decision::Pass { claims: opened, .. } => {
                passes.push(at(decided.at).expect("an instant"));
                claims.extend((opened > 0).then_some(i64::from(opened)));
            }
            Decision::Command { reason, decision, .. } => commands.push(Command {
                at: at(decided.at).expect("an instant"),
                what: format!(
                    "{}/{}",
                    match reason {
                        Reason::Empty => "Empty",
                        Reason::Underutilized => "Underutilized",
                        Reason::Drifted => "Drifted",
                    },
                    if decision == How::Replace { "replace" } else { "delete" }
                ),
            }),
        }
    }
    let ended = if is_cut { number(&case["max_ms"]) } else { ended };
    Trajectory { pods, nodes, commands, claims, passes, ended }
}

/// How a number may miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds of a wait: 1 s.
    Wait,
    /// A count: 1.
    Count,
    /// Anything else: 3 %.
    Share,
    /// A count of evictions, which are compared by range.
    Evictions,
    /// Shown, not compared: one unlucky pod decides it.
    Shown,
}

impl Unit {
    /// The least tolerance around `value`.
    pub fn least(self, value: f64) -> f64 {
        match self {
            Self::Wait => 1000.0,
            Self::Count => 1.0,
            Self::Share => value.abs() * 0.03,
            Self::Evictions | Self::Shown => 0.0,
        }
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 - 1.0) * share;
    sorted.get(place.round_ties_even() as usize).copied().unwrap_or(f64::NAN)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Every number of a run's summary, as the recordings name them.
pub type Summary = Vec<(&'static str, Unit, f64)>;

impl Trajectory {
    /// The summary.
    pub fn summary(&self) -> Summary {
        let until = |node: &Node| node.terminating.unwrap_or(self.ended);
        let seconds =
            |node: &Node| node.launched.map_or(0.0, |launched| (until(node) - launched) as f64 / 1000.0);
        let total = |of: &dyn Fn(&Node) -> f64| self.nodes.iter().map(of).sum::<f64>();
        let mut waits: Vec<f64> =
            self.pods.iter().filter_map(|pod| Some((pod.bound? - pod.created) as f64)).collect();
        waits.sort_by(f64::total_cmp);
        let tail = |node: &Node| Some((node.terminating? - node.last_pod_deleted?) as f64);
        let mut tails: Vec<f64> = self.nodes.iter().filter(|node| node.went_empty).filter_map(tail).collect();
        tails.sort_by(f64::total_cmp);
        let count = |what: usize| what as f64;
        let peak = self.node_count().iter().map(|(_, nodes)| *nodes).max().unwrap_or(0);
        vec![
            ("nodes_launched", Unit::Count, count(self.nodes.len())),
            ("peak_nodes", Unit::Count, peak as f64),
            ("node_seconds_total", Unit::Share, total(&seconds)),
            ("vcpu_seconds_total", Unit::Share, total(&|node| seconds(node) * node.vcpus)),
            ("cost_usd", Unit::Share, total(&|node| seconds(node) / 3600.0 * node.dollars_per_hour)),
            ("wait_ms.min", Unit::Wait, quantile(&waits, 0.0)),
            ("wait_ms.p50", Unit::Wait, quantile(&waits, 0.5)),
            ("wait_ms.mean", Unit::Wait, mean(&waits)),
            ("wait_ms.p90", Unit::Wait, quantile(&waits, 0.9)),
            ("wait_ms.max", Unit::Shown, quantile(&waits, 1.0)),
            ("idle_tail_ms.count", Unit::Count, count(tails.len())),
            ("idle_tail_ms.min", Unit::Share, quantile(&tails, 0.0)),
            ("idle_tail_ms.p50", Unit::Share, quantile(&tails, 0.5)),
            ("idle_tail_ms.mean", Unit::Share, mean(&tails)),
            ("idle_tail_ms.p90", Unit::Share, quantile(&tails, 0.9)),
            ("idle_tail_ms.max", Unit::Share, quantile(&tails, 1.0)),
            (
                "makespan_ms",
                Unit::Share,
                self.pods.iter().filter_map(|pod| pod.deleted).max().unwrap_or(0) as f64,
            ),
            ("ended_ms", Unit::Share, self.ended as f64),
            ("pods_evicted", Unit::Evictions, count(self.pods.iter().filter(|pod| pod.evicted).count())),
            (
                "pods_never_bound",
                Unit::Count,
                count(self.pods.iter().filter(|pod| pod.bound.is_none()).count()),
            ),
            ("disruption_commands", Unit::Count, count(self.commands.len())),
            (
                "replace_commands",
                Unit::Count,
                count(self.commands.iter().filter(|command| command.what.ends_with("/replace")).count()),
            ),
            ("passes_with_new_claims", Unit::Count, count(self.claims.len())),
            ("claims_first_pass", Unit::Count, self.claims.first().map_or(0.0, |claims| *claims as f64)),
            (
                "nodes_that_never_ran_a_pod",
                Unit::Count,
                count(self.nodes.iter().filter(|node| node.pods == 0).count()),
            ),
        ]
    }

    /// Nodes over time: from each instant on, so many.
    pub fn node_count(&self) -> Vec<(i64, i64)> {
        let mut changes: Vec<(i64, i64)> = Vec::new();
        for node in &self.nodes {
            changes.extend(node.launched.map(|at| (at, 1)));
            changes.extend(node.launched.and(node.terminating).map(|at| (at, -1)));
        }
        changes.sort_unstable_by_key(|(at, change)| (*at, -change));
        let mut nodes = 0;
        changes
            .into_iter()
            .map(|(at, change)| {
                nodes += change;
                (at, nodes)
            })
            .collect()
    }

    /// Gaps between commands, in milliseconds.
    pub fn gaps(&self) -> Vec<i64> {
        self.commands.windows(2).map(|pair| pair[1].at - pair[0].at).collect()
    }
}
