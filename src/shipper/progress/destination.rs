//! What is known of one destination, and what is to be stored there next.

use crate::ltx::{Name, Txid};
use crate::shipper::status::{DestinationStatus, Stage};
use crate::shipper::tail::gap_after;
use crate::store::Meter;
use std::sync::Arc;

/// One destination, as the worker and its uploads see it.
#[derive(Debug, Default)]
pub(super) struct DestinationState {
    /// It has said how far it is, and files are kept for it.
    pub(super) contacted: bool,
    /// It was away for too long: nothing is kept for it until it answers.
    pub(super) cut: bool,
    /// What it has does not restore.
    pub(super) condemned: bool,
    /// Another writer has it.
    pub(super) fenced: bool,
    /// Since when something is on its way to it.
    pub(super) busy: Option<tokio::time::Instant>,
    /// Only a whole copy leads it on, of a number that does not follow its history, which ends here,
    /// with what others may still add to it.
    pub(super) whole_above: Option<Txid>,
    /// A whole copy of this number, or a higher one, is on its way to it.
    pub(super) whole: Option<Txid>,
    /// The number of the last whole copy that led it on: the moments before that are not all there.
    pub(super) copied: Txid,
    /// What is asked of its store.
    pub(super) meter: Arc<Meter>,
    pub(super) status: DestinationStatus,
}

impl DestinationState {
    /// It has what was shipped from here up to this number.
    pub(super) fn has(&self, txid: Txid) -> bool {
        self.contacted && self.whole_above.is_none() && self.status.stored >= txid
    }

    pub(super) fn status(&self) -> DestinationStatus {
        let stage = match self.whole {
            Some(_) => Stage::Copying,
            None if self.contacted => Stage::Following,
            None => Stage::Unreached,
        };
        DestinationStatus { stage, ..self.status.clone() }
    }

    /// Up to where local files are of no use to it; `newest` is the newest.
    pub(super) fn needless(&self, newest: Txid) -> Txid {
        match self.whole_above {
            None => self.status.stored,
            Some(_) => self.whole.unwrap_or(newest),
        }
    }
}

/// What an upload does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shipper) enum Job {
    /// Store a local file.
    Put(Name),
    /// Store the whole database as it is now: the destination lacks what came before. Its own history
    /// ends with this number.
    Whole(Txid),
}

impl Job {
    /// The lowest number it may end with.
    pub(in crate::shipper) fn txid(self) -> Txid {
        match self {
            Self::Put(name) => name.max,
            Self::Whole(above) => gap_after(above).next(),
        }
    }
}
