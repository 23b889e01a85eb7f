//! A read lock on a log without a connection.
//!
//! What enters: a file in WAL mode whose log a connection keeps. What leaves: the lock that a read
//! transaction on the newest commit has (<https://www.sqlite.org/walformat.html#wal_locks>), at a
//! hundredth of a connection's memory.

use super::index::{Index, READ_LOCKS, Seen};
use super::{Checkpointed, Error};
use std::path::Path;

/// A read lock, held until this is dropped.
pub(super) struct ReadLock {
    index: Index,
}

impl ReadLock {
    /// Takes the lock, if the log has as many frames as suits, and the salts, and is not changing; and how
    /// far it was copied then.
    ///
    /// # Errors
    /// `SQLITE_CANTOPEN`, `SQLITE_BUSY` ...
    pub(super) fn take(
        path: &Path,
        suits: impl Fn(u64, [u32; 2]) -> bool,
    ) -> Result<Option<(Self, Checkpointed)>, Error> {
        let mut index = Index::open(path)?;
        let seen = index.look().filter(|seen| suits(seen.frames().into(), seen.salts()));
        let Some(seen) = seen else { return Ok(None) };
        let Some(lock) = lock_of(&seen) else { return Ok(None) };
        index.lock(lock)?;
        let is_same = index.look().is_some_and(|now| {
            now.header == seen.header && now.marks.get(lock) == seen.marks.get(lock)
        });
        let log = Checkpointed {
            busy: false,
            frames: seen.frames().into(),
            backfilled: seen.backfilled.into(),
        };
        Ok(is_same.then_some((Self { index }, log)))
    }

    /// Another file has the name by now, or none.
    pub(super) fn has_moved(&mut self) -> bool {
        self.index.has_moved()
    }

    /// Gives the memory back that the index takes until somebody looks at it again.
    pub(super) fn give_back_memory(&self) {
        self.index.give_back();
    }
}

/// Which read lock protects the newest commit: the first if all of the log is in the file, otherwise one
/// whose mark is there.
fn lock_of(seen: &Seen) -> Option<usize> {
    if seen.backfilled == seen.frames() {
        return Some(0);
    }
    (1..READ_LOCKS).find(|&lock| seen.marks.get(lock) == Some(&seen.frames()))
}
