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

/// Every page of the book, relative to `docs/`, but for the summary.
fn pages() -> Vec<String> {
    let docs = root().join("docs");
    let (mut pages, mut folders) = (Vec::new(), vec![docs.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "md") && !path.ends_with("SUMMARY.md") {
                pages.push(path.strip_prefix(&docs).unwrap().display().to_string());
            }
        }
    }
    pages.sort();
    pages
}

/// Pages whose commands build on each other or need files of their own: they have a test of their own.
const OWN_TEST: [&str; 3] = ["tutorial.md", "recipes.md", "why.md"];

#[test]
fn other_pages_name_no_command_that_fails() {
    let place = tempfile::tempdir().unwrap();
    for name in pages().iter().filter(|name| !OWN_TEST.contains(&name.as_str())) {
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
    for name in pages() {
        let text = page(&name);
        for code in text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("fleetsim ")) {
            let command = words(code)[1].trim_end_matches(',').to_owned();
            fleetsim().args([&command, "--help"]).assert().success();
        }
        for test in text.split("cargo test --test ").skip(1).filter_map(|rest| rest.split([' ', '`']).next())
        {
            assert!(root().join(format!("tests/{test}.rs")).is_file(), "{name}: {test}");
        }
    }
}

/// The anchors of a page as mdBook 0.5 makes them of its headings: letters, digits, `-` and `_` in lower case, blanks as `-`,
/// and a number after those that are there twice.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut known: Vec<String> = Vec::new();
    let mut is_code = false;
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        let Some(heading) = line.strip_prefix('#').filter(|_| !is_code) else { continue };
        let own: String = heading
            .trim_start_matches('#')
            .trim()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                '-' | '_' => Some(c),
                c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
                _ => None,
            })
            .collect();
        let before = known.iter().filter(|one| **one == own).count();
        known.push(if before == 0 { own } else { format!("{own}-{before}") });
    }
    known.into_iter().collect()
}

#[test]
fn links_are_checked_as_mdbook_makes_anchors() {
    let text = "# A b\n## 1. What is `c_d`?\n```sh\n# no heading\n```\n## A b\n";
    assert_eq!(anchors(text), ["a-b", "1-what-is-c_d", "a-b-1"].map(str::to_owned).into());
}

/// Every fenced block of the README and of the book is of a kind that a test looks at.
#[test]
fn every_block_of_code_is_run_or_read_by_a_test() {
    let readme = ("README.md".to_owned(), fs::read_to_string(root().join("README.md")).unwrap());
    let book = pages().into_iter().map(|name| (name.clone(), page(&name)));
    for (name, text) in std::iter::once(readme).chain(book) {
        let mut blocks = text.split("\n```");
        blocks.next();
        // Blocks and what stands between them, one after the other.
        for block in blocks.step_by(2) {
            let (kind, code) = block.split_once('\n').unwrap();
            match kind {
                // Run: here, by `tests/readme.rs` and by `tests/tutorial.rs`, which take every `sh` block.
                "sh" => {
                    for line in code.lines().filter(|line| !line.is_empty()) {
                        let is_run =
                            line.starts_with("fleetsim ") || line.starts_with("cargo run --release -- ");
                        // How developers call the tests: running them here would never end.
                        let is_for_developers = name == "README.md" && line.starts_with("cargo test");
                        assert!(is_run || is_for_developers, "{name}: {line}");
                    }
                }
                "toml" => {
                    let parsed: Result<toml::Table, _> = code.parse();
                    assert!(parsed.is_ok(), "{name}: {code}");
                }
                "yaml" => assert!(name == "ci.md", "{name}: the ready jobs are compared with their files"),
                // What a command prints.
                "text" => {}
                kind => panic!("{name}: a block of `{kind}`"),
            }
        }
    }
}

/// The answers of the chapter are those of its commands. `FLEETSIM_BLESS=1` writes them anew.
#[test]
fn the_five_whys_are_answered_as_the_chapter_says() {
    let text = page("why.md");
    let mut made = String::new();
    let mut rest = text.as_str();
    let mut count = 0;
    while let Some((before, after)) = rest.split_once("```sh\n") {
        let (command, after) =
            after.split_once("\n```\n\n```text\n").expect("an answer follows each command");
        let (_, after) = after.split_once("```").expect("the answer ends");
        let said = runs(&root(), &words(command));
        assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
        made.push_str(&format!(
            "{before}```sh\n{command}\n```\n\n```text\n{}```",
            said.replace('\u{a0}', " ")
        ));
        rest = after;
        count += 1;
    }
    made.push_str(rest);
    assert_eq!(count, 5);
    if std::env::var_os("FLEETSIM_BLESS").is_some() {
        fs::write(root().join("docs/why.md"), &made).unwrap();
        return;
    }
    let differ = made.lines().zip(text.lines()).find(|(made, written)| made != written);
    assert!(made == text, "docs/why.md has drifted ({differ:?}): FLEETSIM_BLESS=1 cargo test --test docs");
}

