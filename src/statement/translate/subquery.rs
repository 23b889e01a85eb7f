//! Sub-selects and arrays as operands.
//!
//! <https://www.postgresql.org/docs/15/functions-subquery.html>

use super::body::{Labels, RowColumn};
use super::expression::not;
use super::operator::operator_name;
use super::scope::Scope;
use super::signature::{CastContext, vector_as_array};
use super::typed::{Form, Typed};
use super::{Translator, quote};
use crate::statement::{Error, ErrorKind};
use crate::types::{ColumnType, Type};
use sqlparser::ast::{AccessExpr, BinaryOperator, Expr, Query, SetExpr, Subscript};

impl Translator<'_> {
    /// `EXISTS (query)`
    pub(super) fn exists(
        &mut self,
        query: &Query,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let rows = self.query(query, Some(scope), Labels::None)?;
        let exists =
            Typed { not_null: true, ..Typed::new(format!("EXISTS ({})", rows.sql), Type::BOOL) };
        Ok(if negated { not(&exists) } else { exists })
    }

    /// `(query)` as a value.
    pub(super) fn scalar_subquery(
        &mut self,
        query: &Query,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let rows = self.query(query, Some(scope), Labels::Own)?;
        match &rows.columns[..] {
            [column] => {
                let sql = match rows.single || self.stored {
                    true => format!("({})", rows.sql),
                    // SQLite would take the first of several rows.
                    false => {
                        let value = quote::name(&column.stored);
                        format!("(SELECT pg_single({value}) FROM ({}))", rows.sql)
                    }
                };
                if column.is_record() {
                    return Ok(fields_from(&sql, column));
                }
                let form = if column.number { Form::Whole } else { Form::Plain };
                Ok(Typed { form, ..Typed::new(sql, column.ty.ty).with_type(column.ty) })
            }
            _ => Err(ErrorKind::WrongArity("subquery must return only one column").at(None)),
        }
    }

    /// `ARRAY(query)`
    pub(super) fn array_subquery(
        &mut self,
        query: &Query,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let rows = self.query(query, Some(scope), Labels::Own)?;
        let [column] = &rows.columns[..] else {
            return Err(ErrorKind::WrongArity("subquery must return only one column").at(None));
        };
        let name = quote::name(&column.stored);
        let value = Typed::new(name, column.ty.ty);
        // The aggregate is that of a query around this one, not of the query this one stands in.
        let aggregates = self.aggregates;
        let array = self.call("array_agg", vec![value], None)?;
        self.aggregates = aggregates;
        let sql = format!("(SELECT coalesce({}, '[]') FROM ({}))", array.sql, rows.sql);
        Ok(Typed { not_null: true, ..Typed::new(sql, array.ty.ty) })
    }

    /// `ARRAY[...]`
    pub(super) fn array(&mut self, items: &[Expr], scope: &Scope<'_>) -> Result<Typed, Error> {
        let items = self.exprs(items, scope)?;
        if items.is_empty() {
            let text = Type::TEXT.array().unwrap_or(Type::TEXT);
            return Ok(super::cast::array_of(items, text));
        }
        let items = self.matched_all("ARRAY", items)?;
        let items: Vec<Typed> = items.into_iter().map(|item| self.exact(item)).collect();
        let element = items.first().map_or(Type::TEXT, |item| item.ty.ty);
        let ty = match element.element() {
            Some(_) => element,
            None => {
                let name = format!("{}[]", element.name());
                element.array().ok_or_else(|| ErrorKind::UndefinedType(name).at(None))?
            }
        };
        Ok(super::cast::array_of(items, ty))
    }

    /// `left [NOT] IN (query)`
    pub(super) fn in_subquery(
        &mut self,
        left: &Expr,
        query: &Query,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let left = self.expr(left, scope)?;
        self.in_query(left, query, negated, scope)
    }

    fn in_query(
        &mut self,
        left: Typed,
        query: &Query,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let op = if negated { "NOT IN" } else { "IN" };
        let rows = self.query(query, Some(scope), Labels::Own)?;
        let at = left.at;
        let lefts = match left.form {
            Form::Row(fields) => fields,
            _ => vec![left],
        };
        if lefts.len() != rows.columns.len() {
            let message = "subquery has too many columns";
            return Err(ErrorKind::WrongArity(message).at(at));
        }
        let mut converted = Vec::with_capacity(lefts.len());
        let mut rights = Vec::with_capacity(lefts.len());
        for (left, column) in lefts.into_iter().zip(&rows.columns) {
            let form = if column.number { Form::Whole } else { Form::Plain };
            let right = Typed { form, ..Typed::new(quote::name(&column.stored), column.ty.ty) };
            let (left, right) = self.equal_sides(left, right)?;
            let (left, right) = self.comparable_pair(left, right);
            rights.push(right);
            converted.push(left);
        }
        let same = rights.iter().zip(&rows.columns).all(|(r, c)| r.sql == quote::name(&c.stored));
        let sql = if same {
            rows.sql
        } else {
            format!("SELECT {} FROM ({})", super::typed::list(&rights), rows.sql)
        };
        let left = match &converted[..] {
            [one] => one.operand().into_owned(),
            many => format!("({})", super::typed::list(many)),
        };
        Ok(Typed::operator(format!("{left} {op} ({sql})"), Type::BOOL).at(at))
    }

    /// `left operator ANY (right)` or `ALL`, where `right` is a query or an array.
    pub(super) fn quantified(
        &mut self,
        [left, right]: [&Expr; 2],
        op: &BinaryOperator,
        any: bool,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let op = operator_name(op).map_err(|kind| kind.at(None))?;
        let left = self.expr(left, scope)?;
        if let Some(query) = as_query(right) {
            return match (op.as_str(), any) {
                ("=", true) => self.in_query(left, query, false, scope),
                ("<>", false) => self.in_query(left, query, true, scope),
                _ => {
                    let rows = self.query(query, Some(scope), Labels::Own)?;
                    let Some(column) = rows.columns.first() else {
                        return Err(ErrorKind::WrongArity("subquery has no columns").at(left.at));
                    };
                    let element = (column.stored.clone(), column.ty.ty);
                    self.over_rows(left, (&op, any), &format!("({})", rows.sql), element)
                }
            };
        }
        let right = self.expr(right, scope)?;
        self.over_array(left, &op, any, right)
    }

    pub(super) fn over_array(
        &mut self,
        left: Typed,
        op: &str,
        any: bool,
        right: Typed,
    ) -> Result<Typed, Error> {
        let membership = matches!((op, any), ("=", true) | ("<>", false));
        if let (Form::Array(items), true) = (&right.form, membership) {
            let items = items.clone();
            return self.in_items(left, items, !any);
        }
        let right = if right.is_unknown() {
            let element = if left.is_unknown() { Type::TEXT } else { left.ty.ty };
            let name = format!("{}[]", element.name());
            let array =
                element.array().ok_or_else(|| ErrorKind::UndefinedType(name).at(left.at))?;
            self.implicit(right, array)?
        } else {
            let array = vector_as_array(right.ty.ty);
            self.convert(right, ColumnType::new(array), CastContext::Implicit)?
        };
        let Some(element) = right.ty.ty.element() else {
            let message = "op ANY/ALL (array) requires array on right side";
            return Err(ErrorKind::Grammar(message).at(right.at));
        };
        let rows = format!("json_each({})", right.sql);
        if membership {
            // The operator must exist, and may want the left side converted.
            let value = Typed::new("\"value\"", element);
            let (left, value) = self.equal_sides(left, value)?;
            let (left, value) = self.comparable_pair(left, value);
            let word = if any { "IN" } else { "NOT IN" };
            let sql = format!("{} {word} (SELECT {} FROM {rows})", left.operand(), value.sql);
            return Ok(Typed::operator(sql, Type::BOOL).at(left.at));
        }
        self.over_rows(left, (op, any), &rows, ("value".to_owned(), element))
    }

    /// `left operator` any or all values of a column of some rows.
    fn over_rows(
        &mut self,
        left: Typed,
        (op, any): (&str, bool),
        rows: &str,
        (column, ty): (String, Type),
    ) -> Result<Typed, Error> {
        let at = left.at;
        let alias = self.fresh("any");
        let value = format!("{}.{}", quote::name(&alias), quote::name(&column));
        let test = self.binary(op, left, Typed::new(value, ty))?;
        let test = if any { test } else { not(&test) };
        let word = if any { "EXISTS" } else { "NOT EXISTS" };
        let alias = quote::name(&alias);
        let sql = format!("{word} (SELECT 1 FROM {rows} AS {alias} WHERE {})", test.sql);
        Ok(Typed::operator(sql, Type::BOOL).at(at))
    }

    /// `value[i]`, `value[i:j]`, `(value).field`
    pub(super) fn access(
        &mut self,
        root: &Expr,
        chain: &[AccessExpr],
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let (mut value, chain) = self.access_root(root, chain, scope)?;
        let mut rest = chain;
        while let [first, tail @ ..] = rest {
            match first {
                AccessExpr::Dot(Expr::Identifier(field)) => {
                    value = field_of(value, &field.value)?;
                    rest = tail;
                }
                AccessExpr::Subscript(_) => {
                    let count = rest
                        .iter()
                        .take_while(|access| matches!(access, AccessExpr::Subscript(_)))
                        .count();
                    value = self.subscripts(value, &rest[..count], scope)?;
                    rest = &rest[count..];
                }
                AccessExpr::Dot(_) => {
                    return Err(ErrorKind::Unsupported("this field".to_owned()).at(value.at));
                }
            }
        }
        Ok(value)
    }

    /// `t.column[1]` is parsed as a name with a chain of its own.
    fn access_root<'e>(
        &mut self,
        root: &Expr,
        chain: &'e [AccessExpr],
        scope: &Scope<'_>,
    ) -> Result<(Typed, &'e [AccessExpr]), Error> {
        let Expr::Identifier(first) = root else { return Ok((self.expr(root, scope)?, chain)) };
        let mut names = vec![first.value.as_str()];
        for access in chain {
            match access {
                AccessExpr::Dot(Expr::Identifier(name)) => names.push(&name.value),
                _ => break,
            }
        }
        let value = scope.column(&names, self.offset(Some(first.span)))?;
        Ok((value, &chain[names.len() - 1..]))
    }

    fn subscripts(
        &mut self,
        value: Typed,
        chain: &[AccessExpr],
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let at = value.at;
        let mut arguments = vec![value];
        let mut slices = false;
        for access in chain {
            match access {
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    let index = self.expr(index, scope)?;
                    arguments.push(self.subscript_number(index)?);
                }
                AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, .. }) => {
                    slices = true;
                    for bound in [lower_bound, upper_bound] {
                        arguments.push(match bound {
                            Some(bound) => {
                                let bound = self.expr(bound, scope)?;
                                self.subscript_number(bound)?
                            }
                            None => Typed::null(),
                        });
                    }
                }
                AccessExpr::Dot(_) => {}
            }
        }
        let ty = arguments[0].ty.ty;
        if ty == Type::JSONB {
            let key = arguments.pop().unwrap_or_else(Typed::null);
            return self.binary("->", arguments.remove(0), key);
        }
        let name = match () {
            () if slices => "array_slice",
            () if ty == super::signature::INT2VECTOR || ty == super::signature::OIDVECTOR => {
                "vector_subscript"
            }
            () if ty == Type::NAME => "name_subscript",
            () => "array_subscript",
        };
        self.call(name, arguments, at)
    }

    /// Any number may be a subscript, as it may be assigned to an integer.
    fn subscript_number(&mut self, index: Typed) -> Result<Typed, Error> {
        match index.ty.ty {
            Type::INT8 | Type::NUMERIC | Type::FLOAT4 | Type::FLOAT8 => {
                self.explicit(index, ColumnType::new(Type::INT4))
            }
            _ => Ok(index),
        }
    }
}

