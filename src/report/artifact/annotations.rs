//! Links on GitLab's job page (`artifacts:reports:annotations`, GitLab 16.3 and later).

use serde_json::json;

use super::ArtifactFacts;

/// A link to the page; an empty section where nobody knows where it will lie.
pub(super) fn text(facts: &ArtifactFacts) -> String {
    let label = format!("fleetsim: {}", facts.scenario);
    let links = if facts.report_url.is_empty() {
        json!([])
    } else {
        json!([{"external_link": {"label": label, "url": facts.report_url}}])
    };
    let mut text = serde_json::to_string_pretty(&json!({ "fleetsim": links })).expect("links are text");
    text.push('\n');
    text
}
