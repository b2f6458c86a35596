//! Pause pods of runners: pods of low priority that hold room for jobs. A deployment for each runner entry that wants some
//! keeps their number; a job's pod pushes one away, and the next one waits for a node in its place.

use crate::fleet::{Job, JobId, JobPhase, NodeId, NodePhase};
use crate::gitlab::executor::{PAUSE_POD_INTERVAL, PausePodTarget};
use crate::karpenter::disruption::{DoNotDisrupt, PodPdb};
use crate::karpenter::pods::PodClassSpec;
use crate::kubernetes::{ContainerRequests, PodKey, PodShape};
use crate::units::{Resources, SimDuration, SimTime};

use super::event::Event;
use super::kinds::PodKind;
use super::plan::PausePodsPlan;
use super::world::World;

/// No deployment.
const NONE: u32 = u32::MAX;

/// All deployments of a run.
#[derive(Debug, Default)]
pub(super) struct PausePodDeployments {
    each: Vec<Deployment>,
    /// By job id: the deployment whose runner works on it.
    of_job: Vec<u32>,
    pods_made: u32,
}

/// The Deployment of one runner entry of one manager process, with its ReplicaSet.
#[derive(Debug)]
struct Deployment {
    kind: u32,
    target: PausePodTarget,
    replicas: u32,
    /// Builds that the runner holds a slot for.
    active_jobs: u32,
    /// Its pods, in order of creation.
    pods: Vec<JobId>,
}

impl PausePodDeployments {
    /// How many pause pods there are.
    pub(super) fn count(&self) -> usize {
        self.each.iter().map(|one| one.pods.len()).sum()
    }
}

