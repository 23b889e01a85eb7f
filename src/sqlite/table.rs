//! Read-only virtual tables over rows made in Rust: system relations and set-returning functions.
//!
//! What enters: a [`Source`] under a name. What leaves: an eponymous table of that name, which
//! needs no CREATE and so works in a read-only file and inside any transaction. SQLite finds it
//! under any schema name that is not attached: `pg_catalog.pg_class` is the table `pg_class`.
//! Equality on a column of the source's choice is pushed down to it; a column that is an argument
//! is what stands between the parentheses in `name(argument, ...)`.
//! <https://www.sqlite.org/vtab.html>

use super::{FunctionError, HostSlot};
use crate::types::{Value, ValueRef};
use rusqlite::ffi;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef as Raw};
use rusqlite::vtab::{
    Context, Filters, IndexConstraintOp, IndexInfo, Module, VTab, VTabConfig, VTabConnection,
    VTabCursor, sqlite3_vtab, sqlite3_vtab_cursor,
};
use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Where a table's rows come from.
pub trait Source: Send + Sync + 'static {
    /// The columns, arguments and hidden ones included, in the order of [`Rows::value`].
    fn columns(&self) -> Vec<SourceColumn>;

    /// How many rows [`Self::open`] would give with these columns fixed; `None` if it would rather
    /// not be given them. Arguments are not among them.
    fn estimate(&self, fixed: &[usize]) -> Option<u64>;

    /// The rows, at least those with these values in these columns: SQLite checks again. Arguments
    /// that were not given are missing.
    ///
    /// # Errors
    /// What the session is to tell the client.
    fn open(
        &self,
        caller: &Caller<'_>,
        equals: &[(usize, Value)],
    ) -> Result<Box<dyn Rows>, FunctionError>;
}

/// A column of a [`Source`].
#[derive(Clone, Debug)]
pub struct SourceColumn {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What values are taken for when they are compared.
    pub affinity: Affinity,
    /// How statements reach it.
    pub role: ColumnRole,
}

/// SQLite's column affinities, <https://www.sqlite.org/datatype3.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affinity {
    /// INTEGER
    Integer,
    /// REAL
    Real,
    /// TEXT
    Text,
    /// None: values are compared as they are.
    None,
}

/// How statements reach a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnRole {
    /// Part of `*`.
    Shown,
    /// Reached by its name only.
    Hidden,
    /// Hidden, and an argument of the table-valued function. SQLite takes hidden columns for
    /// arguments in their order, so these come before other hidden ones.
    Argument,
}

/// Rows on their way to SQLite.
pub trait Rows {
    /// Goes to the next row, at first to the first; false when there is none.
    ///
    /// # Errors
    /// What the session is to tell the client.
    fn advance(&mut self) -> Result<bool, FunctionError>;

    /// A column of the current row.
    fn value(&self, column: usize) -> ValueRef<'_>;

    /// What tells the current row from all others, whatever values were fixed when the rows were
    /// opened: SQLite finds rows twice when a condition has an OR. Its position if `None`.
    fn identity(&self) -> Option<i64> {
        None
    }

    /// Begins anew with these values fixed, before the first row: a join asks for the rows of one
    /// key after the other. False when the source must be opened again for that.
    fn restart(&mut self, _equals: &[(usize, Value)]) -> bool {
        false
    }
}

/// The connection that opens a table.
pub struct Caller<'a> {
    db: *mut ffi::sqlite3,
    slot: &'a HostSlot,
}

impl<'a> Caller<'a> {
    pub(super) fn new(db: *mut ffi::sqlite3, slot: &'a HostSlot) -> Self {
        Self { db, slot }
    }

    /// Where the session is found.
    #[must_use]
    pub fn slot(&self) -> &HostSlot {
        self.slot
    }

