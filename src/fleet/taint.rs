//! Taints of nodes and tolerations of pods, as Kubernetes means them. Which taints count when is for kube-scheduler and Karpenter.

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

impl Taint {
    /// A taint `key=value:effect`.
    #[must_use]
    pub fn new(key: &str, value: &str, effect: TaintEffect) -> Self {
        Self { key: key.to_owned(), value: value.to_owned(), effect }
    }
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
