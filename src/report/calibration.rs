//! A calibration as text for people, as a plot and as CSV. Computes nothing.

use std::io::Write;

use super::chart::{Chart, ChartError, calibration_quantiles};
use super::format::number;
use crate::experiment::{CALIBRATION_SHARES, Calibration, Constant, FoundConstants};

/// The comparison as a table with the errors below it.
#[must_use]
pub fn calibration_text(calibration: &Calibration) -> String {
    let Calibration { simulated, observed, .. } = calibration;
    let mut out = format!("{:8}{:>14}{:>14}{:>10}\n", "wait", "observed", "simulated", "error");
    let mut row = |name: &str, observed: f64, simulated: f64| {
        let error = match observed {
            0.0 => "-".to_owned(),
            _ if simulated > 10.0 * observed => format!("x {}", number(simulated / observed, 0)),
            _ => format!("{:+.1} %", (simulated / observed - 1.0) * 100.0),
        };
        let seconds = |value: f64| format!("{} s", number(value, 1));
        out += &format!("{name:8}{:>14}{:>14}{error:>10}\n", seconds(observed), seconds(simulated));
    };
    row("mean", observed.mean, simulated.mean);
    for (index, share) in CALIBRATION_SHARES.iter().enumerate() {
        row(&format!("p{:.0}", share * 100.0), observed.quantiles[index], simulated.quantiles[index]);
    }
    let counts = [observed.count, simulated.count].map(|count| number(count as f64, 0));
    out += &format!("{:8}{:>14}{:>14}\n\n", "jobs", counts[0], counts[1]);
    out += &format!("distance of the distributions  {:.3}  (0 = equal, 1 = apart)\n", calibration.distance);
    out += &format!("typical error of a quantile    factor {:.2}\n", calibration.typical_factor());
    match &calibration.paired {
        None => out += "jobs cannot be paired: nothing is known about single jobs\n",
        Some(paired) => {
            let known = |value: Option<f64>| {
                value.map_or("none (constant waits)".to_owned(), |value| format!("{value:.3}"))
            };
            out += &format!("mean absolute error            {} s\n", number(paired.mean_absolute_error, 1));
            let guess = number(paired.constant_guess_error, 1);
            out += &format!("  of the observed median       {guess} s  (guessed for every job)\n");
            out += &format!("mean error                     {:+.1} s\n", paired.mean_error);
            out += &format!("correlation (Pearson)          {}\n", known(paired.pearson));
            out += &format!("rank correlation (Spearman)    {}\n", known(paired.spearman));
        }
    }
    out
}

/// What was fitted, to which jobs, and the errors on these and on the jobs that were not fitted.
#[must_use]
pub fn constants_text(
    constants: &[Constant],
    found: &FoundConstants,
    fitted: &Calibration,
    held_out: &Calibration,
) -> String {
    let mut out = format!("fitted to the first half of the jobs, {} runs:\n", found.tried);
    for (constant, value) in constants.iter().zip(&found.values) {
        let end = if constant.is_at_an_end(*value) {
            "  (an end of its range: a better value may lie outside)"
        } else {
            ""
        };
        out += &format!("  {} = {}{end}\n", constant.key, constant.text(*value));
    }
    out += &format!("\n{:28}{:>24}{:>24}\n", "", "first half", "second half");
    let mut row = |name: &str, value: &dyn Fn(&Calibration) -> String| {
        out += &format!("{name:28}{:>24}{:>24}\n", value(fitted), value(held_out));
    };
    row("typical error of a quantile", &|own| format!("factor {:.2}", own.typical_factor()));
    row("distance", &|own| format!("{:.3}", own.distance));
    row("mean absolute error", &|own| {
        own.paired.map_or_else(String::new, |paired| format!("{} s", number(paired.mean_absolute_error, 1)))
    });
    for (index, share) in CALIBRATION_SHARES.iter().enumerate() {
        let name = format!("p{:.0} simulated / observed", share * 100.0);
        row(&name, &|own| {
            let [simulated, observed] =
                [&own.simulated, &own.observed].map(|side| number(side.quantiles[index], 1));
            format!("{simulated} / {observed}")
        });
    }
    out + "\nall jobs:\n"
}

/// The quantile plot of `fleet`.
///
/// # Errors
/// Where the embedded font cannot be used or a backend fails.
pub fn calibration_chart(calibration: &Calibration, fleet: &str) -> Result<Chart, ChartError> {
    let factor = |index: usize| match calibration.quantile_error(index) {
        Some(error) => format!("{:.2} times the observed one", error + 1.0),
        None => format!("{} s where none was observed", number(calibration.simulated.quantiles[index], 1)),
    };
    let title = format!("{fleet}: the simulated median wait is {}, p95 is {}", factor(0), factor(3));
    calibration_quantiles(calibration, title)
}

/// The quantile pairs: one row per hundredth, for a plot of simulated over observed waits.
///
/// # Errors
/// Where `out` cannot be written.
pub fn calibration_csv(out: impl Write, calibration: &Calibration) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["share", "observed_wait_s", "simulated_wait_s"])?;
    let steps = calibration.quantile_pairs.len().saturating_sub(1).max(1) as f64;
    for (index, (observed, simulated)) in calibration.quantile_pairs.iter().enumerate() {
        csv.write_record([
            format!("{:.2}", index as f64 / steps),
            format!("{observed:.3}"),
            format!("{simulated:.3}"),
        ])?;
    }
    Ok(csv.flush()?)
}
