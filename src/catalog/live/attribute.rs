//! `pg_attribute`: columns of tables, views, indexes and sequences.
//! <https://www.postgresql.org/docs/15/catalog-pg-attribute.html>

use crate::catalog::kind::facts;
use crate::catalog::objects::{Live, Object, has_default};
use crate::catalog::relation::Fill;
use crate::catalog::rowset::row;
use crate::schema::{Column, Index, IndexKey, Relation, RelationKind, system};
use crate::types::{Oid, Type};
use std::sync::OnceLock;

const COLUMNS: [&str; 18] = [
    "attrelid",
    "attname",
    "atttypid",
    "attstattarget",
    "attlen",
    "attnum",
    "attndims",
    "attcacheoff",
    "atttypmod",
    "attbyval",
    "attalign",
    "attstorage",
    "attnotnull",
    "atthasdef",
    "attidentity",
    "attgenerated",
    "attislocal",
    "attcollation",
];

/// Where they stand, for one row after the other.
static POSITIONS: OnceLock<[usize; COLUMNS.len()]> = OnceLock::new();

/// What varies between attributes.
struct Attribute<'a> {
    relation: Oid,
    name: &'a str,
    /// From 1; a system column's is negative.
    number: i32,
    ty: Oid,
    typmod: i32,
    not_null: bool,
    has_default: bool,
    identity: &'static str,
    generated: &'static str,
    /// Another than its type's.
    collation: Option<Oid>,
}

/// The columns every table has, with their types.
const SYSTEM: [(i32, &str, Type); 6] = [
    (-1, "ctid", Type(27)),
    (-2, "xmin", Type(28)),
    (-3, "cmin", Type(29)),
    (-4, "xmax", Type(28)),
    (-5, "cmax", Type(29)),
    (-6, "tableoid", Type::OID),
];

/// The system columns of a table.
fn of_every_table(relation: Oid, fill: &mut Fill<'_>) {
    for (number, name, ty) in SYSTEM {
        Attribute { ty: ty.0, not_null: true, ..Attribute::plain(relation, number, name) }
            .push(fill);
    }
}

pub(in crate::catalog) fn system(fill: &mut Fill<'_>) {
    for system in system::relations() {
        let types = system.attribute_types.iter().zip(&system.attribute_collations);
        let columns = system.relation.columns.iter().zip(types);
        for (number, (column, (&ty, &collation))) in (1..).zip(columns) {
            let typmod = if ty == column.ty.ty.0 { column.ty.typmod } else { -1 };
            Attribute {
                ty,
                typmod,
                not_null: column.not_null,
                collation: Some(collation),
                ..Attribute::plain(system.relation.oid, number, &column.name)
            }
            .push(fill);
        }
        if system.relation.kind == RelationKind::Table {
            of_every_table(system.relation.oid, fill);
        }
    }
}

pub(in crate::catalog) fn live(live: &Live, fill: &mut Fill<'_>) {
    for (relation, _) in live.relations() {
        of_relation(relation, fill);
        relation.indexes.iter().for_each(|index| of_index(relation, index, fill));
        relation.sequence.iter().for_each(|sequence| of_sequence(sequence.oid, fill));
    }
}

/// The attributes of one relation.
pub(in crate::catalog) fn of(live: &Live, oid: Oid, fill: &mut Fill<'_>) {
    match live.object(oid) {
        Some(Object::Relation(relation)) => of_relation(relation, fill),
        Some(Object::Index(relation, index)) => of_index(relation, index, fill),
        Some(Object::Sequence(_)) => of_sequence(oid, fill),
        _ => {}
    }
}

fn of_relation(relation: &Relation, fill: &mut Fill<'_>) {
    for (i, (number, column)) in (1..).zip(&relation.columns).enumerate() {
        Attribute {
            ty: column.ty.ty.0,
            typmod: column.ty.typmod,
            not_null: column.not_null,
            has_default: has_default(column),
            identity: if is_identity(relation, i) { "d" } else { "" },
            generated: if column.generated.is_some() { "s" } else { "" },
            ..Attribute::plain(relation.oid, number, &column.name)
        }
        .push(fill);
    }
    if relation.kind != RelationKind::View {
        of_every_table(relation.oid, fill);
    }
}

/// A rowid by another name is given by SQLite when the client gives none.
pub(crate) fn is_identity(relation: &Relation, column: usize) -> bool {
    relation.kind == RelationKind::Table && relation.rowid_alias == Some(column)
}

fn of_index(relation: &Relation, index: &Index, fill: &mut Fill<'_>) {
    for (i, (number, key)) in (1..).zip(&index.keys).enumerate() {
        let column = key.column.and_then(|c| relation.columns.get(c));
        let name = column.map_or_else(|| key_name(key, i), |column| column.name.clone());
        let ty = column.map_or(Type::TEXT, |column| column.ty.ty);
        Attribute {
            ty: ty.0,
            typmod: column.map_or(-1, |column: &Column| column.ty.typmod),
            ..Attribute::plain(index.oid, number, &name)
        }
        .push(fill);
    }
}

/// Postgres names the key of an index after the function it calls.
fn key_name(key: &IndexKey, position: usize) -> String {
    let expression = key.expression.as_deref().unwrap_or_default();
    let function = expression.split_once('(').map(|(function, _)| function.trim());
    let is_word = |f: &&str| !f.is_empty() && f.chars().all(|c| c.is_alphanumeric() || c == '_');
    match function.filter(is_word) {
        Some(function) => function.to_owned(),
        None if position == 0 => "expr".to_owned(),
        None => format!("expr{position}"),
    }
}

fn of_sequence(oid: Oid, fill: &mut Fill<'_>) {
    let columns = [("last_value", Type::INT8), ("log_cnt", Type::INT8), ("is_called", Type::BOOL)];
    for (number, (name, ty)) in (1..).zip(columns) {
        Attribute { ty: ty.0, not_null: true, ..Attribute::plain(oid, number, name) }.push(fill);
    }
    of_every_table(oid, fill);
}

impl<'a> Attribute<'a> {
    fn plain(relation: Oid, number: i32, name: &'a str) -> Self {
        Self {
            relation,
            name,
            number,
            ty: Type::TEXT.0,
            typmod: -1,
            not_null: false,
            has_default: false,
            identity: "",
            generated: "",
            collation: None,
        }
    }

    fn push(&self, fill: &mut Fill<'_>) {
        let facts = facts(Type(self.ty));
        let dimensions = i32::from(facts.category == "A");
        fill.push(
            *POSITIONS.get_or_init(|| fill.positions(COLUMNS)),
            row![
                self.relation,
                self.name.to_owned(),
                self.ty,
                -1,
                facts.length,
                self.number,
                dimensions,
                -1,
                self.typmod,
                facts.by_value,
                facts.align,
                facts.storage,
                self.not_null,
                self.has_default,
                self.identity,
                self.generated,
                true,
                self.collation.map_or(facts.collation, i64::from),
            ],
        );
    }
}
