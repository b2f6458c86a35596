//! Questions about an imported pipeline.

use fleetsim::scenario::import::{JobStart, Pipeline};

/// The answer, as text.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn answer(pipeline: &Pipeline, question: &str) -> String {
    let jobs = &pipeline.jobs;
    let count = |number: usize| number.to_string();
    let job =
        |name: &str| jobs.iter().find(|job| job.name == name).unwrap_or_else(|| panic!("no job {name}"));
    let runs = || jobs.iter().flat_map(|job| &job.runs);
    match question {
        "jobs" => count(jobs.len()),
        "runs" => count(runs().count()),
        "hidden" => count(pipeline.hidden),
        "stages" => count(pipeline.stages.len()),
        "names" => jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>().join(","),
        "all stages" => pipeline.stages.join(","),
        "last stage" => pipeline.stages.last().cloned().unwrap_or_default(),
        "with retry 1" => {
            count(jobs.iter().filter(|job| job.retry.as_ref().is_some_and(|retry| retry.0 == 1)).count())
        }
        "runs with a variable in a tag" => {
            count(runs().filter(|run| run.tags.iter().any(|tag| tag.contains('$'))).count())
        }
        "first stage" => pipeline.stages[0].clone(),
        "interruptible" => count(jobs.iter().filter(|job| job.interruptible).count()),
        "auto_cancel" => pipeline.auto_cancel.clone().unwrap_or_default(),
        "untagged" => count(jobs.iter().filter(|job| job.tags.is_empty()).count()),
        "needs nothing" => {
            count(jobs.iter().filter(|job| job.needs.as_ref().is_some_and(Vec::is_empty)).count())
        }
        "triggers" => count(jobs.iter().filter(|job| job.start == JobStart::Trigger).count()),
        _ => {
            let has = |tags: &[String], tag: &str| tags.iter().any(|own| own == tag);
            if let Some(tag) = question.strip_prefix("tagged ") {
                return count(jobs.iter().filter(|job| has(&job.runs[0].tags, tag)).count());
            }
            if let Some(tag) = question.strip_prefix("runs tagged ") {
                return count(runs().filter(|run| has(&run.tags, tag)).count());
            }
            if let Some(group) = question.strip_prefix("group ") {
                return count(jobs.iter().filter(|job| job.resource_group.as_deref() == Some(group)).count());
            }
            let (what, name) = question.split_once(" of ").unwrap();
            if let Some((name, tag)) = name.split_once(" tagged ") {
                return count(job(name).runs.iter().filter(|run| has(&run.tags, tag)).count());
            }
            let job = job(name);
            let first = &job.runs[0];
            match what {
                "runs" => count(job.runs.len()),
                "tags" => first.tags.join(","),
                "needs" => job.needs.as_ref().map_or("-".to_owned(), |needs| needs.join(",")),
                "start" => format!("{:?}", job.start),
                "cpu" => first.cpu.map(|cpu| cpu.to_string()).unwrap_or_default(),
                "memory" => first.memory.map(|memory| memory.to_string()).unwrap_or_default(),
                "exit codes retried" => {
                    job.retry_exit_codes.iter().map(u8::to_string).collect::<Vec<_>>().join(",")
                }
                "start in" => job.start_in.map(|span| (span.as_ms() / 1000).to_string()).unwrap_or_default(),
                "empty values" => {
                    let values = job.matrix.iter().flatten().flat_map(|(_, values)| values);
                    count(values.filter(|value| value.is_empty()).count())
                }
                "services" => count(job.services),
                "timeout" => job.timeout.map(|span| (span.as_ms() / 1000).to_string()).unwrap_or_default(),
                "retry" => job
                    .retry
                    .as_ref()
                    .map(|(max, reasons)| format!("{max} {}", reasons.join(",")))
                    .unwrap_or_default(),
                "retries" => job
                    .retry
                    .as_ref()
                    .map(|(max, reasons)| format!("{max} {}", reasons.len()))
                    .unwrap_or_default(),
                other => panic!("no question {other}"),
            }
        }
    }
}