/// A record that SQLite has as a JSON array.
fn fields_from(sql: &str, column: &RowColumn) -> Typed {
    let field = |(i, (name, ty)): (usize, &(String, ColumnType))| {
        let value = Typed::operator(format!("{sql} ->> {i}"), ty.ty).with_type(*ty);
        (name.clone(), value)
    };
    let fields = column.fields.iter().enumerate().map(field).collect();
    Typed { form: Form::WholeRow(fields), ..Typed::new(sql, Type::RECORD) }
}

fn field_of(value: Typed, field: &str) -> Result<Typed, Error> {
    let at = value.at;
    let fields = match value.form {
        Form::WholeRow(fields) => fields,
        _ => Vec::new(),
    };
    let found = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(field));
    let name = quote::name(field);
    found.map(|(_, value)| value).ok_or(ErrorKind::UndefinedColumn { name, hint: None }.at(at))
}

/// A query in parentheses.
pub(super) fn as_query(expr: &Expr) -> Option<&Query> {
    match expr {
        Expr::Subquery(query) => Some(query),
        Expr::Nested(inner) => as_query(inner),
        _ => None,
    }
}

/// A query that is a list of rows.
pub(super) fn as_values(query: &Query) -> Option<&sqlparser::ast::Values> {
    match &*query.body {
        SetExpr::Values(values) if query.order_by.is_none() && query.limit_clause.is_none() => {
            Some(values)
        }
        _ => None,
    }
}
