//! Golden translations: Postgres's SQL in, SQLite's SQL, parameters and columns out.
//!
//! Each file under `tests/translate/` holds blocks separated by blank lines: the statement, a line
//! `----`, what comes of it. `UPDATE=1` rewrites the latter. Every statement that comes out is also
//! prepared on a SQLite with the same tables.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail")]

use egret::schema::{Namespace, Schema, load};
use egret::sqlite::Connection;
use egret::statement::{Env, Options, Plan, ScriptStep, Statement, Translation, translate};
use std::fmt::Write as _;
use std::path::Path;

#[test]
fn golden_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/translate");
    let fixture = Fixture::open(&std::fs::read_to_string(folder.join("fixture.sql")).unwrap());
    let mut failures = Vec::new();
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "txt")) {
        let before = std::fs::read_to_string(file).unwrap();
        let after = fixture.rewrite(&before, &mut failures);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(file, &after).unwrap();
        } else if before != after {
            failures.push(difference(file, &before, &after));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Statements captured from clients, one JSON object a line: `EGRET_CORPUS=file` reports those that
/// do not translate or prepare.
#[test]
fn corpus() {
    let Some(file) = std::env::var_os("EGRET_CORPUS") else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/translate");
    let mut fixture = Fixture::open(&std::fs::read_to_string(folder.join("fixture.sql")).unwrap());
    let (mut good, mut bad) = (0, 0);
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let sql = line["sql"].as_str().unwrap_or_default();
        let mut failures = Vec::new();
        match fixture.translate(sql) {
            Ok(translation) => {
                fixture.prepare(sql, &translation, &mut failures);
                fixture.define(&translation, &mut failures);
                compare_columns(&line, &translation, &mut failures);
            }
            Err(error) => failures.push(format!("{} {error}\n  {sql}", error.sqlstate())),
        }
        let ok = failures.is_empty();
        (good, bad) = (good + usize::from(ok), bad + usize::from(!ok));
        failures.iter().for_each(|failure| println!("FAIL {failure}\n"));
    }
    println!("{good} good, {bad} bad");
}

/// The captured columns are those PostgreSQL sent.
fn compare_columns(
    line: &serde_json::Value,
    translation: &Translation,
    failures: &mut Vec<String>,
) {
    let (Statement::Query(plan), Some(theirs)) = (&translation.statement, line["cols"].as_array())
    else {
        return;
    };
    let ours = plan.columns.iter().flatten();
    let ours: Vec<_> = ours.map(|c| serde_json::json!([c.name, c.ty.ty.0])).collect();
    if ours.len() != theirs.len() {
        failures.push(format!("columns: {} not {}: {}", ours.len(), theirs.len(), line["sql"]));
    }
    for (ours, theirs) in ours.iter().zip(theirs).filter(|(ours, theirs)| ours != theirs) {
        failures.push(format!("column {ours} not {theirs}: {}", line["sql"]));
    }
}

struct Fixture {
    sqlite: Connection,
    schema: Schema,
}

impl Fixture {
    fn open(ddl: &str) -> Self {
        let sqlite = Connection::open_in_memory().unwrap();
        for statement in ddl.split(";\n").filter(|text| !text.trim().is_empty()) {
            sqlite.execute(statement).unwrap();
        }
        egret::catalog::register_functions(&sqlite).unwrap();
        let schema = load(&mut &sqlite, Namespace::Public).unwrap();
        Self { sqlite, schema }
    }

    /// Runs a definition, for the statements that follow it.
    fn define(&mut self, translation: &Translation, failures: &mut Vec<String>) {
        let Statement::Script(script) = &translation.statement else { return };
        for step in &script.steps {
            let done = match step {
                ScriptStep::Sql(text) => self.sqlite.execute(text),
                ScriptStep::Rebuild { table, change } => self.sqlite.rebuild(table, change),
            };
            if let Err(error) = done {
                failures.push(format!("{error}: {step:?}"));
            }
        }
        self.schema = load(&mut &self.sqlite, Namespace::Public).unwrap();
    }

    fn translate(&self, sql: &str) -> Result<Translation, egret::statement::Error> {
        let options = Options { dialect: Default::default(), read_only: false };
        let env = Env { schema: &self.schema, temp: None, options: &options, parameter_types: &[] };
        translate(sql, &env)
    }

