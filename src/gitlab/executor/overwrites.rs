//! What job variables may change about the pod, and what they may not (GitLab Runner 19.4,
//! `executors/kubernetes/overwrites.go`).

use std::collections::BTreeMap;

use crate::gitlab::executor::pattern::is_match;
use crate::gitlab::executor::pod::PodError;
use crate::gitlab::executor::quantity::{Quantity, QuantityTextError};
use crate::gitlab::executor::resources::{ContainerResources, ResourceList, ResourceTexts};

/// Variables in order; of several with one name the last counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(Vec<(String, String)>);

impl Variables {
    /// These variables, each expanded once with the others (`$NAME`, `${NAME}`; unknown ones are empty).
    #[must_use]
    pub fn expanded(plain: Vec<(String, String)>) -> Self {
        Self(plain).expanded_again()
    }

    /// The same variables, expanded once more.
    #[must_use]
    pub fn expanded_again(&self) -> Self {
        Self(self.0.iter().map(|(key, value)| (key.clone(), self.expand(value))).collect())
    }

    /// These variables as they are.
    #[must_use]
    pub fn plain(plain: Vec<(String, String)>) -> Self {
        Self(plain)
    }

    /// The value of `key`; empty where there is none. `$` stands for itself, the shell's other special names for
    /// nothing (GitLab Runner 19.4, `common/spec/variables.go value`).
    #[must_use]
    pub fn get<'a>(&'a self, key: &'a str) -> &'a str {
        match key {
            "$" => return key,
            "*" | "#" | "@" | "!" | "?" | "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" => {
                return "";
            }
            _ => {}
        }
        self.0.iter().rev().find(|(name, _)| name == key).map_or("", |(_, value)| value)
    }

    /// `text` with variables put in, as Go's `os.Expand` does.
    #[must_use]
    pub fn expand(&self, text: &str) -> String {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            expanded.push_str(&rest[..dollar]);
            rest = &rest[dollar + 1..];
            if let Some(braced) = rest.strip_prefix('{') {
                // An opening brace that is never closed is swallowed.
                let (name, after) = braced.split_once('}').unwrap_or(("", braced));
                expanded.push_str(self.get(name));
                rest = after;
            } else {
                let is_special = rest.starts_with(|c: char| c.is_ascii_digit() || "*#$@!?-".contains(c));
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let end = if is_special { 1 } else { end };
                expanded.push_str(if end == 0 { "$" } else { self.get(&rest[..end]) });
                rest = &rest[end..];
            }
        }
        expanded + rest
    }
}

/// The value of a text key after its variable; an empty `allowed` and an empty variable leave it alone.
pub(super) fn text(configured: &str, allowed: &str, overwrite: &str) -> Result<String, PodError> {
    if allowed.is_empty() || overwrite.is_empty() {
        return Ok(configured.to_owned());
    }
    check_pattern(allowed, overwrite)?;
    Ok(overwrite.to_owned())
}

/// How one variable of a map key is split.
#[derive(Clone, Copy, Debug)]
pub(super) enum Split {
    /// `key=value`.
    KeyValue,
    /// `key[=value][:effect]`.
    Toleration,
}

/// A map key with all variables that begin with `prefix` put in.
pub(super) fn map(
    configured: Option<&BTreeMap<String, String>>,
    allowed: &str,
    variables: &Variables,
    prefix: &str,
    split: Split,
) -> Result<BTreeMap<String, String>, PodError> {
    let mut merged = configured.cloned().unwrap_or_default();
    if allowed.is_empty() {
        return Ok(merged);
    }
    for (_, value) in variables.0.iter().filter(|(name, _)| name.starts_with(prefix)) {
        check_pattern(allowed, value)?;
        let (key, value) = match split {
            Split::KeyValue => {
                value.split_once('=').ok_or_else(|| PodError::overwrite_pattern(value, "k=v"))?
            }
            Split::Toleration => value.split_once(':').unwrap_or((value, "")),
        };
        merged.insert(key.to_owned(), value.to_owned());
    }
    Ok(merged)
}

fn check_pattern(pattern: &str, value: &str) -> Result<(), PodError> {
    match is_match(pattern, value) {
        Some(true) => Ok(()),
        Some(false) => Err(PodError::overwrite_pattern(value, pattern)),
        None => Err(PodError::BadRegexp { pattern: pattern.to_owned() }),
    }
}

/// Requests and limits of one kind of container after the variables `KUBERNETES_<PREFIX>CPU_REQUEST` and so on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evaluated {
    pub(super) requests: ResourceList,
    pub(super) limits: ResourceList,
}

