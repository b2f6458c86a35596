//! The command line: arguments, files, terminal, progress and exit codes. The only room that does input or output.

use std::process::ExitCode;

/// Runs the command line of this process and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
