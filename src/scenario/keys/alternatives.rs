//! Keys of what people run instead of Karpenter.

use super::{Key, Kind};

/// Keys of a group of nodes or machines. A macro because a constant table cannot include another.
macro_rules! group_keys {
    ($($more:expr),* $(,)?) => {
        &[
            Key::new("name", Kind::Name, "Name of the group.").or("\"\""),
            Key::new(
                "instance_types",
                Kind::List(&Kind::Text),
                "Instance types; all are taken to be like the first.",
            )
            .required()
            .also(&["instance_type"]),
            Key::new("capacity_type", Kind::Choice(&["on-demand", "spot"]), "How they are bought.")
                .or("\"on-demand\""),
            Key::new("savings_plan", Kind::Number(0.0, 0.9), "Discount of a Savings Plan on the on-demand price.")
                .or("0.0"),
            Key::new("zones", Kind::List(&Kind::Text), "Zones, used in turn; default is those of [ec2]."),
            $($more,)*
        ]
    };
}

/// `[cluster_autoscaler]`.
pub(super) const CLUSTER_AUTOSCALER: &[Key] = &[
    Key::new("scan_interval", Kind::Duration, "How often it looks at the cluster (--scan-interval).").or("\"10s\""),
    Key::new(
        "new_pod_scale_up_delay",
        Kind::Duration,
        "Pods younger than this do not count yet (--new-pod-scale-up-delay).",
    )
    .or("\"0s\""),
    Key::new(
        "expander",
        Kind::Choice(&["least-waste", "most-pods", "priority", "random"]),
        "Which node group is enlarged where several would do (--expander).",
    )
    .or("\"least-waste\""),
    Key::new("scale_down_enabled", Kind::Boolean, "Whether empty nodes are removed (--scale-down-enabled).").or("true"),
    Key::new(
        "scale_down_unneeded_time",
        Kind::Duration,
        "How long a node is unneeded before it is removed (--scale-down-unneeded-time).",
    )
    .or("\"10m\""),
    Key::new(
        "scale_down_delay_after_add",
        Kind::Duration,
        "How long nothing is removed after any node group grew (--scale-down-delay-after-add).",
    )
    .or("\"10m\""),
    Key::new(
        "scale_down_delay_after_delete",
        Kind::Duration,
        "How long nothing is removed after a removal (--scale-down-delay-after-delete).",
    )
    .or("\"0s\""),
    Key::new(
        "max_scale_down_parallelism",
        Kind::Integer(1, 1000),
        "Nodes that are removed at once (--max-scale-down-parallelism).",
    )
    .or("10"),
    Key::new(
        "max_node_provision_time",
        Kind::Duration,
        "How long an instance may take to become a node (--max-node-provision-time).",
    )
    .or("\"15m\""),
    Key::new(
        "node_delete_delay_after_taint",
        Kind::Duration,
        "From the taint of a node that goes until its instance is terminated (--node-delete-delay-after-taint).",
    )
    .or("\"5s\""),
    Key::new("node_group", Kind::Tables(NODE_GROUP), "Auto Scaling groups of equal nodes.")
        .or("[]")
        .also(&["node_groups"]),
];

const NODE_GROUP: &[Key] = group_keys![
    Key::new("min", Kind::Integer(0, 100_000), "Fewest nodes.").or("0"),
    Key::new("max", Kind::Integer(1, 100_000), "Most nodes.").or("100"),
    Key::new("desired", Kind::Integer(0, 100_000), "Nodes at the start; default is the fewest."),
    Key::new("priority", Kind::Integer(-1000, 1000), "For the expander `priority`: higher first.").or("0"),
    Key::new("labels", Kind::Map(&Kind::Text), "Labels of the nodes.").or("{}"),
];

/// `[docker_autoscaler]`.
pub(super) const DOCKER_AUTOSCALER: &[Key] = &[Key::new(
    "group",
    Kind::Tables(FLEETING),
    "Auto Scaling groups; a job runs on the first of its architecture.",
)
.or("[]")
.also(&["groups"])];

/// `periods` and `timezone` of a policy. A macro because a constant table cannot include another.
macro_rules! policy_keys {
    ($($more:expr),* $(,)?) => {
        &[
            Key::new(
                "periods",
                Kind::List(&Kind::Text),
                "When it is active: cron expressions of five fields, or of seven with seconds and years, which are not looked at; every matching minute is in; of several active ones the last holds.",
            )
            .required(),
            Key::new("timezone", Kind::Text, "Time zone of `periods`.").or("\"UTC\""),
            $($more,)*
        ]
    };
}

const FLEETING_POLICY: &[Key] = policy_keys![
    Key::new("idle_count", Kind::Integer(0, 100_000), "Free slots (not instances) that are kept.").or("0"),
    Key::new("idle_time", Kind::Duration, "How long an instance is idle before it may go.").or("\"5m\""),
    Key::new("scale_factor", Kind::Number(0.0, 1000.0), "Further free slots as a share of the busy ones.")
        .or("0.0"),
    Key::new("scale_factor_limit", Kind::Integer(0, 100_000), "Most slots of `scale_factor`; 0 is no limit.")
        .or("0"),
    Key::new("preemptive_mode", Kind::Boolean, "As in the group; default is where idle_count is above 0."),
];

