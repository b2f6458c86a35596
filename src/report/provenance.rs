//! `provenance.json`: where a result comes from. The only output that may name a day, a machine or a path.

use serde::Serialize;
use std::collections::BTreeMap;

/// Where a result comes from, as told by the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// Version of fleetsim.
    pub fleetsim_version: String,
    /// Hash of the resolved scenario.
    pub scenario_hash: String,
    /// Date of the catalog's prices.
    pub catalog_date: String,
    /// Seed of all random streams.
    pub seed: u64,
    /// Replications that were asked for.
    pub replications: usize,
    /// Names of the fleets.
    pub fleets: Vec<String>,
    /// What became of the rows of each trace.
    pub traces: Vec<TraceRows>,
    /// The command line.
    pub command: Vec<String>,
    /// When the run started, as RFC 3339 text.
    pub started_at: String,
    /// Wall time in milliseconds.
    pub elapsed_ms: u64,
    /// Whether replications are missing.
    pub partial: bool,
}

/// What became of the rows of a trace, as far as the horizon needed them, in the first replication.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TraceRows {
    /// The trace, as the scenario names it.
    pub file: String,
    /// Rows read.
    pub rows: u64,
    /// Jobs made of them.
    pub jobs: u64,
    /// Rows of jobs that never ran.
    pub never_ran: u64,
    /// Rows before the window.
    pub before_window: u64,
    /// Rows drawn out by a scale below one.
    pub thinned: u64,
    /// Rows that no rule matched; they are jobs all the same.
    pub matched_no_rule: u64,
    /// Rows that could not be used, by what is wrong with them.
    pub dropped: BTreeMap<String, u64>,
}

/// The text of `provenance.json`.
#[must_use]
pub fn provenance_json(provenance: &Provenance) -> String {
    let mut text = serde_json::to_string_pretty(provenance).expect("provenance has only text keys");
    text.push('\n');
    text
}
