//! How pipelines go on: stages, needs, forgiven failures, retries, manual and delayed jobs, cancelling.

use fleetsim::engine::{Arena, Id};
use fleetsim::gitlab::{JobResult, PendingJob, PipelineId, PipelineStatus, PipelineStep, Pipelines};
use fleetsim::units::{Resources, SimDuration, SimTime};
use fleetsim::workload::{
    Class, ClassId, Distribution, FailureReason, JobDraft, JobSpec, Need, Parallel, Retry, Template,
    TemplateDraft, When,
};
use proptest::prelude::*;

const CLASS: ClassId = Id::new(0);
const LATENCY: SimDuration = SimDuration::from_ms(700);

/// One pipeline being driven, by job names.
struct Driver {
    templates: Arena<Template>,
    pipelines: Pipelines,
    pipeline: PipelineId,
    now: SimTime,
    steps: Vec<PipelineStep>,
}

impl Driver {
    fn new(jobs: Vec<JobDraft>) -> Self {
        let mut classes = Arena::new();
        let minute = Distribution::Constant(SimDuration::from_mins(1));
        classes.push(Class::new("job", Resources::new(1000, 1024), minute));
        let stages = ["build", "test", "deploy"].map(str::to_owned).to_vec();
        let template = TemplateDraft { name: "main".into(), stages, jobs }.expand(&mut classes).unwrap();
        let mut templates = Arena::new();
        let id = templates.push(template);
        let mut pipelines = Pipelines::new(LATENCY);
        let mut steps = Vec::new();
        let pipeline = pipelines.start(&templates, id, 0, SimTime::ZERO, |_| spec(), &mut steps);
        Self { templates, pipelines, pipeline, now: SimTime::ZERO, steps }
    }

    fn node(&self, name: &str) -> u32 {
        let nodes = &self.templates.as_slice()[0].nodes;
        nodes.iter().position(|node| node.name == name).unwrap_or_else(|| panic!("no job {name}")) as u32
    }

    fn name(&self, node: u32) -> &str {
        &self.templates.as_slice()[0].nodes[node as usize].name
    }

    fn end(&mut self, name: &str, result: JobResult) -> &mut Self {
        self.now += SimDuration::from_secs(60);
        let job = (self.pipeline, self.node(name));
        self.pipelines.job_ended(&self.templates, job, result, self.now, &mut self.steps);
        self
    }

    fn succeed(&mut self, name: &str) -> &mut Self {
        self.end(name, JobResult::Success)
    }

    fn fail(&mut self, name: &str) -> &mut Self {
        self.end(name, JobResult::Failed(FailureReason::ScriptFailure))
    }

    /// What happened since the last call, in short words.
    fn news(&mut self) -> Vec<String> {
        let steps = std::mem::take(&mut self.steps);
        let told = steps.iter().map(|step| match step {
            PipelineStep::Pending(job) if job.attempt > 0 => format!("retry {}", self.name(job.node)),
            PipelineStep::Pending(job) => self.name(job.node).to_owned(),
            PipelineStep::Delayed { node, until, .. } => format!("{} at {}", self.name(*node), until.as_ms()),
            PipelineStep::Manual { node, .. } => format!("{}?", self.name(*node)),
            PipelineStep::Skipped { node, .. } => format!("skip {}", self.name(*node)),
            PipelineStep::Cancel { node, .. } => format!("stop {}", self.name(*node)),
            PipelineStep::Canceled { node, .. } => format!("cancel {}", self.name(*node)),
            PipelineStep::Blocked { .. } => "blocked".to_owned(),
            PipelineStep::Done { status, .. } => format!("{status:?}"),
        });
        told.collect()
    }
}

fn spec() -> JobSpec {
    JobSpec::new(CLASS, SimDuration::from_mins(1), Resources::new(1000, 1024))
}

fn job(name: &str, stage: &str) -> JobDraft {
    JobDraft::new(name, stage, CLASS)
}

fn needing(name: &str, stage: &str, needs: &[&str]) -> JobDraft {
    let need = |job: &&str| Need { job: (*job).to_owned(), optional: false, matrix: Vec::new() };
    JobDraft { needs: Some(needs.iter().map(need).collect()), ..job(name, stage) }
}

fn when(when: When, draft: JobDraft) -> JobDraft {
    JobDraft { when, ..draft }
}

