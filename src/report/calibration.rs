//! A calibration as text for people and as CSV for plots. Computes nothing.

use std::io::Write;

use super::format::number;
use crate::experiment::{CALIBRATION_SHARES, Calibration};

/// The comparison as a table with the errors below it.
#[must_use]
pub fn calibration_text(calibration: &Calibration) -> String {
    let Calibration { simulated, observed, .. } = calibration;
    let mut out = format!("{:8}{:>14}{:>14}{:>10}\n", "wait", "observed", "simulated", "error");
    let mut row = |name: &str, observed: f64, simulated: f64| {
        let error = match observed {
            0.0 => "-".to_owned(),
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
    match &calibration.paired {
        None => out += "jobs cannot be paired: nothing is known about single jobs\n",
        Some(paired) => {
            let known = |value: Option<f64>| {
                value.map_or("none (constant waits)".to_owned(), |value| format!("{value:.3}"))
            };
            out += &format!("mean absolute error            {} s\n", number(paired.mean_absolute_error, 1));
            out += &format!("mean error                     {:+.1} s\n", paired.mean_error);
            out += &format!("correlation (Pearson)          {}\n", known(paired.pearson));
            out += &format!("rank correlation (Spearman)    {}\n", known(paired.spearman));
        }
    }
    out
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
