//! `pg_sequence`: the counters of AUTOINCREMENT columns.
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
    for oid in live.relations().filter_map(|(_, oids)| oids.sequence) {
        fill.push(columns, row![oid, Type::INT8.0, 1, 1, i64::MAX, 1, 1]);
    }
}
