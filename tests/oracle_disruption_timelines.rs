//! Recorded timelines of the idle clock and of the whole disruption controller (families f and g).

#![allow(clippy::print_stdout)] // says how many recorded cases agree

#[path = "oracle_disruption_world/mod.rs"]
mod oracle_disruption_world;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use fleetsim::karpenter::cluster::{LaunchedAs, NodeId};
use fleetsim::karpenter::disruption::{
    CommandId, Decision, NewPod, NodeFacts, Outcome, PodOwner, Reason, Version,
};
use fleetsim::karpenter::pods::PodId;
use fleetsim::karpenter::solver::ClaimRequest;
use fleetsim::units::SimTime;
use oracle_disruption_world::compare::{claim_value, same};
use oracle_disruption_world::{START_MS, World, at, class_spec, list, text};
use serde_json::{Value, json};

#[test]
fn oracle_family_f_idle_clock() {
    check_family("f");
}

#[test]
fn oracle_family_g_whole_controller() {
    check_family("g");
}

fn check_family(family: &str) {
    let file = format!("disruption/family-{family}.jsonl");
    if support::open(&file).is_none() {
        return;
    }
    let cases: Vec<Value> =
        support::lines(&file).iter().map(|line| serde_json::from_str(line).expect("a case")).collect();
    let failures: Vec<String> = cases.iter().filter_map(|case| check(case).err()).collect();
    println!("disruption family {family}: {} of {} agree", cases.len() - failures.len(), cases.len());
    assert!(failures.is_empty(), "{}", failures.iter().take(6).cloned().collect::<Vec<_>>().join("\n"));
}

fn check(case: &Value) -> Result<(), String> {
    let (ours, starts) = Timeline::new(case).run();
    let sorted = |entries: &[Value]| {
        let mut entries = entries.to_vec();
        entries.sort_by_key(|entry| {
            (entry["t_ms"].as_i64(), text(entry, "what").to_owned(), entry["node"].to_string())
        });
        entries
    };
    let (ours, recorded) = (sorted(&ours), sorted(list(case, "expect")));
    for (index, recorded) in recorded.iter().enumerate() {
        let ours = ours.get(index).unwrap_or(&Value::Null);
        same(&format!("{} {} entry {index}", case["id"], text(case, "note")), ours, recorded)
            .map_err(|difference| format!("{difference}\n   {ours}\n   {recorded}"))?;
    }
    if ours.len() > recorded.len() {
        return Err(format!("{}: {} is not recorded", case["id"], ours[recorded.len()]));
    }
    if case["run_disruption_loop"] == true {
        let recorded: Vec<i64> = list(case, "loop_starts_ms").iter().filter_map(Value::as_i64).collect();
        if starts != recorded {
            let place = starts
                .iter()
                .zip(&recorded)
                .position(|(a, b)| a != b)
                .unwrap_or(starts.len().min(recorded.len()));
            return Err(format!(
                "{}: loop start {place}: {:?}, recorded {:?}",
                case["id"],
                starts.get(place),
                recorded.get(place)
            ));
        }
    }
    Ok(())
}

/// What happens to nodes some time after their claim was created or deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Launched(NodeId),
    Registered(NodeId),
    Initialized(NodeId),
    InstanceTerminating(NodeId),
    Gone(NodeId),
}

struct Timeline<'a> {
    case: &'a Value,
    world: World,
    log: Vec<Value>,
    due: BTreeSet<(i64, Due)>,
    events: std::slice::Iter<'a, Value>,
    next_event: Option<&'a Value>,
    /// Live pods and where they are.
    pods: BTreeMap<String, (NodeId, PodOwner)>,
    /// Whether each node's condition was last seen true; absent where it is no longer looked at.
    conditions: BTreeMap<NodeId, bool>,
    tainted: BTreeSet<NodeId>,
    gone: BTreeSet<NodeId>,
    replacements: BTreeMap<NodeId, (CommandId, ClaimRequest)>,
}

