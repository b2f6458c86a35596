//! Pipelines beside each other: resource groups with their process modes, and auto-cancel of redundant pipelines.

use fleetsim::engine::{Arena, Id};
use fleetsim::gitlab::{JobResult, PipelineId, PipelineStep, Pipelines};
use fleetsim::units::{Resources, SimDuration, SimTime};
use fleetsim::workload::{
    Class, ClassId, Distribution, FailureReason, JobDraft, JobSpec, OnNewCommit, ProcessMode, Push,
    ResourceGroup, Retry, Template, TemplateDraft, When,
};
use proptest::prelude::*;

const CLASS: ClassId = Id::new(0);
const LATENCY: SimDuration = SimDuration::from_ms(700);

/// Many pipelines of one template, numbered as they are started.
struct Project {
    templates: Arena<Template>,
    pipelines: Pipelines,
    started: Vec<PipelineId>,
    now: SimTime,
    steps: Vec<PipelineStep>,
}

impl Project {
    fn new(jobs: Vec<JobDraft>, on_new_commit: OnNewCommit) -> Self {
        let mut classes = Arena::new();
        let minute = Distribution::Constant(SimDuration::from_mins(1));
        classes.push(Class::new("job", Resources::new(1000, 1024), minute));
        let stages = ["build", "test", "deploy"].map(str::to_owned).to_vec();
        let draft = TemplateDraft { name: "main".into(), stages, jobs };
        let mut template = draft.expand(&mut classes).unwrap();
        template.on_new_commit = on_new_commit;
        let mut templates = Arena::new();
        templates.push(template);
        Self {
            templates,
            pipelines: Pipelines::new(LATENCY),
            started: Vec::new(),
            now: SimTime::ZERO,
            steps: Vec::new(),
        }
    }

    fn start(&mut self) -> &mut Self {
        let ordinal = self.started.len() as u64;
        let spec = |_| JobSpec::new(CLASS, SimDuration::from_mins(1), Resources::new(1000, 1024));
        let id = self.pipelines.start(&self.templates, Id::new(0), ordinal, self.now, spec, &mut self.steps);
        self.started.push(id);
        self
    }

    fn push(&mut self, branch: u32) -> &mut Self {
        self.start();
        let (id, push) =
            (self.started[self.started.len() - 1], Push { branch: Some(branch), is_protected: false });
        self.pipelines.pushed(&self.templates, id, push, self.now, &mut self.steps);
        self
    }

    fn node(&self, name: &str) -> u32 {
        let nodes = &self.templates.as_slice()[0].nodes;
        nodes.iter().position(|node| node.name == name).expect("a job") as u32
    }

    fn end(&mut self, pipeline: usize, name: &str, result: JobResult) -> &mut Self {
        self.now += SimDuration::from_secs(60);
        let job = (self.started[pipeline], self.node(name));
        self.pipelines.job_ended(&self.templates, job, result, self.now, &mut self.steps);
        self
    }

    fn succeed(&mut self, pipeline: usize, name: &str) -> &mut Self {
        self.end(pipeline, name, JobResult::Success)
    }

    fn run(&mut self, pipeline: usize, name: &str) -> &mut Self {
        self.pipelines.job_started(&self.templates, self.started[pipeline], self.node(name));
        self
    }

    /// What happened since the last call, each with the number of its pipeline.
    fn news(&mut self) -> Vec<String> {
        let number = |id: &PipelineId| self.started.iter().rposition(|known| known == id).expect("started");
        let name = |node: &u32| &self.templates.as_slice()[0].nodes[*node as usize].name;
        let told = self.steps.iter().filter_map(|step| match step {
            PipelineStep::Pending(job) if job.attempt > 0 => {
                Some(format!("{} retries {}", number(&job.pipeline), name(&job.node)))
            }
            PipelineStep::Pending(job) => Some(format!("{} {}", number(&job.pipeline), name(&job.node))),
            PipelineStep::Skipped { ordinal, node, .. } => Some(format!("{ordinal} skips {}", name(node))),
            PipelineStep::Cancel { pipeline, node } => {
                Some(format!("{} stops {}", number(pipeline), name(node)))
            }
            PipelineStep::Canceled { ordinal, node, .. } => Some(format!("{ordinal} cancels {}", name(node))),
            PipelineStep::Done { ordinal, status, .. } => Some(format!("{ordinal} {status:?}")),
            _ => None,
        });
        let told = told.collect();
        self.steps.clear();
        told
    }
}

