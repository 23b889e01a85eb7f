//! When each destination was last proven to restore: `.<file>-egret/proven.json`, so that it is known
//! after a restart.

use super::{Error, state_directory};
use crate::ltx::Txid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A restore that was compared with the file and found equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The last transaction restored.
    pub txid: Txid,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    txid: String,
    at_ms: i64,
}

/// What is known of a file's destinations, by their names. What cannot be read is not known.
#[must_use]
pub fn read(database: &Path) -> BTreeMap<String, Proven> {
    let bytes = fs::read(path(database)).unwrap_or_default();
    let stored: BTreeMap<String, Stored> = serde_json::from_slice(&bytes).unwrap_or_default();
    let proven = stored.into_iter().filter_map(|(name, stored)| {
        let txid = stored.txid.parse().ok()?;
        Some((name, Proven { txid, at_ms: stored.at_ms }))
    });
    proven.collect()
}

/// Keeps it.
pub(super) fn write(database: &Path, proven: &BTreeMap<String, Proven>) -> Result<(), Error> {
    let stored = proven.iter().map(|(name, proven)| {
        (name.clone(), Stored { txid: proven.txid.to_string(), at_ms: proven.at_ms })
    });
    let stored: BTreeMap<String, Stored> = stored.collect();
    let path = path(database);
    let aside = path.with_extension("tmp");
    fs::write(&aside, serde_json::to_vec(&stored).unwrap_or_default())
        .map_err(Error::io(&aside))?;
    fs::rename(&aside, &path).map_err(Error::io(&path))
}

fn path(database: &Path) -> PathBuf {
    state_directory(database).join("proven.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("app.db");
        assert!(read(&database).is_empty());
        fs::create_dir(state_directory(&database)).unwrap();
        let proven = BTreeMap::from([("s3://b/p".to_owned(), Proven { txid: Txid(7), at_ms: 5 })]);
        write(&database, &proven).unwrap();
        assert_eq!(read(&database), proven);
        fs::write(path(&database), "{").unwrap();
        assert!(read(&database).is_empty());
    }
}
