//! Running statements: a translated plan and its parameters in, DataRows out.

use super::error::{Failure, cancelled, from_statement, from_types};
use super::explain;
use super::portal::{self, Portal, Prepared, Progress, Rows, Running};
use super::reply::Field;
use super::settings::Effective;
use super::{End, Session};
use crate::catalog;
use crate::schema::{self, Schema};
use crate::session::cancel::Timer;
use crate::sqlite::{self, Connection, Host, Step};
use crate::statement::{self, Access, Bound, Env, OutputColumn, Plan, Statement, Verb};
use crate::types::{Codec, ColumnType, Format, Type, Value};
use std::sync::Arc;
use std::time::Instant;

/// How a run of a portal ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Over, with this command tag.
    Complete(Tag),
    /// The row limit was reached and there may be more.
    Suspended,
    /// There was nothing to run.
    Empty,
}

/// A command tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// As it stands.
    Plain(String),
    /// A word and a number of rows.
    Rows(&'static str, u64),
}

impl Tag {
    fn of(verb: Verb, rows: u64) -> Self {
        match verb {
            Verb::Select | Verb::Pragma => Self::Rows("SELECT", rows),
            Verb::Insert => Self::Rows("INSERT 0", rows),
            Verb::Update => Self::Rows("UPDATE", rows),
            Verb::Delete => Self::Rows("DELETE", rows),
            Verb::Explain => Self::Plain("EXPLAIN".to_owned()),
        }
    }
}

impl Tag {
    /// A portal that returns rows was run to its end and is run again.
    fn nothing_left(statement: &Statement) -> Self {
        match statement {
            Statement::Query(plan) => Self::of(plan.verb, 0),
            Statement::Setting(_) => Self::Plain("SHOW".to_owned()),
            Statement::Cursor(_) => Self::Rows("FETCH", 0),
            _ => Self::Rows("SELECT", 0),
        }
    }
}

/// The word for a statement in "cannot execute ...".
pub(super) fn verb_name(plan: &Plan) -> &'static str {
    match (plan.verb, plan.access) {
        (Verb::Select, Access::Write) => "SELECT FOR UPDATE",
        (Verb::Select, _) => "SELECT",
        (Verb::Insert, _) => "INSERT",
        (Verb::Update, _) => "UPDATE",
        (Verb::Delete, _) => "DELETE",
        (Verb::Explain, _) => "EXPLAIN",
        (Verb::Pragma, _) => "PRAGMA",
    }
}

impl Session {
    /// Translates one statement, or finds its translation for the schema as it was last seen: that
    /// this is no longer the file's is found out when the statement is run.
    pub(super) fn translate(&mut self, text: &str, given: &[u32]) -> Result<Bound, Failure> {
        let last_seen = self.database().last_schema();
        let found = self.database().plans().find_translated(text, &self.env(&last_seen, given));
        if let Some(bound) = found.map_err(|error| from_statement(&error, text))?
            && notices_schema_changes(&bound.statement)
        {
            self.shared.set_schema(&last_seen, self.temp.as_ref());
            return Ok(bound);
        }
        let needs_schema = !statement::utility::is_complete(text);
        let schema = if needs_schema { self.schema()? } else { last_seen };
        let bound = self.database().plans().translate(text, &self.env(&schema, given));
        bound.map_err(|error| from_statement(&error, text))
    }

