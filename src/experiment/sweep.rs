//! What is kept of a point of a sweep: what every replication of every fleet says of every metric, and nothing else, so
//! that a sweep of many points needs the memory of a few.

use super::design::Point;
use super::metric::Metric;
use super::objective::ObjectiveState;
use super::statistics::Estimate;
use super::values::{FleetValues, Term};
use serde::{Deserialize, Serialize};

/// What one run says of every metric, by [`Metric::index`].
pub type MetricRow = Vec<Option<Term>>;

/// All runs of one point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PointOutcome {
    /// By fleet, then replication.
    pub fleets: Vec<Vec<MetricRow>>,
}

impl PointOutcome {
    /// The runs of one point, which are in the order of replication, then fleet.
    #[must_use]
    pub fn of_rows(fleets: usize, rows: Vec<MetricRow>) -> Self {
        let mut outcome = Self { fleets: vec![Vec::new(); fleets] };
        for (unit, row) in rows.into_iter().enumerate() {
            outcome.fleets[unit % fleets].push(row);
        }
        outcome
    }

    /// The same with the fleets' names. None where it does not fit them or this version's metrics.
    #[must_use]
    pub fn values(self, names: &[String]) -> Option<Vec<FleetValues>> {
        let metrics = Metric::all().len();
        let fits =
            self.fleets.len() == names.len() && self.fleets.iter().flatten().all(|row| row.len() == metrics);
        let fleet = |(name, replications): (&String, Vec<MetricRow>)| {
            let work = vec![Vec::new(); replications.len()];
            FleetValues { name: name.clone(), replications, work }
        };
        fits.then(|| names.iter().zip(self.fleets).map(fleet).collect())
    }
}

/// What tables and charts of a whole sweep need to know of one point.
#[derive(Clone, Debug, PartialEq)]
pub struct PointSummary {
    /// Its place in the design, from 0.
    pub number: usize,
    /// Its values; none where the scenario's own holds.
    pub point: Point,
    /// The fleet that the report would speak of.
    pub chosen: usize,
    /// Whether that fleet keeps the objectives.
    pub state: ObjectiveState,
    /// Cost per 1,000 jobs, by fleet.
    pub costs: Vec<Option<Estimate>>,
    /// Wait that 95 % of jobs do not exceed, in milliseconds, by fleet.
    pub waits: Vec<Option<Estimate>>,
    /// Shares of jobs that no wait tells of, by fleet: lost with the fleet, canceled, timed out, still waiting at the end.
    pub unserved: Vec<[Option<f64>; 4]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_reads_back_as_the_same_numbers() {
        let row = |x: f64| {
            let mut row: MetricRow = vec![None; Metric::all().len()];
            row[0] = Some(Term::Value(x / 3.0));
            row[1] = Some(Term::Ratio(x * 0.1, 7.0));
            row
        };
        let outcome = PointOutcome::of_rows(2, vec![row(1.0), row(2.0), row(3.0), row(4.0)]);
        let text = serde_json::to_string(&outcome).unwrap();
        assert_eq!(serde_json::from_str::<PointOutcome>(&text).unwrap(), outcome);
        let names = ["a".to_owned(), "b".to_owned()];
        let values = outcome.clone().values(&names).unwrap();
        assert_eq!(values[1].replications, [row(2.0), row(4.0)]);
        assert!(outcome.values(&names[..1]).is_none());
        assert!(serde_json::from_str::<Term>("\"x/y\"").is_err());
    }
}
