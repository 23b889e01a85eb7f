//! Keeps hold of the file that is served, and has its log synced.

use super::{LogSync, Options};
use crate::sqlite::{Error, Hold};
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

struct Kept {
    hold: Hold,
    replacements: u32,
}

impl Kept {
    fn open(path: &Path, options: &Options, replacements: u32) -> Result<Self, Error> {
        let (hold, was_read) = Hold::open(path, options.for_opening(replacements), OPEN_PATIENCE)?;
        if !was_read {
            // Nothing else is locked, and sessions wait for locks.
            tracing::warn!(file = %path.display(), "another process holds the file locked");
        }
        Ok(Self { hold, replacements })
    }
}

impl Keeper {
    pub(super) fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        let kept = Mutex::new(Kept::open(path, options, 0)?);
        let log_sync = LogSync::default();
        Ok(Self { path: path.to_owned(), options: *options, kept, log_sync })
    }

    /// How often the file was replaced.
    pub(super) fn replacements(&self) -> u32 {
        self.lock().replacements
    }

    /// Looks whether the file was replaced since a connection was last opened, and serves the new
    /// one then.
    pub(super) fn was_replaced(&self) -> Result<bool, Error> {
        let mut kept = self.lock();
        let moved = kept.hold.has_moved();
        if moved {
            // SQLite finds a log by its name: that of the old file must not be taken for the new one's.
            kept.hold.empty_log()?;
            *kept = Kept::open(&self.path, &self.options, kept.replacements + 1)?;
            tracing::warn!(file = %self.path.display(), "the file was replaced: serving the new one");
        }
        Ok(moved)
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
