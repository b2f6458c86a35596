//! Kubernetes pods: `kubectl get pods -o json` (or single pods), one record at a time.
//!
//! A pod is submitted when it is created and runs from the start of its first container to the end of its last one. Its
//! request is the sum of its containers, or the largest init container, plus overhead (Kubernetes documentation,
//! "Init containers: resource sharing" and "Pod Overhead", 1.35); a limit without a request is the request.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::account::Note;
use super::error::{Dropped, Fault};
use super::fields::{Id, Text, between, instant, joined, text, wait};
use super::sink::Sink;
use super::{Identifier, JobRow};
use crate::units::{Mebibytes, Millicores};
use crate::workload::{ArchChoice, RowProblem};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pod<'a> {
    #[serde(borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow)]
    spec: Option<Spec<'a>>,
    #[serde(borrow)]
    status: Option<Status<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    uid: Option<Text<'a>>,
    #[serde(borrow)]
    creation_timestamp: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow, default)]
    containers: Vec<Container<'a>>,
    #[serde(borrow, default)]
    init_containers: Vec<Container<'a>>,
    #[serde(borrow)]
    node_selector: Option<BTreeMap<Text<'a>, Text<'a>>>,
    #[serde(borrow)]
    overhead: Option<Amounts<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container<'a> {
    #[serde(borrow)]
    resources: Option<Requirements<'a>>,
    #[serde(borrow)]
    restart_policy: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Requirements<'a> {
    #[serde(borrow)]
    requests: Option<Amounts<'a>>,
    #[serde(borrow)]
    limits: Option<Amounts<'a>>,
}

/// Quantities are texts; numbers are what some tools make of them.
#[derive(Deserialize)]
struct Amounts<'a> {
    #[serde(borrow)]
    cpu: Option<Id<'a>>,
    #[serde(borrow)]
    memory: Option<Id<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    #[serde(borrow)]
    phase: Option<Text<'a>>,
    #[serde(borrow, default)]
    container_statuses: Vec<ContainerStatus<'a>>,
}

#[derive(Deserialize)]
struct ContainerStatus<'a> {
    #[serde(borrow)]
    state: Option<ContainerState<'a>>,
}

#[derive(Deserialize)]
struct ContainerState<'a> {
    #[serde(borrow)]
    terminated: Option<Terminated<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Terminated<'a> {
    #[serde(borrow)]
    started_at: Option<Text<'a>>,
    #[serde(borrow)]
    finished_at: Option<Text<'a>>,
}

/// Reads one pod.
pub(super) fn read(record: &[u8], sink: &mut Sink<'_>) -> serde_json::Result<Result<(), Fault>> {
    serde_json::from_slice::<Pod<'_>>(record).map(|pod| job_of(&pod, sink))
}

fn job_of(pod: &Pod<'_>, sink: &mut Sink<'_>) -> Result<(), Fault> {
    if !matches!(text(pod.kind.as_ref()), "Pod" | "") {
        sink.drop(Dropped::NotWork);
        return Ok(());
    }
    let missing = |key| Fault::new(RowProblem::Missing, key, "");
    let metadata = pod.metadata.as_ref().ok_or_else(|| missing("metadata"))?;
    let spec = pod.spec.as_ref().ok_or_else(|| missing("spec"))?;
    let status = pod.status.as_ref().ok_or_else(|| missing("status"))?;
    let created = instant(metadata.creation_timestamp.as_ref(), "creationTimestamp")?;
    let created = created.ok_or_else(|| missing("creationTimestamp"))?;
    let phase = text(status.phase.as_ref());
    if !matches!(phase, "Succeeded" | "Failed") {
        sink.drop(if phase == "Pending" { Dropped::NeverStarted } else { Dropped::NotEnded });
        return Ok(());
    }
    // Evicted and rejected pods are Failed without ever having had a container.
    let Some((started, finished)) = run_of(status)? else {
        sink.drop(Dropped::NeverStarted);
        return Ok(());
    };
    let duration_ms = between(started, finished, "finishedAt")?;
    let observed_wait_ms = Some(wait(between(created, started, "startedAt")?));
    let cpu_millis = Some(request(spec, cpu_of)?);
    let memory_mib = Some(request(spec, memory_of)?);
    if cpu_millis == Some(0) && memory_mib == Some(0) {
        sink.note(Note::NoRequests);
    }
    let selector = spec.node_selector.iter().flatten();
    let selector: Vec<(&str, &str)> =
        selector.map(|(label, value)| (label.as_str(), value.as_str())).collect();
    let is_arch = |label: &str| matches!(label, "kubernetes.io/arch" | "beta.kubernetes.io/arch");
    let arch = match selector.iter().find(|(label, _)| is_arch(label)).map(|(_, arch)| *arch) {
        None => None,
        Some("amd64") => Some(ArchChoice::Amd64),
        Some("arm64") => Some(ArchChoice::Arm64),
        Some(other) => return Err(Fault::new(RowProblem::UnknownArch, "nodeSelector", other)),
    };
    let labels: Vec<String> = selector
        .iter()
        .filter(|(label, _)| !is_arch(label))
        .map(|(label, value)| format!("{label}={value}"))
        .collect();
    let mut tags = String::new();
    joined(labels.iter().map(String::as_str), &mut tags);
    let name = text(metadata.name.as_ref());
    let uid = text(metadata.uid.as_ref());
    sink.job(JobRow {
        submitted_ms: created,
        duration_ms,
        cpu_millis,
        memory_mib,
        arch,
        tags: &tags,
        name,
        observed_wait_ms,
        status: phase,
        ..JobRow::nothing(Identifier::Text(if uid.is_empty() { name } else { uid }))
    });
    Ok(())
}

