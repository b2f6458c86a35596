//! `fleetsim commit`: which Savings Plan or Reserved Instances pay for what a scenario's fleets run on demand.

use super::args::Format;
use super::commit_owned::{Hours, Owned, hours};
use super::exit::{Exit, Failed};
use super::node_runs::NodeRuns;
use super::terminal::{Terminal, answer};
use crate::catalog::{CapacityType, TypeId, ZoneId, other_price, reserved_discounts};
use crate::experiment::{HourlyUse, best_commitment};
use crate::metrics::NodeRecord;
use crate::report::{CommitmentAnswer, commitment_text};
use crate::scenario::Fleet;
use crate::units::HourlyPrice;
use clap::{Args, ValueEnum};

/// Shown below the options by `--help`.
const HELP: &str = "\
Simulates every fleet and prices each hour of its on-demand nodes with and without a commitment. The best commitment is the \
one with the least cost per hour over all replications; its interval is that of the replications' own best ones.

  fleetsim commit peak.toml
  fleetsim commit peak.toml --plan ec2-instance --term 3y --fleet graviton-on-demand
  fleetsim commit peak.toml --own-reserved m7i=1.5 --own-compute-plan 2

What you have is applied hour by hour in AWS's order (Reserved Instances, EC2 Instance Savings Plans, Compute Savings Plans), with \
the discounts of the same term; the best further commitment is for what that leaves.

Discounts are the catalogue's (`fleetsim catalog` says from when); yours come with --discount. Nodes of a fixed group that has a \
savings_plan already, Spot, Fargate, runner managers and volumes are not counted.";

/// `commit`.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(super) struct CommitArguments {
    /// What is committed to: any instance, or one family (the best for each family is shown).
    #[arg(long, value_name = "PLAN", default_value = "compute")]
    pub plan: PlanName,
    /// For how long.
    #[arg(long, value_name = "TERM", default_value = "1y")]
    pub term: TermName,
    /// What is paid at once.
    #[arg(long, value_name = "HOW", default_value = "none")]
    pub upfront: UpfrontName,
    /// What the plan takes off list prices, in place of the catalogue's figure: 0.3 is 30 %.
    #[arg(long, value_name = "SHARE")]
    pub discount: Option<f64>,
    #[command(flatten)]
    pub owned: Owned,
    #[command(flatten)]
    pub of: NodeRuns,
    /// How to print the answer: table or json.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: Format,
}

/// What is committed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanName {
    /// A Compute Savings Plan.
    Compute,
    /// An EC2 Instance Savings Plan: one family.
    Ec2Instance,
    /// Standard Reserved Instances of one family, regional and so of any size.
    Reserved,
}

/// For how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TermName {
    /// One year.
    #[value(name = "1y")]
    OneYear,
    /// Three years.
    #[value(name = "3y")]
    ThreeYears,
}

/// What is paid at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum UpfrontName {
    /// Nothing.
    None,
    /// Everything.
    All,
}

/// Simulates the fleets and says what commitments are worth.
pub(super) fn commit(arguments: &CommitArguments, terminal: Terminal) -> Result<Exit, Failed> {
    if arguments.discount.is_some_and(|share| !(0.0..1.0).contains(&share)) {
        return Err(Failed::Usage("--discount is a share from 0 to below 1".to_owned()));
    }
    if !matches!(arguments.format, Format::Table | Format::Json) {
        return Err(Failed::Usage("commit prints a table or json".to_owned()));
    }
    let mut texts = Vec::new();
    let mut values = Vec::new();
    let exit = arguments.of.each_fleet(terminal, |fleet, runs| {
        let hours = hours(fleet, runs, arguments)?;
        if let Some(owned) = &hours.owned {
            texts.push(owned.text(&fleet.name));
            values.push(owned.json(&fleet.name));
        }
        for (name, hours, discount) in uses(fleet, hours, runs.len(), arguments)? {
            let worth = best_commitment(&hours, discount);
            let said = CommitmentAnswer { name, runs: &hours, discount, worth };
            texts.push(commitment_text(&said));
            values.push(said.json());
        }
        Ok(())
    })?;
    if values.is_empty() {
        return Ok(exit);
    }
    match arguments.format {
        Format::Json => {
            let all = serde_json::json!({ "schema": "fleetsim.commit/1", "commitments": values });
            answer(&format!("{all:#}\n"))?;
        }
        _ => answer(&texts.join("\n"))?,
    }
    Ok(exit)
}

