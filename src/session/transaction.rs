//! Transactions: the block a client sees, and the SQLite transaction behind it.
//!
//! A READ COMMITTED block (the default) begins its SQLite transaction with its first write: until
//! then each query reads the latest commit, which is what READ COMMITTED means, and a later write
//! can never find its snapshot outdated. REPEATABLE READ and SERIALIZABLE begin at once.
//! <https://www.postgresql.org/docs/15/transaction-iso.html>

use super::Session;
use super::cancel::Reason;
use super::error::{Failure, Notice, cancelled, from_sqlite};
use super::held::this_thread;
use super::reply::Status;
use super::server::{Message, now_us};
use crate::database::{Left, Turn};
use crate::sqlite::{self, Connection};
use crate::statement::{Access, Isolation, Modes, Transaction};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The transaction block of a session.
#[derive(Debug)]
pub(super) struct Block {
    /// What ReadyForQuery tells.
    pub status: Status,
    /// Several statements of one message or pipeline run as one transaction, without a block.
    pub implicit: bool,
    /// A SQLite transaction is open.
    open: bool,
    /// The turn to write, kept until the transaction ends.
    turn: Option<Turn>,
    /// Something was written.
    wrote: bool,
    /// SQLite undid the whole transaction by itself: there is no savepoint to go back to.
    lost: bool,
    modes: Modes,
    savepoints: Vec<Savepoint>,
}

#[derive(Debug)]
struct Savepoint {
    name: String,
    settings: usize,
}

impl Default for Block {
    fn default() -> Self {
        Self {
            status: Status::Idle,
            implicit: false,
            open: false,
            turn: None,
            wrote: false,
            lost: false,
            modes: Modes::default(),
            savepoints: Vec::new(),
        }
    }
}

impl Block {
    /// In a transaction block, failed or not.
    #[must_use]
    pub(super) fn is_block(&self) -> bool {
        self.status != Status::Idle
    }

    /// Statements belong to a transaction longer than themselves.
    #[must_use]
    pub(super) fn is_transaction(&self) -> bool {
        self.is_block() || self.implicit
    }

    /// SQLite has a transaction open for it.
    #[must_use]
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// `transaction_isolation`
    #[must_use]
    pub(super) fn isolation(&self) -> Isolation {
        self.modes.isolation.unwrap_or(Isolation::ReadCommitted)
    }

    fn reads_one_snapshot(&self) -> bool {
        matches!(self.isolation(), Isolation::RepeatableRead | Isolation::Serializable)
    }
}

