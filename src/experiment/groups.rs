//! The bill of a fleet by class, team, project, pipeline, architecture or capacity type, over its replications.

use std::collections::BTreeMap;

use super::statistics::{Confidence, Estimate, Sample};
use crate::metrics::{Account, GroupLedger, Machine, RunOutcome, UsedFor, WasteKind};

/// By what the bill is grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupBy {
    /// Class of the jobs.
    Class,
    /// Team that their project is of.
    Team,
    /// Their GitLab project.
    Project,
    /// Template of their pipeline.
    Pipeline,
    /// Architecture of the machines.
    Arch,
    /// How the machines were bought.
    CapacityType,
}

impl GroupBy {
    /// Every kind, in the order in which reports list them.
    pub const ALL: [Self; 6] =
        [Self::Class, Self::Team, Self::Project, Self::Pipeline, Self::Arch, Self::CapacityType];

    /// The word in files and on the command line.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Team => "team",
            Self::Project => "project",
            Self::Pipeline => "pipeline",
            Self::Arch => "arch",
            Self::CapacityType => "capacity_type",
        }
    }
}

/// The names behind the numbers of projects.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProjectNames<'a> {
    /// By number; the first is the one without a name.
    pub projects: &'a [String],
    /// The team of each.
    pub teams: &'a [String],
}

/// What one group cost.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupCost {
    /// The group.
    pub group: String,
    /// What was paid in all replications, by use.
    pub used: UsedFor,
    /// Dollars per replication.
    pub cost: Estimate,
    /// The same by use, in the order of [`WasteKind::ALL`].
    pub by_use: [Estimate; WasteKind::ALL.len()],
}

/// The bill of one fleet's replications by group, the dearest first. The groups sum to the bill exactly.
#[must_use]
pub fn grouped(
    runs: &[&RunOutcome],
    by: GroupBy,
    names: ProjectNames<'_>,
    confidence: Confidence,
) -> Vec<GroupCost> {
    let mut groups: BTreeMap<String, Vec<UsedFor>> = BTreeMap::new();
    for (replication, run) in runs.iter().enumerate() {
        for (group, used) in parts(&run.groups, by, names) {
            let group = groups.entry(group).or_insert_with(|| vec![UsedFor::default(); runs.len()]);
            group[replication].merge(used);
        }
    }
    let mut groups: Vec<GroupCost> =
        groups.into_iter().map(|(group, used)| of_group(group, &used, confidence)).collect();
    groups.retain(|group| group.used.total().0 > 0);
    groups.sort_by_key(|group| std::cmp::Reverse(group.used.total()));
    groups
}

fn of_group(group: String, by_replication: &[UsedFor], confidence: Confidence) -> GroupCost {
    let dollars = |value: &dyn Fn(&UsedFor) -> f64| {
        let sample = Sample::of_means(by_replication.iter().map(value).collect());
        sample.expect("a group was met in a replication").estimate(confidence).within(0.0, f64::INFINITY)
    };
    let mut used = UsedFor::default();
    by_replication.iter().for_each(|one| used.merge(one));
    GroupCost {
        group,
        used,
        cost: dollars(&|used| used.total().read().as_dollars()),
        by_use: WasteKind::ALL.map(|kind| dollars(&|used| used.of(kind).read().as_dollars())),
    }
}

/// What a run's ledger says, each part with the name of its group.
fn parts<'a>(
    ledger: &'a GroupLedger,
    by: GroupBy,
    names: ProjectNames<'a>,
) -> Box<dyn Iterator<Item = (String, &'a UsedFor)> + 'a> {
    if matches!(by, GroupBy::Arch | GroupBy::CapacityType) {
        let name = move |machine: Machine| machine_name(machine, by);
        return Box::new(ledger.machines().iter().map(move |(machine, used)| (name(*machine), used)));
    }
    let accounts =
        ledger.accounts().iter().map(move |(account, used)| (account_name(account, by, names), used));
    Box::new(accounts.chain(std::iter::once(("(no jobs)".to_owned(), ledger.nobody()))))
}

fn machine_name(machine: Machine, by: GroupBy) -> String {
    let name = match (machine, by) {
        (Machine::Standing, _) => "(standing)",
        (Machine::Instance(arch, _) | Machine::Fargate(arch) | Machine::Hosted(arch), GroupBy::Arch) => {
            arch.label()
        }
        (Machine::Instance(_, capacity), _) => capacity.label(),
        (Machine::Fargate(_), _) => "fargate",
        (Machine::Hosted(_), _) => "hosted",
    };
    name.to_owned()
}

fn account_name(account: &Account, by: GroupBy, names: ProjectNames<'_>) -> String {
    let of_project = |list: &[String], none: &str| match list.get(account.project as usize) {
        Some(name) if !name.is_empty() => name.clone(),
        None if account.project > 0 => format!("project {}", account.project),
        _ => none.to_owned(),
    };
    match by {
        GroupBy::Class => account.class.clone(),
        GroupBy::Team => of_project(names.teams, "(no team)"),
        GroupBy::Project => of_project(names.projects, "(no project)"),
        GroupBy::Pipeline | GroupBy::Arch | GroupBy::CapacityType => {
            account.pipeline.clone().unwrap_or_else(|| "(single jobs)".to_owned())
        }
    }
}
