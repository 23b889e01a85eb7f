//! Advisory locks, kept in this process: every session of a file passes through it.
//!
//! What enters: a key and the session. What leaves: the lock, waited for or not. Locks of a session
//! end with [`release_all`]; those of a transaction with [`release_transaction`].
//! <https://www.postgresql.org/docs/15/functions-admin.html#FUNCTIONS-ADVISORY-LOCKS>

use super::{Args, Flags, Function, Outcome, boolean, text};
use crate::sqlite::host::FunctionError;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_advisory_lock", -1, Flags::STABLE, |a| wait(a, Mode::EXCLUSIVE)),
    ("pg_advisory_lock_shared", -1, Flags::STABLE, |a| wait(a, Mode::SHARED)),
    ("pg_advisory_xact_lock", -1, Flags::STABLE, |a| wait(a, Mode::EXCLUSIVE.for_transaction())),
    ("pg_advisory_xact_lock_shared", -1, Flags::STABLE, |a| {
        wait(a, Mode::SHARED.for_transaction())
    }),
    ("pg_try_advisory_lock", -1, Flags::STABLE, |a| attempt(a, Mode::EXCLUSIVE)),
    ("pg_try_advisory_lock_shared", -1, Flags::STABLE, |a| attempt(a, Mode::SHARED)),
    ("pg_try_advisory_xact_lock", -1, Flags::STABLE, |a| {
        attempt(a, Mode::EXCLUSIVE.for_transaction())
    }),
    ("pg_try_advisory_xact_lock_shared", -1, Flags::STABLE, |a| {
        attempt(a, Mode::SHARED.for_transaction())
    }),
    ("pg_advisory_unlock", -1, Flags::STABLE, |a| unlock(a, Mode::EXCLUSIVE)),
    ("pg_advisory_unlock_shared", -1, Flags::STABLE, |a| unlock(a, Mode::SHARED)),
    ("pg_advisory_unlock_all", 0, Flags::STABLE, |a| {
        let host = a.host()?;
        release_all(&host.database(), host.backend_pid());
        text("")
    }),
];

#[derive(Clone, Copy, PartialEq, Eq)]
struct Mode {
    exclusive: bool,
    transaction: bool,
}

impl Mode {
    const EXCLUSIVE: Self = Self { exclusive: true, transaction: false };
    const SHARED: Self = Self { exclusive: false, transaction: false };

    const fn for_transaction(self) -> Self {
        Self { transaction: true, ..self }
    }
}

/// The database, and one 64-bit key or two of 32 bits.
type Key = (String, i64, Option<i64>);

struct Held {
    pid: i32,
    mode: Mode,
}

struct Locks {
    held: Mutex<HashMap<Key, Vec<Held>>>,
    released: Condvar,
    /// Some lock was taken since the process started.
    used: AtomicBool,
}

static LOCKS: LazyLock<Locks> = LazyLock::new(|| Locks {
    held: Mutex::default(),
    released: Condvar::new(),
    used: AtomicBool::new(false),
});

impl Locks {
    fn table(&self) -> MutexGuard<'_, HashMap<Key, Vec<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drop_where(&self, gone: impl Fn(&Key, &Held) -> bool) {
        // Every transaction ends here, and hardly any took a lock.
        if !self.used.load(Ordering::Relaxed) {
            return;
        }
        self.table().retain(|key, holders| {
            holders.retain(|held| !gone(key, held));
            !holders.is_empty()
        });
        self.released.notify_all();
    }
}

/// Drops every lock of a session: it ended, or asked for it.
pub fn release_all(database: &str, pid: i32) {
    LOCKS.drop_where(|key, held| key.0 == database && held.pid == pid && !held.mode.transaction);
}

/// Drops the locks that a session's transaction took: it ended.
pub fn release_transaction(database: &str, pid: i32) {
    LOCKS.drop_where(|key, held| key.0 == database && held.pid == pid && held.mode.transaction);
}

fn key(args: &Args<'_>) -> Result<(Key, i32), FunctionError> {
    let host = args.host()?;
    let second = if args.len() > 1 { Some(args.int(1)?) } else { None };
    Ok(((host.database(), args.int(0)?, second), host.backend_pid()))
}

/// A session's own locks never stand in its way.
fn take(table: &mut HashMap<Key, Vec<Held>>, key: &Key, pid: i32, mode: Mode) -> bool {
    LOCKS.used.store(true, Ordering::Relaxed);
    let holders = table.entry(key.clone()).or_default();
    let in_the_way = |held: &Held| held.pid != pid && (held.mode.exclusive || mode.exclusive);
    if holders.iter().any(in_the_way) {
        return false;
    }
    holders.push(Held { pid, mode });
    true
}

fn attempt(args: &Args<'_>, mode: Mode) -> Outcome {
    let (key, pid) = key(args)?;
    boolean(take(&mut LOCKS.table(), &key, pid, mode))
}

/// How often a waiter looks whether it was cancelled.
const WAIT_SLICE: Duration = Duration::from_millis(20);

fn wait(args: &Args<'_>, mode: Mode) -> Outcome {
    let (key, pid) = key(args)?;
    let mut table = LOCKS.table();
    while !take(&mut table, &key, pid, mode) {
        if args.host()?.cancelled() {
            let message = "canceling statement due to user request";
            return Err(FunctionError::new("57014", message));
        }
        let waited = LOCKS.released.wait_timeout(table, WAIT_SLICE);
        table = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
    text("")
}

fn unlock(args: &Args<'_>, mode: Mode) -> Outcome {
    let (key, pid) = key(args)?;
    let mut table = LOCKS.table();
    let Some(holders) = table.get_mut(&key) else { return boolean(false) };
    let mine = holders.iter().position(|held| held.pid == pid && held.mode == mode);
    if let Some(at) = mine {
        holders.swap_remove(at);
        if holders.is_empty() {
            table.remove(&key);
        }
        drop(table);
        LOCKS.released.notify_all();
    }
    boolean(mine.is_some())
}
