//! The session as SQL functions and system tables see it.

use super::backups;
use super::server::{Backend, Server, State, signal};
use super::settings::{Effective, Settings};
use crate::catalog;
use crate::database::PointError;
use crate::schema::{Column, Namespace, Schema, system};
use crate::sqlite::function::{RandomState, transaction_number};
use crate::sqlite::{Ends, FunctionError, Host, Numbers, Replayed};
use crate::types::{Names, Oid, Storage, Type, Value, datetime};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the session shares with the functions that its statements call.
pub(super) struct Shared {
    server: Arc<Server>,
    backend: Arc<Backend>,
    settings: Mutex<Settings>,
    /// Settings were changed since the session last looked.
    changed: AtomicBool,
    /// In a transaction: changes of settings may have to be undone.
    in_transaction: AtomicBool,
    transaction_start_us: AtomicI64,
    statement_start_us: AtomicI64,
    schema: Mutex<Arc<Schema>>,
    /// A file's schema, temporary tables, and both together.
    both: Mutex<Option<[Arc<Schema>; 3]>>,
    notifications: Mutex<Vec<(String, String)>>,
    random: RandomState,
    numbers: Numbers,
    /// The role, or the server, only reads.
    read_only: AtomicBool,
}

impl Shared {
    /// For a new session.
    #[must_use]
    pub(super) fn new(
        server: &Arc<Server>,
        backend: &Arc<Backend>,
        settings: Settings,
    ) -> Arc<Self> {
        Arc::new(Self {
            server: Arc::clone(server),
            backend: Arc::clone(backend),
            settings: Mutex::new(settings),
            changed: AtomicBool::new(true),
            in_transaction: AtomicBool::new(false),
            transaction_start_us: AtomicI64::new(0),
            statement_start_us: AtomicI64::new(0),
            schema: Mutex::new(backend.database.last_schema()),
            both: Mutex::default(),
            notifications: Mutex::default(),
            random: RandomState::default(),
            numbers: Numbers::default(),
            read_only: AtomicBool::new(false),
        })
    }

    /// The settings, to change.
    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.changed.store(true, Ordering::Relaxed);
        lock(&self.settings)
    }

    /// Settings were changed since this was last asked.
    pub(super) fn take_changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed) && self.changed.swap(false, Ordering::Relaxed)
    }

    /// The settings, to read.
    pub(super) fn read_settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    /// What the settings mean.
    pub(super) fn effective(self: &Arc<Self>, read_only: bool) -> Effective {
        self.read_only.store(read_only, Ordering::Relaxed);
        let mut effective = self.read_settings().effective(read_only);
        effective.style.names = Some(Arc::new(ObjectNames(Arc::clone(self))));
        effective
    }

    /// Settings that were local to the transaction end with it, or all that it changed.
    pub(super) fn end_transaction(&self, committed: bool) {
        let mut settings = lock(&self.settings);
        if settings.mark() > 0 {
            settings.end_transaction(committed);
            self.changed.store(true, Ordering::Relaxed);
        }
    }

    /// A transaction begins, or is over.
    pub(super) fn set_in_transaction(&self, in_transaction: bool) {
        self.in_transaction.store(in_transaction, Ordering::Relaxed);
    }

    /// A transaction's first statement begins.
    pub(super) fn set_transaction_start(&self, now_us: i64) {
        self.transaction_start_us.store(now_us, Ordering::Relaxed);
    }

    /// A statement begins.
    pub(super) fn set_statement_start(&self, now_us: i64) {
        self.statement_start_us.store(now_us, Ordering::Relaxed);
    }

    /// The schema the statement was planned with, and the session's temporary tables.
    pub(super) fn set_schema(&self, schema: &Arc<Schema>, temporary: Option<&Arc<Schema>>) {
        let seen = match temporary {
            None => Arc::clone(schema),
            Some(temporary) => self.with_temporary(schema, temporary),
        };
        *lock(&self.schema) = seen;
    }

    /// Both together, made once for a pair.
    fn with_temporary(&self, schema: &Arc<Schema>, temporary: &Arc<Schema>) -> Arc<Schema> {
        let mut made = lock(&self.both);
        if let Some([main, temp, both]) = &*made
            && Arc::ptr_eq(main, schema)
            && Arc::ptr_eq(temp, temporary)
        {
            return Arc::clone(both);
        }
        let both = Arc::new(schema.with_temporary(temporary));
        *made = Some([Arc::clone(schema), Arc::clone(temporary), Arc::clone(&both)]);
        both
    }

    /// The notifications of the transaction so far.
    #[must_use]
    pub(super) fn take_notifications(&self) -> Vec<(String, String)> {
        std::mem::take(&mut lock(&self.notifications))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names of objects, for the text form of `regclass` and its kin.
struct ObjectNames(Arc<Shared>);

impl std::fmt::Debug for ObjectNames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ObjectNames").field(&self.0.backend.pid).finish()
    }
}

