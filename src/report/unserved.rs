//! Jobs that no wait tells of: an overloaded fleet that sheds them looks fast, so their shares stand beside every wait.

use super::format::number;
use crate::experiment::{Estimate, FleetSummary, Metric};
use crate::metrics::JobOutcome;

/// Shares of jobs, each none where there was no job.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Unserved {
    /// Without a result because of the fleet.
    pub lost: Option<f64>,
    /// Canceled: a newer push made their pipeline redundant.
    pub canceled: Option<f64>,
    /// Hit their time-out.
    pub timed_out: Option<f64>,
    /// Still waiting when the run ended.
    pub waiting: Option<f64>,
}

impl Unserved {
    /// What they are called, in the order of [`Unserved::shares`].
    pub(super) const NAMES: [&'static str; 4] = ["lost", "canceled", "timed out", "still waiting"];

    /// Of a fleet over its replications.
    #[must_use]
    pub fn of(fleet: &FleetSummary) -> Self {
        let mean = |metric| fleet.estimate(metric).map(|estimate: Estimate| estimate.mean);
        Self::of_means(mean)
    }

    /// From the mean of each metric.
    #[must_use]
    pub fn of_means(mean: impl Fn(Metric) -> Option<f64>) -> Self {
        let jobs = mean(Metric::Jobs).filter(|jobs| *jobs > 0.0);
        let of_jobs = |outcome| Some(mean(Metric::JobsEnded(outcome))? / jobs?);
        Self {
            lost: mean(Metric::JobsLost),
            canceled: of_jobs(JobOutcome::Canceled),
            timed_out: mean(Metric::JobsTimedOut),
            waiting: of_jobs(JobOutcome::StillWaiting),
        }
    }

    /// From the four in their order.
    pub(super) const fn of_shares([lost, canceled, timed_out, waiting]: [Option<f64>; 4]) -> Self {
        Self { lost, canceled, timed_out, waiting }
    }

    /// Lost, canceled, timed out, still waiting.
    pub(super) const fn shares(&self) -> [Option<f64>; 4] {
        [self.lost, self.canceled, self.timed_out, self.waiting]
    }

    /// All of them in a cell of a table, in per cent: `0`, or each with a slash between, as `0.2/0/3.1/0`.
    pub(super) fn cell(&self) -> String {
        let shares = self.shares();
        if shares.iter().all(|share| *share == Some(0.0)) {
            return "0".to_owned();
        }
        shares.map(in_per_cent).join("/")
    }

    /// Each in per cent, in the order of [`Unserved::NAMES`].
    pub(super) fn in_per_cent(&self) -> [String; 4] {
        self.shares().map(in_per_cent)
    }

    /// Each that is not zero in words: `lost 0.2 %, timed out 3.1 %`; or that there are none.
    pub(super) fn sentence(&self) -> String {
        let told = Self::NAMES.iter().zip(self.shares());
        let told: Vec<String> = told
            .filter(|(_, share)| *share != Some(0.0))
            .map(|(name, share)| format!("{name} {}\u{a0}%", in_per_cent(share)))
            .collect();
        if told.is_empty() {
            "no job lost, canceled, timed out or still waiting".to_owned()
        } else {
            told.join(", ")
        }
    }
}

/// A share in per cent in as few characters as will do: `0`, `<0.01`, `0.2`, `3.14`, `27.9`, or a dash.
fn in_per_cent(share: Option<f64>) -> String {
    match share.map(|share| 100.0 * share) {
        None => "–".to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(small) if small < 0.01 => "<0.01".to_owned(),
        Some(percent) => {
            let text = number(percent, if percent < 10.0 { 2 } else { 1 });
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_short_where_nothing_is_hidden_and_tells_all_four_where_something_is() {
        let none =
            Unserved { lost: Some(0.0), canceled: Some(0.0), timed_out: Some(0.0), waiting: Some(0.0) };
        assert_eq!(none.cell(), "0");
        assert_eq!(none.sentence(), "no job lost, canceled, timed out or still waiting");
        let some = Unserved { lost: Some(0.002), timed_out: Some(0.031), ..none };
        assert_eq!(some.cell(), "0.2/0/3.1/0");
        assert_eq!(Unserved { waiting: Some(8e-6), ..none }.cell(), "0/0/0/<0.01");
        assert_eq!(some.sentence(), "lost 0.2\u{a0}%, timed out 3.1\u{a0}%");
        assert_eq!(Unserved::default().cell(), "–/–/–/–");
    }
}
