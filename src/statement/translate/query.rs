//! A whole query: WITH, ORDER BY, LIMIT and locking around a body.
//!
//! <https://www.postgresql.org/docs/15/sql-select.html>

use super::body::{Body, Labels, Parts, RowColumn, Rows};
use super::output::{Output, labels};
use super::scope::{Scope, SourceColumn};
use super::select::{not_an_ordinal, ordinal};
use super::typed::{Form, Typed};
use super::{Translator, quote};
use crate::statement::{Error, ErrorKind};
use crate::types::Type;
use sqlparser::ast::{
    Cte, CteAsMaterialized, Expr, LimitClause, OrderBy, OrderByExpr, OrderByKind, OrderByOptions,
    OrderBySort, Query, SetExpr, Value, With,
};

/// A WITH query in sight.
#[derive(Clone, Debug)]
pub(super) struct CteInSight {
    /// Its name.
    pub(super) name: String,
    /// Its columns.
    pub(super) columns: Vec<SourceColumn>,
}

/// One key of ORDER BY.
struct OrderTerm {
    /// The output column it is, from 0.
    output: Option<usize>,
    /// Its value, where it is none.
    value: Typed,
    /// ` DESC NULLS LAST` and its like.
    direction: String,
}

impl Translator<'_> {
    /// A query with everything around its body.
    pub(super) fn query(
        &mut self,
        query: &Query,
        outer: Option<&Scope<'_>>,
        wanted: Labels,
    ) -> Result<Rows, Error> {
        let in_sight = self.ctes.len();
        let with = match &query.with {
            Some(with) => self.with(with, outer)?,
            None => String::new(),
        };
        let mut body = self.body(&query.body, outer)?;
        self.settle_body(&mut body)?;
        if wanted == Labels::None && outer.is_none() {
            self.show_records(&mut body)?;
        }
        let rows = self.finish(query, body, outer, wanted)?;
        self.ctes.truncate(in_sight);
        Ok(Rows { sql: format!("{with}{}", rows.sql), ..rows })
    }

    /// ORDER BY, LIMIT and locks.
    pub(super) fn finish(
        &mut self,
        query: &Query,
        body: Body<'_>,
        outer: Option<&Scope<'_>>,
        wanted: Labels,
    ) -> Result<Rows, Error> {
        self.writes |= !query.locks.is_empty();
        let columns = body.columns();
        let mut order = self.order_terms(query.order_by.as_ref(), &body)?;
        let limit = self.limit(query, outer)?;
        let single = body.is_single() || matches!(limit.as_str(), " LIMIT 0" | " LIMIT 1");
        let sql = match &body {
            Body::Select(parts) if !parts.distinct_on.is_empty() => {
                distinct_on(self, parts, &order)
            }
            _ => {
                let inside = self.order_keys(&mut order, &body);
                let order = spell_order(&order);
                // SQLite takes no ORDER BY or LIMIT behind VALUES.
                let plain =
                    matches!(body, Body::Values(_)) && !(order.is_empty() && limit.is_empty());
                match inside || plain {
                    true => {
                        let wanted = if inside { Labels::Own } else { wanted };
                        format!("SELECT * FROM ({}){order}", body.sql(wanted))
                    }
                    false => format!("{}{order}", body.sql(wanted)),
                }
            }
        };
        Ok(Rows { sql: format!("{sql}{limit}"), columns, single })
    }

    pub(super) fn with(&mut self, with: &With, outer: Option<&Scope<'_>>) -> Result<String, Error> {
        let mut parts = Vec::with_capacity(with.cte_tables.len());
        for cte in &with.cte_tables {
            parts.push(self.cte(cte, with.recursive, outer)?);
        }
        let word = if with.recursive { "WITH RECURSIVE" } else { "WITH" };
        Ok(format!("{word} {} ", parts.join(", ")))
    }

    fn cte(
        &mut self,
        cte: &Cte,
        recursive: bool,
        outer: Option<&Scope<'_>>,
    ) -> Result<String, Error> {
        let name = cte.alias.name.value.clone();
        let before = self.ctes.len();
        if recursive && let SetExpr::SetOperation { left, .. } = &*cte.query.body {
            // The columns of the first arm are those the second one sees.
            let mut first = self.body(left, outer)?;
            self.settle_body(&mut first)?;
            let columns = cte_columns(cte, first.columns());
            let columns = columns.into_iter().map(|c| SourceColumn { not_null: false, ..c });
            self.ctes.push(CteInSight { name: name.clone(), columns: columns.collect() });
        }
        let rows = self.query(&cte.query, outer, Labels::Own)?;
        self.ctes.truncate(before);
        let columns = cte_columns(cte, rows.columns);
        let names = quote::names(columns.iter().map(|column| column.stored.as_str()));
        let materialized = match cte.materialized {
            Some(CteAsMaterialized::Materialized) => "MATERIALIZED ",
            Some(CteAsMaterialized::NotMaterialized) => "NOT MATERIALIZED ",
            None => "",
        };
        let sql = format!("{}({names}) AS {materialized}({})", quote::name(&name), rows.sql);
        self.ctes.push(CteInSight { name, columns });
        Ok(sql)
    }

    fn order_terms(
        &mut self,
        order: Option<&OrderBy>,
        body: &Body<'_>,
    ) -> Result<Vec<OrderTerm>, Error> {
        let Some(order) = order else { return Ok(Vec::new()) };
        let OrderByKind::Expressions(items) = &order.kind else {
            return Err(ErrorKind::Unsupported("ORDER BY ALL".to_owned()).at(None));
        };
        items.iter().map(|item| self.order_term(item, body)).collect()
    }

    /// Puts keys in the place of values that SQLite would sort otherwise; whether they are those of
    /// the body's columns rather than of its FROM items.
    fn order_keys(&mut self, order: &mut [OrderTerm], body: &Body<'_>) -> bool {
        let columns = body.columns();
        let parts = match body {
            Body::Select(parts) if !parts.is_distinct_by_keys() => Some(parts),
            _ => None,
        };
        let mut inside = false;
        for term in order {
            if let (Body::Select(select), None, None) = (body, parts, term.output) {
                // What a DISTINCT sorts by is in its list.
                let same = |o: &Output| numberless(&o.value.sql) == numberless(&term.value.sql);
                term.output = select.outputs.iter().position(same);
                if term.output.is_some() {
                    self.literals.unlift(&term.value.sql);
                }
            }
            let column = term.output.and_then(|i| columns.get(i));
            let Some(column) = column else {
                term.value.sql = self.sort_key(&term.value);
                continue;
            };
            let Some(key) = column.key() else { continue };
            let value = match parts.zip(term.output).and_then(|(p, i)| p.outputs.get(i)) {
                Some(output) => output.value.sql.clone(),
                None => {
                    inside = true;
                    quote::name(&column.stored)
                }
            };
            term.value.sql = format!("{key}({value})");
            term.output = None;
        }
        inside
    }

    /// A number is a position, a name an output column before it is an input column.
    fn order_term(&mut self, item: &OrderByExpr, body: &Body<'_>) -> Result<OrderTerm, Error> {
        let columns = body.columns();
        let by_name = |expr: &Expr| match expr {
            Expr::Identifier(i) => {
                columns.iter().position(|column| column.name.eq_ignore_ascii_case(&i.value))
            }
            _ => None,
        };
        let output = match ordinal(&item.expr, columns.len(), "ORDER BY")? {
            Some(i) => Some(i),
            None => by_name(&item.expr),
        };
        if let Some(i) = output {
            let value = Typed::null();
            let direction = direction(&item.options, columns[i].not_null)?;
            return Ok(OrderTerm { output, value, direction });
        }
        let Body::Select(parts) = body else {
            let message = "invalid UNION/INTERSECT/EXCEPT ORDER BY clause";
            return Err(ErrorKind::Grammar(message).at(None));
        };
        let value = self.settled(&item.expr, &parts.scope)?;
        if let Some(keys) = &parts.keys {
            self.check_grouped(&item.expr, keys, &parts.scope)?;
        }
        let same = |o: &Output| numberless(&o.value.sql) == numberless(&value.sql);
        if parts.distinct && !parts.outputs.iter().any(same) {
            return Err(ErrorKind::DistinctOrder.at(value.at));
        }
        let direction = direction(&item.options, value.not_null)?;
        Ok(OrderTerm { output: None, value: not_an_ordinal(value), direction })
    }

    /// The list behind ORDER BY of an aggregate or a window: names are input columns there.
    pub(super) fn order_list(
        &mut self,
        items: &[OrderByExpr],
        scope: &Scope<'_>,
    ) -> Result<String, Error> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            let value = self.settled(&item.expr, scope)?;
            let direction = direction(&item.options, value.not_null)?;
            out.push(format!("{}{direction}", self.sort_key(&value)));
        }
        Ok(out.join(", "))
    }

    fn limit(&mut self, query: &Query, outer: Option<&Scope<'_>>) -> Result<String, Error> {
        let (limit, offset) = match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => (Some(limit), Some(offset)),
            None => (None, None),
        };
        let fetch = query.fetch.as_ref();
        if fetch.is_some_and(|fetch| fetch.with_ties || fetch.percent) {
            return Err(ErrorKind::Unsupported("FETCH FIRST WITH TIES".to_owned()).at(None));
        }
        let one = Expr::value(Value::Number("1".to_owned(), false));
        let limit = limit.or_else(|| fetch.map(|fetch| fetch.quantity.as_ref().unwrap_or(&one)));
        let limit = self.limit_value(limit, "-1", outer)?;
        let offset = self.limit_value(offset, "0", outer)?;
        Ok(match (limit, offset) {
            (None, None) => String::new(),
            (Some(limit), None) => format!(" LIMIT {limit}"),
            (None, Some(offset)) => format!(" LIMIT -1 OFFSET {offset}"),
            (Some(limit), Some(offset)) => format!(" LIMIT {limit} OFFSET {offset}"),
        })
    }

    /// NULL means no limit to Postgres and is an error to SQLite.
    fn limit_value(
        &mut self,
        expr: Option<&Expr>,
        when_null: &str,
        outer: Option<&Scope<'_>>,
    ) -> Result<Option<String>, Error> {
        let Some(expr) = expr else { return Ok(None) };
        let scope = Scope::inside(outer);
        let typed = self.expr(expr, &scope)?;
        if matches!(typed.form, Form::Null) {
            return Ok(None);
        }
        let typed = match typed.ty.ty {
            Type::NUMERIC | Type::FLOAT8 | Type::FLOAT4 => {
                self.explicit(typed, crate::types::ColumnType::new(Type::INT8))?
            }
            _ => self.implicit(typed, Type::INT8)?,
        };
        let typed = self.lift(typed);
        let null = if typed.not_null { None } else { Some(when_null) };
        Ok(Some(match null {
            Some(null) => format!("coalesce({}, {null})", typed.sql),
            None => typed.sql,
        }))
    }
}

