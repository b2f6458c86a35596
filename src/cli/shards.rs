//! `fleetsim shards`: a manifest that shares a command out over the machines of an engine.

use super::args::{Arguments, Command};
use super::exit::{Exit, Failed};
use super::run::read;
use super::terminal::{Terminal, answer};
use crate::report::{Engine, ManifestFacts, manifest};
use clap::{Args, Parser, ValueEnum};

/// Shown below the options by `--help`.
const HELP: &str = "\
  fleetsim shards --engine gitlab -n 50 -- run scenarios/peak.toml --seed 3 > fleetsim.gitlab-ci.yml
  fleetsim shards --engine slurm -n 20 -- sweep peak.toml --vary runner.linux.concurrent=100..400:50 > peak.sbatch

The command after `--` is a `run` of one scenario or a `sweep`, as it would be typed. Each machine needs the scenario, and \
the parts of all must come together in one folder: by artifacts (GitLab, GitHub, in the manifest) or in a shared folder \
(Kubernetes: a claim `fleetsim`; AWS Batch: queue and job definition `fleetsim`, whose volume is the working folder; Slurm: \
the folder of submission). Of AWS Batch's JSON, `.shards` and `.merge` are inputs of `aws batch submit-job \
--cli-input-json`.";

/// `shards`.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(super) struct ShardsArguments {
    /// What runs the shards.
    #[arg(long)]
    pub engine: EngineName,
    /// How many shards.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub shards: u32,
    /// Container image that has fleetsim.
    #[arg(long, default_value = "registry.example.com/fleetsim:1", env = "FLEETSIM_IMAGE")]
    pub image: String,
    /// The command that is shared out: `run SCENARIO …` or `sweep SCENARIO …`.
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// An engine on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EngineName {
    /// GitLab CI, `parallel`.
    Gitlab,
    /// Kubernetes, an indexed Job.
    #[value(alias = "kubernetes")]
    K8s,
    /// AWS Batch, an array job.
    Batch,
    /// Slurm, a job array.
    Slurm,
    /// GitHub Actions, a matrix.
    Github,
}

impl EngineName {
    const fn engine(self) -> Engine {
        match self {
            Self::Gitlab => Engine::Gitlab,
            Self::K8s => Engine::Kubernetes,
            Self::Batch => Engine::Batch,
            Self::Slurm => Engine::Slurm,
            Self::Github => Engine::Github,
        }
    }
}

/// Prints the manifest.
pub(super) fn shards(arguments: &ShardsArguments, terminal: Terminal) -> Result<Exit, Failed> {
    let engine = arguments.engine.engine();
    let (fewest, most) = engine.limits();
    if !(fewest..=most).contains(&arguments.shards) {
        return Err(Failed::Usage(format!("this engine runs {fewest} to {most} jobs of one kind at once")));
    }
    let words = ["fleetsim".to_owned()].into_iter().chain(arguments.command.iter().cloned());
    let parsed = Arguments::try_parse_from(words)
        .map_err(|error| Failed::Usage(format!("the command after `--` is wrong: {error}")))?;
    let (path, set, fleet, out, sharing, suffix) = match &parsed.command {
        Command::Run(run) if run.scenarios.len() == 1 => {
            (&run.scenarios[0], &run.set, &run.fleet, &run.out, &run.sharing, "")
        }
        Command::Sweep(sweep) => {
            (&sweep.scenario, &sweep.set, &sweep.fleet, &sweep.out, &sweep.sharing, "-sweep")
        }
        _ => {
            let message = "only `run` of one scenario and `sweep` can be shared out".to_owned();
            return Err(Failed::Usage(message));
        }
    };
    if sharing.shard.is_some() || sharing.part.is_some() {
        return Err(Failed::Usage("the manifest itself says --shard and where parts are written".into()));
    }
    let scenario = read(path, set, fleet)?;
    let units = scenario.fleets.len() * scenario.replications as usize;
    if suffix.is_empty() && arguments.shards as usize > units {
        terminal.note(&format!("{units} runs for {} shards: some have nothing to do", arguments.shards));
    }
    let name = format!("{}{suffix}", scenario.name);
    let facts = ManifestFacts {
        parts: out.join(format!("{name}.parts")).display().to_string(),
        out: out.display().to_string(),
        name,
        shards: arguments.shards,
        image: arguments.image.clone(),
        command: arguments.command.clone(),
    };
    answer(&manifest(engine, &facts))?;
    Ok(Exit::Success)
}
