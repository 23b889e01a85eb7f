//! What a query with GROUP BY or aggregates may name outside of them: its keys, and the columns that
//! a grouped primary key decides. SQLite would take the value of some row.
//!
//! <https://www.postgresql.org/docs/15/sql-select.html#SQL-GROUPBY>

use super::Translator;
use super::scope::{Scope, Source};
use super::signature::{self, Kind};
use crate::statement::{Error, ErrorKind};
use sqlparser::ast::{Expr, Ident, Query, Visit, Visitor};
use std::ops::ControlFlow;

/// The keys of a grouped query; none where aggregates make one row of all.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    /// As written, names and numbers of output columns replaced by what they stand for.
    expressions: Vec<Expr>,
    /// The columns among them, as SQLite text.
    columns: Vec<String>,
}

impl Keys {
    /// Takes a key.
    pub(super) fn push(&mut self, expr: &Expr, scope: &Scope<'_>) {
        if let Some((_, column)) = own_column(expr, scope) {
            self.columns.push(column.sql);
        }
        self.expressions.push(expr.clone());
    }

    fn hold(&self, expr: &Expr) -> bool {
        self.expressions.iter().any(|key| bare(key) == bare(expr))
    }

    /// The column is a key, or its table's primary key is among them.
    fn decide(&self, source: &Source, sql: &str) -> bool {
        let grouped = |sql: &String| self.columns.contains(sql);
        let key = source.key();
        self.columns.iter().any(|column| column == sql)
            || !key.is_empty() && key.iter().all(grouped)
    }
}

impl Translator<'_> {
    /// Refuses an expression that names more than the keys.
    pub(super) fn check_grouped(
        &self,
        expr: &Expr,
        keys: &Keys,
        scope: &Scope<'_>,
    ) -> Result<(), Error> {
        let mut check = Check { keys, scope, covered: 0 };
        match expr.visit(&mut check) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break((column, name)) => {
                Err(ErrorKind::Ungrouped(column).at(self.offset(Some(name.span))))
            }
        }
    }

    /// The same for `*`.
    pub(super) fn check_grouped_star(&self, keys: &Keys, scope: &Scope<'_>) -> Result<(), Error> {
        for source in scope.sources.iter().filter(|source| !source.qualified_only) {
            for column in source.columns.iter().filter(|column| !column.merged) {
                if !keys.decide(source, &source.value(column).sql) {
                    let column = format!("{}.{}", source.alias, column.name);
                    return Err(ErrorKind::Ungrouped(column).at(None));
                }
            }
        }
        Ok(())
    }
}

/// Walks an expression, but not into what is grouped, aggregates and sub-selects.
struct Check<'a> {
    keys: &'a Keys,
    scope: &'a Scope<'a>,
    /// How deep inside of such.
    covered: usize,
}

impl Visitor for Check<'_> {
    type Break = (String, Ident);

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<Self::Break> {
        self.covered += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Self::Break> {
        self.covered -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        if self.covered > 0 || is_aggregate(expr) || self.keys.hold(expr) {
            self.covered += 1;
            return ControlFlow::Continue(());
        }
        match own_column(expr, self.scope) {
            Some((Some(source), column)) if !self.keys.decide(source, &column.sql) => {
                ControlFlow::Break((format!("{}.{}", source.alias, column.name), column.ident))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<Self::Break> {
        self.covered = self.covered.saturating_sub(1);
        ControlFlow::Continue(())
    }
}

/// A column of the query itself.
struct Named {
    name: String,
    sql: String,
    ident: Ident,
}

/// The column an expression is, and its FROM item; none for one that USING made.
fn own_column<'s>(expr: &Expr, scope: &'s Scope<'_>) -> Option<(Option<&'s Source>, Named)> {
    let parts = match bare(expr) {
        Expr::Identifier(ident) => std::slice::from_ref(ident),
        Expr::CompoundIdentifier(parts) => parts.as_slice(),
        _ => return None,
    };
    let (ident, qualifier) = parts.split_last()?;
    let name = ident.value.as_str();
    if qualifier.is_empty()
        && let Some(merged) = scope.merged.iter().find(|m| m.name.eq_ignore_ascii_case(name))
    {
        let sql = merged.value.sql.clone();
        return Some((None, Named { name: name.to_owned(), sql, ident: ident.clone() }));
    }
    let qualifier: Vec<&str> = qualifier.iter().map(|part| part.value.as_str()).collect();
    let source = match qualifier.is_empty() {
        true => scope
            .sources
            .iter()
            .filter(|s| !s.qualified_only)
            .find(|source| source.column(name).is_some_and(|column| !column.merged)),
        false => scope.sources.iter().find(|source| source.answers_to(&qualifier)),
    };
    let source = source?;
    let column = source.column(name)?;
    let sql = source.value(column).sql;
    Some((Some(source), Named { name: column.name.clone(), sql, ident: ident.clone() }))
}

fn is_aggregate(expr: &Expr) -> bool {
    let Expr::Function(function) = expr else { return false };
    let name = super::last_name(&function.name);
    let kind = |s: &signature::Signature| matches!(s.kind, Kind::Aggregate | Kind::Within);
    function.over.is_none() && signature::functions(&name).iter().any(kind)
}

fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        other => other,
    }
}
