//! The one place that names SQLSTATEs: <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
//!
//! What enters: any room's error. What leaves: the fields of an ErrorResponse.

use super::cancel::Reason;
use crate::machine::Shortage;
use crate::schema::{ForeignKey, Relation, Schema};
use crate::statement::{Plan, Verb};
use crate::{sqlite, statement, types};

/// How bad it is, in the protocol's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed.
    Error,
    /// The session ends.
    Fatal,
}

impl Severity {
    /// As sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

/// An ErrorResponse: small, since it is what nearly every function here may return.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.0.message)]
pub struct Failure(Box<Fields>);

impl std::ops::Deref for Failure {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.0
    }
}

impl std::ops::DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Fields {
        &mut self.0
    }
}

/// The fields of an ErrorResponse.
#[derive(Clone, Debug)]
pub struct Fields {
    /// ERROR or FATAL.
    pub severity: Severity,
    /// Five characters.
    pub sqlstate: &'static str,
    /// Postgres's wording.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Where in the query, in characters from 1.
    pub position: Option<usize>,
    /// Where it happened: a line of COPY.
    pub context: Option<String>,
    /// The object's namespace.
    pub schema: Option<String>,
    /// The table.
    pub table: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// The constraint.
    pub constraint: Option<String>,
    /// The function of PostgreSQL's that reports it, where drivers go by that.
    pub routine: Option<String>,
}

/// A NoticeResponse.
pub struct Notice {
    /// NOTICE, WARNING ...
    pub severity: &'static str,
    /// The fields.
    pub failure: Failure,
}

impl Notice {
    /// A notice without more to say.
    pub fn new(message: impl Into<String>) -> Self {
        Self { severity: "NOTICE", failure: Failure::new("00000", message) }
    }

    /// A warning.
    pub fn warning(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self { severity: "WARNING", failure: Failure::new(sqlstate, message) }
    }
}

impl Failure {
    /// An ERROR.
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Fields {
            severity: Severity::Error,
            sqlstate,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            context: None,
            schema: None,
            table: None,
            column: None,
            constraint: None,
            routine: None,
        }))
    }

    /// An error that ends the session.
    pub fn fatal(sqlstate: &'static str, message: impl Into<String>) -> Self {
        let mut failure = Self::new(sqlstate, message);
        failure.severity = Severity::Fatal;
        failure
    }

    /// The client broke the protocol; the connection is closed after this.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::fatal("08P01", message)
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With a detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The session ends with it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.severity == Severity::Fatal
    }

    /// A prepared statement's columns are others now: drivers prepare it again when they see the name
    /// of the function that finds this out in PostgreSQL.
    #[must_use]
    pub fn stale_columns() -> Self {
        let mut failure = Self::new("0A000", "cached plan must not change result type");
        failure.routine = Some("RevalidateCachedQuery".to_owned());
        failure
    }

    /// The file has another one in its place, or none: cursors and temporary tables went with it.
    #[must_use]
    pub fn database_replaced() -> Self {
        Self::fatal("57P04", "the database's file was replaced or removed").hint("Connect again.")
    }

    /// The log could not be synced after this session's commit: it is not known to be safe, nor to be
    /// undone.
    #[must_use]
    pub fn commit_not_durable() -> Self {
        let mut failure = Self::not_durable();
        failure.severity = Severity::Fatal;
        failure
    }

    /// Another writer has taken over a destination of this session's commit, which so is never stored
    /// in every one.
    #[must_use]
    pub fn commit_not_stored() -> Self {
        Self::fatal("55000", "could not store the transaction: another writer has a backup")
            .detail(
                "The transaction has already committed locally, but is never stored where another \
                 egret writes now.",
            )
            .hint("The server's log and egret status say which, and how this file can go on.")
    }

    /// The log could not be synced before.
    #[must_use]
    pub fn not_durable() -> Self {
        Self::new("58030", "could not make commits durable: the write-ahead log cannot be synced")
            .detail("What was committed since the last success may be lost when the machine dies.")
            .hint("Check the server's disk, then start egret anew.")
    }

    /// Two sessions wait for each other.
    #[must_use]
    pub fn deadlock() -> Self {
        Self::new("40P01", "deadlock detected")
            .detail("Who may write waits for what this transaction's open cursors read.")
            .hint("Close cursors before writing, or put the file into WAL mode.")
    }

    /// Statements other than the end of the transaction are refused in a failed transaction block.
    #[must_use]
    pub fn in_failed_transaction() -> Self {
        Self::new(
            "25P02",
            "current transaction is aborted, commands ignored until end of transaction block",
        )
    }
}

