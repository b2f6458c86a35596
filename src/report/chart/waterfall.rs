//! From the baseline's cost to another fleet's, step by step. Where fleets of the scenario lie on the way (their settings are
//! some of the other's) each of them is a step; otherwise each use of the money is one. The steps sum to the difference.

use std::collections::BTreeSet;

use plotters::prelude::DrawingBackend;
use plotters::style::Color;

use super::axis::{Axis, Frame, Spread, up_to};
use super::canvas::{Align, Canvas, LABEL, NAME, Stroke, Type};
use super::{Drawing, Drawn, FleetFacts, Titled, colour};
use crate::experiment::{Confidence, CostUses, Estimate, ExperimentSummary, FleetSummary, Metric, Sample};
use crate::metrics::{CostKind, WasteKind};
use crate::report::format::{number, plus_minus, three_digits};
use crate::report::verdict::words;

/// One step of the way.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Step {
    /// A fleet, or a use of the money.
    pub name: String,
    /// Settings that it adds; empty for a use of the money.
    pub settings: Vec<String>,
    /// Dollars per 1,000 jobs before and after it.
    pub from: f64,
    pub to: f64,
    /// The change with its interval, paired by replication; none where only means are known.
    pub change: Option<Estimate>,
}

impl Step {
    /// The change in words, with its interval where there is one.
    pub(in crate::report) fn told(&self) -> String {
        let Some(change) = self.change.filter(|change| change.interval.is_some()) else {
            return signed(self.to - self.from);
        };
        let sign = if change.mean > 0.0 { "+" } else { "" };
        format!("{sign}{}", plus_minus(&change, 1.0))
    }
}

/// The way from the baseline to `fleet`.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Savings {
    pub baseline: String,
    pub fleet: String,
    pub from: f64,
    pub to: f64,
    pub steps: Vec<Step>,
    /// Whether steps are fleets.
    pub by_fleet: bool,
}

fn cost(fleet: &FleetSummary) -> Option<f64> {
    fleet.estimate(Metric::CostPerThousandJobs).map(|cost| cost.mean)
}

/// The fleet that the way leads to: the chosen one, or where that is the baseline the cheapest of the others.
fn end(summary: &ExperimentSummary, chosen: usize) -> Option<usize> {
    if chosen != summary.baseline {
        return Some(chosen);
    }
    let others = (0..summary.fleets.len()).filter(|index| *index != summary.baseline);
    let priced = others.filter_map(|index| Some((index, cost(&summary.fleets[index])?)));
    priced.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(index, _)| index)
}

/// What a fleet sets that the baseline does not, and what it leaves out of the baseline's.
fn settings(facts: &[FleetFacts], baseline: usize, fleet: usize) -> BTreeSet<String> {
    let of = |index: usize| facts.get(index).map(|facts| facts.settings.as_slice()).unwrap_or_default();
    let added = of(fleet).iter().filter(|own| !of(baseline).contains(own)).cloned();
    let left = of(baseline).iter().filter(|own| !of(fleet).contains(own));
    added.chain(left.map(|own| format!("without {own}"))).collect()
}

/// The longest chain of fleets from the baseline to `end`, each with all settings of the one before and more.
fn chain(summary: &ExperimentSummary, facts: &[FleetFacts], end: usize) -> Vec<usize> {
    let sets: Vec<BTreeSet<String>> =
        (0..summary.fleets.len()).map(|fleet| settings(facts, summary.baseline, fleet)).collect();
    let is_below = |a: usize, b: usize| sets[a].is_subset(&sets[b]) && sets[a].len() < sets[b].len();
    let mut order: Vec<usize> = (0..sets.len())
        .filter(|fleet| !sets[*fleet].is_empty() && cost(&summary.fleets[*fleet]).is_some())
        .filter(|fleet| *fleet == end || is_below(*fleet, end))
        .collect();
    order.sort_by_key(|fleet| (sets[*fleet].len(), *fleet));
    let mut best: Vec<Vec<usize>> = Vec::with_capacity(order.len());
    for (place, fleet) in order.iter().enumerate() {
        let before = (0..place).filter(|other| is_below(order[*other], *fleet));
        let mut way =
            before.max_by_key(|other| best[*other].len()).map_or(Vec::new(), |other| best[other].clone());
        way.push(*fleet);
        best.push(way);
    }
    let way = best.pop().filter(|way| way.last() == Some(&end)).unwrap_or_else(|| vec![end]);
    [vec![summary.baseline], way].concat()
}