impl Names for ObjectNames {
    fn name(&self, ty: Type, oid: Oid) -> Option<String> {
        catalog::object_name(&*self.0, ty, oid)
    }

    fn oid(&self, ty: Type, name: &str) -> Option<Oid> {
        catalog::object_oid(&*self.0, ty, name)
    }
}

impl Host for Shared {
    fn transaction_start_us(&self) -> i64 {
        self.transaction_start_us.load(Ordering::Relaxed)
    }

    fn statement_start_us(&self) -> i64 {
        self.statement_start_us.load(Ordering::Relaxed)
    }

    fn time_zone(&self) -> String {
        self.setting("timezone").unwrap_or_else(|| "UTC".to_owned())
    }

    fn setting(&self, name: &str) -> Option<String> {
        lock(&self.settings).value(name)
    }

    fn set_setting(&self, name: &str, value: &str, local: bool) -> Result<String, FunctionError> {
        let in_transaction = self.in_transaction.load(Ordering::Relaxed);
        let set = self.settings().set(name, Some(value), local, in_transaction);
        set.map_err(|failure| FunctionError::new(failure.sqlstate, failure.message.clone()))
    }

    fn user(&self) -> String {
        self.backend.user.clone()
    }

    fn database(&self) -> String {
        self.backend.database.name().to_owned()
    }

    fn ends(&self) -> Option<Ends> {
        self.backend.ends()
    }

    fn backend_pid(&self) -> i32 {
        self.backend.pid
    }

    fn schema(&self) -> Arc<Schema> {
        Arc::clone(&lock(&self.schema))
    }

    fn notify(&self, channel: &str, payload: &str) {
        let mut notifications = lock(&self.notifications);
        let new = (channel.to_owned(), payload.to_owned());
        if !notifications.contains(&new) {
            notifications.push(new);
        }
    }

    fn signal(&self, pid: i32, terminate: bool) -> bool {
        signal(&self.server, pid, terminate)
    }

    fn cancelled(&self) -> bool {
        self.backend.cancel.reason().is_some()
    }

    fn random_state(&self) -> Option<&RandomState> {
        Some(&self.random)
    }

    fn numbers(&self) -> Option<&Numbers> {
        Some(&self.numbers)
    }

    fn in_recovery(&self) -> bool {
        self.backend.database.is_follower()
    }

    fn create_restore_point(&self, name: &str) -> Result<u64, FunctionError> {
        let Some(shipper) = self.backend.database.shipper() else {
            let message = "restore points need a backup: start egret with --backup";
            return Err(FunctionError::new("55000", message));
        };
        self.backend.seat().step_aside();
        let made = shipper.create_point(name, &|| self.cancelled());
        made.map(|txid| txid.0).map_err(|error| self.point_failure(&error))
    }

    fn wal_position(&self) -> u64 {
        let Some(shipper) = self.backend.database.shipper() else { return 0 };
        self.backend.seat().step_aside();
        shipper.position(&|| self.cancelled()).0
    }

    fn replayed(&self) -> Option<Replayed> {
        let status = self.backend.database.follower()?.status();
        let committed_us = (status.committed_ms != 0).then(|| status.committed_ms * 1000);
        Some(Replayed { position: status.txid.0, committed_us })
    }

    fn may_write(&self) -> bool {
        !self.read_only.load(Ordering::Relaxed)
    }

    fn server_rows(&self, relation: &str) -> Option<Vec<Vec<Value>>> {
        let rows = match relation {
            "pg_stat_activity" => self.activity(),
            "pg_database" => self.databases(),
            "pg_locks" => self.locks(),
            "pg_stat_archiver" => vec![self.archiver()],
            "pg_stat_replication" => self.replication(),
            "pg_stat_wal_receiver" => self.receiver(),
            _ => return None,
        };
        let columns = &system::relation(Namespace::Catalog, relation)?.columns;
        let row = |named: Named| -> Vec<Value> {
            let value = |column: &Column| {
                let found = named.iter().find(|(name, _)| *name == column.name);
                found.map_or(Value::Null, |(_, value)| value.clone())
            };
            columns.iter().map(value).collect()
        };
        Some(rows.into_iter().map(row).collect())
    }
}

