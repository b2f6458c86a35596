//! The two choices that name every fleet: CPU architecture and capacity type, by their Kubernetes and Karpenter label values.

use std::fmt;

/// A CPU architecture, as in the label `kubernetes.io/arch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Arch {
    /// `amd64` (x86-64).
    Amd64,
    /// `arm64` (Graviton).
    Arm64,
}

/// How capacity is bought, as in the label `karpenter.sh/capacity-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum CapacityType {
    /// `on-demand`.
    OnDemand,
    /// `spot`.
    Spot,
    /// `reserved`: inside a capacity reservation. Only NodePools that select one know it; the price list does not.
    Reserved,
}

impl Arch {
    /// The value of the label `kubernetes.io/arch`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

impl CapacityType {
    /// The value of the label `karpenter.sh/capacity-type`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::Spot => "spot",
            Self::Reserved => "reserved",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl fmt::Display for CapacityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
