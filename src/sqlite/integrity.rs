//! Whether a file at rest is a sound database.

use super::Error;
use rusqlite::OpenFlags;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How thoroughly to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Integrity {
    /// Not at all.
    None,
    /// `PRAGMA quick_check`: not whether indexes agree with their tables.
    Quick,
    /// `PRAGMA integrity_check`
    #[default]
    Full,
}

/// Checks a file that nobody writes, leaving nothing beside it, and returns what is wrong with it.
/// <https://www.sqlite.org/pragma.html#pragma_integrity_check>
///
/// # Errors
/// If the file cannot be read as a database at all.
pub fn integrity_check(path: &Path, integrity: Integrity) -> Result<Vec<String>, Error> {
    let sql = match integrity {
        Integrity::None => return Ok(Vec::new()),
        Integrity::Quick => "PRAGMA quick_check",
        Integrity::Full => "PRAGMA integrity_check",
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = rusqlite::Connection::open_with_flags(immutable_uri(path), flags)?;
    let mut statement = connection.prepare(sql)?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    let lines = lines.collect::<Result<Vec<_>, _>>()?;
    Ok(if lines == ["ok"] { Vec::new() } else { lines })
}

/// Opened as immutable, a file in WAL mode is read without a WAL being made for it.
/// <https://www.sqlite.org/uri.html>
pub(super) fn immutable_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_damaged_index_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("odd name?%.db");
        let connection = rusqlite::Connection::open(&path).unwrap();
        let sql = "PRAGMA journal_mode=WAL; CREATE TABLE t(a, b); CREATE INDEX i ON t(a);
            INSERT INTO t VALUES (1, 2), (3, 4); PRAGMA writable_schema=ON;
            UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t(b)' WHERE name = 'i'";
        let check = |integrity| integrity_check(&path, integrity).unwrap();
        connection.execute_batch(sql).unwrap();
        connection.close().unwrap();
        assert_ne!(check(Integrity::Full), [""; 0]);
        assert_eq!(check(Integrity::None), [""; 0]);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn refuses_what_is_no_database() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [7; 4096]).unwrap();
        assert!(integrity_check(file.path(), Integrity::Quick).is_err());
    }
}
