//! Waiting for locks that others hold, and for statements that take long: until asked to stop.
//! <https://www.sqlite.org/c3ref/busy_handler.html>
//! <https://www.sqlite.org/c3ref/progress_handler.html>

use rusqlite::ffi;
use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// So many of SQLite's instructions are run between two looks at the stop flag. It stops what
/// `sqlite3_interrupt` misses: that one is forgotten when no statement runs yet.
const INSTRUCTIONS: c_int = 2000;

/// How long a connection waits for another process's lock, and what ends the wait early.
pub struct Patience {
    /// Microseconds; 0 is for ever.
    limit_us: AtomicU64,
    stop: Arc<AtomicBool>,
    started: std::cell::Cell<Option<Instant>>,
}

impl Patience {
    /// Installs the handlers on a connection, which must not outlive the result.
    pub(super) fn install(raw: &rusqlite::Connection) -> Box<Self> {
        let patience = Box::new(Self {
            limit_us: AtomicU64::new(0),
            stop: Arc::default(),
            started: std::cell::Cell::new(None),
        });
        // SAFETY: `Shared` owns both the connection and the box, whose address stays; the handlers
        // run only inside calls on that connection.
        unsafe {
            let address = std::ptr::from_ref(&*patience).cast_mut().cast::<c_void>();
            ffi::sqlite3_busy_handler(raw.handle(), Some(wait), address);
            ffi::sqlite3_progress_handler(raw.handle(), INSTRUCTIONS, Some(is_stopped), address);
        }
        patience
    }

    /// Waits at most this long for a lock; `None` is for ever.
    pub fn set_limit(&self, limit: Option<Duration>) {
        let us = limit.map_or(0, |l| u64::try_from(l.as_micros()).unwrap_or(u64::MAX).max(1));
        self.limit_us.store(us, Ordering::Relaxed);
    }

    /// Setting this ends a wait, and what runs.
    #[must_use]
    pub fn stop_flag(&self) -> &Arc<AtomicBool> {
        &self.stop
    }

    pub(super) fn pause(&self, attempt: u32) -> bool {
        if self.stop.load(Ordering::Relaxed) {
            return false;
        }
        if attempt == 0 {
            self.started.set(Some(Instant::now()));
        }
        let limit_us = self.limit_us.load(Ordering::Relaxed);
        let waited = self.started.get().map_or(Duration::ZERO, |s| s.elapsed());
        if limit_us > 0 && waited >= Duration::from_micros(limit_us) {
            return false;
        }
        std::thread::sleep(PAUSE_MAX.min(Duration::from_micros(100 << attempt.min(10))));
        true
    }
}

extern "C" fn wait(patience: *mut c_void, attempts: c_int) -> c_int {
    // SAFETY: the address `install` gave, alive as long as the connection that calls.
    let patience = unsafe { &*patience.cast::<Patience>() };
    c_int::from(patience.pause(u32::try_from(attempts).unwrap_or(0)))
}

extern "C" fn is_stopped(patience: *mut c_void) -> c_int {
    // SAFETY: as in `wait`.
    let patience = unsafe { &*patience.cast::<Patience>() };
    c_int::from(patience.stop.load(Ordering::Relaxed))
}
