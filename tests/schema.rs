//! The JSON Schema that `fleetsim schema` prints, as an editor uses it: what ships is valid, what is broken in its form is
//! underlined.

use fleetsim::scenario::{json_schema, starter};
use jsonschema::Validator;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(&json_schema()).unwrap();
    jsonschema::draft7::meta::validate(&schema).expect("the schema is one of draft-07");
    jsonschema::draft7::new(&schema).unwrap()
}

fn document(text: &str) -> Value {
    toml::from_str(text).expect("TOML")
}

fn mistakes(validator: &Validator, text: &str) -> Vec<String> {
    let document = document(text);
    validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn scenarios(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn the_schema_accepts_every_scenario_that_ships() {
    let validator = validator();
    for path in scenarios("scenarios") {
        let found = mistakes(&validator, &fs::read_to_string(&path).unwrap());
        assert_eq!(found, [""; 0], "{}", path.display());
    }
    assert_eq!(mistakes(&validator, &starter()), [""; 0], "what `init` writes");
}

#[test]
fn the_schema_accepts_every_spelling_of_a_key_and_both_forms_of_a_list() {
    let validator = validator();
    for text in [
        "[[runner]]\nname = \"a\"\nconcurrent = 5\ncheckInterval = \"3s\"\n",
        "[[runners]]\nname = \"a\"\ncheck-interval = \"3s\"\n",
        "[runner.a]\nconcurrent = 5\n",
        "[[node_pool]]\nname = \"ci\"\n[node_pool.disruption]\nconsolidateAfter = \"Never\"\n",
        "[fleet.a]\n\"node_pool.ci.weight\" = 5\n[fleet.b.node_pool.ci]\nweight = 5\n[[fleet.c.node_pool]]\nname = \"new\"\n",
        "[workload.class.unit]\narrivals = { per_day = 9 }\nduration = { exponential = \"4m\" }\n",
        "[workload.class.unit]\narrivals = { per_day = 9 }\nduration = { lognormal = { median = \"1m\", p95 = \"2m\" } }\n",
    ] {
        assert_eq!(mistakes(&validator, text), [""; 0], "{text}");
    }
}

#[test]
fn the_schema_refuses_what_is_broken_in_its_form() {
    let validator = validator();
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    for name in [
        "typo-in-key",
        "duration-without-unit",
        "memory-without-unit",
        "share-in-percent",
        "zero-replications",
        "missing-key",
    ] {
        let text = fs::read_to_string(broken.join(format!("{name}.toml"))).unwrap();
        assert_ne!(mistakes(&validator, &text), [""; 0], "{name}");
    }
    for text in [
        "kind = \"kubernetes\"\n",
        "seed = \"one\"\n",
        "runner = 5\n",
        "[fleet.a]\nrunnner = []\n",
        "[[runner]]\nname = 5\n",
        "[workload]\ntrace = [\"a.csv\"]\n",
    ] {
        assert_ne!(mistakes(&validator, text), [""; 0], "{text}");
    }
}