const MACHINE_AUTOSCALING: &[Key] = policy_keys![
    Key::new("idle_count", Kind::Integer(0, 100_000), "IdleCount: idle machines that are kept.").or("0"),
    Key::new("idle_scale_factor", Kind::Number(0.0, 1000.0), "IdleScaleFactor.").or("0.0"),
    Key::new("idle_count_min", Kind::Integer(0, 100_000), "IdleCountMin, with a factor.").or("1"),
    Key::new("idle_time", Kind::Duration, "IdleTime: how long a machine is idle before it may go.")
        .or("\"5m\""),
];

const FLEETING: &[Key] = group_keys![
    Key::new("capacity_per_instance", Kind::Integer(1, 1000), "Jobs at once on an instance.").or("1"),
    Key::new("max_use_count", Kind::Integer(0, 1_000_000), "Jobs in an instance's life; 0 is no limit.")
        .or("0"),
    Key::new("max_instances", Kind::Integer(0, 100_000), "Most instances; 0 is no limit.").or("0"),
    Key::new("idle_count", Kind::Integer(0, 100_000), "Free slots (not instances) that are kept.").or("0"),
    Key::new("idle_time", Kind::Duration, "How long an instance is idle before it may go.").or("\"5m\""),
    Key::new("scale_factor", Kind::Number(0.0, 1000.0), "Further free slots as a share of the busy ones.")
        .or("0.0"),
    Key::new("scale_factor_limit", Kind::Integer(0, 100_000), "Most slots of `scale_factor`; 0 is no limit.")
        .or("0"),
    Key::new(
        "preemptive_mode",
        Kind::Boolean,
        "Whether jobs wait for instances of the idle target instead of making some; default is where idle_count is above 0.",
    ),
    Key::new(
        "instance_acquire_timeout",
        Kind::Duration,
        "How long a job waits for an instance before it fails.",
    )
    .or("\"15m\""),
    Key::new(
        "policy",
        Kind::Tables(FLEETING_POLICY),
        "Other idle figures at some times ([[runners.autoscaler.policy]]).",
    )
    .or("[]")
    .also(&["policies"]),
];

/// `[docker_machine]`.
pub(super) const DOCKER_MACHINE: &[Key] = &[Key::new(
    "group",
    Kind::Tables(MACHINE),
    "Kinds of machines; a job runs on the first of its architecture.",
)
.or("[]")
.also(&["groups"])];

const MACHINE: &[Key] = group_keys![
    Key::new("idle_count", Kind::Integer(0, 100_000), "IdleCount: idle machines that are kept.").or("0"),
    Key::new("idle_scale_factor", Kind::Number(0.0, 1000.0), "IdleScaleFactor.").or("0.0"),
    Key::new("idle_count_min", Kind::Integer(0, 100_000), "IdleCountMin, with a factor.").or("1"),
    Key::new("idle_time", Kind::Duration, "IdleTime: how long a machine is idle before it may go.")
        .or("\"5m\""),
    Key::new(
        "max_growth_rate",
        Kind::Integer(0, 100_000),
        "MaxGrowthRate: machines in creation; 0 is no limit."
    )
    .or("0"),
    Key::new(
        "max_builds",
        Kind::Integer(0, 1_000_000),
        "MaxBuilds: jobs in a machine's life; 0 is no limit."
    )
    .or("0"),
    Key::new("limit", Kind::Integer(0, 100_000), "Most machines; 0 is no limit.").or("0"),
    Key::new(
        "autoscaling",
        Kind::Tables(MACHINE_AUTOSCALING),
        "Other idle figures at some times ([[runners.machine.autoscaling]]).",
    )
    .or("[]"),
];

/// `[fargate]`: job pods on Fargate. The runner managers' pods are under `kubernetes.fargate`.
pub(super) const FARGATE: &[Key] = &[
    Key::new(
        "start",
        Kind::Distribution,
        "From the pod's creation until it runs, image pull included; nothing is cached on Fargate.",
    )
    .or("{ median = \"60s\", p95 = \"90s\" }"),
    Key::new("speed", Kind::Number(0.01, 100.0), "Speed of its CPUs, where m5 is 1; AWS promises none.")
        .or("1.0"),
];

/// `[hosted]`.
pub(super) const HOSTED: &[Key] = &[
    Key::new(
        "provider",
        Kind::Choice(&["gitlab", "github"]),
        "Whose sizes and prices: GitLab.com by the second, GitHub by the whole minute.",
    )
    .or("\"gitlab\""),
    Key::new(
        "usd_per_1000_minutes",
        Kind::Number(0.0, 1e6),
        "Price of 1,000 GitLab compute minutes, before cost factors.",
    )
    .or("10.0"),
    Key::new("concurrent", Kind::Integer(1, 1_000_000), "Most jobs at once; default is no limit."),
    Key::new(
        "start",
        Kind::Distribution,
        "From the pick of a job until its script runs; neither provider promises any.",
    )
    .or("\"10s\""),
    Key::new(
        "speed",
        Kind::Number(0.01, 100.0),
        "Speed of its CPUs, where m5 is 1; the default is that of AMD Zen 3, on which both are said to run.",
    )
    .or("1.4"),
];
