//! The scenarios that ship: valid, the same when read back resolved, and with the results on record. After a change
//! that is meant to alter results: `FLEETSIM_BLESS=1 cargo test --test scenario_golden`.

#[path = "support/command.rs"]
mod command;

use command::fleetsim;
use fleetsim::scenario::{Scenario, resolve};
use std::collections::BTreeMap;
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

/// Rows of a CSV file as the fields of the named columns.
fn columns<const N: usize>(file: &Path, names: [&str; N]) -> Vec<[String; N]> {
    let mut csv = csv::Reader::from_path(file).unwrap();
    let header = csv.headers().unwrap().clone();
    let places = names.map(|name| header.iter().position(|own| own == name).expect(name));
    csv.records().map(|row| row.unwrap()).map(|row| places.map(|at| row[at].to_owned())).collect()
}

#[test]
fn what_nodes_were_paid_for_is_what_the_account_says_that_instances_cost() {
    for path in scenarios() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().display().to_string();
        let arguments = ["run", &path.display().to_string(), "--reps", "1", "--out", &out];
        fleetsim().args(arguments).assert().success();
        let results = folder.path().join(path.file_stem().unwrap());
        let mut paid: BTreeMap<(String, String), f64> = BTreeMap::new();
        for [fleet, account, item, cost] in
            columns(&results.join("costs.csv"), ["fleet", "account", "item", "cost_usd"])
        {
            if account == "paid_for" && item.starts_with("instances_") {
                paid.insert((fleet, item), cost.parse().unwrap());
            }
        }
        let mut nodes = paid.clone();
        nodes.values_mut().for_each(|sum| *sum = 0.0);
        let mut count = 0.0;
        let names = [
            "fleet",
            "arch",
            "capacity_type",
            "billed_ms",
            "billed_after_warmup_ms",
            "usd_per_hour",
            "cost_usd",
        ];
        for [fleet, arch, capacity, billed, counted, price, cost] in
            columns(&results.join("nodes.csv"), names)
        {
            let (billed, counted): (f64, f64) = (billed.parse().unwrap(), counted.parse().unwrap());
            assert!(counted <= billed);
            let product = if counted > 0.0 { counted / 3.6e6 * price.parse::<f64>().unwrap() } else { 0.0 };
            assert!((product - cost.parse::<f64>().unwrap()).abs() < 1e-6, "{product} is not {cost}");
            let item = format!("instances_{arch}_{}", capacity.replace('-', "_"));
            *nodes.get_mut(&(fleet, item)).expect("a line of the account") += product;
            count += 1.0;
        }
        assert!(count > 0.0);
        for (line, sum) in nodes {
            assert!(
                (sum - paid[&line]).abs() < 1e-6 * (count + 1.0),
                "{line:?}: {sum} is not {}",
                paid[&line]
            );
        }
    }
}

#[test]
fn shipped_scenarios_give_the_results_on_record() {
    for path in scenarios() {
        let arguments = ["run", &path.display().to_string(), "--reps", "1", "--format", "csv", "--no-files"];
        let output = fleetsim().args(arguments).assert().success().get_output().clone();
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
