//! Which pending pods Karpenter refuses to look at: those that keep away from its nodes, and those whose node constraints it
//! does not support. Not whether a pod fits anywhere.

use super::labels::{self, Vocabulary};
use super::pods::PodClassSpec;
use super::requirements::{Operator, RequirementSpec, Requirements};

/// Domains whose labels only Karpenter sets (core and aws `apis/v1/labels.go` `RestrictedLabelDomains`, v1.15.0).
const RESTRICTED_DOMAINS: [&str; 2] = ["karpenter.sh", "karpenter.k8s.aws"];

/// Keys of which at least one value must be known (`WellKnownValuesForRequirements`).
const KNOWN_VALUES: [(&str, &[&str]); 2] = [
    ("karpenter.sh/capacity-type", &["on-demand", "spot", "reserved"]),
    ("karpenter.k8s.aws/instance-tenancy", &["default", "dedicated"]),
];

/// Whether provisioning passes over the pod while it is pending (core `provisioning/provisioner.go` `Validate`, v1.15.0).
/// Preferences are not looked at, but for the heaviest in the first question.
pub(super) fn is_passed_over(spec: &PodClassSpec, vocabulary: &mut Vocabulary) -> bool {
    let from_selector =
        |(key, value): &(String, String)| RequirementSpec::new(key, Operator::In, &[value.as_str()]);
    let selector = spec.node_selector.iter().map(from_selector);
    let required = spec.required_terms.iter().flatten().cloned();
    requires_no_pool(spec, vocabulary)
        || selector.chain(required).any(|requirement| !is_supported(&requirement, vocabulary))
}

/// Whether the pod says that it wants no node of Karpenter, by `karpenter.sh/nodepool DoesNotExist`
/// (`validateKarpenterManagedLabelCanExist`).
fn requires_no_pool(spec: &PodClassSpec, vocabulary: &mut Vocabulary) -> bool {
    let heaviest = spec.preferred_terms.iter().reduce(|a, b| if b.weight > a.weight { b } else { a });
    let heaviest = heaviest.map(|term| &term.requirements);
    let mut all = Requirements::from_labels(&spec.node_selector, vocabulary);
    for term in spec.required_terms.first().into_iter().chain(heaviest) {
        all.add_all(&Requirements::from_specs(term, vocabulary), vocabulary);
    }
    let requirement = all.get(labels::NODE_POOL);
    requirement.is_some_and(|requirement| requirement.operator() == Operator::DoesNotExist)
}

/// Whether Karpenter supports the requirement (core `apis/v1/nodeclaim_validation.go` `ValidateRequirement`, v1.15.0).
fn is_supported(requirement: &RequirementSpec, vocabulary: &mut Vocabulary) -> bool {
    let key = vocabulary.key(&requirement.key);
    let is_known = |value: &String, known: &[&str]| known.contains(&value.as_str());
    let has_known_value =
        |(_, known): &(&str, &[&str])| requirement.values.iter().any(|value| is_known(value, known));
    let values_are_fine = match requirement.operator {
        Operator::In => {
            let listed = KNOWN_VALUES.iter().find(|(name, _)| *name == requirement.key);
            !requirement.values.is_empty() && listed.is_none_or(has_known_value)
        }
        Operator::Gt | Operator::Lt | Operator::Gte | Operator::Lte => {
            let is_number = |value: &String| value.parse::<i64>().is_ok_and(|number| number >= 0);
            requirement.values.len() == 1 && requirement.values.iter().all(is_number)
        }
        Operator::NotIn | Operator::Exists | Operator::DoesNotExist => true,
    };
    let is_restricted = !vocabulary.is_well_known(key)
        && (key == labels::HOSTNAME || is_in_restricted_domain(vocabulary.key_text(key)));
    values_are_fine && !is_restricted
}

fn is_in_restricted_domain(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else { return false };
    RESTRICTED_DOMAINS.iter().any(|restricted| {
        domain.strip_suffix(restricted).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karpenter::pods::PreferredTerm;

    fn is_ignored(terms: &[(&str, Operator, &[&str])]) -> bool {
        let requirement = |(key, operator, values): &(&str, Operator, &[&str])| {
            RequirementSpec::new(key, *operator, values)
        };
        let required_terms = vec![terms.iter().map(requirement).collect()];
        is_passed_over(&PodClassSpec { required_terms, ..PodClassSpec::default() }, &mut Vocabulary::new())
    }

    #[test]
    fn pods_that_ask_for_labels_that_only_karpenter_sets_are_passed_over() {
        assert!(is_ignored(&[("karpenter.sh/initialized", Operator::In, &["true"])]));
        assert!(is_ignored(&[("karpenter.k8s.aws/ec2nodeclass", Operator::Exists, &[])]));
        assert!(is_ignored(&[("compute.karpenter.sh/x", Operator::NotIn, &["y"])]));
        assert!(is_ignored(&[("kubernetes.io/hostname", Operator::In, &["ip-10-0-0-1"])]));
        assert!(is_ignored(&[("karpenter.sh/nodepool", Operator::DoesNotExist, &[])]));
        assert!(!is_ignored(&[("karpenter.sh/nodepool", Operator::In, &["ci"])]));
        assert!(!is_ignored(&[("karpenter.k8s.aws/instance-cpu", Operator::Gt, &["4"])]));
        assert!(!is_ignored(&[
            ("notkarpenter.sh/x", Operator::Exists, &[]),
            ("team", Operator::Exists, &[])
        ]));
        let selector = PodClassSpec {
            node_selector: vec![("karpenter.sh/provisioner-name".into(), "ci".into())],
            ..PodClassSpec::default()
        };
        assert!(is_passed_over(&selector, &mut Vocabulary::new()));
    }

    #[test]
    fn values_that_no_node_can_have_make_a_pod_passed_over_but_preferences_do_not() {
        assert!(is_ignored(&[("karpenter.sh/capacity-type", Operator::In, &["preemptible"])]));
        assert!(!is_ignored(&[("karpenter.sh/capacity-type", Operator::In, &["preemptible", "spot"])]));
        assert!(!is_ignored(&[("karpenter.sh/capacity-type", Operator::NotIn, &["preemptible"])]));
        assert!(is_ignored(&[("team", Operator::In, &[])]));
        assert!(
            is_ignored(&[("size", Operator::Gt, &["-1"])])
                && is_ignored(&[("size", Operator::Lt, &["large"])])
        );
        let host = vec![RequirementSpec::new("kubernetes.io/hostname", Operator::Exists, &[])];
        let preferred_terms = vec![PreferredTerm { weight: 1, requirements: host }];
        let preferring = PodClassSpec { preferred_terms, ..PodClassSpec::default() };
        assert!(!is_passed_over(&preferring, &mut Vocabulary::new()));
    }
}
