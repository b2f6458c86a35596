//! Stages 6 and 9 of a node's life that do not depend on who asked for it: it runs, registers, takes pods, is billed, ends.

use crate::catalog::{CpuGeneration, TypeId, ZoneId};
use crate::ec2::{EndReason, InstanceMeter, discounted, instance_slowdown};
use crate::engine::Id;
use crate::fleet::{Node, NodeId, NodePhase};
use crate::karpenter::reservations::ReservationId;
use crate::kubernetes::{Footprint, NodeHold, NodeImages, NodeInfo, NodeKey};
use crate::metrics::{GaugeKey, NodeEnd, NodeMeter};
use crate::units::{HourlyPrice, Ppm, SimTime};

use super::event::{Event, NodeStage};
use super::plan::{CapacityPlan, FixedNodes};
use super::setup;
use super::world::World;

/// What the loop keeps of a node beside its state: meters and the facts of its type.
#[derive(Clone, Debug)]
pub(super) struct NodeFacts {
    pub meter: NodeMeter,
    pub bill: InstanceMeter,
    pub generation: Id<CpuGeneration>,
    /// How much slower than its type this instance is.
    pub slowdown: Ppm,
    /// How the instance's billing ended, where EC2 ended it.
    pub end_reason: EndReason,
    /// Why the node goes, once that is decided.
    pub end: NodeEnd,
    /// The capacity reservation that its instance runs in.
    pub reservation: Option<ReservationId>,
}

