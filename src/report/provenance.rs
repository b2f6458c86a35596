//! `provenance.json`: where a result comes from. The only output that may name a day, a machine or a path.

use serde::Serialize;

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
    /// The command line.
    pub command: Vec<String>,
    /// When the run started, as RFC 3339 text.
    pub started_at: String,
    /// Wall time in milliseconds.
    pub elapsed_ms: u64,
    /// Whether replications are missing.
    pub partial: bool,
}

/// The text of `provenance.json`.
#[must_use]
pub fn provenance_json(provenance: &Provenance) -> String {
    let mut text = serde_json::to_string_pretty(provenance).expect("provenance has only text keys");
    text.push('\n');
    text
}
