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
    Key::new("pod_start", Kind::Distribution, "From binding to running containers, images on the node.")
        .or("{ median = \"2s\", p95 = \"4s\" }"),
    Key::new("image_pull", Kind::Distribution, "Pull of a job's image by a node that does not have it.")
        .or("{ median = \"12s\", p95 = \"35s\" }")
        .also(&["image_pull_cold"]),
    Key::new(
        "pod_teardown",
        Kind::Distribution,
        "From the end of the script until the pod has left its node.",
    )
    .or("\"2s\""),
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
