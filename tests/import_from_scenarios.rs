//! Every kind of file that can be imported, named by a scenario instead: the same readers, and it runs.

use fleetsim::engine::Streams;
use fleetsim::scenario::resolve;
use fleetsim::simulation::{Keep, simulate};

const POOL: &str = "[[node_pool]]\nname = \"ci\"\narch = [\"amd64\"]\n";
const RUNNER: &str =
    "[[runner]]\nname = \"all\"\ntags = [\"x\"]\nnode_selector = { \"kubernetes.io/arch\" = \"amd64\" }\n";
const CLASS: &str = "[[workload.class]]\nname = \"unit\"\nduration = \"2m\"\narrivals = { per_hour = 30 }\n";

/// How many jobs ended in a day of `scenario`, whose only file has `content`.
fn jobs_of(what: &str, scenario: &str, content: &str) -> usize {
    let text = format!("horizon = \"1d\"\n{scenario}");
    let mut files = |_: &str| Ok(content.as_bytes().to_vec());
    let resolved = resolve(&text, "named.toml", &mut files)
        .unwrap_or_else(|problems| panic!("{what}: {}", problems[0].render(false)));
    let fleet = &resolved.fleets[0];
    let keep = Keep { jobs: true, nodes: false };
    let arrivals = fleet.arrivals(Streams::new(1, 0)).unwrap();
    let run = simulate(&fleet.plan, Streams::new(1, 0), arrivals, keep).unwrap();
    run.outcome.job_records.unwrap().iter().filter(|job| job.node.is_some()).count()
}

const CONFIG: &str = "concurrent = 20\n[[runners]]\n  name = \"a\"\n  executor = \"kubernetes\"\n  [runners.kubernetes]\n    \
                      cpu_request = \"500m\"\n    memory_request = \"1Gi\"\n";

#[test]
fn runner_configurations_of_every_kind_are_read_from_a_scenario() {
    let indented = |by: &str| CONFIG.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
    let values = format!("gitlabUrl: https://x\nconcurrent: 20\nrunners:\n  config: |\n{}", indented("    "));
    let below =
        format!("gitlab-runner:\n{}", values.lines().map(|line| format!("  {line}\n")).collect::<String>());
    let release = format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{ name: r }}\nspec:\n  chart: {{ spec: {{ chart: \
         gitlab-runner }} }}\n  values:\n    gitlabUrl: https://x\n    concurrent: 20\n    runners:\n      config: |\n{}",
        indented("        ")
    );
    let map = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: r }}\ndata:\n  config.toml: |\n{}",
        indented("    ")
    );
    for (what, file, content) in [
        ("config.toml", "config.toml", CONFIG.to_owned()),
        ("Helm values", "values.yaml", values),
        ("Helm values below a key", "values.yaml", below),
        ("HelmRelease", "release.yaml", release),
        ("ConfigMap", "map.yaml", map),
    ] {
        let scenario = format!("[runner]\nconfig = \"{file}\"\n{CLASS}{POOL}");
        let jobs = jobs_of(what, &scenario, &content);
        assert!(jobs > 500, "{what}: {jobs} jobs");
    }
}

#[test]
fn karpenter_objects_of_every_version_are_read_from_a_scenario() {
    let pool = |version: &str| {
        format!(
            "apiVersion: karpenter.sh/{version}\nkind: NodePool\nmetadata: {{ name: ci }}\nspec:\n  template:\n    spec:\n      \
             nodeClassRef: {{ name: default }}\n      requirements:\n        - {{ key: kubernetes.io/arch, operator: In, values: \
             [amd64] }}\n---\napiVersion: karpenter.k8s.aws/{version}\nkind: EC2NodeClass\nmetadata: {{ name: default }}\nspec:\n  \
             amiFamily: AL2023\n  amiSelectorTerms: [{{ alias: al2023@latest }}]\n"
        )
    };
    let old = "apiVersion: karpenter.sh/v1alpha5\nkind: Provisioner\nmetadata: { name: ci }\nspec:\n  ttlSecondsAfterEmpty: 30\n  \
               providerRef: { name: default }\n---\napiVersion: karpenter.k8s.aws/v1alpha1\nkind: AWSNodeTemplate\nmetadata: { \
               name: default }\nspec:\n  amiFamily: AL2\n";
    for (what, content) in [("v1", pool("v1")), ("v1beta1", pool("v1beta1")), ("v1alpha5", old.to_owned())] {
        let class = CLASS.replace("arrivals", "tags = [\"x\"]\narrivals");
        let scenario = format!("[node_pool]\nmanifest = \"pools.yaml\"\n{class}{RUNNER}");
        let jobs = jobs_of(what, &scenario, &content);
        assert!(jobs > 500, "{what}: {jobs} jobs");
    }
}

#[test]
fn job_exports_of_every_kind_are_the_trace_of_a_scenario() {
    let gitlab = r#"{"id":2,"name":"unit","stage":"test","status":"success","created_at":"2026-03-09T08:00:00Z","started_at":"2026-03-09T09:00:00Z","finished_at":"2026-03-09T09:10:00Z","queued_duration":5,"tag_list":["x"],"pipeline":{"id":1}}"#;
    let github = r#"{"total_count":1,"jobs":[{"id":2,"run_id":7,"status":"completed","conclusion":"success","created_at":"2026-03-09T08:59:00Z","started_at":"2026-03-09T09:00:00Z","completed_at":"2026-03-09T09:02:00Z","labels":["x"]}]}"#;
    let buildkite = r#"[{"id":"b","graphql_id":"y","state":"passed","jobs":[{"id":"j","type":"script","name":"a","state":"passed","agent_query_rules":["*"],"runnable_at":"2026-03-09T09:00:00Z","started_at":"2026-03-09T09:01:00Z","finished_at":"2026-03-09T09:02:00Z"}]}]"#;
    let pods = r#"{"apiVersion":"v1","kind":"List","items":[{"kind":"Pod","metadata":{"name":"p","uid":"u","creationTimestamp":"2026-03-09T08:00:00Z"},"spec":{"containers":[{"resources":{"requests":{"cpu":"500m","memory":"1Gi"}}}]},"status":{"phase":"Succeeded","containerStatuses":[{"state":{"terminated":{"startedAt":"2026-03-09T08:00:40Z","finishedAt":"2026-03-09T08:10:00Z"}}}]}}]}"#;
    let swf = "; UnixStartTime: 1000000000\n1 10 5 83 1 -1 2048 -1 -1 -1 1 3 1 7 -1 -1 -1 -1\n";
    let csv = "job_id,submitted_s,duration_s\n1,0,60\n";
    let rule = "[[workload.rule]]\nclass = \"all\"\njob = \"*\"\ncpu = \"1\"\nmemory = \"1Gi\"\n";
    for (what, content) in [
        ("GitLab's array", format!("[{gitlab}]")),
        ("GitLab's lines", format!("{gitlab}\n")),
        ("GitHub", github.to_owned()),
        ("Buildkite", buildkite.to_owned()),
        ("pods", pods.to_owned()),
        ("workload log", swf.to_owned()),
        ("trace", csv.to_owned()),
    ] {
        let scenario = format!(
            "[workload]\ntrace = \"jobs\"\nkeep_tags = false\n{rule}{}{POOL}",
            "[[runner]]\nname = \"all\"\n"
        );
        assert_eq!(jobs_of(what, &scenario, &content), 1, "{what}");
    }
}
