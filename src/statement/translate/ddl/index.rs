//! CREATE INDEX and ALTER INDEX. <https://www.postgresql.org/docs/15/sql-createindex.html>

use super::super::output::column_name;
use super::super::scope::{Scope, Source};
use super::super::{Translator, quote};
use super::table::index_column_name;
use super::{exists_already, no_op, script};
use crate::schema::Relation;
use crate::statement::{Error, ErrorKind, Statement};
use sqlparser::ast::{
    AlterIndexOperation, CreateIndex, Expr, IndexColumn, IndexType, ObjectName, OrderBySort,
};

impl Translator<'_> {
    pub(super) fn create_index(&mut self, index: &CreateIndex) -> Result<Statement, Error> {
        let tag = "CREATE INDEX";
        let relation = self.relation(&index.table_name)?;
        let name = match &index.name {
            Some(name) => super::super::last_name(name),
            None => self.free_index_name(relation, &index.columns),
        };
        if self.index_exists(&name) {
            if index.if_not_exists {
                return Ok(exists_already(tag, &name));
            }
            return Err(ErrorKind::DuplicateTable(name).at(None));
        }
        if let Some(method) = index.using.as_ref().and_then(foreign_method) {
            let notice = format!("access method \"{method}\" is not in SQLite, no index was made");
            return Ok(no_op(tag, Some(notice)));
        }
        let mut keys = Vec::with_capacity(index.columns.len());
        for column in &index.columns {
            keys.push(self.index_key(column, relation)?);
        }
        let unique = if index.unique { "UNIQUE " } else { "" };
        let database = relation.namespace.database();
        let own = match database {
            "main" => quote::name(&name),
            other => format!("{}.{}", quote::name(other), quote::name(&name)),
        };
        let table = quote::name(&relation.name);
        let mut sql = format!("CREATE {unique}INDEX {own} ON {table} ({})", keys.join(", "));
        if let Some(predicate) = &index.predicate {
            let source = Source::relation(relation, None, relation.name.clone());
            sql.push_str(&format!(" WHERE {}", self.stored_condition(predicate, source)?));
        }
        Ok(script(tag, vec![sql]))
    }

    pub(super) fn alter_index(
        &mut self,
        name: &ObjectName,
        _operation: &AlterIndexOperation,
    ) -> Result<Statement, Error> {
        let name = super::super::last_name(name);
        if !self.index_exists(&name) {
            return Err(ErrorKind::UndefinedTable(name).at(None));
        }
        Err(ErrorKind::Unsupported("ALTER INDEX".to_owned()).at(None))
    }

    fn index_key(&mut self, key: &IndexColumn, relation: &Relation) -> Result<String, Error> {
        let source = Source::relation(relation, None, relation.name.clone());
        let typed = self.stored(Some(source), |translator, scope| {
            translator.settled(&key.column.expr, scope)
        })?;
        let plain = index_column_name(key).is_some();
        let sql = if plain { typed.sql } else { format!("({})", typed.sql) };
        let descending = matches!(key.column.options.sort, Some(OrderBySort::Desc));
        Ok(if descending { format!("{sql} DESC") } else { sql })
    }

    /// An index of that name exists.
    pub(super) fn index_exists(&self, name: &str) -> bool {
        let relations = self.env.schema.relations.iter();
        let relations = relations.chain(self.env.temp.into_iter().flat_map(|temp| &temp.relations));
        relations
            .flat_map(|relation| &relation.indexes)
            .any(|index| index.name.eq_ignore_ascii_case(name))
    }

    /// The name Postgres makes up: `table_column_idx`.
    fn free_index_name(&self, relation: &Relation, columns: &[IndexColumn]) -> String {
        let scope = Scope::default();
        let mut name = relation.name.clone();
        for column in columns {
            name.push('_');
            name.push_str(&match (&column.column.expr, index_column_name(column)) {
                (_, Some(column)) => column,
                (Expr::Function(_), None) => column_name(&column.column.expr, &scope),
                _ => "expr".to_owned(),
            });
        }
        name.push_str("_idx");
        let free = |candidate: &String| {
            !self.index_exists(candidate) && self.env.schema.relation(candidate).is_none()
        };
        let numbered = (1..).map(|n| format!("{name}{n}"));
        let mut candidates = std::iter::once(name.clone()).chain(numbered);
        candidates.find(free).unwrap_or(name)
    }
}

/// An access method for what SQLite's indexes cannot do.
fn foreign_method(method: &IndexType) -> Option<String> {
    Some(match method {
        IndexType::BTree | IndexType::Hash => return None,
        IndexType::GIN => "gin".to_owned(),
        IndexType::GiST => "gist".to_owned(),
        IndexType::SPGiST => "spgist".to_owned(),
        IndexType::BRIN => "brin".to_owned(),
        IndexType::Bloom => "bloom".to_owned(),
        IndexType::Custom(name) => match name.value.to_ascii_lowercase().as_str() {
            "btree" | "hash" => return None,
            other => other.to_owned(),
        },
    })
}
