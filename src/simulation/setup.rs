//! The world before anything has happened: rooms made from the plan, kinds of pods registered, fixed nodes in place.

use crate::catalog::{Arch, CapacityType, CpuGeneration, InstanceType, TypeId, ZoneId};
use crate::ec2::{LaunchQueue, Market, PhaseKind, SpeedClass, SpeedModel, SpotMarket, generation_speed};
use crate::engine::{EventQueue, Id, Slab, Streams};
use crate::gitlab::{Gitlab, Pipelines};
use crate::karpenter::disruption::{DoNotDisrupt, Version};
use crate::karpenter::pods::PodClassSpec;
use crate::kubernetes::{ContainerRequests, NodeClass, PodShape, Scheduler, Taint};
use crate::metrics::{Recorder, RecorderSettings};
use crate::units::{Ppm, Resources, SimTime};
use crate::workload::{ArchChoice, Arrivals, Class, ClassId, Emulation, JobSampler};

use super::Keep;
use super::accounts::Accounts;
use super::executors::Executors;
use super::karpenter_side::KarpenterSide;
use super::kinds::{ClassKind, PodKind, PodKinds};
use super::pause_pods::PausePodDeployments;
use super::placement;
use super::plan::{CapacityPlan, Ec2Plan, Plan};
use super::pod_budgets::{self, PodBudgets};
use super::world::{Scratch, World};
use super::{machines, node_groups, reservations};

pub(super) fn world(plan: &Plan, arrivals: Arrivals, streams: Streams, keep: Keep) -> World<'_> {
    let recorder = Recorder::new(RecorderSettings {
        warmup: plan.warmup,
        classes: arrivals.classes().len(),
        keep_jobs: keep.jobs,
        keep_nodes: keep.nodes,
        ..RecorderSettings::new(plan.horizon)
    });
    let ec2 = &plan.ec2;
    let executors = Executors::new(plan);
    let spot = SpotMarket::new(&ec2.catalog, &ec2.spot);
    let mut world = World {
        plan,
        streams,
        now: SimTime::ZERO,
        queue: EventQueue::new(),
        sampler: JobSampler::new(streams),
        pipelines: Pipelines::new(plan.pipeline_latency),
        gitlab: Gitlab::new(&plan.gitlab),
        scheduler: Scheduler::new(plan.kubernetes.scheduler.clone(), streams),
        jobs: Slab::new(),
        nodes: Slab::new(),
        facts: Vec::new(),
        images: Vec::new(),
        removals: Vec::new(),
        pull_speed: plan.kubernetes.pull_speed,
        kinds: PodKinds::new(executors.len()),
        executors,
        classes: Vec::new(),
        speed: SpeedModel::new(ec2.catalog.generations(), &[], &ec2.emulation, ec2.occupancy),
        sharing: ec2.follow_load.then(Box::default),
        arrivals,
        market: market(ec2, &spot),
        spot,
        deviations: Vec::new(),
        reservations: reservations::meters(plan),
        launch_queue: LaunchQueue::default(),
        karpenter: None,
        autoscaler: None,
        machines: None,
        pod_budgets: PodBudgets::new(&plan.kubernetes.disruption_budgets),
        pause_pods: PausePodDeployments::default(),
        accounts: Accounts::default(),
        recorder,
        decisions: keep.nodes.then(Vec::new),
        reasons: None,
        builds: 0,
        nodes_created: 0,
        delayed_jobs: 0,
        scratch: Scratch::default(),
    };
    if let CapacityPlan::Karpenter(karpenter) = &plan.capacity {
        world.karpenter = Some(Box::new(KarpenterSide::new(plan, karpenter, streams)));
    }
    world.announce_pod_budgets();
    world.arm_all();
    world.register_new_classes();
    world.start_groups();
    world
}