impl World<'_> {
    /// Makes the deployments, without pods as yet. A runner begins to look after its own when it first asks for a job
    /// (gitlab-runner 19.4, `executors/kubernetes/autoscaler/provider.go` `Acquire`).
    pub(super) fn arm_pause_pods(&mut self) {
        let plan = self.plan;
        for (number, own) in (0..).zip(&plan.kubernetes.pause_pods) {
            let kind = self.pause_pod_kind(own);
            let target = PausePodTarget::default();
            self.pause_pods.each.push(Deployment {
                kind,
                target,
                replicas: 0,
                active_jobs: 0,
                pods: Vec::new(),
            });
            let Some(manager) = plan.gitlab.managers.get(own.manager as usize) else { continue };
            let entries = manager.entries.len().max(1) as u64;
            let turn = manager.check_interval.as_ms() * u64::from(own.entry) / entries;
            let first = manager.start_at + SimDuration::from_ms(turn);
            self.queue.push(first, Event::PausePodLook { deployment: number });
        }
    }

    fn pause_pod_kind(&mut self, own: &PausePodsPlan) -> u32 {
        let executor = &own.executor;
        let mut node_selector = executor.node_selector.clone();
        let arch = executor.arch.filter(|_| executor.select_arch);
        node_selector.extend(arch.map(|arch| ("kubernetes.io/arch".to_owned(), arch.label().to_owned())));
        let shape = PodShape {
            containers: vec![ContainerRequests::of(own.requests)],
            node_selector: node_selector.clone(),
            tolerations: executor.tolerations.clone(),
            priority: executor.priority,
            ..PodShape::default()
        };
        let class = PodClassSpec {
            requests: own.requests,
            node_selector,
            tolerations: executor.tolerations.clone(),
            priority: executor.priority,
            ..PodClassSpec::default()
        };
        let karpenter_class = self.karpenter.as_mut().map_or(0, |side| side.register_class(class));
        let groups = super::node_groups::groups_for(self.plan, &shape);
        self.kinds.add(PodKind {
            groups,
            shape: self.scheduler.register_shape(shape),
            karpenter_class,
            requests: own.requests,
            executor: 0,
            do_not_disrupt: DoNotDisrupt::No,
            pdb: PodPdb::None,
            emulated: false,
        })
    }

    /// The runner looks how many pause pods there should be, as it does all the time.
    pub(super) fn look_at_pause_pods(&mut self, number: u32) {
        let plan = &self.plan.kubernetes.pause_pods[number as usize];
        let deployment = &mut self.pause_pods.each[number as usize];
        let replicas = deployment.target.reconcile(self.now, deployment.active_jobs, &plan.wanted);
        if replicas != deployment.replicas {
            deployment.replicas = replicas;
            self.adjust_pause_pods(number);
        }
        self.queue.push(self.now + PAUSE_POD_INTERVAL, Event::PausePodLook { deployment: number });
    }

    /// Creates the pods that a deployment lacks, or removes those that it has too many.
    pub(super) fn adjust_pause_pods(&mut self, number: u32) {
        let deployment = &self.pause_pods.each[number as usize];
        let (wanted, kind) = (deployment.replicas as usize, deployment.kind);
        let requests = self.kinds.get(kind).requests;
        while self.pause_pods.each[number as usize].pods.len() < wanted {
            self.create_pause_pod(number, kind, requests);
        }
        while self.pause_pods.each[number as usize].pods.len() > wanted {
            let pod = self.least_wanted_pause_pod(number);
            self.remove_pause_pod(pod);
        }
    }

    fn create_pause_pod(&mut self, number: u32, kind: u32, requests: Resources) {
        let now = self.now;
        self.pause_pods.pods_made += 1;
        let pod = self.jobs.insert(Job {
            // From above, where no build's number gets: Karpenter tells pods apart by it.
            build: u32::MAX - self.pause_pods.pods_made,
            phase: JobPhase::Picked,
            attempt: 0,
            has_pod: false,
            is_ready: false,
            awaits_karpenter: false,
            pipeline: Job::NO_PIPELINE,
            pipeline_node: number,
            ordinal: u64::MAX,
            class: u32::MAX,
            account: u32::MAX,
            kind,
            requests,
            work: SimDuration::ZERO,
            slot: u32::MAX,
            node: None,
            wait_since: now,
            pending_at: now,
            picked_at: now,
            pod_created_at: SimTime::NEVER,
            planned_at: SimTime::NEVER,
            bound_at: SimTime::NEVER,
            image_pull: SimDuration::ZERO,
            script_at: SimTime::NEVER,
            ends_at: SimTime::NEVER,
            slot_free_at: SimTime::NEVER,
        });
        self.jobs[pod].pod_created(now);
        self.pause_pods.each[number as usize].pods.push(pod);
        self.scheduler.pod_created(now, PodKey(pod.raw()), self.kinds.get(kind).shape);
    }

    /// Which pod a ReplicaSet gives up first: one without a node, then one on the node with most of them, then the newest
    /// (kubernetes `pkg/controller/controller_utils.go` `ActivePodsWithRanks`, v1.37).
    fn least_wanted_pause_pod(&self, number: u32) -> JobId {
        let pods = &self.pause_pods.each[number as usize].pods;
        let node_of = |pod: JobId| self.jobs[pod].node;
        let beside = |pod: JobId| pods.iter().filter(|other| node_of(**other) == node_of(pod)).count();
        let least = (0..).zip(pods).max_by_key(|(age, pod)| (node_of(**pod).is_none(), beside(**pod), *age));
        let (_, pod): (usize, &JobId) = least.expect("a deployment with too many pods has some");
        *pod
    }

    /// A node holds the pod's room from now on. Its image is the one of every pod's sandbox: it is there.
    pub(super) fn pause_pod_bound(&mut self, id: JobId, node_id: NodeId) {
        let node = &mut self.nodes[node_id];
        assert!(node.phase == NodePhase::Ready, "pods bind to ready nodes");
        node.pods.push(id);
        self.jobs[id].bound(self.now, node_id);
        let cpu = self.jobs[id].requests.cpu;
        self.facts[node_id.index()].meter.room_kept(self.now, cpu);
        self.karpenter_pod_bound(id, node_id);
    }

    /// The pod is pushed away, evicted or lost: it has no grace period, and its deployment makes another one.
    pub(super) fn remove_pause_pod(&mut self, id: JobId) {
        let number = self.jobs[id].pipeline_node;
        if let Some(node) = self.jobs[id].node {
            self.karpenter_pod_terminating(id, node);
        }
        self.delete_pod(id);
        self.jobs.remove(id);
        self.pause_pods.each[number as usize].pods.retain(|pod| *pod != id);
        self.queue.push(self.now, Event::PausePods { deployment: number });
    }

    /// A runner works on one more job.
    pub(super) fn pause_pod_job_picked(&mut self, id: JobId, manager: u32, entry: u32) {
        let own = self.plan.kubernetes.pause_pods.iter();
        let Some(number) = own.clone().position(|one| (one.manager, one.entry) == (manager, entry)) else {
            return;
        };
        let of_job = &mut self.pause_pods.of_job;
        if id.index() >= of_job.len() {
            of_job.resize(id.index() + 1, NONE);
        }
        of_job[id.index()] = number as u32;
        self.pause_pods.each[number].active_jobs += 1;
    }

    /// A build ends whose slot is free at `free_at`.
    pub(super) fn pause_pod_job_ends(&mut self, id: JobId, free_at: SimTime) {
        let Some(number) = self.pause_pods.of_job.get_mut(id.index()) else { return };
        let deployment = std::mem::replace(number, NONE);
        if deployment != NONE {
            self.queue.push(free_at.max(self.now), Event::PausePodJobOver { deployment });
        }
    }

    pub(super) fn pause_pod_job_over(&mut self, number: u32) {
        self.pause_pods.each[number as usize].active_jobs -= 1;
    }
}
