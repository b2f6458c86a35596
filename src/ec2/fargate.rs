//! Fargate pods: the size that a pod is rounded up to, and what it costs.

use crate::catalog::fargate_prices;
use crate::units::{HourlyPrice, Mebibytes, Millicores, Resources};

/// Memory that EKS adds for the kubelet, kube-proxy and containerd (EKS user guide, Fargate pod configuration).
const SYSTEM_MIB: u32 = 256;

/// vCPUs in millicores, and smallest, largest and step of memory in MiB (EKS user guide, Fargate pod configuration).
const SIZES: [(u32, u32, u32, u32); 7] = [
    (250, 512, 2048, 1024),
    (500, 1024, 4096, 1024),
    (1000, 2048, 8192, 1024),
    (2000, 4096, 16_384, 1024),
    (4000, 8192, 30_720, 1024),
    (8000, 16_384, 61_440, 4096),
    (16_000, 32_768, 122_880, 8192),
];

/// A Fargate size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FargateSize {
    /// vCPUs.
    pub cpu: Millicores,
    /// Memory.
    pub memory: Mebibytes,
}

/// Fargate prices per hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FargatePrices {
    /// Of one vCPU.
    pub vcpu: HourlyPrice,
    /// Of one GB of memory.
    pub memory_gb: HourlyPrice,
}

impl FargateSize {
    /// The smallest size for a pod with these requests and EKS's own 256 MiB; `None` where no size is large enough.
    #[must_use]
    pub fn of(requests: Resources) -> Option<Self> {
        let memory = requests.memory.0.checked_add(SYSTEM_MIB)?;
        let (cpu, least, _, step) =
            SIZES.into_iter().find(|(cpu, _, most, _)| requests.cpu.0 <= *cpu && memory <= *most)?;
        let memory = if memory <= least {
            least
        } else if cpu == 250 && memory <= 1024 {
            1024
        } else {
            // Steps count from the smallest size; the quarter vCPU has 0.5, 1 and 2 GB.
            let from = if cpu == 250 { 1024 } else { least };
            from + (memory - from).div_ceil(step) * step
        };
        Some(Self { cpu: Millicores(cpu), memory: Mebibytes(memory) })
    }

    /// Every size, smallest first.
    pub fn all() -> impl Iterator<Item = Self> {
        SIZES.into_iter().flat_map(|(cpu, least, most, step)| {
            // The quarter vCPU has 0.5, 1 and 2 GB.
            let first = if cpu == 250 { 1024 } else { least };
            let smallest = (cpu == 250).then_some(least);
            let memories = smallest.into_iter().chain((first..=most).step_by(step as usize));
            memories.map(move |memory| Self { cpu: Millicores(cpu), memory: Mebibytes(memory) })
        })
    }

    /// What a pod may request of it: EKS's own 256 MiB are not for the pod.
    #[must_use]
    pub const fn room(self) -> Resources {
        Resources { cpu: self.cpu, memory: Mebibytes(self.memory.0 - SYSTEM_MIB) }
    }

    /// What the size costs, rounded to the nearest nano-dollar. Billed per second, at least a minute.
    #[must_use]
    pub fn hourly(self, prices: &FargatePrices) -> HourlyPrice {
        let cpu = u64::from(self.cpu.0) * prices.vcpu.0;
        let memory = u64::from(self.memory.0) * prices.memory_gb.0;
        HourlyPrice((cpu + 500) / 1000 + (memory + 512) / 1024)
    }
}

impl Default for FargatePrices {
    /// Linux on x86 in us-east-1: $0.04048 per vCPU, $0.004445 per GB. EKS Fargate has no arm64.
    fn default() -> Self {
        let (vcpu, memory_gb) = fargate_prices();
        Self { vcpu, memory_gb }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_rounded_up_to_a_size_that_exists() {
        let size = |cpu, memory| {
            FargateSize::of(Resources::new(cpu, memory)).map(|size| (size.cpu.0, size.memory.0))
        };
        assert_eq!(size(0, 0), Some((250, 512)));
        assert_eq!(size(100, 256), Some((250, 512)));
        assert_eq!(size(100, 512), Some((250, 1024)));
        assert_eq!(size(250, 1024), Some((250, 2048)));
        assert_eq!(size(250, 2048), Some((500, 3072)));
        // Karpenter's own controller: 1 vCPU and 1 GiB become 1 vCPU and 2 GB.
        assert_eq!(size(1000, 1024), Some((1000, 2048)));
        assert_eq!(size(1001, 1024), Some((2000, 4096)));
        assert_eq!(size(8000, 20_000), Some((8000, 20_480)));
        assert_eq!(size(16_000, 122_880), None);
    }

    #[test]
    fn the_cheapest_size_that_holds_a_pod_is_the_one_it_is_rounded_up_to() {
        let prices = FargatePrices::default();
        for (cpu, memory) in
            [(0, 0), (100, 512), (250, 2048), (900, 3000), (1000, 7936), (3000, 20_000), (9000, 40_000)]
        {
            let requests = Resources::new(cpu, memory);
            let holds = |size: &FargateSize| requests.fits_in(size.room());
            let cheapest = FargateSize::all().filter(holds).min_by_key(|size| size.hourly(&prices));
            assert_eq!(cheapest, FargateSize::of(requests));
        }
    }

    #[test]
    fn a_size_costs_its_cpu_and_its_memory() {
        let size = FargateSize { cpu: Millicores(1000), memory: Mebibytes(2048) };
        // 0.04048 + 2 × 0.004445
        assert_eq!(size.hourly(&FargatePrices::default()), HourlyPrice(49_370_000));
    }
}
