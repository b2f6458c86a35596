//! `replications.csv`: every metric and work counter of every replication; what comparisons and baselines are read from.
//!
//! Numbers are written as the shortest text that reads back as the same number, so that equal runs stay equal.

use std::io::{Read, Write};

use crate::experiment::{FleetValues, Metric, Term};

const HEADER: [&str; 9] =
    ["scenario", "seed", "fleet", "replication", "metric", "unit", "value", "numerator", "denominator"];
/// What stands before the name of a work counter.
const WORK: &str = "work.";

/// The values of all replications and from what they come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replications {
    /// Hash of the resolved scenario.
    pub scenario: String,
    /// Seed of all draws.
    pub seed: u64,
    /// By fleet.
    pub fleets: Vec<FleetValues>,
}

impl Replications {
    /// Writes the table.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    pub fn write<W: Write>(&self, out: W) -> csv::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(HEADER)?;
        let seed = self.seed.to_string();
        for fleet in &self.fleets {
            for (replication, (row, work)) in fleet.replications.iter().zip(&fleet.work).enumerate() {
                let replication = replication.to_string();
                let head = [self.scenario.as_str(), &seed, &fleet.name, &replication];
                for (metric, term) in Metric::all().into_iter().zip(row) {
                    let value = match term {
                        None => Default::default(),
                        Some(Term::Value(value)) => [value.to_string(), String::new(), String::new()],
                        Some(Term::Ratio(a, b)) => [(a / b).to_string(), a.to_string(), b.to_string()],
                    };
                    let key = metric.key();
                    let tail = [key.as_str(), metric.unit().label()];
                    csv.write_record(head.into_iter().chain(tail).chain(value.iter().map(String::as_str)))?;
                }
                for (name, count) in work {
                    let (name, count) = (format!("{WORK}{name}"), count.to_string());
                    csv.write_record(head.into_iter().chain([name.as_str(), "count", &count, "", ""]))?;
                }
            }
        }
        Ok(csv.flush()?)
    }

    /// Reads a table that [`Replications::write`] wrote. Metrics that this version does not know are passed over.
    ///
    /// # Errors
    /// What is wrong with the table, in words.
    pub fn read<R: Read>(input: R) -> Result<Self, String> {
        let mut csv = csv::Reader::from_reader(input);
        let header = csv.headers().map_err(|error| error.to_string())?;
        if !header.iter().take(HEADER.len()).eq(HEADER) {
            return Err(format!("its columns are not {}", HEADER.join(",")));
        }
        let mut read = Self::default();
        for (line, record) in csv.records().enumerate() {
            let record = record.map_err(|error| error.to_string())?;
            read.take(&record).ok_or_else(|| format!("row {} cannot be read", line + 2))?;
        }
        if read.fleets.is_empty() { Err("it holds no replication".to_owned()) } else { Ok(read) }
    }

    fn take(&mut self, record: &csv::StringRecord) -> Option<()> {
        let field = |index: usize| record.get(index);
        let (scenario, seed) = (field(0)?, field(1)?.parse().ok()?);
        let (name, replication): (_, usize) = (field(2)?, field(3)?.parse().ok()?);
        if self.fleets.is_empty() {
            (self.scenario, self.seed) = (scenario.to_owned(), seed);
        }
        if (scenario, seed) != (self.scenario.as_str(), self.seed) {
            return None;
        }
        if !self.fleets.iter().any(|fleet| fleet.name == name) {
            self.fleets.push(FleetValues { name: name.to_owned(), ..FleetValues::default() });
        }
        let fleet = self.fleets.iter_mut().find(|fleet| fleet.name == name)?;
        if replication > fleet.replications.len() {
            return None;
        }
        if replication == fleet.replications.len() {
            fleet.replications.push(vec![None; Metric::all().len()]);
            fleet.work.push(Vec::new());
        }
        let (key, value) = (field(4)?, field(6)?);
        if let Some(counter) = key.strip_prefix(WORK) {
            fleet.work[replication].push((counter.to_owned(), value.parse().ok()?));
        } else if let Some(metric) = Metric::from_key(key).filter(|_| !value.is_empty()) {
            let term = match field(8)? {
                "" => Term::Value(value.parse().ok()?),
                bottom => Term::Ratio(field(7)?.parse().ok()?, bottom.parse().ok()?),
            };
            fleet.replications[replication][metric.index()] = Some(term);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_as_the_same() {
        let row = |x: f64| {
            let mut row = vec![None; Metric::all().len()];
            row[Metric::CostTotal.index()] = Some(Term::Value(x / 3.0));
            row[Metric::WaitMean.index()] = Some(Term::Ratio(x * 0.1, 7.0));
            row
        };
        let fleet = |name: &str| FleetValues {
            name: name.to_owned(),
            replications: vec![row(1.0), row(2.0)],
            work: vec![vec![("events".to_owned(), 5)], vec![("events".to_owned(), 6)]],
        };
        let table =
            Replications { scenario: "ab".to_owned(), seed: 3, fleets: vec![fleet("a"), fleet("b, c")] };
        let mut bytes = Vec::new();
        table.write(&mut bytes).unwrap();
        assert_eq!(Replications::read(bytes.as_slice()).unwrap(), table);
        assert!(Replications::read(b"a,b\n1,2\n".as_slice()).is_err());
    }
}
