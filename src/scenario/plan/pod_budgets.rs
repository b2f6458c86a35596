//! PodDisruptionBudgets of job pods: which classes they select and what they ask for.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Item, Table, Value};
use super::super::keys::nearest_word;
use super::super::source::Span;
use super::job::{Jobs, line_of};
use crate::kubernetes::{DisruptionLimit, PodShare};
use crate::simulation::PodDisruptionBudget;

/// `[[kubernetes.pod_disruption_budget]]`.
pub(super) fn budgets(
    kubernetes: &Table,
    jobs: &Jobs<'_, '_>,
    problems: &mut Problems,
) -> Vec<PodDisruptionBudget> {
    let tables = kubernetes.tables("pod_disruption_budget");
    tables.filter_map(|(table, span)| budget(table, span, jobs, problems)).collect()
}

fn budget(
    table: &Table,
    span: &Span,
    jobs: &Jobs<'_, '_>,
    problems: &mut Problems,
) -> Option<PodDisruptionBudget> {
    let before = problems.len();
    for item in table.list("classes") {
        check_class(item, jobs, problems);
    }
    let given = [table.text_if("min_available"), table.text_if("max_unavailable")];
    let limit = match given {
        [Some(text), None] => {
            share(table, "min_available", text, problems).map(DisruptionLimit::MinAvailable)
        }
        [None, Some(text)] => {
            share(table, "max_unavailable", text, problems).map(DisruptionLimit::MaxUnavailable)
        }
        _ => {
            let message = match given {
                [None, None] => "a PodDisruptionBudget without a limit",
                _ => "a PodDisruptionBudget with two limits",
            };
            let label = "expected one of `min_available` and `max_unavailable`";
            problems.push(
                Diagnostic::new(Code::Conflict, line_of(span), message, label)
                    .help("max_unavailable = \"0\" lets Karpenter move none of the pods"),
            );
            None
        }
    };
    let classes = table.texts("classes").map(str::to_owned).collect();
    let budget = PodDisruptionBudget { name: table.text("name").to_owned(), classes, limit: limit? };
    (problems.len() == before).then_some(budget)
}

fn share(table: &Table, key: &str, text: &str, problems: &mut Problems) -> Option<PodShare> {
    let share = PodShare::parse(text);
    if share.is_none() {
        let message = format!("`{text}` is not a number of pods");
        problems.push(
            Diagnostic::new(Code::Grammar, table.span(key), message, "expected \"3\" or \"10%\"")
                .help("whole pods, or a whole percentage from 0% to 100%"),
        );
    }
    share
}

fn check_class(item: &Item, jobs: &Jobs<'_, '_>, problems: &mut Problems) {
    let Value::Text(name) = &item.value else { return };
    let known = || jobs.described.iter().map(|class| class.name.as_str());
    if known().any(|other| other == name) {
        return;
    }
    let diagnostic = Diagnostic::new(
        Code::Reference,
        item.span.clone(),
        format!("there is no class `{name}`"),
        "expected a class of jobs",
    );
    let help = nearest_word(known(), name).map_or_else(
        || format!("classes are {}", known().collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    problems.push(diagnostic.help(help));
}
