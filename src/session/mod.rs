//! A client's session: frontend messages in, backend messages out.
//! <https://www.postgresql.org/docs/15/protocol-flow.html>
//!
//! A session begins authenticated ([`Startup`]). Whenever its client has said something it gets a turn
//! on a thread (`worker`), which reads the socket, calls SQLite and writes the answer; between turns
//! it is parked. A turn may block: no other session waits for it. A round trip costs one read and one
//! write: output is flushed at Sync, at Flush, or when the buffer is full; what tells of a commit, when
//! that is as durable as was asked for (`held`).

mod backups;
pub mod cancel;
mod copy;
mod cursor;
pub mod error;
mod execute;
mod explain;
mod extended;
mod greet;
mod held;
mod host;
pub mod input;
mod portal;
pub mod reply;
pub mod server;
mod settings;
mod simple;
pub mod stream;
mod transaction;
mod utility;
mod worker;

pub use error::Failure;
pub use server::{Backend, Counters, Server};
pub use settings::SERVER_VERSION;
pub use stream::{Socket, Stream};

use crate::database::Database;
use crate::schema::{Namespace, Schema};
use crate::sqlite::{self, Connection, Role};
use crate::statement::Plan;
use cancel::Reason;
use error::cancelled;
use held::Held;
use host::Shared;
use input::{Input, Message};
use portal::{Portal, Prepared};
use reply::{Reply, Status};
use server::State;
use settings::Effective;
use std::collections::HashMap;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use transaction::Block;
use worker::{Conversation, Rest};

/// What an authenticated client asked for.
pub struct Startup {
    /// The user's name.
    pub user: String,
    /// The file.
    pub database: Arc<Database>,
    /// The user may not write.
    pub read_only: bool,
    /// The other parameters of the start-up packet: settings, by name.
    pub settings: Vec<(String, String)>,
    /// Bytes received after the start-up packets.
    pub input: Vec<u8>,
    /// The minor version of protocol 3 that was agreed on.
    pub protocol_minor: u32,
    /// The client's address, for `pg_stat_activity`.
    pub peer: Option<std::net::SocketAddr>,
}

/// Output is sent when it is this long, in bytes.
const OUTPUT_MAX: usize = 64 * 1024;

/// A session that idles this long gives its SQLite connection and its buffers back; the connection
/// at once where there are many.
const IDLE_KEEPS: Duration = Duration::from_millis(500);

/// Begins a session, which the server's threads carry on until the client leaves.
pub fn begin(server: &Arc<Server>, mut stream: Stream, startup: Startup) {
    let backend = match server.join(&startup, stream.socket()) {
        Ok(backend) => backend,
        Err(failure) => return refuse(&mut stream, &failure),
    };
    let socket = Arc::clone(stream.socket());
    let session = Session::new(server, &backend, stream, startup);
    if let Err(error) = backend.seat().begin(socket, Box::new(Parked(session))) {
        tracing::error!(%error, "begin a session");
    }
}

/// A session between two turns, on its way from one thread to another.
struct Parked(Session);

// SAFETY: what keeps a session from being `Send` is the `Rc` of its connection and of the statements
// prepared on it. All clones of it are in the session itself (a connection comes alone from the
// pool, and goes back only if nothing else has it), so they move together, and a turn has the
// session for itself. SQLite lets a connection move between threads that use it one at a time
// (https://www.sqlite.org/threadsafe.html).
unsafe impl Send for Parked {}

impl Conversation for Parked {
    fn turn(&mut self) -> Rest {
        self.0.turn()
    }
}

/// A client's place at the server, given up whatever ends the session.
struct Place {
    server: Arc<Server>,
    backend: Arc<Backend>,
}

impl Drop for Place {
    fn drop(&mut self) {
        sqlite::function::release_all(self.backend.database.name(), self.backend.pid);
        self.server.leave(&self.backend);
    }
}

/// Sends an error to a client that gets no session.
fn refuse(stream: &mut Stream, failure: &Failure) {
    let mut reply = Reply::default();
    reply.error(failure);
    // A client that is gone needs no explanation.
    drop(stream.write_all(reply.as_bytes()).and_then(|()| stream.flush()));
}

