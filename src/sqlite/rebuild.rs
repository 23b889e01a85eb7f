//! A table made anew with another definition, for changes that SQLite's ALTER TABLE cannot make.
//!
//! What enters: a table of `main` and the [`Change`]. What leaves: a table of the same name with the
//! same rows, indexes and triggers. The steps are those of
//! <https://www.sqlite.org/lang_altertable.html#otheralter>, within the transaction that is open.

use super::{Connection, Error, FunctionError};
use crate::schema::{Change, changed};
use crate::types::Value;

/// The name a table has while it is filled.
const MEANWHILE: &str = "egret_rebuilt";

impl Connection {
    /// Changes a table's definition, inside a transaction that is rolled back when this fails.
    ///
    /// # Errors
    /// 0A000 when the definition has nothing to change, 23503 when rows break a new foreign key,
    /// and what SQLite says of rows that break other constraints.
    pub fn rebuild(&self, table: &str, change: &Change) -> Result<(), Error> {
        let broken = self.as_system(|connection| connection.broken_keys(table))?;
        self.without_references(|| {
            self.as_system(|connection| connection.replace_table(table, change))
        })?;
        if self.as_system(|connection| connection.broken_keys(table))? > broken {
            let message = format!(
                "insert or update on table \"{table}\" violates a foreign key constraint that is \
                 to be added"
            );
            return Err(FunctionError::new("23503", message).into());
        }
        Ok(())
    }

    /// Rows whose foreign keys lead nowhere.
    fn broken_keys(&self, table: &str) -> Result<usize, Error> {
        let check = format!("PRAGMA main.foreign_key_check({})", quoted(table));
        Ok(self.rows(&check, &[])?.len())
    }

    fn replace_table(&self, table: &str, change: &Change) -> Result<(), Error> {
        let new = self
            .stored("type = 'table' AND name = ?1", table)?
            .first()
            .and_then(|sql| changed(sql, change))
            .ok_or_else(|| FunctionError::new("0A000", not_found(table)))?;
        let others = self.stored("type IN ('index', 'trigger') AND tbl_name = ?1", table)?;
        let counted = self.sequence(table)?;
        let (columns, values) = self.copied(table, change)?;
        let own = quoted(table);
        self.execute(&format!("CREATE TABLE main.{MEANWHILE} {new}"))?;
        self.execute(&format!(
            "INSERT INTO main.{MEANWHILE} ({columns}) SELECT {values} FROM main.{own}"
        ))?;
        self.execute(&format!("DROP TABLE main.{own}"))?;
        self.execute(&format!("ALTER TABLE main.{MEANWHILE} RENAME TO {own}"))?;
        others.iter().try_for_each(|sql| self.execute(sql))?;
        if let (Some(counted), Some(_)) = (counted, self.sequence(table)?) {
            let keep = "UPDATE main.sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
            self.rows(keep, &[Value::Text(table.into()), Value::Integer(counted)])?;
        }
        Ok(())
    }

    /// Statements kept in the schema.
    fn stored(&self, which: &str, table: &str) -> Result<Vec<String>, Error> {
        let sql = format!(
            "SELECT sql FROM main.sqlite_schema WHERE sql IS NOT NULL AND {which} COLLATE NOCASE \
             ORDER BY rowid"
        );
        let rows = self.rows(&sql, &[Value::Text(table.into())])?;
        Ok(rows.into_iter().flatten().filter_map(text).collect())
    }

    /// The highest rowid that AUTOINCREMENT has given.
    fn sequence(&self, table: &str) -> Result<Option<i64>, Error> {
        let known = "SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'";
        if self.rows(known, &[])?.is_empty() {
            return Ok(None);
        }
        let sql = "SELECT seq FROM main.sqlite_sequence WHERE name = ?1";
        let rows = self.rows(sql, &[Value::Text(table.into())])?;
        Ok(rows.into_iter().flatten().next().map(|seq| match seq {
            Value::Integer(seq) => seq,
            _ => 0,
        }))
    }

    /// The columns that hold something of their own, and what each of them gets.
    fn copied(&self, table: &str, change: &Change) -> Result<(String, String), Error> {
        let sql = "SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE hidden = 0";
        let rows = self.rows(sql, &[Value::Text(table.into())])?;
        let names: Vec<String> = rows.into_iter().flatten().filter_map(text).collect();
        let value = |name: &String| match change {
            Change::Type { column, using: Some(using), .. }
                if column.eq_ignore_ascii_case(name) =>
            {
                using.clone()
            }
            _ => quoted(name),
        };
        let columns: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        let values: Vec<String> = names.iter().map(value).collect();
        Ok((columns.join(", "), values.join(", ")))
    }
}

fn text(value: Value) -> Option<String> {
    if let Value::Text(text) = value { Some(text) } else { None }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn not_found(table: &str) -> String {
    format!("this change of the definition of table \"{table}\" is not supported")
}
