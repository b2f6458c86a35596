//! What follows when all runs are there, whoever made them: summary, result folder, files for CI, the answer.

use super::args::Format;
use super::clock::Clock;
use super::emit::{Emit, emit};
use super::exit::{Exit, Failed};
use super::files::ResultFolder;
use super::page_facts::sweep_shown;
use super::results::{Finished, old_prices, write_results};
use super::terminal::{Terminal, answer, say};
use crate::experiment::{Confidence, Units, summarise};
use crate::metrics::RunOutcome;
use crate::report::{SummaryFormat, pairing_text, summary_text, timings_text, wrapped};
use crate::scenario::Scenario;
use std::path::Path;

/// How the answer is given.
pub(super) struct Answer<'a> {
    /// Scenario file.
    pub path: &'a Path,
    /// How it is printed.
    pub format: Format,
    /// Files for CI.
    pub emit: &'a [Emit],
    /// Whether it says how long each part took.
    pub timings: bool,
    /// Folder of an earlier sweep whose charts belong on the page.
    pub sweep: Option<&'a Path>,
}

/// Summarises, writes and prints. The results are complete or not there at all.
pub(super) fn conclude(
    scenario: &Scenario,
    units: &Units<RunOutcome>,
    folder: Option<ResultFolder>,
    how: &Answer<'_>,
    clock: &mut Clock,
    terminal: Terminal,
) -> Result<Exit, Failed> {
    let names: Vec<String> = scenario.fleets.iter().map(|fleet| fleet.name.clone()).collect();
    let Some(summary) = summarise(&names, units, scenario.baseline, Confidence::default()) else {
        say("interrupted before every fleet had finished one replication: there is no result");
        return Ok(Exit::Interrupted);
    };
    clock.lap("summarise");
    let mut files = Vec::new();
    if let Some(folder) = folder {
        let sweep = how.sweep.map(sweep_shown).transpose()?;
        let finished = Finished { scenario, summary: &summary, units, seconds: clock.total(), sweep };
        files = write_results(folder, &finished)?;
        clock.lap("write");
    }
    emit(how.emit, scenario, how.path, &summary)?;
    if summary.is_partial {
        terminal.note("interrupted: the result rests on the replications that were finished");
    }
    if how.format == Format::Table && !scenario.question.is_empty() {
        answer(&format!("{}\n", wrapped(&scenario.question)))?;
    }
    answer(&summary_text(&summary, &scenario.objectives, &files, format(how.format)))?;
    if how.format == Format::Table {
        answer(&pairing_text(&summary))?;
    }
    if let Some(old) = old_prices(scenario) {
        terminal.note(wrapped(&format!("prices as of {old}")).trim_end());
    }
    if how.timings {
        say(&timings_text(clock.laps(), &summary));
    }
    Ok(Exit::Success)
}

const fn format(format: Format) -> SummaryFormat {
    match format {
        Format::Table => SummaryFormat::Table,
        Format::Json => SummaryFormat::Json,
        Format::Csv => SummaryFormat::Csv,
        Format::Md => SummaryFormat::Markdown,
    }
}
