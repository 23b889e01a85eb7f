//! One Postgres statement in, its typed plan out.
//!
//! One pass over the syntax tree resolves names ([`scope`]), types every expression bottom up and
//! hands the types down to literals and parameters, and writes SQLite text in which every name and
//! literal is spelt by us ([`quote`]): a syntax tree is never printed.
//!
//! What leaves is [`Translation`]; what SQLite does on its own, such as NULL in a primary key of a
//! foreign file, is left alone.

mod body;
mod cast;
mod copy;
mod ddl;
#[cfg(test)]
mod depth;
mod dml;
mod driver;
mod expression;
mod from;
mod function;
mod grouped;
mod insert;
mod json_rows;
mod literal;
mod maintenance;
mod operator;
mod order;
mod output;
mod pattern;
mod query;
mod quote;
mod record;
mod scope;
mod select;
mod sequence;
mod shown;
mod signature;
mod subquery;
mod typed;
mod typename;

use super::lexer::{self, Kind};
use super::{
    Access, Dialect, Env, Error, ErrorKind, LiteralUse, Options, OutputColumn, Plan, Statement,
    Translation, Verb, parse, utility,
};
use crate::schema::{Relation, Schema};
use crate::types::{ColumnType, Type};
use body::{Labels, RowColumn};
use query::CteInSight;
use sqlparser::ast::{self, ObjectName, ObjectNamePart};
use sqlparser::tokenizer::Span;
use std::collections::BTreeSet;
use std::sync::Arc;
use typed::Level;

/// Translates one statement, already split from its neighbours.
///
/// # Errors
/// What Postgres would say of it before running it.
pub fn translate(text: &str, env: &Env<'_>) -> Result<Translation, Error> {
    with_room(|| match utility::parse(text)? {
        Some(utility) => driver::utility(utility, text, env),
        None => driver::statement(text, env),
    })
}

/// Runs with a stack on which a tree as deep as the parser lets it be can be walked and dropped.
fn with_room<T>(run: impl FnOnce() -> T) -> T {
    /// Only the pages used become real.
    const STACK_BYTES: usize = 64 << 20;
    stacker::maybe_grow(STACK_BYTES / 2, STACK_BYTES, run)
}

/// The types of a query's columns, as far as Postgres's grammar reads the query: for views that
/// were written for SQLite.
#[must_use]
pub fn column_types(query: &str, schema: &Schema) -> Option<Vec<ColumnType>> {
    let options = Options { dialect: Dialect::Postgres, read_only: true };
    let env = Env { schema, temp: None, options: &options, parameter_types: &[] };
    with_room(|| {
        let tree = parse::parse(query).ok()?;
        let plan = Translator::new(query, &env).ok()?.query_plan(&tree).ok()?;
        Some(plan.columns?.into_iter().map(|column| column.ty).collect())
    })
}

/// How deeply sub-selects may nest; expressions between them count too.
const SUBSELECTS_MAX: usize = 300;
/// Postgres's limit of a select list; SQLite's is higher.
const COLUMNS_MAX: usize = 1664;
/// SQLite's limit of parameters, less some room.
const PARAMETERS_MAX: usize = 32_000;

/// The state of one translation.
struct Translator<'a> {
    env: &'a Env<'a>,
    /// What is known of the client's parameters.
    parameters: Vec<Option<ColumnType>>,
    /// The literals of the text.
    literals: Literals,
    /// WITH queries in sight, innermost last.
    ctes: Vec<CteInSight>,
    /// Table-valued calls met in the select list being read.
    sets: Vec<function::SetInSelect>,
    /// Calls of aggregates met in the SELECT being read.
    aggregates: usize,
    /// System relations named.
    catalog: BTreeSet<&'static str>,
    /// It takes locks or changes rows.
    writes: bool,
    /// What is written will be stored in the schema, for any SQLite to read.
    stored: bool,
    depth: usize,
    names: usize,
}

impl<'a> Translator<'a> {
    fn new(text: &str, env: &'a Env<'a>) -> Result<Self, Error> {
        let tokens = lexer::tokens(text)?;
        let numbers = tokens.iter().filter(|token| token.kind == Kind::Parameter);
        let numbers = numbers.filter_map(|token| token.text(text).get(1..)?.parse::<usize>().ok());
        let count = numbers.max().unwrap_or(0).max(env.parameter_types.len());
        if count > PARAMETERS_MAX {
            return Err(
                ErrorKind::TooMany { what: "number of parameters", limit: PARAMETERS_MAX }.at(None)
            );
        }
        let declared = |i: usize| match env.parameter_types.get(i) {
            None | Some(0 | 705) => None,
            Some(oid) => Some(ColumnType::new(Type(*oid))),
        };
        let starts = tokens.iter().filter(|token| token.kind.is_literal()).map(|token| token.start);
        Ok(Self {
            env,
            parameters: (0..count).map(declared).collect(),
            literals: Literals::new(starts.collect(), count),
            ctes: Vec::new(),
            sets: Vec::new(),
            aggregates: 0,
            catalog: BTreeSet::new(),
            writes: false,
            stored: false,
            depth: 0,
            names: 0,
        })
    }

    fn statement(mut self, tree: &ast::Statement) -> Result<Translation, Error> {
        let statement = match tree {
            ast::Statement::Query(_)
            | ast::Statement::Insert(_)
            | ast::Statement::Update(_)
            | ast::Statement::Delete(_) => Statement::Query(Arc::new(self.query_plan(tree)?)),
            _ => self
                .definition(tree)?
                .ok_or_else(|| ErrorKind::Unsupported("this statement".to_owned()).at(0))?,
        };
        Ok(Translation { statement, literals: self.literals.uses })
    }

