//! A whole distribution of millisecond values in bounded memory: exact below 2.048 s, within 0.05 % above.
//!
//! Log-linear counts (as in HDR histograms): each octave is cut into 1,024 cells of equal width, so a cell is at most
//! 1/1,024 of its values wide and its middle at most 1/2,048 away from any of them. Sum, minimum and maximum are exact.

/// Cells per octave; also half of the exact range.
const CELLS: u64 = 1024;
/// Values below this have a cell of their own.
const EXACT_BELOW: u64 = 2 * CELLS;

/// The cell of a value.
fn cell_of(value: u64) -> usize {
    if value < EXACT_BELOW {
        return value as usize;
    }
    let exponent = u64::from(63 - value.leading_zeros());
    let within = (value >> (exponent - 10)) - CELLS;
    (EXACT_BELOW + (exponent - 11) * CELLS + within) as usize
}

/// The middle of a cell.
fn middle_of(cell: u32) -> u64 {
    let cell = u64::from(cell);
    if cell < EXACT_BELOW {
        return cell;
    }
    let exponent = 11 + (cell - EXACT_BELOW) / CELLS;
    let within = (cell - EXACT_BELOW) % CELLS;
    let width = 1u64 << (exponent - 10);
    (CELLS + within) * width + width / 2
}

/// Counts while the run goes on: one addition per value, no allocation once the longest value has been seen.
#[derive(Clone, Debug)]
pub struct Histogram {
    cells: Vec<u32>,
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { cells: Vec::new(), count: 0, sum: 0, min: u64::MAX, max: 0 }
    }
}

impl Histogram {
    /// Counts one value.
    pub fn record(&mut self, value: u64) {
        let cell = cell_of(value);
        if cell >= self.cells.len() {
            self.cells.resize((cell + 1).next_power_of_two().max(EXACT_BELOW as usize), 0);
        }
        self.cells[cell] += 1;
        self.count += 1;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// What was counted, with empty cells left out.
    #[must_use]
    pub fn finish(&self) -> Distribution {
        let cells = (0u32..).zip(&self.cells).filter(|(_, n)| **n > 0);
        Distribution {
            cells: cells.map(|(cell, n)| (cell, u64::from(*n))).collect(),
            count: self.count,
            sum: u128::from(self.sum),
            min: self.min,
            max: self.max,
        }
    }
}

/// A distribution of millisecond values, at rest. Distributions of several runs can be merged.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Distribution {
    /// (cell, count) in ascending order of cells, counts above zero.
    cells: Vec<(u32, u64)>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

impl Default for Distribution {
    fn default() -> Self {
        Self { cells: Vec::new(), count: 0, sum: 0, min: u64::MAX, max: 0 }
    }
}

impl Distribution {
    /// Number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Exact sum of the values in milliseconds.
    #[must_use]
    pub fn sum_ms(&self) -> u128 {
        self.sum
    }

