//! The same statements on PostgreSQL 15 and here: names, types and values of the columns, or the
//! refusal. `tests/answers/answers.py` writes PostgreSQL's answers; where ours differ on purpose,
//! `differences.txt` has ours, after the reason.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail")]

use egret::schema::{Namespace, Schema, load};
use egret::sqlite::{Connection, FunctionError, Host, Step};
use egret::statement::{Cache, Dialect, Env, Options, Plan, ScriptStep, Statement};
use egret::types::{Codec, Format, Style, Value};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

#[test]
fn as_postgres_answers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/answers");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (answers, differences) = (read("answers.txt"), read("differences.txt"));
    let differences: HashMap<&str, &str> = blocks(&differences).collect();
    let mut database = Database::new();
    let mut failures = Vec::new();
    for (sql, theirs) in blocks(&answers) {
        let ours = database.answer(sql);
        let wanted = differences.get(sql).copied().unwrap_or(theirs);
        if ours != wanted {
            failures.push(format!("{sql}\n---- ours\n{ours}\n---- wanted\n{wanted}\n"));
        } else if wanted == theirs && differences.contains_key(sql) {
            failures.push(format!("{sql}\nis no difference any more\n"));
        }
    }
    assert!(failures.is_empty(), "{} differ\n{}", failures.len(), failures.join("\n"));
}

/// Statements and answers; a reason is a block of its own, without dashes.
fn blocks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.trim().split("\n\n").filter_map(|block| block.split_once("\n----\n"))
}

struct Database {
    sqlite: Connection,
    cache: Cache,
    schema: Arc<Schema>,
}

/// A session that stands still.
struct Session(Arc<Schema>);

impl Host for Session {
    fn transaction_start_us(&self) -> i64 {
        0
    }
    fn statement_start_us(&self) -> i64 {
        0
    }
    fn time_zone(&self) -> String {
        "UTC".to_owned()
    }
    fn setting(&self, name: &str) -> Option<String> {
        (name == "server_version_num").then(|| "150000".to_owned())
    }
    fn set_setting(&self, _: &str, value: &str, _: bool) -> Result<String, FunctionError> {
        Ok(value.to_owned())
    }
    fn user(&self) -> String {
        "postgres".to_owned()
    }
    fn database(&self) -> String {
        "postgres".to_owned()
    }
    fn backend_pid(&self) -> i32 {
        1
    }
    fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.0)
    }
    fn notify(&self, _: &str, _: &str) {}
    fn signal(&self, _: i32, _: bool) -> bool {
        false
    }
    fn in_recovery(&self) -> bool {
        false
    }
    fn server_rows(&self, _: &str) -> Option<Vec<Vec<Value>>> {
        None
    }
}

impl Database {
    fn new() -> Self {
        let sqlite = Connection::open_in_memory().unwrap();
        egret::catalog::register_functions(&sqlite).unwrap();
        let mut database = Self { sqlite, cache: Cache::default(), schema: Arc::default() };
        database.reload();
        database
    }

    fn reload(&mut self) {
        self.schema = Arc::new(load(&mut &self.sqlite, Namespace::Public).unwrap());
        self.sqlite.slot().set(Some(Arc::new(Session(Arc::clone(&self.schema)))));
    }

    fn answer(&mut self, sql: &str) -> String {
        let options = Options { dialect: Dialect::Postgres, read_only: false };
        let schema = Arc::clone(&self.schema);
        let env = Env { schema: &schema, temp: None, options: &options, parameter_types: &[] };
        let bound = match self.cache.translate(sql, &env) {
            Ok(bound) => bound,
            Err(error) => return format!("{} {error}", error.sqlstate()),
        };
        let result = match &*bound.statement {
            Statement::Query(plan) => self.run(plan, &bound.literals),
            Statement::Script(script) => {
                let results = script.steps.iter().map(|step| match step {
                    ScriptStep::Sql(text) => self.sqlite.execute(text),
                    ScriptStep::Rebuild { table, change } => self.sqlite.rebuild(table, change),
                });
                let result = results.collect::<Result<Vec<()>, _>>();
                result.map(|_| "done".to_owned())
            }
            other => Ok(format!("{other:?}")),
        };
        if matches!(&*bound.statement, Statement::Script(_)) {
            self.reload();
        }
        result.unwrap_or_else(|error| match error {
            egret::sqlite::Error::Function(error) => format!("{} {error}", error.sqlstate),
            error => error.to_string(),
        })
    }

    fn run(&self, plan: &Plan, literals: &[Value]) -> Result<String, egret::sqlite::Error> {
        egret::catalog::attach(&self.sqlite, &plan.catalog)?;
        let mut statement = self.sqlite.prepare(&plan.sql)?;
        statement.bind_all(literals)?;
        let columns = plan.columns.clone().unwrap_or_default();
        let heading = columns.iter().map(|c| format!("{}:{}", c.name, c.ty.ty.name()));
        let mut lines = vec![heading.collect::<Vec<_>>().join(" | ")];
        while statement.step()? == Step::Row {
            let value = |(i, column): (usize, &egret::statement::OutputColumn)| {
                let value = statement.value(i);
                if matches!(value, egret::types::ValueRef::Null) {
                    return "NULL".to_owned();
                }
                let mut out = Vec::new();
                let codec = Codec::of(&column.ty, Format::Text);
                match codec.encode(&mut out, value, &Style::default()) {
                    Ok(()) => String::from_utf8_lossy(&out).into_owned(),
                    Err(error) => format!("!{error}"),
                }
            };
            lines.push(columns.iter().enumerate().map(value).collect::<Vec<_>>().join(" | "));
        }
        Ok(if columns.is_empty() { "done".to_owned() } else { lines.join("\n") })
    }
}
