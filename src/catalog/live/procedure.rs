//! Rows of `pg_proc` for what triggers run; those of Postgres's own functions are fixed.
//! <https://www.postgresql.org/docs/15/catalog-pg-proc.html>

use super::class::namespace_oid;
use crate::catalog::objects::{Live, OWNER, PLPGSQL};
use crate::catalog::procedure::body;
use crate::catalog::relation::Fill;
use crate::catalog::rowset::row;

/// The pseudo-type `trigger`.
const TRIGGER: u32 = 2279;

pub(in crate::catalog) fn live(live: &Live, fill: &mut Fill<'_>) {
    let columns = fill.positions([
        "oid",
        "proname",
        "pronamespace",
        "proowner",
        "prolang",
        "procost",
        "prokind",
        "provolatile",
        "proparallel",
        "prorettype",
        "prosrc",
    ]);
    for (relation, oids) in live.relations() {
        for (trigger, &oid) in relation.triggers.iter().zip(&oids.procedures) {
            let (name, source) = (&trigger.name, body(&live.schema, relation, trigger));
            let namespace = namespace_oid(relation.namespace);
            let cells =
                row![oid, name, namespace, OWNER, PLPGSQL, 100_i64, "f", "v", "u", TRIGGER, source];
            fill.push(columns, cells);
        }
    }
}
