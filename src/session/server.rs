//! What all sessions share: the files, who is connected, and who listens to what.

use super::cancel::Cancel;
use super::error::Failure;
use super::stream::Socket;
use super::worker::{Seat, Workers};
use crate::database::{Database, Files};
use crate::observe::Counter;
use crate::sqlite::Ends;
use rustix::rand::{GetRandomFlags, getrandom};
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The server, as sessions see it.
pub struct Server {
    files: Files,
    connections_max: usize,
    backends: Mutex<HashMap<i32, Arc<Backend>>>,
    next_pid: AtomicI32,
    stopping: AtomicBool,
    started_us: i64,
    workers: Workers,
    counters: Arc<Counters>,
}

/// What was done since the server started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Sessions that began.
    pub sessions: Counter,
    /// Connections refused because there were too many.
    pub refused: Counter,
    /// Statements that began.
    pub statements: Counter,
    /// Statements that failed.
    pub failures: Counter,
    /// Statements that were cancelled, or ran out of time; they failed, too.
    pub cancellations: Counter,
}

/// One client's place at the server: `pg_stat_activity` and what others may do to it.
pub struct Backend {
    /// Its process number, as clients know it.
    pub pid: i32,
    /// What a CancelRequest must know.
    pub secret: Vec<u8>,
    /// The file.
    pub database: Arc<Database>,
    /// The user.
    pub user: String,
    /// The client's address.
    pub peer: Option<SocketAddr>,
    /// When it connected, microseconds since 1970.
    pub started_us: i64,
    /// Stops what it runs.
    pub cancel: Arc<Cancel>,
    /// What all sessions count.
    pub counters: Arc<Counters>,
    socket: Arc<Socket>,
    seat: Arc<Seat>,
    activity: Mutex<Activity>,
    state: AtomicU8,
    transaction_start_us: AtomicI64,
    channels: Mutex<HashSet<String>>,
    mail: Mutex<Vec<Arc<Message>>>,
}

/// What `pg_stat_activity` tells of a session beside its state.
#[derive(Clone, Default)]
pub struct Activity {
    /// `application_name`
    pub application_name: String,
    /// The statement that runs, or ran last.
    pub query: Arc<str>,
    /// When it started.
    pub query_start_us: i64,
}

/// `state` of `pg_stat_activity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Waits for the client.
    Idle = 0,
    /// Runs a statement.
    Active = 1,
    /// Waits for the client, in a transaction block.
    IdleInTransaction = 2,
    /// The same, after an error.
    IdleInFailedTransaction = 3,
}

/// A notification on its way.
pub struct Message {
    /// The sender.
    pub pid: i32,
    /// The channel.
    pub channel: String,
    /// The payload.
    pub payload: String,
}

impl Server {
    /// A server of these files.
    ///
    /// # Errors
    /// The system gives no threads or descriptors.
    pub fn new(files: Files, connections_max: usize) -> io::Result<Arc<Self>> {
        crate::sqlite::function::note_start();
        Ok(Arc::new(Self {
            files,
            connections_max,
            backends: Mutex::default(),
            next_pid: AtomicI32::new(1),
            stopping: AtomicBool::new(false),
            started_us: now_us(),
            workers: Workers::new()?,
            counters: Arc::default(),
        }))
    }

    /// The served files.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// When the server started, microseconds since 1970.
    #[must_use]
    pub fn started_us(&self) -> i64 {
        self.started_us
    }

