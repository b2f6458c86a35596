//! Part files: what has been finished of an experiment, as JSON lines; the same format for shards and for resuming.
//!
//! The first line is a [`PartHeader`], each further one a finished unit: `{"fleet":0,"replication":3,"outcome":…}`. A
//! line is written at once, so of a killed run at most the last line is incomplete, which its missing line break tells.

use super::shard::Shard;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

/// The version of the format, to be raised when a field changes its meaning or goes away.
pub const PART_SCHEMA: &str = "fleetsim.part/1";

/// From what a part comes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartHeader {
    /// [`PART_SCHEMA`].
    pub schema: String,
    /// Version of fleetsim.
    pub fleetsim: String,
    /// Hash of the resolved scenario and its traces.
    pub scenario: String,
    /// Seed of all draws.
    pub seed: u64,
    /// Replications per fleet.
    pub replications: usize,
    /// Names of the fleets.
    pub fleets: Vec<String>,
    /// Which units these are; none where they are all of them.
    pub shard: Option<Shard>,
    /// How to ask for the same experiment again.
    pub command: PartCommand,
    /// Of a run that may be resumed: which program made it, so that another build does not continue it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
}

/// The arguments that make an experiment what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCommand {
    /// The command's name.
    pub name: String,
    /// Scenario file, as it was given.
    pub scenario: String,
    /// Settings laid over it.
    pub set: Vec<String>,
    /// Fleets that were asked for; empty for all.
    pub fleet: Vec<String>,
    /// Further arguments, which only this command has.
    pub more: Vec<String>,
    /// Whether jobs and nodes of the first replication are kept.
    pub detail: bool,
}

impl PartCommand {
    /// The command line with `more` at its end, to be pasted into a shell.
    #[must_use]
    pub fn line(&self, more: &[&str]) -> String {
        let mut words = vec!["fleetsim".to_owned(), self.name.clone(), shell_word(&self.scenario)];
        words.extend(self.set.iter().map(|set| format!("--set {}", shell_word(set))));
        words.extend(self.fleet.iter().map(|fleet| format!("--fleet {}", shell_word(fleet))));
        words.extend(self.more.iter().map(|word| shell_word(word)));
        if !self.detail && self.name == "run" {
            words.push("--no-detail".to_owned());
        }
        words.extend(more.iter().map(|word| shell_word(word)));
        words.join(" ")
    }
}

/// A word as a POSIX shell reads it back.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl PartHeader {
    /// Number of units of the whole experiment.
    #[must_use]
    pub fn units(&self) -> usize {
        self.fleets.len() * self.replications
    }

    /// The first line of a part, without its line break.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a header has only text keys")
    }

    /// Reads the first line of a part.
    ///
    /// # Errors
    /// It is none, or one of another format.
    pub fn parse(line: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Schema {
            schema: String,
        }
        let schema = serde_json::from_str::<Schema>(line)
            .map_err(|_| "its first line is no header of a part".to_owned())?
            .schema;
        if schema != PART_SCHEMA {
            return Err(format!("it has the format `{schema}`, this version reads `{PART_SCHEMA}`"));
        }
        serde_json::from_str(line).map_err(|error| format!("its header cannot be read: {error}"))
    }

    /// Whether `other` is a part of the same experiment.
    ///
    /// # Errors
    /// The first thing in which they differ.
    pub fn same_experiment(&self, other: &Self) -> Result<(), String> {
        let differs = |what: &str, a: &dyn std::fmt::Display, b: &dyn std::fmt::Display| {
            Err(format!("{what} is {b}, not {a}"))
        };
        if self.fleetsim != other.fleetsim {
            return differs("the version of fleetsim", &self.fleetsim, &other.fleetsim);
        }
        if self.scenario != other.scenario {
            return differs("the hash of the scenario", &self.scenario, &other.scenario);
        }
        if self.seed != other.seed {
            return differs("the seed", &self.seed, &other.seed);
        }
        if self.replications != other.replications {
            return differs("the number of replications", &self.replications, &other.replications);
        }
        if self.fleets != other.fleets {
            return differs("the list of fleets", &self.fleets.join(", "), &other.fleets.join(", "));
        }
        let kind = |command: &PartCommand| (command.name.clone(), command.detail, command.more.clone());
        if kind(&self.command) != kind(&other.command) {
            return differs("the command", &self.command.line(&[]), &other.command.line(&[]));
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct WrittenUnit<'a, T> {
    fleet: usize,
    replication: usize,
    outcome: &'a T,
}

#[derive(Deserialize)]
struct ReadUnit<T> {
    fleet: usize,
    replication: usize,
    outcome: T,
}

/// The line of a finished unit, without its line break.
#[must_use]
pub fn unit_line<T: Serialize>(fleet: usize, replication: usize, outcome: &T) -> String {
    serde_json::to_string(&WrittenUnit { fleet, replication, outcome })
        .expect("an outcome has only text keys and finite numbers")
}

/// Fleet and replication of the unit that a line holds.
///
/// # Errors
/// It is no line of a unit.
pub fn unit_of_line(line: &str) -> Result<(usize, usize), String> {
    let unit: ReadUnit<IgnoredAny> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    Ok((unit.fleet, unit.replication))
}

/// The outcome that a line holds.
///
/// # Errors
/// It is no line of a unit with such an outcome.
pub fn outcome_of_line<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    let unit: ReadUnit<T> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    Ok(unit.outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> PartHeader {
        PartHeader {
            schema: PART_SCHEMA.to_owned(),
            fleetsim: "1.2.3".to_owned(),
            scenario: "ab12".to_owned(),
            seed: 7,
            replications: 3,
            fleets: vec!["x86".to_owned(), "arm".to_owned()],
            command: PartCommand {
                name: "run".to_owned(),
                scenario: "my fleet.toml".to_owned(),
                set: vec!["zones=[\"a\"]".to_owned()],
                ..PartCommand::default()
            },
            ..PartHeader::default()
        }
    }

    #[test]
    fn headers_read_back_and_tell_what_differs() {
        let one = header();
        assert_eq!(PartHeader::parse(&one.line()), Ok(one.clone()));
        assert!(PartHeader::parse("{}").is_err() && PartHeader::parse("x").is_err());
        let newer = one.line().replace(PART_SCHEMA, "fleetsim.part/9");
        assert!(PartHeader::parse(&newer).unwrap_err().contains("fleetsim.part/9"));
        let other = PartHeader { seed: 8, shard: Some(Shard { index: 1, total: 2 }), ..one.clone() };
        assert_eq!(one.same_experiment(&other).unwrap_err(), "the seed is 8, not 7");
        assert_eq!(one.same_experiment(&PartHeader { seed: 7, ..other }), Ok(()));
    }

    #[test]
    fn the_command_can_be_pasted_into_a_shell() {
        let line = header().command.line(&["--shard", "2/3"]);
        assert_eq!(line, r#"fleetsim run 'my fleet.toml' --set 'zones=["a"]' --no-detail --shard 2/3"#);
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }

    #[test]
    fn units_read_back() {
        let line = unit_line(1, 4, &vec![1u64, 2]);
        assert_eq!(unit_of_line(&line), Ok((1, 4)));
        assert_eq!(outcome_of_line::<Vec<u64>>(&line), Ok(vec![1, 2]));
        assert!(unit_of_line(&line[..line.len() - 1]).is_err(), "a line that was cut off");
    }
}
