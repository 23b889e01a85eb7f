//! What a statement that holds another one becomes, and what is left to SQLite.

use super::{Translator, copy};
use crate::statement::lexer::{self, Kind, Token};
use crate::statement::utility::{Declare, Explain, Utility};
use crate::statement::{
    Access, Cursor, Dialect, Env, Error, OutputColumn, Plan, Script, ScriptStep, Statement,
    Translation, Verb, parse,
};
use crate::types::{ColumnType, Type};
use sqlparser::ast;
use std::ops::Range;
use std::sync::Arc;

/// A statement read by hand.
pub(super) fn utility(utility: Utility, text: &str, env: &Env<'_>) -> Result<Translation, Error> {
    match utility {
        Utility::Statement(statement) => Ok(fixed(statement)),
        Utility::Declare(declare) => plan_cursor(declare, text, env),
        Utility::Copy(command) => copy::plan(command, text, env),
        Utility::Explain(explain) => plan_explain(&explain, text, env),
    }
}

/// Any other statement: Postgres's if it parses as such, SQLite's if it begins like one of those.
pub(super) fn statement(text: &str, env: &Env<'_>) -> Result<Translation, Error> {
    if env.options.dialect == Dialect::Sqlite {
        return pass_through(text, env);
    }
    if let Some(script) = super::maintenance::read(text)? {
        return Ok(fixed(Statement::Script(script)));
    }
    match parse::parse(text) {
        Ok(tree) if is_sqlites_own(&tree) => pass_through(text, env),
        Ok(tree) => Translator::new(text, env)?.statement(&tree),
        Err(error) if is_sqlite_only(text) => pass_through(text, env).or(Err(error)),
        Err(error) => Err(error),
    }
}

/// A translation that holds for this very text only.
pub(super) fn fixed(statement: Statement) -> Translation {
    Translation { statement, literals: Vec::new() }
}

/// The plan of a statement inside another one. Its literals stay in its text: the other one's are
/// not counted from its start.
pub(super) fn inner(text: &str, range: Range<usize>, env: &Env<'_>) -> Result<Plan, Error> {
    inner_with(text, range, env, &[])
}

/// The plan of a statement whose parameters have these types as stored: nothing converts them.
pub(super) fn inner_with(
    text: &str,
    range: Range<usize>,
    env: &Env<'_>,
    parameters: &[ColumnType],
) -> Result<Plan, Error> {
    let start = range.start;
    let inner = text.get(range).unwrap_or_default();
    let shift = |error: Error| Error { position: error.position.map(|at| at + start), ..error };
    let mut translator = Translator::new(inner, env).map_err(shift)?;
    translator.literals.fix();
    for (slot, ty) in translator.parameters.iter_mut().zip(parameters) {
        *slot = Some(*ty);
    }
    let tree = parse::parse(inner).map_err(shift)?;
    translator.query_plan(&tree).map_err(shift)
}

fn plan_cursor(declare: Declare, text: &str, env: &Env<'_>) -> Result<Translation, Error> {
    let plan = Arc::new(inner(text, declare.query, env)?);
    let Declare { name, binary, scroll, hold, .. } = declare;
    let cursor = Cursor::Declare { name, plan, literals: Vec::new(), binary, scroll, hold };
    Ok(fixed(Statement::Cursor(cursor)))
}

/// EXPLAIN: SQLite's query plan, which the session draws as a tree under one column.
fn plan_explain(explain: &Explain, text: &str, env: &Env<'_>) -> Result<Translation, Error> {
    let plan = inner(text, explain.statement.clone(), env)?;
    let name = "QUERY PLAN".to_owned();
    let ty = ColumnType::new(explain.format.ty());
    let column = OutputColumn { name, ty, table: 0, attnum: 0 };
    let plan = Plan {
        sql: format!("EXPLAIN QUERY PLAN {}", plan.sql),
        columns: Some(vec![column]),
        verb: Verb::Explain,
        access: Access::Read,
        ..plan
    };
    Ok(fixed(Statement::Query(Arc::new(plan))))
}

