//! Golden tests of the schema snapshot: SQLite DDL in, what egret makes of it out.
//!
//! Files in `tests/schema/`: DDL, a line of four dashes, the snapshot. `UPDATE=1` rewrites them.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use egret::schema::{Index, Namespace, Relation, Schema, load};
use egret::sqlite::Connection;
use egret::types::{ColumnType, Type};
use std::fmt::Write;
use std::path::Path;

#[test]
fn snapshots() {
    let update = std::env::var_os("UPDATE").is_some();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema");
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (ddl, expected) = text.split_once("----\n").unwrap_or((&text, ""));
        let snapshot = describe(&schema(&connection(ddl)));
        if update {
            std::fs::write(&path, format!("{ddl}----\n{snapshot}")).unwrap();
        } else {
            assert_eq!(snapshot, expected, "{}", path.display());
        }
    }
}

#[test]
fn oids_are_the_same_after_unrelated_ddl() {
    let connection = connection("CREATE TABLE a(x PRIMARY KEY, y UNIQUE CHECK (y > 0));");
    let before = describe(&schema(&connection));
    let oid = schema(&connection).relation("a").unwrap().oid;
    for sql in ["CREATE TABLE B(z)", "CREATE INDEX a_y ON b(z)", "DROP TABLE b"] {
        connection.execute(sql).unwrap();
        assert_eq!(schema(&connection).relation("A").unwrap().oid, oid);
    }
    assert_eq!(describe(&schema(&connection)), before);
}

#[test]
fn oids_stay_with_what_is_renamed() {
    let connection = connection("CREATE TABLE a(x PRIMARY KEY, y CHECK (y > 0));");
    let before = schema(&connection);
    connection.execute("ALTER TABLE a RENAME TO b").unwrap();
    let renamed = schema(&connection).with_oids_of(&before);
    let oids = |r: &Relation| (r.oid, r.row_type, r.indexes[0].oid);
    let kept = oids(before.relation("a").unwrap());
    assert_eq!(oids(renamed.relation("b").unwrap()), kept);
    connection.execute("CREATE TABLE a(x PRIMARY KEY)").unwrap();
    let both = schema(&connection).with_oids_of(&renamed);
    assert_eq!(oids(both.relation("b").unwrap()), kept);
    let (oid, row_type, index) = oids(both.relation("a").unwrap());
    assert!(oid != kept.0 && row_type != kept.1 && index != kept.2);
}

#[test]
fn what_is_new_has_an_oid_of_its_own() {
    let connection = connection("CREATE TABLE a(x);\nCREATE INDEX a_x ON a(x);\n");
    let before = schema(&connection);
    connection.execute("CREATE INDEX a_first ON a(x)").unwrap();
    let after = schema(&connection).with_oids_of(&before);
    let oid = |schema: &Schema, name: &str| {
        let mut indexes = schema.relation("a").unwrap().indexes.iter();
        indexes.find(|index| index.name == name).map(|index| index.oid).unwrap()
    };
    assert_eq!(oid(&after, "a_x"), oid(&before, "a_x"));
    assert_ne!(oid(&after, "a_first"), oid(&after, "a_x"));
}

#[test]
fn temporary_tables_have_a_schema_of_their_own() {
    let connection = connection("CREATE TABLE t(a);\n");
    connection.execute("CREATE TEMP TABLE t(b INTEGER PRIMARY KEY)").unwrap();
    let temporary = load(&mut &connection, Namespace::Temp).unwrap();
    let (ours, theirs) = (temporary.relation("t").unwrap(), schema(&connection));
    assert_eq!(ours.columns[0].name, "b");
    assert_eq!(ours.namespace, Namespace::Temp);
    assert_ne!(ours.oid, theirs.relation("t").unwrap().oid);
}

