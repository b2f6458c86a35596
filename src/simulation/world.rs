//! The world of one run: the rooms, what is in flight, and the recorder. Its stages are in the files beside this one.

use crate::ec2::{LaunchQueue, Market, SpeedModel, SpotMarket, UnusedMeter};
use crate::engine::{EventQueue, Slab, Streams};
use crate::fleet::{Job, JobId, Node, NodeId};
use crate::gitlab::{self, Gitlab, Pipelines};
use crate::karpenter::termination::Removal;
use crate::kubernetes::{NodeImages, PullSpeed, Scheduler, SchedulingOutcome};
use crate::metrics::{NodeEnd, Recorder, WorkCounters};
use crate::units::SimTime;
use crate::workload::{Arrivals, JobSampler};

use super::accounts::Accounts;
use super::decisions::Decided;
use super::event::Event;
use super::executors::Executors;
use super::karpenter_side::KarpenterSide;
use super::kinds::{ClassKind, PodKinds};
use super::machines::Machines;
use super::node_groups::Autoscaler;
use super::nodes::NodeFacts;
use super::pause_pods::PausePodDeployments;
use super::plan::Plan;
use super::pod_budgets::PodBudgets;
use super::reasons::{Explained, ReasonLog};
use super::setup;
use super::sharing::Sharing;
use super::{FinishedRun, Keep};

/// Everything that changes while a run goes on.
pub(super) struct World<'p> {
    pub plan: &'p Plan,
    pub streams: Streams,
    pub now: SimTime,
    pub queue: EventQueue<Event>,
    pub arrivals: Arrivals,
    pub sampler: JobSampler,
    pub pipelines: Pipelines,
    pub gitlab: Gitlab,
    pub scheduler: Scheduler,
    pub jobs: Slab<Job>,
    pub nodes: Slab<Node>,
    /// By node id: meters and what the loop must know of the node's type.
    pub facts: Vec<NodeFacts>,
    /// By node id: the images it has.
    pub images: Vec<NodeImages>,
    /// By node id: its removal by Karpenter, once that is under way.
    pub removals: Vec<Option<Removal>>,
    pub pull_speed: PullSpeed,
    pub executors: Executors<'p>,
    pub kinds: PodKinds,
    pub classes: Vec<ClassKind>,
    pub speed: SpeedModel,
    /// Where speed follows the load of each node.
    pub sharing: Option<Box<Sharing>>,
    pub market: Market,
    pub spot: SpotMarket,
    /// Logarithm of each Spot pool's deviation from its own price, by type and zone; empty where prices stand still.
    pub deviations: Vec<f64>,
    /// By capacity reservation: what stands unused of it, until it ends.
    pub reservations: Vec<Option<UnusedMeter>>,
    /// Launch requests that wait for a throttled API.
    pub launch_queue: LaunchQueue,
    pub karpenter: Option<Box<KarpenterSide>>,
    /// Cluster Autoscaler, where it sets the sizes of node groups.
    pub autoscaler: Option<Box<Autoscaler>>,
    /// Machines that runner managers start, where there is no Kubernetes.
    pub machines: Option<Box<Machines>>,
    pub pod_budgets: PodBudgets,
    pub pause_pods: PausePodDeployments,
    pub accounts: Accounts,
    pub recorder: Recorder,
    /// What Karpenter decided, where that is kept.
    pub decisions: Option<Vec<Decided>>,
    /// Why it decided so, where that is asked for.
    pub reasons: Option<ReasonLog>,
    pub builds: u32,
    pub nodes_created: u32,
    pub delayed_jobs: u32,
    pub scratch: Scratch,
}

/// Buffers that are filled and emptied again and again.
#[derive(Default)]
pub(super) struct Scratch {
    pub steps: Vec<gitlab::PipelineStep>,
    pub picks: Vec<gitlab::Outcome>,
    pub bindings: Vec<SchedulingOutcome>,
    pub arrived: Vec<Event>,
    pub foreseen: Vec<JobId>,
}

impl<'p> World<'p> {
    pub(super) fn new(plan: &'p Plan, arrivals: Arrivals, streams: Streams, keep: Keep) -> Self {
        setup::world(plan, arrivals, streams, keep)
    }

    /// When something is due apart from arrivals.
    pub(super) fn next_at(&self) -> SimTime {
        let events = self.queue.next_at().unwrap_or(SimTime::NEVER);
        let karpenter = self.karpenter.as_ref().map_or(SimTime::NEVER, |side| side.next_wakeup());
        // Managers that were advanced on the way may have decisions to hand over at once.
        let gitlab = self.gitlab.next_wakeup().max(self.now);
        events.min(gitlab).min(self.scheduler.next_wakeup()).min(karpenter)
    }

    pub(super) fn advance_to(&mut self, at: SimTime) {
        assert!(at >= self.now, "time runs forward");
        self.now = at;
    }

