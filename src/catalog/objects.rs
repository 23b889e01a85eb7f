//! The objects Postgres would have for a schema, with their OIDs.
//!
//! What enters: a schema snapshot. What leaves: the objects that clients expect and SQLite does not
//! know as such (constraints of keys, defaults, rules, sequences, row types), and a way from any
//! OID to its object. Made once per snapshot and kept with it.

use super::relation::TABLES;
use super::rowset::RowSet;
use crate::schema::{
    Check, Column, ForeignKey, Index, IndexOrigin, Oids, Relation, RelationKind, Schema, Trigger,
};
use crate::types::Oid;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// OID of the namespace `pg_catalog`.
pub(super) const PG_CATALOG: Oid = 11;
/// OID of the namespace `public`.
pub(super) const PUBLIC: Oid = 2200;
/// OID of the namespace of the session's temporary tables.
pub(super) const TEMP: Oid = crate::schema::FIRST_USER_OID;
/// OID of the namespace `information_schema`.
pub(super) const INFORMATION_SCHEMA: Oid = 13_207;
/// OID of the role that owns everything.
pub(super) const OWNER: Oid = 10;

/// OID of the role `pg_database_owner`.
pub(super) const DATABASE_OWNER: Oid = 6171;
/// OID of the language `plpgsql`.
pub(super) const PLPGSQL: Oid = 13_563;

/// What a snapshot's objects are called in the catalog.
#[derive(Debug)]
pub(super) struct Objects {
    /// In the order of the schema's relations.
    pub(super) relations: Vec<RelationOids>,
    by_oid: HashMap<Oid, Place>,
    /// Indexes by name, in lower case.
    indexes: HashMap<String, Oid>,
    /// Rows made of the snapshot, in the order of [`TABLES`].
    pub(super) sets: Vec<OnceLock<Arc<RowSet>>>,
}

/// OIDs of what belongs to a relation, beyond those of the snapshot.
#[derive(Debug, Default)]
pub(super) struct RelationOids {
    /// The array of the row type.
    pub(super) array_type: Oid,
    /// The rule of a view.
    pub(super) rule: Oid,
    /// Column and its `pg_attrdef`.
    pub(super) defaults: Vec<(usize, Oid)>,
    /// Index and the constraint it is of.
    pub(super) keys: Vec<(usize, Oid)>,
    /// What the triggers run, in their order.
    pub(super) procedures: Vec<Oid>,
}

/// Where an object is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Relation(usize),
    Sequence(usize),
    RowType(usize),
    ArrayType(usize),
    Rule(usize),
    Index(usize, usize),
    Key(usize, usize),
    ForeignKey(usize, usize),
    Check(usize, usize),
    Trigger(usize, usize),
    Procedure(usize, usize),
    Default(usize, usize),
}

