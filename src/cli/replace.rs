//! One folder put in the place of another: at any moment the name stands for the old or for the new one, whenever the
//! process is killed. What a killed process left beside it is put right by the next one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// How temporary folders begin.
const PREFIX: &str = ".fleetsim-";

/// A temporary folder beside the results. It is locked while its process lives, so that others can tell it from one that
/// a killed process left.
#[derive(Debug)]
pub(super) struct Draft {
    folder: tempfile::TempDir,
    _lock: File,
}

impl Draft {
    /// A new, empty folder in `parent`. What killed processes left there goes away.
    pub(super) fn new(parent: &Path) -> io::Result<Self> {
        remove_abandoned(parent);
        loop {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
            let lock = File::open(folder.path())?;
            // Where the file system knows no locks nothing is ever taken for abandoned either.
            let _ = lock.lock();
            // Between its making and its locking another process may have taken it for abandoned.
            if folder.path().exists() {
                return Ok(Self { folder, _lock: lock });
            }
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes it `target`. An older folder of that name goes away, after it has lost its name.
    pub(super) fn become_folder(self, target: &Path) -> io::Result<()> {
        let complete = self.folder.keep();
        let placed = put_in_place(&complete, target);
        // Now this is the old folder, or the new one that found no place.
        let _ = fs::remove_dir_all(&complete);
        placed
    }
}

/// Puts right what a process left that was killed between two renames, where the system cannot exchange two folders at
/// once.
pub(super) fn recover(target: &Path) {
    let Some(old) = set_aside(target) else { return };
    if !old.exists() {
        return;
    }
    if target.exists() {
        let _ = fs::remove_dir_all(&old);
    } else {
        let _ = fs::rename(&old, target);
    }
}

/// After this `target` is what `new` was; a folder that had the name before is where `new` was, or gone.
fn put_in_place(new: &Path, target: &Path) -> io::Result<()> {
    if !target.exists() {
        return fs::rename(new, target);
    }
    match exchange(new, target) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => in_two_steps(new, target),
        done => done,
    }
}

#[cfg(target_os = "linux")]
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).map_err(|error| match error {
        Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP => io::ErrorKind::Unsupported.into(),
        other => other.into(),
    })
}

#[cfg(not(target_os = "linux"))]
fn exchange(_a: &Path, _b: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// For systems that cannot exchange: between both steps the name stands for nothing, which [`recover`] puts right.
fn in_two_steps(new: &Path, target: &Path) -> io::Result<()> {
    let old = set_aside(target).ok_or(io::ErrorKind::InvalidInput)?;
    recover(target);
    fs::rename(target, &old)?;
    if let Err(error) = fs::rename(new, target) {
        let _ = fs::rename(&old, target);
        return Err(error);
    }
    let _ = fs::remove_dir_all(&old);
    Ok(())
}

/// Where the old folder is between two steps.
fn set_aside(target: &Path) -> Option<PathBuf> {
    let name = target.file_name()?.to_string_lossy();
    Some(target.with_file_name(format!(".old-{name}.fleetsim")))
}

/// Removes temporary folders whose process has gone: nobody holds their lock.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if !is_ours || !entry.path().is_dir() {
            continue;
        }
        if let Ok(folder) = File::open(entry.path())
            && folder.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(path: &Path, content: &str) {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join("a"), content).unwrap();
    }

    #[test]
    fn a_process_that_was_killed_between_two_steps_loses_nothing() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("peak");
        let old = set_aside(&target).unwrap();
        folder(&old, "old");
        recover(&target);
        assert_eq!(fs::read_to_string(target.join("a")).unwrap(), "old");
        folder(&old, "older");
        recover(&target);
        assert!(!old.exists() && fs::read_to_string(target.join("a")).unwrap() == "old");
        let new = place.path().join("new");
        folder(&new, "new");
        in_two_steps(&new, &target).unwrap();
        assert_eq!(fs::read_to_string(target.join("a")).unwrap(), "new");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_process_left_goes_away_and_what_a_living_one_writes_stays() {
        let place = tempfile::tempdir().unwrap();
        folder(&place.path().join(".fleetsim-left"), "x");
        folder(&place.path().join("other"), "y");
        let living = Draft::new(place.path()).unwrap();
        let second = Draft::new(place.path()).unwrap();
        assert!(living.path().exists() && second.path().exists());
        assert!(!place.path().join(".fleetsim-left").exists() && place.path().join("other").exists());
    }
}
