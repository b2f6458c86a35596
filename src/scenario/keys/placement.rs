//! Keys of where pods go beside requests, selectors and tolerations: the constraints of a pod specification.

use super::{Key, Kind};

const SPREAD: &[Key] = &[
    Key::new(
        "topology_key",
        Kind::Text,
        "Label of nodes that makes the domains: `zone`, `hostname` or any other.",
    )
    .required()
    .also(&["key"]),
    Key::new("max_skew", Kind::Integer(1, 1_000_000), "Largest allowed difference of pods between domains.")
        .or("1"),
    Key::new(
        "when_unsatisfiable",
        Kind::Choice(&["DoNotSchedule", "ScheduleAnyway"]),
        "Whether a pod waits rather than break the constraint.",
    )
    .or("\"DoNotSchedule\""),
    Key::new(
        "min_domains",
        Kind::Integer(1, 1000),
        "With fewer domains than this the emptiest counts as empty.",
    ),
    Key::new("match_labels", LABELS, "Labels of the pods that are counted; default is the job's class.")
        .also(&["label_selector"]),
];

const LABELS: Kind = Kind::Map(&Kind::Text);

const TERM: &[Key] = &[
    Key::new(
        "topology_key",
        Kind::Text,
        "Label of nodes that makes the domains: `zone`, `hostname` or any other.",
    )
    .required()
    .also(&["key"]),
    Key::new("match_labels", LABELS, "Labels of the pods that are meant; default is the job's class.")
        .also(&["label_selector"]),
    Key::new(
        "weight",
        Kind::Integer(1, 100),
        "Makes it a preference of this weight; without it, it is required.",
    ),
];

const EXPRESSION: &[Key] = &[
    Key::new("key", Kind::Text, "Label of nodes, such as karpenter.k8s.aws/instance-generation.").required(),
    Key::new(
        "operator",
        Kind::Choice(&["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]),
        "How the label is compared.",
    )
    .required(),
    Key::new("values", Kind::List(&Kind::Text), "Values it is compared with.").or("[]"),
];

const PREFERENCE: &[Key] = &[
    Key::new("weight", Kind::Integer(1, 100), "How much it counts.").or("1"),
    Key::new("match_expressions", Kind::Tables(EXPRESSION), "Labels of the preferred nodes, all of them.")
        .required()
        .also(&["preference"]),
];

/// Labels of pods.
pub(super) const POD_LABELS: Key = Key::new(
    "pod_labels",
    LABELS,
    "Labels of the pods, by which constraints select them; every pod has class = the name of its class too.",
);

/// `topologySpreadConstraints`.
pub(super) const TOPOLOGY_SPREAD: Key =
    Key::new("topology_spread_constraints", Kind::Tables(SPREAD), "How pods are spread over zones or nodes.")
        .also(&["topology_spread_constraint", "spread"]);

/// `podAffinity`.
pub(super) const POD_AFFINITY: Key =
    Key::new("pod_affinity", Kind::Tables(TERM), "Pods in whose zone or on whose node these want to be.");

/// `podAntiAffinity`.
pub(super) const POD_ANTI_AFFINITY: Key = Key::new(
    "pod_anti_affinity",
    Kind::Tables(TERM),
    "Pods in whose zone or on whose node these do not want to be.",
);

/// `nodeAffinity`, preferred.
pub(super) const PREFERRED_NODE_AFFINITY: Key = Key::new(
    "preferred_node_affinity",
    Kind::Tables(PREFERENCE),
    "Nodes that pods prefer; Karpenter takes the heaviest as required until that fails.",
);

/// `hostPort`s.
pub(super) const HOST_PORTS: Key = Key::new(
    "host_ports",
    Kind::List(&Kind::Integer(1, 65_535)),
    "Ports of the node that the pod takes (TCP): no two pods of a node may have the same.",
)
.also(&["host_port"]);