pub(super) type Named = Vec<(&'static str, Value)>;

impl Shared {
    fn activity(&self) -> Vec<Named> {
        self.server.backends().iter().map(|backend| activity_row(backend)).collect()
    }

    fn databases(&self) -> Vec<Named> {
        let files = self.server.files().all();
        let now_us = self.transaction_start_us();
        files.iter().map(|database| database_row(database.name(), now_us)).collect()
    }

    /// A session holds its own number while it runs a statement or is in a transaction, and reads
    /// the relation that this is.
    fn locks(&self) -> Vec<Named> {
        let backends = self.server.backends();
        let busy = backends.iter().filter(|backend| backend.state() != State::Idle);
        let mut locks: Vec<_> = busy.map(|backend| lock_row(backend, "virtualxid")).collect();
        locks.push(lock_row(&self.backend, "relation"));
        locks
    }

    fn archiver(&self) -> Named {
        let Some(shipper) = self.backend.database.shipper() else {
            return vec![
                ("archived_count", Value::Integer(0)),
                ("failed_count", Value::Integer(0)),
            ];
        };
        backups::archiver_row(&shipper.status())
    }

    fn replication(&self) -> Vec<Named> {
        let Some(shipper) = self.backend.database.shipper() else { return Vec::new() };
        backups::replication_rows(&shipper.status(), self.server.started_us())
    }

    fn receiver(&self) -> Vec<Named> {
        let follower = self.backend.database.follower();
        follower.map(|follower| backups::receiver_row(&follower.status())).into_iter().collect()
    }
}

impl Shared {
    /// Nothing about places reaches a client.
    fn point_failure(&self, error: &PointError) -> FunctionError {
        match error {
            PointError::Name(error) => FunctionError::new("22023", error.to_string()),
            PointError::Exists { .. } => FunctionError::new("42710", error.to_string()),
            PointError::Cancelled => FunctionError::new("57014", error.to_string()),
            PointError::Ship(_) | PointError::Store(_) => {
                tracing::warn!(database = self.database(), %error, "restore point not made");
                FunctionError::new("58030", "the restore point could not be stored")
            }
        }
    }
}

pub(super) fn time(us: i64) -> Value {
    if us == 0 {
        return Value::Null;
    }
    datetime::to_value(us, Storage::Native)
}

fn oid(database: &str) -> Value {
    Value::Integer(catalog::database_oid(database).into())
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn activity_row(backend: &Backend) -> Named {
    let activity = backend.activity();
    let state = match backend.state() {
        State::Idle => "idle",
        State::Active => "active",
        State::IdleInTransaction => "idle in transaction",
        State::IdleInFailedTransaction => "idle in transaction (aborted)",
    };
    let peer = backend.peer;
    vec![
        ("datid", oid(backend.database.name())),
        ("datname", text(backend.database.name())),
        ("pid", Value::Integer(backend.pid.into())),
        ("usesysid", Value::Integer(10)),
        ("usename", text(&backend.user)),
        ("application_name", Value::Text(activity.application_name)),
        ("client_addr", peer.map_or(Value::Null, |p| Value::Text(p.ip().to_string()))),
        ("client_port", Value::Integer(peer.map_or(-1, |p| p.port().into()))),
        ("backend_start", time(backend.started_us)),
        ("xact_start", time(backend.transaction_start_us())),
        ("query_start", time(activity.query_start_us)),
        ("state_change", time(activity.query_start_us)),
        ("state", text(state)),
        ("query", text(&activity.query)),
        ("backend_type", text("client backend")),
    ]
}

fn lock_row(backend: &Backend, kind: &'static str) -> Named {
    let transaction = format!("{0}/{0}", backend.pid);
    let mut row = vec![
        ("locktype", text(kind)),
        ("virtualtransaction", text(&transaction)),
        ("pid", Value::Integer(backend.pid.into())),
        ("granted", Value::Integer(1)),
        ("fastpath", Value::Integer(1)),
    ];
    row.extend(match kind {
        "relation" => {
            let locks = system::relation(Namespace::Catalog, "pg_locks").map_or(0, |r| r.oid);
            vec![
                ("database", oid(backend.database.name())),
                ("relation", Value::Integer(locks.into())),
                ("mode", text("AccessShareLock")),
            ]
        }
        _ => vec![("virtualxid", text(&transaction)), ("mode", text("ExclusiveLock"))],
    });
    row
}

fn database_row(name: &str, now_us: i64) -> Named {
    vec![
        ("oid", oid(name)),
        ("datname", text(name)),
        ("datdba", Value::Integer(10)),
        ("encoding", Value::Integer(6)),
        ("datlocprovider", text("c")),
        ("datistemplate", Value::Integer(0)),
        ("datallowconn", Value::Integer(1)),
        ("datconnlimit", Value::Integer(-1)),
        // No row waits to be frozen.
        ("datfrozenxid", Value::Integer(transaction_number(now_us / 1000))),
        ("datminmxid", Value::Integer(1)),
        ("dattablespace", Value::Integer(1663)),
        ("datcollate", text("C")),
        ("datctype", text("C")),
    ]
}
