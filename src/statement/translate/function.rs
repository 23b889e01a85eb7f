//! Function calls: scalar, aggregate and window functions.
//!
//! <https://www.postgresql.org/docs/15/sql-expressions.html#SQL-EXPRESSIONS-FUNCTION-CALLS>

use super::expression::{is_value_function, row};
use super::scope::{Scope, Source, SourceColumn};
use super::signature::{self, Argument, Handed, Kind, Resolved, Unresolved};
use super::typed::{Form, Typed};
use super::{Translator, quote};
use crate::statement::{Error, ErrorKind};
use crate::types::{ColumnType, Type};
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, OrderByExpr, Spanned, WindowFrame,
    WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

/// What stands between a call's parentheses besides its arguments, and after them.
#[derive(Default)]
struct Clauses<'e> {
    distinct: bool,
    order_by: &'e [OrderByExpr],
    within: &'e [OrderByExpr],
    filter: Option<&'e Expr>,
    over: Option<&'e WindowType>,
}

impl Clauses<'_> {
    fn is_plain(&self) -> bool {
        !self.distinct && self.order_by.is_empty() && self.filter.is_none() && self.over.is_none()
    }
}

impl Translator<'_> {
    /// A call as the grammar has it.
    pub(super) fn function(
        &mut self,
        function: &Function,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let at = self.offset(Some(function.name.span()));
        let name = self.function_name(&function.name)?;
        let mut clauses = Clauses {
            within: &function.within_group,
            filter: function.filter.as_deref(),
            over: function.over.as_ref(),
            ..Clauses::default()
        };
        let mut arguments = match &function.args {
            FunctionArguments::None => Vec::new(),
            FunctionArguments::List(list) => {
                clauses.distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
                clauses.order_by = order_of(list);
                self.function_arguments(list, &name, scope)?
            }
            FunctionArguments::Subquery(query) if name == "array" => {
                return self.array_subquery(query, scope);
            }
            FunctionArguments::Subquery(query) => vec![self.scalar_subquery(query, scope)?],
        };
        if function.null_treatment.is_some() {
            return Err(ErrorKind::Unsupported("IGNORE NULLS".to_owned()).at(at));
        }
        for ordered in clauses.within {
            arguments.push(self.expr(&ordered.expr, scope)?);
        }
        if let Some(typed) = self.special_call(&name, &arguments, at)? {
            return Ok(typed);
        }
        if let Some(target) = cast_by_name(&name, &arguments) {
            return self.explicit(arguments.remove(0), ColumnType::new(target));
        }
        let resolved = self.overload(&name, &arguments, clauses.distinct, at)?;
        self.finish_call(&resolved, arguments, &clauses, (scope, at))
    }

    /// A call of a function of a name, without clauses.
    pub(super) fn call(
        &mut self,
        name: &str,
        arguments: Vec<Typed>,
        at: Option<usize>,
    ) -> Result<Typed, Error> {
        if let Some(typed) = self.special_call(name, &arguments, at)? {
            return Ok(typed);
        }
        let resolved = self.overload(name, &arguments, false, at)?;
        let scope = Scope::default();
        self.finish_call(&resolved, arguments, &Clauses::default(), (&scope, at))
    }

    /// A function's name without its schema, in the case Postgres gives it.
    pub(super) fn function_name(&self, name: &ObjectName) -> Result<String, Error> {
        let at = self.offset(Some(name.span()));
        let parts = super::name_parts(name);
        if let [.., schema, _] = &parts[..] {
            let known = matches!(schema.as_str(), "pg_catalog" | "public" | "information_schema");
            if !known {
                return Err(ErrorKind::UndefinedSchema(schema.clone()).at(at));
            }
        }
        Ok(parts.last().cloned().unwrap_or_default())
    }

    /// Chooses among the functions of a name.
    pub(super) fn overload(
        &mut self,
        name: &str,
        arguments: &[Typed],
        distinct: bool,
        at: Option<usize>,
    ) -> Result<Resolved, Error> {
        let types: Vec<Type> = arguments.iter().map(|argument| argument.ty.ty).collect();
        let candidates = signature::functions(name);
        let mut found = signature::resolve(candidates, &types, distinct);
        if found.is_err() && candidates.is_empty() {
            found = signature::resolve(signature::sqlite_functions(name), &types, distinct);
        }
        found.map_err(|why| {
            let list: Vec<_> = types.iter().map(|ty| ty.sql_name()).collect();
            let text = format!("{name}({})", list.join(", "));
            match why {
                Unresolved::None => ErrorKind::UndefinedFunction(text).at(at),
                Unresolved::Ambiguous => ErrorKind::AmbiguousFunction(text).at(at),
            }
        })
    }

    /// Puts a value into the form a function wants it in.
    pub(super) fn hand(&mut self, typed: Typed, argument: Argument) -> Result<Typed, Error> {
        let target = match argument.handed {
            Handed::AsIs => return Ok(typed),
            Handed::Text if typed.ty.ty == Type::TEXT => return Ok(typed),
            // An array that is wanted as an array keeps its form; its elements become text.
            Handed::Text if argument.ty == signature::ANYARRAY => {
                let texts = Type::TEXT.array().unwrap_or(Type::TEXT);
                return self.explicit(typed, ColumnType::new(texts));
            }
            Handed::Text if typed.ty.ty == Type::BPCHAR => return Ok(self.exact(typed)),
            Handed::Text => return self.explicit(typed, ColumnType::new(Type::TEXT)),
            Handed::Float8 => return self.explicit(typed, ColumnType::new(Type::FLOAT8)),
            Handed::Json => Type::JSON,
            Handed::Jsonb => Type::JSONB,
        };
        self.json_of(typed, target)
    }

    /// What `to_json` and `to_jsonb` make of a value.
    fn json_of(&mut self, typed: Typed, target: Type) -> Result<Typed, Error> {
        let at = typed.at;
        if let Form::Row(fields) = typed.form {
            let name = |(i, value): (usize, Typed)| (format!("f{}", i + 1), value);
            let fields = fields.into_iter().enumerate().map(name).collect();
            let row = Typed { form: Form::WholeRow(fields), ..Typed::null() };
            return self.json_of(row, target);
        }
        if let Form::WholeRow(fields) = typed.form {
            let mut arguments = Vec::with_capacity(fields.len() * 2);
            for (name, value) in fields {
                arguments.push(quote::string(&name));
                arguments.push(self.json_of(value, target)?.sql);
            }
            let function = signature::conversion(signature::RECORD, target).flatten();
            let sql = format!("{}({})", function.unwrap_or("json_object"), arguments.join(", "));
            return Ok(Typed::new(sql, target));
        }
        let typed = self.settle(typed)?;
        let vector = signature::vector_as_array(typed.ty.ty);
        if vector != typed.ty.ty {
            let array = self.explicit(typed, ColumnType::new(vector))?;
            return self.json_of(array, target);
        }
        let typed = self.exact(typed);
        let function = signature::conversion(typed.ty.ty, target);
        let sql = match function {
            None if typed.ty.ty.category() == 'S' || super::cast::is_opaque(typed.ty.ty) => {
                let function = signature::conversion(Type::TEXT, target).flatten();
                function.map(|function| format!("{function}({})", typed.sql))
            }
            // Any other value is the string it is shown as.
            None => {
                let text = self.explicit(typed, ColumnType::new(Type::TEXT))?;
                return self.json_of(text, target);
            }
            Some(function) => self.json_call(function, &typed),
        };
        let sql = sql.unwrap_or_else(|| typed.sql.clone());
        Ok(Typed::new(sql, target).at(at))
    }

    /// An array's conversion takes that of its elements.
    fn json_call(&self, function: Option<&'static str>, typed: &Typed) -> Option<String> {
        let function = function?;
        let Some(element) = typed.ty.ty.element() else {
            return Some(format!("{function}({})", typed.sql));
        };
        let inner = signature::conversion(element, Type::JSON).flatten();
        let inner = inner.map_or_else(|| "NULL".to_owned(), quote::string);
        Some(format!("{function}({}, {inner})", typed.sql))
    }

    fn function_arguments(
        &mut self,
        list: &FunctionArgumentList,
        name: &str,
        scope: &Scope<'_>,
    ) -> Result<Vec<Typed>, Error> {
        let mut out = Vec::with_capacity(list.args.len());
        if let Some(values) = self.named_arguments(list, name, scope)? {
            return Ok(values);
        }
        for argument in &list.args {
            let FunctionArg::Unnamed(argument) = argument else {
                let what = format!("a named argument of {name}");
                return Err(ErrorKind::Unsupported(what).at(None));
            };
            match argument {
                FunctionArgExpr::Expr(expr) => out.push(self.expr(expr, scope)?),
                FunctionArgExpr::Wildcard if name == "count" => {}
                FunctionArgExpr::QualifiedWildcard(table) => {
                    let parts = super::name_parts(table);
                    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                    let source = scope.source(&parts).ok_or_else(|| {
                        ErrorKind::MissingFrom(parts.join(".")).at(self.offset(Some(table.span())))
                    })?;
                    out.push(row(source.row().into_iter().map(|(_, value)| value).collect()));
                }
                _ => {
                    let message = "argument of this function cannot be *";
                    return Err(ErrorKind::Grammar(message).at(None));
                }
            }
        }
        Ok(out)
    }

    /// `make_interval(days => 1)`: the arguments in their places, those not given 0; `None` for a
    /// function whose arguments are known by place only.
    fn named_arguments(
        &mut self,
        list: &FunctionArgumentList,
        name: &str,
        scope: &Scope<'_>,
    ) -> Result<Option<Vec<Typed>>, Error> {
        let names: &[&str] = match name {
            "make_interval" => &["years", "months", "weeks", "days", "hours", "mins", "secs"],
            "make_date" => &["year", "month", "day"],
            _ => return Ok(None),
        };
        let named =
            |name: &Ident| names.iter().position(|known| known.eq_ignore_ascii_case(&name.value));
        let mut values = vec![Typed::new("0", Type::INT4); names.len()];
        for (i, argument) in list.args.iter().enumerate() {
            let (place, value) = match argument {
                FunctionArg::Unnamed(value) => (Some(i), value),
                FunctionArg::Named { name, arg, .. } => (named(name), arg),
                FunctionArg::ExprNamed { name: Expr::Identifier(name), arg, .. } => {
                    (named(name), arg)
                }
                FunctionArg::ExprNamed { arg, .. } => (None, arg),
            };
            let slot = place.and_then(|place| values.get_mut(place));
            let (Some(slot), FunctionArgExpr::Expr(expr)) = (slot, value) else { return Ok(None) };
            *slot = self.expr(expr, scope)?;
            if names.get(place.unwrap_or(0)) == Some(&"secs") {
                *slot = self.implicit(slot.clone(), Type::FLOAT8)?;
            }
        }
        let all = name == "make_interval" || list.args.len() == names.len();
        Ok(all.then_some(values))
    }

    /// Calls whose meaning is not in their arguments' values.
    fn special_call(
        &mut self,
        name: &str,
        arguments: &[Typed],
        at: Option<usize>,
    ) -> Result<Option<Typed>, Error> {
        let typed = match (name, arguments) {
            ("row", fields) => row(fields.to_vec()),
            ("pg_typeof", [argument]) => {
                let ty = argument.ty.ty;
                Typed::new(ty.0.to_string(), Type::from_name("regtype").unwrap_or(Type::OID))
            }
            ("coalesce", [only]) => only.clone(),
            // The type is that of the left side of the comparison it makes.
            ("nullif", [left, right]) => {
                let (left, right) = self.equal_sides(left.clone(), right.clone())?;
                let compared = self.comparable(vec![left.clone(), right]);
                let list = super::typed::list(&compared);
                let same = compared.first().is_some_and(|value| value.sql == left.sql);
                let sql = match same {
                    true => format!("nullif({list})"),
                    false => format!("iif(nullif({list}) IS NULL, NULL, {})", left.sql),
                };
                Typed::new(sql, left.ty.ty).with_type(left.ty)
            }
            ("count", [argument]) if matches!(argument.form, Form::WholeRow(_) | Form::Row(_)) => {
                Typed { not_null: true, ..Typed::new("count(*)", Type::INT8) }
            }
            (name, _) if is_value_function(name) => self.value_function(name, at)?,
            ("nextval" | "setval", _) => {
                self.writes = true;
                return Ok(None);
            }
            _ => return Ok(None),
        };
        Ok(Some(typed.at(at)))
    }

    /// `CURRENT_DATE` and its like.
    fn value_function(&mut self, name: &str, at: Option<usize>) -> Result<Typed, Error> {
        let (function, target) = match name {
            "current_timestamp" => ("now", None),
            "current_date" => ("now", Some(Type::DATE)),
            "current_time" => ("now", Some(Type::TIMETZ)),
            "localtime" => ("now", Some(Type::TIME)),
            "localtimestamp" => ("now", Some(Type::TIMESTAMP)),
            "current_catalog" => ("current_database", None),
            "session_user" | "system_user" => ("session_user", None),
            "current_schema" => ("current_schema", None),
            _ => ("current_user", None),
        };
        let resolved = self.overload(function, &[], false, at)?;
        let typed = self.spell(resolved.signature, &[], resolved.result);
        match target {
            Some(target) => self.explicit(typed, ColumnType::new(target)),
            None => Ok(typed),
        }
    }

    fn finish_call(
        &mut self,
        resolved: &Resolved,
        arguments: Vec<Typed>,
        clauses: &Clauses<'_>,
        (scope, at): (&Scope<'_>, Option<usize>),
    ) -> Result<Typed, Error> {
        let signature = resolved.signature;
        let arguments = self.arguments(resolved, arguments)?;
        if matches!(signature.kind, Kind::Aggregate | Kind::Within)
            && arguments.iter().any(|a| matches!(a.form, Form::Row(_) | Form::WholeRow(_)))
        {
            return Err(ErrorKind::Unsupported("this aggregate of records".to_owned()).at(at));
        }
        let (arguments, ty) = self.shown(signature.sqlite, arguments, resolved.result);
        if signature.kind == Kind::Set {
            return Ok(self.set_in_select(resolved, &arguments).at(at));
        }
        if matches!(signature.kind, Kind::Aggregate | Kind::Within) && clauses.over.is_none() {
            self.aggregates += 1;
        }
        let not_null = signature.sqlite == "count" || is_total(signature.sqlite, &arguments);
        let sqlite = super::order::comparing(signature.sqlite, &arguments);
        let call = if clauses.is_plain()
            && sqlite == signature.sqlite
            && !(arguments.is_empty() && signature.sqlite == "count")
        {
            self.spell(signature, &arguments, resolved.result)
        } else {
            let sql = self.clauses(sqlite, &arguments, clauses, scope)?;
            Typed::new(sql, resolved.result)
        };
        let call = Typed { not_null, ..call.with_type(ty).at(at) };
        Ok(call)
    }

    /// A set-returning function in a select list joins its rows to those of FROM; of several
    /// functions the first rows stand side by side, then the second ones and so on.
    fn set_in_select(&mut self, resolved: &Resolved, arguments: &[Typed]) -> Typed {
        let set = super::from::set_call(resolved, arguments, false);
        let same = self.sets.iter().find(|other| other.call == set.sql);
        let known = same.map(|other| other.alias.clone());
        let alias = known.unwrap_or_else(|| {
            let alias = self.fresh("set");
            self.sets.push(SetInSelect { call: set.sql, alias: alias.clone() });
            alias
        });
        let columns = set.columns.into_iter();
        let columns =
            columns.map(|(name, ty, not_null)| SourceColumn::computed(name, ty, not_null));
        let source = Source::derived(&alias, columns.collect());
        match &source.columns[..] {
            [column] => source.value(column),
            _ => Typed {
                form: Form::WholeRow(source.row()),
                ..Typed::new("NULL", signature::RECORD)
            },
        }
    }

    fn clauses(
        &mut self,
        name: &str,
        arguments: &[Typed],
        clauses: &Clauses<'_>,
        scope: &Scope<'_>,
    ) -> Result<String, Error> {
        let mut sql = format!("{name}(");
        // Some are made for DISTINCT, which SQLite takes with one argument only.
        let distinct = clauses.distinct && !name.ends_with("_distinct");
        if distinct {
            sql.push_str("DISTINCT ");
        }
        let star = arguments.is_empty() && name == "count";
        sql.push_str(&match () {
            () if star => "*".to_owned(),
            () if clauses.distinct && name == "count" => self.sort_keys(arguments),
            () => super::typed::list(arguments),
        });
        if distinct && clauses.order_by.is_empty() && arguments.len() == 1 && name.contains("_agg")
        {
            // Postgres finds the distinct values by sorting them.
            sql.push_str(&format!(" ORDER BY {} NULLS LAST", self.sort_keys(arguments)));
        }
        if !clauses.order_by.is_empty() {
            sql.push_str(&format!(" ORDER BY {}", self.order_list(clauses.order_by, scope)?));
        }
        sql.push(')');
        if let Some(filter) = clauses.filter {
            let filter = self.expr(filter, scope)?;
            let filter = self.condition(filter, "FILTER")?;
            sql.push_str(&format!(" FILTER (WHERE {})", filter.sql));
        }
        match clauses.over {
            Some(WindowType::NamedWindow(window)) => {
                sql.push_str(&format!(" OVER {}", quote::name(&window.value)));
            }
            Some(WindowType::WindowSpec(spec)) => {
                sql.push_str(&format!(" OVER ({})", self.window(spec, scope)?));
            }
            None => {}
        }
        Ok(sql)
    }

    /// The inside of a window definition.
    pub(super) fn window(&mut self, spec: &WindowSpec, scope: &Scope<'_>) -> Result<String, Error> {
        let mut parts = Vec::new();
        parts.extend(spec.window_name.as_ref().map(|name| quote::name(&name.value)));
        if !spec.partition_by.is_empty() {
            let keys = spec.partition_by.iter().map(|expr| self.settled(expr, scope));
            let keys = keys.collect::<Result<Vec<_>, _>>()?;
            parts.push(format!("PARTITION BY {}", self.sort_keys(&keys)));
        }
        if !spec.order_by.is_empty() {
            parts.push(format!("ORDER BY {}", self.order_list(&spec.order_by, scope)?));
        }
        if let Some(frame) = &spec.window_frame {
            parts.push(self.frame(frame, scope)?);
        }
        Ok(parts.join(" "))
    }

    fn frame(&mut self, frame: &WindowFrame, scope: &Scope<'_>) -> Result<String, Error> {
        let units = match frame.units {
            WindowFrameUnits::Rows => "ROWS",
            WindowFrameUnits::Range => "RANGE",
            WindowFrameUnits::Groups => "GROUPS",
        };
        let start = self.frame_bound(&frame.start_bound, scope)?;
        Ok(match &frame.end_bound {
            Some(end) => {
                let end = self.frame_bound(end, scope)?;
                format!("{units} BETWEEN {start} AND {end}")
            }
            None => format!("{units} {start}"),
        })
    }

    fn frame_bound(
        &mut self,
        bound: &WindowFrameBound,
        scope: &Scope<'_>,
    ) -> Result<String, Error> {
        let (distance, side) = match bound {
            WindowFrameBound::CurrentRow => return Ok("CURRENT ROW".to_owned()),
            WindowFrameBound::Preceding(distance) => (distance, "PRECEDING"),
            WindowFrameBound::Following(distance) => (distance, "FOLLOWING"),
        };
        let Some(distance) = distance else { return Ok(format!("UNBOUNDED {side}")) };
        let distance = self.expr(distance, scope)?;
        let distance =
            if distance.is_unknown() { self.implicit(distance, Type::INT8)? } else { distance };
        Ok(format!("{} {side}", distance.operand()))
    }
}

