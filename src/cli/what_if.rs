//! A fleet against itself with one thing changed, on the same jobs: what a change is worth.

use super::exit::Failed;
use super::explain::summarised;
use super::files::{beside, scenario_text};
use super::run::read;
use super::terminal::Terminal;
use crate::experiment::ExperimentSummary;
use crate::scenario::{self, Scenario};
use crate::simulation::CapacityPlan;
use crate::units::SimDuration;
use std::path::Path;

/// One change of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// What changes, for people.
    pub words: String,
    /// As `KEY=VALUE`.
    pub set: Vec<String>,
}

impl Change {
    fn new(words: impl Into<String>, set: Vec<String>) -> Self {
        Self { words: words.into(), set }
    }
}

/// Changes that may shorten waits: slots, requests, polls, idle nodes, boots, pulls.
pub(super) fn shorter_waits(path: &Path, set: &[String], fleet: &str) -> Result<Vec<Change>, Failed> {
    let text = scenario_text(path)?;
    let name = path.display().to_string();
    let elements = |list: &str| {
        scenario::element_names((&text, &name), set, &mut beside(path), fleet, list).map_err(Failed::Input)
    };
    let runners = elements("runner")?;
    let of_runners = |key: &str, value: &str| -> Vec<String> {
        runners.iter().map(|runner| format!("runner.{runner}.{key}={value}")).collect()
    };
    let mut changes = vec![
        Change::new("twice the job slots (concurrent)", twice_the_slots(path, set, fleet, &runners)?),
        Change::new(
            "up to 50 requests for a job at once (request_concurrency)",
            of_runners("request_concurrency", "50"),
        ),
        Change::new("managers ask every second (check_interval 1s)", of_runners("check_interval", "1s")),
        Change::new(
            "the executor looks at pods every second (poll_interval 1s)",
            of_runners("poll_interval", "1s"),
        ),
        Change::new(
            "images pulled four times as fast (pull_mb_per_second 200)",
            vec!["kubernetes.pull_mb_per_second=200".to_owned()],
        ),
        Change::new(
            "nodes that boot like Bottlerocket (ec2.startup.preset)",
            vec!["ec2.startup.preset=bottlerocket".to_owned()],
        ),
    ];
    changes.extend(longer_idle(path, set, fleet)?);
    changes.retain(|change| !change.set.is_empty());
    Ok(changes)
}

fn twice_the_slots(
    path: &Path,
    set: &[String],
    fleet: &str,
    runners: &[String],
) -> Result<Vec<String>, Failed> {
    let scenario = read(path, set, &[fleet.to_owned()])?;
    let most = scenario.fleets[0].plan.gitlab.managers.iter().map(|manager| manager.concurrent).max();
    let twice = most.unwrap_or(0).saturating_mul(2);
    Ok(runners.iter().map(|runner| format!("runner.{runner}.concurrent={twice}")).collect())
}

/// Idle nodes stay four times as long, but at least ten minutes.
fn longer_idle(path: &Path, set: &[String], fleet: &str) -> Result<Option<Change>, Failed> {
    let scenario = read(path, set, &[fleet.to_owned()])?;
    let CapacityPlan::Karpenter(karpenter) = &scenario.fleets[0].plan.capacity else { return Ok(None) };
    let mut longest = SimDuration::ZERO;
    let mut settings = Vec::new();
    for pool in &karpenter.pools {
        let Some(after) = pool.disruption.consolidate_after else { continue };
        if pool.ttl_after_empty.is_some() {
            continue;
        }
        let longer = (after * 4).max(SimDuration::from_mins(10));
        longest = longest.max(longer);
        settings.push(format!("node_pool.{}.disruption.consolidate_after={longer}", pool.spec.name));
    }
    let words = format!("idle nodes stay for {longest} (consolidate_after)");
    Ok((!settings.is_empty()).then(|| Change::new(words, settings)))
}

/// The one fleet of `scenario` beside itself with each change. Changes that the scenario does not accept are left out; those
/// that were tried are returned, in the order of the further fleets of the summary.
pub(super) fn compared(
    path: &Path,
    set: &[String],
    mut scenario: Scenario,
    changes: &[Change],
    terminal: Terminal,
) -> Result<(ExperimentSummary, Vec<Change>), Failed> {
    let name = scenario.fleets[0].name.clone();
    let mut tried = Vec::new();
    for change in changes {
        let all: Vec<String> = set.iter().chain(&change.set).cloned().collect();
        let Ok(changed) = read(path, &all, std::slice::from_ref(&name)) else { continue };
        scenario.fleets.extend(changed.fleets);
        tried.push(change.clone());
    }
    scenario.baseline = 0;
    let (summary, _) = summarised(&scenario, terminal)?;
    Ok((summary, tried))
}
