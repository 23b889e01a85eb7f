//! What a program asks of its stores: those who ship, prove and copy each have clients of their own.

use crate::store::{Location, Meter, Replica, Usage};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The meters of all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Stores(Arc<Mutex<Vec<Named>>>);

/// A location's name, and what is asked there.
type Named = (String, Arc<Meter>);

impl Stores {
    /// From now on what is asked through this replica counts, too.
    pub(super) fn add(&self, location: &Location, replica: &Replica) {
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        meters.push((location.name(), Arc::clone(replica.meter())));
    }

    /// What was asked by now, by the names of the locations.
    pub(super) fn usages(&self) -> BTreeMap<String, Usage> {
        let meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut usages = BTreeMap::new();
        for (name, meter) in meters.iter() {
            let usage: &mut Usage = usages.entry(name.clone()).or_default();
            *usage = *usage + meter.usage();
        }
        usages
    }
}
