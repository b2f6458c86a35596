//! Parts put together: which units are there, which are missing, and whether repeated ones say the same.

use super::part::PartHeader;
use super::shard::Shard;
use std::fmt::Write;

/// How many missing units are named.
const NAMED: usize = 5;

/// The units of one experiment that parts hold. `P` says where a unit's outcome lies.
#[derive(Clone, Debug)]
pub struct PartSet<P> {
    header: PartHeader,
    /// By unit: a hash of what was said of it, and where it lies.
    places: Vec<Option<(u64, P)>>,
}

impl<P: Clone> PartSet<P> {
    /// No unit yet, of the experiment of `header`.
    #[must_use]
    pub fn new(header: PartHeader) -> Self {
        let places = vec![None; header.units()];
        Self { header, places }
    }

    /// The header that the first part had.
    #[must_use]
    pub fn header(&self) -> &PartHeader {
        &self.header
    }

    /// Adds a unit whose line is `line`. The same unit may come again if it says the same.
    ///
    /// # Errors
    /// There is no such unit, or it said something else before.
    pub fn add(&mut self, fleet: usize, replication: usize, line: &str, place: P) -> Result<(), String> {
        let fleets = self.header.fleets.len();
        if fleet >= fleets || replication >= self.header.replications {
            return Err(format!("there is no fleet {fleet} with a replication {replication}"));
        }
        let hash = fnv(line.as_bytes());
        match &mut self.places[replication * fleets + fleet] {
            Some((known, _)) if *known != hash => {
                let unit = replication * fleets + fleet;
                Err(format!("{} differs from that of another part", self.name(unit)))
            }
            Some(_) => Ok(()),
            empty => {
                *empty = Some((hash, place));
                Ok(())
            }
        }
    }

    /// Where the outcome of a unit lies; none where no part has it.
    #[must_use]
    pub fn place(&self, unit: usize) -> Option<&P> {
        self.places[unit].as_ref().map(|(_, place)| place)
    }

    /// The units that no part has, in ascending order.
    pub fn missing(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.places.len()).filter(|unit| self.places[*unit].is_none())
    }

    /// What people call a unit. A point of a sweep is one unit.
    fn name(&self, unit: usize) -> String {
        let fleets = self.header.fleets.len();
        let (fleet, number) = (&self.header.fleets[unit % fleets], unit / fleets + 1);
        if self.header.command.name == "sweep" {
            format!("{fleet} {number}")
        } else {
            format!("replication {number} of {fleet}")
        }
    }

    /// What is missing, and the commands that make it; none where nothing is.
    #[must_use]
    pub fn gap(&self) -> Option<String> {
        let missing: Vec<usize> = self.missing().collect();
        if missing.is_empty() {
            return None;
        }
        let mut text = format!("{} of {} units are missing: ", missing.len(), self.places.len());
        let named: Vec<String> = missing.iter().take(NAMED).map(|unit| self.name(*unit)).collect();
        text.push_str(&named.join(", "));
        if missing.len() > NAMED {
            text.push_str(", …");
        }
        text.push_str("\nThese commands make them; then merge again with the parts that they write:");
        let total = self.header.shard.map_or(1, |shard| shard.total);
        let mut shards: Vec<u32> = missing.iter().map(|unit| Shard::of_unit(*unit, total).index).collect();
        shards.sort_unstable();
        shards.dedup();
        for index in shards {
            let shard = Shard { index, total }.to_string();
            let _ = write!(text, "\n  {}", self.header.command.line(&["--shard", &shard]));
        }
        Some(text)
    }
}

/// FNV-1a, 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::super::part::unit_line;
    use super::*;

    #[test]
    fn repeated_units_must_agree_and_gaps_are_named_with_the_command_that_fills_them() {
        let header = PartHeader {
            replications: 2,
            fleets: vec!["a".to_owned(), "b".to_owned()],
            shard: Some(Shard { index: 1, total: 3 }),
            ..PartHeader::default()
        };
        let mut set = PartSet::new(header);
        let mut add = |fleet, replication, value: u32| {
            set.add(fleet, replication, &unit_line(fleet, replication, &value), value)
        };
        assert_eq!(add(0, 0, 5), Ok(()));
        assert_eq!(add(0, 0, 5), Ok(()));
        assert!(add(0, 0, 6).unwrap_err().contains("replication 1 of a differs"));
        assert!(add(2, 0, 5).is_err());
        assert_eq!(add(1, 1, 5), Ok(()));
        assert_eq!(set.missing().collect::<Vec<_>>(), [1, 2]);
        let gap = set.gap().unwrap();
        assert!(
            gap.starts_with("2 of 4 units are missing: replication 1 of b, replication 2 of a\n"),
            "{gap}"
        );
        assert!(gap.contains("--shard 2/3") && gap.contains("--shard 3/3") && !gap.contains("--shard 1/3"));
        assert_eq!(set.add(1, 0, "x", 1).and(set.add(0, 1, "y", 2)), Ok(()));
        assert_eq!(set.gap(), None);
    }
}
