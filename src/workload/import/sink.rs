//! Where readers put what they find: jobs, drops and remarks, with the place at hand. Decides nothing about formats.

use std::collections::BTreeMap;

use super::ImportError;
use super::account::{Dependencies, Note};
use super::error::{Dropped, Fault, place};
use super::fields::wait;
use super::map::Mapping;
use super::table::{JobRow, JobTable};
use crate::engine::{Purpose, Streams};
use crate::workload::{BadRows, Distribution, Place};
use rand_chacha::ChaCha8Rng;

/// Examples kept of each reason.
const EXAMPLES: usize = 3;
/// Different states that are counted; the APIs have fewer than twenty.
const STATES: usize = 50;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Sink<'m> {
    pub(super) table: JobTable,
    pub(super) mapping: Option<Mapping>,
    pub(super) rows: u64,
    pub(super) dropped: BTreeMap<Dropped, (u64, Place)>,
    pub(super) notes: BTreeMap<Note, (u64, Place)>,
    pub(super) dependencies: Dependencies,
    /// States of all records, kept or not.
    pub(super) states: BTreeMap<String, u64>,
    pub(super) bad_rows: Option<BadRows>,
    /// What is taken off every duration.
    pub(super) startup: Option<StartUp>,
    /// Examples of records that cannot be used, a few of each reason.
    pub(super) examples: Vec<(Dropped, ImportError)>,
    /// File and line of the record at hand.
    pub(super) file: &'m str,
    pub(super) line: u64,
}

/// What recorded durations hold beside the script.
#[derive(Debug)]
pub(super) struct StartUp {
    length: Distribution,
    random: ChaCha8Rng,
}

/// What is left of a job that was shorter than its start-up: jobs of length zero are none.
const SHORTEST_MS: u64 = 1000;

impl StartUp {
    /// Draws are the same for the same jobs in the same order.
    pub(super) fn new(length: Distribution) -> Self {
        Self { length, random: Streams::new(0, 0).stream(Purpose::named("observed start-up")) }
    }
}

impl Sink<'_> {
    /// Takes the start-up off the duration of a job.
    fn without_startup<'r>(&mut self, row: JobRow<'r>) -> JobRow<'r> {
        let Some(startup) = &mut self.startup else { return row };
        let length = startup.length.sample(&mut startup.random).as_ms();
        let left = row.duration_ms.saturating_sub(length);
        let is_short = left < SHORTEST_MS;
        self.note(if is_short { Note::OnlyStartUp } else { Note::WithoutStartUp });
        JobRow { duration_ms: left.max(SHORTEST_MS.min(row.duration_ms)), ..row }
    }

    /// A job. What a map knows of it is filled in.
    pub(super) fn job(&mut self, row: JobRow<'_>) {
        self.rows += 1;
        let row = self.without_startup(row);
        match &mut self.mapping {
            Some(mapping) => {
                let completed = mapping.completed(row);
                self.table.push(&completed);
            }
            None => self.table.push(&row),
        }
    }

    /// A record that is no job of the trace.
    pub(super) fn drop(&mut self, reason: Dropped) {
        self.rows += 1;
        let first = || (0, place(self.file, self.line));
        self.dropped.entry(reason).or_insert_with(first).0 += 1;
    }

    /// Whether records that cannot be used are left out.
    pub(super) fn drops_bad(&self) -> bool {
        self.bad_rows == Some(BadRows::Drop)
    }

    /// A record that cannot be used: dropped with its example, or an error.
    pub(super) fn bad(&mut self, reason: Dropped, error: ImportError) -> Result<(), ImportError> {
        if !self.drops_bad() {
            return Err(error);
        }
        self.drop(reason);
        let alike = self.examples.iter().filter(|(known, _)| *known == reason).count();
        if alike < EXAMPLES {
            self.examples.push((reason, error));
        }
        Ok(())
    }

    /// A record with a fault at `at` (line and column), shown in `text` at `offset`.
    pub(super) fn fault(
        &mut self,
        fault: &Fault,
        at: (u64, usize),
        text: &[u8],
        offset: usize,
    ) -> Result<(), ImportError> {
        let (message, hint) = fault.texts();
        let error = ImportError::at(self.file, at, message, hint).showing(text, offset);
        self.bad(Dropped::Bad(fault.problem), error)
    }

    /// Something that was kept although it is odd.
    pub(super) fn note(&mut self, note: Note) {
        let first = || (0, place(self.file, self.line));
        self.notes.entry(note).or_insert_with(first).0 += 1;
    }

    /// The state of the record at hand.
    pub(super) fn state(&mut self, state: &str) {
        if let Some(count) = self.states.get_mut(state) {
            *count += 1;
        } else if self.states.len() < STATES {
            self.states.insert(state.to_owned(), 1);
        }
    }

    /// A job that was created at `created`, and could be picked from `pending` on.
    pub(super) fn depended(&mut self, created: Option<i64>, pending: i64) {
        if let Some(ms) = created.and_then(|created| u64::try_from(pending - created).ok()) {
            self.dependencies.add(ms);
        }
    }

    /// Submit time and wait of a job of which only creation and start are known; `note` says what that means.
    pub(super) fn submitted_by_creation(
        &mut self,
        created: Option<i64>,
        started: i64,
        note: Note,
    ) -> (i64, Option<u32>) {
        match created {
            Some(created) if created <= started => {
                self.note(note);
                (created, Some(wait((started - created) as u64)))
            }
            Some(_) => {
                self.note(Note::CreatedAfterStart);
                (started, None)
            }
            None => {
                self.note(Note::NoCreation);
                (started, None)
            }
        }
    }
}
