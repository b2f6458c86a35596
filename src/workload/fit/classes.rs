//! Which jobs of a trace are alike: by class, name, tags or stage; rare and similar groups are joined. Fits no duration.

use std::collections::BTreeMap;

use crate::workload::{ArchChoice, JobRow};

/// Groups of fewer jobs are joined with others of their stage and architecture.
const FEWEST_JOBS: usize = 30;
/// Groups compared with each other at most; the smallest beyond are joined.
const MOST_COMPARED: usize = 300;
/// Member names that are remembered.
const NAMED_MEMBERS: usize = 12;

/// By what jobs are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// By class where a map named one, else by name, else by tags, else by stage.
    Auto,
    /// By the class that a map gave.
    Class,
    /// By name, without the number of a parallel copy and the values of a matrix.
    Name,
    /// By runner tags.
    Tags,
    /// By stage.
    Stage,
    /// Not at all.
    All,
}

/// Jobs that are alike: their places in the list of rows, in time order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group {
    pub name: String,
    /// Names that were joined, the most frequent first; one for a group of its own.
    pub members: Vec<(String, usize)>,
    pub stage: String,
    pub arch: Option<ArchChoice>,
    pub rows: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    stage: String,
    arch: Option<ArchChoice>,
    has_cpu: bool,
    has_memory: bool,
}

/// A name without `3/8` and without `: [a, b]`, as GitLab appends them to copies.
pub(super) fn without_copy(name: &str) -> &str {
    let name = name.trim();
    if name.ends_with(']')
        && let Some(cut) = name.rfind(": [")
    {
        return &name[..cut];
    }
    let Some((front, number)) = name.rsplit_once([' ', ':']) else { return name };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match number.split_once('/') {
        Some((copy, of)) if digits(copy) && digits(of) => front.trim_end(),
        _ => name,
    }
}

