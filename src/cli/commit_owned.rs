//! Commitments that one has already: they are applied to every simulated hour in AWS's order, and a further one to what they leave.

use super::commit::{CommitArguments, PlanName, list_price, listed_discount};
use super::exit::Failed;
use super::node_runs::Run;
use crate::catalog::TypeId;
use crate::experiment::{Commitment, Commitments, HourlyUse};
use crate::report::OwnedCommitments;
use crate::scenario::Fleet;
use clap::Args;
use std::collections::BTreeSet;
use std::str::FromStr;

/// So many dollars per hour for one family.
#[derive(Clone, Debug)]
pub(super) struct FamilyAmount {
    family: String,
    per_hour: f64,
}

impl FromStr for FamilyAmount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no family with dollars per hour, such as m7i=1.5");
        let (family, amount) = text.split_once('=').ok_or_else(wrong)?;
        let per_hour = amount.parse().ok().filter(|dollars: &f64| *dollars >= 0.0 && dollars.is_finite());
        Ok(Self { family: family.to_owned(), per_hour: per_hour.ok_or_else(wrong)? })
    }
}

/// What one has.
#[derive(Args, Debug)]
pub(super) struct Owned {
    /// Reserved Instances that you have, in dollars per hour at their own prices: m7i=1.5. They are applied before the best
    /// commitment is looked for.
    #[arg(long, value_name = "FAMILY=USD")]
    own_reserved: Vec<FamilyAmount>,
    /// EC2 Instance Savings Plans that you have, in dollars per hour: m7i=0.8.
    #[arg(long, value_name = "FAMILY=USD")]
    own_instance_plan: Vec<FamilyAmount>,
    /// A Compute Savings Plan that you have, in dollars per hour.
    #[arg(long, value_name = "USD", value_parser = amount)]
    own_compute_plan: Option<f64>,
}

fn amount(text: &str) -> Result<f64, String> {
    let dollars: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    if dollars >= 0.0 && dollars.is_finite() { Ok(dollars) } else { Err("no amount of dollars".to_owned()) }
}

/// The hours of every run by family, after what one has was applied.
pub(super) struct Hours {
    /// Families that were used on demand, in name order.
    pub families: Vec<String>,
    /// By family, then run.
    pub left: Vec<Vec<HourlyUse>>,
    /// What the commitments that one has cost and cover; none without any.
    pub owned: Option<OwnedCommitments>,
}

impl Hours {
    /// The hours of all families together.
    pub(super) fn together(&self, runs: usize) -> Vec<HourlyUse> {
        let run = |index: usize| {
            let mut sum: Vec<f64> = Vec::new();
            for family in &self.left {
                let hours = &family[index].0;
                sum.resize(hours.len(), 0.0);
                sum.iter_mut().zip(hours).for_each(|(sum, used)| *sum += used);
            }
            HourlyUse(sum)
        };
        (0..runs).map(run).collect()
    }
}

/// What every family used on demand in each hour of the runs, less what the owned commitments cover.
pub(super) fn hours(fleet: &Fleet, runs: &[&Run], arguments: &CommitArguments) -> Result<Hours, Failed> {
    let catalog = &fleet.plan.ec2.catalog;
    let nodes = runs.iter().flat_map(|run| &run.nodes).filter(|node| list_price(fleet, node, None).is_some());
    let families: BTreeSet<&str> =
        nodes.map(|node| catalog.get(TypeId::new(node.instance_type)).family()).collect();
    let families: Vec<String> = families.into_iter().map(str::to_owned).collect();
    let used = |family: &String, run: &&Run| {
        HourlyUse::of(&run.nodes, run.span, |node| list_price(fleet, node, Some(family)))
    };
    let of = |family: &String| runs.iter().map(|run| used(family, run)).collect::<Vec<_>>();
    let mut left: Vec<Vec<HourlyUse>> = families.iter().map(of).collect();
    let Some(owned) = commitments(&families, arguments)? else {
        return Ok(Hours { families, left, owned: None });
    };
    let mut told = OwnedCommitments::default();
    for run in 0..runs.len() {
        let count = left.first().map_or(0, |family| family[run].0.len());
        for hour in 0..count {
            let before: Vec<f64> = left.iter().map(|family| family[run].0[hour]).collect();
            let (cost, after) = owned.apply(&before);
            told.add(cost, before.iter().sum(), after.iter().sum());
            for (family, after) in left.iter_mut().zip(after) {
                family[run].0[hour] = after;
            }
        }
    }
    Ok(Hours { families, left, owned: Some(told) })
}

/// What one has; none where nothing is given.
fn commitments(families: &[String], arguments: &CommitArguments) -> Result<Option<Commitments>, Failed> {
    let Owned { own_reserved, own_instance_plan, own_compute_plan } = &arguments.owned;
    if own_reserved.is_empty() && own_instance_plan.is_empty() && own_compute_plan.is_none() {
        return Ok(None);
    }
    let discount = |plan, family: &str| listed_discount((plan, arguments.term, arguments.upfront), family);
    let of = |plan: PlanName, amounts: &[FamilyAmount]| -> Result<Vec<(usize, Commitment)>, Failed> {
        let mut all = Vec::new();
        for own in amounts {
            let Some(family) = families.iter().position(|family| *family == own.family) else {
                let known = families.join(", ");
                let message =
                    format!("no node of the family {} ran on demand; there were {known}", own.family);
                return Err(Failed::Usage(message));
            };
            let (per_hour, discount) = (own.per_hour, discount(plan, &own.family)?);
            all.push((family, Commitment { per_hour, discount }));
        }
        Ok(all)
    };
    let compute_plan = match own_compute_plan {
        Some(per_hour) => {
            let discounts: Result<Vec<f64>, Failed> =
                families.iter().map(|family| discount(PlanName::Compute, family)).collect();
            Some((*per_hour, discounts?))
        }
        None => None,
    };
    Ok(Some(Commitments {
        reserved: of(PlanName::Reserved, own_reserved)?,
        instance_plans: of(PlanName::Ec2Instance, own_instance_plan)?,
        compute_plan,
    }))
}