/// A client's session.
pub struct Session {
    server: Arc<Server>,
    backend: Arc<Backend>,
    shared: Arc<Shared>,
    stream: Stream,
    input: Input,
    reply: Reply,
    /// Writing to the client failed: nothing more is sent.
    broken: bool,
    greeted: bool,
    /// Since when the client has said nothing.
    idle_since: Instant,
    /// What an idle session can do without was given back.
    lean: bool,
    /// After an error in the extended protocol: messages are skipped until Sync.
    skipping: bool,
    read_only: bool,
    /// Held while the session is busy, in a transaction, or has temporary tables.
    connection: Option<Connection>,
    temp: Option<Arc<Schema>>,
    effective: Effective,
    /// Settings as the client asked for them at start-up.
    startup_settings: Vec<(String, String)>,
    /// Settings as the client knows them.
    reported: HashMap<&'static str, String>,
    block: Block,
    /// The end of the output waits for something.
    held: Option<Held>,
    prepared: HashMap<String, Arc<Prepared>>,
    portals: HashMap<String, Portal>,
    // Last: the place is free when nothing is left of the session.
    _place: Place,
}

/// Why a session ends.
enum End {
    /// The client said so or is gone.
    Client,
    /// With a last word to the client.
    Fatal(Failure),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Client
    }
}

impl Session {
    fn new(
        server: &Arc<Server>,
        backend: &Arc<Backend>,
        stream: Stream,
        mut startup: Startup,
    ) -> Self {
        let read_only = startup.read_only || startup.database.is_read_only();
        let settings = greet::settings(&startup);
        let shared = Shared::new(server, backend, settings);
        let effective = shared.effective(read_only);
        Self {
            server: Arc::clone(server),
            backend: Arc::clone(backend),
            shared,
            stream,
            input: Input::with(std::mem::take(&mut startup.input)),
            reply: Reply::default(),
            broken: false,
            greeted: false,
            idle_since: Instant::now(),
            lean: false,
            skipping: false,
            read_only,
            connection: None,
            temp: None,
            effective,
            startup_settings: std::mem::take(&mut startup.settings),
            reported: HashMap::new(),
            block: Block::default(),
            held: None,
            prepared: HashMap::new(),
            portals: HashMap::new(),
            _place: Place { server: Arc::clone(server), backend: Arc::clone(backend) },
        }
    }

    /// Answers what the client has said, or sees to what is due when it has said nothing.
    fn turn(&mut self) -> Rest {
        let attended = catch_unwind(AssertUnwindSafe(|| self.attend()));
        let attended = attended.unwrap_or_else(|_| {
            // The program's hook has logged it. The last message may be half written.
            self.reply.sent();
            self.held = None;
            Err(End::Fatal(Failure::fatal("XX000", "internal error: the session ends")))
        });
        match attended {
            Ok(()) => self.rest(),
            Err(end) => {
                self.end(end);
                Rest::Ended
            }
        }
    }

    fn rest(&mut self) -> Rest {
        let Some(held) = &self.held else {
            return Rest::Parked(self.patience().map(|patience| self.idle_since + patience));
        };
        let rest = if held.is_new() { Rest::Again } else { Rest::Parked(held.until()) };
        self.leave_held();
        rest
    }

    fn attend(&mut self) -> Result<(), End> {
        if !self.greeted {
            self.greet()?;
            self.greeted = true;
        }
        if !self.attend_held()? {
            self.attend_client()?;
        }
        if self.backend.is_listening() { Ok(self.deliver_mail()?) } else { Ok(()) }
    }

    /// Sees to what is held back; true if there was something, and the turn was for that.
    fn attend_held(&mut self) -> io::Result<bool> {
        let Some(held) = &self.held else { return Ok(false) };
        let was_again = held.is_new();
        self.answer_held()?;
        self.idle_since = Instant::now();
        // Who waited for the answer has hardly spoken; if he has, there will be another turn.
        Ok(was_again || self.held.is_none())
    }

    fn attend_client(&mut self) -> Result<(), End> {
        self.stream.expect_input();
        if self.converse()? {
            self.idle_since = Instant::now();
            self.lean = false;
            if self.database().is_crowded() && self.may_release() {
                self.release_connection();
            }
        } else {
            self.idle(self.idle_since.elapsed())?;
        }
        Ok(())
    }

    fn end(&mut self, end: End) {
        self.rollback();
        self.portals.clear();
        self.release_connection();
        // It is not waited for a client that does not read its last word, nor for a store.
        self.backend.cancel.raise(Reason::Terminate);
        if let End::Fatal(failure) = end {
            self.reply.error(&failure);
            drop(self.flush());
        } else if let Err(failure) = self.wait_until_durable() {
            tracing::debug!(%failure, "a client left before its commit was durable");
        }
    }

    /// Handles the messages that have come; false if there were none.
    fn converse(&mut self) -> Result<bool, End> {
        let mut spoke = false;
        loop {
            match self.input.take() {
                Ok(Some(message)) => {
                    spoke = true;
                    self.handle(message)?;
                }
                Ok(None) if self.receive()? => {}
                Ok(None) => return Ok(spoke),
                Err(failure) => return Err(End::Fatal(failure)),
            }
        }
    }

