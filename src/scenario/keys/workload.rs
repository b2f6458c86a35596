//! Keys of the workload: trace, rules, pipelines, classes.

use super::{Key, Kind};

/// `[workload]`.
pub(super) const WORKLOAD: &[Key] = &[
    Key::new(
        "trace",
        Kind::Path,
        "A trace of jobs: CSV, or a job export that `import jobs` knows; also as .gz.",
    ),
    Key::new(
        "scale",
        Kind::Number(0.0, 1000.0),
        "How many times the arrivals of the trace and of all classes happen.",
    )
    .or("1.0"),
    Key::new(
        "time_scale",
        Kind::Number(0.001, 1000.0),
        "Arrival times of the trace are multiplied by it: 0.5 makes the same jobs arrive in half the time.",
    )
    .or("1.0"),
    Key::section("window", WINDOW, "The part of the trace that is replayed."),
    Key::new(
        "keep_tags",
        Kind::Boolean,
        "Whether jobs of the trace ask for the tags of their row; default is yes where any runner has tags.",
    ),
    Key::new(
        "bad_rows",
        Kind::Choice(&["refuse", "drop"]),
        "What happens to rows of the trace that cannot be used.",
    )
    .or("\"refuse\""),
    Key::new(
        "by_stage",
        Kind::Boolean,
        "Whether pipelines of the trace are replayed stage after stage, instead of at the recorded times.",
    )
    .or("false"),
    Key::new(
        "rule",
        Kind::Tables(RULE),
        "What jobs of the trace need where the trace does not say; the first match wins.",
    )
    .or("[]"),
    Key::new("otherwise", Kind::Table(OTHERWISE), "What jobs of the trace need that no rule matches."),
    Key::new(
        "teams",
        Kind::Map(&Kind::Text),
        "Teams by GitLab project or group, for the bill: { \"shop\" = \"Web\", \"shop/billing\" = \"Payments\" }, the longest path wins; default is the group of the project.",
    )
    .or("{}"),
    Key::new("class", Kind::Named(CLASS), "Classes of single jobs that arrive by themselves.").or("[]"),
    Key::new("pipeline", Kind::Named(PIPELINE), "Pipelines that arrive by themselves.").or("[]"),
];

const WINDOW: &[Key] = &[
    Key::new("from", Kind::Duration, "Where the window starts, counted from the first job.").or("\"0s\""),
    Key::new("to", Kind::Duration, "Where the window ends; default is the end of the trace."),
];

/// What a job needs and does, wherever it is described. A macro because a constant table cannot include another.
macro_rules! job_keys {
    ($($more:expr),* $(,)?) => {
        &[
            $($more,)*
            Key::new("cpu", Kind::Cpu, "CPU request of the build container; default is the runner's.").also(&["cpu_request"]),
            Key::new("memory", Kind::Memory, "Memory request of the build container; default is the runner's.").also(&["memory_request"]),
            Key::new("arch", Kind::List(&Kind::Choice(&["amd64", "arm64"])), "Architectures the job can run on; default is what its runner's nodes offer."),
            Key::new("tags", Kind::List(&Kind::Text), "Runner tags the job asks for."),
            Key::new("speed_class", Kind::Choice(&["mixed", "compile", "network"]), "Kind of work: sets `cpu_bound` and what emulation costs."),
            Key::new("cpu_bound", Kind::Number(0.0, 1.0), "Share of the work that gets faster with the CPU."),
            Key::new("speed", Kind::Map(&Kind::Number(0.01, 100.0)), "Measured speeds of these jobs relative to m5, in place of `[speed] overrides`: { graviton3 = 1.12 } by architecture, CPU generation or family."),
            Key::new("parallel_share", Kind::Number(0.0, 1.0), "Share of the computing that uses `threads` at once (Amdahl); default 0.7, compile 0.85, network 0.2. Counts where `[speed] follow_load` is on."),
            Key::new("threads", Kind::Cpu, "Most CPU the job can use at once; default is its request, at least one."),
            Key::new("image", Kind::Text, "Container image; pulled once per node."),
            Key::new("timeout", Kind::Duration, "GitLab's job timeout."),
            Key::new("retry", Kind::Integer(0, 2), "GitLab's `retry: max`."),
            Key::new("retry_when", Kind::List(&Kind::Text), "GitLab's `retry: when`; default is every failure."),
            Key::new("retry_exit_codes", Kind::List(&Kind::Integer(0, 255)), "GitLab's `retry: exit_codes`: failing scripts with one of these are retried too; without `retry_when` only these are."),
            Key::new("exit_codes", Kind::Map(&Kind::Number(0.0, 1e6)), "Exit codes of failing scripts and how often each comes, such as { 1 = 9, 137 = 1 }; default is always 1."),
            Key::new("allow_failure", Kind::Boolean, "Whether the pipeline goes on when the job fails."),
            Key::new("failure", Kind::Number(0.0, 1.0), "Share of attempts whose script fails.").also(&["failure_probability"]),
            Key::new("do_not_disrupt", Kind::SwitchOrDuration, "Whether the pod carries karpenter.sh/do-not-disrupt; with a duration it protects for so long after the pod's start."),
            super::placement::POD_LABELS,
            super::placement::TOPOLOGY_SPREAD,
            super::placement::POD_AFFINITY,
            super::placement::POD_ANTI_AFFINITY,
            super::placement::PREFERRED_NODE_AFFINITY,
            super::placement::HOST_PORTS,
        ]
    };
}