/// SQLite's own text, with what its first words say of it.
fn pass_through(text: &str, env: &Env<'_>) -> Result<Translation, Error> {
    let tokens = lexer::tokens(text)?;
    if let Some(tag) = definition_tag(&tokens, text) {
        let steps = vec![ScriptStep::Sql(text.to_owned())];
        let (notices, outside_transaction) = (Vec::new(), false);
        let script = Script { steps, tag, notices, outside_transaction };
        return Ok(fixed(Statement::Script(script)));
    }
    let (verb, access) = classify(&tokens, text);
    let numbers = tokens.iter().filter(|token| token.kind == Kind::Parameter);
    let numbers = numbers.filter_map(|token| token.text(text).get(1..)?.parse::<usize>().ok());
    let count = numbers.max().unwrap_or(0).max(env.parameter_types.len());
    let parameter = |i: usize| match env.parameter_types.get(i) {
        None | Some(0 | 705) => ColumnType::new(Type::TEXT),
        Some(oid) => ColumnType::new(Type(*oid)),
    };
    let plan = Plan {
        sql: with_numbered_parameters(&tokens, text),
        parameters: (0..count).map(parameter).collect(),
        columns: None,
        verb,
        access,
        catalog: Vec::new(),
        target: None,
        numbers: None,
        schema_version: env.schema.version,
    };
    Ok(fixed(Statement::Query(Arc::new(plan))))
}

/// Statements of SQLite that Postgres's grammar happens to read.
fn is_sqlites_own(tree: &ast::Statement) -> bool {
    matches!(
        tree,
        ast::Statement::CreateTrigger(_)
            | ast::Statement::DropTrigger(_)
            | ast::Statement::CreateVirtualTable { .. }
            | ast::Statement::Pragma { .. }
    )
}

/// The command tag of a definition, by its first words.
fn definition_tag(tokens: &[Token], text: &str) -> Option<String> {
    let mut words = tokens.iter().map(|token| token.text(text).to_ascii_uppercase());
    let verb = words.next().filter(|w| matches!(w.as_str(), "CREATE" | "DROP" | "ALTER"))?;
    let skipped = ["TEMP", "TEMPORARY", "UNIQUE", "VIRTUAL"];
    let kind = words.find(|word| !skipped.contains(&word.as_str()))?;
    Some(format!("{verb} {kind}"))
}

/// `$1` is a parameter by name to SQLite; `?1` is the first one.
fn with_numbered_parameters(tokens: &[Token], text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for token in tokens.iter().filter(|token| token.kind == Kind::Parameter) {
        out.push_str(text.get(end..token.start).unwrap_or_default());
        out.push('?');
        out.push_str(text.get(token.start + 1..token.end).unwrap_or_default());
        end = token.end;
    }
    out.push_str(text.get(end..).unwrap_or_default());
    out
}

fn classify(tokens: &[Token], text: &str) -> (Verb, Access) {
    let word = |i: usize| {
        let word = tokens.get(i).map(|token| token.text(text));
        word.unwrap_or_default().to_ascii_lowercase()
    };
    match word(0).as_str() {
        "select" | "values" => (Verb::Select, Access::Read),
        "with" => with_verb(tokens, text),
        "insert" | "replace" => (Verb::Insert, Access::Write),
        "update" => (Verb::Update, Access::Write),
        "delete" => (Verb::Delete, Access::Write),
        "explain" => (Verb::Explain, Access::Read),
        "pragma" => {
            let assigns = tokens.iter().any(|token| token.text(text) == "=");
            (Verb::Pragma, if assigns { Access::Write } else { Access::Read })
        }
        _ => (Verb::Pragma, Access::Schema),
    }
}

/// What follows the WITH queries.
fn with_verb(tokens: &[Token], text: &str) -> (Verb, Access) {
    let mut depth = 0_usize;
    for token in tokens {
        match token.text(text) {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            word if depth == 0 => match word.to_ascii_lowercase().as_str() {
                "insert" | "replace" => return (Verb::Insert, Access::Write),
                "update" => return (Verb::Update, Access::Write),
                "delete" => return (Verb::Delete, Access::Write),
                _ => {}
            },
            _ => {}
        }
    }
    (Verb::Select, Access::Read)
}

/// Statements that are SQLite's alone, by their first words.
fn is_sqlite_only(text: &str) -> bool {
    let Ok(tokens) = lexer::tokens(text) else { return false };
    let mut words = tokens.iter().map(|token| token.text(text).to_ascii_lowercase());
    let first = words.next().unwrap_or_default();
    match first.as_str() {
        "pragma" | "replace" | "explain" => true,
        "insert" | "update" => words.next().is_some_and(|word| word == "or"),
        "create" => words.next().is_some_and(|word| {
            matches!(word.as_str(), "trigger" | "virtual" | "table" | "temp" | "temporary")
        }),
        // Postgres's grammar has no operators of these names.
        "select" | "with" => {
            words.any(|word| matches!(word.as_str(), "match" | "glob" | "indexed"))
        }
        _ => false,
    }
}
