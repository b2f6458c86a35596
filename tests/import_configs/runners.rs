//! Runner configurations: HelmReleases, Helm values, ConfigMaps.

use crate::facts::{Row, check};

#[test]
fn helm_releases_give_a_manager_and_its_executor() {
    check("HelmRelease", RELEASES);
}

#[test]
fn helm_values_give_a_manager_and_its_executor() {
    check("Helm values", VALUES);
}

const RELEASES: &[Row] = &[
    (
        "Justin-De-Sio-homelab/apps/base/gitlab-runner/release.yaml",
        &[
            ("?", "\"0.85.0\""),
            ("runner|0|concurrent", "3"),
            ("runner|0|request_concurrency", "3"),
            ("runner|0|cpu_request", "500m"),
            ("runner|0|memory_request", "512Mi"),
            ("?", "not modelled: kubernetes.cpu_limit = \"4\""),
            ("?", "not modelled: kubernetes.memory_limit = \"2Gi\""),
            ("?", "not modelled: kubernetes.service_cpu_limit = \"2\""),
            ("?", "not modelled: kubernetes.service_memory_limit = \"8Gi\""),
            ("runner|0|service_cpu_request", "500m"),
            ("runner|0|service_memory_request", "2Gi"),
            ("runner|0|helper_cpu_request", "0"),
            ("runner|0|helper_memory_request", "0Mi"),
            ("?", "1 configured services of"),
            ("?", "in-memory volume `docker-certs` counts as memory use"),
            ("runner|0|host", "cpu=50m;kind=pod;memory=128Mi"),
            ("?", "`[runners.kubernetes.env]` is not a runner key"),
        ],
    ),
    (
        "apfuzz-flux/apps/fivealive/gitlab-runner.yaml apfuzz-flux/apps/base/gitlab-runner/release.yaml",
        &[
            ("runner|#", "1"),
            ("?", "\">= 0.1.0\""),
            ("runner|0|concurrent", "10"),
            ("?", "helper image for arm64"),
            ("runner|0|cpu_request", "0"),
            ("runner|0|memory_request", "0Mi"),
            ("runner|0|node_selector", "-"),
            ("runner|0|host", "kind=pod;memory=256Mi"),
            ("!?", "has no chart here"),
            ("!?", "has no gitlabUrl"),
        ],
    ),
    ("apfuzz-flux/apps/fivealive/gitlab-runner.yaml", &[("?", "has no chart here: this is an overlay")]),
    ("apfuzz-flux/apps/base/gitlab-runner/release.yaml", &[("?", "has no gitlabUrl")]),
    (
        "Kallepan-homelab/apps/base/gitlab-runner/release.yaml",
        &[
            ("?", "\"0.x\""),
            ("runner|0|concurrent", "10"),
            ("?", "pre_get_sources_script"),
            ("runner|0|cpu_request", "0"),
            ("?", "kubernetes.image = \"ubuntu:22.04\""),
            ("?", "cache.type = \"s3\""),
            ("?", "cache.shared = true"),
            ("!?", "is not Kubernetes"),
        ],
    ),
];

const VALUES: &[Row] = &[
    (
        "wenerme-kube-stub-cluster/gitlab-runner/values.yaml",
        &[
            ("?", "below `gitlab-runner`"),
            ("runner|k8s-runner|concurrent", "10"),
            ("runner|k8s-runner|check_interval", "30s"),
            ("runner|k8s-runner|tags", "kubernetes"),
            ("runner|k8s-runner|run_untagged", "true"),
            ("runner|k8s-runner|cpu_request", "0"),
        ],
    ),
    (
        "UniBuc-DITC-kubernetes-config/gitlab-runner/values.yaml",
        &[
            ("runner|0|concurrent", "10"),
            ("?", "kubernetes.privileged = true"),
            ("?", "kubernetes.pull_policy = \"if-not-present\""),
            ("runner|0|memory_request", "0Mi"),
            ("?", "in-memory volume `docker-certs`"),
        ],
    ),
    (
        "egel-k8s-gitlab-runner/gitlab-runner-values.yaml",
        &[
            ("runner|0|replicas", "2"),
            ("runner|0|concurrent", "4"),
            ("runner|0|check_interval", "15s"),
            ("runner|0|cpu_request", "500m"),
            ("runner|0|memory_request", "512Mi"),
            ("runner|0|service_cpu_request", "0"),
            ("?", "0 configured services of \"1\"; each service of a job adds as much"),
            ("?", "0 configured services of \"4Gi\"; each service of a job adds as much"),
            ("?", "a limit without a request is the request"),
            ("runner|0|helper_cpu_request", "0"),
        ],
    ),
    (
        "ankitcharolia-gitlab-runner-kubernetes/gitlab-runner/values.yaml",
        &[
            ("runner|0|concurrent", "100"),
            ("runner|0|check_interval", "3s"),
            ("runner|0|tags", "gitlab-runner,kubernetes"),
            ("runner|0|cpu_request", "500m"),
            ("runner|0|memory_request", "512Mi"),
            ("runner|0|helper_cpu_request", "500m"),
            ("runner|0|helper_memory_request", "512Mi"),
            ("?", "0 configured services of \"500m\""),
            ("runner|0|poll_interval", "5s"),
            ("runner|0|poll_timeout", "3600s"),
            ("runner|0|node_selector", "gitlab-runner-nodepool=true"),
            ("runner|0|node_tolerations", "gitlab-runner=true=NoSchedule"),
            ("?", "preferred pod anti-affinity, weight 100, over \"kubernetes.io/hostname\", app In"),
            ("?", "is of the manager pod, not of the jobs"),
            ("runner|0|host", "cpu=200m;kind=pod;memory=256Mi"),
        ],
    ),
    (
        "somaz94-cicd-monitoring/aws/gitlab-runner-aws/values/build.yaml",
        &[
            ("runner|0|concurrent", "10"),
            ("runner|0|check_interval", "3s"),
            ("runner|0|replicas", "1"),
            ("runner|0|tags", "build-image-aws"),
            ("?", "helper image for arm64"),
            ("runner|0|cpu_request", "0"),
            ("runner|0|node_selector", "-"),
            ("?", "is of the manager pod, not of the jobs"),
        ],
    ),
    (
        "somaz94-cicd-monitoring/gitlab-runner/values/deploy.yaml",
        &[
            ("runner|0|replicas", "2"),
            ("runner|0|concurrent", "5"),
            ("runner|0|poll_interval", "5s"),
            ("runner|0|poll_timeout", "600s"),
            ("?", "kubernetes.cleanup_grace_period_seconds = 30"),
            ("runner|0|tags", "build-image"),
        ],
    ),
    (
        "ericglasser-gitlab-kubernetes-demo/gitlab-runner/config-map.yaml",
        &[
            ("runner|0|concurrent", "4"),
            ("runner|0|check_interval", "30s"),
            ("?", "no runner in this file, it registers at start"),
        ],
    ),
    ("CSCfi-helm-charts/charts/gitlab-runner/values.yaml", &[("runner|0|concurrent", "10")]),
    (
        "DoD-Platform-One-gitlab-runner/chart/values.yaml",
        &[("runner|0|concurrent", "50"), ("?", "below `upstream`")],
    ),
    (
        "defenseunicorns-uds-package-gitlab-runner/values/common-values.yaml",
        &[("refused", "Helm template directive or placeholder `{{- if eq"), ("refused", "render it first")],
    ),
];
