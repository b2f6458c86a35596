//! The result folder of a sweep: tables written point by point, charts, the resolved scenario, the answer.

use super::clock::Clock;
use super::exit::{Exit, Failed};
use super::files::ResultFolder;
use super::results::provenance_of;
use super::sheets::{sheet_facts, typed, undrawn, write_charts};
use super::sweep::Sweep;
use super::terminal::answer;
use crate::experiment::{ComparisonRules, Confidence, Design, PointOutcome, PointSummary, summarise_values};
use crate::report::{
    PointsCsv, SweepCsv, SweepFacts, point_summary, provenance_json, sweep_charts, sweep_html, sweep_text,
};

/// Writes everything into `folder`, publishes it and prints the answer. `outcome` hands over one point after the other.
pub(super) fn conclude_sweep(
    sweep: &Sweep,
    folder: ResultFolder,
    clock: &Clock,
    outcome: impl Fn(usize) -> Result<PointOutcome, Failed>,
) -> Result<Exit, Failed> {
    let base = &sweep.base;
    let names: Vec<String> = base.fleets.iter().map(|fleet| fleet.name.clone()).collect();
    let keys: Vec<String> = sweep.axes.iter().map(|axis| axis.key.clone()).collect();
    let rules = ComparisonRules { confidence: Confidence::default(), tolerance: sweep.tolerance };
    let mut points: Vec<PointSummary> = Vec::with_capacity(sweep.points.len());
    let mut broken = None;
    folder.write_with("sweep.csv", |out| {
        let mut csv = SweepCsv::new(out, &keys)?;
        for (number, point) in sweep.points.iter().enumerate() {
            let values = match outcome(number) {
                Ok(outcome) => outcome.values(&names),
                Err(failed) => {
                    broken = Some(failed);
                    break;
                }
            };
            let Some(values) = values else {
                broken =
                    Some(Failed::Incompatible(format!("point {} has other fleets or metrics", number + 1)));
                break;
            };
            let summary = summarise_values(&values, base.baseline, rules);
            csv.point(number, point, &summary)?;
            points.push(point_summary(number, point, &summary, &base.objectives));
        }
        csv.end()
    })?;
    if let Some(failed) = broken {
        return Err(failed);
    }
    folder.write_with("points.csv", |out| {
        let mut csv = PointsCsv::new(out, &keys, &names)?;
        points.iter().try_for_each(|point| csv.point(point))?;
        csv.end()
    })?;
    let seconds = clock.total();
    let facts = SweepFacts {
        keys,
        fleets: names,
        replications: base.replications as usize,
        objectives: base.objectives.clone(),
        is_one_at_a_time: sweep.design == Design::OneAtATime,
    };
    folder.write("scenario.resolved.toml", base.to_toml().as_bytes())?;
    folder.write("provenance.json", provenance_json(&provenance_of(base, seconds, false)).as_bytes())?;
    let charts = sweep_charts(&facts, &points).map_err(|error| undrawn(&error))?;
    write_charts(&folder, &charts)?;
    let page = sweep_html(&facts, &points, &charts, &sheet_facts(&[base], typed(sweep.words())))
        .map_err(|error| undrawn(&error))?;
    folder.write("report.html", page.as_bytes())?;
    let published = folder.publish()?;
    let files = ["report.html", "points.csv", "sweep.csv", "charts"]
        .map(|name| published.join(name).display().to_string());
    answer(&sweep_text(&facts, &points, &files))?;
    Ok(Exit::Success)
}
