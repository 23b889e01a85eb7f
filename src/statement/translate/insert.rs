//! INSERT. <https://www.postgresql.org/docs/15/sql-insert.html>

use super::body::{Body, Labels};
use super::dml::{Target, conflict_word, default_of, is_default};
use super::scope::{Scope, Source};
use super::signature::CastContext;
use super::subquery::as_values;
use super::typed::Typed;
use super::{Translator, quote};
use crate::schema::{Column, IndexOrigin, Relation};
use crate::statement::{Error, ErrorKind, Plan, Verb};
use sqlparser::ast::{
    ConflictTarget, DoUpdate, Ident, Insert, OnConflict, OnConflictAction, OnInsert, Query,
    SqliteOnConflict, TableObject, Values,
};

impl Translator<'_> {
    /// INSERT
    pub(super) fn insert(&mut self, insert: &Insert) -> Result<Plan, Error> {
        let TableObject::TableName(name) = &insert.table else {
            return Err(ErrorKind::Unsupported("this target".to_owned()).at(None));
        };
        let alias = insert.table_alias.as_ref().map(|alias| alias.alias.value.as_str());
        let target = self.target(name, alias, "insert into")?;
        let listed = !insert.columns.is_empty();
        let columns = self.insert_columns(insert, target.relation)?;
        let replace = insert.replace_into.then_some(SqliteOnConflict::Replace);
        let or = conflict_word(insert.or.or(replace));
        let (source, written) = match &insert.source {
            None => ("DEFAULT VALUES".to_owned(), Vec::new()),
            Some(query) => self.source(query, columns, listed, insert.on.is_some())?,
        };
        let mut sql = format!("INSERT {or}INTO {} {source}", target.sql);
        match &insert.on {
            None => {}
            Some(OnInsert::OnConflict(conflict)) => {
                let clause = self.on_conflict(conflict, &target)?;
                sql.push_str(&clause);
            }
            Some(_) => {
                return Err(ErrorKind::Unsupported("ON DUPLICATE KEY".to_owned()).at(None));
            }
        }
        let columns = self.returning(insert.returning.as_deref(), &target, &mut sql)?;
        let sequence = target.relation.sequence.as_ref();
        let key = target.relation.rowid_alias.and_then(|i| target.relation.columns.get(i));
        let given = key.is_some_and(|key| written.iter().any(|column| column.name == key.name));
        let numbers = sequence.filter(|_| !given).map(|sequence| sequence.oid);
        Ok(Plan { numbers, ..self.write_plan(sql, columns, Verb::Insert, target.relation) })
    }

    fn insert_columns<'r>(
        &self,
        insert: &Insert,
        relation: &'r Relation,
    ) -> Result<Vec<&'r Column>, Error> {
        if insert.columns.is_empty() {
            return Ok(relation.columns.iter().collect());
        }
        let mut columns: Vec<&Column> = Vec::with_capacity(insert.columns.len());
        for name in &insert.columns {
            let column = self.target_column(relation, name)?;
            if columns.iter().any(|known| known.name == column.name) {
                return Err(ErrorKind::DuplicateColumn(column.name.clone()).at(None));
            }
            columns.push(column);
        }
        Ok(columns)
    }

    /// The columns written and the rows written into them, as text, and the columns again.
    fn source<'c>(
        &mut self,
        query: &Query,
        columns: Vec<&'c Column>,
        listed: bool,
        before_on: bool,
    ) -> Result<(String, Vec<&'c Column>), Error> {
        if let (Some(values), None) = (as_values(query), &query.with) {
            return self.value_rows(values, columns, listed);
        }
        let columns: Vec<_> =
            columns.into_iter().filter(|c| listed || c.generated.is_none()).collect();
        let in_sight = self.ctes.len();
        let with = match &query.with {
            Some(with) => self.with(with, None)?,
            None => String::new(),
        };
        let mut body = self.body(&query.body, None)?;
        let width = body.types("SELECT")?.len();
        let columns = fitted(columns, width, listed)?;
        let types: Vec<_> = columns.iter().map(|column| column.ty).collect();
        self.assign(&mut body, &types, CastContext::Assignment)?;
        let plain = matches!(body, Body::Values(_));
        let rows = self.finish(query, body, None, Labels::None)?;
        self.ctes.truncate(in_sight);
        // Behind a SELECT without WHERE, ON would be taken for a join's condition.
        let sql = if before_on && !plain {
            format!("{with}SELECT * FROM ({}) WHERE TRUE", rows.sql)
        } else {
            format!("{with}{}", rows.sql)
        };
        Ok((format!("({}) {sql}", names(&columns)), columns))
    }

    fn value_rows<'c>(
        &mut self,
        values: &Values,
        columns: Vec<&'c Column>,
        listed: bool,
    ) -> Result<(String, Vec<&'c Column>), Error> {
        let width = values.rows.iter().map(|row| row.content.len()).max().unwrap_or(0);
        let columns = fitted(columns, width, listed)?;
        if values.rows.iter().any(|row| row.content.len() != width) {
            let message = "VALUES lists must all be the same length";
            return Err(ErrorKind::WrongArity(message).at(None));
        }
        let scope = Scope::default();
        let mut rows: Vec<Vec<Option<Typed>>> = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            let mut out = Vec::with_capacity(width);
            for (value, column) in row.content.iter().zip(&columns) {
                let value = match is_default(value) {
                    true => None,
                    false => Some(self.assignment(value, column, &scope)?),
                };
                if value.is_some() && column.generated.is_some() {
                    let action = "insert a non-DEFAULT value into";
                    let column = column.name.clone();
                    return Err(ErrorKind::GeneratedColumn { action, column }.at(None));
                }
                out.push(value);
            }
            rows.push(out);
        }
        Ok(spell_rows(&columns, rows))
    }

    /// ON CONFLICT
    fn on_conflict(&mut self, conflict: &OnConflict, target: &Target<'_>) -> Result<String, Error> {
        let columns = match &conflict.conflict_target {
            None => String::new(),
            Some(ConflictTarget::Columns(columns)) => self.conflict_columns(columns, target)?,
            Some(ConflictTarget::OnConstraint(name)) => {
                let constraint = super::last_name(name);
                let columns = constraint_columns(target.relation, &constraint);
                let table = target.relation.name.clone();
                columns.ok_or(ErrorKind::UndefinedConstraint { constraint, table }.at(None))?
            }
        };
        let target_sql = if columns.is_empty() { String::new() } else { format!(" ({columns})") };
        let action = match &conflict.action {
            OnConflictAction::DoNothing => "DO NOTHING".to_owned(),
            OnConflictAction::DoUpdate(_) if columns.is_empty() => {
                let message = "ON CONFLICT DO UPDATE requires inference specification or \
                               constraint name";
                return Err(ErrorKind::Grammar(message).at(None));
            }
            OnConflictAction::DoUpdate(update) => self.do_update(update, target)?,
        };
        Ok(format!(" ON CONFLICT{target_sql} {action}"))
    }

    fn conflict_columns(
        &mut self,
        columns: &[Ident],
        target: &Target<'_>,
    ) -> Result<String, Error> {
        let relation = target.relation;
        let mut positions = Vec::with_capacity(columns.len());
        for ident in columns {
            let found =
                relation.columns.iter().position(|c| c.name.eq_ignore_ascii_case(&ident.value));
            let at = self.offset(Some(ident.span));
            let name = quote::name(&ident.value);
            positions.push(found.ok_or(ErrorKind::UndefinedColumn { name, hint: None }.at(at))?);
        }
        let same = |key: &[usize]| {
            key.len() == positions.len() && positions.iter().all(|position| key.contains(position))
        };
        let unique = relation.indexes.iter().filter(|index| index.unique).any(|index| {
            let keys: Option<Vec<usize>> = index.keys.iter().map(|key| key.column).collect();
            keys.is_some_and(|keys| same(&keys))
        });
        if !unique && !same(&relation.primary_key) {
            return Err(ErrorKind::NoConflictTarget.at(None));
        }
        let columns = positions.iter().filter_map(|&i| relation.columns.get(i));
        Ok(quote::names(columns.map(|column| column.name.as_str())))
    }

    fn do_update(&mut self, update: &DoUpdate, target: &Target<'_>) -> Result<String, Error> {
        let mut scope = Scope::default();
        scope.sources.push(target.source.clone());
        scope.sources.push(Source {
            alias: "excluded".to_owned(),
            qualifier: Some("excluded".to_owned()),
            relation: None,
            qualified_only: true,
            ..target.source.clone()
        });
        let assignments = self.assignments(&update.assignments, target.relation, &scope)?;
        let mut sql = format!("DO UPDATE SET {assignments}");
        if let Some(filter) = &update.selection {
            let filter = self.expr(filter, &scope)?;
            let filter = self.condition(filter, "WHERE")?;
            sql.push_str(&format!(" WHERE {}", filter.sql));
        }
        Ok(sql)
    }
}

