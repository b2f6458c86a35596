//! One runner manager process: workers, feed loop, counters per token. The event logic is that of GitLab Runner 19.4 as
//! recorded (`commands/multi.go`, `commands/builds_helper.go`); polls in vain are skipped by `idle`.
//!
//! A worker is idle, or busy with one `Work`: asking for a job, telling GitLab that it runs, running it, or reporting
//! its end. The feed loop offers the entries one after the other, `check_interval / entries` apart; while no worker is
//! idle it stands still with one entry in hand. A `Work` ends when its worker becomes idle again.

use crate::gitlab::config::{CHECK_INTERVAL, EntryConfig, ManagerConfig, Signal};
use crate::gitlab::feed::Outcome;
use crate::gitlab::plan::{Due, DueKind, Plan};
use crate::gitlab::process::{self, WORK_BITS};
use crate::gitlab::queue::Taken;
use crate::gitlab::server::Server;
use crate::gitlab::token::{Asked, Token};
use crate::units::{SimDuration, SimTime};

/// One runner manager.
#[derive(Clone, Debug)]
pub(super) struct Manager {
    pub(super) number: u32,
    pub(super) entries: Vec<Entry>,
    pub(super) tokens: Vec<Token>,
    /// Idle workers.
    pub(super) idle: u32,
    /// Workers that leave the process when they become idle.
    pub(super) leaving: u32,
    /// The entry that the feed loop offers next.
    pub(super) position: usize,
    /// When it does; never while the loop is blocked or the process is not running.
    pub(super) tick_at: SimTime,
    /// Time between two offers.
    pub(super) step: SimDuration,
    /// Whether the loop stands still because no worker is idle.
    pub(super) is_blocked: bool,
    pub(super) is_stopping: bool,
    pub(super) due: Plan,
    pub(super) works: Vec<Work>,
    pub(super) free_works: Vec<u32>,
    /// Works that wait for an answer.
    pub(super) asking: u32,
    /// Works whose update "running" is under way.
    pub(super) updating: u32,
    /// Number of the next request.
    pub(super) sequence: u64,
    /// When the process last went from no idle worker to one because a job ended.
    pub(super) idle_since: SimTime,
    pub(super) concurrent: u32,
    pub(super) config: ManagerConfig,
    /// Own events worked off so far.
    pub(super) handled: u64,
}

/// One `[[runners]]` entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) token: usize,
    pub(super) runner: u32,
    pub(super) config: EntryConfig,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) entry: u32,
    pub(super) state: WorkState,
    pub(super) sequence: u64,
    pub(super) requested_at: SimTime,
    pub(super) tries: u8,
    /// Index of the fault that the attempt meets.
    pub(super) fault: Option<u32>,
    pub(super) taken: Option<Taken>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkState {
    Free,
    Asking,
    Held,
    Updating,
    Running,
    Ending,
}

impl Manager {
    /// The process `number`, before its start.
    pub(super) fn new(number: u32, config: &ManagerConfig) -> Self {
        assert!(config.concurrent > 0, "`concurrent` is at least 1");
        assert!(!config.entries.is_empty(), "a manager has at least one entry");
        let mut runners: Vec<u32> = Vec::new();
        let entries: Vec<Entry> = config
            .entries
            .iter()
            .map(|entry| {
                let known = runners.iter().position(|runner| *runner == entry.runner);
                let token = known.unwrap_or_else(|| {
                    runners.push(entry.runner);
                    runners.len() - 1
                });
                Entry { token, runner: entry.runner, config: entry.clone() }
            })
            .collect();
        let interval =
            if config.check_interval == SimDuration::ZERO { CHECK_INTERVAL } else { config.check_interval };
        let tokens = (0..runners.len()).map(|token| Token::new(token, &entries, config.start_at)).collect();
        let mut manager = Self {
            number,
            step: SimDuration::from_ms((interval.as_ms() / entries.len() as u64).max(1)),
            tokens,
            idle: config.concurrent,
            leaving: 0,
            position: 0,
            tick_at: config.start_at,
            is_blocked: false,
            is_stopping: false,
            due: Plan::default(),
            works: Vec::new(),
            free_works: Vec::new(),
            asking: 0,
            updating: 0,
            sequence: 0,
            idle_since: config.start_at,
            concurrent: config.concurrent,
            entries,
            config: config.clone(),
            handled: 0,
        };
        process::plan(&mut manager);
        manager
    }

    /// Does everything due before `until`.
    pub(super) fn advance(&mut self, until: SimTime, server: &mut Server, out: &mut Vec<Outcome>) {
        loop {
            let first = self.due.first();
            let due_at = first.map_or(SimTime::NEVER, |due| due.at);
            if due_at.min(self.tick_at) >= until {
                return;
            }
            self.handled += 1;
            if let Some(due) = first.filter(|due| due.at <= self.tick_at) {
                self.due.remove_first(due);
                self.handle(due, server, out);
            } else if !self.skip(until, server) {
                self.tick(self.tick_at, server);
            }
        }
    }

