//! Expressions: Postgres's grammar, one construct after the other.
//!
//! <https://www.postgresql.org/docs/15/sql-expressions.html>

use super::operator::{for_names, operator_name};
use super::scope::Scope;
use super::typed::{Form, Level, Typed};
use super::{Translator, quote};
use crate::statement::{Error, ErrorKind};
use crate::types::Type;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, DateTimeField, Expr, Ident, ObjectName, Spanned, TrimWhereField,
    UnaryOperator,
};

/// How deeply expressions and sub-selects may nest.
const DEPTH_MAX: usize = 300;
/// SQLite's parser and planner recurse along a chain of ANDs; longer ones are cut into groups.
const CHAIN_MAX: usize = 100;

impl Translator<'_> {
    /// Translates an expression.
    pub(super) fn expr(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<Typed, Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(ErrorKind::TooDeep.at(None));
        }
        let typed = self.construct(expr, scope);
        self.depth -= 1;
        typed
    }

    /// Translates an expression and gives it a type if it has none.
    pub(super) fn settled(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<Typed, Error> {
        let typed = self.expr(expr, scope)?;
        self.settle(typed)
    }

    /// Translates several expressions.
    pub(super) fn exprs(&mut self, list: &[Expr], scope: &Scope<'_>) -> Result<Vec<Typed>, Error> {
        list.iter().map(|expr| self.expr(expr, scope)).collect()
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each construct of the grammar")]
    fn construct(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<Typed, Error> {
        match expr {
            Expr::Identifier(ident) => self.identifier(ident, scope),
            Expr::CompoundIdentifier(parts) => {
                let names: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
                scope.column(&names, self.offset(parts.first().map(|p| p.span)))
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.access(root, access_chain, scope)
            }
            Expr::Nested(inner) => self.expr(inner, scope),
            Expr::Value(value) => self.value(&value.value, self.offset(Some(value.span))),
            Expr::TypedString(typed) => {
                let at = self.offset(Some(typed.value.span));
                let literal = self.value(&typed.value.value, at)?;
                let ty = self.column_type(&typed.data_type)?;
                self.explicit(literal, ty)
            }
            Expr::Interval(interval) => self.interval(interval, scope),
            Expr::Cast { expr, data_type, .. } => {
                let target = self.column_type(data_type)?;
                let typed = self.expr(expr, scope)?;
                self.explicit(typed, target)
            }
            Expr::IsTrue(e) => self.truth(e, "IS TRUE", scope),
            Expr::IsNotTrue(e) => self.truth(e, "IS NOT TRUE", scope),
            Expr::IsFalse(e) => self.truth(e, "IS FALSE", scope),
            Expr::IsNotFalse(e) => self.truth(e, "IS NOT FALSE", scope),
            Expr::IsUnknown(e) => self.truth(e, "IS NULL", scope),
            Expr::IsNotUnknown(e) => self.truth(e, "IS NOT NULL", scope),
            Expr::IsNull(e) => self.null_test(e, "IS NULL", scope),
            Expr::IsNotNull(e) => self.null_test(e, "IS NOT NULL", scope),
            Expr::IsDistinctFrom(a, b) => self.distinct_test(a, b, "IS NOT", scope),
            Expr::IsNotDistinctFrom(a, b) => self.distinct_test(a, b, "IS", scope),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated, scope),
            Expr::InSubquery { expr, subquery, negated } => {
                self.in_subquery(expr, subquery, *negated, scope)
            }
            Expr::Between { expr, negated, low, high } => {
                self.between([expr, low, high], *negated, scope)
            }
            Expr::BinaryOp { op: BinaryOperator::And, .. } => self.chain(expr, true, scope),
            Expr::BinaryOp { op: BinaryOperator::Or, .. } => self.chain(expr, false, scope),
            Expr::BinaryOp { left, op, right } => {
                let name = operator_name(op).map_err(|kind| kind.at(None))?;
                let (left, pattern) = (self.expr(left, scope)?, right);
                let name = for_names(&name, left.ty.ty, pattern);
                let right = self.expr(pattern, scope)?;
                self.binary(name, left, right)
            }
            Expr::UnaryOp { op, expr } => self.unary(*op, expr, scope),
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                let name = if *negated { "notlike" } else { "like" };
                self.pattern(name, [expr, pattern], escape_char.as_deref(), scope)
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                let name = if *negated { "icnlike" } else { "iclike" };
                self.pattern(name, [expr, pattern], escape_char.as_deref(), scope)
            }
            Expr::Like { negated, any: true, expr, pattern, .. } => {
                let op = if *negated { "!~~" } else { "~~" };
                self.any_pattern(op, expr, pattern, scope)
            }
            Expr::ILike { negated, any: true, expr, pattern, .. } => {
                let op = if *negated { "!~~*" } else { "~~*" };
                self.any_pattern(op, expr, pattern, scope)
            }
            Expr::SimilarTo { negated, expr, pattern, escape_char } => {
                let typed =
                    self.pattern("similar", [expr, pattern], escape_char.as_deref(), scope)?;
                Ok(if *negated { not(&typed) } else { typed })
            }
            Expr::AnyOp { left, compare_op, right, .. } => {
                self.quantified([left, right], compare_op, true, scope)
            }
            Expr::AllOp { left, compare_op, right } => {
                self.quantified([left, right], compare_op, false, scope)
            }
            Expr::AtTimeZone { timestamp, time_zone } => {
                self.call_on("timezone", &[time_zone, timestamp], scope)
            }
            Expr::Extract { field, expr, .. } => {
                let argument = self.expr(expr, scope)?;
                let field = Typed::new(quote::string(&field_name(field)), Type::TEXT);
                self.call("extract", vec![field, argument], self.offset(Some(expr.span())))
            }
            Expr::Ceil { expr, .. } => self.call_on("ceil", &[expr], scope),
            Expr::Floor { expr, .. } => self.call_on("floor", &[expr], scope),
            Expr::Position { expr, r#in } => self.call_on("position", &[r#in, expr], scope),
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                self.substring(expr, substring_from.as_deref(), substring_for.as_deref(), scope)
            }
            Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
                let characters = trim_characters.as_ref().and_then(|list| list.first());
                let what = trim_what.as_deref().or(characters);
                let arguments: Vec<&Expr> = std::iter::once(&**expr).chain(what).collect();
                self.call_on(trim_function(*trim_where), &arguments, scope)
            }
            Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                let mut arguments: Vec<&Expr> = vec![expr, overlay_what, overlay_from];
                arguments.extend(overlay_for.as_deref());
                self.call_on("overlay", &arguments, scope)
            }
            Expr::Collate { expr, collation } => self.collate(expr, collation, scope),
            Expr::Function(function) => self.function(function, scope),
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), scope)
            }
            Expr::Exists { subquery, negated } => self.exists(subquery, *negated, scope),
            Expr::Subquery(query) => self.scalar_subquery(query, scope),
            Expr::Tuple(fields) => {
                let fields = self.exprs(fields, scope)?;
                Ok(row(fields))
            }
            Expr::Array(array) => self.array(&array.elem, scope),
            other => {
                let at = self.offset(Some(other.span()));
                Err(ErrorKind::Unsupported(construct_name(other)).at(at))
            }
        }
    }

    fn identifier(&mut self, ident: &Ident, scope: &Scope<'_>) -> Result<Typed, Error> {
        let at = self.offset(Some(ident.span));
        match scope.column(&[&ident.value], at) {
            Err(error) if ident.quote_style.is_none() => {
                let name = ident.value.to_ascii_lowercase();
                match is_value_function(&name) {
                    true => self.call(&name, Vec::new(), at),
                    false => Err(error),
                }
            }
            found => found,
        }
    }

    fn truth(&mut self, expr: &Expr, test: &str, scope: &Scope<'_>) -> Result<Typed, Error> {
        let typed = self.expr(expr, scope)?;
        let typed = self.condition(typed, "IS")?;
        Ok(never_null(Typed::operator(format!("{} {test}", typed.operand()), Type::BOOL)))
    }

    fn null_test(&mut self, expr: &Expr, test: &str, scope: &Scope<'_>) -> Result<Typed, Error> {
        let typed = self.settled(expr, scope)?;
        if let Form::Row(fields) = &typed.form {
            let tests = fields.iter().map(|field| format!("{} {test}", field.operand()));
            let sql = format!("({})", tests.collect::<Vec<_>>().join(" AND "));
            return Ok(never_null(Typed::new(sql, Type::BOOL)));
        }
        Ok(never_null(Typed::operator(format!("{} {test}", typed.operand()), Type::BOOL)))
    }

    fn distinct_test(
        &mut self,
        a: &Expr,
        b: &Expr,
        op: &str,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let (a, b) = (self.expr(a, scope)?, self.expr(b, scope)?);
        let (a, b) = self.matched("IS DISTINCT FROM", a, b)?;
        let (a, b) = self.comparable_pair(a, b);
        let sql = format!("{} {op} {}", a.operand(), b.operand());
        Ok(never_null(Typed::operator(sql, Type::BOOL)))
    }

    fn in_list(
        &mut self,
        expr: &Expr,
        list: &[Expr],
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let left = self.expr(expr, scope)?;
        let items = self.exprs(list, scope)?;
        self.in_items(left, items, negated)
    }

    /// `left [NOT] IN (items)`
    pub(super) fn in_items(
        &mut self,
        left: Typed,
        items: Vec<Typed>,
        negated: bool,
    ) -> Result<Typed, Error> {
        let at = left.at;
        let op = if negated { "NOT IN" } else { "IN" };
        if let Form::Row(_) = left.form {
            return self.row_in_items(left, items, negated);
        }
        let types = items.iter().map(|item| item.ty.ty);
        let known = types.clone().any(|ty| ty != Type::UNKNOWN);
        let item = if known { self.common("IN", types, at)? } else { Type::UNKNOWN };
        let (left_type, item) = self.equated(left.ty.ty, item, at)?;
        let left = self.implicit(left, left_type)?;
        let mut converted = Vec::with_capacity(items.len() + 1);
        converted.push(self.lift(left));
        for value in items {
            let value = self.implicit(value, item)?;
            converted.push(self.lift(value));
        }
        let mut items = self.comparable(converted);
        let left = items.remove(0);
        let sql = format!("{} {op} ({})", left.operand(), super::typed::list(&items));
        Ok(Typed::operator(sql, Type::BOOL).at(at))
    }

    fn row_in_items(
        &mut self,
        left: Typed,
        items: Vec<Typed>,
        negated: bool,
    ) -> Result<Typed, Error> {
        let tests = items.into_iter().map(|item| self.binary("=", left.clone(), item));
        let tests = tests.collect::<Result<Vec<_>, _>>()?;
        let any = join_chain(&tests, false);
        Ok(if negated { not(&any) } else { any })
    }

    fn between(
        &mut self,
        [expr, low, high]: [&Expr; 3],
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let all = vec![self.expr(expr, scope)?, self.expr(low, scope)?, self.expr(high, scope)?];
        let all = self.matched_all("BETWEEN", all)?;
        let [value, low, high] = &all[..] else {
            return Err(ErrorKind::WrongArity("BETWEEN takes two bounds").at(None));
        };
        let above = self.binary(">=", value.clone(), low.clone())?;
        let below = self.binary("<=", value.clone(), high.clone())?;
        if !above.sql.contains(" >= ") {
            let both = join_chain(&[above, below], true);
            return Ok(if negated { not(&both) } else { both });
        }
        let all = vec![value.clone(), self.lift(low.clone()), self.lift(high.clone())];
        let all = self.comparable(all);
        let [value, low, high] = &all[..] else {
            return Err(ErrorKind::WrongArity("BETWEEN takes two bounds").at(None));
        };
        let op = if negated { "NOT BETWEEN" } else { "BETWEEN" };
        let sql = format!("{} {op} {} AND {}", value.operand(), low.operand(), high.operand());
        Ok(Typed::operator(sql, Type::BOOL).at(value.at))
    }

    /// A chain of ANDs or ORs, whose depth must not become the depth of a recursion.
    fn chain(&mut self, expr: &Expr, and: bool, scope: &Scope<'_>) -> Result<Typed, Error> {
        let wanted = if and { BinaryOperator::And } else { BinaryOperator::Or };
        let mut terms = Vec::new();
        let mut rest = expr;
        while let Expr::BinaryOp { left, op, right } = rest {
            if *op != wanted {
                break;
            }
            terms.push(&**right);
            rest = left;
        }
        terms.push(rest);
        let clause = if and { "AND" } else { "OR" };
        let mut out = Vec::with_capacity(terms.len());
        for term in terms.into_iter().rev() {
            let typed = self.expr(term, scope)?;
            out.push(self.condition(typed, clause)?);
        }
        Ok(join_chain(&out, and))
    }

    fn unary(&mut self, op: UnaryOperator, expr: &Expr, scope: &Scope<'_>) -> Result<Typed, Error> {
        let operand = self.expr(expr, scope)?;
        let name = match op {
            UnaryOperator::Not => {
                let operand = self.condition(operand, "NOT")?;
                return Ok(not(&operand));
            }
            UnaryOperator::Plus => "+",
            UnaryOperator::Minus => "-",
            UnaryOperator::BitwiseNot => "~",
            UnaryOperator::PGAbs => "@",
            UnaryOperator::PGSquareRoot => "|/",
            UnaryOperator::PGCubeRoot => "||/",
            _ => {
                let what = "this prefix operator".to_owned();
                return Err(ErrorKind::Unsupported(what).at(operand.at));
            }
        };
        self.prefix(name, operand)
    }

    fn pattern(
        &mut self,
        name: &str,
        [expr, pattern]: [&Expr; 2],
        escape: Option<&Expr>,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let mut arguments = vec![self.expr(expr, scope)?, self.expr(pattern, scope)?];
        if let Some(escape) = escape {
            arguments.push(self.expr(escape, scope)?);
        }
        let at = self.offset(Some(expr.span()));
        if matches!(name, "like" | "notlike")
            && let Some(typed) = self.glob(name == "notlike", &arguments)?
        {
            return Ok(typed.at(at));
        }
        self.call(name, arguments, at)
    }

    /// `value LIKE ANY (array)`
    fn any_pattern(
        &mut self,
        op: &str,
        expr: &Expr,
        pattern: &Expr,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let (left, right) = (self.expr(expr, scope)?, self.expr(pattern, scope)?);
        self.over_array(left, op, true, right)
    }

    fn substring(
        &mut self,
        expr: &Expr,
        from: Option<&Expr>,
        length: Option<&Expr>,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let mut arguments = vec![self.expr(expr, scope)?];
        match from {
            Some(from) => arguments.push(self.expr(from, scope)?),
            None => arguments.push(Typed::new("1", Type::INT4)),
        }
        if let Some(length) = length {
            arguments.push(self.expr(length, scope)?);
        }
        self.call("substring", arguments, self.offset(Some(expr.span())))
    }

    fn collate(
        &mut self,
        expr: &Expr,
        collation: &ObjectName,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let typed = self.expr(expr, scope)?;
        let typed = self.settle(typed)?;
        let name = super::last_name(collation);
        match name.to_ascii_lowercase().as_str() {
            "default" | "c" | "posix" | "ucs_basic" | "c.utf8" | "c.utf-8" => Ok(typed),
            "nocase" | "binary" | "rtrim" => {
                let sql = format!("{} COLLATE {}", typed.operand(), quote::name(&name));
                Ok(Typed { sql, level: Level::Operator, form: Form::Plain, origin: None, ..typed })
            }
            _ => Err(ErrorKind::UndefinedCollation(name).at(typed.at)),
        }
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let tests = self.case_tests(operand, conditions, scope)?;
        let mut results = Vec::with_capacity(conditions.len() + 1);
        // ELSE comes first where a common type is chosen.
        if let Some(otherwise) = otherwise {
            results.push(self.expr(otherwise, scope)?);
        }
        for when in conditions {
            results.push(self.expr(&when.result, scope)?);
        }
        let (mut results, ty) = self.matched_alike("CASE", results)?;
        if otherwise.is_some() {
            results.rotate_left(1);
        }
        let not_null = otherwise.is_some() && results.iter().all(|result| result.not_null);
        let last = if otherwise.is_some() { results.pop() } else { None };
        let mut sql = String::from("CASE");
        let (head, tests) = tests;
        if let Some(head) = head {
            sql.push_str(&format!(" {}", head.sql));
        }
        for (test, result) in tests.iter().zip(&results) {
            sql.push_str(&format!(" WHEN {} THEN {}", test.sql, result.sql));
        }
        if let Some(last) = last {
            sql.push_str(&format!(" ELSE {}", last.sql));
        }
        sql.push_str(" END");
        Ok(Typed { not_null, ..Typed::new(sql, ty.ty).with_type(ty) })
    }

    /// The operand of CASE, if there is one, and what it is compared with; conditions otherwise.
    fn case_tests(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        scope: &Scope<'_>,
    ) -> Result<(Option<Typed>, Vec<Typed>), Error> {
        let mut tests = Vec::with_capacity(conditions.len() + 1);
        if let Some(operand) = operand {
            tests.push(self.expr(operand, scope)?);
        }
        for when in conditions {
            let test = self.expr(&when.condition, scope)?;
            let test = if operand.is_none() { self.condition(test, "CASE/WHEN")? } else { test };
            tests.push(test);
        }
        if operand.is_none() {
            return Ok((None, tests));
        }
        let tests = self.matched_all("CASE/WHEN", tests)?;
        let mut tests = self.comparable(tests);
        let head = tests.remove(0);
        Ok((Some(head), tests))
    }

    /// A call whose arguments are expressions of the grammar.
    pub(super) fn call_on(
        &mut self,
        name: &str,
        arguments: &[&Expr],
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let at = arguments.first().and_then(|argument| self.offset(Some(argument.span())));
        let typed = arguments.iter().map(|argument| self.expr(argument, scope));
        let typed = typed.collect::<Result<Vec<_>, _>>()?;
        self.call(name, typed, at)
    }
}

