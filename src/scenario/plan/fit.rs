//! Whether every job can run somewhere: a pod that fits no type its fleet may have would wait for ever.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::gitlab::TolerationText;
use super::job::Described;
use super::karpenter::Pool;
use crate::catalog::{Arch, Catalog, TypeId, TypeLabel};
use crate::karpenter::requirements::{Operator, RequirementSpec};
use crate::karpenter::type_set::MAX_TYPES;
use crate::units::Resources;
use crate::workload::ArchChoice;

/// Something nodes can be launched as or are: a type with labels beside its own, and taints.
pub(super) struct Room {
    pub arch: Arch,
    pub free: Resources,
    pub instance_type: String,
}

/// What pods of a fleet ask for beside their own requests.
pub(super) struct Surroundings<'a> {
    pub catalog: &'a Catalog,
    pub daemons: Resources,
    pub overhead: Resources,
    pub emulate_arm64: bool,
    pub tolerations: &'a [TolerationText],
}

/// The types that the pools may launch for pods that tolerate `around.tolerations`; reports pools that may launch none.
pub(super) fn rooms_of_pools(
    pools: &[Pool],
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Vec<Room> {
    let labelled: Vec<(TypeId, Vec<TypeLabel<'_>>)> = around
        .catalog
        .type_ids()
        .filter(|id| around.catalog.prices(*id).is_some())
        .map(|id| (id, around.catalog.labels(id)))
        .collect();
    let mut rooms = Vec::new();
    for pool in pools {
        let admitted: Vec<TypeId> = labelled
            .iter()
            .filter(|(_, labels)| pool.spec.requirements.iter().all(|own| admits(own, labels, pool)))
            .map(|(id, _)| *id)
            .collect();
        if admitted.is_empty() {
            problems.push(none_admitted(pool, &labelled, around.catalog));
        }
        let tolerated = pool.spec.taints.iter().all(|taint| {
            taint.effect == crate::karpenter::taints::TaintEffect::PreferNoSchedule
                || around.tolerations.iter().any(|own| tolerates(own, &taint.key, &taint.value))
        });
        if tolerated {
            rooms.extend(admitted.into_iter().map(|id| room(id, around)));
        }
    }
    rooms
}

/// Names of the types that some pool admits: what Karpenter is told that EC2 offers. Pools that admit nearly everything
/// are kept to what CI is run on: first without bare metal and accelerators, then without former generations.
pub(super) fn admitted_types(pools: &[Pool], catalog: &Catalog) -> Vec<String> {
    let mut admitted: Vec<TypeId> = catalog
        .type_ids()
        .filter(|id| catalog.prices(*id).is_some())
        .filter(|id| {
            let labels = catalog.labels(*id);
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

/// The room on a node of type `id`.
pub(super) fn room(id: TypeId, around: &Surroundings<'_>) -> Room {
    let kind = around.catalog.get(id);
    let all = kind.allocatable();
    let free = if around.daemons.fits_in(all) { all - around.daemons } else { Resources::ZERO };
    Room { arch: kind.arch, free, instance_type: kind.name.to_string() }
}

fn tolerates(own: &TolerationText, key: &str, value: &str) -> bool {
    own.key.as_ref().is_none_or(|wanted| wanted == key)
        && own.value.as_ref().is_none_or(|wanted| wanted == value)
}

/// Whether a type with `labels` can meet the requirement (a requirement on a label that the pool itself sets is met by
/// the pool's label).
fn admits(own: &RequirementSpec, labels: &[TypeLabel<'_>], pool: &Pool) -> bool {
    let by_pool: Option<&str> =
        pool.spec.labels.iter().find(|(key, _)| *key == own.key).map(|(_, value)| value.as_str());
    let of_type = labels.iter().find(|label| label.key == own.key);
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

/// Reports every described class whose pod fits into none of `rooms`.
pub(super) fn check(
    described: &[Described],
    rooms: &[Room],
    around: &Surroundings<'_>,
    problems: &mut Problems,
) {
    for class in described {
        let needed = class.requests + around.overhead;
        let runs_on = |room: &Room| {
            class.arch.allows(room.arch)
                || (around.emulate_arm64 && class.arch == ArchChoice::Arm64 && room.arch == Arch::Amd64)
        };
        if rooms.iter().any(|room| runs_on(room) && needed.fits_in(room.free)) {
            continue;
        }
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
                    room.instance_type, room.free, around.overhead
                ),
            ),
        };
        let message =
            format!("the pod of `{}` needs {needed} and fits no instance type of the fleet", class.name);
        problems.push(Diagnostic::new(Code::DoesNotFit, class.span.clone(), message, label).help(help));
    }
}
