//! Files of other tools named in a scenario in place of its own tables.

#[path = "support/command.rs"]
mod command;

use command::fleetsim;
use fleetsim::scenario::{Diagnostic, Scenario, resolve_with};
use std::fs;
use std::path::Path;

const CHART: &str = r#"
gitlabUrl: https://gitlab.example.com
concurrent: 12
runners:
  tags: "linux,amd64"
  config: |
    [[runners]]
      name = "from-chart"
      [runners.kubernetes]
        cpu_request = "750m"
        memory_request = "2Gi"
        image = "alpine"
"#;

const TWO_RUNNERS: &str = "concurrent = 7\n\
    [[runners]]\nname = \"a\"\n[runners.kubernetes]\ncpu_request = \"1\"\nmemory_request = \"1Gi\"\n\
    [[runners]]\nname = \"b\"\nlimit = 3\n[runners.kubernetes]\ncpu_request = \"2\"\nmemory_request = \"1Gi\"\n";

const BROKEN: &str =
    "concurrent = 4\n[[runners]]\n  name = \"a\"\n  [runners.kubernetes]\n    cpu_request = 2\n";

const ODD_POOL: &str = "apiVersion: karpenter.sh/v1
kind: NodePool
metadata: { name: ci }
spec:
  template:
    spec:
      requirements:
        - { key: kubernetes.io/arch, operator: In, values: [amd64] }
        - { key: karpenter.k8s.aws/instance-size, operator: In, values: [gigantic] }
";

const JOBS: &str = r#"
[[workload.class]]
name = "unit"
duration = "4m"
arrivals = { per_hour = 20 }
"#;

fn files(path: &str) -> Result<Vec<u8>, String> {
    match path {
        "values.yaml" => Ok(CHART.into()),
        "two.toml" => Ok(TWO_RUNNERS.into()),
        "broken.toml" => Ok(BROKEN.into()),
        "odd.yaml" => Ok(ODD_POOL.into()),
        "base.toml" => Ok("[runner]\nconfig = \"config.toml\"\n".into()),
        _ => fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tutorial").join(path))
            .map_err(|error| error.to_string()),
    }
}

fn read(text: &str, set: &[&str]) -> Result<Scenario, Vec<Diagnostic>> {
    let set: Vec<String> = set.iter().map(|setting| (*setting).to_owned()).collect();
    resolve_with(&format!("{text}{JOBS}"), "peak.toml", &set, &mut files)
}

/// The mistakes in `text`, a line each: place and message.
fn mistakes(text: &str, set: &[&str]) -> Vec<String> {
    match read(text, set) {
        Ok(_) => Vec::new(),
        Err(found) => found.iter().map(ToString::to_string).collect(),
    }
}

fn resolved(text: &str, set: &[&str]) -> toml::Table {
    let scenario = read(text, set).unwrap_or_else(|found| panic!("{found:#?}"));
    toml::from_str(&scenario.to_toml()).unwrap()
}

fn runner<'t>(scenario: &'t toml::Table, name: &str) -> &'t toml::Value {
    let all = scenario["runner"].as_array().unwrap();
    all.iter().find(|own| own["name"].as_str() == Some(name)).unwrap_or_else(|| panic!("{all:#?}"))
}

#[test]
fn a_configuration_and_a_manifest_stand_for_the_tables_they_import_as() {
    let text = "[runner]\nconfig = \"config.toml\"\n[node_pool]\nmanifest = \"nodepool.yaml\"\n";
    let scenario = resolved(text, &[]);
    let eks = runner(&scenario, "eks-amd64");
    assert_eq!(eks["concurrent"].as_integer(), Some(40));
    assert_eq!(eks["limit"].as_integer(), Some(30));
    assert_eq!(eks["poll_timeout"].as_str(), Some("10m"));
    let pool = &scenario["node_pool"].as_array().unwrap()[0];
    assert_eq!(pool["name"].as_str(), Some("ci"));
    assert_eq!(pool["disruption"]["consolidate_after"].as_str(), Some("30s"));
    assert_eq!(scenario["ec2"]["root_volume"]["size_gib"].as_integer(), Some(80), "of the node class");
    assert_eq!(scenario["ec2"]["region"].as_str(), Some("eu-central-1"), "not said, so the default");
}

