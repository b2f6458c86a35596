//! Recorded pipelines replayed by their stages: rows are gathered per pipeline and become a template of that shape.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::engine::Arena;
use crate::units::SimDuration;
use crate::workload::{
    ArrivalKind, Class, ClassId, JobNumber, JobSpec, Template, TemplateId, TemplateNode, When,
};

use super::mapping::text_of;
use super::reader::Row;
use super::row::Texts;

/// Stage of jobs whose row names none, in shapes.
const NO_STAGE: u16 = u16::MAX;

/// Gathers rows into pipelines. Pipelines leave in the order of their first rows.
pub(super) struct StageCollector {
    within_ms: i64,
    listed: Vec<String>,
    /// Name of each stage and its place in `listed`, by the number of its text.
    stages: Vec<(usize, String)>,
    open: VecDeque<Gathered>,
    /// How many pipelines have left: the index of the first open one.
    left: u64,
    /// Index of the open pipeline of each text.
    current: FxHashMap<u32, u64>,
    newest_ms: i64,
    shapes: FxHashMap<Vec<(u16, ClassId)>, TemplateId>,
}

struct Gathered {
    first: Row,
    rows: Vec<Row>,
}

impl StageCollector {
    pub(super) fn new(within: SimDuration, listed: Vec<String>) -> Self {
        Self {
            within_ms: i64::try_from(within.as_ms()).unwrap_or(i64::MAX),
            listed,
            stages: Vec::new(),
            open: VecDeque::new(),
            left: 0,
            current: FxHashMap::default(),
            newest_ms: i64::MIN,
            shapes: FxHashMap::default(),
        }
    }

    /// Adds `row` to its pipeline. Rows come in time order.
    pub(super) fn add(&mut self, row: Row, stages: &Texts) {
        while self.stages.len() <= row.stage as usize {
            let name = text_of(stages.text(self.stages.len() as u32));
            let place = self.listed.iter().position(|listed| *listed == name).unwrap_or(usize::MAX);
            self.stages.push((place, name));
        }
        self.newest_ms = row.submitted_ms;
        if row.pipeline != 0
            && let Some(index) = self.current.get(&row.pipeline)
        {
            let gathered = &mut self.open[(index - self.left) as usize];
            let in_time = row.submitted_ms.saturating_sub(gathered.first.submitted_ms) <= self.within_ms;
            if in_time && gathered.rows.len() < JobNumber::MAX_NODES {
                gathered.rows.push(row);
                return;
            }
        }
        if row.pipeline != 0 {
            self.current.insert(row.pipeline, self.left + self.open.len() as u64);
        }
        self.open.push_back(Gathered { first: row, rows: vec![row] });
    }

    /// The first pipeline, once no row can belong to it any more.
    pub(super) fn take(
        &mut self,
        at_end: bool,
        templates: &mut Arena<Template>,
        classes: &Arena<Class>,
    ) -> Option<(Row, ArrivalKind)> {
        let first = self.open.front()?.first;
        if !at_end && self.newest_ms.saturating_sub(first.submitted_ms) <= self.within_ms {
            return None;
        }
        let gathered = self.open.pop_front()?;
        if self.current.get(&first.pipeline) == Some(&self.left) {
            self.current.remove(&first.pipeline);
        }
        self.left += 1;
        if gathered.rows.len() == 1 {
            return Some((first, ArrivalKind::Job(first.spec)));
        }
        let (shape, jobs) = self.in_stage_order(gathered.rows);
        let template = match self.shapes.get(&shape) {
            Some(template) => *template,
            None => {
                let template = templates.push(template_of(&shape, classes));
                self.shapes.insert(shape, template);
                template
            }
        };
        Some((first, ArrivalKind::Recorded(template, jobs)))
    }

    /// Stage and class of each job, and the jobs, in the order of stages: as listed, then by earliest job, then by name.
    /// Jobs without a stage come last.
    fn in_stage_order(&self, rows: Vec<Row>) -> (Vec<(u16, ClassId)>, Box<[JobSpec]>) {
        let mut order: Vec<(usize, i64, &str, u32)> = Vec::new();
        for row in rows.iter().filter(|row| row.stage != 0) {
            // Rows come in time order: the first of a stage is its earliest.
            if !order.iter().any(|(.., stage)| *stage == row.stage) {
                let (place, name) = &self.stages[row.stage as usize];
                let at_ms = if *place == usize::MAX { row.submitted_ms } else { 0 };
                order.push((*place, at_ms, name, row.stage));
            }
        }
        order.sort_unstable();
        let mut jobs = Vec::with_capacity(rows.len());
        let mut shape = Vec::with_capacity(rows.len());
        for (index, (.., stage)) in order.iter().enumerate() {
            for row in rows.iter().filter(|row| row.stage == *stage) {
                shape.push((index as u16, row.spec.class));
                jobs.push(row.spec);
            }
        }
        for row in rows.iter().filter(|row| row.stage == 0) {
            shape.push((NO_STAGE, row.spec.class));
            jobs.push(row.spec);
        }
        (shape, jobs.into())
    }
}

/// A job without a stage is held back by nothing and holds nothing back: it starts with its pipeline, as with GitLab's
/// `needs: []` in the last stage.
fn template_of(shape: &[(u16, ClassId)], classes: &Arena<Class>) -> Template {
    let last = shape.iter().map(|(stage, _)| *stage).filter(|stage| *stage != NO_STAGE).max().unwrap_or(0);
    let nodes: Vec<TemplateNode> = shape
        .iter()
        .map(|(stage, class)| {
            let data = &classes[*class];
            TemplateNode {
                class: *class,
                name: data.name.clone(),
                stage: (*stage).min(last),
                when: When::OnSuccess,
                allow_failure: data.allow_failure,
                retry: data.retry,
                interruptible: false,
                resource_group: None,
                has_needs: *stage == NO_STAGE,
                needs: 0,
                dependents: (0, 0),
            }
        })
        .collect();
    Template::assemble("recorded".to_owned(), nodes, usize::from(last) + 1, &[])
}
