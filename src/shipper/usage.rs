//! What was asked of each destination's store for one file, by this process and those before:
//! `.<file>-egret/usage.json`, so that it can be told what a backup costs.
//!
//! Kept some seconds after something was asked, of all destinations at once, and at the end: a crash
//! forgets as much. What is asked for one commit, or at a start, is written down once.

use super::state_file;
use crate::store::Usage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::runtime::Handle;

const KEEP_AFTER: Duration = Duration::from_secs(5);
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
    /// How long it was counted, if nothing was asked since it was written down.
    #[must_use]
    pub fn time_until(&self, now_ms: i64) -> Duration {
        let until_ms = now_ms.max(self.until_ms);
        Duration::from_millis(u64::try_from(until_ms.saturating_sub(self.since_ms)).unwrap_or(0))
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
    pages: Arc<Mutex<Pages>>,
}

#[derive(Debug)]
struct Pages {
    database: PathBuf,
    opened_ms: i64,
    before: BTreeMap<String, Used>,
    now: BTreeMap<String, Used>,
    /// What was asked by others than those who ship.
    beside: BTreeMap<String, Usage>,
    /// It will be written down soon.
    is_due: bool,
}

impl Book {
    pub(super) fn open(database: &Path, now_ms: i64) -> Self {
        let before = read(database);
        let pages = Pages {
            database: database.to_owned(),
            opened_ms: now_ms,
            now: before.clone(),
            before,
            beside: BTreeMap::new(),
            is_due: false,
        };
        Self { pages: Arc::new(Mutex::new(pages)) }
    }

    /// Those who ship have asked so much of a destination by now. Soon that is written down.
    pub(super) fn note(&self, destination: &str, usage: Usage, now_ms: i64) {
        let mut pages = lock(&self.pages);
        pages.note(destination, usage, now_ms);
        match Handle::try_current() {
            _ if pages.is_due => {}
            Ok(runtime) => {
                pages.is_due = true;
                runtime.spawn(keep_later(Arc::downgrade(&self.pages)));
            }
            Err(_none) => pages.keep(),
        }
    }

    /// Writes down what was noted.
    pub(super) fn keep(&self) {
        lock(&self.pages).keep();
    }

    /// Others than those who ship have asked so much more of a destination. It is written down with the
    /// next note.
    pub(super) fn note_beside(&self, destination: &str, more: Usage) {
        let mut pages = lock(&self.pages);
        let beside = pages.beside.entry(destination.to_owned()).or_default();
        *beside = *beside + more;
    }
}

impl Pages {
    fn note(&mut self, destination: &str, usage: Usage, now_ms: i64) {
        let before = self.before.get(destination);
        let beside = self.beside.get(destination).copied().unwrap_or_default();
        let used = Used {
            since_ms: before.map_or(self.opened_ms, |before| before.since_ms),
            until_ms: now_ms,
            usage: before.map_or(usage, |before| before.usage + usage) + beside,
        };
        self.now.insert(destination.to_owned(), used);
    }

    fn keep(&mut self) {
        self.is_due = false;
        if let Err(error) = state_file::write(&self.database, FILE, &self.now) {
            tracing::debug!(file = %self.database.display(), %error, "usage not noted");
        }
    }
}

/// Writes down what is noted until then, unless somebody has, or the file is shipped no more.
async fn keep_later(pages: Weak<Mutex<Pages>>) {
    tokio::time::sleep(KEEP_AFTER).await;
    let Some(pages) = pages.upgrade() else { return };
    let mut pages = lock(&pages);
    if pages.is_due {
        pages.keep();
    }
}

fn lock(pages: &Mutex<Pages>) -> MutexGuard<'_, Pages> {
    pages.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipper::state_directory;

    fn asked(puts: u64) -> Usage {
        Usage { puts, bytes_up: 10 * puts, ..Usage::default() }
    }

    fn database(directory: &Path) -> PathBuf {
        let database = directory.join("app.db");
        std::fs::create_dir(state_directory(&database)).unwrap();
        database
    }

    #[test]
    fn processes_add_up() {
        let directory = tempfile::tempdir().unwrap();
        let database = database(directory.path());
        let first = Book::open(&database, 1000);
        first.note("near", asked(1), 2000);
        first.note_beside("near", asked(1));
        first.note("near", asked(2), 4000);
        first.note("far", asked(5), 4500);
        let second = Book::open(&database, 9000);
        second.note("near", asked(4), 10_000);
        let used = read(&database);
        assert_eq!(used["near"], Used { since_ms: 1000, until_ms: 10_000, usage: asked(7) });
        assert_eq!(used["near"].time_until(0), Duration::from_secs(9));
        assert_eq!(used["far"], Used { since_ms: 1000, until_ms: 4500, usage: asked(5) });
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_in_a_row_is_written_down_once() {
        let directory = tempfile::tempdir().unwrap();
        let database = database(directory.path());
        let book = Book::open(&database, 0);
        book.note("near", asked(1), 100);
        book.note("far", asked(3), 200);
        book.note("near", asked(30), 300);
        assert!(read(&database).is_empty());
        tokio::time::sleep(KEEP_AFTER + Duration::from_millis(1)).await;
        let used = read(&database);
        assert_eq!((used["near"].usage, used["far"].usage), (asked(30), asked(3)));
        // At the end all of it is, and nothing afterwards.
        book.note("near", asked(40), 400);
        book.keep();
        assert_eq!(read(&database)["near"].usage, asked(40));
        std::fs::remove_file(state_directory(&database).join(FILE)).unwrap();
        tokio::time::sleep(2 * KEEP_AFTER).await;
        assert!(read(&database).is_empty());
    }
}