impl World<'_> {
    /// A node object for `node`, still without an instance.
    pub(super) fn insert_node(&mut self, node: Node) -> NodeId {
        let facts = NodeFacts {
            meter: NodeMeter::start(self.now),
            bill: InstanceMeter::start(self.now, HourlyPrice::default()),
            generation: self.plan.ec2.catalog.get(TypeId::new(node.instance_type)).cpu_generation,
            slowdown: Ppm::ONE,
            end_reason: EndReason::Terminated,
            end: NodeEnd::RunEnd,
            reservation: None,
        };
        let id = self.nodes.insert(node);
        if id.index() < self.facts.len() {
            self.facts[id.index()] = facts;
            self.images[id.index()].clear();
            self.removals[id.index()] = None;
        } else {
            self.facts.push(facts);
            self.images.push(NodeImages::default());
            self.removals.push(None);
        }
        id
    }

    pub(super) fn next_node_ordinal(&mut self) -> u32 {
        self.nodes_created += 1;
        self.nodes_created - 1
    }

    /// The instance runs: it is billed from now on.
    pub(super) fn instance_running(&mut self, id: NodeId, price: HourlyPrice) {
        let now = self.now;
        let node = &mut self.nodes[id];
        node.running_at = now;
        let kind = self.plan.ec2.catalog.get(TypeId::new(node.instance_type));
        let generation = &self.plan.ec2.catalog.generations()[kind.cpu_generation.index()];
        let facts = &mut self.facts[id.index()];
        facts.generation = kind.cpu_generation;
        facts.meter = NodeMeter::start(now);
        facts.bill = InstanceMeter::start(now, price);
        if self.plan.ec2.instance_noise {
            facts.slowdown = instance_slowdown(generation, &self.streams, u64::from(node.ordinal));
        }
        self.recorder.gauge(now, GaugeKey::Nodes(node.arch, node.capacity), 1);
        self.recorder.gauge(now, GaugeKey::ProvisionedMillicores, i64::from(node.allocatable.cpu.0));
        self.reservation_taken(id);
    }

    /// The node object appears: kube-scheduler counts it, but it takes no pods yet.
    pub(super) fn register_with_scheduler(
        &mut self,
        id: NodeId,
        extra: &[(String, String)],
        taints: &[crate::kubernetes::Taint],
    ) {
        let node = &self.nodes[id];
        let type_id = TypeId::new(node.instance_type);
        let class = setup::node_class(self.plan, type_id, ZoneId(node.zone), node.capacity, extra, taints);
        let class = self.scheduler.register_node_class(class);
        let info = NodeInfo {
            class,
            zone: u16::from(node.zone),
            allocatable: node.allocatable,
            pods: self.plan.ec2.catalog.get(type_id).max_pods,
            daemons: Footprint::of(self.plan.kubernetes.daemon_requests()),
            daemon_pods: self.plan.kubernetes.daemon_sets.len() as u32,
            hold: NodeHold::NOT_READY,
        };
        self.scheduler.add_node(self.now, NodeKey(id.raw()), info);
        let node = &mut self.nodes[id];
        node.enter(NodePhase::Registered);
        node.registered_at = self.now;
    }

    /// The node is ready and its start-up taints are gone: pods may bind.
    pub(super) fn node_ready(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id];
        node.enter(NodePhase::Ready);
        node.ready_at = now;
        node.empty_at = now;
        self.facts[id.index()].meter.ready(now);
        self.scheduler.node_ready(now, NodeKey(id.raw()));
    }

    /// A node reached a stage of its life.
    pub(super) fn node_stage(&mut self, id: NodeId, stage: NodeStage) {
        let draining = self.nodes[id].phase >= NodePhase::Draining;
        match stage {
            NodeStage::Launched if self.is_in_group() => self.group_launched(id),
            NodeStage::Launched => self.launched(id),
            NodeStage::Running if self.nodes[id].phase != NodePhase::Terminated => {
                let price = self.market.price(self.pool_of(id)).unwrap_or_default();
                let discount = self.fixed_discount(id);
                self.instance_running(id, discounted(price, discount));
                self.schedule_interruption(id, u64::from(self.nodes[id].ordinal));
            }
            NodeStage::Registered if !draining => match self.plan.capacity.group(self.nodes[id].pool) {
                Some(_) if self.machines.is_some() => {
                    let node = &mut self.nodes[id];
                    node.enter(NodePhase::Registered);
                    node.registered_at = self.now;
                }
                Some(group) => self.register_with_scheduler(id, &group.labels, &group.taints),
                None => self.karpenter_stage(id, stage),
            },
            NodeStage::Ready if !draining && self.machines.is_some() => self.machine_ready(id),
            NodeStage::Ready if !draining && !self.waits_its_turn(id) => self.node_ready(id),
            NodeStage::Initialized if !draining => self.karpenter_stage(id, stage),
            NodeStage::LaunchTimeout if self.nodes[id].phase == NodePhase::Requested => {
                self.claim_lost(id);
            }
            NodeStage::RegistrationTimeout if !draining && self.is_in_group() => self.group_node_hangs(id),
            NodeStage::GroupShrinks => self.group_shrinks(id),
            NodeStage::IdleTooLong => self.idle_too_long(id),
            NodeStage::RegistrationTimeout if !draining => self.delete_claim(id, NodeEnd::NeverRegistered),
            NodeStage::Expired if !draining => self.delete_claim(id, NodeEnd::Expired),
            NodeStage::Drifted if !draining => self.node_drifted(id),
            NodeStage::InterruptionNotice if !draining => self.interruption_notice(id),
            NodeStage::Reclaimed => self.reclaimed(id),
            NodeStage::RemovalDue => self.removal_due(id),
            NodeStage::InstanceGone => self.instance_gone(id),
            _ => {}
        }
    }

    pub(super) fn fixed_discount(&self, id: NodeId) -> Ppm {
        self.plan.capacity.group(self.nodes[id].pool).map_or(Ppm::ZERO, |group| group.discount)
    }

    /// A node of a fixed group: there from the start.
    pub(super) fn add_fixed_node(&mut self, group_index: u32, group: &FixedNodes, number: u32) {
        let zone = group.zones[number as usize % group.zones.len()];
        let id = self.fixed_node(group_index, group, zone);
        let price =
            self.plan.ec2.catalog.price(group.instance_type, zone, group.capacity).unwrap_or_default();
        self.instance_running(id, discounted(price, group.discount));
        self.register_with_scheduler(id, &group.labels, &group.taints);
        self.node_ready(id);
        self.schedule_interruption(id, u64::from(self.nodes[id].ordinal));
    }

    /// EC2 took a node of a fixed group: its Auto Scaling group starts another one.
    pub(super) fn replace_fixed_node(&mut self, group_index: u32) {
        let CapacityPlan::FixedNodes(groups) = &self.plan.capacity else { return };
        let group = &groups[group_index as usize];
        let zone = group.zones[self.nodes_created as usize % group.zones.len()];
        let id = self.fixed_node(group_index, group, zone);
        let ordinal = self.nodes[id].ordinal;
        let startup = self.startup_of(ordinal, self.now);
        // An instance that hangs is replaced by hand after a quarter of an hour, as Karpenter would.
        let node = startup.node.unwrap_or(crate::ec2::NodeStartup {
            registered_after: crate::units::SimDuration::from_mins(15),
            ready_after: crate::units::SimDuration::from_mins(15),
        });
        for (after, stage) in [
            (startup.running_after, NodeStage::Running),
            (node.registered_after, NodeStage::Registered),
            (node.ready_after, NodeStage::Ready),
        ] {
            self.queue.push(self.now + after, Event::Node { node: id, ordinal, stage });
        }
    }

    pub(super) fn fixed_node(&mut self, group_index: u32, group: &FixedNodes, zone: ZoneId) -> NodeId {
        let kind = self.plan.ec2.catalog.get(group.instance_type);
        let node = Node {
            ordinal: self.next_node_ordinal(),
            phase: NodePhase::Launched,
            pool: group_index,
            instance_type: group.instance_type.raw(),
            zone: zone.0,
            arch: kind.arch,
            capacity: group.capacity,
            allocatable: setup::allocatable(kind),
            requested_at: self.now,
            running_at: SimTime::NEVER,
            registered_at: SimTime::NEVER,
            ready_at: SimTime::NEVER,
            empty_at: SimTime::NEVER,
            pods: Vec::new(),
            active_pods: 0,
        };
        self.insert_node(node)
    }
}