    fn rewrite(&self, text: &str, failures: &mut Vec<String>) -> String {
        let mut out = String::new();
        for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
            let sql = block.split("\n----").next().unwrap();
            let result = match self.translate(sql) {
                Ok(translation) => {
                    self.prepare(sql, &translation, failures);
                    describe(&translation)
                }
                Err(error) => {
                    let place = error.position_in(sql);
                    let place = place.map_or(String::new(), |at| format!(" at {at}"));
                    format!("{} {error}{place}", error.sqlstate())
                }
            };
            writeln!(out, "{sql}\n----\n{}\n", result.trim_end()).unwrap();
        }
        out.truncate(out.trim_end().len());
        out + "\n"
    }

    fn prepare(&self, sql: &str, translation: &Translation, failures: &mut Vec<String>) {
        let texts: Vec<&String> = match &translation.statement {
            Statement::Query(plan) => {
                egret::catalog::attach(&self.sqlite, &plan.catalog).unwrap();
                vec![&plan.sql]
            }
            // Later statements of a script may need the earlier ones.
            Statement::Script(script) => match script.steps.first() {
                Some(ScriptStep::Sql(text)) => vec![text],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        for text in texts {
            if let Err(error) = self.sqlite.prepare(text) {
                // Functions still to be written fail where they are called, not here.
                let message = error.to_string();
                let missing = ["no such function: pg_", "no such table: pg_"];
                if missing.iter().any(|prefix| message.starts_with(prefix)) {
                    continue;
                }
                failures.push(format!("{error}\n  {sql}\n  {text}"));
            }
        }
    }
}

fn describe(translation: &Translation) -> String {
    let mut out = String::new();
    match &translation.statement {
        Statement::Query(plan) => describe_plan(plan, &mut out),
        Statement::Script(script) => {
            for step in &script.steps {
                match step {
                    ScriptStep::Sql(text) => {
                        writeln!(out, "{text};").unwrap();
                    }
                    ScriptStep::Rebuild { table, change } => {
                        writeln!(out, "{table}: {change:?}").unwrap();
                    }
                }
            }
            writeln!(out, "tag: {}", script.tag).unwrap();
            script.notices.iter().for_each(|text| writeln!(out, "notice: {text}").unwrap());
        }
        other => writeln!(out, "{other:?}").unwrap(),
    }
    out
}

fn describe_plan(plan: &Plan, out: &mut String) {
    writeln!(out, "{}", plan.sql).unwrap();
    if !plan.parameters.is_empty() {
        let types: Vec<_> = plan.parameters.iter().map(|ty| ty.ty.name()).collect();
        writeln!(out, "params: {}", types.join(" ")).unwrap();
    }
    let Some(columns) = &plan.columns else { return };
    if !columns.is_empty() {
        let column = |c: &egret::statement::OutputColumn| {
            let origin = if c.table == 0 { String::new() } else { format!("#{}", c.attnum) };
            format!("{}:{}{origin}", c.name, c.ty.ty.name())
        };
        let columns: Vec<_> = columns.iter().map(column).collect();
        writeln!(out, "columns: {}", columns.join(", ")).unwrap();
    }
    if !plan.catalog.is_empty() {
        writeln!(out, "catalog: {}", plan.catalog.join(" ")).unwrap();
    }
}

fn difference(file: &Path, before: &str, after: &str) -> String {
    let blocks = before.trim_end().split("\n\n").zip(after.trim_end().split("\n\n"));
    let first = blocks.into_iter().find(|(a, b)| a != b);
    let (old, new) = first.unwrap_or((before, after));
    format!("{}:\n{old}\n==== now ====\n{new}", file.display())
}

/// However deep a statement nests, it is translated or refused, on the stack a session has.
#[test]
fn deep_statements_are_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/translate");
    let fixture = Fixture::open(&std::fs::read_to_string(folder.join("fixture.sql")).unwrap());
    let nest = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("SELECT {}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    for depth in [10, 50, 100, 200, 290, 500, 5000] {
        let statements = [
            nest("1 + (", "1", ")", depth),
            nest("(", "1", ")", depth),
            nest("(SELECT ", "1", ")", depth),
            nest("coalesce(", "1", ", 2)", depth),
            nest("CASE WHEN true THEN ", "1", " END", depth),
            nest("NOT ", "true", "", depth),
            nest("- ", "1", "", depth),
            format!("SELECT {}1", "1 + ".repeat(depth)),
            format!("SELECT true{}", " AND true".repeat(depth)),
            format!(
                "SELECT * FROM {}(SELECT 1) t{}",
                "(SELECT * FROM ".repeat(depth),
                ") t".repeat(depth)
            ),
            format!("{}SELECT 1{}", "(".repeat(depth), ")".repeat(depth)),
        ];
        for sql in &statements {
            let result = fixture.translate(sql);
            let shown = &sql[..sql.len().min(30)];
            assert!(depth > 10 || result.is_ok(), "{shown}: {:?}", result.err());
        }
    }
}
