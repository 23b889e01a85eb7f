//! The FROM clause: tables, joins, sub-selects and functions.
//!
//! <https://www.postgresql.org/docs/15/queries-table-expressions.html>

use super::body::{Labels, RowColumn};
use super::scope::{Merged, Scope, Source, SourceColumn};
use super::signature::{self, Kind, Resolved};
use super::typed::Typed;
use super::{Translator, quote};
use crate::schema::{Namespace, Relation, system};
use crate::statement::{Error, ErrorKind};
use crate::types::{ColumnType, Type};
use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Join, JoinConstraint, JoinOperator, ObjectName, Query,
    Spanned, TableAlias, TableFactor, TableWithJoins,
};

/// Which rows of a join are filled up with NULLs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outer {
    None,
    Left,
    Right,
    Full,
}

impl<'a> Translator<'a> {
    /// The text after FROM, and the names it brings into sight.
    pub(super) fn sources<'s>(
        &mut self,
        from: &[TableWithJoins],
        outer: Option<&'s Scope<'s>>,
    ) -> Result<(String, Scope<'s>), Error> {
        let mut scope = Scope::inside(outer);
        let mut parts = Vec::with_capacity(from.len());
        for item in from {
            let sql = self.joined(item, &mut scope)?;
            let plain = item.joins.is_empty() || from.len() == 1;
            parts.push(if plain { sql } else { format!("({sql})") });
        }
        Ok((parts.join(", "), scope))
    }

    fn joined(&mut self, item: &TableWithJoins, scope: &mut Scope<'_>) -> Result<String, Error> {
        let start = scope.sources.len();
        let mut sql = self.factor(&item.relation, scope)?;
        for join in &item.joins {
            self.join(join, start, &mut sql, scope)?;
        }
        Ok(sql)
    }

    fn join(
        &mut self,
        join: &Join,
        start: usize,
        sql: &mut String,
        scope: &mut Scope<'_>,
    ) -> Result<(), Error> {
        let (word, constraint, outer) = match &join.join_operator {
            JoinOperator::Join(c) | JoinOperator::Inner(c) => ("JOIN", c, Outer::None),
            JoinOperator::CrossJoin(c) => ("JOIN", c, Outer::None),
            JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => ("LEFT JOIN", c, Outer::Left),
            JoinOperator::Right(c) | JoinOperator::RightOuter(c) => ("RIGHT JOIN", c, Outer::Right),
            JoinOperator::FullOuter(c) => ("FULL JOIN", c, Outer::Full),
            _ => return Err(ErrorKind::Unsupported("this kind of join".to_owned()).at(None)),
        };
        let middle = scope.sources.len();
        let right = self.factor(&join.relation, scope)?;
        let nested = matches!(join.relation, TableFactor::NestedJoin { .. });
        let right = if nested { format!("({right})") } else { right };
        let condition = self.join_condition(constraint, (start, middle), outer, scope)?;
        if matches!(outer, Outer::Left | Outer::Full) {
            nullable(&mut scope.sources[middle..]);
        }
        if matches!(outer, Outer::Right | Outer::Full) {
            nullable(&mut scope.sources[start..middle]);
        }
        sql.push_str(&format!(" {word} {right}"));
        if let Some(condition) = condition {
            sql.push_str(&format!(" ON {}", condition.sql));
        }
        Ok(())
    }

    fn join_condition(
        &mut self,
        constraint: &JoinConstraint,
        (start, middle): (usize, usize),
        outer: Outer,
        scope: &mut Scope<'_>,
    ) -> Result<Option<Typed>, Error> {
        let names: Vec<String> = match constraint {
            JoinConstraint::None => return Ok(None),
            JoinConstraint::On(expr) => {
                let typed = self.expr(expr, scope)?;
                return self.condition(typed, "JOIN/ON").map(Some);
            }
            JoinConstraint::Using(columns) => columns.iter().map(super::last_name).collect(),
            JoinConstraint::Natural => common_names(scope, start, middle),
        };
        let mut tests = Vec::with_capacity(names.len());
        for name in names {
            tests.push(self.merge(&name, (start, middle), outer, scope)?);
        }
        let condition = super::expression::join_chain(&tests, true);
        Ok((!tests.is_empty()).then_some(condition))
    }

    /// Makes one column of two of the same name.
    fn merge(
        &mut self,
        name: &str,
        (start, middle): (usize, usize),
        outer: Outer,
        scope: &mut Scope<'_>,
    ) -> Result<Typed, Error> {
        let column = name.to_owned();
        let missing = |side| ErrorKind::UndefinedUsing { column: column.clone(), side };
        let end = scope.sources.len();
        let left = take(scope, name, (start, middle)).ok_or_else(|| missing("left").at(None))?;
        let right = take(scope, name, (middle, end)).ok_or_else(|| missing("right").at(None))?;
        let test = self.binary("=", left.clone(), right.clone())?;
        let (left, right) = self.matched("JOIN/USING", left, right)?;
        let value = match outer {
            Outer::None | Outer::Left => left,
            Outer::Right => right,
            Outer::Full => Typed::new(format!("coalesce({}, {})", left.sql, right.sql), left.ty.ty),
        };
        scope.merged.push(Merged { name: name.to_owned(), value, sources: (start, end) });
        Ok(test)
    }

    /// One FROM item: pushes what it brings into sight, returns its text.
    fn factor(&mut self, factor: &TableFactor, scope: &mut Scope<'_>) -> Result<String, Error> {
        match factor {
            TableFactor::Table { sample: Some(_), .. } => {
                Err(ErrorKind::Unsupported("TABLESAMPLE".to_owned()).at(None))
            }
            TableFactor::Table { name, alias, args: None, .. } => {
                self.named(name, alias.as_ref(), scope)
            }
            TableFactor::Table { name, alias, args: Some(args), with_ordinality, .. } => {
                let call =
                    Call { name, arguments: plain(&args.args)?, ordinality: *with_ordinality };
                self.table_function(&call, alias.as_ref(), scope)
            }
            TableFactor::Function { name, args, with_ordinality, alias, .. } => {
                let call = Call { name, arguments: plain(args)?, ordinality: *with_ordinality };
                self.table_function(&call, alias.as_ref(), scope)
            }
            TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } => {
                let name = ObjectName::from(vec!["unnest".into()]);
                let arguments = array_exprs.iter().collect();
                let call = Call { name: &name, arguments, ordinality: *with_ordinality };
                self.table_function(&call, alias.as_ref(), scope)
            }
            TableFactor::Derived { lateral, subquery, alias, .. } => {
                self.derived(subquery, alias.as_ref(), *lateral, scope)
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                let sql = self.joined(table_with_joins, scope)?;
                Ok(sql)
            }
            TableFactor::NestedJoin { .. } => {
                Err(ErrorKind::Unsupported("an alias for a join".to_owned()).at(None))
            }
            _ => Err(ErrorKind::Unsupported("this FROM item".to_owned()).at(None)),
        }
    }

    fn named(
        &mut self,
        name: &ObjectName,
        alias: Option<&TableAlias>,
        scope: &mut Scope<'_>,
    ) -> Result<String, Error> {
        let parts = super::name_parts(name);
        if let [name] = &parts[..]
            && let Some(cte) = self.ctes.iter().rev().find(|c| c.name.eq_ignore_ascii_case(name))
        {
            let shown = alias.map_or(name.as_str(), |alias| &alias.name.value);
            let source = Source::derived(shown, cte.columns.clone());
            let sql = with_alias(quote::name(&cte.name), &cte.name, alias);
            self.push_source(source, alias, scope)?;
            return Ok(sql);
        }
        let relation = match self.relation(name) {
            Ok(relation) => relation,
            Err(error) => return self.sequence(name, alias, scope)?.ok_or(error),
        };
        let shown = alias.map(|alias| alias.name.value.as_str());
        let stored = shown.unwrap_or(&relation.name).to_owned();
        let source = Source::relation(relation, shown, stored);
        let sql = with_alias(self.relation_sql(relation), &relation.name, alias);
        self.push_source(source, alias, scope)?;
        Ok(sql)
    }

    /// Finds a relation by the name a statement gives it; notes the use of a system relation.
    pub(super) fn relation(&mut self, name: &ObjectName) -> Result<&'a Relation, Error> {
        let at = self.offset(Some(name.span()));
        let parts = super::name_parts(name);
        let found = match &parts[..] {
            [.., schema, table] => {
                let namespace = Namespace::from_sql(schema);
                namespace.and_then(|namespace| self.find_relation(namespace, table))
            }
            [table] => [Namespace::Temp, Namespace::Catalog, Namespace::Public]
                .into_iter()
                .find_map(|namespace| self.find_relation(namespace, table)),
            [] => None,
        };
        found.ok_or_else(|| ErrorKind::UndefinedTable(parts.join(".")).at(at))
    }

    fn find_relation(&mut self, namespace: Namespace, name: &str) -> Option<&'a Relation> {
        match namespace {
            Namespace::Public => self.env.schema.relation(name),
            Namespace::Temp => self.env.temp.and_then(|temp| temp.relation(name)),
            Namespace::Catalog | Namespace::InformationSchema => {
                let system = system::find(namespace, &name.to_ascii_lowercase())?;
                self.catalog.insert(system.qualified_name);
                Some(&system.relation)
            }
        }
    }

    /// A relation as SQLite finds it.
    pub(super) fn relation_sql(&self, relation: &Relation) -> String {
        let hidden = self.env.temp.is_some_and(|temp| temp.relation(&relation.name).is_some());
        if relation.namespace == Namespace::Public && !hidden {
            return quote::name(&relation.name);
        }
        let database = relation.namespace.database();
        format!("{}.{}", quote::name(database), quote::name(&relation.name))
    }

    fn derived(
        &mut self,
        query: &Query,
        alias: Option<&TableAlias>,
        lateral: bool,
        scope: &mut Scope<'_>,
    ) -> Result<String, Error> {
        let rows = match self.query(query, scope.parent, Labels::Own) {
            Err(error) if lateral && reaches_out(&error) => {
                return self.lateral(query, alias, scope);
            }
            rows => rows?,
        };
        let name = alias.map_or_else(|| self.fresh("subquery"), |alias| alias.name.value.clone());
        let columns = rows.columns.iter().map(SourceColumn::from).collect();
        self.push_source(Source::derived(&name, columns), alias, scope)?;
        Ok(format!("({}) AS {}", rows.sql, quote::name(&name)))
    }

    /// A sub-select that sees its neighbours. SQLite's see none, its table-valued functions do: the
    /// rows come through one of those, as JSON arrays.
    fn lateral(
        &mut self,
        query: &Query,
        alias: Option<&TableAlias>,
        scope: &mut Scope<'_>,
    ) -> Result<String, Error> {
        let rows = self.query(query, Some(&*scope), Labels::Own)?;
        if rows.columns.iter().any(|column| column.ty.ty == Type::BYTEA) {
            return Err(ErrorKind::Unsupported("bytea in LATERAL".to_owned()).at(None));
        }
        let name = alias.map_or_else(|| self.fresh("lateral"), |alias| alias.name.value.clone());
        let place = |(i, column): (usize, &RowColumn)| SourceColumn {
            place: Some(i),
            ..SourceColumn::from(column)
        };
        let columns = rows.columns.iter().enumerate().map(place).collect();
        self.push_source(Source::derived(&name, columns), alias, scope)?;
        let row = quote::names(rows.columns.iter().map(|column| column.stored.as_str()));
        let array = format!("SELECT json_group_array(json_array({row})) FROM ({})", rows.sql);
        Ok(format!("json_each(({array})) AS {}", quote::name(&name)))
    }

    pub(super) fn push_source(
        &mut self,
        mut source: Source,
        alias: Option<&TableAlias>,
        scope: &mut Scope<'_>,
    ) -> Result<(), Error> {
        if let Some(alias) = alias {
            if alias.columns.len() > source.columns.len() {
                let message = "a column alias list has more names than there are columns";
                return Err(ErrorKind::Grammar(message).at(None));
            }
            for (column, given) in source.columns.iter_mut().zip(&alias.columns) {
                column.name.clone_from(&given.name.value);
            }
        }
        let same = |other: &Source| {
            other.alias.eq_ignore_ascii_case(&source.alias)
                && (other.relation.is_none() || other.relation == source.relation)
        };
        if scope.sources.iter().any(same) {
            return Err(ErrorKind::DuplicateAlias(source.alias).at(None));
        }
        scope.sources.push(source);
        Ok(())
    }

    /// A function in FROM.
    fn table_function(
        &mut self,
        call: &Call<'_>,
        alias: Option<&TableAlias>,
        scope: &mut Scope<'_>,
    ) -> Result<String, Error> {
        let at = self.offset(Some(call.name.span()));
        let name = self.function_name(call.name)?;
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            arguments.push(self.expr(argument, scope)?);
        }
        let shown = alias.map_or(name.as_str(), |alias| &alias.name.value).to_owned();
        if super::json_rows::is_declared(&name) && arguments.len() == 1 {
            return self.json_rows(&name, arguments.remove(0), alias, scope);
        }
        if name == "unnest" && arguments.len() > 1 {
            return self.unnest_several(&shown, arguments, call.ordinality, (alias, scope));
        }
        let (sql, columns) = if signature::functions(&name).iter().any(|s| s.kind == Kind::Set) {
            let set = self.set_function(&name, arguments, call.ordinality, at)?;
            (set.sql, set.columns)
        } else {
            let value = self.call(&name, arguments, at)?;
            let columns = vec![("value", value.ty, value.not_null)];
            // A sub-select does not see its neighbours, a table-valued function's argument does.
            let sql = match scope.sources.is_empty() || value.ty.ty == Type::BYTEA {
                true => format!("(SELECT {} AS \"value\")", value.sql),
                false => format!("json_each(json_array({}))", value.sql),
            };
            (sql, columns)
        };
        let scalar = columns.len() == 1 + usize::from(call.ordinality);
        let column = |(i, (stored, ty, not_null)): (usize, (&'static str, ColumnType, bool))| {
            let name = if scalar && i == 0 { shown.clone() } else { stored.to_owned() };
            SourceColumn { name, ..SourceColumn::computed(stored, ty, not_null) }
        };
        let columns = columns.into_iter().enumerate().map(column).collect();
        let source = Source { scalar, ..Source::derived(&shown, columns) };
        self.push_source(source, alias, scope)?;
        Ok(format!("{sql} AS {}", quote::name(&shown)))
    }

    /// `unnest(a, b)` walks along both arrays at a time; the shorter one goes on with NULLs.
    fn unnest_several(
        &mut self,
        shown: &str,
        arrays: Vec<Typed>,
        ordinality: bool,
        (alias, scope): (Option<&TableAlias>, &mut Scope<'_>),
    ) -> Result<String, Error> {
        /// What SQLite's table has, one for each array.
        const STORED: [&str; 8] =
            ["value", "value2", "value3", "value4", "value5", "value6", "value7", "value8"];
        if arrays.len() > STORED.len() {
            let what = format!("unnest of more than {} arrays", STORED.len());
            return Err(ErrorKind::Unsupported(what).at(None));
        }
        let (mut given, mut columns) = (Vec::new(), Vec::new());
        for (array, stored) in arrays.into_iter().zip(STORED) {
            let at = array.at;
            let resolved = self.overload("unnest", std::slice::from_ref(&array), false, at)?;
            given.extend(self.arguments(&resolved, vec![array])?);
            for (_, ty, _) in set_call(&resolved, &[], false).columns {
                let column = SourceColumn::computed(stored, ty, false);
                columns.push(SourceColumn { name: "unnest".to_owned(), ..column });
            }
        }
        if ordinality {
            columns.push(SourceColumn::computed("ordinality", ColumnType::new(Type::INT8), true));
        }
        self.push_source(Source::derived(shown, columns), alias, scope)?;
        Ok(format!("pg_unnest({}) AS {}", super::typed::list(&given), quote::name(shown)))
    }

    /// A call of a function that returns rows, and the columns it returns.
    fn set_function(
        &mut self,
        name: &str,
        arguments: Vec<Typed>,
        ordinality: bool,
        at: Option<usize>,
    ) -> Result<SetCall, Error> {
        let resolved = self.overload(name, &arguments, false, at)?;
        let arguments = self.arguments(&resolved, arguments)?;
        Ok(set_call(&resolved, &arguments, ordinality))
    }
}

