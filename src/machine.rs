//! What the system lets the program have: open files, and room on a disk.
//!
//! What enters: an error of the system, or the place of one. What leaves: what is used up, and what to
//! do about it, in words for whoever runs the program.

use rustix::fs::statvfs;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// What is used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// The process has as many files open as it may.
    Files {
        /// How many; sockets count as well.
        max: u64,
    },
    /// The disk is full.
    Disk {
        /// A directory on it.
        directory: PathBuf,
    },
}

/// With less room than this SQLite cannot make the files that it needs beside a database.
const ROOM_MIN: u64 = 64 << 10;

impl Shortage {
    /// Whether another file can be opened.
    #[must_use]
    pub fn of_files() -> Option<Self> {
        File::open("/").err().as_ref().and_then(Self::behind)
    }

    /// Whether there is room on the disk of a file.
    #[must_use]
    pub fn of_room(file: &Path) -> Option<Self> {
        let directory = file.parent().filter(|parent| *parent != Path::new(""));
        let directory = directory.unwrap_or(Path::new("."));
        let disk = statvfs(directory).ok()?;
        let is_full = disk.f_bavail.saturating_mul(disk.f_frsize) < ROOM_MIN;
        is_full.then(|| Self::Disk { directory: directory.to_owned() })
    }

    fn behind(error: &io::Error) -> Option<Self> {
        let max = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        (Errno::from_io_error(error) == Some(Errno::MFILE)).then_some(Self::Files { max })
    }
}

impl Display for Shortage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files { max } => write!(
                f,
                "this process may have no more than {max} files open: raise that (ulimit -n, or \
                 LimitNOFILE= of its systemd unit)"
            ),
            Self::Disk { directory } => write!(
                f,
                "the disk of {} is full: free some space there, which SQLite needs even to read",
                directory.display()
            ),
        }
    }
}

/// What can be done about an error of the system, as the end of a sentence.
#[must_use]
pub fn advice(error: &io::Error) -> String {
    Shortage::behind(error).map(|shortage| format!(": {shortage}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortages_are_told_from_other_errors() {
        assert_eq!(advice(&io::ErrorKind::NotFound.into()), "");
        assert!(advice(&Errno::MFILE.into()).contains("ulimit -n"));
        assert_eq!((Shortage::of_files(), Shortage::of_room(Path::new("x"))), (None, None));
    }
}
