//! A corpus of broken scenarios: each file says in its first lines (`#! CODE line:column hint`) what must be reported.

use fleetsim::scenario::{Diagnostic, resolve};
use std::fs;
use std::path::{Path, PathBuf};

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    files
}

fn mistakes(path: &Path) -> Vec<Diagnostic> {
    let text = fs::read_to_string(path).unwrap();
    let folder = path.parent().unwrap().to_path_buf();
    let mut files = |name: &str| fs::read(folder.join(name)).map_err(|_| "there is no such file".to_owned());
    let name = path.file_name().unwrap().to_string_lossy();
    resolve(&text, &name, &mut files).map(|scenario| scenario.name).expect_err(&name)
}

/// Code, place and hint that a line `#! …` of a broken scenario asks for.
fn expected(line: &str) -> (String, String, String) {
    let mut parts = line.splitn(3, ' ');
    let mut next = || parts.next().unwrap_or("").to_owned();
    (next(), next(), next())
}

#[test]
fn every_broken_scenario_names_place_expectation_and_hint() {
    let mut wrong = Vec::new();
    for path in corpus() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let found = mistakes(&path);
        let rendered: Vec<String> = found.iter().map(|diagnostic| diagnostic.render(false)).collect();
        for line in text.lines().filter_map(|line| line.strip_prefix("#! ")) {
            let (code, place, hint) = expected(line);
            let is_met = found.iter().zip(&rendered).any(|(diagnostic, rendered)| {
                let (line, column) = diagnostic.span.line_and_column();
                let own = format!("{line}:{column}");
                let full = format!("{}:{own}", diagnostic.span.source.name);
                diagnostic.code.id() == code
                    && (place == "-"
                        || own == place
                        || full.starts_with(&place)
                        || (place.ends_with(':') && own.starts_with(&place)))
                    && rendered.contains(&hint)
            });
            if !is_met {
                wrong.push(format!(
                    "{name}: expected {code} at {place} with `{hint}`, found\n{}",
                    rendered.join("\n")
                ));
            }
        }
        for (diagnostic, rendered) in found.iter().zip(&rendered) {
            if !(rendered.contains('^') && !diagnostic.message.is_empty() && !diagnostic.label.is_empty()) {
                wrong.push(format!("{name}: no caret or no text\n{rendered}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_corpus_has_at_least_forty_files() {
    assert!(corpus().len() >= 40, "{}", corpus().len());
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once() {
    let text = "sed = 1\nhorizon = 7\nwarmup = \"-5m\"\n[[runner]]\nname = \"x86\"\nconcurent = 5\n[[workload.class]]\nname = \"a\"\n";
    let mut files = |_: &str| Err("there is no such file".to_owned());
    let found = resolve(text, "many.toml", &mut files).map(|scenario| scenario.name).unwrap_err();
    let codes: Vec<&str> = found.iter().map(|diagnostic| diagnostic.code.id()).collect();
    // Unknown key, no unit, negative, unknown key, two required keys of the class.
    assert_eq!(codes, ["FS0002", "FS0004", "FS0005", "FS0002", "FS0007", "FS0007"], "{found:?}");
}
