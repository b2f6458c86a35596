//! Whole clusters, command by command: given what was recorded up to then, would our disruption controller do what the real
//! one did, in that second?
//!
//! The controller runs over the recorded nodes and pods many times at once, for the order of candidates that tie is
//! chance. A run of it that does what was not recorded ends; those left go on from there, and as many as before.

#![allow(clippy::print_stdout)] // says how many recorded commands agree

#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/plans.rs"]
mod plans;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cluster::{Surroundings as Met, list, number, text};
use fleetsim::catalog::{CapacityType, Catalog};
use fleetsim::engine::{Purpose, Streams};
use fleetsim::karpenter::cluster::{Cluster, LaunchedAs, NodeId};
use fleetsim::karpenter::disruption::{
    Calendar, CommandId, Decision, Disruption, DoNotDisrupt, NewPod, NodeFacts, Outcome, PodFacts, Settings,
    Surroundings,
};
use fleetsim::karpenter::node_pools::PoolId;
use fleetsim::karpenter::pod_classes::PreferencePolicy;
use fleetsim::karpenter::pods::{PodClassId, PodClassSpec, PodId};
use fleetsim::karpenter::provisioner::displaced_pods;
use fleetsim::karpenter::solver::{PassInput, PassPod, PassResults, PodOrigin, Solver};
use fleetsim::units::{Resources, SimTime};
use rand::Rng;
use serde_json::Value;

/// So many controllers run at once.
const RUNS: usize = 150;
/// How far a command may be from the recorded instant.
const TOLERANCE_MS: i64 = 1000;
/// The real loop takes up to so long for a pass beyond the pauses that it makes, each machine its own time: a hundredth of a
/// second at best, a tenth on the busiest.
const LONGEST_PASS_MS: u64 = 100;
/// It looks for the first time so long after the start of every recording …
const FIRST_LOOK_MS: i64 = 5750;
/// … or up to so much later.
const FIRST_LOOK_WIDTH_MS: u64 = 300;

#[test]
fn oracle_cluster_every_command() {
    let (mut commands, mut wrong) = (0, Vec::new());
    for recorded in cluster::recorded_cases() {
        let catalog = cluster::catalog(&recorded.case);
        let (mut of_case, mut wrong_of_case) = (0, Vec::new());
        for run in &recorded.runs {
            let replayed = Replay::new(&recorded.case, run, &catalog).run();
            of_case += replayed.0;
            wrong_of_case.extend(replayed.1);
        }
        println!(
            "{}: {} of {of_case} commands agree",
            text(&recorded.case["name"]),
            of_case - wrong_of_case.len()
        );
        commands += of_case;
        wrong.extend(wrong_of_case);
    }
    println!("commands: {} of {commands} agree", commands - wrong.len());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What was recorded, in the order in which it is told of one millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Terminating(usize),
    Gone(usize),
    PodEnds(usize),
    PodGone(usize),
    Created(usize),
    Launched(usize),
    Registered(usize),
    Initialized(usize),
    Deleting(usize),
    Unschedulable(usize),
    Bound(usize),
    Pass,
    Command(usize),
}

fn events(run: &Value) -> Vec<(i64, Event)> {
    let mut events = Vec::new();
    let mut add = |value: &Value, event| {
        events.extend(value.as_i64().filter(|ms| *ms >= 0).map(|ms| (ms, event)));
    };
    for (index, node) in list(&run["nodes"]).iter().enumerate() {
        add(&node["created_ms"], Event::Created(index));
        add(&node["launched_ms"], Event::Launched(index));
        add(&node["registered_ms"], Event::Registered(index));
        add(&node["initialized_ms"], Event::Initialized(index));
        add(&node["deleting_ms"], Event::Deleting(index));
        add(&node["instance_terminating_ms"], Event::Terminating(index));
        add(&node["gone_ms"], Event::Gone(index));
    }
    for (index, pod) in list(&run["pods"]).iter().enumerate() {
        add(&pod["unschedulable_ms"], Event::Unschedulable(index));
        add(&pod["bound_ms"], Event::Bound(index));
        add(&pod["delete_requested_ms"], Event::PodEnds(index));
        add(&pod["evicted_ms"], Event::PodEnds(index));
        add(&pod["gone_ms"], Event::PodGone(index));
    }
    let mut commands = 0;
    for event in list(&run["events"]) {
        if event["kind"] == "pass_started" {
            add(&event["ms"], Event::Pass);
        } else if event["kind"] == "disruption_command" {
            add(&event["ms"], Event::Command(commands));
            commands += 1;
        }
    }
    events.sort_unstable();
    events
}

