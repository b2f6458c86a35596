//! Spans, shares, money and Karpenter's classes of reasons as words.

use crate::karpenter::disruption::{Reason, Refusal, Skip};
use crate::karpenter::solver::{NoType, Refusal as PassRefusal};
use crate::metrics::{JobOutcome, NodeEnd, WaitCause};
use crate::report::format::number;
use crate::simulation::Kept;
use crate::units::SimDuration;

/// A no-break space, so that a number stays with its unit.
const NB: char = '\u{a0}';

/// A span as people say it: `350 ms`, `12.3 s`, `4 min 2 s`, `1 h 12 min`, `3 d 4 h`.
pub(super) fn span(time: SimDuration) -> String {
    let ms = time.as_ms();
    let seconds = (ms + 500) / 1000;
    let two = |a: u64, unit_a: &str, b: u64, unit_b: &str| match b {
        0 => format!("{a}{NB}{unit_a}"),
        _ => format!("{a}{NB}{unit_a}{NB}{b}{NB}{unit_b}"),
    };
    match seconds {
        _ if time == SimDuration::MAX => "never".to_owned(),
        _ if ms < 1000 => format!("{ms}{NB}ms"),
        _ if ms < 59_950 => format!("{}{NB}s", number(ms as f64 / 1000.0, 1)),
        0..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..172_800 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// A share in per cent, with a decimal below ten.
pub(super) fn share(part: f64, whole: f64) -> String {
    let percent = if whole > 0.0 { 100.0 * part / whole } else { 0.0 };
    format!("{}{NB}%", number(percent, usize::from(percent > 0.0 && percent < 9.95)))
}

/// `1 pod`, `3 pods`.
pub(super) fn count(n: usize, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{}{NB}{what}{plural}", number(n as f64, 0))
}

/// Whose pods give way: `the pods of jobs 3 and 5 and 1 pause pod`.
pub(super) fn given_way(victims: &[u32], pause_pods: u32) -> String {
    let jobs: Vec<String> = victims.iter().map(u32::to_string).collect();
    let own = match jobs.len() {
        0 => String::new(),
        1 => format!("the pod of job {}", jobs[0]),
        _ => format!("the pods of jobs {}", jobs.join(", ")),
    };
    let pauses = if pause_pods > 0 { count(pause_pods as usize, "pause pod") } else { String::new() };
    let and = if own.is_empty() || pauses.is_empty() { "" } else { " and " };
    let verb = if victims.len() + pause_pods as usize == 1 { "gives" } else { "give" };
    format!("{own}{and}{pauses} {verb} way")
}

/// What a job waits for, in one sentence.
pub(super) const fn cause_meaning(cause: WaitCause) -> &'static str {
    match cause {
        WaitCause::GitlabQueue => "pending in GitLab: no free slot, or the manager had not asked yet",
        WaitCause::PodUnschedulable => "the pod fitted on no node and none was on its way",
        WaitCause::NodeStart => "a node was on its way for the pod",
        WaitCause::ImagePull => "the node pulled images it did not have",
        WaitCause::PodStart => "sandbox, containers, and the executor's look every poll_interval",
        WaitCause::RetryAfterInterruption => "earlier attempts that the fleet lost, and the way back",
        WaitCause::Dependency => "jobs of its pipeline that had to end first",
    }
}

/// What shortens a wait, in one sentence.
pub(super) const fn remedy(cause: WaitCause) -> &'static str {
    match cause {
        WaitCause::GitlabQueue => {
            "more slots (concurrent, limit), more requests at once (request_concurrency) or a shorter check_interval"
        }
        WaitCause::PodUnschedulable => {
            "room in the NodePool: higher limits, more types, zones and capacity types"
        }
        WaitCause::NodeStart => {
            "nodes that are there already: a longer consolidate_after, or an image that boots faster"
        }
        WaitCause::ImagePull => {
            "smaller images, a registry nearby, images baked into the node's image, longer-lived nodes"
        }
        WaitCause::PodStart => "a shorter poll_interval, fewer helper and service containers",
        WaitCause::RetryAfterInterruption => "on-demand capacity or deeper Spot pools for long jobs",
        WaitCause::Dependency => "a pipeline with fewer stages, or needs",
    }
}

/// How a job ended, after "it".
pub(super) const fn ended(outcome: JobOutcome) -> &'static str {
    use crate::metrics::FailureReason::{RunnerSystem, Script};
    match outcome {
        JobOutcome::Success => "succeeded",
        JobOutcome::Failed(Script) => "failed by itself (script_failure)",
        JobOutcome::Failed(RunnerSystem) => "failed for the runner's sake (runner_system_failure)",
        JobOutcome::TimedOut => "ran into its time-out",
        JobOutcome::Interrupted => "lost its node",
        JobOutcome::PodTimeout => "was given up: its pod did not start within poll_timeout",
        JobOutcome::Dropped => "was dropped by GitLab: no runner picked it in time",
        JobOutcome::Skipped => "was skipped: a job that it needs failed",
        JobOutcome::StillWaiting => "was still waiting at the end of the run",
        JobOutcome::StillRunning => "was still running at the end of the run",
        JobOutcome::Canceled => "was cancelled: a newer push made its pipeline redundant",
    }
}

