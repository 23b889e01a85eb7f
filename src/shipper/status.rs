//! What a shipper tells of itself.

use super::proven::Proven;
use crate::ltx::Txid;
use serde::{Deserialize, Serialize};

/// How shipping goes.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The newest transaction in the local log.
    pub txid: Txid,
    /// Batches written to the local log by this process.
    pub batches: u64,
    /// How many of them follow none: only a whole copy leads there.
    pub beginnings: u64,
    /// Checkpoints made.
    pub checkpoints: u64,
    /// The length of the write-ahead log's file at the last look.
    pub wal_bytes: u64,
    /// What the local log takes.
    pub log_bytes: u64,
    /// Why the last look failed; none if it did not.
    pub error: Option<Failure>,
    /// Looks that failed for another reason than that they came too early.
    pub failed_count: u64,
    /// The last of them.
    pub failure: Option<Failure>,
    /// When it was last seen, in milliseconds since 1970, that another process had committed, where this
    /// one commits itself. Nobody waits for such commits to be stored.
    pub foreign_ms: Option<i64>,
    /// One for each destination, in the order they were given.
    pub destinations: Vec<DestinationStatus>,
}

/// What a destination is being told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// It has not said yet what it has.
    #[default]
    Unreached,
    /// A whole copy is on its way to it.
    Copying,
    /// What is committed.
    Following,
}

/// How shipping to one destination goes.
#[derive(Clone, Debug, Default)]
pub struct DestinationStatus {
    /// Its name.
    pub name: String,
    /// What it is being told.
    pub stage: Stage,
    /// The newest transaction it has.
    pub stored: Txid,
    /// When that was stored, in milliseconds since 1970; none if it was before this process.
    pub stored_ms: Option<i64>,
    /// Files stored by this process.
    pub stored_count: u64,
    /// Attempts that failed.
    pub failed_count: u64,
    /// The last attempt that failed.
    pub failure: Option<Failure>,
    /// How often the writer of this destination has changed; 0 before this one writes.
    pub epoch: u64,
    /// Another writer has this destination: nothing more is stored from here.
    pub is_fenced: bool,
    /// The newest snapshot that this process stored, and when, in milliseconds since 1970.
    pub snapshot: Option<(Txid, i64)>,
    /// Snapshots stored by this process.
    pub snapshot_count: u64,
    /// Files that this process merged others into.
    pub merged_count: u64,
    /// Files that this process deleted because no restore needs them.
    pub deleted_count: u64,
    /// How often merging, a snapshot or deleting failed in this process.
    pub maintenance_failed_count: u64,
    /// The last time that one of them did.
    pub maintenance_failure: Option<Failure>,
    /// What is stored can be read here: it is not encrypted, or an identity is at hand. Otherwise it
    /// is not proven, and merged only while it is local.
    pub is_readable: bool,
    /// Since when, in milliseconds since 1970, there are transactions that it has not; none if it
    /// has all.
    pub behind_since_ms: Option<i64>,
    /// The last time it was restored and found equal to the file, by this process or one before.
    pub proven: Option<Proven>,
    /// Proofs that failed in this process.
    pub proof_failed_count: u64,
    /// The last of them.
    pub proof_failure: Option<Failure>,
}

/// Something that went wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// The transaction it was about; 0 if none.
    pub txid: Txid,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The error.
    pub error: String,
}
