//! `fleetsim commit` in words: the load-duration curve, the best commitment, and what it risks.

use std::fmt::Write;

use crate::experiment::{CommitmentWorth, Confidence, HourlyUse, Sample};

/// What is said of one fleet and one plan.
#[derive(Clone, Debug)]
pub struct CommitmentAnswer<'a> {
    /// The fleet, and the family where the plan is for one.
    pub name: String,
    /// Its hours, run by run.
    pub runs: &'a [HourlyUse],
    /// What the plan takes off list prices.
    pub discount: f64,
    /// The best commitment.
    pub worth: CommitmentWorth,
}

/// Hours of a month as AWS counts them.
const HOURS_PER_MONTH: f64 = 730.0;
/// Points of the load-duration curve that are printed, in percent of hours.
const CURVE: [usize; 7] = [0, 10, 25, 50, 75, 90, 100];

impl CommitmentAnswer<'_> {
    /// The load-duration curve of all runs together: use that is exceeded in so many percent of hours.
    #[must_use]
    pub fn curve(&self) -> Vec<(usize, f64)> {
        let pooled = self.runs.iter().flat_map(|run| run.0.iter().copied()).collect();
        let curve = HourlyUse(pooled).load_duration();
        let point = |percent: usize| curve.get(curve.len().saturating_sub(1) * percent / 100).copied();
        CURVE.iter().filter_map(|percent| Some((*percent, point(*percent)?))).collect()
    }

    /// Dollars per month lost against the then best commitment if load falls by a fifth.
    #[must_use]
    pub fn monthly_regret(&self) -> f64 {
        self.worth.regret(self.runs, self.discount, 0.8) * HOURS_PER_MONTH
    }

    fn saved(&self) -> Vec<f64> {
        self.worth.without.iter().zip(&self.worth.with).map(|(before, after)| before - after).collect()
    }

    /// The answer as data.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let worth = &self.worth;
        serde_json::json!({
            "fleet": self.name,
            "runs": self.runs.len(),
            "hours": self.runs.first().map_or(0, |run| run.0.len()),
            "discount": self.discount,
            "load_duration_usd_per_hour": self.curve(),
            "commitment_usd_per_hour": worth.commitment,
            "commitment_of_runs_usd_per_hour": worth.of_runs,
            "utilisation": worth.utilisation,
            "coverage": worth.coverage,
            "without_usd_per_hour": worth.without,
            "with_usd_per_hour": worth.with,
            "break_even_load": worth.break_even_load(self.runs, self.discount),
            "regret_at_four_fifths_usd_per_month": self.monthly_regret(),
        })
    }
}

/// What commitments that one has cost and cover, summed over hours.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OwnedCommitments {
    hours: f64,
    cost: f64,
    used: f64,
    left: f64,
}

impl OwnedCommitments {
    /// Adds an hour: what the commitments cost, what was used on demand at list prices, and what they left of that.
    pub fn add(&mut self, cost: f64, used: f64, left: f64) {
        self.hours += 1.0;
        self.cost += cost;
        self.used += used;
        self.left += left;
    }

    fn per_hour(&self, sum: f64) -> f64 {
        if self.hours > 0.0 { sum / self.hours } else { 0.0 }
    }

    /// The share of on-demand use that they cover.
    #[must_use]
    pub fn coverage(&self) -> f64 {
        if self.used > 0.0 { (self.used - self.left) / self.used } else { 0.0 }
    }

    /// In words.
    #[must_use]
    pub fn text(&self, fleet: &str) -> String {
        format!(
            "{fleet}: what you have costs ${:.3} an hour and covers {:.0} % of on-demand use; ${:.3} an hour with it, ${:.3} without\n",
            self.per_hour(self.cost),
            100.0 * self.coverage(),
            self.per_hour(self.cost + self.left),
            self.per_hour(self.used),
        )
    }

    /// As data.
    #[must_use]
    pub fn json(&self, fleet: &str) -> serde_json::Value {
        serde_json::json!({
            "fleet": fleet,
            "owned": true,
            "coverage": self.coverage(),
            "cost_usd_per_hour": self.per_hour(self.cost),
            "with_usd_per_hour": self.per_hour(self.cost + self.left),
            "without_usd_per_hour": self.per_hour(self.used),
        })
    }
}

/// The answer for people.
#[must_use]
pub fn commitment_text(answer: &CommitmentAnswer<'_>) -> String {
    let worth = &answer.worth;
    let mut text = String::new();
    let mut line = |what: String| writeln!(text, "{what}").expect("text takes lines");
    let hours = answer.runs.first().map_or(0, |run| run.0.len());
    line(format!("{}: {} runs of {hours} h", answer.name, answer.runs.len()));
    let curve = answer.curve();
    if curve.first().is_none_or(|(_, most)| *most <= 0.0) {
        line("  no on-demand use: no commitment covers anything (none covers Spot)".to_owned());
        return text;
    }
    line("  on-demand use at list prices, exceeded in so many percent of hours:".to_owned());
    let points: Vec<String> =
        curve.iter().map(|(percent, used)| format!("{percent} %: ${used:.2}")).collect();
    line(format!("    {}", points.join("  ")));
    line(format!(
        "  best commitment at {:.0} % off: {} an hour",
        100.0 * answer.discount,
        estimated(&worth.of_runs, Some(worth.commitment), 3)
    ));
    line(format!(
        "    used to {:.0} %, covers {:.0} % of on-demand use",
        100.0 * worth.utilisation,
        100.0 * worth.coverage,
    ));
    line(format!(
        "  per month: {} without, {} with, saves {}",
        monthly(&worth.without),
        monthly(&worth.with),
        monthly(&answer.saved()),
    ));
    line(format!(
        "  breaks even while load stays above {:.0} % (a dollar of it: used in {:.0} % of hours)",
        100.0 * worth.break_even_load(answer.runs, answer.discount),
        100.0 * (1.0 - answer.discount)
    ));
    line(format!(
        "  if load falls by 20 %: ${:.2} a month more than the commitment that would then be best",
        answer.monthly_regret()
    ));
    text
}

/// A mean over runs with its interval, as dollars per month.
fn monthly(per_hour: &[f64]) -> String {
    let values: Vec<f64> = per_hour.iter().map(|dollars| dollars * HOURS_PER_MONTH).collect();
    estimated(&values, None, 2)
}

/// A mean over runs (or `point`, found from all of them) with the interval of the mean.
fn estimated(values: &[f64], point: Option<f64>, digits: usize) -> String {
    let Some(sample) = Sample::of_means(values.to_vec()) else { return "-".to_owned() };
    let estimate = sample.estimate(Confidence::default());
    let mean = point.unwrap_or(estimate.mean);
    match estimate.margin() {
        Some(margin) => format!("${mean:.digits$} ± {margin:.digits$}"),
        None => format!("${mean:.digits$}"),
    }
}