impl<'a> Timeline<'a> {
    fn new(case: &'a Value) -> Self {
        let mut world = World::new(case, Version::V1_15, at(case["first_loop_ms"].as_i64().unwrap_or(0)));
        // The recorded cluster was set up at its time 0, which the memo of fruitless passes counts from.
        world.disruption.pending_pod_removed(at(0));
        let mut pods = BTreeMap::new();
        let mut conditions = BTreeMap::new();
        for node in list(case, "nodes") {
            let index = world.node_names.iter().position(|name| name == text(node, "name")).expect("a node");
            let id = NodeId(index as u32);
            conditions.insert(id, node["consolidatable"] == true);
            for pod in list(node, "pods") {
                pods.insert(text(pod, "name").to_owned(), (id, oracle_disruption_world::owner(pod)));
            }
        }
        let mut events = list(case, "events").iter();
        let next_event = events.next();
        Self {
            case,
            world,
            log: Vec::new(),
            due: BTreeSet::new(),
            events,
            next_event,
            pods,
            conditions,
            tainted: BTreeSet::new(),
            gone: BTreeSet::new(),
            replacements: BTreeMap::new(),
        }
    }

    fn run(mut self) -> (Vec<Value>, Vec<i64>) {
        let horizon = self.case["horizon_ms"].as_i64().unwrap();
        let has_loop = self.case["run_disruption_loop"] == true;
        let mut starts = Vec::new();
        let mut now = 0;
        while now <= horizon {
            while let Some(event) = self.next_event.filter(|event| event["t_ms"].as_i64() <= Some(now)) {
                self.event(now, event);
                self.next_event = self.events.next();
            }
            while let Some((_, due)) = self.due.first().copied().filter(|(time, _)| *time <= now) {
                self.due.pop_first();
                self.happen(now, due);
            }
            self.look_at_conditions(now);
            while has_loop && self.world.disruption.next_wakeup() <= at(now) {
                self.wake(now, &mut starts);
            }
            let next_event = self.next_event.and_then(|event| event["t_ms"].as_i64()).unwrap_or(i64::MAX);
            let next_due = self.due.first().map_or(i64::MAX, |(time, _)| *time);
            let next_wake = if has_loop { recorded(self.world.disruption.next_wakeup()) } else { i64::MAX };
            now = next_event.min(next_due).min(next_wake).min(self.next_condition(now));
        }
        // Passes over a cluster without nodes are skipped; the recording has them.
        while let Some(next) =
            starts.last().map(|last| last + 10_000).filter(|next| has_loop && *next <= horizon)
        {
            starts.push(next);
        }
        (self.log, starts)
    }

    fn wake(&mut self, now: i64, starts: &mut Vec<i64>) {
        let mut out = Vec::new();
        let passes = self.world.disruption.work().passes;
        let started = self.world.disruption.pass_started_at();
        let (disruption, mut surroundings) = self.world.parts();
        disruption.wake(at(now), &mut surroundings, &mut out);
        if self.world.disruption.work().passes > passes {
            starts.push(now);
        }
        for outcome in out {
            self.carry_out(now, recorded(started), outcome);
        }
    }

    fn carry_out(&mut self, now: i64, loop_started: i64, outcome: Outcome) {
        match outcome {
            Outcome::CommandStarted { reason, decision, nodes, .. } => {
                let mut names: Vec<String> = nodes.iter().map(|node| self.name(*node)).collect();
                if reason == Reason::Empty {
                    names.sort();
                }
                self.log.push(json!({"t_ms": now, "what": "command",
                    "decision": if decision == Decision::Delete { "delete" } else { "replace" },
                    "reason": reason.to_string(), "nodes": names, "count": nodes.len(), "loop_started_ms": loop_started}));
            }
            Outcome::Taint { node } => {
                self.tainted.insert(node);
            }
            Outcome::Untaint { node } => {
                self.tainted.remove(&node);
            }
            Outcome::CreateReplacement { command, claim } => self.create(now, command, claim),
            Outcome::MarkForDeletion { node } => self.world.cluster.mark_for_deletion(node),
            Outcome::UnmarkForDeletion { node } => self.world.cluster.unmark_for_deletion(node),
            Outcome::Nominate { node } => self.world.cluster.nominate(at(now), node),
            Outcome::DeleteClaim { node, .. } => {
                self.say(now, "delete_requested", node);
                self.world.disruption.claim_deleting(at(now), node);
                self.conditions.remove(&node);
                self.due.insert((now + self.delay("drain_ms"), Due::InstanceTerminating(node)));
                self.due.insert((now + self.delay("termination_ms"), Due::Gone(node)));
            }
        }
    }

