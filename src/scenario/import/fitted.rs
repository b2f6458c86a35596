//! A fitted trace as a scenario that runs at once: heading, workload, a fleet to begin with. Fits nothing.

use super::fitted_about::{Check, heading};
use super::fitted_fleet::fleet;
use super::fragment::{list, name, one_line, quoted};
use crate::units::SimDuration;
use crate::workload::{ArchChoice, ClassFit, Distribution, DurationShape, Grouping, ShapeFit, TraceFit};
use std::fmt::Write;

/// Most copies that GitLab's `parallel` makes.
const MOST_COPIES: u32 = 200;
/// What jobs ask for where the trace does not say it: an assumption, marked as such.
const ASSUMED_CPU: &str = "1";
const ASSUMED_MEMORY: &str = "2Gi";
/// Standard normal quantile of 95 %.
const Z95: f64 = 1.644_853_626_951_472_2;
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The scenario. `trace` is the name of what was fitted; with `check`, the heading says how a synthetic week compares.
#[must_use]
pub fn fitted_scenario(fit: &TraceFit, trace: &str, check: Option<&Check>) -> String {
    let mut out = heading(fit, trace, check);
    out += "\nschema = 1\nname = \"fitted\"\n";
    let question = format!("What does the workload of {trace} cost, and how long does it wait?");
    let _ = writeln!(out, "question = {}", quoted(&one_line(&question)));
    out += "seed = 1\nreplications = 5\nhorizon = \"7d\"\ndrain = true\n";
    match &fit.monday {
        Some(monday) => {
            let _ = writeln!(out, "start = {}", quoted(&monday.to_string()));
        }
        None => {
            out += "# The trace has no dates: its first hour stands for Monday 00:00.\n";
            out += "start = \"2026-11-02T00:00[UTC]\"\n";
        }
    }
    for (number, shape) in fit.shapes.iter().enumerate() {
        match (fit.grouping, shape.jobs.as_slice()) {
            (Grouping::Single, [(class, 1)]) => single(&mut out, fit, shape, *class, number),
            _ => pipeline(&mut out, fit, shape, number),
        }
    }
    fleet(&mut out, fit);
    out
}

fn single(out: &mut String, fit: &TraceFit, shape: &ShapeFit, class: usize, number: usize) {
    let class = &fit.classes[class];
    let _ = writeln!(out, "\n[[workload.class]]\nname = {}", quoted(&unique(&class.name, number)));
    job(out, class);
    arrivals(out, fit, shape, "workload.class");
}

/// Several names may come down to the same letters.
fn unique(text: &str, number: usize) -> String {
    format!("{}-{}", name(text), number + 1)
}

fn pipeline(out: &mut String, fit: &TraceFit, shape: &ShapeFit, number: usize) {
    let jobs: u32 = shape.jobs.iter().map(|(_, count)| count).sum();
    let what = if matches!(fit.grouping, Grouping::Batches { .. }) { "batches" } else { "pipelines" };
    let _ = writeln!(out, "\n# Stands for {} {what} of the trace.", shape.pipelines);
    let _ = writeln!(out, "[[workload.pipeline]]\nname = \"shape-{}-of-{jobs}-jobs\"", number + 1);
    let stages: Vec<&str> = match fit.stages.as_slice() {
        [] => vec!["jobs"],
        known => known.iter().map(String::as_str).collect(),
    };
    let _ = writeln!(out, "stages = {}", list(stages.iter().copied()));
    arrivals(out, fit, shape, "workload.pipeline");
    for (class, count) in &shape.jobs {
        let class = &fit.classes[*class];
        let (mut left, mut part) = (*count, 1);
        while left > 0 {
            let copies = left.min(MOST_COPIES);
            let name = if part == 1 { class.name.clone() } else { format!("{} part {part}", class.name) };
            let _ = writeln!(out, "\n[[workload.pipeline.job]]\nname = {}", quoted(&name));
            let _ = writeln!(
                out,
                "stage = {}",
                quoted(if class.stage.is_empty() { stages[0] } else { &class.stage })
            );
            if class.stage.is_empty() && !fit.stages.is_empty() {
                out.push_str("needs = [] # the trace names no stage: it starts with the pipeline\n");
            }
            if copies > 1 {
                let _ = writeln!(out, "parallel = {copies}");
            }
            job(out, class);
            (left, part) = (left - copies, part + 1);
        }
    }
}

