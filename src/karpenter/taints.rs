//! What Karpenter makes of taints: which it sets, which it expects to go away, whether all are tolerated.

pub use crate::fleet::{Taint, TaintEffect, Toleration};

/// The taint of nodes under disruption, `karpenter.sh/disrupted:NoSchedule`.
#[must_use]
pub fn disrupted_taint() -> Taint {
    Taint::new("karpenter.sh/disrupted", "", TaintEffect::NoSchedule)
}

impl Taint {
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
