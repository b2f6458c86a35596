//! The counters that a manager keeps per token: builds, requests, the adaptive request concurrency, health
//! (GitLab Runner 19.4, `commands/builds_helper.go`, `commands/health_helper.go`).

use crate::gitlab::config::EntryConfig;
use crate::gitlab::manager::Entry;
use crate::units::SimTime;

#[derive(Clone, Debug)]
pub(super) struct Token {
    /// Jobs and requests in flight.
    pub(super) builds: u32,
    /// Requests in flight, the update "running" included.
    pub(super) requests: u32,
    /// The adaptive request concurrency before rounding; 0 until the first answer.
    pub(super) adaptive: f64,
    /// Refused requests since the last good one.
    pub(super) failures: u32,
    /// When health was last found good.
    last_check: SimTime,
    /// Version of the queue that the last empty answer told.
    pub(super) last_update: Option<u64>,
    /// When a job's end last made room below the limit.
    pub(super) room_since: SimTime,
    /// The lowest limit among the entries with this token; 0 is none.
    lowest_limit: u32,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    GotJob,
    InVain,
    /// After more than one attempt, whatever the last one brought.
    Retried,
}

impl Token {
    pub(super) fn new(token: usize, entries: &[Entry], start_at: SimTime) -> Self {
        let limits = entries.iter().filter(|entry| entry.token == token).map(|entry| entry.config.limit);
        Self {
            builds: 0,
            requests: 0,
            adaptive: 0.0,
            failures: 0,
            last_check: start_at,
            last_update: None,
            room_since: start_at,
            lowest_limit: limits.filter(|limit| *limit > 0).min().unwrap_or(0),
        }
    }

    /// Whether `limit` leaves no room for a request.
    pub(super) fn is_full(&self, entry: &EntryConfig) -> bool {
        entry.limit > 0 && self.builds >= entry.limit
    }

    /// Whether some entry with this token has a limit.
    pub(super) fn has_limit(&self) -> bool {
        self.lowest_limit > 0
    }

    /// Takes a build and a request, or neither (rule 4).
    pub(super) fn try_acquire(&mut self, entry: &EntryConfig) -> bool {
        if self.is_full(entry) || self.requests >= self.request_concurrency(entry) {
            return false;
        }
        self.builds += 1;
        self.requests += 1;
        true
    }

    /// The effective request concurrency (rule 5).
    fn request_concurrency(&self, entry: &EntryConfig) -> u32 {
        let most = entry.request_concurrency.max(1);
        if entry.adaptive { (self.adaptive.ceil() as u32).clamp(1, most) } else { most }
    }

    /// A request is over; the adaptive request concurrency learns from it (rules 6 and 7).
    pub(super) fn release_request(&mut self, asked: Asked, entry: &EntryConfig) {
        self.requests -= 1;
        self.adapt(asked, entry);
    }

    /// Entries without the adaptive flag leave the number to others of their token (`builds_helper.go releaseRequest`).
    pub(super) fn adapt(&mut self, asked: Asked, entry: &EntryConfig) {
        if !entry.adaptive {
            return;
        }
        let factor = match asked {
            Asked::GotJob => 1.1,
            Asked::InVain => 0.95,
            Asked::Retried => 0.5,
        };
        self.adaptive = (self.adaptive * factor).clamp(1.0, f64::from(entry.request_concurrency.max(1)));
    }

    /// A job's slot is free.
    pub(super) fn release_build(&mut self, now: SimTime) {
        if self.lowest_limit > 0 && self.builds >= self.lowest_limit {
            self.room_since = now;
        }
        self.builds -= 1;
    }

    pub(super) fn mark_healthy(&mut self, now: SimTime) {
        self.failures = 0;
        self.last_check = now;
    }

    /// Whether the entry is switched off by refused requests (rule 8). The interval runs from the last good check, not
    /// from the last refusal.
    pub(super) fn is_disabled(&mut self, now: SimTime, entry: &EntryConfig) -> bool {
        if self.failures < entry.unhealthy_requests_limit.max(1) {
            return false;
        }
        if now.saturating_since(self.last_check) > entry.unhealthy_interval {
            self.mark_healthy(now);
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_without_the_flag_does_not_move_what_others_of_its_token_learnt() {
        // GitLab Runner 19.4, `commands/builds_helper.go releaseRequest`.
        let adaptive = EntryConfig { request_concurrency: 8, adaptive: true, ..EntryConfig::default() };
        let plain = EntryConfig { request_concurrency: 2, adaptive: false, ..EntryConfig::default() };
        let mut token = Token::new(0, &[], SimTime::ZERO);
        for _ in 0..12 {
            token.adapt(Asked::GotJob, &adaptive);
        }
        let learnt = token.adaptive;
        token.adapt(Asked::Retried, &plain);
        assert!(learnt > 2.5 && token.adaptive == learnt);
        assert_eq!((token.request_concurrency(&adaptive), token.request_concurrency(&plain)), (3, 2));
    }
}
