//! Reads a file's schema.
//!
//! What enters: the rows of a handful of queries over `sqlite_schema` and the schema pragmas
//! (<https://www.sqlite.org/pragma.html>), whatever the number of tables. What leaves: a snapshot.

use super::ddl;
use super::naming::{finish, unique_name};
use super::{Check, Column, ForeignKey, Index, IndexKey, IndexOrigin, Namespace, Relation};
use super::{RelationKind, Schema, Trigger, column_type};
use crate::types::{ColumnType, Type, Value};
use std::collections::{HashMap, HashSet};

/// Where a schema is read from: a connection.
pub trait Reader {
    /// Why reading failed.
    type Error;

    /// All rows of a query.
    ///
    /// # Errors
    /// What the connection says.
    fn rows(&mut self, sql: &str) -> Result<Vec<Vec<Value>>, Self::Error>;

    /// Per column of a query, the type declared for the table's column it stands for, if any.
    ///
    /// # Errors
    /// What the connection says.
    fn declared_types(&mut self, sql: &str) -> Result<Vec<Option<String>>, Self::Error>;
}

/// The schema of `main`, or of `temp` for [`Namespace::Temp`].
///
/// Run it in a read transaction if another process may change the schema meanwhile.
///
/// # Errors
/// What the reader says of a query: `SQLITE_BUSY`, `SQLITE_CORRUPT` ...
pub fn load<R: Reader>(reader: &mut R, namespace: Namespace) -> Result<Schema, R::Error> {
    let database = if namespace == Namespace::Temp { "temp" } else { "main" };
    let version = reader.rows(&format!("PRAGMA {database}.schema_version"))?;
    let version = version.first().and_then(|row| row.first()).map_or(0, integer);
    let mut loader = Loader { reader, database, relations: Vec::new(), by_name: HashMap::new() };
    loader.relations(namespace)?;
    let statements = loader.statements(namespace)?;
    loader.columns()?;
    loader.tell_ddl(&statements);
    loader.indexes(&statements)?;
    loader.foreign_keys()?;
    loader.row_estimates()?;
    let mut relations = loader.relations;
    relations.sort_by_key(|relation| relation.name.to_lowercase());
    finish(&mut relations);
    Ok(Schema::new(u64::try_from(version).unwrap_or(0), relations))
}

struct Loader<'r, R> {
    reader: &'r mut R,
    database: &'static str,
    relations: Vec<Relation>,
    by_name: HashMap<String, usize>,
}

/// Rows of `sqlite_schema`: type, name, table, SQL.
struct Statements {
    indexes: HashMap<String, String>,
    tables: HashMap<String, ddl::Table>,
}

