//! What a pod means for disruption: whether it protects its node, whether it moves, and what evicting it costs.

use super::settings::Version;
use crate::units::{SimDuration, SimTime};

/// Who made a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodOwner {
    /// Nobody: a bare pod, as GitLab's Kubernetes executor makes them.
    #[default]
    Bare,
    /// A controller that makes a new one when it is gone (Job, ReplicaSet).
    Controller,
    /// A StatefulSet, whose terminating pods count as if they were still there.
    StatefulSet,
    /// A DaemonSet: goes with its node.
    DaemonSet,
    /// The node itself (mirror pod).
    Node,
}

/// The annotation `karpenter.sh/do-not-disrupt` of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DoNotDisrupt {
    /// Absent, or a value that Karpenter ignores.
    #[default]
    No,
    /// `"true"`.
    Always,
    /// A Go duration: protected until so long after the pod's start.
    For(SimDuration),
}

impl DoNotDisrupt {
    /// Reads the annotation's value. Durations are understood from v1.13 on; other values are ignored
    /// (core `utils/pod/scheduling.go` `IsDoNotDisruptActive`, v1.15.0; v1.8.2 knows `"true"` only).
    #[must_use]
    pub fn parse(value: &str, version: Version) -> Self {
        match value {
            "true" => Self::Always,
            _ if version == Version::V1_8 => Self::No,
            other => go_duration_ms(other)
                .filter(|ms| *ms > 0)
                .map_or(Self::No, |ms| Self::For(SimDuration::from_ms(ms))),
        }
    }

    /// Whether the protection holds at `now` for a pod started at `started_at` (`None` = not yet).
    #[must_use]
    pub fn is_active(self, started_at: Option<SimTime>, now: SimTime) -> bool {
        match self {
            Self::No => false,
            Self::Always => true,
            Self::For(span) => started_at.is_none_or(|start| now < start.floor_to_second() + span),
        }
    }
}

/// A non-negative duration as Go's `time.ParseDuration` reads it, in milliseconds; `None` where Go refuses it or it is negative.
fn go_duration_ms(text: &str) -> Option<u64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    let mut nanoseconds = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let factor = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 6e10,
            "h" => 3.6e12,
            _ => return None,
        };
        nanoseconds += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    (!text.is_empty()).then_some((nanoseconds / 1e6).ceil() as u64)
}

/// What evicting a pod costs, from -10 to 10 and 1 for a plain pod, out of its annotations' raw values and its priority.
///
/// `karpenter.sh/disruption-cost` (from v1.15) wins over `controller.kubernetes.io/pod-deletion-cost`; both must be 32-bit
/// integers there, while up to v1.14 the latter is any number (core `utils/disruption/disruption.go` `EvictionCost`).
#[must_use]
pub fn eviction_cost(
    disruption_cost: Option<&str>,
    pod_deletion_cost: Option<&str>,
    priority: Option<i32>,
    version: Version,
) -> f64 {
    let annotated = match (version, disruption_cost) {
        (Version::V1_8, _) => pod_deletion_cost.and_then(|text| text.parse::<f64>().ok()),
        (_, Some(text)) => text.parse::<i32>().ok().map(f64::from),
        (_, None) => pod_deletion_cost.and_then(|text| text.parse::<i32>().ok()).map(f64::from),
    };
    let cost = 1.0
        + annotated.unwrap_or(0.0) / f64::from(1_u32 << 27)
        + f64::from(priority.unwrap_or(0)) / f64::from(1_u32 << 25);
    cost.clamp(-10.0, 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timed_protection_ends_with_its_duration_counted_from_the_second_of_the_start() {
        let ten_minutes = DoNotDisrupt::parse("10m", Version::V1_15);
        assert_eq!(ten_minutes, DoNotDisrupt::For(SimDuration::from_mins(10)));
        let start = Some(SimTime::from_ms(1_900));
        assert!(ten_minutes.is_active(start, SimTime::from_ms(600_999)));
        assert!(!ten_minutes.is_active(start, SimTime::from_ms(601_000)));
        assert!(ten_minutes.is_active(None, SimTime::ZERO));
        for ignored in ["false", "", "0", "-5m", "10", "1d", "m"] {
            assert_eq!(DoNotDisrupt::parse(ignored, Version::V1_15), DoNotDisrupt::No, "{ignored}");
        }
        assert_eq!(DoNotDisrupt::parse("10m", Version::V1_8), DoNotDisrupt::No);
    }
}
