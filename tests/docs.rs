//! The book in `docs/`: every command runs as it stands there, every link leads somewhere, the reference is the code's own, and
//! the ready jobs for GitLab and GitHub are what these engines read.
//!
//! `FLEETSIM_BLESS=1` writes the reference anew.

#[path = "support/command.rs"]
mod command;
#[path = "support/yaml.rs"]
mod yaml;

use command::fleetsim;
use fleetsim::report::columns_of;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use yaml::Yaml;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap_or_else(|error| panic!("docs/{name}: {error}"))
}

/// Words of a command line; what stands in single quotes is one word.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut is_quoted, mut is_open) = (false, false);
    for letter in line.chars() {
        match letter {
            '\'' => (is_quoted, is_open) = (!is_quoted, true),
            ' ' if !is_quoted => {
                if is_open {
                    words.push(String::new());
                }
                is_open = false;
            }
            letter => {
                words.last_mut().unwrap().push(letter);
                is_open = true;
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The commands of all `sh` blocks of a page.
fn commands(name: &str) -> Vec<Vec<String>> {
    let text = page(name);
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    let lines: Vec<String> =
        blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.iter().map(|line| words(line)).filter(|words| !words.is_empty()).collect()
}

/// Runs a command of a page and returns what it said.
fn runs(folder: &Path, words: &[String]) -> String {
    assert_eq!(words[0], "fleetsim", "{words:?}");
    let output = fleetsim().env_clear().current_dir(folder).args(&words[1..]).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {said}", words.join(" "));
    said
}

#[test]
fn the_tutorial_leads_from_real_files_to_a_gate() {
    let place = tempfile::tempdir().unwrap();
    for file in ["config.toml", "nodepool.yaml", "jobs.json"] {
        fs::copy(root().join("tests/tutorial").join(file), place.path().join(file)).unwrap();
    }
    let commands = commands("tutorial.md");
    assert!(commands.len() >= 14, "{}", commands.len());
    for words in &commands {
        runs(place.path(), words);
    }
    let html = fs::read_to_string(place.path().join("reports/fleet/report.html")).unwrap();
    assert!(html.contains("What the answer depends on"), "the sweep of the tutorial is on its page");
}

#[test]
fn every_recipe_runs_one_after_the_other() {
    let text = page("recipes.md");
    let questions = text.lines().filter(|line| line.starts_with("## "));
    for (number, heading) in (1..).zip(questions) {
        assert!(heading.starts_with(&format!("## {number}. ")), "{heading}");
    }
    assert_eq!(text.lines().filter(|line| line.starts_with("## ")).count(), 18, "eighteen questions");
    for section in text.split("\n## ").skip(1) {
        assert!(section.contains("```sh\nfleetsim "), "a question without a command: {section:.60}");
    }
    let place = tempfile::tempdir().unwrap();
    for words in commands("recipes.md") {
        let said = runs(place.path(), &words);
        let is = |name: &str| words.iter().any(|word| word.contains(name));
        if is("poll_timeout=60s") {
            assert!(said.contains("warning[FS0101]"), "{said}");
        }
        if is("reports/teams") {
            let html = fs::read_to_string(place.path().join("reports/teams/fleet/report.html")).unwrap();
            assert!(
                html.contains("Waits and cost by team") && html.contains("shop"),
                "the team has its table"
            );
        }
        if is("reports/sure") {
            let html = fs::read_to_string(place.path().join("reports/sure/fleet/report.html")).unwrap();
            assert!(html.contains("depends most on"), "the tornado is on the page");
        }
        if is("--work-tolerance") {
            assert!(said.contains("pass"), "{said}");
        }
    }
}

#[test]
fn other_pages_name_no_command_that_fails() {
    let place = tempfile::tempdir().unwrap();
    for name in ["README.md", "ci.md", "model.md", "validation.md", "reference/README.md"] {
        for words in commands(name) {
            runs(place.path(), &words);
        }
    }
    let reference = page("reference/README.md");
    for part in reference.split("`fleetsim reference ").skip(1).filter_map(|rest| rest.split('`').next()) {
        if part != "PART" {
            runs(place.path(), &words(&format!("fleetsim reference {part}")));
        }
    }
    // Commands named in sentences are commands that there are.
    for name in ["README.md", "ci.md", "recipes.md", "tutorial.md", "model.md", "validation.md"] {
        let text = page(name);
        for code in text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("fleetsim ")) {
            let command = words(code)[1].clone();
            fleetsim().args([&command, "--help"]).assert().success();
        }
        for test in text.split("cargo test --test ").skip(1).filter_map(|rest| rest.split([' ', '`']).next())
        {
            assert!(root().join(format!("tests/{test}.rs")).is_file(), "{name}: {test}");
        }
    }
}

#[test]
fn the_book_has_every_page_once_and_its_links_lead_somewhere() {
    let summary = page("SUMMARY.md");
    let linked: Vec<&str> = summary.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    let unique: BTreeSet<&str> = linked.iter().copied().collect();
    assert_eq!(unique.len(), linked.len(), "a page twice");
    let mut pages = Vec::new();
    for folder in ["", "reference"] {
        for entry in fs::read_dir(root().join("docs").join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") && name != "SUMMARY.md" {
                pages.push(if folder.is_empty() { name } else { format!("{folder}/{name}") });
            }
        }
    }
    for name in &pages {
        assert!(unique.contains(name.as_str()), "docs/{name} is not in the summary");
        let text = page(name);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(name).parent().unwrap();
            let target = if file.is_empty() { PathBuf::from(name) } else { folder.join(file) };
            let text = fs::read_to_string(root().join("docs").join(&target))
                .unwrap_or_else(|_| panic!("docs/{name} links to {link}"));
            let heading = |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            let is_there = text.lines().any(|line| line.starts_with('#') && heading(line) == anchor);
            assert!(anchor.is_empty() || is_there, "docs/{name}: {link}");
        }
    }
    assert_eq!(pages.len(), linked.len());
    let manifest: toml::Table = page("book.toml").parse().unwrap();
    assert_eq!(manifest["book"]["src"].as_str(), Some("."));
}

