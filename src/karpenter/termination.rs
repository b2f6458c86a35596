//! Removal of one node: drain in groups, eviction with back-off, forced deletion, termination of the instance.
//!
//! A NodeClaim that is deleted taints its node and looks every second whether the drain is over; pods leave group by group
//! (plain before critical, others before daemons). Five seconds after the first look at the earliest the instance is
//! terminated, and every five seconds Karpenter looks whether it is gone; then Node and NodeClaim go. What may be disrupted
//! at all is `disruption`'s. Rules of core `node/termination` and `terminator`, v1.15.0.

use super::disruption::DoNotDisrupt;
use super::pods::PodId;
use crate::units::{SimDuration, SimTime};

/// Pause between two looks at a drain, and its shortest length.
const DRAIN_POLL: SimDuration = SimDuration::from_secs(1);
const MINIMUM_DRAIN: SimDuration = SimDuration::from_secs(5);
/// Pause between two looks whether the instance is gone.
const INSTANCE_POLL: SimDuration = SimDuration::from_secs(5);
/// An eviction that was refused is tried again after this, then after twice that and so on, up to the longest.
const EVICTION_RETRY_FIRST: SimDuration = SimDuration::from_ms(100);
const EVICTION_RETRY_MAX: SimDuration = SimDuration::from_secs(10);
/// A pod that terminates so long past its deletion timestamp is no longer waited for.
const STUCK_AFTER: SimDuration = SimDuration::from_mins(1);

/// In which group a pod leaves; each group waits for those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DrainGroup {
    /// Neither critical nor of a DaemonSet.
    #[default]
    Plain,
    /// Of a DaemonSet.
    Daemon,
    /// Of priority class `system-cluster-critical` or `system-node-critical`.
    Critical,
    /// Critical and of a DaemonSet.
    CriticalDaemon,
}

/// A pod on a node that is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainPod {
    /// The loop's number.
    pub pod: PodId,
    /// When it leaves.
    pub group: DrainGroup,
    /// Its `terminationGracePeriodSeconds`.
    pub grace: SimDuration,
    /// Its annotation `karpenter.sh/do-not-disrupt`: it is not evicted, and the drain waits for it.
    pub do_not_disrupt: DoNotDisrupt,
    /// When it started, where it has.
    pub started_at: Option<SimTime>,
    /// Whether it tolerates the taint `karpenter.sh/disrupted` or is a mirror pod: then it stays and is not waited for.
    pub stays: bool,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovalOutcome {
    /// The eviction API accepted: the pod terminates with its own grace period.
    Evict(PodId),
    /// Delete the pod with this grace period: the node's deadline is near.
    ForceDelete(PodId, SimDuration),
    /// Terminate the instance: billing ends. The NodeClaim has the condition `InstanceTerminating` from now on.
    TerminateInstance,
    /// Node and NodeClaim are gone.
    Gone,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    pod: DrainPod,
    /// `metadata.deletionTimestamp`: when its grace period ends.
    deleted_by: Option<SimTime>,
    /// Next try of the eviction queue; `None` where the pod is not in it.
    retry_at: Option<SimTime>,
    retries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Draining,
    Terminating,
    Gone,
}

/// The removal of one node under way.
#[derive(Clone, Debug)]
pub struct Removal {
    deadline: Option<SimTime>,
    instance_is_gone: bool,
    look_at: SimTime,
    looked_at: Option<SimTime>,
    phase: Phase,
    pods: Vec<Waiting>,
    started_at: SimTime,
}

impl Removal {
    /// The NodeClaim is deleted at `now`, with these pods on its node that are not terminal.
    /// `termination_grace_period` is that of the NodePool; `None` waits for ever.
    #[must_use]
    pub fn new(now: SimTime, termination_grace_period: Option<SimDuration>, pods: Vec<DrainPod>) -> Self {
        let waiting = |pod| Waiting { pod, deleted_by: None, retry_at: None, retries: 0 };
        Self {
            deadline: termination_grace_period.map(|grace| now.floor_to_second() + grace),
            instance_is_gone: false,
            look_at: now,
            looked_at: None,
            phase: Phase::Draining,
            pods: pods.into_iter().map(waiting).collect(),
            started_at: now,
        }
    }

    /// The pod is being deleted, by whomever, and its grace period ends so long from now.
    pub fn pod_terminating(&mut self, now: SimTime, pod: PodId, grace: SimDuration) {
        if let Some(waiting) = self.pods.iter_mut().find(|waiting| waiting.pod.pod == pod) {
            waiting.deleted_by = Some(now.floor_to_second() + grace);
        }
    }

