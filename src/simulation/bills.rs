//! Stage 10 of a node: its bill, what that was paid for, and its record.

use crate::catalog::TypeId;
use crate::ec2::{BillingRules, InstanceBill, InstanceMeter};
use crate::fleet::{Node, NodeId, NodePhase};
use crate::metrics::{BilledSpan, CostKind, GaugeKey, NodeEnd, NodeRecord, NodeShape, UsedFor, WasteKind};
use crate::units::{CostMeter, HourlyPrice, Millicores, SimDuration, SimTime};

use super::event::Event;
use super::plan::CapacityPlan;
use super::reservations::has_no_minimum;
use super::world::World;

impl World<'_> {
    /// Arms the end of the warm-up: what stands then is billed in two spans, of which the second counts.
    pub(super) fn arm_warm_up(&mut self) {
        if self.plan.warmup > SimTime::ZERO {
            self.queue.push(self.plan.warmup, Event::WarmUpOver);
        }
    }

    pub(super) fn warm_up_over(&mut self) {
        let standing = self.nodes.iter().filter(|(_, node)| node.is_billed()).map(|(id, _)| id);
        let standing: Vec<NodeId> = standing.collect();
        for id in standing {
            self.close_span(id);
        }
    }

    /// What follows is billed otherwise than what was until now.
    pub(super) fn close_span(&mut self, id: NodeId) {
        let is_counted = self.now > self.plan.warmup;
        let facts = &mut self.facts[id.index()];
        facts.meter.cut(self.now, facts.bill.price(), is_counted);
    }

    /// The instance ends (or the run does): its bill and its record are written.
    pub(super) fn close_node(&mut self, id: NodeId, end: NodeEnd) {
        let now = self.now;
        if !self.nodes[id].is_billed() {
            return;
        }
        let node = &self.nodes[id];
        let mut record = self.node_record(node, end);
        let shape = self.node_shape(&record, node);
        let (kind, running_at) = (CostKind::Instance(node.arch, node.capacity), node.running_at);
        let facts = &mut self.facts[id.index()];
        for pod in node.pods.iter().map(|pod| &self.jobs[*pod]).filter(|pod| !pod.is_pause_pod()) {
            facts.meter.worked_for(pod.account, (pod.bound_at, now), pod.requests.cpu);
        }
        facts.meter.stop(now, &mut record);
        let rules = &self.plan.ec2.billing;
        let minimum = if has_no_minimum(node) { SimDuration::ZERO } else { rules.minimum };
        let bill = facts.bill.finish(now, facts.end_reason, &BillingRules { minimum, ..*rules });
        if bill.waived == CostMeter::ZERO {
            record.billed_ms = bill.ran.max(minimum).as_ms();
        }
        let volume_price = self.plan.ec2.root_volume.hourly();
        let volume_bill = InstanceMeter::start(running_at, volume_price).finish(now, facts.end_reason, rules);
        let mut volume = UsedFor::default();
        // What ended before the warm-up did costs nothing, a minimum included.
        if now > self.plan.warmup || self.plan.warmup == SimTime::ZERO {
            let spans: Vec<BilledSpan> = facts.meter.spans(now, facts.bill.price()).collect();
            if bill.waived == CostMeter::ZERO {
                record.used_for = used_for(spans.iter().copied(), &shape, &bill);
                let before = self.plan.warmup.saturating_since(running_at);
                record.billed_after_warmup_ms = record.billed_ms.saturating_sub(before.as_ms());
            }
            let of_volume = spans.iter().map(|span| BilledSpan { price: volume_price, ..*span });
            volume = used_for(of_volume, &shape, &volume_bill);
            self.share_out(id, &spans, (&shape, volume_price), (&record, &volume));
        }
        record.cost = record.used_for.total();
        self.recorder.bill_node(kind, &record.used_for, &volume);
        self.recorder.node_ended(&record);
        self.reservation_freed(id);
        let node = &mut self.nodes[id];
        node.phase = NodePhase::Terminated;
        self.recorder.gauge(now, GaugeKey::Nodes(node.arch, node.capacity), -1);
        self.recorder.gauge(now, GaugeKey::ProvisionedMillicores, -i64::from(node.allocatable.cpu.0));
    }

    /// The bill of a node goes to those whose pods were on it: span by span, where its price changed.
    fn share_out(
        &mut self,
        id: NodeId,
        spans: &[BilledSpan],
        (shape, volume_price): (&NodeShape, HourlyPrice),
        (record, volume): (&NodeRecord, &UsedFor),
    ) {
        let meter = &self.facts[id.index()].meter;
        for share in meter.counted_shares() {
            self.recorder.cpu_requested(share.account, share.busy);
        }
        let is_billed = record.used_for.total() > CostMeter::ZERO;
        let (mut before, last) = (UsedFor::default(), spans.len().saturating_sub(1));
        for (place, span) in spans.iter().enumerate().take(last) {
            let mut used =
                UsedFor::of_node(std::iter::once(BilledSpan { price: volume_price, ..*span }), shape);
            if is_billed {
                used.merge(&UsedFor::of_node(std::iter::once(*span), shape));
            }
            before.merge(&used);
            self.recorder.share_out(&used, &meter.shares(place));
        }
        // The last span has the rest of the bill: also what is billed beyond the end of a short life.
        let mut rest = record.used_for;
        rest.merge(volume);
        self.recorder.share_out(&rest.less(&before), &meter.shares(last));
    }

    fn node_shape(&self, record: &NodeRecord, node: &Node) -> NodeShape {
        let is_held = match &self.plan.capacity {
            CapacityPlan::Karpenter(karpenter) => karpenter.pools[node.pool as usize].replicas.is_some(),
            _ => false,
        };
        NodeShape {
            cpu: record.cpu,
            reserved: Millicores(record.cpu.0.saturating_sub(node.allocatable.cpu.0)),
            daemons: Millicores(node.allocatable.cpu.0 - record.allocatable.0),
            is_held,
        }
    }

    fn node_record(&self, node: &Node, end: NodeEnd) -> NodeRecord {
        let kind = self.plan.ec2.catalog.get(TypeId::new(node.instance_type));
        let daemons = self.plan.kubernetes.daemon_requests().cpu.0;
        NodeRecord {
            ordinal: node.ordinal,
            pool: node.pool,
            instance_type: node.instance_type,
            zone: u16::from(node.zone),
            arch: node.arch,
            capacity: node.capacity,
            end,
            cpu: Millicores(kind.vcpus * 1000),
            allocatable: Millicores(node.allocatable.cpu.0.saturating_sub(daemons)),
            launched_at: node.running_at,
            registered_at: node.registered_at,
            ready_at: node.ready_at,
            empty_at: node.empty_at,
            terminated_at: self.now,
            billed_ms: 0,
            billed_after_warmup_ms: 0,
            cost: CostMeter::ZERO,
            used_for: UsedFor::default(),
            pods_run: 0,
            busy_core_ms: 0,
            lost_core_ms: 0,
            start_up_ms: 0,
            empty_ms: 0,
        }
    }
}

/// The spans' cost by use. What is billed beyond the end of a short life was used for nothing.
fn used_for(spans: impl Iterator<Item = BilledSpan>, shape: &NodeShape, bill: &InstanceBill) -> UsedFor {
    let mut used = UsedFor::of_node(spans, shape);
    used.add(WasteKind::Idle, bill.minimum_top_up);
    used
}
