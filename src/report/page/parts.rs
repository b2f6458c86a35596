//! Wholes and their parts, per fleet: what the instances' bill was paid for, costs by kind, waits by cause.

use serde::Serialize;

use super::model::DataTable;
use crate::experiment::{ExperimentSummary, FleetSummary, Metric};
use crate::metrics::{CostKind, WaitCause, WasteKind};
use crate::report::format::{number, three_digits};
use crate::report::verdict::words;

/// One bar per fleet, all at one scale.
#[derive(Serialize)]
pub(super) struct Bars {
    pub name: &'static str,
    pub title: String,
    pub note: String,
    pub unit: &'static str,
    pub kinds: Vec<String>,
    pub rows: Vec<Bar>,
}

#[derive(Serialize)]
pub(super) struct Bar {
    pub fleet: String,
    pub total: String,
    pub parts: Vec<Part>,
}

#[derive(Serialize)]
pub(super) struct Part {
    /// Place in `kinds`: sets colour and hatch.
    pub kind: usize,
    pub value: String,
    /// Percent of the longest bar.
    pub width: String,
    /// Percent of its own bar.
    pub share: String,
}

impl Bars {
    /// The same numbers as a table.
    pub(super) fn as_table(&self) -> DataTable {
        let mut head = vec!["fleet".to_owned()];
        head.extend(self.kinds.iter().map(|kind| format!("{kind}, {}", self.unit)));
        head.push(format!("sum, {}", self.unit));
        let rows = self.rows.iter().map(|bar| {
            let parts = bar.parts.iter().map(|part| part.value.clone());
            std::iter::once(bar.fleet.clone()).chain(parts).chain([bar.total.clone()]).collect()
        });
        DataTable { title: "Numbers".to_owned(), note: String::new(), head, rows: rows.collect() }
    }
}

/// What to draw, before it is put into words.
struct Whole<'a> {
    name: &'static str,
    title: String,
    note: &'a str,
    unit: &'static str,
    kinds: Vec<String>,
    values: Vec<(String, Vec<f64>)>,
    /// Kinds that are shown in any case, so that their colours are those of another chart.
    shown: Vec<usize>,
}

impl Whole<'_> {
    /// Leaves out kinds that no fleet has.
    fn bars(self) -> Bars {
        let used: Vec<usize> = (0..self.kinds.len())
            .filter(|kind| {
                self.shown.contains(kind) || self.values.iter().any(|(_, values)| values[*kind] > 0.0)
            })
            .collect();
        let longest = self.values.iter().map(|(_, values)| values.iter().sum()).fold(0.0, f64::max);
        let percent = |value: f64, of: f64| {
            if of > 0.0 { format!("{:.2}", 100.0 * value / of) } else { "0".to_owned() }
        };
        let rows = self.values.into_iter().map(|(fleet, values)| {
            let total: f64 = values.iter().sum();
            let parts = used.iter().enumerate().map(|(place, kind)| Part {
                kind: place,
                value: three_digits(values[*kind]),
                width: percent(values[*kind], longest),
                share: number(if total > 0.0 { 100.0 * values[*kind] / total } else { 0.0 }, 0),
            });
            Bar { fleet, total: three_digits(total), parts: parts.collect() }
        });
        Bars {
            name: self.name,
            title: self.title,
            note: self.note.to_owned(),
            unit: self.unit,
            kinds: used.iter().map(|kind| self.kinds[*kind].clone()).collect(),
            rows: rows.collect(),
        }
    }
}

fn fleets(
    summary: &ExperimentSummary,
    values: impl Fn(&FleetSummary) -> Vec<f64>,
) -> Vec<(String, Vec<f64>)> {
    summary.fleets.iter().map(|fleet| (fleet.name.clone(), values(fleet))).collect()
}

fn per_thousand_jobs(fleet: &FleetSummary) -> f64 {
    1000.0 / (fleet.jobs.jobs().max(1) as f64)
}

/// The instances' bill by what it was paid for.
pub(super) fn waste_bars(summary: &ExperimentSummary) -> Bars {
    let values = fleets(summary, |fleet| {
        let of = |kind: &WasteKind| fleet.waste.of(*kind).read().as_dollars() * per_thousand_jobs(fleet);
        WasteKind::ALL.iter().map(of).collect()
    });
    Whole {
        name: "waste",
        title: "What the instances were paid for".to_owned(),
        note: "Dollars per 1000 jobs. Every billed millisecond is in exactly one part; the parts sum to the instances' bill.",
        unit: "$",
        kinds: WasteKind::ALL.iter().map(|kind| words(kind.label())).collect(),
        values,
        shown: Vec::new(),
    }
    .bars()
}

/// The bill by kind.
pub(super) fn cost_bars(summary: &ExperimentSummary) -> Bars {
    let values = fleets(summary, |fleet| {
        let of = |kind: &CostKind| fleet.costs.of(*kind).read().as_dollars() * per_thousand_jobs(fleet);
        CostKind::ALL.iter().map(of).collect()
    });
    Whole {
        name: "bill",
        title: "The bill by kind".to_owned(),
        note: "Dollars per 1000 jobs.",
        unit: "$",
        kinds: CostKind::ALL.iter().map(|kind| words(kind.label())).collect(),
        values,
        shown: Vec::new(),
    }
    .bars()
}

/// Mean waits by cause.
pub(super) fn wait_bars(summary: &ExperimentSummary) -> Bars {
    causes(fleets(summary, |fleet| {
        let jobs = fleet.waits.wait.count().max(1) as f64;
        let of = |cause: &WaitCause| fleet.waits.causes_ms[cause.index()] as f64 / jobs / 1000.0;
        WaitCause::ALL.iter().map(of).collect()
    }))
}

/// The same from means of replications, where nothing else is kept.
pub(super) fn cause_bars(summary: &ExperimentSummary) -> Bars {
    causes(fleets(summary, |fleet| {
        let of = |cause: &WaitCause| fleet.estimate(Metric::WaitFor(*cause)).map_or(0.0, |wait| wait.mean);
        WaitCause::ALL.iter().map(|cause| of(cause) / 1000.0).collect()
    }))
}

fn causes(values: Vec<(String, Vec<f64>)>) -> Bars {
    Whole {
        name: "causes",
        title: "What jobs waited for".to_owned(),
        note: "Seconds of mean wait. Every waited millisecond has exactly one cause; the causes sum to the wait.",
        unit: "s",
        kinds: WaitCause::ALL.iter().map(|cause| words(cause.label())).collect(),
        values,
        shown: Vec::new(),
    }
    .bars()
}

/// Mean waits of the slowest jobs by cause.
pub(super) fn tail_bars(summary: &ExperimentSummary) -> Bars {
    let values = fleets(summary, |fleet| {
        let tail = fleet.waits.profile.slowest(0.05);
        let of = |cause: &WaitCause| tail.map_or(0.0, |tail| tail.mean_ms[cause.index()] / 1000.0);
        WaitCause::ALL.iter().map(of).collect()
    });
    let is_waited_for =
        |cause: &WaitCause| summary.fleets.iter().any(|fleet| fleet.waits.causes_ms[cause.index()] > 0);
    Whole {
        name: "tail_causes",
        title: "What the slowest 5\u{a0}% of the jobs waited for".to_owned(),
        note: "Seconds of their mean wait. What makes the tail is often not what makes the mean.",
        unit: "s",
        kinds: WaitCause::ALL.iter().map(|cause| words(cause.label())).collect(),
        values,
        shown: WaitCause::ALL
            .iter()
            .filter(|cause| is_waited_for(cause))
            .map(|cause| cause.index())
            .collect(),
    }
    .bars()
}
