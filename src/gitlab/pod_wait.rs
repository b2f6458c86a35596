//! How the Kubernetes executor waits for a pod: it looks every `poll_interval`, and gives up after `poll_timeout`.

use crate::units::{SimDuration, SimTime};

/// The executor's patience (GitLab Runner 19.4 `executors/kubernetes/util.go waitForPodRunning`, `common/config.go
/// GetPollAttempts`; recorded in `waits.json`): it looks at the pod at once and then `poll_timeout / poll_interval` times more,
/// `poll_interval` apart, and fails one interval after the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodWait {
    interval: SimDuration,
    attempts: u64,
}

impl PodWait {
    /// The wait with these settings; an interval of zero counts as the default of 3 s.
    #[must_use]
    pub fn new(poll_interval: SimDuration, poll_timeout: SimDuration) -> Self {
        let interval =
            if poll_interval == SimDuration::ZERO { SimDuration::from_secs(3) } else { poll_interval };
        Self { interval, attempts: poll_timeout.as_ms() / interval.as_ms() }
    }

    /// When a pod created at `created_at` that is ready from `ready_at` on is seen: at the first look at or after that.
    /// `None` where the last look comes before: the wait fails although the pod starts.
    #[must_use]
    pub fn seen_at(&self, created_at: SimTime, ready_at: SimTime) -> Option<SimTime> {
        let looks = ready_at.saturating_since(created_at).as_ms().div_ceil(self.interval.as_ms());
        (looks <= self.attempts).then(|| created_at + self.interval * looks)
    }

    /// When the wait for a pod created at `created_at` fails.
    #[must_use]
    pub fn fails_at(&self, created_at: SimTime) -> SimTime {
        created_at + self.interval * (self.attempts + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_seen_at_the_next_look_and_the_last_look_is_at_the_time_out() {
        let wait = PodWait::new(SimDuration::from_secs(3), SimDuration::from_secs(180));
        let created = SimTime::from_ms(500);
        let after = |ms| created + SimDuration::from_ms(ms);
        assert_eq!(wait.seen_at(created, created), Some(created));
        assert_eq!(wait.seen_at(created, after(1)), Some(after(3000)));
        assert_eq!(wait.seen_at(created, after(180_000)), Some(after(180_000)));
        assert_eq!(wait.seen_at(created, after(180_001)), None);
        assert_eq!(wait.fails_at(created), after(183_000));
        let short = PodWait::new(SimDuration::from_secs(3), SimDuration::from_secs(1));
        assert_eq!((short.seen_at(created, after(1)), short.fails_at(created)), (None, after(3000)));
    }
}
