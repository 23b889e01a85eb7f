//! Two database files in, how they differ out: objects of the schema, and rows table by table.
//!
//! Rows are matched by primary key, or by rowid where there is none, and compared to the bit: a
//! number is not the text of it, and collations do not count. SQLite does the matching, by the
//! tables' own indexes, so that memory does not grow with them. Generated columns and virtual tables
//! are left out: what they are made of is compared.

use super::Error;
use super::integrity::immutable_uri;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::ffi::OsString;
use std::path::Path;

/// How two files differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Objects of the schema that are not the same.
    pub schema: Vec<SchemaDifference>,
    /// Every table that both have.
    pub tables: Vec<TableComparison>,
}

/// A table, index, view or trigger that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaDifference {
    /// `table`, `index`, `view` or `trigger`
    pub kind: String,
    /// Its name.
    pub name: String,
    /// It is in the first file.
    pub in_first: bool,
    /// It is in the second file.
    pub in_second: bool,
}

/// How a table's rows differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableComparison {
    /// Its name.
    pub name: String,
    /// What names its rows.
    pub key: Vec<String>,
    /// Rows of the first file.
    pub only_first: Rows,
    /// Rows of the second file.
    pub only_second: Rows,
    /// Rows of both, with other values.
    pub different: Rows,
}

/// Some rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// How many.
    pub count: u64,
    /// The keys of the first few, as SQL literals.
    pub keys: Vec<String>,
}

impl Comparison {
    /// Nothing differs.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.schema.is_empty() && self.tables.iter().all(TableComparison::is_equal)
    }
}

impl TableComparison {
    /// No row differs.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        [&self.only_first, &self.only_second, &self.different].iter().all(|rows| rows.count == 0)
    }
}

/// Compares a file at rest with another, which may be in use, in one read transaction. Of each kind of
/// difference `keys_max` rows are named.
///
/// # Errors
/// One of them cannot be read.
pub fn compare(first: &Path, second: &Path, keys_max: usize) -> Result<Comparison, Error> {
    let connection = open(second)?;
    connection.execute("ATTACH ?1 AS first", [immutable_uri(first)])?;
    connection.execute_batch("BEGIN")?;
    let schema = schema(&connection)?;
    let mut tables = Vec::new();
    for name in common_tables(&connection)? {
        tables.push(Table::new(&connection, name)?.compare(&connection, keys_max)?);
    }
    Ok(Comparison { schema, tables })
}

/// Opens a file so that nothing of it changes, whoever uses it.
fn open(path: &Path) -> Result<Connection, Error> {
    let mut wal = OsString::from(path);
    wal.push("-wal");
    let in_use = Path::new(&wal).exists();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, in_use)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.execute_batch("PRAGMA query_only = 1; PRAGMA temp_store = FILE")?;
    Ok(connection)
}

