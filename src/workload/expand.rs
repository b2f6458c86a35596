//! From the written pipeline to the graph of its jobs: copies, matrix, `needs`; every mistake is named.

use crate::engine::Arena;

use super::template::{
    JobDraft, MatrixValue, OnNewCommit, Parallel, PushedRefs, Template, TemplateDraft, TemplateError,
    TemplateNode, When,
};
use super::{Class, ClassId, JobNumber};

/// One copy of a drafted job.
struct Copy {
    draft: usize,
    name: String,
    class: ClassId,
    axes: Vec<(String, String)>,
}

impl TemplateDraft {
    /// The graph of jobs. Classes that a matrix derives are added to `classes`.
    ///
    /// # Errors
    /// What [`TemplateError`] lists; the first mistake in the order written.
    pub fn expand(&self, classes: &mut Arena<Class>) -> Result<Template, TemplateError> {
        let stages = self.stages_of_jobs()?;
        let mut order: Vec<usize> = (0..self.jobs.len()).collect();
        order.sort_by_key(|draft| stages[*draft]);
        let mut copies = Vec::new();
        for draft in order {
            copies.extend(copies_of(draft, &self.jobs[draft], classes)?);
        }
        if copies.is_empty() {
            return Err(TemplateError::Empty);
        }
        if copies.len() > JobNumber::MAX_NODES {
            return Err(TemplateError::TooManyJobs(copies.len()));
        }
        let edges = self.edges(&stages, &copies)?;
        let nodes = copies.iter().map(|copy| self.node(copy, stages[copy.draft], classes)).collect();
        let template = Template::assemble(self.name.clone(), nodes, self.stages.len().max(1), &edges);
        template.refuse_circles()?;
        Ok(template)
    }

    fn stages_of_jobs(&self) -> Result<Vec<u16>, TemplateError> {
        let mut stages = Vec::with_capacity(self.jobs.len());
        for (index, job) in self.jobs.iter().enumerate() {
            if self.jobs[..index].iter().any(|other| other.name == job.name) {
                return Err(TemplateError::DuplicateJob(job.name.clone()));
            }
            let found = self.stages.iter().position(|stage| *stage == job.stage);
            let without_stages = self.stages.is_empty() && job.needs.is_some();
            let Some(stage) = found.or(without_stages.then_some(0)) else {
                return Err(TemplateError::UnknownStage { job: job.name.clone(), stage: job.stage.clone() });
            };
            stages.push(stage as u16);
        }
        Ok(stages)
    }

    fn node(&self, copy: &Copy, stage: u16, classes: &Arena<Class>) -> TemplateNode {
        let (draft, class) = (&self.jobs[copy.draft], &classes[copy.class]);
        // GitLab: a manual job is optional unless `allow_failure: false` is written.
        let by_default = class.allow_failure || draft.when == When::Manual;
        TemplateNode {
            class: copy.class,
            name: copy.name.clone(),
            stage,
            when: draft.when,
            allow_failure: draft.allow_failure.unwrap_or(by_default),
            retry: draft.retry.unwrap_or(class.retry),
            interruptible: draft.interruptible,
            resource_group: draft.resource_group,
            has_needs: draft.needs.is_some(),
            needs: 0,
            dependents: (0, 0),
        }
    }

    /// All (needed node, needing node) pairs, each once.
    fn edges(&self, stages: &[u16], copies: &[Copy]) -> Result<Vec<(u16, u16)>, TemplateError> {
        let mut edges = Vec::new();
        for (index, job) in self.jobs.iter().enumerate() {
            let needs = job.needs.as_deref().unwrap_or(&[]);
            if needs.len() > Template::MAX_NEEDS {
                return Err(TemplateError::TooManyNeeds { job: job.name.clone(), count: needs.len() });
            }
            for need in needs {
                let Some(needed) = self.jobs.iter().position(|other| other.name == need.job) else {
                    if need.optional {
                        continue;
                    }
                    return Err(TemplateError::UnknownNeed { job: job.name.clone(), need: need.job.clone() });
                };
                if stages[needed] > stages[index] {
                    return Err(TemplateError::NeedInLaterStage {
                        job: job.name.clone(),
                        need: need.job.clone(),
                    });
                }
                let wanted = |copy: &Copy| need.matrix.iter().all(|pair| copy.axes.contains(pair));
                let mut found = false;
                for (from, _) in
                    copies.iter().enumerate().filter(|(_, copy)| copy.draft == needed && wanted(copy))
                {
                    found = true;
                    let to = copies.iter().enumerate().filter(|(_, copy)| copy.draft == index);
                    edges.extend(to.map(|(to, _)| (from as u16, to as u16)));
                }
                if !found && !need.optional {
                    return Err(TemplateError::UnknownNeed { job: job.name.clone(), need: need.job.clone() });
                }
            }
        }
        edges.sort_unstable();
        edges.dedup();
        Ok(edges)
    }
}