    /// Wakes every room that is due at `at`, in the order of a job's way.
    pub(super) fn wake_rooms(&mut self, at: SimTime) {
        if self.gitlab.next_wakeup() <= at {
            self.pick_jobs();
        }
        if self.scheduler.next_wakeup() <= at {
            self.bind_pods();
        }
        if self.karpenter.as_ref().is_some_and(|side| side.next_wakeup() <= at) {
            self.wake_karpenter();
        }
    }

    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Pending(job) => self.enqueue(job),
            Event::DelayOver { pipeline, node } => self.delay_over(pipeline, node),
            Event::CreatePod { job, build } => self.pod_prepared(job, build),
            Event::PodReady { job, build } => self.pod_ready(job, build),
            Event::PodWaitOver { job, build } => self.pod_wait_over(job, build),
            Event::CancelHeard { job, build } => self.cancel_heard(job, build),
            Event::ScriptStarts { job, build } => self.script_starts(job, build),
            Event::CoresDue { node, ordinal } => {
                if self.is_node(node, ordinal) {
                    self.cores_due(node);
                }
            }
            Event::ScriptEnded { job, build } => self.script_ended(job, build),
            Event::PodGone { job, build } => self.pod_gone(job, build),
            Event::PullEnded { node, ordinal, image } => {
                if self.is_node(node, ordinal) {
                    self.pull_ended(node, image);
                }
            }
            Event::WarmUpOver => self.warm_up_over(),
            Event::PriceChange { number } => self.price_changed(number),
            Event::PriceRefresh => self.refresh_prices(),
            Event::FleetCallsDue => self.send_fleet_calls(),
            Event::ReservationEnds { number } => self.reservation_ends(number),
            Event::ReservationGone { number } => self.reservation_gone(number),
            Event::Drift { number } => self.drift(number),
            Event::DrainNodes { number } => self.drain_nodes(number),
            Event::GitlabAway => self.gitlab_away(),
            Event::Requeue { job, build } => self.requeue(job, build),
            Event::SpotPrices { day } => self.spot_prices_move(day),
            Event::StaticPool { pool } => self.fill_static_pool(pool),
            Event::Scale { number } => self.scale_static_pool(number),
            Event::PausePodLook { deployment } => self.look_at_pause_pods(deployment),
            Event::PausePods { deployment } => self.adjust_pause_pods(deployment),
            Event::PausePodJobOver { deployment } => self.pause_pod_job_over(deployment),
            Event::AutoscalerScan => self.autoscaler_scan(),
            Event::MachineRetry { group } => self.scale_machines(group),
            Event::MachinePolicy { group } => self.machine_policy_changed(group),
            Event::Node { node, ordinal, stage } => {
                if self.is_node(node, ordinal) {
                    self.node_stage(node, stage);
                }
            }
        }
    }

    pub(super) fn is_node(&self, node: NodeId, ordinal: u32) -> bool {
        self.nodes.get(node).is_some_and(|known| known.ordinal == ordinal)
    }

    /// Whether no build is under way or to come.
    pub(super) fn is_idle(&self) -> bool {
        self.jobs.len() == self.pause_pods.count() && self.delayed_jobs == 0
    }

    /// Closes the books at `end`: builds in flight are recorded as such, nodes are billed until then.
    pub(super) fn finish(mut self, end: SimTime) -> (FinishedRun, Vec<Explained>) {
        self.now = end;
        self.record_unfinished_builds();
        let standing: Vec<NodeId> = self.nodes.iter().map(|(id, _)| id).collect();
        for node in standing {
            self.close_node(node, NodeEnd::RunEnd);
        }
        self.bill_reservations();
        for (kind, cost) in &self.plan.standing {
            self.recorder.bill(*kind, cost.hourly, SimTime::ZERO, end);
        }
        let mut work = WorkCounters::default();
        let queue = self.queue.work();
        let scheduler = self.scheduler.work();
        for (name, count) in [
            ("builds", u64::from(self.builds)),
            ("events_queued", queue.pushes),
            ("events_handled", queue.pops),
            ("events_queued_peak", queue.peak),
            ("manager_events", self.gitlab.manager_events()),
            ("scheduling_attempts", scheduler.attempts),
            ("bindings", scheduler.bindings),
            ("nodes_considered", scheduler.nodes_considered),
            ("scores_computed", scheduler.scores_computed),
            ("nodes_launched", u64::from(self.nodes_created)),
            ("kube_scheduler_messages", scheduler.messages_sent),
            ("kube_scheduler_retries_in_vain", scheduler.retries_in_vain),
        ] {
            work.add(name, count);
        }
        if let Some(side) = &self.karpenter {
            let disruption = side.disruption.work();
            for (name, count) in [
                ("karpenter_passes", side.passes),
                ("create_fleet_calls", side.fleet_calls.sent),
                ("karpenter_pods_in_passes", side.pods_in_passes),
                ("karpenter_probes", side.solver.probes()),
                ("disruption_passes", disruption.passes),
                ("disruption_nodes_looked_at", disruption.nodes_looked_at),
                ("disruption_what_ifs", disruption.what_ifs),
            ] {
                work.add(name, count);
            }
        }
        let reasons = self.reasons.map(|log| log.said).unwrap_or_default();
        let decisions = self.decisions.unwrap_or_default();
        let accounts = self.accounts.named(&self.arrivals);
        let outcome = self.recorder.finish(end, work, &accounts);
        (FinishedRun::of(outcome, &self.arrivals, decisions), reasons)
    }
}
