//! Texts that are templates of the file, not the file: recognised, named and refused.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::{Source, Span};
use std::sync::Arc;

/// What a syntax error in `source` becomes where the text is a template: the first directive, and what to do.
pub(super) fn explained(source: &Arc<Source>, problem: Diagnostic) -> Diagnostic {
    first_directive(source, 1).unwrap_or(problem)
}

/// The refusal of a Terraform file: HCL is never what is imported.
pub(super) fn terraform(source: &Arc<Source>) -> Option<Diagnostic> {
    let blocks = ["resource \"", "module \"", "variable \"", "data \"", "locals {", "terraform {"];
    let line = source.text.lines().find(|line| blocks.iter().any(|block| line.starts_with(block)))?;
    let at = place(source, line, 0, line.len());
    let inner = first_directive(source, 1);
    let found = inner.map(|inner| format!("; it holds {}", inner.message)).unwrap_or_default();
    Some(
        Diagnostic::new(
            Code::Grammar,
            at,
            format!("this is Terraform, not the file it renders{found}"),
            "expected the rendered file",
        )
        .help("render it first (`terraform show`, `terraform console`, or the file on the machine) and import that"),
    )
}

/// A line from `from_line` on that is nothing but a directive: what the text says depends on it.
pub(super) fn control_line(source: &Arc<Source>, from_line: usize) -> Option<Diagnostic> {
    let starts = |line: &str| {
        let code = line.trim_start();
        (code.starts_with("{{") && !code.starts_with("{{/*")) || code.starts_with("%{")
    };
    source.text.lines().skip(from_line - 1).any(starts).then(|| first_directive(source, from_line)).flatten()
}

/// A refusal that names the first directive or placeholder from `from_line` on, if there is one.
pub(super) fn first_directive(source: &Arc<Source>, from_line: usize) -> Option<Diagnostic> {
    let mut best: Option<(usize, Diagnostic)> = None;
    for line in source.text.lines().skip(from_line - 1) {
        let code = line.trim_start();
        if code.starts_with('#') {
            continue;
        }
        for (open, close, tool) in
            [("{{", "}}", "Helm"), ("%{", "}", "Terraform"), ("${", "}", "Terraform"), ("<%", "%>", "ERB")]
        {
            let Some(start) = line.find(open) else { continue };
            let end = line[start..].find(close).map_or(line.len(), |length| start + length + close.len());
            let begins = code.starts_with(open);
            // A line that is a directive counts before a placeholder within a value.
            let rank = usize::from(!begins) + 2 * usize::from(open == "${");
            if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                let shown = &line[start..end];
                let diagnostic = Diagnostic::new(
                    Code::Grammar,
                    place(source, line, start, end),
                    format!("the {tool} template directive or placeholder `{shown}`"),
                    "expected the rendered text",
                )
                .help(if tool == "Helm" {
                    "this is a Helm template, render it first (`helm template`) and import the result"
                } else {
                    "this is a template, render it first and import the result"
                });
                best = Some((rank, diagnostic));
            }
        }
    }
    best.map(|(_, diagnostic)| diagnostic)
}

fn place(source: &Arc<Source>, line: &str, start: usize, end: usize) -> Span {
    let offset = line.as_ptr() as usize - source.text.as_ptr() as usize;
    Span::new(source, offset + start..offset + end)
}
