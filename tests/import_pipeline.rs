//! Imports of texts written for these tests: a pipeline for two architectures, and files that are broken.

use fleetsim::scenario::import::{Imported, Input, import};
use fleetsim::scenario::resolve;
use fleetsim::workload::Workload;

fn imported(name: &str, text: &str) -> Result<Imported, String> {
    import(&[Input { name, text }], None)
        .map_err(|problems| problems.iter().map(|problem| problem.to_string() + "\n").collect())
}

const TWO_ARCHITECTURES: &str = r#"
stages: [build, test, manifest]
default:
  interruptible: true
  retry: { max: 2, when: [runner_system_failure] }
  tags: ["arch:$ARCH"]
.each-architecture:
  parallel: &both
    matrix:
      - ARCH: [amd64, arm64]
build:
  stage: build
  extends: .each-architecture
  timeout: 1h 30m
  variables: { KUBERNETES_CPU_REQUEST: 4, KUBERNETES_MEMORY_REQUEST: 8Gi }
  script: make image
test:
  stage: test
  parallel: *both
  needs: [build]
  script: make test
manifest:
  stage: manifest
  needs: [{ job: test }]
  variables: { ARCH: arm64 }
  script: make manifest
"#;

const FLEET: &str = r#"
[[runner]]
name = "amd64"
tags = ["arch:amd64"]
node_selector = { "kubernetes.io/arch" = "amd64" }
[[runner]]
name = "arm64"
tags = ["arch:arm64"]
node_selector = { "kubernetes.io/arch" = "arm64" }
[[node_pool]]
name = "all"
"#;

#[test]
fn a_pipeline_for_two_architectures_builds_and_tests_on_both_and_joins_on_one() {
    let imported = imported(".gitlab-ci.yml", TWO_ARCHITECTURES).unwrap();
    let pipeline = imported.pipeline.as_ref().unwrap();
    let runs = |name: &str| {
        let job = pipeline.jobs.iter().find(|job| job.name == name).unwrap();
        job.runs.iter().map(|run| run.tags.join(",")).collect::<Vec<_>>()
    };
    assert_eq!(runs("build"), ["arch:amd64", "arch:arm64"]);
    assert_eq!(runs("test"), ["arch:amd64", "arch:arm64"]);
    assert_eq!(runs("manifest"), ["arch:arm64"]);
    let text = format!("{}{FLEET}", imported.toml);
    let scenario = resolve(&text, "import.toml", &mut |_: &str| Err(String::new()));
    let scenario = scenario.unwrap_or_else(|problems| panic!("{}\n{text}", problems[0].render(false)));
    let workload: &Workload = &scenario.fleets[0].workload;
    let shown = format!("{workload:?}");
    for copy in ["build: [amd64]", "build: [arm64]", "test: [amd64]", "test: [arm64]", "manifest"] {
        assert!(shown.contains(copy), "{copy} in {shown}");
    }
    assert!(imported.toml.contains("timeout = \"1h30m\"") || imported.toml.contains("timeout = \"90m\""));
    assert!(imported.toml.contains("cpu = \"4\""), "{}", imported.toml);
    assert!(imported.toml.contains("retry_when = [\"runner_system_failure\"]"), "{}", imported.toml);
}

const POOL: &str = "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: a}\nspec:\n";

