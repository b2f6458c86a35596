//! `compare`: fleets, scenarios and result folders against one baseline, with words and with the jobs a wait hides.
#![allow(clippy::print_stdout)] // the figures that a test finds are for people

#[path = "support/command.rs"]
mod command;

use command::{SMALL, said, scenario};

#[test]
fn fleets_scenarios_and_result_folders_are_compared_alike() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let out = place.path().join("out").display().to_string();
    let compare = |arguments: &[&str]| said(&[&["compare", "--no-files"][..], arguments].concat(), &[]);
    let (code, fleets, errors) = compare(&[&small, "--reps", "10"]);
    assert_eq!(code, 0, "{errors}");
    for word in ["Against on-demand", "better", "reference", "lost/canceled/timed out/still waiting", "×"] {
        assert!(fleets.contains(word), "{word}: {fleets}");
    }
    assert!(fleets.lines().all(|line| line.chars().count() <= 80), "{fleets}");
    // The same numbers from a folder as from the scenario.
    assert_eq!(said(&["run", &small, "--out", &out, "--reps", "10"], &[]).0, 0);
    let folder = place.path().join("out/small").display().to_string();
    assert_eq!(compare(&[&folder]).1, fleets);
    let [one, other] = [format!("{folder}#on-demand"), format!("{small}#spot")];
    let (code, mixed, errors) = compare(&[&one, &other, "--reps", "10", "--format", "csv"]);
    assert_eq!(code, 0, "{errors}");
    let row = |text: &str, start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    let csv = compare(&[&folder, "--format", "csv"]).1;
    let spot = row(&csv, "spot,cost_per_1000_jobs,");
    assert_eq!(row(&mixed, "small#spot,cost_per_1000_jobs,"), format!("small#{spot}"));
    let factor: f64 = spot.split(',').nth(13).unwrap().parse().unwrap();
    assert!(factor > 1.0, "common random numbers help: {factor}");
    let (code, turned, _) = compare(&[&folder, "--baseline", "spot"]);
    assert!(code == 0 && turned.contains("Against spot") && turned.contains("worse"), "{turned}");
    let (code, near, _) = compare(&[&folder, "--tolerance", "99%", "--metric", "cost_per_1000_jobs"]);
    assert!(code == 0 && near.contains("within tolerance"), "{near}");
    let (code, _, errors) = compare(&[&folder, &small, "--seed", "5", "--reps", "4"]);
    assert!(code == 0 && errors.contains("different seeds"), "{errors}");
}

#[test]
fn many_fleets_are_judged_together_and_mistakes_are_named() {
    let place = tempfile::tempdir().unwrap();
    let more = "[fleet.five]\nrunner.eks.concurrent = 5\n[fleet.two]\nrunner.eks.concurrent = 2\n";
    let small = scenario(place.path(), &format!("{SMALL}{more}"));
    let compare = |arguments: &[&str]| said(&[&["compare", "--no-files"][..], arguments].concat(), &[]);
    let (code, text, errors) = compare(&[&small, "--format", "md"]);
    assert!(code == 0 && text.contains("all 3 intervals hold together"), "{errors}{text}");
    assert!(text.contains("| two |") && text.contains("worse"), "two slots make jobs wait: {text}");
    assert_eq!(compare(&[&format!("{small}#spot")]).0, 2);
    assert_eq!(compare(&[&small, "--baseline", "nobody"]).0, 2);
    assert_eq!(compare(&[&small, "--metric", "nothing"]).0, 2);
    assert_eq!(compare(&[&format!("{small}#nobody")]).0, 2);
    assert_eq!(compare(&["nowhere.csv"]).0, 4);
    assert_eq!(compare(&["nowhere.toml"]).0, 3);
}

#[test]
fn common_random_numbers_divide_the_variance_of_graviton_against_x86_by_three() {
    let peak = format!("{}/scenarios/peak.toml", env!("CARGO_MANIFEST_DIR"));
    let [x86, graviton] = ["x86", "graviton"].map(|arch| format!("{peak}#{arch}-on-demand"));
    let (code, csv, errors) =
        said(&["compare", "--no-files", &x86, &graviton, "--reps", "20", "--format", "csv"], &[]);
    assert_eq!(code, 0, "{errors}");
    for metric in ["cost_per_1000_jobs", "wait_mean", "wait_p95"] {
        let start = format!("peak#graviton-on-demand,{metric},");
        let row = csv.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{csv}"));
        let factor: f64 = row.split(',').nth(13).unwrap().parse().unwrap();
        println!("{metric}: {factor:.1}");
        assert!(factor >= 3.0, "{metric}: {factor}");
    }
}