/// SQLite has no DEFAULT inside VALUES: a column that is DEFAULT in every row is left out, and in
/// the other columns its expression takes the word's place.
fn spell_rows<'c>(
    columns: &[&'c Column],
    rows: Vec<Vec<Option<Typed>>>,
) -> (String, Vec<&'c Column>) {
    let given = |i: usize| rows.iter().any(|row| row[i].is_some());
    let mut kept: Vec<usize> = (0..columns.len()).filter(|&i| given(i)).collect();
    if kept.is_empty() && rows.len() == 1 {
        return ("DEFAULT VALUES".to_owned(), Vec::new());
    }
    if kept.is_empty() {
        kept.extend((0..columns.len()).find(|&i| columns[i].generated.is_none()));
    }
    let row = |row: &Vec<Option<Typed>>| {
        let value = |&i: &usize| match &row[i] {
            Some(value) => value.sql.clone(),
            None => default_of(columns[i]).sql,
        };
        format!("({})", kept.iter().map(value).collect::<Vec<_>>().join(", "))
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    let kept: Vec<_> = kept.iter().map(|&i| columns[i]).collect();
    (format!("({}) VALUES {}", names(&kept), rows.join(", ")), kept)
}

/// The columns that get a value: without a list, the first ones.
fn fitted(columns: Vec<&Column>, width: usize, listed: bool) -> Result<Vec<&Column>, Error> {
    if width > columns.len() {
        let message = "INSERT has more expressions than target columns";
        return Err(ErrorKind::WrongArity(message).at(None));
    }
    if listed && width < columns.len() {
        let message = "INSERT has more target columns than expressions";
        return Err(ErrorKind::WrongArity(message).at(None));
    }
    Ok(columns.into_iter().take(width).collect())
}

/// The columns of a constraint, by the name Postgres shows for it.
fn constraint_columns(relation: &Relation, name: &str) -> Option<String> {
    let column = |&i: &usize| relation.columns.get(i).map(|column| column.name.as_str());
    let index = relation.indexes.iter().find(|index| {
        index.unique
            && (index.shown_name.eq_ignore_ascii_case(name)
                || index.origin == IndexOrigin::Created && index.name.eq_ignore_ascii_case(name))
    });
    if let Some(index) = index {
        let keys: Option<Vec<usize>> = index.keys.iter().map(|key| key.column).collect();
        return Some(quote::names(keys?.iter().filter_map(column)));
    }
    let own = name.eq_ignore_ascii_case(&format!("{}_pkey", relation.name));
    let key = quote::names(relation.primary_key.iter().filter_map(column));
    (own && !key.is_empty()).then_some(key)
}

fn names(columns: &[&Column]) -> String {
    quote::names(columns.iter().map(|column| column.name.as_str()))
}
