//! For whom money is paid: the ledger once more, shared out among classes, projects and pipelines, and by kind of machine.
//! Every billed amount is in it exactly once. No name of a team, no table.

use super::ledger::WasteKind;
use super::usage::UsedFor;
use crate::catalog::{Arch, CapacityType};
use crate::units::CostMeter;

/// For whom jobs run.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Account {
    /// Class of the jobs.
    pub class: String,
    /// Number of their GitLab project in the scenario; 0 is the one without a name.
    pub project: u32,
    /// Name of the pipeline's template; none for single jobs.
    pub pipeline: Option<String>,
}

/// On what jobs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Machine {
    /// An instance with its volume.
    Instance(Arch, CapacityType),
    /// A Fargate pod.
    Fargate(Arch),
    /// A hosted runner.
    Hosted(Arch),
    /// Something that stands whether jobs run or not.
    Standing,
}

/// CPU time that the jobs of one account requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuShare {
    /// The account, as the loop numbers it.
    pub account: u32,
    /// Millicore-milliseconds requested.
    pub busy: u64,
    /// Of these, the ones whose work was lost.
    pub lost: u64,
}

/// What was paid, by who it was paid for and by machine. Either sums to the bill exactly, use by use.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GroupLedger {
    accounts: Vec<(Account, UsedFor)>,
    machines: Vec<(Machine, UsedFor)>,
    /// What was paid where no job requested anything.
    nobody: UsedFor,
}

impl GroupLedger {
    /// What was paid for each account, in their order.
    #[must_use]
    pub fn accounts(&self) -> &[(Account, UsedFor)] {
        &self.accounts
    }

    /// What was paid for each kind of machine, in their order.
    #[must_use]
    pub fn machines(&self) -> &[(Machine, UsedFor)] {
        &self.machines
    }

    /// What was paid where no job requested anything in the whole run.
    #[must_use]
    pub fn nobody(&self) -> &UsedFor {
        &self.nobody
    }

    /// Enters everything of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (account, used) in &other.accounts {
            enter(&mut self.accounts, account.clone(), used);
        }
        for (machine, used) in &other.machines {
            enter(&mut self.machines, *machine, used);
        }
        self.nobody.merge(&other.nobody);
    }
}

fn enter<K: Ord>(list: &mut Vec<(K, UsedFor)>, key: K, used: &UsedFor) {
    match list.binary_search_by(|(known, _)| known.cmp(&key)) {
        Ok(place) => list[place].1.merge(used),
        Err(place) => list.insert(place, (key, *used)),
    }
}

/// Shares the bill out while a run goes on; accounts are numbers until its end.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupMeter {
    accounts: Vec<UsedFor>,
    /// CPU time that each account requested of what counts.
    requested: Vec<u128>,
    machines: Vec<(Machine, UsedFor)>,
    /// What no job is nearer to than another: standing costs, and nodes that never had a pod.
    common: UsedFor,
}

/// Binary places of a share. A share of so many places times the cost of a node for a year fits in 128 bits.
const PLACES: u32 = 48;
/// Half of a unit behind them.
const HALF: u128 = 1 << (PLACES - 1);

impl GroupMeter {
    /// Something was paid for a kind of machine.
    pub(super) fn machine(&mut self, machine: Machine, used: &UsedFor) {
        enter(&mut self.machines, machine, used);
    }

    /// Something was paid of which each account takes the part that it requested: of useful work what it worked, of lost work
    /// what it lost, of all else its share of the requested CPU. What nobody requested is common.
    ///
    /// Accounts are known by [`GroupMeter::requested`].
    pub(super) fn share_out(&mut self, used: &UsedFor, shares: &[CpuShare]) {
        let busy: u64 = shares.iter().map(|share| share.busy).sum();
        if busy == 0 {
            self.common.merge(used);
            return;
        }
        let lost: u64 = shares.iter().map(|share| share.lost.min(share.busy)).sum();
        let mut left = *used;
        let last = shares.len() - 1;
        for (index, share) in shares.iter().enumerate() {
            let own_lost = share.lost.min(share.busy);
            let part = |own: u64, all: u64| (u128::from(own) << PLACES).checked_div(u128::from(all));
            let by_request = part(share.busy, busy).unwrap_or(0);
            let by_work = part(share.busy - own_lost, busy - lost).unwrap_or(by_request);
            let by_loss = part(own_lost, lost).unwrap_or(by_request);
            let mine = &mut self.accounts[share.account as usize];
            for kind in WasteKind::ALL {
                let whole = used.of(kind).0;
                if whole == 0 {
                    continue;
                }
                let of_whole = match kind {
                    WasteKind::UsefulWork => by_work,
                    WasteKind::LostWork => by_loss,
                    _ => by_request,
                };
                let rest = left.of(kind).0;
                let rounded = (whole * of_whole + HALF) >> PLACES;
                let taken = if index == last { rest } else { rounded.min(rest) };
                left.take(kind, CostMeter(taken));
                mine.add(kind, CostMeter(taken));
            }
        }
    }

    /// All of it was paid for one account, which requested so many millicore-milliseconds.
    pub(super) fn paid_for(&mut self, account: u32, used: &UsedFor, requested: u64) {
        self.requested(account, requested);
        self.accounts[account as usize].merge(used);
    }

    /// Something was paid of which no job is nearer to than another.
    pub(super) fn common(&mut self, used: &UsedFor) {
        self.common.merge(used);
    }