impl Session {
    /// BEGIN, COMMIT and the like: the command tag.
    pub(super) fn control(&mut self, control: &Transaction) -> Result<&'static str, Failure> {
        match control {
            Transaction::Begin { start, modes } => {
                self.begin_block(*modes)?;
                Ok(if *start { "START TRANSACTION" } else { "BEGIN" })
            }
            Transaction::Commit { chain } => self.end_block(true, *chain),
            Transaction::Rollback { chain } => self.end_block(false, *chain),
            Transaction::Savepoint(name) => self.savepoint(name),
            Transaction::Release(name) => self.release(name),
            Transaction::RollbackTo(name) => self.rollback_to(name),
        }
    }

    fn begin_block(&mut self, modes: Modes) -> Result<(), Failure> {
        if self.block.status == Status::Failed {
            return Err(Failure::in_failed_transaction());
        }
        if self.block.status == Status::InBlock {
            let notice = Notice::warning("25001", "there is already a transaction in progress");
            self.reply.notice(&notice);
            return Ok(());
        }
        self.block.status = Status::InBlock;
        self.block.modes = self.default_modes();
        self.set_modes(modes);
        self.shared.set_in_transaction(true);
        self.start_clock();
        Ok(())
    }

    fn default_modes(&self) -> Modes {
        let settings = self.shared.read_settings();
        let isolation = match settings.value("default_transaction_isolation").as_deref() {
            Some("repeatable read") => Isolation::RepeatableRead,
            Some("serializable") => Isolation::Serializable,
            _ => Isolation::ReadCommitted,
        };
        let read_only = settings.value("default_transaction_read_only").as_deref() == Some("on");
        Modes { isolation: Some(isolation), read_only: Some(read_only), deferrable: None }
    }

    /// SET TRANSACTION
    pub(super) fn set_modes(&mut self, modes: Modes) {
        let own = &mut self.block.modes;
        own.isolation = modes.isolation.or(own.isolation);
        own.read_only = modes.read_only.or(own.read_only);
        own.deferrable = modes.deferrable.or(own.deferrable);
        let isolation = match self.block.isolation() {
            Isolation::ReadUncommitted => "read uncommitted",
            Isolation::ReadCommitted => "read committed",
            Isolation::RepeatableRead => "repeatable read",
            Isolation::Serializable => "serializable",
        };
        let read_only = if self.block.modes.read_only == Some(true) { "on" } else { "off" };
        let mut settings = self.shared.settings();
        for (name, value) in
            [("transaction_isolation", isolation), ("transaction_read_only", read_only)]
        {
            // Both are known settings with values from their own lists.
            drop(settings.set(name, Some(value), true, true));
        }
    }

    fn end_block(&mut self, commit: bool, chain: bool) -> Result<&'static str, Failure> {
        if !self.block.is_block() {
            if chain {
                return Err(Failure::new(
                    "25P01",
                    "COMMIT AND CHAIN can only be used in transaction blocks",
                ));
            }
            let notice = Notice::warning("25P01", "there is no transaction in progress");
            self.reply.notice(&notice);
        }
        let modes = self.block.modes;
        let committed = commit && self.block.status != Status::Failed;
        if committed {
            self.commit()?;
        } else {
            self.rollback();
        }
        if chain {
            self.begin_block(modes)?;
        }
        Ok(if committed { "COMMIT" } else { "ROLLBACK" })
    }

    /// Ends the transaction, explicit or implicit, and keeps what it did.
    pub(super) fn commit(&mut self) -> Result<(), Failure> {
        if let Err(failure) = self.hold_cursors() {
            self.rollback();
            return Err(failure);
        }
        self.portals.retain(|_, portal| portal.held);
        if self.block.open
            && let Err(error) = self.connection()?.execute("COMMIT")
        {
            let failure = self.failure(error);
            self.rollback();
            return Err(failure);
        }
        self.transaction_over()
    }

    /// Ends the transaction and undoes what it did.
    pub(super) fn rollback(&mut self) {
        self.portals.retain(|_, portal| portal.held && !portal.new_in_transaction);
        self.rollback_sqlite();
        self.forget_transaction(false);
    }

    /// Undoes what SQLite did and lets other writers in; the block goes on as failed.
    fn rollback_sqlite(&mut self) {
        if let Some(connection) = &self.connection
            && !connection.is_autocommit()
            && let Err(error) = connection.as_system(|c| c.execute("ROLLBACK"))
        {
            // Whatever state it is in, nobody shall go on with it.
            tracing::error!(%error, "roll back: the connection is given up");
            self.drop_connection();
        }
        self.block.open = false;
        self.block.wrote = false;
        self.block.turn = None;
    }

    fn transaction_over(&mut self) -> Result<(), Failure> {
        let wrote = self.leave_turn();
        self.forget_transaction(true);
        self.after_commit(wrote)
    }

    /// What was written is committed: lets other writers in; true if there was something. It is told of
    /// before, so that nobody takes it for what another process wrote.
    fn leave_turn(&mut self) -> bool {
        let wrote = std::mem::take(&mut self.block.wrote);
        if wrote {
            self.database().committed();
        }
        self.block.turn = None;
        wrote
    }

    fn forget_transaction(&mut self, committed: bool) {
        self.block = Block::default();
        self.shared.set_in_transaction(false);
        self.shared.end_transaction(committed);
        self.backend.set_transaction_start_us(0);
        for portal in self.portals.values_mut() {
            portal.new_in_transaction = false;
        }
        sqlite::function::release_transaction(self.backend.database.name(), self.backend.pid);
        if !committed {
            drop(self.shared.take_notifications());
        }
    }

    /// What was committed is visible: its client is told when it is as durable as was asked for, and
    /// so are those who listen.
    fn after_commit(&mut self, wrote: bool) -> Result<(), Failure> {
        if wrote {
            self.hold_answer()?;
        }
        let notifications = self.shared.take_notifications();
        if !notifications.is_empty() {
            self.wait_until_durable()?;
        }
        for (channel, payload) in notifications {
            let message = Arc::new(Message { pid: self.backend.pid, channel, payload });
            self.server.notify(&self.backend.database, &message);
        }
        Ok(())
    }

    fn savepoint(&mut self, name: &str) -> Result<&'static str, Failure> {
        self.require_block("SAVEPOINT")?;
        if self.block.status == Status::Failed {
            return Err(Failure::in_failed_transaction());
        }
        if self.block.open {
            self.run_own(&format!("SAVEPOINT {}", quoted(name)))?;
        }
        let settings = self.shared.read_settings().mark();
        self.block.savepoints.push(Savepoint { name: name.to_owned(), settings });
        Ok("SAVEPOINT")
    }

    fn release(&mut self, name: &str) -> Result<&'static str, Failure> {
        self.require_block("RELEASE SAVEPOINT")?;
        if self.block.status == Status::Failed {
            return Err(Failure::in_failed_transaction());
        }
        let at = self.find_savepoint(name)?;
        if self.block.open {
            self.run_own(&format!("RELEASE {}", quoted(name)))?;
        }
        self.block.savepoints.truncate(at);
        Ok("RELEASE")
    }

    fn rollback_to(&mut self, name: &str) -> Result<&'static str, Failure> {
        self.require_block("ROLLBACK TO SAVEPOINT")?;
        let at = self.find_savepoint(name)?;
        if self.block.lost {
            return Err(Failure::new("40000", "the whole transaction was rolled back").detail(
                "A statement that changes the file was stopped: SQLite undoes all of its transaction.",
            ));
        }
        if self.block.open {
            self.portals.retain(|_, portal| portal.held);
            self.run_own(&format!("ROLLBACK TO {}", quoted(name)))?;
        }
        let settings = self.block.savepoints[at].settings;
        self.block.savepoints.truncate(at + 1);
        self.shared.settings().undo_to(settings);
        self.block.status = Status::InBlock;
        Ok("ROLLBACK")
    }

    fn find_savepoint(&self, name: &str) -> Result<usize, Failure> {
        let found = self.block.savepoints.iter().rposition(|savepoint| savepoint.name == name);
        found.ok_or_else(|| Failure::new("3B001", format!("savepoint \"{name}\" does not exist")))
    }

    fn require_block(&self, what: &str) -> Result<(), Failure> {
        if self.block.is_block() {
            return Ok(());
        }
        Err(Failure::new("25P01", format!("{what} can only be used in transaction blocks")))
    }

    /// Makes the transaction ready for a statement that does this to the file.
    pub(super) fn prepare_for(&mut self, access: Access, what: &str) -> Result<(), Failure> {
        match access {
            Access::Read => self.require_sound()?,
            Access::Write | Access::Schema => self.require_write(what)?,
        }
        if !self.block.is_transaction() {
            self.start_clock();
        }
        if !self.block.open {
            self.leave_moved_file(access)?;
        }
        if access == Access::Read {
            if self.block.is_transaction() && self.block.reads_one_snapshot() && !self.block.open {
                self.open("BEGIN")?;
            }
            return Ok(());
        }
        self.take_turn()?;
        self.database().log_sync().check().map_err(|_told| Failure::not_durable())?;
        self.block.wrote = true;
        if self.block.is_transaction() && !self.block.open {
            self.open("BEGIN IMMEDIATE")?;
        } else if !self.block.open {
            let synchronous = self.effective.synchronous;
            let set = self.connection()?.set_synchronous(synchronous);
            set.map_err(|error| self.failure(error))?;
        }
        Ok(())
    }

    /// A file that was replaced or removed is no longer the database: it is not read for long, and
    /// never written. The session goes on with the file that is there now, unless it has left
    /// something in the old one.
    fn leave_moved_file(&mut self, access: Access) -> Result<(), Failure> {
        let moved = self.connection.as_ref().is_some_and(|connection| match access {
            Access::Read => connection.has_moved_meanwhile(),
            Access::Write | Access::Schema => connection.has_moved(),
        });
        if moved && (self.temp.is_some() || !self.portals.is_empty()) {
            return Err(Failure::database_replaced());
        }
        if moved {
            self.release_connection();
        }
        Ok(())
    }

    fn require_sound(&self) -> Result<(), Failure> {
        match self.block.status {
            Status::Failed => Err(Failure::in_failed_transaction()),
            Status::Idle | Status::InBlock => Ok(()),
        }
    }

    /// The transaction can go on, and may write.
    pub(super) fn require_write(&self, what: &str) -> Result<(), Failure> {
        self.require_sound()?;
        let follower = self.database().is_follower();
        let read_only = self.read_only
            || self.block.modes.read_only == Some(true)
            || (!self.block.is_block() && self.default_modes().read_only == Some(true));
        if follower {
            return Err(Failure::new("25006", format!("cannot execute {what} during recovery"))
                .hint("This is a read-only replica: write to the primary."));
        }
        if read_only {
            let message = format!("cannot execute {what} in a read-only transaction");
            return Err(Failure::new("25006", message));
        }
        Ok(())
    }

    fn take_turn(&mut self) -> Result<(), Failure> {
        if self.block.turn.is_none() {
            let turn = match self.database().gate().try_enter() {
                Some(turn) => turn,
                None => self.wait_for_turn()?,
            };
            self.block.turn = Some(turn);
        }
        Ok(())
    }

    fn wait_for_turn(&self) -> Result<Turn, Failure> {
        let deadline = self.lock_patience().map(|timeout| Instant::now() + timeout);
        let cancel = &self.backend.cancel;
        cancel.wakes(this_thread());
        let step_aside = || self.backend.seat().step_aside();
        let is_cancelled = || cancel.reason().is_some();
        let turn = self.database().gate().enter(deadline, is_cancelled, step_aside);
        turn.map_err(|left| match left {
            Left::Cancelled => cancelled(cancel.reason().unwrap_or(Reason::User)),
            Left::TimedOut => self.not_locked(),
        })
    }

    /// How long to wait for the right to write. Whoever has it may in turn wait for this session's
    /// cursors, if the file is not in WAL mode: that is not waited for, as PostgreSQL does not.
    fn lock_patience(&self) -> Option<Duration> {
        const DEADLOCK_TIMEOUT: Duration = Duration::from_secs(1);
        match self.effective.lock_timeout {
            None if self.may_deadlock() => Some(DEADLOCK_TIMEOUT),
            Some(timeout) if self.may_deadlock() => Some(timeout.min(DEADLOCK_TIMEOUT)),
            timeout => timeout,
        }
    }

    fn may_deadlock(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::keeps_writers_out)
    }

    /// [`Self::lock_patience`] is over.
    fn not_locked(&self) -> Failure {
        let is_shorter = self.lock_patience() != self.effective.lock_timeout;
        if is_shorter { Failure::deadlock() } else { lock_timeout() }
    }

    fn open(&mut self, begin: &str) -> Result<(), Failure> {
        let synchronous = self.effective.synchronous;
        let savepoints: Vec<String> =
            self.block.savepoints.iter().map(|savepoint| quoted(&savepoint.name)).collect();
        let connection = self.connection()?;
        connection.patience().set_limit(self.lock_patience());
        let opened = connection.set_synchronous(synchronous).and_then(|()| {
            connection.begin(begin)?;
            savepoints.iter().try_for_each(|name| connection.execute(&format!("SAVEPOINT {name}")))
        });
        connection.patience().set_limit(self.effective.lock_timeout);
        opened.map_err(|error| match self.failure(error) {
            failure if failure.sqlstate == "55P03" => self.not_locked(),
            failure => failure,
        })?;
        self.block.open = true;
        Ok(())
    }

    /// A statement is over that was not part of a longer transaction.
    pub(super) fn statement_over(&mut self) -> Result<(), Failure> {
        if self.block.is_transaction() {
            return Ok(());
        }
        let wrote = self.leave_turn();
        self.shared.end_transaction(true);
        sqlite::function::release_transaction(self.backend.database.name(), self.backend.pid);
        self.after_commit(wrote)
    }

    /// A statement failed: so did the transaction it belongs to.
    pub(super) fn statement_failed(&mut self) {
        if self.block.is_block() {
            self.block.status = Status::Failed;
            let gone = self.connection.as_ref().is_none_or(Connection::is_autocommit);
            self.block.lost |= gone && self.block.open;
            if self.block.savepoints.is_empty() || gone {
                self.portals.retain(|_, portal| portal.held);
                self.rollback_sqlite();
            }
        } else {
            self.rollback();
        }
    }

    /// Begins an implicit transaction: several statements that succeed or fail together.
    pub(super) fn begin_implicit(&mut self) {
        if !self.block.is_transaction() {
            self.block.implicit = true;
            self.shared.set_in_transaction(true);
            self.start_clock();
        }
    }

    /// Ends the implicit transaction, if there is one, which may be stopped.
    pub(super) fn end_pipeline(&mut self) -> Result<(), Failure> {
        if !self.block.implicit {
            return Ok(());
        }
        let timer = self.begin_statement();
        let ended = self.end_implicit();
        self.end_statement(timer);
        ended
    }

    /// Ends the implicit transaction, if there is one.
    pub(super) fn end_implicit(&mut self) -> Result<(), Failure> {
        if self.block.implicit && !self.block.is_block() {
            return self.commit();
        }
        Ok(())
    }

    fn start_clock(&mut self) {
        let now = now_us();
        self.shared.set_transaction_start(now);
        self.backend.set_transaction_start_us(now);
    }

    fn run_own(&mut self, sql: &str) -> Result<(), Failure> {
        let run = self.connection()?.as_system(|connection| connection.execute(sql));
        run.map_err(|error| from_sqlite(&error))
    }
}

/// `lock_timeout` passed.
pub(super) fn lock_timeout() -> Failure {
    Failure::new("55P03", "canceling statement due to lock timeout")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
