//! Shares and factors as parts per million: exact, ordered, hashable.

use std::fmt;

/// Parts per million: 1,000,000 is "all of it" or "factor one". Factors above one are allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ppm(pub u32);

impl Ppm {
    /// Factor one.
    pub const ONE: Self = Self(1_000_000);
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The nearest parts per million; negative values and NaN become zero, values above 4294 are cut off there.
    #[must_use]
    pub fn from_f64(value: f64) -> Self {
        Self((value * 1e6).round().clamp(0.0, f64::from(u32::MAX)) as u32)
    }

    /// The ratio as a real number, for statistics and display.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1e6
    }

    /// `whole` × this ratio, rounded half up.
    #[must_use]
    pub fn of(self, whole: u64) -> u64 {
        ((u128::from(whole) * u128::from(self.0) + 500_000) / 1_000_000) as u64
    }
}

impl fmt::Display for Ppm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}
