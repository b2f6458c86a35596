//! Polls in vain are arithmetic: while no offer of a manager can bring a job, its ticks come `step` apart, and what they
//! leave behind (phase, entry in turn, request numbers, the adaptive request concurrency) follows from their number.

use crate::gitlab::manager::{DueKind, Entry, Manager};
use crate::gitlab::server::Server;
use crate::gitlab::token::Asked;
use crate::units::SimTime;

/// Fewer ticks than this are simulated one by one.
const WORTH_SKIPPING: u64 = 3;

impl Manager {
    /// The earliest time at which the manager may do something that shows, as far as is known now: take or interrupt a
    /// job. Ticks are never less than `step` apart, and what else can let an offer bring a job is due or comes with a
    /// change of the queue.
    pub(super) fn next_wakeup(&self, server: &Server) -> SimTime {
        let due_at = self.due.peek().map_or(SimTime::NEVER, |due| due.0.at);
        if server.has_faults() {
            // Faults are numbered by the attempts of all managers, so no attempt may be late.
            return due_at.min(self.tick_at);
        }
        if self.entries.iter().all(|entry| server.queue.is_empty_for(entry.runner)) {
            return self.config.stop.filter(|_| !self.is_stopping).map_or(SimTime::NEVER, |stop| stop.at);
        }
        due_at.min(self.barren_ticks(server).map_or(SimTime::NEVER, |ticks| self.tick_at + self.step * ticks))
    }

    /// Skips ticks that would only poll in vain, together with their answers, where all of them end before anything
    /// else is due and before `until`. Returns whether there were any.
    pub(super) fn skip(&mut self, until: SimTime, server: &Server) -> bool {
        let longest = server.config.request_rtt.longest();
        if self.tick_at + longest + self.step * WORTH_SKIPPING >= until || !self.is_regular(server) {
            return false;
        }
        let Some(bound) = self.answers_in_vain_before(until, server) else { return false };
        // The last tick t that is skipped has t + longest < bound.
        let room = bound.as_ms().saturating_sub(self.tick_at.as_ms() + longest.as_ms());
        let ticks = room.div_ceil(self.step.as_ms()).min(self.barren_ticks(server).unwrap_or(u64::MAX));
        if ticks < WORTH_SKIPPING {
            return false;
        }
        self.settle_answers();
        self.poll_in_vain(ticks);
        self.tick_at += self.step * ticks;
        self.position = ((self.position as u64 + ticks) % self.entries.len() as u64) as usize;
        true
    }

    /// Whether ticks come `step` apart whatever the answers bring, and requests of one token never meet.
    fn is_regular(&self, server: &Server) -> bool {
        let longest = server.config.request_rtt.longest().as_ms();
        let overlapping = longest.div_ceil(self.step.as_ms()).max(1);
        self.updating == 0
            && self.leaving == 0
            && self.tick_at < SimTime::NEVER
            && u64::from(self.idle + self.asking) >= overlapping
            && longest <= self.step.as_ms() * self.entries.len() as u64
            && self.tokens.len() == self.entries.len()
            && !server.is_long_polling()
            && !server.has_faults()
    }

    /// How many ticks pass before an entry is offered that may bring a job; `None` where there is no such entry.
    fn barren_ticks(&self, server: &Server) -> Option<u64> {
        let in_turn = self.entries[self.position..].iter().chain(&self.entries[..self.position]);
        in_turn
            .zip(0..)
            .find(|(entry, _)| !server.queue.is_empty_for(entry.runner) && !self.is_full_of_jobs(entry))
            .map(|(_, ticks)| ticks)
    }

    /// Whether the entry's limit is used up by jobs alone. At the entry's own tick no request of it is in flight.
    fn is_full_of_jobs(&self, entry: &Entry) -> bool {
        let token = &self.tokens[entry.token];
        entry.config.limit > 0 && token.builds - token.requests >= entry.config.limit
    }

    /// The time before which nothing but answers in vain is due, at most `until`; `None` where an answer may bring a job
    /// or comes too late.
    fn answers_in_vain_before(&self, until: SimTime, server: &Server) -> Option<SimTime> {
        let others = self.due.iter().filter(|due| due.0.kind != DueKind::Answer);
        let bound = others.map(|due| due.0.at).min().map_or(until, |at| at.min(until));
        let is_in_vain =
            |work: u32| server.queue.is_empty_for(self.entries[self.works[work as usize].entry].runner);
        let mut answers = self.due.iter().filter(|due| due.0.kind == DueKind::Answer);
        answers.all(|due| due.0.at < bound && is_in_vain(due.0.work)).then_some(bound)
    }

    /// The requests in flight end in vain.
    fn settle_answers(&mut self) {
        let mut due = std::mem::take(&mut self.due);
        due.retain(|due| {
            let is_answer = due.0.kind == DueKind::Answer;
            if is_answer {
                self.settle(due.0.work);
                self.idle += 1;
            }
            !is_answer
        });
        self.due = due;
    }

    /// Every entry asks in vain at its share of the next `ticks` ticks.
    fn poll_in_vain(&mut self, ticks: u64) {
        let entries = self.entries.len() as u64;
        for (number, entry) in (0..).zip(&self.entries) {
            let turn = (number + entries - self.position as u64) % entries;
            let polls = ticks / entries + u64::from(turn < ticks % entries);
            let token = &mut self.tokens[entry.token];
            if polls == 0 || token.is_full(&entry.config) {
                continue;
            }
            self.sequence += polls;
            for _ in 0..polls {
                token.adapt(Asked::InVain, &entry.config);
                if token.adaptive <= 1.0 {
                    break; // It stays there.
                }
            }
        }
    }
}