fn copies_of(draft: usize, job: &JobDraft, classes: &mut Arena<Class>) -> Result<Vec<Copy>, TemplateError> {
    let copies: Vec<Copy> = match &job.parallel {
        Parallel::One => {
            vec![Copy { draft, name: job.name.clone(), class: job.class, axes: Vec::new() }]
        }
        Parallel::Copies(count) => (1..=*count)
            .map(|copy| Copy {
                draft,
                name: format!("{} {copy}/{count}", job.name),
                class: job.class,
                axes: Vec::new(),
            })
            .collect(),
        Parallel::Matrix(entries) => {
            let count: usize =
                entries.iter().map(|axes| axes.iter().map(|axis| axis.values.len()).product::<usize>()).sum();
            if count > Template::MAX_COPIES {
                return Err(TemplateError::Copies { job: job.name.clone(), count });
            }
            let mut all = Vec::with_capacity(count);
            for axes in entries {
                let mut rows: Vec<Vec<(&str, &MatrixValue)>> = vec![Vec::new()];
                for axis in axes {
                    let extended = rows.iter().flat_map(|row| {
                        axis.values.iter().map(move |value| {
                            let mut longer = row.clone();
                            longer.push((axis.key.as_str(), value));
                            longer
                        })
                    });
                    rows = extended.collect();
                }
                all.extend(rows.iter().map(|row| matrix_copy(draft, job, row, classes)));
            }
            all
        }
    };
    if copies.is_empty() || copies.len() > Template::MAX_COPIES {
        return Err(TemplateError::Copies { job: job.name.clone(), count: copies.len() });
    }
    Ok(copies)
}

fn matrix_copy(
    draft: usize,
    job: &JobDraft,
    row: &[(&str, &MatrixValue)],
    classes: &mut Arena<Class>,
) -> Copy {
    let class = row.iter().fold(job.class, |class, (_, value)| value.sets.derive(class, classes));
    let values: Vec<&str> = row.iter().map(|(_, value)| value.value.as_str()).collect();
    let axes = row.iter().map(|(key, value)| ((*key).to_owned(), value.value.clone())).collect();
    Copy { draft, name: format!("{}: [{}]", job.name, values.join(", ")), class, axes }
}

impl Template {
    /// Puts stage starts and dependents together. `nodes` stand in stage order; `edges` (needed, needing) are sorted.
    pub(super) fn assemble(
        name: String,
        nodes: Vec<TemplateNode>,
        stages: usize,
        edges: &[(u16, u16)],
    ) -> Self {
        let mut template = Self {
            name,
            nodes,
            on_new_commit: OnNewCommit::default(),
            refs: PushedRefs::default(),
            stage_starts: Vec::new(),
            dependents: Vec::new(),
        };
        for stage in 0..=stages {
            let start = template.nodes.partition_point(|node| usize::from(node.stage) < stage);
            template.stage_starts.push(start as u16);
        }
        let mut at = 0;
        for node in 0..template.nodes.len() {
            let from = at;
            while at < edges.len() && usize::from(edges[at].0) == node {
                let needing = edges[at].1;
                template.nodes[usize::from(needing)].needs += 1;
                template.dependents.push(needing);
                at += 1;
            }
            template.nodes[node].dependents = (from as u32, at as u32);
        }
        template
    }

