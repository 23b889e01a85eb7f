//! Notices that somebody else wrote to a log.
//!
//! What enters: a path to watch. What leaves: a ring of the bell, soon after the file was written.
//! One watcher serves the whole process. A watch is armed only while nothing happens: while a file
//! is being written its shipper looks by itself.

use super::progress::Bell;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A file that may be watched.
pub(super) struct Watch {
    path: PathBuf,
    bell: Arc<Bell>,
    armed: bool,
}

type Bells = Arc<Mutex<HashMap<PathBuf, Arc<Bell>>>>;

struct Hub {
    watcher: Mutex<RecommendedWatcher>,
    bells: Bells,
}

impl Watch {
    /// Nothing is watched yet.
    pub(super) fn new(path: &Path, bell: Arc<Bell>) -> Self {
        Self { path: path.to_owned(), bell, armed: false }
    }

    /// From now on a write rings the bell. False if it was armed before, or the system cannot.
    pub(super) fn arm(&mut self) -> bool {
        let Some(hub) = hub().filter(|_| !self.armed) else { return false };
        lock(&hub.bells).insert(self.path.clone(), Arc::clone(&self.bell));
        self.armed = lock(&hub.watcher).watch(&self.path, RecursiveMode::NonRecursive).is_ok();
        self.armed
    }

    /// Writes ring no more.
    pub(super) fn disarm(&mut self) {
        if let Some(hub) = hub().filter(|_| self.armed) {
            // A file that is gone is watched no more.
            lock(&hub.watcher).unwatch(&self.path).unwrap_or_default();
            lock(&hub.bells).remove(&self.path);
        }
        self.armed = false;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.disarm();
    }
}

fn hub() -> Option<&'static Hub> {
    static HUB: OnceLock<Option<Hub>> = OnceLock::new();
    HUB.get_or_init(open).as_ref()
}

fn open() -> Option<Hub> {
    let bells = Bells::default();
    let rung = Arc::clone(&bells);
    let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let Ok(event) = event else { return };
        if matches!(event.kind, EventKind::Modify(_) | EventKind::Remove(_)) {
            let bells = lock(&rung);
            event.paths.iter().filter_map(|path| bells.get(path)).for_each(|bell| bell.ring());
        }
    });
    match watcher {
        Ok(watcher) => Some(Hub { watcher: Mutex::new(watcher), bells }),
        Err(error) => {
            tracing::warn!(%error, "file changes are noticed by polling only");
            None
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
