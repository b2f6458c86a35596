//! Emptiness: all consolidatable nodes that no pod holds, as far as budgets go, in one command.

use super::candidate::Candidate;

/// The nodes to delete out of the sorted `candidates`, as far as the budgets of their pools go; uses the budgets up.
pub(super) fn choose(candidates: Vec<Candidate>, budgets: &mut [u32]) -> Vec<Candidate> {
    let is_allowed = |candidate: &Candidate| {
        let left = &mut budgets[usize::from(candidate.pool.0)];
        let allowed = *left > 0;
        *left -= u32::from(allowed);
        allowed
    };
    let mut chosen = candidates;
    let mut is_allowed = is_allowed;
    chosen.retain(|candidate| is_allowed(candidate));
    chosen
}
