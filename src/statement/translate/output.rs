//! Output columns: what Postgres calls them, and what SQLite must.

use super::body::RowColumn;
use super::expression::trim_function;
use super::quote;
use super::scope::Scope;
use super::typed::{Form, Typed};
use sqlparser::ast::{AccessExpr, Expr, FunctionArguments, Query, SelectItem, SetExpr};
use std::collections::{HashMap, HashSet};

/// An item of a select list.
#[derive(Clone, Debug)]
pub(super) struct Output {
    /// Its label.
    pub(super) name: String,
    /// Its value.
    pub(super) value: Typed,
}

impl From<(String, Typed)> for Output {
    fn from((name, value): (String, Typed)) -> Self {
        Self { name, value }
    }
}

impl Output {
    /// The column it is of its query.
    pub(super) fn column(&self, stored: String) -> RowColumn {
        RowColumn {
            name: self.name.clone(),
            stored,
            ty: self.value.ty,
            not_null: self.value.not_null,
            number: super::order::is_number(&self.value),
            origin: self.value.origin,
            fields: match &self.value.form {
                Form::WholeRow(fields) => fields.iter().map(|(n, v)| (n.clone(), v.ty)).collect(),
                Form::Row(fields) => {
                    (1..).zip(fields).map(|(i, v)| (format!("f{i}"), v.ty)).collect()
                }
                _ => Vec::new(),
            },
        }
    }

    /// Its text with a label.
    pub(super) fn labelled(&self, label: &str) -> String {
        let label = quote::name(label);
        let value = match &self.value.form {
            Form::WholeRow(fields) if !fields.is_empty() => {
                let values: Vec<&str> = fields.iter().map(|(_, v)| v.sql.as_str()).collect();
                return format!("json_array({}) AS {label}", values.join(", "));
            }
            Form::Row(fields) => {
                return format!("json_array({}) AS {label}", super::typed::list(fields));
            }
            _ => &self.value.sql,
        };
        let own = value.rsplit_once('.').is_some_and(|(_, column)| column == label);
        if own { value.clone() } else { format!("{value} AS {label}") }
    }
}

/// The output a bare name stands for in ORDER BY.
pub(super) fn labelled<'o>(expr: &Expr, outputs: &'o [Output]) -> Option<&'o Output> {
    outputs.get(position(expr, outputs)?)
}

/// Its place in the list.
pub(super) fn position(expr: &Expr, outputs: &[Output]) -> Option<usize> {
    let Expr::Identifier(ident) = expr else { return None };
    outputs.iter().position(|output| output.name.eq_ignore_ascii_case(&ident.value))
}

/// Labels as SQLite needs them: no two alike.
pub(super) fn labels<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut seen = HashSet::new();
    // Which numbers a name has used: a long list may have many alike.
    let mut used: HashMap<&str, usize> = HashMap::new();
    let mut out = Vec::new();
    for name in names {
        let mut label = name.to_owned();
        while !seen.insert(label.to_ascii_lowercase()) {
            let n = used.entry(name).or_default();
            *n += 1;
            label = format!("{name}:{n}");
        }
        out.push(label);
    }
    out
}

/// The label of a select item without AS.
/// <https://www.postgresql.org/docs/15/queries-select-lists.html#QUERIES-COLUMN-LABELS>
pub(super) fn column_name(expr: &Expr, scope: &Scope<'_>) -> String {
    match name_of(expr) {
        Some((name, Strength::Name)) => stored_name(expr, scope).unwrap_or(name),
        Some((name, Strength::Type)) => name,
        None => "?column?".to_owned(),
    }
}

/// How good a label is: a cast's name gives way to that of what it casts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    Type,
    Name,
}

/// A column keeps the name it was created with, so that labels match the catalog.
fn stored_name(expr: &Expr, scope: &Scope<'_>) -> Option<String> {
    let parts: Vec<&str> = match expr {
        Expr::Identifier(ident) => vec![&ident.value],
        Expr::CompoundIdentifier(parts) => parts.iter().map(|p| p.value.as_str()).collect(),
        _ => return None,
    };
    let (name, qualifier) = parts.split_last()?;
    let mut around = Some(scope);
    while let Some(scope) = around {
        let mut columns = match qualifier {
            [] => scope.sources.iter().filter_map(|source| source.column(name)).collect::<Vec<_>>(),
            _ => scope.source(qualifier).and_then(|s| s.column(name)).into_iter().collect(),
        };
        if let Some(column) = columns.pop() {
            return Some(column.name.clone());
        }
        around = scope.parent;
    }
    None
}

fn name_of(expr: &Expr) -> Option<(String, Strength)> {
    let named = |name: &str| Some((name.to_owned(), Strength::Name));
    match expr {
        Expr::Identifier(ident) if ident.quote_style.is_none() => {
            named(&ident.value.to_ascii_lowercase())
        }
        Expr::Identifier(ident) => named(&ident.value),
        Expr::CompoundIdentifier(parts) => parts.last().and_then(|part| named(&part.value)),
        Expr::CompoundFieldAccess { root, access_chain } => match access_chain.last() {
            Some(AccessExpr::Dot(Expr::Identifier(field))) => named(&field.value),
            _ => name_of(root),
        },
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => name_of(inner),
        Expr::Cast { expr, data_type, .. } => match name_of(expr) {
            Some((name, Strength::Name)) => Some((name, Strength::Name)),
            _ => super::typename::label(data_type).map(|name| (name, Strength::Type)),
        },
        Expr::TypedString(typed) => {
            super::typename::label(&typed.data_type).map(|name| (name, Strength::Type))
        }
        Expr::Interval(_) => Some(("interval".to_owned(), Strength::Type)),
        Expr::Function(function) => match &function.args {
            FunctionArguments::Subquery(_) => named(&super::last_name(&function.name)),
            _ => named(&super::last_name(&function.name).to_ascii_lowercase()),
        },
        Expr::Case { else_result, .. } => match else_result.as_deref().and_then(name_of) {
            Some((name, Strength::Name)) => Some((name, Strength::Name)),
            _ => Some(("case".to_owned(), Strength::Type)),
        },
        Expr::Exists { .. } => named("exists"),
        Expr::Subquery(query) => subquery_name(query),
        Expr::Array(_) => named("array"),
        Expr::Tuple(_) => named("row"),
        Expr::Extract { .. } => named("extract"),
        Expr::Ceil { .. } => named("ceil"),
        Expr::Floor { .. } => named("floor"),
        Expr::Position { .. } => named("position"),
        Expr::Substring { shorthand: true, .. } => named("substr"),
        Expr::Substring { .. } => named("substring"),
        Expr::Overlay { .. } => named("overlay"),
        Expr::Trim { trim_where, .. } => named(trim_function(*trim_where)),
        Expr::AtTimeZone { .. } => named("timezone"),
        _ => None,
    }
}

fn subquery_name(query: &Query) -> Option<(String, Strength)> {
    match &*query.body {
        SetExpr::Select(select) => match select.projection.first()? {
            SelectItem::UnnamedExpr(expr) => name_of(expr),
            SelectItem::ExprWithAlias { alias, .. } => Some((alias.value.clone(), Strength::Name)),
            _ => None,
        },
        SetExpr::Query(query) => subquery_name(query),
        SetExpr::Values(_) => Some(("column1".to_owned(), Strength::Name)),
        _ => None,
    }
}