#[test]
fn a_stage_waits_for_all_jobs_of_the_stages_before() {
    let mut run =
        Driver::new(vec![job("b1", "build"), job("b2", "build"), job("t", "test"), job("d", "deploy")]);
    assert_eq!(run.news(), ["b1", "b2"]);
    assert_eq!(run.succeed("b1").news(), [""; 0]);
    assert_eq!(run.succeed("b2").news(), ["t"]);
    assert_eq!(run.succeed("t").news(), ["d"]);
    assert_eq!(run.succeed("d").news(), ["Success"]);
    assert!(run.pipelines.is_empty());
}

#[test]
fn successors_become_pending_after_the_processing_latency_and_keep_the_ids_of_creation() {
    let mut run = Driver::new(vec![job("t", "test"), job("b", "build")]);
    run.succeed("b");
    let pending: Vec<PendingJob> = run
        .steps
        .iter()
        .filter_map(|step| if let PipelineStep::Pending(job) = step { Some(*job) } else { None })
        .collect();
    assert_eq!((pending[0].at, pending[0].build.0), (SimTime::ZERO, 0));
    assert_eq!((pending[1].at, pending[1].build.0), (run.now + LATENCY, 1));
}

#[test]
fn a_failure_skips_later_stages_unless_it_is_forgiven() {
    let jobs = |allow_failure| {
        let lint = JobDraft { allow_failure: Some(allow_failure), ..job("lint", "build") };
        let always = when(When::Always, job("report", "deploy"));
        let cleanup = when(When::OnFailure, job("cleanup", "deploy"));
        vec![lint, job("t", "test"), always, cleanup]
    };
    let mut strict = Driver::new(jobs(false));
    strict.news();
    assert_eq!(strict.fail("lint").news(), ["skip t", "report", "cleanup"]);
    strict.succeed("report");
    assert_eq!(strict.succeed("cleanup").news(), ["Failed"]);
    let mut forgiving = Driver::new(jobs(true));
    forgiving.news();
    assert_eq!(forgiving.fail("lint").news(), ["t"]);
    assert_eq!(forgiving.succeed("t").news(), ["report", "skip cleanup"]);
    assert_eq!(forgiving.succeed("report").news(), ["Success"]);
}

#[test]
fn needs_run_ahead_of_stages_and_wait_for_every_copy() {
    let wide = JobDraft { parallel: Parallel::Copies(2), ..job("build", "build") };
    let mut run = Driver::new(vec![
        wide,
        job("slow", "build"),
        needing("unit", "test", &["build"]),
        needing("docs", "deploy", &[]),
        needing("ship", "deploy", &["unit"]),
    ]);
    assert_eq!(run.news(), ["build 1/2", "build 2/2", "slow", "docs"]);
    assert_eq!(run.succeed("build 1/2").news(), [""; 0]);
    assert_eq!(run.succeed("build 2/2").news(), ["unit"]);
    assert_eq!(run.succeed("unit").news(), ["ship"]);
    run.succeed("docs").succeed("ship");
    assert_eq!(run.fail("slow").news(), ["Failed"]);
}

#[test]
fn a_skipped_need_skips_what_needs_it() {
    let mut run =
        Driver::new(vec![job("b", "build"), needing("t", "test", &["b"]), needing("d", "deploy", &["t"])]);
    run.news();
    assert_eq!(run.fail("b").news(), ["skip t", "skip d", "Failed"]);
}

#[test]
fn a_retry_is_a_new_job_with_a_higher_id_and_ends_when_used_up() {
    let flaky = JobDraft { retry: Some(Retry::always(2)), ..job("flaky", "build") };
    let mut run = Driver::new(vec![flaky, job("t", "test")]);
    run.news();
    run.fail("flaky");
    let [PipelineStep::Pending(again)] = run.steps[..] else { panic!("one retry") };
    assert_eq!((again.attempt, again.build.0, again.at), (1, 2, run.now + LATENCY));
    assert_eq!(run.news(), ["retry flaky"]);
    assert_eq!(run.fail("flaky").news(), ["retry flaky"]);
    assert_eq!(run.fail("flaky").news(), ["skip t", "Failed"]);
}

#[test]
fn a_single_job_is_retried_by_its_own_rule_and_is_done() {
    let mut pipelines = Pipelines::new(LATENCY);
    let mut steps = Vec::new();
    let templates = Arena::new();
    let id = pipelines.start_single(spec(), Retry::ABSENT, 7, SimTime::ZERO, &mut steps);
    let lost = JobResult::Failed(FailureReason::SchedulerFailure);
    for _ in 0..2 {
        pipelines.job_ended(&templates, (id, 0), lost, SimTime::ZERO, &mut steps);
        assert!(matches!(steps.pop(), Some(PipelineStep::Pending(job)) if job.attempt > 0));
    }
    pipelines.job_ended(&templates, (id, 0), lost, SimTime::ZERO, &mut steps);
    assert!(matches!(
        steps.pop(),
        Some(PipelineStep::Done { ordinal: 7, status: PipelineStatus::Failed, .. })
    ));
}