/// What CreateFleet chooses from.
fn market(ec2: &Ec2Plan, spot: &SpotMarket) -> Market {
    let market = Market::new(&ec2.catalog, &ec2.pool_weights, ec2.capacity.clone());
    if spot.runs_empty() { market.with_shocks(spot) } else { market }
}

/// What the speed model must know of a class: the measured speeds of the class apply to every generation they name.
fn speed_class(plan: &Plan, class: &Class) -> SpeedClass {
    let catalog = &plan.ec2.catalog;
    let phase = match class.emulation {
        Emulation::Compile => PhaseKind::Compile,
        Emulation::Native | Emulation::Mixed => PhaseKind::Mixed,
        Emulation::Network => PhaseKind::Network,
    };
    let mut speeds = Vec::new();
    for measured in &class.speed_overrides {
        for (index, generation) in catalog.generations().iter().enumerate() {
            let named = generation.name == measured.instances;
            let by_family = catalog.families().iter().any(|family| {
                family.generation.index() == index
                    && family.family == measured.instances.trim_end_matches(".*")
            });
            let by_arch = catalog
                .types()
                .iter()
                .any(|kind| kind.cpu_generation.index() == index && kind.arch.label() == measured.instances);
            if named || by_family || by_arch {
                speeds.push((Id::new(index as u32), measured.speed));
            }
        }
    }
    SpeedClass { cpu_bound_share: class.cpu_bound, phase, speeds }
}

/// The speed (m5 = 1) of jobs of `class` on a generation: measured, or of the catalogue.
#[must_use]
pub fn class_speed(plan: &Plan, class: &Class, generation: Id<CpuGeneration>) -> Ppm {
    let own = speed_class(plan, class).speeds.into_iter().find(|(id, _)| *id == generation);
    let listed = &plan.ec2.catalog.generations()[generation.index()];
    own.map_or_else(|| generation_speed(listed, plan.ec2.occupancy), |(_, speed)| speed)
}

impl World<'_> {
    /// What is sure to come is in the queue from the start.
    fn arm_all(&mut self) {
        self.arm_warm_up();
        self.arm_price_changes();
        self.arm_spot_prices();
        self.arm_stress();
        self.arm_drift();
        self.arm_reservations();
        self.arm_static_pools();
        self.arm_pause_pods();
    }

    /// Registers the classes that have appeared since the last call: a trace may bring new ones.
    pub(super) fn register_new_classes(&mut self) {
        while self.classes.len() < self.arrivals.classes().len() {
            let id = ClassId::new(self.classes.len() as u32);
            let class = self.arrivals.classes()[id].clone();
            self.speed.add_class(self.plan.ec2.catalog.generations(), &speed_class(self.plan, &class));
            let tags = self.gitlab.tag_set(class.tags.iter().map(String::as_str));
            let (project, requests) = (class.project, class.requests);
            self.classes.push(ClassKind { tags, project, requests });
            self.kinds.add_class();
        }
    }

    /// The kind of pod of a build of `class` that requests `requests` beside the containers of its executor.
    pub(super) fn kind_of(&mut self, class: ClassId, requests: Resources, executor: u32) -> u32 {
        let is_usual = requests == self.classes[class.index()].requests;
        let key = (class.raw(), requests, executor);
        let known = if is_usual { self.kinds.usual(class.raw(), executor) } else { self.kinds.find(key) };
        known.unwrap_or_else(|| {
            let kind = self.make_kind(class, requests, executor);
            self.kinds.insert(key, is_usual, kind)
        })
    }

    fn make_kind(&mut self, class: ClassId, requests: Resources, number: u32) -> PodKind {
        let executor = self.executors.get(number);
        let class = &self.arrivals.classes()[class];
        let total = machines::within_a_slot(self.plan, class, requests + executor.overhead);
        let wanted = match class.arch {
            ArchChoice::Amd64 => Some(Arch::Amd64),
            ArchChoice::Arm64 => Some(Arch::Arm64),
            ArchChoice::Either => executor.arch,
        };
        let emulated = executor.emulate_arm64 && wanted == Some(Arch::Arm64);
        let mut node_selector = executor.node_selector.clone();
        if executor.select_arch {
            let arch = if emulated { Some(Arch::Amd64) } else { wanted };
            node_selector.extend(arch.map(|arch| ("kubernetes.io/arch".to_owned(), arch.label().to_owned())));
        }
        let labels_matter = placement::looks_at_pods(self.plan);
        let placement = placement::of(self.plan, executor, &class.name, labels_matter);
        let do_not_disrupt = protection(self.plan, class, executor.do_not_disrupt);
        let budgets = pod_budgets::selecting(&self.plan.kubernetes.disruption_budgets, &class.name);
        let pdb = pod_budgets::pdb(&budgets);
        let shape = PodShape {
            containers: vec![ContainerRequests::of(total)],
            node_selector: node_selector.clone(),
            preferred_affinity: placement.preferences(),
            tolerations: executor.tolerations.clone(),
            priority: executor.priority,
            neighbours: placement.neighbours(),
            budgets,
            ..PodShape::default()
        };
        let spec = PodClassSpec {
            requests: total,
            labels: placement.labels,
            node_selector,
            preferred_terms: placement.preferred_nodes,
            tolerations: executor.tolerations.clone(),
            spread: placement.spread,
            affinity: placement.affinity,
            anti_affinity: placement.anti_affinity,
            host_ports: placement.host_ports,
            do_not_disrupt,
            pdb,
            priority: executor.priority,
            ..PodClassSpec::default()
        };
        let karpenter_class = self.karpenter.as_mut().map_or(0, |side| side.register_class(spec));
        let groups = node_groups::groups_for(self.plan, &shape) | machines::machines_for(self.plan, class);
        let shape = self.scheduler.register_shape(shape);
        PodKind {
            shape,
            groups,
            karpenter_class,
            requests: total,
            executor: number,
            do_not_disrupt,
            pdb,
            emulated,
        }
    }
}

