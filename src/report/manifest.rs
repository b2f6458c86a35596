//! Manifests that share an experiment out over machines: one text per engine, ready to be committed or submitted.
//!
//! Commands stand in YAML as JSON strings, which every YAML reader reads as the same text.

use serde_json::{Value, json};

/// What runs many equal jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// GitLab CI, `parallel`.
    Gitlab,
    /// Kubernetes, a Job in indexed completion mode.
    Kubernetes,
    /// AWS Batch, an array job.
    Batch,
    /// Slurm, a job array.
    Slurm,
    /// GitHub Actions, a matrix.
    Github,
}

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFacts {
    /// Name of the experiment.
    pub name: String,
    /// Number of shards.
    pub shards: u32,
    /// Container image that has fleetsim.
    pub image: String,
    /// Words of the command of each shard, without `--shard`.
    pub command: Vec<String>,
    /// Folder into which each shard writes its part.
    pub parts: String,
    /// Folder of all results.
    pub out: String,
}

impl Engine {
    /// Fewest and most shards of one manifest. (GitLab, *CI/CD YAML syntax reference*, `parallel`; AWS Batch, *Array jobs*;
    /// GitHub, *Usage limits*: 256 jobs of a matrix; Slurm's default `MaxArraySize` of 1001.)
    #[must_use]
    pub const fn limits(self) -> (u32, u32) {
        match self {
            Self::Gitlab => (2, 200),
            Self::Kubernetes => (1, 100_000),
            Self::Batch => (2, 10_000),
            Self::Slurm => (1, 1_001),
            Self::Github => (1, 256),
        }
    }
}

impl ManifestFacts {
    fn words(&self) -> Vec<String> {
        let mut words = vec!["fleetsim".to_owned()];
        words.extend(self.command.iter().cloned());
        words.extend(["--shard".to_owned(), "auto".to_owned()]);
        words
    }

    fn merge_words(&self) -> Vec<String> {
        ["fleetsim", "merge", &self.parts, "--out", &self.out].map(str::to_owned).to_vec()
    }

    /// A name that Kubernetes, Slurm and AWS accept.
    fn plain_name(&self) -> String {
        let letters = self.name.to_lowercase();
        let plain: String =
            letters.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
        format!("fleetsim-{}", plain.trim_matches('-'))
    }
}

/// A command line for a POSIX shell.
fn shell(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| crate::experiment::shell_word(word)).collect();
    quoted.join(" ")
}

fn text(value: &str) -> String {
    Value::from(value).to_string()
}

/// The manifest.
#[must_use]
pub fn manifest(engine: Engine, facts: &ManifestFacts) -> String {
    match engine {
        Engine::Gitlab => gitlab(facts),
        Engine::Kubernetes => kubernetes(facts),
        Engine::Batch => batch(facts),
        Engine::Slurm => slurm(facts),
        Engine::Github => github(facts),
    }
}

fn gitlab(facts: &ManifestFacts) -> String {
    let (run, merge) = (text(&shell(&facts.words())), text(&shell(&facts.merge_words())));
    let (parts, out, image) = (text(&facts.parts), text(&facts.out), text(&facts.image));
    let shards = facts.shards;
    format!(
        "\
# GitLab CI: {shards} jobs simulate, one puts their parts together. A lost job is simply run again.
stages: [simulate, merge]

fleetsim-shard:
  stage: simulate
  image: {image}
  parallel: {shards}
  retry: {{ max: 2, when: [runner_system_failure, stuck_or_timeout_failure] }}
  script:
    - {run}
  artifacts:
    paths: [{parts}]
    expire_in: 1 week

fleetsim-merge:
  stage: merge
  image: {image}
  needs: [{{ job: fleetsim-shard, artifacts: true }}]
  script:
    - {merge}
  artifacts:
    paths: [{out}]
    expose_as: fleetsim report
"
    )
}

