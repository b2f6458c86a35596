//! Keys of Karpenter and its NodePools. Defaults are those of Karpenter v1 (`pkg/operator/options`, `apis/v1`).

use super::{Key, Kind};

/// `[karpenter]`.
pub(super) const KARPENTER: &[Key] = &[
    Key::new(
        "version",
        Kind::Choice(&["v1.15", "v1.8"]),
        "Whose behaviour is followed where the two differ.",
    )
    .or("\"v1.15\""),
    Key::new("batch_idle_duration", Kind::Duration, "A batch closes after so long without a new pod.")
        .or("\"1s\""),
    Key::new("batch_max_duration", Kind::Duration, "A batch closes after so long in any case.").or("\"10s\""),
    Key::new(
        "pods_per_second",
        Kind::Number(0.1, 1e6),
        "How many pods a scheduling pass tries in a second: after a minute it ends with what it has. Default: no such end.",
    ),
    Key::new("spot_to_spot_consolidation", Kind::Boolean, "Feature gate SpotToSpotConsolidation.")
        .or("false"),
    Key::new(
        "price_book",
        Kind::Choice(&["billed", "list"]),
        "Which prices Karpenter believes: those that [ec2] bills, or the catalogue's without own prices and discounts.",
    )
    .or("\"billed\""),
    Key::new("price_refresh", Kind::Duration, "How often Karpenter reads the price list.").or("\"12h\""),
    Key::new(
        "node_overlay",
        Kind::Named(NODE_OVERLAY),
        "NodeOverlays: prices that Karpenter is told to believe, for all node pools or, by karpenter.sh/nodepool, for some.",
    )
    .or("[]")
    .also(&["node_overlays"]),
    Key::new(
        "drift",
        Kind::Tables(DRIFT),
        "Changes of images and NodePools during the run: older nodes drift and are replaced.",
    )
    .or("[]")
    .also(&["drifts"]),
    Key::new(
        "scale",
        Kind::Tables(SCALE),
        "Changes of the replicas of static node pools during the run.",
    )
    .or("[]"),
    Key::new("interruption_queue", Kind::Boolean, "Whether Karpenter hears Spot interruption warnings.")
        .or("true"),
];

const DRIFT: &[Key] = &[
    Key::new("at", Kind::Duration, "When it changes, after the start.").required(),
    Key::new(
        "change",
        Kind::Choice(&["ami", "node-pool"]),
        "What changes: the AMI is noticed within five minutes, the NodePool at once.",
    )
    .or("\"ami\""),
    Key::new("node_pools", Kind::List(&Kind::Text), "NodePools that it concerns; default is all.")
        .also(&["node_pool"]),
];

const SCALE: &[Key] = &[
    Key::new("at", Kind::Duration, "When it changes, after the start.").required(),
    Key::new("node_pool", Kind::List(&Kind::Text), "Static NodePools that it concerns.")
        .required()
        .also(&["node_pools"]),
    Key::new("replicas", Kind::Integer(0, 1_000_000), "How many nodes they have from then on.").required(),
];

const REQUIREMENT: &[Key] = &[
    Key::new("key", Kind::Text, "Label, such as karpenter.k8s.aws/instance-category.").required(),
    Key::new(
        "operator",
        Kind::Choice(&["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte"]),
        "How the label is compared.",
    )
    .required(),
    Key::new("values", Kind::List(&Kind::Text), "Values it is compared with.").or("[]"),
    Key::new("min_values", Kind::Integer(1, 50), "At least so many different values must be left."),
];

const NODE_OVERLAY: &[Key] = &[
    Key::new("name", Kind::Name, "Name of the NodeOverlay.").required(),
    Key::new("enabled", Kind::Boolean, "Whether it takes part; overlays switch elements off with it.")
        .or("true"),
    Key::new("weight", Kind::Integer(0, 10_000), "Overlays of higher weight win.").or("0"),
    Key::new("requirements", Kind::Tables(REQUIREMENT), "Which instances it concerns.").or("[]"),
    Key::new("price", Kind::Number(0.0, 1e6), "The price in US dollars per hour."),
    Key::new(
        "price_adjustment",
        Kind::Text,
        "What is added to the price: \"-15%\", \"+10%\", \"-0.05\" in US dollars per hour.",
    ),
];

const TAINT: &[Key] = &[
    Key::new("key", Kind::Text, "Key of the taint.").required(),
    Key::new("value", Kind::Text, "Value of the taint.").or("\"\""),
    Key::new(
        "effect",
        Kind::Choice(&["NoSchedule", "PreferNoSchedule", "NoExecute"]),
        "Effect of the taint.",
    )
    .or("\"NoSchedule\""),
];

