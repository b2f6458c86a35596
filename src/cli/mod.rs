//! The command line: arguments, files, terminal, progress and exit codes. The only room that does input or output.

mod args;
mod baseline;
mod calibrate;
mod candidates;
mod carbon;
mod catalog;
mod catalog_files;
mod check;
mod clock;
mod commit;
mod commit_owned;
mod compare;
mod compare_results;
mod completions;
mod conclude;
mod emit;
mod exit;
mod explain;
mod explain_groups;
mod explain_topic;
mod files;
mod fit;
mod gate_results;
mod import;
mod import_jobs;
mod init;
mod interrupt;
mod merge;
mod node_runs;
mod page_facts;
mod parts;
mod precision;
mod progress;
mod recommend;
mod reference;
mod replace;
mod results;
mod run;
mod sharding;
mod shards;
mod sheets;
mod simulate;
mod sweep;
mod sweep_points;
mod sweep_results;
mod terminal;
mod traces;
mod validate;
mod validate_files;
mod what_if;

use args::{Arguments, Command};
use clap::Parser;
use exit::{Exit, Failed};
use std::process::ExitCode;
use terminal::Terminal;

/// Runs the command line of this process and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Success };
            return ExitCode::from(exit as u8);
        }
    };
    terminal::set_colour(arguments.color);
    let terminal = Terminal { quiet: arguments.quiet, verbose: arguments.verbose };
    let exit = dispatch(&arguments.command, terminal).unwrap_or_else(|failed| {
        terminal::complain(&failed);
        failed.exit()
    });
    ExitCode::from(exit as u8)
}

fn dispatch(command: &Command, terminal: Terminal) -> Result<Exit, Failed> {
    match command {
        Command::Run(arguments) => run::run(arguments, terminal),
        Command::Merge(arguments) => merge::merge(arguments, terminal),
        Command::Sweep(arguments) => sweep::sweep(arguments, terminal),
        Command::Recommend(arguments) => recommend::recommend(arguments, terminal),
        Command::Shards(arguments) => shards::shards(arguments, terminal),
        Command::Carbon(arguments) => carbon::carbon(arguments, terminal),
        Command::Commit(arguments) => commit::commit(arguments, terminal),
        Command::Compare(arguments) => compare::compare(arguments, terminal),
        Command::Check(arguments) => check::check(arguments, terminal),
        Command::Baseline(command) => baseline::baseline(command, terminal),
        Command::Validate(arguments) => validate::validate(arguments, terminal),
        Command::Explain(arguments) => explain::explain(arguments, terminal),
        Command::Init(arguments) => init::init(arguments, terminal),
        Command::Import(arguments) => import::import(arguments, terminal),
        Command::Fit(arguments) => fit::fit(arguments, terminal),
        Command::Calibrate(arguments) => calibrate::calibrate(arguments, terminal),
        Command::Catalog(command) => catalog::catalog(command, terminal),
        Command::Reference { part } => reference::reference(*part),
        Command::Schema => terminal::answer(&crate::scenario::json_schema()).map(|()| Exit::Success),
        Command::Completions { shell } => completions::completions(*shell),
    }
}
