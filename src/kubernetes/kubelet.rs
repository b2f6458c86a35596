//! kubelet: how long a bound pod takes to run and a deleted one to leave, and which images a node has. Plain functions
//! over a small state per node; not the binding, not the job that runs.

use crate::units::SimDuration;

/// The caller's number of an image; small and dense, since every node keeps one bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageId(pub u32);

/// A container image as far as pulling it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Compressed size in megabytes (10^6 bytes). CI images: 300 MB at the median, 80 MB to 2 GB.
    pub compressed_mb: u32,
    /// Number of layers of notable size: how far a pull can run in parallel.
    pub layers: u32,
}

/// How fast images come. The defaults are those of figures.md sections 4-5 (containerd #13559 of 2026-06, #8160 of
/// 2023, moby #21814 of 2018): pulling is bound by decompression on one core per layer, then by the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullSpeed {
    /// Megabytes (compressed) per second of one layer, fetched and unpacked. Measured 25 to 90, default 50; 90 with a
    /// mirror nearby.
    pub layer_mb_per_second: u32,
    /// Layers of one image at once (`max_concurrent_downloads`, default 3).
    pub parallel_layers: u32,
    /// Megabytes (compressed) per second of all pulls of a node together (default 130).
    pub node_mb_per_second: u32,
    /// Before the first byte: manifest, authorisation (default 1 s).
    pub start: SimDuration,
    /// Instead of a pull where the image is on the node, 0.5 to 1 s (default 0.7 s).
    pub cached: SimDuration,
}

impl Default for PullSpeed {
    fn default() -> Self {
        Self {
            layer_mb_per_second: 50,
            parallel_layers: 3,
            node_mb_per_second: 130,
            start: SimDuration::from_secs(1),
            cached: SimDuration::from_ms(700),
        }
    }
}

impl PullSpeed {
    /// The default with a registry mirror in the same network (90 MB/s per layer).
    #[must_use]
    pub fn with_mirror() -> Self {
        Self { layer_mb_per_second: 90, ..Self::default() }
    }

    /// How long a cold pull of `image` takes while `others` more pulls run on the node: its layers side by side,
    /// within its share of what the node can do. The share is that of the moment the pull begins.
    #[must_use]
    pub fn cold(&self, image: Image, others: u32) -> SimDuration {
        let side_by_side = u64::from(image.layers.clamp(1, self.parallel_layers.max(1)));
        let own = u64::from(self.layer_mb_per_second.max(1)) * side_by_side;
        // Compared as own <= node / (others + 1) without losing the fraction.
        let pulls = u64::from(others) + 1;
        let node = u64::from(self.node_mb_per_second.max(1));
        let mb_ms = u64::from(image.compressed_mb) * 1000;
        let transfer = if own * pulls <= node { mb_ms.div_ceil(own) } else { (mb_ms * pulls).div_ceil(node) };
        self.start + SimDuration::from_ms(transfer)
    }
}

/// The images of one node, a bit each, and how many pulls it has under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeImages {
    present: Vec<u64>,
    pulls: u32,
}

impl NodeImages {
    /// Whether the node has the image.
    #[must_use]
    pub fn has(&self, image: ImageId) -> bool {
        self.present.get(image.0 as usize / 64).is_some_and(|word| word & (1 << (image.0 % 64)) != 0)
    }

    /// Puts an image on the node: pulled, or part of the machine image.
    pub fn insert(&mut self, image: ImageId) {
        let word = image.0 as usize / 64;
        if self.present.len() <= word {
            self.present.resize(word + 1, 0);
        }
        self.present[word] |= 1 << (image.0 % 64);
    }

    /// Empties the node for another machine, keeping the memory.
    pub fn clear(&mut self) {
        self.present.fill(0);
        self.pulls = 0;
    }

    /// How many pulls run.
    #[must_use]
    pub fn pulls(&self) -> u32 {
        self.pulls
    }

    /// A pod needs `image`: how long until it is there, and whether that is a pull which [`Self::pull_ended`] must
    /// follow. A second pod that needs an image being pulled pulls it too (the EKS machine images set
    /// `serializeImagePulls: false`): the image counts as present only at the end.
    pub fn pull(&mut self, image: ImageId, what: Image, speed: &PullSpeed) -> (SimDuration, bool) {
        if self.has(image) {
            return (speed.cached, false);
        }
        let took = speed.cold(what, self.pulls);
        self.pulls += 1;
        (took, true)
    }

    /// The pull of `image` ended, complete or (the pod was deleted meanwhile) not.
    pub fn pull_ended(&mut self, image: ImageId, complete: bool) {
        self.pulls = self.pulls.saturating_sub(1);
        if complete {
            self.insert(image);
        }
    }
}