/// DISTINCT ON: the first row of each group, by ORDER BY.
fn distinct_on(translator: &Translator<'_>, parts: &Parts<'_>, order: &[OrderTerm]) -> String {
    let stored = labels(parts.outputs.iter().map(|output| output.name.as_str()));
    let mut items: Vec<String> =
        parts.outputs.iter().zip(&stored).map(|(o, label)| o.labelled(label)).collect();
    let value = |term: &OrderTerm| match term.output.and_then(|i| parts.outputs.get(i)) {
        Some(Output { value, .. }) => translator.sort_key(value),
        None => translator.sort_key(&term.value),
    };
    let keys = translator.sort_keys(&parts.distinct_on);
    let inner: Vec<String> =
        order.iter().map(|term| format!("{}{}", value(term), term.direction)).collect();
    let inner =
        if inner.is_empty() { String::new() } else { format!(" ORDER BY {}", inner.join(", ")) };
    items.push(format!("row_number() OVER (PARTITION BY {keys}{inner}) AS \"row:number\""));
    let mut outer = Vec::with_capacity(order.len());
    for (i, term) in order.iter().enumerate() {
        items.push(format!("{} AS \"order:{i}\"", value(term)));
        outer.push(format!("\"order:{i}\"{}", term.direction));
    }
    let outer =
        if outer.is_empty() { String::new() } else { format!(" ORDER BY {}", outer.join(", ")) };
    format!(
        "SELECT {} FROM (SELECT {}{}) WHERE \"row:number\" = 1{outer}",
        quote::names(stored.iter().map(String::as_str)),
        items.join(", "),
        parts.tail
    )
}

