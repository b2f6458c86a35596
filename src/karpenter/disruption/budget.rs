//! Disruption budgets: how many nodes of a pool may be disrupted at once, by reason, schedule and size of the pool.

use std::fmt;

use super::cron::Cron;
use crate::units::{SimDuration, SimTime};

/// Why nodes are disrupted; budgets may name the reasons they apply to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// No pod with a positive eviction cost is on the node.
    Empty,
    /// Its pods fit elsewhere, or on something cheaper.
    Underutilized,
    /// It differs from what its pool asks for.
    Drifted,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Underutilized => "Underutilized",
            Self::Drifted => "Drifted",
        })
    }
}

/// The size of a budget as written in `nodes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetSize {
    /// So many nodes. Negative values are taken as they are and allow nothing.
    Nodes(i64),
    /// So many percent of the pool, rounded up.
    Percent(i64),
    /// Not readable: allows nothing for any reason while its window is active.
    Malformed,
}

impl BudgetSize {
    /// Reads `"5"`, `"10%"`; everything else (also `"10.5%"`) is [`BudgetSize::Malformed`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.strip_suffix('%') {
            Some(percent) => percent.parse().map_or(Self::Malformed, Self::Percent),
            None => text.parse().map_or(Self::Malformed, Self::Nodes),
        }
    }
}

/// When a budget applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BudgetWindow {
    /// At all times: neither schedule nor duration is given.
    Always,
    /// From each hit of the schedule for so long.
    Scheduled(Cron, SimDuration),
    /// A schedule that cannot be read: the pool allows nothing, for any reason, at any time.
    Malformed,
}

/// One budget of a node pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many nodes.
    pub size: BudgetSize,
    /// When.
    pub window: BudgetWindow,
    /// For which reasons; `None` = for all of them.
    pub reasons: Option<Vec<Reason>>,
}

impl Budget {
    /// A budget as written in a NodePool.
    ///
    /// `schedule` and `duration` belong together; a duration alone is malformed, a schedule alone never applies
    /// (core `apis/v1/nodepool.go` `IsActive`, v1.15.0).
    #[must_use]
    pub fn new(
        nodes: &str,
        schedule: Option<&str>,
        duration: Option<SimDuration>,
        reasons: Option<Vec<Reason>>,
    ) -> Self {
        let window = match (schedule, duration) {
            (None, None) => BudgetWindow::Always,
            (text, duration) => match text.unwrap_or_default().parse() {
                Ok(cron) => BudgetWindow::Scheduled(cron, duration.unwrap_or_default()),
                Err(_) => BudgetWindow::Malformed,
            },
        };
        Self { size: BudgetSize::parse(nodes), window, reasons }
    }

    /// Karpenter's default: 10 % of the pool at any time, for every reason.
    #[must_use]
    pub fn ten_percent() -> Self {
        Self { size: BudgetSize::Percent(10), window: BudgetWindow::Always, reasons: None }
    }

    /// Disruptions allowed in a pool of `total` nodes, [`UNLIMITED`] outside its window, `None` where it is malformed.
    fn allowed(&self, unix_ms: i64, total: u32) -> Option<i64> {
        let is_active = match &self.window {
            BudgetWindow::Always => true,
            BudgetWindow::Malformed => return None,
            BudgetWindow::Scheduled(cron, duration) => {
                // Active iff a hit lies in (now - duration, now].
                let window_start = unix_ms.saturating_sub_unsigned(duration.as_ms());
                cron.next_after(window_start).is_some_and(|hit| hit <= unix_ms)
            }
        };
        match self.size {
            _ if !is_active => Some(UNLIMITED),
            BudgetSize::Malformed => None,
            BudgetSize::Nodes(nodes) => Some(nodes),
            BudgetSize::Percent(percent) => {
                let hundredths = percent * i64::from(total);
                Some(hundredths.div_euclid(100) + i64::from(hundredths.rem_euclid(100) != 0))
            }
        }
    }
}

/// No budget is active: as many as there are.
pub const UNLIMITED: i64 = i32::MAX as i64;

/// How many nodes of a pool of `total` nodes may be under disruption for `reason` at `unix_ms` (since 1970, UTC): the
/// smallest of its active budgets, [`UNLIMITED`] without one, 0 where any budget is malformed.
#[must_use]
pub fn allowed_disruptions(budgets: &[Budget], unix_ms: i64, total: u32, reason: Reason) -> i64 {
    let mut smallest = UNLIMITED;
    for budget in budgets {
        let Some(allowed) = budget.allowed(unix_ms, total) else { return 0 };
        if budget.reasons.as_ref().is_none_or(|reasons| reasons.contains(&reason)) {
            smallest = smallest.min(allowed);
        }
    }
    smallest
}

/// Ties simulated time to the calendar: budgets have schedules in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Milliseconds since 1970 UTC at [`SimTime::ZERO`]. A multiple of 1000, so that seconds begin together.
    pub start_unix_ms: i64,
}

impl Calendar {
    /// Milliseconds since 1970 UTC at `now`.
    #[must_use]
    pub fn unix_ms(self, now: SimTime) -> i64 {
        self.start_unix_ms.saturating_add_unsigned(now.as_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_matching_budget_counts_and_percentages_round_up() {
        let all = [Budget::ten_percent(), Budget::new("3", None, None, Some(vec![Reason::Underutilized]))];
        assert_eq!(allowed_disruptions(&all, 0, 41, Reason::Empty), 5);
        assert_eq!(allowed_disruptions(&all, 0, 41, Reason::Underutilized), 3);
        assert_eq!(allowed_disruptions(&[], 0, 41, Reason::Empty), UNLIMITED);
        assert_eq!(allowed_disruptions(&[Budget::new("ten", None, None, None)], 0, 41, Reason::Empty), 0);
    }
}
