//! Launches under stress, on a schedule: an API that answers only so many requests, instances that boot slowly.

use crate::units::{SimDuration, SimTime};

/// A stretch of time in which EC2 answers at most so many launch requests (`RequestLimitExceeded`; the callers repeat until
/// they are served, here in the order in which they came).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// From when on.
    pub from: SimTime,
    /// Until when.
    pub until: SimTime,
    /// Between two answers.
    pub spacing: SimDuration,
}

/// A stretch of time in which what is launched takes longer to come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowBoot {
    /// From when on.
    pub from: SimTime,
    /// Until when.
    pub until: SimTime,
    /// Every delay of the start-up, in percent of the usual one.
    pub percent: u64,
}

/// The stresses of launches that a plan knows of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaunchStress {
    /// When requests are throttled.
    pub throttles: Vec<Throttle>,
    /// When instances boot slowly.
    pub slow_boots: Vec<SlowBoot>,
    /// From when until when every launch request fails, for another reason than capacity.
    pub failures: Vec<(SimTime, SimTime)>,
}

/// What is known of the requests that wait for their answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaunchQueue {
    free_at: SimTime,
}

impl LaunchStress {
    /// When a request that reaches EC2 at `now` is taken up.
    pub fn taken_up_at(&self, now: SimTime, queue: &mut LaunchQueue) -> SimTime {
        let Some(throttle) =
            self.throttles.iter().find(|throttle| throttle.from <= now && now < throttle.until)
        else {
            return now;
        };
        let at = queue.free_at.max(now);
        queue.free_at = at + throttle.spacing;
        // With the end of the throttling all that wait are served.
        at.min(throttle.until)
    }

    /// Whether a launch request that is answered at `now` fails, for another reason than capacity.
    #[must_use]
    pub fn fails(&self, now: SimTime) -> bool {
        self.failures.iter().any(|(from, until)| *from <= now && now < *until)
    }

    /// How long start-up delays of a launch at `now` are, in percent of the usual ones.
    #[must_use]
    pub fn boot_percent(&self, now: SimTime) -> Option<u64> {
        self.slow_boots.iter().find(|slow| slow.from <= now && now < slow.until).map(|slow| slow.percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttled_requests_are_served_one_after_the_other_until_the_throttling_ends() {
        let at = |secs: u64| SimTime::from_ms(secs * 1000);
        let throttle = Throttle { from: at(60), until: at(100), spacing: SimDuration::from_secs(15) };
        let stress = LaunchStress { throttles: vec![throttle], ..LaunchStress::default() };
        let mut queue = LaunchQueue::default();
        let mut asked = |secs| stress.taken_up_at(at(secs), &mut queue);
        assert_eq!([asked(0), asked(0)], [at(0); 2]);
        assert_eq!([asked(61), asked(61), asked(62), asked(63)], [at(61), at(76), at(91), at(100)]);
        assert_eq!(asked(100), at(100));
    }
}
