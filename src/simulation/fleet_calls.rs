//! CreateFleet calls: those that come within a moment are gathered, and equal ones go out as one call for several instances.

use crate::engine::Purpose;
use crate::fleet::NodeId;
use crate::karpenter::launch::{LaunchRequest, launch_request_for};
use crate::karpenter::lifecycle::FleetWindow;
use crate::units::SimTime;

use super::event::{Event, NodeStage};
use super::world::World;

const LAUNCH_ANSWER: Purpose = Purpose::named("ec2 launch answer");

/// The calls that wait for more like them (aws `pkg/batcher/batcher.go`, v1.15.0: one window for all calls, in which equal
/// ones are put together).
#[derive(Debug, Default)]
pub(super) struct FleetCalls {
    window: Option<FleetWindow>,
    /// Claims and the ordinals of their nodes.
    waiting: Vec<(NodeId, u32)>,
    /// Calls sent.
    pub sent: u64,
}

/// One call that went out.
struct Sent {
    pool: u32,
    call: LaunchRequest,
    /// The launch that stands for all of the call in random draws.
    first: u32,
    answered_at: SimTime,
}

impl World<'_> {
    /// A claim's call is ready: it waits a moment for more.
    pub(super) fn gather_fleet_call(&mut self, calls: &mut FleetCalls, id: NodeId, ordinal: u32) {
        match &mut calls.window {
            Some(window) => window.extend(self.now),
            None => {
                let window = FleetWindow::open(self.now);
                self.queue.push(window.sends_at(), Event::FleetCallsDue);
                calls.window = Some(window);
            }
        }
        calls.waiting.push((id, ordinal));
    }

    /// The window of CreateFleet calls may be over: they are sent.
    pub(super) fn send_fleet_calls(&mut self) {
        let Some(mut side) = self.karpenter.take() else { return };
        let due = side.fleet_calls.window.map(|window| window.sends_at());
        if let Some(at) = due.filter(|at| *at > self.now) {
            self.queue.push(at, Event::FleetCallsDue);
            self.karpenter = Some(side);
            return;
        }
        side.fleet_calls.window = None;
        let waiting = std::mem::take(&mut side.fleet_calls.waiting);
        let policy = self.karpenter_plan().pass.min_values_policy;
        let mut sent: Vec<Sent> = Vec::new();
        let mut lost = Vec::new();
        for (id, ordinal) in waiting {
            if !self.is_node(id, ordinal) {
                continue;
            }
            let Some(claim) = side.claims[id.index()].as_mut() else { continue };
            let Ok(call) = launch_request_for(&side.cluster, &claim.request, policy) else {
                lost.push(id);
                continue;
            };
            let pool = self.nodes[id].pool;
            // Of a pool they have the same launch template and tags, so what EC2 may choose from tells them apart.
            let is_equal = |one: &&Sent| {
                one.pool == pool
                    && one.call.strategy == call.strategy
                    && one.call.capacity_type == call.capacity_type
                    && one.call.overrides == call.overrides
            };
            let (first, answered_at) = match sent.iter().find(is_equal) {
                Some(known) => (known.first, known.answered_at),
                None => {
                    let mut random = self.streams.entity(LAUNCH_ANSWER, u64::from(ordinal));
                    let answer = self.plan.ec2.launch_answer.draw(&mut random);
                    let answered_at = self.answered_at(self.now, answer);
                    sent.push(Sent { pool, call: call.clone(), first: ordinal, answered_at });
                    (ordinal, answered_at)
                }
            };
            claim.fleet = first;
            claim.call = Some(call);
            self.queue.push(answered_at, Event::Node { node: id, ordinal, stage: NodeStage::Launched });
            self.limit_launch(id, answered_at);
        }
        side.fleet_calls.sent += sent.len() as u64;
        self.karpenter = Some(side);
        for id in lost {
            self.nothing_to_launch(id);
        }
    }

    /// Nothing that a claim allows is to be had: EC2 is not even asked.
    pub(super) fn nothing_to_launch(&mut self, id: NodeId) {
        let mut side = self.karpenter.take().expect("Karpenter launches");
        let chosen = self.choose_instance(&mut side, id);
        debug_assert!(chosen.is_none(), "nothing was to be had");
        self.karpenter = Some(side);
        self.claim_lost(id);
    }
}
