//! The JSON Schema (draft-07) of scenarios, made from the key reference.

use super::keys::{Absent, Key, Kind, ROOT};
use super::shape;
use serde_json::{Map, Value, json};

/// The JSON Schema of a scenario as text.
#[must_use]
pub fn json_schema() -> String {
    let mut root = object(ROOT, true);
    root["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    root["title"] = json!("fleetsim scenario");
    root["properties"]["extends"] = json!({
        "type": "string",
        "description": "A scenario file whose keys hold where this one says nothing (one level)."
    });
    root["properties"]["fleet"] = json!({
        "type": "object",
        "description": "Fleets: each changes any key of the scenario, by nested tables or by quoted dotted keys.",
        "additionalProperties": fleet()
    });
    format!("{root:#}\n")
}

/// A fleet: all keys of the scenario, none required, dotted keys as well.
fn fleet() -> Value {
    let mut overlay = object(ROOT, false);
    overlay["additionalProperties"] = json!(false);
    overlay["patternProperties"] = json!({ "\\.": {} });
    overlay
}

/// A table. `spelled` adds the required keys; overlays leave them out.
fn object(keys: &'static [Key], spelled: bool) -> Value {
    let mut properties = Map::new();
    for key in keys {
        let mut schema = of_kind(&key.kind, spelled);
        schema["description"] = json!(key.doc);
        if let Absent::Default(text) = key.absent
            && let Ok(value) = toml::from_str::<toml::Table>(&format!("x = {text}"))
            && let Ok(value) = serde_json::to_value(&value["x"])
        {
            schema["default"] = value;
        }
        for name in std::iter::once(&key.name).chain(key.aliases) {
            for spelling in spellings(name) {
                properties.insert(spelling, schema.clone());
            }
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    let required: Vec<&str> = keys
        .iter()
        .filter(|key| key.absent == Absent::Required && key.aliases.is_empty())
        .map(|key| key.name)
        .collect();
    if spelled && !required.is_empty() && required.iter().all(|name| spellings(name).len() == 1) {
        schema["required"] = json!(required);
    }
    schema
}

/// `snake_case`, `kebab-case` and `camelCase` of a key.
fn spellings(name: &str) -> Vec<String> {
    let mut all = vec![name.to_owned()];
    if name.contains('_') {
        all.push(name.replace('_', "-"));
        let mut camel = String::with_capacity(name.len());
        for (at, part) in name.split('_').enumerate() {
            match part.chars().next() {
                Some(first) if at > 0 => {
                    camel.push(first.to_ascii_uppercase());
                    camel.push_str(&part[first.len_utf8()..]);
                }
                _ => camel.push_str(part),
            }
        }
        all.push(camel);
    }
    all
}

fn of_kind(kind: &'static Kind, spelled: bool) -> Value {
    match kind {
        Kind::Text | Kind::Name | Kind::Path | Kind::Zoned => json!({ "type": "string" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Integer(low, high) if *high == i64::MAX => json!({ "type": "integer", "minimum": low }),
        Kind::Integer(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Kind::Number(low, high) => json!({ "type": "number", "minimum": low, "maximum": high }),
        Kind::Duration | Kind::DurationOrNever => {
            json!({ "type": "string", "examples": ["30s", "5m", "7d"] })
        }
        Kind::SwitchOrDuration => json!({ "type": ["boolean", "string"], "examples": [true, "30m"] }),
        Kind::Cpu => json!({ "type": ["string", "number"], "examples": ["500m", "2"] }),
        Kind::Memory => json!({ "type": "string", "examples": ["512Mi", "4Gi"] }),
        Kind::Choice(words) => json!({ "type": "string", "enum": words }),
        Kind::Distribution => json!({ "oneOf": [{ "type": "string" }, distribution()] }),
        Kind::List(inner) => {
            let element = of_kind(inner, spelled);
            json!({ "anyOf": [{ "type": "array", "items": element }, element] })
        }
        Kind::Map(inner) => json!({ "type": "object", "additionalProperties": of_kind(inner, spelled) }),
        Kind::Table(keys) => object(keys, spelled),
        Kind::Tables(keys) => {
            let element = object(keys, spelled);
            json!({ "anyOf": [{ "type": "array", "items": element }, element] })
        }
        Kind::Named(keys) => json!({ "anyOf": [
            { "type": "array", "items": object(keys, spelled) },
            { "type": "object", "additionalProperties": object(keys, false) }
        ] }),
    }
}

/// A distribution, one level deep: a mixture's parts are tables of the same keys.
fn distribution() -> Value {
    let mut properties = Map::new();
    for key in shape::KEYS {
        let schema = match key.kind {
            Kind::List(&Kind::Distribution) => json!({ "type": "array" }),
            ref kind => of_kind_of_shape(kind),
        };
        properties.insert(key.name.to_owned(), schema);
    }
    json!({ "type": "object", "properties": properties })
}

fn of_kind_of_shape(kind: &Kind) -> Value {
    match kind {
        Kind::Number(low, high) => json!({ "type": "number", "minimum": low, "maximum": high }),
        Kind::List(_) => json!({ "type": "array", "items": { "type": "string" } }),
        _ => json!({ "type": "string" }),
    }
}
