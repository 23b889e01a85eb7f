//! One thread that looks, while there are turns, how long they last.

use super::TICK;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
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
    /// Looks again and again while the last look found something to watch.
    ///
    /// # Errors
    /// There is no thread for it.
    pub(super) fn start(
        self: &Arc<Self>,
        look: impl Fn() -> bool + Send + 'static,
    ) -> io::Result<()> {
        let own = Arc::clone(self);
        let watch = thread::Builder::new().name("watch".to_owned());
        let watch = watch.spawn(move || own.run(look))?;
        drop(self.thread.set(watch.thread().clone()));
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

    fn run(&self, look: impl Fn() -> bool) {
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