impl Savings {
    /// None where there is one fleet only, or one of both has no cost.
    pub(in crate::report) fn of(
        summary: &ExperimentSummary,
        facts: &[FleetFacts],
        chosen: usize,
    ) -> Option<Self> {
        let end = end(summary, chosen)?;
        let (from, to) = (cost(&summary.fleets[summary.baseline])?, cost(&summary.fleets[end])?);
        let way = chain(summary, facts, end);
        let by_fleet = way.len() > 2;
        let known = |fleet: usize| facts.get(fleet).and_then(|facts| facts.uses.as_ref());
        let steps = if by_fleet {
            way.windows(2).filter_map(|pair| step(summary, facts, pair[0], pair[1])).collect()
        } else {
            let pairs = known(summary.baseline).zip(known(end));
            let changes = pairs.map_or_else(
                || changes(&summary.fleets[summary.baseline], &summary.fleets[end], from, to),
                |(base, other)| paired_changes(base, other),
            );
            uses(changes, summary.confidence, from, to)
        };
        let name = |fleet: usize| summary.fleets[fleet].name.clone();
        Some(Self { baseline: name(summary.baseline), fleet: name(end), from, to, steps, by_fleet })
    }

    /// The step that moves most.
    fn largest(&self) -> Option<&Step> {
        self.steps.iter().max_by(|a, b| (a.to - a.from).abs().total_cmp(&(b.to - b.from).abs()))
    }
}

/// The difference of two fleets' costs, replication by replication.
fn paired(facts: &[FleetFacts], before: usize, after: usize) -> Option<Sample> {
    let total = |fleet: usize| facts.get(fleet)?.uses.as_ref().map(|uses| &uses.total);
    Some(total(after)?.paired_difference(total(before)?))
}

fn step(summary: &ExperimentSummary, facts: &[FleetFacts], before: usize, after: usize) -> Option<Step> {
    let had = settings(facts, summary.baseline, before);
    let has = settings(facts, summary.baseline, after);
    Some(Step {
        name: summary.fleets[after].name.clone(),
        settings: has.difference(&had).cloned().collect(),
        from: cost(&summary.fleets[before])?,
        to: cost(&summary.fleets[after])?,
        change: paired(facts, before, after).map(|change| change.estimate(summary.confidence)),
    })
}

/// What instances are used for and every other resource, as shares of the fleet's bill: they sum to one.
fn shares(fleet: &FleetSummary) -> Vec<(String, f64)> {
    let bill = fleet.costs.total().0 as f64;
    let share = |cost: u128| if bill > 0.0 { cost as f64 / bill } else { 0.0 };
    let used = WasteKind::ALL.iter().map(|kind| (words(kind.label()), share(fleet.waste.of(*kind).0)));
    let others = CostKind::ALL.iter().filter(|kind| !matches!(kind, CostKind::Instance(..)));
    used.chain(others.map(|kind| (words(kind.label()), share(fleet.costs.of(*kind).0)))).collect()
}

/// Uses that differ by less than this share of the baseline's cost are one step together.
const SMALL: f64 = 0.005;

/// A use of the money, by how much it changes, and that change replication by replication where it is known.
type Change = (String, f64, Option<Sample>);

/// Changes of every use from the ledgers of all replications together, scaled to the cost per 1,000 jobs.
fn changes(base: &FleetSummary, other: &FleetSummary, from: f64, to: f64) -> Vec<Change> {
    let (before, after) = (shares(base), shares(other));
    before.into_iter().zip(after).map(|((name, a), (_, b))| (name, to * b - from * a, None)).collect()
}

/// The same replication by replication.
fn paired_changes(base: &CostUses, other: &CostUses) -> Vec<Change> {
    let both = base.uses.iter().zip(&other.uses);
    both.map(|((label, before), (_, after))| {
        let change = after.paired_difference(before);
        (words(label), change.point, Some(change))
    })
    .collect()
}

/// A step for each large change, the largest first, and one for everything else.
fn uses(changes: Vec<Change>, confidence: Confidence, from: f64, to: f64) -> Vec<Step> {
    let (mut large, small): (Vec<_>, Vec<_>) =
        changes.into_iter().partition(|(_, change, _)| change.abs() >= SMALL * from);
    large.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let told: f64 = large.iter().map(|(_, change, _)| change).sum();
    if small.iter().any(|(_, change, _)| change.abs() > 1e-9) {
        let rest = small.into_iter().map(|(_, _, sample)| sample).collect::<Option<Vec<Sample>>>();
        let rest = rest.and_then(|rest| {
            let (first, others) = rest.split_first()?;
            let zero = first.paired_difference(first);
            // Less the negative of the next, that is, plus the next.
            let plus = |sum: Sample, next: &Sample| sum.paired_difference(&zero.paired_difference(next));
            Some(others.iter().fold(first.clone(), plus))
        });
        large.push(("everything else".to_owned(), to - from - told, rest));
    }
    let mut at = from;
    let step = |(name, change, sample): Change| {
        let estimate = sample.map(|sample| sample.estimate(confidence));
        let step = Step { name, settings: Vec::new(), from: at, to: at + change, change: estimate };
        at += change;
        step
    };
    large.into_iter().map(step).collect()
}

