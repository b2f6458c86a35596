//! The cluster: kube-scheduler, DaemonSets, images, and the executor's pods.

use super::super::check::Problems;
use super::super::document::Table;
use super::gitlab::{Executor, TolerationText};
use super::job::Jobs;
use super::pod_budgets;
use super::spread::delay;
use crate::gitlab::GitlabConfig;
use crate::kubernetes::{PullSpeed, SchedulerConfig, ScoringStrategy, TaintEffect, Toleration};
use crate::simulation::{DaemonSet, ExecutorPlan, Image, KubernetesPlan, OwnExecutor};
use crate::units::Resources;

/// kube-scheduler, kubelet and DaemonSets of a fleet.
pub(super) fn plan(table: &Table, jobs: &Jobs<'_, '_>, problems: &mut Problems) -> KubernetesPlan {
    let default = KubernetesPlan::default();
    let listed: Vec<Image> = table
        .tables("image")
        .map(|(image, _)| Image {
            name: image.text("name").to_owned(),
            compressed_mb: image.integer("compressed_mb") as u32,
            layers: image.integer("layers") as u32,
        })
        .collect();
    let unlisted = table.integer("default_image_mb") as u32;
    let images = jobs.images.iter().map(|name| match listed.iter().find(|image| image.name == *name) {
        Some(image) => image.clone(),
        None => Image { name: name.clone(), compressed_mb: unlisted, layers: 1 },
    });
    KubernetesPlan {
        scheduler: SchedulerConfig {
            strategy: match table.text("scoring") {
                "MostAllocated" => ScoringStrategy::MostAllocated,
                _ => ScoringStrategy::LeastAllocated,
            },
            ..SchedulerConfig::default()
        },
        pod_start: delay(table, "pod_start").unwrap_or(default.pod_start),
        images: images.collect(),
        pull_speed: PullSpeed {
            layer_mb_per_second: table.integer("pull_mb_per_second") as u32,
            node_mb_per_second: table.integer("pull_mb_per_second_of_node") as u32,
            ..PullSpeed::default()
        },
        daemon_sets: table
            .tables("daemonset")
            .map(|(own, _)| DaemonSet {
                name: own.text("name").to_owned(),
                requests: Resources {
                    cpu: own.cpu_if("cpu").unwrap_or_default(),
                    memory: own.memory_if("memory").unwrap_or_default(),
                },
            })
            .collect(),
        disruption_budgets: pod_budgets::budgets(table, jobs, problems),
        placements: jobs.placements.clone(),
        pause_pods: Vec::new(),
    }
}

/// The executors of a fleet, by runner; a fleet without runners (a FIFO pool) has the default one.
pub(super) fn executors(table: &Table, runners: &[Executor]) -> Vec<ExecutorPlan> {
    let usual = ExecutorPlan {
        pod_creation: table.duration("pod_creation"),
        cleanup: table.duration("pod_cleanup"),
        teardown: table.duration("pod_teardown"),
        emulate_arm64: table.flag("emulate_arm64"),
        ..ExecutorPlan::default()
    };
    if runners.is_empty() {
        return vec![usual];
    }
    let of_runner = |own: &Executor| ExecutorPlan {
        poll_interval: own.poll_interval,
        poll_timeout: own.poll_timeout,
        overhead: own.overhead,
        largest_cpu: own.largest_cpu,
        largest_memory: own.largest_memory,
        node_selector: own.node_selector.clone(),
        arch: own.arch,
        tolerations: own.tolerations.iter().map(toleration).collect(),
        do_not_disrupt: own.do_not_disrupt,
        priority: own.priority,
        placement: own.placement.clone(),
        has_informer: own.has_informer,
        ..usual.clone()
    };
    runners.iter().map(of_runner).collect()
}

/// Runner entries whose executor is not that of the first runner.
pub(super) fn own_executors(gitlab: &GitlabConfig, by_runner: &[ExecutorPlan]) -> Vec<OwnExecutor> {
    let mut own = Vec::new();
    for (manager, process) in (0..).zip(&gitlab.managers) {
        for (number, entry) in (0..).zip(&process.entries) {
            let executor = &by_runner[entry.runner as usize];
            if *executor != by_runner[0] {
                own.push(OwnExecutor { manager, entry: number, executor: executor.clone() });
            }
        }
    }
    own
}

fn toleration(own: &TolerationText) -> Toleration {
    Toleration {
        key: own.key.clone(),
        value: own.value.clone(),
        effect: own.effect.as_deref().map(|effect| match effect {
            "PreferNoSchedule" => TaintEffect::PreferNoSchedule,
            "NoExecute" => TaintEffect::NoExecute,
            _ => TaintEffect::NoSchedule,
        }),
    }
}