    /// The plan of a statement that reads or changes rows.
    fn query_plan(&mut self, tree: &ast::Statement) -> Result<Plan, Error> {
        match tree {
            ast::Statement::Query(query) => match &*query.body {
                ast::SetExpr::Insert(inner)
                | ast::SetExpr::Update(inner)
                | ast::SetExpr::Delete(inner) => self.write_with(query.with.as_ref(), inner),
                _ => self.select_plan(query),
            },
            ast::Statement::Insert(insert) => self.insert(insert),
            ast::Statement::Update(update) => self.update(update),
            ast::Statement::Delete(delete) => self.delete(delete),
            _ => Err(ErrorKind::Unsupported("this statement".to_owned()).at(None)),
        }
    }

    /// INSERT, UPDATE or DELETE behind WITH.
    fn write_with(
        &mut self,
        with: Option<&ast::With>,
        inner: &ast::Statement,
    ) -> Result<Plan, Error> {
        let in_sight = self.ctes.len();
        let with = match with {
            Some(with) => self.with(with, None)?,
            None => String::new(),
        };
        let plan = self.query_plan(inner)?;
        self.ctes.truncate(in_sight);
        Ok(Plan { sql: format!("{with}{}", plan.sql), ..plan })
    }

    fn select_plan(&mut self, query: &ast::Query) -> Result<Plan, Error> {
        let rows = self.query(query, None, Labels::None)?;
        let access = if self.writes { Access::Write } else { Access::Read };
        Ok(self.plan(rows.sql, rows.columns, Verb::Select, access))
    }

    fn write_plan(
        &mut self,
        sql: String,
        columns: Vec<RowColumn>,
        verb: Verb,
        target: &Relation,
    ) -> Plan {
        Plan { target: Some(target.oid), ..self.plan(sql, columns, verb, Access::Write) }
    }

    fn plan(&mut self, sql: String, rows: Vec<RowColumn>, verb: Verb, access: Access) -> Plan {
        let text = ColumnType::new(Type::TEXT);
        let column = |row: RowColumn| OutputColumn {
            name: row.name,
            ty: row.ty,
            table: row.origin.map_or(0, |origin| origin.table),
            attnum: row.origin.map_or(0, |origin| origin.attnum),
        };
        Plan {
            sql,
            parameters: self.parameters.iter().map(|ty| ty.unwrap_or(text)).collect(),
            columns: Some(rows.into_iter().map(column).collect()),
            verb,
            access,
            catalog: self.catalog.iter().copied().collect(),
            target: None,
            numbers: None,
            schema_version: self.env.schema.version,
        }
    }

    /// The byte offset of a node of the tree.
    fn offset(&self, span: Option<Span>) -> Option<usize> {
        parse::offset(span?)
    }

    /// A call of a SQLite function; in a definition, of what comes near it in plain SQLite.
    fn call_sql(&self, function: &str, arguments: &[&str]) -> (String, Level) {
        if self.stored
            && let Some(sql) = ddl::stored::native(function, arguments)
        {
            let call = sql.ends_with(')') && !sql.starts_with('(');
            let word = sql.chars().all(|c| c.is_ascii_alphanumeric() || "_'\"".contains(c));
            return (sql, if call || word { Level::Atom } else { Level::Operator });
        }
        (format!("{function}({})", arguments.join(", ")), Level::Atom)
    }

    /// A name no client's statement uses.
    fn fresh(&mut self, stem: &str) -> String {
        self.names += 1;
        format!("{stem}:{}", self.names)
    }
}

/// The literals of a text and what became of them.
struct Literals {
    /// Where each starts.
    starts: Vec<usize>,
    uses: Vec<LiteralUse>,
    /// The client's parameters.
    parameters: usize,
}

impl Literals {
    fn new(starts: Vec<usize>, parameters: usize) -> Self {
        let uses = vec![LiteralUse::Fixed; starts.len()];
        Self { starts, uses, parameters }
    }

    /// From now on every literal stays where it is.
    fn fix(&mut self) {
        self.starts.clear();
        self.uses.clear();
    }

    fn index_at(&self, offset: usize) -> Option<usize> {
        self.starts.binary_search(&offset).ok()
    }

    /// The SQLite parameter that stands for a literal, if it can become one.
    fn lift(&mut self, index: usize) -> Option<usize> {
        let number = self.parameters + index + 1;
        let slot = self.uses.get_mut(index)?;
        (number <= PARAMETERS_MAX).then(|| {
            *slot = LiteralUse::Bound;
            number
        })
    }

    /// A piece of SQLite text is not used: what was lifted out of it stays where it is.
    fn unlift(&mut self, sql: &str) {
        for number in sql.split('?').skip(1) {
            let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
            let index = number[..end].parse().ok().and_then(|n: usize| n.checked_sub(1));
            let slot = index.and_then(|i| self.uses.get_mut(i.checked_sub(self.parameters)?));
            if let Some(slot) = slot {
                *slot = LiteralUse::Fixed;
            }
        }
    }
}

/// The parts of a name, unquoted ones in lower case.
fn name_parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().map(part_name).collect()
}

/// The last part of a name.
fn last_name(name: &ObjectName) -> String {
    name.0.last().map(part_name).unwrap_or_default()
}

fn part_name(part: &ObjectNamePart) -> String {
    let ident = match part {
        ObjectNamePart::Identifier(ident) => ident,
        ObjectNamePart::Function(function) => &function.name,
    };
    match ident.quote_style {
        None => ident.value.to_ascii_lowercase(),
        Some(_) => ident.value.clone(),
    }
}