fn github(facts: &ManifestFacts) -> String {
    let (run, merge) = (text(&shell(&facts.words())), text(&shell(&facts.merge_words())));
    let (parts, out, image) = (text(&facts.parts), text(&facts.out), text(&facts.image));
    let matrix: Vec<String> = (0..facts.shards).map(|shard| shard.to_string()).collect();
    format!(
        "\
# GitHub Actions: {} jobs simulate, one puts their parts together.
name: fleetsim
on: workflow_dispatch
jobs:
  shard:
    runs-on: ubuntu-latest
    container: {image}
    strategy:
      fail-fast: false
      matrix:
        shard: [{}]
    env:
      FLEETSIM_JOB_INDEX: ${{{{ strategy.job-index }}}}
      FLEETSIM_JOB_TOTAL: ${{{{ strategy.job-total }}}}
    steps:
      - uses: actions/checkout@v4
      - run: {run}
      - uses: actions/upload-artifact@v4
        with:
          name: part-${{{{ strategy.job-index }}}}
          path: {parts}
  merge:
    needs: shard
    runs-on: ubuntu-latest
    container: {image}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/download-artifact@v4
        with:
          pattern: part-*
          merge-multiple: true
          path: {parts}
      - run: {merge}
      - uses: actions/upload-artifact@v4
        with:
          name: fleetsim-report
          path: {out}
",
        facts.shards,
        matrix.join(", ")
    )
}

fn kubernetes(facts: &ManifestFacts) -> String {
    let name = facts.plain_name();
    let container = |words: Vec<String>, environment: Value| {
        json!({
            "restartPolicy": "Never",
            "containers": [{
                "name": "fleetsim",
                "image": facts.image,
                "command": words,
                "env": environment,
                "workingDir": "/work",
                "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
                "volumeMounts": [{"name": "work", "mountPath": "/work"}],
            }],
            "volumes": [{"name": "work", "persistentVolumeClaim": {"claimName": "fleetsim"}}],
        })
    };
    let shards = facts.shards.to_string();
    let environment = json!([{"name": "FLEETSIM_SHARDS", "value": shards}]);
    let job = |name: &str, spec: Value| json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec});
    let run = json!({
        "completions": facts.shards,
        "parallelism": facts.shards,
        "completionMode": "Indexed",
        "backoffLimitPerIndex": 3,
        "template": {"spec": container(facts.words(), environment)},
    });
    let merge = json!({
        "suspend": true,
        "backoffLimit": 3,
        "template": {"spec": container(facts.merge_words(), json!([]))},
    });
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    format!(
        "\
# Kubernetes: {shards} completions simulate, then a Job puts their parts together. The claim `fleetsim` is shared by all
# pods (ReadWriteMany) and holds the scenario. JSON is YAML.
#   kubectl apply -f THIS && kubectl wait --for=condition=complete --timeout=24h job/{name}
#   kubectl patch job/{name}-merge --type=merge -p '{{\"spec\":{{\"suspend\":false}}}}'
{}
---
{}
",
        pretty(&job(&name, run)),
        pretty(&job(&format!("{name}-merge"), merge))
    )
}

fn batch(facts: &ManifestFacts) -> String {
    let job = |name: String, words: Vec<String>| {
        json!({
            "jobName": name,
            "jobQueue": "fleetsim",
            "jobDefinition": "fleetsim",
            "retryStrategy": {"attempts": 3},
            "containerOverrides": {"command": words},
        })
    };
    let mut shards = job(facts.plain_name(), facts.words());
    shards["arrayProperties"] = json!({"size": facts.shards});
    let merge = job(format!("{}-merge", facts.plain_name()), facts.merge_words());
    let mut text =
        serde_json::to_string_pretty(&json!({"shards": shards, "merge": merge})).unwrap_or_default();
    text.push('\n');
    text
}

fn slurm(facts: &ManifestFacts) -> String {
    let (name, last, shards) = (facts.plain_name(), facts.shards - 1, facts.shards);
    let (run, merge) = (shell(&facts.words()), shell(&facts.merge_words()));
    format!(
        "\
#!/bin/sh
# Slurm: an array of {shards} tasks simulates; afterwards, in the same folder:
#   {merge}
# A lost task is run again by its number: sbatch --array=7 THIS
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task=1
#SBATCH --requeue
export FLEETSIM_SHARDS={shards}
exec {run}
"
    )
}
