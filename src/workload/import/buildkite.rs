//! Buildkite: builds of the REST API with their jobs; a record is a build.
//!
//! Source: Buildkite REST API v2, "Builds" (2026-11). A job can be picked from `runnable_at` on; what lies before is
//! waiting for other steps. `agent_query_rules` are what an agent must have: `key=value`, `*` is any.

use serde::Deserialize;

use super::account::Note;
use super::error::{Dropped, Fault};
use super::fields::{Id, Text, between, identifier, instant, joined, text, wait};
use super::sink::Sink;
use super::{Identifier, JobRow};
use crate::workload::RowProblem;

#[derive(Deserialize)]
struct Build<'a> {
    #[serde(borrow)]
    id: Option<Id<'a>>,
    #[serde(borrow)]
    jobs: Option<Vec<Job<'a>>>,
}

#[derive(Deserialize)]
struct Job<'a> {
    #[serde(borrow)]
    id: Option<Id<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    step_key: Option<Text<'a>>,
    #[serde(borrow)]
    agent_query_rules: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    state: Option<Text<'a>>,
    #[serde(borrow)]
    created_at: Option<Text<'a>>,
    #[serde(borrow)]
    runnable_at: Option<Text<'a>>,
    #[serde(borrow)]
    started_at: Option<Text<'a>>,
    #[serde(borrow)]
    finished_at: Option<Text<'a>>,
    retries_count: Option<u64>,
}

const ENDED: [&str; 8] =
    ["passed", "failed", "canceled", "timed_out", "finished", "soft_failed", "expired", "broken"];
const NOT_ENDED: [&str; 6] = ["pending", "scheduled", "assigned", "accepted", "running", "canceling"];

/// Reads the jobs of one build. The first that cannot be used is the fault of the build's line.
pub(super) fn read(record: &[u8], sink: &mut Sink<'_>) -> serde_json::Result<Result<(), Fault>> {
    serde_json::from_slice::<Build<'_>>(record).map(|build| jobs_of(&build, sink))
}

fn jobs_of(build: &Build<'_>, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let Some(jobs) = &build.jobs else { return Err(Fault::new(RowProblem::Missing, "jobs", "")) };
    let mut bad = None;
    for job in jobs {
        if let Err(fault) = job_of(job, identifier(build.id.as_ref()), sink) {
            if !sink.drops_bad() {
                return Err(fault);
            }
            // All but one are counted here, the last by whoever asked.
            if let Some(fault) = bad.replace(fault) {
                sink.drop(Dropped::Bad(fault.problem));
            }
        }
    }
    bad.map_or(Ok(()), Err)
}

fn job_of(job: &Job<'_>, build: Identifier<'_>, sink: &mut Sink<'_>) -> Result<(), Fault> {
    if text(job.kind.as_ref()) != "script" {
        sink.drop(Dropped::NotWork);
        return Ok(());
    }
    let Some(id) = &job.id else { return Err(Fault::new(RowProblem::Missing, "id", "")) };
    let state = text(job.state.as_ref());
    let created = instant(job.created_at.as_ref(), "created_at")?;
    let runnable = instant(job.runnable_at.as_ref(), "runnable_at")?;
    let Some(started) = instant(job.started_at.as_ref(), "started_at")? else {
        sink.drop(if state == "skipped" { Dropped::Skipped } else { Dropped::NeverStarted });
        return Ok(());
    };
    let Some(finished) = instant(job.finished_at.as_ref(), "finished_at")? else {
        sink.drop(Dropped::NotEnded);
        return Ok(());
    };
    let duration_ms = between(started, finished, "finished_at")?;
    let (submitted_ms, observed_wait_ms) = match runnable {
        Some(runnable) => {
            let waited = between(runnable, started, "started_at")?;
            sink.depended(created, runnable);
            (runnable, Some(wait(waited)))
        }
        None => sink.submitted_by_creation(created, started, Note::WaitSinceCreation),
    };
    if NOT_ENDED.contains(&state) {
        sink.note(Note::EndedAgainstState);
    } else if !ENDED.contains(&state) {
        sink.note(Note::UnknownState);
    }
    if job.retries_count.is_some_and(|count| count > 0) {
        sink.note(Note::Retried);
    }
    let mut tags = String::new();
    let rules = job.agent_query_rules.iter().flatten().map(Text::as_str);
    joined(rules.filter(|rule| *rule != "*"), &mut tags);
    let name = [&job.name, &job.step_key].map(|name| text(name.as_ref()));
    sink.job(JobRow {
        submitted_ms,
        duration_ms,
        tags: &tags,
        pipeline: build,
        name: if name[0].is_empty() { name[1] } else { name[0] },
        observed_wait_ms,
        status: state,
        ..JobRow::nothing(id.identifier())
    });
    Ok(())
}
