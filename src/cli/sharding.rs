//! `run --shard`: one machine's share of the units, written into a part file that `merge` puts together with the others.

use super::exit::{Exit, Failed};
use super::parts::PartFile;
use super::simulate::Simulator;
use super::terminal::Terminal;
use crate::experiment::{PartCommand, Progress, Shard, shard_from_environment};
use clap::Args;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::Ordering;

/// Flags of commands whose units can be shared out.
#[derive(Args, Clone, Debug)]
pub(super) struct ShardArguments {
    /// Run only one machine's share, such as 3/10, into a part file; `auto` reads the share from the variables of GitLab
    /// `parallel`, Kubernetes, AWS Batch, Slurm or GitHub. `fleetsim merge` puts the parts together.
    #[arg(long, value_name = "I/N", env = "FLEETSIM_SHARD", help_heading = "Sharing and resuming")]
    pub shard: Option<ShardChoice>,
    /// Part file to write in place of DIR/SCENARIO.parts/part-I-of-N.jsonl. Where it holds finished runs of the same
    /// share, they are kept.
    #[arg(long, value_name = "FILE", requires = "shard", help_heading = "Sharing and resuming")]
    pub part: Option<PathBuf>,
    /// Run everything again instead of continuing what a killed or interrupted run has finished.
    #[arg(long, env = "FLEETSIM_FRESH", help_heading = "Sharing and resuming")]
    pub fresh: bool,
}

/// A share, or whatever the environment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShardChoice {
    /// As the engine's variables say.
    Auto,
    /// This one.
    One(Shard),
}

impl FromStr for ShardChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::One) }
    }
}

impl ShardArguments {
    /// The share that was asked for, if any.
    pub(super) fn shard(&self, terminal: Terminal) -> Result<Option<Shard>, Failed> {
        match self.shard {
            None => Ok(None),
            Some(ShardChoice::One(shard)) => Ok(Some(shard)),
            Some(ShardChoice::Auto) => {
                let (shard, engine) =
                    shard_from_environment(|name| std::env::var(name).ok()).map_err(Failed::Usage)?;
                terminal.note(&format!("shard {shard} by the variables of {engine}"));
                Ok(Some(shard))
            }
        }
    }

    /// Where the part of `shard` is written.
    pub(super) fn part(&self, shard: Shard, out: &Path, scenario: &str) -> PathBuf {
        self.part.clone().unwrap_or_else(|| {
            let name = format!("part-{:05}-of-{:05}.jsonl", shard.index, shard.total);
            out.join(format!("{scenario}.parts")).join(name)
        })
    }
}

/// Runs the units of one share and keeps them in a part file. Those it has already are not run again.
pub(super) fn run_shard(
    simulator: &Simulator<'_>,
    shard: Shard,
    path: &Path,
    command: PartCommand,
    fresh: bool,
) -> Result<Exit, Failed> {
    let header = simulator.header(Some(shard), command);
    let Some((part, finished)) = PartFile::open(path, &header, fresh)? else {
        return Err(Failed::Output(format!("`{}` is being written by another fleetsim", path.display())));
    };
    let fleets = header.fleets.len();
    let mut has = vec![false; header.units()];
    for (fleet, replication, _) in finished {
        if let Some(known) = has.get_mut(replication * fleets + fleet) {
            *known = true;
        }
    }
    let own: Vec<usize> = shard.units(header.units()).collect();
    let missing: Vec<usize> = own.iter().copied().filter(|unit| !has[*unit]).collect();
    let start = Progress { done: own.len() - missing.len(), total: own.len() };
    if start.done > 0 {
        simulator.terminal.note(&format!("{} of {} runs were finished before", start.done, start.total));
    }
    simulator.each(&missing, start, |unit, outcome| part.append(unit % fleets, unit / fleets, &outcome))?;
    if simulator.cancel.load(Ordering::Relaxed) {
        simulator.terminal.note("interrupted: the same command continues");
        return Ok(Exit::Interrupted);
    }
    simulator.terminal.note(&format!("{}: {} of {} runs", path.display(), own.len(), header.units()));
    Ok(Exit::Success)
}
