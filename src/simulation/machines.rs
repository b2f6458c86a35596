//! Machines that runner managers start for jobs (docker-autoscaler, docker+machine): no Kubernetes, so a job takes a free slot of a
//! machine or waits for one. A "pod" here is the job's containers, a "node" its virtual machine.

use std::collections::VecDeque;

use crate::catalog::TypeId;
use crate::fleet::{JobId, JobPhase, NodeId, NodePhase};
use crate::kubernetes::PodKey;
use crate::metrics::NodeEnd;
use crate::scaling::{MachineCount, MachinePolicy};
use crate::units::{Resources, SimDuration, SimTime};
use crate::workload::Class;

use super::event::{Event, NodeStage};
use super::plan::{CapacityPlan, FixedNodes, Plan};
use super::world::World;

/// After a launch that failed the group's own retry comes about this late (fleeting's `update_interval`).
const RETRY: SimDuration = SimDuration::from_mins(1);

/// Groups of machines; a job runs on the first whose architecture it may have.
#[derive(Clone, Debug)]
pub struct MachinesPlan {
    /// The groups, at most 64.
    pub groups: Vec<MachineGroup>,
}

/// A group of equal machines.
#[derive(Clone, Debug)]
pub struct MachineGroup {
    /// The machines; `count` is not used.
    pub nodes: FixedNodes,
    /// Further instance types that it may launch.
    pub more_types: Vec<TypeId>,
    /// How many there are.
    pub policy: MachinePolicy,
    /// How many there are at some times instead; of several active ones the last holds (gitlab-runner 19.4 `common/config.go`
    /// `AutoscalerConfig`, `DockerMachine.getActiveAutoscalingConfig`).
    pub scheduled: Vec<ScheduledPolicy>,
}

/// A policy for some times. Only its idle figures differ from the group's.
#[derive(Clone, Debug)]
pub struct ScheduledPolicy {
    /// When it holds: from, and until just before, in order of time.
    pub active: Vec<(SimTime, SimTime)>,
    /// The policy.
    pub policy: MachinePolicy,
}

impl MachineGroup {
    /// The policy that holds at `now`.
    #[must_use]
    pub fn policy_at(&self, now: SimTime) -> MachinePolicy {
        let holds = |one: &&ScheduledPolicy| {
            let after = one.active.partition_point(|(from, _)| *from <= now);
            after > 0 && now < one.active[after - 1].1
        };
        self.scheduled.iter().rev().find(holds).map_or(self.policy, |one| one.policy)
    }
}

/// What the loop keeps of the machines.
#[derive(Clone, Debug)]
pub(super) struct Machines {
    groups: Vec<GroupState>,
    /// By node id: jobs that the machine has had.
    uses: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct GroupState {
    waiting: VecDeque<(JobId, u32)>,
    /// Ready machines, in the order in which they became ready.
    ready: Vec<NodeId>,
    busy: u32,
    creating: u32,
    /// How many of `waiting` still wait.
    in_line: u32,
}

impl Machines {
    pub(super) fn new(plan: &MachinesPlan) -> Self {
        Self { groups: vec![GroupState::default(); plan.groups.len()], uses: Vec::new() }
    }
}

/// On machines of which group builds of `class` run: its bit.
pub(super) fn machines_for(plan: &Plan, class: &Class) -> u64 {
    let CapacityPlan::Machines(machines) = &plan.capacity else { return 0 };
    let arch = |group: &MachineGroup| plan.ec2.catalog.get(group.nodes.instance_type).arch;
    machines.groups.iter().position(|group| class.arch.allows(arch(group))).map_or(0, |group| 1 << group)
}

/// What a build has of the machines it runs on: nothing is requested there, and it cannot use more than its slot's share.
pub(super) fn within_a_slot(plan: &Plan, class: &Class, requests: Resources) -> Resources {
    let CapacityPlan::Machines(machines) = &plan.capacity else { return requests };
    let Some(group) = machines.groups.get(machines_for(plan, class).trailing_zeros() as usize) else {
        return requests;
    };
    let (whole, slots) =
        (plan.ec2.catalog.get(group.nodes.instance_type).capacity(), group.policy.slots.max(1));
    Resources::new(requests.cpu.0.min(whole.cpu.0 / slots), requests.memory.0.min(whole.memory.0 / slots))
}

impl World<'_> {
    /// The machines of the idle targets are asked for.
    pub(super) fn start_machines(&mut self) {
        let CapacityPlan::Machines(plan) = &self.plan.capacity else { return };
        self.machines = Some(Box::new(Machines::new(plan)));
        for (group, described) in (0..).zip(&plan.groups) {
            self.scale_machines(group);
            let changes =
                described.scheduled.iter().flat_map(|one| &one.active).flat_map(|span| [span.0, span.1]);
            for at in changes.filter(|at| *at > self.now && *at < SimTime::ZERO + self.plan.horizon) {
                self.queue.push(at, Event::MachinePolicy { group });
            }
        }
    }