/// From the start of the first container to the end of the last one.
fn run_of(status: &Status<'_>) -> Result<Option<(i64, i64)>, Fault> {
    let mut run: Option<(i64, i64)> = None;
    for container in &status.container_statuses {
        let terminated = container.state.as_ref().and_then(|state| state.terminated.as_ref());
        let Some(terminated) = terminated else { continue };
        let started = instant(terminated.started_at.as_ref(), "startedAt")?;
        let finished = instant(terminated.finished_at.as_ref(), "finishedAt")?;
        let (Some(started), Some(finished)) = (started, finished) else { continue };
        let (first, last) = run.unwrap_or((started, finished));
        run = Some((first.min(started), last.max(finished)));
    }
    Ok(run)
}

type Amount = fn(&Amounts<'_>) -> Result<Option<u32>, Fault>;

/// What the scheduler reserves for the pod.
fn request(spec: &Spec<'_>, amount: Amount) -> Result<u32, Fault> {
    let of = |container: &Container<'_>| -> Result<u32, Fault> {
        let Some(resources) = &container.resources else { return Ok(0) };
        for amounts in [&resources.requests, &resources.limits] {
            if let Some(found) = amounts.as_ref().map(amount).transpose()?.flatten() {
                return Ok(found);
            }
        }
        Ok(0)
    };
    let mut together = 0_u32;
    for container in &spec.containers {
        together = together.saturating_add(of(container)?);
    }
    // Side-cars (init containers that always restart) keep their share; others have the pod for themselves, one by one.
    let (mut sidecars, mut largest) = (0_u32, 0_u32);
    for container in &spec.init_containers {
        let own = of(container)?;
        if text(container.restart_policy.as_ref()) == "Always" {
            sidecars = sidecars.saturating_add(own);
            largest = largest.max(sidecars);
        } else {
            largest = largest.max(sidecars.saturating_add(own));
        }
    }
    let overhead = spec.overhead.as_ref().map(amount).transpose()?.flatten().unwrap_or(0);
    Ok(together.saturating_add(sidecars).max(largest).saturating_add(overhead).min(u32::MAX - 1))
}

fn cpu_of(amounts: &Amounts<'_>) -> Result<Option<u32>, Fault> {
    amounts.cpu.as_ref().map(|cpu| quantity::<Millicores>(cpu, "cpu").map(|cpu| cpu.0)).transpose()
}

fn memory_of(amounts: &Amounts<'_>) -> Result<Option<u32>, Fault> {
    let memory = amounts.memory.as_ref();
    memory.map(|memory| quantity::<Mebibytes>(memory, "memory").map(|memory| memory.0)).transpose()
}

fn quantity<T: std::str::FromStr<Err = crate::units::QuantityError>>(
    id: &Id<'_>,
    key: &'static str,
) -> Result<T, Fault> {
    use crate::units::QuantityError as Wrong;
    let text = id.identifier().to_string();
    text.parse().map_err(|error| {
        let problem = match error {
            Wrong::Malformed(_) => RowProblem::NotANumber,
            Wrong::Negative(_) => RowProblem::Negative,
            Wrong::TooLarge(_) => RowProblem::TooLarge,
        };
        Fault::new(problem, key, text.as_str())
    })
}
