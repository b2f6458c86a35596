//! How far the runs are, on standard error.

use super::args;
use super::terminal::{Terminal, say};
use crate::experiment::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bar, a line now and then, or nothing.
#[derive(Debug)]
pub(super) enum Display {
    /// A bar on the terminal.
    Bar(ProgressBar),
    /// A line per tenth.
    Lines(AtomicUsize),
    /// Nothing.
    Nothing,
}

impl Display {
    /// As asked for; `auto` is a bar on a terminal.
    pub(super) fn new(how: args::Progress, terminal: Terminal, scenario: &str) -> Self {
        if terminal.quiet {
            return Self::Nothing;
        }
        match how {
            args::Progress::None => Self::Nothing,
            args::Progress::Plain => Self::Lines(AtomicUsize::new(0)),
            args::Progress::Auto if std::io::stderr().is_terminal() => {
                let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
                let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} runs, {eta} left");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_message(scenario.to_owned());
                Self::Bar(bar)
            }
            args::Progress::Auto => Self::Nothing,
        }
    }

    /// Shows that so many runs have ended.
    pub(super) fn show(&self, progress: Progress) {
        match self {
            Self::Bar(bar) => {
                bar.set_length(progress.total as u64);
                bar.set_position(bar.position().max(progress.done as u64));
            }
            Self::Lines(shown) => {
                let tenth = progress.done * 10 / progress.total.max(1);
                if shown.fetch_max(tenth, Ordering::Relaxed) < tenth {
                    say(&format!("{} of {} runs", progress.done, progress.total));
                }
            }
            Self::Nothing => {}
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
