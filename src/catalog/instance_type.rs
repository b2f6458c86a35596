//! The plain facts of one instance type: size, CPU, network interfaces, flags; and what Kubernetes may use of it.

use crate::engine::Id;
use crate::units::{Mebibytes, Millicores, Resources};
use std::borrow::Cow;
use std::fmt;

use super::cpu::CpuGeneration;
use super::kinds::Arch;

/// The id of an instance type within one [`super::Catalog`]. Ids follow the order of the names.
pub type TypeId = Id<InstanceType>;

/// Who designed the CPU, as in the label `karpenter.k8s.aws/instance-cpu-manufacturer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CpuManufacturer {
    /// `intel`.
    Intel,
    /// `amd`.
    Amd,
    /// `aws` (Graviton).
    Aws,
}

impl CpuManufacturer {
    /// The label value.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Intel => "intel",
            Self::Amd => "amd",
            Self::Aws => "aws",
        }
    }
}

impl fmt::Display for CpuManufacturer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// One EC2 instance type, or a type that a scenario defines itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// Full name, such as `m7g.2xlarge`.
    pub name: Cow<'static, str>,
    /// CPU architecture.
    pub arch: Arch,
    /// vCPUs as EC2 counts them (hyper-threads on most x86 types).
    pub vcpus: u32,
    /// Advertised memory, before the hypervisor's share.
    pub memory: Mebibytes,
    /// Who designed the CPU.
    pub cpu_manufacturer: CpuManufacturer,
    /// Generation of the CPU, which carries its speed.
    pub cpu_generation: Id<CpuGeneration>,
    /// Hardware threads per core: 2 with hyper-threading, else 1. `vcpus / threads_per_core` cores.
    pub threads_per_core: u32,
    /// Sustained clock in MHz, as published.
    pub clock_mhz: u32,
    /// Leading letters of the family: `m`, `c`, `r`, `hpc`, …; the label `instance-category`.
    pub category: Cow<'static, str>,
    /// Number after the category: 7 of `m7g`; the label `instance-generation`.
    pub generation: u32,
    /// Local NVMe storage in GB (decimal), 0 without.
    pub local_nvme_gb: u32,
    /// Network interfaces of the default network card.
    pub max_enis: u32,
    /// IPv4 addresses per network interface.
    pub ipv4_per_eni: u32,
    /// Pods that the VPC CNI can give an address (`max-pods` of the node).
    pub max_pods: u32,
    /// Baseline network bandwidth in Mbit/s.
    pub network_mbps: u32,
    /// Peak ("up to") network bandwidth in Mbit/s.
    pub network_peak_mbps: u32,
    /// No hypervisor. List prices of bare metal are unreliable here (see [`super::PriceBasis::BareMetal`]).
    pub bare_metal: bool,
    /// CPU credits (`t` families).
    pub burstable: bool,
    /// `-flex` family: full CPU most of the time only.
    pub flex: bool,
    /// Offered by AWS as current generation.
    pub current_generation: bool,
    /// Outside the families usually considered for CI (`a1`, `d`, `hpc`, `i`, `im`, `is`, `x`, `z`).
    pub exotic: bool,
}

impl InstanceType {
    /// The family: `m7g` of `m7g.2xlarge`, the whole name where there is no dot.
    #[must_use]
    pub fn family(&self) -> &str {
        self.name.split_once('.').map_or(&*self.name, |(family, _)| family)
    }

    /// The size: `2xlarge` of `m7g.2xlarge`, empty where there is no dot.
    #[must_use]
    pub fn size(&self) -> &str {
        self.name.split_once('.').map_or("", |(_, size)| size)
    }

    /// Physical cores.
    #[must_use]
    pub fn cores(&self) -> u32 {
        (self.vcpus / self.threads_per_core.max(1)).max(1)
    }

