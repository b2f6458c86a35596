//! CPU in millicores and memory in mebibytes, with Kubernetes quantity text (`500m`, `2`, `4Gi`, `512M`).

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// CPU in thousandths of a core (Kubernetes millicores).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Millicores(pub u32);

/// Memory in mebibytes (2^20 bytes).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Mebibytes(pub u32);

/// CPU and memory of one pod, or free on one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resources {
    /// CPU.
    pub cpu: Millicores,
    /// Memory.
    pub memory: Mebibytes,
}

impl Resources {
    /// Nothing.
    pub const ZERO: Self = Self { cpu: Millicores(0), memory: Mebibytes(0) };

    /// `cpu_milli` millicores and `memory_mib` mebibytes.
    #[must_use]
    pub const fn new(cpu_milli: u32, memory_mib: u32) -> Self {
        Self { cpu: Millicores(cpu_milli), memory: Mebibytes(memory_mib) }
    }

    /// Whether this much fits into `room`, in both dimensions.
    #[must_use]
    pub const fn fits_in(self, room: Self) -> bool {
        self.cpu.0 <= room.cpu.0 && self.memory.0 <= room.memory.0
    }

    /// The larger of both, dimension by dimension.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { cpu: self.cpu.max(other.cpu), memory: self.memory.max(other.memory) }
    }
}

impl Add for Resources {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.cpu.0 + other.cpu.0, self.memory.0 + other.memory.0)
    }
}

impl AddAssign for Resources {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Resources {
    type Output = Self;
    /// # Panics
    /// Where more is taken than there is.
    fn sub(self, other: Self) -> Self {
        assert!(other.fits_in(self), "cannot take {other} out of {self}");
        Self::new(self.cpu.0 - other.cpu.0, self.memory.0 - other.memory.0)
    }
}

impl SubAssign for Resources {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl fmt::Display for Millicores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) { write!(f, "{}", self.0 / 1000) } else { write!(f, "{}m", self.0) }
    }
}

impl fmt::Display for Mebibytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 != 0 && self.0.is_multiple_of(1024) {
            write!(f, "{}Gi", self.0 / 1024)
        } else {
            write!(f, "{}Mi", self.0)
        }
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} CPU and {}", self.cpu, self.memory)
    }
}

/// Why a text is not a Kubernetes quantity of CPU or memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not readable as number and suffix.
    #[error(
        "`{0}` is not a Kubernetes quantity; write CPU as \"500m\" or \"2\", memory as \"512Mi\" or \"4Gi\""
    )]
    Malformed(String),
    /// Negative amounts do not exist here.
    #[error("`{0}` is negative; a request is zero or more")]
    Negative(String),
    /// Does not fit in 32 bits of millicores or mebibytes.
    #[error("`{0}` is more than any machine has")]
    TooLarge(String),
}

/// Reads a Kubernetes quantity as a multiple of `unit` (in plain units), rounded up as the API server does.
fn parse_quantity(text: &str, unit: f64) -> Result<u32, QuantityError> {
    let malformed = || QuantityError::Malformed(text.to_owned());
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '+' || c == '-'));
    let (number, suffix) = text.split_at(split.unwrap_or(text.len()));
    if number.starts_with('-') {
        return Err(QuantityError::Negative(text.to_owned()));
    }
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        _ => match suffix.strip_prefix(['e', 'E']).map(str::parse::<i32>) {
            Some(Ok(exponent)) if exponent.abs() < 19 => libm::pow(10.0, f64::from(exponent)),
            _ => return Err(malformed()),
        },
    };
    let value: f64 = number.parse().map_err(|_| malformed())?;
    // The factor 1 - 2^-40 takes back what the division added: 0.1 / 0.001 must not become 101 millicores.
    let scaled = (value * factor / unit * (1.0 - 9.1e-13)).ceil();
    if scaled > f64::from(u32::MAX) {
        Err(QuantityError::TooLarge(text.to_owned()))
    } else {
        Ok(scaled as u32)
    }
}

impl std::str::FromStr for Millicores {
    type Err = QuantityError;
    /// Reads `500m`, `2`, `0.5`, rounded up to whole millicores.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse_quantity(text.trim(), 1e-3).map(Self)
    }
}

impl std::str::FromStr for Mebibytes {
    type Err = QuantityError;
    /// Reads `512Mi`, `4Gi`, `2G`, plain bytes, rounded up to whole mebibytes.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse_quantity(text.trim(), 1_048_576.0).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_quantities_read_in_both_families() {
        for (text, milli) in
            [("500m", 500), ("2", 2000), ("0.5", 500), ("0.1", 100), ("1e3m", 0), ("1k", 1_000_000)]
        {
            match text.parse::<Millicores>() {
                Ok(cpu) => assert_eq!(cpu.0, milli, "{text}"),
                Err(error) => assert_eq!(text, "1e3m", "{error}"),
            }
        }
        for (text, mib) in [("512Mi", 512), ("4Gi", 4096), ("2G", 1908), ("1", 1), ("1e9", 954), ("0", 0)] {
            assert_eq!(text.parse::<Mebibytes>().unwrap().0, mib, "{text}");
        }
        assert!(matches!("4GB".parse::<Mebibytes>(), Err(QuantityError::Malformed(_))));
        assert!(matches!("-1".parse::<Millicores>(), Err(QuantityError::Negative(_))));
    }
}
