//! Energy and emissions of a run's nodes. Knows no figure of its own: power comes from the catalogue.

use crate::catalog::{MEMORY_WATTS_PER_GB, POWER_USAGE_EFFECTIVENESS, VcpuPower};
use crate::metrics::NodeRecord;
use crate::units::SimTime;

const HOUR_MS: f64 = 3_600_000.0;

/// What nodes are made of, as far as power goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodePower {
    /// Of each vCPU.
    pub vcpu: VcpuPower,
    /// How many there are.
    pub vcpus: u32,
    /// GB of memory.
    pub memory_gb: f64,
}

/// Energy and emissions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Carbon {
    /// Energy at the meter of the data centre.
    pub kwh: f64,
    /// Emissions of that energy, kg of CO2 equivalent.
    pub grid_kg: f64,
    /// Share of the servers' production, kg of CO2 equivalent.
    pub embodied_kg: f64,
}

impl Carbon {
    /// Of `nodes` after `warmup`, on a grid of `kg_per_kwh`. A node that stood before counts by the share of its life after it.
    #[must_use]
    pub fn of(
        nodes: &[NodeRecord],
        warmup: SimTime,
        kg_per_kwh: f64,
        power: impl Fn(&NodeRecord) -> Option<NodePower>,
    ) -> Self {
        let mut sum = Self::default();
        for node in nodes {
            let Some(of) = power(node) else { continue };
            let counted = node.terminated_at.saturating_since(node.launched_at.max(warmup)).as_ms() as f64;
            let share = counted / (node.lifetime_ms() as f64).max(1.0);
            let hours = counted / HOUR_MS;
            let busy_hours = node.busy_core_ms as f64 / 1000.0 / HOUR_MS * share;
            let cpu = of.vcpu.idle_watts * f64::from(of.vcpus) * hours
                + (of.vcpu.busy_watts - of.vcpu.idle_watts) * busy_hours.min(f64::from(of.vcpus) * hours);
            let memory = MEMORY_WATTS_PER_GB * of.memory_gb * hours;
            let kwh = (cpu + memory) * POWER_USAGE_EFFECTIVENESS / 1000.0;
            sum.kwh += kwh;
            sum.grid_kg += kwh * kg_per_kwh;
            sum.embodied_kg += of.vcpu.embodied_grams_per_hour * f64::from(of.vcpus) * hours / 1000.0;
        }
        sum
    }

    /// All emissions, kg of CO2 equivalent.
    #[must_use]
    pub fn total_kg(&self) -> f64 {
        self.grid_kg + self.embodied_kg
    }
}
