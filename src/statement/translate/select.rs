//! SELECT, VALUES and set operations, ORDER BY and LIMIT.
//!
//! <https://www.postgresql.org/docs/15/sql-select.html>

use super::body::{Body, Labels, Parts, Rows, common};
use super::function::SetInSelect;
use super::grouped::Keys;
use super::output::{Output, column_name};
use super::scope::Scope;
use super::signature::CastContext;
use super::typed::{Form, Typed};
use super::{Translator, quote};
use crate::statement::{Error, ErrorKind, parse};
use crate::types::{ColumnType, Type};
use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, NamedWindowExpr, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier, Spanned, Value, Values,
};

impl Translator<'_> {
    /// What one side of a query is, before its types are settled.
    pub(super) fn body<'s>(
        &mut self,
        body: &SetExpr,
        outer: Option<&'s Scope<'s>>,
    ) -> Result<Body<'s>, Error> {
        self.depth += 1;
        if self.depth > super::SUBSELECTS_MAX {
            return Err(ErrorKind::TooDeep.at(None));
        }
        let body = match body {
            SetExpr::Select(select) => self.select(select, outer),
            SetExpr::Values(values) => self.values(values, outer),
            SetExpr::Query(query) if is_bare(query) => self.body(&query.body, outer),
            SetExpr::Query(query) => self.query(query, outer, Labels::Own).map(Body::Query),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let op = set_operator(*op, *set_quantifier);
                let (left, right) = (self.body(left, outer)?, self.body(right, outer)?);
                self.compound(left, op, right)
            }
            SetExpr::Table(table) => self.table(table, outer),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                let what = "a data-modifying statement in WITH".to_owned();
                Err(ErrorKind::Unsupported(what).at(None))
            }
        };
        self.depth -= 1;
        body
    }

    /// `TABLE name`
    fn table<'s>(
        &mut self,
        table: &sqlparser::ast::Table,
        outer: Option<&'s Scope<'s>>,
    ) -> Result<Body<'s>, Error> {
        let parts = table.schema_name.iter().chain(&table.table_name);
        let name = ObjectName::from(parts.map(|part| part.as_str().into()).collect::<Vec<_>>());
        let factor = sqlparser::ast::TableFactor::Table {
            name,
            alias: None,
            args: None,
            with_hints: Vec::new(),
            version: None,
            with_ordinality: false,
            partitions: Vec::new(),
            json_path: None,
            sample: None,
            index_hints: Vec::new(),
        };
        let from = [sqlparser::ast::TableWithJoins { relation: factor, joins: Vec::new() }];
        let (from, scope) = self.sources(&from, outer)?;
        let outputs = scope.star().into_iter().map(|(name, value)| Output { name, value });
        Ok(Body::Select(Box::new(Parts {
            outputs: outputs.collect(),
            distinct: false,
            distinct_on: Vec::new(),
            tail: format!(" FROM {from}"),
            keys: None,
            scope,
            single: false,
        })))
    }

    fn select<'s>(
        &mut self,
        select: &Select,
        outer: Option<&'s Scope<'s>>,
    ) -> Result<Body<'s>, Error> {
        if select.into.is_some() {
            return Err(ErrorKind::Unsupported("SELECT INTO".to_owned()).at(None));
        }
        let (mut from, scope) = self.sources(&select.from, outer)?;
        let sets = std::mem::take(&mut self.sets);
        let around = std::mem::take(&mut self.aggregates);
        let outputs = self.outputs(&select.projection, &scope)?;
        let sets = std::mem::replace(&mut self.sets, sets);
        if !sets.is_empty() {
            from.push_str(if from.is_empty() { "" } else { ", " });
            from.push_str(&SetInSelect::joined(&sets));
        }
        let mut tail = String::new();
        if !from.is_empty() {
            tail.push_str(&format!(" FROM {from}"));
        }
        if let Some(filter) = &select.selection {
            let filter = self.expr(filter, &scope)?;
            let filter = self.condition(filter, "WHERE")?;
            tail.push_str(&format!(" WHERE {}", filter.sql));
        }
        self.grouping(select, &outputs, &scope, &mut tail)?;
        self.named_windows(select, &scope, &mut tail)?;
        let aggregated = std::mem::replace(&mut self.aggregates, around) > 0;
        let single = from.is_empty() || aggregated && !is_grouped(select);
        let keys = (aggregated || is_grouped(select)).then(|| keys_of(select, &outputs, &scope));
        if let Some(keys) = &keys {
            self.check_select(select, keys, &scope)?;
        }
        let distinct_on = match &select.distinct {
            Some(Distinct::On(keys)) => self.distinct_keys(keys, &outputs, &scope)?,
            _ => Vec::new(),
        };
        let distinct = select.distinct == Some(Distinct::Distinct);
        let parts = Parts { outputs, distinct, distinct_on, tail, keys, scope, single };
        Ok(Body::Select(Box::new(parts)))
    }

    /// Refuses columns that are neither grouped nor aggregated.
    fn check_select(&self, select: &Select, keys: &Keys, scope: &Scope<'_>) -> Result<(), Error> {
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    self.check_grouped(expr, keys, scope)?;
                }
                SelectItem::Wildcard(_) => self.check_grouped_star(keys, scope)?,
                _ => {}
            }
        }
        select.having.iter().try_for_each(|having| self.check_grouped(having, keys, scope))
    }

    /// The select list, `*` spelt out: a plan must not change its meaning with the schema.
    pub(super) fn outputs(
        &mut self,
        items: &[SelectItem],
        scope: &Scope<'_>,
    ) -> Result<Vec<Output>, Error> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            match item {
                SelectItem::Wildcard(_) if scope.sources.is_empty() => {
                    let message = "SELECT * with no tables specified is not valid";
                    return Err(ErrorKind::Grammar(message).at(None));
                }
                SelectItem::Wildcard(_) => {
                    out.extend(scope.star().into_iter().map(Output::from));
                }
                SelectItem::QualifiedWildcard(kind, _) => {
                    out.extend(self.qualified_star(kind, scope)?.into_iter().map(Output::from));
                }
                SelectItem::UnnamedExpr(expr) if parse::is_nothing(expr) => {}
                SelectItem::UnnamedExpr(expr) => match parse::all_fields_of(expr) {
                    Some(value) => {
                        out.extend(self.all_fields(value, scope)?.into_iter().map(Output::from));
                    }
                    None => {
                        let value = self.expr(expr, scope)?;
                        out.push(Output { name: column_name(expr, scope), value });
                    }
                },
                SelectItem::ExprWithAlias { expr, alias } => {
                    let value = self.expr(expr, scope)?;
                    out.push(Output { name: alias.value.clone(), value });
                }
                SelectItem::ExprWithAliases { .. } => {
                    return Err(ErrorKind::Unsupported("several aliases".to_owned()).at(None));
                }
            }
        }
        if out.len() > super::COLUMNS_MAX {
            return Err(ErrorKind::TooManyColumns(super::COLUMNS_MAX).at(None));
        }
        Ok(out)
    }

    fn qualified_star(
        &mut self,
        kind: &SelectItemQualifiedWildcardKind,
        scope: &Scope<'_>,
    ) -> Result<Vec<(String, Typed)>, Error> {
        match kind {
            SelectItemQualifiedWildcardKind::ObjectName(name) => {
                let parts = super::name_parts(name);
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                let at = self.offset(Some(name.span()));
                let missing = || ErrorKind::MissingFrom(parts.join(".")).at(at);
                Ok(scope.source(&parts).ok_or_else(missing)?.row())
            }
            SelectItemQualifiedWildcardKind::Expr(expr) => self.all_fields(expr, scope),
        }
    }

    /// `(value).*`
    fn all_fields(
        &mut self,
        value: &Expr,
        scope: &Scope<'_>,
    ) -> Result<Vec<(String, Typed)>, Error> {
        let typed = self.expr(value, scope)?;
        match typed.form {
            Form::WholeRow(fields) => Ok(fields),
            Form::Row(fields) => {
                let name = |(i, field)| (format!("f{i}"), field);
                Ok((1..).zip(fields).map(name).collect())
            }
            _ => Err(ErrorKind::NotComposite(typed.ty.ty.sql_name().into_owned()).at(typed.at)),
        }
    }

    fn grouping(
        &mut self,
        select: &Select,
        outputs: &[Output],
        scope: &Scope<'_>,
        tail: &mut String,
    ) -> Result<(), Error> {
        let GroupByExpr::Expressions(keys, modifiers) = &select.group_by else {
            return Err(ErrorKind::Unsupported("GROUP BY ALL".to_owned()).at(None));
        };
        if !modifiers.is_empty() {
            return Err(ErrorKind::Unsupported("GROUPING SETS".to_owned()).at(None));
        }
        if !keys.is_empty() {
            let keys = keys.iter().map(|key| self.group_key(key, outputs, scope));
            let keys = keys.collect::<Result<Vec<_>, _>>()?;
            tail.push_str(&format!(" GROUP BY {}", keys.join(", ")));
        }
        if let Some(having) = &select.having {
            let having = self.expr(having, scope)?;
            let having = self.condition(having, "HAVING")?;
            tail.push_str(&format!(" HAVING {}", having.sql));
        }
        Ok(())
    }

    /// A name is an input column before it is an output column; a number is a position.
    fn group_key(
        &mut self,
        key: &Expr,
        outputs: &[Output],
        scope: &Scope<'_>,
    ) -> Result<String, Error> {
        let output = |i: usize| match outputs.get(i).map(|o| (o.column(String::new()).key(), o)) {
            Some((Some(key), output)) => format!("{key}({})", output.value.sql),
            _ => (i + 1).to_string(),
        };
        if let Some(i) = ordinal(key, outputs.len(), "GROUP BY")? {
            return Ok(output(i));
        }
        if let Expr::Tuple(items) = key
            && items.is_empty()
        {
            return Ok("NULL".to_owned());
        }
        match (self.settled(key, scope), key) {
            (Err(error), Expr::Identifier(ident)) => {
                let i = outputs.iter().position(|o| o.name.eq_ignore_ascii_case(&ident.value));
                i.map(output).ok_or(error)
            }
            (typed, _) => typed.map(|typed| self.sort_key(&not_an_ordinal(typed))),
        }
    }

    fn named_windows(
        &mut self,
        select: &Select,
        scope: &Scope<'_>,
        tail: &mut String,
    ) -> Result<(), Error> {
        let mut windows = Vec::new();
        for definition in &select.named_window {
            let inside = match &definition.1 {
                NamedWindowExpr::NamedWindow(name) => quote::name(&name.value),
                NamedWindowExpr::WindowSpec(spec) => self.window(spec, scope)?,
            };
            windows.push(format!("{} AS ({inside})", quote::name(&definition.0.value)));
        }
        if !windows.is_empty() {
            tail.push_str(&format!(" WINDOW {}", windows.join(", ")));
        }
        Ok(())
    }

    fn distinct_keys(
        &mut self,
        keys: &[Expr],
        outputs: &[Output],
        scope: &Scope<'_>,
    ) -> Result<Vec<Typed>, Error> {
        let mut out = Vec::with_capacity(keys.len());
        for key in keys {
            let output = match ordinal(key, outputs.len(), "SELECT DISTINCT ON")? {
                Some(i) => outputs.get(i),
                None => super::output::labelled(key, outputs),
            };
            out.push(match output {
                Some(output) => output.value.clone(),
                None => self.settled(key, scope)?,
            });
        }
        Ok(out)
    }

    fn values<'s>(
        &mut self,
        values: &Values,
        outer: Option<&'s Scope<'s>>,
    ) -> Result<Body<'s>, Error> {
        let scope = Scope::inside(outer);
        let rows = values.rows.iter().map(|row| self.exprs(&row.content, &scope));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let width = rows.first().map_or(0, Vec::len);
        if rows.iter().any(|row| row.len() != width) {
            let message = "VALUES lists must all be the same length";
            return Err(ErrorKind::WrongArity(message).at(None));
        }
        Ok(Body::Values(rows))
    }

    fn compound<'s>(
        &mut self,
        mut left: Body<'s>,
        op: &'static str,
        mut right: Body<'s>,
    ) -> Result<Body<'s>, Error> {
        let word = op.trim_end_matches(" ALL");
        let (l, r) = (left.types(word)?, right.types(word)?);
        if l.len() != r.len() {
            let message = match word {
                "UNION" => "each UNION query must have the same number of columns",
                "EXCEPT" => "each EXCEPT query must have the same number of columns",
                _ => "each INTERSECT query must have the same number of columns",
            };
            return Err(ErrorKind::WrongArity(message).at(None));
        }
        let mut targets = Vec::with_capacity(l.len());
        for (l, r) in l.into_iter().zip(r) {
            targets.push(common(word, &[l, r])?);
        }
        self.assign(&mut left, &targets, CastContext::Implicit)?;
        self.assign(&mut right, &targets, CastContext::Implicit)?;
        Ok(Body::Compound(Box::new(left), op, Box::new(right)))
    }

    /// Gives every column a type.
    pub(super) fn settle_body(&mut self, body: &mut Body<'_>) -> Result<Vec<ColumnType>, Error> {
        let types = body.types("VALUES")?;
        let text = |ty: ColumnType| match ty.ty {
            Type::UNKNOWN => ColumnType::new(Type::TEXT),
            _ => ty,
        };
        let types: Vec<ColumnType> = types.into_iter().map(text).collect();
        self.assign(body, &types, CastContext::Implicit)?;
        Ok(types)
    }

    /// Converts every column to a type.
    pub(super) fn assign(
        &mut self,
        body: &mut Body<'_>,
        targets: &[ColumnType],
        context: CastContext,
    ) -> Result<(), Error> {
        match body {
            Body::Select(parts) => {
                for (output, target) in parts.outputs.iter_mut().zip(targets) {
                    let value = std::mem::replace(&mut output.value, Typed::null());
                    output.value = self.assigned(value, *target, context)?;
                }
            }
            Body::Values(rows) => {
                for row in rows.iter_mut() {
                    for (value, target) in row.iter_mut().zip(targets) {
                        let given = std::mem::replace(value, Typed::null());
                        *value = self.assigned(given, *target, context)?;
                    }
                }
            }
            Body::Compound(left, _, right) => {
                self.assign(left, targets, context)?;
                self.assign(right, targets, context)?;
            }
            Body::Query(rows) => self.assign_rows(rows, targets, context)?,
        }
        Ok(())
    }

    fn assigned(
        &mut self,
        value: Typed,
        target: ColumnType,
        context: CastContext,
    ) -> Result<Typed, Error> {
        if value.ty == target {
            return Ok(value);
        }
        if target.typmod < 0 && value.ty.ty == target.ty && value.ty.shown() != target.shown() {
            return Ok(self.exact(value));
        }
        let target = ColumnType { storage: value.ty.storage, ..target };
        self.convert(value, target, context)
    }

    fn assign_rows(
        &mut self,
        rows: &mut Rows,
        targets: &[ColumnType],
        context: CastContext,
    ) -> Result<(), Error> {
        if rows.columns.iter().zip(targets).all(|(column, target)| column.ty.ty == target.ty) {
            return Ok(());
        }
        let mut items = Vec::with_capacity(rows.columns.len());
        for (column, target) in rows.columns.iter_mut().zip(targets) {
            let value = Typed::new(quote::name(&column.stored), column.ty.ty);
            let value = self.assigned(value, *target, context)?;
            items.push(format!("{} AS {}", value.sql, quote::name(&column.stored)));
            column.ty = *target;
        }
        rows.sql = format!("SELECT {} FROM ({})", items.join(", "), rows.sql);
        Ok(())
    }
}

