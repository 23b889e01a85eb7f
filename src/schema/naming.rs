//! Names that Postgres would make, and OIDs.
//!
//! What enters: relations as they were read, some of their constraints without a name. What leaves:
//! the same with the names PostgreSQL gives in such a case, each relation's name once, and OIDs.

use super::oid::Oids;
use super::{IndexOrigin, Namespace, Relation, RelationKind, Sequence};
use std::collections::HashSet;

/// Gives names that Postgres would make, and OIDs.
pub(super) fn finish(relations: &mut [Relation]) {
    for relation in &mut *relations {
        relation.foreign_keys.retain(|key| key.oid != 0);
        let given = relation.foreign_keys.iter().map(|k| k.name.clone());
        let mut taken: HashSet<_> = given.filter(|n| !n.is_empty()).collect();
        let checks = relation.checks.iter().map(|check| check.name.clone());
        taken.extend(checks);
        for i in 0..relation.foreign_keys.len() {
            if relation.foreign_keys[i].name.is_empty() {
                let columns = &relation.foreign_keys[i].columns;
                let columns: Vec<_> =
                    columns.iter().map(|&c| relation.columns[c].name.clone()).collect();
                let name = unique_name(&mut taken, &relation.name, &columns, "fkey");
                relation.foreign_keys[i].name = name;
            }
        }
    }
    show_each_name_once(relations);
    assign_oids(relations);
}

/// Tables, indexes and sequences share one space of names in `pg_class`; a constraint's name need
/// not be unique in SQLite.
fn show_each_name_once(relations: &mut [Relation]) {
    let mut taken: HashSet<_> = relations.iter().map(|r| r.name.to_lowercase()).collect();
    let indexes = || relations.iter().flat_map(|r| &r.indexes);
    let created = indexes().filter(|i| i.origin == IndexOrigin::Created);
    taken.extend(created.map(|i| i.name.to_lowercase()));
    let automatic = relations.iter_mut().flat_map(|r| &mut r.indexes);
    for index in automatic.filter(|i| i.origin != IndexOrigin::Created) {
        index.shown_name = free_name(&mut taken, std::mem::take(&mut index.shown_name));
    }
    for relation in relations.iter_mut().filter(|r| r.kind == RelationKind::Table) {
        let Some(column) = relation.rowid_alias else { continue };
        let base = object_name(&relation.name, &relation.columns[column].name, "seq");
        relation.sequence = Some(Sequence { oid: 0, name: free_name(&mut taken, base) });
    }
}

/// The name, with a number if it is taken.
fn free_name(taken: &mut HashSet<String>, base: String) -> String {
    let mut name = base.clone();
    let mut count = 0;
    while !taken.insert(name.to_lowercase()) {
        count += 1;
        name = format!("{base}{count}");
    }
    name
}

fn assign_oids(relations: &mut [Relation]) {
    let mut oids = Oids::default();
    for relation in &mut *relations {
        let kind = if relation.namespace == Namespace::Temp { "temp" } else { "relation" };
        relation.oid = oids.assign(kind, &relation.name);
    }
    for relation in relations {
        let table = match relation.namespace {
            // What belongs to a temporary table is not what belongs to another of its name.
            Namespace::Temp => format!("pg_temp.{}", relation.name),
            _ => relation.name.clone(),
        };
        let mut assign = |kind, name: &str| oids.assign(kind, &format!("{table}.{name}"));
        for index in &mut relation.indexes {
            index.oid = assign("index", &index.shown_name);
        }
        for key in &mut relation.foreign_keys {
            key.oid = assign("constraint", &key.name);
        }
        for check in &mut relation.checks {
            check.oid = assign("constraint", &check.name);
        }
        for trigger in &mut relation.triggers {
            trigger.oid = assign("trigger", &trigger.name);
        }
        if let Some(sequence) = &mut relation.sequence {
            sequence.oid = oids.assign("sequence", &table);
        }
        relation.row_type = oids.assign("type", &table);
    }
}

/// `table_column_suffix`, cut to Postgres's 63 bytes, with a number if it is taken.
pub(super) fn unique_name(
    taken: &mut HashSet<String>,
    table: &str,
    columns: &[String],
    suffix: &str,
) -> String {
    let columns = columns.join("_");
    let mut suffix = suffix.to_owned();
    for count in 1.. {
        let name = object_name(table, &columns, &suffix);
        if taken.insert(name.clone()) {
            return name;
        }
        suffix = format!("{}{count}", suffix.trim_end_matches(|c: char| c.is_ascii_digit()));
    }
    suffix
}

/// Shortens the longer of the two names until all fits, as Postgres does.
fn object_name(table: &str, columns: &str, suffix: &str) -> String {
    const NAME_BYTES_MAX: usize = 63;
    let separators = if columns.is_empty() { 1 } else { 2 };
    let room = NAME_BYTES_MAX.saturating_sub(suffix.len() + separators);
    let (mut table, mut columns) = (table.to_owned(), columns.to_owned());
    while table.len() + columns.len() > room {
        let longer = if table.len() > columns.len() { &mut table } else { &mut columns };
        longer.pop();
    }
    if columns.is_empty() {
        format!("{table}_{suffix}")
    } else {
        format!("{table}_{columns}_{suffix}")
    }
}
