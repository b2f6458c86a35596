//! A recorded availability of a Spot pool, replayed in place of the model: how much of what was wanted was there, and when.
//!
//! Format: CSV with the columns `series,target_nodes,start_s,end_s,available_nodes`, run-length coded (as made from
//! skypilot-org/spot-traces). The series is repeated where a run lasts longer.

use crate::engine::{Purpose, Streams};
use crate::units::{Ppm, SimDuration, SimTime};
use rand::Rng;

use super::pool_filter::PoolFilter;
use std::sync::Arc;

const SEAT: Purpose = Purpose::named("ec2 replayed availability seat");
const COLUMNS: [&str; 5] = ["series", "target_nodes", "start_s", "end_s", "available_nodes"];

/// Why a series cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AvailabilityError {
    /// The header lacks a column.
    #[error("there is no column `{0}`")]
    Column(&'static str),
    /// A row has no number where one is needed.
    #[error("line {0} has no whole number of seconds and nodes")]
    Row(u64),
    /// No row has this series.
    #[error("there is no series `{0}`")]
    Unknown(String),
}

/// Share of the wanted nodes that were available, over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvailabilitySeries {
    /// From when on, milliseconds, and the share that is available.
    steps: Vec<(u64, u32)>,
    length_ms: u64,
}

/// A series and the pools that follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvailabilityReplay {
    /// Which pools.
    pub pools: PoolFilter,
    /// What.
    pub series: Arc<AvailabilitySeries>,
}

impl AvailabilitySeries {
    /// The series called `name` of a CSV text; an empty name is the first one.
    ///
    /// # Errors
    /// Where the text has not the columns, or no such series.
    pub fn parse(text: &str, name: &str) -> Result<Self, AvailabilityError> {
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|_| AvailabilityError::Column(COLUMNS[0]))?;
        let mut places = [0; COLUMNS.len()];
        for (place, column) in places.iter_mut().zip(COLUMNS) {
            let found = header.iter().position(|known| known == column);
            *place = found.ok_or(AvailabilityError::Column(column))?;
        }
        let mut wanted = (!name.is_empty()).then(|| name.to_owned());
        let (mut steps, mut start, mut length_ms) = (Vec::new(), None, 0);
        let mut row = csv::StringRecord::new();
        while reader.read_record(&mut row).map_err(|_| AvailabilityError::Row(reader.position().line()))? {
            let line = row.position().map_or(0, csv::Position::line);
            let series = row.get(places[0]).unwrap_or_default();
            if row.len() == 1 && row[0].is_empty()
                || wanted.get_or_insert_with(|| series.to_owned()) != series
            {
                continue;
            }
            let number_at = |column: usize| {
                let field = row.get(places[column]).and_then(|field| field.parse::<u64>().ok());
                field.ok_or(AvailabilityError::Row(line))
            };
            let (target, from, until, available) =
                (number_at(1)?, number_at(2)?, number_at(3)?, number_at(4)?);
            let zero = *start.get_or_insert(from);
            let share = available.min(target) * u64::from(Ppm::ONE.0) / target.max(1);
            steps.push((from.saturating_sub(zero) * 1000, share as u32));
            length_ms = until.saturating_sub(zero) * 1000;
        }
        if steps.is_empty() || length_ms == 0 {
            return Err(AvailabilityError::Unknown(wanted.unwrap_or_default()));
        }
        Ok(Self { steps, length_ms })
    }

    /// The step in force at `ms` of the series.
    fn step_at(&self, ms: u64) -> usize {
        self.steps.partition_point(|(from, _)| *from <= ms).saturating_sub(1)
    }

    /// The share that is available at `now`.
    #[must_use]
    pub fn share_at(&self, now: SimTime) -> Ppm {
        Ppm(self.steps[self.step_at(now.as_ms() % self.length_ms)].1)
    }

    /// When the share first falls below `seat` parts per million after `from`; `None` where it never does.
    fn falls_below(&self, from: SimTime, seat: u32) -> Option<SimTime> {
        let turn = from.as_ms() / self.length_ms * self.length_ms;
        let first = self.step_at(from.as_ms() - turn) + 1;
        let count = self.steps.len();
        (first..=first + count).find_map(|index| {
            let (at, share) = self.steps[index % count];
            let at = turn + (index / count) as u64 * self.length_ms + at;
            (share < seat).then_some(SimTime::from_ms(at))
        })
    }

    /// When the instance of launch `ordinal`, running since `running_at`, is taken: it holds one of the places that are
    /// there, each as likely, and loses it when so few are left.
    #[must_use]
    pub fn taken_at(&self, running_at: SimTime, ordinal: u64, streams: &Streams) -> Option<SimTime> {
        let share = self.share_at(running_at).0;
        if share == 0 {
            return Some(running_at);
        }
        let seat = 1 + (streams.entity(SEAT, ordinal).next_u64() % u64::from(share)) as u32;
        self.falls_below(running_at, seat)
    }

    /// The series' own losses: how many parts per million of the wanted nodes were lost in all.
    #[must_use]
    pub fn losses(&self) -> Vec<(SimDuration, Ppm)> {
        let falls = self.steps.windows(2).filter(|pair| pair[1].1 < pair[0].1);
        falls.map(|pair| (SimDuration::from_ms(pair[1].0), Ppm(pair[0].1 - pair[1].1))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "series,target_nodes,start_s,end_s,available_nodes\n\
        a,1,0,10,1\nb,4,100,160,4\nb,4,160,200,1\nb,4,200,220,0\nb,4,220,240,4\n";

    #[test]
    fn a_series_is_read_by_name_and_repeats() {
        let series = AvailabilitySeries::parse(TEXT, "b").unwrap();
        let share = |secs: u64| series.share_at(SimTime::from_ms(secs * 1000)).0;
        assert_eq!(
            [share(0), share(59), share(60), share(100), share(120)],
            [1_000_000, 1_000_000, 250_000, 0, 1_000_000]
        );
        assert_eq!([share(140), share(200)], [1_000_000, 250_000]);
        assert_eq!(series.losses().len(), 2);
        assert_eq!(AvailabilitySeries::parse(TEXT, ""), AvailabilitySeries::parse(TEXT, "a"));
        assert_eq!(AvailabilitySeries::parse(TEXT, "c"), Err(AvailabilityError::Unknown("c".to_owned())));
        assert_eq!(AvailabilitySeries::parse("series\n", ""), Err(AvailabilityError::Column("target_nodes")));
    }

    #[test]
    fn three_of_four_instances_go_at_the_first_fall_and_the_last_at_the_second() {
        let series = AvailabilitySeries::parse(TEXT, "b").unwrap();
        let streams = Streams::new(3, 0);
        let count = 20_000;
        let taken = |ordinal| series.taken_at(SimTime::from_ms(1000), ordinal, &streams).unwrap().as_ms();
        let ends: Vec<u64> = (0..count).map(taken).collect();
        assert!(ends.iter().all(|end| *end == 60_000 || *end == 100_000));
        let first = ends.iter().filter(|end| **end == 60_000).count() as f64 / count as f64;
        // 3 standard errors of a share of three quarters.
        assert!((first - 0.75).abs() < 0.0092, "{first}");
        assert_eq!(series.taken_at(SimTime::from_ms(110_000), 1, &streams), Some(SimTime::from_ms(110_000)));
        // Launched where only one place is there, it holds that one.
        assert_eq!(series.taken_at(SimTime::from_ms(70_000), 1, &streams), Some(SimTime::from_ms(100_000)));
    }
}
