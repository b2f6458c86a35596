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

#[test]
fn terraform_is_refused_with_the_directive_and_its_line() {
    for (name, text, place, directive) in [
        ("a.tf", "resource \"helm_release\" \"r\" {\n  values = [\"${x}\"]\n}\n", "a.tf:1:", "Terraform"),
        (
            "config.toml.tpl",
            "concurrent = ${concurrent}\n[[runners]]\n",
            "config.toml.tpl:1:14",
            "`${concurrent}`",
        ),
        (
            "config.toml.tpl",
            "concurrent = 4\n%{if privileged ~}\n[[runners]]\n%{endif ~}\n",
            "config.toml.tpl:2:1",
            "`%{if privileged ~}`",
        ),
        (
            "config.toml.tpl",
            "concurrent = 4\n%{~for r in runners ~}\n[[runners]]\n%{~endfor ~}\n",
            "config.toml.tpl:2:1",
            "`%{~for r in runners ~}`",
        ),
        (
            "values.yaml",
            "gitlabUrl: x\nconcurrent: 4\n%{if tags ~}\nrunners: {tags: a}\n%{endif ~}\n",
            "values.yaml:3:1",
            "`%{if tags ~}`",
        ),
        (
            "values.yaml",
            "gitlabUrl: x\nconcurrent: ${concurrent}\nrunners: {tags: a}\n",
            "values.yaml:2:13",
            "`${concurrent}`",
        ),
    ] {
        let problems = import(&[Input { name, text }], None).unwrap_err();
        let shown = problems[0].render(false);
        holds(&shown, &[place, directive, "render"]);
        assert!(!shown.contains("this is not YAML") && !shown.contains("does not load"), "{shown}");
    }
}

#[test]
fn keys_that_the_runner_no_longer_knows_give_no_requests() {
    let text = "[[runners]]\nname = \"old\"\n[runners.kubernetes]\ncpus = \"2\"\nmemory = \"4Gi\"\n\
                service_cpus = \"1\"\nservice_memory = \"1Gi\"\n";
    let imported = imported(&[("config.toml", text)]);
    holds(
        &imported.toml,
        &["cpu_request = \"0\"", "memory_request = \"0Mi\"", "service_cpu_request = \"0\""],
    );
    let said = remarks(&imported);
    for key in ["cpus", "memory", "service_cpus", "service_memory"] {
        let named = said.contains(&format!("`{key}`")) || said.contains(&format!("kubernetes.{key}"));
        assert!(named, "{key}: {said}");
    }
}

#[test]
fn a_variable_with_a_description_counts_by_its_value() {
    let text = "variables:\n  SIZE: { value: large, description: which runner, options: [large, small] }\n  \
                KUBERNETES_CPU_REQUEST: { value: \"3\", description: cores }\n\
                build: { script: make, tags: [\"$SIZE\"] }\n";
    let imported = imported(&[("ci.yml", text)]);
    let run = &imported.pipeline.as_ref().unwrap().jobs[0].runs[0];
    assert_eq!((run.tags.as_slice(), run.cpu.map(|cpu| cpu.0)), (&["large".to_owned()][..], Some(3000)));
}

const CHOICES: &str = r#"
workflow:
  rules:
    - if: $CI_COMMIT_BRANCH == "main"
      auto_cancel: { on_new_commit: none }
variables: { KUBERNETES_HELPER_CPU_REQUEST: "1", SIZE: big }
mixed: { script: x, rules: [{ if: $A, when: manual }, { when: on_success }] }
never: { script: x, rules: [{ if: $A, when: never }, { when: never }] }
rule wins: { script: x, when: manual, rules: [{ if: $A, when: always }] }
apart: { script: x, tags: ["$SIZE"], inherit: { variables: false } }
limits: { script: x, variables: { KUBERNETES_CPU_REQUEST: 1, KUBERNETES_CPU_LIMIT: 4, KUBERNETES_MEMORY_LIMIT: 2Gi } }
selects: { script: x, variables: { KUBERNETES_NODE_SELECTOR_DISK: "disk=ssd" } }
typo: { script: x, retry: { max: 2, when: [no_such_failure] } }
any: { script: x, retry: { max: 1, when: [always, script_failure] } }
"#;