#[test]
fn the_reference_is_the_code_s_own() {
    for (part, file) in [
        ("keys", "keys.md"),
        ("metrics", "metrics.md"),
        ("columns", "columns.md"),
        ("codes", "codes.md"),
        ("exit-codes", "exit-codes.md"),
    ] {
        let output = fleetsim().args(["reference", part]).assert().success().get_output().stdout.clone();
        let made = String::from_utf8(output).unwrap();
        let path = root().join("docs/reference").join(file);
        if std::env::var_os("FLEETSIM_BLESS").is_some() {
            fs::write(&path, &made).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        let differ = made.lines().zip(written.lines()).find(|(made, written)| made != written);
        assert!(
            made == written,
            "docs/reference/{file} has drifted ({differ:?}): FLEETSIM_BLESS=1 cargo test --test docs writes it anew"
        );
    }
    let keys = page("reference/keys.md");
    for key in [
        "`concurrent`",
        "`consolidate_after`",
        "## `[node_pool.disruption]`",
        "## `[ec2.spot]`",
        "## `[workload.class]`",
    ] {
        assert!(keys.contains(key), "{key}");
    }
}

#[test]
fn the_columns_of_the_reference_are_those_of_the_files() {
    let place = tempfile::tempdir().unwrap();
    let scenario = command::scenario(place.path(), command::SMALL);
    let out = place.path().join("out").display().to_string();
    fleetsim().args(["run", &scenario, "--reps", "2", "--out", &out]).assert().success();
    for file in [
        "summary.csv",
        "replications.csv",
        "costs.csv",
        "waste.csv",
        "cost_groups.csv",
        "timeline.csv",
        "jobs.csv",
        "nodes.csv",
    ] {
        let text = fs::read_to_string(place.path().join("out/small").join(file)).unwrap();
        let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
        assert_eq!(columns_of(file), header, "{file}");
    }
}

/// Constants with their value and meaning in the table of `model.md`, each as it stands in the code.
#[test]
fn constants_of_the_model_page_are_those_of_the_code() {
    let text = page("model.md");
    let table = text.split("\n## Constants\n").nth(1).unwrap();
    let mut count = 0;
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let (name, value, file) =
            (cells[0].trim_matches('`'), cells[1].trim_matches('`'), cells[3].trim_matches('`'));
        let code = fs::read_to_string(root().join("src").join(file)).unwrap_or_else(|_| panic!("{row}"));
        let declared = code
            .lines()
            .find(|line| line.contains(&format!("const {name}: ")))
            .unwrap_or_else(|| panic!("{row}"));
        assert!(declared.trim_end().ends_with(&format!("= {value};")), "{row}: {declared}");
        count += 1;
    }
    assert!(count >= 30, "{count} constants");
}

