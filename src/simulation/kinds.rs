//! Pod kinds: builds of one class with equal requests are interchangeable for kube-scheduler and for Karpenter. Interned as
//! they appear, so that rooms compare numbers.

use rustc_hash::FxHashMap;

use crate::gitlab::TagSetId;
use crate::kubernetes::ShapeId;
use crate::units::Resources;

/// One kind of pod.
#[derive(Clone, Copy, Debug)]
pub(super) struct PodKind {
    /// What kube-scheduler sees.
    pub shape: ShapeId,
    /// What Karpenter sees; meaningless without Karpenter.
    pub karpenter_class: u32,
    /// Effective requests.
    pub requests: Resources,
}

/// What all builds of a class have in common for the rooms.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClassKind {
    /// Tags as the queue knows them.
    pub tags: TagSetId,
    /// The kind of pods with the class's own requests.
    pub kind: u32,
    /// The class's own requests.
    pub requests: Resources,
    /// Whether the class runs under emulation in this fleet.
    pub emulated: bool,
}

/// All kinds met so far.
#[derive(Clone, Debug, Default)]
pub(super) struct PodKinds {
    kinds: Vec<PodKind>,
    by_key: FxHashMap<(u32, Resources), u32>,
}

impl PodKinds {
    /// The kind of `class` with `requests`, if it was met before.
    pub(super) fn find(&self, class: u32, requests: Resources) -> Option<u32> {
        self.by_key.get(&(class, requests)).copied()
    }

    /// Keeps a new kind and returns its number.
    pub(super) fn insert(&mut self, class: u32, requests: Resources, kind: PodKind) -> u32 {
        let number = self.kinds.len() as u32;
        self.kinds.push(kind);
        self.by_key.insert((class, requests), number);
        number
    }

    /// A kind.
    pub(super) fn get(&self, kind: u32) -> &PodKind {
        &self.kinds[kind as usize]
    }
}