    /// Other idle figures hold from now on.
    pub(super) fn machine_policy_changed(&mut self, group: u32) {
        self.scale_machines(group);
        self.trim_machines(group);
        let idle_time = self.machine_policy(group).idle_time;
        let Some(side) = &self.machines else { return };
        for id in &side.groups[group as usize].ready {
            let node = &self.nodes[*id];
            if node.pods.is_empty() {
                let (at, ordinal) = ((node.empty_at + idle_time).max(self.now), node.ordinal);
                let stage = NodeStage::IdleTooLong;
                self.queue.push(at, Event::Node { node: *id, ordinal, stage });
            }
        }
    }

    fn machine_policy(&self, group: u32) -> MachinePolicy {
        match &self.plan.capacity {
            CapacityPlan::Machines(plan) => plan.groups[group as usize].policy_at(self.now),
            _ => unreachable!("only a fleet of machines asks for their policy"),
        }
    }

    /// The build wants a slot, or is seen by kube-scheduler.
    pub(super) fn offer_pod(&mut self, id: JobId) {
        let job = self.jobs[id];
        let kind = *self.kinds.get(job.kind);
        if self.machines.is_none() {
            self.scheduler.pod_created(self.now, PodKey(id.raw()), kind.shape);
            return;
        }
        self.queue.push(self.patience_ends_at(&job), Event::PodWaitOver { job: id, build: job.build });
        let Some(side) = &mut self.machines else { return };
        if kind.groups == 0 {
            return;
        }
        let group = kind.groups.trailing_zeros();
        let state = &mut side.groups[group as usize];
        state.waiting.push_back((id, job.build));
        state.in_line += 1;
        self.fill_machines(group);
        self.scale_machines(group);
    }

    /// Gives free slots to jobs that wait, newest machine first.
    fn fill_machines(&mut self, group: u32) {
        let policy = self.machine_policy(group);
        while let Some((job, build)) = self.next_in_line(group) {
            let Some(side) = &self.machines else { return };
            let has_slot = |node: &&NodeId| {
                let is_used_up = policy.uses > 0 && side.uses[node.index()] >= policy.uses;
                !is_used_up && (self.nodes[**node].pods.len() as u32) < policy.slots
            };
            let Some(node) = side.groups[group as usize].ready.iter().rev().find(has_slot).copied() else {
                return;
            };
            debug_assert_eq!(self.jobs[job].build, build, "the line holds builds that wait");
            if let Some(side) = &mut self.machines {
                let state = &mut side.groups[group as usize];
                state.waiting.pop_front();
                state.in_line -= 1;
                state.busy += 1;
                side.uses[node.index()] += 1;
            }
            self.bound(job, node);
        }
    }

    /// The first build in line that still waits.
    fn next_in_line(&mut self, group: u32) -> Option<(JobId, u32)> {
        let state = &mut self.machines.as_mut()?.groups[group as usize];
        while let Some((id, build)) = state.waiting.front().copied() {
            let waits = |job: &crate::fleet::Job| job.build == build && job.phase == JobPhase::Unbound;
            if self.jobs.get(id).is_some_and(waits) {
                return Some((id, build));
            }
            state.waiting.pop_front();
        }
        None
    }

    fn machine_count(&self, group: u32) -> MachineCount {
        let Some(side) = &self.machines else { return MachineCount::default() };
        let (state, policy) = (&side.groups[group as usize], self.machine_policy(group));
        let free = state.ready.iter().map(|node| self.free_slots(*node, &policy)).sum();
        MachineCount {
            busy: state.busy,
            waiting: state.in_line,
            free,
            creating: state.creating,
            machines: state.creating + state.ready.len() as u32,
        }
    }

    fn free_slots(&self, node: NodeId, policy: &MachinePolicy) -> u32 {
        let Some(side) = &self.machines else { return 0 };
        let uses_left =
            if policy.uses > 0 { policy.uses.saturating_sub(side.uses[node.index()]) } else { u32::MAX };
        policy.slots.saturating_sub(self.nodes[node].pods.len() as u32).min(uses_left)
    }

    /// Starts the machines that are missing.
    pub(super) fn scale_machines(&mut self, group: u32) {
        let policy = self.machine_policy(group);
        let missing = policy.to_create(&self.machine_count(group));
        for _ in 0..missing {
            if let Some(side) = &mut self.machines {
                side.groups[group as usize].creating += 1;
            }
            self.launch_in_group(group);
        }
        let now = self.now;
        let Some(side) = &self.machines else { return };
        let state = &side.groups[group as usize];
        if missing > 0 || state.creating > 0 {
            for (id, build) in
                state.waiting.iter().rev().take(missing.max(1) as usize * policy.slots as usize)
            {
                if let Some(job) = self.jobs.get_mut(*id).filter(|job| job.build == *build) {
                    job.planned_at = job.planned_at.min(now);
                }
            }
        }
    }

