//! Retries that cannot help: requests became free, but not enough for any pod that waits. Not the retries that may.
//!
//! kube-scheduler takes up every pod that `NodeResourcesFit` refused when some pod is deleted, wherever that was
//! (`fit.go` `isSchedulableAfterPodEvent`), and almost always refuses it again in the same words. Which shapes that is true of
//! follows from the few nodes that changed, so it is found out before any pod is taken out of the queue.

use super::scheduler::{Scheduler, is_live};
use super::score::reason;
use crate::units::SimTime;

impl Scheduler {
    /// Whether all pods that wait for free requests would fail once more with the message they have; then they count as tried
    /// again at `now`. Says no where the order of trials could matter: with other pods in the queue, or preemption.
    pub(super) fn would_all_fail_again(&mut self, now: SimTime) -> bool {
        if self.pending.has_work() || self.held_up_until > now || self.priorities.len() > 1 {
            return false;
        }
        self.pending.forget_idle(now);
        for index in 0..self.pending.waiting().len() {
            let shape = self.pending.waiting()[index];
            if self.pending.waits_for(shape, reason::FIT)
                && !self
                    .cluster
                    .refusal(shape as usize)
                    .is_some_and(|message| self.pending.all_know(shape, message))
            {
                return false;
            }
        }
        for index in 0..self.pending.waiting().len() {
            let shape = self.pending.waiting()[index];
            if self.pending.waits_for(shape, reason::FIT) {
                let rejectors = self.cluster.rows[shape as usize].rejectors();
                let pods = &self.pods;
                if let Some(first) =
                    self.pending.failed_again(now, shape, rejectors, |entry| is_live(pods, entry))
                {
                    let pod = &mut self.pods[first.0 as usize];
                    pod.attempts = pod.attempts.saturating_add(1);
                    self.spared += 1;
                }
            }
        }
        true
    }
}
