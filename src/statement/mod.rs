//! SQL text, schema and settings in; a typed plan out. Pure: nothing here touches a connection.
//!
//! ```text
//! text -> lexer (split, literals) -> utility | parse -> resolve and type -> rewrite -> emit -> Plan
//! ```

mod cache;
mod error;
pub mod lexer;
pub mod literal;
pub mod parse;
pub mod shape;
mod translate;
pub mod utility;

pub use cache::{Bound, Cache};
pub use error::{BadValue, Error, ErrorKind};
pub use translate::{column_types, translate};

use crate::schema::{Change, Schema};
use crate::types::{ColumnType, Oid, Type, Value};
use std::sync::Arc;

/// What the translation of one statement depends on.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The file's schema.
    pub schema: &'a Schema,
    /// The session's temporary tables.
    pub temp: Option<&'a Schema>,
    /// Settings that change what a statement means.
    pub options: &'a Options,
    /// OIDs given in Parse; 0 or missing means "infer".
    pub parameter_types: &'a [Oid],
}

/// Settings that change what a statement means. Part of the plan cache's key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// `egret.dialect`
    pub dialect: Dialect,
    /// The session may not write (a read-only role, a follower).
    pub read_only: bool,
}

/// `egret.dialect`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Text is Postgres's SQL.
    #[default]
    Postgres,
    /// Text goes to SQLite untouched.
    Sqlite,
}

/// What a text means, and what that meaning depends on.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The meaning.
    pub statement: Statement,
    /// One for each literal of the text, in order of appearance; literals past the end are fixed.
    pub literals: Vec<LiteralUse>,
}

/// What became of a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiteralUse {
    /// Literal number `i` (from 0) is SQLite parameter `?n+1+i`, where `n` is the number of the
    /// client's parameters: the statement serves any other literal of its class.
    Bound,
    /// The statement holds for this very literal only; its SQLite parameter, if any, is unused.
    Fixed,
}

/// One translated statement.
#[derive(Clone, Debug)]
pub enum Statement {
    /// Nothing but white space and comments.
    Empty,
    /// One SQLite statement with parameters and perhaps rows: queries, DML, EXPLAIN, PRAGMA.
    Query(Arc<Plan>),
    /// DDL and maintenance: SQLite statements that run together or not at all; no parameters, no rows.
    Script(Script),
    /// BEGIN, COMMIT, ROLLBACK, savepoints.
    Transaction(Transaction),
    /// SET, RESET, SHOW, SET TRANSACTION, SET CONSTRAINTS.
    Setting(Setting),
    /// DECLARE, FETCH, MOVE, CLOSE.
    Cursor(Cursor),
    /// PREPARE, EXECUTE, DEALLOCATE.
    Prepared(Prepared),
    /// COPY
    Copy(Copy),
    /// LISTEN, UNLISTEN, NOTIFY.
    Notification(Notification),
    /// DISCARD ALL | PLANS | SEQUENCES | TEMP: the word.
    Discard(String),
    /// Accepted without effect: the command tag, and a notice if the user should know.
    NoOp {
        /// The command tag.
        tag: String,
        /// A NOTICE to send.
        notice: Option<String>,
    },
}

/// A SQLite statement and all that the session needs to run it and describe it.
#[derive(Debug)]
pub struct Plan {
    /// SQLite text; client parameters are `?1` to `?n`, lifted literals follow (see [`LiteralUse`]).
    pub sql: String,
    /// Client parameters `$1` to `$n`.
    pub parameters: Vec<ColumnType>,
    /// Result columns; `None` means "ask SQLite after preparing" (dialect `sqlite`, PRAGMA).
    pub columns: Option<Vec<OutputColumn>>,
    /// The first word of the command tag, e.g. `SELECT`, `INSERT`, `CREATE TABLE AS`.
    pub verb: Verb,
    /// What it does to the file.
    pub access: Access,
    /// Relations of `pg_catalog` and `information_schema` it reads, e.g. `pg_catalog.pg_class`.
    pub catalog: Vec<&'static str>,
    /// The relation whose rows it changes.
    pub target: Option<Oid>,
    /// The sequence that gives the rows it inserts their keys, unless the statement does.
    pub numbers: Option<Oid>,
    /// The schema version it was made for.
    pub schema_version: u64,
}