impl<R: Reader> Loader<'_, R> {
    fn relations(&mut self, namespace: Namespace) -> Result<(), R::Error> {
        let rows = self.reader.rows(&format!(
            "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = '{}' \
             ORDER BY lower(name)",
            self.database
        ))?;
        for row in rows {
            let [name, kind, without_rowid, strict] = row.as_slice() else { continue };
            let name = text(name);
            if is_internal(&name) {
                continue;
            }
            self.add(Relation {
                without_rowid: integer(without_rowid) != 0,
                strict: integer(strict) != 0,
                ..Relation::named(namespace, name, relation_kind(&text(kind)))
            });
        }
        Ok(())
    }

    fn add(&mut self, relation: Relation) {
        self.by_name.insert(relation.name.to_ascii_lowercase(), self.relations.len());
        self.relations.push(relation);
    }

    /// Gives relations their SQL and triggers, and takes tables' DDL apart.
    fn statements(&mut self, namespace: Namespace) -> Result<Statements, R::Error> {
        let rows = self.reader.rows(&format!(
            "SELECT type, name, tbl_name, sql, rowid FROM {}.sqlite_schema \
             WHERE sql IS NOT NULL ORDER BY lower(name)",
            self.database
        ))?;
        let mut statements = Statements { indexes: HashMap::new(), tables: HashMap::new() };
        for row in rows {
            let [kind, name, table, sql, place] = row.as_slice() else { continue };
            let (kind, name, sql) = (text(kind), text(name), text(sql));
            if kind == "view" && self.relation(&name).is_none() {
                // The pragma leaves out views whose tables are gone.
                self.add(Relation::named(namespace, name.clone(), RelationKind::View));
            }
            let Some(relation) = self.relation(&text(table)) else { continue };
            if matches!(kind.as_str(), "table" | "view") {
                relation.place = integer(place);
            }
            match kind.as_str() {
                "index" => drop(statements.indexes.insert(name.to_ascii_lowercase(), sql)),
                "trigger" => relation.triggers.push(Trigger { oid: 0, name, sql }),
                "table" if relation.kind != RelationKind::Virtual => {
                    statements.tables.insert(name.to_ascii_lowercase(), ddl::table(&sql));
                    relation.sql = sql;
                }
                _ => relation.sql = sql,
            }
        }
        Ok(statements)
    }

    fn columns(&mut self) -> Result<(), R::Error> {
        const COLUMNS: &str = "x.name, x.type, x.\"notnull\", x.dflt_value, x.pk, x.hidden";
        let rows = self.reader.rows(&format!(
            "SELECT l.name, {COLUMNS} FROM pragma_table_list l, \
             pragma_table_xinfo(l.name, l.schema) x \
             WHERE l.schema = '{}' AND l.type IN ('table', 'shadow') ORDER BY lower(l.name), x.cid",
            self.database
        ))?;
        for row in &rows {
            if let Some((name, row)) = row.split_first()
                && let Some(relation) = self.relation(&text(name))
            {
                relation.add_column(row);
            }
        }
        for i in 0..self.relations.len() {
            self.relations[i].set_primary_key();
            if matches!(self.relations[i].kind, RelationKind::View | RelationKind::Virtual) {
                self.columns_of(i, COLUMNS);
            }
        }
        Ok(())
    }

    /// One by one, since the pragma fails for a view over a table that is gone and for a virtual
    /// table whose module is not there; these stay without columns.
    fn columns_of(&mut self, index: usize, columns: &str) {
        let name = self.relations[index].name.replace('\'', "''");
        let sql =
            format!("SELECT {columns} FROM pragma_table_xinfo('{name}', '{}') x", self.database);
        for row in self.reader.rows(&sql).unwrap_or_default() {
            self.relations[index].add_column(&row);
        }
        if self.relations[index].columns.iter().any(|column| column.declared == "BLOB") {
            self.untyped_columns(index);
        }
    }

    /// Of a view's columns, BLOB is said of those that are blobs and of those without a type.
    fn untyped_columns(&mut self, index: usize) {
        let name = self.relations[index].name.replace('"', "\"\"");
        let sql = format!("SELECT * FROM {}.\"{name}\"", self.database);
        let types = self.reader.declared_types(&sql).unwrap_or_default();
        for (column, declared) in self.relations[index].columns.iter_mut().zip(types) {
            if column.declared == "BLOB" && declared.unwrap_or_default().is_empty() {
                column.declared = String::new();
                column.ty = column_type("");
            }
        }
    }

    fn tell_ddl(&mut self, statements: &Statements) {
        for relation in &mut self.relations {
            if let Some(table) = statements.tables.get(&relation.name.to_ascii_lowercase()) {
                relation.tell(table);
            }
        }
    }

    fn indexes(&mut self, statements: &Statements) -> Result<(), R::Error> {
        let rows = self.reader.rows(&format!(
            "SELECT l.name, i.name, i.\"unique\", i.origin, x.cid, x.\"desc\", x.coll, x.seqno \
             FROM pragma_table_list l, pragma_index_list(l.name, l.schema) i, \
             pragma_index_xinfo(i.name, l.schema) x \
             WHERE l.schema = '{}' AND l.type = 'table' AND x.key ORDER BY i.name, x.seqno",
            self.database
        ))?;
        for row in &rows {
            let Some((table, row)) = row.split_first() else { continue };
            let Some(relation) = self.relation(&text(table)) else { continue };
            let sql = row.first().and_then(|n| statements.indexes.get(&text(n).to_lowercase()));
            relation.add_index_key(row, sql.map(String::as_str));
        }
        for relation in &mut self.relations {
            let ddl = statements.tables.get(&relation.name.to_ascii_lowercase());
            relation.name_indexes(ddl.unwrap_or(&ddl::Table::default()));
        }
        Ok(())
    }

    fn foreign_keys(&mut self) -> Result<(), R::Error> {
        let rows = self.reader.rows(&format!(
            "SELECT l.name, f.id, f.\"table\", f.\"from\", f.\"to\", f.on_update, f.on_delete \
             FROM pragma_table_list l, pragma_foreign_key_list(l.name, l.schema) f \
             WHERE l.schema = '{}' AND l.type = 'table' ORDER BY lower(l.name), f.id DESC, f.seq",
            self.database
        ))?;
        let mut last = None;
        for row in &rows {
            let [table, id, row @ ..] = row.as_slice() else { continue };
            let this = (text(table), integer(id));
            let primary_key = row.first().and_then(|t| self.primary_key_of(&text(t)));
            let Some(relation) = self.relation(&this.0) else { continue };
            relation.add_foreign_key(row, last.as_ref() == Some(&this), primary_key);
            last = Some(this);
        }
        Ok(())
    }

    fn primary_key_of(&mut self, name: &str) -> Option<Vec<String>> {
        let relation = self.relation(name)?;
        let name = |&i: &usize| relation.columns.get(i).map(|c| c.name.clone());
        relation.primary_key.iter().map(name).collect()
    }

    /// What ANALYZE counted, if it was run: the first number of `sqlite_stat1.stat`.
    fn row_estimates(&mut self) -> Result<(), R::Error> {
        let analyzed = self.reader.rows(&format!(
            "SELECT 1 FROM {}.sqlite_schema WHERE name = 'sqlite_stat1'",
            self.database
        ))?;
        if analyzed.is_empty() {
            return Ok(());
        }
        let sql = format!("SELECT tbl, stat FROM {}.sqlite_stat1", self.database);
        for row in self.reader.rows(&sql)? {
            let [table, stat] = row.as_slice() else { continue };
            let count = text(stat).split(' ').next().and_then(|n| n.parse::<u64>().ok());
            if let Some(relation) = self.relation(&text(table)) {
                relation.row_estimate = relation.row_estimate.max(count);
            }
        }
        Ok(())
    }

    fn relation(&mut self, name: &str) -> Option<&mut Relation> {
        let index = *self.by_name.get(&name.to_ascii_lowercase())?;
        self.relations.get_mut(index)
    }
}

