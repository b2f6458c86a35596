//! Resource groups: at most one job of a group is pending or running, and the group's `process_mode` says who is next
//! (gitlab `app/models/ci/resource_group.rb`, `app/services/ci/resource_groups/assign_resource_from_resource_group_service.rb`,
//! 18.x). What the jobs are is not known here.

use std::collections::BTreeMap;

use crate::units::SimTime;
use crate::workload::{ProcessMode, ResourceGroup};

use super::PipelineId;

/// A job that waits for its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) pipeline: PipelineId,
    pub(super) node: u32,
    /// From when on it could be pending.
    pub(super) since: SimTime,
}

/// The groups by their number.
#[derive(Clone, Debug, Default)]
pub(super) struct Resources(Vec<Group>);

#[derive(Clone, Debug, Default)]
struct Group {
    is_taken: bool,
    /// Pipeline, by order of creation → how many of its jobs of the group cannot start yet.
    upcoming: BTreeMap<u64, u32>,
    /// Jobs that wait: by pipeline and build, or, without an order, by number of arrival.
    waiting: BTreeMap<(u64, u64), Waiting>,
    arrived: u64,
}

impl Resources {
    fn group(&mut self, group: ResourceGroup) -> &mut Group {
        let index = group.id as usize;
        if self.0.len() <= index {
            self.0.resize_with(index + 1, Group::default);
        }
        &mut self.0[index]
    }

    /// A job of the pipeline created as number `order` will want the resource.
    pub(super) fn add_upcoming(&mut self, group: ResourceGroup, order: u64) {
        *self.group(group).upcoming.entry(order).or_default() += 1;
    }

    /// A job that would have wanted the resource waits for it now, or never will.
    pub(super) fn remove_upcoming(&mut self, group: ResourceGroup, order: u64) {
        let upcoming = &mut self.group(group).upcoming;
        let left = upcoming.get_mut(&order).expect("an upcoming job was added");
        *left -= 1;
        if *left == 0 {
            upcoming.remove(&order);
        }
    }

    /// A job could be pending but for the resource.
    pub(super) fn wait(&mut self, group: ResourceGroup, (order, build): (u64, u64), job: Waiting) {
        let state = self.group(group);
        let key = if group.mode == ProcessMode::Unordered { (state.arrived, 0) } else { (order, build) };
        state.arrived += 1;
        state.waiting.insert(key, job);
    }

    /// A job that waits was cancelled.
    pub(super) fn forget(&mut self, group: ResourceGroup, pipeline: PipelineId, node: u32) {
        let waiting = &mut self.group(group).waiting;
        waiting.retain(|_, job| (job.pipeline, job.node) != (pipeline, node));
    }

    /// The job that has the resource has ended.
    pub(super) fn release(&mut self, group: ResourceGroup) {
        self.group(group).is_taken = false;
    }

    /// Gives the resource to the job whose turn it is, if it is free and one may have it.
    pub(super) fn assign(&mut self, group: ResourceGroup) -> Option<Waiting> {
        let state = self.group(group);
        if state.is_taken {
            return None;
        }
        let key = state.next(group.mode)?;
        state.is_taken = true;
        state.waiting.remove(&key)
    }
}

impl Group {
    fn next(&self, mode: ProcessMode) -> Option<(u64, u64)> {
        let newest = || {
            let (pipeline, _) = *self.waiting.last_key_value()?.0;
            self.waiting.range((pipeline, 0)..).next().map(|(key, _)| *key)
        };
        match mode {
            ProcessMode::Unordered => self.waiting.first_key_value().map(|(key, _)| *key),
            ProcessMode::OldestFirst => {
                let key = *self.waiting.first_key_value()?.0;
                let is_first = self.upcoming.first_key_value().is_none_or(|(order, _)| key.0 <= *order);
                is_first.then_some(key)
            }
            ProcessMode::NewestFirst => {
                let key = newest()?;
                let is_last = self.upcoming.last_key_value().is_none_or(|(order, _)| key.0 >= *order);
                is_last.then_some(key)
            }
            ProcessMode::NewestReadyFirst => newest(),
        }
    }
}