    /// A machine can take jobs.
    pub(super) fn machine_ready(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id];
        node.enter(NodePhase::Ready);
        (node.ready_at, node.empty_at) = (now, now);
        let group = node.pool;
        self.facts[id.index()].meter.ready(now);
        if let Some(side) = &mut self.machines {
            if side.uses.len() <= id.index() {
                side.uses.resize(id.index() + 1, 0);
            }
            side.uses[id.index()] = 0;
            let state = &mut side.groups[group as usize];
            state.creating -= 1;
            state.ready.push(id);
        }
        self.fill_machines(group);
        self.arm_idle_check(id);
        self.scale_machines(group);
    }

    fn arm_idle_check(&mut self, id: NodeId) {
        let node = &self.nodes[id];
        if node.phase == NodePhase::Ready && node.pods.is_empty() {
            let at = self.now + self.machine_policy(node.pool).idle_time;
            let (ordinal, stage) = (node.ordinal, NodeStage::IdleTooLong);
            self.queue.push(at, Event::Node { node: id, ordinal, stage });
        }
    }

    /// The job's containers are gone from its machine.
    pub(super) fn pod_left_node(&mut self, id: JobId, node: NodeId) {
        self.karpenter_pod_gone(id, node);
        let group = self.nodes[node].pool;
        let Some(side) = &mut self.machines else { return };
        side.groups[group as usize].busy -= 1;
        let uses = side.uses[node.index()];
        if self.nodes[node].phase != NodePhase::Ready {
            return;
        }
        let policy = self.machine_policy(group);
        if policy.uses > 0 && uses >= policy.uses && self.nodes[node].pods.is_empty() {
            self.remove_machine(node, NodeEnd::Empty);
        } else {
            self.fill_machines(group);
            if self.nodes[node].pods.is_empty() {
                self.arm_idle_check(node);
            }
        }
        self.scale_machines(group);
        self.trim_machines(group);
    }

    /// A pod object is gone that kube-scheduler knew, or that waited for a machine.
    pub(super) fn pod_object_gone(&mut self, id: JobId) {
        let job = &self.jobs[id];
        let Some(side) = &mut self.machines else {
            self.scheduler.pod_deleted(self.now, PodKey(id.raw()));
            return;
        };
        let groups = self.kinds.get(job.kind).groups;
        if job.node.is_none() && groups != 0 {
            side.groups[groups.trailing_zeros() as usize].in_line -= 1;
        }
    }

    /// A machine has been idle for long: it goes if it is not part of the idle target.
    pub(super) fn idle_too_long(&mut self, id: NodeId) {
        self.trim_machines(self.nodes[id].pool);
    }

    /// Removes machines that have been idle for long, oldest first, as far as the idle target allows.
    fn trim_machines(&mut self, group: u32) {
        let policy = self.machine_policy(group);
        let mut count = self.machine_count(group);
        if !policy.may_remove(&count, 1) {
            return;
        }
        let now = self.now;
        let Some(side) = &self.machines else { return };
        let is_idle = |node: &&NodeId| {
            let node = &self.nodes[**node];
            node.pods.is_empty() && node.empty_at + policy.idle_time <= now
        };
        let idle: Vec<NodeId> = side.groups[group as usize].ready.iter().filter(is_idle).copied().collect();
        for node in idle {
            let free = self.free_slots(node, &policy);
            if !policy.may_remove(&count, free) {
                return;
            }
            count.free -= free;
            count.machines -= 1;
            self.remove_machine(node, NodeEnd::Empty);
        }
    }

    fn remove_machine(&mut self, id: NodeId, end: NodeEnd) {
        self.close_node(id, end);
        self.node_gone(id);
    }

    /// A machine is no longer there.
    pub(super) fn machine_gone(&mut self, id: NodeId) {
        if let Some(side) = &mut self.machines {
            let state = &mut side.groups[self.nodes[id].pool as usize];
            match state.ready.iter().position(|known| *known == id) {
                Some(place) => drop(state.ready.remove(place)),
                None if self.nodes[id].phase > NodePhase::Requested => state.creating -= 1,
                None => {}
            }
        }
    }

    /// EC2 had no machine, or it hung: the group tries again a little later.
    pub(super) fn machine_launch_failed(&mut self, group: u32) {
        if self.machines.is_some() {
            self.queue.push(self.now + RETRY, Event::MachineRetry { group });
        }
    }

    /// EC2 had no machine: it is not on its way.
    pub(super) fn machine_not_to_be_had(&mut self, group: u32) {
        if let Some(side) = &mut self.machines {
            side.groups[group as usize].creating -= 1;
        }
    }

    /// When the executor gives a build up that waits for a place.
    fn patience_ends_at(&self, job: &crate::fleet::Job) -> SimTime {
        (job.pod_created_at + self.pod_wait(job).fails_after()).min(self.times_out_at(job)).max(self.now)
    }
}
