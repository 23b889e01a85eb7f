//! What was asked of each destination's store for one file, by this process and those before:
//! `.<file>-egret/usage.json`, so that it can be told what a backup costs.
//!
//! Kept at most once a minute while the file is written, and at the end: a crash forgets the
//! last of it.

use super::{Error, state_file};
use crate::store::Usage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const KEEP_EVERY: Duration = Duration::from_secs(60);
const FILE: &str = "usage.json";

/// What was asked of a store over some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Since when it is counted, in milliseconds since 1970.
    pub since_ms: i64,
    /// Until when, in milliseconds since 1970.
    pub until_ms: i64,
    /// The counts.
    #[serde(flatten)]
    pub usage: Usage,
}

impl Used {
    /// How long it was counted.
    #[must_use]
    pub fn time(&self) -> Duration {
        Duration::from_millis(
            u64::try_from(self.until_ms.saturating_sub(self.since_ms)).unwrap_or(0),
        )
    }
}

/// What is known of a file's destinations, by their names. What cannot be read is not known.
#[must_use]
pub fn read(database: &Path) -> BTreeMap<String, Used> {
    state_file::read(database, FILE)
}

/// Adds up what this process asks to what was asked before.
#[derive(Debug)]
pub(super) struct Book {
    database: PathBuf,
    opened_ms: i64,
    before: BTreeMap<String, Used>,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    now: BTreeMap<String, Used>,
    kept: Option<Instant>,
}

impl Book {
    pub(super) fn open(database: &Path, now_ms: i64) -> Self {
        let before = read(database);
        let pages = Pages { now: before.clone(), kept: None };
        Self { database: database.to_owned(), opened_ms: now_ms, before, pages: Mutex::new(pages) }
    }

    /// This process has asked so much of a destination by now. It is written down if that was long ago,
    /// or at the `end`.
    pub(super) fn note(
        &self,
        destination: &str,
        usage: Usage,
        now_ms: i64,
        end: bool,
    ) -> Result<(), Error> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if !end && pages.kept.is_some_and(|kept| kept.elapsed() < KEEP_EVERY) {
            return Ok(());
        }
        pages.kept = Some(Instant::now());
        let before = self.before.get(destination);
        let used = Used {
            since_ms: before.map_or(self.opened_ms, |before| before.since_ms),
            until_ms: now_ms,
            usage: before.map_or(usage, |before| before.usage + usage),
        };
        pages.now.insert(destination.to_owned(), used);
        state_file::write(&self.database, FILE, &pages.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipper::state_directory;

    #[test]
    fn processes_add_up() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("app.db");
        std::fs::create_dir(state_directory(&database)).unwrap();
        let asked = |puts| Usage { puts, bytes_up: 10 * puts, ..Usage::default() };
        let first = Book::open(&database, 1000);
        first.note("near", asked(1), 2000, false).unwrap();
        // Too early, and at the end.
        first.note("near", asked(2), 3000, false).unwrap();
        assert_eq!(read(&database)["near"].usage, asked(1));
        first.note("near", asked(3), 4000, true).unwrap();
        first.note("far", asked(5), 4500, true).unwrap();
        let second = Book::open(&database, 9000);
        second.note("near", asked(4), 10_000, false).unwrap();
        let used = read(&database);
        assert_eq!(used["near"], Used { since_ms: 1000, until_ms: 10_000, usage: asked(7) });
        assert_eq!(used["near"].time(), Duration::from_secs(9));
        assert_eq!(used["far"], Used { since_ms: 1000, until_ms: 4500, usage: asked(5) });
    }
}
