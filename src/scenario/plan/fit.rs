//! Whether every job can run somewhere: a pod that fits no type its fleet may have would wait for ever.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::job::Described;
use super::karpenter::Pool;
use crate::catalog::{Arch, Catalog, TypeId, TypeLabel};
use crate::karpenter::requirements::{Operator, RequirementSpec};
use crate::karpenter::type_set::MAX_TYPES;
use crate::kubernetes::Toleration;
use crate::simulation::ExecutorPlan;
use crate::units::Resources;
use crate::workload::ArchChoice;

/// Something nodes can be launched as or are: a type with labels beside its own, and taints.
pub(super) struct Room {
    pub arch: Arch,
    pub free: Resources,
    pub instance_type: String,
}

/// What the pods of a runner ask for beside their own requests.
pub(super) struct Surroundings<'a> {
    pub catalog: &'a Catalog,
    pub daemons: Resources,
    pub executor: &'a ExecutorPlan,
}

/// The types that the pools may launch for pods of each runner; reports pools that may launch none. `around` holds at least
/// one runner's surroundings.
pub(super) fn rooms_of_pools(
    pools: &[Pool],
    reserved: &[TypeId],
    around: &[Surroundings<'_>],
    problems: &mut Problems,
) -> Vec<Vec<Room>> {
    let catalog = around[0].catalog;
    let labelled: Vec<(TypeId, Vec<TypeLabel<'_>>)> = catalog
        .type_ids()
        .filter(|id| catalog.prices(*id).is_some())
        .map(|id| (id, labels(catalog, id, reserved)))
        .collect();
    let mut rooms: Vec<Vec<Room>> = around.iter().map(|_| Vec::new()).collect();
    for pool in pools {
        let admitted: Vec<TypeId> = labelled
            .iter()
            .filter(|(_, labels)| pool.spec.requirements.iter().all(|own| admits(own, labels, pool)))
            .map(|(id, _)| *id)
            .collect();
        if admitted.is_empty() {
            problems.push(none_admitted(pool, &labelled, catalog));
        }
        for (rooms, around) in rooms.iter_mut().zip(around) {
            let tolerations = &around.executor.tolerations;
            let is_tolerated = pool.spec.taints.iter().all(|taint| {
                taint.effect == crate::karpenter::taints::TaintEffect::PreferNoSchedule
                    || tolerations.iter().any(|own| tolerates(own, &taint.key, &taint.value))
            });
            if is_tolerated {
                rooms.extend(admitted.iter().map(|id| room(*id, around)));
            }
        }
    }
    rooms
}

/// Names of the types that some pool admits: what Karpenter is told that EC2 offers. Pools that admit nearly everything
/// are kept to what CI is run on: first without bare metal and accelerators, then without former generations.
pub(super) fn admitted_types(pools: &[Pool], reserved: &[TypeId], catalog: &Catalog) -> Vec<String> {
    let mut admitted: Vec<TypeId> = catalog
        .type_ids()
        .filter(|id| catalog.prices(*id).is_some())
        .filter(|id| {
            let labels = labels(catalog, *id, reserved);
            pools.iter().any(|pool| pool.spec.requirements.iter().all(|own| admits(own, &labels, pool)))
        })
        .collect();
    if admitted.len() > MAX_TYPES {
        admitted.retain(|id| !catalog.get(*id).bare_metal && !catalog.get(*id).exotic);
    }
    if admitted.len() > MAX_TYPES {
        admitted.retain(|id| catalog.get(*id).current_generation);
    }
    admitted.truncate(MAX_TYPES);
    admitted.iter().map(|id| catalog.get(*id).name.to_string()).collect()
}

/// The labels of a type that may be among the `reserved` ones.
fn labels<'c>(catalog: &'c Catalog, id: TypeId, reserved: &[TypeId]) -> Vec<TypeLabel<'c>> {
    if reserved.contains(&id) { catalog.labels_in_reservation(id) } else { catalog.labels(id) }
}

/// The room on a node of type `id`.
pub(super) fn room(id: TypeId, around: &Surroundings<'_>) -> Room {
    let kind = around.catalog.get(id);
    let all = kind.allocatable();
    let free = if around.daemons.fits_in(all) { all - around.daemons } else { Resources::ZERO };
    Room { arch: kind.arch, free, instance_type: kind.name.to_string() }
}

fn tolerates(own: &Toleration, key: &str, value: &str) -> bool {
    own.key.as_ref().is_none_or(|wanted| wanted == key)
        && own.value.as_ref().is_none_or(|wanted| wanted == value)
}

