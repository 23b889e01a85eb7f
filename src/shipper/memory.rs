//! Gives memory that was freed back to the system when files fall asleep, and when levels were merged.
//!
//! The allocator keeps what was freed for whoever needs it next, in pieces between what is still used:
//! of each file that is looked at once and then never again, a hundred kilobytes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Files that were written together fall asleep together: it is done once for all of them.
const GATHER: Duration = Duration::from_secs(8);

static SCHEDULED: AtomicBool = AtomicBool::new(false);

/// Does so in a while, on a thread of the runtime that this is called in.
pub(super) fn give_back_soon() {
    if SCHEDULED.swap(true, Ordering::AcqRel) {
        return;
    }
    tokio::spawn(async {
        tokio::time::sleep(GATHER).await;
        SCHEDULED.store(false, Ordering::Release);
        tokio::task::spawn_blocking(give_back);
    });
}

/// <https://man7.org/linux/man-pages/man3/malloc_trim.3.html>
#[cfg(target_env = "gnu")]
fn give_back() {
    // SAFETY: it may be called at any time, and touches nothing that is in use.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators do so by themselves, or cannot.
#[cfg(not(target_env = "gnu"))]
fn give_back() {}
