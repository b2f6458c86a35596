//! The order in which instance runners get jobs: projects with the fewest jobs running on instance runners first, then
//! by build id (GitLab, `ci/queue/pending_builds_strategy.rb`, 2026-08). What the projects' jobs are is not known here.

use std::collections::BTreeSet;

use crate::gitlab::fifo::{Fifo, Place};

/// Per class of equally placed jobs: the projects' queues in their fair order.
#[derive(Clone, Debug, Default)]
pub(super) struct Fairness {
    /// Project → its jobs running on instance runners.
    running: Vec<u32>,
    /// Project → its queues.
    queues_of: Vec<Vec<QueueId>>,
    classes: Vec<Class>,
}

/// One project's queue within one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct QueueId {
    class: u32,
    queue: u32,
}

#[derive(Clone, Debug, Default)]
struct Class {
    queues: Vec<Queue>,
    /// (running jobs of the project, build id of its first job, queue) of every queue with jobs.
    order: BTreeSet<(u32, u64, u32)>,
}

#[derive(Clone, Debug)]
struct Queue {
    project: u32,
    fifo: Fifo,
    head: Option<Place>,
}

impl Fairness {
    /// Puts a job in and returns the queue it stands in.
    pub(super) fn push(&mut self, class: u32, project: u32, place: Place) -> QueueId {
        let id = self.queue_of(class, project);
        let running = self.running[project as usize];
        let class = &mut self.classes[class as usize];
        let queue = &mut class.queues[id.queue as usize];
        queue.fifo.push(place);
        if queue.head.is_none_or(|head| place < head) {
            if let Some(head) = queue.head {
                class.order.remove(&(running, head.0, id.queue));
            }
            queue.head = Some(place);
            class.order.insert((running, place.0, id.queue));
        }
        id
    }

    /// The first job of `class` in fair order, with the key by which jobs of several classes compare.
    pub(super) fn first(&self, class: u32) -> Option<((u32, u64), Place)> {
        let class = self.classes.get(class as usize)?;
        let &(running, build, queue) = class.order.first()?;
        Some(((running, build), class.queues[queue as usize].head?))
    }

    /// The job at `place` of queue `id` is no longer pending.
    pub(super) fn removed(&mut self, id: QueueId, place: Place, is_pending: impl Fn(Place) -> bool) {
        let class = &mut self.classes[id.class as usize];
        let queue = &mut class.queues[id.queue as usize];
        if queue.head != Some(place) {
            return;
        }
        let running = self.running[queue.project as usize];
        class.order.remove(&(running, place.0, id.queue));
        queue.head = queue.fifo.head(is_pending);
        if let Some(head) = queue.head {
            class.order.insert((running, head.0, id.queue));
        }
    }

    /// A job of `project` has started on an instance runner.
    pub(super) fn started(&mut self, project: u32) {
        let running = self.running[project as usize];
        self.set_running(project, running + 1);
    }

    /// A job of `project` that had started on an instance runner has ended.
    pub(super) fn ended(&mut self, project: u32) {
        let running = self.running[project as usize];
        self.set_running(project, running.checked_sub(1).expect("a job that ends has started"));
    }

    fn set_running(&mut self, project: u32, running: u32) {
        let before = std::mem::replace(&mut self.running[project as usize], running);
        for id in &self.queues_of[project as usize] {
            let class = &mut self.classes[id.class as usize];
            if let Some(head) = class.queues[id.queue as usize].head {
                class.order.remove(&(before, head.0, id.queue));
                class.order.insert((running, head.0, id.queue));
            }
        }
    }

    fn queue_of(&mut self, class: u32, project: u32) -> QueueId {
        if self.running.len() <= project as usize {
            self.running.resize(project as usize + 1, 0);
            self.queues_of.resize_with(project as usize + 1, Vec::new);
        }
        if self.classes.len() <= class as usize {
            self.classes.resize_with(class as usize + 1, Class::default);
        }
        // A project's jobs fall into few classes.
        if let Some(known) = self.queues_of[project as usize].iter().find(|id| id.class == class) {
            return *known;
        }
        let queues = &mut self.classes[class as usize].queues;
        let id = QueueId { class, queue: queues.len() as u32 };
        queues.push(Queue { project, fifo: Fifo::default(), head: None });
        self.queues_of[project as usize].push(id);
        id
    }
}
