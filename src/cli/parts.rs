//! Part files on disk: appended unit by unit, continued after a kill, and read back where their units lie.

use super::exit::Failed;
use super::files::{cannot_write, reason};
use crate::experiment::{PartHeader, outcome_of_line, unit_line, unit_of_line};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Where the line of a unit lies in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinePlace {
    start: u64,
    length: usize,
}

/// A part that is being written. Several threads may append.
#[derive(Debug)]
pub(super) struct PartFile {
    path: PathBuf,
    file: Mutex<File>,
}

/// A part that is open for more, and the units that it has already.
pub(super) type Continued = (PartFile, Vec<(usize, usize, LinePlace)>);

impl PartFile {
    /// Opens the part at `path`. Where it already holds units of the same experiment, shard and program they are kept, up
    /// to the first line that is not whole; everything else in it is given up. None where another process writes it.
    pub(super) fn open(path: &Path, header: &PartHeader, fresh: bool) -> Result<Option<Continued>, Failed> {
        let failed = |error: &std::io::Error| cannot_write(path, error);
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(|error| failed(&error))?;
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let file = options.open(path).map_err(|error| failed(&error))?;
        if matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)) {
            return Ok(None);
        }
        let mut reader = file.try_clone().and_then(LineReader::new).map_err(|error| failed(&error))?;
        let mut finished = Vec::new();
        let is_same = |line: &str| {
            PartHeader::parse(line).is_ok_and(|known| {
                known.same_experiment(header).is_ok()
                    && (known.shard, &known.program, &known.command.more)
                        == (header.shard, &header.program, &header.command.more)
            })
        };
        let mut whole = 0;
        if !fresh && reader.next().map_err(|error| failed(&error))?.is_some_and(|(_, line)| is_same(line)) {
            whole = reader.at;
            while let Some((place, line)) = reader.next().map_err(|error| failed(&error))? {
                let Ok((fleet, replication)) = unit_of_line(line) else { break };
                finished.push((fleet, replication, place));
                whole = reader.at;
            }
        }
        drop(reader);
        let mut file = file;
        let rest = file.set_len(whole).and_then(|()| file.seek(SeekFrom::Start(whole)));
        rest.map_err(|error| failed(&error))?;
        if whole == 0 {
            file.write_all(format!("{}\n", header.line()).as_bytes()).map_err(|error| failed(&error))?;
        }
        Ok(Some((Self { path: path.to_path_buf(), file: Mutex::new(file) }, finished)))
    }

    /// Appends a finished unit, as one line in one write.
    pub(super) fn append<T: Serialize>(
        &self,
        fleet: usize,
        replication: usize,
        outcome: &T,
    ) -> Result<(), Failed> {
        let mut line = unit_line(fleet, replication, outcome);
        line.push('\n');
        let mut file = self.file.lock().expect("no thread panics while it writes a line");
        file.write_all(line.as_bytes()).map_err(|error| cannot_write(&self.path, &error))
    }

    /// The outcome at a place.
    pub(super) fn outcome<T: DeserializeOwned>(&self, place: LinePlace) -> Result<T, Failed> {
        let mut file = self.file.lock().expect("no thread panics while it writes a line");
        let end = file.stream_position().map_err(|error| cannot_write(&self.path, &error))?;
        let outcome = read_outcome(&file, &self.path, place);
        file.seek(SeekFrom::Start(end)).map_err(|error| cannot_write(&self.path, &error))?;
        outcome
    }

    /// Removes the file: what it is kept for is done.
    pub(super) fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Reads the outcome at a place of an open part.
pub(super) fn read_outcome<T: DeserializeOwned>(
    mut file: &File,
    path: &Path,
    place: LinePlace,
) -> Result<T, Failed> {
    let mut bytes = vec![0; place.length];
    let read = file.seek(SeekFrom::Start(place.start)).and_then(|_| file.read_exact(&mut bytes));
    read.map_err(|error| cannot_read(path, &reason(&error)))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| cannot_read(path, &error.to_string()))?;
    outcome_of_line(text).map_err(|why| cannot_read(path, &why))
}

fn cannot_read(path: &Path, why: &str) -> Failed {
    Failed::Incompatible(format!("`{}` is no part of a run: {why}", path.display()))
}

