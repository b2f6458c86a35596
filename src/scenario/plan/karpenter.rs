//! NodePools: requirements, taints, limits, disruption.

use super::super::check::{Problems, head};
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Item, Table, Value};
use super::super::keys::nearest_word;
use super::super::source::Span;
use crate::karpenter::disruption::{Budget, BudgetSize, ConsolidationPolicy, Cron, PoolDisruption, Reason};
use crate::karpenter::node_pools::{Limits, NodePoolSpec};
use crate::karpenter::requirements::{Operator, RequirementSpec};
use crate::karpenter::taints::{Taint, TaintEffect};
use crate::units::SimDuration;

/// A NodePool, read.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub spec: NodePoolSpec,
    pub disruption: PoolDisruption,
    pub expire_after: Option<SimDuration>,
    pub termination_grace_period: Option<SimDuration>,
    /// Provisioner v1alpha5's `ttlSecondsAfterEmpty`.
    pub ttl_after_empty: Option<SimDuration>,
    /// Provisioner v1alpha5's `ttlSecondsUntilExpired`.
    pub ttl_until_expired: Option<SimDuration>,
    /// `replicas` of a static pool.
    pub replicas: Option<u32>,
    pub span: Span,
}

/// Short keys and the label they stand for.
const SHORT: [(&str, &str); 7] = [
    ("arch", "kubernetes.io/arch"),
    ("capacity_type", "karpenter.sh/capacity-type"),
    ("instance_category", "karpenter.k8s.aws/instance-category"),
    ("instance_family", "karpenter.k8s.aws/instance-family"),
    ("instance_size", "karpenter.k8s.aws/instance-size"),
    ("instance_type", "node.kubernetes.io/instance-type"),
    ("zones", "topology.kubernetes.io/zone"),
];

/// Labels of Karpenter's AWS provider that instances have (v1.15, `pkg/apis/v1/labels.go`), for hints.
pub(in crate::scenario) const KNOWN_LABELS: [&str; 25] = [
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "karpenter.sh/capacity-type",
    "karpenter.sh/nodepool",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "topology.k8s.aws/zone-id",
    "karpenter.k8s.aws/capacity-reservation-id",
    "karpenter.k8s.aws/capacity-reservation-type",
    "karpenter.k8s.aws/instance-capability-flex",
    "karpenter.k8s.aws/instance-category",
    "karpenter.k8s.aws/instance-cpu",
    "karpenter.k8s.aws/instance-cpu-manufacturer",
    "karpenter.k8s.aws/instance-cpu-sustained-clock-speed-mhz",
    "karpenter.k8s.aws/instance-ebs-bandwidth",
    "karpenter.k8s.aws/instance-family",
    "karpenter.k8s.aws/instance-generation",
    "karpenter.k8s.aws/instance-hypervisor",
    "karpenter.k8s.aws/instance-local-nvme",
    "karpenter.k8s.aws/instance-memory",
    "karpenter.k8s.aws/instance-network-bandwidth",
    "karpenter.k8s.aws/instance-size",
    "karpenter.k8s.aws/instance-tenancy",
    "karpenter.k8s.aws/instance-encryption-in-transit-supported",
];

/// The pools that are switched on. `zones` holds for pools that name none.
pub(super) fn pools(fleet: &Table, at: &Span, problems: &mut Problems) -> Vec<Pool> {
    let zones: Vec<String> = fleet.section("ec2").texts("zones").map(str::to_owned).collect();
    let pools: Vec<Pool> =
        fleet.tables("node_pool").map(|(table, span)| pool(table, span, &zones, problems)).collect();
    if pools.is_empty() {
        problems.push(
            Diagnostic::new(
                Code::Missing,
                at.clone(),
                "the fleet has no node pool",
                "expected at least one [[node_pool]]",
            )
            .help("a fleet without Karpenter says kind = \"fixed\" or kind = \"fifo\""),
        );
    }
    pools
}

