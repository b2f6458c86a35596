//! Outcomes turned into CSV, charts and tables. Computes no metric and writes no file: it returns text and bytes, or
//! writes into what the caller gives it.

mod artifact;
mod calibration;
mod chart;
mod columns;
mod commitment;
mod comparison;
mod cost_groups;
mod csv;
mod explain;
mod format;
mod gate;
mod import_account;
mod live;
mod manifest;
mod markdown;
mod money;
mod page;
mod pairing;
mod provenance;
mod recommend;
mod reference;
mod replications;
mod sweep;
mod sweep_csv;
mod table;
mod text_table;
mod timings;
mod unserved;
mod verdict;
mod waste;

pub use artifact::{
    Artifact, ArtifactFacts, Gated, PlaceFinding, artifact, gate_artifact, places_code_quality,
};
pub use calibration::{calibration_chart, calibration_csv, calibration_text, constants_text};
pub use chart::{
    Chart, ChartError, FleetFacts, charts, comparison_charts, recommendation_charts, sweep_charts,
    trade_off_chart,
};
pub use commitment::{CommitmentAnswer, OwnedCommitments, commitment_text};
pub use comparison::comparison_text;
pub use cost_groups::{FleetGroups, cost_groups_csv};
pub use csv::{JobsCsv, NodesCsv, costs_csv, summary_csv, timeline_csv};
pub use explain::{
    ClassBreakEven, CostSide, EXPLANATION_SCHEMA, ExplainedRun, ExplanationFormat, WaitFacts, WhatIf,
    explain_break_even, explain_cost, explain_cost_by, explain_decision, explain_job, explain_node,
    explain_wait, idlest_node, longest_wait, metric_text, topic_text, worth_text,
};
pub use gate::{baseline_text, gate_text};
pub use import_account::import_account_text;
pub use live::LiveView;
pub use manifest::{Engine, ManifestFacts, manifest};
pub use page::{
    ClassFacts, NodeHours, PageError, PageFacts, SheetFacts, SlowJobs, SweepShown, comparison_html,
    gate_html, page_html, recommendation_html, sweep_html,
};
pub use pairing::pairing_text;
pub use provenance::{Provenance, TraceRows, provenance_json};
pub use recommend::{Measured, Recommendation, recommendation_csv, recommendation_text};
pub use reference::{
    CodeRow, KeyRow, KeyTable, codes_reference, columns_of, columns_reference, exits_reference,
    keys_reference, metrics_reference,
};
pub use replications::Replications;
pub use sweep::{SweepFacts, point_summary, sweep_text};
pub use sweep_csv::{PointsCsv, SweepCsv};
pub use table::{SUMMARY_SCHEMA, SummaryFormat, summary_text, wrapped};
pub use timings::timings_text;
pub use unserved::Unserved;
pub use verdict::{biggest_causes, chosen_fleet, objective_lines, short_verdict, verdict_sentence};
pub use waste::waste_csv;