/// How a statement is named in its command tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `SELECT n`
    Select,
    /// `INSERT 0 n`
    Insert,
    /// `UPDATE n`
    Update,
    /// `DELETE n`
    Delete,
    /// `EXPLAIN`
    Explain,
    /// `PRAGMA`: rows under a tag of `SELECT n`.
    Pragma,
}

/// What a statement does to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Reads only.
    Read,
    /// Changes rows.
    Write,
    /// Changes the schema.
    Schema,
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputColumn {
    /// The label.
    pub name: String,
    /// Its type.
    pub ty: ColumnType,
    /// OID of the relation it is read from unchanged; 0 otherwise.
    pub table: Oid,
    /// Its number in that relation, from 1; 0 otherwise.
    pub attnum: i16,
}

/// DDL and maintenance.
#[derive(Clone, Debug)]
pub struct Script {
    /// What is done, in order.
    pub steps: Vec<ScriptStep>,
    /// The whole command tag, e.g. `CREATE TABLE`.
    pub tag: String,
    /// Notices to send (`relation "x" already exists, skipping` ...).
    pub notices: Vec<String>,
    /// Must run outside a transaction block (VACUUM).
    pub outside_transaction: bool,
}

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptStep {
    /// A SQLite statement.
    Sql(String),
    /// A table is made anew with another definition.
    Rebuild {
        /// The table, as stored.
        table: String,
        /// What is different.
        change: Change,
    },
}

/// Steps that are SQLite statements.
fn steps(statements: Vec<String>) -> Vec<ScriptStep> {
    statements.into_iter().map(ScriptStep::Sql).collect()
}

/// Transaction control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// BEGIN or START TRANSACTION (the tags differ).
    Begin {
        /// START TRANSACTION rather than BEGIN.
        start: bool,
        /// The modes given.
        modes: Modes,
    },
    /// COMMIT or END, with AND CHAIN.
    Commit {
        /// AND CHAIN
        chain: bool,
    },
    /// ROLLBACK or ABORT, with AND CHAIN.
    Rollback {
        /// AND CHAIN
        chain: bool,
    },
    /// SAVEPOINT name
    Savepoint(String),
    /// RELEASE name
    Release(String),
    /// ROLLBACK TO name
    RollbackTo(String),
}

/// Transaction modes; `None` where not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// ISOLATION LEVEL
    pub isolation: Option<Isolation>,
    /// READ ONLY (true) or READ WRITE (false).
    pub read_only: Option<bool>,
    /// DEFERRABLE (true) or NOT DEFERRABLE (false).
    pub deferrable: Option<bool>,
}

/// Isolation levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// READ UNCOMMITTED, which Postgres treats as READ COMMITTED.
    ReadUncommitted,
    /// READ COMMITTED
    ReadCommitted,
    /// REPEATABLE READ
    RepeatableRead,
    /// SERIALIZABLE
    Serializable,
}

/// Statements about settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// SET [SESSION | LOCAL] name = value; `None` is DEFAULT. A list is joined by `, `, as Postgres does.
    Set {
        /// Lower-cased setting name (`SET TIME ZONE` is `timezone`, `SET NAMES` is `client_encoding`).
        name: String,
        /// The value, unquoted.
        value: Option<String>,
        /// LOCAL
        local: bool,
    },
    /// RESET name
    Reset(String),
    /// RESET ALL
    ResetAll,
    /// SHOW name
    Show(String),
    /// SHOW ALL
    ShowAll,
    /// SET TRANSACTION modes
    Transaction(Modes),
    /// SET SESSION CHARACTERISTICS AS TRANSACTION modes
    SessionCharacteristics(Modes),
    /// SET CONSTRAINTS ... DEFERRED (true) or IMMEDIATE (false).
    Constraints {
        /// DEFERRED
        deferred: bool,
    },
}

