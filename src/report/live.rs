//! What a terminal shows while runs go on: per fleet the runs that have ended and how far others are, and pending jobs, running
//! jobs and nodes over simulated time as lines of small bars. Plain text; drawing it over the last one belongs to the command
//! line.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::format::number;
use crate::catalog::{Arch, CapacityType};
use crate::metrics::{GaugeKey, RunOutcome};
use crate::simulation::Levels;
use crate::units::{SimDuration, SimTime};

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

/// Into so many parts the simulated time is divided.
const PARTS: usize = 120;

/// Levels of one part of the time, in the order of [`LEVELS`].
type Part = [f64; LEVELS.len()];

/// One fleet so far.
#[derive(Clone, Debug, Default)]
struct LiveFleet {
    name: String,
    runs: u32,
    /// By part of the time: the sum over the ended runs of the average in it.
    ended: Vec<Part>,
    /// By replication: the levels of the runs that are under way, up to where they are.
    under_way: BTreeMap<u32, Vec<Part>>,
}

/// The runs of a scenario as they go on.
#[derive(Clone, Debug)]
pub struct LiveView {
    scenario: String,
    replications: u32,
    horizon: SimDuration,
    fleets: Vec<LiveFleet>,
}

impl LiveView {
    /// Nothing has begun yet.
    #[must_use]
    pub fn new(scenario: &str, fleets: &[String], replications: u32, horizon: SimDuration) -> Self {
        let fleet = |name: &String| LiveFleet { name: name.clone(), ..LiveFleet::default() };
        let fleets = fleets.iter().map(fleet).collect();
        Self { scenario: scenario.to_owned(), replications, horizon, fleets }
    }

    /// How often it wants to hear of a run that is under way, in simulated time.
    #[must_use]
    pub fn step(&self) -> SimDuration {
        SimDuration::from_ms((self.horizon.as_ms() / PARTS as u64).max(1))
    }

    fn part_at(&self, at: SimTime) -> usize {
        ((at.as_ms() / self.step().as_ms()) as usize).min(PARTS - 1)
    }

    /// A run of the fleet with this index has got so far.
    ///
    /// # Panics
    /// Where there is no such fleet.
    pub fn sampled(&mut self, fleet: usize, replication: u32, levels: Levels) {
        let parts = self.fleets[fleet].under_way.entry(replication).or_default();
        if parts.len() < PARTS {
            parts.push([levels.pending as f64, levels.running as f64, levels.nodes as f64]);
        }
    }

    /// A run of the fleet with this index has ended.
    ///
    /// # Panics
    /// Where there is no such fleet.
    pub fn add(&mut self, fleet: usize, replication: u32, run: &RunOutcome) {
        let timeline = &run.timeline;
        let mut sums = vec![([0.0; LEVELS.len()], 0u32); PARTS];
        for bucket in 0..timeline.len() {
            let (part, count) = &mut sums[self.part_at(timeline.starts_at(bucket))];
            *count += 1;
            for ((_, keys), sum) in LEVELS.iter().zip(part) {
                *sum += keys.iter().map(|key| timeline.average(*key, bucket)).sum::<f64>();
            }
        }
        let fleet = &mut self.fleets[fleet];
        fleet.runs += 1;
        fleet.under_way.remove(&replication);
        fleet.ended.resize(PARTS, [0.0; LEVELS.len()]);
        let mut last = [0.0; LEVELS.len()];
        for (ended, (sum, count)) in fleet.ended.iter_mut().zip(sums) {
            // A timeline of wider buckets has none that starts in some parts.
            if count > 0 {
                last = sum.map(|sum| sum / f64::from(count));
            }
            for (ended, level) in ended.iter_mut().zip(last) {
                *ended += level;
            }
        }
    }

    /// Whether nothing is known yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fleets.iter().all(|fleet| fleet.runs == 0 && fleet.under_way.is_empty())
    }

    /// Everything on lines of at most `width` columns. `seconds` have passed.
    #[must_use]
    pub fn frame(&self, width: usize, seconds: f64) -> String {
        let done: u32 = self.fleets.iter().map(|fleet| fleet.runs).sum();
        let total = self.replications * self.fleets.len() as u32;
        let mut text = format!("{}: {done} of {total} runs, {} s", self.scenario, number(seconds, 1));
        let begun = self.fleets.iter().flat_map(|fleet| fleet.under_way.values());
        let worked = f64::from(done) + begun.map(Vec::len).sum::<usize>() as f64 / PARTS as f64;
        if worked > 0.0 && done < total {
            let left = seconds / worked * (f64::from(total) - worked);
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
        let reached = self.reached(fleet);
        for (index, (label, _)) in LEVELS.iter().enumerate() {
            let (name, second) = match index {
                0 => (fleet.name.as_str(), runs.as_str()),
                1 => ("", reached.as_str()),
                _ => ("", ""),
            };
            let head = format!("{:<name_width$} {second:>7} {label:<7} ", cut(name, name_width));
            let levels = fleet.levels(index);
            let highest = levels.iter().copied().fold(0.0, f64::max);
            let tail = if levels.is_empty() { String::new() } else { format!(" ≤ {}", number(highest, 0)) };
            let room = width.saturating_sub(head.chars().count() + 9);
            let _ = writeln!(text, "{}", format!("{head}{}{tail}", bars(&levels, PARTS, room)).trim_end());
        }
    }

    /// How far the run that is furthest has got: `3d14h`, or `1h05` of short runs; empty where none is under way.
    fn reached(&self, fleet: &LiveFleet) -> String {
        let Some(parts) = fleet.under_way.values().map(Vec::len).max() else { return String::new() };
        let minutes = parts as u64 * self.step().as_ms() / 60_000;
        if self.horizon >= SimDuration::from_hours(48) {
            format!("{}d{:02}h", minutes / 1440, minutes / 60 % 24)
        } else {
            format!("{}h{:02}", minutes / 60, minutes % 60)
        }
    }
}

