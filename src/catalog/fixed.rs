//! Rows that are the same in every database and stand in no exported file.

use super::objects::OWNER;
use super::relation::{Fill, field_cell, table};
use super::rowset::{Cell, row};
use crate::sqlite::table::Affinity;
use crate::types::Oid;
use std::collections::HashMap;
use std::sync::LazyLock;

/// `pg_tablespace`
pub(super) fn tablespaces(fill: &mut Fill<'_>) {
    let columns = fill.positions(["oid", "spcname", "spcowner"]);
    fill.push(columns, row![1663, "pg_default", OWNER]);
    fill.push(columns, row![1664, "pg_global", OWNER]);
}

/// `pg_authid`: the roles that come with Postgres.
pub(super) fn roles(fill: &mut Fill<'_>) {
    let columns = fill.positions(["oid", "rolname", "rolinherit", "rolconnlimit"]);
    for (oid, name) in ROLES {
        fill.push(columns, row![oid, name, true, -1]);
    }
}

/// The roles that come with Postgres.
pub(super) const ROLES: [(Oid, &str); 12] = [
    (6171, "pg_database_owner"),
    (6181, "pg_read_all_data"),
    (6182, "pg_write_all_data"),
    (3373, "pg_monitor"),
    (3374, "pg_read_all_settings"),
    (3375, "pg_read_all_stats"),
    (3377, "pg_stat_scan_tables"),
    (4569, "pg_read_server_files"),
    (4570, "pg_write_server_files"),
    (4571, "pg_execute_server_program"),
    (4200, "pg_signal_backend"),
    (4544, "pg_checkpoint"),
];

/// `pg_type`: `catalog/types.txt`, whose functions are named and whose first line names columns.
pub(super) fn types(fill: &mut Fill<'_>) {
    let mut lines = TYPES.lines();
    let names: Vec<_> = lines.next().unwrap_or_default().split('\t').collect();
    let positions = names.iter().map(|name| fill.positions([name])[0]).collect::<Vec<_>>();
    let kinds: Vec<_> = names.iter().map(|name| TypeField::of(name)).collect();
    for line in lines {
        let row = fill.next_row();
        for ((field, position), kind) in line.split('\t').zip(&positions).zip(&kinds) {
            if let Some(cell) = row.get_mut(*position) {
                *cell = kind.cell(field);
            }
        }
    }
}

const TYPES: &str = include_str!("../../catalog/types.txt");

enum TypeField {
    Function,
    Truth,
    Number,
    Text,
}

impl TypeField {
    fn of(column: &str) -> Self {
        match column {
            "typinput" | "typoutput" | "typreceive" | "typsend" | "typmodin" | "typmodout"
            | "typanalyze" | "typsubscript" => Self::Function,
            "typbyval" | "typispreferred" | "typisdefined" | "typnotnull" => Self::Truth,
            "typname" | "typtype" | "typcategory" | "typdelim" | "typalign" | "typstorage"
            | "typdefaultbin" | "typdefault" | "typacl" => Self::Text,
            _ => Self::Number,
        }
    }

    fn cell(&self, field: &'static str) -> Cell {
        match self {
            Self::Function => Cell::from(function_oids().get(field).copied().unwrap_or(0)),
            Self::Truth => Cell::from(field == "t"),
            Self::Number => field_cell(field, Affinity::Integer),
            Self::Text => field_cell(field, Affinity::Text),
        }
    }
}

/// Names and namespaces of the system's own relations and indexes.
pub(super) fn system_classes() -> &'static HashMap<Oid, (String, Oid)> {
    static CLASSES: LazyLock<HashMap<Oid, (String, Oid)>> = LazyLock::new(|| {
        let rows = table("pg_catalog.pg_class").map(|table| table.fixed());
        let class = |row: &[Cell]| {
            let name = match row.get(1)? {
                Cell::Static(name) => (*name).to_owned(),
                Cell::Text(name) => name.to_string(),
                _ => return None,
            };
            let number = |i: usize| match row.get(i) {
                Some(Cell::Integer(number)) => Oid::try_from(*number).ok(),
                _ => None,
            };
            Some((number(0)?, (name, number(2)?)))
        };
        rows.iter().flat_map(|rows| rows.rows().filter_map(class)).collect()
    });
    &CLASSES
}

/// OIDs of the functions in `pg_proc` by their names; any of those that share one.
pub(super) fn function_oids() -> &'static HashMap<Box<str>, Oid> {
    static OIDS: LazyLock<HashMap<Box<str>, Oid>> = LazyLock::new(|| by_name("pg_catalog.pg_proc"));
    &OIDS
}

/// OIDs of collations by their names.
pub(super) fn collation_oids() -> &'static HashMap<Box<str>, Oid> {
    static OIDS: LazyLock<HashMap<Box<str>, Oid>> =
        LazyLock::new(|| by_name("pg_catalog.pg_collation"));
    &OIDS
}

/// OIDs of text search configurations by their names.
pub(super) fn configuration_oids() -> &'static HashMap<Box<str>, Oid> {
    static OIDS: LazyLock<HashMap<Box<str>, Oid>> =
        LazyLock::new(|| by_name("pg_catalog.pg_ts_config"));
    &OIDS
}

/// OIDs of text search dictionaries by their names.
pub(super) fn dictionary_oids() -> &'static HashMap<Box<str>, Oid> {
    static OIDS: LazyLock<HashMap<Box<str>, Oid>> =
        LazyLock::new(|| by_name("pg_catalog.pg_ts_dict"));
    &OIDS
}

/// OIDs of a relation that begins with OID and name.
fn by_name(relation: &str) -> HashMap<Box<str>, Oid> {
    let rows = table(relation).map(|table| table.fixed());
    let mut oids = HashMap::new();
    for row in rows.iter().flat_map(|rows| rows.rows()) {
        if let [Cell::Integer(oid), Cell::Static(name), ..] = row {
            oids.entry((*name).into()).or_insert(Oid::try_from(*oid).unwrap_or(0));
        }
    }
    oids
}