fn pool(table: &Table, span: &Span, zones: &[String], problems: &mut Problems) -> Pool {
    let name = table.text("name").to_owned();
    let mut requirements: Vec<RequirementSpec> = Vec::new();
    for (key, label) in SHORT {
        let values: Vec<&str> = table.texts(key).collect();
        if !values.is_empty() {
            requirements.push(RequirementSpec::new(label, Operator::In, &values));
        }
    }
    for (own, own_span) in table.tables("requirements") {
        requirements.extend(requirement(own, own_span, problems));
    }
    let names_zones = requirements.iter().any(|own| own.key.starts_with("topology."));
    if !zones.is_empty() && !names_zones {
        let zones: Vec<&str> = zones.iter().map(String::as_str).collect();
        requirements.push(RequirementSpec::new("topology.kubernetes.io/zone", Operator::In, &zones));
    }
    let disruption = disruption(table.section("disruption"), problems);
    let ttl = table.integer_if("ttl_seconds_after_empty").map(SimDuration::from_secs);
    let limits = table.section("limits");
    let spec = NodePoolSpec {
        name,
        weight: table.integer("weight") as u32,
        labels: table.map("labels").map(|(key, value, _)| (key.to_owned(), value.to_owned())).collect(),
        taints: table.tables("taints").map(|(taint, _)| self::taint(taint)).collect(),
        startup_taints: Vec::new(),
        requirements,
        limits: Limits {
            cpu: limits.cpu_if("cpu").map(|cpu| i64::from(cpu.0)),
            memory: limits.memory_if("memory").map(|memory| i64::from(memory.0)),
            nodes: limits.integer_if("nodes").map(|nodes| nodes as i64),
        },
        is_static: table.get("replicas").is_some(),
        consolidate_after: disruption.consolidate_after,
    };
    check_static(table, problems);
    Pool {
        spec,
        disruption,
        expire_after: finite(table.duration("expire_after")),
        termination_grace_period: finite(table.duration("termination_grace_period")),
        ttl_after_empty: ttl,
        ttl_until_expired: table.integer_if("ttl_seconds_until_expired").map(SimDuration::from_secs),
        replicas: table.integer_if("replicas").map(|count| count as u32),
        span: super::job::line_of(span),
    }
}

/// A static pool takes no weight and no limit but on nodes (core `apis/v1/nodepool.go`, validation rules of v1.15.0).
fn check_static(table: &Table, problems: &mut Problems) {
    if table.get("replicas").is_none() {
        return;
    }
    let limits = table.section("limits");
    let mut refuse = |span: Span, key: &str| {
        let message = format!("a static pool has no `{key}`");
        problems.push(
            Diagnostic::new(Code::Conflict, span, message, "expected a pool without `replicas`")
                .help("a pool with `replicas` keeps so many nodes; of the limits it takes `nodes` only"),
        );
    };
    if table.integer("weight") > 0 {
        refuse(table.span("weight"), "weight");
    }
    for key in ["cpu", "memory"] {
        if limits.get(key).is_some() {
            refuse(limits.span(key), &format!("limits.{key}"));
        }
    }
}

/// `Never` is no duration to the rooms.
fn finite(span: SimDuration) -> Option<SimDuration> {
    (span != SimDuration::MAX).then_some(span)
}

fn taint(table: &Table) -> Taint {
    let effect = match table.text("effect") {
        "PreferNoSchedule" => TaintEffect::PreferNoSchedule,
        "NoExecute" => TaintEffect::NoExecute,
        _ => TaintEffect::NoSchedule,
    };
    Taint::new(table.text("key"), table.text("value"), effect)
}

fn operator(text: &str) -> Operator {
    match text {
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::Gt,
        "Lt" => Operator::Lt,
        "Gte" => Operator::Gte,
        "Lte" => Operator::Lte,
        _ => Operator::In,
    }
}

