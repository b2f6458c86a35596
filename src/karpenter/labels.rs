//! Interned label keys and values. Owns the well-known keys; knows no requirement.

use rustc_hash::FxHashMap;

/// An interned label key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelKey(pub u16);

/// An interned label value. Its number says nothing about its order; see [`Vocabulary::text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelValue(pub u32);

/// `topology.kubernetes.io/zone`.
pub const ZONE: LabelKey = LabelKey(0);
/// `karpenter.sh/capacity-type`.
pub const CAPACITY_TYPE: LabelKey = LabelKey(1);
/// `node.kubernetes.io/instance-type`.
pub const INSTANCE_TYPE: LabelKey = LabelKey(2);
/// `kubernetes.io/arch`.
pub const ARCH: LabelKey = LabelKey(3);
/// `karpenter.sh/nodepool`.
pub const NODE_POOL: LabelKey = LabelKey(4);
/// `topology.k8s.aws/zone-id`.
pub const ZONE_ID: LabelKey = LabelKey(5);
/// `kubernetes.io/hostname`, a key that no pool and no type defines.
pub const HOSTNAME: LabelKey = LabelKey(6);
/// `karpenter.k8s.aws/ec2nodeclass`.
pub const NODE_CLASS: LabelKey = LabelKey(7);
/// `karpenter.k8s.aws/instance-size`.
pub const INSTANCE_SIZE: LabelKey = LabelKey(8);
/// `karpenter.k8s.aws/capacity-reservation-id`.
pub const RESERVATION_ID: LabelKey = LabelKey(9);
/// `karpenter.k8s.aws/capacity-reservation-type`.
pub const RESERVATION_TYPE: LabelKey = LabelKey(10);
/// `karpenter.k8s.aws/capacity-reservation-interruptible`.
pub const RESERVATION_INTERRUPTIBLE: LabelKey = LabelKey(11);
/// The keys that only offerings of capacity reservations have.
pub const RESERVATION_KEYS: [LabelKey; 3] = [RESERVATION_ID, RESERVATION_TYPE, RESERVATION_INTERRUPTIBLE];

/// The keys with a fixed number, in that order.
const FIXED_KEYS: [&str; 12] = [
    "topology.kubernetes.io/zone",
    "karpenter.sh/capacity-type",
    "node.kubernetes.io/instance-type",
    "kubernetes.io/arch",
    "karpenter.sh/nodepool",
    "topology.k8s.aws/zone-id",
    "kubernetes.io/hostname",
    "karpenter.k8s.aws/ec2nodeclass",
    "karpenter.k8s.aws/instance-size",
    "karpenter.k8s.aws/capacity-reservation-id",
    "karpenter.k8s.aws/capacity-reservation-type",
    "karpenter.k8s.aws/capacity-reservation-interruptible",
];

/// Keys that Karpenter and its AWS provider know and that every instance type defines, if only as "has none"
/// (core `apis/v1/labels.go`, aws `apis/v1/labels.go` and `instancetype/types.go`, v1.15.0).
const TYPE_KEYS: [&str; 30] = [
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "topology.k8s.aws/zone-id",
    "node.kubernetes.io/instance-type",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "karpenter.sh/capacity-type",
    "karpenter.k8s.aws/instance-hypervisor",
    "karpenter.k8s.aws/instance-encryption-in-transit-supported",
    "karpenter.k8s.aws/instance-category",
    "karpenter.k8s.aws/instance-capability-flex",
    "karpenter.k8s.aws/instance-family",
    "karpenter.k8s.aws/instance-generation",
    "karpenter.k8s.aws/instance-size",
    "karpenter.k8s.aws/instance-local-nvme",
    "karpenter.k8s.aws/instance-cpu",
    "karpenter.k8s.aws/instance-cpu-manufacturer",
    "karpenter.k8s.aws/instance-cpu-sustained-clock-speed-mhz",
    "karpenter.k8s.aws/instance-memory",
    "karpenter.k8s.aws/instance-ebs-bandwidth",
    "karpenter.k8s.aws/instance-network-bandwidth",
    "karpenter.k8s.aws/instance-gpu-name",
    "karpenter.k8s.aws/instance-gpu-manufacturer",
    "karpenter.k8s.aws/instance-gpu-count",
    "karpenter.k8s.aws/instance-gpu-memory",
    "karpenter.k8s.aws/instance-accelerator-name",
    "karpenter.k8s.aws/instance-accelerator-manufacturer",
    "karpenter.k8s.aws/instance-accelerator-count",
    "karpenter.k8s.aws/instance-tenancy",
    "node.kubernetes.io/windows-build",
];

/// Further well-known keys, which types need not define.
const OTHER_WELL_KNOWN_KEYS: [&str; 8] = [
    "karpenter.sh/nodepool",
    "karpenter.k8s.aws/nitro-sandbox",
    "karpenter.k8s.aws/instance-nitro-enclaves-supported",
    "karpenter.k8s.aws/capacity-reservation-id",
    "karpenter.k8s.aws/capacity-reservation-type",
    "karpenter.k8s.aws/capacity-reservation-interruptible",
    "karpenter.k8s.aws/placement-group-id",
    "karpenter.k8s.aws/placement-group-partition",
];

