//! Whether pods need more than one new node whatever else is moved: what consolidation can know of all its candidates without
//! asking about each. Not the pass itself.

use super::Solver;
use super::results::{PassInput, PassPod, PassResults, PodOrigin};
use super::template::Template;
use crate::karpenter::cluster::Cluster;
use crate::karpenter::resources::Amounts;

impl Solver {
    /// Whether every pass over the cluster as it stands that has `input.pods` among its own opens several claims, whichever
    /// other pods it has and whichever nodes it leaves out. Says no where that is not certain.
    ///
    /// Passes only fill nodes up. So what pods ask for beyond all the room that there is now goes onto claims, which they
    /// get where nothing but their pool's rules counts; and one claim is not enough for more than the largest type has.
    pub(in crate::karpenter) fn needs_several_claims(
        &mut self,
        cluster: &Cluster,
        input: &PassInput<'_>,
        out: &mut PassResults,
    ) -> bool {
        self.refresh(cluster);
        let most = |template: &Template| template.fit.largest(&template.usable, &mut Default::default());
        let Some(largest) = self.templates.iter().map(most).reduce(Amounts::max) else { return false };
        let counts =
            |pod: &&PassPod| !(cluster.pod_class(pod.class).is_ignored && pod.origin == PodOrigin::Pending);
        let mut asked: Vec<i64> =
            input.pods.iter().filter(counts).map(|pod| cluster.pod_class(pod.class).requests.cpu).collect();
        if asked.iter().sum::<i64>() <= largest.cpu
            || self.templates.iter().any(|one| self.is_bound(cluster, one))
        {
            return false;
        }
        self.solve(cluster, input, out);
        if out.claims.len() < 2 || !out.errors.is_empty() || self.work.topology.is_some() {
            return false;
        }
        asked.sort_unstable_by_key(|cpu| std::cmp::Reverse(*cpu));
        self.is_short_of(&asked, largest.cpu)
    }

    /// Whether what a pool may still launch depends on more than the pool's own rules.
    fn is_bound(&self, cluster: &Cluster, template: &Template) -> bool {
        let limits = cluster.pool(template.pool).spec.limits;
        let is_limited = limits.cpu.is_some() || limits.memory.is_some() || limits.nodes.is_some();
        is_limited || self.sets.has_min_values(template.set)
    }

    /// Whether the largest pods that ask for `asked` (largest first), however many of them, ask for more than `spare` beyond
    /// what all nodes together have left for pods of their sizes.
    fn is_short_of(&self, asked: &[i64], spare: i64) -> bool {
        let (mut sum, mut unit) = (0, 0);
        asked.chunk_by(|a, b| a == b).any(|alike| {
            sum += alike.iter().sum::<i64>();
            unit = greatest_common_divisor(unit, alike[0]);
            // Sums of such requests are multiples of their unit.
            unit > 0 && sum > spare && sum - self.existing.cpu_in_units(alike[0], unit) > spare
        })
    }
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