#[expect(clippy::too_many_lines, reason = "a table")]
/// Broken files: what is wrong, name, text, and a part of the complaint with its line.
fn broken() -> Vec<(&'static str, &'static str, String, &'static str)> {
    let pool = |rest: &str| format!("{POOL}{rest}");
    vec![
        ("tabs", "a.yaml", pool("\tweight: 1\n"), "a.yaml:5:"),
        ("an anchor in itself", "a.yaml", "job: &x\n  script: [*x]\n".into(), "a.yaml:2:12"),
        (
            "aliases of aliases",
            "a.yaml",
            (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, level| {
                format!("{text}a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1)
            }),
            "more than 500000 values",
        ),
        ("truncated flow", "a.yaml", pool("  limits: {cpu: 1,\n"), "this is not YAML"),
        ("truncated quote", "a.yaml", pool("  weight: \"1\n"), "this is not YAML"),
        ("wrong type", "a.yaml", pool("  limits: [1]\n"), "a.yaml:5:11: `limits` is a list"),
        ("a map for a number", "a.yaml", pool("  weight: {a: 1}\n"), "`weight` is a map"),
        ("a huge number", "a.yaml", pool("  weight: 99999999999999999999\n"), "`weight` is `9999"),
        ("a huge quantity", "a.yaml", pool("  limits: {cpu: 1e99}\n"), "`limits.cpu`"),
        ("a negative quantity", "a.yaml", pool("  limits: {memory: -1Gi}\n"), "negative"),
        (
            "an unknown policy",
            "a.yaml",
            pool("  disruption: {consolidationPolicy: Sometimes}\n"),
            "`Sometimes` is not a consolidation policy",
        ),
        (
            "a bad cron",
            "a.yaml",
            pool("  disruption: {budgets: [{nodes: \"1\", schedule: \"99 * * * *\", duration: 1h}]}\n"),
            "a.yaml:5:",
        ),
        ("a bad duration", "a.yaml", pool("  disruption: {consolidateAfter: soon}\n"), "`consolidateAfter`"),
        (
            "a bad operator",
            "a.yaml",
            pool("  template: {spec: {requirements: [{key: a, operator: Near, values: [b]}]}}\n"),
            "`Near` is not an operator",
        ),
        ("no name", "a.yaml", "apiVersion: karpenter.sh/v1\nkind: NodePool\n".into(), "no `metadata.name`"),
        (
            "a Helm template",
            "a.yaml",
            "{{- range .Values.x }}\na: {{ .b }}\n{{- end }}\n".into(),
            "a.yaml:1:1",
        ),
        (
            "Terraform",
            "a.tf",
            "resource \"helm_release\" \"r\" {\n  values = [\"${x}\"]\n}\n".into(),
            "this is Terraform",
        ),
        (
            "a Terraform template of TOML",
            "config.toml.tpl",
            "concurrent = ${concurrent}\n[[runners]]\n".into(),
            "config.toml.tpl:1:14: the Terraform template directive or placeholder `${concurrent}`",
        ),
        (
            "a Terraform loop in TOML",
            "config.toml.tpl",
            "concurrent = 4\n%{~for r in runners ~}\n[[runners]]\n%{~endfor ~}\n".into(),
            "config.toml.tpl:2:1",
        ),
        (
            "a Terraform template of Helm values",
            "values.yaml",
            "gitlabUrl: x\nconcurrent: ${concurrent}\nrunners: {tags: a}\n".into(),
            "values.yaml:2:13: `${concurrent}` must be replaced",
        ),
        (
            "a number for a text",
            "c.toml",
            "[[runners]]\n[runners.kubernetes]\ncpu_request = 2\n".into(),
            "c.toml:3",
        ),
        (
            "a bad quantity",
            "c.toml",
            "[[runners]]\n[runners.kubernetes]\nmemory_request = \"2GB\"\n".into(),
            "`2GB` is not a Kubernetes quantity",
        ),
        ("a key twice", "c.toml", "concurrent = 1\nconcurrent = 2\n".into(), "c.toml:2"),
        (
            "TOML broken within values",
            "v.yaml",
            "gitlabUrl: x\nrunners:\n  config: |\n    [[runners]]\n      limit = = 3\n".into(),
            "v.yaml:5:",
        ),
        ("circular extends", "ci.yml", "a: {extends: b}\nb: {extends: a}\n".into(), "is a circle"),
        (
            "circular references",
            "ci.yml",
            "a: {script: !reference [b, script]}\nb: {script: !reference [a, script]}\n".into(),
            "leads back to itself",
        ),
        ("a bad timeout", "ci.yml", "a: {script: x, timeout: soon}\n".into(), "`soon` is not a timeout"),
        ("too many copies", "ci.yml", "a: {script: x, parallel: 500}\n".into(), "`parallel` is `500`"),
        ("something else", "x.yaml", "just: text\n".into(), "none of the files that can be imported"),
        ("a list", "x.yaml", "- 1\n- 2\n".into(), "none of the files that can be imported"),
    ]
}

#[test]
fn broken_files_are_refused_with_their_place_and_never_end_the_program() {
    for (what, name, text, expected) in broken() {
        match imported(name, &text) {
            Ok(imported) => panic!("{what}: accepted: {}", imported.toml),
            Err(message) => {
                assert!(message.contains(expected), "{what}: expected {expected}, found {message}");
            }
        }
    }
}

#[test]
fn cut_anywhere_a_file_is_read_or_refused() {
    let whole = [TWO_ARCHITECTURES, &format!("{POOL}  limits: {{cpu: \"1\"}}\n  weight: 3\n")];
    for text in whole {
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            let _ = imported("cut.yaml", &text[..end]);
        }
    }
    for text in
        ["", "\u{feff}", "---\n", "null\n", "\0", "a: !reference []\n", "? {}\n", "[[", "[[runners]]\n"]
    {
        let _ = imported("odd", text);
    }
}