    /// All rows of a query on the same connection.
    ///
    /// # Errors
    /// That of a function the query calls, or XX000 with what SQLite says.
    pub fn rows(&self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, FunctionError> {
        self.table(sql, values).map(|(_, rows)| rows)
    }

    /// The column names and all rows of a query on the same connection.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub fn table(&self, sql: &str, values: &[Value]) -> Result<Table, FunctionError> {
        self.run(sql, values).map_err(|error| {
            let left = self.slot.take_error();
            left.unwrap_or_else(|| FunctionError::new("XX000", error.to_string()))
        })
    }

    fn run(&self, sql: &str, values: &[Value]) -> rusqlite::Result<Table> {
        // SAFETY: SQLite opens a cursor only while its connection is open; this one does not close
        // what it does not own.
        let connection = unsafe { rusqlite::Connection::from_handle(self.db)? };
        let mut statement = connection.prepare(sql)?;
        let names: Vec<_> = statement.column_names().map(str::to_owned).collect();
        let width = names.len();
        let values = values.iter().map(|value| Sent(value.borrow()));
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let row: rusqlite::Result<Vec<_>> =
                (0..width).map(|i| owned(row.get_ref(i)?)).collect();
            all.push(row?);
        }
        Ok((names, all))
    }
}

/// Column names and rows.
pub type Table = (Vec<String>, Vec<Vec<Value>>);

/// Makes a source a table of the connection, under a name that nothing else has.
///
/// # Errors
/// SQLite's, when it cannot take a module.
pub fn register(
    connection: &rusqlite::Connection,
    slot: &Arc<HostSlot>,
    name: &str,
    source: Arc<dyn Source>,
) -> rusqlite::Result<()> {
    let module = const { &Module::<SourceTable>::eponymous_only_module() };
    let registered = Registered { source, slot: Arc::clone(slot) };
    connection.create_module(name, module, Some(registered))
}

#[derive(Clone)]
struct Registered {
    source: Arc<dyn Source>,
    slot: Arc<HostSlot>,
}

impl Registered {
    /// Calls the source, whose panics must not cross into SQLite.
    fn guard<T>(&self, call: impl FnOnce() -> Result<T, FunctionError>) -> rusqlite::Result<T> {
        let result = catch_unwind(AssertUnwindSafe(call))
            .unwrap_or_else(|_panic| Err(FunctionError::new("XX000", "a system table failed")));
        result.map_err(|error| {
            let message = error.message.clone();
            self.slot.fail(error);
            rusqlite::Error::ModuleError(message)
        })
    }
}

#[repr(C)]
struct SourceTable {
    /// What SQLite keeps of a table; it must come first.
    base: sqlite3_vtab,
    registered: Registered,
    columns: Arc<[SourceColumn]>,
    db: *mut ffi::sqlite3,
}

// SAFETY: `sqlite3_vtab` is the first field and the struct is `repr(C)`.
unsafe impl<'vtab> VTab<'vtab> for SourceTable {
    type Aux = Registered;
    type Cursor = SourceCursor;

