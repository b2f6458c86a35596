//! The program as a process, small scenarios for it, and folders compared byte by byte.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use assert_cmd::Command;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Two fleets whose runs take a few milliseconds each.
pub const SMALL: &str = r#"
replications = 6
horizon = "2h"
[[workload.class]]
name = "unit"
arrivals = { per_hour = 60 }
duration = { median = "2m", p95 = "5m" }
[[runner]]
name = "eks"
concurrent = 20
poll_timeout = "10m"
[[node_pool]]
name = "ci"
arch = ["amd64"]
capacity_type = ["on-demand"]
instance_category = ["m"]
requirements = [{ key = "karpenter.k8s.aws/instance-cpu", operator = "In", values = ["4"] }]
disruption = { consolidation_policy = "WhenEmpty", consolidate_after = "1m" }
[fleet.on-demand]
[fleet.spot]
"node_pool.ci.capacity_type" = ["spot"]
"#;

/// Writes `text` as `small.toml` into `folder` and returns its path.
pub fn scenario(folder: &Path, text: &str) -> String {
    let path = folder.join("small.toml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// The program without any variable of this environment.
pub fn fleetsim() -> Command {
    let mut command = Command::cargo_bin("fleetsim").unwrap();
    command.env_clear();
    command
}

/// Exit code, standard output and standard error.
pub fn said(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = fleetsim();
    let output = command.envs(environment.iter().copied()).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// Every file below `folder` with its bytes, but for `provenance.json`, which names the day and the command.
pub fn bytes_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != "provenance.json" {
                found.insert(path.strip_prefix(folder).unwrap().to_path_buf(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// The files in which two folders differ, by name.
pub fn differing(a: &BTreeMap<PathBuf, Vec<u8>>, b: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<PathBuf> {
    let names = a.keys().chain(b.keys());
    let mut differing: Vec<PathBuf> = names.filter(|name| a.get(*name) != b.get(*name)).cloned().collect();
    differing.sort();
    differing.dedup();
    differing
}
