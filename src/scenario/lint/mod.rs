//! Costly surprises in scenarios that are right: each with a code, its evidence in a short run, and a repair that can be tried.
//!
//! A rule looks at one fleet: at its text, its plan, and at one run of it. What a repair is worth is found out by the command
//! line, which runs the fleet again with [`Finding::set`] laid over it.

mod docs;
mod jobs;
mod pools;
mod runners;

pub(super) use docs::LINTS;

use super::diagnostic::Diagnostic;
use super::document::{Table, Value};
use super::layers::{self, FileProvider};
use super::resolve::{Fleet, Scenario};
use super::source::{Source, Span};
use crate::metrics::{RunOutcome, WaitCause};
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use jiff::ZonedDateTime;

/// A costly surprise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `FS0101`.
    pub code: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// Fleets that have it, at least one.
    pub fleets: Vec<String>,
    /// The key that makes it, or the table that leaves it out.
    pub span: Span,
    /// What was seen, with numbers.
    pub evidence: String,
    /// What to do about it.
    pub fix: String,
    /// The repair as settings `KEY=VALUE`; none where no setting repairs it.
    pub set: Vec<String>,
}

impl Finding {
    /// The text for people, with what the repair is worth where that is known.
    #[must_use]
    pub fn render(&self, worth: Option<&str>, colour: bool) -> String {
        let shown = self.fleets.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if self.fleets.len() > 3 {
            format!(" and {} more", self.fleets.len() - 3)
        } else {
            String::new()
        };
        let annotation =
            AnnotationKind::Primary.span(self.span.range.clone()).label(format!("{shown}{more}"));
        let snippet = Snippet::source(self.span.source.text.as_str())
            .path(self.span.source.name.as_str())
            .annotation(annotation);
        let title = Level::WARNING.primary_title(self.title).id(self.code);
        let (evidence, fix) = (wrapped(&self.evidence), wrapped(&self.fix));
        let mut group = title.element(snippet).element(Level::NOTE.message(evidence.as_str()));
        group = group.element(Level::HELP.message(fix.as_str()));
        let worth = worth.map(wrapped);
        if let Some(worth) = &worth {
            group = group.element(Level::NOTE.message(worth.as_str()));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.decor_style(DecorStyle::Ascii).render(&[group])
    }
}

/// Lines of at most 66 characters, so that they fit into 80 columns behind their mark.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > 66 {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// One fleet under a rule.
struct Subject<'a> {
    table: &'a Table,
    fleet: &'a Fleet,
    run: &'a RunOutcome,
    start: &'a ZonedDateTime,
}

impl Subject<'_> {
    /// The share that a cause has of all waits.
    fn share_of(&self, cause: WaitCause) -> f64 {
        let all: u128 = self.run.waits.causes_ms.iter().sum();
        self.run.waits.causes_ms[cause.index()] as f64 / (all as f64).max(1.0)
    }

    /// What jobs wait for a cause on average, in seconds.
    fn mean_of(&self, cause: WaitCause) -> f64 {
        let jobs = (self.run.waits.wait.count() as f64).max(1.0);
        self.run.waits.causes_ms[cause.index()] as f64 / jobs / 1000.0
    }
}

/// What a rule found.
struct Found {
    code: &'static str,
    span: Span,
    evidence: String,
    fix: String,
    set: Vec<String>,
}

type Rule = fn(&Subject<'_>, &mut Vec<Found>);

const RULES: &[Rule] = &[
    runners::poll_timeout,
    runners::slots,
    runners::starving,
    runners::queueing,
    runners::small_limit,
    runners::limit_above_concurrent,
    pools::spot_only,
    pools::one_zone,
    pools::consolidation,
    pools::spot_to_spot,
    pools::limits,
    pools::budgets,
    pools::mixed_capacity,
    jobs::long_on_spot,
    jobs::old_prices,
    jobs::emulated,
    jobs::nodes_without_jobs,
    jobs::spread_thin,
];

/// The costly surprises of a scenario. `runs` has one run of each fleet, in their order, with its nodes kept. What several
/// fleets have at one place is one finding.
///
/// # Errors
/// Every mistake of the text, as [`super::resolve_with`].
pub fn lint(
    scenario: &Scenario,
    (text, name): (&str, &str),
    set: &[String],
    files: &mut dyn FileProvider,
    runs: &[RunOutcome],
) -> Result<Vec<Finding>, Vec<Diagnostic>> {
    let layers = layers::read(text, name, set, files)?;
    let mut findings: Vec<Finding> = Vec::new();
    for (fleet, run) in scenario.fleets.iter().zip(runs) {
        let Some(document) = layers.fleets.iter().find(|document| document.name == fleet.name) else {
            continue;
        };
        let subject = Subject { table: &document.table, fleet, run, start: &scenario.start };
        let mut found = Vec::new();
        RULES.iter().for_each(|rule| rule(&subject, &mut found));
        for one in found {
            match findings.iter_mut().find(|known| known.code == one.code && known.span == one.span) {
                Some(known) if known.fleets.last() != Some(&fleet.name) => {
                    known.fleets.push(fleet.name.clone());
                }
                Some(_) => {}
                None => findings.push(finding(one, &fleet.name)),
            }
        }
    }
    findings.sort_by(|a, b| a.code.cmp(b.code).then(a.span.range.start.cmp(&b.span.range.start)));
    Ok(findings)
}

fn finding(found: Found, fleet: &str) -> Finding {
    let doc = LINTS.iter().find(|doc| doc.id == found.code).expect("every rule's code is documented");
    Finding {
        code: doc.id,
        title: doc.title,
        fleets: vec![fleet.to_owned()],
        span: found.span,
        evidence: found.evidence,
        fix: found.fix,
        set: found.set,
    }
}

/// The names of enabled elements of a list, with their tables.
fn elements<'t>(table: &'t Table, list: &'t str) -> impl Iterator<Item = (&'t str, &'t Table)> {
    table.tables(list).map(|(element, _)| (element.text("name"), element))
}

/// Where the first of these keys stands that is there.
fn place(table: &Table, keys: &[&str]) -> Span {
    let found =
        keys.iter().find_map(|key| table.get(key)).or_else(|| table.entries.first().map(|entry| &entry.item));
    found.map_or_else(|| Span::start_of(&Source::new("", "")), |item| item.span.clone())
}

/// A place that only names an imported file is moved into that file: to the first thing that is known of the element there.
fn at(element: &Table, span: Span) -> Span {
    let files: Vec<&str> =
        span.text().split(',').map(|file| file.trim_matches(['[', ']', '"', ' '])).collect();
    let is_there = |own: &Span| files.contains(&own.source.name.as_str());
    inside(element, &is_there).unwrap_or(span)
}

fn inside(table: &Table, is_there: &impl Fn(&Span) -> bool) -> Option<Span> {
    table.entries.iter().find_map(|entry| match &entry.item.value {
        _ if is_there(&entry.item.span) => Some(entry.item.span.clone()),
        _ if is_there(&entry.key_span) => Some(entry.key_span.clone()),
        Value::Table(table) => inside(table, is_there),
        Value::Array(items) => items.iter().find_map(|item| match &item.value {
            _ if is_there(&item.span) => Some(item.span.clone()),
            Value::Table(table) => inside(table, is_there),
            _ => None,
        }),
        _ => None,
    })
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}
