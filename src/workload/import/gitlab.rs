//! GitLab: jobs API (project and pipeline endpoints) and job webhooks, one record at a time.
//!
//! Source: GitLab `lib/api/entities/ci/job_basic.rb`, `job.rb`; `doc/user/project/integrations/webhook_events.md` (2026-11).
//! `created_at` is when the pipeline was created, so a job became pending at `started_at - queued_duration`.

use serde::Deserialize;

use super::JobRow;
use super::account::Note;
use super::error::{Dropped, Fault};
use super::fields::{Id, Text, between, identifier, instant, joined, span_ms, text, wait};
use super::sink::Sink;
use crate::workload::RowProblem;

#[derive(Deserialize)]
struct Job<'a> {
    #[serde(borrow, alias = "build_id")]
    id: Option<Id<'a>>,
    #[serde(borrow, alias = "build_name")]
    name: Option<Text<'a>>,
    #[serde(borrow, alias = "build_stage")]
    stage: Option<Text<'a>>,
    #[serde(borrow, alias = "build_status")]
    status: Option<Text<'a>>,
    #[serde(borrow, alias = "build_created_at")]
    created_at: Option<Text<'a>>,
    #[serde(borrow, alias = "build_started_at")]
    started_at: Option<Text<'a>>,
    #[serde(borrow, alias = "build_finished_at")]
    finished_at: Option<Text<'a>>,
    #[serde(alias = "build_duration")]
    duration: Option<f64>,
    #[serde(alias = "build_queued_duration")]
    queued_duration: Option<f64>,
    /// Of the webhook.
    retries_count: Option<u64>,
    #[serde(borrow)]
    tag_list: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pipeline: Option<Pipeline<'a>>,
    #[serde(borrow)]
    pipeline_id: Option<Id<'a>>,
    #[serde(borrow)]
    runner: Option<Runner<'a>>,
}

#[derive(Deserialize)]
struct Pipeline<'a> {
    #[serde(borrow)]
    id: Option<Id<'a>>,
}

/// Of the webhook; the API does not tell the tags of a runner here.
#[derive(Deserialize)]
struct Runner<'a> {
    #[serde(borrow)]
    tags: Option<Vec<Text<'a>>>,
}

/// States of jobs that have ended.
const ENDED: [&str; 3] = ["success", "failed", "canceled"];
/// States of jobs that have not.
const OTHERS: [&str; 10] = [
    "created",
    "waiting_for_resource",
    "waiting_for_callback",
    "preparing",
    "pending",
    "running",
    "canceling",
    "manual",
    "scheduled",
    "skipped",
];

/// Reads one job.
pub(super) fn read(record: &[u8], sink: &mut Sink<'_>) -> serde_json::Result<Result<(), Fault>> {
    serde_json::from_slice::<Job<'_>>(record).map(|job| job_of(&job, sink))
}

fn job_of(job: &Job<'_>, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let status = text(job.status.as_ref());
    sink.state(status);
    let Some(id) = &job.id else { return Err(Fault::new(RowProblem::Missing, "id", "")) };
    let created = instant(job.created_at.as_ref(), "created_at")?;
    let Some(started) = instant(job.started_at.as_ref(), "started_at")? else {
        sink.drop(if status == "skipped" { Dropped::Skipped } else { Dropped::NeverStarted });
        return Ok(());
    };
    let finished = instant(job.finished_at.as_ref(), "finished_at")?;
    // The API counts `duration` of a running job up to now.
    if finished.is_none() && (job.duration.is_none() || !ENDED.contains(&status)) {
        sink.drop(Dropped::NotEnded);
        return Ok(());
    }
    let from_times = finished.map(|finished| between(started, finished, "finished_at")).transpose()?;
    let written = job.duration.map(|seconds| span_ms(seconds, "duration")).transpose()?;
    let queued = job.queued_duration.map(|seconds| span_ms(seconds, "queued_duration")).transpose()?;
    let Some(duration_ms) = written.or(from_times) else {
        return Err(Fault::new(RowProblem::Missing, "finished_at", ""));
    };
    let (submitted_ms, observed_wait_ms) = match (queued, created) {
        (Some(queued), _) => {
            sink.depended(created, started - queued as i64);
            (started - queued as i64, Some(wait(queued)))
        }
        (None, created) => sink.submitted_by_creation(created, started, Note::WaitSinceCreation),
    };
    if OTHERS.contains(&status) {
        sink.note(Note::EndedAgainstState);
    } else if !ENDED.contains(&status) {
        sink.note(Note::UnknownState);
    }
    if job.retries_count.is_some_and(|count| count > 0) {
        sink.note(Note::Retried);
    }
    let mut tags = String::new();
    match (&job.tag_list, job.runner.as_ref().and_then(|runner| runner.tags.as_ref())) {
        (Some(list), _) => joined(list.iter().map(Text::as_str), &mut tags),
        (None, Some(of_runner)) => {
            joined(of_runner.iter().map(Text::as_str), &mut tags);
            sink.note(Note::TagsOfRunner);
        }
        (None, None) => sink.note(Note::NoTagList),
    }
    let pipeline = job.pipeline.as_ref().and_then(|pipeline| pipeline.id.as_ref());
    sink.job(JobRow {
        submitted_ms,
        duration_ms,
        tags: &tags,
        pipeline: identifier(pipeline.or(job.pipeline_id.as_ref())),
        stage: text(job.stage.as_ref()),
        name: text(job.name.as_ref()),
        observed_wait_ms,
        status,
        ..JobRow::nothing(id.identifier())
    });
    Ok(())
}