    /// Largest value, exact; none without values.
    #[must_use]
    pub fn max_ms(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// Mean in milliseconds, from exact sums; none without values.
    #[must_use]
    pub fn mean_ms(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The `q`-quantile (0 to 1) in milliseconds: the smallest value with at least `q` of all values at or below it;
    /// none without values.
    #[must_use]
    pub fn quantile_ms(&self, q: f64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        // 1e-9 takes back what the multiplication added: 0.95 × 100 must not become rank 96.
        let rank = ((q * self.count as f64 - 1e-9).ceil().max(1.0) as u64).min(self.count);
        if rank == self.count {
            return Some(self.max);
        }
        let mut below = 0;
        for &(cell, n) in &self.cells {
            below += n;
            if below >= rank {
                return Some(middle_of(cell).clamp(self.min, self.max));
            }
        }
        Some(self.max)
    }

    /// The share of values at or below `limit_ms` (within the resolution of a cell); 1 without values.
    #[must_use]
    pub fn share_within(&self, limit_ms: u64) -> f64 {
        if self.count == 0 {
            return 1.0;
        }
        let cell = cell_of(limit_ms) as u32;
        let within: u64 = self.cells.iter().take_while(|(c, _)| *c <= cell).map(|(_, n)| n).sum();
        within as f64 / self.count as f64
    }

    /// Points (milliseconds, share at or below) of the empirical distribution function: a few times `points` at most,
    /// always with the first and the last, and with both ends of every step of 1 in `points` or more.
    #[must_use]
    pub fn ecdf(&self, points: usize) -> Vec<(u64, f64)> {
        let step = (self.cells.len() / points.max(1)).max(1);
        let last = self.cells.len().wrapping_sub(1);
        let mut below = 0;
        let mut out = Vec::with_capacity(points + 2);
        let mut left_out = None;
        for (index, &(cell, n)) in self.cells.iter().enumerate() {
            below += n;
            let point = (middle_of(cell).clamp(self.min, self.max), below as f64 / self.count as f64);
            let is_step = u128::from(n) * points as u128 >= u128::from(self.count);
            if is_step {
                out.extend(left_out);
            }
            if is_step || index % step == 0 || index == last {
                out.push(point);
                left_out = None;
            } else {
                left_out = Some(point);
            }
        }
        out
    }

    /// Adds the values of `other`.
    pub fn merge(&mut self, other: &Self) {
        let mut merged = Vec::with_capacity(self.cells.len() + other.cells.len());
        let (mut a, mut b) = (self.cells.iter().peekable(), other.cells.iter().peekable());
        while let (Some(&&(x, n)), Some(&&(y, m))) = (a.peek(), b.peek()) {
            merged.push((x.min(y), if x <= y { n } else { 0 } + if y <= x { m } else { 0 }));
            if x <= y {
                a.next();
            }
            if y <= x {
                b.next();
            }
        }
        merged.extend(a.copied().chain(b.copied()));
        self.cells = merged;
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> Distribution {
        let mut histogram = Histogram::default();
        for &value in values {
            histogram.record(value);
        }
        histogram.finish()
    }

    proptest! {
        #[test]
        fn a_cell_is_never_further_than_a_two_thousandth_from_its_values(value in 0u64..(1 << 45)) {
            let middle = middle_of(cell_of(value) as u32);
            prop_assert!(middle.abs_diff(value) as f64 <= value as f64 / 2048.0);
        }

        #[test]
        fn cells_ascend_with_values(value in 0u64..(1 << 45)) {
            prop_assert!(cell_of(value) <= cell_of(value + 1));
            prop_assert!(cell_of(value + 1) - cell_of(value) <= 1);
        }

        #[test]
        fn quantiles_and_merging_agree_with_sorted_values(
            mut a in prop::collection::vec(0u64..3_000_000, 1..60),
            b in prop::collection::vec(0u64..3_000_000, 0..60),
            q in 0.0f64..=1.0,
        ) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            a.extend(&b);
            prop_assert_eq!(&merged, &of(&a));
            a.sort_unstable();
            let rank = ((q * a.len() as f64 - 1e-9).ceil().max(1.0) as usize).min(a.len());
            let (exact, got) = (a[rank - 1], merged.quantile_ms(q).unwrap());
            prop_assert!(got.abs_diff(exact) as f64 <= exact as f64 / 1024.0);
            prop_assert_eq!(merged.sum_ms(), a.iter().map(|v| u128::from(*v)).sum::<u128>());
        }
    }

    #[test]
    fn the_distribution_function_ends_at_one() {
        let points = of(&[1, 1, 2, 5000]).ecdf(10);
        assert_eq!(points[0], (1, 0.5));
        assert_eq!(points.last().unwrap().1, 1.0);
        assert!(of(&[]).ecdf(10).is_empty());
        assert_eq!(of(&[]).quantile_ms(0.5), None);
        assert!((of(&[10, 20, 30, 40]).share_within(20) - 0.5).abs() < 1e-12);
    }
}
