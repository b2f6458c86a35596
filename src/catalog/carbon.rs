//! Power of CPU generations, embodied emissions and grid factors: embedded, dated, and with what is doubtful about them.

use super::text::{Fields, data_lines};

const GENERATIONS: &str = include_str!("data/carbon_generations.csv");
const GRID: &str = include_str!("data/carbon_grid.csv");

/// Watts of memory per GB (cloud-carbon-footprint methodology, 2026-04).
pub const MEMORY_WATTS_PER_GB: f64 = 0.392;
/// Power usage effectiveness of AWS's data centres (cloud-carbon-footprint's constant; from memory, not in the fetched data).
pub const POWER_USAGE_EFFECTIVENESS: f64 = 1.135;
/// When the figures were collected.
pub const CARBON_DATE: &str = "2026-04-24";

/// What is doubtful about every figure made of these.
pub const CARBON_CAVEATS: [&str; 6] = [
    "watts of all Graviton generations are those of AMD Zen 2 in the source, not measured; of Zen 5 those of Zen 4",
    "requested CPU counts as busy, so energy is an upper bound where jobs use less than they request",
    "embodied emissions are a server's over 4 years, shared out by vCPU; newest generations take the one before",
    "the grid factor is the region's location-based annual average, not what AWS buys",
    "runner managers, the control plane, Fargate, hosted runners, volumes and network are not counted",
    "PUE 1.135 and 0.392 W per GB of memory are constants of the source; each may be off by 30 %",
];

/// Power and embodied emissions of one vCPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VcpuPower {
    /// Watts without load.
    pub idle_watts: f64,
    /// Watts under full load.
    pub busy_watts: f64,
    /// Embodied grams of CO2 equivalent per hour.
    pub embodied_grams_per_hour: f64,
}

/// Power of a generation's vCPU; `None` for unknown names.
#[must_use]
pub fn vcpu_power(generation: &str) -> Option<VcpuPower> {
    data_lines(GENERATIONS).find_map(|line| {
        let mut fields = Fields::of(line);
        if fields.text() != generation {
            return None;
        }
        let mut number = || fields.text().parse::<f64>().ok();
        Some(VcpuPower {
            idle_watts: number()?,
            busy_watts: number()?,
            embodied_grams_per_hour: number()? / 1000.0,
        })
    })
}

/// Grid emissions of a region in kg of CO2 equivalent per kWh; `None` where there is no figure.
#[must_use]
pub fn grid_kg_per_kwh(region: &str) -> Option<f64> {
    data_lines(GRID).find_map(|line| {
        let mut fields = Fields::of(line);
        if fields.text() == region { fields.text().parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::super::builtin::Catalog;
    use super::*;

    #[test]
    fn every_generation_has_its_power_and_the_usual_regions_a_grid() {
        let catalog = Catalog::builtin("eu-central-1").unwrap();
        for generation in catalog.generations() {
            let power = vcpu_power(generation.name).unwrap_or_else(|| panic!("{}", generation.name));
            assert!(power.idle_watts < power.busy_watts && power.embodied_grams_per_hour > 0.0);
        }
        assert_eq!(grid_kg_per_kwh("eu-central-1"), Some(0.338));
        assert_eq!(grid_kg_per_kwh("eu-central-9"), None);
    }
}
