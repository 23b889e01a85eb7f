//! The golden rows of `tests/functions`, and what a row cannot say.

use super::*;
use crate::schema::Schema;
use crate::sqlite::Host;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

/// A session with a fixed clock.
#[derive(Default)]
pub(super) struct Session {
    settings: Mutex<BTreeMap<String, String>>,
    pid: i32,
    cancelled: bool,
}

impl Host for Session {
    /// 2024-02-29 13:14:15.678901 UTC
    fn transaction_start_us(&self) -> i64 {
        1_709_212_455_678_901
    }

    fn statement_start_us(&self) -> i64 {
        1_709_212_456_000_000
    }

    fn time_zone(&self) -> String {
        self.setting("timezone").unwrap_or_else(|| "UTC".to_owned())
    }

    fn setting(&self, name: &str) -> Option<String> {
        self.settings.lock().unwrap().get(name).cloned()
    }

    fn set_setting(&self, name: &str, value: &str, _: bool) -> Result<String, FunctionError> {
        self.settings.lock().unwrap().insert(name.to_owned(), value.to_owned());
        Ok(value.to_owned())
    }

    fn user(&self) -> String {
        "ann".to_owned()
    }

    fn database(&self) -> String {
        "shop".to_owned()
    }

    fn backend_pid(&self) -> i32 {
        self.pid
    }

    fn schema(&self) -> Arc<Schema> {
        Arc::default()
    }

    fn notify(&self, _: &str, _: &str) {}

    fn signal(&self, _: i32, _: bool) -> bool {
        true
    }

    fn cancelled(&self) -> bool {
        self.cancelled
    }

    fn in_recovery(&self) -> bool {
        false
    }

    fn server_rows(&self, _: &str) -> Option<Vec<Vec<Value>>> {
        None
    }
}

/// A connection with everything registered, held by a session.
pub(super) fn connection(pid: i32) -> (rusqlite::Connection, Arc<HostSlot>) {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    let slot = Arc::new(HostSlot::default());
    slot.set(Some(Arc::new(Session { pid, ..Session::default() })));
    register(&connection, &slot).unwrap();
    (connection, slot)
}

/// The value of an expression as text, or `!SQLSTATE message`.
fn evaluate(connection: &rusqlite::Connection, slot: &HostSlot, expression: &str) -> String {
    let row = connection.query_row(&format!("select {expression}"), [], |row| {
        Ok(match row.get_ref(0)? {
            Raw::Null => "NULL".to_owned(),
            Raw::Integer(i) => i.to_string(),
            Raw::Real(r) => math::float_text(r),
            Raw::Text(t) => String::from_utf8_lossy(t).into_owned(),
            Raw::Blob(b) => encoding::hex_literal(b),
        })
    });
    match (row, slot.take_error()) {
        (Ok(shown), _) => shown,
        (Err(_), Some(error)) => format!("!{} {}", error.sqlstate, error.message),
        (Err(error), None) => format!("!!!!! {error}"),
    }
}

/// Booleans are 0 and 1 in SQLite; numerics are equal by value, not by their zeros.
fn agree(expected: &str, got: &str) -> bool {
    let truth = matches!((expected, got), ("true", "1") | ("false", "0"));
    truth || expected == got || equal_numbers(expected, got)
}

fn equal_numbers(expected: &str, got: &str) -> bool {
    let (Ok(a), Ok(b)) = (expected.parse::<f64>(), got.parse::<f64>()) else { return false };
    (a - b).abs() <= 2e-15 * a.abs().max(b.abs())
}

/// Each line is `Postgres's expression ;; SQLite's ;; what PostgreSQL 15 answered`.
#[test]
fn functions_answer_as_postgres_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/functions");
    let (mut rows, mut wrong) = (0, Vec::new());
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    for path in files {
        let (connection, slot) = connection(7);
        for (n, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            let parts: Vec<_> = line.splitn(3, " ;; ").collect();
            let [_, sqlite, expected] = parts[..] else { continue };
            rows += 1;
            let got = evaluate(&connection, &slot, sqlite).replace('\n', "\\n");
            if !agree(expected, &got) {
                let file = path.file_name().unwrap().to_string_lossy().into_owned();
                wrong.push(format!("{file}:{} {sqlite}\n  want {expected}\n  got  {got}", n + 1));
            }
        }
    }
    assert!(rows > 400, "only {rows} rows were found");
    assert!(wrong.is_empty(), "{} of {rows} rows differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The tables of `catalog/` name nothing that a connection does not have.
#[test]
fn every_name_of_the_catalog_is_there() {
    let (connection, _) = connection(1);
    let mut known: Vec<String> = Vec::new();
    for pragma in ["pragma_function_list", "pragma_module_list"] {
        let mut list = connection.prepare(&format!("select name from {pragma}")).unwrap();
        known.extend(list.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap));
    }
    let mut missing = Vec::new();
    for line in names("functions.txt").chain(names("operators.txt")).chain(names("casts.txt")) {
        let private = line.starts_with("pg_") && !line.ends_with("_in") && !line.ends_with("_out");
        if private && !known.contains(&line) && !missing.contains(&line) {
            missing.push(line);
        }
    }
    assert!(missing.is_empty(), "not registered: {missing:?}");
}

