//! What commitments are worth on simulated hours: Savings Plans and Reserved Instances applied hour by hour in AWS's order, the
//! commitment that costs least, and what it loses where load falls. Knows no price list.

use crate::metrics::NodeRecord;
use crate::units::SimTime;

const HOUR_MS: u64 = 3_600_000;

/// What was used on demand in each whole hour after the warm-up, in dollars at list prices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HourlyUse(pub Vec<f64>);

impl HourlyUse {
    /// The hours of a run from `warmup` to `end`. `hourly` is the list price of a node, `None` where it is not counted.
    #[must_use]
    pub fn of(
        nodes: &[NodeRecord],
        (warmup, end): (SimTime, SimTime),
        hourly: impl Fn(&NodeRecord) -> Option<f64>,
    ) -> Self {
        let hours = end.saturating_since(warmup).as_ms() / HOUR_MS;
        let mut used = vec![0.0; hours as usize];
        for node in nodes {
            let Some(price) = hourly(node) else { continue };
            let from = node.launched_at.saturating_since(warmup).as_ms();
            let until = node.terminated_at.saturating_since(warmup).as_ms().min(hours * HOUR_MS);
            let mut at = from;
            while at < until {
                let hour = at / HOUR_MS;
                let next = ((hour + 1) * HOUR_MS).min(until);
                used[hour as usize] += price * (next - at) as f64 / HOUR_MS as f64;
                at = next;
            }
        }
        Self(used)
    }

    /// The same with `factor` times the load.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self(self.0.iter().map(|dollars| dollars * factor).collect())
    }

    /// The load-duration curve: hours in descending order of use.
    #[must_use]
    pub fn load_duration(&self) -> Vec<f64> {
        let mut hours = self.0.clone();
        hours.sort_by(|a, b| b.total_cmp(a));
        hours
    }

    /// Mean use per hour.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len().max(1) as f64
    }

    /// What an hour costs on average with `commitment` dollars per hour of a plan that takes `discount` off list prices.
    #[must_use]
    pub fn cost_with(&self, commitment: f64, discount: f64) -> f64 {
        let rate = 1.0 - discount;
        let hour = |used: &f64| commitment + (used - commitment / rate).max(0.0);
        self.0.iter().map(hour).sum::<f64>() / self.0.len().max(1) as f64
    }
}

/// The commitment that costs least on average over all runs, and what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct CommitmentWorth {
    /// Dollars per hour, at the plan's own prices.
    pub commitment: f64,
    /// The best commitment of each run alone.
    pub of_runs: Vec<f64>,
    /// Dollars per hour of each run without it.
    pub without: Vec<f64>,
    /// Dollars per hour of each run with it.
    pub with: Vec<f64>,
    /// Share of the commitment that is used.
    pub utilisation: f64,
    /// Share of what is used on demand that it covers.
    pub coverage: f64,
}

/// The best commitment of one plan for `runs`.
///
/// A further dollar committed saves `1 / (1 - discount)` in the hours that use it and costs one in all hours: it pays as long as more
/// than a share `1 - discount` of hours use it. So the best is the use that is exceeded in that share of hours, at the plan's prices.
#[must_use]
pub fn best_commitment(runs: &[HourlyUse], discount: f64) -> CommitmentWorth {
    let pooled = HourlyUse(runs.iter().flat_map(|run| run.0.iter().copied()).collect());
    let commitment = optimum(&pooled, discount);
    let rate = 1.0 - discount;
    let covered: f64 = pooled.0.iter().map(|used| used.min(commitment / rate)).sum();
    let (used, hours): (f64, f64) = (pooled.0.iter().sum(), pooled.0.len() as f64);
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    CommitmentWorth {
        commitment,
        of_runs: runs.iter().map(|run| optimum(run, discount)).collect(),
        without: runs.iter().map(HourlyUse::mean).collect(),
        with: runs.iter().map(|run| run.cost_with(commitment, discount)).collect(),
        utilisation: share(covered * rate, commitment * hours),
        coverage: share(covered, used),
    }
}

fn optimum(hours: &HourlyUse, discount: f64) -> f64 {
    let curve = hours.load_duration();
    // The first hour of the curve that a share 1 - discount of hours does not exceed.
    let place = ((1.0 - discount) * curve.len() as f64).floor() as usize;
    curve.get(place.min(curve.len().saturating_sub(1))).map_or(0.0, |used| used * (1.0 - discount))
}

impl CommitmentWorth {
    /// Dollars per hour that this commitment costs more than the then best one where load is `factor` of what it was.
    #[must_use]
    pub fn regret(&self, runs: &[HourlyUse], discount: f64, factor: f64) -> f64 {
        let then: Vec<HourlyUse> = runs.iter().map(|run| run.scaled(factor)).collect();
        let best = best_commitment(&then, discount);
        let costs = |commitment: f64| mean(then.iter().map(|run| run.cost_with(commitment, discount)));
        costs(self.commitment) - costs(best.commitment)
    }