/// A text without the numbers of its parameters: every literal has its own.
fn numberless(sql: &str) -> String {
    let mut after_mark = false;
    let kept = sql.chars().filter(|c| {
        after_mark = *c == '?' || after_mark && c.is_ascii_digit();
        *c == '?' || !after_mark
    });
    kept.collect()
}

fn spell_order(order: &[OrderTerm]) -> String {
    let term = |term: &OrderTerm| match term.output {
        Some(i) => format!("{}{}", i + 1, term.direction),
        None => format!("{}{}", term.value.sql, term.direction),
    };
    let terms: Vec<String> = order.iter().map(term).collect();
    if terms.is_empty() { String::new() } else { format!(" ORDER BY {}", terms.join(", ")) }
}

/// Postgres takes NULL for larger than any value, SQLite for smaller.
fn direction(options: &OrderByOptions, not_null: bool) -> Result<String, Error> {
    let descending = match &options.sort {
        None | Some(OrderBySort::Asc) => false,
        Some(OrderBySort::Desc) => true,
        Some(OrderBySort::Using(operator)) => match super::last_name(operator).as_str() {
            "<" => false,
            ">" => true,
            _ => return Err(ErrorKind::Unsupported("ORDER BY USING".to_owned()).at(None)),
        },
    };
    let nulls_first = options.nulls_first.unwrap_or(descending);
    let word = if descending { " DESC" } else { "" };
    // Ascending, SQLite puts NULLs first by itself; descending, last.
    let nulls = match (not_null, nulls_first == descending, nulls_first) {
        (true, ..) | (false, false, _) => "",
        (false, true, true) => " NULLS FIRST",
        (false, true, false) => " NULLS LAST",
    };
    Ok(format!("{word}{nulls}"))
}

fn cte_columns(cte: &Cte, columns: Vec<RowColumn>) -> Vec<SourceColumn> {
    let mut columns: Vec<SourceColumn> = columns.iter().map(SourceColumn::from).collect();
    for (column, given) in columns.iter_mut().zip(&cte.alias.columns) {
        column.name.clone_from(&given.name.value);
    }
    let stored = labels(columns.iter().map(|column| column.name.as_str()));
    for (column, stored) in columns.iter_mut().zip(stored) {
        column.stored = stored;
    }
    columns
}