    fn env<'a>(&'a self, schema: &'a Schema, parameter_types: &'a [u32]) -> Env<'a> {
        let (temp, options) = (self.temp.as_deref(), &self.effective.options);
        Env { schema, temp, options, parameter_types }
    }

    /// A statement ready to be bound: translated, and its result described.
    pub(super) fn prepare(&mut self, text: Arc<str>, given: Vec<u32>) -> Result<Prepared, Failure> {
        let bound = self.translate(&text, &given)?;
        let columns = self.describe(&bound.statement)?;
        Ok(Prepared { text, bound, given_types: given, columns })
    }

    /// The result columns of a statement, or none if it returns no rows.
    fn describe(&mut self, statement: &Statement) -> Result<Option<Arc<[OutputColumn]>>, Failure> {
        match statement {
            Statement::Query(plan) => self.describe_plan(plan),
            Statement::Setting(setting) => Ok(super::utility::setting_columns(setting)),
            Statement::Cursor(cursor) => Ok(self.cursor_columns(cursor)),
            Statement::Prepared(prepared) => Ok(self.execute_columns(prepared)),
            Statement::Empty
            | Statement::Script(_)
            | Statement::Transaction(_)
            | Statement::Copy(_)
            | Statement::Notification(_)
            | Statement::Discard(_)
            | Statement::NoOp { .. } => Ok(None),
        }
    }

    /// The result columns of a plan; SQLite is asked where the translator left it to it.
    pub(super) fn describe_plan(
        &mut self,
        plan: &Plan,
    ) -> Result<Option<Arc<[OutputColumn]>>, Failure> {
        if plan.verb == Verb::Explain && plan.columns.is_none() {
            let column = portal::plain_column("QUERY PLAN", ColumnType::new(Type::TEXT));
            return Ok(Some(Arc::new([column])));
        }
        if let Some(columns) = &plan.columns {
            let returns_rows = plan.verb == Verb::Select || !columns.is_empty();
            return Ok(returns_rows.then(|| columns.as_slice().into()));
        }
        let statement = self.prepare_sqlite(plan)?;
        let count = statement.column_count();
        let computed = statement::column_types(&plan.sql, &*self.schema()?);
        let computed = computed.filter(|types| types.len() == count);
        let column = |i| {
            let declared = statement.column_declared_type(i);
            let ty = match (&declared, &computed) {
                (None, Some(types)) => sqlite_number(types[i]),
                _ => schema::column_type(declared.as_deref().unwrap_or_default()),
            };
            portal::plain_column(&statement.column_name(i), ty)
        };
        Ok((count > 0).then(|| (0..count).map(column).collect()))
    }

    pub(super) fn prepare_sqlite(&mut self, plan: &Plan) -> Result<sqlite::Statement, Failure> {
        let connection = self.connection()?;
        if !plan.catalog.is_empty() {
            let attached =
                connection.as_system(|connection| catalog::attach(connection, &plan.catalog));
            attached.map_err(|error| self.failure(error))?;
        }
        connection.prepare(&plan.sql).map_err(|error| self.failure(error))
    }

    /// The plan was made for another schema than the file's.
    pub(super) fn is_stale(&self, connection: &Connection, plan: &Plan) -> Result<bool, Failure> {
        let version = connection.schema_version().map_err(|error| self.failure(error))?;
        Ok(version != plan.schema_version)
    }

    /// RowDescription of these columns in these formats.
    pub(super) fn describe_rows(&mut self, columns: &[OutputColumn], formats: &[Format]) {
        let fields = columns.iter().enumerate().map(|(i, column)| Field {
            name: &column.name,
            table: column.table,
            attnum: column.attnum,
            ty: column.ty.ty.0,
            size: column.ty.ty.size(),
            typmod: column.ty.typmod,
            format: portal::format_of(formats, i),
        });
        self.reply.row_description(fields);
    }

    /// Begins to watch a statement: it may be cancelled and has its time limit.
    pub(super) fn begin_statement(&mut self) -> Option<Timer> {
        if self.shared.take_changed() {
            self.settings_changed();
        }
        self.shared.set_statement_start(super::server::now_us());
        self.backend.set_state(super::server::State::Active);
        self.backend.counters.statements.count();
        self.backend.cancel.begin();
        let limit = self.effective.statement_timeout;
        limit.map(|limit| Timer::set(Instant::now() + limit, &self.backend.cancel))
    }

    /// The statement is over, one way or the other.
    pub(super) fn end_statement(&mut self, timer: Option<Timer>) {
        drop(timer);
        self.backend.cancel.end();
    }

    /// Runs a portal to its end, or until it has sent so many rows.
    pub(super) fn run_portal(
        &mut self,
        portal: &mut Portal,
        rows_max: u64,
    ) -> Result<Ending, Failure> {
        let timer = self.begin_statement();
        let ran = self.run_statement(portal, rows_max);
        let ran = ran.and_then(|ending| self.statement_over().map(|()| ending));
        self.end_statement(timer);
        ran
    }

    pub(super) fn run_statement(
        &mut self,
        portal: &mut Portal,
        rows_max: u64,
    ) -> Result<Ending, Failure> {
        let statement = Arc::clone(&portal.prepared.bound.statement);
        if matches!(portal.progress, Progress::Done) {
            return portal.prepared.columns.as_ref().map_or_else(
                || Err(Failure::new("55000", "portal cannot be run anymore")),
                |_| Ok(Ending::Complete(Tag::nothing_left(&statement))),
            );
        }
        match (&*statement, &mut portal.progress) {
            (_, Progress::Rows(_)) => self.send_rows(portal, rows_max),
            (Statement::Query(plan), _) => self.run_query(plan, portal, rows_max),
            (other, _) => {
                portal.progress = Progress::Done;
                self.run_utility(other, portal, rows_max)
            }
        }
    }

    fn run_query(
        &mut self,
        plan: &Arc<Plan>,
        portal: &mut Portal,
        rows_max: u64,
    ) -> Result<Ending, Failure> {
        if matches!(portal.progress, Progress::Ready) {
            let started = self.start(plan, portal);
            self.describe_started(portal);
            portal.progress = Progress::Running(started?);
        }
        if plan.verb == Verb::Explain {
            return self.send_plan_tree(portal, rows_max);
        }
        let codecs = portal.codecs();
        let returns_rows = portal.prepared.columns.is_some();
        let Progress::Running(running) = &mut portal.progress else { return Ok(Ending::Empty) };
        let before = running.sent;
        let streamed = self.stream_rows(running, &codecs, rows_max);
        // A portal that goes on counts anew.
        let sent = running.sent - before;
        match streamed {
            Ok(false) => Ok(Ending::Suspended),
            Ok(true) => {
                portal.progress = Progress::Done;
                let counted = plan.verb != Verb::Select && plan.verb != Verb::Pragma;
                let counted = counted && !returns_rows;
                let rows = if counted { self.connection()?.changes() } else { sent };
                if plan.access == Access::Schema {
                    self.reload_temp()?;
                }
                self.note_number(plan)?;
                Ok(Ending::Complete(Tag::of(plan.verb, rows)))
            }
            Err(failure) => {
                portal.progress = Progress::Done;
                Err(failure)
            }
        }
    }

    /// The key that an INSERT left to SQLite is the next number of its sequence.
    fn note_number(&mut self, plan: &Plan) -> Result<(), Failure> {
        let Some(sequence) = plan.numbers else { return Ok(()) };
        let number = self.connection()?.last_rowid();
        if number != 0 {
            self.shared.numbers().into_iter().for_each(|numbers| numbers.give(sequence, number));
        }
        Ok(())
    }

    /// Tells the client the columns, if it has not been told: they may have changed while the query
    /// was begun.
    fn describe_started(&mut self, portal: &mut Portal) {
        if let (true, Some(columns)) = (portal.undescribed, &portal.prepared.columns) {
            self.describe_rows(columns, &portal.formats);
        }
        portal.undescribed = false;
    }

    /// Prepares, binds and steps once. A plan that turns out to be made for an older schema is made
    /// again, which the client notices only if its columns are others now.
    fn start(&mut self, plan: &Arc<Plan>, portal: &mut Portal) -> Result<Running, Failure> {
        const ATTEMPTS: usize = 5;
        let mut plan = Arc::clone(plan);
        for _ in 0..ATTEMPTS {
            self.prepare_for(plan.access, verb_name(&plan))?;
            let literals = &portal.prepared.bound.literals;
            match self.try_start(&plan, &portal.parameters, literals)? {
                Some(running) => return Ok(running),
                None => plan = self.plan_again(portal)?,
            }
        }
        Err(Failure::new("40001", "the schema keeps changing while the statement is planned"))
    }

    /// The plan's SQLite statement; none if the plan was made for another schema.
    pub(super) fn prepare_fresh(
        &mut self,
        plan: &Plan,
    ) -> Result<Option<sqlite::Statement>, Failure> {
        let connection = self.connection()?;
        match self.prepare_sqlite(plan) {
            Ok(statement) if statement.was_cached() => Ok(Some(statement)),
            _ if self.is_stale(&connection, plan)? => Ok(None),
            prepared => prepared.map(Some),
        }
    }

    pub(super) fn try_start(
        &mut self,
        plan: &Plan,
        parameters: &[Value],
        literals: &[Value],
    ) -> Result<Option<Running>, Failure> {
        let Some(mut statement) = self.prepare_fresh(plan)? else { return Ok(None) };
        let values = parameters.iter().chain(literals);
        statement.bind_all(values).map_err(|error| self.failure(error))?;
        if plan.numbers.is_some() {
            self.connection()?.forget_rowid();
        }
        let prepared_before = statement.reprepared();
        let step = statement.step().map_err(|error| self.failure_of(error, plan))?;
        // A write has happened by now, and did what its text says; a read can start over. A plan
        // may well be newer than the statement SQLite had prepared for the same text.
        let reprepared = statement.reprepared() != prepared_before;
        if plan.access == Access::Read && reprepared {
            let connection = self.connection()?;
            if self.is_stale(&connection, plan)? {
                return Ok(None);
            }
        }
        Ok(Some(Running { statement, row_waiting: step == Step::Row, sent: 0 }))
    }

    fn plan_again(&mut self, portal: &mut Portal) -> Result<Arc<Plan>, Failure> {
        // Looks at the file's schema, so that the translation is not found again.
        self.schema()?;
        let old = Arc::clone(&portal.prepared);
        let given = old.given_types.clone();
        let new = self.prepare(Arc::clone(&old.text), given)?;
        let same = || new.columns.as_deref().map(shapes) == old.columns.as_deref().map(shapes);
        if !portal.undescribed && !same() {
            return Err(Failure::stale_columns());
        }
        let Statement::Query(plan) = &*new.bound.statement else {
            return Err(Failure::stale_columns());
        };
        let plan = Arc::clone(plan);
        portal.prepared = Arc::new(new);
        Ok(plan)
    }

    /// Sends rows until the end (true) or the limit.
    fn stream_rows(
        &mut self,
        running: &mut Running,
        codecs: &[Codec],
        rows_max: u64,
    ) -> Result<bool, Failure> {
        let mut left = if rows_max == 0 { u64::MAX } else { rows_max };
        loop {
            if !running.row_waiting {
                return Ok(true);
            }
            if left == 0 {
                return Ok(false);
            }
            self.send_row(&running.statement, codecs)?;
            running.sent += 1;
            left -= 1;
            self.flush_if_full()?;
            if let Some(reason) = self.backend.cancel.reason() {
                return Err(cancelled(reason));
            }
            let step = running.statement.step().map_err(|error| self.failure(error))?;
            running.row_waiting = step == Step::Row;
        }
    }

    #[inline]
    pub(super) fn send_row(
        &mut self,
        statement: &sqlite::Statement,
        codecs: &[Codec],
    ) -> Result<(), Failure> {
        let start = self.reply.len();
        let at = self.reply.begin(b'D');
        self.reply.i16(codecs.len() as i16);
        for (i, codec) in codecs.iter().enumerate() {
            let value = statement.value(i);
            let style = &self.effective.style;
            if let Err(error) = codec.write_field(self.reply.bytes_mut(), value, style) {
                self.reply.truncate(start);
                return Err(from_types(&error));
            }
        }
        self.reply.end(at);
        Ok(())
    }

    /// Sends rows that were computed at once, as [`Self::stream_rows`].
    pub(super) fn send_rows(
        &mut self,
        portal: &mut Portal,
        rows_max: u64,
    ) -> Result<Ending, Failure> {
        let codecs = portal.codecs();
        let tag = rows_tag(&portal.prepared.bound.statement);
        let Progress::Rows(rows) = &mut portal.progress else { return Ok(Ending::Empty) };
        let start = rows.position.min(rows.rows.len());
        let left = rows.rows.len() - start;
        let sent = match rows_max {
            0 => left,
            max => usize::try_from(max).map_or(left, |max| left.min(max)),
        };
        let end = start + sent;
        for row in &rows.rows[start..end] {
            write_values(&mut self.reply, &codecs, row, &self.effective)?;
            if self.reply.len() >= super::OUTPUT_MAX && self.flush().is_err() {
                return Err(Failure::fatal("08006", "connection to client lost"));
            }
        }
        rows.position = end;
        if rows_max != 0 && sent as u64 == rows_max {
            return Ok(Ending::Suspended);
        }
        portal.progress = Progress::Done;
        Ok(Ending::Complete(match tag {
            Some(tag) => Tag::Plain(tag),
            None => Tag::Rows("SELECT", sent as u64),
        }))
    }

    fn send_plan_tree(&mut self, portal: &mut Portal, rows_max: u64) -> Result<Ending, Failure> {
        if let Progress::Running(running) = &mut portal.progress {
            let mut steps = Vec::new();
            while running.row_waiting {
                let integer = |i| match running.statement.value(i).to_owned() {
                    Value::Integer(n) => n,
                    _ => 0,
                };
                if let Value::Text(text) = running.statement.value(3).to_owned() {
                    steps.push((integer(0), integer(1), text));
                }
                let step = running.statement.step().map_err(|error| self.failure(error))?;
                running.row_waiting = step == Step::Row;
            }
            let column = portal.prepared.columns.as_deref().and_then(<[_]>::first);
            let lines = match column {
                Some(column) if column.ty.ty == Type::JSON => vec![explain::json(&steps)],
                _ => explain::tree(&steps),
            };
            portal.progress = Progress::Rows(portal::lines(lines));
        }
        self.send_rows(portal, rows_max)
    }

    /// A portal's query, begun.
    pub(super) fn start_portal(&mut self, portal: &mut Portal) -> Result<Progress, Failure> {
        let statement = Arc::clone(&portal.prepared.bound.statement);
        match &*statement {
            Statement::Query(plan) => Ok(Progress::Running(self.start(plan, portal)?)),
            _ => Ok(Progress::Done),
        }
    }

    /// Reads all rows of a portal's query into memory.
    pub(super) fn materialize(&mut self, portal: &mut Portal) -> Result<(), Failure> {
        if matches!(portal.progress, Progress::Ready) {
            portal.progress = self.start_portal(portal)?;
        }
        let Progress::Running(running) = &mut portal.progress else { return Ok(()) };
        let mut rows = Rows::default();
        while running.row_waiting {
            let count = running.statement.column_count();
            rows.rows.push((0..count).map(|i| running.statement.value(i).to_owned()).collect());
            let step = running.statement.step().map_err(|error| self.failure(error))?;
            running.row_waiting = step == Step::Row;
        }
        portal.progress = Progress::Rows(rows);
        Ok(())
    }

    /// The end of a portal's run, told to the client.
    pub(super) fn tell_ending(&mut self, ending: &Ending) {
        match ending {
            Ending::Complete(Tag::Plain(tag)) => self.reply.command_complete(tag),
            Ending::Complete(Tag::Rows(word, rows)) => {
                self.reply.command_complete_rows(word, *rows);
            }
            Ending::Suspended => self.reply.portal_suspended(),
            Ending::Empty => self.reply.empty_query(),
        }
    }

    /// Takes up changed settings, and tells the client of those it wants to know.
    pub(super) fn settings_changed(&mut self) {
        self.effective = self.shared.effective(self.read_only);
        if let Some(connection) = &self.connection {
            connection.patience().set_limit(self.effective.lock_timeout);
        }
        if self.reported.is_empty() {
            return;
        }
        for name in super::settings::REPORTED {
            let value = self.shared.read_settings().value(name).unwrap_or_default();
            if self.reported.get(name) != Some(&value) {
                self.reply.parameter_status(name, &value);
                self.reported.insert(name, value);
            }
        }
        let name = self.shared.read_settings().value("application_name").unwrap_or_default();
        self.backend.update_activity(|activity| activity.application_name = name);
    }

    /// Tells others what runs.
    pub(super) fn tell_activity(&self, query: &Arc<str>) {
        self.backend.update_activity(|activity| {
            activity.query = Arc::clone(query);
            activity.query_start_us = super::server::now_us();
        });
    }

    /// A message's failure ends the session when it is fatal.
    pub(super) fn settle(&mut self, result: Result<(), Failure>) -> Result<(), End> {
        match result {
            Ok(()) => Ok(()),
            Err(failure) if failure.is_fatal() => Err(End::Fatal(failure)),
            Err(failure) => {
                self.fail(&failure);
                Ok(())
            }
        }
    }
}

