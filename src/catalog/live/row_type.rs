//! Rows of `pg_type` for the row types of tables and views; those of Postgres's own types are fixed.
//! <https://www.postgresql.org/docs/15/catalog-pg-type.html>

use crate::catalog::objects::{Live, OWNER, PUBLIC};
use crate::catalog::relation::Fill;
use crate::catalog::rowset::row;

pub(in crate::catalog) fn live(live: &Live, fill: &mut Fill<'_>) {
    /// `record_in`, `record_out`, `record_recv` and `record_send`.
    const FUNCTIONS: [u32; 4] = [2290, 2291, 2402, 2403];
    let columns = fill.positions([
        "oid",
        "typname",
        "typnamespace",
        "typowner",
        "typlen",
        "typtype",
        "typcategory",
        "typisdefined",
        "typdelim",
        "typrelid",
        "typalign",
        "typstorage",
        "typtypmod",
    ]);
    let functions = fill.positions(["typinput", "typoutput", "typreceive", "typsend"]);
    for (relation, oids) in live.relations() {
        let (oid, name, of) = (oids.row_type, &relation.name, relation.oid);
        let cells = row![oid, name, PUBLIC, OWNER, -1, "c", "C", true, ",", of, "d", "x", -1];
        fill.push(columns, cells);
        fill.amend(functions, FUNCTIONS.map(Into::into));
    }
}