/// Evaluates requests, then limits.
pub(super) fn resources(
    config: &ContainerResources,
    variables: &Variables,
    prefix: &str,
) -> Result<Evaluated, PodError> {
    Ok(Evaluated {
        requests: list(&config.requests, &config.requests_max, variables, prefix, "REQUEST")?,
        limits: list(&config.limits, &config.limits_max, variables, prefix, "LIMIT")?,
    })
}

/// The same for a service with variables of its own, which start from the job level's values; limits come first.
pub(super) fn service(
    base: Evaluated,
    config: &ContainerResources,
    variables: &Variables,
) -> Result<Evaluated, PodError> {
    let unset = ResourceTexts::default();
    let limits = list(&unset, &config.limits_max, variables, "SERVICE_", "LIMIT")?.or(base.limits);
    let requests = list(&unset, &config.requests_max, variables, "SERVICE_", "REQUEST")?.or(base.requests);
    Ok(Evaluated { requests, limits })
}

fn list(
    configured: &ResourceTexts,
    max: &ResourceTexts,
    variables: &Variables,
    prefix: &str,
    what: &str,
) -> Result<ResourceList, PodError> {
    let value = |resource: &str, configured: &str, max: &str| {
        let variable = format!("KUBERNETES_{prefix}{resource}_{what}");
        overwrite(configured, max, variables.get(&variable), &variable).map(str::to_owned)
    };
    // All three overwrites are evaluated before the first amount is read.
    let cpu = value("CPU", &configured.cpu, &max.cpu)?;
    let memory = value("MEMORY", &configured.memory, &max.memory)?;
    let storage = value("EPHEMERAL_STORAGE", &configured.ephemeral_storage, &max.ephemeral_storage)?;
    let read = |resource: &str, text: &str| {
        let error = |error: QuantityTextError| PodError::BadQuantity {
            resource: resource.to_owned(),
            value: text.to_owned(),
            reason: error,
        };
        if text.is_empty() { Ok(None) } else { Quantity::parse_sent(text).map(Some).map_err(error) }
    };
    Ok(ResourceList {
        cpu: read("cpu", &cpu)?,
        memory: read("memory", &memory)?,
        ephemeral_storage: read("ephemeralStorage", &storage)?,
    })
}

/// The maximum bounds the variable only, never the configured value.
fn overwrite<'a>(
    configured: &'a str,
    max: &str,
    value: &'a str,
    variable: &str,
) -> Result<&'a str, PodError> {
    if max.is_empty() || value.is_empty() {
        return Ok(configured);
    }
    let read = |text: &str| {
        let error = |reason| PodError::BadOverwriteQuantity { value: text.to_owned(), reason };
        Quantity::parse(text).map_err(error)
    };
    let bound = read(max)?;
    if read(value)? > bound {
        return Err(PodError::OverwriteTooHigh {
            variable: variable.to_owned(),
            value: value.to_owned(),
            max: max.to_owned(),
        });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_expand_each_other_once_and_the_last_of_a_name_counts() {
        let pairs = [("SIZE", "3"), ("A", "$SIZE"), ("B", "${SIZE}Gi"), ("C", "x$NONE-$$"), ("SIZE", "4")];
        let variables =
            Variables::expanded(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec());
        assert_eq!((variables.get("A"), variables.get("B"), variables.get("C")), ("4", "4Gi", "x-$"));
        assert_eq!(variables.get("NONE"), "");
    }

    #[test]
    fn texts_expand_as_go_expands_them() {
        // Go 1.26, `os.Expand` and `getShellName`, with the runner's `Variables.Get`.
        let variables = Variables::plain(vec![("A".to_owned(), "x".to_owned())]);
        for (text, expanded) in [
            ("$A.$", "x.$"),
            ("${A", "A"),
            ("${}y", "y"),
            ("$1A", "A"),
            ("$-A", "A"),
            ("$A$$A", "x$A"),
            ("é$A", "éx"),
        ] {
            assert_eq!(variables.expand(text), expanded, "{text}");
        }
    }

    #[test]
    fn the_maximum_bounds_the_variable_and_not_the_configured_value() {
        assert_eq!(overwrite("4", "2", "", "V"), Ok("4"));
        assert_eq!(overwrite("4", "2", "2000m", "V"), Ok("2000m"));
        assert_eq!(overwrite("4", "", "nonsense", "V"), Ok("4"));
        assert!(matches!(overwrite("4", "2", "2001m", "V"), Err(PodError::OverwriteTooHigh { .. })));
    }
}
