//! The house rules as an ordinary test: imports point down, files and functions stay small, every file says what it owns.

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms by floor. An import may only point to a lower floor, or to a room named in [`SAME_FLOOR`].
const FLOORS: &[(&str, u8)] = &[
    ("main", 7),
    ("cli", 7),
    ("scenario", 6),
    ("report", 6),
    ("experiment", 5),
    ("simulation", 4),
    ("gitlab", 3),
    ("kubernetes", 3),
    ("karpenter", 3),
    ("scaling", 3),
    ("ec2", 3),
    ("metrics", 3),
    ("fleet", 2),
    ("workload", 2),
    ("catalog", 2),
    ("engine", 1),
    ("units", 0),
];

/// The only imports between rooms of one floor: both rooms speak of architectures and capacity types, whose names the
/// catalog owns.
const SAME_FLOOR: &[(&str, &str)] = &[("fleet", "catalog"), ("workload", "catalog")];

const MAX_FILE_LINES: usize = 400;
const MAX_FUNCTION_LINES: usize = 70;
const FORBIDDEN: &[&str] = &["todo!", "dbg!", "FIXME", "XXX", "unimplemented!"];

fn floor(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file as (path below `src`, room, text without its test module).
fn sources() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    files
        .into_iter()
        .map(|path| {
            let relative = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            let room = relative.split(['/', '.']).next().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap().to_owned();
            (relative, room, code)
        })
        .collect()
}

fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or("")
}

#[test]
fn imports_only_point_down() {
    let mut wrong = Vec::new();
    for (file, room, code) in sources() {
        let Some(own) = floor(&room) else {
            assert!(room == "lib", "{file}: room `{room}` is not in the table of floors");
            continue;
        };
        for (number, line) in code.lines().enumerate() {
            for rest in without_comment(line).split("crate::").skip(1) {
                let target: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let allowed = target == room
                    || floor(&target).is_some_and(|below| below < own)
                    || SAME_FLOOR.contains(&(room.as_str(), target.as_str()));
                if !allowed {
                    wrong.push(format!("src/{file}:{}: {room} must not import {target}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_command_line_touches_files_terminal_clock_and_environment() {
    let mut wrong = Vec::new();
    for (file, room, code) in sources() {
        if matches!(room.as_str(), "cli" | "main") {
            continue;
        }
        for (number, line) in code.lines().enumerate() {
            let line = without_comment(line);
            for door in ["std::fs", "std::env", "println!", "eprintln!", "Instant::now", "SystemTime"] {
                if line.contains(door) {
                    wrong.push(format!("src/{file}:{}: {door} belongs in cli/", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_short_and_open_with_what_they_own() {
    let mut wrong = Vec::new();
    for (file, _, code) in sources() {
        let lines = code.lines().count();
        if lines > MAX_FILE_LINES {
            wrong.push(format!("src/{file}: {lines} lines without tests, at most {MAX_FILE_LINES}"));
        }
        if !code.starts_with("//!") {
            wrong.push(format!("src/{file}: opens without a `//!` line"));
        }
        for (number, line) in code.lines().enumerate() {
            for word in FORBIDDEN {
                if line.contains(word) {
                    wrong.push(format!("src/{file}:{}: `{word}`", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn functions_fit_on_a_screen() {
    let mut wrong = Vec::new();
    for (file, _, code) in sources() {
        let mut open: Option<(usize, usize, String)> = None; // indentation, first line, name
        for (number, line) in code.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let trimmed = line.trim_start();
            if open.is_none()
                && !trimmed.starts_with("//")
                && (trimmed.starts_with("fn ") || trimmed.contains(" fn "))
            {
                open = Some((indent, number, trimmed.to_owned()));
            }
            if let Some((own, first, name)) = &open {
                let ends = indent == *own
                    && (trimmed == "}"
                        || trimmed.ends_with(';')
                        || (number == *first && trimmed.ends_with('}')));
                if ends {
                    let lines = number - first + 1;
                    if lines > MAX_FUNCTION_LINES {
                        wrong.push(format!("src/{file}:{}: {lines} lines: {name}", first + 1));
                    }
                    open = None;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_scenario_says_which_question_it_answers_and_has_a_golden() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(entries) = fs::read_dir(root.join("scenarios")) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            assert!(
                text.starts_with('#') && text.lines().next().unwrap().contains('?'),
                "{name}: the first line asks the question"
            );
            assert!(
                root.join(format!("tests/golden/{name}.csv")).is_file(),
                "{name}: tests/golden/{name}.csv is missing"
            );
        }
    }
}
