//! Cluster Autoscaler with node groups: once per scan, which group gets how many more nodes, and which empty nodes go. Knows no clock,
//! no cloud and no scheduler: the loop shows it the cluster and carries its answer out.
//!
//! Rules: kubernetes/autoscaler `cluster-autoscaler/core/static_autoscaler.go` (HEAD, 2026-08), flags by its FAQ. Job pods are bare
//! pods, which it never drains; so only nodes without one are ever unneeded, whatever their utilisation.

use std::collections::BTreeMap;

use rand::Rng;

use crate::units::{Resources, SimDuration, SimTime};

/// If every pod that waits is younger than this, the scan waits for more (`unschedulablePodTimeBuffer`).
const NEW_PODS: SimDuration = SimDuration::from_secs(2);
/// Back-off of a node group whose launch failed: first, most, and after how long it starts anew
/// (`--initial-node-group-backoff-duration` and its kin).
const BACKOFF: (SimDuration, SimDuration, SimDuration) =
    (SimDuration::from_mins(5), SimDuration::from_mins(30), SimDuration::from_hours(3));

/// Which of the groups that would help is enlarged (`--expander`). Ties are broken by chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expander {
    /// The one whose new nodes leave the least CPU and memory unrequested; the default since 1.34.
    #[default]
    LeastWaste,
    /// The one that holds the most pods.
    MostPods,
    /// The one with the highest priority.
    Priority,
    /// Any.
    Random,
}

/// Flags, with the defaults of HEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoscalerConfig {
    /// `--scan-interval`.
    pub scan_interval: SimDuration,
    /// `--new-pod-scale-up-delay`: younger pods do not count yet.
    pub new_pod_scale_up_delay: SimDuration,
    /// `--expander`.
    pub expander: Expander,
    /// `--scale-down-enabled`.
    pub scale_down: bool,
    /// `--scale-down-unneeded-time`.
    pub unneeded_time: SimDuration,
    /// `--scale-down-delay-after-add`, for all groups together.
    pub delay_after_add: SimDuration,
    /// `--scale-down-delay-after-delete`.
    pub delay_after_delete: SimDuration,
    /// `--max-scale-down-parallelism`.
    pub scale_down_parallelism: u32,
    /// `--max-node-provision-time`.
    pub max_node_provision_time: SimDuration,
    /// `--node-delete-delay-after-taint`.
    pub delete_delay_after_taint: SimDuration,
}

impl Default for AutoscalerConfig {
    fn default() -> Self {
        Self {
            scan_interval: SimDuration::from_secs(10),
            new_pod_scale_up_delay: SimDuration::ZERO,
            expander: Expander::default(),
            scale_down: true,
            unneeded_time: SimDuration::from_mins(10),
            delay_after_add: SimDuration::from_mins(10),
            delay_after_delete: SimDuration::ZERO,
            scale_down_parallelism: 10,
            max_node_provision_time: SimDuration::from_mins(15),
            delete_delay_after_taint: SimDuration::from_secs(5),
        }
    }
}

/// A node group as Cluster Autoscaler sees it: a template and two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupTemplate {
    /// Fewest nodes.
    pub min: u32,
    /// Most nodes.
    pub max: u32,
    /// For [`Expander::Priority`]; higher first.
    pub priority: i32,
    /// What a new node has.
    pub capacity: Resources,
    /// What job pods may request of it.
    pub free: Resources,
    /// How many job pods it takes.
    pub pods: u32,
}

/// A pod that kube-scheduler found no node for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingPod {
    /// What it requests.
    pub requests: Resources,
    /// When it was created.
    pub created_at: SimTime,
    /// On nodes of which groups it may run: one bit for each.
    pub groups: u64,
}

/// What is free on a node, of an upcoming one the whole template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeRoom {
    /// Its group.
    pub group: u32,
    /// Requests that still fit.
    pub free: Resources,
    /// Pods that still fit.
    pub pods: u32,
}

