//! What is written down beside the file for whoever looks from outside: what was asked of each store, and
//! what last went wrong with it.

use super::Shared;
use crate::shipper::Failure;
use crate::store::Usage;

impl Shared {
    /// A proof has asked so much of a destination's store.
    pub(in crate::shipper) fn asked_beside(&self, index: usize, more: Usage) {
        self.book.note_beside(&self.destination_name(index), more);
        self.note_usage(index);
    }

    /// Writes down what was asked of the store by now.
    pub(in crate::shipper) fn note_usage(&self, index: usize) {
        let state = self.lock();
        let Some(destination) = state.destinations.get(index) else { return };
        let (name, usage) = (destination.status.name.clone(), destination.meter.usage());
        drop(state);
        self.book.note(&name, usage, self.hooks.now_ms());
    }

    /// Writes it down for whoever asks from outside.
    pub(super) fn note_failure(&self, index: usize, failure: &Failure) {
        if let Err(error) = self.failures.note(&self.destination_name(index), failure) {
            tracing::debug!(file = %self.database.display(), %error, "failure not noted");
        }
    }
}
