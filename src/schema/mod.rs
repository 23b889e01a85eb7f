//! A SQLite file's schema as an immutable snapshot, shared by all sessions of that file.
//!
//! What enters: `sqlite_schema` and the schema pragmas of one connection. What leaves: relations,
//! columns, keys and indexes with their OIDs, one snapshot per schema version.

mod ddl;
mod declared;
mod edit;
mod identity;
mod load;
mod naming;
mod oid;
pub(crate) mod spelling;
pub mod system;
pub(crate) mod token;

pub use ddl::{TriggerText, trigger as trigger_text, view_query};
pub use declared::column_type;
pub use edit::{Change, Key, KeyKind, changed};
pub use load::{Reader, load};
pub use oid::{FIRST_USER_OID, Oids};
pub use token::identifier;

use crate::types::{ColumnType, Oid};
use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// The Postgres namespace a relation lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Namespace {
    /// `public`: SQLite's `main`.
    Public,
    /// `pg_temp`: SQLite's `temp`.
    Temp,
    /// `pg_catalog`, OID 11.
    Catalog,
    /// `information_schema`
    InformationSchema,
}

/// What Postgres would call the schema of a session's temporary tables; `pg_temp` means it too.
pub const TEMP_NAME: &str = "pg_temp_1";

/// One file's schema at one schema version.
#[derive(Debug, Default)]
pub struct Schema {
    /// What tells it from others of its file: SQLite's schema cookie (`PRAGMA schema_version`) it was
    /// read at, and in the upper half which file of that name it is.
    pub version: u64,
    /// When it was read, milliseconds since 1970.
    pub read_ms: i64,
    /// Tables, views and virtual tables, in the order of their names.
    pub relations: Vec<Relation>,
    by_name: HashMap<String, usize>,
    /// Tables by the names of their sequences.
    by_sequence: HashMap<String, usize>,
    derived: OnceLock<Arc<dyn Any + Send + Sync>>,
}

/// A table, view or virtual table.
#[derive(Clone, Debug)]
pub struct Relation {
    /// Its row in `pg_class`; the same in every session, after a restart and on a replica.
    pub oid: Oid,
    /// Its row type in `pg_type`; as steady.
    pub row_type: Oid,
    /// Where it lives.
    pub namespace: Namespace,
    /// The name as stored.
    pub name: String,
    /// Table, view ...
    pub kind: RelationKind,
    /// Columns a client sees, hidden ones of virtual tables left out.
    pub columns: Vec<Column>,
    /// Positions in `columns` of the primary key, in key order.
    pub primary_key: Vec<usize>,
    /// Position in `columns` of the INTEGER PRIMARY KEY.
    pub rowid_alias: Option<usize>,
    /// AUTOINCREMENT was given.
    pub autoincrement: bool,
    /// The sequence that Postgres would have for the INTEGER PRIMARY KEY.
    pub sequence: Option<Sequence>,
    /// WITHOUT ROWID was given.
    pub without_rowid: bool,
    /// STRICT was given.
    pub strict: bool,
    /// Indexes, automatic ones included.
    pub indexes: Vec<Index>,
    /// Foreign keys of this table.
    pub foreign_keys: Vec<ForeignKey>,
    /// CHECK constraints, column ones included.
    pub checks: Vec<Check>,
    /// Triggers on this relation.
    pub triggers: Vec<Trigger>,
    /// Rows when ANALYZE was run last.
    pub row_estimate: Option<u64>,
    /// The CREATE statement as stored.
    pub sql: String,
    /// The rowid of its row in `sqlite_schema`, which a new name leaves as it is; 0 if unknown.
    pub place: i64,
}

/// What counts the rowids of a table. SQLite keeps no object for it.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// Its row in `pg_class`.
    pub oid: Oid,
    /// The name Postgres would make (`table_column_seq`).
    pub name: String,
}

/// What a relation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// `relkind` r
    Table,
    /// `relkind` v
    View,
    /// A virtual table (FTS5, R-Tree ...): `relkind` r to clients.
    Virtual,
    /// A table that a virtual table keeps its data in.
    Shadow,
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// The name as stored.
    pub name: String,
    /// The declared type as stored; empty when there is none.
    pub declared: String,
    /// The type announced to clients.
    pub ty: ColumnType,
    /// NOT NULL, or part of the primary key where SQLite enforces that.
    pub not_null: bool,
    /// The DEFAULT expression as stored.
    pub default: Option<String>,
    /// GENERATED ALWAYS AS, virtual or stored: its expression.
    pub generated: Option<String>,
    /// The collation, when it is not BINARY.
    pub collation: Option<String>,
}

/// An index.
#[derive(Clone, Debug)]
pub struct Index {
    /// Its row in `pg_class`.
    pub oid: Oid,
    /// The name as stored (`sqlite_autoindex_...` for automatic ones); empty for the key of an
    /// INTEGER PRIMARY KEY, which SQLite needs no index for.
    pub name: String,
    /// The name Postgres would show: that of the constraint, for an automatic one.
    pub shown_name: String,
    /// UNIQUE
    pub unique: bool,
    /// What made it.
    pub origin: IndexOrigin,
    /// Its keys.
    pub keys: Vec<IndexKey>,
    /// The partial index's WHERE.
    pub predicate: Option<String>,
}