    /// To which share of the load it may fall before the commitment costs more than none.
    #[must_use]
    pub fn break_even_load(&self, runs: &[HourlyUse], discount: f64) -> f64 {
        let loses = |factor: f64| {
            let saved = |run: &HourlyUse| {
                let then = run.scaled(factor);
                then.mean() - then.cost_with(self.commitment, discount)
            };
            mean(runs.iter().map(saved)) < 0.0
        };
        if self.commitment <= 0.0 {
            return 0.0;
        }
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            if loses(middle) { low = middle } else { high = middle }
        }
        high
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// A commitment to one family, or to anything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Commitment {
    /// Dollars per hour at the plan's own prices.
    pub per_hour: f64,
    /// What it takes off list prices.
    pub discount: f64,
}

/// All commitments of an account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commitments {
    /// Reserved Instances by family.
    pub reserved: Vec<(usize, Commitment)>,
    /// EC2 Instance Savings Plans by family.
    pub instance_plans: Vec<(usize, Commitment)>,
    /// Compute Savings Plans, with what each takes off the list price of each family.
    pub compute_plan: Option<(f64, Vec<f64>)>,
}

impl Commitments {
    /// What an hour costs in which `used` dollars at list prices were used on demand, by family.
    #[must_use]
    pub fn hour(&self, used: &[f64]) -> f64 {
        let (cost, left) = self.apply(used);
        cost + left.iter().sum::<f64>()
    }

    /// What the commitments themselves cost in an hour, and what they leave of `used`, dollars at list prices by family.
    ///
    /// AWS's order (Savings Plans user guide, "Understanding how Savings Plans apply to your usage", 2026-11): Reserved Instances,
    /// then EC2 Instance Savings Plans, then Compute Savings Plans on what they take most off.
    #[must_use]
    pub fn apply(&self, used: &[f64]) -> (f64, Vec<f64>) {
        let mut left = used.to_vec();
        let mut cost = 0.0;
        for (family, commitment) in self.reserved.iter().chain(&self.instance_plans) {
            cost += commitment.per_hour;
            let covers = commitment.per_hour / (1.0 - commitment.discount);
            left[*family] = (left[*family] - covers).max(0.0);
        }
        if let Some((per_hour, discounts)) = &self.compute_plan {
            cost += per_hour;
            let mut order: Vec<usize> = (0..left.len()).collect();
            order.sort_by(|a, b| discounts[*b].total_cmp(&discounts[*a]));
            let mut commitment = *per_hour;
            for family in order {
                let rate = 1.0 - discounts[family];
                let taken = (left[family] * rate).min(commitment);
                commitment -= taken;
                left[family] -= taken / rate;
            }
        }
        (cost, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commitment_is_paid_in_every_hour_and_covers_at_the_plan_s_prices() {
        let used = HourlyUse(vec![10.0, 4.0, 0.0, 2.0]);
        // Three dollars at 25 % off cover four dollars of list price: 3 + 6, 3, 3, 3.
        assert!((used.cost_with(3.0, 0.25) - 18.0 / 4.0).abs() < 1e-12);
        assert!((used.cost_with(0.0, 0.25) - 4.0).abs() < 1e-12);
    }

    #[test]
    fn reserved_instances_come_first_then_plans_of_a_family_then_compute_plans_where_they_save_most() {
        let commitments = Commitments {
            reserved: vec![(0, Commitment { per_hour: 0.6, discount: 0.4 })],
            instance_plans: vec![(0, Commitment { per_hour: 0.7, discount: 0.3 })],
            compute_plan: Some((1.0, vec![0.2, 0.5])),
        };
        // Family 0: 5 - 1 reserved - 1 planned = 3. Family 1: 1. The compute plan takes 1 of family 1 for 0.5, then 0.625 of
        // family 0 for the other 0.5; 2.375 is left on demand.
        assert!((commitments.hour(&[5.0, 1.0]) - (0.6 + 0.7 + 1.0 + 2.375)).abs() < 1e-12);
        // Unused commitments are paid as well.
        assert!((commitments.hour(&[0.0, 0.0]) - 2.3).abs() < 1e-12);
    }

    #[test]
    fn steady_use_is_committed_whole_and_rare_use_not_at_all() {
        let steady = vec![HourlyUse(vec![2.0; 24])];
        let worth = best_commitment(&steady, 0.27);
        assert!((worth.commitment - 1.46).abs() < 1e-12 && (worth.with[0] - 1.46).abs() < 1e-12);
        assert!((worth.utilisation - 1.0).abs() < 1e-12 && (worth.coverage - 1.0).abs() < 1e-12);
        // At 73 % of the load the plan costs what it covers.
        assert!((worth.break_even_load(&steady, 0.27) - 0.73).abs() < 1e-9);
        // At four fifths it covers 1.6 dollars for 1.46 where 1.168 would do.
        assert!((worth.regret(&steady, 0.27, 0.8) - 0.292).abs() < 1e-12);
        let mut rare = vec![0.0; 20];
        rare.extend([5.0; 4]);
        assert!(best_commitment(&[HourlyUse(rare)], 0.27).commitment.abs() < 1e-12);
    }
}
