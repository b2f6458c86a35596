//! Keys of the scenario as a whole, and the tree of all sections.

use super::alternatives::{CLUSTER_AUTOSCALER, DOCKER_AUTOSCALER, DOCKER_MACHINE, FARGATE, HOSTED};
use super::ec2::{EC2, FIXED, SPEED};
use super::events::EVENT;
use super::gitlab::{GITLAB, RUNNER};
use super::karpenter::{KARPENTER, NODE_POOL};
use super::kubernetes::KUBERNETES;
use super::workload::WORKLOAD;
use super::{Key, Kind};

/// The keys at the top of a scenario.
pub(crate) const ROOT: &[Key] = &[
    Key::new("schema", Kind::Integer(1, 1), "Version of the scenario language.").or("1"),
    Key::new("name", Kind::Name, "Name of the scenario; default is the file's name.").or("\"\""),
    Key::new("question", Kind::Text, "The question the scenario answers, shown above the results.")
        .or("\"\""),
    Key::new("seed", Kind::Integer(0, i64::MAX), "Seed of all random draws.").or("1"),
    Key::new(
        "replications",
        Kind::Integer(1, 10_000),
        "How often each fleet is simulated, each time with other draws.",
    )
    .or("10")
    .also(&["reps"]),
    Key::new("horizon", Kind::Duration, "How much time is simulated, warm-up included.").or("\"7d\""),
    Key::new("warmup", Kind::Duration, "Time at the start that is simulated but not counted.").or("\"0s\""),
    Key::new("start", Kind::Zoned, "When simulated time starts, in the time zone of the office.")
        .or("\"2026-11-02T00:00:00+00:00[UTC]\""),
    Key::new("drain", Kind::Boolean, "Whether the run goes on after the horizon until every job has ended.")
        .or("false"),
    Key::new("baseline", Kind::Text, "The fleet the others are compared with; default is the first.")
        .or("\"\""),
    Key::new(
        "kind",
        Kind::Choice(&[
            "karpenter",
            "fixed",
            "cluster-autoscaler",
            "docker-autoscaler",
            "docker-machine",
            "fargate",
            "hosted",
            "fifo",
        ]),
        "Who provides capacity: Karpenter, a fixed set of nodes, Cluster Autoscaler, machines of docker-autoscaler or docker+machine, Fargate, hosted runners, or a pure first-in-first-out pool of slots.",
    )
    .or("\"karpenter\""),
    Key::new("objective", Kind::Tables(OBJECTIVE), "Limits that fleets are judged by.")
        .or("[]")
        .also(&["objectives"]),
    Key::section(
        "workload",
        WORKLOAD,
        "Which jobs arrive: a trace, pipelines, classes of jobs, or all of them.",
    ),
    Key::section("gitlab", GITLAB, "The GitLab server and what all runners share."),
    Key::new("runner", Kind::Named(RUNNER), "Runner managers and their Kubernetes executor.")
        .or("[]")
        .also(&["runners"]),
    Key::section("kubernetes", KUBERNETES, "The cluster: scheduler, DaemonSets, images, pods."),
    Key::section("karpenter", KARPENTER, "Karpenter's own settings."),
    Key::new("node_pool", Kind::Named(NODE_POOL), "Karpenter NodePools.").or("[]").also(&["node_pools"]),
    Key::section("ec2", EC2, "Region, prices, Spot market, start-up, billing."),
    Key::new(
        "event",
        Kind::Named(EVENT),
        "Stress on a schedule: Spot outages, price rises, shortages, throttled and failing launches, spikes, drains.",
    )
    .or("[]")
    .also(&["events"]),
    Key::section("speed", SPEED, "How fast jobs run on which CPU."),
    Key::section("fixed", FIXED, "Nodes of a fleet of kind \"fixed\"."),
    Key::section(
        "cluster_autoscaler",
        CLUSTER_AUTOSCALER,
        "Cluster Autoscaler and its node groups, of a fleet of kind \"cluster-autoscaler\".",
    ),
    Key::section(
        "docker_autoscaler",
        DOCKER_AUTOSCALER,
        "Instances of GitLab's docker-autoscaler executor, of a fleet of kind \"docker-autoscaler\".",
    ),
    Key::section(
        "docker_machine",
        DOCKER_MACHINE,
        "Machines of the docker+machine executor, of a fleet of kind \"docker-machine\".",
    ),
    Key::section("fargate", FARGATE, "Job pods on Fargate, of a fleet of kind \"fargate\"."),
    Key::section("hosted", HOSTED, "Hosted runners, of a fleet of kind \"hosted\"."),
    Key::section("fifo", FIFO, "The pool of a fleet of kind \"fifo\"."),
];

const FIFO: &[Key] = &[
    Key::new("cpu", Kind::Cpu, "CPU of the pool; jobs run first in first out as it suffices.").or("\"100\""),
    Key::new("usd_per_hour", Kind::Number(0.0, 1e6), "Price of the whole pool in US dollars per hour.")
        .or("0.0"),
];

const OBJECTIVE: &[Key] = &[
    Key::new("metric", Kind::Text, "What is limited, such as wait_p95 or cost_per_1000_jobs.").required(),
    Key::new("at_most", Kind::Text, "Largest value, with its unit: \"60s\", \"20 USD\", \"0.1%\"."),
    Key::new("at_least", Kind::Text, "Smallest value, with its unit."),
];