impl Relation {
    pub(crate) fn named(namespace: Namespace, name: String, kind: RelationKind) -> Self {
        Self {
            oid: 0,
            row_type: 0,
            namespace,
            name,
            kind,
            columns: Vec::new(),
            primary_key: Vec::new(),
            rowid_alias: None,
            autoincrement: false,
            sequence: None,
            without_rowid: false,
            strict: false,
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            triggers: Vec::new(),
            row_estimate: None,
            sql: String::new(),
            place: 0,
        }
    }

    /// Name, type, notnull, default, position in the primary key, hidden.
    fn add_column(&mut self, row: &[Value]) {
        let [name, declared, not_null, default, key, hidden] = row else { return };
        let hidden = integer(hidden);
        if hidden == 1 {
            return;
        }
        let key = usize::try_from(integer(key)).unwrap_or(0);
        if key > 0 {
            self.primary_key.resize(self.primary_key.len().max(key), usize::MAX);
            self.primary_key[key - 1] = self.columns.len();
        }
        let declared = text(declared);
        self.columns.push(Column {
            name: text(name),
            ty: column_type(&declared),
            declared,
            not_null: integer(not_null) != 0,
            default: match default {
                Value::Null => None,
                default => Some(text(default)),
            },
            generated: (hidden > 1).then(String::new),
            collation: None,
        });
    }

    fn set_primary_key(&mut self) {
        self.primary_key.retain(|&i| i < self.columns.len());
        if self.without_rowid {
            for &i in &self.primary_key {
                self.columns[i].not_null = true;
            }
        }
    }

