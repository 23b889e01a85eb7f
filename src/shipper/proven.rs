//! When each destination was last proven to restore: `.<file>-egret/proven.json`, so that it is known
//! after a restart.

use super::{Error, state_file};
use crate::ltx::Txid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

const FILE: &str = "proven.json";

/// A restore that was compared with the file and found equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// The last transaction restored.
    pub txid: Txid,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// What is known of a file's destinations, by their names. What cannot be read is not known.
#[must_use]
pub fn read(database: &Path) -> BTreeMap<String, Proven> {
    state_file::read(database, FILE)
}

/// Keeps it.
pub(super) fn write(database: &Path, proven: &BTreeMap<String, Proven>) -> Result<(), Error> {
    state_file::write(database, FILE, proven)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipper::state_directory;
    use std::fs;

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("app.db");
        assert!(read(&database).is_empty());
        fs::create_dir(state_directory(&database)).unwrap();
        let proven = BTreeMap::from([("s3://b/p".to_owned(), Proven { txid: Txid(7), at_ms: 5 })]);
        write(&database, &proven).unwrap();
        assert_eq!(read(&database), proven);
        fs::write(state_directory(&database).join(FILE), "{").unwrap();
        assert!(read(&database).is_empty());
    }
}
