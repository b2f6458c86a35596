//! Rules of Karpenter about time that upstream's own tests show: when a batch closes, when a drain is forced, when a budget
//! applies, what a Spot notice makes unavailable. Each rule without the loop.

use fleetsim::karpenter::batcher::{BatchWindow, Batcher};
use fleetsim::karpenter::disruption::{Budget, DoNotDisrupt, Reason, UNLIMITED, allowed_disruptions};
use fleetsim::karpenter::pods::PodId;
use fleetsim::karpenter::termination::{DrainGroup, DrainPod, Removal, RemovalOutcome};
use fleetsim::units::{SimDuration, SimTime};

fn at(seconds: u64) -> SimTime {
    SimTime::from_ms(seconds * 1000)
}

/// A batcher that waits 5 s for more and no longer than 10 s.
fn patient() -> Batcher {
    Batcher::new(BatchWindow { idle: SimDuration::from_secs(5), max: SimDuration::from_secs(10) })
}

#[test]
fn a_pod_that_triggers_again_does_not_keep_the_batch_open_and_a_new_one_does() {
    let mut again = patient();
    again.trigger(at(0), 1);
    again.trigger(at(3), 1);
    assert!(again.close_if_due(at(6)), "five seconds after the only pod");
    let mut new = patient();
    new.trigger(at(0), 1);
    new.trigger(at(3), 2);
    assert!(!new.close_if_due(at(6)) && new.close_if_due(at(9)));
}

#[test]
fn ever_new_pods_keep_a_batch_open_for_its_longest_time_only() {
    let mut batcher = patient();
    for second in 0..10 {
        batcher.trigger(at(second), second);
    }
    assert!(!batcher.close_if_due(at(9)) && batcher.close_if_due(at(10)));
}

/// A pod that nobody may disrupt and that takes so long to end.
fn protected(grace: u64) -> DrainPod {
    DrainPod {
        pod: PodId(1),
        group: DrainGroup::Plain,
        grace: SimDuration::from_secs(grace),
        do_not_disrupt: DoNotDisrupt::Always,
        started_at: Some(at(0)),
        stays: false,
    }
}

/// When a node with this pod, deleted at 1,000 s with 300 s to go, deletes the pod by force, and with which grace period.
fn forced(pod: DrainPod) -> Option<(u64, SimDuration)> {
    let mut removal = Removal::new(at(1000), Some(SimDuration::from_secs(300)), vec![pod]);
    let mut out = Vec::new();
    while removal.next_wakeup() <= at(1400) {
        let now = removal.next_wakeup();
        removal.wake(now, |_| true, &mut out);
        match out.pop() {
            Some(RemovalOutcome::ForceDelete(_, grace)) => return Some((now.as_ms() / 1000 - 1000, grace)),
            Some(RemovalOutcome::Evict(pod)) => panic!("{pod:?} is protected"),
            Some(RemovalOutcome::TerminateInstance | RemovalOutcome::Gone) => return None,
            None => {}
        }
    }
    None
}

#[test]
fn a_protected_pod_gets_its_whole_grace_period_before_the_node_has_to_go() {
    let (after, grace) = forced(protected(300)).expect("it is deleted");
    assert!(after <= 1 && grace <= SimDuration::from_secs(300), "at once: {after} s, {grace:?}");
    let (after, grace) = forced(protected(60)).expect("it is deleted");
    // The eviction queue tries again every ten seconds at the latest, and finds out then; what is left is the grace period.
    assert!((240..=250).contains(&after), "60 s before the end: {after} s");
    let left = SimDuration::from_secs(300 - after);
    assert!(grace <= left && grace + SimDuration::from_secs(2) >= left, "{grace:?} of {left:?}");
}

#[test]
fn the_instance_goes_no_earlier_than_five_seconds_after_the_deletion_though_nothing_is_on_it() {
    let mut removal = Removal::new(at(1000), None, Vec::new());
    let mut out = Vec::new();
    while removal.next_wakeup() < at(1005) {
        removal.wake(removal.next_wakeup(), |_| true, &mut out);
        assert_eq!(out, []);
    }
    removal.wake(removal.next_wakeup(), |_| true, &mut out);
    assert_eq!(out, [RemovalOutcome::TerminateInstance]);
}

#[test]
fn every_reason_has_the_smallest_of_the_budgets_that_name_it_or_name_none() {
    let budgets = [
        Budget::new("10", None, None, None),
        Budget::new("4", None, None, Some(vec![Reason::Empty])),
        Budget::new("5", None, None, Some(vec![Reason::Drifted])),
    ];
    let allowed = [Reason::Empty, Reason::Drifted, Reason::Underutilized]
        .map(|reason| allowed_disruptions(&budgets, 0, 100, reason));
    assert_eq!(allowed, [4, 5, 10]);
}

#[test]
fn a_budget_with_a_schedule_holds_from_its_hit_in_utc_for_its_duration_and_not_outside() {
    const HOUR: i64 = 3_600_000;
    // 2026-11-25 is a Wednesday; 00:00 UTC.
    let midnight = 1_795_564_800_000;
    let working_hours = [Budget::new("0", Some("0 9 * * mon-fri"), Some(SimDuration::from_hours(8)), None)];
    let allowed = |unix_ms| allowed_disruptions(&working_hours, unix_ms, 100, Reason::Empty);
    assert_eq!(allowed(midnight + 9 * HOUR - 1), UNLIMITED);
    assert_eq!(allowed(midnight + 9 * HOUR), 0);
    assert_eq!(allowed(midnight + 17 * HOUR - 1), 0);
    assert_eq!(allowed(midnight + 17 * HOUR), UNLIMITED);
    assert_eq!(allowed(midnight + 3 * 24 * HOUR + 12 * HOUR), UNLIMITED, "a Saturday");
}
