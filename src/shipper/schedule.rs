//! One clock for all maintenance of the process: what is due is run when it is due.
//!
//! A file with nothing due is not in it. The thread sleeps until the earliest; what is due runs
//! elsewhere, a few at once.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError, Weak};
use std::time::Instant;
use tokio::sync::{Semaphore, SemaphorePermit};

/// So much maintenance runs at once in the process.
const TURNS: usize = 4;

/// Something that becomes due.
pub(super) trait Due: Send + Sync {
    /// Begins what is due, without blocking.
    fn run(self: std::sync::Arc<Self>);
}

/// Runs it at this time, unless it is gone by then.
pub(super) fn at(time: Instant, due: Weak<dyn Due>) {
    let Some(schedule) = schedule() else { return };
    let mut entries = schedule.entries.lock().unwrap_or_else(PoisonError::into_inner);
    entries.push(Entry { time, due });
    schedule.earlier.notify_one();
}

/// Waits for one's turn.
pub(super) async fn turn() -> Option<SemaphorePermit<'static>> {
    static TURN: Semaphore = Semaphore::const_new(TURNS);
    // It is never closed.
    TURN.acquire().await.ok()
}

struct Schedule {
    entries: Mutex<BinaryHeap<Entry>>,
    earlier: Condvar,
}

struct Entry {
    time: Instant,
    due: Weak<dyn Due>,
}

impl Schedule {
    /// Waits for what is due next.
    fn next(&self) -> Weak<dyn Due> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let wait =
                entries.peek().map(|entry| entry.time.saturating_duration_since(Instant::now()));
            entries = match wait {
                None => self.earlier.wait(entries).unwrap_or_else(PoisonError::into_inner),
                Some(wait) if wait.is_zero() => {
                    if let Some(entry) = entries.pop() {
                        return entry.due;
                    }
                    entries
                }
                Some(wait) => {
                    self.earlier
                        .wait_timeout(entries, wait)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }
}

fn schedule() -> Option<&'static Schedule> {
    static SCHEDULE: Schedule =
        Schedule { entries: Mutex::new(BinaryHeap::new()), earlier: Condvar::new() };
    static STARTED: OnceLock<bool> = OnceLock::new();
    let start = || {
        let run = || loop {
            if let Some(due) = SCHEDULE.next().upgrade() {
                due.run();
            }
        };
        let started = std::thread::Builder::new().name("maintenance".to_owned()).spawn(run);
        if let Err(error) = &started {
            tracing::error!(%error, "backups are not merged, and nothing old is deleted");
        }
        started.is_ok()
    };
    STARTED.get_or_init(start).then_some(&SCHEDULE)
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.time == other.time
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.time.cmp(&self.time)
    }
}