/// An object of the snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) enum Object<'a> {
    Relation(&'a Relation),
    /// The sequence of this table's rowid.
    Sequence(&'a Relation),
    RowType(&'a Relation),
    /// The array of its row type.
    ArrayType(&'a Relation),
    Rule(&'a Relation),
    Index(&'a Relation, &'a Index),
    /// The constraint behind an index.
    Key(&'a Relation, &'a Index),
    ForeignKey(&'a Relation, &'a ForeignKey),
    Check(&'a Relation, &'a Check),
    Trigger(&'a Relation, &'a Trigger),
    /// What a trigger runs: a function to Postgres.
    Procedure(&'a Relation, &'a Trigger),
    /// The default or generation expression of a column.
    Default(&'a Relation, &'a Column),
}

/// A snapshot and its objects.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) schema: Arc<Schema>,
    pub(super) objects: Arc<Objects>,
}

impl Live {
    pub(super) fn new(schema: Arc<Schema>) -> Self {
        // A snapshot keeps no other room's rows, so there always is one.
        let objects = schema.derived(|| Objects::new(&schema)).unwrap_or_default();
        Self { schema, objects }
    }

    /// The relations clients see, with their OIDs.
    pub(super) fn relations(&self) -> impl Iterator<Item = (&Relation, &RelationOids)> {
        let all = self.schema.relations.iter().zip(&self.objects.relations);
        all.filter(|(relation, _)| is_shown(relation))
    }

    /// The object with that OID.
    pub(super) fn object(&self, oid: Oid) -> Option<Object<'_>> {
        let place = *self.objects.by_oid.get(&oid)?;
        let r = |i: usize| self.schema.relations.get(i);
        Some(match place {
            Place::Relation(i) => Object::Relation(r(i)?),
            Place::Sequence(i) => Object::Sequence(r(i)?),
            Place::RowType(i) => Object::RowType(r(i)?),
            Place::ArrayType(i) => Object::ArrayType(r(i)?),
            Place::Rule(i) => Object::Rule(r(i)?),
            Place::Index(i, at) => Object::Index(r(i)?, r(i)?.indexes.get(at)?),
            Place::Key(i, at) => Object::Key(r(i)?, r(i)?.indexes.get(at)?),
            Place::ForeignKey(i, at) => Object::ForeignKey(r(i)?, r(i)?.foreign_keys.get(at)?),
            Place::Check(i, at) => Object::Check(r(i)?, r(i)?.checks.get(at)?),
            Place::Trigger(i, at) => Object::Trigger(r(i)?, r(i)?.triggers.get(at)?),
            Place::Procedure(i, at) => Object::Procedure(r(i)?, r(i)?.triggers.get(at)?),
            Place::Default(i, at) => Object::Default(r(i)?, r(i)?.columns.get(at)?),
        })
    }

    /// The OIDs that belong to a relation of the snapshot.
    pub(super) fn oids_of(&self, relation: &Relation) -> Option<&RelationOids> {
        match self.objects.by_oid.get(&relation.oid)? {
            Place::Relation(i) => self.objects.relations.get(*i),
            _ => None,
        }
    }

    /// The OID in `pg_class` of a table, view, index or sequence of this name.
    pub(super) fn class_oid(&self, name: &str) -> Option<Oid> {
        if let Some(relation) = self.schema.relation(name) {
            return Some(relation.oid);
        }
        if let Some(table) = self.schema.table_of_sequence(name) {
            return table.sequence.as_ref().map(|sequence| sequence.oid);
        }
        self.objects.indexes.get(&name.to_ascii_lowercase()).copied()
    }
}

impl Live {
    /// The OID in `pg_proc` of what the trigger of this name runs.
    pub(super) fn procedure_oid(&self, name: &str) -> Option<Oid> {
        self.relations().find_map(|(relation, oids)| {
            let same = |trigger: &Trigger| trigger.name.eq_ignore_ascii_case(name);
            oids.procedures.get(relation.triggers.iter().position(same)?).copied()
        })
    }
}

impl Default for Objects {
    fn default() -> Self {
        Self::new(&Schema::default())
    }
}

impl Objects {
    fn new(schema: &Schema) -> Self {
        let mut oids = reserved(schema);
        let mut by_name: Vec<_> = schema.relations.iter().enumerate().collect();
        by_name.sort_by_key(|(_, relation)| relation.name.to_ascii_lowercase());
        let mut relations: Vec<_> =
            schema.relations.iter().map(|_| RelationOids::default()).collect();
        for (i, relation) in by_name {
            relations[i] = RelationOids::new(relation, &mut oids);
        }
        let mut objects = Self {
            relations,
            by_oid: HashMap::new(),
            indexes: HashMap::new(),
            sets: TABLES.iter().map(|_| OnceLock::new()).collect(),
        };
        for (i, relation) in schema.relations.iter().enumerate() {
            objects.place(i, relation);
        }
        objects
    }

    fn place(&mut self, i: usize, relation: &Relation) {
        let oids = &self.relations[i];
        let all = &mut self.by_oid;
        all.insert(relation.oid, Place::Relation(i));
        all.insert(relation.row_type, Place::RowType(i));
        all.insert(oids.array_type, Place::ArrayType(i));
        all.insert(oids.rule, Place::Rule(i));
        all.extend(relation.sequence.as_ref().map(|sequence| (sequence.oid, Place::Sequence(i))));
        all.extend(oids.defaults.iter().map(|&(at, oid)| (oid, Place::Default(i, at))));
        let enumerated = oids.procedures.iter().enumerate();
        all.extend(enumerated.map(|(at, &oid)| (oid, Place::Procedure(i, at))));
        all.extend(oids.keys.iter().map(|&(at, oid)| (oid, Place::Key(i, at))));
        let enumerated = relation.indexes.iter().enumerate();
        all.extend(enumerated.map(|(at, x)| (x.oid, Place::Index(i, at))));
        let shown = relation.indexes.iter().filter(|_| is_shown(relation));
        self.indexes.extend(shown.map(|x| (x.shown_name.to_ascii_lowercase(), x.oid)));
        let enumerated = relation.foreign_keys.iter().enumerate();
        all.extend(enumerated.map(|(at, x)| (x.oid, Place::ForeignKey(i, at))));
        let enumerated = relation.checks.iter().enumerate();
        all.extend(enumerated.map(|(at, x)| (x.oid, Place::Check(i, at))));
        let enumerated = relation.triggers.iter().enumerate();
        all.extend(enumerated.map(|(at, x)| (x.oid, Place::Trigger(i, at))));
    }
}

impl RelationOids {
    fn new(relation: &Relation, oids: &mut Oids) -> Self {
        // What has no OID in the snapshot is known by its relation's.
        let name = &relation.oid.to_string();
        let mut of_part = |kind, part: &str| oids.assign(kind, &format!("{name}.{part}"));
        let defaults = relation.columns.iter().enumerate().filter(|(_, c)| has_default(c));
        let defaults = defaults.map(|(i, c)| (i, of_part("default", &c.name))).collect();
        let keys = relation.indexes.iter().enumerate();
        let keys = keys.filter(|(_, index)| index.origin != IndexOrigin::Created);
        let keys = keys.map(|(i, index)| (i, of_part("constraint", &index.shown_name))).collect();
        let triggers = relation.triggers.iter();
        let procedures = triggers.map(|trigger| oids.assign("function", &trigger.name)).collect();
        Self {
            array_type: oids.assign("array", name),
            rule: oids.assign("rule", name),
            defaults,
            keys,
            procedures,
        }
    }
}

/// The OIDs that the snapshot gave out.
fn reserved(schema: &Schema) -> Oids {
    let mut oids = Oids::default();
    for relation in &schema.relations {
        oids.reserve(relation.oid);
        oids.reserve(relation.row_type);
        relation.indexes.iter().for_each(|x| oids.reserve(x.oid));
        relation.foreign_keys.iter().for_each(|x| oids.reserve(x.oid));
        relation.checks.iter().for_each(|x| oids.reserve(x.oid));
        relation.triggers.iter().for_each(|x| oids.reserve(x.oid));
        relation.sequence.iter().for_each(|x| oids.reserve(x.oid));
    }
    oids
}

/// Tables that hold a virtual table's data are no business of clients.
pub(super) fn is_shown(relation: &Relation) -> bool {
    relation.kind != RelationKind::Shadow
}

/// The column has a row in `pg_attrdef`.
pub(super) fn has_default(column: &Column) -> bool {
    let is_null = |default: &String| default.trim().eq_ignore_ascii_case("null");
    column.generated.is_some() || column.default.as_ref().is_some_and(|d| !is_null(d))
}