/// An empty node that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmptyNode {
    /// The loop's number of it, never used twice.
    pub ordinal: u32,
    /// Its group.
    pub group: u32,
}

/// The cluster at a scan.
#[derive(Clone, Copy, Debug)]
pub struct ScanView<'a> {
    /// Pods that wait, oldest first.
    pub pending: &'a [PendingPod],
    /// Target size of each group.
    pub sizes: &'a [u32],
    /// Nodes that are ready or on their way, in the order of their creation.
    pub rooms: &'a [NodeRoom],
    /// Ready nodes without a job pod that are not being deleted, in the order of their creation.
    pub empty: &'a [EmptyNode],
    /// How many nodes are being deleted.
    pub deleting: u32,
}

/// What a scan decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanDecision {
    /// The group to enlarge, and by how many nodes.
    pub scale_up: Option<(u32, u32)>,
    /// What could have been enlarged: one option for each group that would help and is not backed off.
    pub options: Vec<ScaleOption>,
    /// Ordinals of the nodes to delete.
    pub delete: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Backoff {
    until: SimTime,
    lasts: SimDuration,
}

/// An enlargement that would help some pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaleOption {
    /// The group.
    pub group: u32,
    /// How many more nodes.
    pub nodes: u32,
    /// How many pods they hold.
    pub pods: u32,
    /// What these pods request together.
    pub requested: Resources,
}

/// Cluster Autoscaler.
#[derive(Clone, Debug)]
pub struct ClusterAutoscaler {
    config: AutoscalerConfig,
    groups: Vec<GroupTemplate>,
    backoffs: Vec<Backoff>,
    last_scale_up: Option<SimTime>,
    last_delete: Option<SimTime>,
    /// Since which scan a node is unneeded, by ordinal.
    unneeded: BTreeMap<u32, SimTime>,
}

impl ClusterAutoscaler {
    /// Of these groups; at most 64.
    ///
    /// # Panics
    /// With more groups than bits.
    #[must_use]
    pub fn new(config: AutoscalerConfig, groups: Vec<GroupTemplate>) -> Self {
        assert!(groups.len() <= 64, "one bit for each group");
        let backoffs = vec![Backoff::default(); groups.len()];
        let unneeded = BTreeMap::new();
        Self { config, groups, backoffs, last_scale_up: None, last_delete: None, unneeded }
    }

    /// Its flags.
    #[must_use]
    pub const fn config(&self) -> &AutoscalerConfig {
        &self.config
    }

    /// Its groups.
    #[must_use]
    pub fn groups(&self) -> &[GroupTemplate] {
        &self.groups
    }

    /// A launch of `group` failed: the group is left alone for a while.
    pub fn launch_failed(&mut self, now: SimTime, group: u32) {
        let (first, most, reset) = BACKOFF;
        let backoff = &mut self.backoffs[group as usize];
        if now < backoff.until {
            return;
        }
        let is_fresh = backoff.lasts == SimDuration::ZERO || now >= backoff.until + reset;
        backoff.lasts = if is_fresh { first } else { (backoff.lasts * 2).min(most) };
        backoff.until = now + backoff.lasts;
    }

    /// One scan.
    pub fn scan(&mut self, now: SimTime, view: &ScanView<'_>, random: &mut impl Rng) -> ScanDecision {
        let waiting = self.without_room(now, view);
        let mut decision = ScanDecision::default();
        let are_all_new = waiting.iter().all(|pod| now < pod.created_at + NEW_PODS);
        if !waiting.is_empty() && !are_all_new {
            decision.options = self.options(now, &waiting, view);
            decision.scale_up = self.scale_up(&decision.options, random);
        }
        if decision.scale_up.is_some() {
            // Nothing is removed in a scan that adds.
            self.last_scale_up = Some(now);
        } else if self.config.scale_down {
            let waits_for_more = !waiting.is_empty() && are_all_new;
            decision.delete = self.scale_down(now, view, waits_for_more);
        }
        decision
    }

