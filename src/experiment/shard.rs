//! Shards: which part of an experiment's units one machine runs, as its engine's environment says. Reads no environment:
//! it asks the caller for variables.

use std::fmt;
use std::str::FromStr;

/// One of several machines that share the units of an experiment. Unit `u` belongs to shard `u mod n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shard {
    /// Which one, from 1.
    pub index: u32,
    /// How many there are.
    pub total: u32,
}

impl Shard {
    /// Shard `index` of `total`, counted from 1.
    ///
    /// # Errors
    /// There is no such shard.
    pub fn new(index: u32, total: u32) -> Result<Self, String> {
        if index == 0 || index > total {
            return Err(format!("there is no shard {index} of {total}: shards are counted from 1"));
        }
        Ok(Self { index, total })
    }

    /// The units of this shard among `units`, in ascending order.
    pub fn units(self, units: usize) -> impl Iterator<Item = usize> {
        (self.index as usize - 1..units).step_by(self.total as usize)
    }

    /// The shard of `total` to which `unit` belongs.
    #[must_use]
    pub fn of_unit(unit: usize, total: u32) -> Self {
        Self { index: (unit % total as usize) as u32 + 1, total }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.total)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(index, total)| Some((number(index)?, number(total)?)));
        let Some((index, total)) = parsed else {
            return Err(format!("`{text}` is not a shard such as 3/10"));
        };
        Self::new(index, total)
    }
}

fn number(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}

/// Names of the variables by which one engine says which of several equal jobs this is.
struct Engine {
    name: &'static str,
    index: &'static str,
    total: &'static str,
    /// What the first job's index is.
    base: u32,
}

/// In the order in which they are asked. Sources: GitLab, *Predefined CI/CD variables* (`CI_NODE_INDEX` counts from 1 and
/// exists only with `parallel`); Kubernetes, *Jobs, Indexed completion mode*; AWS Batch, *Array jobs* (from 0); GitHub's
/// `strategy.job-index` (from 0) is no variable by itself: the workflow hands it over under these names.
const ENGINES: [Engine; 4] = [
    Engine { name: "GitLab", index: "CI_NODE_INDEX", total: "CI_NODE_TOTAL", base: 1 },
    Engine { name: "Kubernetes", index: "JOB_COMPLETION_INDEX", total: SHARDS, base: 0 },
    Engine {
        name: "AWS Batch",
        index: "AWS_BATCH_JOB_ARRAY_INDEX",
        total: "AWS_BATCH_JOB_ARRAY_SIZE",
        base: 0,
    },
    Engine { name: "GitHub", index: "FLEETSIM_JOB_INDEX", total: "FLEETSIM_JOB_TOTAL", base: 0 },
];

/// Total number of shards, where the engine itself does not say it or where a part of an array is run again.
const SHARDS: &str = "FLEETSIM_SHARDS";