/// The names after `=`, but for the catalog's group, which another room registers.
fn names(file: &str) -> impl Iterator<Item = String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let ours = text.split("\n# catalog").next().unwrap_or_default().to_owned();
    let name = |line: &str| {
        let (_, name) = line.rsplit_once(" = ")?;
        let name = name.split(' ').next().filter(|_| !line.starts_with('#'))?;
        Some(name.split('(').next().unwrap_or(name).to_owned())
    };
    ours.lines().filter_map(name).collect::<Vec<_>>().into_iter()
}

#[test]
fn no_builtin_is_replaced() {
    let plain = rusqlite::Connection::open_in_memory().unwrap();
    let builtin = |name: &str| {
        let sql = "select count(*) from pragma_function_list where name = ?1";
        plain.query_row(sql, [name], |row| row.get::<_, i64>(0)).unwrap() > 0
    };
    let stands_for_one = |name: &str| search::FUNCTIONS.iter().any(|f| f.0 == name);
    for (name, ..) in TABLES.iter().flat_map(|table| table.iter()) {
        assert!(!builtin(name) || stands_for_one(name), "{name}");
    }
}

#[test]
fn functions_cannot_be_stored_in_a_schema() {
    let (connection, _) = connection(1);
    let stored = connection.execute_batch("create table t(x check (pg_lower(x) = x))");
    let used = connection.execute_batch("insert into t values ('a')");
    assert!(stored.is_err() || used.is_err());
}

#[test]
fn aggregates_slide_over_window_frames() {
    let (connection, _) = connection(1);
    let frame = "over (order by column1 rows between 1 preceding and current row)";
    let numbers = "(values (1), (2), (4), (8))";
    for (aggregate, last) in [
        ("pg_avg_numeric(column1)", "6.0000000000000000"),
        ("pg_array_agg(column1)", "[4,8]"),
        ("pg_var_pop(column1)", "4.0"),
        ("pg_bit_or(column1)", "12"),
        ("pg_bool_and(column1)", "1"),
        ("pg_jsonb_agg(column1)", "[4, 8]"),
        ("pg_percentile_cont(0.5, column1)", "6.0"),
        ("pg_string_agg_distinct(column1, '-')", "4-8"),
    ] {
        let sql = format!(
            "select cast({aggregate} {frame} as text) from {numbers} order by column1 desc limit 1"
        );
        let got: String = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(got, last, "{aggregate}");
    }
}

