//! Notices that somebody else wrote to a file or its log.
//!
//! What enters: paths to watch. What leaves: one ring of the bell, soon after one of them was
//! written. A watch that has rung is over until it is armed again, so a file that is being written
//! costs its writers nothing: its shipper looks by itself then. One watcher serves the whole
//! process.

use super::bell::Bell;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Files whose writing rings a bell.
pub(super) struct Watch {
    paths: [PathBuf; 2],
    bell: Arc<Bell>,
    /// The numbers of its armed watches, and of some that have rung.
    numbers: Vec<i32>,
}

struct Hub {
    inotify: OwnedFd,
    /// The bells of armed watches, by the numbers the system gave these.
    bells: Mutex<HashMap<i32, Arc<Bell>>>,
}

impl Watch {
    /// Nothing is watched yet.
    pub(super) fn new(paths: [PathBuf; 2], bell: Arc<Bell>) -> Self {
        Self { paths, bell, numbers: Vec::new() }
    }

    /// The next write to any of the files rings the bell.
    pub(super) fn is_armed(&self) -> bool {
        let Some(hub) = hub() else { return false };
        let bells = hub.lock();
        let armed = self.numbers.iter().filter(|number| is_bell(bells.get(number), &self.bell));
        armed.count() == self.paths.len()
    }

    /// The next write to any of the files rings the bell. False if all were armed before, or the
    /// system cannot.
    pub(super) fn arm(&mut self) -> bool {
        let Some(hub) = hub() else { return false };
        let mut bells = hub.lock();
        self.numbers.retain(|number| is_bell(bells.get(number), &self.bell));
        if self.numbers.len() == self.paths.len() {
            return false;
        }
        let flags = WatchFlags::ONESHOT
            | WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF;
        let mut is_new = false;
        for path in &self.paths {
            // A file that is not there is not written either. One that is armed keeps its number.
            let Ok(number) = inotify::add_watch(&hub.inotify, path, flags) else { continue };
            if !self.numbers.contains(&number) {
                bells.insert(number, Arc::clone(&self.bell));
                self.numbers.push(number);
                is_new = true;
            }
        }
        is_new
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some(hub) = hub() else { return };
        let mut bells = hub.lock();
        for number in &self.numbers {
            if is_bell(bells.get(number), &self.bell) {
                bells.remove(number);
                // One that has just rung is gone already.
                inotify::remove_watch(&hub.inotify, *number).unwrap_or_default();
            }
        }
    }
}

fn is_bell(found: Option<&Arc<Bell>>, bell: &Arc<Bell>) -> bool {
    found.is_some_and(|found| Arc::ptr_eq(found, bell))
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, HashMap<i32, Arc<Bell>>> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings for ever.
    fn run(&self) -> Errno {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
        loop {
            match events.next() {
                Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => {
                    self.lock().drain().for_each(|(_, bell)| bell.ring());
                }
                Ok(event) => {
                    if let Some(bell) = self.lock().remove(&event.wd()) {
                        bell.ring();
                    }
                }
                Err(Errno::INTR) => {}
                Err(error) => return error,
            }
        }
    }
}

fn hub() -> Option<&'static Arc<Hub>> {
    static HUB: OnceLock<Option<Arc<Hub>>> = OnceLock::new();
    let open = || {
        let opened = open();
        if let Err(error) = &opened {
            tracing::warn!(%error, "file changes are noticed by polling only");
        }
        opened.ok()
    };
    HUB.get_or_init(open).as_ref()
}

fn open() -> std::io::Result<Arc<Hub>> {
    let hub =
        Arc::new(Hub { inotify: inotify::init(CreateFlags::CLOEXEC)?, bells: Mutex::default() });
    let watcher = Arc::clone(&hub);
    std::thread::Builder::new().name("watcher".to_owned()).spawn(move || {
        let error = watcher.run();
        tracing::warn!(%error, "file changes are noticed by polling only");
    })?;
    Ok(hub)
}