#[test]
fn what_a_pipeline_leaves_open_is_said_and_not_guessed() {
    use fleetsim::scenario::import::JobStart;
    let imported = imported(&[("ci.yml", CHOICES)]);
    let pipeline = imported.pipeline.as_ref().unwrap();
    let job = |name: &str| pipeline.jobs.iter().find(|job| job.name == name).unwrap();
    let starts = ["mixed", "never", "rule wins"].map(|name| job(name).start);
    assert_eq!(starts, [JobStart::OnSuccess, JobStart::Never, JobStart::Always]);
    assert_eq!(job("apart").runs[0].tags, ["$SIZE"], "it inherits no variables");
    assert_eq!((job("typo").retry.clone(), job("any").retry.clone()), (None, Some((1, Vec::new()))));
    assert_eq!(job("limits").runs[0].memory.map(|memory| memory.0), Some(2048));
    holds(
        &remarks(&imported),
        &[
            "on_new_commit is `none` where $CI_COMMIT_BRANCH == \"main\": not modelled",
            "the rules of `mixed` start it in different ways (manual, on_success): here it starts on success",
            "`KUBERNETES_HELPER_CPU_REQUEST` = `1` is not modelled: the runner's own value holds here",
            "`KUBERNETES_CPU_LIMIT` = `4` is not modelled: a pod is placed by its request",
            "`KUBERNETES_MEMORY_LIMIT` = `2Gi` is not modelled: it is taken for the request",
            "`KUBERNETES_NODE_SELECTOR_DISK` = `disk=ssd` is not modelled: the runner's node_selector holds here",
            "retry for `no_such_failure`: the simulation has no such failure",
        ],
    );
}

#[test]
fn a_budget_of_no_nodes_all_day_lets_none_go_at_any_time() {
    use fleetsim::karpenter::disruption::{Budget, Reason, allowed_disruptions};
    let day = fleetsim::units::SimDuration::from_hours(24);
    let budgets = [Budget::new("0", Some("0 0 * * *"), Some(day), None)];
    for minute in 0..3 * 24 * 60 {
        assert_eq!(allowed_disruptions(&budgets, minute * 60_000, 50, Reason::Empty), 0, "minute {minute}");
    }
}

const SPLIT: &str = r#"
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: { name: on-demand }
spec:
  template:
    spec:
      requirements:
        - { key: kubernetes.io/arch, operator: In, values: [amd64] }
        - { key: karpenter.sh/capacity-type, operator: In, values: [on-demand] }
        - { key: capacity-spread, operator: In, values: ["1"] }
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: { name: spot }
spec:
  template:
    spec:
      requirements:
        - { key: kubernetes.io/arch, operator: In, values: [amd64] }
        - { key: karpenter.sh/capacity-type, operator: In, values: [spot] }
        - { key: capacity-spread, operator: In, values: ["2", "3", "4", "5"] }
"#;

const SPREAD: &str = r#"
horizon = "2h"
[workload]
trace = "jobs.csv"
[[workload.rule]]
class = "even"
job = "even*"
cpu = "1"
memory = "1Gi"
topology_spread_constraints = [{ topology_key = "capacity-spread", max_skew = 1 }]
[[runner]]
name = "all"
concurrent = 100
"#;

#[test]
fn spreading_over_a_label_of_pools_splits_nodes_and_pods_one_to_four() {
    use fleetsim::engine::Streams;
    use fleetsim::simulation::{Keep, simulate};
    use fleetsim::units::SimDuration;
    let imported = imported(&[("pools.yaml", SPLIT)]);
    let trace: String = (0..10).map(|job| format!("{job},0,1800,even {job}\n")).collect();
    let trace = format!("job_id,submitted_s,duration_s,name\n{trace}");
    let text = format!("{SPREAD}{}", imported.toml);
    let scenario = resolve(&text, "split.toml", &mut |_: &str| Ok(trace.clone().into_bytes()));
    let scenario = scenario.unwrap_or_else(|problems| panic!("{}", problems[0].render(false)));
    let (fleet, streams) = (&scenario.fleets[0], || Streams::new(1, 0));
    let keep = Keep { jobs: true, nodes: true };
    let run = simulate(&fleet.plan, streams(), fleet.arrivals(streams()).unwrap(), keep).unwrap();
    let nodes = run.outcome.node_records.as_ref().unwrap();
    // The nodes carry the values for which they were launched: pods bind to them as they were planned.
    let jobs = run.outcome.job_records.as_ref().unwrap();
    let on = |capacity| jobs.iter().filter(|job| job.capacity == Some(capacity)).count();
    let split = [fleetsim::catalog::CapacityType::OnDemand, fleetsim::catalog::CapacityType::Spot].map(on);
    // Two pods for each value; kube-scheduler knows only the nodes that are up, so an early one may get one more.
    assert!(split.iter().sum::<usize>() == 10 && (1..=3).contains(&split[0]), "{split:?}");
    // Ten pods over five values: two each, and a node for every value of the label in the first pass. Later passes may
    // open one more for a pod that found its node taken.
    let first = nodes.iter().map(|node| node.launched_at).min().unwrap();
    let first: Vec<_> =
        nodes.iter().filter(|node| node.launched_at < first + SimDuration::from_secs(5)).collect();
    let spot = first.iter().filter(|node| node.capacity == fleetsim::catalog::CapacityType::Spot);
    assert_eq!((spot.count(), first.len()), (4, 5));
}
