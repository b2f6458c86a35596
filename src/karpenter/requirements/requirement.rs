//! One requirement on one label key: a set of values or the complement of one, bounds, and a minimum of values.

use crate::karpenter::labels::{LabelKey, LabelValue, Vocabulary};

/// Operators of a node selector requirement, with Karpenter's `Gte` and `Lte`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// One of the values.
    In,
    /// None of the values, or no such label.
    NotIn,
    /// Any value.
    Exists,
    /// No such label.
    DoesNotExist,
    /// A whole number greater than the value.
    Gt,
    /// A whole number less than the value.
    Lt,
    /// A whole number of at least the value.
    Gte,
    /// A whole number of at most the value.
    Lte,
}

/// A requirement as written in a NodePool or pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequirementSpec {
    /// Label key.
    pub key: String,
    /// How the values are meant.
    pub operator: Operator,
    /// The values; exactly one whole number for the comparing operators.
    pub values: Vec<String>,
    /// Least number of distinct values among the instance types of a claim (NodePools only).
    pub min_values: Option<u32>,
}

impl RequirementSpec {
    /// `key operator values` without a minimum.
    #[must_use]
    pub fn new(key: &str, operator: Operator, values: &[&str]) -> Self {
        Self {
            key: key.to_owned(),
            operator,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            min_values: None,
        }
    }
}

/// A requirement in the form that Karpenter computes with (core `scheduling/requirement.go`, v1.15.0).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Requirement {
    /// The label key.
    pub key: LabelKey,
    /// Whether the values are those not allowed.
    pub is_complement: bool,
    /// The values, sorted by id.
    pub values: Vec<LabelValue>,
    /// Smallest whole number allowed (complements only).
    pub at_least: Option<i64>,
    /// Largest whole number allowed (complements only).
    pub at_most: Option<i64>,
    /// Least number of distinct values among the types of a claim.
    pub min_values: Option<u32>,
}

impl Requirement {
    /// Reads a requirement as written. A comparison with something that is no whole number compares with 0, as there.
    #[must_use]
    pub fn from_spec(spec: &RequirementSpec, vocabulary: &mut Vocabulary) -> Self {
        let key = vocabulary.key(&spec.key);
        let mut values: Vec<LabelValue> = match spec.operator {
            Operator::In | Operator::NotIn => spec.values.iter().map(|text| vocabulary.value(text)).collect(),
            _ => Vec::new(),
        };
        values.sort_unstable();
        values.dedup();
        let number = spec.values.first().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        let (at_least, at_most) = match spec.operator {
            Operator::Gt if number == i64::MAX => return Self::nothing(key, None),
            Operator::Gt => (Some(number + 1), None),
            Operator::Gte => (Some(number), None),
            Operator::Lt => (None, Some(number.wrapping_sub(1))),
            Operator::Lte => (None, Some(number)),
            _ => (None, None),
        };
        let is_complement = !matches!(spec.operator, Operator::In | Operator::DoesNotExist);
        Self { key, is_complement, values, at_least, at_most, min_values: spec.min_values }
    }

    /// `key In [value]`.
    #[must_use]
    pub fn is(key: LabelKey, value: LabelValue) -> Self {
        Self::one_of(key, vec![value])
    }

    /// `key In values`; no value at all is `DoesNotExist`.
    #[must_use]
    pub fn one_of(key: LabelKey, mut values: Vec<LabelValue>) -> Self {
        values.sort_unstable();
        values.dedup();
        Self { key, is_complement: false, values, at_least: None, at_most: None, min_values: None }
    }

    /// `key DoesNotExist`.
    #[must_use]
    pub fn nothing(key: LabelKey, min_values: Option<u32>) -> Self {
        Self { key, is_complement: false, values: Vec::new(), at_least: None, at_most: None, min_values }
    }

    /// `key Exists`.
    #[must_use]
    pub fn anything(key: LabelKey) -> Self {
        Self { key, is_complement: true, values: Vec::new(), at_least: None, at_most: None, min_values: None }
    }

    /// The operator this amounts to: `In`, `NotIn`, `Exists` or `DoesNotExist`.
    #[must_use]
    pub fn operator(&self) -> Operator {
        match (self.is_complement, self.values.is_empty()) {
            (true, true) => Operator::Exists,
            (true, false) => Operator::NotIn,
            (false, true) => Operator::DoesNotExist,
            (false, false) => Operator::In,
        }
    }

