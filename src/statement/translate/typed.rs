//! A piece of SQLite text and what is known about its value.

use crate::types::{ColumnType, Oid, Type};
use std::borrow::Cow;

/// A translated expression.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    /// SQLite text.
    pub(super) sql: String,
    /// Its type; `UNKNOWN` while a literal or parameter waits for its context.
    pub(super) ty: ColumnType,
    /// What it is, where that matters to its context.
    pub(super) form: Form,
    /// How loosely its outermost operator binds.
    pub(super) level: Level,
    /// It is never NULL.
    pub(super) not_null: bool,
    /// The table column it is, unchanged.
    pub(super) origin: Option<Origin>,
    /// Byte offset in the statement, for messages.
    pub(super) at: Option<usize>,
}

/// What an expression is, as far as its context cares.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// Nothing special.
    Plain,
    /// The word NULL.
    Null,
    /// A string literal: its value, and its number among the statement's literals.
    Text(String, Option<usize>),
    /// A number literal: its number among the statement's literals, and whether it is negated.
    Number(Option<usize>, bool),
    /// A numeric that was an integer.
    Whole,
    /// The parameter of this index, from 0.
    Parameter(usize),
    /// `ARRAY[...]`: its elements.
    Array(Vec<Typed>),
    /// `ROW(...)` or `(a, b)`: its fields.
    Row(Vec<Typed>),
    /// A FROM item taken as a row: names and values of its columns.
    WholeRow(Vec<(String, Typed)>),
}

/// A column of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The relation's OID.
    pub(super) table: Oid,
    /// The column's number, from 1.
    pub(super) attnum: i16,
}

/// How loosely an operator binds; an operand of a looser level goes into parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// A name, a literal, a call, anything in parentheses.
    Atom,
    /// Any operator but the ones below.
    Operator,
    /// AND
    And,
    /// OR
    Or,
}

impl Typed {
    /// An atom of a type.
    pub(super) fn new(sql: impl Into<String>, ty: Type) -> Self {
        Self {
            sql: sql.into(),
            ty: ColumnType::new(ty),
            form: Form::Plain,
            level: Level::Atom,
            not_null: false,
            origin: None,
            at: None,
        }
    }

    /// An expression whose outermost part is an operator.
    pub(super) fn operator(sql: impl Into<String>, ty: Type) -> Self {
        Self { level: Level::Operator, ..Self::new(sql, ty) }
    }

    /// The word NULL.
    pub(super) fn null() -> Self {
        Self { form: Form::Null, ..Self::new("NULL", Type::UNKNOWN) }
    }

    /// The same, of another type.
    pub(super) fn with_type(self, ty: ColumnType) -> Self {
        Self { ty, ..self }
    }

    /// The same, found at an offset.
    pub(super) fn at(self, at: Option<usize>) -> Self {
        Self { at: self.at.or(at), ..self }
    }

    /// The text as an operand: in parentheses unless it is an atom.
    pub(super) fn operand(&self) -> Cow<'_, str> {
        self.within(Level::Atom)
    }

    /// The text under an operator of a level.
    pub(super) fn within(&self, level: Level) -> Cow<'_, str> {
        if self.level > level {
            Cow::Owned(format!("({})", self.sql))
        } else {
            Cow::Borrowed(&self.sql)
        }
    }

    /// It waits for its context to say its type.
    pub(super) fn is_unknown(&self) -> bool {
        self.ty.ty == Type::UNKNOWN
    }
}

/// Joins the texts of several expressions by commas.
pub(super) fn list(items: &[Typed]) -> String {
    items.iter().map(|item| item.sql.as_str()).collect::<Vec<_>>().join(", ")
}