/// Keys that a job of GitLab may have and that the ready job uses, and report kinds (GitLab `ci/yaml`, 18.x).
const JOB_KEYS: [&str; 6] = ["stage", "image", "script", "allow_failure", "artifacts", "variables"];
const REPORTS: [&str; 5] = ["junit", "metrics", "codequality", "dotenv", "annotations"];

/// Files of CI that the ready jobs name after `--emit`, in a run as they make it.
fn emitted(arguments: &str) -> BTreeSet<String> {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("fleet.toml"), command::SMALL).unwrap();
    let line =
        arguments.replace("\"$FLEET_SCENARIO\"", "fleet.toml").replace("$FLEET_SCENARIO", "fleet.toml");
    runs(place.path(), &words(&line));
    let mut found = BTreeSet::new();
    for folder in ["", "fleet-ci"] {
        if let Ok(entries) = fs::read_dir(place.path().join(folder)) {
            found.extend(entries.filter_map(|entry| {
                let path = entry.unwrap().path();
                path.is_file().then(|| path.strip_prefix(place.path()).unwrap().display().to_string())
            }));
        }
    }
    found
}

#[test]
fn the_job_for_gitlab_is_a_pipeline_whose_reports_are_written() {
    let path = "ci/fleetsim.gitlab-ci.yml";
    let pipeline = Yaml::parse(&page(path));
    assert!(page("ci.md").contains(&page(path)), "the page shows the file");
    assert_eq!(pipeline.keys(&[]), ["variables", "fleet-lint", "fleet-gate"]);
    for job in ["fleet-lint", "fleet-gate"] {
        for key in pipeline.keys(&[job]) {
            assert!(JOB_KEYS.contains(&key), "{job}: {key}");
        }
        let mut files = BTreeSet::new();
        for line in pipeline.texts(&[job, "script"]) {
            if line.contains("--emit") {
                files.extend(emitted(line));
            } else {
                let command = words(line);
                fleetsim().args([&command[1], "--help"]).assert().success();
            }
        }
        for kind in pipeline.keys(&[job, "artifacts", "reports"]) {
            assert!(REPORTS.contains(&kind), "{kind}");
            let file = pipeline.text(&[job, "artifacts", "reports", kind]).unwrap();
            assert!(files.contains(file), "{job} reports {file}: {files:?}");
        }
    }
    assert_eq!(pipeline.texts(&["fleet-gate", "allow_failure", "exit_codes"]), ["12"]);
    assert_eq!(pipeline.text(&["fleet-gate", "artifacts", "when"]), Some("always"));
    // The importer of pipelines reads it as well.
    let import =
        fleetsim().current_dir(root().join("docs/ci")).args(["import", "fleetsim.gitlab-ci.yml"]).output();
    let output = import.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_workflow_for_github_simulates_tells_and_judges() {
    let path = "ci/fleetsim.github.yml";
    let workflow = Yaml::parse(&page(path));
    assert!(page("ci.md").contains(&page(path)), "the page shows the file");
    assert_eq!(workflow.keys(&[]), ["name", "on", "permissions", "jobs"]);
    assert!(workflow.text(&["jobs", "fleet-gate", "runs-on"]).is_some());
    let Some(Yaml::List(steps)) = workflow.at(&["jobs", "fleet-gate", "steps"]) else { panic!("no steps") };
    let lines: Vec<&str> = steps.iter().filter_map(|step| step.text(&["run"])).collect();
    for step in steps {
        assert!(
            step.text(&["run"]).is_some() != step.text(&["uses"]).is_some(),
            "a step runs or uses: {step:?}"
        );
    }
    let files = emitted(lines.iter().find(|line| line.contains("--emit")).unwrap());
    let note = lines.iter().find(|line| line.contains("GITHUB_STEP_SUMMARY")).unwrap();
    let file = note.split_whitespace().nth(1).unwrap();
    assert!(files.contains(file), "{file}: {files:?}");
    assert!(lines.iter().any(|line| line.starts_with("fleetsim check ")));
}
