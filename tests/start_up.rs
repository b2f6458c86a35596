//! What a pod waits for before its script on a node that is there: images by size and layers, the node's bandwidth shared by pulls
//! side by side, and images that are there already. Worked out by hand, to the millisecond.

#[path = "support/plans.rs"]
mod plans;

use fleetsim::metrics::WaitCause;
use fleetsim::simulation::{Image, PodSource};
use fleetsim::units::SimDuration;
use fleetsim::workload::{Distribution, ImageId};
use plans::{Case, Run, mins, secs};

/// One node of 16 cores; a class of jobs for each image of so many MB and layers.
fn case(images: &[(u32, u32)]) -> Case {
    let mut case = Case::new().at_once().nodes(1, "m6i.4xlarge").change(|plan| {
        plan.executor.pod_source = PodSource::Direct;
        plan.kubernetes.images = images
            .iter()
            .map(|(compressed_mb, layers)| Image {
                name: format!("{compressed_mb} MB"),
                compressed_mb: *compressed_mb,
                layers: *layers,
            })
            .collect();
    });
    for number in 0..images.len() as u32 {
        let nothing = Distribution::Constant(SimDuration::ZERO);
        case = case.class(&format!("of image {number}"), 900, 1024, nothing, |class| {
            class.image = ImageId(number);
        });
    }
    case.until(mins(60))
}

/// How long each job waited for its image, in ms, in the order of their classes.
fn pulls(run: &Run) -> Vec<u64> {
    let mut jobs: Vec<_> = run.jobs().into_iter().map(|job| (job.class, job.pending_at, job)).collect();
    jobs.sort_by_key(|(class, at, _)| (*class, *at));
    jobs.iter().map(|(_, _, job)| job.wait.of(WaitCause::ImagePull).as_ms()).collect()
}

#[test]
fn a_pull_takes_its_layers_three_at_a_time_as_fast_as_the_node_can() {
    // A second for the manifest, then 50 MB/s for each of at most three layers, and 130 MB/s of the node in all: 600 MB in one
    // layer take 12 s, in two 6 s, in three or more 600 / 130 = 4.616 s.
    for (layers, ms) in [(1, 13_000), (2, 7000), (3, 5616), (12, 5616)] {
        let run = case(&[(600, layers)]).job(secs(60), "of image 0", secs(10)).run();
        assert_eq!(pulls(&run), [ms], "{layers} layers");
    }
}

#[test]
fn pulls_side_by_side_share_what_the_node_can_do() {
    // Four pods with images of 300 MB of their own at one instant. Two pulls of 50 MB/s fit into 130 MB/s; the third begins as one of
    // three and has 43.3 MB/s (300 x 3 / 130 = 6.924 s), the fourth 32.5 MB/s (9.231 s).
    let four = case(&[(300, 1), (300, 1), (300, 1), (300, 1)]);
    let four = (0..4).fold(four, |case, number| case.job(secs(60), &format!("of image {number}"), secs(30)));
    let mut ms = pulls(&four.run());
    ms.sort_unstable();
    assert_eq!(ms, [7000, 7000, 7924, 10_231]);
}

#[test]
fn an_image_that_is_there_is_only_looked_for() {
    // The first pod pulls for 7 s; one that comes two minutes later finds the image in 0.7 s.
    let run = case(&[(300, 1)]).job(secs(60), "of image 0", secs(10)).job(secs(180), "of image 0", secs(10));
    assert_eq!(pulls(&run.run()), [7000, 700]);
}

#[test]
fn a_faster_mirror_and_a_faster_node_shorten_pulls() {
    // 180 MB at 90 MB/s are 2 s; 900 MB in three layers at 300 MB/s of the node are limited by the layers, 270 MB/s: 3.334 s.
    let fast = |images| {
        case(images).change(|plan| {
            plan.kubernetes.pull_speed.layer_mb_per_second = 90;
            plan.kubernetes.pull_speed.node_mb_per_second = 300;
        })
    };
    assert_eq!(pulls(&fast(&[(180, 1)]).job(secs(60), "of image 0", secs(10)).run()), [3000]);
    assert_eq!(pulls(&fast(&[(900, 3)]).job(secs(60), "of image 0", secs(10)).run()), [4334]);
}