/// The hours that one plan may cover: of the whole fleet, or of each family with its own discount.
fn uses(
    fleet: &Fleet,
    hours: Hours,
    runs: usize,
    arguments: &CommitArguments,
) -> Result<Vec<(String, Vec<HourlyUse>, f64)>, Failed> {
    if arguments.plan == PlanName::Compute {
        return Ok(vec![(fleet.name.clone(), hours.together(runs), discount(arguments, "")?)]);
    }
    if hours.families.is_empty() {
        return Ok(vec![(fleet.name.clone(), hours.together(runs), 0.0)]);
    }
    let of = |(family, left): (String, Vec<HourlyUse>)| -> Result<_, Failed> {
        let discount = discount(arguments, &family)?;
        Ok((format!("{}, {family}", fleet.name), left, discount))
    };
    hours.families.into_iter().zip(hours.left).map(of).collect()
}

/// The on-demand list price of a node in dollars per hour, where a plan for `family` may cover it.
pub(super) fn list_price(fleet: &Fleet, node: &NodeRecord, family: Option<&str>) -> Option<f64> {
    let catalog = &fleet.plan.ec2.catalog;
    let kind = TypeId::new(node.instance_type);
    let is_covered = fleet.plan.capacity.group(node.pool).is_some_and(|group| group.discount.0 > 0);
    if node.capacity != CapacityType::OnDemand
        || is_covered
        || family.is_some_and(|family| catalog.get(kind).family() != family)
    {
        return None;
    }
    catalog.price(kind, ZoneId(node.zone as u8), CapacityType::OnDemand).map(HourlyPrice::as_dollars)
}

/// What the plan takes off list prices.
fn discount(arguments: &CommitArguments, family: &str) -> Result<f64, Failed> {
    match arguments.discount {
        Some(own) => Ok(own),
        None => listed_discount((arguments.plan, arguments.term, arguments.upfront), family),
    }
}

/// What the catalogue says that a plan takes off list prices.
pub(super) fn listed_discount(terms: (PlanName, TermName, UpfrontName), family: &str) -> Result<f64, Failed> {
    let item = match terms {
        (PlanName::Compute, TermName::OneYear, UpfrontName::None) => "commitment.compute_sp.1yr_no_upfront",
        (PlanName::Compute, TermName::ThreeYears, UpfrontName::None) => {
            "commitment.compute_sp.3yr_no_upfront"
        }
        (PlanName::Ec2Instance | PlanName::Reserved, TermName::OneYear, UpfrontName::None) => {
            "commitment.m5.ri_or_ec2_instance_sp.1yr_no_upfront"
        }
        (PlanName::Ec2Instance | PlanName::Reserved, TermName::ThreeYears, UpfrontName::None) => {
            "commitment.m5.ri_or_ec2_instance_sp.3yr_no_upfront"
        }
        (PlanName::Reserved, TermName::OneYear, UpfrontName::All) => {
            let known = reserved_discounts().find(|reserved| reserved.family == family);
            if let Some(known) = known {
                return Ok(known.discount.as_f64());
            }
            "commitment.m5.ri.1yr_all_upfront"
        }
        (PlanName::Reserved, TermName::ThreeYears, UpfrontName::All) => "commitment.m5.ri.3yr_all_upfront",
        (_, _, UpfrontName::All) => {
            let message =
                "the catalogue knows no discount of a Savings Plan paid at once; give yours with --discount";
            return Err(Failed::Usage(message.to_owned()));
        }
    };
    let price = other_price(item).ok_or_else(|| Failed::Output(format!("no figure {item}")))?;
    Ok(price.share().as_f64())
}
