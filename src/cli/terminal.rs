//! Standard output and standard error: answers go to the first, everything else to the second.

use super::args::When;
use super::exit::Failed;
use crate::scenario::Diagnostic;
use std::io::{self, Write};

/// How much to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    /// No notes, no progress.
    pub quiet: bool,
    /// Details.
    pub verbose: u8,
}

/// Sets for the whole process when colours are used; `NO_COLOR` and `CLICOLOR_FORCE` are followed by `auto`.
pub(super) fn set_colour(when: When) {
    match when {
        When::Auto => anstream::ColorChoice::Auto,
        When::Always => anstream::ColorChoice::Always,
        When::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// Prints `text` as the answer. A reader that has gone away (`| head`) is no failure.
pub(super) fn answer(text: &str) -> Result<(), Failed> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failed::Output(format!("cannot write the answer: {error}")))
        }
        _ => Ok(()),
    }
}

/// Columns of texts that wrap: those of `COLUMNS`, from 80 to 120; 80 where it is not set.
pub(super) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.map_or(80, |columns: usize| columns.clamp(80, 120))
}

impl Terminal {
    /// A remark, unless quiet.
    pub(super) fn note(self, text: &str) {
        if !self.quiet {
            say(text);
        }
    }

    /// A remark that only `-v` shows.
    pub(super) fn detail(self, text: &str) {
        if self.verbose > 0 && !self.quiet {
            say(text);
        }
    }
}

/// Prints a line on standard error; there is nobody to tell if that fails.
pub(super) fn say(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Prints why a command failed.
pub(super) fn complain(failed: &Failed) {
    match failed {
        Failed::Input(diagnostics) => diagnostics_on_stderr(diagnostics),
        Failed::Unreadable(message)
        | Failed::Usage(message)
        | Failed::Incompatible(message)
        | Failed::Output(message) => {
            say(&format!("error: {message}"));
        }
    }
}

fn diagnostics_on_stderr(diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        say(&format!("{}\n", diagnostic.render(true)));
    }
    let plural = if diagnostics.len() == 1 { "" } else { "s" };
    say(&format!("{} mistake{plural}; nothing was simulated and nothing was written", diagnostics.len()));
}