/// A command, by what can be compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Command {
    what: String,
    nodes: Vec<usize>,
}

fn commands(run: &Value) -> Vec<(i64, Command)> {
    let index = |name: &Value| {
        list(&run["nodes"]).iter().position(|node| node["name"] == *name).expect("a node of the recording")
    };
    let command = |event: &Value| {
        let info = &event["info"];
        let mut nodes: Vec<usize> = list(&info["nodeclaims"]).iter().map(index).collect();
        nodes.sort_unstable();
        let what = format!("{}/{}", text(&info["reason"]).to_lowercase(), text(&info["decision"]));
        (number(&event["ms"]), Command { what, nodes })
    };
    let events = list(&run["events"]).iter().filter(|event| event["kind"] == "disruption_command");
    events.map(command).collect()
}

#[derive(Clone)]
struct Controller {
    disruption: Disruption,
    number: u64,
    /// How long its passes take in the mean.
    pass_ms: u64,
    /// How often it woke: draws how long this pass takes.
    wakes: u64,
    /// What it started since the last recorded command, with what is to be carried out.
    started: Option<(Command, Vec<Outcome>)>,
    has_failed: bool,
}

struct Replay<'a> {
    case: &'a Value,
    run: &'a Value,
    catalog: &'a Arc<Catalog>,
    /// How far into a second the recording started.
    start: i64,
    pools: Vec<String>,
    known: Cluster,
    solver: Solver,
    told: Vec<(i64, Event)>,
    commands: Vec<(i64, Command)>,
    next: usize,
    controllers: Vec<Controller>,
    /// Controllers so far.
    drawn: u64,
    classes: Vec<PodClassId>,
    pending: BTreeMap<usize, PassPod>,
    alive: BTreeSet<usize>,
    /// Nodes that a command waits for.
    replacements: BTreeMap<usize, CommandId>,
    /// A command of that time was to have a replacement.
    awaits_replacement: Option<(i64, CommandId)>,
    /// What was started instead of the next command.
    instead: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

fn protection(job: &Value) -> DoNotDisrupt {
    if job["do_not_disrupt"] == true { DoNotDisrupt::Always } else { DoNotDisrupt::No }
}

fn class_of(job: &Value) -> PodClassSpec {
    let arch = job["arch"].as_str();
    PodClassSpec {
        requests: Resources::new(number(&job["cpu_millis"]) as u32, number(&job["memory_mib"]) as u32),
        node_selector: arch
            .map(|arch| ("kubernetes.io/arch".to_owned(), arch.to_owned()))
            .into_iter()
            .collect(),
        do_not_disrupt: protection(job),
        ..PodClassSpec::default()
    }
}

impl<'a> Replay<'a> {
    fn new(case: &'a Value, run: &'a Value, catalog: &'a Arc<Catalog>) -> Self {
        let types = catalog.type_ids().filter(|id| catalog.offerings(*id).next().is_some());
        let specs: Vec<_> = types.map(|id| cluster::type_spec(catalog, id)).collect();
        let pools: Vec<_> = cluster::pools(case).into_iter().map(|pool| pool.spec).collect();
        let names = pools.iter().map(|pool| pool.name.clone()).collect();
        let mut known = Cluster::new(&specs, pools, &[], PreferencePolicy::Respect, Streams::new(1, 0));
        let classes = list(&case["jobs"]).iter().map(|job| known.register_pod_class(class_of(job))).collect();
        let mut replay = Self {
            case,
            run,
            catalog,
            start: Met::of(case, run).start_in_second.unwrap_or(0) as i64,
            pools: names,
            known,
            solver: Solver::default(),
            told: Vec::new(),
            commands: commands(run),
            next: 0,
            controllers: Vec::new(),
            drawn: 0,
            classes,
            pending: BTreeMap::new(),
            alive: BTreeSet::new(),
            replacements: BTreeMap::new(),
            awaits_replacement: None,
            instead: BTreeMap::new(),
            wrong: Vec::new(),
        };
        replay.controllers =
            (0..RUNS).map(|_| replay.controller(FIRST_LOOK_MS, FIRST_LOOK_WIDTH_MS)).collect();
        replay
    }