impl From<sqlite::FunctionError> for Failure {
    fn from(error: sqlite::FunctionError) -> Self {
        Self::new(error.sqlstate, error.message)
    }
}

/// A statement that does not translate.
pub(super) fn from_statement(error: &statement::Error, text: &str) -> Failure {
    let mut failure = Failure::new(error.sqlstate(), error.kind.to_string());
    failure.hint = error.kind.hint();
    failure.position = error.position_in(text);
    failure
}

/// A value that does not convert.
pub(super) fn from_types(error: &types::Error) -> Failure {
    let mut failure = Failure::new(error.sqlstate(), error.to_string());
    failure.detail = error.detail();
    failure
}

/// The statement was stopped.
pub(super) fn cancelled(reason: Reason) -> Failure {
    match reason {
        Reason::User => Failure::new("57014", "canceling statement due to user request"),
        Reason::StatementTimeout => {
            Failure::new("57014", "canceling statement due to statement timeout")
        }
        Reason::Terminate => {
            Failure::fatal("57P01", "terminating connection due to administrator command")
        }
    }
}

/// A function that waits noticed that its statement is to stop.
pub(super) fn is_cancellation(error: &sqlite::Error) -> bool {
    matches!(error, sqlite::Error::Function(error) if error.sqlstate == "57014")
}

/// What SQLite refuses, where no schema is at hand.
pub(super) fn from_sqlite(error: &sqlite::Error) -> Failure {
    from_sqlite_in(error, &Schema::default())
}

/// What SQLite refuses, with the names of constraints from the schema.
pub(super) fn from_sqlite_in(error: &sqlite::Error, schema: &Schema) -> Failure {
    let (code, message) = match error {
        sqlite::Error::Function(error) => return error.clone().into(),
        sqlite::Error::Engine { code, message, .. } => (*code, message.as_str()),
        sqlite::Error::Short { shortage, .. } => return short(shortage),
    };
    if error.primary_code() == codes::CONSTRAINT {
        return constraint(code, message, schema);
    }
    match error.primary_code() {
        codes::INTERRUPT => cancelled(Reason::User),
        _ if code == codes::BUSY_SNAPSHOT => {
            Failure::new("40001", "could not serialize access due to concurrent update")
        }
        codes::BUSY | codes::LOCKED => {
            Failure::new("55P03", "canceling statement due to lock timeout")
                .detail("Another process holds the lock of the file.")
        }
        codes::READONLY if code == codes::READONLY_MOVED => Failure::database_replaced(),
        codes::READONLY => {
            Failure::new("25006", "cannot write: the file or the session is read-only")
                .hint("The server must be allowed to write the file and to make files beside it.")
        }
        codes::AUTH => {
            Failure::new("42501", "permission denied: the statement is not allowed here")
        }
        codes::FULL => disk_full(),
        codes::IOERR => Failure::new("58030", "could not read or write the file")
            .hint("Check the server's disk and its kernel log."),
        codes::CANTOPEN => Failure::new("58P01", "could not open the file")
            .hint("Check that the file is there, and that the server may read and write it."),
        codes::CORRUPT | codes::NOTADB => {
            Failure::new("XX001", "the file is corrupt or is not a SQLite database")
                .hint("Restore it from its backup with: egret restore URL --output FILE")
        }
        codes::NOMEM => Failure::new("53200", "out of memory"),
        codes::TOOBIG => Failure::new("54000", "value or statement is too large"),
        codes::RANGE => Failure::new("08P01", "wrong number of parameters"),
        codes::MISMATCH => Failure::new("42804", "datatype mismatch"),
        _ => engine(message),
    }
}

fn short(shortage: &Shortage) -> Failure {
    match shortage {
        Shortage::Files { max } => Failure::new("53000", "out of file descriptors").hint(format!(
            "The server may have no more than {max} files open; its operator can raise that: \
             ulimit -n, or LimitNOFILE= of its systemd unit."
        )),
        Shortage::Disk { .. } => disk_full(),
    }
}

fn disk_full() -> Failure {
    Failure::new("53100", "could not write to the file: no space left on device")
        .hint("Check free disk space.")
}

