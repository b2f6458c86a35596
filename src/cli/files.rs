//! Reading scenarios and what they name, and writing result folders: into a temporary folder first, then put in place.

use super::exit::Failed;
use super::replace::{Draft, recover};
use crate::scenario::FileProvider;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// A scenario's text.
pub(super) fn scenario_text(path: &Path) -> Result<String, Failed> {
    match fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes)
            .map_err(|_| Failed::Unreadable(format!("`{}` is not text in UTF-8", path.display()))),
        Err(error) => {
            Err(Failed::Unreadable(format!("`{}` cannot be read: {}", path.display(), reason(&error))))
        }
    }
}

/// Reads what a scenario names, relative to the scenario's own folder.
pub(super) fn beside(scenario: &Path) -> Beside {
    Beside { folder: scenario.parent().map(Path::to_path_buf).unwrap_or_default() }
}

/// The files beside a scenario.
#[derive(Debug)]
pub(super) struct Beside {
    folder: PathBuf,
}

impl FileProvider for Beside {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, String> {
        fs::read(self.folder.join(path)).map_err(|error| reason(&error))
    }

    fn open(&mut self, path: &str) -> Result<Box<dyn Read + Send>, String> {
        let path = self.folder.join(path);
        if path.is_dir() {
            return Err(reason(&io::ErrorKind::IsADirectory.into()));
        }
        fs::File::open(path)
            .map(|file| Box::new(file) as Box<dyn Read + Send>)
            .map_err(|error| reason(&error))
    }
}

/// Why a file cannot be used, in words.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// A folder that appears under its name only when it is complete.
#[derive(Debug)]
pub(super) struct ResultFolder {
    temporary: Draft,
    target: PathBuf,
}

impl ResultFolder {
    /// Prepares `target`; nothing is visible there until [`ResultFolder::publish`].
    ///
    /// # Errors
    /// A file stands where the folder or one above it should be, or nothing can be written there.
    pub(super) fn prepare(target: &Path) -> Result<Self, Failed> {
        if let Some(file) = target.ancestors().find(|path| path.exists() && !path.is_dir()) {
            return Err(Failed::Output(format!(
                "`{}` is a file; results are written into a folder (--out DIR)",
                file.display()
            )));
        }
        let parent =
            target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(|error| cannot_write(parent, &error))?;
        recover(target);
        let temporary = Draft::new(parent).map_err(|error| cannot_write(parent, &error))?;
        Ok(Self { temporary, target: target.to_path_buf() })
    }

    /// Writes one file; `name` may lie in folders below.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<(), Failed> {
        let path = self.temporary.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| cannot_write(parent, &error))?;
        }
        fs::write(&path, content).map_err(|error| cannot_write(&path, &error))
    }

    /// Writes one file row by row, without holding it in memory.
    pub(super) fn write_with(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> csv::Result<()>,
    ) -> Result<(), Failed> {
        let path = self.temporary.path().join(name);
        let file = fs::File::create(&path).map_err(|error| cannot_write(&path, &error))?;
        let mut out = io::BufWriter::new(file);
        write(&mut out).map_err(|error| cannot_write(&path, &io::Error::other(error)))?;
        out.flush().map_err(|error| cannot_write(&path, &error))
    }

    /// Puts the folder in its place. An older one of that name goes away only after the new one is there.
    pub(super) fn publish(self) -> Result<PathBuf, Failed> {
        let Self { temporary, target } = self;
        make_readable(temporary.path());
        temporary.become_folder(&target).map_err(|error| cannot_write(&target, &error))?;
        Ok(target)
    }
}

/// Temporary folders are private; results are like any other folder.
#[cfg(unix)]
fn make_readable(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o755));
}

#[cfg(not(unix))]
fn make_readable(_folder: &Path) {}

/// Writes one file of its own, in the same way: complete or not at all. What is no file (a pipe, a terminal,
/// `/dev/null`) is written to as it is and never replaced; behind a link the file it points to is replaced.
pub(super) fn write_file(path: &Path, content: &[u8], overwrite: bool) -> Result<(), Failed> {
    write_file_with(path, overwrite, |out| out.write_all(content))
}

/// The same for content that is made while it is written.
pub(super) fn write_file_with(
    path: &Path,
    overwrite: bool,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failed> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|error| cannot_write(parent, &error))?;
    let there = fs::metadata(path).ok();
    if there.as_ref().is_some_and(|there| !there.is_file() && !there.is_dir()) {
        return write_through(path, write).map_err(|error| cannot_write(path, &error));
    }
    if there.is_some() && !overwrite {
        return Err(Failed::Output(format!("`{}` exists; --force overwrites it", path.display())));
    }
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    replace_file(&target, write).map_err(|error| cannot_write(path, &error))
}

/// Writes to something that is there and is no regular file. Renaming a file over a device would destroy the device for
/// every other program.
fn write_through(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = io::BufWriter::new(fs::OpenOptions::new().write(true).open(path)?);
    write(&mut out)?;
    out.flush()
}

/// Writes a temporary file beside `path` and gives it the name once it is complete.
fn replace_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = tempfile::NamedTempFile::new_in(parent)?;
    let mut out = io::BufWriter::with_capacity(1 << 17, temporary.as_file());
    write(&mut out)?;
    out.flush()?;
    drop(out);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o644));
    }
    temporary.persist(path).map(|_| ()).map_err(|error| error.error)
}

pub(super) fn cannot_write(path: &Path, error: &io::Error) -> Failed {
    Failed::Output(format!("`{}` cannot be written: {}", path.display(), reason(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_folder_appears_at_once_and_replaces_an_older_one() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("reports/peak");
        let folder = ResultFolder::prepare(&target).unwrap();
        folder.write("charts/a.svg", b"one").unwrap();
        assert!(!target.exists());
        folder.publish().unwrap();
        assert_eq!(fs::read(target.join("charts/a.svg")).unwrap(), b"one");
        let second = ResultFolder::prepare(&target).unwrap();
        second.write("b.csv", b"two").unwrap();
        second.publish().unwrap();
        assert!(!target.join("charts").exists() && target.join("b.csv").exists());
        let abandoned = ResultFolder::prepare(&target).unwrap();
        drop(abandoned);
        let in_the_way = ResultFolder::prepare(&target.join("b.csv/peak")).unwrap_err();
        assert!(matches!(in_the_way, Failed::Output(text) if text.contains("b.csv` is a file")));
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    #[cfg(unix)]
    fn what_is_no_file_is_written_to_and_never_replaced() {
        use std::os::unix::fs::FileTypeExt;
        let place = tempfile::tempdir().unwrap();
        let pipe = place.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        write_file(&pipe, b"through", false).unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo(), "the pipe is still a pipe");

        let (file, link) = (place.path().join("file"), place.path().join("link"));
        fs::write(&file, b"old").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        assert!(
            matches!(write_file(&link, b"new", false), Err(Failed::Output(text)) if text.contains("--force"))
        );
        write_file(&link, b"new", true).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "the link is still a link");
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 3, "nothing is left behind");
    }
}
