//! One thread that looks, while there are turns, how long they last.

use super::TICK;
use super::group::Group;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, Thread};

/// The watch goes to sleep when for so many ticks there was nothing to watch.
const QUIET_TICKS: u32 = 3;

/// Sees to it that no turn keeps others waiting.
#[derive(Default)]
pub(super) struct Watch {
    thread: OnceLock<Thread>,
    awake: AtomicBool,
    over: AtomicBool,
}

impl Watch {
    pub(super) fn start(groups: &[Arc<Group>], watch: &Arc<Self>) -> io::Result<()> {
        let groups: Vec<_> = groups.iter().map(Arc::downgrade).collect();
        let own = Arc::clone(watch);
        let started = thread::Builder::new().name("watch".to_owned());
        let started = started.spawn(move || own.run(&groups))?;
        drop(watch.thread.set(started.thread().clone()));
        Ok(())
    }

    /// A turn was begun.
    pub(super) fn wake(&self) {
        if !self.awake.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            self.awake.store(true, Ordering::SeqCst);
            thread.unpark();
        }
    }

    /// No turns will be begun any more.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.wake();
    }

    fn run(&self, groups: &[Weak<Group>]) {
        let look = || {
            let groups = groups.iter().filter_map(Weak::upgrade);
            groups.filter(Group::look).count() > 0
        };
        let mut quiet = 0;
        while !self.over.load(Ordering::SeqCst) {
            quiet = if look() { 0 } else { quiet + 1 };
            if quiet < QUIET_TICKS {
                thread::sleep(TICK);
                continue;
            }
            // Said before the last look: a turn that begins after it finds nobody awake.
            self.awake.store(false, Ordering::SeqCst);
            if !look() {
                thread::park();
            }
            self.awake.store(true, Ordering::SeqCst);
            quiet = 0;
        }
    }
}