/// A set-returning function in a select list.
pub(super) struct SetInSelect {
    call: String,
    alias: String,
}

impl SetInSelect {
    /// What joins the rows of these to those of FROM. Rows of the first one decide how many.
    pub(super) fn joined(sets: &[Self]) -> String {
        let mut sql = String::new();
        for (i, set) in sets.iter().enumerate() {
            let alias = quote::name(&set.alias);
            sql.push_str(&match sets.first().filter(|_| i > 0) {
                None => format!("{} AS {alias}", set.call),
                Some(first) => format!(
                    " LEFT JOIN {} AS {alias} ON {alias}.\"ordinality\" = {}.\"ordinality\"",
                    set.call,
                    quote::name(&first.alias)
                ),
            });
        }
        sql
    }
}

/// `text(x)` is a cast when there is no such function.
fn cast_by_name(name: &str, arguments: &[Typed]) -> Option<Type> {
    let known = !signature::functions(name).is_empty();
    let target = Type::from_name(name).filter(|_| !known && arguments.len() == 1)?;
    let from = arguments.first()?.ty.ty;
    (from == Type::UNKNOWN || super::cast::exists(from, target)).then_some(target)
}

/// Functions that give a value whenever one of their arguments has one.
fn is_total(sqlite: &str, arguments: &[Typed]) -> bool {
    match sqlite {
        "coalesce" => arguments.iter().any(|argument| argument.not_null),
        "row_number" | "rank" | "dense_rank" => true,
        _ => false,
    }
}

fn order_of(list: &FunctionArgumentList) -> &[OrderByExpr] {
    let clauses = list.clauses.iter();
    let mut orders = clauses.filter_map(|clause| match clause {
        FunctionArgumentClause::OrderBy(order) => Some(order.as_slice()),
        _ => None,
    });
    orders.next().unwrap_or(&[])
}
