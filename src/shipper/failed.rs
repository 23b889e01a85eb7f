//! What last went wrong with each destination: `.<file>-egret/failed.json`, so that it is known where
//! no server is asked, and after a restart.

use super::{Error, Failure, state_file};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const FILE: &str = "failed.json";

/// What is known of a file's destinations, by their names. What cannot be read is not known.
#[must_use]
pub fn read(database: &Path) -> BTreeMap<String, Failure> {
    state_file::read(database, FILE)
}

/// Keeps the last failure of each destination.
#[derive(Debug)]
pub(super) struct Failures {
    database: PathBuf,
    last: Mutex<BTreeMap<String, Failure>>,
}

impl Failures {
    pub(super) fn open(database: &Path) -> Self {
        Self { database: database.to_owned(), last: Mutex::new(read(database)) }
    }

    pub(super) fn note(&self, destination: &str, failure: &Failure) -> Result<(), Error> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.insert(destination.to_owned(), failure.clone());
        state_file::write(&self.database, FILE, &*last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ltx::Txid;
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
