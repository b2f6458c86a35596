//! PodDisruptionBudgets: how many pods the eviction API lets go now. Not which pods a budget selects, nor who evicts.

/// A number of pods, or a share of the pods that their controllers ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodShare {
    /// So many pods.
    Pods(u32),
    /// So many percent.
    Percent(u32),
}

impl PodShare {
    /// Reads `"3"` or `"25%"`; percentages end at 100.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().filter(|share| *share <= 100).map(Self::Percent),
            None => text.parse().ok().map(Self::Pods),
        }
    }
}

/// What a PodDisruptionBudget asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisruptionLimit {
    /// `minAvailable`.
    MinAvailable(PodShare),
    /// `maxUnavailable`.
    MaxUnavailable(PodShare),
}

impl DisruptionLimit {
    /// `status.disruptionsAllowed` where `healthy` pods of no controller are selected, which is what job pods are.
    ///
    /// Shares and `maxUnavailable` are reckoned from the replicas that controllers ask for. Bare pods have none, so the
    /// expected count is 0 and nothing may be disrupted; only a whole `minAvailable` counts the pods themselves
    /// (kubernetes `pkg/controller/disruption/disruption.go` `getExpectedPodCount`, `updatePdbStatus`, v1.37).
    #[must_use]
    pub fn disruptions_allowed(self, healthy: u32) -> u32 {
        match self {
            Self::MinAvailable(PodShare::Pods(wanted)) => healthy.saturating_sub(wanted),
            Self::MinAvailable(PodShare::Percent(_)) | Self::MaxUnavailable(_) => 0,
        }
    }

    /// Whether no status can ever allow a disruption, by the budget's text alone (Karpenter core `utils/pdb/pdb.go`
    /// `isFullyBlocking`, v1.15.0).
    #[must_use]
    pub fn is_fully_blocking(self) -> bool {
        matches!(
            self,
            Self::MaxUnavailable(PodShare::Pods(0) | PodShare::Percent(0))
                | Self::MinAvailable(PodShare::Percent(100))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_min_available_lets_bare_pods_go() {
        let limit = |text, of: fn(PodShare) -> DisruptionLimit| of(PodShare::parse(text).expect("readable"));
        assert_eq!(limit("3", DisruptionLimit::MinAvailable).disruptions_allowed(5), 2);
        assert_eq!(limit("3", DisruptionLimit::MinAvailable).disruptions_allowed(2), 0);
        assert_eq!(limit("10%", DisruptionLimit::MinAvailable).disruptions_allowed(5), 0);
        assert_eq!(limit("5", DisruptionLimit::MaxUnavailable).disruptions_allowed(5), 0);
        assert!(limit("0", DisruptionLimit::MaxUnavailable).is_fully_blocking());
        assert!(!limit("5", DisruptionLimit::MaxUnavailable).is_fully_blocking());
        assert_eq!(PodShare::parse("101%"), None);
    }
}