/// The text of a table-valued call and the columns it has.
pub(super) fn set_call(resolved: &Resolved, arguments: &[Typed], ordinality: bool) -> SetCall {
    let element = |ty: Type| match ty {
        signature::ANYELEMENT => resolved.element.unwrap_or(Type::TEXT),
        other => other,
    };
    let columns = resolved.signature.columns.iter();
    let mut columns: Vec<_> =
        columns.map(|(name, ty)| (*name, ColumnType::new(element(*ty)), false)).collect();
    if ordinality {
        columns.push(("ordinality", ColumnType::new(Type::INT8), true));
    }
    let sql = format!("{}({})", resolved.signature.sqlite, super::typed::list(arguments));
    SetCall { sql, columns }
}

/// A function in FROM, as written.
struct Call<'e> {
    name: &'e ObjectName,
    arguments: Vec<&'e Expr>,
    ordinality: bool,
}

/// A table-valued function's call and its columns: name, type, never NULL.
pub(super) struct SetCall {
    /// SQLite text.
    pub(super) sql: String,
    /// Name, type, and whether it is never NULL.
    pub(super) columns: Vec<(&'static str, ColumnType, bool)>,
}

fn plain(arguments: &[FunctionArg]) -> Result<Vec<&Expr>, Error> {
    let expr = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Ok(expr),
        _ => Err(ErrorKind::Unsupported("this argument".to_owned()).at(None)),
    };
    arguments.iter().map(expr).collect()
}

