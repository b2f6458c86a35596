//! What the money of a fleet was used for, replication by replication, so that each use can be compared by itself. Knows neither
//! fleets by name nor how anything is shown.

use super::statistics::Sample;
use super::units::Units;
use crate::metrics::{CostKind, RunOutcome, WasteKind};

/// The cost of 1,000 jobs of one fleet and its parts, each as the ratio of sums that [`Metric::CostPerThousandJobs`] is: the
/// parts sum to the total.
///
/// [`Metric::CostPerThousandJobs`]: super::Metric::CostPerThousandJobs
#[derive(Clone, Debug, PartialEq)]
pub struct CostUses {
    /// US dollars per 1,000 jobs.
    pub total: Sample,
    /// Label and US dollars per 1,000 jobs: what instances were used for, then everything that is no instance.
    pub uses: Vec<(&'static str, Sample)>,
}

/// The uses of one fleet's money; none where no job ran.
#[must_use]
pub fn cost_uses(units: &Units<RunOutcome>, fleet: usize) -> Option<CostUses> {
    let sample = |dollars: &dyn Fn(&RunOutcome) -> f64| {
        let terms = units.of_fleet(fleet).map(|run| (1000.0 * dollars(run), run.jobs.jobs() as f64));
        Sample::of_ratio(&terms.collect::<Vec<_>>())
    };
    let total = sample(&|run| run.costs.total().read().as_dollars())?;
    let mut uses = Vec::new();
    for kind in WasteKind::ALL {
        uses.push((kind.label(), sample(&|run| run.waste.of(kind).read().as_dollars())?));
    }
    for kind in CostKind::ALL.into_iter().filter(|kind| !matches!(kind, CostKind::Instance(..))) {
        uses.push((kind.label(), sample(&|run| run.costs.of(kind).read().as_dollars())?));
    }
    Some(CostUses { total, uses })
}