/// Terms joined by AND or OR, in groups if there are many.
pub(super) fn join_chain(terms: &[Typed], and: bool) -> Typed {
    let (word, level) = if and { (" AND ", Level::And) } else { (" OR ", Level::Or) };
    let join = |texts: Vec<String>| texts.join(word);
    let texts: Vec<String> = terms.iter().map(|term| term.within(level).into_owned()).collect();
    let sql = if texts.len() > CHAIN_MAX {
        let groups = texts.chunks(CHAIN_MAX).map(|group| format!("({})", group.join(word)));
        join(groups.collect())
    } else {
        join(texts)
    };
    Typed { level, not_null: terms.iter().all(|t| t.not_null), ..Typed::new(sql, Type::BOOL) }
}

/// `NOT operand`
pub(super) fn not(operand: &Typed) -> Typed {
    let sql = format!("NOT {}", operand.operand());
    Typed { not_null: operand.not_null, ..Typed::operator(sql, Type::BOOL) }
}

/// `(a, b)`
pub(super) fn row(fields: Vec<Typed>) -> Typed {
    let sql = format!("({})", super::typed::list(&fields));
    Typed { form: Form::Row(fields), ..Typed::new(sql, super::signature::RECORD) }
}

fn never_null(typed: Typed) -> Typed {
    Typed { not_null: true, ..typed }
}

