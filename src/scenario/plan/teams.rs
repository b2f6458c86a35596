//! The team of each GitLab project, by which the bill is grouped.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Table, Value};
use super::super::keys::nearest_word;

/// Whether `project` is `path` or lies in that group.
fn is_in(project: &str, path: &str) -> bool {
    project.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The group of a project; itself where it names none.
fn group(project: &str) -> &str {
    project.rsplit_once('/').map_or(project, |(group, _)| group)
}

/// The team of each of `projects`: of the longest path in `teams` that it lies in, else its group.
pub(super) fn of(workload: &Table, projects: &[String], problems: &mut Problems) -> Vec<String> {
    let given = match workload.get("teams").map(|item| &item.value) {
        Some(Value::Table(given)) => given.entries.as_slice(),
        _ => &[],
    };
    for entry in given {
        if !projects.iter().any(|project| is_in(project, &entry.key)) {
            let message = format!("no job is of `{}` or of a project in it", entry.key);
            let known = projects.iter().flat_map(|project| [project.as_str(), group(project)]);
            let near = nearest_word(known.filter(|name| !name.is_empty()), &entry.key);
            let expected = "expected the project of a job, or a group of it";
            let problem = Diagnostic::new(Code::Reference, entry.key_span.clone(), message, expected);
            problems.push(match near {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help("give the jobs a `project`"),
            });
        }
    }
    let team = |project: &String| {
        let within = given.iter().filter(|entry| is_in(project, &entry.key));
        let longest = within.max_by_key(|entry| entry.key.len());
        match longest.map(|entry| &entry.item.value) {
            Some(Value::Text(team)) => team.clone(),
            _ => group(project).to_owned(),
        }
    };
    projects.iter().map(team).collect()
}
