//! Keys of the cluster.

use super::{Key, Kind};

/// `[kubernetes]`.
pub(super) const KUBERNETES: &[Key] = &[
    Key::new(
        "scoring",
        Kind::Choice(&["LeastAllocated", "MostAllocated"]),
        "Scoring strategy of kube-scheduler's NodeResourcesFit.",
    )
    .or("\"LeastAllocated\"")
    .also(&["scoring_strategy"]),
    Key::new("daemonset", Kind::Named(DAEMONSET), "Pods that run on every node.")
        .or(DAEMONSETS)
        .also(&["daemonsets"]),
    Key::new("fargate", Kind::Named(FARGATE), "Pods that always run on Fargate: kube-system and Karpenter.")
        .or(FARGATE_PODS),
    Key::new(
        "pod_disruption_budget",
        Kind::Named(POD_DISRUPTION_BUDGET),
        "PodDisruptionBudgets that select job pods: Karpenter and drains respect them.",
    )
    .or("[]")
    .also(&["pod_disruption_budgets"]),
    Key::new("pod_start", Kind::Distribution, "From binding to running containers, images on the node.")
        .or("\"2s\""),
    Key::new("image", Kind::Named(IMAGE), "Container images of known size.").or("[]").also(&["images"]),
    Key::new(
        "default_image_mb",
        Kind::Integer(0, 1_000_000),
        "Compressed size of images that are not listed, in MB.",
    )
    .or("300"),
    Key::new(
        "pull_mb_per_second",
        Kind::Integer(1, 100_000),
        "How fast a node pulls a layer of an image it does not have, in compressed MB per second.",
    )
    .or("50"),
    Key::new(
        "pull_mb_per_second_of_node",
        Kind::Integer(1, 100_000),
        "How fast all pulls of a node are together: who begins beside others gets an equal share.",
    )
    .or("130"),
    Key::new("pod_creation", Kind::Duration, "From the job's start until its pod is created.")
        .or("\"500ms\""),
    Key::new("pod_cleanup", Kind::Duration, "From the end of the script until the executor has cleaned up.")
        .or("\"200ms\""),
    Key::new("pod_teardown", Kind::Duration, "From the pod's deletion until its room on the node is free.")
        .or("\"5s\""),
    Key::new("emulate_arm64", Kind::Boolean, "Whether arm64 jobs run on amd64 nodes under emulation.")
        .or("false"),
];

/// What Amazon EKS puts on every node: aws-node and kube-proxy (EKS add-on manifests, 2026-08).
const DAEMONSETS: &str =
    "[{ name = \"aws-node\", cpu = \"50m\" }, { name = \"kube-proxy\", cpu = \"100m\" }]";

const DAEMONSET: &[Key] = &[
    Key::new("name", Kind::Name, "Name of the DaemonSet.").required(),
    Key::new("enabled", Kind::Boolean, "Whether it takes part; overlays switch elements off with it.")
        .or("true"),
    Key::new("cpu", Kind::Cpu, "CPU request of its pod.").or("\"0\""),
    Key::new("memory", Kind::Memory, "Memory request of its pod.").or("\"0Mi\""),
];

const POD_DISRUPTION_BUDGET: &[Key] = &[
    Key::new("name", Kind::Name, "Name of the PodDisruptionBudget.").required(),
    Key::new("enabled", Kind::Boolean, "Whether it takes part; overlays switch elements off with it.")
        .or("true"),
    Key::new("classes", Kind::List(&Kind::Text), "Classes of the jobs it selects; default is every job."),
    Key::new(
        "min_available",
        Kind::Text,
        "Pods that must stay: \"3\"; a share lets no job pod go, as these have no controller.",
    ),
    Key::new(
        "max_unavailable",
        Kind::Text,
        "Pods that may go: \"0\" or \"10%\"; lets no job pod go, as these have no controller.",
    ),
];

/// CoreDNS as the EKS add-on requests it, and Karpenter's two replicas with the requests of its getting-started guide (v1).
const FARGATE_PODS: &str = "[{ name = \"coredns\", cpu = \"100m\", memory = \"70Mi\", replicas = 2 }, \
     { name = \"karpenter\", cpu = \"1\", memory = \"1Gi\", replicas = 2 }]";

const FARGATE: &[Key] = &[
    Key::new("name", Kind::Name, "Name of the pods.").required(),
    Key::new("enabled", Kind::Boolean, "Whether it takes part; overlays switch elements off with it.")
        .or("true"),
    Key::new("cpu", Kind::Cpu, "CPU request of one pod; Fargate rounds up to its sizes.").or("\"250m\""),
    Key::new("memory", Kind::Memory, "Memory request of one pod; Fargate adds 256 MiB and rounds up.")
        .or("\"256Mi\""),
    Key::new("replicas", Kind::Integer(1, 1000), "How many pods.").or("1"),
];

const IMAGE: &[Key] = &[
    Key::new("name", Kind::Text, "Name as in the `image` of a job.").required(),
    Key::new("enabled", Kind::Boolean, "Whether it takes part; overlays switch elements off with it.")
        .or("true"),
    Key::new("compressed_mb", Kind::Integer(0, 1_000_000), "Compressed size in MB.")
        .required()
        .also(&["size_mb"]),
    Key::new(
        "layers",
        Kind::Integer(1, 1000),
        "Layers of notable size: three are pulled side by side, each at `pull_mb_per_second`.",
    )
    .or("1"),
];