pub(in crate::report) fn signed(value: f64) -> String {
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{}", three_digits(value))
}

const ROW: f64 = 46.0;

impl Drawing for Savings {
    fn size(&self) -> (u32, u32) {
        (960, (165.0 + ROW * (self.steps.len() + 2) as f64) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let below = if self.by_fleet {
            "Fleets on the way, each with the settings of the one before and more; in another order the steps would differ. Hatched: dearer. Whiskers: paired intervals of each step."
        } else {
            "What the money is used for, in $ per 1000 jobs. Hatched: dearer. Whiskers: paired intervals of each part."
        };
        let top = canvas.title(&self.title(), below, 925.0)? + 12.0;
        let rows = self.steps.len() + 2;
        let bottom = top + ROW * rows as f64;
        let names = self.steps.iter().map(|step| step.name.as_str());
        let names = names.chain([self.baseline.as_str(), self.fleet.as_str()]);
        let left = names.map(|name| canvas.width_of(name, NAME)).fold(60.0, f64::max).min(330.0) + 28.0;
        let highest =
            self.steps.iter().map(|step| step.from.max(step.to)).fold(self.from.max(self.to), f64::max);
        let x = Axis { from: 0.0, to: up_to(highest, 6), start: left, end: 860.0, spread: Spread::Linear };
        let y = Axis { from: 0.0, to: 1.0, start: bottom, end: top, spread: Spread::Linear };
        let frame =
            Frame { x_ticks: x.ticks(6), y_ticks: Vec::new(), x, y, x_name: "$ per 1000 jobs", y_name: "" };
        frame.draw(canvas)?;
        let row = |index: usize| (top + ROW * index as f64 + 8.0, top + ROW * (index + 1) as f64 - 8.0);
        for (index, (name, value)) in [(0, (&self.baseline, self.from)), (rows - 1, (&self.fleet, self.to))] {
            let (from, to) = row(index);
            let middle = f64::midpoint(from, to);
            canvas.fill((frame.x.at(0.0), from), (frame.x.at(value), to), colour::GREY.to_rgba())?;
            canvas.text(name, (left - 10.0, middle), NAME, Align::Right)?;
            canvas.text(&number(value, 2), (frame.x.at(value) + 8.0, middle), NAME, Align::Left)?;
        }
        for (index, step) in self.steps.iter().enumerate() {
            self.draw_step(canvas, &frame, row(index + 1), step)?;
        }
        Ok(())
    }
}

impl Savings {
    fn draw_step<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        frame: &Frame<'_>,
        (top, bottom): (f64, f64),
        step: &Step,
    ) -> Drawn<DB> {
        let (a, b) = (frame.x.at(step.from), frame.x.at(step.to));
        let (from, to) = ((a.min(b), top), (a.max(b).max(a.min(b) + 1.0), bottom));
        let is_dearer = step.to > step.from;
        canvas.fill(from, to, if is_dearer { colour::ORANGE.mix(0.5) } else { colour::SKY.mix(0.9) })?;
        if is_dearer {
            canvas.hatch(from, to, colour::DARK_GREY)?;
        }
        // A thread from the bar above to this one.
        canvas.line(&[(a, top - 16.0), (a, top)], Stroke::solid(colour::DARK_GREY, 1.0))?;
        let middle = f64::midpoint(top, bottom);
        let mut text_from = to.0;
        if let Some((lower, upper)) = step.change.and_then(|change| change.interval) {
            // Where the bar may end instead.
            let [lower, upper] = [lower, upper].map(|change| frame.x.at(step.from + change));
            canvas.line(&[(lower, middle), (upper, middle)], Stroke::solid(colour::BLACK, 1.4))?;
            for end in [lower, upper] {
                canvas
                    .line(&[(end, middle - 5.0), (end, middle + 5.0)], Stroke::solid(colour::BLACK, 1.4))?;
            }
            text_from = text_from.max(upper);
        }
        canvas.text(&step.name, (frame.x.start - 10.0, middle), NAME, Align::Right)?;
        let kind = Type { colour: colour::BLACK, ..LABEL };
        canvas.text(&step.told(), (text_from + 8.0, middle), kind, Align::Left)
    }
}

impl Titled for Savings {
    fn title(&self) -> String {
        let change = self.to - self.from;
        let word = if change <= 0.0 { "less" } else { "more" };
        let most = self.largest().map_or_else(String::new, |step| {
            let by = step.told();
            if self.by_fleet {
                format!("; the largest step is {} ({by}\u{a0}$)", step.name)
            } else {
                format!("; the largest part is {} ({by}\u{a0}$)", step.name)
            }
        });
        format!(
            "{} costs {}\u{a0}$ {word} per 1000 jobs than {}{most}",
            self.fleet,
            three_digits(change.abs()),
            self.baseline
        )
    }
}
