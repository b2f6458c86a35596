//! The life of a NodeClaim between creation and readiness: the rules and times that the loop applies.
//!
//! A claim is created, launched by EC2 after the CreateFleet call, registered when its Node object appears and
//! initialized when the node is ready without startup taints. The loop knows when EC2 and the kubelet act; this file
//! says how long Karpenter waits, when it gives up, and when it notices.

use crate::units::{SimDuration, SimTime};

/// Identical CreateFleet calls within this of the last one are sent as one
/// (aws `pkg/batcher/createfleet.go`, v1.15.0: idle 35 ms).
pub const CREATE_FLEET_IDLE: SimDuration = SimDuration::from_ms(35);
/// A batch of CreateFleet calls waits no longer than this (aws `pkg/batcher/createfleet.go`, v1.15.0).
pub const CREATE_FLEET_MAX: SimDuration = SimDuration::from_secs(1);
/// A claim that is not launched by then is deleted (core `nodeclaim/lifecycle/liveness.go`, v1.7 and later).
pub const LAUNCH_TIMEOUT: SimDuration = SimDuration::from_mins(5);
/// A claim that has no Node object by then is deleted (core `nodeclaim/lifecycle/liveness.go`, v1.15.0).
pub const REGISTRATION_TIMEOUT: SimDuration = SimDuration::from_mins(15);
/// First wait before a launch that failed for another reason than capacity is tried again; it doubles each time.
pub const RETRY_FIRST: SimDuration = SimDuration::from_secs(1);
/// Longest wait between such tries (core `nodeclaim/lifecycle/controller.go`, v1.15.0).
pub const RETRY_MAX: SimDuration = SimDuration::from_secs(60);
/// The controller sleeps this long after it wrote a claim's status (core `nodeclaim/lifecycle/controller.go`, v1.15.0).
pub const SLEEP_AFTER_PATCH: SimDuration = SimDuration::from_secs(1);
/// What the calls around that sleep take (recorded cluster trajectories, 2026-11: ready to initialized, median 1.15 s).
pub const PATCH_CALLS: SimDuration = SimDuration::from_ms(150);

/// How often a claim is looked at for drift without anything else happening to it
/// (core `nodeclaim/disruption/drift.go`, v1.15.0).
pub const DRIFT_CHECK: SimDuration = SimDuration::from_mins(5);

/// What EC2 answered to a CreateFleet call, as far as the claim goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchAnswer {
    /// An instance was launched.
    Launched,
    /// Every override lacked capacity, or none was left to send.
    InsufficientCapacity,
    /// Anything else.
    OtherError,
}

/// What Karpenter does with the claim then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchStep {
    /// Go on: the claim is launched.
    Proceed,
    /// Delete the claim at once; its pods are packed anew when they trigger next (core `lifecycle/launch.go`, v1.15.0).
    DeleteClaim,
    /// Try again then.
    RetryAt(SimTime),
}

/// What follows from an answer. `failures` counts the failed tries before this one.
#[must_use]
pub fn after_launch(now: SimTime, answer: LaunchAnswer, failures: u32) -> LaunchStep {
    match answer {
        LaunchAnswer::Launched => LaunchStep::Proceed,
        LaunchAnswer::InsufficientCapacity => LaunchStep::DeleteClaim,
        LaunchAnswer::OtherError => {
            let wait = RETRY_FIRST * (1_u64 << failures.min(6));
            LaunchStep::RetryAt(now + wait.min(RETRY_MAX))
        }
    }
}

/// When a claim created then is given up if it is still not launched.
#[must_use]
pub fn launch_deadline(created_at: SimTime) -> SimTime {
    created_at + LAUNCH_TIMEOUT
}

/// When a claim created then is given up if its Node object has still not appeared.
#[must_use]
pub fn registration_deadline(created_at: SimTime) -> SimTime {
    created_at + REGISTRATION_TIMEOUT
}

/// When Karpenter notices that a node is initialized: it was asleep, having just written down what was still missing.
#[must_use]
pub fn initialized_at(ready_at: SimTime) -> SimTime {
    ready_at + SLEEP_AFTER_PATCH + PATCH_CALLS
}

/// How many claims a static pool creates to have `replicas`, as far as its limit on nodes goes. It has `active` claims that
/// stay, `leaving` ones that a disruption command replaces, and `deleting` ones (core `static/provisioning/controller.go`
/// and `state/statenodepool.go` `ReserveNodeCount`, v1.15.0).
#[must_use]
pub fn static_claims_wanted(
    replicas: u32,
    active: u32,
    leaving: u32,
    deleting: u32,
    limit: Option<i64>,
) -> u32 {
    if active + leaving >= replicas {
        return 0;
    }
    let left = limit.map_or(i64::MAX, |most| most - i64::from(active + leaving + deleting));
    i64::from(replicas - active).min(left).max(0) as u32
}

/// Gathers identical CreateFleet calls: all claims of one pass with the same request go out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetWindow {
    opened_at: SimTime,
    sends_at: SimTime,
}

impl FleetWindow {
    /// The first call came in.
    #[must_use]
    pub fn open(now: SimTime) -> Self {
        Self { opened_at: now, sends_at: now + CREATE_FLEET_IDLE }
    }

    /// Another call came in while the window was open.
    pub fn extend(&mut self, now: SimTime) {
        self.sends_at = (now + CREATE_FLEET_IDLE).min(self.opened_at + CREATE_FLEET_MAX);
    }

    /// When the calls gathered are sent.
    #[must_use]
    pub fn sends_at(&self) -> SimTime {
        self.sends_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_without_capacity_is_deleted_and_other_errors_are_retried_ever_later() {
        let now = SimTime::from_ms(5_000);
        let step = |answer, failures| after_launch(now, answer, failures);
        assert_eq!(step(LaunchAnswer::InsufficientCapacity, 0), LaunchStep::DeleteClaim);
        assert_eq!(step(LaunchAnswer::OtherError, 0), LaunchStep::RetryAt(now + SimDuration::from_secs(1)));
        assert_eq!(step(LaunchAnswer::OtherError, 3), LaunchStep::RetryAt(now + SimDuration::from_secs(8)));
        assert_eq!(step(LaunchAnswer::OtherError, 40), LaunchStep::RetryAt(now + RETRY_MAX));
    }

    #[test]
    fn a_static_pool_counts_nodes_that_go_against_its_limit_but_not_as_replicas() {
        assert_eq!(static_claims_wanted(5, 3, 0, 1, None), 2);
        assert_eq!(static_claims_wanted(5, 4, 1, 0, None), 0);
        assert_eq!(static_claims_wanted(5, 3, 0, 1, Some(5)), 1);
        assert_eq!(static_claims_wanted(5, 3, 0, 3, Some(5)), 0);
    }

    #[test]
    fn create_fleet_calls_wait_35_ms_for_more_but_no_more_than_a_second() {
        let mut window = FleetWindow::open(SimTime::from_ms(0));
        assert_eq!(window.sends_at(), SimTime::from_ms(35));
        window.extend(SimTime::from_ms(30));
        assert_eq!(window.sends_at(), SimTime::from_ms(65));
        window.extend(SimTime::from_ms(990));
        assert_eq!(window.sends_at(), SimTime::from_ms(1000));
    }
}
