//! `pg_sequence`: what counts the rowids of tables.
//! <https://www.postgresql.org/docs/15/catalog-pg-sequence.html>

use crate::catalog::objects::Live;
use crate::catalog::relation::Fill;
use crate::catalog::rowset::row;
use crate::types::Type;

pub(in crate::catalog) fn live(live: &Live, fill: &mut Fill<'_>) {
    let columns = fill.positions([
        "seqrelid",
        "seqtypid",
        "seqstart",
        "seqincrement",
        "seqmax",
        "seqmin",
        "seqcache",
    ]);
    for sequence in live.relations().filter_map(|(relation, _)| relation.sequence.as_ref()) {
        fill.push(columns, row![sequence.oid, Type::INT8.0, 1, 1, i64::MAX, 1, 1]);
    }
}
