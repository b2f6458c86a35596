//! GitHub Actions: `actions/runs/*/jobs`, whole pages or single jobs, one record at a time.
//!
//! Source: GitHub REST API, "List jobs for a workflow run" (2022-11-28). Job objects are made when they can run, so
//! `created_at` is when the job became pending. Old API versions have none: then its wait is unknown.

use serde::Deserialize;

use super::JobRow;
use super::account::Note;
use super::error::{Dropped, Fault};
use super::fields::{Id, Text, between, identifier, instant, joined, text};
use super::sink::Sink;
use crate::workload::RowProblem;

#[derive(Deserialize)]
struct Job<'a> {
    #[serde(borrow)]
    id: Option<Id<'a>>,
    #[serde(borrow)]
    run_id: Option<Id<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    conclusion: Option<Text<'a>>,
    #[serde(borrow)]
    created_at: Option<Text<'a>>,
    #[serde(borrow)]
    started_at: Option<Text<'a>>,
    #[serde(borrow)]
    completed_at: Option<Text<'a>>,
    #[serde(borrow)]
    labels: Option<Vec<Text<'a>>>,
}

const CONCLUSIONS: [&str; 9] = [
    "success",
    "failure",
    "neutral",
    "cancelled",
    "skipped",
    "timed_out",
    "action_required",
    "stale",
    "startup_failure",
];
const NOT_ENDED: [&str; 5] = ["queued", "in_progress", "waiting", "requested", "pending"];

/// Reads one job.
pub(super) fn read(record: &[u8], sink: &mut Sink<'_>) -> serde_json::Result<Result<(), Fault>> {
    serde_json::from_slice::<Job<'_>>(record).map(|job| job_of(&job, sink))
}

fn job_of(job: &Job<'_>, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let Some(id) = &job.id else { return Err(Fault::new(RowProblem::Missing, "id", "")) };
    // Conclusions are also found in upper case (GraphQL) and in the place of states.
    let conclusion = text(job.conclusion.as_ref()).to_ascii_lowercase();
    let state = text(job.status.as_ref()).to_ascii_lowercase();
    let ended = if conclusion.is_empty() { state.as_str() } else { conclusion.as_str() };
    sink.state(ended);
    if ended == "skipped" {
        sink.drop(Dropped::Skipped);
        return Ok(());
    }
    let created = instant(job.created_at.as_ref(), "created_at")?;
    let Some(started) = instant(job.started_at.as_ref(), "started_at")? else {
        sink.drop(Dropped::NeverStarted);
        return Ok(());
    };
    let Some(completed) = instant(job.completed_at.as_ref(), "completed_at")? else {
        sink.drop(Dropped::NotEnded);
        return Ok(());
    };
    let duration_ms = between(started, completed, "completed_at")?;
    let (submitted_ms, observed_wait_ms) =
        sink.submitted_by_creation(created, started, Note::WaitSinceCreationOfJob);
    if NOT_ENDED.contains(&ended) {
        sink.note(Note::EndedAgainstState);
    } else if !CONCLUSIONS.contains(&ended) {
        sink.note(Note::UnknownState);
    }
    let mut tags = String::new();
    joined(job.labels.iter().flatten().map(Text::as_str), &mut tags);
    sink.job(JobRow {
        submitted_ms,
        duration_ms,
        tags: &tags,
        pipeline: identifier(job.run_id.as_ref()),
        name: text(job.name.as_ref()),
        observed_wait_ms,
        status: ended,
        ..JobRow::nothing(id.identifier())
    });
    Ok(())
}
