//! How long a launched instance takes to run, to register as a node, and to be ready; and whether it ever does.

use crate::engine::{Purpose, Streams};
use crate::units::{Ppm, SimDuration};
use rand::Rng;

use super::delay::Delay;

const STARTUP: Purpose = Purpose::named("ec2 node startup");

/// Machine images with a known time to readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AmiPreset {
    /// Bottlerocket, or a tuned image: 30 s median from request to ready.
    Bottlerocket,
    /// Amazon Linux 2023 with nodeadm: 40 s median.
    Al2023,
    /// A custom image with a heavy first boot: 75 s median.
    HeavyCustom,
    /// A stopped instance that is started again: 20 s median.
    WarmPool,
    /// No delay and no hanging launch: for validation against closed forms.
    Instant,
}

/// When a launched instance reaches its stages, counted from the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Startup {
    /// It runs: billing starts.
    pub running_after: SimDuration,
    /// The kubelet has registered the node and it is ready; `None` where the instance hangs for ever and Karpenter's
    /// registration time-out (15 min) must end it.
    pub node: Option<NodeStartup>,
}

/// When a node that comes up reaches its stages, counted from the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeStartup {
    /// The kubelet has registered.
    pub registered_after: SimDuration,
    /// The node is ready.
    pub ready_after: SimDuration,
}

/// Distribution of the start-up.
///
/// Defaults: RunInstances to kernel boot p50 7 s, p95 11 s over 28 launches without other infrastructure (Spare Cores
/// sc-inspector-data timing, 2026-06..08); request to ready by image from awslabs/node-latency-for-k8s (2022-12,
/// 26 s), Karpenter issues 6165 (2024-05, "30-40 s") and 6128 (2024-05, 70-80 s), kube.fm (2026-02, 45 s after
/// tuning). The split behind "running" is ours; the whole is close to lognormal with sigma 0.30.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartupModel {
    /// From the request until the instance runs.
    pub request_to_running: Delay,
    /// From running until the kubelet registers.
    pub running_to_registered: Delay,
    /// From registration until the node is ready.
    pub registered_to_ready: Delay,
    /// Share of launches that never register (default 1 %: 2 of 61 launches measured were that slow).
    pub hang: Ppm,
}

impl StartupModel {
    /// The model of an image.
    #[must_use]
    pub fn preset(image: AmiPreset) -> Self {
        let lognormal = |median_ms, p95_ms| Delay::LogNormal {
            median: SimDuration::from_ms(median_ms),
            p95: SimDuration::from_ms(p95_ms),
        };
        if image == AmiPreset::Instant {
            let none = Delay::Constant(SimDuration::ZERO);
            return Self {
                request_to_running: none.clone(),
                running_to_registered: none.clone(),
                registered_to_ready: none,
                hang: Ppm::ZERO,
            };
        }
        let (running, registered, ready) = match image {
            AmiPreset::Bottlerocket => ((7000, 11_000), (16_000, 30_000), (6000, 13_000)),
            AmiPreset::Al2023 => ((7000, 11_000), (24_000, 46_000), (7500, 16_000)),
            AmiPreset::HeavyCustom => ((7000, 11_000), (55_000, 99_000), (10_000, 21_000)),
            AmiPreset::WarmPool | AmiPreset::Instant => ((5000, 8000), (9700, 20_000), (4200, 10_000)),
        };
        Self {
            request_to_running: lognormal(running.0, running.1),
            running_to_registered: lognormal(registered.0, registered.1),
            registered_to_ready: lognormal(ready.0, ready.1),
            hang: Ppm(10_000),
        }
    }

    /// The same model with all delays stretched by `percent` / 100: 200 for bare metal.
    #[must_use]
    pub fn stretched(&self, percent: u64) -> Self {
        Self {
            request_to_running: self.request_to_running.stretched(percent),
            running_to_registered: self.running_to_registered.stretched(percent),
            registered_to_ready: self.registered_to_ready.stretched(percent),
            hang: self.hang,
        }
    }

    /// The start-up of the launch numbered `ordinal`: the same in every fleet of a replication. Always four draws in
    /// the same order, so that changing one delay leaves the others where they were.
    #[must_use]
    pub fn draw(&self, streams: &Streams, ordinal: u64) -> Startup {
        let mut random = streams.entity(STARTUP, ordinal);
        let hangs = random.next_u64() % 1_000_000 < u64::from(self.hang.0);
        let running_after = self.request_to_running.draw(&mut random);
        let registered_after = running_after + self.running_to_registered.draw(&mut random);
        let ready_after = registered_after + self.registered_to_ready.draw(&mut random);
        Startup { running_after, node: (!hangs).then_some(NodeStartup { registered_after, ready_after }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantiles(image: AmiPreset) -> (u64, u64, f64) {
        let model = StartupModel::preset(image);
        let streams = Streams::new(11, 0);
        let draws: Vec<Startup> = (0..20_000).map(|ordinal| model.draw(&streams, ordinal)).collect();
        let mut ready: Vec<u64> =
            draws.iter().filter_map(|startup| Some(startup.node?.ready_after.as_ms())).collect();
        ready.sort_unstable();
        let hung = (draws.len() - ready.len()) as f64 / draws.len() as f64;
        (ready[ready.len() / 2], ready[ready.len() * 95 / 100], hung)
    }

    #[test]
    fn presets_reach_readiness_as_measured() {
        for (image, median, p95) in [
            (AmiPreset::Bottlerocket, 30_000, 49_000),
            (AmiPreset::Al2023, 40_000, 65_500),
            (AmiPreset::HeavyCustom, 75_000, 123_000),
            (AmiPreset::WarmPool, 20_000, 32_800),
        ] {
            let (half, most, hung) = quantiles(image);
            assert!(half.abs_diff(median) * 100 <= median * 4, "{image:?} median {half}");
            assert!(most.abs_diff(p95) * 100 <= p95 * 8, "{image:?} p95 {most}");
            // 3 standard errors of 1 % over 20,000 draws.
            assert!((hung - 0.01).abs() < 0.0022, "{image:?} hangs {hung}");
        }
    }

    #[test]
    fn a_launch_starts_up_alike_whatever_else_was_launched() {
        let model = StartupModel::preset(AmiPreset::Al2023);
        let streams = Streams::new(3, 2);
        let alone = model.draw(&streams, 41);
        for ordinal in 0..41 {
            let _ = model.draw(&streams, ordinal);
        }
        assert_eq!(model.draw(&streams, 41), alone);
        let node = alone.node.unwrap();
        assert!(alone.running_after < node.registered_after && node.registered_after < node.ready_after);
    }

    #[test]
    fn changing_one_delay_leaves_the_others_alone() {
        let base = StartupModel::preset(AmiPreset::Al2023);
        let slow =
            StartupModel { request_to_running: Delay::Constant(SimDuration::from_mins(5)), ..base.clone() };
        let streams = Streams::new(3, 2);
        let (a, b) = (base.draw(&streams, 5), slow.draw(&streams, 5));
        let span = |startup: &Startup| {
            let node = startup.node.unwrap();
            (
                node.registered_after.saturating_sub(startup.running_after),
                node.ready_after.saturating_sub(node.registered_after),
            )
        };
        assert_eq!(span(&a), span(&b));
        assert_eq!(b.running_after, SimDuration::from_mins(5));
    }
}