/// A field as EXTRACT and INTERVAL name it.
pub(super) fn field_name(field: &DateTimeField) -> String {
    match field {
        DateTimeField::Custom(ident) => ident.value.to_ascii_lowercase(),
        DateTimeField::Week(_) => "week".to_owned(),
        DateTimeField::TimezoneHour => "timezone_hour".to_owned(),
        DateTimeField::TimezoneMinute => "timezone_minute".to_owned(),
        // The other variants are spelt as their fields.
        other => format!("{other:?}").to_ascii_lowercase(),
    }
}

/// The function that a form of TRIM calls.
pub(super) fn trim_function(side: Option<TrimWhereField>) -> &'static str {
    match side {
        Some(TrimWhereField::Leading) => "ltrim",
        Some(TrimWhereField::Trailing) => "rtrim",
        Some(TrimWhereField::Both) | None => "btrim",
    }
}

/// Functions that are written without parentheses.
pub(super) fn is_value_function(name: &str) -> bool {
    matches!(
        name,
        "current_catalog"
            | "current_date"
            | "current_role"
            | "current_schema"
            | "current_time"
            | "current_timestamp"
            | "current_user"
            | "localtime"
            | "localtimestamp"
            | "session_user"
            | "system_user"
            | "user"
    )
}

fn construct_name(expr: &Expr) -> String {
    let name = match expr {
        Expr::GroupingSets(_) => "GROUPING SETS",
        Expr::Cube(_) => "CUBE",
        Expr::Rollup(_) => "ROLLUP",
        Expr::IsNormalized { .. } => "IS NORMALIZED",
        Expr::IsJson { .. } => "IS JSON",
        _ => "this expression",
    };
    name.to_owned()
}