/// The position a whole number stands for in GROUP BY and ORDER BY, from 0.
pub(super) fn ordinal(
    expr: &Expr,
    width: usize,
    clause: &'static str,
) -> Result<Option<usize>, Error> {
    let Expr::Value(value) = expr else { return Ok(None) };
    let Value::Number(digits, _) = &value.value else { return Ok(None) };
    let Ok(ordinal) = digits.parse::<i64>() else { return Ok(None) };
    match usize::try_from(ordinal) {
        Ok(i) if (1..=width).contains(&i) => Ok(Some(i - 1)),
        _ => {
            let at = parse::offset(value.span);
            Err(ErrorKind::BadOrdinal { clause, ordinal }.at(at))
        }
    }
}

/// SQLite would take a bare number for a position.
pub(super) fn not_an_ordinal(typed: Typed) -> Typed {
    let bare = matches!(typed.form, Form::Number(..) | Form::Text(..) | Form::Parameter(_));
    if bare { Typed { sql: format!("+{}", typed.sql), ..typed } } else { typed }
}

/// What a query groups by.
fn keys_of(select: &Select, outputs: &[Output], scope: &Scope<'_>) -> Keys {
    let mut keys = Keys::default();
    let GroupByExpr::Expressions(given, _) = &select.group_by else { return keys };
    let expression = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            Some(expr.clone())
        }
        _ => None,
    };
    for key in given {
        keys.push(key, scope);
        // Without `*` the items of the list are its outputs.
        let output = match ordinal(key, outputs.len(), "GROUP BY") {
            Ok(Some(i)) => Some(i),
            _ => super::output::position(key, outputs),
        };
        let plain = select.projection.len() == outputs.len();
        let item = output.filter(|_| plain).and_then(|i| select.projection.get(i));
        if let Some(expr) = item.and_then(expression) {
            keys.push(&expr, scope);
        }
    }
    keys
}

fn is_grouped(select: &Select) -> bool {
    !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty())
}

fn set_operator(op: SetOperator, quantifier: SetQuantifier) -> &'static str {
    let all = quantifier == SetQuantifier::All;
    match (op, all) {
        (SetOperator::Union, true) => "UNION ALL",
        (SetOperator::Union, false) => "UNION",
        (SetOperator::Intersect, false) => "INTERSECT",
        (SetOperator::Except | SetOperator::Minus, false) => "EXCEPT",
        (SetOperator::Intersect, true) => "INTERSECT ALL",
        (SetOperator::Except | SetOperator::Minus, true) => "EXCEPT ALL",
    }
}

/// A query in parentheses that has nothing but its body.
fn is_bare(query: &Query) -> bool {
    query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty()
}
