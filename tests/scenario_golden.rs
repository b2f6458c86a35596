//! The scenarios that ship: valid, the same when read back resolved, and with the results on record. After a change
//! that is meant to alter results: `FLEETSIM_BLESS=1 cargo test --test scenario_golden`.

use assert_cmd::Command;
use fleetsim::scenario::{Scenario, resolve};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn scenarios() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("scenarios")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect();
    files.sort();
    files
}

fn read(text: &str, path: &Path) -> Scenario {
    let folder = path.parent().unwrap().to_path_buf();
    let mut files = |name: &str| fs::read(folder.join(name)).map_err(|error| error.to_string());
    resolve(text, &path.display().to_string(), &mut files).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

#[test]
fn shipped_scenarios_resolve_to_themselves() {
    for path in scenarios() {
        let scenario = read(&fs::read_to_string(&path).unwrap(), &path);
        let resolved = scenario.to_toml();
        let again = read(&resolved, &path);
        assert_eq!(again.to_toml(), resolved, "{}", path.display());
        assert_eq!(again.hash(), scenario.hash());
        assert_eq!(format!("{:?}", again.fleets), format!("{:?}", scenario.fleets), "{}", path.display());
    }
}

#[test]
fn shipped_scenarios_give_the_results_on_record() {
    for path in scenarios() {
        let arguments = ["run", &path.display().to_string(), "--reps", "1", "--format", "csv", "--no-files"];
        let mut command = Command::cargo_bin("fleetsim").unwrap();
        let output = command.env_clear().args(arguments).assert().success().get_output().clone();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let golden = root().join(format!("tests/golden/{name}.csv"));
        if std::env::var_os("FLEETSIM_BLESS").is_some() {
            fs::write(&golden, &output.stdout).unwrap();
        }
        let recorded = fs::read(&golden).unwrap_or_default();
        assert!(
            output.stdout == recorded,
            "{name}: results differ from tests/golden/{name}.csv; see the head of this file"
        );
    }
}