/// What starting and ending a pod takes apart from images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodTimes {
    /// From the binding to the sandbox with its network (kubelet notices, CNI assigns an address): 1.5 s.
    pub sandbox: SimDuration,
    /// Creating and starting one container once its image is there: 0.3 s.
    pub container: SimDuration,
    /// From the end of the last process until the pod object is gone (sandbox, volumes, the status sent): 1 s.
    pub teardown: SimDuration,
}

impl Default for PodTimes {
    /// An assumption of the right size, not a measurement: the recorded clusters use fixed delays of their own, and
    /// the measured "pod ready" after "node ready" of 2 s (node-latency-for-k8s, 2022-12) bounds the sum from above.
    fn default() -> Self {
        Self {
            sandbox: SimDuration::from_ms(1500),
            container: SimDuration::from_ms(300),
            teardown: SimDuration::from_secs(1),
        }
    }
}

impl PodTimes {
    /// From the binding until all containers run. `init_pulls` and `pulls` are the times of the images of the init
    /// containers and of the others. Init containers come one after another, each with its pull; the containers' images
    /// come one after another too, each container starting when its image is there (kubelet `SyncPod`).
    #[must_use]
    pub fn until_running(&self, init_pulls: &[SimDuration], pulls: &[SimDuration]) -> SimDuration {
        let one_by_one = |pulls: &[SimDuration]| {
            pulls.iter().copied().sum::<SimDuration>() + self.container * pulls.len() as u64
        };
        self.sandbox + one_by_one(init_pulls) + one_by_one(pulls)
    }

    /// From the request to delete a pod until its object is gone and the scheduler counts its requests as free.
    /// `stops_after` is how long its processes need after SIGTERM (`None`: they ignore it, as a shell does that waits
    /// for a child); after `grace` they are killed.
    #[must_use]
    pub fn until_gone(&self, stops_after: Option<SimDuration>, grace: SimDuration) -> SimDuration {
        stops_after.map_or(grace, |needed| needed.min(grace)) + self.teardown
    }

    /// From the end of a pod's containers until its phase is terminal, when the scheduler counts its requests as free
    /// although the object stays.
    #[must_use]
    pub fn until_finished(&self) -> SimDuration {
        self.teardown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Image = Image { compressed_mb: 300, layers: 1 };
    const LAYERED: Image = Image { compressed_mb: 300, layers: 8 };

    fn seconds(span: SimDuration) -> f64 {
        span.as_secs_f64()
    }

    #[test]
    fn a_pull_is_bound_by_its_layers_then_by_the_node() {
        let speed = PullSpeed::default();
        assert!((seconds(speed.cold(SMALL, 0)) - 7.0).abs() < 0.001, "one layer at 50 MB/s");
        assert!(
            (seconds(speed.cold(LAYERED, 0)) - (1.0 + 300.0 / 130.0)).abs() < 0.001,
            "three layers, 130 MB/s"
        );
        assert_eq!(speed.cold(SMALL, 1), speed.cold(SMALL, 0), "two pulls of 50 MB/s fit into 130 MB/s");
        assert!((seconds(speed.cold(SMALL, 3)) - (1.0 + 300.0 * 4.0 / 130.0)).abs() < 0.001, "four do not");
        assert!(PullSpeed::with_mirror().cold(SMALL, 0) < speed.cold(SMALL, 0));
    }

    #[test]
    fn an_image_is_cached_from_the_end_of_its_first_complete_pull() {
        let speed = PullSpeed::default();
        let mut node = NodeImages::default();
        let image = ImageId(70);
        let (first, pulls) = node.pull(image, SMALL, &speed);
        assert!(pulls && first == speed.cold(SMALL, 0) && node.pulls() == 1);
        node.pull_ended(image, false);
        assert!(!node.has(image), "a pull broken off leaves nothing");
        assert!(node.pull(image, SMALL, &speed).1);
        node.pull_ended(image, true);
        assert_eq!(node.pull(image, SMALL, &speed), (speed.cached, false));
        assert!(!node.has(ImageId(6)) && !node.has(ImageId(700)));
        node.clear();
        assert!(!node.has(image) && node.pulls() == 0);
    }

    #[test]
    fn grace_bounds_how_long_a_deleted_pod_lingers() {
        let times = PodTimes::default();
        let grace = SimDuration::from_secs(30);
        assert_eq!(times.until_gone(Some(SimDuration::from_secs(2)), grace), SimDuration::from_secs(3));
        assert_eq!(times.until_gone(None, grace), SimDuration::from_secs(31));
        let pulls = [SimDuration::from_secs(7), SimDuration::from_ms(700)];
        assert_eq!(times.until_running(&pulls[1..], &pulls), SimDuration::from_ms(1500 + 1000 + 7700 + 600));
    }
}