fn job(name: &str, stage: &str) -> JobDraft {
    JobDraft::new(name, stage, CLASS)
}

fn grouped(mode: ProcessMode, draft: JobDraft) -> JobDraft {
    JobDraft { resource_group: Some(ResourceGroup { id: 0, mode }), ..draft }
}

fn interruptible(draft: JobDraft) -> JobDraft {
    JobDraft { interruptible: true, ..draft }
}

/// A build of each pipeline, then a deployment of which one may run at a time.
fn deployments(mode: ProcessMode) -> Project {
    let deploy = grouped(mode, JobDraft { retry: Some(Retry::always(1)), ..job("d", "deploy") });
    let mut project = Project::new(vec![job("b", "build"), deploy], OnNewCommit::None);
    project.start().start().start().news();
    project
}

#[test]
fn jobs_of_a_resource_group_run_one_at_a_time_in_the_order_in_which_they_could_start() {
    let mut project = deployments(ProcessMode::Unordered);
    assert_eq!(project.succeed(1, "b").news(), ["1 d"]);
    assert_eq!(project.succeed(2, "b").news(), [""; 0]);
    assert_eq!(project.succeed(0, "b").news(), [""; 0]);
    assert_eq!(project.succeed(1, "d").news(), ["1 Success", "2 d"]);
    assert_eq!(project.succeed(2, "d").news(), ["2 Success", "0 d"]);
    assert_eq!(project.succeed(0, "d").news(), ["0 Success"]);
}

#[test]
fn the_resource_is_assigned_anew_after_the_processing_latency() {
    let mut project = deployments(ProcessMode::Unordered);
    project.succeed(0, "b").succeed(1, "b").news();
    project.succeed(0, "d");
    let at = project.steps.iter().find_map(|step| match step {
        PipelineStep::Pending(job) => Some(job.at),
        _ => None,
    });
    assert_eq!(at, Some(project.now + LATENCY));
}

#[test]
fn oldest_first_waits_for_jobs_of_older_pipelines_that_cannot_start_yet() {
    let mut project = deployments(ProcessMode::OldestFirst);
    assert_eq!(project.succeed(1, "b").news(), [""; 0]);
    assert_eq!(project.succeed(2, "b").news(), [""; 0]);
    assert_eq!(project.succeed(0, "b").news(), ["0 d"]);
    assert_eq!(project.succeed(0, "d").news(), ["0 Success", "1 d"]);
    assert_eq!(project.succeed(1, "d").news(), ["1 Success", "2 d"]);
}

#[test]
fn an_older_job_that_will_never_want_the_resource_is_not_waited_for() {
    let mut project = deployments(ProcessMode::OldestFirst);
    project.succeed(1, "b").news();
    let failed = JobResult::Failed(FailureReason::ScriptFailure);
    assert_eq!(project.end(0, "b", failed).news(), ["0 skips d", "1 d", "0 Failed"]);
}

#[test]
fn newest_first_waits_for_jobs_of_newer_pipelines_that_cannot_start_yet() {
    let mut project = deployments(ProcessMode::NewestFirst);
    assert_eq!(project.succeed(0, "b").news(), [""; 0]);
    assert_eq!(project.succeed(2, "b").news(), ["2 d"]);
    assert_eq!(project.succeed(2, "d").news(), ["2 Success"]);
    assert_eq!(project.succeed(1, "b").news(), ["1 d"]);
    assert_eq!(project.succeed(1, "d").news(), ["1 Success", "0 d"]);
}