/// A name is wanted that this query does not have; perhaps a neighbour has it.
fn reaches_out(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::UndefinedColumn { .. } | ErrorKind::MissingFrom(_))
}

fn with_alias(sql: String, own: &str, alias: Option<&TableAlias>) -> String {
    match alias {
        Some(alias) if alias.name.value != own => {
            format!("{sql} AS {}", quote::name(&alias.name.value))
        }
        _ => sql,
    }
}

fn nullable(sources: &mut [Source]) {
    for column in sources.iter_mut().flat_map(|source| &mut source.columns) {
        column.not_null = false;
    }
}

/// The column of a name among some FROM items, which it then no longer names.
fn take(scope: &mut Scope<'_>, name: &str, (from, to): (usize, usize)) -> Option<Typed> {
    let merged = scope.merged.iter().position(|merged| {
        merged.name.eq_ignore_ascii_case(name) && merged.sources.0 >= from && merged.sources.1 <= to
    });
    if let Some(i) = merged {
        return Some(scope.merged.remove(i).value);
    }
    let sources = scope.sources.get_mut(from..to)?;
    for source in sources {
        let found = source
            .columns
            .iter()
            .position(|column| !column.merged && column.name.eq_ignore_ascii_case(name));
        if let Some(i) = found {
            source.columns[i].merged = true;
            let column = source.columns[i].clone();
            return Some(source.value(&column));
        }
    }
    None
}

fn common_names(scope: &Scope<'_>, start: usize, middle: usize) -> Vec<String> {
    let right: Vec<&str> = scope.sources[middle..]
        .iter()
        .flat_map(|source| source.columns.iter().filter(|c| !c.merged).map(|c| c.name.as_str()))
        .collect();
    let left = scope.sources[start..middle]
        .iter()
        .flat_map(|source| source.columns.iter().filter(|c| !c.merged).map(|c| c.name.clone()));
    let merged = scope.merged.iter().filter(|m| m.sources.0 >= start).map(|m| m.name.clone());
    let both = merged.chain(left).filter(|name| right.iter().any(|r| r.eq_ignore_ascii_case(name)));
    let mut names: Vec<String> = Vec::new();
    for name in both {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            names.push(name);
        }
    }
    names
}