    fn create(&mut self, now: i64, command: CommandId, claim: ClaimRequest) {
        let replacement = claim_value(&self.world, &claim);
        self.log.last_mut().expect("the command was logged")["replacements"] = json!([replacement]);
        let id = NodeId(self.world.node_names.len() as u32);
        self.world.node_names.push(format!("replacement-{}", self.replacements.len() + 1));
        self.world.cluster.claim_created(at(now), id, claim.pool, &claim.requirements);
        self.replacements.insert(id, (command, claim));
        self.due.insert((now + self.delay("launch_ms"), Due::Launched(id)));
        self.due.insert((now + self.delay("register_ms"), Due::Registered(id)));
        self.due.insert((now + self.delay("initialize_ms"), Due::Initialized(id)));
    }

    fn happen(&mut self, now: i64, due: Due) {
        match due {
            Due::Launched(id) => self.launch(now, id),
            Due::Registered(id) => {
                self.world.cluster.node_registered(at(now), id);
                let name = self.world.node_names[id.0 as usize].clone();
                self.world.cluster.rename(id, &name);
            }
            Due::Initialized(id) => {
                self.world.cluster.node_initialized(at(now), id);
                self.world.disruption.node_initialized(at(now), id);
                // The recording's replacements never get the condition Ready: budgets count them as being disrupted.
                self.world.disruption.node_ready(id, false);
                self.world.disruption.replacement_initialized(self.replacements[&id].0);
                self.conditions.insert(id, false);
                self.say(now, "replacement_initialized", id);
            }
            Due::InstanceTerminating(id) => {
                self.world.disruption.instance_terminating(id);
                self.say(now, "instance_terminating", id);
            }
            Due::Gone(id) => {
                self.say(now, "node_gone", id);
                self.world.disruption.node_removed(at(now), id);
                self.world.cluster.remove(id);
                self.pods.retain(|_, (node, _)| *node != id);
                self.gone.insert(id);
            }
        }
    }

    fn launch(&mut self, now: i64, id: NodeId) {
        let claim = &self.replacements[&id].1;
        let types = self.world.cluster.instance_types();
        let allowed = types.allowed_offerings(&claim.requirements, self.world.cluster.vocabulary());
        let (type_id, _) = claim.types[0];
        let offering = types
            .get(type_id)
            .offerings
            .iter()
            .filter(|one| one.is_available && allowed.contains(one.zone, one.capacity_type))
            .min_by_key(|one| one.price)
            .expect("an offering");
        let launched = LaunchedAs { type_id, zone: offering.zone, capacity_type: offering.capacity_type };
        let zone = self.world.cluster.vocabulary().text(types.zone_label(offering.zone)).to_owned();
        let what = json!([&*types.get(type_id).name, zone, offering.capacity_type.label()]);
        let facts = NodeFacts { pool: claim.pool, created_at: at(now), ..NodeFacts::default() };
        self.world.cluster.claim_launched(at(now), id, launched);
        self.world.disruption.node_launched(at(now), id, facts);
        self.say(now, "replacement_launched", id);
        self.log.last_mut().expect("just logged")["nodes"] = what;
    }

