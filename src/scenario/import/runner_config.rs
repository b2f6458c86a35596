//! A runner configuration with its manager: from `config.toml`, or from what a Helm chart makes of its values.

use super::super::diagnostic::{Code, Diagnostic};
use super::config_text::{ConfigText, tables, value};
use super::fragment::{Block, name, quoted};
use super::pool_draft::Sourced;
use super::reading::Findings;
use super::runner_entry::{Entry, ManagerFacts};

/// `[[runner]]` tables of a `config.toml` that a process reads as it is.
pub(super) fn of_file(text: &ConfigText, findings: &mut Findings) -> Vec<Block> {
    let Some(loaded) = text.load(findings) else { return Vec::new() };
    let span = |key: &str| value(&loaded.tree, key).map(|item| text.place(&item.span));
    let mut facts = ManagerFacts { name: "gitlab-runner".to_owned(), ..ManagerFacts::default() };
    let concurrent = match span("concurrent") {
        Some(span) if loaded.toml.concurrent >= 1 => {
            Sourced::taken(loaded.toml.concurrent.to_string(), &span)
        }
        Some(span) => {
            let text =
                format!("`concurrent` is `{}`: the runner process ends at start", loaded.toml.concurrent);
            let problem = Diagnostic::new(Code::Range, span, text, "expected 1 or more");
            findings.problems.push(problem.help("concurrent is the number of jobs at once, of all entries"));
            return Vec::new();
        }
        None => Sourced::defaulted("1", "GitLab Runner"),
    };
    facts.keys.push(("concurrent", concurrent));
    let interval = quoted(&loaded.toml.check_interval.to_string());
    facts.keys.push((
        "check_interval",
        match span("check_interval") {
            Some(span) => Sourced::taken(interval, &span),
            None => Sourced::defaulted(interval, "GitLab Runner"),
        },
    ));
    for entry in &loaded.tree.entries {
        if !["concurrent", "check_interval", "runners"].contains(&entry.key.to_ascii_lowercase().as_str()) {
            findings.unused.push((entry.key.clone(), text.place(&entry.key_span)));
        }
    }
    if loaded.toml.runners.is_empty() {
        findings.remark(&text.line(1), "no runner in this file, it registers at start: requests are unknown");
        facts.about.push("no [[runners]] in the file: the runner registers itself at start".to_owned());
        return vec![head(&facts, "", None)];
    }
    of_entries(text, &loaded, &facts, findings)
}

/// The entries of `runners.config` under a manager that the chart configures.
pub(super) fn of_chart(text: &ConfigText, facts: &ManagerFacts, findings: &mut Findings) -> Vec<Block> {
    let Some(loaded) = text.load(findings) else { return Vec::new() };
    for key in ["concurrent", "check_interval"] {
        if let Some(item) = value(&loaded.tree, key) {
            let place = text.place(&item.span);
            findings.remark(
                &place,
                format!("`{key}` within runners.config is ignored by the chart: it is set in the values"),
            );
        }
    }
    if loaded.toml.runners.is_empty() {
        findings.remark(&text.line(1), "runners.config holds no [[runners]]");
        return vec![head(facts, "", None)];
    }
    of_entries(text, &loaded, facts, findings)
}

fn of_entries(
    text: &ConfigText,
    loaded: &super::config_text::Loaded,
    facts: &ManagerFacts,
    findings: &mut Findings,
) -> Vec<Block> {
    let trees = tables(&loaded.tree, "runners");
    let several = loaded.toml.runners.len() > 1;
    let mut names: Vec<String> = Vec::new();
    let mut blocks = Vec::new();
    for (runner, tree) in loaded.toml.runners.iter().zip(trees) {
        let wanted = if runner.name.is_empty() || runner.name.contains(super::config_text::PLACEHOLDER) {
            name(&facts.name)
        } else {
            name(&runner.name)
        };
        let taken = names.iter().filter(|known| **known == wanted).count();
        let own = if taken == 0 { wanted.clone() } else { format!("{wanted}-{}", taken + 1) };
        names.push(wanted);
        let mut block = head(facts, &own, several.then_some(facts.name.as_str()));
        Entry { runner, tree, text }.add(&mut block, findings);
        blocks.push(block);
    }
    blocks
}

/// The block with the manager's keys.
fn head(facts: &ManagerFacts, own: &str, manager: Option<&str>) -> Block {
    let mut block = Block::new("[[runner]]");
    for line in &facts.about {
        block.about(line.clone());
    }
    let own = if own.is_empty() { name(&facts.name) } else { own.to_owned() };
    block.noted("name", quoted(&own), "");
    if let Some(manager) = manager {
        block.noted("manager", quoted(manager), "all entries of the file share one process");
    }
    for (key, value) in &facts.keys {
        block.sourced(key, value);
    }
    block
}
