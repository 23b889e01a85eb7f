//! Queries half way: bodies whose columns' types may still change, and finished ones.

use super::grouped::Keys;
use super::order::is_number;
use super::output::{Output, labels};
use super::quote;
use super::scope::{Scope, SourceColumn};
use super::signature;
use super::typed::{Origin, Typed};
use crate::statement::{Error, ErrorKind};
use crate::types::{ColumnType, Type};

/// A query's text and columns.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// SQLite text.
    pub(super) sql: String,
    /// Its columns.
    pub(super) columns: Vec<RowColumn>,
    /// It has one row at most, whatever the tables hold.
    pub(super) single: bool,
}

/// A column of a query.
#[derive(Clone, Debug)]
pub(super) struct RowColumn {
    /// Its label.
    pub(super) name: String,
    /// Its name in SQLite, where the query was given labels.
    pub(super) stored: String,
    /// Its type.
    pub(super) ty: ColumnType,
    /// It is never NULL.
    pub(super) not_null: bool,
    /// SQLite holds its numerics as INTEGER or REAL.
    pub(super) number: bool,
    /// The table column it is.
    pub(super) origin: Option<Origin>,
    /// The fields of a record, which is kept as a JSON array of them.
    pub(super) fields: Vec<(String, ColumnType)>,
}

/// Whether SQLite must know the columns by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Labels {
    /// No: the positions are enough.
    None,
    /// By their own, made unique.
    Own,
}

/// A query without its ORDER BY and LIMIT.
pub(super) enum Body<'s> {
    /// SELECT
    Select(Box<Parts<'s>>),
    /// VALUES
    Values(Vec<Vec<Typed>>),
    /// UNION and its like.
    Compound(Box<Body<'s>>, &'static str, Box<Body<'s>>),
    /// A query in parentheses that has clauses of its own.
    Query(Rows),
}

/// A SELECT in pieces.
pub(super) struct Parts<'s> {
    /// What it returns.
    pub(super) outputs: Vec<Output>,
    /// DISTINCT
    pub(super) distinct: bool,
    /// DISTINCT ON: its keys.
    pub(super) distinct_on: Vec<Typed>,
    /// From FROM to WINDOW.
    pub(super) tail: String,
    /// What it groups by, if it does.
    pub(super) keys: Option<Keys>,
    /// The names its expressions may use.
    pub(super) scope: Scope<'s>,
    /// It has one row at most, whatever the tables hold.
    pub(super) single: bool,
}

impl RowColumn {
    /// It is a row of its own.
    pub(super) fn is_record(&self) -> bool {
        !self.fields.is_empty()
    }
}

impl From<&RowColumn> for SourceColumn {
    fn from(column: &RowColumn) -> Self {
        Self {
            name: column.name.clone(),
            stored: column.stored.clone(),
            fields: column.fields.clone(),
            number: column.number,
            ..Self::computed("", column.ty, column.not_null)
        }
    }
}

impl Body<'_> {
    /// The columns' types; several rows or arms agree on one.
    pub(super) fn types(&self, construct: &'static str) -> Result<Vec<ColumnType>, Error> {
        match self {
            Self::Select(parts) => Ok(parts.outputs.iter().map(|o| o.value.ty).collect()),
            Self::Values(rows) => {
                let width = rows.first().map_or(0, Vec::len);
                let column = |i: usize| {
                    let types: Vec<ColumnType> = rows.iter().map(|row| row[i].ty).collect();
                    common(construct, &types)
                };
                (0..width).map(column).collect()
            }
            Self::Compound(left, ..) => left.types(construct),
            Self::Query(rows) => Ok(rows.columns.iter().map(|column| column.ty).collect()),
        }
    }

    /// The columns as a client sees them.
    pub(super) fn columns(&self) -> Vec<RowColumn> {
        match self {
            Self::Select(parts) => {
                let stored = labels(parts.outputs.iter().map(|output| output.name.as_str()));
                parts.outputs.iter().zip(stored).map(|(o, stored)| o.column(stored)).collect()
            }
            Self::Values(rows) => {
                let first = rows.first().map_or(&[][..], Vec::as_slice);
                let column = |(i, value): (usize, &Typed)| {
                    let name = format!("column{}", i + 1);
                    let not_null = rows.iter().all(|row| row[i].not_null);
                    let (stored, ty) = (name.clone(), value.ty);
                    let number = rows.iter().all(|row| is_number(&row[i]));
                    let (origin, fields) = (None, Vec::new());
                    RowColumn { name, stored, ty, not_null, number, origin, fields }
                };
                first.iter().enumerate().map(column).collect()
            }
            Self::Compound(left, _, right) => {
                let right = right.columns();
                let both = left.columns().into_iter().zip(right);
                let merge = |(l, r): (RowColumn, RowColumn)| RowColumn {
                    not_null: l.not_null && r.not_null,
                    number: l.number && r.number,
                    origin: None,
                    ..l
                };
                both.map(merge).collect()
            }
            Self::Query(rows) => rows.columns.clone(),
        }
    }

    /// It has one row at most, whatever the tables hold.
    pub(super) fn is_single(&self) -> bool {
        match self {
            Self::Select(parts) => parts.single,
            Self::Values(rows) => rows.len() < 2,
            Self::Compound(..) => false,
            Self::Query(rows) => rows.single,
        }
    }

    /// SQLite text.
    pub(super) fn sql(&self, labels: Labels) -> String {
        match self {
            Self::Select(parts) => parts.sql(labels),
            Self::Values(rows) => {
                let rows = rows.iter().map(|row| format!("({})", super::typed::list(row)));
                format!("VALUES {}", rows.collect::<Vec<_>>().join(", "))
            }
            Self::Compound(left, op, right) => {
                let columns = self.columns();
                if *op == "UNION" && columns.iter().any(|column| column.key().is_some()) {
                    let (left, right) = (left.sql(Labels::Own), right.sql(Labels::None));
                    return distinct_rows(&format!("{left} UNION ALL {right}"), &columns);
                }
                if let Some(word @ ("EXCEPT" | "INTERSECT")) = op.strip_suffix(" ALL") {
                    let names = quote::names(columns.iter().map(|c| c.stored.as_str()));
                    let (left, right) = (numbered_rows(left), numbered_rows(right));
                    return format!("SELECT {names} FROM ({left} {word} {right})");
                }
                let right = match **right {
                    Self::Compound(..) => format!("SELECT * FROM ({})", right.sql(Labels::None)),
                    _ => right.sql(Labels::None),
                };
                format!("{} {op} {right}", left.sql(labels))
            }
            Self::Query(rows) => format!("SELECT * FROM ({})", rows.sql),
        }
    }
}