    fn at(&self, ms: i64) -> SimTime {
        SimTime::from_ms((ms + self.start) as u64)
    }

    /// How many recorded commands there are, and what is wrong with those that differ.
    fn run(mut self) -> (usize, Vec<String>) {
        for (ms, event) in events(self.run) {
            self.wake_until(ms);
            match event {
                Event::Command(_) => self.compare(ms),
                Event::Pass => self.pass(ms),
                event => {
                    self.happen(ms, event);
                    let mut controllers = std::mem::take(&mut self.controllers);
                    controllers.iter_mut().for_each(|one| self.tell(&mut one.disruption, ms, event));
                    self.controllers = controllers;
                    self.told.push((ms, event));
                }
            }
        }
        (self.commands.len(), self.wrong)
    }

    /// A controller that was told everything so far and looks for the first time at `from` or up to `width` later.
    fn controller(&mut self, from: i64, width: u64) -> Controller {
        self.drawn += 1;
        let first = self.at(from + (self.drawn * 7919 % width) as i64);
        let pools = cluster::pools(self.case).into_iter().map(|pool| pool.disruption).collect();
        let mut disruption = Disruption::new(Settings::default(), Calendar::default(), pools, first)
            .breaking_ties(Streams::new(self.drawn, 0));
        for (ms, event) in &self.told {
            self.tell(&mut disruption, *ms, *event);
        }
        let (number, pass_ms) = (self.drawn, self.drawn * 37 % LONGEST_PASS_MS);
        Controller { disruption, number, pass_ms, wakes: 0, started: None, has_failed: false }
    }

    /// When the controller does what is due.
    fn due(&self, controller: &Controller) -> i64 {
        let at = controller.disruption.next_wakeup();
        if at == SimTime::NEVER {
            return i64::MAX;
        }
        let mut random = Streams::new(controller.number, 0).entity(Purpose::named("pass"), controller.wakes);
        at.as_ms() as i64 - self.start + (random.next_u64() % (2 * controller.pass_ms + 1)) as i64
    }

    /// Lets the controllers do what is due before `limit`; what is due shortly before the next command waits for it.
    fn wake_until(&mut self, limit: i64) {
        let next = self.commands.get(self.next).map_or(i64::MAX, |(ms, _)| *ms);
        let mut controllers = std::mem::take(&mut self.controllers);
        for controller in &mut controllers {
            while !controller.has_failed && controller.started.is_none() {
                let due = self.due(controller);
                if due >= limit.min(next - TOLERANCE_MS) {
                    break;
                }
                self.wake(controller, due);
            }
        }
        self.controllers = controllers;
    }