/// Cursors.
#[derive(Clone, Debug)]
pub enum Cursor {
    /// DECLARE name ... CURSOR ... FOR query
    Declare {
        /// The cursor's name.
        name: String,
        /// The query.
        plan: Arc<Plan>,
        /// Literals lifted out of the query.
        literals: Vec<Value>,
        /// BINARY
        binary: bool,
        /// SCROLL (true), NO SCROLL (false).
        scroll: Option<bool>,
        /// WITH HOLD
        hold: bool,
    },
    /// FETCH direction FROM name
    Fetch {
        /// The cursor's name.
        name: String,
        /// Which rows.
        direction: Direction,
    },
    /// MOVE direction FROM name
    Move {
        /// The cursor's name.
        name: String,
        /// Which rows.
        direction: Direction,
    },
    /// CLOSE name
    Close(String),
    /// CLOSE ALL
    CloseAll,
}

/// The direction of FETCH and MOVE. <https://www.postgresql.org/docs/15/sql-fetch.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// FORWARD n; `i64::MAX` is ALL. NEXT is `Forward(1)`, PRIOR `Forward(-1)`, BACKWARD n `Forward(-n)`.
    Forward(i64),
    /// ABSOLUTE n; FIRST is 1, LAST is -1.
    Absolute(i64),
    /// RELATIVE n
    Relative(i64),
}

/// Prepared statements in SQL.
#[derive(Clone, Debug)]
pub enum Prepared {
    /// PREPARE name (types) AS statement
    Prepare {
        /// The name.
        name: String,
        /// The parameter types given, as OIDs; 0 for `unknown`.
        parameter_types: Vec<Oid>,
        /// The statement's text.
        text: String,
    },
    /// EXECUTE name (arguments), each argument as a constant SQL expression.
    Execute {
        /// The name.
        name: String,
        /// The arguments' SQL text.
        arguments: Vec<String>,
    },
    /// EXPLAIN EXECUTE name (arguments)
    Explain {
        /// EXPLAIN and its options, as they were written.
        explain: String,
        /// What the plan is shown as.
        shown_as: Type,
        /// The name.
        name: String,
        /// The arguments' SQL text.
        arguments: Vec<String>,
    },
    /// DEALLOCATE name
    Deallocate(String),
    /// DEALLOCATE ALL
    DeallocateAll,
}

/// COPY
#[derive(Clone, Debug)]
pub struct Copy {
    /// For COPY TO, the query that reads the rows; for COPY FROM, the INSERT with one parameter per column.
    pub plan: Arc<Plan>,
    /// Literals lifted out of a COPY (query) TO.
    pub literals: Vec<Value>,
    /// The table's name; empty for COPY (query) TO.
    pub table: String,
    /// The columns copied.
    pub columns: Vec<OutputColumn>,
    /// FROM STDIN (true) or TO STDOUT (false).
    pub from: bool,
    /// FROM has a WHERE: a row need not be inserted.
    pub filtered: bool,
    /// FORMAT, DELIMITER, ...
    pub options: CopyOptions,
}

/// Options of COPY. <https://www.postgresql.org/docs/15/sql-copy.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOptions {
    /// FORMAT
    pub format: CopyFormat,
    /// DELIMITER
    pub delimiter: u8,
    /// NULL
    pub null: String,
    /// HEADER
    pub header: CopyHeader,
    /// QUOTE
    pub quote: u8,
    /// ESCAPE
    pub escape: u8,
    /// FORCE_QUOTE: positions in `columns`.
    pub force_quote: Vec<usize>,
    /// FORCE_NOT_NULL
    pub force_not_null: Vec<usize>,
    /// FORCE_NULL
    pub force_null: Vec<usize>,
}

/// FORMAT of COPY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyFormat {
    /// text
    Text,
    /// csv
    Csv,
    /// binary
    Binary,
}

/// HEADER of COPY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyHeader {
    /// No header line.
    None,
    /// A header line, skipped on input.
    Line,
    /// A header line that must match the column names on input.
    Match,
}

/// LISTEN and NOTIFY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// LISTEN channel
    Listen(String),
    /// UNLISTEN channel
    Unlisten(String),
    /// UNLISTEN *
    UnlistenAll,
    /// NOTIFY channel, payload
    Notify {
        /// The channel.
        channel: String,
        /// The payload; empty when not given.
        payload: String,
    },
}