#[test]
fn the_same_runs_as_after_fleetsim_import() {
    let text = "[runner]\nconfig = \"config.toml\"\n[node_pool]\nmanifest = [\"nodepool.yaml\"]\n";
    let named = read(text, &[]).unwrap();
    let [config, pool] =
        ["config.toml", "nodepool.yaml"].map(|name| String::from_utf8(files(name).unwrap()).unwrap());
    let inputs = [("config.toml", &config), ("nodepool.yaml", &pool)]
        .map(|(name, text)| fleetsim::scenario::import::Input { name, text });
    let imported = fleetsim::scenario::import::import(&inputs, None).unwrap();
    let pasted = read(&imported.toml, &[]).unwrap();
    assert_eq!(named.to_toml(), pasted.to_toml());
    assert_eq!(named.hash(), pasted.hash());
    let unused: usize = named.imports.iter().map(|import| import.unused.len()).sum();
    assert_eq!(unused, imported.unused.len(), "the account is the same too");
    assert!(format!("{:?}", named.imports[0].unused[0].1).starts_with("config.toml:6:3"));
}

#[test]
fn keys_beside_the_name_win_over_the_file_and_settings_over_both() {
    let manifest = "[node_pool]\nmanifest = \"nodepool.yaml\"\nci.limits.cpu = \"64\"\n";
    let text = format!(
        "[ec2]\nroot_volume.size_gib = 30\n[runner]\nconfig = \"config.toml\"\nconcurrent = 9\nmemory = \"3Gi\"\n{manifest}"
    );
    let scenario = resolved(&text, &["runner.eks-amd64.limit=4"]);
    let eks = runner(&scenario, "eks-amd64");
    assert_eq!(eks["concurrent"].as_integer(), Some(9));
    assert_eq!(eks["memory_request"].as_str(), Some("3Gi"), "in any spelling");
    assert_eq!(eks["limit"].as_integer(), Some(4));
    assert_eq!(eks["cpu_request"].as_str(), Some("1"), "the file's");
    assert_eq!(scenario["node_pool"][0]["limits"]["cpu"].as_str(), Some("64"));
    assert_eq!(scenario["node_pool"][0]["taints"].as_array().map(Vec::len), Some(0));
    assert_eq!(scenario["ec2"]["root_volume"]["size_gib"].as_integer(), Some(30));
}

#[test]
fn elements_may_name_files_one_by_one_and_fleets_and_settings_may_as_well() {
    let pool = "[[node_pool]]\nname = \"ci\"\narch = [\"amd64\"]\n";
    let text = format!(
        "[[runner]]\nconfig = \"values.yaml\"\nname = \"chart\"\n[[runner]]\nconfig = \"two.toml\"\n{pool}\
         [fleet.now]\n[fleet.more]\nrunner.config = \"config.toml\"\n\"node_pool.ci.weight\" = 3\n"
    );
    let scenario = resolved(&text, &["runner.a.limit=1"]);
    assert_eq!(runner(&scenario, "chart")["cpu_request"].as_str(), Some("750m"));
    assert_eq!(runner(&scenario, "chart")["tags"].as_array().map(Vec::len), Some(2));
    assert_eq!(runner(&scenario, "a")["manager"].as_str(), runner(&scenario, "b")["manager"].as_str());
    assert_eq!(runner(&scenario, "a")["limit"].as_integer(), Some(1));
    assert_eq!(scenario["fleet"]["more"]["runner"][0]["concurrent"].as_integer(), Some(40));
    let set = resolved(pool, &["runner.config=two.toml"]);
    assert_eq!(set["runner"].as_array().map(Vec::len), Some(2));
    let based = resolved(&format!("extends = \"base.toml\"\n{pool}"), &[]);
    assert_eq!(runner(&based, "eks-amd64")["concurrent"].as_integer(), Some(40));
}