fn schema(connection: &Connection) -> Result<Vec<SchemaDifference>, Error> {
    const SQL: &str = "
        SELECT coalesce(f.type, s.type), coalesce(f.name, s.name), f.name NOTNULL, s.name NOTNULL
        FROM (SELECT * FROM first.sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\') f
        FULL JOIN (SELECT * FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\') s
        ON f.type = s.type AND f.name = s.name
        WHERE f.sql IS NOT s.sql OR f.name IS NULL OR s.name IS NULL
        ORDER BY 1 DESC, 2";
    let mut statement = connection.prepare(SQL)?;
    let rows = statement.query_map((), |row| {
        let (kind, name) = (row.get(0)?, row.get(1)?);
        Ok(SchemaDifference { kind, name, in_first: row.get(2)?, in_second: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn common_tables(connection: &Connection) -> Result<Vec<String>, Error> {
    const SQL: &str = "
        SELECT s.name FROM main.sqlite_schema s JOIN first.sqlite_schema f
        ON f.name = s.name AND f.type = 'table' AND f.rootpage > 0
        WHERE s.type = 'table' AND s.rootpage > 0 AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
        ORDER BY s.name";
    let mut statement = connection.prepare(SQL)?;
    Ok(statement.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// A table that both files have.
struct Table {
    name: String,
    key: Vec<String>,
    values: Vec<String>,
}

impl Table {
    fn new(connection: &Connection, name: String) -> Result<Self, Error> {
        let [first, second] = ["first", "main"].map(|file| columns(connection, file, &name));
        let (first, second) = (first?, second?);
        let values = first.names.iter().filter(|column| second.names.contains(column)).cloned();
        let values: Vec<_> = values.collect();
        let key = match &first.key {
            key if !key.is_empty() && *key == second.key && names_rows(connection, &name, key)? => {
                key.clone()
            }
            _ => vec![rowid(&[&first.names, &second.names])],
        };
        Ok(Self { name, key, values })
    }

    fn compare(self, connection: &Connection, keys_max: usize) -> Result<TableComparison, Error> {
        let table = quoted(&self.name);
        let same_key = all(self.key.iter().map(|k| format!("b.{0} IS a.{0}", quoted(k))));
        let only = |here: &str, there: &str| {
            format!(
                "SELECT {} FROM {here}.{table} a \
                 WHERE NOT EXISTS (SELECT 1 FROM {there}.{table} b WHERE {same_key})",
                self.key_text()
            )
        };
        let same = all(self.values.iter().flat_map(|column| {
            let column = quoted(column);
            [
                format!("+a.{column} COLLATE BINARY IS +b.{column}"),
                format!("typeof(a.{column}) = typeof(b.{column})"),
            ]
        }));
        let different = format!(
            "SELECT {} FROM first.{table} a CROSS JOIN main.{table} b ON {same_key} \
             WHERE NOT ({same})",
            self.key_text()
        );
        let read = |sql: &str| rows(connection, sql, keys_max);
        Ok(TableComparison {
            only_first: read(&only("first", "main"))?,
            only_second: read(&only("main", "first"))?,
            different: read(&different)?,
            name: self.name,
            key: self.key,
        })
    }

    /// The key of a row as SQL literals.
    fn key_text(&self) -> String {
        let parts: Vec<_> = self.key.iter().map(|k| format!("quote(a.{})", quoted(k))).collect();
        parts.join(" || ', ' || ")
    }
}

/// The columns that are stored, and those of the primary key in its order.
struct Columns {
    names: Vec<String>,
    key: Vec<String>,
}

fn columns(connection: &Connection, file: &str, table: &str) -> Result<Columns, Error> {
    let sql = "SELECT name, pk FROM pragma_table_xinfo(?1, ?2) WHERE hidden = 0 ORDER BY cid";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([table, file], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let columns: Vec<(String, i64)> = rows.collect::<Result<_, _>>()?;
    let mut key: Vec<_> = columns.iter().filter(|(_, pk)| *pk > 0).collect();
    key.sort_by_key(|(_, pk)| *pk);
    let key = key.into_iter().map(|(name, _)| name.clone()).collect();
    Ok(Columns { names: columns.into_iter().map(|(name, _)| name).collect(), key })
}

/// Rows of a table with rowids may have no value in their primary key.
fn names_rows(connection: &Connection, table: &str, key: &[String]) -> Result<bool, Error> {
    let nulls: Vec<_> = key.iter().map(|column| format!("{} IS NULL", quoted(column))).collect();
    let (table, nulls) = (quoted(table), nulls.join(" OR "));
    let sql = format!(
        "SELECT NOT EXISTS (SELECT 1 FROM first.{table} WHERE {nulls}) \
         AND NOT EXISTS (SELECT 1 FROM main.{table} WHERE {nulls})"
    );
    Ok(connection.query_row(&sql, (), |row| row.get(0))?)
}

/// The name of the rowid that no column has.
fn rowid(columns: &[&Vec<String>]) -> String {
    let taken =
        |name: &str| columns.iter().copied().flatten().any(|c| c.eq_ignore_ascii_case(name));
    let free = ["_rowid_", "rowid", "oid"].into_iter().find(|name| !taken(name));
    free.unwrap_or("_rowid_").to_owned()
}

fn rows(connection: &Connection, sql: &str, keys_max: usize) -> Result<Rows, Error> {
    let mut statement = connection.prepare(sql)?;
    let mut found = statement.query(())?;
    let mut rows = Rows::default();
    while let Some(row) = found.next()? {
        rows.count += 1;
        if rows.keys.len() < keys_max {
            rows.keys.push(row.get(0)?);
        }
    }
    Ok(rows)
}

/// All terms, as a tree that is not deep.
fn all(terms: impl Iterator<Item = String>) -> String {
    fn join(terms: &[String]) -> String {
        match terms {
            [] => "1".to_owned(),
            [term] => format!("({term})"),
            _ => {
                let (left, right) = terms.split_at(terms.len() / 2);
                format!("({} AND {})", join(left), join(right))
            }
        }
    }
    join(&terms.collect::<Vec<_>>())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Pair(tempfile::TempDir);

    impl Pair {
        fn new(first: &str, second: &str) -> Self {
            let directory = tempfile::tempdir().unwrap();
            for (name, sql) in [("first", first), ("second", second)] {
                let connection = Connection::open(directory.path().join(name)).unwrap();
                connection.execute_batch(sql).unwrap();
            }
            Self(directory)
        }

        fn compare(&self) -> Comparison {
            let path = |name| self.0.path().join(name);
            let before = fs::read(path("second")).unwrap();
            let compared = compare(&path("first"), &path("second"), 3).unwrap();
            assert_eq!(fs::read(path("second")).unwrap(), before);
            assert_eq!(fs::read_dir(self.0.path()).unwrap().count(), 2);
            compared
        }

        /// `table: keys only here; keys only there; keys of different rows`
        fn text(&self) -> String {
            let keys = |rows: &Rows| format!("{}[{}]", rows.count, rows.keys.join(" "));
            let table = |t: &TableComparison| {
                let rows = [&t.only_first, &t.only_second, &t.different].map(keys);
                format!("{}: {}", t.name, rows.join("; "))
            };
            self.compare().tables.iter().map(table).collect::<Vec<_>>().join("\n")
        }
    }

    const ROWS: &str = "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')";

    fn pair(declared: &str, change: &str) -> Pair {
        let sql = format!("CREATE TABLE t({declared}); {ROWS};");
        Pair::new(&sql, &format!("PRAGMA journal_mode = wal; {sql} {change}"))
    }

    #[test]
    fn equal() {
        let pair = pair("id INTEGER PRIMARY KEY, v", "");
        assert!(pair.compare().is_equal());
        assert_eq!(pair.text(), "t: 0[]; 0[]; 0[]");
    }

    #[test]
    fn rows_by_their_keys() {
        let change = "DELETE FROM t WHERE id = 1; UPDATE t SET v = 'x' WHERE id = 2; \
                      INSERT INTO t VALUES (9, 'n')";
        let expected = "t: 1[1]; 1[9]; 1[2]";
        for declared in ["id INTEGER PRIMARY KEY, v", "id INT PRIMARY KEY, v", "id, v"] {
            let found = pair(declared, change).text();
            let by_rowid = declared == "id, v";
            assert_eq!(found, if by_rowid { "t: 1[1]; 1[4]; 1[2]" } else { expected });
        }
        let without = "CREATE TABLE t(a, b, PRIMARY KEY (b, a)) WITHOUT ROWID; ";
        let (first, second) =
            (format!("{without}{ROWS}"), format!("{without}{ROWS}; DELETE FROM t WHERE a = 2"));
        assert_eq!(Pair::new(&first, &second).text(), "t: 1['b', 2]; 0[]; 0[]");
    }

    #[test]
    fn to_the_bit() {
        let cases = [
            ("UPDATE t SET v = 1 WHERE id = 1", "UPDATE t SET v = '1' WHERE id = 1", "1[1]"),
            ("UPDATE t SET v = 1 WHERE id = 1", "UPDATE t SET v = 1.0 WHERE id = 1", "1[1]"),
            ("UPDATE t SET v = NULL WHERE id = 1", "UPDATE t SET v = NULL WHERE id = 1", "0[]"),
            ("UPDATE t SET v = NULL WHERE id = 1", "", "1[1]"),
            ("", "UPDATE t SET v = 'A' WHERE id = 1", "1[1]"),
            ("UPDATE t SET v = x'61' WHERE id = 1", "", "1[1]"),
        ];
        for (first, second, expected) in cases {
            let sql = format!("CREATE TABLE t(id INTEGER PRIMARY KEY, v COLLATE NOCASE); {ROWS};");
            let pair = Pair::new(&format!("{sql}{first}"), &format!("{sql}{second}"));
            assert_eq!(pair.text(), format!("t: 0[]; 0[]; {expected}"), "{first} {second}");
        }
    }

    #[test]
    fn odd_tables() {
        let names = "CREATE TABLE \"t \"\"x\"(rowid, _rowid_ PRIMARY KEY, \"oi\"\"d\"); \
                     INSERT INTO \"t \"\"x\" VALUES (1, NULL, 2), (3, NULL, 4);
                     CREATE TABLE g(id INTEGER PRIMARY KEY, a, b AS (a + 1) STORED);
                     INSERT INTO g VALUES (1, 2);
                     CREATE VIRTUAL TABLE f USING fts5(x);";
        let pair = Pair::new(names, &format!("{names} INSERT INTO f VALUES ('word')"));
        assert!(pair.text().contains("t \"x: 0[]; 0[]; 0[]"), "{}", pair.text());
        assert!(pair.text().contains("\ng: 0[]; 0[]; 0[]"), "{}", pair.text());
        assert!(pair.text().contains("f_content: 0[]; 1[1]; 0[]"), "{}", pair.text());
    }

    #[test]
    fn schemas() {
        let first = "CREATE TABLE t(a); CREATE TABLE gone(a); CREATE INDEX i ON t(a);";
        let second = "CREATE TABLE t(a, b); CREATE INDEX i ON t(a); CREATE VIEW v AS SELECT 1;";
        let compared = Pair::new(first, second).compare();
        let object =
            |s: &SchemaDifference| (s.kind.clone(), s.name.clone(), s.in_first, s.in_second);
        let expected = [
            ("view", "v", false, true),
            ("table", "gone", true, false),
            ("table", "t", true, true),
        ];
        let found: Vec<_> = compared.schema.iter().map(object).collect();
        assert_eq!(found, expected.map(|(k, n, f, s)| (k.to_owned(), n.to_owned(), f, s)));
        assert_eq!(compared.tables.len(), 1);
    }

    #[test]
    fn many_columns() {
        let columns: Vec<_> = (0..1500).map(|n| format!("c{n}")).collect();
        let sql = format!("CREATE TABLE t({}); INSERT INTO t(c0) VALUES (1);", columns.join(", "));
        assert!(Pair::new(&sql, &sql).compare().is_equal());
    }
}