/// Whether a type with `labels` can meet the requirement (a requirement on a label that the pool itself sets is met by
/// the pool's label).
fn admits(own: &RequirementSpec, labels: &[TypeLabel<'_>], pool: &Pool) -> bool {
    let by_pool: Option<&str> =
        pool.spec.labels.iter().find(|(key, _)| *key == own.key).map(|(_, value)| value.as_str());
    let of_type = labels.iter().find(|label| label.key == own.key);
    if own.key == "karpenter.k8s.aws/capacity-reservation-id" {
        return labels.iter().any(|label| label.key == "karpenter.k8s.aws/capacity-reservation-type");
    }
    let values: Vec<&str> = match (by_pool, of_type) {
        (Some(value), _) => vec![value],
        (None, Some(label)) => label.values.iter().map(AsRef::as_ref).collect(),
        (None, None) => Vec::new(),
    };
    let compared = |test: fn(u64, u64) -> bool| {
        let bound = own.values.first().and_then(|value| value.parse::<u64>().ok());
        values.iter().any(|value| match (value.parse::<u64>(), bound) {
            (Ok(number), Some(bound)) => test(number, bound),
            _ => false,
        })
    };
    match own.operator {
        // Labels of the user's own are not on any type, yet Karpenter gives nodes what a pool requires.
        Operator::In | Operator::Exists if values.is_empty() => {
            !own.key.contains("karpenter.k8s.aws") && !own.key.contains("kubernetes.io")
        }
        Operator::In => values.iter().any(|value| own.values.iter().any(|wanted| wanted == value)),
        Operator::NotIn => {
            values.is_empty() || values.iter().any(|value| !own.values.iter().any(|wanted| wanted == value))
        }
        Operator::Exists => true,
        Operator::DoesNotExist => values.is_empty(),
        Operator::Gt => compared(|number, bound| number > bound),
        Operator::Lt => compared(|number, bound| number < bound),
        Operator::Gte => compared(|number, bound| number >= bound),
        Operator::Lte => compared(|number, bound| number <= bound),
    }
}

fn none_admitted(pool: &Pool, labelled: &[(TypeId, Vec<TypeLabel<'_>>)], catalog: &Catalog) -> Diagnostic {
    let alone = pool
        .spec
        .requirements
        .iter()
        .find(|own| !labelled.iter().any(|(_, labels)| admits(own, labels, pool)));
    let help = match alone {
        Some(own) => {
            let near = own
                .values
                .iter()
                .filter(|_| own.key == "node.kubernetes.io/instance-type")
                .flat_map(|name| catalog.similar_names(name))
                .take(3)
                .collect::<Vec<_>>();
            let hint =
                if near.is_empty() { String::new() } else { format!("; similar names: {}", near.join(", ")) };
            format!("no type has {} {:?} {}{hint}", own.key, own.operator, own.values.join(", "))
        }
        None => "each requirement is met by some type, all together by none".to_owned(),
    };
    let message = format!("node pool `{}` admits no instance type of {}", pool.spec.name, catalog.region());
    Diagnostic::new(Code::Catalog, pool.span.clone(), message, "expected requirements that some type meets")
        .help(help)
}

fn runs_on(class: &Described, room: &Room, executor: &ExecutorPlan) -> bool {
    class.arch.allows(room.arch)
        || (executor.emulate_arm64 && class.arch == ArchChoice::Arm64 && room.arch == Arch::Amd64)
}

fn fits(class: &Described, rooms: &[Room], around: &Surroundings<'_>) -> bool {
    let needed = class.requests + around.executor.overhead;
    rooms.iter().any(|room| runs_on(class, room, around.executor) && needed.fits_in(room.free))
}

/// Reports every described class of which some runner's pod fits into none of that runner's `rooms`.
pub(super) fn check(
    described: &[Described],
    rooms: &[Vec<Room>],
    around: &[Surroundings<'_>],
    problems: &mut Problems,
) {
    for class in described {
        let misfit = |runner: &usize| !fits(class, &rooms[*runner], &around[*runner]);
        let found = match class.runners.iter().copied().find(misfit) {
            // A tag from a variable may keep the class away from runners that it does not fit.
            Some(_) if class.are_tags_open && !class.runners.iter().all(misfit) => None,
            found => found,
        };
        let Some(runner) = found else { continue };
        let (rooms, executor) = (&rooms[runner], around[runner].executor);
        let needed = class.requests + executor.overhead;
        let runs_on = |room: &Room| runs_on(class, room, executor);
        let largest =
            rooms.iter().filter(|room| runs_on(room)).max_by_key(|room| (room.free.cpu, room.free.memory));
        let (label, help) = match largest {
            None if class.arch == ArchChoice::Arm64 => (
                "expected nodes of arm64".to_owned(),
                "give a pool arch = [\"arm64\"], or set kubernetes.emulate_arm64 = true".to_owned(),
            ),
            None => (
                "expected nodes of its architecture".to_owned(),
                "no pool whose taints the job tolerates has nodes of that architecture".to_owned(),
            ),
            Some(room) => (
                format!("expected at most {}", room.free),
                format!(
                    "the largest node is {}; of it {} are free after the kubelet and DaemonSets, which {} of the pod's \
                     helper and services share",
                    room.instance_type, room.free, executor.overhead
                ),
            ),
        };
        let message =
            format!("the pod of `{}` needs {needed} and fits no instance type of the fleet", class.name);
        problems.push(Diagnostic::new(Code::DoesNotFit, class.span.clone(), message, label).help(help));
    }
}
