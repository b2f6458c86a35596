//! Interned sets of job tags and the rule by which a runner's tags match them.

use crate::gitlab::config::RunnerConfig;

/// A set of job tags, interned by [`crate::gitlab::Gitlab::tag_set`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagSetId(pub u32);

/// All tag sets met so far. Set 0 is the empty one.
#[derive(Clone, Debug)]
pub(super) struct TagSets {
    sets: Vec<Vec<String>>,
}

impl TagSets {
    pub(super) fn new() -> Self {
        Self { sets: vec![Vec::new()] }
    }

    /// The id of the set of `tags`; order and repetition do not matter.
    pub(super) fn intern<'a>(&mut self, tags: impl IntoIterator<Item = &'a str>) -> TagSetId {
        let mut set: Vec<String> = tags.into_iter().map(str::to_owned).collect();
        set.sort_unstable();
        set.dedup();
        // Looked up once per workload line at most and there are few distinct sets: a scan is enough.
        let index = self.sets.iter().position(|known| *known == set).unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        });
        TagSetId(index as u32)
    }

    /// Whether `runner` takes jobs with the tags of `set`, their refs' protection aside (GitLab,
    /// `ci/queue/build_queue_service.rb`, 2026-08).
    pub(super) fn matches(&self, set: TagSetId, runner: &RunnerConfig) -> bool {
        let tags = &self.sets[set.0 as usize];
        if tags.is_empty() {
            runner.run_untagged || runner.tags.is_empty()
        } else {
            tags.iter().all(|tag| runner.tags.contains(tag))
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_matches_a_runner_that_has_all_its_tags() {
        let mut sets = TagSets::new();
        let runner = |tags: &[&str], run_untagged| RunnerConfig {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            run_untagged,
            ..RunnerConfig::default()
        };
        let none = sets.intern([]);
        let both = sets.intern(["b", "a", "b"]);
        assert_eq!(both, sets.intern(["a", "b"]));
        assert_eq!(sets.len(), 2);
        assert!(sets.matches(both, &runner(&["a", "b", "c"], false)));
        assert!(!sets.matches(both, &runner(&["a", "c"], true)));
        assert!(sets.matches(none, &runner(&["a"], true)));
        assert!(!sets.matches(none, &runner(&["a"], false)));
        assert!(sets.matches(none, &runner(&[], false)));
    }
}
