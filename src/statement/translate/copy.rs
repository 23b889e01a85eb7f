//! COPY: the query or INSERT it stands for.
//! <https://www.postgresql.org/docs/15/sql-copy.html>

use super::driver::{fixed, inner, inner_with};
use super::quote::name as quote_name;
use crate::schema::{Column, Relation};
use crate::statement::utility::{CopyCommand, CopyTarget};
use crate::statement::{
    BadValue, Copy, Env, Error, ErrorKind, OutputColumn, Plan, Statement, Translation, lexer,
};
use crate::types::{ColumnType, Type};
use std::ops::Range;
use std::sync::Arc;

/// Plans COPY of a table or query.
pub(super) fn plan(command: CopyCommand, text: &str, env: &Env<'_>) -> Result<Translation, Error> {
    let (table, plan, columns, options) = match &command.target {
        CopyTarget::Query(range) => {
            let plan = inner(text, range.clone(), env)?;
            let columns = plan.columns.clone().unwrap_or_default();
            let options = command.resolve(&columns, unknown_output)?;
            (String::new(), plan, columns, options)
        }
        CopyTarget::Table { name, columns } => {
            let copied = CopiedTable::find(name, columns, env)?;
            let plan = match (&command.filter, command.from) {
                (Some(filter), _) => copied.insert_where(text, filter, env)?,
                (None, true) => copied.insert(env)?,
                (None, false) => copied.select(env)?,
            };
            let columns = match command.from {
                true => copied.columns(),
                false => plan.columns.clone().unwrap_or_default(),
            };
            let options = command.resolve(&columns, |name| copied.unknown(name))?;
            (copied.name, plan, columns, options)
        }
    };
    let (plan, literals) = (Arc::new(plan), Vec::new());
    let (from, filtered) = (command.from, command.filter.is_some());
    Ok(fixed(Statement::Copy(Copy { plan, literals, table, columns, from, filtered, options })))
}

/// A table that COPY names, and the columns it copies.
struct CopiedTable<'a> {
    /// Its name as written.
    name: String,
    /// The name as SQL.
    sql: String,
    /// Nothing if there is no such table, which the planner tells.
    relation: Option<&'a Relation>,
    columns: Vec<(String, ColumnType)>,
}

impl<'a> CopiedTable<'a> {
    fn find(name: &[String], columns: &[String], env: &Env<'a>) -> Result<Self, Error> {
        let sql = name.iter().map(|part| quote_name(part)).collect::<Vec<_>>().join(".");
        let relation = name.last().and_then(|name| {
            env.temp.and_then(|temp| temp.relation(name)).or_else(|| env.schema.relation(name))
        });
        let name = name.last().cloned().unwrap_or_default();
        let mut found = Self { name, sql, relation, columns: Vec::new() };
        found.columns = match columns {
            [] => {
                let copied = found.own().iter().filter(|column| column.generated.is_none());
                copied.map(|column| (column.name.clone(), column.ty)).collect()
            }
            listed => {
                let listed = listed.iter().map(|name| found.listed(name));
                listed.collect::<Result<_, _>>()?
            }
        };
        Ok(found)
    }