    /// Pods for which neither a node nor one on its way has room. Each takes the first that has.
    fn without_room(&self, now: SimTime, view: &ScanView<'_>) -> Vec<PendingPod> {
        let mut rooms = view.rooms.to_vec();
        let is_old = |pod: &&PendingPod| pod.created_at + self.config.new_pod_scale_up_delay <= now;
        let fits_nowhere = |pod: &&PendingPod| match rooms.iter_mut().find(|room| holds(room, pod)) {
            Some(room) => {
                take(room, pod);
                false
            }
            None => true,
        };
        view.pending.iter().filter(is_old).filter(fits_nowhere).copied().collect()
    }

    fn options(&self, now: SimTime, waiting: &[PendingPod], view: &ScanView<'_>) -> Vec<ScaleOption> {
        (0..self.groups.len() as u32)
            .filter(|group| now >= self.backoffs[*group as usize].until)
            .filter_map(|group| self.option(group, waiting, view.sizes[group as usize]))
            .collect()
    }

    fn scale_up(&self, options: &[ScaleOption], random: &mut impl Rng) -> Option<(u32, u32)> {
        let best = self.best(options);
        let chosen = match best.len() {
            0 => return None,
            1 => best[0],
            many => best[(random.next_u64() % many as u64) as usize],
        };
        Some((chosen.group, chosen.nodes))
    }

    /// How many new nodes of `group` the pods need, largest pods first, each on the first that has room.
    fn option(&self, group: u32, waiting: &[PendingPod], size: u32) -> Option<ScaleOption> {
        let template = &self.groups[group as usize];
        let most = template.max.saturating_sub(size) as usize;
        let new = NodeRoom { group, free: template.free, pods: template.pods };
        let mut pods: Vec<&PendingPod> = waiting.iter().filter(|pod| holds(&new, pod)).collect();
        let share = |part: u32, whole: u32| u64::from(part) * 1_000_000 / u64::from(whole.max(1));
        let weight = |pod: &PendingPod| {
            share(pod.requests.cpu.0, template.free.cpu.0)
                + share(pod.requests.memory.0, template.free.memory.0)
        };
        pods.sort_by_key(|pod| std::cmp::Reverse(weight(pod)));
        let mut nodes: Vec<NodeRoom> = Vec::new();
        let (mut held, mut requested) = (0, Resources::ZERO);
        for pod in pods {
            let place = match nodes.iter().position(|node| holds(node, pod)) {
                Some(place) => place,
                None if nodes.len() < most => {
                    nodes.push(new);
                    nodes.len() - 1
                }
                None => continue,
            };
            take(&mut nodes[place], pod);
            held += 1;
            requested += pod.requests;
        }
        let nodes = nodes.len() as u32;
        (nodes > 0).then_some(ScaleOption { group, nodes, pods: held, requested })
    }

    /// The options that the expander holds equally good.
    fn best(&self, options: &[ScaleOption]) -> Vec<ScaleOption> {
        let score = |option: &ScaleOption| -> i64 {
            let template = &self.groups[option.group as usize];
            match self.config.expander {
                Expander::Random => 0,
                Expander::MostPods => i64::from(option.pods),
                Expander::Priority => i64::from(template.priority),
                Expander::LeastWaste => {
                    let used = |requested: u32, each: u32| {
                        i64::from(requested) * 1_000_000_000
                            / (i64::from(each) * i64::from(option.nodes)).max(1)
                    };
                    used(option.requested.cpu.0, template.capacity.cpu.0)
                        + used(option.requested.memory.0, template.capacity.memory.0)
                }
            }
        };
        let best = options.iter().map(score).max();
        options.iter().filter(|option| Some(score(option)) == best).copied().collect()
    }

