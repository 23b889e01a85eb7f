//! The rows of `pg_type`, as PostgreSQL 15 ships them: what a type is called, how wide it is, and
//! which array goes with it.
//!
//! What enters: `catalog/types.txt`, `COPY (SELECT * FROM pg_type ORDER BY oid) TO STDOUT WITH
//! (HEADER)`. What leaves: answers about a [`Type`].
//! <https://www.postgresql.org/docs/15/catalog-pg-type.html>

use super::{Oid, Type};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

/// `catalog/types.txt`: a header line, then one line for each row in COPY's text format.
pub const TYPES_TXT: &str = include_str!("../../catalog/types.txt");

/// One row of `pg_type`, the columns that matter outside the catalog.
#[derive(Clone, Copy, Debug)]
pub struct TypeRow {
    /// `oid`
    pub oid: Oid,
    /// `typname`
    pub name: &'static str,
    /// `typlen`: bytes, -1 for a variable length, -2 for a C string.
    pub size: i16,
    /// `typtype`: `b` base, `c` composite, `d` domain, `p` pseudo, `r` range, `m` multirange.
    pub kind: char,
    /// `typcategory`
    pub category: char,
    /// `typispreferred`
    pub preferred: bool,
    /// `typdelim`
    pub delimiter: char,
    /// `typelem`; 0 for none.
    pub element: Oid,
    /// `typarray`; 0 for none.
    pub array: Oid,
    /// `typbasetype`; 0 for none.
    pub base: Oid,
    /// It subscripts as an array: `typsubscript` is `array_subscript_handler`.
    pub subscripts: bool,
}

impl Type {
    /// The row of `pg_type`.
    #[must_use]
    pub fn row(self) -> Option<&'static TypeRow> {
        TABLE.by_oid.get(&self.0)
    }

    /// `typname`; `unknown` for an OID Postgres does not ship.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("unknown", |row| row.name)
    }

    /// The type's name as SQL says it: `integer` for `int4`, `integer[]` for its array.
    #[must_use]
    pub fn sql_name(self) -> Cow<'static, str> {
        match self.element() {
            Some(element) => Cow::Owned(format!("{}[]", element.scalar_sql_name())),
            None => Cow::Borrowed(self.scalar_sql_name()),
        }
    }

    /// [`Type::sql_name`] of a type that is no array.
    pub(super) fn scalar_sql_name(self) -> &'static str {
        let name = self.name();
        SQL_NAMES.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long)
    }

    /// The type of arrays of this type.
    #[must_use]
    pub fn array(self) -> Option<Self> {
        self.row().filter(|row| row.array != 0).map(|row| Self(row.array))
    }

    /// The type of an array's elements; `None` for a type that is no true array (`int2vector` and
    /// `oidvector` are none).
    #[must_use]
    pub fn element(self) -> Option<Self> {
        self.row().filter(|row| row.element != 0 && row.is_array()).map(|row| Self(row.element))
    }

    /// `typlen`: bytes, or -1.
    #[must_use]
    pub fn size(self) -> i16 {
        self.row().map_or(-1, |row| row.size)
    }

    /// `typcategory`: `N` numeric, `S` string, `D` date and time, `B` boolean, `A` array ...
    #[must_use]
    pub fn category(self) -> char {
        self.row().map_or('X', |row| row.category)
    }

    /// `typispreferred`: the type others of its category are converted to.
    #[must_use]
    pub fn is_preferred(self) -> bool {
        self.row().is_some_and(|row| row.preferred)
    }

    /// Finds a type by its `typname` or by the name SQL gives it, with or without `[]`; in lower
    /// case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if let Some(element) = name.strip_suffix("[]") {
            return Self::from_name(element.trim_end_matches("[]").trim_end())?.array();
        }
        let short =
            SQL_NAMES.iter().find(|(_, long)| *long == name).map_or(name, |(short, _)| short);
        let alias = ALIASES.iter().find(|(alias, _)| *alias == short).map_or(short, |(_, to)| to);
        TABLE.by_name.get(alias).map(|&oid| Self(oid))
    }
}

impl TypeRow {
    /// All rows, in the order of their OIDs.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        TABLE.order.iter().filter_map(|oid| TABLE.by_oid.get(oid))
    }

    /// The two vectors subscript as arrays do, but their text form is their own.
    fn is_array(&self) -> bool {
        self.subscripts && ![Type::INT2VECTOR.0, Type::OIDVECTOR.0].contains(&self.oid)
    }

    fn parse(line: &'static str) -> Option<Self> {
        let fields: Vec<&'static str> = line.split('\t').collect();
        let letter = |i: usize| fields.get(i).and_then(|f| f.chars().next());
        let number = |i: usize| fields.get(i).and_then(|f| f.parse::<Oid>().ok());
        Some(Self {
            oid: number(0)?,
            name: fields.get(1)?,
            size: fields.get(4)?.parse().ok()?,
            kind: letter(6)?,
            category: letter(7)?,
            preferred: letter(8)? == 't',
            delimiter: letter(10)?,
            subscripts: *fields.get(12)? == "array_subscript_handler",
            element: number(13)?,
            array: number(14)?,
            base: number(25)?,
        })
    }
}

struct Table {
    by_oid: HashMap<Oid, TypeRow>,
    by_name: HashMap<&'static str, Oid>,
    order: Vec<Oid>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let rows: Vec<TypeRow> = TYPES_TXT.lines().skip(1).filter_map(TypeRow::parse).collect();
    Table {
        by_name: rows.iter().map(|row| (row.name, row.oid)).collect(),
        order: rows.iter().map(|row| row.oid).collect(),
        by_oid: rows.into_iter().map(|row| (row.oid, row)).collect(),
    }
});

/// Types whose SQL name is not their `typname`, as `format_type` has it.
const SQL_NAMES: &[(&str, &str)] = &[
    ("bool", "boolean"),
    ("int2", "smallint"),
    ("int4", "integer"),
    ("int8", "bigint"),
    ("float4", "real"),
    ("float8", "double precision"),
    ("varchar", "character varying"),
    ("bpchar", "character"),
    ("char", "\"char\""),
    ("time", "time without time zone"),
    ("timetz", "time with time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timestamptz", "timestamp with time zone"),
    ("varbit", "bit varying"),
];

/// Further words of the grammar.
const ALIASES: &[(&str, &str)] =
    &[("int", "int4"), ("decimal", "numeric"), ("dec", "numeric"), ("float", "float8")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for (name, ty) in [
            ("integer", Type::INT4),
            ("int4", Type::INT4),
            ("timestamp with time zone", Type::TIMESTAMPTZ),
            ("decimal", Type::NUMERIC),
            ("jsonb", Type::JSONB),
        ] {
            assert_eq!(Type::from_name(name), Some(ty), "{name}");
        }
        assert_eq!(Type::from_name("integer[]"), Some(Type(1007)));
        assert_eq!(Type(1007).sql_name(), "integer[]");
        assert_eq!(Type::from_name("nonsense"), None);
    }

    #[test]
    fn arrays_know_their_elements() {
        for row in TypeRow::all() {
            if row.array != 0 {
                assert_eq!(Type(row.array).element(), Some(Type(row.oid)), "{}", row.name);
            }
        }
        assert_eq!(Type(22).element(), None, "int2vector is no true array");
        assert_eq!(Type::NAME.element(), None, "name subscripts but is no array");
        assert_eq!(TypeRow::all().count(), TYPES_TXT.lines().count() - 1);
    }
}
