//! The algebra of requirements over label keys: what a pool, a claim, a pod and a type allow together.

mod requirement;

pub use requirement::{Operator, Requirement, RequirementSpec};

use super::labels::{LabelKey, LabelValue, Vocabulary};

/// Requirements by key, at most one per key, sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Requirements {
    by_key: Vec<Requirement>,
}

/// What a missing label means when one set of requirements meets another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndefinedLabels {
    /// Well-known labels may be missing (new claims: the type will define them).
    AllowWellKnown,
    /// Nothing may be missing (existing nodes).
    Deny,
}

impl Requirements {
    /// No requirement.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads requirements as written; several on one key are intersected.
    pub fn from_specs(specs: &[RequirementSpec], vocabulary: &mut Vocabulary) -> Self {
        let mut all = Self::new();
        for spec in specs {
            let requirement = Requirement::from_spec(spec, vocabulary);
            all.add(requirement, vocabulary);
        }
        all
    }

    /// Labels as requirements: `key In [value]`.
    pub fn from_labels(labels: &[(String, String)], vocabulary: &mut Vocabulary) -> Self {
        let mut all = Self::new();
        for (key, value) in labels {
            let requirement = Requirement::is(vocabulary.key(key), vocabulary.value(value));
            all.add(requirement, vocabulary);
        }
        all
    }

    /// Adds a requirement, intersecting it with what stands for its key.
    pub fn add(&mut self, requirement: Requirement, vocabulary: &Vocabulary) {
        match self.by_key.binary_search_by_key(&requirement.key, |existing| existing.key) {
            Ok(index) => {
                self.by_key[index] = requirement.intersection(&self.by_key[index], vocabulary);
            }
            Err(index) => self.by_key.insert(index, requirement),
        }
    }

    /// Adds all requirements of `other`.
    pub fn add_all(&mut self, other: &Self, vocabulary: &Vocabulary) {
        for requirement in &other.by_key {
            self.add(requirement.clone(), vocabulary);
        }
    }

    /// Puts a requirement in place of what stands for its key.
    pub fn replace(&mut self, requirement: Requirement) {
        match self.by_key.binary_search_by_key(&requirement.key, |existing| existing.key) {
            Ok(index) => self.by_key[index] = requirement,
            Err(index) => self.by_key.insert(index, requirement),
        }
    }

    /// Takes the requirement on `key` out.
    pub fn remove(&mut self, key: LabelKey) -> Option<Requirement> {
        let index = self.by_key.binary_search_by_key(&key, |existing| existing.key).ok()?;
        Some(self.by_key.remove(index))
    }

    /// The requirement on `key`, where there is one.
    #[must_use]
    pub fn get(&self, key: LabelKey) -> Option<&Requirement> {
        let index = self.by_key.binary_search_by_key(&key, |existing| existing.key).ok()?;
        Some(&self.by_key[index])
    }

    /// Whether `value` is allowed for `key`; without a requirement everything is.
    #[must_use]
    pub fn allows(&self, key: LabelKey, value: LabelValue, vocabulary: &Vocabulary) -> bool {
        self.get(key).is_none_or(|requirement| requirement.has(value, vocabulary))
    }

    /// The requirements by key.
    pub fn iter(&self) -> impl Iterator<Item = &Requirement> {
        self.by_key.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Whether some requirement asks for a minimum of values.
    #[must_use]
    pub fn has_min_values(&self) -> bool {
        self.by_key.iter().any(|requirement| requirement.min_values.is_some())
    }

    /// Whether something that has `self` can also meet `other` (core `Requirements.Compatible`, v1.15.0).
    #[must_use]
    pub fn is_compatible(&self, other: &Self, undefined: UndefinedLabels, vocabulary: &Vocabulary) -> bool {
        let defined = |incoming: &Requirement| {
            (undefined == UndefinedLabels::AllowWellKnown && vocabulary.is_well_known(incoming.key))
                || incoming.allows_absence()
                || self.get(incoming.key).is_some()
        };
        other.by_key.iter().all(defined) && self.intersects(other, vocabulary)
    }

    /// Whether both allow a common value on every key that both name; two requirements that allow the label to be
    /// missing always agree (core `Requirements.Intersects`, v1.15.0).
    #[must_use]
    pub fn intersects(&self, other: &Self, vocabulary: &Vocabulary) -> bool {
        other.by_key.iter().all(|incoming| {
            self.get(incoming.key).is_none_or(|existing| {
                existing.intersects(incoming, vocabulary)
                    || (incoming.allows_absence() && existing.allows_absence())
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custom_label_that_is_not_defined_is_refused_unless_it_may_be_missing() {
        let mut v = Vocabulary::new();
        let node = Requirements::from_labels(&[("kubernetes.io/arch".into(), "amd64".into())], &mut v);
        let mut pod = |key, operator, values: &[&str]| {
            Requirements::from_specs(&[RequirementSpec::new(key, operator, values)], &mut v)
        };
        let team = pod("team", Operator::In, &["blue"]);
        let not_team = pod("team", Operator::NotIn, &["blue"]);
        let zone = pod("topology.kubernetes.io/zone", Operator::In, &["a"]);
        for undefined in [UndefinedLabels::AllowWellKnown, UndefinedLabels::Deny] {
            assert!(!node.is_compatible(&team, undefined, &v));
            assert!(node.is_compatible(&not_team, undefined, &v));
        }
        assert!(node.is_compatible(&zone, UndefinedLabels::AllowWellKnown, &v));
        assert!(!node.is_compatible(&zone, UndefinedLabels::Deny, &v));
    }
}
