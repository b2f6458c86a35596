//! Keys of GitLab and GitLab Runner. Defaults are those of GitLab Runner 19.4 (`common/config.go`, 2026-08).

use super::{Key, Kind};

/// `[gitlab]`.
pub(super) const GITLAB: &[Key] = &[
    Key::new("request_latency", Kind::Distribution, "Round trip of the runner's request for a job.")
        .or("\"250ms\""),
    Key::new("update_latency", Kind::Distribution, "Round trip of a job update.").or("\"150ms\""),
    Key::new(
        "long_poll",
        Kind::Duration,
        "How long an empty request for a job is held; 50s on gitlab.com, 0s where switched off.",
    )
    .or("\"0s\""),
    Key::new(
        "long_poll_release",
        Kind::Choice(&["next_feed", "proxy"]),
        "What a held request gets when a job arrives.",
    )
    .or("\"next_feed\""),
    Key::new(
        "fair",
        Kind::Boolean,
        "Whether instance runners serve the project with the fewest running jobs first.",
    )
    .or("true"),
    Key::new(
        "pipeline_processing",
        Kind::Duration,
        "Time between the end of a job and the start of those that need it.",
    )
    .or("\"1s\""),
    Key::new(
        "trace_update_interval",
        Kind::Duration,
        "How often a runner sends the trace of a job, and so hears that the job was cancelled.",
    )
    .or("\"60s\""),
    Key::new(
        "request_conflicts",
        Kind::Number(0.0, 1.0),
        "Share of requests for a job that GitLab answers 409 because another runner took the job; the runner asks again at its next feed.",
    )
    .or("0.0"),
    Key::new(
        "lost_as_system_failure",
        Kind::Number(0.0, 1.0),
        "Share of jobs lost with their node that GitLab sees as runner_system_failure.",
    )
    .or("1.0"),
];

const HOST: &[Key] = &[
    Key::new("kind", Kind::Choice(&["instance", "pod", "fargate", "free"]), "Where the manager runs: an instance of its own, a pod on an always-on node (billed by its share), a Fargate pod, or a place that is not billed here.").or("\"instance\""),
    Key::new("instance_type", Kind::Text, "Instance type of the manager, or of the node its pod is on, on demand.").or("\"t4g.micro\""),
    Key::new("savings_plan", Kind::Number(0.0, 0.9), "Discount of a Savings Plan on the manager's instance.").or("0.0"),
    Key::new("cpu", Kind::Cpu, "CPU request of a manager pod.").or("\"100m\""),
    Key::new("memory", Kind::Memory, "Memory request of a manager pod.").or("\"128Mi\""),
];

/// `[[runner.autoscaler.policy]]`.
const PAUSE_POLICY: &[Key] = &[
    Key::new(
        "periods",
        Kind::List(&Kind::Text),
        "When it is active: cron expressions, every matching minute is in; of several active policies the last one holds.",
    )
    .or("[\"* * * * *\"]"),
    Key::new("timezone", Kind::Text, "Time zone of `periods`.").or("\"UTC\""),
    Key::new("idle_count", Kind::Integer(0, 1_000_000), "Pause pods that are wanted whatever runs.").or("0"),
    Key::new(
        "idle_time",
        Kind::Duration,
        "How long their number stays up after it was last wanted so high. GitLab documents 5m as the default; the runner's source takes none as 0.",
    )
    .or("\"0s\""),
    Key::new("scale_factor", Kind::Number(0.0, 1000.0), "Pause pods that are wanted for each running job.")
        .or("0.0"),
    Key::new(
        "scale_factor_limit",
        Kind::Integer(0, 1_000_000),
        "The most pause pods that `scale_factor` asks for; 0 is no limit.",
    )
    .or("0"),
];

/// `[runner.autoscaler]`.
const AUTOSCALER: &[Key] = &[
    Key::new("max_pause_pods", Kind::Integer(0, 1_000_000), "Most pause pods; 0 is no limit.").or("0"),
    Key::new(
        "pause_pod_priority",
        Kind::Integer(-2_147_483_648, 1_000_000_000),
        "Value of the PriorityClass of pause pods (`pause_pod_priority_class_name`); jobs push them away whose own is higher.",
    )
    .or("-1"),
    Key::new("policy", Kind::Tables(PAUSE_POLICY), "How many pause pods there are when.").or("[]"),
];