    fn refuse_circles(&self) -> Result<(), TemplateError> {
        let mut unmet: Vec<u16> = self.nodes.iter().map(|node| node.needs).collect();
        let mut free: Vec<usize> = (0..unmet.len()).filter(|node| unmet[*node] == 0).collect();
        let mut reached = 0;
        while let Some(node) = free.pop() {
            reached += 1;
            for needing in self.dependents(node as u32) {
                let left = &mut unmet[usize::from(*needing)];
                *left -= 1;
                if *left == 0 {
                    free.push(usize::from(*needing));
                }
            }
        }
        let stuck = unmet.iter().position(|left| *left > 0);
        match stuck {
            Some(node) if reached < unmet.len() => Err(TemplateError::Circle(self.nodes[node].name.clone())),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Resources, SimDuration};
    use crate::workload::{ArchChoice, ClassOverride, Distribution, MatrixAxis, Need};

    fn classes() -> (Arena<Class>, ClassId) {
        let mut classes = Arena::new();
        let id = classes.push(Class::new(
            "job",
            Resources::new(1000, 1024),
            Distribution::Constant(SimDuration::from_mins(1)),
        ));
        (classes, id)
    }

    fn need(job: &str) -> Need {
        Need { job: job.to_owned(), optional: false, matrix: Vec::new() }
    }

    fn draft(jobs: Vec<JobDraft>) -> TemplateDraft {
        TemplateDraft { name: "main".into(), stages: vec!["build".into(), "test".into()], jobs }
    }

    fn arch_axis() -> MatrixAxis {
        let value = |value: &str, arch| MatrixValue {
            value: value.into(),
            sets: ClassOverride { arch: Some(arch), ..ClassOverride::default() },
        };
        let values = vec![value("amd64", ArchChoice::Amd64), value("arm64", ArchChoice::Arm64)];
        MatrixAxis { key: "ARCH".into(), values }
    }

    #[test]
    fn a_matrix_makes_one_job_per_combination_with_its_architecture() {
        let (mut classes, class) = classes();
        let mut build = JobDraft::new("build", "build", class);
        build.parallel = Parallel::Matrix(vec![vec![arch_axis()]]);
        let mut test = JobDraft::new("test", "test", class);
        let arm_only = Need { matrix: vec![("ARCH".into(), "arm64".into())], ..need("build") };
        test.needs = Some(vec![arm_only]);
        let template = draft(vec![test, build]).expand(&mut classes).unwrap();
        let names: Vec<&str> = template.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["build: [amd64]", "build: [arm64]", "test"]);
        assert_eq!(classes[template.nodes[1].class].arch, ArchChoice::Arm64);
        assert_eq!((template.dependents(0), template.dependents(1)), (&[][..], &[2][..]));
        assert_eq!((template.stages(), template.stage(1)), (2, 2..3));
    }

    #[test]
    fn a_need_of_a_parallel_job_waits_for_all_its_copies() {
        let (mut classes, class) = classes();
        let mut build = JobDraft::new("build", "build", class);
        build.parallel = Parallel::Copies(3);
        let mut test = JobDraft::new("test", "test", class);
        test.needs = Some(vec![need("build")]);
        let template = draft(vec![build, test]).expand(&mut classes).unwrap();
        assert_eq!((template.nodes[3].needs, template.nodes[1].name.as_str()), (3, "build 2/3"));
    }

    #[test]
    fn mistakes_are_named() {
        let (mut classes, class) = classes();
        let with = |needs: &[&str], stage| {
            let mut job = JobDraft::new("a", stage, class);
            job.needs = Some(needs.iter().map(|name| need(name)).collect());
            job
        };
        let mut error = |jobs| draft(jobs).expand(&mut classes).unwrap_err();
        assert_eq!(error(vec![]), TemplateError::Empty);
        assert_eq!(error(vec![with(&["a"], "build")]), TemplateError::Circle("a".into()));
        assert!(matches!(error(vec![with(&["x"], "test")]), TemplateError::UnknownNeed { .. }));
        assert!(matches!(error(vec![with(&[], "deploy")]), TemplateError::UnknownStage { .. }));
        let later = JobDraft::new("b", "test", class);
        assert!(matches!(error(vec![with(&["b"], "build"), later]), TemplateError::NeedInLaterStage { .. }));
        let mut wide = JobDraft::new("w", "build", class);
        wide.parallel = Parallel::Copies(201);
        assert!(matches!(error(vec![wide]), TemplateError::Copies { count: 201, .. }));
    }
}
