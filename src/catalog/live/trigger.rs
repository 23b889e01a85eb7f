//! `pg_trigger` and `pg_rewrite`: what happens beside the statement itself.
//! <https://www.postgresql.org/docs/15/catalog-pg-trigger.html>

use super::vector;
use crate::catalog::objects::Live;
use crate::catalog::relation::Fill;
use crate::catalog::rowset::row;
use crate::schema::spelling::Spelling;
use crate::schema::{RelationKind, TriggerText, trigger_text, view_query};

pub(in crate::catalog) fn live(live: &Live, fill: &mut Fill<'_>) {
    let columns = fill.positions([
        "oid",
        "tgrelid",
        "tgname",
        "tgfoid",
        "tgtype",
        "tgenabled",
        "tgattr",
        "tgqual",
    ]);
    for (relation, oids) in live.relations() {
        for (trigger, &procedure) in relation.triggers.iter().zip(&oids.procedures) {
            let text = trigger_text(&trigger.sql);
            let condition = text.condition.map(|when| Spelling::of_table(relation).spell(when));
            let of = text.columns.iter().filter_map(|name| relation.column_position(name));
            let of = vector(of.map(|column| column + 1));
            let (oid, name) = (trigger.oid, &trigger.name);
            let cells = row![oid, relation.oid, name, procedure, kind(&text), "O", of, condition];
            fill.push(columns, cells);
        }
    }
}

/// `tgtype`: SQLite's triggers are all FOR EACH ROW.
fn kind(text: &TriggerText<'_>) -> i32 {
    let timing = match text.timing {
        "BEFORE" => 2,
        "INSTEAD OF" => 64,
        _ => 0,
    };
    let event = match text.event {
        "INSERT" => 4,
        "DELETE" => 8,
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
