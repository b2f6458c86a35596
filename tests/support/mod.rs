//! Shared by the integration tests: where recordings of the real components are found.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

/// The folder of recordings: `FLEETSIM_ORACLE`, else `../shared/oracle`, else the copies kept under `tests/recordings`.
pub fn oracle_root() -> PathBuf {
    if let Some(root) = std::env::var_os("FLEETSIM_ORACLE") {
        return PathBuf::from(root);
    }
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = crate_root.join("../shared/oracle");
    if shared.is_dir() { shared } else { crate_root.join("tests/recordings") }
}

/// Opens `relative` below the recordings, plain or with `.gz` added or removed.
pub fn open(relative: &str) -> Option<Box<dyn Read>> {
    let path = oracle_root().join(relative);
    let plain = path.with_extension("");
    let candidates = if relative.ends_with(".gz") {
        vec![path, plain]
    } else {
        vec![path.clone(), PathBuf::from(format!("{}.gz", path.display()))]
    };
    let found = candidates.into_iter().find(|candidate| candidate.is_file())?;
    let file = File::open(&found).ok()?;
    Some(if found.extension().is_some_and(|ext| ext == "gz") {
        Box::new(GzDecoder::new(file))
    } else {
        Box::new(file)
    })
}

/// The whole text of a recording; panics with the path where it is missing.
pub fn read(relative: &str) -> String {
    let mut text = String::new();
    open(relative)
        .unwrap_or_else(|| panic!("no recording {relative} below {}", oracle_root().display()))
        .read_to_string(&mut text)
        .unwrap_or_else(|error| panic!("{relative}: {error}"));
    text
}

/// The non-empty lines of a JSON Lines recording.
pub fn lines(relative: &str) -> Vec<String> {
    let reader = BufReader::new(
        open(relative).unwrap_or_else(|| panic!("no recording {relative} below {}", oracle_root().display())),
    );
    reader
        .lines()
        .map(|line| line.expect("a recording is readable"))
        .filter(|line| !line.trim().is_empty())
        .collect()
}

/// The files in a folder of recordings whose names (without `.gz`) start and end as given, sorted, relative to the root.
pub fn files(folder: &str, prefix: &str, suffix: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(oracle_root().join(folder))
        .map(|entries| entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
        .unwrap_or_default();
    names.iter_mut().for_each(|name| *name = name.trim_end_matches(".gz").to_owned());
    names.retain(|name| name.starts_with(prefix) && name.ends_with(suffix));
    names.sort();
    names.dedup();
    names.into_iter().map(|name| format!("{folder}/{name}")).collect()
}