    /// The pod is terminal or its object is gone.
    pub fn pod_over(&mut self, now: SimTime, pod: PodId) {
        self.pods.retain(|waiting| waiting.pod.pod != pod);
        if self.phase == Phase::Draining {
            self.look_at = self.look_at.min(self.next_look(now));
        }
    }

    /// EC2 no longer knows the instance.
    pub fn instance_gone(&mut self, now: SimTime) {
        self.instance_is_gone = true;
        if self.phase == Phase::Terminating {
            let since = now.saturating_since(self.started_at).as_ms();
            self.look_at = self.started_at + INSTANCE_POLL * since.div_ceil(INSTANCE_POLL.as_ms());
        }
    }

    /// When [`Removal::wake`] has something to do.
    #[must_use]
    pub fn next_wakeup(&self) -> SimTime {
        let retry = self.pods.iter().filter_map(|waiting| waiting.retry_at).min();
        self.look_at.min(retry.unwrap_or(SimTime::NEVER))
    }

    /// Does what is due at `now`. `may_evict` says whether the eviction API accepts the pod now (PodDisruptionBudgets).
    pub fn wake(
        &mut self,
        now: SimTime,
        mut may_evict: impl FnMut(PodId) -> bool,
        out: &mut Vec<RemovalOutcome>,
    ) {
        if self.look_at <= now {
            match self.phase {
                Phase::Draining => self.look(now, &mut may_evict, out),
                Phase::Terminating => {
                    self.look_at = SimTime::NEVER;
                    if self.instance_is_gone {
                        self.phase = Phase::Gone;
                        out.push(RemovalOutcome::Gone);
                    }
                }
                Phase::Gone => self.look_at = SimTime::NEVER,
            }
        }
        for index in 0..self.pods.len() {
            if self.pods[index].retry_at.is_some_and(|at| at <= now) {
                self.try_eviction(index, now, &mut may_evict, out);
            }
        }
    }

    /// One look at the drain: queue the pods that are past the threshold and those of the first group; or go on.
    fn look(
        &mut self,
        now: SimTime,
        may_evict: &mut impl FnMut(PodId) -> bool,
        out: &mut Vec<RemovalOutcome>,
    ) {
        self.looked_at = Some(now);
        let is_awaited = |waiting: &&Waiting| {
            let is_stuck = waiting.deleted_by.is_some_and(|end| now.saturating_since(end) > STUCK_AFTER);
            !waiting.pod.stays && !is_stuck
        };
        let forced = |waiting: &Waiting| must_force(waiting, self.deadline, now);
        let group =
            self.pods.iter().filter(is_awaited).filter(|one| !forced(one)).map(|one| one.pod.group).min();
        let is_due = |one: &Waiting| is_awaited(&one) && (forced(one) || Some(one.pod.group) == group);
        let due: Vec<usize> = (0..self.pods.len()).filter(|index| is_due(&self.pods[*index])).collect();
        for &index in &due {
            if self.pods[index].retry_at.is_none() {
                self.pods[index].retries = 0;
                self.try_eviction(index, now, may_evict, out);
            }
        }
        if !due.is_empty() {
            self.look_at = self.next_change(now);
        } else if now.saturating_since(self.started_at.floor_to_second()) < MINIMUM_DRAIN {
            self.look_at = now + DRAIN_POLL;
        } else {
            self.phase = Phase::Terminating;
            self.started_at = now;
            self.look_at = SimTime::NEVER;
            out.push(RemovalOutcome::TerminateInstance);
            if self.instance_is_gone {
                self.look_at = now;
            }
        }
    }

    /// One turn of the eviction queue for a pod (core `terminator/eviction.go` `Reconcile`).
    fn try_eviction(
        &mut self,
        index: usize,
        now: SimTime,
        may_evict: &mut impl FnMut(PodId) -> bool,
        out: &mut Vec<RemovalOutcome>,
    ) {
        let deadline = self.deadline;
        let waiting = &mut self.pods[index];
        let pod = waiting.pod;
        waiting.retry_at = None;
        if let Some(deadline) = deadline.filter(|_| must_force(waiting, deadline, now)) {
            let seconds = (deadline.saturating_since(now).as_ms() / 1000).max(1);
            let grace = SimDuration::from_secs(seconds);
            waiting.deleted_by = Some(now.floor_to_second() + grace);
            out.push(RemovalOutcome::ForceDelete(pod.pod, grace));
        } else if waiting.deleted_by.is_some() {
            // Nothing left to do but to wait.
        } else if !pod.do_not_disrupt.is_active(pod.started_at, now) && may_evict(pod.pod) {
            waiting.deleted_by = Some(now.floor_to_second() + pod.grace);
            out.push(RemovalOutcome::Evict(pod.pod));
        } else {
            waiting.retry_at = retry(waiting, deadline, now);
        }
    }

