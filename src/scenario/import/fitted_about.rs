//! What stands above a fitted scenario: what was fitted, how well, and what the model does not have. Fits nothing.

use super::fitted::shape_text;
use super::fragment::one_line;
use crate::workload::{ClassFit, Grouping, TraceFit, WorkloadFigures};
use std::fmt::Write;

/// Names of one class that are listed.
const LISTED: usize = 6;

/// What a synthetic workload makes of a fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Check {
    /// Means of its figures.
    pub synthetic: WorkloadFigures,
    /// Over so many runs, each as long as the trace.
    pub runs: u32,
}

/// The comments at the top.
pub(super) fn heading(fit: &TraceFit, trace: &str, check: Option<&Check>) -> String {
    let mut out = String::new();
    let mut say = |line: &str| {
        let _ = writeln!(out, "{}", format!("# {}", one_line(line)).trim_end());
    };
    let jobs: usize = fit.classes.iter().map(|class| class.jobs).sum();
    say(&format!(
        "Synthetic workload fitted to {trace}: {jobs} jobs, {:.1} weeks. A scenario that runs as it is; the fleet at the end",
        fit.arrivals.weeks
    ));
    say(
        "is a start, not the fleet that was observed. Durations stand for work on the reference CPU (m5): faster CPUs run",
    );
    say("the CPU-bound part of it in less time.");
    grouping(fit, &mut say);
    arrivals(fit, &mut say);
    classes(fit, &mut say);
    if let Some(check) = check {
        compared(fit, check, &mut say);
    }
    out
}

fn grouping(fit: &TraceFit, say: &mut dyn FnMut(&str)) {
    say("");
    match fit.grouping {
        Grouping::Single => say(
            "Jobs: each arrives by itself; the trace names no pipelines, and jobs do not come in batches.",
        ),
        Grouping::Recorded => say("Pipelines: as the trace names them."),
        Grouping::Batches { gap_ms } => say(&format!(
            "Batches: the trace names no pipelines. Gaps between jobs are of two kinds: a job that comes within {:.1} s of the one \
             before is taken for the same batch.",
            gap_ms as f64 / 1e3
        )),
    }
    if fit.grouping == Grouping::Single {
        return;
    }
    say(&format!(
        "{} shapes stand for all of them: {:.1} % of the jobs are in another class than observed, and a pipeline's number of",
        fit.shapes.len(),
        fit.misplaced * 100.0
    ));
    say(&format!("jobs is off by {:.1} % on average.", fit.off_by * 100.0));
}

fn arrivals(fit: &TraceFit, say: &mut dyn FnMut(&str)) {
    let own = &fit.arrivals;
    say("");
    say(&format!(
        "Arrivals: {:.1} per week, a Poisson process whose rate follows the hour of the week, times a gamma variate per hour",
        own.per_week
    ));
    say(&format!(
        "with coefficient of variation {:.2}. Variance over mean of hourly counts: {:.1}, around the profile {:.1}.",
        own.burstiness, own.dispersion, own.residual_dispersion
    ));
    say(&format!(
        "Profile: of each hour's deviation from day times hour-of-day {:.0} % is kept, the rest is taken for chance ({:.1} weeks).",
        own.kept * 100.0,
        own.weeks
    ));
    if own.unseen_hours > 0 {
        say(&format!(
            "{} of 168 hours were never observed: they follow the other days and hours.",
            own.unseen_hours
        ));
    }
    say(&format!(
        "Not in the model: one hour's deviation goes with the next one's (correlation {:.2}; 0 in the model).",
        own.autocorrelation
    ));
}

fn classes(fit: &TraceFit, say: &mut dyn FnMut(&str)) {
    say("");
    say(
        "Classes. KS: largest distance to the observed distribution. p: of the jobs that were not fitted (every second); small",
    );
    say(
        "means that the shape is wrong, `-` that it is measured. q: mean error of the quantiles 5 to 95 %. Mean: error of it.",
    );
    let width = fit.classes.iter().map(|class| class.name.chars().count()).max().unwrap_or(0).clamp(5, 48);
    say(&format!(
        "  {:width$} {:>8} {:>12} {:>6} {:>6} {:>7} {:>7} {:>7}",
        "class", "jobs", "durations", "KS", "p", "q", "mean", "failed"
    ));
    for class in &fit.classes {
        let goodness = &class.duration.goodness;
        let p = goodness.p_value.map_or_else(|| "-".to_owned(), |p| format!("{p:.2}"));
        let failed = class.failed.map_or_else(|| "?".to_owned(), |share| format!("{:.1} %", share * 100.0));
        say(&format!(
            "  {:width$} {:>8} {:>12} {:>6.3} {p:>6} {:>5.1} % {:>+5.1} % {failed:>7}",
            class.name,
            class.jobs,
            shape_text(class.duration.shape),
            goodness.distance,
            goodness.quantile_error * 100.0,
            goodness.mean_error * 100.0,
        ));
        remarks(class, say);
    }
}

fn remarks(class: &ClassFit, say: &mut dyn FnMut(&str)) {
    if let Some(refused) = &class.duration.refused {
        say(&format!(
            "    lognormals do not hold (KS {:.3}, p {:.3}, mean {:+.1} %): quantiles as measured stand in their place",
            refused.distance,
            refused.p_value.unwrap_or(0.0),
            refused.mean_error * 100.0
        ));
    }
    if class.members.len() > 1 {
        let names: Vec<String> =
            class.members.iter().take(LISTED).map(|(name, jobs)| format!("{name} ({jobs})")).collect();
        let more = if class.members.len() > LISTED { ", …" } else { "" };
        say(&format!("    joins {}{more}", names.join(", ")));
    }
    match class.failed_length {
        Some(length) if class.drawn_failures().is_some() && !(0.25..=0.75).contains(&length) => say(
            &format!("    failed jobs took {length:.2} of the time of the others; simulated ones take 0.5"),
        ),
        _ => {}
    }
}

fn compared(fit: &TraceFit, check: &Check, say: &mut dyn FnMut(&str)) {
    say("");
    say(&format!("The trace against the mean of {} synthetic runs of its length:", check.runs));
    say(&format!("  {:36} {:>12} {:>12} {:>9}", "", "observed", "synthetic", "error"));
    let pairs = fit.observed.values().into_iter().zip(check.synthetic.values());
    for ((name, digits), (observed, synthetic)) in WorkloadFigures::NAMES.into_iter().zip(pairs) {
        let error = if observed > 0.0 {
            format!("{:+.1} %", (synthetic / observed - 1.0) * 100.0)
        } else {
            "-".to_owned()
        };
        say(&format!("  {name:36} {observed:>12.digits$} {synthetic:>12.digits$} {error:>9}"));
    }
}