/// Rooms whose constants are modelled.
const ROOMS: [&str; 9] =
    ["gitlab", "kubernetes", "karpenter", "scaling", "ec2", "catalog", "workload", "fleet", "simulation"];

/// Constants of a file with their values and what is said of them, as rows of a table. What names a random stream is none.
fn constants(path: &Path, rows: &mut Vec<String>) {
    let file = path.strip_prefix(root().join("src")).unwrap().display().to_string();
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    let mut said = String::new();
    for line in code.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("/// ") {
            said.push_str(if said.is_empty() { "" } else { " " });
            said.push_str(comment);
            continue;
        }
        let declared =
            line.split_once("const ").filter(|(before, _)| before.is_empty() || before.starts_with("pub"));
        let value = declared.and_then(|(_, rest)| rest.strip_suffix(';')?.split_once(" = "));
        if let Some((name, value)) =
            value.filter(|(_, value)| !said.is_empty() && !value.contains("Purpose::"))
        {
            let name = name.split(':').next().unwrap();
            let is_long = value.len() > 60;
            let value =
                if is_long { "a table".to_owned() } else { format!("`{}`", value.replace('|', "\\|")) };
            rows.push(format!(
                "| `{name}` | {value} | {} | `{file}` |\n",
                said.replace('|', "\\|").replace('<', "&lt;")
            ));
        }
        if !line.starts_with("#[") {
            said.clear();
        }
    }
}

/// A page of the reference is what is made from the code; `FLEETSIM_BLESS=1` writes it anew.
fn is_what_the_code_gives(file: &str, made: &str) {
    let path = root().join("docs/reference").join(file);
    if std::env::var_os("FLEETSIM_BLESS").is_some() {
        fs::write(&path, made).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let differ = made.lines().zip(written.lines()).find(|(made, written)| made != written);
    assert!(
        made == written,
        "docs/reference/{file} has drifted ({differ:?}): FLEETSIM_BLESS=1 cargo test --test docs writes it anew"
    );
}

#[test]
fn every_constant_of_the_model_is_in_the_reference() {
    let mut made = "<!-- Made by `tests/docs.rs` from the sources; FLEETSIM_BLESS=1 writes it anew. Do not edit. -->\n\
                    # Constants of the model\n\nEvery constant of the rooms that model something, with its value as the code has it, \
                    what it is and where it comes from.\n"
        .to_owned();
    let mut count = 0;
    for room in ROOMS {
        let (mut files, mut folders) = (Vec::new(), vec![root().join("src").join(room)]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|kind| kind == "rs") {
                    files.push(path);
                }
            }
        }
        files.sort();
        let mut rows = Vec::new();
        files.iter().for_each(|file| constants(file, &mut rows));
        if rows.is_empty() {
            continue;
        }
        count += rows.len();
        made.push_str(&format!(
            "\n## {room}\n\n| constant | value | what it is, and its source | file |\n|:--|:--|:--|:--|\n"
        ));
        made.extend(rows);
    }
    assert!(count > 60, "{count} constants");
    is_what_the_code_gives("constants.md", &made);
}

#[test]
fn the_book_has_every_page_once_and_its_links_lead_somewhere() {
    let summary = page("SUMMARY.md");
    let linked: Vec<&str> = summary.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    let unique: BTreeSet<&str> = linked.iter().copied().collect();
    assert_eq!(unique.len(), linked.len(), "a page twice");
    let pages = pages();
    for name in &pages {
        assert!(unique.contains(name.as_str()), "docs/{name} is not in the summary");
        let text = page(name);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(name).parent().unwrap();
            let target = if file.is_empty() { PathBuf::from(name) } else { folder.join(file) };
            let text = fs::read_to_string(root().join("docs").join(&target))
                .unwrap_or_else(|_| panic!("docs/{name} links to {link}"));
            assert!(anchor.is_empty() || anchors(&text).contains(anchor), "docs/{name}: {link}");
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
        is_what_the_code_gives(file, &made);
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