#[test]
fn newest_ready_first_takes_the_newest_pipeline_whose_job_waits() {
    let mut project = deployments(ProcessMode::NewestReadyFirst);
    assert_eq!(project.succeed(0, "b").news(), ["0 d"]);
    assert_eq!(project.succeed(1, "b").news(), [""; 0]);
    assert_eq!(project.succeed(2, "b").news(), [""; 0]);
    assert_eq!(project.succeed(0, "d").news(), ["0 Success", "2 d"]);
}

#[test]
fn a_retry_waits_for_the_resource_again() {
    let mut project = deployments(ProcessMode::Unordered);
    project.succeed(0, "b").succeed(1, "b").news();
    let failed = JobResult::Failed(FailureReason::ScriptFailure);
    assert_eq!(project.end(0, "d", failed).news(), ["1 d"]);
    assert_eq!(project.succeed(1, "d").news(), ["1 Success", "0 retries d"]);
}

/// A lint and a build, of which only the first may be interrupted, then a test.
fn pushes(on_new_commit: OnNewCommit) -> Project {
    let jobs = vec![interruptible(job("l", "build")), job("b", "build"), interruptible(job("t", "test"))];
    let mut project = Project::new(jobs, on_new_commit);
    project.push(7).news();
    project
}

#[test]
fn a_push_cancels_the_older_pipeline_of_the_branch_while_nothing_uninterruptible_has_started() {
    let mut project = pushes(OnNewCommit::Conservative);
    project.run(0, "l");
    assert_eq!(project.push(7).news(), ["1 l", "1 b", "0 stops l", "0 stops b", "0 cancels t"]);
    assert_eq!(project.end(0, "l", JobResult::Success).news(), [""; 0]);
    assert_eq!(project.end(0, "b", JobResult::Canceled).news(), ["0 Canceled"]);
}

#[test]
fn a_started_job_that_is_not_interruptible_keeps_its_pipeline() {
    let mut project = pushes(OnNewCommit::Conservative);
    project.run(0, "b");
    assert_eq!(project.push(7).news(), ["1 l", "1 b"]);
    project.succeed(0, "b");
    assert_eq!(project.push(7).news(), ["2 l", "2 b", "1 stops l", "1 stops b", "1 cancels t"]);
}

#[test]
fn the_mode_interruptible_cancels_only_such_jobs_started_or_not() {
    let mut project = pushes(OnNewCommit::Interruptible);
    project.run(0, "b");
    assert_eq!(project.push(7).news(), ["1 l", "1 b", "0 stops l", "0 cancels t"]);
    assert_eq!(project.push(7).news(), ["2 l", "2 b", "1 stops l", "1 cancels t"], "each is told once");
    project.end(0, "l", JobResult::Canceled);
    assert_eq!(project.succeed(0, "b").news(), ["0 Canceled"]);
}

#[test]
fn neither_another_branch_nor_the_mode_none_cancels_anything() {
    let mut project = pushes(OnNewCommit::Conservative);
    assert_eq!(project.push(8).news(), ["1 l", "1 b"]);
    let mut project = pushes(OnNewCommit::None);
    assert_eq!(project.push(7).news(), ["1 l", "1 b"]);
}

#[test]
fn pipelines_older_than_a_week_are_left_alone() {
    let mut project = pushes(OnNewCommit::Conservative);
    project.now += SimDuration::from_hours(24 * 7 + 1);
    assert_eq!(project.push(7).news(), ["1 l", "1 b"]);
}

#[test]
fn a_cancelled_pipeline_gives_its_resource_to_the_next() {
    let deploy = grouped(ProcessMode::Unordered, job("d", "build"));
    let mut project = Project::new(vec![deploy], OnNewCommit::Conservative);
    assert_eq!(project.push(1).push(2).push(3).news(), ["0 d"]);
    assert_eq!(project.push(1).news(), ["0 stops d"]);
    assert_eq!(project.push(2).news(), ["1 cancels d", "1 Canceled"]);
    assert_eq!(project.end(0, "d", JobResult::Canceled).news(), ["0 Canceled", "2 d"]);
}

fn any_mode() -> impl Strategy<Value = ProcessMode> {
    prop_oneof![
        Just(ProcessMode::Unordered),
        Just(ProcessMode::OldestFirst),
        Just(ProcessMode::NewestFirst),
        Just(ProcessMode::NewestReadyFirst),
    ]
}

