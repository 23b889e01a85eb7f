//! Functions from end to end: the golden rows of `tests/functions` with Postgres's expression
//! translated, run and encoded as a client would get it.
//!
//! Rows that are known to differ stand in `tests/functions/differences.md`, each with its reason.

use egret::schema::Schema;
use egret::sqlite::Connection;
use egret::statement::{Cache, Dialect, Env, Options, Statement};
use egret::types::{Format, Style, Value, encode};
use std::path::Path;

#[test]
fn expressions_answer_as_postgres_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/functions");
    let known = std::fs::read_to_string(folder.join("differences.md")).unwrap();
    let sqlite = Connection::open_in_memory().unwrap();
    egret::catalog::register_functions(&sqlite).unwrap();
    let mut wrong = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    for path in files {
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let parts: Vec<_> = line.splitn(3, " ;; ").collect();
            let [postgres, _, expected] = parts[..] else { continue };
            let got = answer(&sqlite, postgres);
            if !agree(expected, &got) && !known.contains(&format!("`{postgres}`")) {
                wrong.push(format!("{postgres}\n  want {expected}\n  got  {got}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} rows differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// What a client is sent for `select (expression)::text`, or `!` and the error's message.
fn answer(sqlite: &Connection, expression: &str) -> String {
    let sql = format!("select ({expression})::text");
    let schema = Schema::default();
    let options = Options { dialect: Dialect::Postgres, read_only: false };
    let env = Env { schema: &schema, temp: None, options: &options, parameter_types: &[] };
    let bound = match Cache::new(1).translate(&sql, &env) {
        Ok(bound) => bound,
        Err(error) => return format!("! {error}"),
    };
    let Statement::Query(plan) = &*bound.statement else { return "no query".to_owned() };
    // Literals that the statement holds itself have no parameter.
    let literals = if plan.sql.contains('?') { bound.literals.as_slice() } else { &[] };
    let rows = match sqlite.rows(&plan.sql, literals) {
        Ok(rows) => rows,
        Err(error) => return format!("! {error}"),
    };
    match (rows.first().and_then(|row| row.first()), &plan.columns) {
        (Some(Value::Null), _) => "NULL".to_owned(),
        (Some(value), Some(columns)) => {
            let mut out = Vec::new();
            let style = Style::default();
            match encode(&mut out, value.borrow(), &columns[0].ty, Format::Text, &style) {
                Ok(()) => String::from_utf8_lossy(&out).replace('\n', "\\n"),
                Err(error) => format!("! {error}"),
            }
        }
        _ => "no row".to_owned(),
    }
}

/// Errors agree when their messages do; numerics are equal by value, not by their zeros.
fn agree(expected: &str, got: &str) -> bool {
    if let (Some(expected), Some(got)) = (expected.strip_prefix('!'), got.strip_prefix("! ")) {
        return expected.get(6..) == Some(got);
    }
    let numbers = (expected.parse::<f64>(), got.parse::<f64>());
    let near = |a: f64, b: f64| (a - b).abs() <= 2e-15 * a.abs().max(b.abs());
    expected == got || matches!(numbers, (Ok(a), Ok(b)) if near(a, b))
}
