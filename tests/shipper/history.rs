//! Every state that was ever committed, on whatever machine.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

/// States by their numbers. Each says in the file which one it is.
#[derive(Clone, Default)]
pub struct History(Arc<Mutex<Vec<Made>>>);

struct Made {
    machine: usize,
    content: u64,
}

impl History {
    /// The number of the next state.
    pub fn len(&self) -> usize {
        self.made().len()
    }

    /// A machine has committed the next state; its number.
    pub fn push(&self, machine: usize, content: u64) -> usize {
        let mut made = self.made();
        made.push(Made { machine, content });
        made.len() - 1
    }

    /// The machine that committed a state.
    pub fn machine_of(&self, state: usize) -> usize {
        self.made()[state].machine
    }

    /// The number of the state that a file is in, which must be one that was committed; none if it is
    /// empty, as it is before the first.
    pub fn state_of(&self, path: &Path) -> Result<Option<usize>, String> {
        self.seen_by(&format!("file:{}?immutable=1", path.display()))
    }

    /// The same of a file that is in use.
    pub fn seen(&self, path: &Path) -> Result<Option<usize>, String> {
        self.seen_by(&format!("file:{}", path.display()))
    }

    fn seen_by(&self, url: &str) -> Result<Option<usize>, String> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(url, flags).map_err(|e| e.to_string())?;
        let tables = "SELECT count(*) FROM sqlite_schema";
        if connection.query_row(tables, (), |row| row.get(0)) == Ok(0) {
            return Ok(None);
        }
        let (state, found) = read(&connection).map_err(|e| e.to_string())?;
        match self.made().get(state) {
            Some(known) if known.content == found => Ok(Some(state)),
            Some(_) => Err(format!("not what was in the file after commit {state}")),
            None => Err(format!("commit {state} was never made")),
        }
    }

    fn made(&self) -> MutexGuard<'_, Vec<Made>> {
        self.0.lock().unwrap()
    }
}

/// Which state a database says it is in, and a digest of all that is in it.
pub fn read(connection: &Connection) -> rusqlite::Result<(usize, u64)> {
    let mut hasher = DefaultHasher::new();
    for sql in [
        "SELECT name, sql FROM sqlite_schema ORDER BY name",
        "SELECT n, NULL FROM state",
        "SELECT id, body FROM note ORDER BY id",
        "SELECT body, NULL FROM note ORDER BY body",
    ] {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            for value in [row.get_ref(0)?, row.get_ref(1)?] {
                match value {
                    ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes.hash(&mut hasher),
                    ValueRef::Integer(number) => number.hash(&mut hasher),
                    other => other.data_type().to_string().hash(&mut hasher),
                }
            }
        }
    }
    let state: i64 = connection.query_row("SELECT n FROM state", (), |row| row.get(0))?;
    Ok((state as usize, hasher.finish()))
}
