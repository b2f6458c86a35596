//! A request for a job on the manager's side: from the first attempt to the update "running", or to nothing (rules 6
//! to 8).

use crate::gitlab::config::{Fault, LongPollRelease};
use crate::gitlab::feed::{Outcome, Pick, Slot};
use crate::gitlab::manager::{Manager, WorkState};
use crate::gitlab::plan::{Due, DueKind};
use crate::gitlab::process::WORK_BITS;
use crate::gitlab::server::{MAX_ATTEMPTS, Reception, Server, Trip, is_retriable};
use crate::gitlab::token::Asked;
use crate::units::SimTime;

impl Manager {
    /// An attempt is sent.
    pub(super) fn send(&mut self, now: SimTime, index: u32, server: &mut Server) {
        let work = &mut self.works[index as usize];
        work.tries += 1;
        work.state = WorkState::Asking;
        let entry = &self.entries[work.entry as usize];
        let sequence = work.sequence;
        let request = server.round_trip(Trip::Request, self.number, sequence);
        let (kind, after) = match server.receive(entry.runner, self.tokens[entry.token].last_update) {
            Reception::Regular => (DueKind::Answer, request),
            Reception::Fault(fault) => {
                work.fault = Some(fault);
                (DueKind::Answer, request)
            }
            Reception::Held => {
                work.state = WorkState::Held;
                (DueKind::HoldOver, server.config.long_poll)
            }
        };
        self.push(now + after, kind, index);
    }

    pub(super) fn answered(&mut self, now: SimTime, index: u32, server: &mut Server, out: &mut Vec<Outcome>) {
        let work = self.works[index as usize];
        if let Some(fault) = work.fault {
            let fault = server.config.faults[fault as usize];
            return self.refused(now, index, &fault, server);
        }
        let entry = &self.entries[work.entry as usize];
        let is_conflict =
            !server.queue.is_empty_for(entry.runner) && server.is_conflict(self.number, work.sequence);
        if is_conflict {
            // 409: healthy, without a job and without a new version of the queue.
            return self.no_job(now, index, server);
        }
        let Some(taken) = server.queue.take(entry.runner) else {
            self.tokens[entry.token].last_update = Some(server.version(entry.runner));
            return self.no_job(now, index, server);
        };
        let run_at = now + server.round_trip(Trip::Running, self.number, work.sequence);
        out.push(Outcome::Picked(Pick {
            job: taken.job,
            manager: self.number,
            entry: work.entry,
            slot: Slot(self.number << WORK_BITS | index),
            slot_since: self.idle_since.max(self.tokens[entry.token].room_since),
            requested_at: work.requested_at,
            at: now,
            run_at,
        }));
        self.tokens[entry.token].mark_healthy(now);
        self.asking -= 1;
        self.updating += 1;
        let work = &mut self.works[index as usize];
        work.state = WorkState::Updating;
        work.taken = Some(taken);
        self.push(run_at, DueKind::Running, index);
    }

    /// Another status than 201 or 204 (rules 7 and 8).
    fn refused(&mut self, now: SimTime, index: u32, fault: &Fault, server: &mut Server) {
        let work = &mut self.works[index as usize];
        work.fault = None;
        if is_retriable(fault.status) && work.tries < MAX_ATTEMPTS {
            let pause = server.backoff(fault, work.tries, self.number, work.sequence);
            return self.push(now + pause, DueKind::Retry, index);
        }
        let token = self.entries[work.entry as usize].token;
        if fault.status == 403 {
            self.tokens[token].failures += 1;
            self.give_back(now, index, server);
        } else {
            self.no_job(now, index, server);
        }
    }

    /// A request ended without a job (rule 6).
    fn no_job(&mut self, now: SimTime, index: u32, server: &mut Server) {
        let token = self.entries[self.works[index as usize].entry as usize].token;
        self.tokens[token].mark_healthy(now);
        self.give_back(now, index, server);
    }

    fn give_back(&mut self, now: SimTime, index: u32, server: &mut Server) {
        self.settle(index);
        self.worker_idle(now, server);
    }

    /// The book-keeping of a request that ended without a job, the worker aside.
    pub(super) fn settle(&mut self, index: u32) {
        let work = &mut self.works[index as usize];
        work.state = WorkState::Free;
        let entry = &self.entries[work.entry as usize];
        let asked = if work.tries > 1 { Asked::Retried } else { Asked::InVain };
        let token = &mut self.tokens[entry.token];
        token.release_request(asked, &entry.config);
        token.builds -= 1;
        self.asking -= 1;
        self.free_works.push(index);
    }

    pub(super) fn hold_over(&mut self, now: SimTime, index: u32, server: &mut Server) {
        let work = &mut self.works[index as usize];
        let runner = self.entries[work.entry as usize].runner;
        let token = &self.tokens[self.entries[work.entry as usize].token];
        let is_changed = token.last_update != Some(server.version(runner));
        if is_changed && server.config.long_poll_release == LongPollRelease::Proxy {
            work.state = WorkState::Asking;
            let after = server.round_trip(Trip::Request, self.number, work.sequence);
            return self.push(now + after, DueKind::Answer, index);
        }
        self.no_job(now, index, server);
    }

    /// The queues of `runners` have changed: their held requests are released at `now`.
    pub(super) fn release_held(&mut self, now: SimTime, runners: &[u32]) {
        let is_released = |due: &Due| {
            let entry = self.works[due.work as usize].entry as usize;
            due.kind == DueKind::HoldOver
                && !self.is_stale(due)
                && runners.contains(&self.entries[entry].runner)
        };
        let released: Vec<u32> = self.due.iter().filter(is_released).map(|due| due.work).collect();
        for work in released {
            self.push(now, DueKind::HoldOver, work);
        }
    }

    /// The update "running" was answered (rule 6).
    pub(super) fn running(&mut self, now: SimTime, index: u32, server: &mut Server) {
        let work = &mut self.works[index as usize];
        work.state = WorkState::Running;
        let (number, asked) =
            (work.entry as usize, if work.tries > 1 { Asked::Retried } else { Asked::GotJob });
        let entry = &self.entries[number];
        self.tokens[entry.token].release_request(asked, &entry.config);
        self.updating -= 1;
        if !entry.config.strict_check_interval && self.idle > 0 && !self.is_stopping {
            self.idle -= 1;
            self.offer(now, number, server);
        }
    }
}
