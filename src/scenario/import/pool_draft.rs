//! A node pool between its source (NodePool of any version, Provisioner) and its TOML: values with their origin.

use super::super::source::Span;
use super::fragment::{Block, line_of, list, map, name, quoted};

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// It stands there.
    Taken(Span),
    /// A rule of this API says so where the source is silent.
    Defaulted(&'static str),
    /// It stands there in other words of an older API.
    Converted(Span, &'static str),
}

impl Origin {
    /// The place in the source, if it stands there.
    pub(super) const fn place(&self) -> Option<&Span> {
        match self {
            Self::Taken(span) | Self::Converted(span, _) => Some(span),
            Self::Defaulted(_) => None,
        }
    }
}

/// A value with its origin.
#[derive(Clone, Debug)]
pub(super) struct Sourced {
    /// The value.
    pub text: String,
    /// Where it comes from.
    pub origin: Origin,
}

impl Sourced {
    /// A value that stands at `span`.
    pub(super) fn taken(text: impl Into<String>, span: &Span) -> Self {
        Self { text: text.into(), origin: Origin::Taken(span.clone()) }
    }

    /// A default.
    pub(super) fn defaulted(text: impl Into<String>, whom: &'static str) -> Self {
        Self { text: text.into(), origin: Origin::Defaulted(whom) }
    }

    /// Where it stands, if it does.
    pub(super) const fn place(&self) -> Option<&Span> {
        self.origin.place()
    }

    /// The comment that says so.
    pub(super) fn remark(&self) -> String {
        match &self.origin {
            Origin::Taken(span) => line_of(span),
            Origin::Defaulted(whom) => format!("defaulted: {whom}"),
            Origin::Converted(span, rule) => format!("{}: {rule}", line_of(span)),
        }
    }
}

/// One requirement.
#[derive(Clone, Debug)]
pub(super) struct Requirement {
    /// Label.
    pub key: String,
    /// Operator.
    pub operator: String,
    /// Values.
    pub values: Vec<String>,
    /// `minValues`.
    pub min_values: Option<i64>,
    /// Where it comes from.
    pub origin: Origin,
}

impl Requirement {
    /// A requirement that a label is one of `values`, by a rule of the API.
    pub(super) fn defaulted(key: &str, operator: &str, values: &[&str], whom: &'static str) -> Self {
        Self {
            key: key.to_owned(),
            operator: operator.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            min_values: None,
            origin: Origin::Defaulted(whom),
        }
    }

    fn toml(&self) -> String {
        let values = list(self.values.iter().map(String::as_str));
        let least = self.min_values.map(|least| format!(", min_values = {least}")).unwrap_or_default();
        format!(
            "  {{ key = {}, operator = {}, values = {values}{least} }},",
            quoted(&self.key),
            quoted(&self.operator)
        )
    }
}

/// A taint.
#[derive(Clone, Debug)]
pub(super) struct TaintDraft {
    /// Key.
    pub key: String,
    /// Value, empty for none.
    pub value: String,
    /// Effect.
    pub effect: String,
    /// Where.
    pub span: Span,
}

/// A disruption budget.
#[derive(Clone, Debug)]
pub(super) struct BudgetDraft {
    /// Size.
    pub nodes: String,
    /// Cron text and duration.
    pub window: Option<(String, String)>,
    /// Reasons; empty for all.
    pub reasons: Vec<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// A node pool.
#[derive(Clone, Debug)]
pub(super) struct PoolDraft {
    /// Name in the cluster.
    pub name: String,
    /// `NodePool (karpenter.sh/v1)` or the like.
    pub kind: String,
    /// Where it starts.
    pub span: Span,
    /// Why it takes no part, if so.
    pub disabled: Option<String>,
    /// `weight`.
    pub weight: Option<Sourced>,
    /// All requirements.
    pub requirements: Vec<Requirement>,
    /// Labels of its nodes.
    pub labels: Vec<(String, String)>,
    /// Where the labels stand.
    pub labels_span: Option<Span>,
    /// Taints.
    pub taints: Vec<TaintDraft>,
    /// Limits as key, value.
    pub limits: Vec<(&'static str, Sourced)>,
    /// `WhenEmpty` or `WhenEmptyOrUnderutilized`.
    pub policy: Sourced,
    /// `consolidateAfter`.
    pub consolidate_after: Sourced,
    /// Budgets.
    pub budgets: Vec<BudgetDraft>,
    /// `expireAfter`.
    pub expire_after: Sourced,
    /// Name of its node class.
    pub node_class: String,
    /// What it says that is not modelled.
    pub not_modelled: Vec<String>,
    /// `replicas` of a static pool.
    pub replicas: Option<Sourced>,
    /// `terminationGracePeriod`.
    pub termination_grace_period: Option<Sourced>,
}

impl PoolDraft {
    /// Its table in a scenario.
    pub(super) fn block(&self) -> Block {
        let mut block = Block::new("[[node_pool]]");
        let file = &self.span.source.name;
        block.about(format!("{} `{}` of {file}; node class `{}`", self.kind, self.name, self.node_class));
        for what in &self.not_modelled {
            block.about(format!("not modelled: {what}"));
        }
        block.taken("name", quoted(&name(&self.name)), &self.span);
        if let Some(reason) = &self.disabled {
            block.noted("enabled", "false", reason.clone());
        }
        if let Some(weight) = &self.weight {
            block.sourced("weight", weight);
        }
        self.requirements(&mut block);
        if let Some(span) = &self.labels_span {
            let pairs = self.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            block.taken("labels", map(pairs), span);
        }
        self.taints(&mut block);
        for (key, value) in &self.limits {
            block.sourced(&format!("limits.{key}"), value);
        }
        if let Some(replicas) = &self.replicas {
            block.noted_at(
                "replicas",
                replicas.text.as_str(),
                format!("{}: a static pool", replicas.remark()),
                replicas.place(),
            );
        }
        if self.limits.is_empty() {
            block.about("no limits: the pool may grow without bound".to_owned());
        }
        self.disruption(&mut block);
        block
    }

    fn requirements(&self, block: &mut Block) {
        if self.requirements.is_empty() {
            return;
        }
        block.raw("requirements = [", "");
        for own in &self.requirements {
            let remark = Sourced { text: String::new(), origin: own.origin.clone() }.remark();
            block.raw_at(own.toml(), remark, own.origin.place());
        }
        block.raw("]", "");
    }

    fn taints(&self, block: &mut Block) {
        if self.taints.is_empty() {
            return;
        }
        block.raw("taints = [", "");
        for taint in &self.taints {
            let value = quoted(&taint.value);
            let line = format!(
                "  {{ key = {}, value = {value}, effect = {} }},",
                quoted(&taint.key),
                quoted(&taint.effect)
            );
            block.raw_at(line, line_of(&taint.span), Some(&taint.span));
        }
        block.raw("]", "");
    }

    fn disruption(&self, block: &mut Block) {
        let keyed = |block: &mut Block, key: &str, value: &Sourced| {
            block.noted_at(key, quoted(&value.text), value.remark(), value.place());
        };
        keyed(block, "disruption.consolidation_policy", &self.policy);
        keyed(block, "disruption.consolidate_after", &self.consolidate_after);
        block.raw("disruption.budgets = [", "");
        for budget in &self.budgets {
            let mut line = format!("  {{ nodes = {}", quoted(&budget.nodes));
            if let Some((schedule, duration)) = &budget.window {
                line += &format!(", schedule = {}, duration = {}", quoted(schedule), quoted(duration));
            }
            if !budget.reasons.is_empty() {
                line += &format!(", reasons = {}", list(budget.reasons.iter().map(String::as_str)));
            }
            let remark = Sourced { text: String::new(), origin: budget.origin.clone() }.remark();
            block.raw_at(line + " },", remark, budget.origin.place());
        }
        block.raw("]", "");
        keyed(block, "expire_after", &self.expire_after);
        if let Some(period) = &self.termination_grace_period {
            keyed(block, "termination_grace_period", period);
        }
    }
}
