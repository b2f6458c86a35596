//! How far the runs are, on standard error.

use super::args;
use super::clock::Clock;
use super::terminal::{Terminal, say, width};
use crate::experiment::Progress;
use crate::metrics::RunOutcome;
use crate::report::LiveView;
use crate::scenario::Scenario;
use crate::simulation::Levels;
use crate::units::SimDuration;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A live view, and what of it is on the screen.
#[derive(Debug)]
pub(super) struct Live {
    view: LiveView,
    clock: Clock,
    /// After how many seconds the screen was last drawn, and how many lines it has.
    drawn: Option<(f64, usize)>,
    /// Whether frames are drawn over each other; elsewhere only the last one is written.
    is_terminal: bool,
}

/// A screen is drawn anew after so many seconds at the soonest.
const FRAME: f64 = 0.1;

impl Live {
    fn draw(&mut self, is_last: bool) {
        let now = self.clock.total();
        let is_due = self.drawn.is_none_or(|(at, _)| now - at >= FRAME);
        if self.view.is_empty() || !(is_last || self.is_terminal && is_due) {
            return;
        }
        let frame = self.view.frame(width(), now);
        let mut text = String::new();
        if let Some((_, lines)) = self.drawn {
            // Up to the first line of the last frame, and everything below it away.
            text.push_str(&format!("\u{1b}[{lines}A\u{1b}[J"));
        }
        if self.is_terminal {
            // Lines longer than the terminal is wide are cut, or the way up would be longer than said.
            text.push_str(&format!("\u{1b}[?7l{frame}\u{1b}[?7h"));
        } else {
            text.push_str(&frame);
        }
        let mut out = std::io::stderr().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        self.drawn = Some((now, frame.lines().count()));
    }
}

/// A bar, a line now and then, or nothing.
#[derive(Debug)]
pub(super) enum Display {
    /// A bar on the terminal.
    Bar(ProgressBar),
    /// A line per tenth.
    Lines(AtomicUsize),
    /// Jobs and nodes of each fleet.
    Live(Box<Mutex<Live>>),
    /// Nothing.
    Nothing,
}

impl Display {
    /// As asked for; `auto` is a bar on a terminal.
    pub(super) fn new(how: args::Progress, terminal: Terminal, scenario: &Scenario) -> Self {
        if terminal.quiet {
            return Self::Nothing;
        }
        match how {
            args::Progress::None => Self::Nothing,
            args::Progress::Live => {
                let names: Vec<String> = scenario.fleets.iter().map(|fleet| fleet.name.clone()).collect();
                Self::Live(Box::new(Mutex::new(Live {
                    view: LiveView::new(&scenario.name, &names, scenario.replications, scenario.horizon),
                    clock: Clock::start(),
                    drawn: None,
                    is_terminal: std::io::stderr().is_terminal(),
                })))
            }
            args::Progress::Plain => Self::Lines(AtomicUsize::new(0)),
            args::Progress::Auto if std::io::stderr().is_terminal() => {
                let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
                let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} runs, {eta} left");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_message(scenario.name.clone());
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
            Self::Live(_) | Self::Nothing => {}
        }
    }

    /// How often a run that is under way shall tell its levels, in simulated time; none where nobody looks.
    pub(super) fn step(&self) -> Option<SimDuration> {
        let Self::Live(live) = self else { return None };
        Some(live.lock().expect("no run panics while it draws").view.step())
    }

    /// A run of the fleet with this index has got so far.
    pub(super) fn sampled(&self, fleet: usize, replication: usize, levels: Levels) {
        self.live(|view| view.sampled(fleet, replication as u32, levels));
    }

    /// A run of the fleet with this index has ended.
    pub(super) fn ended(&self, fleet: usize, replication: usize, run: &RunOutcome) {
        self.live(|view| view.add(fleet, replication as u32, run));
    }

    fn live(&self, change: impl FnOnce(&mut LiveView)) {
        if let Self::Live(live) = self {
            let mut live = live.lock().expect("no run panics while it draws");
            change(&mut live.view);
            live.draw(false);
        }
    }

    /// Takes the bar away; a live view stays as it is at the end.
    pub(super) fn end(&self) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Live(live) => live.lock().expect("no run panics while it draws").draw(true),
            Self::Lines(_) | Self::Nothing => {}
        }
    }
}