impl LiveFleet {
    /// A level over time, as the mean of the ended runs and of those under way that have got so far.
    fn levels(&self, level: usize) -> Vec<f64> {
        let furthest = self.under_way.values().map(Vec::len).max().unwrap_or(0);
        let known = if self.runs > 0 { PARTS } else { furthest };
        (0..known)
            .map(|part| {
                let begun = self.under_way.values().filter_map(|parts| parts.get(part));
                let (mut sum, mut count) = (0.0, self.runs);
                begun.for_each(|part| {
                    sum += part[level];
                    count += 1;
                });
                sum += self.ended.get(part).map_or(0.0, |part| part[level]);
                sum / f64::from(count.max(1))
            })
            .collect()
    }
}

/// The first `width` characters.
fn cut(text: &str, width: usize) -> String {
    text.chars().take(width).collect()
}

/// As many bars as there is room for where all `whole` levels are known, the highest at full height; as many fewer as levels
/// are not known yet. Each bar is the highest level of its part of the time.
fn bars(levels: &[f64], whole: usize, room: usize) -> String {
    let highest = levels.iter().copied().fold(0.0, f64::max);
    let count = room.min(whole);
    (0..count)
        .take_while(|bar| (bar + 1) * whole / count <= levels.len())
        .map(|bar| {
            let part = &levels[bar * whole / count..((bar + 1) * whole / count)];
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

    #[test]
    fn bars_follow_the_levels_and_fit() {
        assert_eq!(bars(&[0.0, 1.0, 2.0, 4.0], 4, 10), "▁▃▅█");
        assert_eq!(bars(&[0.0, 8.0, 0.0, 4.0], 4, 2), "█▅", "a short peak is not lost");
        assert_eq!(bars(&[0.0; 3], 3, 2), "▁▁");
        assert_eq!(bars(&[], 4, 5), "");
        assert_eq!(bars(&[4.0, 2.0], 8, 8), "█▅", "what is not known yet has no bar");
    }

    #[test]
    fn a_frame_tells_runs_and_levels_at_any_width() {
        let mut recorder = Recorder::new(RecorderSettings::new(SimDuration::from_hours(1)));
        recorder.gauge(SimTime::from_ms(600_000), GaugeKey::RunningJobs(Arch::Arm64), 12);
        recorder.gauge(SimTime::from_ms(1_800_000), GaugeKey::RunningJobs(Arch::Arm64), -12);
        let run = recorder.finish(SimTime::from_ms(3_600_000), WorkCounters::default(), &[]);
        let names =
            ["today".to_owned(), "a-fleet-with-a-name-that-is-far-too-long-for-a-terminal".to_owned()];
        let mut view = LiveView::new("peak", &names, 3, SimDuration::from_hours(1));
        view.add(0, 0, &run);
        for width in [80, 120] {
            let frame = view.frame(width, 2.0);
            assert!(frame.lines().all(|line| line.chars().count() <= width), "{frame}");
            assert!(frame.starts_with("peak: 1 of 6 runs, 2.0 s, about 10 s left\n"), "{frame}");
            assert!(frame.contains("1/3") && frame.contains("≤ 12") && frame.contains('█'), "{frame}");
            assert_eq!(frame.lines().count(), 7);
        }
    }
    #[test]
    fn a_run_that_is_under_way_grows_from_left_to_right() {
        let mut view = LiveView::new("week", &["today".to_owned()], 1, SimDuration::from_hours(120));
        assert!(view.is_empty());
        let mut shown = Vec::new();
        for hour in 1..=60 {
            let at = SimTime::ZERO + SimDuration::from_hours(hour);
            view.sampled(0, 0, Levels { at, pending: 0, running: 3 * hour as i64, nodes: 1 });
            let frame = view.frame(80, 0.5);
            assert!(frame.starts_with("week: 0 of 1 runs, 0.5 s, about "), "{frame}");
            shown.push(frame.lines().nth(2).unwrap().chars().filter(|c| BARS.contains(c)).count());
        }
        assert!(shown.windows(2).all(|two| two[0] <= two[1]) && shown[0] < 3 && shown[59] > 20, "{shown:?}");
        let frame = view.frame(80, 0.5);
        assert!(frame.contains("2d12h") && frame.contains("≤ 180"), "{frame}");
    }
}