#[test]
fn mistakes_point_into_the_file_they_are_in() {
    let pool = "[[node_pool]]\nname = \"ci\"\narch = [\"amd64\"]\n";
    let broken = mistakes(&format!("[runner]\nconfig = \"broken.toml\"\n{pool}"), &[]);
    assert_eq!(broken.len(), 1, "{broken:#?}");
    assert!(broken[0].starts_with("broken.toml:5:5: GitLab Runner does not load this"), "{}", broken[0]);
    let absent = mistakes(&format!("{pool}[runner]\nconfig = \"absent.toml\"\n"), &[]);
    assert_eq!(absent.len(), 1, "{absent:#?}");
    assert!(absent[0].starts_with("peak.toml:5:10: `absent.toml` cannot be read"), "{}", absent[0]);
    let other = mistakes("[runner]\nconfig = \"nodepool.yaml\"\n[node_pool]\nmanifest = \"two.toml\"\n", &[]);
    assert!(
        other[0].starts_with("peak.toml:2:10: \"nodepool.yaml\" holds nothing for `runner`"),
        "{other:#?}"
    );
    assert!(other[1].starts_with("peak.toml:4:12: \"two.toml\" holds nothing for `node_pool`"), "{other:#?}");
    let renamed = mistakes(&format!("[[runner]]\nname = \"x\"\nconfig = \"two.toml\"\n{pool}"), &[]);
    assert!(renamed[0].contains("holds 2 elements of `runner`"), "{renamed:#?}");
    let typo = mistakes(&format!("[runner]\nconfig = \"two.toml\"\nconcurent = 5\n{pool}"), &[]);
    assert!(typo.len() == 1 && typo[0].starts_with("peak.toml:3:1: there is no key"), "{typo:#?}");
    let wrong = mistakes(&format!("[runner]\nconfig = \"two.toml\"\nconcurrent = \"x\"\n{pool}"), &[]);
    assert!(wrong.len() == 1 && wrong[0].starts_with("peak.toml:3:14: "), "{wrong:#?}");
    let number = mistakes(&format!("[runner]\nconfig = 5\n{pool}"), &[]);
    assert!(number.iter().any(|line| line.starts_with("peak.toml:2:")), "{number:#?}");
}

#[test]
fn what_the_simulation_refuses_of_an_imported_table_is_shown_in_its_file() {
    let text = "[runner]\nconfig = \"config.toml\"\n[node_pool]\nmanifest = \"odd.yaml\"\n";
    let found = mistakes(text, &[]);
    assert!(found.iter().any(|line| line.starts_with("odd.yaml:1:1: node pool `ci` admits")), "{found:#?}");
}

#[test]
fn the_account_of_a_named_job_export_is_kept() {
    let text = "[runner]\nconfig = \"config.toml\"\n[node_pool]\nmanifest = \"nodepool.yaml\"\n\
                [workload]\ntrace = \"jobs.json\"\nkeep_tags = false\n";
    let scenario = resolve_with(text, "peak.toml", &[], &mut files).unwrap();
    let (file, account) = &scenario.exports[0];
    assert_eq!((file.as_str(), account.jobs, account.pipelines), ("jobs.json", 90, 30));
}

#[test]
fn running_and_validating_print_the_accounts_that_import_prints() {
    let place = tempfile::tempdir().unwrap();
    for file in ["config.toml", "nodepool.yaml", "jobs.json"] {
        fs::write(place.path().join(file), files(file).unwrap()).unwrap();
    }
    let text = "[runner]\nconfig = \"config.toml\"\n[node_pool]\nmanifest = \"nodepool.yaml\"\n\
                [workload]\ntrace = \"jobs.json\"\nkeep_tags = false\n";
    fs::write(place.path().join("peak.toml"), text).unwrap();
    let run = |folder: &Path, arguments: &[&str]| {
        let output = fleetsim().current_dir(folder).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    // Paths are relative to the scenario, not to where the command is given.
    let path = place.path().join("peak.toml");
    let said = run(Path::new("/"), &["validate", path.to_str().unwrap()]);
    for line in [
        "  2 keys were not used:",
        "    config.toml:6:3: runners.url",
        "  kept       90 jobs in 30 pipelines",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    let set = ["run", "peak.toml", "--set", "replications=1", "--no-files"];
    assert!(run(place.path(), &set).contains("config.toml:6:3: runners.url"));
}