    fn event(&mut self, now: i64, event: &Value) {
        let (time, name, kind) = (at(now), text(event, "pod").to_owned(), text(event, "kind"));
        if kind == "karpenter_restart" {
            let mut recorded = Vec::new();
            self.world.disruption.karpenter_restarted(time, |node| recorded.push(node));
            for node in recorded {
                self.say_pod_event(now, node);
            }
            return;
        }
        if matches!(kind, "bind" | "create_bound") {
            self.bind(now, name, event);
            return;
        }
        let Some(&(node, owner)) = self.pods.get(&name) else { return };
        let pod = self.world.pod_ids[&name];
        let is_in_cluster = owner != PodOwner::DaemonSet;
        let is_recorded = match kind {
            "terminating" => {
                if is_in_cluster {
                    self.world.cluster.pod_terminating(time, pod, node);
                }
                self.world.disruption.pod_terminating(time, node, pod)
            }
            "succeed" | "fail" => {
                if is_in_cluster {
                    self.world.cluster.pod_terminal(time, pod, node);
                }
                self.world.disruption.pod_terminal(time, node, pod)
            }
            "delete" => {
                if is_in_cluster {
                    self.world.cluster.pod_gone(pod, node);
                }
                self.world.disruption.pod_removed(time, node, pod);
                self.pods.remove(&name);
                false
            }
            _ => {
                self.world.disruption.pod_started(time, node, pod);
                self.world.disruption.pod_runs_from(node, pod, time);
                false
            }
        };
        if is_recorded {
            self.say_pod_event(now, node);
        }
    }

    fn bind(&mut self, now: i64, name: String, event: &Value) {
        let place = self.world.node_names.iter().position(|node| node == text(event, "node"));
        let node = place.map(|index| NodeId(index as u32)).filter(|id| !self.gone.contains(id));
        let Some(node) = node.filter(|id| !self.tainted.contains(id)) else {
            let node = place.map_or(text(event, "node").to_owned(), |index| self.name(NodeId(index as u32)));
            self.log.push(json!({"t_ms": now, "what": "bind_refused", "node": node, "pod": name}));
            return;
        };
        let pod: PodId = self.world.pod_ids[&name];
        let facts = self.world.pod_facts(event);
        let class = self.world.cluster.register_pod_class(class_spec(event));
        if facts.owner != PodOwner::DaemonSet {
            self.world.cluster.pod_bound(at(now), pod, class, at(now), node);
        }
        self.pods.insert(name, (node, facts.owner));
        let new = NewPod { pod, class, created_at: at(now), facts };
        if self.world.disruption.pod_bound(at(now), node, new) {
            self.say_pod_event(now, node);
        }
        self.world.disruption.pod_runs_from(node, pod, SimTime::NEVER);
    }

    fn look_at_conditions(&mut self, now: i64) {
        let mut changed = Vec::new();
        for (&node, was_true) in &mut self.conditions {
            let is_true = self.world.disruption.consolidatable_at(node) <= at(now);
            if is_true != std::mem::replace(was_true, is_true) {
                changed.push((node, is_true));
            }
        }
        for (node, is_true) in changed {
            self.say(now, "consolidatable", node);
            self.log.last_mut().expect("just logged")["value"] = is_true.into();
        }
    }

    fn next_condition(&self, now: i64) -> i64 {
        let ids = self.conditions.keys();
        let times = ids.map(|id| recorded(self.world.disruption.consolidatable_at(*id)));
        times.filter(|time| *time > now).min().unwrap_or(i64::MAX)
    }

    fn say(&mut self, now: i64, what: &str, node: NodeId) {
        let name = self.name(node);
        self.log.push(json!({"t_ms": now, "what": what, "node": name}));
    }

    fn say_pod_event(&mut self, now: i64, node: NodeId) {
        self.say(now, "last_pod_event_time", node);
        self.log.last_mut().expect("just logged")["value_ms"] = (now.div_euclid(1000) * 1000).into();
    }

    /// The node's name, or what equal nodes have in common where their names are arbitrary.
    fn name(&self, node: NodeId) -> String {
        let name = &self.world.node_names[node.0 as usize];
        let described = list(self.case, "nodes").iter().find(|one| text(one, "name") == name);
        match described.filter(|_| self.case["node_names_arbitrary"] == true) {
            Some(one) => {
                format!(
                    "{}/{}/{}",
                    text(one, "node_pool"),
                    text(one, "instance_type"),
                    text(one, "capacity_type")
                )
            }
            None => name.clone(),
        }
    }

    fn delay(&self, key: &str) -> i64 {
        self.case["delays"][key].as_i64().unwrap()
    }
}

/// A simulated time in the recording's terms.
fn recorded(time: SimTime) -> i64 {
    if time == SimTime::NEVER { i64::MAX } else { time.as_ms() as i64 - START_MS }
}
