//! Definitions of objects in SQL that PostgreSQL accepts.
//!
//! What enters: objects of the snapshot. What leaves: what `pg_get_indexdef` and its like say,
//! laid out as Postgres lays it out, since clients take these texts apart.

use super::expression::expression_text;
use super::fixed::system_classes;
use super::objects::{INFORMATION_SCHEMA, Live, Object};
use super::relation::{table, unescape};
use super::rowset::Cell;
use crate::schema::spelling::Spelling;
use crate::schema::{
    ForeignKey, Index, IndexOrigin, Relation, Trigger, identifier, trigger_text, view_query,
};
use crate::types::Oid;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A relation's or function's name, with its namespace where that is asked for.
pub(super) fn named(name: &str, qualified: bool) -> String {
    let name = identifier(name);
    if qualified { format!("public.{name}") } else { name }
}

/// `pg_get_indexdef(oid)`
pub(super) fn index(relation: &Relation, index: &Index, layout: Layout) -> String {
    let unique = if index.unique { "UNIQUE " } else { "" };
    let keys: Vec<_> = (0..index.keys.len()).map(|i| key_with_order(relation, index, i)).collect();
    let predicate = index.predicate.as_deref().map_or(String::new(), |predicate| {
        let text = expression_text(relation, predicate);
        let text = if layout.pretty { bare(&text).to_owned() } else { in_parentheses(&text) };
        format!(" WHERE {text}")
    });
    format!(
        "CREATE {unique}INDEX {} ON {} USING btree ({}){predicate}",
        identifier(&index.shown_name),
        named(&relation.name, layout.qualified || !layout.pretty),
        keys.join(", ")
    )
}

/// `pg_get_indexdef(oid, column, pretty)`: one key, without its order.
pub(super) fn index_key(relation: &Relation, index: &Index, position: usize) -> Option<String> {
    let key = index.keys.get(position)?;
    let column = key.column.and_then(|c| relation.columns.get(c));
    Some(match (column, &key.expression) {
        (Some(column), _) => identifier(&column.name),
        (None, Some(expression)) => in_parentheses(&expression_text(relation, expression)),
        (None, None) => "ctid".to_owned(),
    })
}

/// Postgres puts parentheses around all expressions but names and calls of a function.
fn in_parentheses(text: &str) -> String {
    let name = text.split('(').next().unwrap_or_default();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let is_call = is_name && closes_at_end(&text[name.len()..]);
    if (is_name && name == text) || is_call || (text.starts_with('(') && closes_at_end(text)) {
        text.to_owned()
    } else {
        format!("({text})")
    }
}

/// An expression without the parentheses around it.
pub(super) fn bare(text: &str) -> &str {
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    inner.filter(|_| closes_at_end(text)).map_or(text, bare)
}

/// The parenthesis that opens first closes at the end.
fn closes_at_end(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut quoted = None;
    for (i, c) in text.char_indices() {
        match (quoted, c) {
            (Some(quote), c) if c == quote => quoted = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quoted = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return i + 1 == text.len();
                }
            }
            _ => {}
        }
    }
    false
}

fn key_with_order(relation: &Relation, index: &Index, position: usize) -> String {
    let key = index_key(relation, index, position).unwrap_or_default();
    let descending = index.keys.get(position).is_some_and(|key| key.descending);
    if descending { format!("{key} DESC") } else { key }
}

/// How a definition is laid out.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Names of relations and functions have their namespace.
    pub(super) qualified: bool,
    /// Parentheses stand only where they are needed.
    pub(super) pretty: bool,
}

/// `pg_get_constraintdef(oid)`
pub(super) fn constraint(live: &Live, object: Object<'_>, layout: Layout) -> Option<String> {
    match object {
        Object::Key(relation, index) => {
            let kind =
                if index.origin == IndexOrigin::PrimaryKey { "PRIMARY KEY" } else { "UNIQUE" };
            let columns = index.keys.iter().filter_map(|key| key.column);
            Some(format!("{kind} ({})", column_list(relation, columns)))
        }
        Object::Check(table, check) => {
            let text = expression_text(table, &check.expression);
            Some(if layout.pretty {
                format!("CHECK ({text})")
            } else {
                format!("CHECK (({text}))")
            })
        }
        Object::ForeignKey(table, key) => Some(foreign_key(live, table, key, layout.qualified)),
        _ => None,
    }
}

fn foreign_key(live: &Live, relation: &Relation, key: &ForeignKey, qualified: bool) -> String {
    let referenced = live.schema.relation(&key.references);
    let table = referenced.map_or(&key.references, |r| &r.name);
    let stored = |name: &String| {
        let column = referenced.and_then(|r| r.columns.get(r.column_position(name)?));
        identifier(column.map_or(name, |column| &column.name))
    };
    let columns: Vec<_> = key.referenced_columns.iter().map(stored).collect();
    let mut text = format!(
        "FOREIGN KEY ({}) REFERENCES {}({})",
        column_list(relation, key.columns.iter().copied()),
        named(table, qualified),
        columns.join(", ")
    );
    for (event, action) in [("UPDATE", &key.on_update), ("DELETE", &key.on_delete)] {
        if !action.is_empty() && action != "NO ACTION" {
            text.push_str(&format!(" ON {event} {action}"));
        }
    }
    if key.deferred {
        text.push_str(" DEFERRABLE INITIALLY DEFERRED");
    }
    text
}