    fn wake(&mut self, controller: &mut Controller, ms: i64) {
        let pending: Vec<PassPod> = self.pending.values().copied().collect();
        let mut outcomes = Vec::new();
        let now = self.at(ms);
        let mut surroundings =
            Surroundings { cluster: &self.known, solver: &mut self.solver, pending: &pending };
        controller.disruption.wake(now, &mut surroundings, &mut outcomes);
        controller.wakes += 1;
        let started = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::CommandStarted { reason, decision, nodes, .. } => {
                let how = if *decision == Decision::Delete { "delete" } else { "replace" };
                let mut nodes: Vec<usize> = nodes.iter().map(|node| node.0 as usize).collect();
                nodes.sort_unstable();
                Some(Command { what: format!("{}/{how}", reason.to_string().to_lowercase()), nodes })
            }
            _ => None,
        });
        let Some(started) = started else { return };
        let is_recorded = self
            .commands
            .get(self.next)
            .is_some_and(|(at, command)| (at - ms).abs() <= TOLERANCE_MS && *command == started);
        if is_recorded {
            controller.started = Some((started, outcomes));
        } else {
            *self.instead.entry(format!("{} at {ms}", self.described(&started))).or_default() += 1;
            controller.has_failed = true;
        }
    }

    fn described(&self, command: &Command) -> String {
        let names: Vec<&str> =
            command.nodes.iter().map(|node| text(&list(&self.run["nodes"])[*node]["name"])).collect();
        format!("{} of {}", command.what, names.join(" "))
    }

    /// The recorded command: the controllers that started it go on.
    fn compare(&mut self, ms: i64) {
        let mut controllers = std::mem::take(&mut self.controllers);
        for controller in &mut controllers {
            while !controller.has_failed && controller.started.is_none() {
                let due = self.due(controller);
                if due > ms + TOLERANCE_MS {
                    break;
                }
                self.wake(controller, due.max(ms));
            }
        }
        controllers.retain(|controller| controller.started.is_some());
        let (_, command) = self.commands[self.next].clone();
        self.next += 1;
        match controllers.first_mut().and_then(|first| first.started.take()) {
            Some((_, outcomes)) => {
                self.carry_out(ms, outcomes);
                let survivors = controllers.len();
                for copy in survivors..RUNS {
                    self.drawn += 1;
                    let mut new = controllers[copy % survivors].clone();
                    new.disruption = new.disruption.breaking_ties(Streams::new(self.drawn, 0));
                    new.number = self.drawn;
                    controllers.push(new);
                }
                controllers.iter_mut().for_each(|controller| controller.started = None);
                self.controllers = controllers;
            }
            None => {
                self.wrong.push(format!(
                    "{} run {}: nobody started {} at {ms}, but {:?}",
                    text(&self.case["name"]),
                    self.run["run"],
                    self.described(&command),
                    self.instead
                ));
                for node in command.nodes {
                    self.known.mark_for_deletion(NodeId(node as u32));
                    self.told.push((ms, Event::Deleting(node)));
                }
                self.controllers = (0..RUNS).map(|_| self.controller(ms, 1)).collect();
            }
        }
        self.instead.clear();
    }

    /// What follows from a command for the cluster; what becomes of its nodes was recorded.
    fn carry_out(&mut self, ms: i64, outcomes: Vec<Outcome>) {
        let now = self.at(ms);
        for outcome in outcomes {
            match outcome {
                Outcome::MarkForDeletion { node } => self.known.mark_for_deletion(node),
                Outcome::Nominate { node } => self.known.nominate(now, node),
                Outcome::CreateReplacement { command, .. } => self.awaits_replacement = Some((ms, command)),
                _ => {}
            }
        }
    }

    /// A provisioning pass nominates the nodes that it puts pods on.
    fn pass(&mut self, ms: i64) {
        let now = self.at(ms);
        let mut pods: Vec<PassPod> = self.pending.values().copied().collect();
        displaced_pods(now, &self.known, &mut pods);
        let mut results = PassResults::default();
        let input = PassInput { now, pods: &pods, excluded: &[], is_consolidation: false };
        self.solver.solve(&self.known, &input, &mut results);
        results.placements.iter().for_each(|(_, node)| self.known.nominate(now, *node));
    }

    /// The node of a pod, while it is there.
    fn node_of(&self, pod: usize) -> Option<NodeId> {
        let name = &list(&self.run["pods"])[pod]["node"];
        let node = list(&self.run["nodes"]).iter().position(|node| node["name"] == *name)?;
        self.alive.contains(&node).then_some(NodeId(node as u32))
    }

    fn pool_of(&self, node: usize) -> PoolId {
        let name = text(&list(&self.run["nodes"])[node]["node_pool"]);
        PoolId(self.pools.iter().position(|pool| pool == name).expect("a pool of the case") as u16)
    }

    /// What happened to the cluster, as Karpenter's memory of it.
    fn happen(&mut self, ms: i64, event: Event) {
        let (now, run) = (self.at(ms), self.run);
        let name = |node: usize| text(&list(&run["nodes"])[node]["name"]);
        let id = |node: usize| NodeId(node as u32);
        match event {
            Event::Created(node) => {
                self.known.claim_created(now, id(node), self.pool_of(node), &Default::default());
                if let Some((at, command)) = self.awaits_replacement.take()
                    && ms - at < 1000
                {
                    self.replacements.insert(node, command);
                }
            }
            Event::Launched(node) => {
                let launched = self.launched_as(node);
                self.known.claim_launched(now, id(node), launched);
                self.known.rename(id(node), name(node));
                self.alive.insert(node);
            }
            Event::Registered(node) => {
                self.known.node_registered(now, id(node));
                self.known.rename(id(node), name(node));
            }
            Event::Initialized(node) => self.known.node_initialized(now, id(node)),
            Event::Deleting(node) => self.known.mark_for_deletion(id(node)),
            Event::Gone(node) => {
                self.known.remove(id(node));
                self.alive.remove(&node);
            }
            Event::Unschedulable(pod) => {
                let (class, uid) = (self.classes[pod], pod as u64);
                let created_at = self.at(number(&list(&run["pods"])[pod]["created_ms"]));
                let origin = PodOrigin::Pending;
                self.pending.insert(pod, PassPod { pod: PodId(pod as u32), class, created_at, uid, origin });
            }
            Event::Bound(pod) => {
                self.pending.remove(&pod);
                let created_at = self.at(number(&list(&run["pods"])[pod]["created_ms"]));
                if let Some(node) = self.node_of(pod) {
                    self.known.pod_bound(now, PodId(pod as u32), self.classes[pod], created_at, node);
                }
            }
            Event::PodEnds(pod) => {
                if let Some(node) = self.node_of(pod) {
                    self.known.pod_terminating(now, PodId(pod as u32), node);
                }
            }
            Event::PodGone(pod) => {
                self.pending.remove(&pod);
                if let Some(node) = self.node_of(pod) {
                    self.known.pod_gone(PodId(pod as u32), node);
                }
            }
            Event::Terminating(_) | Event::Pass | Event::Command(_) => {}
        }
    }

    fn launched_as(&self, node: usize) -> LaunchedAs {
        let node = &list(&self.run["nodes"])[node];
        let catalog = self.catalog;
        let wanted = catalog.find(text(&node["instance_type"])).expect("a type of the case");
        let mut offered = catalog.type_ids().filter(|id| catalog.offerings(*id).next().is_some());
        let index = offered.position(|id| id == wanted).expect("an offered type");
        LaunchedAs {
            type_id: fleetsim::karpenter::instance_types::TypeId(index as u16),
            zone: fleetsim::karpenter::instance_types::ZoneId(
                catalog.zone(text(&node["zone"])).expect("a zone").0,
            ),
            capacity_type: if text(&node["capacity_type"]) == "spot" {
                CapacityType::Spot
            } else {
                CapacityType::OnDemand
            },
        }
    }

    /// The same for one controller.
    fn tell(&self, disruption: &mut Disruption, ms: i64, event: Event) {
        let now = self.at(ms);
        let id = |node: usize| NodeId(node as u32);
        match event {
            Event::Launched(node) => {
                let created_at = self.at(number(&list(&self.run["nodes"])[node]["created_ms"]));
                let facts = NodeFacts { pool: self.pool_of(node), created_at, ..NodeFacts::default() };
                disruption.node_launched(now, id(node), facts);
            }
            Event::Initialized(node) => {
                disruption.node_initialized(now, id(node));
                if let Some(command) = self.replacements.get(&node) {
                    disruption.replacement_initialized(*command);
                }
            }
            Event::Deleting(node) => disruption.claim_deleting(now, id(node)),
            Event::Terminating(node) => disruption.instance_terminating(id(node)),
            Event::Gone(node) => disruption.node_removed(now, id(node)),
            Event::Bound(pod) => {
                let pods = list(&self.run["pods"]);
                let place =
                    list(&self.run["nodes"]).iter().position(|node| node["name"] == pods[pod]["node"]);
                if let Some(node) = place {
                    let created_at = self.at(number(&pods[pod]["created_ms"]));
                    let do_not_disrupt = protection(&list(&self.case["jobs"])[pod]);
                    let facts = PodFacts { do_not_disrupt, ..PodFacts::default() };
                    let class = self.classes[pod];
                    let new = NewPod { pod: PodId(pod as u32), class, created_at, facts };
                    disruption.pod_bound(now, id(node), new);
                }
            }
            Event::PodEnds(pod) | Event::PodGone(pod) => {
                let name = &list(&self.run["pods"])[pod]["node"];
                let place = list(&self.run["nodes"]).iter().position(|node| node["name"] == *name);
                let Some(node) = place else { return };
                if matches!(event, Event::PodEnds(_)) {
                    disruption.pod_terminating(now, id(node), PodId(pod as u32));
                } else {
                    disruption.pod_removed(now, id(node), PodId(pod as u32));
                }
            }
            Event::Created(_)
            | Event::Registered(_)
            | Event::Unschedulable(_)
            | Event::Pass
            | Event::Command(_) => {}
        }
    }
}