/// Names the foreign key that a write violated, which SQLite does not, where only one can be it.
pub(super) fn name_foreign_key(failure: &mut Failure, plan: &Plan, schema: &Schema) {
    let target = schema.relations.iter().find(|relation| Some(relation.oid) == plan.target);
    let Some(target) = target.filter(|target| !triggers_may_violate(target, schema)) else {
        return;
    };
    let own = target.foreign_keys.iter().map(|key| (target, key));
    let of_others = references(target, schema).filter(|(from, _)| from.oid != target.oid);
    let found: Vec<_> = match plan.verb {
        Verb::Insert => own.collect(),
        Verb::Delete => references(target, schema).collect(),
        _ => own.chain(of_others).collect(),
    };
    let &[(relation, key)] = &found[..] else { return };
    let action = if plan.verb == Verb::Delete { &key.on_delete } else { &key.on_update };
    let referencing = relation.oid == target.oid && plan.verb != Verb::Delete;
    if !referencing && !matches!(action.as_str(), "NO ACTION" | "RESTRICT") {
        return;
    }
    let (name, at, on) = (&key.name, &target.name, &relation.name);
    failure.message = if referencing {
        format!("insert or update on table \"{at}\" violates foreign key constraint \"{name}\"")
    } else {
        format!(
            "update or delete on table \"{at}\" violates foreign key constraint \"{name}\" \
             on table \"{on}\""
        )
    };
    failure.schema = Some("public".to_owned());
    failure.table = Some(on.clone());
    failure.constraint = Some(name.clone());
}

/// The foreign keys that refer to a table.
fn references<'s>(
    target: &'s Relation,
    schema: &'s Schema,
) -> impl Iterator<Item = (&'s Relation, &'s ForeignKey)> {
    let all = schema.relations.iter().flat_map(|r| r.foreign_keys.iter().map(move |key| (r, key)));
    all.filter(|(_, key)| key.references.eq_ignore_ascii_case(&target.name))
}

/// A trigger of the table mentions another table that has to do with foreign keys.
fn triggers_may_violate(target: &Relation, schema: &Schema) -> bool {
    let mentions = |name: &str| {
        let name = name.to_ascii_lowercase();
        target.triggers.iter().any(|trigger| trigger.sql.to_ascii_lowercase().contains(&name))
    };
    schema.relations.iter().any(|relation| {
        let keyed =
            || !relation.foreign_keys.is_empty() || references(relation, schema).next().is_some();
        relation.oid != target.oid && mentions(&relation.name) && keyed()
    })
}

/// SQLite's result codes: <https://www.sqlite.org/rescode.html>.
mod codes {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const NOMEM: i32 = 7;
    pub(super) const READONLY: i32 = 8;
    pub(super) const INTERRUPT: i32 = 9;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const TOOBIG: i32 = 18;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const MISMATCH: i32 = 20;
    pub(super) const AUTH: i32 = 23;
    pub(super) const RANGE: i32 = 25;
    pub(super) const NOTADB: i32 = 26;
    pub(super) const READONLY_MOVED: i32 = 8 | (4 << 8);
    pub(super) const BUSY_SNAPSHOT: i32 = 5 | (2 << 8);
    pub(super) const CHECK: i32 = 19 | (1 << 8);
    pub(super) const FOREIGN_KEY: i32 = 19 | (3 << 8);
    pub(super) const NOT_NULL: i32 = 19 | (5 << 8);
    pub(super) const PRIMARY_KEY: i32 = 19 | (6 << 8);
    pub(super) const TRIGGER: i32 = 19 | (7 << 8);
    pub(super) const UNIQUE: i32 = 19 | (8 << 8);
    pub(super) const ROWID: i32 = 19 | (10 << 8);
    pub(super) const DATATYPE: i32 = 19 | (12 << 8);
}

/// SQLite's plain errors, by the words it has used for them for many years.
fn engine(message: &str) -> Failure {
    let after = |prefix: &str| message.strip_prefix(prefix).map(str::trim);
    if let Some(name) = after("no such table:").or_else(|| after("no such view:")) {
        return Failure::new("42P01", format!("relation \"{name}\" does not exist"));
    }
    if let Some(name) = after("no such column:") {
        return Failure::new("42703", format!("column \"{name}\" does not exist"));
    }
    if let Some(name) = after("no such function:") {
        return Failure::new("42883", format!("function {name} does not exist"));
    }
    if let Some(rest) = message.strip_suffix(": syntax error") {
        let token = rest.strip_prefix("near ").unwrap_or(rest);
        return Failure::new("42601", format!("syntax error at or near {token}"));
    }
    let sqlstate = match message {
        m if m.starts_with("Expression tree is too large")
            || m.starts_with("parser stack overflow")
            || m.starts_with("at most ") && m.ends_with(" tables in a join") =>
        {
            return Failure::new("54001", format!("statement too complex: {m}"))
                .hint("Split the statement, or join and nest less in it.");
        }
        m if m.starts_with("too many arguments on function") => "54023",
        m if m.starts_with("too many columns") || m.starts_with("too many terms") => "54011",
        m if m.ends_with("already exists") => "42P07",
        m if m.starts_with("misuse of aggregate") => "42803",
        m if m.starts_with("misuse of window") => "42P20",
        m if m.contains("not authorized") || m.contains("prohibited") => "42501",
        m if m.contains("incomplete input") => "42601",
        m if m.contains("integer overflow") => "22003",
        m if m.contains("malformed JSON") => "22P02",
        m if m.contains("within a transaction") => "25001",
        m if m.contains("may not be modified") || m.contains("cannot modify") => "42809",
        _ => "XX000",
    };
    Failure::new(sqlstate, message)
}

