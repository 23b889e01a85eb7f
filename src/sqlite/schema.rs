//! A connection as the source of a schema snapshot.

use super::{Connection, Error};
use crate::schema::Reader;
use crate::types::Value;

impl Reader for &Connection {
    type Error = Error;

    fn rows(&mut self, sql: &str) -> Result<Vec<Vec<Value>>, Error> {
        self.as_system(|connection| Connection::rows(connection, sql, &[]))
    }

    fn declared_types(&mut self, sql: &str) -> Result<Vec<Option<String>>, Error> {
        self.as_system(|connection| {
            let statement = connection.prepare(sql)?;
            Ok((0..statement.column_count()).map(|i| statement.column_declared_type(i)).collect())
        })
    }
}
