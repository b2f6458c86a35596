//! Recorded removals of one node by Karpenter's termination controllers (family h).

#![allow(clippy::print_stdout)] // says how many recorded cases agree

mod support;

use fleetsim::karpenter::disruption::DoNotDisrupt;
use fleetsim::karpenter::pods::PodId;
use fleetsim::karpenter::termination::{DrainGroup, DrainPod, Removal, RemovalOutcome};
use fleetsim::units::{SimDuration, SimTime};
use serde_json::Value;

#[test]
fn oracle_family_h_removal() {
    if support::open("disruption/family-h.jsonl").is_none() {
        return;
    }
    let cases: Vec<Value> = support::lines("disruption/family-h.jsonl")
        .iter()
        .map(|line| serde_json::from_str(line).expect("a case"))
        .collect();
    let failures: Vec<String> = cases.iter().filter_map(|case| check(case).err()).collect();
    println!("disruption family h: {} of {} agree", cases.len() - failures.len(), cases.len());
    assert!(failures.is_empty(), "{}", failures.iter().take(5).cloned().collect::<Vec<_>>().join("\n"));
}

/// What a timeline says at one instant: time, what, pod, value.
type Entry = (u64, &'static str, String, u64);

fn check(case: &Value) -> Result<(), String> {
    let mut ours = replay(case);
    let mut recorded: Vec<Entry> = case["expect"].as_array().unwrap().iter().map(entry).collect();
    ours.sort();
    recorded.sort();
    if ours == recorded { Ok(()) } else { Err(format!("{}: {ours:?}\n recorded {recorded:?}", case["id"])) }
}

fn entry(value: &Value) -> Entry {
    const KINDS: [&str; 9] = [
        "delete_requested",
        "pod_evicted",
        "pod_force_deleted",
        "pod_gone",
        "pod_finished",
        "terminate_instance",
        "instance_terminating",
        "node_gone",
        "nodeclaim_gone",
    ];
    let what = KINDS.into_iter().find(|kind| value["what"] == **kind).expect("a known kind");
    let pod = value["pod"].as_str().unwrap_or_default().to_owned();
    (value["t_ms"].as_u64().unwrap(), what, pod, value["value_ms"].as_u64().unwrap_or(0))
}

/// The kubelet's side of the case: when pods end by themselves or after their SIGTERM.
struct Kubelet<'a> {
    pods: &'a [Value],
    finishes: Vec<Option<u64>>,
    exits: Vec<Option<u64>>,
}

fn replay(case: &Value) -> Vec<Entry> {
    let pods = case["pods"].as_array().unwrap();
    let start = case["nodeclaim_delete_ms"].as_u64().unwrap();
    let grace_period = case["termination_grace_period_seconds"].as_u64().map(SimDuration::from_secs);
    let drained = pods.iter().enumerate().map(|(index, pod)| drain_pod(index, pod)).collect();
    let mut removal = Removal::new(SimTime::from_ms(start), grace_period, drained);
    let mut kubelet = Kubelet {
        pods,
        finishes: pods.iter().map(|pod| pod["finishes_ms"].as_u64()).collect(),
        exits: vec![None; pods.len()],
    };
    let mut log = vec![(start, "delete_requested", String::new(), 0)];
    let mut instance_gone = u64::MAX;
    let horizon = case["horizon_ms"].as_u64().unwrap();
    let mut out = Vec::new();
    loop {
        let now = kubelet.next().min(removal.next_wakeup().as_ms()).min(instance_gone);
        if now > horizon {
            return log;
        }
        kubelet.run(now, &mut removal, &mut log);
        if instance_gone <= now {
            removal.instance_gone(SimTime::from_ms(now));
            instance_gone = u64::MAX;
        }
        let may_evict = |pod: PodId| {
            pods[pod.0 as usize]["pdb_blocked_until_ms"].as_u64().is_none_or(|until| now >= until)
        };
        removal.wake(SimTime::from_ms(now), may_evict, &mut out);
        for outcome in out.drain(..) {
            match outcome {
                RemovalOutcome::Evict(pod) => {
                    let grace = pods[pod.0 as usize]["grace_seconds"].as_u64().unwrap();
                    kubelet.stop(now, pod, grace * 1000);
                    log.push((now, "pod_evicted", kubelet.name(pod), 0));
                }
                RemovalOutcome::ForceDelete(pod, grace) => {
                    kubelet.stop(now, pod, grace.as_ms());
                    log.push((now, "pod_force_deleted", kubelet.name(pod), grace.as_ms()));
                }
                RemovalOutcome::TerminateInstance => {
                    instance_gone = now + case["instance_gone_after_terminate_ms"].as_u64().unwrap();
                    log.push((now, "terminate_instance", String::new(), 0));
                    log.push((now, "instance_terminating", String::new(), 0));
                }
                RemovalOutcome::Gone => {
                    log.push((now, "node_gone", String::new(), 0));
                    log.push((now, "nodeclaim_gone", String::new(), 0));
                    return log;
                }
            }
        }
    }
}

impl Kubelet<'_> {
    fn next(&self) -> u64 {
        self.finishes.iter().chain(&self.exits).flatten().copied().min().unwrap_or(u64::MAX)
    }

    fn name(&self, pod: PodId) -> String {
        self.pods[pod.0 as usize]["name"].as_str().unwrap().to_owned()
    }

    /// A pod got its SIGTERM: it exits by itself, or is killed when its grace period is over.
    fn stop(&mut self, now: u64, pod: PodId, grace_ms: u64) {
        let index = pod.0 as usize;
        let exit = self.pods[index]["exit_after_sigterm_ms"].as_u64().unwrap().min(grace_ms + 137);
        self.exits[index] = Some(self.exits[index].map_or(now + exit, |before| before.min(now + exit)));
        self.finishes[index] = None;
    }

    fn run(&mut self, now: u64, removal: &mut Removal, log: &mut Vec<Entry>) {
        for index in 0..self.pods.len() {
            let pod = PodId(index as u32);
            for (times, what) in [(&mut self.finishes, "pod_finished"), (&mut self.exits, "pod_gone")] {
                if times[index].is_some_and(|at| at <= now) {
                    times[index] = None;
                    log.push((now, what, self.pods[index]["name"].as_str().unwrap().to_owned(), 0));
                    removal.pod_over(SimTime::from_ms(now), pod);
                }
            }
        }
    }
}

fn drain_pod(index: usize, pod: &Value) -> DrainPod {
    let is_daemon = pod["owner"] == "daemonset";
    let is_critical = pod["priority_class"].as_str().is_some_and(|class| class.starts_with("system-"));
    DrainPod {
        pod: PodId(index as u32),
        group: match (is_critical, is_daemon) {
            (false, false) => DrainGroup::Plain,
            (false, true) => DrainGroup::Daemon,
            (true, false) => DrainGroup::Critical,
            (true, true) => DrainGroup::CriticalDaemon,
        },
        grace: SimDuration::from_secs(pod["grace_seconds"].as_u64().unwrap()),
        do_not_disrupt: if pod["do_not_disrupt"] == true { DoNotDisrupt::Always } else { DoNotDisrupt::No },
        started_at: Some(SimTime::ZERO),
        stays: pod["tolerates_disrupted_taint"] == true || pod["owner"] == "node",
    }
}