    /// The first look at or after `now` that has not been made.
    fn next_look(&self, now: SimTime) -> SimTime {
        let since = now.saturating_since(self.started_at).as_ms();
        let at = self.started_at + DRAIN_POLL * since.div_ceil(DRAIN_POLL.as_ms());
        if Some(at) == self.looked_at { at + DRAIN_POLL } else { at }
    }

    /// The next look that can bring something new by time alone: looks in between would only find what this one found.
    fn next_change(&self, now: SimTime) -> SimTime {
        let by_time = |waiting: &Waiting| {
            if must_force(waiting, self.deadline, now) {
                return now + SimDuration::from_ms(1);
            }
            let threshold = match (waiting.deleted_by, self.deadline) {
                (None, Some(deadline)) => threshold(waiting, deadline),
                (Some(end), _) => end + STUCK_AFTER,
                (None, None) => return SimTime::NEVER,
            };
            if threshold < now { SimTime::NEVER } else { threshold + SimDuration::from_ms(1) }
        };
        let at = self.pods.iter().map(by_time).min().unwrap_or(SimTime::NEVER);
        if at == SimTime::NEVER { at } else { self.next_look(at) }
    }
}

/// Until when a pod may still be evicted in peace; after that its grace period would outlast the deadline.
fn threshold(waiting: &Waiting, deadline: SimTime) -> SimTime {
    SimTime::from_ms(deadline.as_ms().saturating_sub(waiting.pod.grace.as_ms()))
}

fn must_force(waiting: &Waiting, deadline: Option<SimTime>, now: SimTime) -> bool {
    deadline.is_some_and(|deadline| match waiting.deleted_by {
        Some(end) => end > deadline,
        None => now > threshold(waiting, deadline),
    })
}

/// When a refused eviction is tried again: in the back-off's rhythm, without the tries that cannot succeed because the pod
/// protects itself for good and its threshold has not come. Never, where it will not come.
fn retry(waiting: &mut Waiting, deadline: Option<SimTime>, now: SimTime) -> Option<SimTime> {
    let useless_until = match (waiting.pod.do_not_disrupt, deadline) {
        (DoNotDisrupt::Always, Some(deadline)) => threshold(waiting, deadline),
        (DoNotDisrupt::Always, None) => return Some(SimTime::NEVER),
        _ => now,
    };
    let mut at = now;
    loop {
        at += (EVICTION_RETRY_FIRST * (1 << waiting.retries.min(10))).min(EVICTION_RETRY_MAX);
        waiting.retries += 1;
        if at > useless_until {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_node_is_terminated_five_seconds_after_its_deletion() {
        let mut removal = Removal::new(SimTime::from_ms(67), None, Vec::new());
        let mut out = Vec::new();
        while out.is_empty() {
            removal.wake(removal.next_wakeup(), |_| true, &mut out);
        }
        assert_eq!(out, [RemovalOutcome::TerminateInstance]);
        assert_eq!(removal.next_wakeup(), SimTime::NEVER);
        removal.instance_gone(SimTime::from_ms(35_067));
        assert_eq!(removal.next_wakeup(), SimTime::from_ms(35_067));
    }

    #[test]
    fn a_protected_pod_holds_the_drain_without_waking_anybody() {
        let pod = DrainPod {
            pod: PodId(1),
            group: DrainGroup::Plain,
            grace: SimDuration::from_secs(30),
            do_not_disrupt: DoNotDisrupt::Always,
            started_at: None,
            stays: false,
        };
        let mut removal = Removal::new(SimTime::ZERO, None, vec![pod]);
        let mut out = Vec::new();
        removal.wake(SimTime::ZERO, |_| true, &mut out);
        assert_eq!((out.len(), removal.next_wakeup()), (0, SimTime::NEVER));
        removal.pod_over(SimTime::from_ms(9_100), PodId(1));
        assert_eq!(removal.next_wakeup(), SimTime::from_ms(10_000));
    }
}
