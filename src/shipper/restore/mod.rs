//! A replica in, a database file out.
//!
//! The file is written aside, synced, checked and only then renamed, so that what stands under the
//! name asked for is whole or was never touched. Memory is bounded whatever the database's size:
//! objects are read in pieces while they are merged. A restore of much that is interrupted leaves
//! the pieces it has in `<output>.restore/`, and the next one into the same output goes on with them.

mod inputs;
mod job;
mod pieces;
mod plans;
mod preview;
mod scratch;
mod taken;
#[cfg(test)]
mod tests;

pub use preview::{Preview, preview};
pub use scratch::directory as scratch_directory;

use super::error::{is_damage, is_gone, store_error};
use super::plan::{self, plan, plan_taken};
use crate::ltx::{self, Txid};
use crate::sqlite::{self, Alone, Integrity};
use crate::store::{self, LtxFile, Replica, SNAPSHOT_LEVEL};
use job::Job;
use plans::Plans;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to restore, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which moment.
    pub target: Target,
    /// Replace a file that is there.
    pub force: bool,
    /// How to check the result before it gets its name.
    pub integrity: Integrity,
    /// What is fetched is kept for the next attempt if it is so much.
    pub resumable_bytes: u64,
    /// Restore from other files what a damaged one holds, where there are such.
    pub around_damage: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: Target::default(),
            force: false,
            integrity: Integrity::default(),
            resumable_bytes: 32 << 20,
            around_damage: true,
        }
    }
}

/// A moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// The newest there is.
    #[default]
    Latest,
    /// Just after a transaction.
    Txid(Txid),
    /// The newest not after a time, in milliseconds since 1970.
    Timestamp(i64),
}

/// How far a restore has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The files to read are known.
    Planned {
        /// How many.
        files: usize,
        /// Their length together.
        bytes: u64,
        /// So much of it an interrupted restore has left here.
        kept: u64,
    },
    /// The database is being written.
    Bytes {
        /// Written so far.
        done: u64,
        /// Of the whole database.
        total: u64,
    },
    /// All is written and is being checked.
    Checking,
}

