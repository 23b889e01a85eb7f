//! `pg_trigger` and `pg_rewrite`: what happens beside the statement itself.
//! <https://www.postgresql.org/docs/15/catalog-pg-trigger.html>

use crate::catalog::objects::Live;
use crate::catalog::relation::Fill;
use crate::catalog::rowset::row;
use crate::schema::{RelationKind, trigger_events, view_query};

pub(in crate::catalog) fn live(live: &Live, fill: &mut Fill<'_>) {
    let columns = fill.positions(["oid", "tgrelid", "tgname", "tgtype", "tgenabled"]);
    for (relation, _) in live.relations() {
        for trigger in &relation.triggers {
            let kind = kind(&trigger.sql);
            fill.push(columns, row![trigger.oid, relation.oid, &trigger.name, kind, "O"]);
        }
    }
}

/// `tgtype`: SQLite's triggers are all FOR EACH ROW.
fn kind(sql: &str) -> i32 {
    let (timing, event) = trigger_events(sql);
    let timing = match timing {
        "BEFORE" => 2,
        "INSTEAD OF" => 64,
        _ => 0,
    };
    let event = match event.split(' ').next() {
        Some("INSERT") => 4,
        Some("DELETE") => 8,
        _ => 16,
    };
    1 | timing | event
}

/// `pg_rewrite`: a view is a rule.
pub(in crate::catalog) fn rules(live: &Live, fill: &mut Fill<'_>) {
    let columns = fill.positions([
        "oid",
        "rulename",
        "ev_class",
        "ev_type",
        "ev_enabled",
        "is_instead",
        "ev_qual",
        "ev_action",
    ]);
    for (relation, oids) in live.relations() {
        if relation.kind == RelationKind::View {
            let query = view_query(&relation.sql).to_owned();
            let cells = row![oids.rule, "_RETURN", relation.oid, "1", "O", true, "<>", query];
            fill.push(columns, cells);
        }
    }
}