    fn connect(
        db: &mut VTabConnection,
        aux: Option<&Self::Aux>,
        _module: &[u8],
        _database: &[u8],
        _table: &[u8],
        _arguments: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        let Some(registered) = aux.cloned() else {
            return Err(rusqlite::Error::ModuleError("no source".to_owned()));
        };
        db.config(VTabConfig::DirectOnly)?;
        let columns = registered.guard(|| Ok(registered.source.columns()))?;
        let sql = CString::new(declaration(&columns)).map_err(rusqlite::Error::NulError)?;
        // SAFETY: the handle is used by cursors only, which SQLite closes before the connection.
        let db = unsafe { db.handle() };
        let base = sqlite3_vtab::default();
        Ok((Cow::Owned(sql), Self { base, registered, columns: columns.into(), db }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        let Some(chosen) = self.choose(info)? else { return Ok(false) };
        let mut fixed = Vec::new();
        let mut passed = String::new();
        for (n, &(constraint, column)) in chosen.iter().enumerate() {
            let is_argument = self.columns[column].role == ColumnRole::Argument;
            let mut usage = info.constraint_usage(constraint);
            usage.set_argv_index(c_int::try_from(n + 1).unwrap_or(c_int::MAX));
            usage.set_omit(is_argument);
            if !is_argument {
                fixed.push(column);
            }
            passed.push_str(&format!("{column} "));
        }
        let estimate = |fixed: &[usize]| Ok(self.registered.source.estimate(fixed));
        let rows = self.registered.guard(|| estimate(&fixed))?.unwrap_or(1_000_000);
        info.set_idx_str(&passed);
        info.set_estimated_rows(i64::try_from(rows).unwrap_or(i64::MAX));
        // Opening costs about what ten rows cost.
        info.set_estimated_cost(10.0 + rows as f64);
        Ok(true)
    }

    fn open(&'vtab mut self) -> rusqlite::Result<SourceCursor> {
        Ok(SourceCursor {
            base: sqlite3_vtab_cursor::default(),
            registered: self.registered.clone(),
            columns: Arc::clone(&self.columns),
            db: self.db,
            rows: None,
            ended: true,
            number: 0,
            opened: 0,
        })
    }
}

impl SourceTable {
    /// The constraints to be given to the source, as (constraint, column), arguments in order;
    /// `None` when an argument depends on a table that would come later.
    fn choose(&self, info: &IndexInfo) -> rusqlite::Result<Option<Vec<(usize, usize)>>> {
        let mut chosen: Vec<(usize, usize)> = Vec::new();
        let mut fixed = Vec::new();
        for (i, constraint) in info.constraints().enumerate() {
            let Ok(column) = usize::try_from(constraint.column()) else { continue };
            let Some(role) = self.columns.get(column).map(|c| c.role) else { continue };
            let equals = constraint.operator() == IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ;
            if !equals || chosen.iter().any(|&(_, other)| other == column) {
                continue;
            }
            if role == ColumnRole::Argument {
                if !constraint.is_usable() {
                    return Ok(None);
                }
                chosen.push((i, column));
            } else if constraint.is_usable() && info.collation(i)? == "BINARY" {
                fixed.push(column);
                let estimate = || Ok(self.registered.source.estimate(&fixed));
                if self.registered.guard(estimate)?.is_some() {
                    chosen.push((i, column));
                } else {
                    fixed.pop();
                }
            }
        }
        Ok(Some(chosen))
    }
}

fn declaration(columns: &[SourceColumn]) -> String {
    let column = |column: &SourceColumn| {
        let affinity = match column.affinity {
            Affinity::Integer => "INTEGER",
            Affinity::Real => "REAL",
            Affinity::Text => "TEXT",
            Affinity::None => "",
        };
        let hidden = if column.role == ColumnRole::Shown { "" } else { " HIDDEN" };
        format!("\"{}\" {affinity}{hidden}", column.name.replace('"', "\"\""))
    };
    let columns: Vec<_> = columns.iter().map(column).collect();
    format!("CREATE TABLE x({})", columns.join(", "))
}

#[repr(C)]
struct SourceCursor {
    /// What SQLite keeps of a cursor; it must come first.
    base: sqlite3_vtab_cursor,
    registered: Registered,
    columns: Arc<[SourceColumn]>,
    db: *mut ffi::sqlite3,
    /// Those of the last key, kept for the next one.
    rows: Option<Box<dyn Rows>>,
    ended: bool,
    number: i64,
    /// How often the source was opened.
    opened: u32,
}

// SAFETY: `sqlite3_vtab_cursor` is the first field and the struct is `repr(C)`.
unsafe impl VTabCursor for SourceCursor {
    fn filter(
        &mut self,
        _number: c_int,
        passed: Option<&str>,
        values: &Filters<'_>,
    ) -> rusqlite::Result<()> {
        (self.ended, self.number) = (true, 0);
        let passed = passed.unwrap_or_default().split_ascii_whitespace();
        let mut equals = Vec::new();
        for (column, value) in passed.filter_map(|c| c.parse().ok()).zip(values.iter()) {
            let column: usize = column;
            let Some(declared) = self.columns.get(column) else { continue };
            let value = owned(value)?;
            if declared.role == ColumnRole::Argument {
                equals.push((column, value));
            } else if value == Value::Null {
                return Ok(());
            } else {
                equals.push((column, declared.affinity.applied(value)));
            }
        }
        let kept = self.rows.take();
        let rows = self.registered.clone().guard(|| self.rows_of(kept, &equals))?;
        self.rows = Some(rows);
        self.next()
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        let Some(rows) = &mut self.rows else { return Ok(()) };
        self.number += 1;
        self.ended = !self.registered.guard(|| rows.advance())?;
        Ok(())
    }

    fn eof(&self) -> bool {
        self.ended
    }

    fn column(&self, context: &mut Context, column: c_int) -> rusqlite::Result<()> {
        let (Some(rows), Ok(column)) = (&self.rows, usize::try_from(column)) else {
            return Ok(());
        };
        let value = self.registered.guard(|| Ok(rows.value(column)))?;
        context.set_result(Sent(value))
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        let identity = self.rows.as_ref().and_then(|rows| rows.identity());
        Ok(identity.unwrap_or(self.number))
    }
}

/// So many keys one after the other are looked for by themselves. Then all rows are asked for:
/// about as many keys as there are tables will follow.
const KEYS_MAX: u32 = 64;

impl SourceCursor {
    /// The rows of a key: among those at hand, or else from the source.
    fn rows_of(
        &mut self,
        kept: Option<Box<dyn Rows>>,
        equals: &[(usize, Value)],
    ) -> Result<Box<dyn Rows>, FunctionError> {
        if let Some(mut rows) = kept
            && rows.restart(equals)
        {
            return Ok(rows);
        }
        let caller = Caller::new(self.db, &self.registered.slot);
        self.opened = self.opened.saturating_add(1);
        let is_function = self.columns.iter().any(|c| c.role == ColumnRole::Argument);
        if self.opened > KEYS_MAX && !equals.is_empty() && !is_function {
            let mut all = self.registered.source.open(&caller, &[])?;
            if all.restart(equals) {
                return Ok(all);
            }
        }
        self.registered.source.open(&caller, equals)
    }
}

impl Affinity {
    /// A value as SQLite would convert it before it compares it with such a column.
    fn applied(self, value: Value) -> Value {
        match (self, value) {
            (Self::Integer | Self::Real, Value::Text(text)) => match text.trim().parse() {
                Ok(integer) => Value::Integer(integer),
                Err(_) => Value::Text(text),
            },
            (Self::Integer, Value::Real(real)) if real.fract() == 0.0 && real.abs() < 9e15 => {
                Value::Integer(real as i64)
            }
            (Self::Text, Value::Integer(integer)) => Value::Text(integer.to_string()),
            (_, value) => value,
        }
    }
}

fn owned(value: Raw<'_>) -> rusqlite::Result<Value> {
    Ok(match value {
        Raw::Null => Value::Null,
        Raw::Integer(i) => Value::Integer(i),
        Raw::Real(r) => Value::Real(r),
        Raw::Text(t) => Value::Text(std::str::from_utf8(t)?.to_owned()),
        Raw::Blob(b) => Value::Blob(b.to_vec()),
    })
}

/// A value of ours on its way to SQLite.
struct Sent<'a>(ValueRef<'a>);

impl ToSql for Sent<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            ValueRef::Null => Raw::Null,
            ValueRef::Integer(i) => Raw::Integer(i),
            ValueRef::Real(r) => Raw::Real(r),
            ValueRef::Text(t) => Raw::Text(t),
            ValueRef::Blob(b) => Raw::Blob(b),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers 0 to 9 or, given n, to n-1; fails when given 13 and panics when given 14.
    struct Numbers;

