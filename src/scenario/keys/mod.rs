//! The key reference: every scenario key with its type, unit, default and meaning, once. Reading, the JSON Schema, the
//! starter file and the nearest-key hints all follow this table, so that they cannot drift apart.

mod alternatives;
mod ec2;
mod events;
mod gitlab;
mod karpenter;
mod kubernetes;
mod placement;
mod run;
mod workload;

pub(super) use run::ROOT;

/// One key of the scenario language.
#[derive(Debug)]
pub(super) struct Key {
    /// Canonical spelling, snake_case. `kebab-case` and `camelCase` of it are read as the same.
    pub name: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// What holds where it is absent.
    pub absent: Absent,
    /// One sentence for people.
    pub doc: &'static str,
    /// Further names, snake_case.
    pub aliases: &'static [&'static str],
}

/// What holds where a key is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// This TOML value.
    Default(&'static str),
    /// An error.
    Required,
    /// Nothing: the key has no effect unless given.
    Nothing,
    /// A table with the defaults of its own keys.
    Section,
}

/// What may stand at a key. Ranges are inclusive.
#[derive(Debug)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// A name others refer to: letters, digits, `-` and `_`.
    Name,
    /// A path of a file, relative to the scenario's folder.
    Path,
    /// A date and time with its time zone.
    Zoned,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer(i64, i64),
    /// A real number.
    Number(f64, f64),
    /// A duration with unit.
    Duration,
    /// A duration with unit, or `Never`.
    DurationOrNever,
    /// `true`, `false` or a duration with unit.
    SwitchOrDuration,
    /// A Kubernetes CPU quantity.
    Cpu,
    /// A Kubernetes memory quantity.
    Memory,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A duration that is drawn: constant text or a table that names its shape.
    Distribution,
    /// A list.
    List(&'static Self),
    /// Keys of the user's own with values of one kind.
    Map(&'static Self),
    /// A table with these keys.
    Table(&'static [Key]),
    /// A list of tables with these keys.
    Tables(&'static [Key]),
    /// A list of tables, or a table of tables, whose elements are addressed by their key `name`.
    Named(&'static [Key]),
}

impl Key {
    /// A key that has no effect unless it is given.
    #[must_use]
    pub(super) const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, kind, absent: Absent::Nothing, doc, aliases: &[] }
    }

    /// The same with a default, written as TOML.
    #[must_use]
    pub(super) const fn or(mut self, default: &'static str) -> Self {
        self.absent = Absent::Default(default);
        self
    }

    /// The same, but it must be given.
    #[must_use]
    pub(super) const fn required(mut self) -> Self {
        self.absent = Absent::Required;
        self
    }

    /// The same with further names.
    #[must_use]
    pub(super) const fn also(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// A table that is always there, with the defaults of `keys`.
    #[must_use]
    pub(super) const fn section(name: &'static str, keys: &'static [Self], doc: &'static str) -> Self {
        Self { name, kind: Kind::Table(keys), absent: Absent::Section, doc, aliases: &[] }
    }
}

impl Kind {
    /// What a person is told to write there.
    #[must_use]
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Text => "text in quotes".to_owned(),
            Self::Name => "a name of letters, digits, `-` and `_` in quotes".to_owned(),
            Self::Path => "a file name in quotes".to_owned(),
            Self::Zoned => "a date with time zone such as \"2026-11-02T00:00[Europe/Berlin]\"".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Integer(low, high) => range_text("a whole number", &low, &high, *high == i64::MAX),
            Self::Number(low, high) => range_text("a number", low, high, high.is_infinite()),
            Self::Duration => "a duration such as \"30s\", \"5m\" or \"7d\"".to_owned(),
            Self::DurationOrNever => "a duration such as \"30s\" or \"5m\", or \"Never\"".to_owned(),
            Self::SwitchOrDuration => "true, false or a duration such as \"30m\"".to_owned(),
            Self::Cpu => "CPU such as \"500m\" or \"2\"".to_owned(),
            Self::Memory => "memory such as \"512Mi\" or \"4Gi\"".to_owned(),
            Self::Choice(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("one of {}", quoted.join(", "))
            }
            Self::Distribution => {
                "a duration such as \"4m\", or a table such as { median = \"4m\", p95 = \"14m\" }".to_owned()
            }
            Self::List(_) => "a list […]".to_owned(),
            Self::Map(_) | Self::Table(_) => "a table".to_owned(),
            Self::Tables(_) | Self::Named(_) => "a list of tables".to_owned(),
        }
    }

    /// The keys of a table of this kind, if it has fixed ones.
    #[must_use]
    pub(super) const fn keys(&self) -> Option<&'static [Key]> {
        match self {
            Self::Table(keys) | Self::Tables(keys) | Self::Named(keys) => Some(keys),
            _ => None,
        }
    }
}

