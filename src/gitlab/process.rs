//! What happens to a manager process from outside: its file is rewritten, a signal stops it (rules 10 and 11).

use crate::gitlab::config::{RELOAD_CONFIG_INTERVAL, Signal};
use crate::gitlab::feed::{Outcome, Slot};
use crate::gitlab::manager::{Manager, WorkState};
use crate::gitlab::plan::{Due, DueKind};
use crate::gitlab::server::Server;
use crate::units::{SimDuration, SimTime};

/// Bits of a [`Slot`] that number the work within its manager.
pub(super) const WORK_BITS: u32 = 20;

/// Puts the looks at rewritten files and the signal into the manager's plan.
pub(super) fn plan(manager: &mut Manager) {
    let start = manager.config.start_at;
    for (number, change) in manager.config.reconfigure.iter().enumerate() {
        let looks = change.at.saturating_since(start).as_ms().div_ceil(RELOAD_CONFIG_INTERVAL.as_ms()).max(1);
        let at = start + RELOAD_CONFIG_INTERVAL * looks;
        manager.due.push(Due { at, kind: DueKind::Reload, work: 0, sequence: number as u64 });
    }
    if let Some(stop) = manager.config.stop {
        manager.due.push(Due { at: stop.at, kind: DueKind::Stop, work: 0, sequence: 0 });
    }
}

/// The file is looked at after it was rewritten.
pub(super) fn reload(manager: &mut Manager, due: Due, server: &mut Server) {
    if manager.leaving > 0 {
        // No new look at the file until the workers of the last one have left.
        manager.due.push(Due { at: due.at + RELOAD_CONFIG_INTERVAL, ..due });
        return;
    }
    for token in &mut manager.tokens {
        token.mark_healthy(due.at);
    }
    let concurrent = manager.config.reconfigure[due.sequence as usize].concurrent;
    let before = std::mem::replace(&mut manager.concurrent, concurrent);
    if concurrent > before && manager.idle == 0 {
        manager.idle_since = due.at;
    }
    for _ in before..concurrent {
        manager.worker_idle(due.at, server);
    }
    let fewer = before.saturating_sub(concurrent);
    let leaving_at_once = fewer.min(manager.idle);
    manager.idle -= leaving_at_once;
    manager.leaving = fewer - leaving_at_once;
}

/// A signal comes in.
pub(super) fn stop(manager: &mut Manager, now: SimTime, server: &mut Server, out: &mut Vec<Outcome>) {
    manager.stop_feeding();
    for index in 0..manager.works.len() as u32 {
        match manager.works[index as usize].state {
            WorkState::Asking | WorkState::Held => manager.settle(index),
            WorkState::Updating | WorkState::Running if manager.signal() == Some(Signal::Terminate) => {
                if let Some(job) = manager.interrupt(index) {
                    let slot = Slot(manager.number << WORK_BITS | index);
                    manager.finish(now, index, server);
                    out.push(Outcome::Interrupted { job, slot });
                }
            }
            _ => {}
        }
    }
}

/// The manager and the work that `slot` stands for.
pub(super) fn split(slot: Slot) -> (usize, u32) {
    ((slot.0 >> WORK_BITS) as usize, slot.0 & ((1 << WORK_BITS) - 1))
}

/// A moment after `now`, to include what is due at `now`.
pub(super) fn just_after(now: SimTime) -> SimTime {
    now + SimDuration::from_ms(1)
}
