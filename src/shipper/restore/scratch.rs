//! The directory beside the output in which a restore works: `<output>.restore/`.
//!
//! It is of one restore at a time. It goes when the restore ends, unless what was downloaded is worth
//! keeping for the next attempt.

use super::Error;
use rustix::fs::{FlockOperation, flock, statvfs};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The directory, held by this restore.
pub(super) struct Scratch {
    directory: PathBuf,
    /// Locked until it is closed.
    _lock: File,
    keeps_pieces: bool,
}

impl Scratch {
    /// Makes the directory, or takes over what an interrupted restore left there.
    pub(super) fn open(output: &Path) -> Result<Self, Error> {
        let directory = directory(output);
        let path = directory.clone();
        let io_error = |source| Error::Io { path: path.clone(), source };
        match fs::create_dir(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(io_error(error)),
            _ => Ok(()),
        }?;
        let lock = File::create(directory.join(LOCK)).map_err(io_error)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(Error::Taken { path: directory }),
            Err(errno) => return Err(io_error(errno.into())),
        }
        let scratch = Self { directory, _lock: lock, keeps_pieces: false };
        scratch.remove_unfinished().map_err(io_error)?;
        Ok(scratch)
    }

    /// Where files may be made.
    pub(super) fn path(&self) -> &Path {
        &self.directory
    }

    /// Where pieces of objects may be kept.
    pub(super) fn pieces(&self) -> PathBuf {
        self.directory.join(PIECES)
    }

    /// Removes pieces as far as they can be: what cannot is in nobody's way but the next restore's,
    /// which tries again.
    pub(super) fn remove_pieces(&self) {
        drop(fs::remove_dir_all(self.pieces()));
    }

    /// Whether pieces are left for the next attempt.
    pub(super) fn keep_pieces(&mut self, keeps: bool) {
        self.keeps_pieces = keeps;
    }

    /// Refuses what cannot end well.
    pub(super) fn require(&self, bytes: u64) -> Result<(), Error> {
        let path = &self.directory;
        let disk = statvfs(path)
            .map_err(|errno| Error::Io { path: path.clone(), source: errno.into() })?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < bytes {
            let path = path.parent().unwrap_or(path).to_owned();
            return Err(Error::Space { path, needed: bytes, free });
        }
        Ok(())
    }

    /// What a restore that was killed was writing.
    fn remove_unfinished(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.keeps_pieces {
            return;
        }
        self.remove_pieces();
        // What somebody else has put there stays.
        drop(fs::remove_file(self.directory.join(LOCK)));
        drop(fs::remove_dir(&self.directory));
    }
}

/// How the names of files begin that are written and not done.
pub(super) const UNFINISHED: &str = "database-";

const LOCK: &str = "lock";
const PIECES: &str = "pieces";

/// The directory in which an output is made.
#[must_use]
pub fn directory(output: &Path) -> PathBuf {
    let mut name = OsString::from(output);
    name.push(".restore");
    name.into()
}
