//! INSERT, UPDATE, DELETE and what they share: targets, assignments, RETURNING.
//!
//! <https://www.postgresql.org/docs/15/dml.html>

use super::body::RowColumn;
use super::expression::row;
use super::output::Output;
use super::scope::{Scope, Source};
use super::signature::CastContext;
use super::subquery::as_query;
use super::typed::{Form, Typed};
use super::{Translator, quote};
use crate::schema::{Column, Relation, RelationKind};
use crate::statement::{Error, ErrorKind, Plan, Verb};
use sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, Expr, FromTable, ObjectName, SelectItem, Spanned,
    SqliteOnConflict, TableFactor, TableWithJoins, Update, UpdateTableFromKind,
};

/// The relation a statement writes.
pub(super) struct Target<'a> {
    /// It.
    pub(super) relation: &'a Relation,
    /// `"table"` or `"table" AS "alias"`.
    pub(super) sql: String,
    /// As its own FROM item.
    pub(super) source: Source,
}

impl<'a> Translator<'a> {
    /// UPDATE
    pub(super) fn update(&mut self, update: &Update) -> Result<Plan, Error> {
        let target = self.update_target(&update.table, "update")?;
        let from = match &update.from {
            Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) => {
                from.as_slice()
            }
            None => &[],
        };
        let (from, mut scope) = self.sources(from, None)?;
        scope.sources.insert(0, target.source.clone());
        let assignments = self.assignments(&update.assignments, target.relation, &scope)?;
        let or = conflict_word(update.or);
        let mut sql = format!("UPDATE {or}{} SET {assignments}", target.sql);
        if !from.is_empty() {
            sql.push_str(&format!(" FROM {from}"));
        }
        if let Some(filter) = &update.selection {
            let filter = self.expr(filter, &scope)?;
            let filter = self.condition(filter, "WHERE")?;
            sql.push_str(&format!(" WHERE {}", filter.sql));
        }
        let columns = self.returning(update.returning.as_deref(), &target, &mut sql);
        let columns = columns.map_err(|error| match error.kind {
            ErrorKind::MissingFrom(_) if !from.is_empty() => {
                let what = "RETURNING of another table than the one updated".to_owned();
                ErrorKind::Unsupported(what).at(error.position)
            }
            _ => error,
        })?;
        Ok(self.write_plan(sql, columns, Verb::Update, target.relation))
    }

    /// DELETE
    pub(super) fn delete(&mut self, delete: &Delete) -> Result<Plan, Error> {
        let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
        let [table] = &tables[..] else {
            return Err(ErrorKind::Unsupported("DELETE from several tables".to_owned()).at(None));
        };
        let target = self.update_target(table, "delete from")?;
        let mut sql = format!("DELETE FROM {}", target.sql);
        match &delete.using {
            Some(using) => {
                let filter = self.delete_using(&target, using, delete.selection.as_ref())?;
                sql.push_str(&filter);
            }
            None => {
                let mut scope = Scope::default();
                scope.sources.push(target.source.clone());
                if let Some(filter) = &delete.selection {
                    let filter = self.expr(filter, &scope)?;
                    let filter = self.condition(filter, "WHERE")?;
                    sql.push_str(&format!(" WHERE {}", filter.sql));
                }
            }
        }
        let columns = self.returning(delete.returning.as_deref(), &target, &mut sql)?;
        Ok(self.write_plan(sql, columns, Verb::Delete, target.relation))
    }

    /// DELETE ... USING is a DELETE of the rows a join finds.
    fn delete_using(
        &mut self,
        target: &Target<'_>,
        using: &[TableWithJoins],
        filter: Option<&Expr>,
    ) -> Result<String, Error> {
        let (from, mut scope) = self.sources(using, None)?;
        scope.sources.insert(0, target.source.clone());
        let keys: Vec<String> = if target.relation.without_rowid {
            let key = target.relation.primary_key.iter();
            key.filter_map(|&i| target.relation.columns.get(i)).map(|c| c.name.clone()).collect()
        } else {
            vec!["rowid".to_owned()]
        };
        let qualifier = quote::name(&target.source.alias);
        let keys: Vec<String> =
            keys.iter().map(|key| format!("{qualifier}.{}", quote::name(key))).collect();
        let keys = keys.join(", ");
        let filter = match filter {
            Some(filter) => {
                let filter = self.expr(filter, &scope)?;
                format!(" WHERE {}", self.condition(filter, "WHERE")?.sql)
            }
            None => String::new(),
        };
        Ok(format!(" WHERE ({keys}) IN (SELECT {keys} FROM {}, {from}{filter})", target.sql))
    }

    fn update_target(
        &mut self,
        table: &TableWithJoins,
        action: &'static str,
    ) -> Result<Target<'a>, Error> {
        let TableFactor::Table { name, alias, .. } = &table.relation else {
            return Err(ErrorKind::Unsupported("this target".to_owned()).at(None));
        };
        if !table.joins.is_empty() {
            return Err(ErrorKind::Unsupported("a join as a target".to_owned()).at(None));
        }
        let alias = alias.as_ref().map(|alias| alias.name.value.as_str());
        self.target(name, alias, action)
    }

    /// The relation a statement writes; a view can be written through its triggers only.
    pub(super) fn target(
        &mut self,
        name: &ObjectName,
        alias: Option<&str>,
        action: &'static str,
    ) -> Result<Target<'a>, Error> {
        let at = self.offset(Some(name.span()));
        let relation = self.relation(name)?;
        if relation.kind == RelationKind::View && relation.triggers.is_empty() {
            return Err(ErrorKind::NotUpdatable { action, name: relation.name.clone() }.at(at));
        }
        let stored = alias.unwrap_or(&relation.name).to_owned();
        let own = self.relation_sql(relation);
        let sql = match alias {
            Some(alias) => format!("{own} AS {}", quote::name(alias)),
            None => own,
        };
        Ok(Target { relation, sql, source: Source::relation(relation, alias, stored) })
    }

    /// The list behind SET.
    pub(super) fn assignments(
        &mut self,
        assignments: &[Assignment],
        relation: &Relation,
        scope: &Scope<'_>,
    ) -> Result<String, Error> {
        let mut out = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            out.push(match &assignment.target {
                AssignmentTarget::ColumnName(name) => {
                    let column = self.target_column(relation, name)?;
                    let value = self.assignment(&assignment.value, column, scope)?;
                    format!("{} = {}", quote::name(&column.name), value.sql)
                }
                AssignmentTarget::Tuple(names) => {
                    self.assign_several(names, &assignment.value, relation, scope)?
                }
            });
        }
        Ok(out.join(", "))
    }

    /// `(a, b) = (1, 2)` or `(a, b) = (SELECT ...)`
    fn assign_several(
        &mut self,
        names: &[ObjectName],
        value: &Expr,
        relation: &Relation,
        scope: &Scope<'_>,
    ) -> Result<String, Error> {
        let columns = names.iter().map(|name| self.target_column(relation, name));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let left = quote::names(columns.iter().map(|column| column.name.as_str()));
        let mismatch = "number of columns does not match number of values";
        if let Some(query) = as_query(value) {
            let mut body = self.body(&query.body, Some(scope))?;
            if body.types("SELECT")?.len() != columns.len() {
                return Err(ErrorKind::WrongArity(mismatch).at(None));
            }
            let types: Vec<_> = columns.iter().map(|column| column.ty).collect();
            self.settle_body(&mut body)?;
            self.assign(&mut body, &types, CastContext::Assignment)?;
            let rows = self.finish(query, body, Some(scope), super::body::Labels::None)?;
            return Ok(format!("({left}) = ({})", rows.sql));
        }
        let items: Vec<&Expr> = match value {
            Expr::Tuple(items) => items.iter().collect(),
            Expr::Nested(inner) => vec![inner],
            other => vec![other],
        };
        if items.len() != columns.len() {
            return Err(ErrorKind::WrongArity(mismatch).at(None));
        }
        let mut values = Vec::with_capacity(items.len());
        for (item, column) in items.into_iter().zip(&columns) {
            values.push(self.assignment(item, column, scope)?);
        }
        Ok(format!("({left}) = {}", row(values).sql))
    }

    /// A value on its way into a column.
    pub(super) fn assignment(
        &mut self,
        value: &Expr,
        column: &Column,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        if is_default(value) {
            return Ok(default_of(column));
        }
        let value = self.expr(value, scope)?;
        let value = self.store(value, column)?;
        Ok(self.lift(value))
    }

    /// Converts a value to what a column stores.
    pub(super) fn store(&mut self, value: Typed, column: &Column) -> Result<Typed, Error> {
        let given = value.ty.ty;
        let at = value.at;
        if matches!(value.form, Form::Null) {
            return Ok(value);
        }
        self.convert(value, column.ty, CastContext::Assignment).map_err(|error| match error.kind {
            ErrorKind::CannotCast { .. } => {
                let kind = ErrorKind::WrongColumnType {
                    column: column.name.clone(),
                    wanted: column.ty.ty.sql_name().into_owned(),
                    given: given.sql_name().into_owned(),
                };
                kind.at(at)
            }
            _ => error,
        })
    }

    /// The column a statement assigns to.
    pub(super) fn target_column<'r>(
        &self,
        relation: &'r Relation,
        name: &ObjectName,
    ) -> Result<&'r Column, Error> {
        let at = self.offset(Some(name.span()));
        let name = super::last_name(name);
        let found = relation.columns.iter().find(|c| c.name.eq_ignore_ascii_case(&name));
        let relation = relation.name.clone();
        found.ok_or_else(|| ErrorKind::UndefinedColumnOf { column: name, relation }.at(at))
    }

    /// RETURNING: appends the clause, returns the columns.
    pub(super) fn returning(
        &mut self,
        items: Option<&[SelectItem]>,
        target: &Target<'_>,
        sql: &mut String,
    ) -> Result<Vec<RowColumn>, Error> {
        let Some(items) = items else { return Ok(Vec::new()) };
        let mut scope = Scope::default();
        // SQLite knows the columns by their bare names here, even behind an alias.
        scope.sources.push(Source { qualifier: None, ..target.source.clone() });
        let mut outputs = self.outputs(items, &scope)?;
        for output in &mut outputs {
            let value = std::mem::replace(&mut output.value, Typed::null());
            output.value = self.settle(value)?;
        }
        let texts: Vec<&str> = outputs.iter().map(|output| output.value.sql.as_str()).collect();
        sql.push_str(&format!(" RETURNING {}", texts.join(", ")));
        Ok(outputs.iter().map(|output: &Output| output.column(String::new())).collect())
    }
}

/// The word DEFAULT.
pub(super) fn is_default(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(ident)
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
}

/// What DEFAULT stores: the expression of the table's definition, which is SQLite's already.
pub(super) fn default_of(column: &Column) -> Typed {
    let sql = column.default.as_ref().map_or_else(|| "NULL".to_owned(), |sql| format!("({sql})"));
    Typed { ty: column.ty, ..Typed::new(sql, column.ty.ty) }
}

/// `OR REPLACE` and its like.
pub(super) fn conflict_word(word: Option<SqliteOnConflict>) -> &'static str {
    match word {
        None => "",
        Some(SqliteOnConflict::Rollback) => "OR ROLLBACK ",
        Some(SqliteOnConflict::Abort) => "OR ABORT ",
        Some(SqliteOnConflict::Fail) => "OR FAIL ",
        Some(SqliteOnConflict::Ignore) => "OR IGNORE ",
        Some(SqliteOnConflict::Replace) => "OR REPLACE ",
    }
}
