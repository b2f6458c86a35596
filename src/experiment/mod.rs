//! Replications of fleets on common random numbers, and the statistics of their outcomes. Knows no rule of a fleet.
//!
//! A *unit* is one run: one fleet in one replication. Fleets of one replication meet the same jobs, market and boot
//! times, so fleets are compared replication by replication (paired). Jobs of one run are never treated as independent
//! observations: every interval is about replications.

mod axis;
mod band;
mod calibration;
mod calibration_search;
mod carbon;
mod commitment;
mod comparison;
mod design;
mod gate;
mod groups;
mod halving;
mod metric;
mod objective;
mod observed;
mod part;
mod part_set;
mod precision;
mod selection;
mod shard;
mod statistics;
mod summary;
mod sweep;
mod units;
mod uses;
mod values;

pub use axis::{Axis, axis_number};
pub use band::{Band, TimelineBand};
pub use calibration::{CALIBRATION_SHARES, Calibration, PairedErrors, WaitDistribution};
pub use calibration_search::{Constant, FoundConstants, NotAConstant, constants_as_settings, find_constants};
pub use carbon::{Carbon, NodePower};
pub use commitment::{Commitment, CommitmentWorth, Commitments, HourlyUse, best_commitment};
pub use comparison::{ComparisonRules, summarise_values};
pub use design::{Design, Point, design_points};
pub use gate::{GateLine, GateRules, GateTest, GateVerdict, gate_objectives, gate_regressions};
pub use groups::{GroupBy, GroupCost, ProjectNames, grouped};
pub use metric::{Direction, Metric, MetricUnit};
pub use objective::{Bound, Objective, ObjectiveState};
pub use observed::{ObservedWaits, WaitPair, WaitUntil};
pub use part::{PART_SCHEMA, PartCommand, PartHeader, outcome_of_line, shell_word, unit_line, unit_of_line};
pub use part_set::PartSet;
pub use precision::{
    FEWEST_REPLICATIONS, Precision, WarmupFound, find_warmup, is_precise, mser5, replications_needed,
};
pub use selection::{Candidate, Fate, Observed, Observer, Selection, SelectionRules, h_squared, select};
pub use shard::{Shard, shard_from_environment};
pub use statistics::{Confidence, Estimate, Sample, student_t};
pub use summary::{Difference, ExperimentSummary, FleetSummary, Verdict, pareto_front, summarise};
pub use sweep::{MetricRow, PointOutcome, PointSummary};
pub use units::{Progress, Units, for_each_unit, run_units};
pub use uses::{CostUses, cost_uses};
pub use values::{FleetValues, Term, metric_row};
