//! The starter scenario of `fleetsim init`: a small fleet to change, with the meaning of each key from the reference.

use super::keys::{Absent, Key, ROOT, find};
use std::fmt::Write;

/// A commented scenario that runs as it is.
#[must_use]
pub fn starter() -> String {
    let mut text = String::new();
    for line in TEMPLATE.lines() {
        // `#? path` stands for the sentence of the reference about that key.
        match line.trim().strip_prefix("#? ") {
            Some(path) => {
                if let Some(key) = lookup(path) {
                    let _ = writeln!(text, "# {}{}", key.doc, default_note(key));
                }
            }
            None => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

fn default_note(key: &Key) -> String {
    match key.absent {
        Absent::Default(text) if text.len() > 2 && text.len() < 24 => format!(" Default: {text}."),
        _ => String::new(),
    }
}

/// The key at a dotted path of the reference.
fn lookup(path: &str) -> Option<&'static Key> {
    let mut keys = ROOT;
    let mut found = None;
    for part in path.split('.') {
        let key = find(keys, part)?;
        keys = key.kind.keys().unwrap_or(&[]);
        found = Some(key);
    }
    found
}

const TEMPLATE: &str = include_str!("starter.toml");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_the_starter_explains_exists() {
        for line in TEMPLATE.lines() {
            if let Some(path) = line.trim().strip_prefix("#? ") {
                assert!(lookup(path).is_some(), "{path}");
            }
        }
        assert!(!starter().contains("#?"));
    }
}