    /// The hypervisor label: `nitro`, `xen`, or empty on bare metal. The Xen families are those launched before
    /// Nitro (2017-11, C5): `c4`, `i3`, `m4`, `r4`, `t2`, `x1`, `x1e`.
    #[must_use]
    pub fn hypervisor(&self) -> &'static str {
        if self.bare_metal {
            return "";
        }
        match self.family() {
            "c4" | "i3" | "m4" | "r4" | "t2" | "x1" | "x1e" => "xen",
            _ => "nitro",
        }
    }

    /// What the node reports as capacity: all vCPUs, and the memory left by the hypervisor as Karpenter expects it.
    ///
    /// Karpenter AWS provider v1.15 `pkg/providers/instancetype/types.go`: on arm64 64 MiB go to CMA first, then
    /// 7.5 % (`VM_MEMORY_OVERHEAD_PERCENT`), rounded up.
    #[must_use]
    pub fn capacity(&self) -> Resources {
        let cma = if self.arch == Arch::Arm64 { 64 } else { 0 };
        let visible = u64::from(self.memory.0.saturating_sub(cma));
        let overhead = (visible * 75).div_ceil(1000);
        Resources::new(self.vcpus * 1000, (visible - overhead) as u32)
    }

    /// What pods may use, with this type's own `max_pods`. See [`InstanceType::allocatable_with`].
    #[must_use]
    pub fn allocatable(&self) -> Resources {
        self.allocatable_with(self.max_pods)
    }

    /// What pods may use where kube-reserved memory is computed for `pods` pods: capacity less kube-reserved (CPU
    /// 6 % of the first core, 1 % of the second, 0.5 % of the next two, 0.25 % of the rest; memory 11 MiB per pod +
    /// 255 MiB) less the hard eviction threshold of 100 MiB. AL2023 defaults, Karpenter AWS provider v1.15; all 1,229
    /// rows of its instance type page follow.
    #[must_use]
    pub fn allocatable_with(&self, pods: u32) -> Resources {
        let capacity = self.capacity();
        let reserved_memory = 11 * pods + 255 + 100;
        Resources {
            cpu: Millicores(capacity.cpu.0 - kube_reserved_cpu_milli(capacity.cpu.0)),
            memory: Mebibytes(capacity.memory.0.saturating_sub(reserved_memory)),
        }
    }

    /// Allocatable ephemeral storage in GiB for a root volume of `root_gib`: less 1 GiB kube-reserved and the 10 %
    /// eviction threshold (rounded up). 17 of the default 20.
    #[must_use]
    pub fn ephemeral_allocatable_gib(root_gib: u32) -> u32 {
        root_gib.saturating_sub(1 + root_gib.div_ceil(10))
    }
}

/// CPU that the kubelet keeps for itself, each step cut to whole millicores.
fn kube_reserved_cpu_milli(cpu_milli: u32) -> u32 {
    // (upper end of the range in millicores, share in 1/10,000)
    const STEPS: [(u32, u64); 4] = [(1000, 600), (2000, 100), (4000, 50), (u32::MAX, 25)];
    let mut reserved = 0;
    let mut below = 0;
    for (upper, share) in STEPS {
        let in_range = cpu_milli.min(upper).saturating_sub(below);
        reserved += (u64::from(in_range) * share / 10_000) as u32;
        below = upper;
    }
    reserved
}

/// ENI-limited pods: (interfaces) × (addresses − 1) + 2, the AWS VPC CNI's rule without prefix delegation.
#[must_use]
pub fn eni_limited_pods(max_enis: u32, ipv4_per_eni: u32) -> u32 {
    max_enis * ipv4_per_eni.saturating_sub(1) + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubelet_keeps_less_of_each_further_core() {
        let reserved: Vec<u32> =
            [1, 2, 4, 8, 16, 32, 64, 96].iter().map(|cores| kube_reserved_cpu_milli(cores * 1000)).collect();
        assert_eq!(reserved, [60, 70, 80, 90, 110, 150, 230, 310]);
    }

    #[test]
    fn twenty_gibibytes_of_root_volume_leave_seventeen() {
        assert_eq!(InstanceType::ephemeral_allocatable_gib(20), 17);
        assert_eq!(InstanceType::ephemeral_allocatable_gib(0), 0);
    }

    #[test]
    fn pods_follow_from_network_interfaces() {
        assert_eq!(eni_limited_pods(3, 10), 29);
        assert_eq!(eni_limited_pods(4, 15), 58);
    }
}