/// Other names of well-known keys (core `apis/v1/labels.go` `NormalizedLabels`, aws `operator/operator.go`, v1.15.0).
const OLDER_NAMES: [(&str, &str); 6] = [
    ("topology.ebs.csi.aws.com/zone", "topology.kubernetes.io/zone"),
    ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
    ("beta.kubernetes.io/arch", "kubernetes.io/arch"),
    ("beta.kubernetes.io/os", "kubernetes.io/os"),
    ("beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type"),
];

#[derive(Clone, Debug)]
struct Value {
    number: Option<i64>,
    text: Box<str>,
}

/// All label keys and values seen so far.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    key_ids: FxHashMap<Box<str>, LabelKey>,
    keys: Vec<Box<str>>,
    on_types: Vec<bool>,
    value_ids: FxHashMap<Box<str>, LabelValue>,
    values: Vec<Value>,
    well_known: Vec<bool>,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self::new()
    }
}

impl Vocabulary {
    /// The well-known keys and no value.
    #[must_use]
    pub fn new() -> Self {
        let mut vocabulary = Self {
            key_ids: FxHashMap::default(),
            keys: Vec::new(),
            on_types: Vec::new(),
            value_ids: FxHashMap::default(),
            values: Vec::new(),
            well_known: Vec::new(),
        };
        for key in FIXED_KEYS {
            vocabulary.key(key);
        }
        for key in TYPE_KEYS {
            let id = vocabulary.key(key);
            vocabulary.well_known[usize::from(id.0)] = true;
            vocabulary.on_types[usize::from(id.0)] = true;
        }
        for key in OTHER_WELL_KNOWN_KEYS {
            let id = vocabulary.key(key);
            vocabulary.well_known[usize::from(id.0)] = true;
        }
        vocabulary
    }

    /// The id of a label key; older names count as their successors.
    ///
    /// # Panics
    /// Beyond 65,536 keys.
    pub fn key(&mut self, text: &str) -> LabelKey {
        let text = OLDER_NAMES.iter().find(|(older, _)| *older == text).map_or(text, |(_, name)| name);
        if let Some(&id) = self.key_ids.get(text) {
            return id;
        }
        let id = LabelKey(u16::try_from(self.keys.len()).expect("there are fewer than 65,536 label keys"));
        self.keys.push(text.into());
        self.well_known.push(false);
        self.on_types.push(false);
        self.key_ids.insert(text.into(), id);
        id
    }

    /// The id of a label value.
    ///
    /// # Panics
    /// Beyond 2^32 values.
    pub fn value(&mut self, text: &str) -> LabelValue {
        if let Some(&id) = self.value_ids.get(text) {
            return id;
        }
        let id =
            LabelValue(u32::try_from(self.values.len()).expect("there are fewer than 2^32 label values"));
        self.values.push(Value { number: text.parse().ok(), text: text.into() });
        self.value_ids.insert(text.into(), id);
        id
    }

    /// The id of a label value that was seen before.
    #[must_use]
    pub fn known_value(&self, text: &str) -> Option<LabelValue> {
        self.value_ids.get(text).copied()
    }

    /// The text of a value.
    #[must_use]
    pub fn text(&self, value: LabelValue) -> &str {
        &self.values[value.0 as usize].text
    }

    /// The text of a key.
    #[must_use]
    pub fn key_text(&self, key: LabelKey) -> &str {
        &self.keys[usize::from(key.0)]
    }

    /// The value as a whole number, where it is one.
    #[must_use]
    pub fn number(&self, value: LabelValue) -> Option<i64> {
        self.values.get(value.0 as usize).and_then(|value| value.number)
    }

    /// Whether the key is well known: a claim that says nothing about it may still meet a pod that does.
    #[must_use]
    pub fn is_well_known(&self, key: LabelKey) -> bool {
        self.well_known[usize::from(key.0)]
    }

    /// The keys that every instance type defines, if only as "does not exist".
    pub fn type_keys(&self) -> impl Iterator<Item = LabelKey> + '_ {
        (0..self.keys.len() as u16).map(LabelKey).filter(|key| self.on_types[usize::from(key.0)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_keys_keep_their_numbers_and_older_names_mean_the_same_key() {
        let mut vocabulary = Vocabulary::new();
        assert_eq!(vocabulary.key("topology.kubernetes.io/zone"), ZONE);
        assert_eq!(vocabulary.key("failure-domain.beta.kubernetes.io/zone"), ZONE);
        assert_eq!(vocabulary.key("topology.ebs.csi.aws.com/zone"), ZONE);
        assert_eq!(vocabulary.key("karpenter.k8s.aws/instance-size"), INSTANCE_SIZE);
        let windows = vocabulary.key("node.kubernetes.io/windows-build");
        assert!(vocabulary.type_keys().any(|key| key == windows));
        assert!(vocabulary.is_well_known(NODE_POOL) && !vocabulary.is_well_known(HOSTNAME));
        let (seven, word) = (vocabulary.value("7"), vocabulary.value("large"));
        assert_eq!((vocabulary.number(seven), vocabulary.number(word)), (Some(7), None));
    }
}
