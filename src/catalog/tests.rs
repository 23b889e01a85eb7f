//! The catalog of a fixture, read through SQLite.

use super::{attach, register_functions};
use crate::schema::{Namespace, Schema, load, system};
use crate::sqlite::{Connection, FunctionError, Host};
use crate::types::Value;
use std::sync::Arc;

const FIXTURE: &str = include_str!("../../tests/schema/constraints.txt");

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
        (name == "work_mem").then(|| "1MB".to_owned())
    }
    fn set_setting(&self, _: &str, value: &str, _: bool) -> Result<String, FunctionError> {
        Ok(value.to_owned())
    }
    fn user(&self) -> String {
        "ann".to_owned()
    }
    fn database(&self) -> String {
        "shop".to_owned()
    }
    fn backend_pid(&self) -> i32 {
        7
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

fn connection(ddl: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    for statement in ddl.split_inclusive(";\n").filter(|s| !s.trim().is_empty()) {
        connection.execute(statement).unwrap();
    }
    let schema = load(&mut &connection, Namespace::Public).unwrap();
    connection.slot().set(Some(Arc::new(Session(Arc::new(schema)))));
    register_functions(&connection).unwrap();
    connection
}

fn fixture() -> Connection {
    connection(FIXTURE.split_once("----\n").unwrap().0)
}

/// Rows as psql would print them unaligned.
fn rows(connection: &Connection, sql: &str) -> Vec<String> {
    let words = sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
    for word in words {
        if let Some(table) = super::relation::table(word) {
            attach(connection, &[table.system.qualified_name]).unwrap();
        }
    }
    let cell = |value: Value| match value {
        Value::Null => "∅".to_owned(),
        Value::Integer(i) => i.to_string(),
        Value::Real(r) => r.to_string(),
        Value::Text(text) => text,
        Value::Blob(_) => "blob".to_owned(),
    };
    let rows = connection.rows(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let line = |row: Vec<Value>| row.into_iter().map(cell).collect::<Vec<_>>().join("|");
    rows.into_iter().map(line).collect()
}

#[test]
fn every_relation_can_be_read() {
    let connection = fixture();
    for system in system::relations() {
        let read = rows(&connection, &format!("SELECT * FROM {}", system.qualified_name));
        for row in read {
            let width = row.matches('|').count() + 1;
            assert!(width >= system.relation.columns.len(), "{}", system.qualified_name);
        }
    }
}

#[test]
fn classes() {
    let sql = "SELECT relname, relkind, relnatts, relhasindex, relchecks FROM pg_catalog.pg_class \
               WHERE relnamespace = 2200 AND relkind <> 'i' ORDER BY relname";
    assert_eq!(
        rows(&fixture(), sql),
        [
            "boxes|r|3|0|0",
            "child|r|3|1|0",
            "descending|r|2|1|0",
            "docs|r|2|0|0",
            "odd \"name|r|7|1|4",
            "odd \"name_Key Col_seq|S|3|0|0",
            "pairs|r|3|1|0",
            "parent|r|2|1|0",
            "strict_one|r|4|1|0",
            "strict_one_i_seq|S|3|0|0",
            "v|v|2|0|0",
        ]
    );
}

#[test]
fn attributes_are_the_same_by_key_and_by_scan() {
    let connection = fixture();
    let by_key = rows(
        &connection,
        "SELECT a.* FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a \
         ON a.attrelid = c.oid ORDER BY attrelid, attnum",
    );
    let scanned = "SELECT * FROM pg_catalog.pg_attribute ORDER BY +attrelid, attnum";
    assert_eq!(by_key, rows(&connection, scanned));
    let sql = "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attidentity, \
               attgenerated FROM pg_catalog.pg_attribute \
               WHERE attrelid = (SELECT oid FROM pg_catalog.pg_class WHERE relname = 'odd \"name')";
    assert_eq!(
        rows(&connection, sql),
        [
            "Key Col|bigint|1|d|",
            "name|character varying(10)|1||",
            "price|numeric(10,2)|0||",
            "doubled|text|0||s",
            "stored|text|0||s",
            "pa|bigint|0||",
            "pb|text|0||",
            "ctid|tid|1||",
            "xmin|xid|1||",
            "cmin|cid|1||",
            "xmax|xid|1||",
            "cmax|cid|1||",
            "tableoid|oid|1||",
        ]
    );
}

/// SQLite reads a table once for each side of an OR, and must know a row again.
#[test]
fn rows_are_found_by_either_side_of_an_or() {
    let sql = "SELECT nspname FROM pg_catalog.pg_namespace \
               WHERE (nspname = 'public' AND nspowner > 1) OR (oid = 11 AND nspowner > 1) \
               OR nspname = 'pg_catalog' ORDER BY 1";
    assert_eq!(rows(&fixture(), sql), ["pg_catalog", "public"]);
    let sql = "SELECT count(*) FROM pg_catalog.pg_attribute WHERE attrelid = pg_regclass_in('parent') \
               OR (attname = 'a' AND attrelid = pg_regclass_in('parent'))";
    assert_eq!(rows(&fixture(), sql), ["8"]);
}

#[test]
fn constraints_and_their_definitions() {
    let sql = "SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint \
               WHERE conrelid IN (SELECT oid FROM pg_catalog.pg_class \
               WHERE relname IN ('odd \"name', 'child')) ORDER BY contype, conname";
    assert_eq!(
        rows(&fixture(), sql),
        [
            "both|c|CHECK ((pa > price))",
            "odd \"name_pa_check|c|CHECK ((pa <> 3))",
            "odd \"name_price_check|c|CHECK ((price > 0))",
            "odd \"name_price_check1|c|CHECK ((price < 100))",
            "child_p_fkey|f|FOREIGN KEY (p) REFERENCES \"odd \"\"name\"(\"Key Col\") ON DELETE CASCADE",
            "child_q_fkey|f|FOREIGN KEY (q) REFERENCES \"odd \"\"name\"(\"Key Col\")",
            "deferred_one|f|FOREIGN KEY (pa) REFERENCES parent(a) DEFERRABLE INITIALLY DEFERRED",
            "odd \"name_pb_pa_fkey|f|FOREIGN KEY (pb, pa) REFERENCES parent(b, a) \
             ON UPDATE CASCADE ON DELETE SET NULL",
            "child_pkey1|p|PRIMARY KEY (id)",
            "odd \"name_pkey|p|PRIMARY KEY (\"Key Col\")",
            "named|u|UNIQUE (pa, pb)",
            "odd \"name_name_key|u|UNIQUE (name)",
            "odd \"name_pb_name_key|u|UNIQUE (pb, name)",
        ]
    );
}

#[test]
fn indexes_and_their_definitions() {
    let sql = "SELECT pg_get_indexdef(indexrelid), indisprimary, indkey, indoption \
               FROM pg_catalog.pg_index WHERE indrelid IN (pg_regclass_in('child'), \
               pg_regclass_in('pairs')) ORDER BY 1";
    assert_eq!(
        rows(&fixture(), sql),
        [
            "CREATE INDEX partial ON public.child USING btree (p DESC, lower(id)) \
             WHERE (p IS NOT NULL)|0|2 0|3 0",
            "CREATE UNIQUE INDEX child_pkey ON public.child USING btree (q)|0|3|0",
            "CREATE UNIQUE INDEX child_pkey1 ON public.child USING btree (id)|1|1|0",
            "CREATE UNIQUE INDEX pairs_pkey ON public.pairs USING btree (a, b DESC)|1|1 2|0 3",
        ]
    );
}

#[test]
fn views_triggers_and_defaults() {
    let connection = fixture();
    let one = |sql: &str| rows(&connection, sql).join("\n");
    assert_eq!(
        one("SELECT definition FROM pg_catalog.pg_views WHERE viewname = 'v'"),
        " SELECT \"Key Col\", count(*) FROM \"odd \"\"name\" GROUP BY 1;"
    );
    assert_eq!(
        one("SELECT pg_get_triggerdef(oid) FROM pg_catalog.pg_trigger"),
        "CREATE TRIGGER tr AFTER INSERT ON public.child FOR EACH ROW EXECUTE FUNCTION tr()"
    );
    assert_eq!(
        one("SELECT group_concat(pg_get_expr(adbin, adrelid), ' ') FROM pg_catalog.pg_attrdef"),
        "1.5 (price * 2) (upper(name))"
    );
    assert_eq!(
        one("SELECT pg_get_serial_sequence('\"odd \"\"name\"', 'Key Col')"),
        "public.\"odd \"\"name_Key Col_seq\""
    );
}

#[test]
fn names_and_oids() {
    let connection = fixture();
    let one = |sql: &str| rows(&connection, sql).join("\n");
    for (name, shown) in [
        ("PARENT", "parent"),
        ("public.parent", "parent"),
        ("\"odd \"\"name\"", "\"odd \"\"name\""),
        ("pg_catalog.pg_class", "pg_class"),
        ("pg_class", "pg_class"),
        ("information_schema.tables", "information_schema.tables"),
        ("1259", "pg_class"),
    ] {
        let sql = format!("SELECT pg_regclass_out(pg_regclass_in('{name}'))");
        assert_eq!(one(&sql), shown);
    }
    for (name, shown) in [
        ("int4", "integer"),
        ("character varying(10)", "character varying"),
        ("timestamp(3) with time zone", "timestamp with time zone"),
        ("pg_catalog.int4[]", "integer[]"),
        ("\"char\"", "\"char\""),
        ("parent", "parent"),
    ] {
        assert_eq!(one(&format!("SELECT pg_regtype_out(pg_regtype_in('{name}'))")), shown);
    }
    assert_eq!(one("SELECT to_regclass('nobody')"), "∅");
    assert_eq!(one("SELECT pg_get_userbyid(10), pg_get_userbyid(9)"), "ann|unknown (OID=9)");
    assert_eq!(one("SELECT pg_regproc_out(pg_regproc_in('array_in'))"), "array_in");
    assert_eq!(one("SELECT obj_description(16, 'pg_type')"), "boolean, 'true'/'false'");
    let error = connection.rows("SELECT pg_regclass_in('Nobody')", &[]).unwrap_err();
    assert_eq!(error.to_string(), "relation \"Nobody\" does not exist");
}

#[test]
fn information_schema() {
    let connection = fixture();
    let one = |sql: &str| rows(&connection, sql).join("\n");
    assert_eq!(
        one(
            "SELECT column_name, data_type, is_nullable, is_identity, numeric_precision, udt_name \
             FROM information_schema.columns WHERE table_name = 'strict_one'"
        ),
        "i|bigint|NO|YES|64|int8\nt|text|NO|NO|∅|text\nb|bytea|YES|NO|∅|bytea\na|text|YES|NO|∅|text"
    );
    assert_eq!(
        one("SELECT table_type FROM information_schema.tables WHERE table_schema = 'public' \
             AND table_name IN ('parent', 'v')"),
        "BASE TABLE\nVIEW"
    );
    assert_eq!(
        one("SELECT constraint_name, column_name, ordinal_position \
             FROM information_schema.key_column_usage WHERE table_name = 'parent' ORDER BY 3"),
        "parent_key|b|1\nparent_key|a|2"
    );
}

#[test]
fn the_server() {
    let connection = fixture();
    let one = |sql: &str| rows(&connection, sql).join("\n");
    assert_eq!(one("SELECT datname, encoding FROM pg_catalog.pg_database"), "shop|6");
    assert_eq!(one("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = 'ann'"), "1");
    assert_eq!(one("SELECT setting FROM pg_catalog.pg_settings WHERE name = 'work_mem'"), "1024");
    let defaults = "SELECT boot_val, reset_val, setting, source FROM pg_catalog.pg_settings";
    let defaults = format!("{defaults} WHERE name = 'synchronous_commit'");
    assert_eq!(one(&defaults), "local|local|local|default");
    assert_eq!(one("SELECT pg_size_pretty(10239)||pg_size_pretty(123456789)"), "10239 bytes118 MB");
    assert_eq!(one("SELECT acldefault('r', 10)"), "[\"ann=arwdDxt/ann\"]");
}

#[test]
fn sizes_and_sequences() {
    let connection =
        connection("CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, x UNIQUE);\n");
    let one = |sql: &str| rows(&connection, sql).join("\n");
    assert_eq!(one("SELECT pg_relation_size(pg_regclass_in('a'))"), "4096");
    assert_eq!(one("SELECT pg_total_relation_size(pg_regclass_in('a'))"), "8192");
    assert_eq!(one("SELECT pg_database_size('shop')"), "16384");
    let last = "SELECT sequencename, last_value FROM pg_catalog.pg_sequences";
    assert_eq!(one(last), "a_id_seq|∅");
    connection.execute("INSERT INTO a(x) VALUES ('x'), ('y')").unwrap();
    assert_eq!(one(last), "a_id_seq|2");
}

#[test]
fn the_log_and_modifiers() {
    let connection = fixture();
    let one = |sql: &str| rows(&connection, sql).join("\n");
    let sql = "SELECT pg_walfile_name('1/0'), pg_wal_lsn_diff('1/10', '0/0'), \
               pg_current_wal_lsn()";
    assert_eq!(one(sql), "0000000100000000000000FF|4294967312|0/0");
    let error = connection.rows("SELECT pg_promote()", &[]).unwrap_err();
    assert_eq!(error.to_string(), "recovery is not in progress");
    let sql = "SELECT _pg_char_max_length(1043, 14), _pg_char_max_length(25, -1), \
               _pg_numeric_precision(1700, 786438), _pg_numeric_scale(1700, 786438), \
               _pg_datetime_precision(1114, -1)";
    assert_eq!(one(sql), "10|∅|12|2|6");
    let sql = "SELECT x, n FROM _pg_expandarray('7 9') UNION ALL \
               SELECT x, n FROM _pg_expandarray('[\"a\"]')";
    assert_eq!(one(sql), "7|1\n9|2\na|1");
    let sql =
        "SELECT grantor, grantee, privilege_type, is_grantable FROM aclexplode('[\"=r*/ann\"]')";
    assert_eq!(one(sql), "10|0|SELECT|1");
    assert_eq!(one("SELECT count(*) FROM pg_timezone_names WHERE name = 'UTC'"), "1");
}

#[test]
fn a_type_has_its_functions() {
    let sql = "SELECT p.proname, t.typbyval, t.typarray FROM pg_catalog.pg_type t \
               JOIN pg_catalog.pg_proc p ON p.oid = t.typinput WHERE t.typname = 'int4'";
    assert_eq!(rows(&fixture(), sql), ["int4in|1|1007"]);
}

#[test]
fn a_thousand_tables_stay_fast() {
    let columns: Vec<_> = (0..20).map(|i| format!("c{i} TEXT")).collect();
    let table = |i| format!("CREATE TABLE t{i}(id INTEGER PRIMARY KEY, {});\n", columns.join(","));
    let connection = connection(&(0..1000).map(table).collect::<String>());
    let started = std::time::Instant::now();
    let sql = "SELECT count(*) FROM pg_catalog.pg_class c \
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
               JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
               LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
               LEFT JOIN pg_catalog.pg_description e ON e.objoid = c.oid \
               WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attnum > 0";
    assert_eq!(rows(&connection, sql), ["21000"]);
    let scanned = started.elapsed();
    let sql = "SELECT count(*) FROM pg_catalog.pg_attribute \
               WHERE attrelid = (SELECT oid FROM pg_catalog.pg_class WHERE relname = 't7')";
    assert_eq!(rows(&connection, sql), ["27"]);
    // A join with a view looks for some tables one by one, and then makes the rows of all.
    let sql = "SELECT count(*), count(DISTINCT t.tablename) FROM pg_catalog.pg_class c \
               CROSS JOIN pg_catalog.pg_tables t \
               ON t.tablename = c.relname AND t.schemaname = 'public' WHERE c.relkind = 'r'";
    assert_eq!(rows(&connection, sql), ["1000|1000"]);
    println!("{scanned:?} for all, {:?} for one", started.elapsed() - scanned);
    assert!(started.elapsed().as_secs() < 120);
}
