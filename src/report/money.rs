//! Amounts printed side by side: rounded so that the printed parts sum to the printed total.

use crate::units::{CostMeter, Money};

/// Nano-dollars in the smallest amount printed, a micro-dollar.
const MICRO: i128 = 1000;
/// Units of a [`CostMeter`] in a micro-dollar: nano-dollars × milliseconds per hour.
const METER_PER_MICRO: u128 = 3_600_000 * 1000;

/// The parts and their total in whole micro-dollars. The total is rounded half up; the parts are rounded down and what
/// is missing goes, a micro-dollar each, to those that lost most (largest remainder; of equal ones the first).
pub(super) fn apportion(parts: impl Iterator<Item = CostMeter>) -> (Vec<Money>, Money) {
    let parts: Vec<u128> = parts.map(|part| part.0).collect();
    let total = (parts.iter().sum::<u128>() + METER_PER_MICRO / 2) / METER_PER_MICRO;
    let mut micros: Vec<u128> = parts.iter().map(|part| part / METER_PER_MICRO).collect();
    let missing = total.saturating_sub(micros.iter().sum());
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(parts[*index] % METER_PER_MICRO));
    for index in order.into_iter().take(missing as usize) {
        micros[index] += 1;
    }
    let money = |micros: u128| Money(micros as i128 * MICRO);
    (micros.into_iter().map(money).collect(), money(total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn printed_parts_sum_to_the_printed_total(parts in prop::collection::vec(0u128..10_000_000_000_000, 0..9)) {
            let (printed, total) = apportion(parts.iter().map(|part| CostMeter(*part)));
            prop_assert_eq!(printed.iter().copied().sum::<Money>(), total);
            for (printed, part) in printed.iter().zip(&parts) {
                let exact = *part as f64 / METER_PER_MICRO as f64;
                prop_assert!((printed.0 as f64 / 1000.0 - exact).abs() <= 1.0);
            }
        }
    }
}
