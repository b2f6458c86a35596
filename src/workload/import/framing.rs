//! The outermost layer of a JSON export: arrays, pages, lines and concatenated documents, cut into one record at a time.
//!
//! Only the record at hand is in memory. What is inside a record is left to the reader of its kind.

use std::io::Read;

use super::ImportError;
use super::scan::{Step, ValueScan};

/// Read at once.
const CHUNK_BYTES: usize = 1 << 18;
/// Largest record that is read: a Buildkite build with tens of thousands of jobs is far below.
const MAX_RECORD_BYTES: usize = 1 << 26;
/// Arrays within arrays, as slurped pages have them.
const MAX_LEVELS: usize = 16;

/// One record: its bytes and where it begins (line and column from 1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) line: u64,
    pub(super) column: usize,
}

impl Record<'_> {
    /// Line and column of the byte at `offset`.
    pub(super) fn place(&self, offset: usize) -> (u64, usize) {
        let before = &self.bytes[..offset.min(self.bytes.len())];
        match before.iter().rposition(|byte| *byte == b'\n') {
            None => (self.line, self.column + before.len()),
            Some(last) => {
                let lines = before.iter().filter(|byte| **byte == b'\n').count() as u64;
                (self.line + lines, before.len() - last)
            }
        }
    }

    /// The offset of a line and a column (from 1) within the record.
    pub(super) fn offset(&self, line: usize, column: usize) -> usize {
        let mut start = 0;
        for _ in 1..line {
            let newline = self.bytes[start..].iter().position(|byte| *byte == b'\n');
            start += newline.map_or(0, |at| at + 1);
        }
        (start + column.saturating_sub(1)).min(self.bytes.len())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Array,
    /// The rest of an object whose array of records has been read.
    Wrapper,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Start,
    Value,
    Comma,
}

/// The records of one input.
#[derive(Debug)]
pub(super) struct Records<'f, R> {
    input: R,
    file: &'f str,
    /// Key of the array that holds the records of a page, if pages of this kind are objects.
    wrapper: Option<&'static str>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    line: u64,
    column: usize,
    levels: Vec<Level>,
    before: Before,
    count: u64,
    record_len: usize,
}

impl<'f, R: Read> Records<'f, R> {
    pub(super) fn new(input: R, file: &'f str, wrapper: Option<&'static str>) -> Self {
        Self {
            input,
            file,
            wrapper,
            buffer: vec![0; CHUNK_BYTES],
            start: 0,
            end: 0,
            line: 1,
            column: 1,
            levels: Vec::new(),
            before: Before::Start,
            count: 0,
            record_len: 0,
        }
    }

