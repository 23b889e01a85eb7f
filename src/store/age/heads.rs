//! The heads of objects that were read lately, so that each is read once.

use super::file::Head;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OnceCell;

/// So many are kept; each is a few hundred bytes.
const HEADS_MAX: usize = 2048;

/// What is known of an object.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// How long it is as it is stored.
    pub(super) stored: u64,
    /// None if it is not encrypted.
    pub(super) head: Option<Head>,
}

/// The heads of objects, by their keys.
#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    entries: HashMap<String, Arc<Entry>>,
    /// The keys, in the order in which they came.
    order: VecDeque<String>,
}

/// One of them, which several may wait for.
#[derive(Debug)]
pub(super) struct Entry {
    listed: Option<u64>,
    pub(super) known: OnceCell<Known>,
}

impl Entry {
    /// It is of an object of this length.
    fn fits(&self, listed: Option<u64>) -> bool {
        let stored = self.known.get().map(|known| known.stored).or(self.listed);
        listed.is_none_or(|listed| stored.is_none_or(|stored| stored == listed))
    }
}

impl Heads {
    /// That of an object, which may not be known yet. One of another length is forgotten.
    pub(super) fn entry(&self, key: &str, listed: Option<u64>) -> Arc<Entry> {
        let mut state = self.lock();
        if let Some(entry) = state.entries.get(key).filter(|entry| entry.fits(listed)) {
            return Arc::clone(entry);
        }
        let entry = Arc::new(Entry { listed, known: OnceCell::new() });
        if state.entries.insert(key.to_owned(), Arc::clone(&entry)).is_none() {
            state.order.push_back(key.to_owned());
        }
        while state.entries.len() > HEADS_MAX {
            let Some(oldest) = state.order.pop_front() else { break };
            state.entries.remove(&oldest);
        }
        entry
    }

    /// Forgets that of an object; whether it was known.
    pub(super) fn forget(&self, key: &str) -> bool {
        let mut state = self.lock();
        let found = state.entries.remove(key);
        state.order.retain(|other| other != key);
        found.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_kept_and_no_more() {
        let heads = Heads::default();
        let first = heads.entry("first", Some(1));
        assert!(Arc::ptr_eq(&first, &heads.entry("first", None)));
        assert!(Arc::ptr_eq(&first, &heads.entry("first", Some(1))));
        assert!(!Arc::ptr_eq(&first, &heads.entry("first", Some(2))));
        assert!(heads.forget("first") && !heads.forget("first"));
        for n in 0..3 * HEADS_MAX {
            heads.entry(&n.to_string(), None);
        }
        let state = heads.lock();
        assert_eq!((state.entries.len(), state.order.len()), (HEADS_MAX, HEADS_MAX));
    }
}