fn column_list(relation: &Relation, columns: impl Iterator<Item = usize>) -> String {
    let names = columns.filter_map(|c| relation.columns.get(c)).map(|c| identifier(&c.name));
    names.collect::<Vec<_>>().join(", ")
}

/// `pg_get_triggerdef(oid)`. A body is no part of a trigger in Postgres: it is a function's.
pub(super) fn trigger(relation: &Relation, trigger: &Trigger, layout: Layout) -> String {
    let text = trigger_text(&trigger.sql);
    let name = identifier(&trigger.name);
    let of: Vec<_> = text.columns.iter().map(|column| identifier(column)).collect();
    let of = if of.is_empty() { String::new() } else { format!(" OF {}", of.join(", ")) };
    let condition = text.condition.map_or_else(String::new, |condition| {
        let text = Spelling::of_table(relation).spell(condition);
        let text = bare(&text);
        if layout.pretty { format!(" WHEN ({text})") } else { format!(" WHEN (({text}))") }
    });
    format!(
        "CREATE TRIGGER {name} {} {}{of} ON {} FOR EACH ROW{condition} EXECUTE FUNCTION {}()",
        text.timing,
        text.event,
        named(&relation.name, layout.qualified || !layout.pretty),
        named(&trigger.name, layout.qualified)
    )
}

/// `pg_get_viewdef(oid)`
pub(super) fn view(live: &Live, relation: &Relation, qualified: bool) -> String {
    let query = view_query(&relation.sql).trim_end_matches(';');
    let spelling = Spelling::of_query(&live.schema, query, relation).qualified(qualified);
    // Postgres begins with a space and ends with a semicolon, and pg_dump counts on it.
    format!(" {};", spelling.spell(query))
}

/// `pg_get_ruledef(oid)`
pub(super) fn rule(live: &Live, relation: &Relation, qualified: bool) -> String {
    rule_of(&named(&relation.name, true), &view(live, relation, qualified))
}

fn rule_of(view: &str, query: &str) -> String {
    format!("CREATE RULE \"_RETURN\" AS\n    ON SELECT TO {view} DO INSTEAD {query}")
}

/// One key of an index of a system table, counted from 1: these are columns, in parentheses at the
/// end of the definition.
pub(super) fn system_key(oid: Oid, position: usize) -> Option<&'static str> {
    let (_, keys) = system(oid)?.trim_end_matches(')').rsplit_once('(')?;
    keys.split(", ").nth(position.checked_sub(1)?)
}

/// The definition of an index or constraint of a system table.
pub(super) fn system(oid: Oid) -> Option<&'static str> {
    static DEFINITIONS: LazyLock<HashMap<Oid, &'static str>> =
        LazyLock::new(|| by_oid(include_str!("../../catalog/definitions.txt")));
    DEFINITIONS.get(&oid).copied()
}

/// The query of a system view.
pub(super) fn system_view(oid: Oid) -> Option<String> {
    static QUERIES: LazyLock<HashMap<Oid, &'static str>> =
        LazyLock::new(|| by_oid(include_str!("../../catalog/view_definitions.txt")));
    QUERIES.get(&oid).map(|text| unescape(text))
}

/// The rule that a system view is.
pub(super) fn system_rule(oid: Oid) -> Option<String> {
    let rules = table("pg_catalog.pg_rewrite")?.fixed();
    let view_of = |row: &[Cell]| match row {
        [Cell::Integer(rule), _, Cell::Integer(view), ..] if *rule == i64::from(oid) => {
            Oid::try_from(*view).ok()
        }
        _ => None,
    };
    let view = rules.rows().find_map(view_of)?;
    let (name, namespace) = system_classes().get(&view)?;
    let schema = if *namespace == INFORMATION_SCHEMA { "information_schema." } else { "" };
    Some(rule_of(&format!("{schema}{name}"), &system_view(view)?))
}

fn by_oid(lines: &'static str) -> HashMap<Oid, &'static str> {
    let fields = lines.lines().filter_map(|line| line.split_once('\t'));
    fields.filter_map(|(oid, text)| Some((oid.parse().ok()?, text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_wrapped_once() {
        assert_eq!(in_parentheses("active"), "active");
        assert_eq!(in_parentheses("lower(a)"), "lower(a)");
        assert_eq!(in_parentheses("a + b"), "(a + b)");
        assert_eq!(in_parentheses("(a + b)"), "(a + b)");
        assert_eq!(in_parentheses("(a) + (b)"), "((a) + (b))");
        assert_eq!(in_parentheses("f(a) || ')'"), "(f(a) || ')')");
    }
}
