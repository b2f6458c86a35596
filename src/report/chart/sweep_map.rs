//! Cost and wait over two keys of a sweep: two maps whose cells are shaded and labelled.

use plotters::prelude::DrawingBackend;
use plotters::style::Color;

use super::canvas::{Align, Canvas, LABEL, NAME, Type};
use super::{Drawing, Drawn, Titled, colour};
use crate::experiment::{ObjectiveState, PointSummary, axis_number};
use crate::report::format::three_digits;
use crate::report::sweep::{Measure, SweepFacts, finding, left_out, short_key};

/// More values than this are put into bins.
const MOST: usize = 12;
const BINS: usize = 8;
const ROW: f64 = 40.0;
/// Left end and width of the cells of both panels.
const PANELS: [(f64, f64); 2] = [(120.0, 370.0), (570.0, 370.0)];

/// The values of one key as columns or rows, and in which of them each point lies.
struct Lanes {
    names: Vec<String>,
    of_point: Vec<Option<usize>>,
}

impl Lanes {
    fn of(points: &[PointSummary], key: usize) -> Self {
        let mut names: Vec<String> = Vec::new();
        for value in points.iter().filter_map(|point| point.point[key].as_ref()) {
            if !names.contains(value) {
                names.push(value.clone());
            }
        }
        let place = |point: &PointSummary| {
            let value = point.point[key].as_ref()?;
            names.iter().position(|name| name == value)
        };
        let of_point = points.iter().map(place).collect();
        let numbers: Option<Vec<f64>> = names.iter().map(|name| axis_number(name)).collect();
        match numbers {
            Some(numbers) if names.len() > MOST => Self::bins(&names, &numbers, points, key),
            _ => Self { names, of_point },
        }
    }

    /// Bins of equal width. A bin is called by the lowest and highest value in it.
    fn bins(names: &[String], numbers: &[f64], points: &[PointSummary], key: usize) -> Self {
        let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let bin = |number: f64| (((number - low) / (high - low) * BINS as f64) as usize).min(BINS - 1);
        let called = |wanted: usize| {
            let mut inside: Vec<usize> = (0..names.len()).filter(|i| bin(numbers[*i]) == wanted).collect();
            inside.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
            let ends = inside.first().zip(inside.last());
            ends.map_or_else(String::new, |(first, last)| format!("{}–{}", names[*first], names[*last]))
        };
        let place = |point: &PointSummary| point.point[key].as_deref().and_then(axis_number).map(bin);
        Self { names: (0..BINS).map(called).collect(), of_point: points.iter().map(place).collect() }
    }
}

#[derive(Clone, Default)]
struct Cell {
    sum: f64,
    count: usize,
    is_missed: bool,
    fleet: Option<usize>,
}

/// The chart.
pub(super) struct SweepMap {
    title: String,
    below: String,
    names: (String, String),
    columns: Vec<String>,
    rows: Vec<String>,
    fleets: Vec<String>,
    /// By panel, then row, then column.
    panels: [Vec<Vec<Cell>>; 2],
}

impl SweepMap {
    pub(super) fn of(facts: &SweepFacts, points: &[PointSummary], x: usize, y: usize) -> Self {
        let (columns, rows) = (Lanes::of(points, x), Lanes::of(points, y));
        let cells = |measure: Measure| {
            let mut cells = vec![vec![Cell::default(); columns.names.len()]; rows.names.len()];
            for (index, point) in points.iter().enumerate() {
                let place = columns.of_point[index].zip(rows.of_point[index]);
                let Some(((column, row), value)) = place.zip(measure.of(point, point.chosen)) else {
                    continue;
                };
                let cell = &mut cells[row][column];
                cell.sum += value.mean;
                cell.is_missed |= point.state == ObjectiveState::Missed;
                cell.fleet = (cell.count == 0 || cell.fleet == Some(point.chosen)).then_some(point.chosen);
                cell.count += 1;
            }
            cells
        };
        let panels = [cells(Measure::Cost), cells(Measure::Wait)];
        let several = panels.iter().flatten().flatten().any(|cell| cell.count > 1);
        let of = if facts.fleets.len() > 1 { ", of the fleet that is recommended there" } else { "" };
        let mean = if several { ", each cell the mean of its points" } else { "" };
        Self {
            title: if facts.keys.len() > 2 {
                let [x, y] = [x, y].map(|key| short_key(&facts.keys[key]));
                format!("{}; by {x} and {y}", finding(facts, points))
            } else {
                finding(facts, points)
            },
            below: format!(
                "Darker is more{of}{mean}. Hatched: objectives missed.{}",
                left_out(points, |point| point.chosen..point.chosen + 1)
            ),
            names: (short_key(&facts.keys[x]).to_owned(), short_key(&facts.keys[y]).to_owned()),
            panels,
            columns: columns.names,
            rows: rows.names,
            fleets: if facts.fleets.len() > 1 { facts.fleets.clone() } else { Vec::new() },
        }
    }