    /// The next record; `None` at the end of the input.
    pub(super) fn next_record(&mut self) -> Result<Option<Record<'_>>, ImportError> {
        let last = std::mem::take(&mut self.record_len);
        self.consume(last);
        loop {
            let Some(byte) = self.next_token()? else { return self.at_end().map(|()| None) };
            let in_array = self.levels.last() == Some(&Level::Array);
            match byte {
                b',' if in_array && self.before == Before::Value => {
                    self.before = Before::Comma;
                    self.consume(1);
                }
                b']' if in_array => {
                    if self.before == Before::Comma {
                        return Err(self.wrong("a comma before the closing `]`", "remove the comma"));
                    }
                    self.consume(1);
                    self.end_array()?;
                }
                b'{' | b'[' if in_array && self.before == Before::Value => {
                    return Err(self.wrong("no comma between two values of an array", "put a comma there"));
                }
                b'[' => {
                    if self.levels.len() >= MAX_LEVELS {
                        return Err(
                            self.wrong("too many arrays within each other", "expected a list of jobs")
                        );
                    }
                    self.levels.push(Level::Array);
                    self.before = Before::Start;
                    self.consume(1);
                }
                b'{' => {
                    if let Some(len) = self.object()? {
                        self.before = Before::Value;
                        self.count += 1;
                        self.record_len = len;
                        let bytes = &self.buffer[self.start..self.start + len];
                        return Ok(Some(Record { bytes, line: self.line, column: self.column }));
                    }
                }
                other => {
                    let message = format!("expected a job, found `{}`", char::from(other).escape_default());
                    return Err(self.wrong(&message, "expected JSON: a list of jobs, or one job per line"));
                }
            }
        }
    }

    /// Skips blanks (and what marks the begin of a text) and shows the next byte.
    fn next_token(&mut self) -> Result<Option<u8>, ImportError> {
        loop {
            // A byte order mark, or the record separator of RFC 7464, may stand before a document.
            let bytes = &self.buffer[self.start..self.end];
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x1e);
            let blanks = bytes.iter().position(|byte| !blank(byte));
            let first = blanks.map(|at| bytes[at]);
            self.consume(blanks.unwrap_or(self.end - self.start));
            let Some(first) = first else {
                if self.fill()? {
                    continue;
                }
                return Ok(None);
            };
            if first != 0xef || !self.levels.is_empty() {
                return Ok(Some(first));
            }
            while self.end - self.start < 3 && self.fill()? {}
            if !self.buffer[self.start..self.end].starts_with(b"\xef\xbb\xbf") {
                return Ok(Some(first));
            }
            self.start += 3;
        }
    }

    fn end_array(&mut self) -> Result<(), ImportError> {
        self.levels.pop();
        self.before = Before::Value;
        if self.levels.last() == Some(&Level::Wrapper) {
            let mut scan = ValueScan::inside_object();
            loop {
                let step = scan.advance(&self.buffer[self.start..self.end], 0);
                match step {
                    Step::Ended(len) => {
                        self.consume(len);
                        break;
                    }
                    Step::Wrong(at, message) => {
                        self.consume(at);
                        return Err(self.wrong(message, "the page around the jobs is not JSON"));
                    }
                    // A second array of records cannot be: keys are unique.
                    Step::More | Step::Records(_) => {
                        self.consume(self.end - self.start);
                        if !self.fill()? {
                            return self.at_end();
                        }
                    }
                }
            }
            self.levels.pop();
        }
        Ok(())
    }

    /// The length of the object that begins here; `None` where it is a page whose records follow.
    fn object(&mut self) -> Result<Option<usize>, ImportError> {
        let mut scan = ValueScan::new(self.wrapper);
        let mut seen = 0;
        loop {
            match scan.advance(&self.buffer[self.start..self.end], seen) {
                Step::Ended(len) => return Ok(Some(len)),
                Step::Records(len) => {
                    self.levels.extend([Level::Wrapper, Level::Array]);
                    self.before = Before::Start;
                    self.consume(len);
                    return Ok(None);
                }
                Step::Wrong(at, message) => {
                    self.consume(at);
                    return Err(self.wrong(message, "the file is not JSON from here on"));
                }
                Step::More => {}
            }
            seen = self.end - self.start;
            if seen > MAX_RECORD_BYTES {
                return Err(self.wrong("a record of more than 64 MiB", "expected a list of jobs"));
            }
            if !self.fill()? {
                return Err(self.wrong(
                    "the file ends inside the record that begins here",
                    "was the download cut off? fetch the last page again",
                ));
            }
        }
    }

    fn at_end(&self) -> Result<(), ImportError> {
        if self.levels.is_empty() {
            return Ok(());
        }
        let message = format!("the file ends inside a list, after {} records", self.count);
        Err(self.wrong(&message, "was the download cut off? fetch the last page again"))
    }

    /// Reads more behind what is there; what was consumed makes room.
    fn fill(&mut self) -> Result<bool, ImportError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.end, self.start) = (self.end - self.start, 0);
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let message = format!("cannot be read beyond here: {error}");
                    return Err(
                        self.wrong(&message, "is the file damaged? try `gzip -t` where it is compressed")
                    );
                }
            }
        }
    }

    fn consume(&mut self, len: usize) {
        let bytes = &self.buffer[self.start..self.start + len];
        match bytes.iter().rposition(|byte| *byte == b'\n') {
            None => self.column += len,
            Some(last) => {
                self.line += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
                self.column = len - last;
            }
        }
        self.start += len;
    }

    fn wrong(&self, message: &str, hint: &str) -> ImportError {
        ImportError::at(self.file, (self.line, self.column), message, hint)
            .showing(&self.buffer[..self.end], self.start)
    }
}