const RULE: &[Key] = job_keys![
    Key::new("class", Kind::Text, "Name of the jobs it matches, in results."),
    Key::new("job", Kind::Text, "Pattern the job's name must match; `*` stands for anything.")
        .also(&["name", "job_name"]),
    Key::new("stage", Kind::Text, "Pattern the job's stage must match."),
    Key::new("has_tags", Kind::List(&Kind::Text), "Tags the job must have, all of them.")
        .also(&["match_tags"]),
    Key::new("pipeline", Kind::Text, "Pattern the pipeline must match."),
    Key::new("project", Kind::Text, "GitLab project; instance runners are fair between projects."),
];

const OTHERWISE: &[Key] = job_keys![Key::new(
    "project",
    Kind::Text,
    "GitLab project; instance runners are fair between projects."
),];

const ARRIVALS: &[Key] = &[
    Key::new("per_week", Kind::Number(0.0, 1e8), "Mean number of arrivals in a week."),
    Key::new("per_day", Kind::Number(0.0, 1e7), "Mean number of arrivals in a day, over the whole week."),
    Key::new("per_hour", Kind::Number(0.0, 1e6), "Mean number of arrivals in an hour, over the whole week."),
    Key::new(
        "profile",
        Kind::Choice(&["flat", "office-week", "nightly", "release-spike"]),
        "How arrivals spread over the hours of a week.",
    )
    .or("\"flat\""),
    Key::new(
        "hours",
        Kind::List(&Kind::Number(0.0, 1e9)),
        "Weights of the 168 hours of a week from Monday 00:00, in place of `profile`.",
    ),
    Key::new("profile_file", Kind::Path, "A CSV of 168 rows weekday,hour,rate, in place of `profile`."),
    Key::new(
        "burstiness",
        Kind::Number(0.0, 10.0),
        "Coefficient of variation of the hourly rate around the profile.",
    )
    .or("0.0"),
    Key::new("from", Kind::Duration, "First arrivals so long after the start.").or("\"0s\""),
    Key::new("until", Kind::Duration, "No arrivals from then on; default is the horizon."),
];

const CLASS: &[Key] = job_keys![
    Key::new("name", Kind::Name, "Name of the class.").required(),
    Key::new("enabled", Kind::Boolean, "Whether it takes part; overlays switch elements off with it.")
        .or("true"),
    Key::new("project", Kind::Text, "GitLab project; instance runners are fair between projects."),
    Key::new("arrivals", Kind::Table(ARRIVALS), "When jobs of the class arrive.").required(),
    Key::new("duration", Kind::Distribution, "Work on the reference CPU (m5).").required(),
];

const PIPELINE: &[Key] = &[
    Key::new("name", Kind::Name, "Name of the pipeline.").required(),
    Key::new("enabled", Kind::Boolean, "Whether it takes part; overlays switch elements off with it.")
        .or("true"),
    Key::new("project", Kind::Text, "GitLab project; instance runners are fair between projects.").or("\"\""),
    Key::new("arrivals", Kind::Table(ARRIVALS), "When pipelines start.").required(),
    Key::new(
        "auto_cancel",
        Kind::Choice(&["conservative", "interruptible", "none"]),
        "GitLab's `workflow:auto_cancel:on_new_commit`: what a newer push to the same branch cancels; see `branches`.",
    )
    .or("\"conservative\"")
    .also(&["on_new_commit"]),
    Key::new(
        "branches",
        Kind::Integer(0, 1_000_000),
        "How many branches are pushed to at a time, each as often; 0: every pipeline is of a branch of its own, and none is redundant.",
    )
    .or("0"),
    Key::new(
        "default_branch_share",
        Kind::Number(0.0, 1.0),
        "Share of pipelines on the default branch, which is protected.",
    )
    .or("0.0"),
    Key::new(
        "stages",
        Kind::List(&Kind::Text),
        "Stages in order; a stage starts when the one before has ended.",
    )
    .or("[\"build\", \"test\", \"deploy\"]"),
    Key::new("job", Kind::Named(JOB), "The jobs of the pipeline.").required().also(&["jobs"]),
];

const JOB: &[Key] = job_keys![
    Key::new("name", Kind::Text, "Name of the job.").required(),
    Key::new("enabled", Kind::Boolean, "Whether it takes part; overlays switch elements off with it.").or("true"),
    Key::new("stage", Kind::Text, "Stage; default is `test`, as in GitLab.").or("\"test\""),
    Key::new("needs", Kind::List(&Kind::Text), "Jobs that must have ended, in place of the stages before."),
    Key::new("when", Kind::Choice(&["on_success", "on_failure", "always", "delayed", "manual"]), "GitLab's `when`; `delayed` goes with `start_in`. Nobody plays a `manual` job: it is skipped, and with `allow_failure = false` (default is true) so is what it holds up.").or("\"on_success\""),
    Key::new("start_in", Kind::Duration, "GitLab's `start_in`: how long a job with `when = \"delayed\"` waits before it is pending."),
    Key::new("interruptible", Kind::Boolean, "GitLab's `interruptible`: whether a newer push to the branch may cancel it while it runs.").or("false"),
    Key::new("resource_group", Kind::Text, "GitLab's `resource_group`: of all jobs of a project that name it, one runs at a time."),
    Key::new("process_mode", Kind::Choice(&["unordered", "oldest_first", "newest_first", "newest_ready_first"]), "Which job of its `resource_group` is next.").or("\"unordered\""),
    Key::new("parallel", Kind::Integer(1, 200), "GitLab's `parallel`: so many copies."),
    Key::new("matrix", Kind::List(&Kind::Map(&Kind::List(&Kind::Text))), "GitLab's `parallel:matrix`: one copy per combination of each entry; `$NAME` in `tags` stands for the value.").also(&["parallel_matrix"]),
    Key::new("duration", Kind::Distribution, "Work on the reference CPU (m5).").required(),
];
