//! What a terminal shows while runs go on: per fleet the runs that have ended, and pending jobs, running jobs and nodes over
//! simulated time as lines of small bars. Plain text; drawing it over the last one belongs to the command line.

use std::fmt::Write;

use super::format::number;
use crate::catalog::{Arch, CapacityType};
use crate::metrics::{GaugeKey, RunOutcome};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The levels that are shown, each a sum of gauges.
const LEVELS: [(&str, &[GaugeKey]); 3] = [
    ("pending", &[GaugeKey::PendingJobs]),
    ("running", &[GaugeKey::RunningJobs(Arch::Amd64), GaugeKey::RunningJobs(Arch::Arm64)]),
    (
        "nodes",
        &[
            GaugeKey::Nodes(Arch::Amd64, CapacityType::OnDemand),
            GaugeKey::Nodes(Arch::Amd64, CapacityType::Spot),
            GaugeKey::Nodes(Arch::Arm64, CapacityType::OnDemand),
            GaugeKey::Nodes(Arch::Arm64, CapacityType::Spot),
            GaugeKey::Nodes(Arch::Amd64, CapacityType::Reserved),
            GaugeKey::Nodes(Arch::Arm64, CapacityType::Reserved),
        ],
    ),
];

/// Most fleets that are shown: three lines each leave room on a screen of 24.
const FLEETS: usize = 6;

/// One fleet so far.
#[derive(Clone, Debug, Default)]
struct LiveFleet {
    name: String,
    runs: u32,
    /// By level: the sum over the ended runs of the average in each bucket.
    sums: [Vec<f64>; LEVELS.len()],
}

/// The runs of a scenario as they end.
#[derive(Clone, Debug)]
pub struct LiveView {
    scenario: String,
    replications: u32,
    fleets: Vec<LiveFleet>,
}

impl LiveView {
    /// Nothing has ended yet.
    #[must_use]
    pub fn new(scenario: &str, fleets: &[String], replications: u32) -> Self {
        let fleet = |name: &String| LiveFleet { name: name.clone(), ..LiveFleet::default() };
        Self { scenario: scenario.to_owned(), replications, fleets: fleets.iter().map(fleet).collect() }
    }

    /// A run of the fleet with this index has ended.
    ///
    /// # Panics
    /// Where there is no such fleet.
    pub fn add(&mut self, fleet: usize, run: &RunOutcome) {
        let fleet = &mut self.fleets[fleet];
        fleet.runs += 1;
        let timeline = &run.timeline;
        for ((_, keys), sums) in LEVELS.iter().zip(&mut fleet.sums) {
            sums.resize(sums.len().max(timeline.len()), 0.0);
            for (bucket, sum) in sums.iter_mut().enumerate().take(timeline.len()) {
                *sum += keys.iter().map(|key| timeline.average(*key, bucket)).sum::<f64>();
            }
        }
    }

    /// Whether no run has ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fleets.iter().all(|fleet| fleet.runs == 0)
    }

    /// Everything on lines of at most `width` columns. `seconds` have passed.
    #[must_use]
    pub fn frame(&self, width: usize, seconds: f64) -> String {
        let done: u32 = self.fleets.iter().map(|fleet| fleet.runs).sum();
        let total = self.replications * self.fleets.len() as u32;
        let mut text = format!("{}: {done} of {total} runs, {} s", self.scenario, number(seconds, 1));
        if done > 0 && done < total {
            let left = seconds / f64::from(done) * f64::from(total - done);
            let _ = write!(text, ", about {} s left", number(left, 0));
        }
        text = cut(&text, width);
        text.push('\n');
        let longest = self.fleets.iter().map(|fleet| fleet.name.chars().count()).max().unwrap_or(0);
        let name_width = longest.min(width / 4);
        for fleet in self.fleets.iter().take(FLEETS) {
            self.fleet_lines(fleet, name_width, width, &mut text);
        }
        if self.fleets.len() > FLEETS {
            let _ = writeln!(text, "and {} more fleets", self.fleets.len() - FLEETS);
        }
        text
    }

    fn fleet_lines(&self, fleet: &LiveFleet, name_width: usize, width: usize, text: &mut String) {
        let runs = format!("{}/{}", fleet.runs, self.replications);
        for (index, ((label, _), sums)) in LEVELS.iter().zip(&fleet.sums).enumerate() {
            let (name, runs) = if index == 0 { (fleet.name.as_str(), runs.as_str()) } else { ("", "") };
            let head = format!("{:<name_width$} {runs:>7} {label:<7} ", cut(name, name_width));
            let highest = sums.iter().copied().fold(0.0, f64::max) / f64::from(fleet.runs.max(1));
            let tail = if fleet.runs == 0 { String::new() } else { format!(" ≤ {}", number(highest, 0)) };
            let room = width.saturating_sub(head.chars().count() + 9);
            let _ = writeln!(text, "{}", format!("{head}{}{tail}", bars(sums, room)).trim_end());
        }
    }
}

/// The first `width` characters.
fn cut(text: &str, width: usize) -> String {
    text.chars().take(width).collect()
}

/// As many bars as there is room for, the highest at full height. Each bar is the highest level of its part of the time.
fn bars(levels: &[f64], room: usize) -> String {
    let highest = levels.iter().copied().fold(0.0, f64::max);
    let count = room.min(levels.len());
    (0..count)
        .map(|bar| {
            let part = &levels[bar * levels.len() / count..((bar + 1) * levels.len() / count)];
            let level = part.iter().copied().fold(0.0, f64::max);
            let step = if highest > 0.0 { (level / highest * 7.0).round() as usize } else { 0 };
            BARS[step.min(7)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Recorder, RecorderSettings, WorkCounters};
    use crate::units::{SimDuration, SimTime};

    #[test]
    fn bars_follow_the_levels_and_fit() {
        assert_eq!(bars(&[0.0, 1.0, 2.0, 4.0], 10), "▁▃▅█");
        assert_eq!(bars(&[0.0, 8.0, 0.0, 4.0], 2), "█▅", "a short peak is not lost");
        assert_eq!(bars(&[0.0; 3], 2), "▁▁");
        assert_eq!(bars(&[], 5), "");
    }

    #[test]
    fn a_frame_tells_runs_and_levels_at_any_width() {
        let mut recorder = Recorder::new(RecorderSettings::new(SimDuration::from_hours(1)));
        recorder.gauge(SimTime::from_ms(600_000), GaugeKey::RunningJobs(Arch::Arm64), 12);
        recorder.gauge(SimTime::from_ms(1_800_000), GaugeKey::RunningJobs(Arch::Arm64), -12);
        let run = recorder.finish(SimTime::from_ms(3_600_000), WorkCounters::default(), &[]);
        let names =
            ["today".to_owned(), "a-fleet-with-a-name-that-is-far-too-long-for-a-terminal".to_owned()];
        let mut view = LiveView::new("peak", &names, 3);
        view.add(0, &run);
        for width in [80, 120] {
            let frame = view.frame(width, 2.0);
            assert!(frame.lines().all(|line| line.chars().count() <= width), "{frame}");
            assert!(frame.starts_with("peak: 1 of 6 runs, 2.0 s, about 10 s left\n"), "{frame}");
            assert!(frame.contains("1/3") && frame.contains("≤ 12") && frame.contains('█'), "{frame}");
            assert_eq!(frame.lines().count(), 7);
        }
    }
}
