//! What SQL functions and system tables ask of the session that runs them.
//!
//! A connection outlives the sessions that borrow it from the pool, so its functions reach the
//! session through a [`HostSlot`] that is filled when the connection is taken and emptied when it is
//! given back.

use super::function::RandomState;
use crate::schema::Schema;
use crate::types::{Oid, Value};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The session behind a connection, as far as SQL functions need it.
pub trait Host: Send + Sync {
    /// Start of the transaction, microseconds since 1970 UTC: `now()`.
    fn transaction_start_us(&self) -> i64;
    /// Start of the statement, microseconds since 1970 UTC: `statement_timestamp()`.
    fn statement_start_us(&self) -> i64;
    /// The session's time zone, an IANA name: `SHOW timezone`.
    fn time_zone(&self) -> String;
    /// A setting's value; `None` if there is no such setting.
    fn setting(&self, name: &str) -> Option<String>;
    /// `set_config(name, value, is_local)`: the new value.
    ///
    /// # Errors
    /// 42704 for an unknown setting, 22023 for a bad value.
    fn set_setting(&self, name: &str, value: &str, local: bool) -> Result<String, FunctionError>;
    /// `session_user`
    fn user(&self) -> String;
    /// `current_database()`
    fn database(&self) -> String;
    /// The connection's two ends; `None` where it is no network's.
    fn ends(&self) -> Option<Ends> {
        None
    }
    /// `pg_backend_pid()`
    fn backend_pid(&self) -> i32;
    /// The schema snapshot the running statement was planned with.
    fn schema(&self) -> Arc<Schema>;
    /// `pg_notify(channel, payload)`, delivered when the transaction commits.
    fn notify(&self, channel: &str, payload: &str);
    /// `pg_cancel_backend(pid)` and, with `terminate`, `pg_terminate_backend(pid)`.
    fn signal(&self, pid: i32, terminate: bool) -> bool;
    /// The running statement was cancelled: asked by functions that wait.
    fn cancelled(&self) -> bool {
        false
    }
    /// Where `random()` is in its sequence; without one each call begins anew.
    fn random_state(&self) -> Option<&RandomState> {
        None
    }
    /// What sequences gave the session: `currval()`, `lastval()`.
    fn numbers(&self) -> Option<&Numbers> {
        None
    }
    /// `pg_is_in_recovery()`: a follower.
    fn in_recovery(&self) -> bool;
    /// `pg_create_restore_point(name)`: the position it stands for, once that is stored.
    ///
    /// # Errors
    /// 55000 if the file is not backed up, 42710 if there is one, 22023 for a bad name ...
    fn create_restore_point(&self, _name: &str) -> Result<u64, FunctionError> {
        Err(FunctionError::new("55000", "the database is not backed up"))
    }
    /// `pg_current_wal_lsn()`: the newest transaction on its way to the backup; 0 without one.
    fn wal_position(&self) -> u64 {
        0
    }
    /// How far a follower is: `pg_last_wal_replay_lsn()`; none where nothing is followed.
    fn replayed(&self) -> Option<Replayed> {
        None
    }
    /// The session may change the file: its role and the server allow that.
    fn may_write(&self) -> bool {
        !self.in_recovery()
    }
    /// Rows of a relation that mirrors the server rather than the file: `pg_stat_activity`,
    /// `pg_database`, `pg_roles`, `pg_settings`, `pg_stat_archiver` ... in the column order of
    /// `catalog/relations.txt`. `None` when the host knows nothing of it.
    fn server_rows(&self, relation: &str) -> Option<Vec<Vec<Value>>>;
}

/// The numbers that sequences gave to a session, by the sequences' OIDs.
#[derive(Debug, Default)]
pub struct Numbers(Mutex<Given>);

#[derive(Debug, Default)]
struct Given {
    newest: HashMap<Oid, i64>,
    last: Option<Oid>,
}

impl Numbers {
    /// A sequence gave its next number.
    pub fn give(&self, sequence: Oid, number: i64) {
        let mut given = self.given();
        given.last = Some(sequence);
        given.newest.insert(sequence, number);
    }

    /// The session set a sequence.
    pub fn set(&self, sequence: Oid, number: i64) {
        self.given().newest.insert(sequence, number);
    }

    /// `currval(sequence)`; `None` before the first.
    pub fn newest(&self, sequence: Oid) -> Option<i64> {
        self.given().newest.get(&sequence).copied()
    }

    /// `lastval()`: that of the sequence which gave one last.
    pub fn last(&self) -> Option<i64> {
        let given = self.given();
        given.newest.get(&given.last?).copied()
    }

    /// `DISCARD SEQUENCES`
    pub fn forget(&self) {
        *self.given() = Given::default();
    }

    fn given(&self) -> MutexGuard<'_, Given> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far a follower is.
#[derive(Clone, Copy, Debug)]
pub struct Replayed {
    /// The transaction it is at.
    pub position: u64,
    /// When that was committed, microseconds since 1970 UTC; none if that is not known.
    pub committed_us: Option<i64>,
}

/// The addresses of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The client's.
    pub client: SocketAddr,
    /// The server's.
    pub server: SocketAddr,
}

/// Why a SQL function refused, with the SQLSTATE Postgres gives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FunctionError {
    /// Five characters, e.g. `22P02`.
    pub sqlstate: &'static str,
    /// Postgres's wording.
    pub message: String,
}

impl FunctionError {
    /// An error with a SQLSTATE and Postgres's wording.
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self { sqlstate, message: message.into() }
    }
}

/// The place where a connection finds its session, and leaves the error of a function: SQLite
/// itself carries only an error's text.
#[derive(Default)]
pub struct HostSlot {
    host: RwLock<Option<Arc<dyn Host>>>,
    error: Mutex<Option<FunctionError>>,
}

impl HostSlot {
    /// Fills or empties the slot.
    pub fn set(&self, host: Option<Arc<dyn Host>>) {
        *self.host.write().unwrap_or_else(PoisonError::into_inner) = host;
    }

    /// The session, if one holds the connection.
    pub fn host(&self) -> Option<Arc<dyn Host>> {
        self.host.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Leaves an error for the session to find when SQLite reports failure.
    pub fn fail(&self, error: FunctionError) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// Takes the error of the function that made the last statement fail.
    pub fn take_error(&self) -> Option<FunctionError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