    struct Count(i64, i64);

    impl Source for Numbers {
        fn columns(&self) -> Vec<SourceColumn> {
            let column = |name, affinity, role| SourceColumn { name, affinity, role };
            vec![
                column("n".into(), Affinity::Integer, ColumnRole::Shown),
                column("stop".into(), Affinity::None, ColumnRole::Argument),
                column("t".into(), Affinity::Text, ColumnRole::Hidden),
            ]
        }

        fn estimate(&self, fixed: &[usize]) -> Option<u64> {
            match fixed {
                [] => Some(10),
                [0] => Some(1),
                _ => None,
            }
        }

        fn open(
            &self,
            caller: &Caller<'_>,
            equals: &[(usize, Value)],
        ) -> Result<Box<dyn Rows>, FunctionError> {
            let given = |column| equals.iter().find(|(c, _)| *c == column).map(|(_, v)| v);
            let stop = match given(1) {
                Some(Value::Integer(13)) => return Err(FunctionError::new("22023", "unlucky")),
                Some(Value::Integer(14)) => panic!("worse"),
                Some(Value::Integer(stop)) => *stop,
                _ => match caller.rows("SELECT 5 + ?", &[Value::Integer(5)])?[0][0] {
                    Value::Integer(stop) => stop,
                    _ => 0,
                },
            };
            Ok(match given(0) {
                Some(Value::Integer(n)) if *n < stop => Box::new(Count(*n - 1, *n + 1)),
                Some(_) => Box::new(Count(0, 0)),
                None => Box::new(Count(-1, stop)),
            })
        }
    }