#[test]
fn an_optional_manual_job_holds_nothing_up_and_a_blocking_one_does() {
    let gate = |allow_failure| {
        let manual = when(When::Manual, job("approve", "test"));
        vec![job("b", "build"), JobDraft { allow_failure, ..manual }, job("d", "deploy")]
    };
    let mut optional = Driver::new(gate(None));
    optional.news();
    assert_eq!(optional.succeed("b").news(), ["approve?", "d"]);
    // Nobody played it: it ends as well, once its pipeline does.
    assert_eq!(optional.succeed("d").news(), ["skip approve", "Success"]);
    let mut blocking = Driver::new(gate(Some(false)));
    blocking.news();
    assert_eq!(blocking.succeed("b").news(), ["approve?", "blocked"]);
    let (id, node, now) = (blocking.pipeline, blocking.node("approve"), blocking.now);
    assert!(blocking.pipelines.play(id, node, now, &mut blocking.steps));
    assert!(!blocking.pipelines.play(id, node, now, &mut blocking.steps));
    assert_eq!(blocking.news(), ["approve"]);
    assert_eq!(blocking.succeed("approve").news(), ["d"]);
    assert_eq!(blocking.succeed("d").news(), ["Success"]);
}

#[test]
fn what_nobody_plays_is_skipped_with_all_that_waits_for_it() {
    let manual = JobDraft { allow_failure: Some(false), ..when(When::Manual, job("approve", "test")) };
    let mut run = Driver::new(vec![
        job("b", "build"),
        manual,
        job("d", "deploy"),
        when(When::Always, job("clean", "deploy")),
        when(When::OnFailure, job("alarm", "deploy")),
    ]);
    run.news();
    assert_eq!(run.succeed("b").news(), ["approve?", "blocked"]);
    let (id, now) = (run.pipeline, run.now);
    run.pipelines.leave_unplayed(&run.templates, id, now, &mut run.steps);
    assert_eq!(run.news(), ["skip approve", "skip d", "skip clean", "skip alarm", "Manual"]);
    assert!(run.pipelines.is_empty());
}

#[test]
fn an_optional_manual_job_played_in_time_is_waited_for() {
    let manual = when(When::Manual, job("extra", "build"));
    let mut run = Driver::new(vec![job("b", "build"), manual, job("t", "test")]);
    assert_eq!(run.news(), ["b", "extra?"]);
    let (id, node, now) = (run.pipeline, run.node("extra"), run.now);
    assert!(run.pipelines.play(id, node, now, &mut run.steps));
    run.news();
    assert_eq!(run.succeed("b").news(), [""; 0]);
    assert_eq!(run.succeed("extra").news(), ["t"]);
}

#[test]
fn a_delayed_job_starts_after_its_delay() {
    let delayed = when(When::Delayed(SimDuration::from_mins(30)), job("rollout", "test"));
    let mut run = Driver::new(vec![job("b", "build"), delayed]);
    run.news();
    assert_eq!(run.succeed("b").news(), ["rollout at 1860000"]);
    let (id, node) = (run.pipeline, run.node("rollout"));
    assert!(run.pipelines.delay_over(id, node, SimTime::from_ms(1_860_000), &mut run.steps));
    assert_eq!(run.news(), ["rollout"]);
    assert_eq!(run.succeed("rollout").news(), ["Success"]);
}

#[test]
fn cancelling_ends_what_has_not_started_and_stops_the_rest_without_retries() {
    let flaky = JobDraft { retry: Some(Retry::always(2)), ..job("b", "build") };
    let mut run = Driver::new(vec![flaky, job("t", "test"), needing("d", "deploy", &["t"])]);
    run.news();
    let (id, now) = (run.pipeline, run.now);
    run.pipelines.cancel(&run.templates, id, now, &mut run.steps);
    assert_eq!(run.news(), ["stop b", "cancel t", "cancel d"]);
    assert_eq!(run.end("b", JobResult::Canceled).news(), ["Canceled"]);
    assert!(run.pipelines.is_empty());
}

