//! `pg_constraint`: keys, foreign keys and checks.
//! <https://www.postgresql.org/docs/15/catalog-pg-constraint.html>

use super::array;
use super::class::namespace_oid;
use crate::catalog::expression::expression_text;
use crate::catalog::function::operator;
use crate::catalog::objects::{Live, RelationOids};
use crate::catalog::relation::Fill;
use crate::catalog::rowset::row;
use crate::schema::{ForeignKey, IndexOrigin, Relation};
use crate::types::{Oid, Type};

pub(in crate::catalog) fn live(live: &Live, fill: &mut Fill<'_>) {
    for (relation, oids) in live.relations() {
        keys(relation, oids, fill);
        checks(relation, fill);
        for key in &relation.foreign_keys {
            foreign_key(live, relation, key, fill);
        }
    }
}

const COLUMNS: [&str; 9] = [
    "oid",
    "conname",
    "connamespace",
    "contype",
    "convalidated",
    "conrelid",
    "conislocal",
    "connoinherit",
    "conkey",
];

/// What stands for actions where a constraint is no foreign key.
const ACTIONS: [&str; 3] = ["confupdtype", "confdeltype", "confmatchtype"];

fn keys(relation: &Relation, oids: &RelationOids, fill: &mut Fill<'_>) {
    let columns = fill.positions(COLUMNS);
    let index_column = fill.positions(["conindid"]);
    for &(i, oid) in &oids.keys {
        let Some(index) = relation.indexes.get(i) else { continue };
        let kind = if index.origin == IndexOrigin::PrimaryKey { "p" } else { "u" };
        let key = array(index.keys.iter().filter_map(|key| key.column).map(|c| c + 1));
        let (name, namespace) = (&index.shown_name, namespace_oid(relation.namespace));
        let of = relation.oid;
        let cells = row![oid, name, namespace, kind, true, of, true, true, key];
        fill.push(columns, cells);
        fill.amend(index_column, row![index.oid]);
        fill.amend(fill.positions(ACTIONS), row![" ", " ", " "]);
    }
}

fn checks(relation: &Relation, fill: &mut Fill<'_>) {
    let columns = fill.positions(COLUMNS);
    let text = fill.positions(["conbin"]);
    for check in &relation.checks {
        let key = (!check.columns.is_empty()).then(|| array(check.columns.iter().map(|c| c + 1)));
        let (name, of) = (&check.name, relation.oid);
        let namespace = namespace_oid(relation.namespace);
        let cells = row![check.oid, name, namespace, "c", true, of, true, false, key];
        fill.push(columns, cells);
        fill.amend(text, row![expression_text(relation, &check.expression)]);
        fill.amend(fill.positions(ACTIONS), row![" ", " ", " "]);
    }
}

fn foreign_key(live: &Live, relation: &Relation, key: &ForeignKey, fill: &mut Fill<'_>) {
    let columns = fill.positions(COLUMNS);
    let more = fill.positions([
        "condeferrable",
        "condeferred",
        "conindid",
        "confrelid",
        "confupdtype",
        "confdeltype",
        "confmatchtype",
        "confkey",
    ]);
    let referenced = live.schema.relation(&key.references);
    let positions: Vec<_> = referenced
        .map(|r| key.referenced_columns.iter().filter_map(|c| r.column_position(c)).collect())
        .unwrap_or_default();
    let columns_of = array(key.columns.iter().map(|c| c + 1));
    let (name, of) = (&key.name, relation.oid);
    let namespace = namespace_oid(relation.namespace);
    fill.push(columns, row![key.oid, name, namespace, "f", true, of, true, true, columns_of]);
    fill.amend(
        more,
        row![
            key.deferred,
            key.deferred,
            referenced.map_or(0, |r| unique_index(r, &positions)),
            referenced.map_or(0, |r| r.oid),
            action(&key.on_update),
            action(&key.on_delete),
            "s",
            array(positions.iter().map(|c| c + 1)),
        ],
    );
    let types = |of: &Relation, columns: &[usize]| -> Vec<Type> {
        columns.iter().filter_map(|&c| Some(of.columns.get(c)?.ty.ty)).collect()
    };
    let referenced = referenced.map_or_else(Vec::new, |r| types(r, &positions));
    let referencing = types(relation, &key.columns);
    fill.amend(
        fill.positions(["conpfeqop", "conppeqop", "conffeqop"]),
        row![
            equalities(&referenced, &referencing),
            equalities(&referenced, &referenced),
            equalities(&referencing, &referencing),
        ],
    );
}

/// The operators by which columns are found equal.
fn equalities(left: &[Type], right: &[Type]) -> String {
    let pairs = left.iter().zip(right);
    array(pairs.map(|(left, right)| {
        let found = operator::find("=", Some(&[left.0, right.0]));
        // varchar and its like are compared as text.
        found.or_else(|| operator::find("=", Some(&[Type::TEXT.0; 2]))).unwrap_or(0)
    }))
}

/// The index that makes the referenced columns a key.
pub(super) fn unique_index(relation: &Relation, columns: &[usize]) -> Oid {
    let same = |index: &&crate::schema::Index| {
        let mut keys: Vec<_> = index.keys.iter().filter_map(|key| key.column).collect();
        let mut columns = columns.to_vec();
        keys.sort_unstable();
        columns.sort_unstable();
        index.unique && index.keys.len() == columns.len() && keys == columns
    };
    relation.indexes.iter().find(same).map_or(0, |index| index.oid)
}

fn action(words: &str) -> &'static str {
    match words {
        "RESTRICT" => "r",
        "CASCADE" => "c",
        "SET NULL" => "n",
        "SET DEFAULT" => "d",
        _ => "a",
    }
}