/// Is told how far a restore has come; it is called often.
pub type ProgressFn = Arc<dyn Fn(Progress) + Send + Sync>;

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The last transaction.
    pub txid: Txid,
    /// When it was taken, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The size of the database in pages.
    pub pages: u32,
    /// The size of a page in bytes.
    pub page_size: u32,
    /// The LTX files read.
    pub files: usize,
    /// Their length together.
    pub bytes: u64,
    /// The last of them.
    pub last: LtxFile,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The output is there, and may not be replaced.
    #[error("{} exists already", path.display())]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// A directory has the output's name.
    #[error("{} is a directory", path.display())]
    Directory {
        /// The output.
        path: PathBuf,
    },
    /// The output is a database that somebody has open.
    #[error("{} is in use: stop what uses it", path.display())]
    InUse {
        /// The output.
        path: PathBuf,
    },
    /// What lies beside the output belongs to a database that is not there: SQLite would take it for the
    /// restored one's.
    #[error("{} was left by another database: move it away", path.display())]
    Leftover {
        /// The journal.
        path: PathBuf,
    },
    /// What a program left beside the output that did not close it cannot be put into it.
    #[error("{} cannot be opened with what was left beside it ({source}): move all of it away", path.display())]
    Unsettled {
        /// The output.
        path: PathBuf,
        /// What is wrong.
        source: sqlite::Error,
    },
    /// Another restore is about to make the same file.
    #[error("{}: another restore works there", path.display())]
    Taken {
        /// Its directory.
        path: PathBuf,
    },
    /// The database would not fit.
    #[error("{}: the database needs {needed} bytes, there are {free} free", path.display())]
    Space {
        /// The directory.
        path: PathBuf,
        /// The database's size.
        needed: u64,
        /// What the disk has.
        free: u64,
    },
    /// The output cannot be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The files do not make the database asked for.
    #[error(transparent)]
    Plan(#[from] plan::Error),
    /// A file is damaged, or the files do not fit together.
    #[error(transparent)]
    Ltx(#[from] ltx::Error),
    /// Nothing is as old as the time asked for.
    #[error("the backup begins after that time")]
    NothingThen,
    /// The restored database cannot be read.
    #[error("the restored database cannot be read: {0}")]
    Unreadable(#[from] sqlite::Error),
    /// The restored database is not sound.
    #[error("the restored database is damaged: {first} ({count} faults)")]
    Damaged {
        /// The first thing that is wrong.
        first: String,
        /// How many things are.
        count: usize,
    },
    /// The program is stopping.
    #[error("interrupted by shutdown")]
    Stopped,
}

/// Restores a replica into the file `output`.
///
/// # Errors
/// If the output is in the way, the replica lacks something or is damaged, or a store or a disk
/// fails. The output is then as it was before.
pub async fn restore(
    replica: &Replica,
    output: &Path,
    options: &Options,
    progress: ProgressFn,
) -> Result<Restored, Error> {
    refuse_in_the_way(output, options.force)?;
    let mut plans = Plans::new(replica, options.target);
    loop {
        let files = plans.next().await.map_err(Error::bare)?;
        let last = files.last().ok_or(plan::Error::Empty)?.clone();
        match restore_planned(replica, files, output, options, &progress).await {
            Err(error) if error.is_vanished() || options.around_damage => {
                plans.failed(error, &last).map_err(Error::bare)?;
            }
            result => return result.map_err(Error::bare),
        }
    }
}

/// Those of a replica's files that make the moment asked for.
async fn plan_of(
    replica: &Replica,
    files: &[LtxFile],
    target: Target,
) -> Result<Vec<LtxFile>, Error> {
    match target {
        Target::Latest => Ok(plan(files, None)?),
        Target::Txid(txid) => Ok(plan(files, Some(txid))?),
        Target::Timestamp(time_ms) => {
            let taken = taken::taken_by(replica, files, time_ms).await?;
            let planned = plan_taken(files, &taken)?;
            match planned.is_empty() {
                true if files.is_empty() => Err(plan::Error::Empty.into()),
                true => Err(Error::NothingThen),
                false => Ok(planned),
            }
        }
    }
}

/// Every LTX file of a replica. Levels are listed upwards, the way transactions move: what is gone
/// from one by the time it is listed is in the next.
///
/// # Errors
/// If the store fails.
pub async fn list_all(replica: &Replica) -> Result<Vec<LtxFile>, store::Error> {
    let mut files = Vec::new();
    for level in 0..=SNAPSHOT_LEVEL {
        files.extend(replica.list_ltx(level).await?);
    }
    Ok(files)
}

async fn restore_planned(
    replica: &Replica,
    files: Vec<LtxFile>,
    output: &Path,
    options: &Options,
    progress: &ProgressFn,
) -> Result<Restored, Error> {
    let wanted = Arc::new(());
    let job = Job {
        replica: replica.clone(),
        files,
        output: output.to_owned(),
        options: options.clone(),
        progress: Arc::clone(progress),
        wanted: Arc::downgrade(&wanted),
    };
    let restored = tokio::task::spawn_blocking(move || job.run()).await;
    drop(wanted);
    restored.unwrap_or(Err(Error::Stopped))
}

/// Requests at once.
const REQUESTS_MAX: usize = 16;

impl Error {
    /// Something is not what was written.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        match self {
            Self::Ltx(error) if error.is_corruption() => true,
            Self::Unreadable(_) | Self::Damaged { .. } => true,
            _ => self.damaged_key().is_some(),
        }
    }

    /// The key of an object that is not what was written, where it is known which one it is.
    pub(super) fn damaged_key(&self) -> Option<&str> {
        let error = match self {
            Self::Ltx(ltx::Error::File { key, .. }) => return Some(key),
            Self::Ltx(error) => store_error(error)?,
            Self::Store(error) => error,
            _ => return None,
        };
        match error {
            store::Error::Sealed { key, .. } => Some(key),
            _ => None,
        }
    }

    /// The same restore may well come to its end another time.
    fn is_interruption(&self) -> bool {
        match self {
            Self::Stopped | Self::Io { .. } | Self::Space { .. } | Self::Store(_) => true,
            Self::Ltx(ltx::Error::Io(_)) => !self.is_vanished(),
            _ => false,
        }
    }

    /// What the store said, where that is why a file was not read.
    fn bare(self) -> Self {
        match self {
            Self::Ltx(ltx::Error::Io(error)) => match error.downcast::<store::Error>() {
                Ok(error) => Self::Store(error),
                Err(error) => Self::Ltx(ltx::Error::Io(error)),
            },
            error => error,
        }
    }

    /// A file was removed between the listing and the reading.
    fn is_vanished(&self) -> bool {
        match self {
            Self::Store(error) => is_gone(error),
            Self::Ltx(error) => store_error(error).is_some_and(is_gone),
            _ => false,
        }
    }

    /// The files do not make a database, and never will.
    pub(super) fn lasts(&self) -> bool {
        match self {
            Self::Plan(_) => true,
            Self::Ltx(error) if is_damage(error) => true,
            _ => self.is_vanished() || self.damaged_key().is_some(),
        }
    }
}

/// Refuses to restore where something would be lost that nobody said may be replaced, or where the restored
/// database would not stay what it is.
///
/// # Errors
/// [`Error::Exists`], [`Error::Directory`], [`Error::InUse`], [`Error::Leftover`], [`Error::Unsettled`]
pub fn refuse_in_the_way(output: &Path, force: bool) -> Result<(), Error> {
    own(output, force).map(drop)
}

/// As [`refuse_in_the_way`]; nothing lies beside the output from now on. What was committed there is in
/// it, should it not be replaced after all.
fn clear_the_way(output: &Path, force: bool) -> Result<(), Error> {
    let unsettled = |source| Error::Unsettled { path: output.to_owned(), source };
    own(output, force)?.map_or(Ok(()), Alone::settle).map_err(unsettled)
}

/// The database that is to be replaced, if something lies beside it.
fn own(output: &Path, force: bool) -> Result<Option<Alone>, Error> {
    let path = output.to_owned();
    let is_there = match output.symlink_metadata() {
        Ok(found) if found.is_dir() => return Err(Error::Directory { path }),
        Ok(_) if !force => return Err(Error::Exists { path }),
        found => found.is_ok(),
    };
    let beside = ["-wal", "-shm", "-journal"].map(|suffix| with_suffix(output, suffix));
    match beside.into_iter().find(|path| path.symlink_metadata().is_ok()) {
        None => Ok(None),
        Some(path) if !is_there => Err(Error::Leftover { path }),
        Some(_) => match Alone::take(output) {
            Ok(None) => Err(Error::InUse { path }),
            Ok(alone) => Ok(alone),
            Err(source) => Err(Error::Unsettled { path, source }),
        },
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