/// At most `most` groups of `rows`.
pub(super) fn groups(rows: &[JobRow<'_>], by: GroupBy, most: usize) -> Vec<Group> {
    let by = match by {
        GroupBy::Auto => automatic(rows),
        chosen => chosen,
    };
    let mut named: BTreeMap<(Key, &str), Vec<u32>> = BTreeMap::new();
    for (place, row) in (0_u32..).zip(rows) {
        let name = match by {
            GroupBy::Class if !row.class.is_empty() => row.class,
            GroupBy::Class | GroupBy::Name | GroupBy::Auto => without_copy(row.name),
            GroupBy::Tags => row.tags,
            GroupBy::Stage => row.stage,
            GroupBy::All => "",
        };
        let key = Key {
            stage: row.stage.to_owned(),
            arch: row.arch,
            has_cpu: row.cpu_millis.is_some(),
            has_memory: row.memory_mib.is_some(),
        };
        named.entry((key, name)).or_default().push(place);
    }
    let mut pools: BTreeMap<Key, Vec<Group>> = BTreeMap::new();
    for ((key, name), places) in named {
        let name = if name.is_empty() { "job" } else { name };
        let group = Group {
            name: name.to_owned(),
            members: vec![(name.to_owned(), places.len())],
            stage: key.stage.clone(),
            arch: key.arch,
            rows: places,
        };
        pools.entry(key).or_default().push(group);
    }
    let mut all = Vec::new();
    let pooled = pools.len();
    for groups in pools.into_values() {
        all.extend(join_rare(groups, MOST_COMPARED / pooled.min(MOST_COMPARED)));
    }
    merged(all, rows, most)
}

fn automatic(rows: &[JobRow<'_>]) -> GroupBy {
    let any = |says: fn(&JobRow<'_>) -> bool| rows.iter().any(says);
    if any(|row| !row.class.is_empty()) {
        GroupBy::Class
    } else if any(|row| !row.name.is_empty()) {
        GroupBy::Name
    } else if any(|row| !row.tags.is_empty()) {
        GroupBy::Tags
    } else {
        GroupBy::Stage
    }
}

/// Joins the groups of one stage and architecture that are too small, and those beyond the `most` largest.
fn join_rare(mut groups: Vec<Group>, most: usize) -> Vec<Group> {
    groups
        .sort_by(|one, other| other.rows.len().cmp(&one.rows.len()).then_with(|| one.name.cmp(&other.name)));
    let large = groups.iter().take_while(|group| group.rows.len() >= FEWEST_JOBS).count().min(most.max(1));
    if groups.len() - large < 2 {
        return groups;
    }
    let rare = groups.split_off(large);
    let joined = rare.into_iter().reduce(joined);
    groups.extend(joined);
    groups
}

fn joined(mut one: Group, other: Group) -> Group {
    one.members.extend(other.members);
    one.members.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    one.rows.extend(other.rows);
    one.rows.sort_unstable();
    one
}

/// Joins the most similar groups of equal stage and architecture (Ward, JASA 58, 1963, on logarithms of durations and
/// requests) until at most `most` are left, or no two may be joined; then names them.
fn merged(mut groups: Vec<Group>, rows: &[JobRow<'_>], most: usize) -> Vec<Group> {
    let mut features: Vec<[f64; 5]> = groups.iter().map(|group| features(group, rows)).collect();
    while groups.len() > most.max(1) {
        let mut nearest: Option<(f64, usize, usize)> = None;
        for one in 0..groups.len() {
            for other in one + 1..groups.len() {
                if groups[one].stage != groups[other].stage || groups[one].arch != groups[other].arch {
                    continue;
                }
                let (n, m) = (groups[one].rows.len() as f64, groups[other].rows.len() as f64);
                let apart: f64 =
                    features[one].iter().zip(&features[other]).map(|(a, b)| (a - b) * (a - b)).sum();
                let cost = n * m / (n + m) * apart;
                if nearest.is_none_or(|(least, ..)| cost < least) {
                    nearest = Some((cost, one, other));
                }
            }
        }
        let Some((_, one, other)) = nearest else { break };
        let taken = groups.remove(other);
        features.remove(other);
        let left = std::mem::take(&mut groups[one]);
        groups[one] = joined(left, taken);
        features[one] = self::features(&groups[one], rows);
    }
    name_joined(&mut groups);
    groups.sort_by(|one, other| (&one.stage, &one.name).cmp(&(&other.stage, &other.name)));
    groups
}

/// Logarithms of three quantiles of the durations and of the mean requests.
fn features(group: &Group, rows: &[JobRow<'_>]) -> [f64; 5] {
    let mut durations: Vec<u64> = group.rows.iter().map(|row| rows[*row as usize].duration_ms).collect();
    durations.sort_unstable();
    let log = |share: usize| libm::log1p(durations[(durations.len() - 1) * share / 10] as f64 / 1e3);
    let mean = |value: fn(&JobRow<'_>) -> Option<u32>| {
        let sum: f64 = group.rows.iter().filter_map(|row| value(&rows[*row as usize])).map(f64::from).sum();
        libm::log1p(sum / group.rows.len() as f64)
    };
    [log(1), log(5), log(9), mean(|row| row.cpu_millis), mean(|row| row.memory_mib)]
}

/// A joined group is called by what its names begin with, or by its most frequent name; all names are different.
fn name_joined(groups: &mut [Group]) {
    for group in groups.iter_mut() {
        if group.members.len() > 1 {
            let common = common_start(&group.members);
            let most = without_copy(&group.members[0].0);
            let begin = if common.chars().count() >= 4 { common } else { most };
            group.name = format!("{begin} and {} others", group.members.len() - 1);
            if begin == common {
                group.name = format!("{begin} ({} names)", group.members.len());
            }
            group.members.truncate(NAMED_MEMBERS);
        }
    }
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    for group in groups {
        let count = used.entry(group.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            group.name = format!("{} #{count}", group.name);
        }
    }
}

fn common_start(members: &[(String, usize)]) -> &str {
    let first = members[0].0.as_str();
    let mut end = first.len();
    for (name, _) in members {
        let same = first.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
        end = end.min(same);
    }
    while !first.is_char_boundary(end) {
        end -= 1;
    }
    // Half a word says nothing.
    let goes_on = |name: &str| name[end..].starts_with(char::is_alphanumeric);
    if members.iter().any(|(name, _)| goes_on(name)) {
        end = first[..end].rfind(|letter: char| !letter.is_alphanumeric()).unwrap_or(0);
    }
    first[..end].trim_end_matches(|letter: char| !letter.is_alphanumeric()).trim_start_matches([' ', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Identifier;

    #[test]
    fn copies_and_matrices_are_one_job() {
        assert_eq!(without_copy("rspec 3/8"), "rspec");
        assert_eq!(without_copy("build: [arm64, debug]"), "build");
        assert_eq!(without_copy("lint 2"), "lint 2");
        assert_eq!(without_copy("a/b c/d"), "a/b c/d");
    }

    #[test]
    fn similar_groups_are_joined_first_and_stages_stay_apart() {
        let names = ["unit a", "unit b", "build", "deploy"];
        let seconds = [60, 63, 900, 62];
        let rows: Vec<JobRow<'_>> = (0..400)
            .map(|n| JobRow {
                name: names[n % 4],
                stage: if n % 4 == 3 { "deploy" } else { "test" },
                duration_ms: seconds[n % 4] * 1000,
                ..JobRow::nothing(Identifier::Number(n as u64))
            })
            .collect();
        let found = groups(&rows, GroupBy::Auto, 3);
        let names: Vec<&str> = found.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["deploy", "build", "unit (2 names)"]);
        assert_eq!(found.iter().map(|group| group.rows.len()).sum::<usize>(), 400);
        assert_eq!(groups(&rows, GroupBy::All, 9).len(), 2);
    }
}