/// A part that is read: its header first, then its units.
pub(super) struct PartReader<'a> {
    path: &'a Path,
    lines: LineReader,
}

impl<'a> PartReader<'a> {
    /// Opens the part at `path` and reads its header.
    pub(super) fn open(path: &'a Path) -> Result<(Self, PartHeader), Failed> {
        let open = File::open(path).and_then(LineReader::new);
        let mut lines = open.map_err(|error| cannot_read(path, &reason(&error)))?;
        let first = lines.next().map_err(|error| cannot_read(path, &reason(&error)))?;
        let Some((_, first)) = first else {
            return Err(cannot_read(path, "it is empty or its first line is cut off"));
        };
        let header = PartHeader::parse(first).map_err(|why| cannot_read(path, &why))?;
        Ok((Self { path, lines }, header))
    }

    /// Gives `take` each unit's fleet, replication, line and place, and hands the open file back. A last line that was not
    /// written to its end is passed over: its unit is missing.
    pub(super) fn units(
        mut self,
        mut take: impl FnMut(usize, usize, &str, LinePlace) -> Result<(), String>,
    ) -> Result<File, Failed> {
        let mut number = 1;
        let path = self.path;
        while let Some((place, line)) =
            self.lines.next().map_err(|error| cannot_read(path, &reason(&error)))?
        {
            number += 1;
            unit_of_line(line)
                .and_then(|(fleet, replication)| take(fleet, replication, line, place))
                .map_err(|why| cannot_read(path, &format!("line {number}: {why}")))?;
        }
        Ok(self.lines.reader.into_inner())
    }
}

/// Lines that end with a line break, with their places.
struct LineReader {
    reader: BufReader<File>,
    line: Vec<u8>,
    /// Where the next line starts.
    at: u64,
}

impl LineReader {
    fn new(mut file: File) -> std::io::Result<Self> {
        file.rewind()?;
        Ok(Self { reader: BufReader::with_capacity(1 << 16, file), line: Vec::new(), at: 0 })
    }

    fn next(&mut self) -> std::io::Result<Option<(LinePlace, &str)>> {
        self.line.clear();
        let read = self.reader.read_until(b'\n', &mut self.line)?;
        if self.line.pop() != Some(b'\n') {
            return Ok(None);
        }
        let place = LinePlace { start: self.at, length: read - 1 };
        self.at += read as u64;
        // Text that is not UTF-8 is no line of a part: an empty one is none either.
        Ok(Some((place, std::str::from_utf8(&self.line).unwrap_or(""))))
    }
}

/// What tells this build of the program from others: its size and when it was made.
pub(super) fn this_program() -> Option<String> {
    let file = fs::metadata(std::env::current_exe().ok()?).ok()?;
    let made = file.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(format!("{}-{}", file.len(), made.as_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(seed: u64) -> PartHeader {
        PartHeader {
            schema: crate::experiment::PART_SCHEMA.to_owned(),
            seed,
            replications: 9,
            fleets: vec!["a".to_owned()],
            ..PartHeader::default()
        }
    }

    #[test]
    fn a_part_goes_on_after_its_last_whole_line() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("parts/a.jsonl");
        let open = |seed| PartFile::open(&path, &header(seed), false).unwrap();
        let (part, finished) = open(1).unwrap();
        assert!(finished.is_empty());
        part.append(0, 0, &vec![7; 3]).unwrap();
        part.append(0, 1, &vec![8; 3]).unwrap();
        assert!(PartFile::open(&path, &header(1), false).unwrap().is_none(), "it is being written");
        drop(part);
        let whole = fs::read(&path).unwrap();
        for cut in 1..25 {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let (part, finished) = open(1).unwrap();
            assert_eq!(finished.len(), 1, "cut by {cut}");
            assert_eq!(part.outcome::<Vec<u32>>(finished[0].2).unwrap(), [7; 3]);
            part.append(0, 1, &vec![8; 3]).unwrap();
            drop(part);
            assert_eq!(fs::read(&path).unwrap(), whole, "cut by {cut}");
        }
        let (part, finished) = open(2).unwrap();
        assert!(finished.is_empty(), "another seed is another experiment");
        part.remove();
        assert!(!path.exists());
    }
}
