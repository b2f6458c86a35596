//! Exact money: prices in nano-dollars per hour accrue over milliseconds in wide integers and are rounded once, when read.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};

/// Nano-dollars in one US dollar.
pub const NANOS_PER_DOLLAR: i128 = 1_000_000_000;
const MS_PER_HOUR: u128 = 3_600_000;

/// A price in US nano-dollars per hour.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct HourlyPrice(pub u64);

/// An amount of US dollars in nano-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(pub i128);

/// Accrued cost, exact: nano-dollars × milliseconds per hour. Splitting an interval never changes the sum.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct CostMeter(pub u128);

impl HourlyPrice {
    /// A price from dollars per hour, rounded to the nearest nano-dollar. Negative values become zero.
    #[must_use]
    pub fn from_dollars(dollars: f64) -> Self {
        Self((dollars * 1e9).round().max(0.0) as u64)
    }

    /// Dollars per hour, for display and for price comparisons that the real components make in floating point.
    #[must_use]
    pub fn as_dollars(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// Dollars, for statistics and display.
    #[must_use]
    pub fn as_dollars(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl CostMeter {
    /// Nothing accrued.
    pub const ZERO: Self = Self(0);

    /// Adds `price` for `ms` milliseconds.
    pub fn accrue(&mut self, price: HourlyPrice, ms: u64) {
        self.0 += u128::from(price.0) * u128::from(ms);
    }

    /// What `price` costs over `ms` milliseconds.
    #[must_use]
    pub fn of(price: HourlyPrice, ms: u64) -> Self {
        Self(u128::from(price.0) * u128::from(ms))
    }

    /// The amount, rounded half up to a nano-dollar. The only rounding of the whole account.
    #[must_use]
    pub fn read(self) -> Money {
        Money(((self.0 + MS_PER_HOUR / 2) / MS_PER_HOUR) as i128)
    }
}

impl Add for CostMeter {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for CostMeter {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sum for CostMeter {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    /// Dollars with six decimals (micro-dollars), the precision at which reports reconcile.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = (self.0.abs() + 500) / 1000;
        let sign = if self.0 < 0 && micros > 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_in_seconds_costs_exactly_the_hourly_price() {
        let price = HourlyPrice::from_dollars(0.0341);
        let mut meter = CostMeter::default();
        for _ in 0..3600 {
            meter.accrue(price, 1000);
        }
        assert_eq!(meter.read(), Money(34_100_000));
        assert_eq!(meter.read().to_string(), "0.034100");
        assert_eq!(Money(-1_500_000_000).to_string(), "-1.500000");
    }
}
