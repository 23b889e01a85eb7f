//! `pg_class`: tables, views, indexes and sequences.
//! <https://www.postgresql.org/docs/15/catalog-pg-class.html>

use crate::catalog::objects::{INFORMATION_SCHEMA, Live, OWNER, PG_CATALOG, PUBLIC, TEMP};
use crate::catalog::relation::{Fill, table};
use crate::catalog::rowset::{Cell, row};
use crate::schema::{Namespace, Relation, RelationKind, system};
use crate::types::Oid;
use std::collections::HashSet;

/// `relam`: the access methods `heap` and `btree`.
const HEAP: Oid = 2;
const BTREE: Oid = 403;

const COLUMNS: [&str; 17] = [
    "oid",
    "relname",
    "relnamespace",
    "reltype",
    "relowner",
    "relam",
    "relfilenode",
    "reltuples",
    "relhasindex",
    "relpersistence",
    "relkind",
    "relnatts",
    "relchecks",
    "relhasrules",
    "relhastriggers",
    "relispopulated",
    "relreplident",
];

/// The OID of a namespace.
pub(crate) fn namespace_oid(namespace: Namespace) -> Oid {
    match namespace {
        Namespace::Catalog => PG_CATALOG,
        Namespace::InformationSchema => INFORMATION_SCHEMA,
        Namespace::Public => PUBLIC,
        Namespace::Temp => TEMP,
    }
}

pub(in crate::catalog) fn system(fill: &mut Fill<'_>) {
    let columns = fill.positions(COLUMNS);
    let space = fill.positions(["reltablespace", "relisshared"]);
    let with_index = tables_with_an_index();
    for system in system::relations() {
        let relation = &system.relation;
        let is_table = relation.kind == RelationKind::Table;
        fill.push(
            columns,
            row![
                relation.oid,
                &relation.name,
                namespace_oid(relation.namespace),
                relation.row_type,
                OWNER,
                if is_table { HEAP } else { 0 },
                if is_table { relation.oid } else { 0 },
                -1_i64,
                with_index.contains(&relation.oid),
                "p",
                if is_table { "r" } else { "v" },
                relation.columns.len(),
                0,
                !is_table,
                false,
                true,
                "n",
            ],
        );
        fill.amend(space, row![system.tablespace, system.tablespace != 0]);
    }
}

pub(in crate::catalog) fn live(live: &Live, fill: &mut Fill<'_>) {
    tables_and_views(live, fill);
    indexes(live, fill);
    sequences(live, fill);
}

fn tables_and_views(live: &Live, fill: &mut Fill<'_>) {
    let columns = fill.positions(COLUMNS);
    let referenced = referenced(live);
    for (relation, _) in live.relations() {
        // Postgres enforces foreign keys by triggers on both tables.
        let has_triggers = !relation.triggers.is_empty()
            || !relation.foreign_keys.is_empty()
            || referenced.contains(&relation.oid);
        let is_view = relation.kind == RelationKind::View;
        let tuples = relation.row_estimate.and_then(|count| i64::try_from(count).ok());
        fill.push(
            columns,
            row![
                relation.oid,
                &relation.name,
                namespace_oid(relation.namespace),
                relation.row_type,
                OWNER,
                if is_view { 0 } else { HEAP },
                if is_view { 0 } else { relation.oid },
                tuples.unwrap_or(-1),
                !relation.indexes.is_empty(),
                persistence(relation),
                if is_view { "v" } else { "r" },
                relation.columns.len(),
                relation.checks.len(),
                is_view,
                has_triggers,
                true,
                if is_view { "n" } else { "d" },
            ],
        );
    }
}

/// The system's tables that have an index.
fn tables_with_an_index() -> HashSet<Oid> {
    let rows = table("pg_catalog.pg_index").map(|table| table.fixed());
    let of = |row: &[Cell]| match row {
        [_, Cell::Integer(table), ..] => Oid::try_from(*table).ok(),
        _ => None,
    };
    rows.iter().flat_map(|rows| rows.rows().filter_map(of)).collect()
}

/// Permanent, or of the session.
fn persistence(relation: &Relation) -> &'static str {
    if relation.namespace == Namespace::Temp { "t" } else { "p" }
}

/// The tables that foreign keys refer to.
fn referenced(live: &Live) -> HashSet<Oid> {
    let keys = live.relations().flat_map(|(relation, _)| &relation.foreign_keys);
    keys.filter_map(|key| Some(live.schema.relation(&key.references)?.oid)).collect()
}

fn indexes(live: &Live, fill: &mut Fill<'_>) {
    let columns = fill.positions(COLUMNS);
    let tables = live.relations().map(|(relation, _)| relation);
    for (table, index) in tables.flat_map(|t| t.indexes.iter().map(move |index| (t, index))) {
        let tuples = table.row_estimate.and_then(|count| i64::try_from(count).ok());
        fill.push(
            columns,
            row![
                index.oid,
                &index.shown_name,
                namespace_oid(table.namespace),
                0,
                OWNER,
                BTREE,
                index.oid,
                tuples.unwrap_or(0),
                false,
                persistence(table),
                "i",
                index.keys.len(),
                0,
                false,
                false,
                true,
                "n",
            ],
        );
    }
}

fn sequences(live: &Live, fill: &mut Fill<'_>) {
    let columns = fill.positions(COLUMNS);
    let tables = live.relations().map(|(relation, _)| relation);
    for (table, sequence) in tables.filter_map(|t| Some((t, t.sequence.as_ref()?))) {
        let (oid, name, namespace) = (sequence.oid, &sequence.name, namespace_oid(table.namespace));
        fill.push(
            columns,
            row![
                oid,
                name,
                namespace,
                0,
                OWNER,
                0,
                oid,
                1,
                false,
                persistence(table),
                "S",
                3,
                0,
                false,
                false,
                true,
                "n",
            ],
        );
    }
}
