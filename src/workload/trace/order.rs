//! Rows in time order although the file is slightly out of order: a window of bounded size, kept sorted.

use std::collections::VecDeque;

use super::reader::Row;

/// The rows that were read and not yet given out, by (submit time, row number).
#[derive(Debug)]
pub(super) struct ReorderWindow {
    rows: VecDeque<Row>,
    size: usize,
}

impl ReorderWindow {
    pub(super) fn new(size: usize) -> Self {
        Self { rows: VecDeque::new(), size }
    }

    /// Puts `row` in its place, from the back: next to nothing for files that are sorted.
    pub(super) fn push(&mut self, row: Row) {
        let mut at = self.rows.len();
        while at > 0 && self.rows[at - 1].submitted_ms > row.submitted_ms {
            at -= 1;
        }
        if at == self.rows.len() {
            self.rows.push_back(row);
        } else {
            self.rows.insert(at, row);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() > self.size
    }

    pub(super) fn pop(&mut self) -> Option<Row> {
        self.rows.pop_front()
    }
}