#[test]
fn advisory_locks_exclude_other_sessions_until_released() {
    let (one, _) = connection(101);
    let (two, _) = connection(102);
    let ask = |connection: &rusqlite::Connection, sql: &str| -> i64 {
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(ask(&one, "select pg_try_advisory_lock(42)"), 1);
    assert_eq!(ask(&one, "select pg_try_advisory_lock(42)"), 1);
    assert_eq!(ask(&two, "select pg_try_advisory_lock(42)"), 0);
    assert_eq!(ask(&two, "select pg_try_advisory_lock(4, 2)"), 1);
    assert_eq!(ask(&one, "select pg_advisory_unlock(42)"), 1);
    assert_eq!(ask(&two, "select pg_try_advisory_lock_shared(42)"), 0);
    release_all("shop", 101);
    assert_eq!(ask(&two, "select pg_try_advisory_lock_shared(42)"), 1);
    assert_eq!(ask(&one, "select pg_try_advisory_lock_shared(42)"), 1);
    assert_eq!(ask(&one, "select pg_advisory_unlock(7)"), 0);
    assert_eq!(ask(&one, "select pg_try_advisory_xact_lock(8)"), 1);
    assert_eq!(ask(&two, "select pg_try_advisory_lock(8)"), 0);
    release_transaction("shop", 101);
    assert_eq!(ask(&two, "select pg_try_advisory_lock(8)"), 1);
    release_all("shop", 101);
    release_all("shop", 102);
}

#[test]
fn waiting_ends_when_the_statement_is_cancelled() {
    let (connection, slot) = connection(1);
    slot.set(Some(Arc::new(Session { cancelled: true, ..Session::default() })));
    for wait in ["pg_sleep(3600)", "pg_sleep_for('1 day')"] {
        let message = "!57014 canceling statement due to user request";
        assert_eq!(evaluate(&connection, &slot, wait), message);
    }
}

#[test]
fn the_session_answers_about_itself() {
    let (connection, slot) = connection(7);
    for (expression, expected) in [
        ("pg_current_user()", "ann"),
        ("pg_current_database()", "shop"),
        ("pg_backend_pid()", "7"),
        ("pg_now()", "2024-02-29 13:14:15.678901"),
        ("pg_current_schema()", "public"),
        ("pg_array_out(pg_current_schemas(1), null)", "{pg_catalog,public}"),
        ("pg_set_config('timezone', 'Europe/Berlin', 0)", "Europe/Berlin"),
        ("pg_current_setting('timezone')", "Europe/Berlin"),
        ("pg_timestamptz_to_text(pg_now())", "2024-02-29 14:14:15.678901+01"),
        ("pg_timestamptz_to_date('2024-02-29 23:30:00')", "2024-03-01"),
        ("pg_date_trunc_timestamptz('day', '2024-02-29 23:30:00')", "2024-02-29 23:00:00"),
        ("pg_current_setting('nope')", "!42704 unrecognized configuration parameter \"nope\""),
        ("pg_current_setting('nope', 1)", "NULL"),
        ("pg_size_bytes('1.5 MB')", "1572864"),
        ("length(pg_gen_random_uuid())", "36"),
        ("pg_random() between 0 and 1", "1"),
    ] {
        assert_eq!(evaluate(&connection, &slot, expression), expected, "{expression}");
    }
}

/// Hostile depth is refused, hostile width is not: reading is linear.
#[test]
fn nested_json_is_read_in_linear_time() {
    let (connection, slot) = connection(1);
    let deep = format!("pg_text_to_jsonb('{}{}')", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(evaluate(&connection, &slot, &deep), "!54001 stack depth limit exceeded");
    let wide = format!("{}{}{}", "[".repeat(400), vec!["1"; 200_000].join(","), "]".repeat(400));
    let start = std::time::Instant::now();
    let got = evaluate(&connection, &slot, &format!("length(pg_text_to_jsonb('{wide}'))"));
    assert_eq!(got, "600798");
    assert!(start.elapsed().as_secs() < 60);
}

/// Bytes that are not UTF-8, and numbers where text is expected, never panic.
#[test]
fn strange_arguments_are_refused_quietly() {
    let (connection, _) = connection(1);
    let mut panics = Vec::new();
    let strange = ["x'ff00'", "cast(x'ff' as text)", "-9223372036854775808", "1e308", "''", "null"];
    for (name, arity, ..) in TABLES.iter().flat_map(|table| table.iter()) {
        if ["pg_sleep", "pg_advisory_lock", "pg_repeat"].iter().any(|slow| name.starts_with(slow)) {
            continue;
        }
        for count in if *arity < 0 { 1..=4 } else { *arity..=*arity } {
            for value in strange {
                let arguments = vec![value; usize::try_from(count).unwrap()].join(", ");
                let sql = format!("select {name}({arguments})");
                let outcome = connection.query_row(&sql, [], |_| Ok(()));
                let panicked = matches!(outcome, Err(rusqlite::Error::UnwindingPanic));
                let shown = outcome.err().map(|error| error.to_string()).unwrap_or_default();
                if panicked || shown.contains("panic") {
                    panics.push(sql);
                }
            }
        }
    }
    assert!(panics.is_empty(), "{panics:#?}");
}

/// Registration is paid by every new connection.
#[test]
#[ignore = "a measurement"]
fn registration_time() {
    let slot = Arc::new(HostSlot::default());
    let times = (0..50).map(|_| {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let start = std::time::Instant::now();
        register(&connection, &slot).unwrap();
        start.elapsed()
    });
    let rows: usize = TABLES.iter().map(|table| table.len()).sum();
    println!("{rows} scalar functions and the others in {:?}", times.min().unwrap());
}
