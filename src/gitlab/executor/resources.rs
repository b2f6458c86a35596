//! Requests and limits: as texts in the configuration, and as amounts of a container.

use crate::gitlab::executor::quantity::Quantity;
use crate::units::{Mebibytes, Millicores, Resources};

/// One set of amounts as written in `config.toml`; empty is "not set".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceTexts {
    /// CPU.
    pub cpu: String,
    /// Memory.
    pub memory: String,
    /// Ephemeral storage.
    pub ephemeral_storage: String,
}

/// What `config.toml` says about one kind of container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerResources {
    /// `*_request`.
    pub requests: ResourceTexts,
    /// `*_limit`.
    pub limits: ResourceTexts,
    /// `*_request_overwrite_max_allowed`; empty: job variables are ignored.
    pub requests_max: ResourceTexts,
    /// `*_limit_overwrite_max_allowed`; empty: job variables are ignored.
    pub limits_max: ResourceTexts,
}

/// Amounts of one container or pod; `None` is "not set", which is not the same as zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceList {
    /// CPU in cores.
    pub cpu: Option<Quantity>,
    /// Memory in bytes.
    pub memory: Option<Quantity>,
    /// Ephemeral storage in bytes.
    pub ephemeral_storage: Option<Quantity>,
}

impl ResourceList {
    /// Combines both lists, resource by resource.
    #[must_use]
    pub fn zip(
        self,
        other: Self,
        with: impl Fn(Option<Quantity>, Option<Quantity>) -> Option<Quantity>,
    ) -> Self {
        Self {
            cpu: with(self.cpu, other.cpu),
            memory: with(self.memory, other.memory),
            ephemeral_storage: with(self.ephemeral_storage, other.ephemeral_storage),
        }
    }

    /// This list, with `other` where it says nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.zip(other, Option::or)
    }

    /// The sum; what is set in one list only is taken from there.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.zip(other, |a, b| a.zip(b).map(|(a, b)| a + b).or(a).or(b))
    }

    /// The larger of both; what is set in one list only is taken from there.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| a.zip(b).map(|(a, b)| a.max(b)).or(a).or(b))
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// CPU and memory in the units of the simulation, rounded up; "not set" and negative amounts are zero, amounts
    /// beyond 32 bits are clamped.
    #[must_use]
    pub fn to_resources(&self) -> Resources {
        let clamp = |amount: i64| u32::try_from(amount.max(0)).unwrap_or(u32::MAX);
        let bytes = self.memory.map_or(0, Quantity::whole).max(0);
        Resources {
            cpu: Millicores(clamp(self.cpu.map_or(0, Quantity::milli))),
            memory: Mebibytes(clamp((bytes as u64).div_ceil(1 << 20) as i64)),
        }
    }
}