    /// Empty nodes that were unneeded for long enough.
    fn scale_down(&mut self, now: SimTime, view: &ScanView<'_>, waits_for_more: bool) -> Vec<u32> {
        let before = std::mem::take(&mut self.unneeded);
        for node in view.empty {
            let since = before.get(&node.ordinal).copied().unwrap_or(now);
            self.unneeded.insert(node.ordinal, since);
        }
        let lies_within = |last: Option<SimTime>, delay| last.is_some_and(|last| now < last + delay);
        if waits_for_more
            || lies_within(self.last_scale_up, self.config.delay_after_add)
            || lies_within(self.last_delete, self.config.delay_after_delete)
        {
            return Vec::new();
        }
        let most = self.config.scale_down_parallelism.saturating_sub(view.deleting) as usize;
        let mut sizes = view.sizes.to_vec();
        let mut going = Vec::new();
        for node in view.empty {
            let size = &mut sizes[node.group as usize];
            let is_due = now >= self.unneeded[&node.ordinal] + self.config.unneeded_time;
            if going.len() < most && is_due && *size > self.groups[node.group as usize].min {
                *size -= 1;
                going.push(node.ordinal);
                self.unneeded.remove(&node.ordinal);
            }
        }
        if !going.is_empty() {
            self.last_delete = Some(now);
        }
        going
    }
}

fn holds(room: &NodeRoom, pod: &PendingPod) -> bool {
    pod.groups >> room.group & 1 == 1 && room.pods > 0 && pod.requests.fits_in(room.free)
}

