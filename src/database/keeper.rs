//! Keeps hold of the file that is served, and has its log synced.

use super::{LogSync, Options};
use crate::sqlite::{Alone, Error, Hold};
use std::fs;
use std::mem;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

/// How long a file that is opened may be locked by another process before that is told.
const OPEN_PATIENCE: Duration = Duration::from_secs(1);

/// Keeps hold of the file that has the name now.
pub(super) struct Keeper {
    path: PathBuf,
    options: Options,
    kept: Mutex<Kept>,
    log_sync: LogSync,
}

/// Device and inode.
pub(super) type Identity = (u64, u64);

struct Kept {
    hold: Hold,
    identity: Identity,
    replacements: u32,
    /// Files that had the name, while their logs go by it still: another process writes to the file that
    /// has it now, and has those. Closing them would take this process's locks off that file's.
    left: Vec<(Hold, Identity)>,
}

impl Kept {
    fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        let (hold, identity) = hold(path, options, 0)?;
        Ok(Self { hold, identity, replacements: 0, left: Vec::new() })
    }

    /// Goes on with the file that has the name now. SQLite finds a log by its name: what is in that of the
    /// old file must not be taken for the new one's, and what is the new one's not for the old file's.
    fn renew(&mut self, path: &Path, options: &Options) -> Result<(), Error> {
        let alone = match Alone::take(path) {
            Ok(alone) => alone,
            Err(error) => {
                if !path.exists() {
                    self.hold.empty_log()?;
                }
                return Err(error);
            }
        };
        let replacements = self.replacements + 1;
        if let Some(alone) = alone {
            self.hold.empty_log()?;
            alone.drop_log()?;
            (self.hold, self.identity) = hold(path, options, replacements)?;
        } else {
            let (new, identity) = hold(path, options, replacements)?;
            let old =
                (mem::replace(&mut self.hold, new), mem::replace(&mut self.identity, identity));
            self.left.push(old);
        }
        self.replacements = replacements;
        tracing::warn!(file = %path.display(), "the file was replaced: serving the new one");
        Ok(())
    }
}

fn hold(path: &Path, options: &Options, replacements: u32) -> Result<(Hold, Identity), Error> {
    let (hold, was_read) = Hold::open(path, options.for_opening(replacements), OPEN_PATIENCE)?;
    if !was_read {
        // Nothing else is locked, and sessions wait for locks.
        tracing::warn!(file = %path.display(), "another process holds the file locked");
    }
    let identity = fs::metadata(path).map(|found| (found.dev(), found.ino())).unwrap_or_default();
    Ok((hold, identity))
}

impl Keeper {
    pub(super) fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        let kept = Mutex::new(Kept::open(path, options)?);
        let log_sync = LogSync::default();
        Ok(Self { path: path.to_owned(), options: *options, kept, log_sync })
    }

    /// How often the file was replaced.
    pub(super) fn replacements(&self) -> u32 {
        self.lock().replacements
    }

    /// Another file has the name, or none, and it was not gone on with.
    pub(super) fn has_moved(&self) -> bool {
        self.lock().hold.has_moved()
    }

    /// Goes on with the file that has the name now, if it was replaced. Nothing of this process has that
    /// open yet.
    pub(super) fn renew(&self) -> Result<(), Error> {
        let mut kept = self.lock();
        match kept.hold.has_moved() {
            true => kept.renew(&self.path, &self.options),
            false => Ok(()),
        }
    }

    /// The file is open, whatever its name is by now.
    pub(super) fn keeps(&self, identity: Identity) -> bool {
        let kept = self.lock();
        kept.identity == identity || kept.left.iter().any(|(_, left)| *left == identity)
    }

    pub(super) fn log_sync(&self) -> &LogSync {
        &self.log_sync
    }

    /// See [`super::Database::make_durable`].
    pub(super) fn make_durable(
        &self,
        commit: u64,
        waker: &Waker,
        before: impl FnOnce(),
    ) -> Result<bool, Error> {
        self.log_sync.settle(commit, waker, || {
            before();
            let synced = self.lock().hold.sync_log();
            synced.inspect_err(|error| {
                let file = self.path.display();
                tracing::error!(%file, %error, "no commit is durable: check the disk, then start egret anew");
            })
        })
    }

    /// Makes all commits durable that are to be so, unless somebody is at it. If that fails, who waits
    /// for one of them hears of it.
    pub(super) fn sync_log(&self) {
        let newest = self.log_sync.newest();
        self.make_durable(newest, Waker::noop(), || {}).unwrap_or_default();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