    fn draw_panel<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        panel: usize,
        measure: Measure,
        top: f64,
    ) -> Drawn<DB> {
        let (left, width) = PANELS[panel];
        let column = width / self.columns.len().max(1) as f64;
        let cells = &self.panels[panel];
        let filled = || cells.iter().flatten().filter(|cell| cell.count > 0);
        let mean = |cell: &Cell| cell.sum / cell.count as f64;
        let low = filled().map(mean).fold(f64::INFINITY, f64::min);
        let high = filled().map(mean).fold(f64::NEG_INFINITY, f64::max);
        canvas.text(measure.name(), (left, top - 14.0), NAME, Align::Left)?;
        for (r, row) in cells.iter().enumerate() {
            let y = top + ROW * r as f64;
            if panel == 0 {
                canvas.text(&self.rows[r], (left - 8.0, y + ROW / 2.0), LABEL, Align::Right)?;
            }
            for (c, cell) in row.iter().enumerate().filter(|(_, cell)| cell.count > 0) {
                let from = (left + column * c as f64, y);
                let to = (from.0 + column - 1.5, y + ROW - 1.5);
                let share = if high > low { (mean(cell) - low) / (high - low) } else { 0.0 };
                canvas.fill(from, to, colour::ON_DARK.to_rgba())?;
                canvas.fill(from, to, colour::MAP.mix(0.08 + 0.87 * share))?;
                if cell.is_missed {
                    canvas.hatch(from, to, colour::GREY)?;
                }
                // Black stands out more on all but the darkest.
                let ink = if share > 0.9 { colour::ON_DARK } else { colour::ON_LIGHT };
                let kind = Type { size: 14.0, is_bold: false, colour: ink };
                let middle = (from.0 + column / 2.0, y + ROW / 2.0);
                let name = cell.fleet.and_then(|fleet| self.fleets.get(fleet));
                let name =
                    name.filter(|name| canvas.width_of(name, Type { size: 10.0, ..kind }) < column - 4.0);
                let text = three_digits(mean(cell));
                if cell.is_missed {
                    // No line of the hatching runs through the numbers.
                    let half = canvas.width_of(&text, kind) / 2.0 + 3.0;
                    let (from, to) = ((middle.0 - half, y + 3.0), (middle.0 + half, y + ROW - 4.5));
                    canvas.fill(from, to, colour::ON_DARK.to_rgba())?;
                    canvas.fill(from, to, colour::MAP.mix(0.08 + 0.87 * share))?;
                }
                match name {
                    Some(name) => {
                        canvas.text(&text, (middle.0, middle.1 - 7.0), kind, Align::Centre)?;
                        let small = Type { size: 10.0, ..kind };
                        canvas.text(name, (middle.0, middle.1 + 9.0), small, Align::Centre)?;
                    }
                    None => canvas.text(&text, middle, kind, Align::Centre)?,
                }
            }
        }
        self.draw_columns(canvas, left, column, top + ROW * cells.len() as f64)
    }

    fn draw_columns<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        left: f64,
        column: f64,
        bottom: f64,
    ) -> Drawn<DB> {
        let mut free_from = f64::NEG_INFINITY;
        for (c, name) in self.columns.iter().enumerate() {
            let x = left + column * (c as f64 + 0.5);
            let half = canvas.width_of(name, LABEL) / 2.0;
            // A label that would run into the last one is left out.
            if x - half >= free_from {
                canvas.text(name, (x, bottom + 14.0), LABEL, Align::Centre)?;
                free_from = x + half + 6.0;
            }
        }
        let end = left + column * self.columns.len() as f64;
        canvas.text(&self.names.0, (end, bottom + 36.0), LABEL, Align::Right)
    }
}

impl Drawing for SweepMap {
    fn size(&self) -> (u32, u32) {
        (960, (210.0 + ROW * self.rows.len() as f64) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let top = canvas.title(&self.title, &self.below, 925.0)? + 56.0;
        canvas.text(&self.names.1, (16.0, top - 36.0), LABEL, Align::Left)?;
        self.draw_panel(canvas, 0, Measure::Cost, top)?;
        self.draw_panel(canvas, 1, Measure::Wait, top)
    }
}

impl Titled for SweepMap {
    fn title(&self) -> String {
        self.title.clone()
    }
}
