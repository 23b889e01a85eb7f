//! Which local file was the last to hold the whole database: `.<file>-egret/whole.json`, so that a
//! destination that is new after a restart gets it as a snapshot, too.

use super::{Error, state_file};
use crate::ltx::Txid;
use std::path::Path;

const FILE: &str = "whole.json";

/// Its number; 0 if that is not known.
pub(super) fn read(database: &Path) -> Txid {
    state_file::read(database, FILE)
}

/// Keeps it.
pub(super) fn write(database: &Path, txid: Txid) -> Result<(), Error> {
    state_file::write(database, FILE, &txid)
}