/// The statement may have been translated for an older schema: running it will tell.
fn notices_schema_changes(statement: &Statement) -> bool {
    !matches!(statement, Statement::Cursor(_) | Statement::Copy(_) | Statement::Script(_))
}

/// The type of an expression as SQLite computes it: numbers are wide, all else is text.
fn sqlite_number(ty: ColumnType) -> ColumnType {
    ColumnType::new(match ty.ty {
        Type::INT2 | Type::INT4 | Type::INT8 => Type::INT8,
        Type::FLOAT4 | Type::FLOAT8 => Type::FLOAT8,
        Type::NUMERIC => Type::NUMERIC,
        _ => Type::TEXT,
    })
}

/// What of a column a client was promised.
fn shapes(columns: &[OutputColumn]) -> Vec<(String, ColumnType)> {
    columns.iter().map(|column| (column.name.clone(), column.ty)).collect()
}

fn rows_tag(statement: &Statement) -> Option<String> {
    match statement {
        Statement::Setting(_) => Some("SHOW".to_owned()),
        Statement::Query(plan) if plan.verb == Verb::Explain => Some("EXPLAIN".to_owned()),
        _ => None,
    }
}

/// A DataRow of values.
pub(super) fn write_values(
    reply: &mut super::Reply,
    codecs: &[Codec],
    row: &[Value],
    effective: &Effective,
) -> Result<(), Failure> {
    let start = reply.len();
    let at = reply.begin(b'D');
    reply.i16(codecs.len() as i16);
    for (codec, value) in codecs.iter().zip(row) {
        let written = codec.write_field(reply.bytes_mut(), value.borrow(), &effective.style);
        if let Err(error) = written {
            reply.truncate(start);
            return Err(from_types(&error));
        }
    }
    reply.end(at);
    Ok(())
}
