//! Prepared statements, portals, and the rows they give.

use super::error::Failure;
use crate::sqlite;
use crate::statement::{Bound, OutputColumn};
use crate::types::{Codec, ColumnType, Format, Oid, Value};
use std::sync::Arc;

/// A prepared statement, named or not.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The statement's text.
    pub text: Arc<str>,
    /// What it means.
    pub bound: Bound,
    /// The parameter types given with it.
    pub given_types: Vec<Oid>,
    /// Its result columns; none if it returns no rows.
    pub columns: Option<Arc<[OutputColumn]>>,
}

/// A portal: a statement with its parameters, perhaps under way. Cursors are portals too.
pub(super) struct Portal {
    /// The statement.
    pub prepared: Arc<Prepared>,
    /// The client's parameters.
    pub parameters: Vec<Value>,
    /// One format for each result column, one for all, or none for text.
    pub formats: Vec<Format>,
    /// How far it is.
    pub progress: Progress,
    /// Outlives its transaction (WITH HOLD).
    pub held: bool,
    /// Was made in the transaction that is open.
    pub new_in_transaction: bool,
    /// Its columns are told to the client when its query has begun (simple protocol).
    pub undescribed: bool,
    /// May go backwards.
    pub scroll: bool,
}

/// How far a portal is.
pub(super) enum Progress {
    /// Not begun.
    Ready,
    /// Its SQLite statement has been stepped.
    Running(Running),
    /// Its rows were computed at once.
    Rows(Rows),
    /// Over.
    Done,
}

/// A SQLite statement under way.
pub(super) struct Running {
    /// The statement.
    pub statement: sqlite::Statement,
    /// A row was stepped to that is not sent yet.
    pub row_waiting: bool,
    /// Rows sent.
    pub sent: u64,
}

/// Rows that were computed at once.
#[derive(Default)]
pub(super) struct Rows {
    /// All of them.
    pub rows: Vec<Vec<Value>>,
    /// How many are before the position: 0 is before the first.
    pub position: usize,
}

impl Portal {
    /// A portal that has not begun.
    #[must_use]
    pub(super) fn new(
        prepared: Arc<Prepared>,
        parameters: Vec<Value>,
        formats: Vec<Format>,
    ) -> Self {
        Self {
            prepared,
            parameters,
            formats,
            progress: Progress::Ready,
            held: false,
            new_in_transaction: true,
            undescribed: false,
            scroll: false,
        }
    }

    /// The codecs of its result columns.
    #[must_use]
    pub(super) fn codecs(&self) -> Vec<Codec> {
        let columns = self.prepared.columns.as_deref().unwrap_or_default();
        codecs(columns, &self.formats)
    }
}

/// The codecs of columns in the formats asked for.
#[must_use]
pub(super) fn codecs(columns: &[OutputColumn], formats: &[Format]) -> Vec<Codec> {
    let codec = |(i, column): (usize, &OutputColumn)| Codec::of(&column.ty, format_of(formats, i));
    columns.iter().enumerate().map(codec).collect()
}

/// The format of column or parameter `i`: one code counts for all, none is text.
#[must_use]
pub(super) fn format_of(formats: &[Format], i: usize) -> Format {
    match formats {
        [] => Format::Text,
        [one] => *one,
        many => many.get(i).copied().unwrap_or_default(),
    }
}

/// A column without a table behind it.
#[must_use]
pub(super) fn plain_column(name: &str, ty: ColumnType) -> OutputColumn {
    OutputColumn { name: name.to_owned(), ty, table: 0, attnum: 0 }
}

/// The number of result formats must be none, one, or that of the columns.
///
/// # Errors
/// 08P01
pub(super) fn check_formats(formats: usize, columns: usize) -> Result<(), Failure> {
    if formats <= 1 || formats == columns {
        return Ok(());
    }
    let message =
        format!("bind message has {formats} result formats but query has {columns} columns");
    Err(Failure::new("08P01", message))
}

/// Text of several lines as rows of one column.
#[must_use]
pub(super) fn lines(lines: impl IntoIterator<Item = String>) -> Rows {
    let rows = lines.into_iter().map(|line| vec![Value::Text(line)]).collect();
    Rows { rows, position: 0 }
}
