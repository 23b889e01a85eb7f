//! A backup in, a proof that it restores out.
//!
//! The backup is restored to scratch, which reads every checksum it has; SQLite checks the result;
//! and every page of it is compared with the live file as it was after the same transaction.

use super::locate::{Found, Live};
use super::restore::{self, ProgressFn, Target, restore};
use super::sums::{Sums, free_leaves};
use super::{Error, Shipper, plan};
use crate::ltx::{Pgno, Txid};
use crate::sqlite::{self, Integrity, Keeper};
use crate::store::{self, Replica};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// What was found out about a backup that restores and is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The last transaction restored.
    pub txid: Txid,
    /// When it was taken, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The size of the database in pages.
    pub pages: u32,
    /// The size of a page in bytes.
    pub page_size: u32,
    /// The rolling checksum of all pages.
    pub checksum: u64,
    /// What a comparison with the live file says; none if there was none.
    pub compared: Option<Compared>,
}

/// How a restored database and the live file compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// All pages that mean anything are the same.
    Equal,
    /// At the same transaction these pages are not.
    Differs(Vec<Pgno>),
    /// These pages are not the same; but the file was never seen at the end of a transaction that is
    /// stored: it may hold more than the backup.
    Unmatched(Vec<Pgno>),
}

/// Why a backup is not proven.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It does not restore, or not to a sound database.
    #[error(transparent)]
    Restore(#[from] restore::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The live file cannot be read, or its shipper does not get it stored.
    #[error(transparent)]
    Live(#[from] Error),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// What was restored is another database than the live file.
    #[error(
        "what is restored differs from the file in {count} pages at transaction {txid}, the first is {first}"
    )]
    Differs {
        /// The transaction.
        txid: Txid,
        /// How many pages.
        count: usize,
        /// The first of them.
        first: Pgno,
    },
}

impl VerifyError {
    /// What is stored is not what was written, or not all of it is there.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        let Self::Restore(error) = self else { return false };
        let is_gap = matches!(error, restore::Error::Plan(plan::Error::Gap { .. }));
        is_gap || error.is_corruption()
    }

    /// What is stored will not do, whatever is stored after it. Not that SQLite finds the result
    /// unsound: so may be the file itself, and then another copy of it is no better.
    fn condemns(&self) -> bool {
        match self {
            Self::Differs { .. } => true,
            Self::Restore(error) => error.lasts(),
            _ => false,
        }
    }
}

impl From<sqlite::Error> for VerifyError {
    fn from(error: sqlite::Error) -> Self {
        Self::Live(error.into())
    }
}

/// Restores the newest moment of a backup to scratch and checks it.
///
/// # Errors
/// It does not restore, or not to a sound database.
pub async fn verify(
    replica: &Replica,
    scratch: &Path,
    progress: ProgressFn,
) -> Result<Report, VerifyError> {
    Ok(examine(replica, Target::Latest, scratch, progress).await?.report(None))
}

/// The same, and compares it with the file that the backup is of. Another process may ship and
/// write the file meanwhile.
///
/// # Errors
/// It does not restore, or not to a sound database; or the file cannot be read.
pub async fn verify_with(
    replica: &Replica,
    file: &Path,
    scratch: &Path,
    progress: ProgressFn,
) -> Result<Report, VerifyError> {
    let (found, sums) = live_sums(replica, file).await?;
    let (target, is_matched) = match found {
        Found::At(txid) => (Target::Txid(txid), true),
        Found::Passed | Found::Newest(_) => (Target::Latest, false),
    };
    let restored = examine(replica, target, scratch, progress).await?;
    let compared = match restored.differing(&sums) {
        pages if pages.is_empty() => Compared::Equal,
        pages if is_matched => Compared::Differs(pages),
        pages => Compared::Unmatched(pages),
    };
    Ok(restored.report(Some(compared)))
}

impl Shipper {
    /// Proves a destination, given as a replica to read it through: restores it to scratch beside the
    /// file, and compares that with the file at the same transaction. Blocks the thread; writers are
    /// kept out for about as long as it takes to write what they committed to the local log.
    ///
    /// # Errors
    /// It is not proven; [`Shipper::status`] tells that too.
    pub fn prove(
        &self,
        index: usize,
        replica: &Replica,
        runtime: &Handle,
    ) -> Result<Report, VerifyError> {
        // The same place, of which it is counted apart what is asked.
        let replica = replica.below("");
        let proven = self.try_prove(index, &replica, runtime);
        let _entered = self.runtime.enter();
        self.parts.shared.asked_beside(index, replica.meter().usage());
        match &proven {
            Ok(report) => self.parts.shared.proven(index, report.txid),
            Err(error) => {
                self.parts.shared.proof_failed(index, error);
                if error.condemns() {
                    self.parts.shared.condemned(index);
                }
            }
        }
        proven
    }