    /// Whether the operator is `NotIn` or `DoesNotExist`, which a missing label satisfies.
    #[must_use]
    pub fn allows_absence(&self) -> bool {
        self.is_complement != self.values.is_empty()
    }

    /// Whether `value` is allowed.
    #[must_use]
    pub fn has(&self, value: LabelValue, vocabulary: &Vocabulary) -> bool {
        self.values.binary_search(&value).is_ok() != self.is_complement
            && within(value, self.at_least, self.at_most, vocabulary)
    }

    /// Whether some value is allowed by both.
    #[must_use]
    pub fn intersects(&self, other: &Self, vocabulary: &Vocabulary) -> bool {
        let (at_least, at_most) = bounds(self, other);
        if at_least.zip(at_most).is_some_and(|(least, most)| least > most) {
            return false;
        }
        let (listed, rest) = match (self.is_complement, other.is_complement) {
            (true, true) => return true,
            (false, _) => (self, other),
            (true, false) => (other, self),
        };
        listed.values.iter().any(|value| {
            rest.values.binary_search(value).is_ok() != rest.is_complement
                && within(*value, at_least, at_most, vocabulary)
        })
    }

    /// What both allow; the larger minimum of values holds.
    #[must_use]
    pub fn intersection(&self, other: &Self, vocabulary: &Vocabulary) -> Self {
        let (at_least, at_most) = bounds(self, other);
        let min_values = self.min_values.max(other.min_values);
        if at_least.zip(at_most).is_some_and(|(least, most)| least > most) {
            return Self::nothing(self.key, min_values);
        }
        let is_complement = self.is_complement && other.is_complement;
        let mut values: Vec<LabelValue> = if is_complement {
            let mut union = [self.values.as_slice(), other.values.as_slice()].concat();
            union.sort_unstable();
            union.dedup();
            union
        } else {
            let (listed, rest) = if self.is_complement { (other, self) } else { (self, other) };
            let kept = |value: &&LabelValue| rest.values.binary_search(value).is_ok() != rest.is_complement;
            listed.values.iter().filter(kept).copied().collect()
        };
        values.retain(|value| within(*value, at_least, at_most, vocabulary));
        let (at_least, at_most) = if is_complement { (at_least, at_most) } else { (None, None) };
        Self { key: self.key, is_complement, values, at_least, at_most, min_values }
    }
}

fn bounds(one: &Requirement, other: &Requirement) -> (Option<i64>, Option<i64>) {
    let at_most = match (one.at_most, other.at_most) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    (one.at_least.max(other.at_least), at_most)
}

/// Where a bound is set, values that are no whole numbers are out.
fn within(value: LabelValue, at_least: Option<i64>, at_most: Option<i64>, vocabulary: &Vocabulary) -> bool {
    if at_least.is_none() && at_most.is_none() {
        return true;
    }
    vocabulary.number(value).is_some_and(|number| {
        at_least.is_none_or(|least| number >= least) && at_most.is_none_or(|most| number <= most)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement(operator: Operator, values: &[&str], vocabulary: &mut Vocabulary) -> Requirement {
        Requirement::from_spec(&RequirementSpec::new("size", operator, values), vocabulary)
    }

    #[test]
    fn bounds_are_kept_on_complements_and_applied_to_lists() {
        let mut v = Vocabulary::new();
        let more_than_2 = requirement(Operator::Gt, &["2"], &mut v);
        let at_most_8 = requirement(Operator::Lte, &["8"], &mut v);
        let listed = requirement(Operator::In, &["1", "4", "16", "large"], &mut v);
        let between = more_than_2.intersection(&at_most_8, &v);
        assert_eq!((between.at_least, between.at_most), (Some(3), Some(8)));
        let narrowed = between.intersection(&listed, &v);
        assert_eq!(narrowed, Requirement::is(v.key("size"), v.value("4")));
        assert!(!requirement(Operator::Gt, &["8"], &mut v).intersects(&at_most_8, &v));
    }

    #[test]
    fn two_complements_always_meet_and_a_list_minus_itself_is_nothing() {
        let mut v = Vocabulary::new();
        let (not_a, not_b) =
            (requirement(Operator::NotIn, &["a"], &mut v), requirement(Operator::NotIn, &["b"], &mut v));
        let a = requirement(Operator::In, &["a"], &mut v);
        assert!(not_a.intersects(&not_b, &v) && !not_a.intersects(&a, &v));
        assert_eq!(not_a.intersection(&a, &v).operator(), Operator::DoesNotExist);
        assert!(not_a.allows_absence() && !a.allows_absence());
    }
}