    fn own(&self) -> &'a [Column] {
        self.relation.map_or(&[], |relation| &relation.columns)
    }

    fn own_column(&self, name: &str) -> Option<&'a Column> {
        self.own().iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    fn listed(&self, name: &str) -> Result<(String, ColumnType), Error> {
        match self.own_column(name) {
            Some(column) if column.generated.is_some() => {
                Err(bad("42P10", format!("column \"{name}\" is a generated column")))
            }
            Some(column) => Ok((name.to_owned(), column.ty)),
            None if self.relation.is_some() => Err(self.undefined(name)),
            None => Ok((name.to_owned(), ColumnType::new(Type::TEXT))),
        }
    }

    /// A name that is none of the columns copied.
    fn unknown(&self, name: &str) -> Option<Error> {
        self.own_column(name).is_none().then(|| self.undefined(name))
    }

    fn undefined(&self, name: &str) -> Error {
        let (column, relation) = (name.to_owned(), self.name.clone());
        ErrorKind::UndefinedColumnOf { column, relation }.at(None)
    }

    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| quote_name(name)).collect::<Vec<_>>().join(", ")
    }

    /// COPY TO as the query it stands for.
    fn select(&self, env: &Env<'_>) -> Result<Plan, Error> {
        let names = if self.columns.is_empty() { "*".to_owned() } else { self.names() };
        self.plan(&format!("SELECT {names} FROM {}", self.sql), env)
    }

    /// COPY FROM as the INSERT it stands for, whose parameters come as they are to be stored.
    fn insert(&self, env: &Env<'_>) -> Result<Plan, Error> {
        let table = &self.sql;
        if self.columns.is_empty() {
            // Unknown, which the planner tells, or without a column to fill.
            return self.plan(&format!("INSERT INTO {table} DEFAULT VALUES"), env);
        }
        let (names, values) = (self.names(), self.parameters());
        self.plan(&format!("INSERT INTO {table} ({names}) VALUES ({values})"), env)
    }

    /// The same with a condition, which stands in `text`.
    fn insert_where(
        &self,
        text: &str,
        filter: &Range<usize>,
        env: &Env<'_>,
    ) -> Result<Plan, Error> {
        let filter_text = text.get(filter.clone()).unwrap_or_default();
        let left_out = self.left_out(filter_text)?;
        let (names, values) = (self.names(), self.parameters());
        let nulls = left_out.iter().map(|column| format!(", NULL::{}", column.ty.ty.sql_name()));
        let nulls: String = nulls.collect();
        let others = left_out.iter().map(|column| format!(", {}", quote_name(&column.name)));
        let others: String = others.collect();
        let (table, alias) = (&self.sql, quote_name(&self.name));
        let head = format!(
            "INSERT INTO {table} ({names}) SELECT {names} \
             FROM (VALUES ({values}{nulls})) AS {alias} ({names}{others}) WHERE "
        );
        let sql = format!("{head}{filter_text}");
        let planned = inner_with(&sql, 0..sql.len(), env, &self.types());
        planned.map_err(|error| {
            let within = error.position.and_then(|at| at.checked_sub(head.len()));
            Error { position: within.map(|at| filter.start + at), ..error }
        })
    }

    /// The columns that are not copied: they are NULL to the condition.
    fn left_out(&self, filter: &str) -> Result<Vec<&'a Column>, Error> {
        let copied = |column: &Column| {
            self.columns.iter().any(|(name, _)| column.name.eq_ignore_ascii_case(name))
        };
        let others: Vec<_> = self.own().iter().filter(|column| !copied(column)).collect();
        let tokens = lexer::tokens(filter)?;
        let named = |column: &Column| {
            let name = |text: &str| text.trim_matches('"').eq_ignore_ascii_case(&column.name);
            tokens.iter().any(|token| name(token.text(filter)))
        };
        let computed = |column: &&&Column| column.default.is_some() || column.generated.is_some();
        match others.iter().filter(computed).find(|column| named(column)) {
            Some(_) => {
                let what = "COPY FROM ... WHERE over a column that is not copied".to_owned();
                Err(ErrorKind::Unsupported(what).at(None))
            }
            None => Ok(others),
        }
    }

    fn parameters(&self) -> String {
        let parameters: Vec<String> = (1..=self.columns.len()).map(|i| format!("${i}")).collect();
        parameters.join(", ")
    }

    fn types(&self) -> Vec<ColumnType> {
        self.columns.iter().map(|(_, ty)| *ty).collect()
    }

    /// What is wrong stands nowhere in the client's text.
    fn plan(&self, sql: &str, env: &Env<'_>) -> Result<Plan, Error> {
        let planned = inner_with(sql, 0..sql.len(), env, &self.types());
        planned.map_err(|error| Error { position: None, ..error })
    }

    /// The columns COPY FROM writes.
    fn columns(&self) -> Vec<OutputColumn> {
        let column = |(name, ty): &(String, ColumnType)| OutputColumn {
            name: name.clone(),
            ty: *ty,
            table: 0,
            attnum: 0,
        };
        self.columns.iter().map(column).collect()
    }
}

fn unknown_output(name: &str) -> Option<Error> {
    let name = quote_name(name);
    Some(ErrorKind::UndefinedColumn { name, hint: None }.at(None))
}

fn bad(sqlstate: &'static str, message: String) -> Error {
    ErrorKind::Literal(BadValue { sqlstate, message }).at(None)
}
