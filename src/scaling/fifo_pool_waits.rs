//! Waits of any number of jobs in fixed memory: exact sums, quantiles to a thousandth.

/// Values below this are counted one by one; above, each power of two has half as many steps.
const EXACT: u64 = 2048;
const STEPS: u64 = EXACT / 2;

/// Counts of waits by length in ms. Sums and counts are exact; a quantile is exact below 2,048 ms and at most 0.1 %
/// too high above.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaitHistogram {
    counts: Vec<u64>,
    n: u64,
    waited: u64,
    sum_ms: u128,
    longest_ms: u64,
}

impl WaitHistogram {
    /// Counts one wait.
    pub fn record(&mut self, wait_ms: u64) {
        let bucket = bucket_of(wait_ms);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.n += 1;
        self.waited += u64::from(wait_ms > 0);
        self.sum_ms += u128::from(wait_ms);
        self.longest_ms = self.longest_ms.max(wait_ms);
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.n
    }

    /// How many waited at all.
    #[must_use]
    pub fn count_above_zero(&self) -> u64 {
        self.waited
    }

    /// Their sum in ms.
    #[must_use]
    pub fn sum_ms(&self) -> u128 {
        self.sum_ms
    }

    /// The longest in ms.
    #[must_use]
    pub fn longest_ms(&self) -> u64 {
        self.longest_ms
    }

    /// Their mean in ms; zero where there are none.
    #[must_use]
    pub fn mean_ms(&self) -> f64 {
        if self.n == 0 { 0.0 } else { self.sum_ms as f64 / self.n as f64 }
    }

    /// The shortest wait that at least the share `p` (0 to 1) of jobs does not exceed, in ms.
    #[must_use]
    pub fn quantile_ms(&self, p: f64) -> u64 {
        let rank = ((p * self.n as f64).ceil() as u64).clamp(1, self.n.max(1));
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return last_of(bucket).min(self.longest_ms);
            }
        }
        self.longest_ms
    }
}

fn bucket_of(value: u64) -> usize {
    if value < EXACT {
        return value as usize;
    }
    // The upper eleven bits: 2^10 to 2^11 - 1 steps in each power of two.
    let shift = u64::from(63 - value.leading_zeros()) - 10;
    (shift * STEPS + (value >> shift)) as usize
}

/// The largest value of a bucket.
fn last_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < EXACT {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    let step = bucket - shift * STEPS;
    ((step + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn buckets_are_a_thousandth_wide_and_join(value in 0_u64..1 << 50) {
            let bucket = bucket_of(value);
            prop_assert!(value <= last_of(bucket));
            prop_assert!(bucket == 0 || value > last_of(bucket - 1));
            prop_assert!(last_of(bucket) as f64 <= value as f64 * 1.001 + 0.5);
        }

        #[test]
        fn quantiles_are_those_of_the_sorted_waits(mut waits in prop::collection::vec(0_u64..2_000, 1..200), p in 0.0_f64..=1.0) {
            let mut histogram = WaitHistogram::default();
            waits.iter().for_each(|wait| histogram.record(*wait));
            waits.sort_unstable();
            let rank = ((p * waits.len() as f64).ceil() as usize).clamp(1, waits.len());
            prop_assert_eq!(histogram.quantile_ms(p), waits[rank - 1]);
            prop_assert_eq!(histogram.sum_ms(), waits.iter().map(|wait| u128::from(*wait)).sum::<u128>());
        }
    }
}