#[test]
fn memory_is_used_again() {
    let run = Driver::new(vec![job("b1", "build"), job("b2", "build"), job("t", "test")]);
    let mut pipelines = Pipelines::new(SimDuration::ZERO);
    let mut steps = Vec::new();
    for ordinal in 0..1000 {
        let id = pipelines.start(&run.templates, Id::new(0), ordinal, SimTime::ZERO, |_| spec(), &mut steps);
        for node in 0..3 {
            pipelines.job_ended(&run.templates, (id, node), JobResult::Success, SimTime::ZERO, &mut steps);
        }
        assert!(matches!(steps.last(), Some(PipelineStep::Done { .. })));
        steps.clear();
    }
    assert_eq!((pipelines.len(), pipelines.node_capacity()), (0, 3));
}

fn any_when() -> impl Strategy<Value = When> {
    prop_oneof![
        4 => Just(When::OnSuccess),
        1 => Just(When::OnFailure),
        1 => Just(When::Always),
        1 => Just(When::Manual),
        1 => Just(When::Delayed(SimDuration::from_secs(5))),
    ]
}

proptest! {
    /// Whatever jobs do, every job is pending, skipped or left unplayed exactly once, and the pipeline ends.
    #[test]
    fn every_pipeline_ends_and_every_job_is_accounted_once(
        drafts in prop::collection::vec((0_usize..3, any_when(), any::<bool>(), prop::option::of(any::<u16>())), 1..14),
        results in prop::collection::vec(0_u8..4, 64),
        cancel_after in 0_usize..40,
    ) {
        let mut jobs: Vec<JobDraft> = Vec::new();
        for (index, (stage, when, forgiven, needs)) in drafts.iter().enumerate() {
            let mut draft = job(&format!("j{index}"), ["build", "test", "deploy"][*stage]);
            (draft.when, draft.allow_failure, draft.retry) = (*when, Some(*forgiven), Some(Retry::always(1)));
            draft.needs = needs.map(|bits| {
                let earlier = (0..index).filter(|other| drafts[*other].0 <= *stage && bits >> (other % 16) & 1 == 1);
                earlier.map(|other| Need { job: format!("j{other}"), optional: false, matrix: Vec::new() }).collect()
            });
            jobs.push(draft);
        }
        let mut run = Driver::new(jobs);
        let mut started = vec![0; drafts.len()];
        let mut skipped = vec![0; drafts.len()];
        let (mut active, mut done, mut at, mut blocked) = (Vec::new(), false, 0, Vec::new());
        let mut turns = 0;
        while !done {
            turns += 1;
            prop_assert!(turns < 500, "the pipeline never ends");
            let steps = std::mem::take(&mut run.steps);
            let mut delayed = Vec::new();
            for step in steps {
                match step {
                    PipelineStep::Pending(job) => {
                        started[job.node as usize] += u32::from(job.attempt == 0);
                        active.push(job.node);
                    }
                    PipelineStep::Skipped { node, .. } | PipelineStep::Canceled { node, .. } => {
                        skipped[node as usize] += 1;
                    }
                    PipelineStep::Delayed { node, .. } => delayed.push(node),
                    PipelineStep::Manual { node, .. } => blocked.push(node),
                    PipelineStep::Done { .. } => done = true,
                    PipelineStep::Cancel { .. } | PipelineStep::Blocked { .. } => {}
                }
            }
            if done {
                break;
            }
            let (id, now) = (run.pipeline, run.now);
            for node in delayed {
                run.pipelines.delay_over(id, node, now, &mut run.steps);
            }
            if turns == cancel_after {
                run.pipelines.cancel(&run.templates, id, now, &mut run.steps);
            } else if !active.is_empty() {
                let node = active.remove(usize::from(results[at % 64]) % active.len());
                let result = match results[(at + 1) % 64] {
                    0 => JobResult::Failed(FailureReason::ScriptFailure),
                    1 => JobResult::Canceled,
                    _ => JobResult::Success,
                };
                at += 1;
                run.pipelines.job_ended(&run.templates, (id, node), result, now, &mut run.steps);
            } else if run.steps.is_empty() {
                let node = blocked.pop();
                prop_assert!(node.is_some(), "nothing runs and nothing can be played");
                run.pipelines.play(id, node.unwrap(), now, &mut run.steps);
            }
        }
        prop_assert!(active.is_empty());
        prop_assert!(run.pipelines.is_empty());
        for node in 0..drafts.len() {
            prop_assert!(started[node] + skipped[node] <= 1);
        }
    }
}
