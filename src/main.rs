//! The `fleetsim` binary: argv in, exit code out. Everything else is in `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    fleetsim::cli::main()
}