/// The keys that describe jobs of `class`.
fn job(out: &mut String, class: &ClassFit) {
    let _ = writeln!(out, "duration = {}", distribution(&class.duration.distribution, ""));
    let mut request = |key: &str, known: Option<String>, largest: Option<String>, assumed: &str| {
        let _ = match (known, largest) {
            (Some(mean), Some(largest)) if mean != largest => {
                writeln!(out, "{key} = {} # mean; the largest is {largest}", quoted(&mean))
            }
            (Some(mean), _) => writeln!(out, "{key} = {}", quoted(&mean)),
            (None, _) => {
                writeln!(out, "{key} = {} # assumed: the trace does not say it; --map does", quoted(assumed))
            }
        };
    };
    let (cpu, memory) = class.largest;
    request("cpu", class.cpu.map(|cpu| cpu.to_string()), cpu.map(|cpu| cpu.to_string()), ASSUMED_CPU);
    let text = |memory: crate::units::Mebibytes| memory.to_string();
    request("memory", class.memory.map(text), memory.map(text), ASSUMED_MEMORY);
    let _ = match class.arch {
        Some(ArchChoice::Amd64) => writeln!(out, "arch = [\"amd64\"]"),
        Some(ArchChoice::Arm64) => writeln!(out, "arch = [\"arm64\"]"),
        Some(ArchChoice::Either) => writeln!(out, "arch = [\"amd64\", \"arm64\"]"),
        None => Ok(()),
    };
    // GitLab's default is an hour; no job of the trace may be cut off.
    let hours = (class.longest.as_ms() as f64 * 1.5 / 3.6e6).ceil().max(1.0);
    if hours > 1.0 {
        let _ = writeln!(out, "timeout = \"{hours}h\"");
    }
    if let Some(failed) = class.drawn_failures() {
        // The shapes already are what is left of pipelines that broke off.
        let _ = writeln!(out, "failure = {failed:.4}\nallow_failure = true");
    }
    if !class.tags.is_empty() {
        let tags: Vec<String> = class.tags.iter().map(|tags| one_line(tags)).collect();
        let _ = writeln!(out, "# Tags in the trace: {}", tags.join(" | "));
    }
}

fn arrivals(out: &mut String, fit: &TraceFit, shape: &ShapeFit, owner: &str) {
    let _ = writeln!(out, "\n[{owner}.arrivals]\nper_week = {:.3}", shape.per_week);
    let _ = writeln!(out, "burstiness = {:.3}\nhours = [", shape.burstiness);
    for (day, hours) in DAYS.iter().zip(fit.arrivals.hours.chunks(24)) {
        let hours: Vec<String> = hours.iter().map(|hour| format!("{hour:.3}")).collect();
        let _ = writeln!(out, "  # {day}\n  {},\n  {},", hours[..12].join(", "), hours[12..].join(", "));
    }
    out.push_str("]\n");
    if owner == "workload.class" {
        out.push('\n');
    }
}

/// A distribution in the words of scenarios; `more` stands first in its table.
fn distribution(distribution: &Distribution, more: &str) -> String {
    match distribution {
        Distribution::Constant(span) if more.is_empty() => quoted(&span.to_string()),
        Distribution::Constant(span) => format!("{{ {more}values = [\"{span}\"] }}"),
        Distribution::Uniform { low, high } => format!("{{ {more}min = \"{low}\", max = \"{high}\" }}"),
        Distribution::Exponential { mean } => format!("{{ {more}mean = \"{mean}\" }}"),
        Distribution::LogNormal { median, sigma } => {
            let median = readable(median.as_ms() as f64);
            let p95 = readable(median.as_ms() as f64 * libm::exp(sigma.as_f64() * Z95)).max(median);
            format!("{{ {more}median = \"{median}\", p95 = \"{p95}\" }}")
        }
        Distribution::Mixture(parts) => {
            let parts: Vec<String> = parts
                .iter()
                .map(|(weight, part)| {
                    format!("  {},", self::distribution(part, &format!("weight = {:.4}, ", weight.as_f64())))
                })
                .collect();
            format!("{{ {more}mixture = [\n{}\n] }}", parts.join("\n"))
        }
        Distribution::Empirical(values) => {
            let values: Vec<String> =
                values.iter().map(|value| format!("\"{}\"", readable(value.as_ms() as f64))).collect();
            format!("{{ {more}values = [{}] }}", values.join(", "))
        }
    }
}

/// To four digits at least, in whole ms.
fn readable(ms: f64) -> SimDuration {
    let step = [(1e8, 1e4), (1e7, 1e3), (1e5, 1e2), (1e4, 1e1)];
    let step = step.iter().find(|(from, _)| ms >= *from).map_or(1.0, |(_, step)| *step);
    SimDuration::from_ms(((ms / step).round() * step).max(1.0) as u64)
}

/// In words.
pub(super) fn shape_text(shape: DurationShape) -> String {
    match shape {
        DurationShape::Constant => "constant".to_owned(),
        DurationShape::LogNormal(1) => "lognormal".to_owned(),
        DurationShape::LogNormal(parts) => format!("{parts} lognormals"),
        DurationShape::Quantiles => "quantiles".to_owned(),
        DurationShape::Measured => "as measured".to_owned(),
    }
}
