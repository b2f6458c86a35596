//! Links on GitLab's job page (`artifacts:reports:annotations`, GitLab 16.3 and later).

use serde_json::json;

use super::ArtifactFacts;

/// A link to the page of each; none where nobody knows where it will lie.
pub(super) fn of_all<'a>(all: impl Iterator<Item = &'a ArtifactFacts>) -> String {
    let links: Vec<serde_json::Value> = all
        .filter(|facts| !facts.report_url.is_empty())
        .map(|facts| {
            let label = format!("fleetsim: {}", facts.scenario);
            json!({"external_link": {"label": label, "url": facts.report_url}})
        })
        .collect();
    let mut text = serde_json::to_string_pretty(&json!({ "fleetsim": links })).expect("links are text");
    text.push('\n');
    text
}
