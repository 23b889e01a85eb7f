//! `pg_depend`: what belongs to what.
//! <https://www.postgresql.org/docs/15/catalog-pg-depend.html>

use super::class::namespace_oid;
use super::constraint::unique_index;
use crate::catalog::objects::{Live, PLPGSQL, RelationOids};
use crate::catalog::relation::Fill;
use crate::catalog::rowset::row;
use crate::schema::spelling::{columns_in, relations_in};
use crate::schema::{IndexOrigin, Relation, RelationKind, Trigger, trigger_text, view_query};
use crate::types::Oid;

const PG_TYPE: Oid = 1247;
const PG_PROC: Oid = 1255;
const PG_CLASS: Oid = 1259;
const PG_ATTRDEF: Oid = 2604;
const PG_CONSTRAINT: Oid = 2606;
const PG_LANGUAGE: Oid = 2612;
const PG_NAMESPACE: Oid = 2615;
const PG_REWRITE: Oid = 2618;
const PG_TRIGGER: Oid = 2620;

/// Class, OID and column number of an object.
type Address = (Oid, Oid, usize);

pub(in crate::catalog) fn live(live: &Live, fill: &mut Fill<'_>) {
    let mut edges = Vec::new();
    for (relation, oids) in live.relations() {
        of_relation(live, relation, oids, &mut edges);
        of_indexes(relation, oids, &mut edges);
        of_constraints(live, relation, &mut edges);
    }
    let columns = fill.positions([
        "classid",
        "objid",
        "objsubid",
        "refclassid",
        "refobjid",
        "refobjsubid",
        "deptype",
    ]);
    for ((class, oid, part), (of_class, of_oid, of_part), kind) in edges {
        fill.push(columns, row![class, oid, part, of_class, of_oid, of_part, kind]);
    }
}

type Edges = Vec<(Address, Address, &'static str)>;

fn of_relation(live: &Live, relation: &Relation, oids: &RelationOids, edges: &mut Edges) {
    let this = (PG_CLASS, relation.oid, 0);
    edges.push((this, (PG_NAMESPACE, namespace_oid(relation.namespace), 0), "n"));
    edges.push(((PG_TYPE, relation.row_type, 0), this, "i"));
    edges.push(((PG_TYPE, oids.array_type, 0), (PG_TYPE, relation.row_type, 0), "i"));
    if relation.kind == RelationKind::View {
        of_view(live, relation, oids.rule, edges);
    }
    for &(column, oid) in &oids.defaults {
        let is_generated = relation.columns.get(column).is_some_and(|c| c.generated.is_some());
        let kind = if is_generated { "i" } else { "a" };
        edges.push(((PG_ATTRDEF, oid, 0), (PG_CLASS, relation.oid, column + 1), kind));
    }
    if let Some((sequence, column)) = relation.sequence.as_ref().zip(relation.rowid_alias) {
        let oid = sequence.oid;
        edges.push(((PG_CLASS, oid, 0), (PG_CLASS, relation.oid, column + 1), "i"));
        edges.push(((PG_CLASS, oid, 0), (PG_NAMESPACE, namespace_oid(relation.namespace), 0), "n"));
    }
    for (trigger, &procedure) in relation.triggers.iter().zip(&oids.procedures) {
        edges.push(((PG_TRIGGER, trigger.oid, 0), this, "a"));
        edges.push(((PG_TRIGGER, trigger.oid, 0), (PG_PROC, procedure, 0), "n"));
        for column in columns_of(relation, trigger) {
            let of = (PG_CLASS, relation.oid, column + 1);
            edges.push(((PG_TRIGGER, trigger.oid, 0), of, "n"));
        }
        edges.push(((PG_PROC, procedure, 0), (PG_LANGUAGE, PLPGSQL, 0), "n"));
        edges.push((
            (PG_PROC, procedure, 0),
            (PG_NAMESPACE, namespace_oid(relation.namespace), 0),
            "n",
        ));
    }
}

/// The columns that a trigger waits for or asks about.
fn columns_of(relation: &Relation, trigger: &Trigger) -> Vec<usize> {
    let text = trigger_text(&trigger.sql);
    let named = text.columns.iter().filter_map(|name| relation.column_position(name));
    let mut columns: Vec<_> = named
        .chain(text.condition.into_iter().flat_map(|when| columns_in(relation, when)))
        .collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// A view's rule depends on the columns that its query names, or on a relation as a whole.
fn of_view(live: &Live, view: &Relation, rule: Oid, edges: &mut Edges) {
    let this = (PG_REWRITE, rule, 0);
    edges.push((this, (PG_CLASS, view.oid, 0), "i"));
    edges.push((this, (PG_CLASS, view.oid, 0), "n"));
    let query = view_query(&view.sql);
    for relation in relations_in(&live.schema, query) {
        let columns = columns_in(relation, query);
        if columns.is_empty() {
            edges.push((this, (PG_CLASS, relation.oid, 0), "n"));
        }
        edges.extend(columns.iter().map(|c| (this, (PG_CLASS, relation.oid, c + 1), "n")));
    }
}

fn of_indexes(relation: &Relation, oids: &RelationOids, edges: &mut Edges) {
    for (i, index) in relation.indexes.iter().enumerate() {
        let columns = index.keys.iter().filter_map(|key| key.column);
        let constraint = oids.keys.iter().find(|(of, _)| *of == i).map(|(_, oid)| *oid);
        let dependent = match constraint {
            Some(oid) => {
                edges.push(((PG_CLASS, index.oid, 0), (PG_CONSTRAINT, oid, 0), "i"));
                (PG_CONSTRAINT, oid, 0)
            }
            None => (PG_CLASS, index.oid, 0),
        };
        debug_assert_eq!(constraint.is_some(), index.origin != IndexOrigin::Created);
        if index.keys.iter().all(|key| key.column.is_none()) {
            edges.push((dependent, (PG_CLASS, relation.oid, 0), "a"));
        }
        let texts = index.keys.iter().filter_map(|key| key.expression.as_ref());
        let texts = texts.chain(&index.predicate);
        let mut columns: Vec<_> =
            columns.chain(texts.flat_map(|text| columns_in(relation, text))).collect();
        columns.sort_unstable();
        columns.dedup();
        for column in columns {
            edges.push((dependent, (PG_CLASS, relation.oid, column + 1), "a"));
        }
    }
}

fn of_constraints(live: &Live, relation: &Relation, edges: &mut Edges) {
    for check in &relation.checks {
        for &column in &check.columns {
            let of = (PG_CLASS, relation.oid, column + 1);
            edges.push(((PG_CONSTRAINT, check.oid, 0), of, "a"));
            edges.push(((PG_CONSTRAINT, check.oid, 0), of, "n"));
        }
    }
    for key in &relation.foreign_keys {
        let this = (PG_CONSTRAINT, key.oid, 0);
        for &column in &key.columns {
            edges.push((this, (PG_CLASS, relation.oid, column + 1), "a"));
        }
        let Some(referenced) = live.schema.relation(&key.references) else { continue };
        let columns = key.referenced_columns.iter().filter_map(|c| referenced.column_position(c));
        let columns: Vec<_> = columns.collect();
        for column in &columns {
            edges.push((this, (PG_CLASS, referenced.oid, column + 1), "n"));
        }
        match unique_index(referenced, &columns) {
            0 => {}
            index => edges.push((this, (PG_CLASS, index, 0), "n")),
        }
    }
}