    fn tell(&mut self, ddl: &ddl::Table) {
        self.autoincrement = ddl.autoincrement;
        for (name, expression) in &ddl.generated {
            if let Some(column) = self.column_mut(name)
                && column.generated.is_some()
            {
                column.generated = Some(expression.clone());
            }
        }
        for (name, collation) in &ddl.collations {
            if let Some(column) = self.column_mut(name)
                && !collation.eq_ignore_ascii_case("BINARY")
            {
                column.collation = Some(collation.clone());
            }
        }
        self.checks = self.named_checks(&ddl.checks);
        let names = ddl.foreign_keys.iter().map(|key| self.named_foreign_key(key)).collect();
        self.foreign_keys = names;
    }

    fn named_checks(&self, checks: &[ddl::Check]) -> Vec<Check> {
        let mut taken = checks.iter().filter_map(|c| c.name.clone()).collect();
        let name = |check: &ddl::Check| {
            check.name.clone().unwrap_or_else(|| {
                let column = check.column.clone().or_else(|| self.sole_column(&check.names));
                let parts: Vec<_> = column.into_iter().collect();
                unique_name(&mut taken, &self.name, &parts, "check")
            })
        };
        let names: Vec<_> = checks.iter().map(name).collect();
        let check = |(name, check): (String, &ddl::Check)| Check {
            oid: 0,
            name,
            expression: check.expression.clone(),
            columns: self.positions(&check.names),
        };
        names.into_iter().zip(checks).map(check).collect()
    }

