//! The JSON Schema (draft-07) of scenarios, made from the key reference.

use super::keys::{Absent, Key, Kind, ROOT};
use super::named_imports::NAMING;
use super::shape;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The JSON Schema of a scenario as text.
#[must_use]
pub fn json_schema() -> String {
    let mut shared = Definitions::default();
    let mut root = object(ROOT, true, &mut shared);
    root["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    root["title"] = json!("fleetsim scenario");
    root["properties"]["extends"] = json!({
        "type": "string",
        "description": "A scenario file whose keys hold where this one says nothing (one level)."
    });
    root["properties"]["fleet"] = json!({
        "type": "object",
        "description": "Fleets: each changes any key of the scenario, by nested tables or by quoted dotted keys. A table addressed by its name, such as [fleet.a.node_pool.ci], changes what is there; a new one is written below [[fleet.a.node_pool]] with its name.",
        "additionalProperties": fleet(&mut shared)
    });
    root["definitions"] = Value::Object(shared.by_name);
    format!("{root:#}\n")
}

/// Schemas that stand in several places, each written once: fleets repeat all keys, and a key has several spellings.
#[derive(Default)]
struct Definitions {
    by_name: Map<String, Value>,
    names: BTreeMap<String, String>,
}

impl Definitions {
    /// `schema` by reference, unless that is hardly shorter than itself. `name` is the key that it stands for.
    fn share(&mut self, name: &str, schema: Value) -> Value {
        let text = schema.to_string();
        if text.len() < 100 {
            return schema;
        }
        let known = self.names.get(&text).cloned();
        let name = known.unwrap_or_else(|| {
            let mut free = name.to_owned();
            let mut number = 1;
            while self.by_name.contains_key(&free) {
                number += 1;
                free = format!("{name}_{number}");
            }
            self.names.insert(text, free.clone());
            self.by_name.insert(free.clone(), schema);
            free
        });
        json!({ "$ref": format!("#/definitions/{name}") })
    }
}

/// A fleet: all keys of the scenario, none required, dotted keys as well.
fn fleet(shared: &mut Definitions) -> Value {
    let mut overlay = object(ROOT, false, shared);
    overlay["additionalProperties"] = json!(false);
    overlay["patternProperties"] = json!({ "\\.": {} });
    overlay
}

/// A table. `spelled` adds the required keys; overlays leave them out.
fn object(keys: &'static [Key], spelled: bool, shared: &mut Definitions) -> Value {
    let mut properties = Map::new();
    for key in keys {
        let mut schema = of_kind(key.name, &key.kind, spelled, shared);
        schema["description"] = json!(key.doc);
        if let Absent::Default(text) = key.absent
            && let Ok(value) = toml::from_str::<toml::Table>(&format!("x = {text}"))
            && let Ok(value) = serde_json::to_value(&value["x"])
        {
            schema["default"] = value;
        }
        let schema = shared.share(key.name, schema);
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

fn of_kind(name: &str, kind: &'static Kind, spelled: bool, shared: &mut Definitions) -> Value {
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
        Kind::Distribution => {
            json!({ "oneOf": [{ "type": "string" }, shared.share("distribution", distribution())] })
        }
        Kind::List(inner) => {
            let element = of_kind(name, inner, spelled, shared);
            let element = shared.share(&format!("{name}_element"), element);
            json!({ "anyOf": [{ "type": "array", "items": element }, element] })
        }
        Kind::Map(inner) => {
            json!({ "type": "object", "additionalProperties": of_kind(name, inner, spelled, shared) })
        }
        Kind::Table(keys) => object(keys, spelled, shared),
        Kind::Tables(keys) => {
            let element = object(keys, spelled, shared);
            let element = shared.share(&format!("{name}_element"), element);
            json!({ "anyOf": [{ "type": "array", "items": element }, element] })
        }
        Kind::Named(keys) => {
            let element = object(keys, spelled, shared);
            let element = shared.share(&format!("{name}_element"), element);
            let changed = object(keys, false, shared);
            let changed = shared.share(&format!("{name}_change"), changed);
            let mut ways = vec![
                json!({ "type": "array", "items": element }),
                json!({ "type": "object", "additionalProperties": changed }),
            ];
            if let Some((_, naming)) = NAMING.iter().find(|(list, _)| *list == name) {
                let from_files = from_files(naming, shared);
                ways[0]["items"] = json!({ "anyOf": [ways[0]["items"].take(), from_files] });
                ways.push(from_files);
            }
            json!({ "anyOf": ways })
        }
    }
}

/// A table that stands for what files of other tools say.
fn from_files(naming: &str, shared: &mut Definitions) -> Value {
    let path = json!({ "type": "string" });
    let doc = "Files of other tools that are imported in place of tables; keys beside them win.";
    let files = json!({ "anyOf": [path, { "type": "array", "items": path }], "description": doc });
    let files = shared.share("imported_files", files);
    json!({ "type": "object", "required": [naming], "properties": { naming: files } })
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every `$ref` below `value`.
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|inner| references(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
            _ => {}
        }
    }

    /// Every property of every table below `value`.
    fn properties<'v>(value: &'v Value, found: &mut Vec<(&'v String, &'v Value)>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::Object(own)) = map.get("properties") {
                    found.extend(own.iter());
                }
                map.values().for_each(|inner| properties(inner, found));
            }
            Value::Array(list) => list.iter().for_each(|inner| properties(inner, found)),
            _ => {}
        }
    }

    #[test]
    fn shared_parts_are_written_once_and_every_reference_leads_somewhere() {
        let text = json_schema();
        let schema: Value = serde_json::from_str(&text).unwrap();
        let definitions = schema["definitions"].as_object().unwrap();
        let once: BTreeSet<String> = definitions.values().map(Value::to_string).collect();
        assert_eq!(once.len(), definitions.len(), "no definition is written twice");
        let mut long = Vec::new();
        properties(&schema, &mut long);
        long.retain(|(_, one)| one.get("$ref").is_none() && one.to_string().len() >= 100);
        // What the root adds by itself stands there once.
        long.retain(|(name, _)| !["extends", "fleet"].contains(&name.as_str()));
        assert!(long.is_empty(), "written out where a reference would do: {long:?}");
        let mut found = Vec::new();
        references(&schema, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            assert!(schema.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}
