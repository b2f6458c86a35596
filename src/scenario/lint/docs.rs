//! What every lint means: the text behind `fleetsim explain FS0101`.

use super::super::codes::CodeDoc;

const fn doc(
    id: &'static str,
    title: &'static str,
    meaning: &'static str,
    example: &'static str,
    fix: &'static str,
) -> CodeDoc {
    CodeDoc { id, title, meaning, example, fix }
}

/// Every lint, in order. Numbers are never given a second meaning.
pub(in crate::scenario) const LINTS: &[CodeDoc] = &[
    doc(
        "FS0101",
        "poll_timeout is shorter than the slowest node starts",
        "The executor gives a pod up after poll_timeout and the job fails with runner_system_failure, although its node was on its way. GitLab Runner's default of 180 s is made for clusters with room; nodes of Karpenter take 30 to 120 s, and a launch that hangs is only given up after five minutes.",
        "poll_timeout = \"180s\"",
        "poll_timeout = \"10m\"",
    ),
    doc(
        "FS0102",
        "all job slots are taken while jobs wait",
        "concurrent, together with limit, caps the jobs of a manager; what comes above it waits in GitLab, where no autoscaler sees it.",
        "concurrent = 10",
        "concurrent of at least the peak of running jobs; nodes, not slots, should be the limit.",
    ),
    doc(
        "FS0103",
        "requests for jobs starve each other",
        "With request_concurrency = 1 and long polling, one held request keeps a runner from asking again; without long polling jobs of a burst still come one by one; and more runners than slots in one process leave runners without any. GitLab Runner warns of all three at its start.",
        "long_poll = \"50s\" with request_concurrency = 1",
        "request_concurrency of 4 or more.",
    ),
    doc(
        "FS0104",
        "a pod fits no allowed type",
        "Said as the mistake FS0012, which stops the run: requests, daemon sets and what kubelet and system keep back are together more than the largest allowed type has.",
        "cpu = \"16\" with types of at most 16 vCPU",
        "Allow a larger type, or request less.",
    ),
    doc(
        "FS0105",
        "Spot only, without fallback",
        "Where no Spot capacity is to be had, pods of a Spot-only pool stay pending until poll_timeout; Karpenter takes on-demand only where a pool allows it.",
        "capacity_type = [\"spot\"]",
        "A second pool of on-demand with a lower weight.",
    ),
    doc(
        "FS0106",
        "long jobs on Spot are lost or made again",
        "The notice of two minutes is shorter than most jobs; an interrupted attempt is lost work, and without retry a lost job.",
        "duration = { median = \"45m\", p95 = \"2h\" } on Spot",
        "retry = 2 with retry_when = [\"runner_system_failure\"]; on-demand for the longest jobs.",
    ),
    doc(
        "FS0107",
        "one availability zone",
        "One zone has a third of the Spot pools, and its failure is the fleet's.",
        "zones = [\"eu-central-1a\"]",
        "Two or three zones; jobs have no traffic between each other that would cost.",
    ),
    doc(
        "FS0108",
        "consolidation kills running jobs",
        "WhenEmptyOrUnderutilized evicts pods to move them. A CI job cannot be moved: it fails and starts again, if at all.",
        "consolidation_policy = \"WhenEmptyOrUnderutilized\" without do-not-disrupt",
        "Annotate job pods with karpenter.sh/do-not-disrupt, or consolidate WhenEmpty.",
    ),
    doc(
        "FS0109",
        "Spot-to-Spot consolidation with fewer than 15 types",
        "Karpenter replaces a Spot node by a Spot node only where 15 cheaper types are left (karpenter#763), so that interruptions do not follow the price.",
        "spot_to_spot_consolidation = true with 6 instance types",
        "Allow more types, or switch the gate off.",
    ),
    doc(
        "FS0110",
        "old prices",
        "The embedded prices are of a day; more than 90 days later they may be wrong, Spot discounts sooner.",
        "start = \"2027-01-04T00:00[UTC]\"",
        "[ec2] prices = \"prices.csv\"",
    ),
    doc(
        "FS0111",
        "arm64 jobs run under emulation",
        "Emulated builds take five to twelve times as long, hold their nodes that long, and some hit their time-out.",
        "kubernetes.emulate_arm64 = true",
        "A NodePool of arm64 and a runner for it.",
    ),
    doc(
        "FS0112",
        "a CPU limit of a NodePool is reached",
        "Beyond limits.cpu Karpenter opens no node; pods wait until others have gone.",
        "limits = { cpu = \"64\" }",
        "A limit above the peak; it is a safeguard, not a schedule.",
    ),
    doc(
        "FS0121",
        "slots stand free between two polls",
        "A manager asks every check_interval; of the slots that come free in between only the first gets a job at once, the others with the next feeds.",
        "check_interval = \"3s\" under load",
        "check_interval = \"1s\", more request_concurrency.",
    ),
    doc(
        "FS0122",
        "request concurrency starts at 1",
        "FF_USE_ADAPTIVE_REQUEST_CONCURRENCY, on by default, lets a runner begin with one request and grow with success: the first jobs of a burst come one by one.",
        "request_concurrency = 10 at Monday 10:00",
        "A higher request_concurrency, or the feature flag switched off.",
    ),
    doc(
        "FS0123",
        "a budget of 10 % makes minutes of a short idle time-out",
        "Karpenter's default budget lets a tenth of a pool's nodes be disrupted at once, rounded up: below ten nodes one at a time, and each takes about 25 s of validation, drain and termination.",
        "consolidate_after = \"30s\" with the default budget",
        "budgets with nodes = \"100%\" and reasons = [\"Empty\"]: empty nodes harm nobody.",
    ),
    doc(
        "FS0124",
        "nodes that no job runs on",
        "While pods wait for nodes that start, Karpenter packs them anew every 10 s. What then fits elsewhere leaves nodes behind that start, stand idle and go.",
        "bursts of many small jobs",
        "A longer batch_idle_duration; larger pods or nodes.",
    ),
    doc(
        "FS0125",
        "a limit of one or two, asked for one at a time",
        "A runner that may run one or two jobs and have one request open spends its slots waiting: while GitLab holds the request (long polling, up to 50 s) nothing else is asked for. GitLab Runner warns of it at its start (checkConfigConcurrency, 18.5 to 19.4).",
        "limit = 2 with request_concurrency = 1",
        "A higher limit, or none, and request_concurrency of 2 to 4.",
    ),
    doc(
        "FS0126",
        "Spot and on-demand in one pool",
        "Where a claim allows both, Karpenter drops Spot offerings dearer than its cheapest on-demand one before it asks EC2, which leaves few and shallow Spot pools.",
        "capacity_type = [\"spot\", \"on-demand\"]",
        "Two pools, Spot with the higher weight.",
    ),
    doc(
        "FS0127",
        "LeastAllocated keeps large nodes alive",
        "kube-scheduler's default spreads pods to the emptiest node, which is the largest: it rarely becomes empty, and WhenEmpty never takes it.",
        "scoring = \"LeastAllocated\"",
        "A scheduler profile with MostAllocated for job pods.",
    ),
    doc(
        "FS0128",
        "a limit above concurrent is never reached",
        "concurrent caps all runners of a process together; a larger limit of one of them does nothing. gitlab-runner register says that it will not enlarge concurrent.",
        "concurrent = 10 with limit = 50",
        "concurrent of at least the limits together, or no limit.",
    ),
];
