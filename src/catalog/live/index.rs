//! `pg_index` <https://www.postgresql.org/docs/15/catalog-pg-index.html>

use super::vector;
use crate::catalog::expression::expression_text;
use crate::catalog::kind::facts;
use crate::catalog::objects::Live;
use crate::catalog::relation::{Fill, table};
use crate::catalog::rowset::{Cell, row};
use crate::schema::{Index, IndexOrigin, Relation};
use crate::types::{Oid, Type};
use std::collections::HashMap;
use std::sync::LazyLock;

const COLUMNS: [&str; 16] = [
    "indexrelid",
    "indrelid",
    "indnatts",
    "indnkeyatts",
    "indisunique",
    "indisprimary",
    "indimmediate",
    "indisvalid",
    "indisready",
    "indislive",
    "indkey",
    "indcollation",
    "indclass",
    "indoption",
    "indexprs",
    "indpred",
];

pub(in crate::catalog) fn live(live: &Live, fill: &mut Fill<'_>) {
    let columns = fill.positions(COLUMNS);
    for (relation, _) in live.relations() {
        for index in &relation.indexes {
            fill.push(columns, cells(relation, index));
        }
    }
}

fn cells(relation: &Relation, index: &Index) -> [Cell; 16] {
    let types = || index.keys.iter().map(|key| key_type(relation, key.column));
    let expressions: Vec<_> = index
        .keys
        .iter()
        .filter_map(|key| key.expression.as_deref())
        .map(|text| expression_text(relation, text))
        .collect();
    row![
        index.oid,
        relation.oid,
        index.keys.len(),
        index.keys.len(),
        index.unique,
        index.origin == IndexOrigin::PrimaryKey,
        true,
        true,
        true,
        true,
        vector(index.keys.iter().map(|key| key.column.map_or(0, |c| c + 1))),
        vector(types().map(|ty| facts(ty).collation)),
        vector(types().map(operator_class)),
        // DESC NULLS FIRST is what Postgres means by DESC.
        vector(index.keys.iter().map(|key| if key.descending { 3 } else { 0 })),
        Some(expressions.join(", ")).filter(|text| !text.is_empty()),
        index.predicate.as_deref().map(|text| expression_text(relation, text)),
    ]
}

fn key_type(relation: &Relation, column: Option<usize>) -> Type {
    column.and_then(|i| relation.columns.get(i)).map_or(Type::TEXT, |column| column.ty.ty)
}

/// The default operator class of `btree` for a type.
fn operator_class(ty: Type) -> Oid {
    let ty = if ty == Type::VARCHAR { Type::TEXT } else { ty };
    CLASSES.get(&ty.0).or_else(|| CLASSES.get(&Type::TEXT.0)).copied().unwrap_or(0)
}

/// OID, method, name, namespace, owner, family, input type, default.
static CLASSES: LazyLock<HashMap<Oid, Oid>> = LazyLock::new(|| {
    const BTREE: i64 = 403;
    let rows = table("pg_catalog.pg_opclass").map(|table| table.fixed());
    let class = |row: &[Cell]| match row {
        &[
            Cell::Integer(oid),
            Cell::Integer(BTREE),
            _,
            _,
            _,
            _,
            Cell::Integer(ty),
            Cell::Integer(1),
            ..,
        ] => Some((Oid::try_from(ty).ok()?, Oid::try_from(oid).ok()?)),
        _ => None,
    };
    rows.iter().flat_map(|rows| rows.rows().filter_map(class)).collect()
});