    /// The feed loop offers its entry (rules 1 and 2).
    fn tick(&mut self, now: SimTime, server: &mut Server) {
        let entry = &self.entries[self.position];
        if self.tokens[entry.token].is_disabled(now, &entry.config) {
            self.step_on(now);
        } else if self.idle == 0 {
            self.is_blocked = true;
            self.tick_at = SimTime::NEVER;
        } else {
            self.idle -= 1;
            self.hand_over(now, server);
        }
    }

    fn step_on(&mut self, now: SimTime) -> usize {
        let entry = self.position;
        self.position = if entry + 1 == self.entries.len() { 0 } else { entry + 1 };
        self.tick_at = now + self.step;
        entry
    }

    fn hand_over(&mut self, now: SimTime, server: &mut Server) {
        let entry = self.step_on(now);
        self.offer(now, entry, server);
    }

    /// A busy worker is offered an entry (rule 4).
    pub(super) fn offer(&mut self, now: SimTime, entry: usize, server: &mut Server) {
        let of = &self.entries[entry];
        if !self.tokens[of.token].try_acquire(&of.config) {
            return self.worker_idle(now, server);
        }
        let sequence = self.sequence;
        self.sequence += 1;
        self.asking += 1;
        let work = Work {
            entry: entry as u32,
            state: WorkState::Asking,
            sequence,
            requested_at: now,
            tries: 0,
            fault: None,
            taken: None,
        };
        let index = self.free_works.pop().unwrap_or(self.works.len() as u32);
        if index as usize == self.works.len() {
            assert!(index < 1 << WORK_BITS, "a manager has at most 2^20 slots");
            self.works.push(work);
        } else {
            self.works[index as usize] = work;
        }
        self.send(now, index, server);
    }

    pub(super) fn push(&mut self, at: SimTime, kind: DueKind, work: u32) {
        let sequence = self.works[work as usize].sequence;
        self.due.push(Due { at, kind, work, sequence });
    }

    fn handle(&mut self, due: Due, server: &mut Server, out: &mut Vec<Outcome>) {
        match due.kind {
            DueKind::Reload => process::reload(self, due, server),
            DueKind::Stop => process::stop(self, due.at, server, out),
            DueKind::Freed => self.freed(due.at, due.work, server),
            _ if self.is_stale(&due) => {}
            DueKind::Answer => self.answered(due.at, due.work, server, out),
            DueKind::HoldOver => self.hold_over(due.at, due.work, server),
            DueKind::Retry => self.send(due.at, due.work, server),
            DueKind::Running => self.running(due.at, due.work, server),
        }
    }

    /// Whether the work that something was due for has moved on since.
    pub(super) fn is_stale(&self, due: &Due) -> bool {
        let work = &self.works[due.work as usize];
        let expected = match due.kind {
            DueKind::HoldOver => WorkState::Held,
            DueKind::Running => WorkState::Updating,
            _ => WorkState::Asking,
        };
        work.sequence != due.sequence || work.state != expected
    }

    /// Whether the update "running" of work `index` is not known to be answered.
    pub(super) fn is_updating(&self, index: u32) -> bool {
        self.works[index as usize].state == WorkState::Updating
    }

    /// The job of work `index` has ended; returns when its slot is free (rule 9).
    pub(super) fn finish(&mut self, now: SimTime, index: u32, server: &mut Server) -> SimTime {
        let work = &mut self.works[index as usize];
        let is_running = matches!(work.state, WorkState::Updating | WorkState::Running);
        let taken = work.taken.take().filter(|_| is_running).expect("only a slot with a job is finished");
        server.queue.ended(taken);
        if work.state == WorkState::Updating {
            // The job was taken away before it ran.
            let entry = &self.entries[work.entry as usize];
            self.tokens[entry.token].release_request(Asked::GotJob, &entry.config);
            self.updating -= 1;
        }
        let work = &mut self.works[index as usize];
        work.state = WorkState::Ending;
        let free_at = now + server.final_update(self.number, work.sequence);
        self.push(free_at, DueKind::Freed, index);
        free_at
    }

    /// The final update was answered (rule 9).
    fn freed(&mut self, now: SimTime, index: u32, server: &mut Server) {
        let work = &mut self.works[index as usize];
        work.state = WorkState::Free;
        let token = self.entries[work.entry as usize].token;
        self.free_works.push(index);
        self.tokens[token].release_build(now);
        if self.idle == 0 {
            self.idle_since = now;
        }
        self.worker_idle(now, server);
    }

    /// A worker has nothing to do any more (rules 3 and 10).
    pub(super) fn worker_idle(&mut self, now: SimTime, server: &mut Server) {
        if self.leaving > 0 {
            // Where the loop is blocked too, the real worker does either, at random.
            self.leaving -= 1;
        } else if self.is_blocked {
            self.is_blocked = false;
            self.hand_over(now, server);
        } else {
            self.idle += 1;
        }
    }

    /// The loop ends: nothing is offered any more.
    pub(super) fn stop_feeding(&mut self) {
        self.is_stopping = true;
        self.is_blocked = false;
        self.tick_at = SimTime::NEVER;
    }

    /// The job of work `index` is taken away from it.
    pub(super) fn interrupt(&mut self, index: u32) -> Option<u32> {
        self.works[index as usize].taken.map(|taken| taken.job)
    }

    pub(super) fn signal(&self) -> Option<Signal> {
        self.config.stop.map(|stop| stop.signal)
    }
}