const LIMITS: &[Key] = &[
    Key::new("cpu", Kind::Cpu, "Most CPU of all nodes of the pool together."),
    Key::new("memory", Kind::Memory, "Most memory of all nodes of the pool together."),
    Key::new("nodes", Kind::Integer(0, 1_000_000), "Most nodes of the pool."),
];

const BUDGET: &[Key] = &[
    Key::new("nodes", Kind::Text, "How many nodes may be disrupted at once: \"5\" or \"10%\".").required(),
    Key::new("schedule", Kind::Text, "When the budget starts to hold, five cron fields in UTC."),
    Key::new("duration", Kind::Duration, "How long it holds from each start."),
    Key::new(
        "reasons",
        Kind::List(&Kind::Choice(&["Empty", "Underutilized", "Drifted"])),
        "Disruptions it holds for; default is all.",
    ),
];

const DISRUPTION: &[Key] = &[
    Key::new(
        "consolidation_policy",
        Kind::Choice(&["WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"]),
        "Which nodes may be consolidated.",
    )
    .or("\"WhenEmptyOrUnderutilized\""),
    Key::new("consolidate_after", Kind::DurationOrNever, "How long after the last pod came or went.")
        .or("\"0s\""),
    Key::new("budgets", Kind::Tables(BUDGET), "How many nodes may be disrupted at once.")
        .or("[{ nodes = \"10%\" }]")
        .also(&["budget"]),
];

/// `[[node_pool]]`.
pub(super) const NODE_POOL: &[Key] = &[
    Key::new("name", Kind::Name, "Name of the NodePool.").required(),
    Key::new("enabled", Kind::Boolean, "Whether it takes part; overlays switch elements off with it.")
        .or("true"),
    Key::new("weight", Kind::Integer(0, 100), "Pools of higher weight are tried first.").or("0"),
    Key::new("requirements", Kind::Tables(REQUIREMENT), "Which instances may be launched.").or("[]"),
    Key::new(
        "arch",
        Kind::List(&Kind::Choice(&["amd64", "arm64"])),
        "Short for a requirement on kubernetes.io/arch.",
    ),
    Key::new(
        "capacity_type",
        Kind::List(&Kind::Choice(&["on-demand", "spot", "reserved"])),
        "Short for a requirement on karpenter.sh/capacity-type; `reserved` needs [[ec2.capacity_reservation]].",
    )
    .also(&["capacity_types"]),
    Key::new(
        "instance_category",
        Kind::List(&Kind::Text),
        "Short for a requirement on karpenter.k8s.aws/instance-category.",
    )
    .also(&["instance_categories"]),
    Key::new(
        "instance_family",
        Kind::List(&Kind::Text),
        "Short for a requirement on karpenter.k8s.aws/instance-family.",
    )
    .also(&["instance_families"]),
    Key::new(
        "instance_type",
        Kind::List(&Kind::Text),
        "Short for a requirement on node.kubernetes.io/instance-type.",
    )
    .also(&["instance_types"]),
    Key::new(
        "instance_size",
        Kind::List(&Kind::Text),
        "Short for a requirement on karpenter.k8s.aws/instance-size.",
    )
    .also(&["instance_sizes"]),
    Key::new("zones", Kind::List(&Kind::Text), "Short for a requirement on topology.kubernetes.io/zone."),
    Key::new("labels", Kind::Map(&Kind::Text), "Labels of the nodes.").or("{}"),
    Key::new("taints", Kind::Tables(TAINT), "Taints of the nodes.").or("[]"),
    Key::section("limits", LIMITS, "How large the pool may grow."),
    Key::section("disruption", DISRUPTION, "When nodes are taken away."),
    Key::new(
        "ttl_seconds_after_empty",
        Kind::Integer(0, 1_000_000),
        "Historical (Provisioner v1alpha5): empty nodes go after so many seconds, without validation or budget.",
    ),
    Key::new(
        "ttl_seconds_until_expired",
        Kind::Integer(1, 1_000_000_000),
        "Historical (Provisioner v1alpha5): nodes of that age are replaced one by one, in place of expire_after.",
    ),
    Key::new(
        "replicas",
        Kind::Integer(0, 1_000_000),
        "Makes the pool static: so many nodes, whatever pods there are.",
    ),
    Key::new("expire_after", Kind::DurationOrNever, "Largest age of a node.").or("\"720h\""),
    Key::new(
        "termination_grace_period",
        Kind::DurationOrNever,
        "Longest drain of a node: pods still there then are deleted, whatever protects them.",
    )
    .or("\"Never\""),
];
