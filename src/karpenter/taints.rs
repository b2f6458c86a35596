//! Taints of nodes and pools, tolerations of pods, and which taints Karpenter expects to go away.

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaintEffect {
    /// They are not scheduled there.
    NoSchedule,
    /// They are not scheduled there if it can be avoided.
    PreferNoSchedule,
    /// They are not scheduled there and evicted.
    NoExecute,
}

/// A taint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value, empty where there is none.
    pub value: String,
    /// Effect.
    pub effect: TaintEffect,
}

/// Which taints a toleration accepts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Toleration {
    /// Key; `None` tolerates every key.
    pub key: Option<String>,
    /// The value that must be equal; `None` (operator `Exists`) tolerates every value.
    pub value: Option<String>,
    /// Effect; `None` tolerates every effect.
    pub effect: Option<TaintEffect>,
}

/// The taint of nodes under disruption, `karpenter.sh/disrupted:NoSchedule`.
#[must_use]
pub fn disrupted_taint() -> Taint {
    Taint::new("karpenter.sh/disrupted", "", TaintEffect::NoSchedule)
}

impl Toleration {
    /// Tolerates every taint of `effect`.
    #[must_use]
    pub const fn of_effect(effect: TaintEffect) -> Self {
        Self { key: None, value: None, effect: Some(effect) }
    }

    /// Whether this toleration accepts `taint`.
    #[must_use]
    pub fn tolerates(&self, taint: &Taint) -> bool {
        self.effect.is_none_or(|effect| effect == taint.effect)
            && self.key.as_ref().is_none_or(|key| *key == taint.key)
            && self.value.as_ref().is_none_or(|value| *value == taint.value)
    }
}

impl Taint {
    /// A taint `key=value:effect`.
    #[must_use]
    pub fn new(key: &str, value: &str, effect: TaintEffect) -> Self {
        Self { key: key.to_owned(), value: value.to_owned(), effect }
    }

    /// Whether it is one that a starting node is expected to lose (core `scheduling/taints.go`, v1.15.0).
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        let key_and_effect = (self.key.as_str(), self.effect);
        matches!(
            key_and_effect,
            ("node.kubernetes.io/not-ready", TaintEffect::NoSchedule | TaintEffect::NoExecute)
                | ("node.kubernetes.io/unreachable", TaintEffect::NoSchedule)
                | ("node.cloudprovider.kubernetes.io/uninitialized", TaintEffect::NoSchedule)
                | ("karpenter.sh/unregistered", TaintEffect::NoExecute)
        ) || self.key.starts_with("readiness.k8s.io/")
    }

    /// Whether both have the same key and effect, which is what "the same taint" means in Kubernetes.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.key == other.key && self.effect == other.effect
    }
}

/// Whether every taint is tolerated. `PreferNoSchedule` counts like the others: relaxing it is a step of the pass.
#[must_use]
pub fn are_tolerated(taints: &[Taint], tolerations: &[Toleration]) -> bool {
    taints.iter().all(|taint| tolerations.iter().any(|toleration| toleration.tolerates(taint)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toleration_without_key_value_or_effect_accepts_any() {
        let taint = Taint::new("dedicated", "ci", TaintEffect::NoSchedule);
        let any = Toleration { key: None, value: None, effect: None };
        let exists = Toleration { key: Some("dedicated".into()), value: None, effect: None };
        let equal = Toleration { value: Some("web".into()), ..exists.clone() };
        let other_effect = Toleration { effect: Some(TaintEffect::NoExecute), ..exists.clone() };
        let tolerated = |toleration: &Toleration| {
            are_tolerated(std::slice::from_ref(&taint), std::slice::from_ref(toleration))
        };
        assert!(tolerated(&any) && tolerated(&exists));
        assert!(!tolerated(&equal) && !tolerated(&other_effect));
        assert!(Taint::new("readiness.k8s.io/network", "", TaintEffect::NoSchedule).is_ephemeral());
    }
}
