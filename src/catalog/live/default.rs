//! `pg_attrdef`: defaults and generation expressions.
//! <https://www.postgresql.org/docs/15/catalog-pg-attrdef.html>

use crate::catalog::expression::default_text;
use crate::catalog::objects::Live;
use crate::catalog::relation::Fill;
use crate::catalog::rowset::row;

pub(in crate::catalog) fn live(live: &Live, fill: &mut Fill<'_>) {
    let columns = fill.positions(["oid", "adrelid", "adnum", "adbin"]);
    for (relation, oids) in live.relations() {
        for &(i, oid) in &oids.defaults {
            let text = relation.columns.get(i).map(|column| default_text(relation, column));
            fill.push(columns, row![oid, relation.oid, i + 1, text]);
        }
    }
}