/// Why a node went.
pub(super) const fn node_end(end: NodeEnd) -> &'static str {
    match end {
        NodeEnd::Empty => "it was empty",
        NodeEnd::Consolidated => "its pods fitted elsewhere or on a cheaper node (Underutilized)",
        NodeEnd::Interrupted => "EC2 took the Spot instance back",
        NodeEnd::Expired => "it reached its largest age",
        NodeEnd::NeverRegistered => "it did not join the cluster in time",
        NodeEnd::RunEnd => "the run ended; it still stood",
        NodeEnd::Drained => "it was drained by hand",
        NodeEnd::Drifted => "it differed from what its pool asks for (Drifted)",
    }
}

/// What a disruption is for.
pub(super) const fn disruption(reason: Reason) -> &'static str {
    match reason {
        Reason::Empty => "empty nodes",
        Reason::Underutilized => "underutilized nodes",
        Reason::Drifted => "drifted nodes",
    }
}

/// Why a pass did not open a node in a NodePool, with Karpenter's class of the reason.
pub(super) fn pass_refusal(refusal: PassRefusal) -> String {
    let words = match refusal {
        PassRefusal::Taint => "the pod does not tolerate its taints",
        PassRefusal::Requirements => "its labels and the pod's selectors exclude each other",
        PassRefusal::Limits => "every type would exceed what is left of its limits",
        PassRefusal::NodeLimit => "its limit of nodes is used up",
        PassRefusal::TopologySpread => "a topology spread constraint leaves no domain",
        PassRefusal::Affinity => "no node has the pods that it must be near to",
        PassRefusal::HostPort => "another pod has its host port",
        PassRefusal::AntiAffinity => "anti-affinity leaves no domain",
        PassRefusal::MinValues => "the types left have too few different values (minValues)",
        PassRefusal::ReservedOffering => {
            "other claims of the pass have all that is left of the capacity reservations; it waits for them"
        }
        PassRefusal::NoType(no_type) => no_type_words(no_type),
    };
    format!("{words} [{}]", refusal.class())
}

const fn no_type_words(no_type: NoType) -> &'static str {
    match no_type {
        NoType::Fits => "no instance type is large enough for the pod",
        NoType::Offered => "no capacity is to be had for any type",
        NoType::Meets => "no type meets the requirements",
        NoType::MeetsNorFits => "no type meets the requirements, and none is large enough",
        NoType::MeetsNorOffered => "no type meets the requirements, and no capacity is to be had",
        NoType::FitsNorOffered => "no type is large enough, and no capacity is to be had",
        NoType::MeetsNorFitsNorOffered => "no type meets the requirements, is large enough or is to be had",
        NoType::FittingLackRequirements => {
            "types that are large enough and to be had do not meet the requirements"
        }
        NoType::MatchingLackRoom => "types that meet the requirements and are to be had are too small",
        NoType::AllThree => "no type meets the requirements, is large enough and is to be had at once",
    }
}

/// Why a node is left alone, with Karpenter's class of the reason.
pub(super) fn kept(why: Kept) -> String {
    match why {
        Kept::Refused(refusal) => {
            let words = match refusal {
                Refusal::Uninitialized => "it is not initialized yet",
                Refusal::MarkedForDeletion => "it is being removed already",
                Refusal::Nominated => "a pass expects pods on it",
                Refusal::NodeDoNotDisrupt => "it carries karpenter.sh/do-not-disrupt",
                Refusal::PodDoNotDisrupt => "a pod on it carries karpenter.sh/do-not-disrupt",
                Refusal::Pdb => "a PodDisruptionBudget lets no pod of it go",
                Refusal::MultiplePdbs => "several PodDisruptionBudgets select one of its pods",
                Refusal::ConsolidateAfterNever => "its pool says consolidateAfter: Never",
                Refusal::PolicyWhenEmpty => "it has pods, and its pool consolidates empty nodes only",
            };
            format!("{words} [{refusal:?}]")
        }
        Kept::Skipped(skip) => {
            let words = match skip {
                Skip::PodsDoNotFit => "a pod of it finds no other place".to_owned(),
                Skip::UninitializedDestination => {
                    "a pod of it would go to a node that is not initialized".to_owned()
                }
                Skip::NeedsSeveralNewNodes(n) => format!("its pods would need {n} new nodes"),
                Skip::NotCheaper => "no cheaper node would do".to_owned(),
                Skip::SpotToSpotGateOff => "Spot is not replaced by Spot (feature gate)".to_owned(),
                Skip::SpotToSpotNeeds15(n) => format!("only {n} cheaper Spot types, 15 are needed"),
                Skip::CandidateOfferingMissing => "its price is unknown".to_owned(),
            };
            let class = format!("{skip:?}");
            format!("{words} [{}]", class.split('(').next().unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_as_people_say_them() {
        let said = |ms: u64| span(SimDuration::from_ms(ms)).replace(NB, " ");
        assert_eq!([said(350), said(12_340), said(59_960)], ["350 ms", "12.3 s", "1 min"]);
        assert_eq!(
            [said(242_000), said(4_320_000), said(273_600_000)],
            ["4 min 2 s", "1 h 12 min", "3 d 4 h"]
        );
        assert_eq!(share(1.0, 3.0).replace(NB, " "), "33 %");
        assert_eq!(share(1.0, 30.0).replace(NB, " "), "3.3 %");
        assert_eq!((count(1, "pod"), count(2, "pod")), ("1\u{a0}pod".into(), "2\u{a0}pods".into()));
    }
}
