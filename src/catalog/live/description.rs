//! `pg_description`: what SQLite has and Postgres has no column for.
//! <https://www.postgresql.org/docs/15/catalog-pg-description.html>

use crate::catalog::objects::{Live, Object};
use crate::catalog::relation::Fill;
use crate::catalog::rowset::row;
use crate::schema::token::tokens;
use crate::schema::{Index, IndexKey, Relation, RelationKind, identifier};
use crate::types::Oid;

/// `pg_class`
const CLASS: Oid = 1259;

pub(in crate::catalog) fn live(live: &Live, fill: &mut Fill<'_>) {
    let columns = fill.positions(["objoid", "classoid", "objsubid", "description"]);
    for (relation, _) in live.relations() {
        let indexes = relation.indexes.iter().map(|i| (i.oid, of_index(relation, i)));
        for (oid, text) in indexes.chain([(relation.oid, of_relation(relation))]) {
            if let Some(text) = text {
                fill.push(columns, row![oid, CLASS, 0, text]);
            }
        }
    }
}

/// The comment on a table or an index.
pub(in crate::catalog) fn of_class(live: &Live, oid: Oid) -> Option<String> {
    match live.object(oid)? {
        Object::Relation(relation) => of_relation(relation),
        Object::Index(relation, index) => of_index(relation, index),
        _ => None,
    }
}

/// A virtual table's module and its arguments.
fn of_relation(relation: &Relation) -> Option<String> {
    let using = tokens(&relation.sql).into_iter().find(|token| token.word("USING"))?;
    let text = relation.sql.get(using.start..)?.trim_end_matches([';', ' ', '\n']);
    (relation.kind == RelationKind::Virtual).then(|| format!("virtual table {text}"))
}

/// The keys that are not compared byte by byte.
fn of_index(relation: &Relation, index: &Index) -> Option<String> {
    let keys: Vec<_> = index.keys.iter().filter_map(|key| of_key(relation, key)).collect();
    (!keys.is_empty()).then(|| keys.join(", "))
}

fn of_key(relation: &Relation, key: &IndexKey) -> Option<String> {
    if key.collation.eq_ignore_ascii_case("BINARY") {
        return None;
    }
    let column = key.column.and_then(|column| relation.columns.get(column));
    let name = match (column, &key.expression) {
        (Some(column), _) => identifier(&column.name),
        (None, expression) => expression.clone()?,
    };
    Some(format!("{name} COLLATE {}", key.collation))
}