fn range_text<T: std::fmt::Display>(what: &str, low: &T, high: &T, open: bool) -> String {
    if open { format!("{what} of at least {low}") } else { format!("{what} from {low} to {high}") }
}

/// The snake_case spelling of a key written in kebab-case, camelCase or snake_case.
#[must_use]
pub(super) fn snake_case(written: &str) -> String {
    let mut snake = String::with_capacity(written.len() + 4);
    for letter in written.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(if letter == '-' { '_' } else { letter.to_ascii_lowercase() });
    }
    snake
}

/// The key of `keys` that `written` means, in any accepted spelling.
#[must_use]
pub(super) fn find(keys: &'static [Key], written: &str) -> Option<&'static Key> {
    let snake = snake_case(written);
    keys.iter().find(|key| key.name == snake || key.aliases.contains(&snake.as_str()))
}

/// The key of `keys` nearest to `written`, if any is near enough to be meant.
#[must_use]
pub(super) fn nearest(keys: &'static [Key], written: &str) -> Option<&'static str> {
    let names = keys.iter().flat_map(|key| std::iter::once(&key.name).chain(key.aliases)).copied();
    nearest_word(names, &snake_case(written))
}

/// The word nearest to `written`, if any is near enough to be meant.
#[must_use]
pub(super) fn nearest_word<'a>(words: impl IntoIterator<Item = &'a str>, written: &str) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let scored = words.into_iter().map(|word| {
        let distance = strsim::damerau_levenshtein(&word.to_lowercase(), &lower);
        (distance, word)
    });
    let (distance, word) = scored.min()?;
    let longest = word.chars().count().max(written.chars().count());
    (distance <= (longest / 3).max(1) && distance < longest).then_some(word)
}

/// Where else a key of this name exists: the path of the table that has it, such as `node_pool.disruption`.
#[must_use]
pub(super) fn home_of(written: &str) -> Option<String> {
    fn search(keys: &'static [Key], snake: &str, path: &str, found: &mut Vec<String>) {
        for key in keys {
            if key.name == snake && !path.is_empty() {
                found.push(path.to_owned());
            }
            if let Some(inner) = key.kind.keys() {
                let deeper =
                    if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
                search(inner, snake, &deeper, found);
            }
        }
    }
    let mut found = Vec::new();
    search(ROOT, &snake_case(written), "", &mut found);
    if found.len() == 1 { found.pop() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(keys: &'static [Key], visit: &mut impl FnMut(&'static Key)) {
        for key in keys {
            visit(key);
            if let Some(inner) = key.kind.keys() {
                walk(inner, visit);
            }
        }
    }

    #[test]
    fn every_spelling_of_a_key_means_the_same() {
        for spelling in ["consolidate_after", "consolidate-after", "consolidateAfter"] {
            assert_eq!(snake_case(spelling), "consolidate_after");
        }
        assert_eq!(find(ROOT, "reps").unwrap().name, "replications");
        assert_eq!(nearest(ROOT, "replicatons"), Some("replications"));
        assert_eq!(nearest(ROOT, "xyzzy"), None);
        assert_eq!(home_of("consolidateAfter").as_deref(), Some("node_pool.disruption"));
    }

    #[test]
    fn every_key_is_snake_case_documented_and_unique_in_its_table() {
        fn unique(keys: &'static [Key]) {
            for (at, key) in keys.iter().enumerate() {
                for other in &keys[..at] {
                    assert!(
                        other.name != key.name && !other.aliases.contains(&key.name),
                        "{} stands twice",
                        key.name
                    );
                }
                if let Some(inner) = key.kind.keys() {
                    unique(inner);
                }
            }
        }
        unique(ROOT);
        walk(ROOT, &mut |key| {
            assert_eq!(snake_case(key.name), key.name);
            assert!(key.doc.ends_with('.') && key.doc.len() > 5, "{}: {}", key.name, key.doc);
        });
    }
}