    fn try_prove(
        &self,
        index: usize,
        replica: &Replica,
        runtime: &Handle,
    ) -> Result<Report, VerifyError> {
        let (txid, keeper) = self.pin()?;
        let sums = Sums::of_live(&keeper)?;
        drop(keeper);
        let name = self.parts.shared.destination_name(index);
        self.wait_stored(&[name], Some(Instant::now() + STORE_PATIENCE))?;
        let scratch = super::state_directory(&self.parts.shared.database).join("verify");
        remove(&scratch)?;
        let restoring = examine(replica, Target::Txid(txid), &scratch, Arc::new(|_| ()));
        let restored = runtime.block_on(restoring);
        remove(&scratch)?;
        let restored = restored?;
        match restored.differing(&sums).as_slice() {
            [] => Ok(restored.report(Some(Compared::Equal))),
            [first, rest @ ..] => {
                Err(VerifyError::Differs { txid, count: rest.len() + 1, first: *first })
            }
        }
    }

    /// The file as it is after a transaction that is in the local log: writers are kept out until all
    /// that they committed before is there.
    fn pin(&self) -> Result<(Txid, Keeper), Error> {
        let mut keeper = Keeper::open(&self.parts.shared.database)?;
        keeper.keep_out()?;
        keeper.mark()?;
        let logged = self.wait_logged(Some(Instant::now() + LOG_PATIENCE));
        keeper.let_in()?;
        Ok((logged?, keeper))
    }
}

/// A restored database at rest.
struct Restored {
    restored: restore::Restored,
    sums: Sums,
    meaningless: BTreeSet<Pgno>,
}

impl Restored {
    fn differing(&self, live: &Sums) -> Vec<Pgno> {
        let mut pages = self.sums.differing(live);
        pages.retain(|pgno| !self.meaningless.contains(pgno));
        pages
    }

    fn report(self, compared: Option<Compared>) -> Report {
        Report {
            txid: self.restored.txid,
            timestamp_ms: self.restored.timestamp_ms,
            pages: self.restored.pages,
            page_size: self.restored.page_size,
            checksum: self.sums.rolling(),
            compared,
        }
    }
}

/// Restores into a directory, reads what came of it, and removes it.
async fn examine(
    replica: &Replica,
    target: Target,
    scratch: &Path,
    progress: ProgressFn,
) -> Result<Restored, VerifyError> {
    let io_error = |path: &Path| {
        let path = path.to_owned();
        move |source| VerifyError::Io { path: path.clone(), source }
    };
    std::fs::create_dir_all(scratch).map_err(io_error(scratch))?;
    let output = scratch.join("restored.db");
    let integrity = Integrity::Full;
    // What others make up for is damaged all the same.
    let options = restore::Options {
        target,
        force: true,
        integrity,
        resumable_bytes: u64::MAX,
        around_damage: false,
    };
    let restored = restore(replica, &output, &options, progress).await?;
    let path = output.clone();
    let read = spawn_blocking(move || {
        let read = Sums::of_file(&path).and_then(|sums| Ok((sums, free_leaves(&path)?)));
        std::fs::remove_file(&path)?;
        read
    });
    let read = read.await.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
    let (sums, meaningless) = read.map_err(io_error(&output))?;
    // What else is in it is somebody else's.
    drop(std::fs::remove_dir(scratch));
    Ok(Restored { restored, sums, meaningless })
}

/// The file's pages after a transaction that the backup has, if that can be had. Writers are kept out
/// only when they leave no other way.
async fn live_sums(replica: &Replica, file: &Path) -> Result<(Found, Sums), VerifyError> {
    for hold in [false, false, true] {
        let path = file.to_owned();
        let live = spawn_blocking(move || Live::mark(&path, hold)).await;
        let live = live.unwrap_or(Err(Error::Stopped))?;
        let patience = if hold { HOLD_PATIENCE } else { FIND_PATIENCE };
        let found = live.find_in(replica, patience).await;
        live.let_in()?;
        let found = found?;
        if found != Found::Passed || hold {
            let sums = spawn_blocking(move || Sums::of_live(&live.keeper)).await;
            return Ok((found, sums.unwrap_or_else(|_| Err(sqlite::Error::in_use()))?));
        }
    }
    Err(Error::Late.into())
}

fn remove(directory: &Path) -> Result<(), VerifyError> {
    match std::fs::remove_dir_all(directory) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(VerifyError::Io { path: directory.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// How long the local log may take.
const LOG_PATIENCE: Duration = Duration::from_secs(5);
/// How long a store may take.
const STORE_PATIENCE: Duration = Duration::from_secs(60);
/// How long another process may take to ship what was committed.
const FIND_PATIENCE: Duration = Duration::from_secs(4);
/// The same while writers wait.
const HOLD_PATIENCE: Duration = Duration::from_secs(3);
