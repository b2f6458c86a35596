//! Pause pods of a runner entry (`[runners.kubernetes.autoscaler]`, since GitLab Runner 18.10): how many there should be at
//! an instant. Creates and removes none.

use crate::units::{SimDuration, SimTime};

/// How often the runner looks at its pause pods (gitlab-runner 19.4, `executors/kubernetes/autoscaler/pause_pod_manager.go`,
/// `defaultReconcileInterval`).
pub const PAUSE_POD_INTERVAL: SimDuration = SimDuration::from_secs(10);
/// Value of the PriorityClass `gitlab-runner-idle-capacity` that the runner creates (the same file).
pub const PAUSE_POD_PRIORITY: i32 = -1;
/// `idle_time` where no policy is active (`policy.go`, `DefaultPolicy`).
const DEFAULT_IDLE_TIME: SimDuration = SimDuration::from_mins(5);

/// One `[[runners.kubernetes.autoscaler.policy]]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PausePolicy {
    /// When it is active: spans from (included) until (excluded), in order, none overlapping.
    pub active: Vec<(SimTime, SimTime)>,
    /// `idle_count`: pods that are wanted whatever runs.
    pub idle_count: u32,
    /// `idle_time`: how long the number stays up after it was last wanted so high. The documentation says that it is five
    /// minutes where it is not given; the source takes a policy's missing one as zero.
    pub idle_time: SimDuration,
    /// `scale_factor`: pods that are wanted for each running job; 0 is none.
    pub scale_factor: f64,
    /// `scale_factor_limit`: the most that `scale_factor` asks for; 0 is no limit.
    pub scale_factor_limit: u32,
}

impl PausePolicy {
    fn is_active(&self, now: SimTime) -> bool {
        let begun = self.active.partition_point(|(from, _)| *from <= now);
        begun > 0 && now < self.active[begun - 1].1
    }

    fn wanted(&self, active_jobs: u32) -> u32 {
        if self.scale_factor <= 0.0 {
            return self.idle_count;
        }
        let scaled = (self.scale_factor * f64::from(active_jobs)).ceil() as u32;
        let limit = if self.scale_factor_limit > 0 { self.scale_factor_limit } else { u32::MAX };
        self.idle_count.max(scaled.min(limit))
    }
}

/// `[runners.kubernetes.autoscaler]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PausePods {
    /// `max_pause_pods`; 0 is no limit.
    pub max: u32,
    /// `[[…policy]]` in the order of the file: the last active one holds.
    pub policies: Vec<PausePolicy>,
}

/// How many pause pods one entry of one manager process keeps.
#[derive(Clone, Debug)]
pub struct PausePodTarget {
    last: u32,
    may_shrink_at: SimTime,
}

impl Default for PausePodTarget {
    fn default() -> Self {
        Self { last: 0, may_shrink_at: SimTime::ZERO }
    }
}

impl PausePodTarget {
    /// The number of replicas that the runner sets at `now`, while it works on `active_jobs`: more at once, fewer only when
    /// the last active policy's `idle_time` has passed since so many were last wanted.
    pub fn reconcile(&mut self, now: SimTime, active_jobs: u32, config: &PausePods) -> u32 {
        let active = config.policies.iter().rev().find(|policy| policy.is_active(now));
        let wanted = active.map_or(0, |policy| policy.wanted(active_jobs));
        let idle_time = active.map_or(DEFAULT_IDLE_TIME, |policy| policy.idle_time);
        let wanted = if config.max > 0 { wanted.min(config.max) } else { wanted };
        if wanted >= self.last || now >= self.may_shrink_at {
            self.last = wanted;
            self.may_shrink_at = now + idle_time;
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(secs)
    }

    fn always(idle_count: u32, idle_secs: u64) -> PausePolicy {
        let idle_time = SimDuration::from_secs(idle_secs);
        PausePolicy {
            active: vec![(SimTime::ZERO, SimTime::NEVER)],
            idle_count,
            idle_time,
            ..PausePolicy::default()
        }
    }

    #[test]
    fn the_last_active_policy_holds_and_none_means_no_pods() {
        let night = PausePolicy { active: vec![(at(100), at(200))], ..always(1, 0) };
        let config = PausePods { max: 0, policies: vec![always(5, 0), night] };
        let mut target = PausePodTarget::default();
        assert_eq!([0, 99].map(|secs| target.reconcile(at(secs), 0, &config)), [5, 5]);
        assert_eq!([100, 199, 200].map(|secs| target.reconcile(at(secs), 0, &config)), [1, 1, 5]);
        let none = PausePods { policies: Vec::new(), ..config };
        assert_eq!(target.reconcile(at(210), 0, &none), 0);
    }

    #[test]
    fn running_jobs_ask_for_pods_up_to_a_limit_and_all_up_to_the_maximum() {
        let scaled = PausePolicy { scale_factor: 0.3, scale_factor_limit: 4, ..always(2, 0) };
        let mut config = PausePods { max: 0, policies: vec![scaled] };
        let wanted = |jobs: u32, config: &PausePods| PausePodTarget::default().reconcile(at(0), jobs, config);
        assert_eq!([0, 6, 7, 11, 100].map(|jobs| wanted(jobs, &config)), [2, 2, 3, 4, 4]);
        config.max = 3;
        assert_eq!(wanted(100, &config), 3);
        config.policies[0].scale_factor_limit = 0;
        config.max = 0;
        assert_eq!(wanted(100, &config), 30);
    }

    #[test]
    fn fewer_pods_are_kept_only_after_the_idle_time_since_so_many_were_wanted() {
        let config = PausePods { max: 0, policies: vec![PausePolicy { scale_factor: 1.0, ..always(0, 60) }] };
        let mut target = PausePodTarget::default();
        assert_eq!(target.reconcile(at(0), 3, &config), 3);
        assert_eq!(target.reconcile(at(10), 3, &config), 3);
        assert_eq!([20, 60, 69].map(|secs| target.reconcile(at(secs), 1, &config)), [3, 3, 3]);
        assert_eq!(target.reconcile(at(70), 1, &config), 1);
        assert_eq!(target.reconcile(at(80), 2, &config), 2);
    }
}