    /// Jobs of the account requested so many millicore-milliseconds of what counts.
    pub(super) fn requested(&mut self, account: u32, core_ms: u64) {
        let wanted = account as usize + 1;
        if self.accounts.len() < wanted {
            self.accounts.resize(wanted, UsedFor::default());
            self.requested.resize(wanted, 0);
        }
        self.requested[account as usize] += u128::from(core_ms);
    }

    /// The ledger, with what is common shared out by the CPU that each account requested in the whole run.
    pub(super) fn finish(mut self, names: &[Account]) -> GroupLedger {
        let mut ledger =
            GroupLedger { machines: std::mem::take(&mut self.machines), ..GroupLedger::default() };
        let all: u128 = self.requested.iter().sum();
        let mut left = self.common;
        let last = self.requested.iter().rposition(|requested| *requested > 0);
        for (number, used) in self.accounts.iter_mut().enumerate() {
            let own = self.requested[number];
            for kind in WasteKind::ALL {
                let rest = left.of(kind).0;
                let whole = self.common.of(kind).0;
                let taken = match last {
                    Some(last) if number == last => rest,
                    _ if own == 0 => 0,
                    _ => scaled(whole, own, all).min(rest),
                };
                left.take(kind, CostMeter(taken));
                used.add(kind, CostMeter(taken));
            }
            if used.total() != CostMeter::ZERO {
                enter(&mut ledger.accounts, names.get(number).cloned().unwrap_or_default(), used);
            }
        }
        ledger.nobody = left;
        ledger
    }
}

/// `whole × own / all` rounded, where `own <= all`: the share to 48 binary places.
fn scaled(whole: u128, own: u128, all: u128) -> u128 {
    let share = if all >> (127 - PLACES) == 0 { (own << PLACES) / all } else { own / (all >> PLACES) };
    (whole >> PLACES) * share + (((whole & ((1 << PLACES) - 1)) * share + HALF) >> PLACES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn account(class: &str) -> Account {
        Account { class: class.to_owned(), ..Account::default() }
    }

    fn used(parts: &[(WasteKind, u128)]) -> UsedFor {
        let mut used = UsedFor::default();
        for (kind, cost) in parts {
            used.add(*kind, CostMeter(*cost));
        }
        used
    }

    #[test]
    fn a_node_is_shared_out_by_the_cpu_that_its_jobs_requested_and_lost() {
        let mut meter = GroupMeter::default();
        // Two accounts: one requested 300 of which 100 were lost, the other 100 that all worked.
        let shares =
            [CpuShare { account: 0, busy: 300, lost: 100 }, CpuShare { account: 2, busy: 100, lost: 0 }];
        shares.iter().for_each(|share| meter.requested(share.account, share.busy));
        let node =
            used(&[(WasteKind::UsefulWork, 3000), (WasteKind::LostWork, 1000), (WasteKind::Idle, 400)]);
        meter.share_out(&node, &shares);
        // A control plane goes by the CPU of the whole run: three quarters and one.
        meter.common(&used(&[(WasteKind::Standing, 100)]));
        let ledger = meter.finish(&[account("a"), account("b"), account("c")]);
        let of = |class: &str, kind| {
            let (_, used) = ledger.accounts().iter().find(|(known, _)| known.class == class).unwrap();
            used.of(kind).0
        };
        assert_eq!(ledger.accounts().len(), 2, "b requested nothing");
        assert_eq!(["a", "c"].map(|class| of(class, WasteKind::UsefulWork)), [2000, 1000]);
        assert_eq!(["a", "c"].map(|class| of(class, WasteKind::LostWork)), [1000, 0]);
        assert_eq!(["a", "c"].map(|class| of(class, WasteKind::Idle)), [300, 100]);
        assert_eq!(["a", "c"].map(|class| of(class, WasteKind::Standing)), [75, 25]);
    }

    #[test]
    fn where_no_job_ran_the_bill_is_nobodys() {
        let mut meter = GroupMeter::default();
        meter.share_out(&used(&[(WasteKind::Idle, 7)]), &[]);
        let ledger = meter.finish(&[]);
        assert_eq!((ledger.accounts().len(), ledger.nobody().total()), (0, CostMeter(7)));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_doubled_in_sharing_out(
            nodes in prop::collection::vec(
                (
                    prop::collection::vec(0_u128..1 << 70, WasteKind::ALL.len()),
                    prop::collection::vec((0_u32..6, 0_u64..1 << 45, 0_u64..1 << 45), 0..5),
                ),
                1..12,
            ),
        ) {
            let mut meter = GroupMeter::default();
            let mut whole = UsedFor::default();
            for (number, (costs, shares)) in nodes.iter().enumerate() {
                let costs: Vec<_> = WasteKind::ALL.into_iter().zip(costs.iter().copied()).collect();
                let node = used(&costs);
                whole.merge(&node);
                if number % 3 == 0 {
                    meter.common(&node);
                    continue;
                }
                let shares: Vec<CpuShare> =
                    shares.iter().map(|&(account, busy, lost)| CpuShare { account, busy, lost }).collect();
                shares.iter().for_each(|share| meter.requested(share.account, share.busy));
                meter.share_out(&node, &shares);
            }
            let names: Vec<Account> = (0..6).map(|number| account(&number.to_string())).collect();
            let ledger = meter.finish(&names);
            let mut sum = *ledger.nobody();
            for (_, used) in ledger.accounts() {
                sum.merge(used);
            }
            prop_assert_eq!(sum, whole);
        }
    }
}