fn any_rule() -> impl Strategy<Value = OnNewCommit> {
    prop_oneof![Just(OnNewCommit::Conservative), Just(OnNewCommit::Interruptible), Just(OnNewCommit::None)]
}

proptest! {
    /// Whatever is pushed and however jobs end: a group never has two jobs at once, every job ends once, all pipelines end.
    #[test]
    fn groups_never_have_two_jobs_and_every_job_ends_once(
        (mode, rule) in (any_mode(), any_rule()),
        drafts in prop::collection::vec((0_usize..3, any::<bool>(), any::<bool>(), any::<bool>()), 1..6),
        turns in prop::collection::vec((0_u32..4, 0_u32..3, any::<prop::sample::Index>(), 0_u8..5), 1..60),
        first in any::<prop::sample::Index>(),
    ) {
        let draft = |(index, (stage, can_stop, is_grouped, is_delayed)): (usize, &(usize, bool, bool, bool))| {
            let mut draft = job(&format!("j{index}"), ["build", "test", "deploy"][*stage]);
            draft.interruptible = *can_stop;
            draft.retry = Some(Retry::always(1));
            if *is_delayed {
                draft.when = When::Delayed(SimDuration::from_secs(1));
            }
            if *is_grouped { grouped(mode, draft) } else { draft }
        };
        let jobs: Vec<JobDraft> = drafts.iter().enumerate().map(draft).collect();
        let mut project = Project::new(jobs, rule);
        let size = drafts.len();
        let mut ended: Vec<u32> = Vec::new();
        let mut active: Vec<(PipelineId, u64, u32)> = Vec::new();
        let mut delayed: Vec<(PipelineId, u32)> = Vec::new();
        let mut turns = turns.into_iter();
        loop {
            for step in std::mem::take(&mut project.steps) {
                match step {
                    PipelineStep::Pending(job) => {
                        let ordinal = project.pipelines.ordinal(job.pipeline);
                        active.push((job.pipeline, ordinal, job.node));
                    }
                    PipelineStep::Delayed { pipeline, node, .. } => delayed.push((pipeline, node)),
                    PipelineStep::Skipped { ordinal, node, .. }
                    | PipelineStep::Canceled { ordinal, node, .. } => {
                        ended[ordinal as usize * size + node as usize] += 1;
                    }
                    _ => {}
                }
            }
            ended.resize(project.started.len() * size, 0);
            let nodes = &project.templates.as_slice()[0].nodes;
            let held = active.iter().filter(|job| nodes[job.2 as usize].resource_group.is_some()).count();
            prop_assert!(held <= 1, "{held} jobs have the resource");
            let Some((branch, what, at, result)) = turns.next().or_else(|| {
                let is_over = active.is_empty() && delayed.is_empty();
                (!is_over).then_some((9, 1, first, 2))
            }) else { break };
            project.now += SimDuration::from_secs(1);
            if branch < 3 && what == 0 {
                ended.resize((project.started.len() + 1) * size, 0);
                project.push(branch);
            } else if !delayed.is_empty() {
                let (pipeline, node) = delayed.remove(0);
                project.pipelines.delay_over(pipeline, node, project.now, &mut project.steps);
            } else if !active.is_empty() {
                let (pipeline, ordinal, node) = active.remove(at.index(active.len()));
                project.pipelines.job_started(&project.templates, pipeline, node);
                let result = match result {
                    0 => JobResult::Failed(FailureReason::ScriptFailure),
                    1 => JobResult::Canceled,
                    _ => JobResult::Success,
                };
                let again = project.pipelines.job_ended(
                    &project.templates, (pipeline, node), result, project.now, &mut project.steps,
                );
                ended[ordinal as usize * size + node as usize] += u32::from(!again);
            }
        }
        prop_assert!(project.pipelines.is_empty(), "{} pipelines never end", project.pipelines.len());
        prop_assert!(ended.iter().all(|ends| *ends == 1), "{ended:?}");
    }
}