/// What made an index: `origin` of `PRAGMA index_list`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexOrigin {
    /// CREATE INDEX
    Created,
    /// A UNIQUE constraint.
    Unique,
    /// A PRIMARY KEY constraint.
    PrimaryKey,
}

/// One key of an index.
#[derive(Clone, Debug)]
pub struct IndexKey {
    /// Position in the relation's columns; `None` for an expression or the rowid.
    pub column: Option<usize>,
    /// The expression as stored, when it is one.
    pub expression: Option<String>,
    /// DESC
    pub descending: bool,
    /// The collation's name.
    pub collation: String,
}

/// A foreign key.
#[derive(Clone, Debug)]
pub struct ForeignKey {
    /// Its row in `pg_constraint`.
    pub oid: Oid,
    /// The name given, or the one Postgres would make (`table_column_fkey`).
    pub name: String,
    /// Positions of the referencing columns.
    pub columns: Vec<usize>,
    /// The referenced table as stored.
    pub references: String,
    /// The referenced columns; the primary key when none were named.
    pub referenced_columns: Vec<String>,
    /// ON UPDATE action.
    pub on_update: String,
    /// ON DELETE action.
    pub on_delete: String,
    /// DEFERRABLE INITIALLY DEFERRED
    pub deferred: bool,
}

/// A CHECK constraint.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its row in `pg_constraint`.
    pub oid: Oid,
    /// The name given, or the one Postgres would make (`table_column_check`).
    pub name: String,
    /// The expression as stored, without the outer parentheses.
    pub expression: String,
    /// Positions of the columns it mentions.
    pub columns: Vec<usize>,
}

/// A trigger.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// Its row in `pg_trigger`.
    pub oid: Oid,
    /// The name as stored.
    pub name: String,
    /// The CREATE statement as stored.
    pub sql: String,
}

impl Schema {
    /// A snapshot of the given relations.
    #[must_use]
    pub fn new(version: u64, mut relations: Vec<Relation>) -> Self {
        relations.sort_by(|a, b| a.name.cmp(&b.name));
        let by_name =
            relations.iter().enumerate().map(|(i, r)| (r.name.to_ascii_lowercase(), i)).collect();
        let sequences =
            relations.iter().enumerate().filter_map(|(i, r)| Some((i, r.sequence.as_ref()?)));
        let by_sequence = sequences.map(|(i, s)| (s.name.to_ascii_lowercase(), i)).collect();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let read_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Self { version, read_ms, relations, by_name, by_sequence, derived: OnceLock::new() }
    }

    /// The relations of the file and those of a session, which hide others of their names.
    #[must_use]
    pub fn with_temporary(&self, temporary: &Self) -> Self {
        let all = self.relations.iter().chain(&temporary.relations).cloned().collect();
        Self { read_ms: self.read_ms.max(temporary.read_ms), ..Self::new(self.version, all) }
    }

    /// There are temporary tables.
    #[must_use]
    pub fn has_temporary(&self) -> bool {
        self.relations.iter().any(|relation| relation.namespace == Namespace::Temp)
    }

    /// The table whose sequence has that name, found as relations are.
    #[must_use]
    pub fn table_of_sequence(&self, name: &str) -> Option<&Relation> {
        self.by_sequence.get(&name.to_ascii_lowercase()).map(|&i| &self.relations[i])
    }

    /// Finds a relation as SQLite does: without regard to ASCII case.
    #[must_use]
    pub fn relation(&self, name: &str) -> Option<&Relation> {
        self.by_name.get(&name.to_ascii_lowercase()).map(|&i| &self.relations[i])
    }

    /// The same with types for those columns of views that are expressions, which SQLite knows none
    /// for: `infer` is given the snapshot so far and a view's query in Postgres's spelling. Views over such views are
    /// inferred again, until nothing changes.
    #[must_use]
    pub fn with_view_types(
        mut self,
        infer: impl Fn(&Self, &str) -> Option<Vec<ColumnType>>,
    ) -> Self {
        const PASSES_MAX: usize = 4;
        for _ in 0..PASSES_MAX {
            let mut changed = false;
            for i in 0..self.relations.len() {
                let view = &self.relations[i];
                let untyped = view.columns.iter().any(|c| c.declared.is_empty());
                if view.kind == RelationKind::View && untyped {
                    let query = view_query(&view.sql);
                    let query = spelling::Spelling::of_query(&self, query, view).spell(query);
                    let types = infer(&self, &query).unwrap_or_default();
                    changed |= self.relations[i].take_types(&types);
                }
            }
            if !changed {
                break;
            }
        }
        self
    }

    /// What another room makes of this snapshot and keeps as long as the snapshot lives.
    pub fn derived<T, F>(&self, make: F) -> Option<Arc<T>>
    where
        T: Any + Send + Sync,
        F: FnOnce() -> T,
    {
        let kept = self.derived.get_or_init(|| Arc::new(make()));
        Arc::clone(kept).downcast().ok()
    }
}

impl Relation {
    /// Gives types to columns without a declared one; tells whether that changed any.
    fn take_types(&mut self, types: &[ColumnType]) -> bool {
        if types.len() != self.columns.len() {
            return false;
        }
        let mut changed = false;
        for (column, &ty) in self.columns.iter_mut().zip(types) {
            if column.declared.is_empty() && column.ty != ty {
                (column.ty, changed) = (ty, true);
            }
        }
        changed
    }

    /// A column's position, found as SQLite finds it: without regard to ASCII case.
    #[must_use]
    pub fn column_position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }
}
