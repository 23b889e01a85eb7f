//! What last went wrong with each destination: `.<file>-egret/failed.json`, so that it is known where
//! no server is asked, and after a restart.

use super::{Error, Failure, state_file};
use crate::ltx::Txid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const FILE: &str = "failed.json";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    txid: String,
    at_ms: i64,
    error: String,
}

/// What is known of a file's destinations, by their names. What cannot be read is not known.
#[must_use]
pub fn read(database: &Path) -> BTreeMap<String, Failure> {
    let stored: BTreeMap<String, Stored> = state_file::read(database, FILE);
    let failures = stored.into_iter().filter_map(|(name, stored)| {
        let txid: Txid = stored.txid.parse().ok()?;
        Some((name, Failure { txid, at_ms: stored.at_ms, error: stored.error }))
    });
    failures.collect()
}

/// Keeps the last failure of each destination.
#[derive(Debug)]
pub(super) struct Failures {
    database: PathBuf,
    last: Mutex<BTreeMap<String, Stored>>,
}

impl Failures {
    pub(super) fn open(database: &Path) -> Self {
        let last = state_file::read(database, FILE);
        Self { database: database.to_owned(), last: Mutex::new(last) }
    }

    pub(super) fn note(&self, destination: &str, failure: &Failure) -> Result<(), Error> {
        let Failure { txid, at_ms, error } = failure.clone();
        let stored = Stored { txid: txid.to_string(), at_ms, error };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.insert(destination.to_owned(), stored);
        state_file::write(&self.database, FILE, &*last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipper::state_directory;

    #[test]
    fn what_is_noted_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("app.db");
        std::fs::create_dir(state_directory(&database)).unwrap();
        let failure = |n: i64| Failure { txid: Txid(7), at_ms: n, error: format!("no {n}") };
        let failures = Failures::open(&database);
        failures.note("near", &failure(1)).unwrap();
        failures.note("far", &failure(2)).unwrap();
        Failures::open(&database).note("near", &failure(3)).unwrap();
        let found = read(&database);
        assert_eq!((found["near"].at_ms, found["far"].at_ms), (3, 2));
        assert_eq!((found["near"].error.as_str(), found["near"].txid), ("no 3", Txid(7)));
    }
}
