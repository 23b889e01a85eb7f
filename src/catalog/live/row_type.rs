//! Rows of `pg_type` for the row types of tables and views; those of Postgres's own types are fixed.
//! <https://www.postgresql.org/docs/15/catalog-pg-type.html>

use super::class::namespace_oid;
use crate::catalog::objects::{Live, OWNER};
use crate::catalog::relation::Fill;
use crate::catalog::rowset::row;

pub(in crate::catalog) fn live(live: &Live, fill: &mut Fill<'_>) {
    /// `record_in`, `record_out`, `record_recv` and `record_send`.
    const FUNCTIONS: [u32; 4] = [2290, 2291, 2402, 2403];
    /// `array_in`, `array_out`, `array_recv` and `array_send`.
    const ARRAY_FUNCTIONS: [u32; 4] = [750, 751, 2400, 2401];
    const ARRAY_ANALYZE: u32 = 3816;
    const ARRAY_SUBSCRIPT: u32 = 6179;
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
    let related = fill.positions(["typarray"]);
    let of_array = fill.positions(["typelem", "typanalyze", "typsubscript"]);
    for (relation, oids) in live.relations() {
        let namespace = namespace_oid(relation.namespace);
        let (oid, name, of) = (relation.row_type, &relation.name, relation.oid);
        let cells = row![oid, name, namespace, OWNER, -1, "c", "C", true, ",", of, "d", "x", -1];
        fill.push(columns, cells);
        fill.amend(functions, FUNCTIONS.map(Into::into));
        fill.amend(related, row![oids.array_type]);
        let (array, name) = (oids.array_type, array_name(name));
        let cells = row![array, name, namespace, OWNER, -1, "b", "A", true, ",", 0, "d", "x", -1];
        fill.push(columns, cells);
        fill.amend(functions, ARRAY_FUNCTIONS.map(Into::into));
        fill.amend(of_array, row![oid, ARRAY_ANALYZE, ARRAY_SUBSCRIPT]);
    }
}

/// Postgres puts a line before the name, and keeps to its 63 bytes.
fn array_name(name: &str) -> String {
    const NAME_BYTES_MAX: usize = 63;
    let mut array = format!("_{name}");
    while array.len() > NAME_BYTES_MAX {
        array.pop();
    }
    array
}
