//! How long the executor waits for its pod: it looks at fixed times and gives up one interval after the last look
//! (GitLab Runner 19.4, `executors/kubernetes/util.go waitForPodRunning`; recorded in `waits.json`).

use crate::gitlab::executor::kubernetes_config::KubernetesConfig;
use crate::units::SimDuration;

/// The poll loop of one runner entry. Spans count from the creation of the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodWait {
    /// Time between two looks.
    pub interval: SimDuration,
    /// Looks after the first, which comes at once.
    pub attempts: u64,
}

/// `poll_interval` where it is not set (GitLab Runner 19.4, `common/consts.go`).
const POLL_INTERVAL: u64 = 3;
/// `poll_timeout` where it is not set (GitLab Runner 19.4, `common/consts.go`).
const POLL_TIMEOUT: u64 = 180;

impl PodWait {
    /// The loop for these keys.
    #[must_use]
    pub fn new(config: &KubernetesConfig) -> Self {
        let (interval, timeout) = Self::seconds(config);
        Self { interval: SimDuration::from_secs(1) * interval, attempts: timeout / interval }
    }

    /// The loop with these effective settings; an interval of zero counts as the default.
    #[must_use]
    pub fn with(poll_interval: SimDuration, poll_timeout: SimDuration) -> Self {
        let interval = if poll_interval == SimDuration::ZERO {
            SimDuration::from_secs(POLL_INTERVAL)
        } else {
            poll_interval
        };
        Self { interval, attempts: poll_timeout.as_ms() / interval.as_ms() }
    }

    /// Effective `poll_interval` and `poll_timeout` in seconds.
    #[must_use]
    pub fn seconds(config: &KubernetesConfig) -> (u64, u64) {
        let or_default = |value: i64, default: u64| if value > 0 { value as u64 } else { default };
        (or_default(config.poll_interval, POLL_INTERVAL), or_default(config.poll_timeout, POLL_TIMEOUT))
    }

    /// When a pod that is ready (running, build container ready) after `ready_after` is seen; `None` where the wait has
    /// failed by then.
    #[must_use]
    pub fn seen_after(&self, ready_after: SimDuration) -> Option<SimDuration> {
        let looks = ready_after.as_ms().div_ceil(self.interval.as_ms());
        (looks <= self.attempts).then(|| self.interval * looks)
    }

    /// When the wait fails: `runner_system_failure`, and the pod is deleted.
    #[must_use]
    pub fn fails_after(&self) -> SimDuration {
        self.interval * (self.attempts + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_a_pod_is_seen_up_to_180_s_and_given_up_after_183() {
        let wait = PodWait::new(&KubernetesConfig::default());
        assert_eq!(wait.seen_after(SimDuration::ZERO), Some(SimDuration::ZERO));
        assert_eq!(wait.seen_after(SimDuration::from_ms(1)), Some(SimDuration::from_secs(3)));
        assert_eq!(wait.seen_after(SimDuration::from_secs(180)), Some(SimDuration::from_secs(180)));
        assert_eq!(wait.seen_after(SimDuration::from_ms(180_001)), None);
        assert_eq!(wait.fails_after(), SimDuration::from_secs(183));
    }

    #[test]
    fn a_timeout_below_the_interval_leaves_one_look_at_once() {
        let config = KubernetesConfig { poll_interval: 4, poll_timeout: 3, ..KubernetesConfig::default() };
        let wait = PodWait::new(&config);
        assert_eq!(wait.seen_after(SimDuration::from_ms(1)), None);
        assert_eq!(wait.fails_after(), SimDuration::from_secs(4));
    }
}
