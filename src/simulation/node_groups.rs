//! Node groups (Auto Scaling groups) and the Cluster Autoscaler that sets their sizes: its scans, and what EC2 makes of them.

use crate::catalog::TypeId;
use crate::ec2::{AllocationStrategy, LaunchOverride, LaunchRequest, NodeStartup};
use crate::engine::Purpose;
use crate::fleet::{JobId, JobPhase, NodeId, NodePhase};
use crate::kubernetes::{NodeKey, PodShape};
use crate::metrics::NodeEnd;
use crate::scaling::{
    AutoscalerConfig, ClusterAutoscaler, EmptyNode, GroupTemplate, NodeRoom, PendingPod, ScanView,
};
use crate::units::SimTime;

use super::event::{Event, NodeStage};
use super::plan::{CapacityPlan, FixedNodes, Plan};
use super::setup;
use super::world::World;

const LAUNCH_ANSWER: Purpose = Purpose::named("asg launch answer");
const EXPANDER: Purpose = Purpose::named("cluster autoscaler expander");

/// Cluster Autoscaler and its node groups.
#[derive(Clone, Debug)]
pub struct NodeGroupsPlan {
    /// Its flags.
    pub config: AutoscalerConfig,
    /// Its groups, at most 64.
    pub groups: Vec<NodeGroup>,
}

/// An Auto Scaling group.
#[derive(Clone, Debug)]
pub struct NodeGroup {
    /// Its nodes; `count` of them stand at the start.
    pub nodes: FixedNodes,
    /// Further instance types of a mixed-instances policy. Cluster Autoscaler takes all nodes to be like the first type.
    pub more_types: Vec<TypeId>,
    /// Fewest nodes.
    pub min: u32,
    /// Most nodes.
    pub max: u32,
    /// For the expander `priority`.
    pub priority: i32,
}

/// What the loop keeps for Cluster Autoscaler.
#[derive(Clone, Debug)]
pub(super) struct Autoscaler {
    scaler: ClusterAutoscaler,
    /// Desired capacity of each group.
    sizes: Vec<u32>,
    /// Pods that kube-scheduler marked unschedulable, with their builds; some are bound or gone meanwhile.
    waiting: Vec<(JobId, u32)>,
    scans: u64,
}

impl Autoscaler {
    pub(super) fn new(plan: &Plan, groups: &NodeGroupsPlan) -> Self {
        let daemons = plan.kubernetes.daemon_requests();
        let templates = groups.groups.iter().map(|group| {
            let kind = plan.ec2.catalog.get(group.nodes.instance_type);
            let all = setup::allocatable(kind);
            GroupTemplate {
                min: group.min,
                max: group.max,
                priority: group.priority,
                capacity: kind.capacity(),
                free: if daemons.fits_in(all) { all - daemons } else { crate::units::Resources::ZERO },
                pods: kind.max_pods.saturating_sub(plan.kubernetes.daemon_sets.len() as u32),
            }
        });
        Self {
            scaler: ClusterAutoscaler::new(groups.config, templates.collect()),
            sizes: groups.groups.iter().map(|group| group.nodes.count).collect(),
            waiting: Vec::new(),
            scans: 0,
        }
    }
}

/// On nodes of which groups a pod of `shape` may run: one bit for each.
pub(super) fn groups_for(plan: &Plan, shape: &PodShape) -> u64 {
    let CapacityPlan::NodeGroups(groups) = &plan.capacity else { return 0 };
    let may_run = |group: &NodeGroup| {
        group.nodes.zones.iter().any(|zone| {
            let nodes = &group.nodes;
            let class = setup::node_class(
                plan,
                nodes.instance_type,
                *zone,
                nodes.capacity,
                &nodes.labels,
                &nodes.taints,
            );
            let fit = shape.compatibility(&class);
            fit.affinity && fit.taints
        })
    };
    (0..).zip(&groups.groups).filter(|(_, group)| may_run(group)).fold(0, |bits, (bit, _)| bits | 1 << bit)
}