fn constraint(code: i32, message: &str, schema: &Schema) -> Failure {
    let subject = message.split_once("failed: ").map_or("", |(_, subject)| subject);
    match code {
        codes::UNIQUE | codes::PRIMARY_KEY | codes::ROWID => unique(subject, schema),
        codes::NOT_NULL => not_null(subject),
        codes::CHECK => check(subject, schema),
        codes::FOREIGN_KEY => {
            Failure::new("23503", "insert, update or delete violates a foreign key constraint")
        }
        codes::DATATYPE => Failure::new("42804", message),
        codes::TRIGGER => Failure::new("P0001", message),
        _ => Failure::new("23000", message),
    }
}

/// `table.column, table.column`, or `index 'name'` for an index with an expression.
fn unique(subject: &str, schema: &Schema) -> Failure {
    let index = subject.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\''));
    let (table, columns) = tables_columns(subject);
    let relation = schema.relation(&table);
    let name = match (index, relation) {
        (Some(index), _) => index.to_owned(),
        (None, Some(relation)) => unique_name(relation, &columns),
        (None, None) => format!("{table}_pkey"),
    };
    let message = format!("duplicate key value violates unique constraint \"{name}\"");
    let mut failure = Failure::new("23505", message);
    if index.is_none() {
        failure.detail = Some(format!("Key ({}) already exists.", columns.join(", ")));
        failure.table = Some(table);
    }
    failure.schema = Some("public".to_owned());
    failure.constraint = Some(name);
    failure
}

fn unique_name(relation: &Relation, columns: &[String]) -> String {
    let names = |keys: &[usize]| keys.iter().map(|k| relation.columns[*k].name.clone()).collect();
    let found = relation.indexes.iter().find(|index| {
        let keys: Option<Vec<usize>> = index.keys.iter().map(|key| key.column).collect();
        index.unique && keys.is_some_and(|keys| Vec::<String>::eq(&names(&keys), &columns))
    });
    found.map_or_else(|| format!("{}_pkey", relation.name), |index| index.shown_name.clone())
}

fn tables_columns(subject: &str) -> (String, Vec<String>) {
    let split = |part: &str| {
        let (table, column) = part.rsplit_once('.').unwrap_or(("", part));
        (table.to_owned(), column.to_owned())
    };
    let pairs: Vec<(String, String)> = subject.split(", ").map(split).collect();
    let table = pairs.first().map(|(table, _)| table.clone()).unwrap_or_default();
    (table, pairs.into_iter().map(|(_, column)| column).collect())
}

fn not_null(subject: &str) -> Failure {
    let (table, columns) = tables_columns(subject);
    let column = columns.into_iter().next().unwrap_or_default();
    let message = format!(
        "null value in column \"{column}\" of relation \"{table}\" violates not-null constraint"
    );
    let mut failure = Failure::new("23502", message);
    failure.schema = Some("public".to_owned());
    failure.table = Some(table);
    failure.column = Some(column);
    failure
}

/// The constraint's name, or its expression when it has none.
fn check(subject: &str, schema: &Schema) -> Failure {
    let found = schema.relations.iter().find_map(|relation| {
        let mut checks = relation.checks.iter();
        let check = checks.find(|c| c.name == subject || c.expression.trim() == subject.trim())?;
        Some((relation.name.clone(), check.name.clone()))
    });
    let (table, name) =
        found.map_or((None, subject.to_owned()), |(table, name)| (Some(table), name));
    let relation = table.as_deref().unwrap_or_default();
    let message =
        format!("new row for relation \"{relation}\" violates check constraint \"{name}\"");
    let mut failure = Failure::new("23514", message);
    failure.schema = Some("public".to_owned());
    failure.table = table;
    failure.constraint = Some(name);
    failure
}
