//! The scheduling pass: existing nodes first, then claims opened in this pass, then a new claim by NodePool weight.
//!
//! It decides as the real scheduler does (core v1.15.0, one worker), but does not work as it does: requirement sets
//! are interned, what a pod makes of one is worked out once, instance types are bit sets, and pods of a class go on
//! where the last of them stood.

mod claims;
mod domains;
mod existing;
mod finish;
mod fit;
mod go_sort;
mod limits;
mod lower_bound;
mod open_claims;
mod pass;
mod requirement_sets;
mod reserved;
mod results;
mod template;
mod topology;

pub use results::{
    ClaimRequest, MinValuesPolicy, NewClaim, NoType, PassInput, PassOptions, PassPod, PassResults, PodError,
    PodOrigin, Refusal,
};

use self::existing::ExistingNodes;
use self::limits::Remaining;
use self::open_claims::OpenClaims;
use self::pass::Work;
use self::requirement_sets::RequirementSets;
use self::reserved::ReservationCapacity;
use self::template::Template;
use self::topology::Topology;
use super::cluster::Cluster;

/// The scheduling pass with its caches. One is enough for provisioning and for the what-ifs of disruption; it never
/// changes the cluster. Always ask it about the same cluster: the caches belong to it.
#[derive(Clone, Debug, Default)]
pub struct Solver {
    existing: ExistingNodes,
    offerings_version: Option<u32>,
    open: OpenClaims,
    options: PassOptions,
    /// Nodes and claims tried for a pod so far.
    probes: u64,
    remaining: Vec<Remaining>,
    reservations: ReservationCapacity,
    sets: RequirementSets,
    /// By NodePool weight.
    templates: Vec<Template>,
    work: Work,
}

impl Solver {
    /// A solver with these options.
    #[must_use]
    pub fn new(options: PassOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// How often a pod was tried on a node, or on the claims where no node took it, in all passes so far: for gates that
    /// need no quiet machine.
    #[must_use]
    pub fn probes(&self) -> u64 {
        self.probes
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> PassOptions {
        self.options
    }

    /// Runs a pass over `input.pods` on the cluster as it stands, without changing it, and puts the answer in `out`.
    pub fn solve(&mut self, cluster: &Cluster, input: &PassInput<'_>, out: &mut PassResults) {
        out.clear();
        self.refresh(cluster);
        self.remaining.clear();
        for template in &self.templates {
            self.remaining.push(Remaining::of(cluster, template.pool, input.excluded));
        }
        self.existing.refresh(cluster, &mut self.sets);
        self.existing.exclude(input.excluded, true);
        self.open.clear();
        self.reservations.begin(cluster, input.waits_for_reserved());
        self.work.topology = Topology::new(cluster, input.pods, input.excluded);
        self.run(cluster, input, out);
        self.finish(cluster, out);
        self.existing.restore();
        self.existing.exclude(input.excluded, false);
    }

    /// Catches up with prices and availability.
    fn refresh(&mut self, cluster: &Cluster) {
        if self.templates.is_empty() {
            let sets = &mut self.sets;
            self.templates = cluster
                .pools_by_weight()
                .iter()
                .filter(|pool| !cluster.pool(**pool).spec.is_static)
                .map(|pool| Template::new(cluster, *pool, sets))
                .collect();
        }
        let version = cluster.instance_types().offerings_version();
        if self.offerings_version != Some(version) {
            self.offerings_version = Some(version);
            for template in &mut self.templates {
                template.refresh(cluster, &mut self.sets, self.options.min_values_policy);
            }
        }
    }
}
