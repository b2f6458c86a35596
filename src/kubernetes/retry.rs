//! Retries that cannot help: requests became free, but not enough for any pod that waits. Not the retries that may.
//!
//! kube-scheduler takes up every pod that `NodeResourcesFit` refused when some pod is deleted, wherever that was
//! (`fit.go` `isSchedulableAfterPodEvent`), and almost always refuses it again in the same words. Which shapes that is true of
//! follows from the few nodes that changed, so it is found out before any pod is taken out of the queue.

use super::pending::{BATCHES_APART, Pending};
use super::scheduler::Scheduler;
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
                    .is_some_and(|message| self.pending.all_know(shape, reason::FIT, message))
            {
                return false;
            }
        }
        let rows = &self.cluster.rows;
        self.retries_in_vain +=
            self.pending.fail_again(now, reason::FIT, |shape| rows[shape as usize].rejectors());
        true
    }
}

impl Pending {
    /// Forgets shapes none of whose failed pods is left.
    fn forget_idle(&mut self, now: SimTime) {
        self.move_where(now, |_| false);
    }

    /// Shapes with failed pods; some may have gone meanwhile.
    fn waiting(&self) -> &[u32] {
        &self.waiting
    }

    /// The batches of `shape` that an event moves which helps against one of the `reasons`.
    fn moved_by(&self, shape: u32, reasons: u8) -> impl Iterator<Item = u32> {
        let failed = &self.shapes[shape as usize].failed;
        failed.iter().copied().filter(move |id| self.batches[*id as usize].rejectors & reasons != 0)
    }

    /// Whether an event that helps against one of the `reasons` moves failed pods of `shape`.
    fn waits_for(&self, shape: u32, reasons: u8) -> bool {
        self.moved_by(shape, reasons).next().is_some()
    }

    /// Whether all of them have this message already.
    fn all_know(&self, shape: u32, reasons: u8, message: u64) -> bool {
        self.moved_by(shape, reasons).all(|id| self.batches[id as usize].message == message)
    }

    /// All pods that an event moves which helps against one of the `reasons` were tried again, in vain and with
    /// nothing new to tell; `rejectors` says for each shape why. Returns how many batches they are.
    fn fail_again(&mut self, now: SimTime, reasons: u8, rejectors: impl Fn(u32) -> u8) -> u64 {
        let mut tried = std::mem::take(&mut self.tried);
        for shape in &self.waiting {
            let moved = self.moved_by(*shape, reasons);
            tried.extend(moved.map(|id| (self.key(now, &self.batches[id as usize]), id)));
        }
        tried.sort_unstable();
        let count = tried.len() as u64;
        for (_, id) in tried.drain(..) {
            let order = self.count();
            let batch = &mut self.batches[id as usize];
            let shape = batch.shape as usize;
            batch.rejectors = rejectors(batch.shape);
            batch.failures = batch.failures.and(batch.rejectors);
            batch.failed_at = now;
            batch.order = order;
            let due = batch.due();
            self.timer = Some(self.timer.map_or(due, |timer| timer.min(due)));
            self.put_last(shape, id);
            if self.shapes[shape].failed.len() > BATCHES_APART {
                self.join_last(shape);
            }
        }
        self.tried = tried;
        count
    }
}
