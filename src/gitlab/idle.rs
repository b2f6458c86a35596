//! Polls in vain are arithmetic: while no offer of a manager can bring a job, its ticks come `step` apart, and what they
//! leave behind (phase, entry in turn, request numbers, the adaptive request concurrency) follows from their number.

use crate::gitlab::manager::{Entry, Manager};
use crate::gitlab::plan::{Due, DueKind};
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
        if server.has_faults() {
            // Faults are numbered by the attempts of all managers, so no attempt may be late.
            return self.due.first().map_or(SimTime::NEVER, |due| due.at).min(self.tick_at);
        }
        if server.queue.len() == 0 || self.entries.iter().all(|entry| server.queue.is_empty_for(entry.runner))
        {
            return self.config.stop.filter(|_| !self.is_stopping).map_or(SimTime::NEVER, |stop| stop.at);
        }
        let tick_at =
            self.barren_ticks(server).map_or(SimTime::NEVER, |ticks| self.tick_at + self.step * ticks);
        let Some(first) = self.due.first().filter(|first| first.at < tick_at) else { return tick_at };
        if self.may_tell(&first, server) {
            return first.at;
        }
        let telling = self.due.iter().filter(|due| self.may_tell(due, server)).map(|due| due.at);
        telling.min().map_or(tick_at, |due_at| due_at.min(tick_at))
    }

    /// Whether something due can bring a job by itself or before the tick that is expected to.
    fn may_tell(&self, due: &Due, server: &Server) -> bool {
        if self.is_blocked {
            // Any worker that becomes idle takes the entry in hand.
            return true;
        }
        let entry = || &self.entries[self.works[due.work as usize].entry as usize];
        match due.kind {
            // Another idle worker makes no tick earlier, but room below a limit makes its entry's tick one that counts.
            DueKind::Freed => self.tokens[entry().token].has_limit(),
            DueKind::Answer | DueKind::Running => !server.queue.is_empty_for(entry().runner),
            DueKind::HoldOver | DueKind::Retry | DueKind::Reload | DueKind::Stop => true,
        }
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
            && u64::from(self.idle) >= overlapping
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

    /// The time before which nothing but answers in vain is due, at most `until`; `None` where an answer may bring a job,
    /// comes too late, or comes after its entry's next turn (which it would turn away: it belongs to no tick).
    fn answers_in_vain_before(&self, until: SimTime, server: &Server) -> Option<SimTime> {
        let others = self.due.iter().filter(|due| due.kind != DueKind::Answer);
        let bound = others.map(|due| due.at).min().map_or(until, |at| at.min(until));
        let is_harmless = |due: &Due| {
            let entry = self.works[due.work as usize].entry as usize;
            let turn_at = self.tick_at + self.step * self.turn_of(entry);
            due.at < bound && due.at <= turn_at && server.queue.is_empty_for(self.entries[entry].runner)
        };
        let mut answers = self.due.iter().filter(|due| due.kind == DueKind::Answer);
        answers.all(|due| is_harmless(&due)).then_some(bound)
    }

    /// How many ticks pass before the entry is offered.
    fn turn_of(&self, entry: usize) -> u64 {
        let entries = self.entries.len();
        ((entry + entries - self.position) % entries) as u64
    }

    /// The requests in flight end in vain.
    fn settle_answers(&mut self) {
        let mut due = std::mem::take(&mut self.due);
        due.take_answers(|due| {
            self.settle(due.work);
            self.idle += 1;
        });
        self.due = due;
    }

    /// Every entry asks in vain at its share of the next `ticks` ticks.
    fn poll_in_vain(&mut self, ticks: u64) {
        let entries = self.entries.len() as u64;
        for number in 0..self.entries.len() {
            let turn = self.turn_of(number);
            let entry = &self.entries[number];
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitlab::server::Trip;
    use crate::gitlab::{
        EntryConfig, Gitlab, GitlabConfig, ManagerConfig, Outcome, QueuedJob, RoundTrip, RunnerConfig,
        RunnerScope, Slot,
    };
    use crate::units::SimDuration;
    use proptest::prelude::*;

    /// One job: released this long after the one before, for the runner with this tag (or for all), and its length.
    type JobPlan = (u64, Option<u32>, u64);
    /// (job, manager, entry, requested at, picked at, runs at)
    type Picked = (u32, u32, u32, u64, u64, u64);

    /// The event-by-event machine: every tick and every poll is simulated, jobs are found by looking at all of them.
    struct Plain {
        config: GitlabConfig,
        server: Server,
        managers: Vec<PlainManager>,
        pending: Vec<(u32, Option<u32>)>,
        picks: Vec<Picked>,
    }

    #[derive(Default)]
    struct PlainManager {
        idle: u32,
        is_blocked: bool,
        position: usize,
        tick_at: Option<u64>,
        works: Vec<PlainWork>,
        /// Per runner: builds, requests, adaptive concurrency.
        counters: Vec<(u32, u32, f64)>,
    }

    struct PlainWork {
        entry: usize,
        job: Option<u32>,
        requested_at: u64,
        /// What comes next (0: freed, 1: answer, 2: running answered) and when.
        next: Option<(u64, u8)>,
    }

    impl Plain {
        fn new(config: &GitlabConfig) -> Self {
            let manager = |of: &ManagerConfig| PlainManager {
                idle: of.concurrent,
                tick_at: Some(of.start_at.as_ms()),
                counters: vec![(0, 0, 0.0); config.runners.len()],
                ..PlainManager::default()
            };
            Self {
                config: config.clone(),
                server: Server::new(config),
                managers: config.managers.iter().map(manager).collect(),
                pending: Vec::new(),
                picks: Vec::new(),
            }
        }

        fn next_at(&self) -> u64 {
            let of = |manager: &PlainManager| {
                let works = manager.works.iter().filter_map(|work| work.next).map(|next| next.0);
                works.chain(manager.tick_at).min().unwrap_or(u64::MAX)
            };
            self.managers.iter().map(of).min().unwrap_or(u64::MAX)
        }

        fn wake(&mut self, now: u64) {
            for m in 0..self.managers.len() {
                loop {
                    let works = self.managers[m].works.iter().enumerate();
                    let due = works.filter(|work| work.1.next.is_some_and(|next| next.0 <= now));
                    if let Some((number, kind)) = due
                        .map(|(number, work)| (number, work.next.unwrap_or_default().1))
                        .min_by_key(|due| (due.1, due.0))
                    {
                        self.managers[m].works[number].next = None;
                        self.handle(now, m, number, kind);
                    } else if self.managers[m].tick_at.is_some_and(|at| at <= now) {
                        if self.managers[m].idle > 0 {
                            self.managers[m].idle -= 1;
                            self.hand_over(now, m);
                        } else {
                            self.managers[m].is_blocked = true;
                            self.managers[m].tick_at = None;
                        }
                    } else {
                        break;
                    }
                }
            }
        }

        fn entry(&self, m: usize, entry: usize) -> &EntryConfig {
            &self.config.managers[m].entries[entry]
        }

        fn hand_over(&mut self, now: u64, m: usize) {
            let of = &self.config.managers[m];
            let manager = &mut self.managers[m];
            let entry = manager.position;
            manager.position = (entry + 1) % of.entries.len();
            manager.tick_at = Some(now + of.check_interval.as_ms() / of.entries.len() as u64);
            self.offer(now, m, entry);
        }

        fn offer(&mut self, now: u64, m: usize, entry: usize) {
            let of = self.entry(m, entry).clone();
            let (builds, requests, adaptive) = self.managers[m].counters[of.runner as usize];
            let most = of.request_concurrency.max(1);
            let effective = if of.adaptive { most.min((adaptive.ceil() as u32).max(1)) } else { most };
            if (of.limit > 0 && builds >= of.limit) || requests >= effective {
                return self.worker_idle(now, m);
            }
            self.managers[m].counters[of.runner as usize] = (builds + 1, requests + 1, adaptive);
            let number = self.managers[m].works.len();
            let trip = self.server.round_trip(Trip::Request, m as u32, number as u64).as_ms();
            self.managers[m].works.push(PlainWork {
                entry,
                job: None,
                requested_at: now,
                next: Some((now + trip, 1)),
            });
        }

        fn worker_idle(&mut self, now: u64, m: usize) {
            if self.managers[m].is_blocked {
                self.managers[m].is_blocked = false;
                self.hand_over(now, m);
            } else {
                self.managers[m].idle += 1;
            }
        }

        fn released(&mut self, m: usize, entry: usize, factor: f64) {
            let of = self.entry(m, entry).clone();
            let counters = &mut self.managers[m].counters[of.runner as usize];
            counters.1 -= 1;
            if of.adaptive {
                counters.2 = (counters.2 * factor).max(1.0).min(f64::from(of.request_concurrency.max(1)));
            }
        }

        fn handle(&mut self, now: u64, m: usize, number: usize, kind: u8) {
            let entry = self.managers[m].works[number].entry;
            let of = self.entry(m, entry).clone();
            let runner = of.runner as usize;
            match kind {
                0 => {
                    self.managers[m].counters[runner].0 -= 1;
                    self.worker_idle(now, m);
                }
                1 => {
                    let fits = |job: &&(u32, Option<u32>)| job.1.is_none_or(|tag| tag == of.runner);
                    if let Some(&(job, _)) = self.pending.iter().filter(fits).min() {
                        self.pending.retain(|other| other.0 != job);
                        let run_at =
                            now + self.server.round_trip(Trip::Running, m as u32, number as u64).as_ms();
                        let work = &mut self.managers[m].works[number];
                        work.job = Some(job);
                        work.next = Some((run_at, 2));
                        self.picks.push((job, m as u32, entry as u32, work.requested_at, now, run_at));
                    } else {
                        self.released(m, entry, 0.95);
                        self.managers[m].counters[runner].0 -= 1;
                        self.worker_idle(now, m);
                    }
                }
                _ => {
                    self.released(m, entry, 1.1);
                    if !of.strict_check_interval && self.managers[m].idle > 0 {
                        self.managers[m].idle -= 1;
                        self.offer(now, m, entry);
                    }
                }
            }
        }

        fn finish(&mut self, now: u64, m: usize, job: u32) {
            let find = |work: &PlainWork| work.job == Some(job);
            let number = self.managers[m].works.iter().position(find).expect("a job that ends was picked");
            let after = self.server.final_update(m as u32, number as u64).as_ms();
            self.managers[m].works[number].next = Some((now + after, 0));
        }
    }

    fn releases(plan: &[JobPlan]) -> Vec<(u64, u32)> {
        let mut at = 0;
        (0..)
            .zip(plan)
            .map(|(job, plan)| {
                at += plan.0;
                (at, job)
            })
            .collect()
    }

    fn plain_picks(config: &GitlabConfig, plan: &[JobPlan]) -> Vec<Picked> {
        let mut plain = Plain::new(config);
        let mut releases = releases(plan).into_iter().peekable();
        let mut ends: Vec<(u64, u32, u32)> = Vec::new();
        while plain.picks.len() < plan.len() {
            let end = ends.iter().copied().min();
            let release = releases.peek().copied();
            let now = plain
                .next_at()
                .min(release.map_or(u64::MAX, |release| release.0))
                .min(end.map_or(u64::MAX, |end| end.0));
            if let Some(end) = end.filter(|end| end.0 == now) {
                ends.retain(|other| *other != end);
                plain.finish(now, end.2 as usize, end.1);
            } else if let Some((_, job)) = release.filter(|release| release.0 == now) {
                releases.next();
                plain.pending.push((job, plan[job as usize].1));
            } else {
                let before = plain.picks.len();
                plain.wake(now);
                ends.extend(
                    plain.picks[before..]
                        .iter()
                        .map(|pick| (pick.5 + plan[pick.0 as usize].2, pick.0, pick.1)),
                );
            }
        }
        plain.picks
    }

    fn picks(config: &GitlabConfig, plan: &[JobPlan]) -> (Vec<Picked>, u64) {
        let mut gitlab = Gitlab::new(config);
        let mut releases = releases(plan).into_iter().peekable();
        let mut ends: Vec<(u64, u32, Slot)> = Vec::new();
        let mut picks = Vec::new();
        let mut out = Vec::new();
        let mut wakeups = 0;
        while picks.len() < plan.len() {
            let end = ends.iter().copied().min();
            let release = releases.peek().copied();
            let wake = gitlab.next_wakeup().as_ms();
            let now = wake
                .min(release.map_or(u64::MAX, |release| release.0))
                .min(end.map_or(u64::MAX, |end| end.0));
            if let Some(end) = end.filter(|end| end.0 == now) {
                ends.retain(|other| *other != end);
                gitlab.finish(SimTime::from_ms(now), SimDuration::ZERO, end.2);
            } else if let Some((_, job)) = release.filter(|release| release.0 == now) {
                releases.next();
                let tags = plan[job as usize].1.map(|runner| format!("only-{runner}"));
                let tags = gitlab.tag_set(tags.as_deref());
                let job = QueuedJob { job, build_id: u64::from(job), tags, project: 0, protected: false };
                gitlab.enqueue(SimTime::from_ms(now), job);
            } else {
                wakeups += 1;
                gitlab.wake(SimTime::from_ms(now), &mut out);
            }
            for outcome in out.drain(..) {
                if let Outcome::Picked(pick) = outcome {
                    picks.push((
                        pick.job,
                        pick.manager,
                        pick.entry,
                        pick.requested_at.as_ms(),
                        pick.at.as_ms(),
                        pick.run_at.as_ms(),
                    ));
                    ends.push((pick.run_at.as_ms() + plan[pick.job as usize].2, pick.job, pick.slot));
                }
            }
        }
        (picks, wakeups)
    }

    fn round_trip() -> impl Strategy<Value = RoundTrip> {
        (0_u64..900, prop::option::of(1_u64..900)).prop_map(|(median, more)| {
            let p95 = median + more.unwrap_or(0);
            RoundTrip::log_normal(SimDuration::from_ms(median), SimDuration::from_ms(p95))
        })
    }

    fn entry() -> impl Strategy<Value = EntryConfig> {
        (0_u32..4, 0_u32..4, 1_u32..6, any::<bool>(), any::<bool>()).prop_map(
            |(runner, limit, request_concurrency, strict_check_interval, adaptive)| EntryConfig {
                runner,
                limit,
                request_concurrency,
                strict_check_interval,
                adaptive,
                ..EntryConfig::default()
            },
        )
    }

    fn manager() -> impl Strategy<Value = ManagerConfig> {
        (1_u32..7, 800_u64..5000, 0_u64..9000, prop::collection::vec(entry(), 0..4)).prop_map(
            |(concurrent, check_interval, start_at, mut entries)| {
                // The first entries serve all runners between them, so that no job is left over.
                let all = (0..4).map(|runner| EntryConfig { runner, ..EntryConfig::default() });
                if entries.len() < 2 {
                    entries.extend(all);
                } else {
                    entries.splice(0..0, all.skip(1).step_by(2)).for_each(drop);
                }
                ManagerConfig {
                    concurrent,
                    check_interval: SimDuration::from_ms(check_interval),
                    start_at: SimTime::from_ms(start_at),
                    entries,
                    ..ManagerConfig::default()
                }
            },
        )
    }

    fn config() -> impl Strategy<Value = GitlabConfig> {
        (prop::collection::vec(manager(), 1..4), round_trip(), round_trip(), any::<u64>()).prop_map(
            |(mut managers, request_rtt, update_rtt, seed)| {
                managers[0].entries =
                    (0..4).map(|runner| EntryConfig { runner, ..managers[0].entries[0].clone() }).collect();
                let runner = |number: u32| RunnerConfig {
                    tags: vec![format!("only-{number}")],
                    scope: RunnerScope::AllFifo,
                    ..RunnerConfig::default()
                };
                let mut config = GitlabConfig {
                    runners: (0..4).map(runner).collect(),
                    managers,
                    seed,
                    ..GitlabConfig::default()
                };
                config.server.request_rtt = request_rtt;
                config.server.update_rtt = update_rtt;
                config
            },
        )
    }

    fn plan() -> impl Strategy<Value = Vec<JobPlan>> {
        let gap = prop_oneof![3 => 0_u64..300, 2 => 0_u64..9000, 1 => 0_u64..400_000];
        prop::collection::vec((gap, prop::option::of(0_u32..4), 1_u64..30_000), 1..25)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn skipped_polls_leave_the_same_picks_as_polls_simulated_one_by_one(config in config(), plan in plan()) {
            prop_assert_eq!(picks(&config, &plan).0, plain_picks(&config, &plan));
        }
    }

    #[test]
    fn an_idle_manager_costs_no_wakeups() {
        let config = GitlabConfig {
            runners: vec![RunnerConfig::default()],
            managers: vec![ManagerConfig::default()],
            ..GitlabConfig::default()
        };
        let week = 7 * 24 * 3_600_000;
        let (picks, wakeups) = picks(&config, &[(week, None, 1000), (week, None, 1000)]);
        // The tick that asks, and the answer, of each job.
        assert!(wakeups <= 4, "{wakeups} wake-ups");
        assert_eq!(picks[0].4, week + 250, "one of the ticks that come 3 s apart asks just then");
    }
}
