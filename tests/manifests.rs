//! Manifests of `shards`: read by a YAML or JSON library, held against a schema of what the engine takes, their commands
//! run here as the engine would run them.
//!
//! `tests/engine_schemas` holds schemas of exactly what is used. With `FLEETSIM_ENGINE_SCHEMAS` naming a folder, what the
//! engines publish is tried as well where it is there: `gitlab.json` (GitLab's editor), `github.json` (SchemaStore) and
//! `k8s.json` (the Job of a strict kubernetes-json-schema).

#[path = "support/command.rs"]
mod command;

use command::{SMALL, bytes_below, differing, said, scenario};
use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The documents of a YAML text.
fn documents(text: &str) -> Vec<Value> {
    let mut events = Parser::new_from_str(text).map(|event| event.unwrap().0).peekable();
    let mut found = Vec::new();
    while let Some(event) = events.next() {
        if matches!(event, Event::DocumentStart(..)) {
            let first = events.next().unwrap();
            found.push(value(first, &mut events));
        }
    }
    found
}

fn value<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Value {
    match event {
        Event::Scalar(text, style, ..) => {
            let is_plain = format!("{style:?}") == "Plain";
            match text.parse::<i64>() {
                Ok(number) if is_plain => number.into(),
                _ if is_plain && matches!(&*text, "true" | "false") => (&*text == "true").into(),
                _ => text.to_string().into(),
            }
        }
        Event::SequenceStart(..) => {
            let mut list = Vec::new();
            loop {
                match events.next().unwrap() {
                    Event::SequenceEnd => return list.into(),
                    next => list.push(value(next, events)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut map = Map::new();
            loop {
                match events.next().unwrap() {
                    Event::MappingEnd => return map.into(),
                    key => {
                        let key = value(key, events);
                        let next = events.next().unwrap();
                        let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                        assert!(map.insert(key, value(next, events)).is_none(), "a key twice");
                    }
                }
            }
        }
        other => panic!("{other:?}"),
    }
}

/// What a schema finds wrong with a document.
fn mistakes(schema: &Value, document: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The schemas of an engine: ours, and the published one where there is one at hand.
fn schemas(engine: &str) -> Vec<Value> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine_schemas");
    let published = std::env::var_os("FLEETSIM_ENGINE_SCHEMAS").map(PathBuf::from);
    let folders = [Some(own), published];
    let files = folders.into_iter().flatten().map(|folder| folder.join(format!("{engine}.json")));
    let texts = files.filter_map(|file| std::fs::read_to_string(file).ok());
    texts.map(|text| serde_json::from_str(&text).unwrap()).collect()
}

/// Every document of a manifest is what its engine takes, and a misspelt key of it is not.
fn is_taken(engine: &str, text: &str) {
    let documents = match engine {
        "slurm" => {
            let shell = Command::new("sh").args(["-n", "-c", text]).status().unwrap();
            assert!(shell.success(), "a POSIX shell reads it");
            return;
        }
        "batch" => vec![serde_json::from_str(text).unwrap()],
        _ => documents(text),
    };
    let schemas = schemas(engine);
    assert!(!schemas.is_empty());
    for (schema, document) in schemas.iter().flat_map(|schema| documents.iter().map(move |one| (schema, one)))
    {
        assert_eq!(mistakes(schema, document), [""; 0], "{engine}: {document}");
    }
    let key = match engine {
        "gitlab" => "parallel",
        "k8s" => "completions",
        "batch" => "jobQueue",
        _ => "runs-on",
    };
    let misspelt =
        serde_json::to_string(&documents[0]).unwrap().replace(&format!("\"{key}\""), "\"misspelt\"");
    let misspelt = serde_json::from_str(&misspelt).unwrap();
    assert!(schemas.iter().all(|schema| !mistakes(schema, &misspelt).is_empty()), "{engine}: {misspelt}");
}

/// Runs a command as an engine does: in `folder`, with its variables and the program on the path.
fn run(folder: &Path, words: &[String], environment: &[(&str, String)]) {
    let program = assert_cmd::cargo::cargo_bin("fleetsim");
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let output = Command::new(&words[0])
        .args(&words[1..])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn words(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn in_shell(script: &str) -> Vec<String> {
    vec!["sh".to_owned(), "-ec".to_owned(), script.to_owned()]
}

const SHARDS: usize = 3;

/// What an engine runs: shard by shard with its variables, then the merge.
struct Runs {
    shard: Vec<String>,
    variables: fn(usize) -> Vec<(&'static str, String)>,
    merge: Vec<String>,
}

fn gitlab(text: &str) -> Runs {
    let documents = documents(text);
    let document = &documents[0];
    let shard = &document["fleetsim-shard"];
    assert_eq!(shard["parallel"], SHARDS);
    assert_eq!(document["stages"], serde_json::json!(["simulate", "merge"]));
    assert_eq!(document["fleetsim-merge"]["needs"][0]["job"], "fleetsim-shard");
    assert_eq!(shard["artifacts"]["paths"][0], "reports/small.parts");
    Runs {
        shard: in_shell(shard["script"][0].as_str().unwrap()),
        variables: |i| vec![("CI_NODE_INDEX", (i + 1).to_string()), ("CI_NODE_TOTAL", SHARDS.to_string())],
        merge: in_shell(document["fleetsim-merge"]["script"][0].as_str().unwrap()),
    }
}

fn kubernetes(text: &str) -> Runs {
    let documents = documents(text);
    let [shards, merge] = documents.as_slice() else { panic!("two Jobs") };
    for job in [shards, merge] {
        assert_eq!((&job["apiVersion"], &job["kind"]), (&"batch/v1".into(), &"Job".into()));
    }
    let spec = &shards["spec"];
    assert_eq!((&spec["completions"], &spec["completionMode"]), (&SHARDS.into(), &"Indexed".into()));
    assert_eq!(merge["spec"]["suspend"], true);
    let container = |job: &Value| job["spec"]["template"]["spec"]["containers"][0].clone();
    let environment = container(shards)["env"][0].clone();
    assert_eq!((&environment["name"], &environment["value"]), (&"FLEETSIM_SHARDS".into(), &"3".into()));
    Runs {
        shard: words(&container(shards)["command"]),
        variables: |i| vec![("JOB_COMPLETION_INDEX", i.to_string()), ("FLEETSIM_SHARDS", SHARDS.to_string())],
        merge: words(&container(merge)["command"]),
    }
}

fn batch(text: &str) -> Runs {
    let document: Value = serde_json::from_str(text).unwrap();
    assert_eq!(document["shards"]["arrayProperties"]["size"], SHARDS);
    let command = |job: &str| words(&document[job]["containerOverrides"]["command"]);
    Runs {
        shard: command("shards"),
        variables: |i| {
            let (index, size) = ("AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE");
            vec![(index, i.to_string()), (size, SHARDS.to_string())]
        },
        merge: command("merge"),
    }
}

fn slurm(text: &str) -> Runs {
    assert!(text.starts_with("#!/bin/sh\n") && text.contains("#SBATCH --array=0-2\n"));
    let merge = text.lines().find_map(|line| line.strip_prefix("#   fleetsim merge ")).unwrap();
    Runs {
        shard: in_shell(text),
        // As for a task that is run again alone: its own number, one of one.
        variables: |i| {
            let id = i.to_string();
            let one = "1".to_owned();
            vec![
                ("SLURM_ARRAY_TASK_ID", id.clone()),
                ("SLURM_ARRAY_TASK_MIN", id.clone()),
                ("SLURM_ARRAY_TASK_MAX", id),
                ("SLURM_ARRAY_TASK_COUNT", one),
            ]
        },
        merge: in_shell(&format!("fleetsim merge {merge}")),
    }
}

fn github(text: &str) -> Runs {
    let documents = documents(text);
    let jobs = &documents[0]["jobs"];
    let shard = &jobs["shard"];
    assert_eq!(shard["strategy"]["matrix"]["shard"], serde_json::json!([0, 1, 2]));
    assert_eq!(shard["env"]["FLEETSIM_JOB_INDEX"], "${{ strategy.job-index }}");
    assert_eq!(shard["env"]["FLEETSIM_JOB_TOTAL"], "${{ strategy.job-total }}");
    assert_eq!(jobs["merge"]["needs"], "shard");
    let script = |job: &Value| {
        let steps = job["steps"].as_array().unwrap();
        in_shell(steps.iter().find_map(|step| step["run"].as_str()).unwrap())
    };
    Runs {
        shard: script(shard),
        variables: |i| {
            vec![("FLEETSIM_JOB_INDEX", i.to_string()), ("FLEETSIM_JOB_TOTAL", SHARDS.to_string())]
        },
        merge: script(&jobs["merge"]),
    }
}

#[test]
fn the_commands_of_every_manifest_make_the_results_of_one_run() {
    let place = tempfile::tempdir().unwrap();
    scenario(place.path(), SMALL);
    let whole = place.path().join("whole");
    std::fs::create_dir(&whole).unwrap();
    scenario(&whole, SMALL);
    // A setting that needs quotes in a shell and in YAML.
    let asked = ["run", "small.toml", "--reps", "4", "--set", "question=\"What's it: 5 # of 'them'?\""];
    run(
        &whole,
        &[&["fleetsim"], &asked[..]].concat().iter().map(|w| (*w).to_owned()).collect::<Vec<_>>(),
        &[],
    );
    let expected = bytes_below(&whole.join("reports/small"));
    type Reader = fn(&str) -> Runs;
    let engines: [(&str, Reader); 5] =
        [("gitlab", gitlab), ("k8s", kubernetes), ("batch", batch), ("slurm", slurm), ("github", github)];
    for (engine, reader) in engines {
        let folder = place.path().join(engine);
        std::fs::create_dir(&folder).unwrap();
        let small = scenario(&folder, SMALL);
        let mut here = asked;
        here[1] = &small;
        let arguments = [&["shards", "--engine", engine, "-n", "3", "--"][..], &here].concat();
        let (code, text, errors) = said(&arguments, &[]);
        assert_eq!(code, 0, "{errors}");
        is_taken(engine, &text);
        let text = text.replace(&small, "small.toml");
        let runs = reader(&text);
        for shard in (0..SHARDS).rev() {
            run(&folder, &runs.shard, &(runs.variables)(shard));
        }
        run(&folder, &runs.merge, &[]);
        let differing = differing(&expected, &bytes_below(&folder.join("reports/small")));
        assert!(differing.is_empty(), "{engine}: {differing:?}");
    }
}

#[test]
fn what_an_engine_cannot_run_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let shards = |engine: &str, n: &str, command: &[&str]| {
        said(&[&["shards", "--engine", engine, "-n", n, "--"][..], command].concat(), &[])
    };
    assert_eq!(shards("gitlab", "201", &["run", &small]).0, 2);
    assert_eq!(shards("github", "257", &["run", &small]).0, 2);
    assert_eq!(shards("batch", "1", &["run", &small]).0, 2);
    assert_eq!(shards("slurm", "3", &["validate", &small]).0, 2);
    assert_eq!(shards("slurm", "3", &["run", &small, "--shard", "1/2"]).0, 2);
    assert_eq!(shards("slurm", "3", &["run", "nowhere.toml"]).0, 3);
    let vary = ["sweep", &small, "--vary", "runner.eks.concurrent=5,20"];
    let (code, text, _) = shards("gitlab", "50", &vary);
    assert!(code == 0 && text.contains("small-sweep.parts") && text.contains("parallel: 50"), "{text}");
}