/// The shard that the environment of this machine stands for, and the engine that says so. `variable` answers with the
/// value of an environment variable.
///
/// `FLEETSIM_SHARDS`, where it is set, is the total; it must agree with the engine's own, except for a Slurm array, of
/// which a part can be run again: then the task id itself counts, from 0.
///
/// # Errors
/// No engine is known by its variables, or they contradict each other.
pub fn shard_from_environment(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(Shard, &'static str), String> {
    let read = |name: &str| -> Result<Option<u32>, String> {
        let Some(text) = variable(name).filter(|text| !text.trim().is_empty()) else { return Ok(None) };
        number(&text).map(Some).ok_or_else(|| format!("{name}={text} is not a whole number"))
    };
    let wanted = read(SHARDS)?;
    for engine in &ENGINES {
        let Some(index) = read(engine.index)? else { continue };
        let Some(total) = read(engine.total)? else {
            return Err(format!("{} is set but {} is not: {HOW}", engine.index, engine.total));
        };
        if wanted.is_some_and(|wanted| wanted != total) {
            return Err(format!("{}={total} contradicts {SHARDS}={}", engine.total, wanted.unwrap_or(0)));
        }
        let from_one = (index + 1).checked_sub(engine.base);
        let from_one =
            from_one.ok_or_else(|| format!("{}={index} counts from {}", engine.index, engine.base))?;
        return Ok((Shard::new(from_one, total)?, engine.name));
    }
    match read("SLURM_ARRAY_TASK_ID")? {
        Some(task) => Ok((slurm(task, wanted, read)?, "Slurm")),
        None => Err(format!("no engine that runs shards is known by its environment: {HOW}")),
    }
}

const HOW: &str = "--shard 3/10 says it by hand, `fleetsim shards --engine …` writes a manifest that says it";

/// Slurm numbers the tasks of an array as its user likes: `--array=10-50:5`. (Slurm, *Job Array Support*.)
fn slurm(
    task: u32,
    wanted: Option<u32>,
    read: impl Fn(&str) -> Result<Option<u32>, String>,
) -> Result<Shard, String> {
    if let Some(total) = wanted {
        return Shard::new(task + 1, total);
    }
    let first = read("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
    let step = read("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
    let Some(total) = read("SLURM_ARRAY_TASK_COUNT")? else {
        return Err(format!("SLURM_ARRAY_TASK_ID is set but SLURM_ARRAY_TASK_COUNT is not: {HOW}"));
    };
    let Some(offset) = task.checked_sub(first).filter(|offset| offset.is_multiple_of(step)) else {
        return Err(format!("SLURM_ARRAY_TASK_ID={task} is not one of {first}, {}, …", first + step));
    };
    Shard::new(offset / step + 1, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Result<(u32, u32, &'static str), String> {
        let get = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        shard_from_environment(get).map(|(shard, engine)| (shard.index, shard.total, engine))
    }

    #[test]
    fn every_unit_belongs_to_exactly_one_shard() {
        for (units, total) in [(70, 1), (70, 2), (70, 7), (70, 50), (3, 5)] {
            let mut seen: Vec<usize> =
                (1..=total).flat_map(|index| Shard::new(index, total).unwrap().units(units)).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..units).collect::<Vec<_>>());
        }
        assert_eq!("3/10".parse::<Shard>(), Ok(Shard { index: 3, total: 10 }));
        for wrong in ["0/3", "4/3", "3", "a/b", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn engines_are_known_by_their_variables() {
        assert_eq!(found(&[("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "5")]), Ok((1, 5, "GitLab")));
        assert_eq!(found(&[("CI_NODE_INDEX", "5"), ("CI_NODE_TOTAL", "5")]), Ok((5, 5, "GitLab")));
        assert!(found(&[("CI_NODE_INDEX", "0"), ("CI_NODE_TOTAL", "5")]).is_err());
        let kubernetes = [("JOB_COMPLETION_INDEX", "0"), ("FLEETSIM_SHARDS", "50")];
        assert_eq!(found(&kubernetes), Ok((1, 50, "Kubernetes")));
        assert!(found(&kubernetes[..1]).is_err());
        let batch = [("AWS_BATCH_JOB_ARRAY_INDEX", "49"), ("AWS_BATCH_JOB_ARRAY_SIZE", "50")];
        assert_eq!(found(&batch), Ok((50, 50, "AWS Batch")));
        assert_eq!(found(&[("FLEETSIM_JOB_INDEX", "2"), ("FLEETSIM_JOB_TOTAL", "3")]), Ok((3, 3, "GitHub")));
        // A pipeline of GitLab without `parallel` sets the total alone.
        assert!(found(&[("CI_NODE_TOTAL", "1")]).is_err());
        assert!(found(&[]).is_err());
        let contradiction = [("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "5"), ("FLEETSIM_SHARDS", "6")];
        assert!(found(&contradiction).is_err());
    }

    #[test]
    fn a_slurm_array_counts_as_it_was_numbered_or_by_its_ids_where_the_total_is_given() {
        let array = |id| {
            [
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_MIN", "10"),
                ("SLURM_ARRAY_TASK_COUNT", "9"),
                ("SLURM_ARRAY_TASK_STEP", "5"),
            ]
        };
        assert_eq!(found(&array("10")), Ok((1, 9, "Slurm")));
        assert_eq!(found(&array("50")), Ok((9, 9, "Slurm")));
        assert!(found(&array("12")).is_err());
        // Task 7 of 50 once more, alone: Slurm says that it is one of one.
        let again = [
            ("SLURM_ARRAY_TASK_ID", "7"),
            ("SLURM_ARRAY_TASK_MIN", "7"),
            ("SLURM_ARRAY_TASK_COUNT", "1"),
            ("FLEETSIM_SHARDS", "50"),
        ];
        assert_eq!(found(&again), Ok((8, 50, "Slurm")));
    }
}