/// A pool as the template of ../shared/configs/JimCronqvist-helm-charts renders it.
fn rendered(name: &str, weight: u32, cpu: &str, own: (&str, &str, &str), os: &str, taint: bool) -> String {
    let (policy, after, expire) = own;
    let taint = if taint {
        format!(
            "      taints:\n        - key: \"karpenter.sh/nodepool\"\n          value: \"{name}\"\n          effect: \"NoSchedule\"\n"
        )
    } else {
        String::new()
    };
    format!(
        "---\napiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata:\n  name: {name}\n  labels:\n    helm.sh/chart: karpenter\n\
         spec:\n  weight: {weight}\n  template:\n    spec:\n      nodeClassRef:\n        group: karpenter.k8s.aws\n        \
         kind: EC2NodeClass\n        name: al2023\n      expireAfter: {expire}\n      terminationGracePeriod: 48h\n      \
         requirements:\n        - key: kubernetes.io/os\n          operator: In\n          values: [\"{os}\"]\n{taint}  \
         limits:\n    cpu: \"{cpu}\"\n    memory: 1000Gi\n  disruption:\n    consolidationPolicy: {policy}\n    \
         consolidateAfter: {after}\n    budgets:\n      - nodes: \"10%\"\n"
    )
}

#[test]
fn a_rendered_chart_of_pools_comes_out_as_five_pools_of_its_kinds() {
    let usual = ("WhenEmptyOrUnderutilized", "2m", "336h");
    let text = rendered("default", 10, "1000", usual, "linux", false)
        + &rendered("on-demand", 2, "100", usual, "linux", true)
        + &rendered("unmanaged", 1, "50", ("WhenEmpty", "Never", "2160h"), "linux", true)
        + &rendered("reserved-instances", 50, "0", usual, "linux", false)
        + &rendered("windows-default", 10, "50", usual, "windows", true);
    let imported = imported("rendered.yaml", &text).unwrap();
    let remarks: String = imported.remarks.iter().map(|remark| remark.text.clone() + "\n").collect();
    for expected in
        ["limit cpu 0: the pool never makes a node", "windows nodes of `windows-default` are not modelled"]
    {
        assert!(remarks.contains(expected), "{expected} in {remarks}");
    }
    let document: toml::Table = toml::from_str(&imported.toml).unwrap();
    let pools = document["node_pool"].as_array().unwrap();
    let facts: Vec<String> = pools
        .iter()
        .map(|pool| {
            let (limits, disruption) = (&pool["limits"], &pool["disruption"]);
            let of = |value: &toml::Value| value.as_str().unwrap_or_default().to_owned();
            let taints = pool.get("taints").and_then(toml::Value::as_array).map_or(0, Vec::len);
            format!(
                "{} {} {} {} {} {} {} {} taints {taints}",
                of(&pool["name"]),
                pool["weight"],
                of(&limits["cpu"]),
                of(&disruption["consolidation_policy"]),
                of(&disruption["consolidate_after"]),
                of(&pool["expire_after"]),
                of(&pool["termination_grace_period"]),
                of(&disruption["budgets"][0]["nodes"]),
            )
        })
        .collect();
    let under = "WhenEmptyOrUnderutilized 2m 336h 48h 10%";
    assert_eq!(
        facts,
        [
            format!("default 10 1000 {under} taints 0"),
            format!("on-demand 2 100 {under} taints 1"),
            "unmanaged 1 50 WhenEmpty Never 2160h 48h 10% taints 1".to_owned(),
            format!("reserved-instances 50 0 {under} taints 0"),
            format!("windows-default 10 50 {under} taints 1"),
        ]
    );
    let taint = &pools[1]["taints"][0];
    assert_eq!(
        (taint["key"].as_str(), taint["value"].as_str()),
        (Some("karpenter.sh/nodepool"), Some("on-demand"))
    );
    assert_eq!(pools[4]["enabled"].as_bool(), Some(false), "windows");
}

#[test]
fn keys_of_a_pipeline_that_were_not_used_are_named_once_wherever_they_come_from() {
    let text = "stages: [test]\nworkflow: {name: x, auto_cancel: {on_new_commit: none}}\n.base:\n  cache: {key: a}\n  \
                tags: [t]\na: {extends: .base, script: x, rules: [{if: y}]}\nb: {extends: .base, script: x, hooks: {pre: z}}\n";
    let imported = imported("ci.yml", text).unwrap();
    let unused: Vec<&str> = imported.unused.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(unused, ["workflow.name", ".base.cache", "a.script", "a.rules", "b.script", "b.hooks"]);
}