/// The rows of a query, those that are equal once.
fn distinct_rows(sql: &str, columns: &[RowColumn]) -> String {
    let names = quote::names(columns.iter().map(|column| column.stored.as_str()));
    format!("SELECT {names} FROM ({sql}) GROUP BY {}", keys_of(columns))
}

/// The rows of a query, those that are equal numbered.
fn numbered_rows(body: &Body<'_>) -> String {
    let columns = body.columns();
    let names = quote::names(columns.iter().map(|column| column.stored.as_str()));
    let keys = keys_of(&columns);
    let number = format!("row_number() OVER (PARTITION BY {keys})");
    format!("SELECT {names}, {number} AS \"row:number\" FROM ({})", body.sql(Labels::Own))
}

/// What tells the rows of a query apart.
fn keys_of(columns: &[RowColumn]) -> String {
    let key = |column: &RowColumn| match column.key() {
        Some(key) => format!("{key}({})", quote::name(&column.stored)),
        None => quote::name(&column.stored),
    };
    columns.iter().map(key).collect::<Vec<_>>().join(", ")
}

impl Parts<'_> {
    /// Whether its DISTINCT must look at keys rather than at the values.
    pub(super) fn is_distinct_by_keys(&self) -> bool {
        self.distinct && self.outputs.iter().any(|o| o.column(String::new()).key().is_some())
    }

    fn sql(&self, wanted: Labels) -> String {
        if self.is_distinct_by_keys() {
            let stored = labels(self.outputs.iter().map(|output| output.name.as_str()));
            let columns = self.outputs.iter().zip(stored).map(|(o, stored)| o.column(stored));
            let columns: Vec<RowColumn> = columns.collect();
            return distinct_rows(&self.plain_sql(Labels::Own, ""), &columns);
        }
        self.plain_sql(wanted, if self.distinct { "DISTINCT " } else { "" })
    }

    fn plain_sql(&self, wanted: Labels, distinct: &str) -> String {
        let stored = match wanted {
            Labels::None => Vec::new(),
            Labels::Own => labels(self.outputs.iter().map(|output| output.name.as_str())),
        };
        let items = self.outputs.iter().enumerate().map(|(i, output)| match stored.get(i) {
            Some(label) => output.labelled(label),
            None => output.value.sql.clone(),
        });
        let items: Vec<String> = items.collect();
        // A SELECT of nothing is Postgres's, not SQLite's.
        let items = if items.is_empty() { "NULL".to_owned() } else { items.join(", ") };
        format!("SELECT {distinct}{items}{}", self.tail)
    }
}

/// The type that a column has in several rows or arms.
pub(super) fn common(construct: &'static str, types: &[ColumnType]) -> Result<ColumnType, Error> {
    let [first, rest @ ..] = types else { return Ok(ColumnType::new(Type::UNKNOWN)) };
    if rest.iter().all(|ty| ty == first) {
        return Ok(*first);
    }
    let ty = signature::common_type(types.iter().map(|ty| ty.ty)).map_err(|(left, right)| {
        let (left, right) = (left.sql_name().into_owned(), right.sql_name().into_owned());
        ErrorKind::CannotMatchTypes { construct, left, right }.at(None)
    })?;
    let shown = first.shown();
    let alike = rest.iter().all(|other| other.ty == ty && other.shown() == shown);
    Ok(if alike && first.ty == ty { first.unmodified() } else { ColumnType::new(ty) })
}