fn take(room: &mut NodeRoom, pod: &PendingPod) {
    room.free -= pod.requests;
    room.pods -= 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Purpose, Streams};

    const fn at(secs: u64) -> SimTime {
        SimTime::from_ms(secs * 1000)
    }

    fn group(cpu: u32, memory: u32, max: u32) -> GroupTemplate {
        let all = Resources::new(cpu, memory);
        GroupTemplate { min: 0, max, priority: 0, capacity: all, free: all, pods: 50 }
    }

    fn pods(count: usize, cpu: u32, memory: u32) -> Vec<PendingPod> {
        vec![PendingPod { requests: Resources::new(cpu, memory), created_at: at(0), groups: u64::MAX }; count]
    }

    fn view<'a>(pending: &'a [PendingPod], sizes: &'a [u32]) -> ScanView<'a> {
        ScanView { pending, sizes, rooms: &[], empty: &[], deleting: 0 }
    }

    fn scan(scaler: &mut ClusterAutoscaler, now: SimTime, view: &ScanView<'_>) -> ScanDecision {
        let mut random = Streams::new(1, 0).entity(Purpose::named("test"), 0);
        scaler.scan(now, view, &mut random)
    }

    fn with(expander: Expander, groups: Vec<GroupTemplate>) -> ClusterAutoscaler {
        ClusterAutoscaler::new(AutoscalerConfig { expander, ..AutoscalerConfig::default() }, groups)
    }

    #[test]
    fn pods_are_packed_largest_first_onto_new_nodes_of_one_group_up_to_its_maximum() {
        let mut pending = pods(3, 1000, 1000);
        pending.extend(pods(2, 3000, 1000));
        // Nodes of four cores: 3+1, 3+1, 1.
        let mut scaler = with(Expander::LeastWaste, vec![group(4000, 16_000, 10)]);
        assert_eq!(scan(&mut scaler, at(10), &view(&pending, &[0])).scale_up, Some((0, 3)));
        let mut scaler = with(Expander::LeastWaste, vec![group(4000, 16_000, 10)]);
        assert_eq!(scan(&mut scaler, at(10), &view(&pending, &[8])).scale_up, Some((0, 2)));
        let mut scaler = with(Expander::LeastWaste, vec![group(4000, 16_000, 10)]);
        assert_eq!(scan(&mut scaler, at(10), &view(&pending, &[10])).scale_up, None);
    }

    #[test]
    fn each_expander_has_its_own_idea_of_the_best_group() {
        // Two pods of 3 cores: two small nodes (25 % of 4 cores idle), or one large node (a quarter idle, less memory wasted).
        let groups = || {
            let small = GroupTemplate { priority: 1, ..group(4000, 8000, 1) };
            vec![small, group(8000, 32_000, 10)]
        };
        let pending = pods(2, 3000, 4000);
        let chosen =
            |expander| scan(&mut with(expander, groups()), at(10), &view(&pending, &[0, 0])).scale_up;
        // Small: cpu 3/4, memory 4/8. Large: cpu 6/8, memory 8/32.
        assert_eq!(chosen(Expander::LeastWaste), Some((0, 1)));
        assert_eq!(chosen(Expander::MostPods), Some((1, 1)));
        assert_eq!(chosen(Expander::Priority), Some((0, 1)));
    }

    #[test]
    fn pods_that_fit_on_nodes_or_on_nodes_to_come_need_no_more() {
        let mut scaler = with(Expander::LeastWaste, vec![group(4000, 16_000, 10)]);
        let pending = pods(5, 1000, 1000);
        let rooms = [NodeRoom { group: 0, free: Resources::new(4000, 16_000), pods: 3 }];
        let one = ScanView { rooms: &rooms, ..view(&pending, &[1]) };
        assert_eq!(scan(&mut scaler, at(10), &one).scale_up, Some((0, 1)), "the node takes three pods only");
        let other = [NodeRoom { group: 0, free: Resources::new(8000, 16_000), pods: 30 }];
        let all = ScanView { rooms: &other, ..view(&pending, &[1]) };
        assert_eq!(scan(&mut scaler, at(20), &all).scale_up, None);
    }

    #[test]
    fn a_scan_that_finds_only_new_pods_waits_for_more() {
        let mut scaler = with(Expander::LeastWaste, vec![group(4000, 16_000, 10)]);
        let pending = pods(1, 1000, 1000);
        assert_eq!(scan(&mut scaler, SimTime::from_ms(1999), &view(&pending, &[0])).scale_up, None);
        assert_eq!(scan(&mut scaler, at(2), &view(&pending, &[0])).scale_up, Some((0, 1)));
    }

    #[test]
    fn an_empty_node_goes_after_ten_minutes_unless_nodes_were_added_meanwhile_or_the_minimum_forbids() {
        let mut scaler =
            with(Expander::LeastWaste, vec![GroupTemplate { min: 1, ..group(4000, 16_000, 10) }]);
        let empty = [EmptyNode { ordinal: 7, group: 0 }, EmptyNode { ordinal: 9, group: 0 }];
        let idle = ScanView { empty: &empty, ..view(&[], &[2]) };
        assert_eq!(scan(&mut scaler, at(0), &idle), ScanDecision::default());
        assert_eq!(scan(&mut scaler, at(590), &idle), ScanDecision::default());
        assert_eq!(scan(&mut scaler, at(600), &idle).delete, [7]);
        let mut scaler = with(Expander::LeastWaste, vec![group(4000, 16_000, 10)]);
        let pending = pods(1, 1000, 1000);
        assert_eq!(scan(&mut scaler, at(0), &idle), ScanDecision::default());
        assert!(scan(&mut scaler, at(100), &view(&pending, &[2])).scale_up.is_some());
        assert_eq!(scan(&mut scaler, at(690), &idle), ScanDecision::default());
        assert_eq!(scan(&mut scaler, at(700), &idle).delete, [7, 9]);
    }

    #[test]
    fn a_group_whose_launch_failed_is_left_alone_five_minutes_then_ten() {
        let mut scaler = with(Expander::LeastWaste, vec![group(4000, 16_000, 10)]);
        let pending = pods(1, 1000, 1000);
        scaler.launch_failed(at(0), 0);
        assert_eq!(scan(&mut scaler, at(290), &view(&pending, &[0])).scale_up, None);
        assert!(scan(&mut scaler, at(300), &view(&pending, &[0])).scale_up.is_some());
        scaler.launch_failed(at(310), 0);
        assert_eq!(scan(&mut scaler, at(900), &view(&pending, &[0])).scale_up, None);
        assert!(scan(&mut scaler, at(910), &view(&pending, &[0])).scale_up.is_some());
    }
}