    /// Gives a client its place.
    ///
    /// # Errors
    /// 53300 when there is none left, 57P03 when the server is stopping.
    pub fn join(
        &self,
        startup: &super::Startup,
        socket: &Arc<Socket>,
    ) -> Result<Arc<Backend>, Failure> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(Failure::fatal("57P03", "the database system is shutting down"));
        }
        let backend = Arc::new(self.backend(startup, socket)?);
        let mut backends = self.lock();
        if backends.len() >= self.connections_max {
            self.counters.refused.count();
            return Err(Failure::fatal("53300", "sorry, too many clients already")
                .hint("Raise --max-connections, or close connections that are idle."));
        }
        backends.insert(backend.pid, Arc::clone(&backend));
        self.counters.sessions.count();
        Ok(backend)
    }

    fn backend(&self, startup: &super::Startup, socket: &Arc<Socket>) -> Result<Backend, Failure> {
        // Protocol 3.2 allows up to 256 bytes; older clients read four.
        let mut secret = vec![0; if startup.protocol_minor >= 2 { 32 } else { 4 }];
        getrandom(&mut secret, GetRandomFlags::empty())
            .map_err(|error| Failure::fatal("53000", format!("start session: {error}")))?;
        let pid = self.next_pid.fetch_add(1, Ordering::Relaxed);
        Ok(Backend {
            pid,
            secret,
            database: Arc::clone(&startup.database),
            user: startup.user.clone(),
            peer: startup.peer,
            started_us: now_us(),
            cancel: Arc::default(),
            counters: Arc::clone(&self.counters),
            socket: Arc::clone(socket),
            seat: Arc::new(self.workers.seat(u64::from(pid.cast_unsigned()))),
            activity: Mutex::default(),
            state: AtomicU8::new(State::Active as u8),
            transaction_start_us: AtomicI64::new(0),
            channels: Mutex::default(),
            mail: Mutex::default(),
        })
    }

    /// The client is gone.
    pub fn leave(&self, backend: &Backend) {
        self.lock().remove(&backend.pid);
    }

    /// CancelRequest: stops what the session runs, if the secret is right.
    pub fn cancel(&self, pid: i32, secret: &[u8]) {
        let backend = self.find(pid);
        if let Some(backend) = backend
            && backend.secret.len() == secret.len()
            && backend.secret.iter().zip(secret).fold(0, |acc, (a, b)| acc | (a ^ b)) == 0
        {
            backend.cancel.raise(super::cancel::Reason::User);
        }
    }

    /// The session of a process number.
    #[must_use]
    pub fn find(&self, pid: i32) -> Option<Arc<Backend>> {
        self.lock().get(&pid).cloned()
    }

    /// Everybody who is connected, by process number.
    #[must_use]
    pub fn backends(&self) -> Vec<Arc<Backend>> {
        let mut all: Vec<_> = self.lock().values().cloned().collect();
        all.sort_by_key(|backend| backend.pid);
        all
    }

    /// Delivers a notification to all sessions of the file that listen to its channel.
    pub fn notify(&self, database: &Arc<Database>, message: &Arc<Message>) {
        for backend in self.backends() {
            if Arc::ptr_eq(&backend.database, database) && backend.listens_to(&message.channel) {
                lock(&backend.mail).push(Arc::clone(message));
                backend.seat.call();
            }
        }
    }

    /// Ends all sessions: idle ones now, the others when their transaction ends, or at the
    /// deadline. Blocks until they are gone or the deadline has passed.
    pub fn drain(&self, deadline: Instant) {
        self.stopping.store(true, Ordering::Relaxed);
        let mut late = false;
        loop {
            let backends = self.backends();
            let now = Instant::now();
            let over = now >= deadline + Duration::from_secs(2);
            if backends.is_empty() || over {
                return;
            }
            late |= now >= deadline;
            for backend in backends {
                if late || backend.state() == State::Idle {
                    backend.terminate();
                } else {
                    // What its answer waits for may be given up now.
                    backend.seat.call();
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The server is stopping.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i32, Arc<Backend>>> {
        lock(&self.backends)
    }
}

impl Backend {
    /// Its place among the sessions that the workers attend to.
    #[must_use]
    pub(super) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// The two ends of its connection; `None` for a Unix socket.
    #[must_use]
    pub fn ends(&self) -> Option<Ends> {
        let Socket::Tcp(socket) = &*self.socket else { return None };
        Some(Ends { client: self.peer?, server: socket.local_addr().ok()? })
    }

    /// Ends the session.
    pub fn terminate(&self) {
        self.cancel.raise(super::cancel::Reason::Terminate);
        self.socket.end_input();
    }

    /// The state told in `pg_stat_activity`.
    #[must_use]
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Relaxed) {
            0 => State::Idle,
            1 => State::Active,
            2 => State::IdleInTransaction,
            _ => State::IdleInFailedTransaction,
        }
    }

    /// Tells the state.
    pub fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// When the transaction started, microseconds since 1970; 0 outside one.
    #[must_use]
    pub fn transaction_start_us(&self) -> i64 {
        self.transaction_start_us.load(Ordering::Relaxed)
    }

    /// Tells when the transaction started.
    pub fn set_transaction_start_us(&self, us: i64) {
        self.transaction_start_us.store(us, Ordering::Relaxed);
    }

    /// What it does.
    #[must_use]
    pub fn activity(&self) -> Activity {
        lock(&self.activity).clone()
    }

    /// Tells what it does.
    pub fn update_activity(&self, change: impl FnOnce(&mut Activity)) {
        change(&mut lock(&self.activity));
    }

    /// LISTEN
    pub fn listen(&self, channel: &str) {
        lock(&self.channels).insert(channel.to_owned());
    }

    /// UNLISTEN; `None` is `*`.
    pub fn unlisten(&self, channel: Option<&str>) {
        let mut channels = lock(&self.channels);
        match channel {
            Some(channel) => drop(channels.remove(channel)),
            None => channels.clear(),
        }
    }

    /// It listens to anything at all.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        !lock(&self.channels).is_empty()
    }

    /// The channels it listens to.
    #[must_use]
    pub fn channels(&self) -> Vec<String> {
        lock(&self.channels).iter().cloned().collect()
    }

    fn listens_to(&self, channel: &str) -> bool {
        lock(&self.channels).contains(channel)
    }

    /// Takes the notifications that came.
    pub fn take_mail(&self) -> Vec<Arc<Message>> {
        std::mem::take(&mut lock(&self.mail))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Now, microseconds since 1970.
#[must_use]
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// `pg_cancel_backend` and `pg_terminate_backend`.
#[must_use]
pub fn signal(server: &Server, pid: i32, terminate: bool) -> bool {
    let Some(backend) = server.find(pid) else { return false };
    if terminate {
        backend.terminate();
    } else {
        backend.cancel.raise(super::cancel::Reason::User);
    }
    true
}
