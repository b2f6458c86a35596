//! What the pages of comparisons, sweeps, recommendations and the gate say besides the results, and the parts of their folders
//! that are alike. Names no day, machine or path: the same command gives the same page.

use super::exit::Failed;
use super::files::ResultFolder;
use super::results::{prices_as_of, with_age};
use super::traces::trace_rows;
use crate::report::{Chart, SheetFacts};
use crate::scenario::Scenario;

/// From what one scenario's part of a page comes.
fn facts_of(scenario: &Scenario, prefix: &str, out: &mut Vec<(String, String)>) {
    let mut fact = |name: &str, value: String| out.push((format!("{prefix}{name}"), value));
    fact("scenario", format!("{:016x} (hash of the scenario with every default)", scenario.hash()));
    fact("prices as of", with_age(scenario, &prices_as_of(scenario)));
    fact("simulated", format!("{} from {}", scenario.horizon, scenario.start));
    fact("seed", scenario.seed.to_string());
    for rows in trace_rows(scenario) {
        fact("trace", format!("{}: {} rows read, {} jobs", rows.file, rows.rows, rows.jobs));
    }
}

/// What a page of `scenarios` says besides its results.
pub(super) fn sheet_facts(scenarios: &[&Scenario], command: String) -> SheetFacts {
    let mut names: Vec<&str> = Vec::new();
    let mut provenance = vec![("fleetsim".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    let mut resolved = Vec::new();
    for scenario in scenarios {
        if names.contains(&scenario.name.as_str()) {
            continue;
        }
        names.push(&scenario.name);
        let is_alone = scenarios.iter().all(|other| other.name == scenario.name);
        let prefix = if is_alone { String::new() } else { format!("{}: ", scenario.name) };
        facts_of(scenario, &prefix, &mut provenance);
        let heading =
            if is_alone { "The scenario".to_owned() } else { format!("The scenario {}", scenario.name) };
        resolved.push((format!("{heading} with every default"), scenario.to_toml()));
    }
    let question = scenarios.first().filter(|_| names.len() == 1);
    SheetFacts {
        scenario: names.join(", "),
        question: question.map(|scenario| scenario.question.clone()).unwrap_or_default(),
        command,
        provenance,
        resolved,
    }
}

/// A command as it can be typed: words that a shell would change are quoted.
pub(super) fn typed(words: impl IntoIterator<Item = String>) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,#%@+".contains(c);
    let quoted = |word: String| {
        if !word.is_empty() && word.chars().all(is_plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// The words of an option that may be given several times.
pub(super) fn option_words<'a>(
    name: &'a str,
    values: impl IntoIterator<Item = String> + 'a,
) -> impl Iterator<Item = String> + 'a {
    values.into_iter().flat_map(move |value| [name.to_owned(), value])
}

/// Every chart in both formats below `charts/`.
pub(super) fn write_charts(folder: &ResultFolder, charts: &[Chart]) -> Result<(), Failed> {
    for chart in charts {
        folder.write(&format!("charts/{}.svg", chart.name), chart.svg.as_bytes())?;
        folder.write(&format!("charts/{}.png", chart.name), &chart.png)?;
    }
    Ok(())
}

/// A chart or a page that could not be made.
pub(super) fn undrawn(error: &impl std::fmt::Display) -> Failed {
    Failed::Output(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_quoted_where_a_shell_would_change_them() {
        let words = ["fleetsim", "sweep", "peak.toml", "--vary", "a.b=1..4:1", "--set", "x=[\"m\"]"];
        assert_eq!(
            typed(words.map(str::to_owned)),
            "fleetsim sweep peak.toml --vary a.b=1..4:1 --set 'x=[\"m\"]'"
        );
        assert_eq!(typed(["it's".to_owned()]), r"'it'\''s'");
    }
}