    /// Reads what has come; false if nothing has.
    fn receive(&mut self) -> Result<bool, End> {
        if self.stream.is_drained() {
            return Ok(false);
        }
        match self.input.fill(&mut self.stream) {
            Ok(0) => Err(self.input_ended()),
            Ok(_) => Ok(true),
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => Ok(true),
                io::ErrorKind::WouldBlock => Ok(false),
                _ => Err(End::Client),
            },
        }
    }

    /// How long the client may say nothing before [`Self::idle`] has something to do.
    fn patience(&self) -> Option<Duration> {
        let keeps = (!self.lean).then_some(IDLE_KEEPS);
        [self.idle_limit(), keeps].into_iter().flatten().min()
    }

    fn idle_limit(&self) -> Option<Duration> {
        if self.block.is_block() {
            self.effective.idle_in_transaction_timeout
        } else {
            self.effective.idle_timeout
        }
    }

    /// Nothing of the session depends on the connection it holds.
    fn may_release(&self) -> bool {
        let needed = self.block.is_transaction() || self.temp.is_some() || !self.portals.is_empty();
        self.connection.is_some() && !needed
    }

    /// The client said nothing for so long.
    fn idle(&mut self, waited: Duration) -> Result<(), End> {
        if self.idle_limit().is_some_and(|limit| waited >= limit) {
            return Err(End::Fatal(if self.block.is_block() {
                let message = "terminating connection due to idle-in-transaction timeout";
                Failure::fatal("25P03", message)
            } else {
                Failure::fatal("57P05", "terminating connection due to idle-session timeout")
            }));
        }
        if waited >= IDLE_KEEPS {
            if self.may_release() {
                self.release_connection();
            }
            self.input.release();
            self.reply.release();
            self.lean = true;
        }
        Ok(())
    }

    fn input_ended(&self) -> End {
        match self.backend.cancel.reason() {
            Some(Reason::Terminate) if self.server.is_stopping() || !self.broken => {
                End::Fatal(cancelled(Reason::Terminate))
            }
            _ => End::Client,
        }
    }

    /// Sends the notifications that came, unless a transaction is open.
    fn deliver_mail(&mut self) -> io::Result<()> {
        if self.block.is_block() {
            return Ok(());
        }
        let mail = self.backend.take_mail();
        if mail.is_empty() {
            return Ok(());
        }
        for message in mail {
            self.reply.notification(message.pid, &message.channel, &message.payload);
        }
        self.answer()
    }

    fn handle(&mut self, message: Message) -> Result<(), End> {
        match message.tag {
            b'X' => return Err(End::Client),
            b'S' => return self.sync(),
            _ if self.skipping => return Ok(()),
            _ => {}
        }
        let handled = match message.tag {
            b'Q' => return self.simple_query(message),
            b'P' => self.parse_message(message),
            b'B' => self.bind_message(message),
            b'D' => self.describe_message(message),
            b'E' => self.execute_message(message),
            b'C' => self.close_message(message),
            b'H' => {
                self.answer()?;
                Ok(())
            }
            b'F' => Err(Failure::new("0A000", "function calls are not supported")
                .hint("Call the function in a SELECT.")),
            // Left over from a COPY that failed: ignored, as the protocol asks.
            // Whoever sent them waits for the error, which may not have left yet.
            b'd' | b'c' | b'f' => {
                if self.input.peek().is_none() {
                    self.answer()?;
                }
                Ok(())
            }
            _ => Err(Failure::protocol("unexpected message type")),
        };
        match handled {
            Ok(()) => Ok(()),
            Err(failure) if failure.is_fatal() => Err(End::Fatal(failure)),
            Err(failure) => {
                self.fail(&failure);
                if message.tag == b'F' {
                    return self.ready();
                }
                self.skipping = true;
                // A client may wait for the error before it says Sync.
                if self.input.peek() != Some(b'S') {
                    self.answer()?;
                }
                Ok(())
            }
        }
    }

    /// Tells the client of an error; its transaction has failed.
    fn fail(&mut self, failure: &Failure) {
        self.backend.counters.failures.count();
        if failure.sqlstate == "57014" {
            self.backend.counters.cancellations.count();
        }
        self.backend.cancel.end();
        self.statement_failed();
        self.reply.error(failure);
    }

    /// Sync: the end of a series of messages.
    fn sync(&mut self) -> Result<(), End> {
        self.skipping = false;
        if let Err(failure) = self.end_pipeline() {
            if failure.is_fatal() {
                return Err(End::Fatal(failure));
            }
            self.fail(&failure);
        }
        if !self.block.is_block() && !self.portals.is_empty() {
            self.portals.retain(|_, portal| portal.held);
        }
        self.ready()
    }

    /// ReadyForQuery, sent at once unless the client has sent more already.
    fn ready(&mut self) -> Result<(), End> {
        if self.backend.cancel.reason() == Some(Reason::Terminate) {
            return Err(End::Fatal(cancelled(Reason::Terminate)));
        }
        if self.shared.take_changed() {
            self.settings_changed();
        }
        if !self.block.is_block() && self.backend.is_listening() {
            self.deliver_mail()?;
        }
        self.backend.set_state(self.state());
        self.reply.ready_for_query(self.block.status);
        if self.input.peek().is_none() || self.reply.len() >= OUTPUT_MAX {
            self.answer()?;
        }
        Ok(())
    }

    /// What the client may do next.
    fn state(&self) -> State {
        match self.block.status {
            Status::Idle => State::Idle,
            Status::InBlock => State::IdleInTransaction,
            Status::Failed => State::IdleInFailedTransaction,
        }
    }

    /// Sends what was gathered, when it may be told.
    fn flush(&mut self) -> io::Result<()> {
        if let Err(failure) = self.wait_until_durable() {
            return self.take_back(&failure);
        }
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let cancel = &self.backend.cancel;
        let given_up = || cancel.reason() == Some(Reason::Terminate);
        let sent = self.stream.send(self.reply.as_bytes(), given_up);
        self.reply.sent();
        self.broken = sent.is_err();
        sent
    }

    /// Sends what was gathered when it has become much.
    fn flush_if_full(&mut self) -> Result<(), Failure> {
        if self.reply.len() >= OUTPUT_MAX && self.flush().is_err() {
            return Err(Failure::fatal("08006", "connection to client lost"));
        }
        Ok(())
    }

    fn database(&self) -> &Arc<Database> {
        &self.backend.database
    }

    /// The session's connection, taken from the pool if it has none.
    fn connection(&mut self) -> Result<Connection, Failure> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let connection = self.database().take().map_err(|error| self.failure(error))?;
        let role = if self.read_only { Role::Reader } else { Role::Writer };
        connection.set_role(role).map_err(|error| self.failure(error))?;
        connection.patience().set_limit(self.effective.lock_timeout);
        let stop = Arc::clone(connection.patience().stop_flag());
        self.backend.cancel.set_connection(Some((connection.interrupt_handle(), stop)));
        connection.slot().set(Some(Arc::clone(&self.shared) as Arc<dyn sqlite::Host>));
        self.connection = Some(connection.clone());
        Ok(connection)
    }

    fn release_connection(&mut self) {
        self.backend.cancel.set_connection(None);
        if let Some(connection) = self.connection.take() {
            self.backend.database.give_back(connection);
        }
    }

    fn drop_connection(&mut self) {
        self.backend.cancel.set_connection(None);
        if let Some(connection) = self.connection.take() {
            self.backend.database.discard(connection);
        }
        self.temp = None;
    }

    /// The schema snapshot to plan with.
    fn schema(&mut self) -> Result<Arc<Schema>, Failure> {
        let connection = self.connection()?;
        let schema = self.database().schema(&connection).map_err(|error| self.failure(error))?;
        self.shared.set_schema(&schema, self.temp.as_ref());
        Ok(schema)
    }

    /// Looks at the temporary tables again, after a statement that may have changed them.
    fn reload_temp(&mut self) -> Result<(), Failure> {
        let connection = self.connection()?;
        let loaded = crate::schema::load(&mut &connection, Namespace::Temp);
        let temp = loaded.map_err(|error| self.failure(error))?;
        self.temp = (!temp.relations.is_empty()).then(|| Arc::new(temp));
        Ok(())
    }

    /// A plan's failure as the client is told of it.
    fn failure_of(&self, error: sqlite::Error, plan: &Plan) -> Failure {
        let mut failure = self.failure(error);
        if failure.sqlstate == "23503" {
            error::name_foreign_key(&mut failure, plan, &self.database().last_schema());
        }
        failure
    }

    /// A failure as the client is told of it.
    fn failure(&self, error: sqlite::Error) -> Failure {
        if (error.is_interrupt() || error.is_busy() || error::is_cancellation(&error))
            && let Some(reason) = self.backend.cancel.reason()
        {
            return cancelled(reason);
        }
        error::from_sqlite_in(&error, &self.database().last_schema())
    }
}