pub(super) fn requirement(table: &Table, span: &Span, problems: &mut Problems) -> Option<RequirementSpec> {
    let key = table.text("key");
    let aws = key.starts_with("karpenter.k8s.aws/") || key.starts_with("karpenter.sh/");
    if aws && !KNOWN_LABELS.contains(&key) {
        let near = nearest_word(KNOWN_LABELS, key);
        let diagnostic = Diagnostic::new(
            Code::Reference,
            table.span("key"),
            format!("instances have no label `{key}`"),
            "expected a label of Karpenter's AWS provider",
        );
        problems.push(match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(
                "for example karpenter.k8s.aws/instance-category, …/instance-generation, …/instance-cpu",
            ),
        });
        return None;
    }
    let op = operator(table.text("operator"));
    let values: Vec<&str> = table.texts("values").collect();
    let expected = match op {
        Operator::In | Operator::NotIn if values.is_empty() => Some("at least one value"),
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => Some("no values"),
        Operator::Gt | Operator::Lt | Operator::Gte | Operator::Lte
            if values.len() != 1 || values[0].parse::<u32>().is_err() =>
        {
            Some("exactly one whole number in quotes")
        }
        _ => None,
    };
    if let Some(expected) = expected {
        let at = table
            .get("values")
            .filter(|item| item.span != *span)
            .map_or_else(|| super::job::line_of(span), head);
        let message = format!("operator {} of `{key}` has {} values", table.text("operator"), values.len());
        problems.push(Diagnostic::new(Code::Grammar, at, message, format!("expected {expected}")).help(
            "for example { key = \"karpenter.k8s.aws/instance-cpu\", operator = \"Gt\", values = [\"3\"] }",
        ));
        return None;
    }
    let mut spec = RequirementSpec::new(key, op, &values);
    spec.min_values = table.integer_if("min_values").map(|least| least as u32);
    Some(spec)
}

fn disruption(table: &Table, problems: &mut Problems) -> PoolDisruption {
    let budgets = table.tables("budgets").filter_map(|(own, span)| budget(own, span, problems));
    PoolDisruption {
        consolidation_policy: match table.text("consolidation_policy") {
            "WhenEmpty" => ConsolidationPolicy::WhenEmpty,
            "Balanced" => ConsolidationPolicy::Balanced,
            _ => ConsolidationPolicy::WhenEmptyOrUnderutilized,
        },
        budgets: budgets.collect(),
        consolidate_after: finite(table.duration("consolidate_after")),
    }
}

fn budget(table: &Table, span: &Span, problems: &mut Problems) -> Option<Budget> {
    let before = problems.len();
    let nodes = table.text("nodes");
    let legal = match BudgetSize::parse(nodes) {
        BudgetSize::Nodes(count) => count >= 0,
        BudgetSize::Percent(share) => (0..=100).contains(&share),
        BudgetSize::Malformed => false,
    };
    if !legal {
        let message = format!("`{nodes}` is not the size of a budget");
        problems.push(
            Diagnostic::new(Code::Grammar, table.span("nodes"), message, "expected \"5\" or \"10%\"")
                .help("whole nodes, or a whole percentage from 0% to 100% of the pool"),
        );
    }
    let schedule = table.text_if("schedule");
    if let Some(text) = schedule
        && let Err(error) = text.parse::<Cron>()
    {
        let reason = error.to_string();
        let (message, hint) = reason.split_once("; ").unwrap_or((&reason, ""));
        let hint = if hint.is_empty() { "minute hour day-of-month month day-of-week, in UTC" } else { hint };
        problems.push(
            Diagnostic::new(Code::Grammar, table.span("schedule"), message, "expected five cron fields")
                .help(hint),
        );
    }
    let duration = table.duration_if("duration");
    if schedule.is_some() != duration.is_some() {
        let (given, missing) =
            if schedule.is_some() { ("schedule", "duration") } else { ("duration", "schedule") };
        let message = format!("a budget with a `{given}` needs a `{missing}` too");
        problems.push(
            Diagnostic::new(
                Code::Conflict,
                table.span(given),
                message,
                format!("expected `{missing}` beside it"),
            )
            .help("for example { nodes = \"0\", schedule = \"0 8 * * mon-fri\", duration = \"10h\" }"),
        );
    }
    let reasons: Vec<Reason> = table.list("reasons").iter().filter_map(reason).collect();
    let _ = span;
    (problems.len() == before)
        .then(|| Budget::new(nodes, schedule, duration, Some(reasons).filter(|reasons| !reasons.is_empty())))
}

fn reason(item: &Item) -> Option<Reason> {
    match &item.value {
        Value::Text(text) => Some(match text.as_str() {
            "Empty" => Reason::Empty,
            "Underutilized" => Reason::Underutilized,
            _ => Reason::Drifted,
        }),
        _ => None,
    }
}
