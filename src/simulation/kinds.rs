//! Pod kinds: builds of one class with equal requests and one executor are interchangeable for kube-scheduler and for
//! Karpenter. Interned as they appear, so that rooms compare numbers. The executor is known once a manager has picked.

use rustc_hash::FxHashMap;

use crate::gitlab::TagSetId;
use crate::karpenter::disruption::{DoNotDisrupt, PodPdb};
use crate::kubernetes::ShapeId;
use crate::units::Resources;

/// The kind of a build that no manager has picked.
pub(super) const NO_KIND: u32 = u32::MAX;

/// One kind of pod.
#[derive(Clone, Copy, Debug)]
pub(super) struct PodKind {
    /// What kube-scheduler sees.
    pub shape: ShapeId,
    /// Node groups or groups of machines that it may run on: one bit for each.
    pub groups: u64,
    /// What Karpenter sees; meaningless without Karpenter.
    pub karpenter_class: u32,
    /// Effective requests.
    pub requests: Resources,
    /// The executor that creates and removes it.
    pub executor: u32,
    /// Its annotation `karpenter.sh/do-not-disrupt`.
    pub do_not_disrupt: DoNotDisrupt,
    /// The PodDisruptionBudgets that select it.
    pub pdb: PodPdb,
    /// Whether it is an arm64 build that runs emulated on amd64.
    pub emulated: bool,
}

/// What all builds of a class have in common for the rooms.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClassKind {
    /// Tags as the queue knows them.
    pub tags: TagSetId,
    /// Its GitLab project, a dense number.
    pub project: u32,
    /// The class's own requests.
    pub requests: Resources,
}

/// What tells kinds apart: class, requests of the build container, executor.
pub(super) type KindKey = (u32, Resources, u32);

/// All kinds met so far.
#[derive(Clone, Debug)]
pub(super) struct PodKinds {
    executors: usize,
    kinds: Vec<PodKind>,
    by_key: FxHashMap<KindKey, u32>,
    /// Kinds with their class's own requests, by class and executor: nearly every build is of one.
    usual: Vec<u32>,
}

impl PodKinds {
    /// No kind yet, of so many executors.
    pub(super) fn new(executors: usize) -> Self {
        Self { executors, kinds: Vec::new(), by_key: FxHashMap::default(), usual: Vec::new() }
    }

    /// A class has appeared, the next by number.
    pub(super) fn add_class(&mut self) {
        self.usual.resize(self.usual.len() + self.executors, NO_KIND);
    }

    /// The kind of a class with the class's own requests, if it was met before.
    pub(super) fn usual(&self, class: u32, executor: u32) -> Option<u32> {
        Some(self.usual[self.place(class, executor)]).filter(|kind| *kind != NO_KIND)
    }

    /// The kind of `key`, if it was met before.
    pub(super) fn find(&self, key: KindKey) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    /// Keeps a new kind and returns its number. `is_usual`: the requests are the class's own.
    pub(super) fn insert(&mut self, key: KindKey, is_usual: bool, kind: PodKind) -> u32 {
        let number = self.kinds.len() as u32;
        self.kinds.push(kind);
        self.by_key.insert(key, number);
        if is_usual {
            let place = self.place(key.0, key.2);
            self.usual[place] = number;
        }
        number
    }

    /// Keeps a kind that no build has and returns its number.
    pub(super) fn add(&mut self, kind: PodKind) -> u32 {
        self.kinds.push(kind);
        self.kinds.len() as u32 - 1
    }

    /// A kind.
    pub(super) fn get(&self, kind: u32) -> &PodKind {
        &self.kinds[kind as usize]
    }

    fn place(&self, class: u32, executor: u32) -> usize {
        class as usize * self.executors + executor as usize
    }
}