    impl Rows for Count {
        fn advance(&mut self) -> Result<bool, FunctionError> {
            self.0 += 1;
            Ok(self.0 < self.1)
        }

        fn value(&self, column: usize) -> ValueRef<'_> {
            if column == 0 { ValueRef::Integer(self.0) } else { ValueRef::Text(b"t") }
        }
    }

    fn connection() -> (rusqlite::Connection, Arc<HostSlot>) {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let slot = Arc::new(HostSlot::default());
        register(&connection, &slot, "numbers", Arc::new(Numbers)).unwrap();
        (connection, slot)
    }

    fn sum(sql: &str) -> i64 {
        connection().0.query_row(sql, (), |row| row.get(0)).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    #[test]
    fn rows_arguments_and_push_down() {
        assert_eq!(sum("SELECT sum(n) FROM numbers"), 45);
        assert_eq!(sum("SELECT sum(n) FROM pg_catalog.numbers AS x WHERE x.n = '7'"), 7);
        assert_eq!(sum("SELECT sum(n) FROM numbers(4)"), 6);
        assert_eq!(sum("SELECT count(*) FROM numbers WHERE n = NULL"), 0);
        assert_eq!(sum("SELECT count(*) FROM numbers WHERE n IN (3, 4, 40)"), 2);
        assert_eq!(sum("SELECT count(*) FROM numbers WHERE t = 't'"), 10);
        assert_eq!(sum("SELECT sum(b.n) FROM numbers(4) a, numbers(a.n) b"), 4);
        assert_eq!(sum("SELECT count(*) FROM numbers(4) a JOIN numbers b ON b.n = a.n"), 4);
    }

    #[test]
    fn errors_reach_the_session_and_panics_stay_here() {
        let (connection, slot) = connection();
        let fails = |sql| connection.query_row(sql, (), |row| row.get::<_, i64>(0)).is_err();
        assert!(fails("SELECT * FROM numbers(13)"));
        assert_eq!(slot.take_error().unwrap(), FunctionError::new("22023", "unlucky"));
        assert!(fails("SELECT * FROM numbers(14)"));
        assert_eq!(slot.take_error().unwrap().sqlstate, "XX000");
    }

    #[test]
    fn works_where_nothing_may_be_written() {
        let (connection, _slot) = connection();
        connection.execute_batch("PRAGMA query_only = 1; BEGIN; SELECT * FROM numbers;").unwrap();
        connection.execute_batch("ROLLBACK; CREATE TEMP VIEW v AS SELECT 1;").unwrap_err();
    }
}