/// A class's own annotation is put over its runner's (GitLab Runner: `pod_annotations` and their overwrites).
/// Karpenter 1.8 knows no durations and ignores them.
fn protection(plan: &Plan, class: &Class, of_runner: DoNotDisrupt) -> DoNotDisrupt {
    let annotated = match class.do_not_disrupt_for {
        Some(span) => DoNotDisrupt::For(span),
        None if class.do_not_disrupt => DoNotDisrupt::Always,
        None => of_runner,
    };
    match (&plan.capacity, annotated) {
        (CapacityPlan::Karpenter(karpenter), DoNotDisrupt::For(_))
            if karpenter.disruption.version == Version::V1_8 =>
        {
            DoNotDisrupt::No
        }
        _ => annotated,
    }
}

/// The labels by which pods choose a node, as kube-scheduler sees them.
pub(super) fn node_class(
    plan: &Plan,
    id: TypeId,
    zone: ZoneId,
    capacity: CapacityType,
    extra: &[(String, String)],
    taints: &[Taint],
) -> NodeClass {
    let catalog = &plan.ec2.catalog;
    let mut labels: Vec<(String, String)> = catalog
        .labels(id)
        .into_iter()
        .filter(|label| label.values.len() == 1)
        .map(|label| (label.key.to_owned(), label.values[0].clone().into_owned()))
        .collect();
    labels.retain(|(key, _)| key != "topology.kubernetes.io/zone" && key != "karpenter.sh/capacity-type");
    labels.push(("topology.kubernetes.io/zone".to_owned(), catalog.zones()[zone.index()].name.clone()));
    labels.push(("karpenter.sh/capacity-type".to_owned(), capacity.label().to_owned()));
    labels.extend_from_slice(extra);
    NodeClass { labels, taints: taints.to_vec() }
}

/// What pods may request on a node of this type.
pub(super) fn allocatable(kind: &InstanceType) -> Resources {
    kind.allocatable()
}
