//! The rate limit of the scheduler's own API client. Not the calls themselves.

use crate::units::SimTime;

/// A token bucket like client-go's: so many calls at once, then so many per second, each caller waiting in turn.
///
/// Kept as one number, the time at which the bucket would be full again ("virtual scheduling").
#[derive(Clone, Copy, Debug)]
pub(super) struct ApiClient {
    interval_us: u64,
    burst: u64,
    full_at_us: u64,
}

impl ApiClient {
    /// `per_second` of 0 means no limit.
    pub(super) fn new(burst: u32, per_second: u32) -> Self {
        let interval_us = if per_second == 0 { 0 } else { 1_000_000 / u64::from(per_second) };
        Self { interval_us, burst: u64::from(burst.max(1)), full_at_us: 0 }
    }

    /// When a call wanted at `now` is made, rounded up to milliseconds. Never earlier than an earlier call.
    pub(super) fn call(&mut self, now: SimTime) -> SimTime {
        let now_us = now.as_ms() * 1000;
        self.full_at_us = self.full_at_us.max(now_us) + self.interval_us;
        let at_us = now_us.max(self.full_at_us.saturating_sub(self.burst * self.interval_us));
        SimTime::from_ms(at_us.div_ceil(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_calls_pass_at_once_and_then_fifty_per_second() {
        let mut client = ApiClient::new(100, 50);
        let now = SimTime::from_ms(5000);
        let times: Vec<u64> = (0..200).map(|_| client.call(now).as_ms() - 5000).collect();
        assert!(times[..100].iter().all(|ms| *ms == 0));
        assert_eq!(times[100..103], [20, 40, 60]);
        assert_eq!(times[199], 2000);
        // Two seconds later the bucket is empty still, ten seconds later it is full.
        assert_eq!(client.call(SimTime::from_ms(7000)).as_ms(), 7020);
        let rested = SimTime::from_ms(20_000);
        assert!((0..100).all(|_| client.call(rested) == rested));
        assert!(client.call(rested) > rested);
    }
}