#[test]
fn expressions_of_views_get_the_types_inferred() {
    let connection = connection(
        "CREATE TABLE t(a);\nCREATE VIEW u AS SELECT n FROM v;\n\
         CREATE VIEW v AS SELECT count(*) AS n FROM t;\n",
    );
    let schema = schema(&connection).with_view_types(|schema, query| match query {
        "SELECT n FROM v" => Some(vec![schema.relation("v")?.columns[0].ty]),
        _ => Some(vec![ColumnType::new(Type::INT8)]),
    });
    assert_eq!(schema.relation("u").unwrap().columns[0].ty.ty, Type::INT8);
}

#[test]
fn a_broken_view_spoils_nothing() {
    let connection = connection("CREATE TABLE t(a);\nCREATE VIEW v AS SELECT * FROM t;");
    connection.execute("PRAGMA legacy_alter_table = 1").unwrap();
    connection.execute("DROP TABLE t").unwrap();
    assert!(schema(&connection).relation("v").unwrap().columns.is_empty());
}

fn connection(ddl: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    for statement in ddl.split_inclusive(";\n") {
        connection.execute(statement).unwrap();
    }
    connection
}

fn schema(connection: &Connection) -> Schema {
    load(&mut &*connection, Namespace::Public).unwrap()
}

fn describe(schema: &Schema) -> String {
    let mut out = String::new();
    for relation in &schema.relations {
        describe_relation(&mut out, relation).unwrap();
    }
    out
}

fn describe_relation(out: &mut String, r: &Relation) -> std::fmt::Result {
    writeln!(out, "{:?} {} {}", r.kind, r.name, r.oid)?;
    for (flag, text) in [
        (r.autoincrement, "autoincrement"),
        (r.without_rowid, "without rowid"),
        (r.strict, "strict"),
        (r.rowid_alias.is_some(), "rowid alias"),
    ] {
        if flag {
            writeln!(out, "  {text}")?;
        }
    }
    for c in &r.columns {
        write!(out, "  column {} {:?} -> {}", c.name, c.declared, c.ty.ty.0)?;
        write!(out, "{}", if c.ty.typmod >= 0 { format!("({})", c.ty.typmod) } else { "".into() })?;
        write!(out, "{}", if c.not_null { " not null" } else { "" })?;
        for (word, text) in
            [("default", &c.default), ("generated", &c.generated), ("collate", &c.collation)]
        {
            if let Some(text) = text {
                write!(out, " {word} {text}")?;
            }
        }
        writeln!(out)?;
    }
    for index in &r.indexes {
        describe_index(out, r, index)?;
    }
    for check in &r.checks {
        writeln!(out, "  check {} {} ({})", check.name, check.oid, check.expression)?;
    }
    for k in &r.foreign_keys {
        let columns: Vec<_> = k.columns.iter().map(|&i| r.columns[i].name.as_str()).collect();
        write!(out, "  foreign key {} {} ({})", k.name, k.oid, columns.join(", "))?;
        write!(out, " -> {} ({})", k.references, k.referenced_columns.join(", "))?;
        writeln!(out, " update {} delete {} deferred {}", k.on_update, k.on_delete, k.deferred)?;
    }
    for trigger in &r.triggers {
        writeln!(out, "  trigger {} {}", trigger.name, trigger.oid)?;
    }
    Ok(())
}

fn describe_index(out: &mut String, r: &Relation, index: &Index) -> std::fmt::Result {
    write!(out, "  index {:?} {} {} {:?}", index.name, index.shown_name, index.oid, index.origin)?;
    write!(out, "{} (", if index.unique { " unique" } else { "" })?;
    for key in &index.keys {
        let column = key.column.map(|i| r.columns[i].name.as_str());
        let text = column.or(key.expression.as_deref()).unwrap_or("rowid");
        let direction = if key.descending { " desc" } else { "" };
        write!(out, "[{text} {}{direction}]", key.collation)?;
    }
    write!(out, ")")?;
    if let Some(predicate) = &index.predicate {
        write!(out, " where {predicate}")?;
    }
    writeln!(out)
}
