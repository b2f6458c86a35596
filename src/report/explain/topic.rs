//! Pages of the reference as text: codes, keys and metrics.

use super::sheet::{ExplanationFormat, Sheet};
use crate::experiment::{Direction, Metric};
use crate::report::format::shown_unit;
use crate::report::verdict::words;

/// A head, what it means, and further facts; texts of several lines keep them.
#[must_use]
pub fn topic_text(head: &str, meaning: &str, facts: &[(&str, String)], format: ExplanationFormat) -> String {
    let mut sheet = Sheet::new(format);
    sheet.paragraph(head);
    sheet.hanging("  ", meaning);
    sheet.blank();
    let label = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, text) in facts {
        for (index, line) in text.lines().enumerate() {
            let name = if index == 0 { *name } else { "" };
            sheet.hanging(&format!("  {name:<label$}  "), line);
        }
    }
    sheet.finish()
}

/// What a metric means, in what it is counted, and which way it is good.
#[must_use]
pub fn metric_text(metric: Metric, format: ExplanationFormat) -> String {
    let (_, unit) = shown_unit(metric.unit());
    let good = match metric.direction() {
        Direction::LowerIsBetter => "less is better",
        Direction::HigherIsBetter => "more is better",
        Direction::Neutral => "it only describes",
    };
    let unit = if unit.is_empty() { "a number" } else { unit };
    let facts = [
        ("unit", format!("{unit} (in files: {})", metric.unit().label())),
        ("good", good.to_owned()),
        ("counted", "from the end of the warm-up; intervals are 95 % over replications".to_owned()),
    ];
    topic_text(&metric.key(), &metric_meaning(metric), &facts, format)
}

/// What a metric means, in one sentence.
pub(in crate::report) fn metric_meaning(metric: Metric) -> String {
    let text = match metric {
        Metric::CostTotal => "What the run cost, everything that is priced.",
        Metric::CostPerThousandJobs => {
            "What 1,000 jobs cost: all costs over all jobs, skipped jobs not counted."
        }
        Metric::CostPerMonth => "The cost after the warm-up, projected to a month of 730 hours.",
        Metric::WaitMean => {
            "Mean wait from pending until the script starts, earlier attempts that the fleet lost included."
        }
        Metric::WaitP50 => "The wait that half of the jobs do not exceed.",
        Metric::WaitP95 => "The wait that 95 % of the jobs do not exceed; only jobs whose script started.",
        Metric::WaitP99 => "The wait that 99 % of the jobs do not exceed; only jobs whose script started.",
        Metric::QueueMean => "Mean time from pending until picked: GitLab's queued_duration.",
        Metric::QueueP95 => "The time from pending until picked that 95 % of attempts do not exceed.",
        Metric::PodStartMean => "Mean time from picked until the script starts.",
        Metric::PodStartP95 => {
            "The time from picked until the script starts that 95 % of attempts do not exceed."
        }
        Metric::JobsLost => {
            "Share of jobs without a result because of the fleet: interrupted without another attempt, pod too late, dropped, runner failure."
        }
        Metric::JobsTimedOut => "Share of jobs that hit their time-out.",
        Metric::Retries => "Attempts after the first, per 1,000 jobs.",
        Metric::NodeInterruptions => "Nodes that EC2 took back.",
        Metric::JobInterruptions => "Job attempts that lost their node.",
        Metric::Utilisation => "Share of provisioned CPU that jobs requested.",
        Metric::Waste => "Share of the instances' cost that was not paid for useful work.",
        Metric::NodeHours => "Hours of all nodes.",
        Metric::SpotShare => "Share of node hours on Spot.",
        Metric::Launches => "Nodes launched.",
        Metric::Jobs => "Jobs, without skipped ones.",
        Metric::JobsEnded(outcome) => {
            return format!("Jobs whose last attempt ended as {}.", words(outcome.label()));
        }
        Metric::WaitFor(cause) => {
            return format!(
                "Mean wait for {}: {}.",
                words(cause.label()),
                super::words::cause_meaning(cause)
            );
        }
    };
    text.to_owned()
}
