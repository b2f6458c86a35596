//! The labels by which Karpenter knows a type.

use std::borrow::Cow;

use super::builtin::Catalog;
use super::instance_type::TypeId;
use super::kinds::CapacityType;

/// A label key and the values that nodes of a type can have, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeLabel<'a> {
    /// The key, such as `karpenter.k8s.aws/instance-family`.
    pub key: &'static str,
    /// One value where the type decides it, several where the offering does.
    pub values: Vec<Cow<'a, str>>,
}

impl Catalog {
    /// As [`Catalog::labels`], for a type of which some capacity reservation has instances: it can be had as reserved, too.
    #[must_use]
    pub fn labels_in_reservation(&self, id: TypeId) -> Vec<TypeLabel<'_>> {
        let mut labels = self.labels(id);
        for label in labels.iter_mut().filter(|label| label.key == "karpenter.sh/capacity-type") {
            label.values.push(Cow::Borrowed(CapacityType::Reserved.label()));
        }
        let kind = "karpenter.k8s.aws/capacity-reservation-type";
        labels.push(TypeLabel { key: kind, values: vec![Cow::Borrowed("default")] });
        labels
    }

    /// The labels of a type as Karpenter's AWS provider v1.15 sets them (`pkg/providers/instancetype/types.go`), in key
    /// order. A well-known label that is missing does not exist on the type, except for those that the catalog has no
    /// facts about: EBS bandwidth, encryption in transit, GPUs (no GPU type is embedded).
    #[must_use]
    pub fn labels(&self, id: TypeId) -> Vec<TypeLabel<'_>> {
        let kind = self.get(id);
        let mut labels = Vec::with_capacity(20);
        let mut one = |key, value: Cow<'_, str>| {
            labels.push(TypeLabel { key, values: vec![Cow::Owned(value.into_owned())] });
        };
        one(
            "karpenter.k8s.aws/instance-capability-flex",
            Cow::Borrowed(if kind.flex { "true" } else { "false" }),
        );
        one("karpenter.k8s.aws/instance-category", Cow::Borrowed(&kind.category));
        one("karpenter.k8s.aws/instance-cpu", Cow::Owned(kind.vcpus.to_string()));
        one("karpenter.k8s.aws/instance-cpu-manufacturer", Cow::Borrowed(kind.cpu_manufacturer.label()));
        if kind.clock_mhz > 0 {
            let clock = Cow::Owned(kind.clock_mhz.to_string());
            one("karpenter.k8s.aws/instance-cpu-sustained-clock-speed-mhz", clock);
        }
        one("karpenter.k8s.aws/instance-family", Cow::Borrowed(kind.family()));
        one("karpenter.k8s.aws/instance-generation", Cow::Owned(kind.generation.to_string()));
        one("karpenter.k8s.aws/instance-hypervisor", Cow::Borrowed(kind.hypervisor()));
        if kind.local_nvme_gb > 0 {
            one("karpenter.k8s.aws/instance-local-nvme", Cow::Owned(kind.local_nvme_gb.to_string()));
        }
        one("karpenter.k8s.aws/instance-memory", Cow::Owned(kind.memory.0.to_string()));
        if kind.network_mbps > 0 {
            one("karpenter.k8s.aws/instance-network-bandwidth", Cow::Owned(kind.network_mbps.to_string()));
        }
        one("karpenter.k8s.aws/instance-size", Cow::Borrowed(kind.size()));
        one("kubernetes.io/arch", Cow::Borrowed(kind.arch.label()));
        one("kubernetes.io/os", Cow::Borrowed("linux"));
        one("node.kubernetes.io/instance-type", Cow::Borrowed(&kind.name));
        one("topology.kubernetes.io/region", Cow::Borrowed(&self.region));
        self.offering_labels(id, &mut labels);
        labels.sort_by_key(|label| label.key);
        labels
    }

    /// The labels whose values depend on where and how the type is offered.
    fn offering_labels<'a>(&'a self, id: TypeId, labels: &mut Vec<TypeLabel<'a>>) {
        let (mut zones, mut zone_ids, mut capacity_types) = (Vec::new(), Vec::new(), Vec::new());
        for offering in self.offerings(id) {
            let zone = &self.zones[offering.zone.index()];
            zones.push(Cow::Borrowed(&*zone.name));
            zone_ids.push(Cow::Borrowed(&*zone.zone_id));
            capacity_types.push(Cow::Borrowed(CapacityType::label(offering.capacity_type)));
        }
        let tenancy = vec![Cow::Borrowed("dedicated"), Cow::Borrowed("default")];
        for (key, mut values) in [
            ("karpenter.k8s.aws/instance-tenancy", tenancy),
            ("karpenter.sh/capacity-type", capacity_types),
            ("topology.k8s.aws/zone-id", zone_ids),
            ("topology.kubernetes.io/zone", zones),
        ] {
            values.sort_unstable();
            values.dedup();
            labels.push(TypeLabel { key, values });
        }
    }
}