/// `[[runner]]`.
pub(super) const RUNNER: &[Key] = &[
    Key::new("name", Kind::Name, "Name of the runner.").required(),
    Key::new("enabled", Kind::Boolean, "Whether it takes part; overlays switch elements off with it.")
        .or("true"),
    Key::new(
        "manager",
        Kind::Text,
        "Runners of one manager share its process and its `concurrent`; default is one of its own.",
    )
    .or("\"\""),
    Key::new("tags", Kind::List(&Kind::Text), "Tags; a job matches if its tags are a subset of these.")
        .or("[]")
        .also(&["tag_list"]),
    Key::new("run_untagged", Kind::Boolean, "Whether jobs without tags match too.").or("true"),
    Key::new("protected", Kind::Boolean, "Whether it takes only jobs of protected branches.").or("false"),
    Key::new(
        "scope",
        Kind::Choice(&["instance", "group", "project"]),
        "Instance runners serve all projects and are fair between them; group and project runners serve `projects`, first in first out.",
    )
    .or("\"group\""),
    Key::new(
        "projects",
        Kind::List(&Kind::Text),
        "Projects that a group or project runner serves, as in `project` of the jobs; default is all. A job that names no project is of the project \"\".",
    ),
    Key::new("concurrent", Kind::Integer(1, 1_000_000), "Job slots of the manager process.").or("10"),
    Key::new("check_interval", Kind::Duration, "How often a manager asks for each of its runners.")
        .or("\"3s\""),
    Key::new("strict_check_interval", Kind::Boolean, "At most one job per check interval.").or("false"),
    Key::new("limit", Kind::Integer(0, 1_000_000), "Most jobs of this runner at once; 0 is no limit.")
        .or("0"),
    Key::new("request_concurrency", Kind::Integer(1, 10_000), "Most requests for a job at once.").or("1"),
    Key::new(
        "unhealthy_requests_limit",
        Kind::Integer(1, 1_000_000),
        "So many refused requests in a row switch the runner off.",
    )
    .or("3"),
    Key::new("unhealthy_interval", Kind::Duration, "For how long refused requests switch it off.")
        .or("\"1h\""),
    Key::new("replicas", Kind::Integer(1, 1000), "Manager processes with this configuration.").or("1"),
    Key::new("maximum_timeout", Kind::Duration, "Cap of the runner on job timeouts.")
        .also(&["maximum_job_timeout"]),
    Key::section("host", HOST, "Where the manager process runs and what that costs."),
    Key::new("poll_timeout", Kind::Duration, "How long the runner waits for a pod to start.").or("\"180s\""),
    Key::new("poll_interval", Kind::Duration, "How often it looks at the pod.").or("\"3s\""),
    Key::new(
        "lost_pods",
        Kind::Choice(&["informer", "poll"]),
        "How it learns that a pod is lost (evicted, preempted, its node gone): from an informer at once, as with list and watch on pods since GitLab Runner 17.9 (the default), or at the next poll after the pod is gone, with the slot held.",
    ),
    Key::new(
        "volume_zone",
        Kind::Text,
        "Zone of the volume that its pods mount by a claim: they run in that zone only.",
    ),
    Key::new(
        "priority",
        Kind::Integer(-2_147_483_648, 1_000_000_000),
        "Value of the PriorityClass of its pods: they push pods of lower priority off their nodes.",
    )
    .or("0"),
    Key::new(
        "autoscaler",
        Kind::Table(AUTOSCALER),
        "Pause pods (`[runners.kubernetes.autoscaler]`, GitLab Runner 18.10): pods with the runner's `cpu_request` and `memory_request` that hold room until a job's pod pushes them away.",
    ),
    Key::new("cpu_request", Kind::Cpu, "CPU request of build containers.").or("\"1\"").also(&["cpu"]),
    Key::new("memory_request", Kind::Memory, "Memory request of build containers.")
        .or("\"2Gi\"")
        .also(&["memory"]),
    Key::new("helper_cpu_request", Kind::Cpu, "CPU request of the helper container.").or("\"0\""),
    Key::new("helper_memory_request", Kind::Memory, "Memory request of the helper container.").or("\"0Mi\""),
    Key::new("service_cpu_request", Kind::Cpu, "CPU request of all service containers together.").or("\"0\""),
    Key::new("service_memory_request", Kind::Memory, "Memory request of all service containers together.")
        .or("\"0Mi\""),
    Key::new(
        "cpu_request_overwrite_max_allowed",
        Kind::Cpu,
        "Largest CPU request a job may ask for; a job of a trace that asks for more fails with runner_configuration_error.",
    ),
    Key::new(
        "memory_request_overwrite_max_allowed",
        Kind::Memory,
        "Largest memory request a job may ask for; a job of a trace that asks for more fails with runner_configuration_error.",
    ),
    Key::new("node_selector", Kind::Map(&Kind::Text), "Labels a node must have.").or("{}"),
    Key::new(
        "node_tolerations",
        Kind::Map(&Kind::Text),
        "Taints that are tolerated: \"key=value\" = \"Effect\".",
    )
    .or("{}"),
    Key::new(
        "pod_annotations",
        Kind::Map(&Kind::Text),
        "Annotations of job pods, such as karpenter.sh/do-not-disrupt.",
    )
    .or("{}"),
    super::placement::POD_LABELS,
    super::placement::TOPOLOGY_SPREAD,
    super::placement::POD_AFFINITY,
    super::placement::POD_ANTI_AFFINITY,
    super::placement::PREFERRED_NODE_AFFINITY,
    super::placement::HOST_PORTS,
];
