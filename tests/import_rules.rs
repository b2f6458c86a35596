//! What imports take over from files written for these tests: a rule each.

use fleetsim::scenario::import::{Imported, Input, import};
use fleetsim::scenario::resolve;

fn imported(files: &[(&str, &str)]) -> Imported {
    let inputs: Vec<Input<'_>> = files.iter().map(|(name, text)| Input { name, text }).collect();
    import(&inputs, None).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn remarks(imported: &Imported) -> String {
    imported.remarks.iter().map(|remark| format!("{:?}: {}\n", remark.span, remark.text)).collect()
}

/// Everything after a missing text fails with the whole text.
fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

const FLEET: &str = "[[runner]]\nname = \"eks\"\n[[node_pool]]\nname = \"ci\"\narch = [\"amd64\"]\n";

const LIFE_CYCLE: &str = "
workflow:
  auto_cancel: { on_new_commit: interruptible }
stages: [build, deploy]
build:
  stage: build
  interruptible: true
  retry: { max: 2, when: [runner_system_failure], exit_codes: [137, 77] }
  script: make
stage deploy:
  stage: deploy
  resource_group: staging
  script: make deploy
later:
  stage: deploy
  needs: [build]
  rules:
    - if: $A
      when: delayed
      start_in: 30 minutes
    - when: delayed
      start_in: 1 hour
    - if: $B
      when: never
  script: make check
by hand:
  stage: deploy
  when: manual
  script: make release
";

#[test]
fn the_life_cycle_of_pipelines_is_taken_over_and_runs() {
    let imported = imported(&[(".gitlab-ci.yml", LIFE_CYCLE)]);
    let toml: toml::Table = toml::from_str(&imported.toml).unwrap();
    let pipeline = &toml["workload"]["pipeline"][0];
    assert_eq!(pipeline["auto_cancel"].as_str(), Some("interruptible"));
    let jobs = pipeline["job"].as_array().unwrap();
    assert_eq!(jobs[0]["interruptible"].as_bool(), Some(true));
    assert_eq!(jobs[0]["retry_exit_codes"].as_array().unwrap().len(), 2);
    assert_eq!(jobs[1]["resource_group"].as_str(), Some("staging"));
    assert_eq!((jobs[2]["when"].as_str(), jobs[2]["start_in"].as_str()), (Some("delayed"), Some("30m")));
    assert_eq!((jobs[3]["when"].as_str(), jobs[3]["enabled"].as_bool()), (Some("manual"), Some(false)));
    assert!(!remarks(&imported).contains("not modelled"), "{}", remarks(&imported));
    let text = format!("{}{FLEET}", imported.toml);
    resolve(&text, "a.toml", &mut |_: &str| Err("no file".to_owned())).unwrap();
}

#[test]
fn files_of_templates_alone_and_headers_of_components_belong_to_the_pipeline() {
    let main =
        "spec:\n  inputs:\n    stage: { default: test }\n---\nunit:\n  extends: .go\n  script: go test\n";
    let imported =
        imported(&[(".gitlab-ci.yml", main), (".gitlab/go.yml", ".go:\n  tags: [go]\n  image: golang\n")]);
    let pipeline = imported.pipeline.as_ref().unwrap();
    assert_eq!(pipeline.jobs.len(), 1);
    assert_eq!(pipeline.jobs[0].tags, ["go"]);
    holds(&remarks(&imported), &[".gitlab-ci.yml:1:1: inputs of a component"]);
}

#[test]
fn static_pools_and_long_drains_are_taken_over() {
    let pool = "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: { name: warm }\nspec:\n  replicas: 3\n  \
                limits: { nodes: 4 }\n  template:\n    spec:\n      terminationGracePeriod: 48h\n      \
                requirements:\n        - { key: kubernetes.io/arch, operator: In, values: [amd64] }\n";
    let imported = imported(&[("warm.yaml", pool)]);
    holds(&imported.toml, &["replicas = 3", "termination_grace_period = \"48h\"", "limits.nodes = 4"]);
    assert!(!imported.toml.contains("enabled = false"), "{}", imported.toml);
    assert!(imported.unused.is_empty() && imported.remarks.is_empty(), "{:?}", imported.remarks);
}

#[test]
fn a_registration_with_tags_takes_no_untagged_jobs_unless_it_says_so() {
    let values = |more: &str| {
        let text =
            format!("gitlabUrl: https://gitlab.com\nconcurrent: 3\nrunners:\n  tags: \"a, b\"\n{more}");
        imported(&[("values.yaml", &text)])
    };
    holds(&values("").toml, &["run_untagged = false", "a runner with tags takes no untagged jobs"]);
    holds(&values("  runUntagged: true\n").toml, &["run_untagged = true"]);
    let protected = values("  protected: true\n");
    holds(&protected.toml, &["protected = true"]);
    holds(&remarks(&protected), &["jobs of protected branches only"]);
}

#[test]
fn a_duration_that_is_none_is_called_that() {
    let pool = "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: { name: a }\nspec:\n  disruption:\n    \
                consolidateAfter: 30s | Never\n";
    let problems = import(&[Input { name: "a.yaml", text: pool }], None).unwrap_err();
    assert_eq!(problems[0].label, "expected a duration or Never");
}

const WARM: &str = r#"
concurrent = 20
[[runners]]
  name = "warm"
  executor = "kubernetes"
  [runners.kubernetes]
    cpu_request = "2"
    cpu_limit = "4"
    memory_request = "4Gi"
    [runners.kubernetes.autoscaler]
      max_pause_pods = 10
      pause_pod_image = "registry.k8s.io/pause:3.10"
      pause_pod_priority_class_name = "ours"
      [[runners.kubernetes.autoscaler.policy]]
        idle_count = 2
        idle_time = "10m"
      [[runners.kubernetes.autoscaler.policy]]
        periods = ["* 8-17 * * mon-fri"]
        timezone = "Europe/Berlin"
        idle_count = 5
        scale_factor = 0.5
        scale_factor_limit = 8
"#;

const JOBS: &str = r#"
name = "warm"
start = "2026-11-02T00:00[UTC]"
horizon = "1d"
[[workload.class]]
name = "tiny"
cpu = "1"
memory = "1Gi"
duration = "1m"
arrivals = { per_day = 1 }
[[node_pool]]
name = "ci"
"#;

#[test]
fn pause_pods_of_a_runner_come_with_their_policies() {
    let imported = imported(&[("config.toml", WARM)]);
    let parts = [
        "autoscaler.max_pause_pods = 10",
        "autoscaler.pause_pod_priority = -1",
        "{ idle_count = 2, idle_time = \"600000ms\" },",
        "{ periods = [\"* 8-17 * * mon-fri\"], timezone = \"Europe/Berlin\", idle_count = 5, scale_factor = 0.5, scale_factor_limit = 8 },",
        "not modelled: kubernetes.cpu_limit = \"4\"",
    ];
    holds(&imported.toml, &parts);
    holds(&remarks(&imported), &["PriorityClass `ours` is not in this file"]);
    let unused: Vec<&str> = imported.unused.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(unused, ["runners.kubernetes.cpu_limit", "runners.kubernetes.autoscaler.pause_pod_image"]);
    let text = format!("{JOBS}{}", imported.toml);
    let scenario = resolve(&text, "import.toml", &mut |_: &str| Err(String::new()));
    let scenario = scenario.unwrap_or_else(|problems| panic!("{}\n{text}", problems[0].render(false)));
    let [pause_pods] = &scenario.fleets[0].plan.kubernetes.pause_pods[..] else { panic!("one deployment") };
    assert_eq!(
        (pause_pods.wanted.max, pause_pods.requests.cpu.0, pause_pods.executor.priority),
        (10, 2000, -1)
    );
    let [always, days] = &pause_pods.wanted.policies[..] else { panic!("two policies") };
    assert_eq!((always.idle_count, always.idle_time.as_ms()), (2, 600_000));
    assert_eq!((days.idle_count, days.scale_factor_limit), (5, 8));
    assert_eq!(days.active[0].0.as_ms(), 7 * 3_600_000, "eight o'clock in Berlin");
}

#[test]
fn pause_pods_that_cannot_be_are_refused_with_their_place() {
    for (from, to, word) in [
        ("idle_count = 2", "idle_count = -2", "`idle_count` is `-2`"),
        ("scale_factor = 0.5", "scale_factor = -1.0", "`scale_factor` is `-1`"),
        ("idle_time = \"10m\"", "idle_time = \"soon\"", "`soon` is no duration"),
        ("idle_count = 5", "idle_count = \"5\"", "`idle_count` must be an integer"),
    ] {
        let text = WARM.replace(from, to);
        let problems = import(&[Input { name: "config.toml", text: &text }], None).unwrap_err();
        let shown: String = problems.iter().map(|problem| problem.render(false)).collect();
        holds(&shown, &[word, "config.toml:"]);
    }
    for (from, to, word) in
        [("mon-fri", "mon-fry", "is not a period"), ("Europe/Berlin", "Europe/Bärlin", "is not a time zone")]
    {
        let imported = imported(&[("config.toml", &WARM.replace(from, to))]);
        let text = format!("{JOBS}{}", imported.toml);
        let problems = resolve(&text, "import.toml", &mut |_: &str| Err(String::new())).unwrap_err();
        holds(&problems[0].render(false), &[word]);
    }
}
