//! Speed that follows the load of each node, in the whole loop.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::ec2::Occupancy;
use fleetsim::metrics::JobOutcome;
use fleetsim::units::{Millicores, Ppm, SimDuration};
use fleetsim::workload::{ArchChoice, Distribution};
use plans::{Case, hours, mins, secs};

/// `count` builds of `work` that compute all the time on one core each, side by side on one node.
fn builds(instance_type: &str, count: u32, work: SimDuration) -> Case {
    let mut case = Case::new()
        .at_once()
        .manager(20)
        .class("build", 900, 256, Distribution::Constant(SimDuration::ZERO), |class| {
            class.arch = ArchChoice::Either;
            class.cpu_bound = Ppm::ONE;
            class.threads = Millicores(1000);
        })
        .nodes(1, instance_type)
        .change(|plan| {
            plan.ec2.follow_load = true;
            plan.ec2.occupancy = Occupancy::Alone;
        });
    for _ in 0..count {
        case = case.job(secs(0), "build", work);
    }
    case
}

/// How long the first script took, seconds.
fn first_took(case: &Case) -> f64 {
    let job = case.run().jobs()[0];
    assert_eq!(job.outcome, JobOutcome::Success);
    (job.script_ended_at - job.script_started_at).as_ms() as f64 / 1000.0
}

#[test]
fn eight_builds_on_eight_vcpus_keep_what_aws_measured() {
    for (instance_type, kept, tolerance) in [("c7g.2xlarge", 96.0, 1.0), ("c6i.2xlarge", 63.0, 2.0)] {
        let alone = first_took(&builds(instance_type, 1, hours(2)));
        let full = first_took(&builds(instance_type, 8, hours(2)));
        let seen = 100.0 * alone / full;
        // The builds start a second apart, which adds a ten-thousandth.
        assert!((seen - kept).abs() <= tolerance + 0.01, "{instance_type} keeps {seen} %");
    }
}

#[test]
fn a_build_speeds_up_when_its_neighbour_ends() {
    // m5.large is the reference: alone an hour of work takes an hour. Beside a neighbour (η 0.61) it makes 61 %.
    let run = builds("m5.large", 1, hours(1)).job(mins(20), "build", mins(10)).run();
    let [long, short] = [run.jobs()[0], run.jobs()[1]];
    let took = |job: &fleetsim::metrics::JobRecord| {
        (job.script_ended_at - job.script_started_at).as_ms() as f64 / 1000.0
    };
    assert!((took(&short) - 600.0 / 0.61).abs() < 0.01, "{}", took(&short));
    // The ten minutes of the neighbour's work cost the longer build as much as they made: 39 % of the overlap.
    assert!((took(&long) - (3600.0 + 0.39 * took(&short))).abs() < 0.01, "{}", took(&long));
}

#[test]
fn durations_of_full_nodes_hold_on_a_full_node_and_shorten_on_an_empty_one() {
    let measured_full = |count| {
        let case = builds("m5.large", count, hours(2));
        first_took(&case.change(|plan| plan.ec2.occupancy = Occupancy::Full))
    };
    assert!((measured_full(2) - 7200.0).abs() < 2.0, "{}", measured_full(2));
    assert!((measured_full(1) - 7200.0 * 0.61).abs() < 1.0, "{}", measured_full(1));
}

#[test]
fn the_time_out_strikes_a_build_that_its_neighbours_made_too_slow() {
    let case = |count| {
        let mut case = builds("m5.large", count, mins(50));
        let (class, _) = case.workload.classes.iter().next().expect("a class");
        case.workload.classes[class].timeout = mins(60);
        case
    };
    assert_eq!(case(1).run().count(JobOutcome::Success), 1);
    let run = case(2).run();
    assert_eq!(run.count(JobOutcome::TimedOut), 2);
    assert!(run.jobs().iter().all(|job| job.script_ended_at - job.picked_at == mins(60)));
}