    fn positions(&self, names: &[String]) -> Vec<usize> {
        let mut found: Vec<_> = names.iter().filter_map(|n| self.column_position(n)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The one column that a table constraint's expression mentions: Postgres names it after that.
    fn sole_column(&self, names: &[String]) -> Option<String> {
        match self.positions(names).as_slice() {
            &[only] => Some(self.columns[only].name.clone()),
            _ => None,
        }
    }

    fn named_foreign_key(&self, key: &ddl::ForeignKey) -> ForeignKey {
        ForeignKey {
            oid: 0,
            name: key.name.clone().unwrap_or_default(),
            columns: key.columns.iter().filter_map(|c| self.column_position(c)).collect(),
            references: String::new(),
            referenced_columns: Vec::new(),
            on_update: String::new(),
            on_delete: String::new(),
            deferred: key.deferred,
        }
    }

    /// Name, unique, origin, column's position, descending, collation.
    fn add_index_key(&mut self, row: &[Value], sql: Option<&str>) {
        let [name, unique, origin, cid, descending, collation, _] = row else { return };
        let name = text(name);
        if self.indexes.last().is_none_or(|index| index.name != name) {
            self.indexes.push(Index {
                oid: 0,
                shown_name: name.clone(),
                name,
                unique: integer(unique) != 0,
                origin: index_origin(&text(origin)),
                keys: Vec::new(),
                predicate: sql.and_then(|sql| ddl::index(sql).predicate),
            });
        }
        let Some(index) = self.indexes.last_mut() else { return };
        let column = usize::try_from(integer(cid)).ok().filter(|&i| i < self.columns.len());
        let expression = match (column, sql) {
            (None, Some(sql)) => ddl::index(sql).keys.into_iter().nth(index.keys.len()),
            _ => None,
        };
        index.keys.push(IndexKey {
            column,
            expression,
            descending: integer(descending) != 0,
            collation: text(collation),
        });
    }

    /// Names automatic indexes after their constraints, and adds the key that needs no index.
    fn name_indexes(&mut self, ddl: &ddl::Table) {
        let key_name = || ddl.primary_key.clone();
        if self.primary_key.len() == 1 && !self.without_rowid && !self.has_key_index() {
            self.add_rowid_key();
        }
        let mut taken = HashSet::new();
        for i in 0..self.indexes.len() {
            let columns = self.key_names(&self.indexes[i]);
            let shown = match self.indexes[i].origin {
                IndexOrigin::Created => continue,
                IndexOrigin::PrimaryKey => {
                    key_name().unwrap_or_else(|| unique_name(&mut taken, &self.name, &[], "pkey"))
                }
                IndexOrigin::Unique => {
                    let same = |u: &&ddl::Unique| same_names(&u.columns, &columns);
                    let given = ddl.uniques.iter().find(same).and_then(|u| u.name.clone());
                    given.unwrap_or_else(|| unique_name(&mut taken, &self.name, &columns, "key"))
                }
            };
            self.indexes[i].shown_name = shown;
        }
    }

    fn has_key_index(&self) -> bool {
        self.indexes.iter().any(|index| index.origin == IndexOrigin::PrimaryKey)
    }

    /// An INTEGER PRIMARY KEY is the rowid: SQLite keeps no index for it, Postgres shows one.
    fn add_rowid_key(&mut self) {
        let column = self.primary_key[0];
        self.rowid_alias = Some(column);
        self.columns[column].not_null = true;
        // A table made by Postgres's SQL says in a comment what the column was declared as:
        // SQLite takes no other word than INTEGER for the rowid.
        for ty in [Type::INT2, Type::INT4] {
            if self.sql.contains(&format!("INTEGER /* {} */ PRIMARY KEY", ty.name())) {
                self.columns[column].ty = ColumnType::new(ty);
            }
        }
        let key = IndexKey {
            column: Some(column),
            expression: None,
            descending: false,
            collation: "BINARY".to_owned(),
        };
        self.indexes.push(Index {
            oid: 0,
            name: String::new(),
            shown_name: String::new(),
            unique: true,
            origin: IndexOrigin::PrimaryKey,
            keys: vec![key],
            predicate: None,
        });
    }

    fn key_names(&self, index: &Index) -> Vec<String> {
        let columns = index.keys.iter().filter_map(|key| self.columns.get(key.column?));
        columns.map(|column| column.name.clone()).collect()
    }

    /// Referenced table, column, referenced column, ON UPDATE, ON DELETE.
    fn add_foreign_key(&mut self, row: &[Value], same: bool, primary_key: Option<Vec<String>>) {
        let [references, from, to, on_update, on_delete] = row else { return };
        let (from, references) = (self.column_position(&text(from)), text(references));
        if !same {
            self.start_foreign_key(from, references, (text(on_update), text(on_delete)));
        }
        let Some(key) = self.foreign_keys.iter_mut().rev().find(|k| k.oid == BEING_READ) else {
            return;
        };
        if same {
            key.columns.extend(from);
        }
        match to {
            Value::Null => key.referenced_columns = primary_key.unwrap_or_default(),
            to => key.referenced_columns.push(text(to)),
        }
    }

    /// Finds the key among those of the DDL, which come in the same order, or adds it.
    fn start_foreign_key(
        &mut self,
        from: Option<usize>,
        references: String,
        actions: (String, String),
    ) {
        for key in self.foreign_keys.iter_mut().filter(|k| k.oid == BEING_READ) {
            key.oid = READ;
        }
        let waiting = |k: &ForeignKey| k.oid == 0 && k.columns.first().copied() == from;
        let at = self.foreign_keys.iter().position(waiting).unwrap_or_else(|| {
            let unnamed = ddl::ForeignKey { name: None, columns: vec![], deferred: false };
            let mut key = self.named_foreign_key(&unnamed);
            key.columns.extend(from);
            self.foreign_keys.push(key);
            self.foreign_keys.len() - 1
        });
        let key = &mut self.foreign_keys[at];
        key.oid = BEING_READ;
        key.references = references;
        (key.on_update, key.on_delete) = actions;
        key.columns.truncate(1);
    }

    fn column_mut(&mut self, name: &str) -> Option<&mut Column> {
        let position = self.column_position(name)?;
        self.columns.get_mut(position)
    }
}

/// Marks, in place of an OID, how far a foreign key has been read.
const BEING_READ: u32 = 1;
const READ: u32 = 2;

fn same_names(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// SQLite's own tables.
fn is_internal(name: &str) -> bool {
    name.as_bytes().get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"sqlite_"))
}

fn relation_kind(kind: &str) -> RelationKind {
    match kind {
        "view" => RelationKind::View,
        "virtual" => RelationKind::Virtual,
        "shadow" => RelationKind::Shadow,
        _ => RelationKind::Table,
    }
}

fn index_origin(origin: &str) -> IndexOrigin {
    match origin {
        "pk" => IndexOrigin::PrimaryKey,
        "u" => IndexOrigin::Unique,
        _ => IndexOrigin::Created,
    }
}

fn integer(value: &Value) -> i64 {
    if let Value::Integer(i) = value { *i } else { 0 }
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(i) => i.to_string(),
        Value::Real(r) => r.to_string(),
        Value::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Null => String::new(),
    }
}