impl World<'_> {
    /// The nodes or machines that stand at the start, and Cluster Autoscaler's first scan.
    pub(super) fn start_groups(&mut self) {
        self.start_machines();
        let has_nodes =
            matches!(self.plan.capacity, CapacityPlan::FixedNodes(_) | CapacityPlan::NodeGroups(_));
        let groups = (0..).map_while(|index| Some((index, self.plan.capacity.group(index)?)));
        let groups: Vec<(u32, &FixedNodes)> = groups.filter(|_| has_nodes).collect();
        for (index, group) in groups {
            for number in 0..group.count {
                self.add_fixed_node(index, group, number);
            }
        }
        let CapacityPlan::NodeGroups(plan) = &self.plan.capacity else { return };
        self.autoscaler = Some(Box::new(Autoscaler::new(self.plan, plan)));
        self.queue.push(SimTime::ZERO + plan.config.scan_interval, Event::AutoscalerScan);
    }

    /// kube-scheduler found no node for the pod: whoever provides nodes hears of it.
    pub(super) fn needs_node(&mut self, id: JobId) {
        if let Some(side) = &mut self.autoscaler {
            let build = self.jobs[id].build;
            if !self.jobs[id].awaits_karpenter {
                self.jobs[id].awaits_karpenter = true;
                side.waiting.push((id, build));
            }
        } else {
            self.trigger_provisioning(id);
        }
    }

    /// Cluster Autoscaler looks at the cluster.
    pub(super) fn autoscaler_scan(&mut self) {
        let Some(mut side) = self.autoscaler.take() else { return };
        let now = self.now;
        side.waiting.retain(|(id, build)| {
            self.jobs.get(*id).is_some_and(|job| job.build == *build && job.phase == JobPhase::Unbound)
        });
        let pending: Vec<PendingPod> = side.waiting.iter().map(|(id, _)| self.pending_pod(*id)).collect();
        let (mut rooms, mut empty) = (Vec::new(), Vec::new());
        let mut ids: Vec<(u32, NodeId)> = self.nodes.iter().map(|(id, node)| (node.ordinal, id)).collect();
        ids.sort_unstable();
        let mut deleting = 0;
        for (ordinal, id) in &ids {
            let node = &self.nodes[*id];
            if node.phase >= NodePhase::Draining {
                deleting += 1;
                continue;
            }
            if node.phase == NodePhase::Ready && node.pods.is_empty() {
                empty.push(EmptyNode { ordinal: *ordinal, group: node.pool });
            }
            if !pending.is_empty() {
                rooms.push(self.node_room(*id, &side.scaler.groups()[node.pool as usize]));
            }
        }
        let view = ScanView { pending: &pending, sizes: &side.sizes, rooms: &rooms, empty: &empty, deleting };
        let mut random = self.streams.entity(EXPANDER, side.scans);
        side.scans += 1;
        let decision = side.scaler.scan(now, &view, &mut random);
        self.explain_scan(&decision, &side.waiting, |group| side.sizes[group as usize]);
        let every = side.scaler.config().scan_interval;
        let delay = side.scaler.config().delete_delay_after_taint;
        for ordinal in decision.delete {
            let place = ids.binary_search_by_key(&ordinal, |(known, _)| *known).expect("a node of the view");
            let id = ids[place].1;
            side.sizes[self.nodes[id].pool as usize] -= 1;
            self.scheduler.cordon(now, NodeKey(id.raw()));
            self.nodes[id].enter(NodePhase::Draining);
            self.queue.push(now + delay, Event::Node { node: id, ordinal, stage: NodeStage::GroupShrinks });
        }
        if let Some((group, count)) = decision.scale_up {
            side.sizes[group as usize] += count;
            for (id, _) in &side.waiting {
                self.jobs[*id].planned_at = self.jobs[*id].planned_at.min(now);
            }
        }
        self.autoscaler = Some(side);
        if let Some((group, count)) = decision.scale_up {
            for _ in 0..count {
                self.launch_in_group(group);
            }
        }
        self.queue.push(now + every, Event::AutoscalerScan);
    }

    fn pending_pod(&self, id: JobId) -> PendingPod {
        let job = &self.jobs[id];
        let groups = self.kinds.get(job.kind).groups;
        PendingPod { requests: job.requests, created_at: job.pod_created_at, groups }
    }

    fn node_room(&self, id: NodeId, template: &GroupTemplate) -> NodeRoom {
        let node = &self.nodes[id];
        let mut room = NodeRoom { group: node.pool, free: template.free, pods: template.pods };
        for pod in &node.pods {
            let taken = self.jobs[*pod].requests;
            room.free.cpu.0 = room.free.cpu.0.saturating_sub(taken.cpu.0);
            room.free.memory.0 = room.free.memory.0.saturating_sub(taken.memory.0);
            room.pods = room.pods.saturating_sub(1);
        }
        room
    }

    /// The Auto Scaling group asks EC2 for one more instance.
    pub(super) fn launch_in_group(&mut self, index: u32) {
        let Some(group) = self.plan.capacity.group(index) else { return };
        let zone = group.zones[self.nodes_created as usize % group.zones.len()];
        let id = self.fixed_node(index, group, zone);
        self.nodes[id].phase = NodePhase::Requested;
        let ordinal = self.nodes[id].ordinal;
        let mut random = self.streams.entity(LAUNCH_ANSWER, u64::from(ordinal));
        let answer = self.plan.ec2.launch_answer.draw(&mut random);
        let answered_at = self.answered_at(self.now, answer);
        self.queue.push(answered_at, Event::Node { node: id, ordinal, stage: NodeStage::Launched });
    }

    /// EC2 answers a group's launch.
    pub(super) fn group_launched(&mut self, id: NodeId) {
        let now = self.now;
        let (ordinal, index, requested_at) =
            (self.nodes[id].ordinal, self.nodes[id].pool, self.nodes[id].requested_at);
        let Some(chosen) = self.choose_in_group(id) else {
            self.nodes.remove(id);
            self.machine_not_to_be_had(index);
            self.group_launch_failed(index);
            return;
        };
        let kind = self.plan.ec2.catalog.get(chosen.instance_type);
        let allocatable = if self.machines.is_some() { kind.capacity() } else { setup::allocatable(kind) };
        let node = &mut self.nodes[id];
        node.enter(NodePhase::Launched);
        node.instance_type = chosen.instance_type.raw();
        node.zone = chosen.zone.0;
        node.allocatable = allocatable;
        let (startup, gives_up_after) = (self.startup_of(ordinal, requested_at), self.provision_time());
        let mut stage =
            |at: SimTime, stage| self.queue.push(at.max(now), Event::Node { node: id, ordinal, stage });
        stage(requested_at + startup.running_after, NodeStage::Running);
        match startup.node {
            Some(NodeStartup { registered_after, ready_after }) => {
                stage(requested_at + registered_after, NodeStage::Registered);
                stage(requested_at + ready_after, NodeStage::Ready);
            }
            None => stage(requested_at + gives_up_after, NodeStage::RegistrationTimeout),
        }
    }

    /// How long a node may take to appear.
    fn provision_time(&self) -> crate::units::SimDuration {
        let usual = AutoscalerConfig::default().max_node_provision_time;
        self.autoscaler.as_ref().map_or(usual, |side| side.scaler.config().max_node_provision_time)
    }

    /// The zone in turn first, the others after it; within a zone as EC2 chooses.
    fn choose_in_group(&self, id: NodeId) -> Option<crate::ec2::Chosen> {
        let node = &self.nodes[id];
        let group = self.plan.capacity.group(node.pool)?;
        let types = std::iter::once(group.instance_type).chain(self.plan.capacity.more_types(node.pool));
        let types: Vec<TypeId> = types.collect();
        let first = group.zones.iter().position(|zone| zone.0 == node.zone).unwrap_or(0);
        let (before, from) = group.zones.split_at(first);
        let mut insufficient = Vec::new();
        from.iter().chain(before).find_map(|zone| {
            let overrides: Vec<LaunchOverride> =
                types.iter().map(|kind| LaunchOverride { instance_type: *kind, zone: *zone }).collect();
            let request = LaunchRequest {
                capacity_type: group.capacity,
                strategy: AllocationStrategy::of(group.capacity),
                overrides: &overrides,
                ordinal: u64::from(node.ordinal),
                now: self.now,
            };
            self.market.choose(&request, &self.streams, &mut insufficient)
        })
    }

    /// EC2 had no instance for a group, or it never became a node: the group is one smaller again.
    fn group_launch_failed(&mut self, index: u32) {
        let now = self.now;
        if let Some(side) = &mut self.autoscaler {
            side.sizes[index as usize] -= 1;
            side.scaler.launch_failed(now, index);
        }
        self.machine_launch_failed(index);
    }

    /// An instance of a group did not become a node in time: it is terminated.
    pub(super) fn group_node_hangs(&mut self, id: NodeId) {
        let index = self.nodes[id].pool;
        self.close_node(id, NodeEnd::NeverRegistered);
        self.node_gone(id);
        self.group_launch_failed(index);
    }

    /// Cluster Autoscaler's taint has stood long enough: the group terminates the instance.
    pub(super) fn group_shrinks(&mut self, id: NodeId) {
        self.close_node(id, NodeEnd::Empty);
        self.node_gone(id);
    }

    /// EC2 took a node of a group, or it was drained: an Auto Scaling group starts another one, as its size says.
    pub(super) fn replace_in_group(&mut self, index: u32) {
        match &self.plan.capacity {
            CapacityPlan::FixedNodes(_) => self.replace_fixed_node(index),
            CapacityPlan::NodeGroups(_) => self.launch_in_group(index),
            CapacityPlan::Machines(_) => self.scale_machines(index),
            _ => {}
        }
    }

    /// Whether Auto Scaling groups launch the nodes.
    pub(super) fn is_in_group(&self) -> bool {
        matches!(self.plan.capacity, CapacityPlan::NodeGroups(_) | CapacityPlan::Machines(_))
    }
}
