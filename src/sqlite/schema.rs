//! A connection as the source of a schema snapshot.

use super::{Connection, Error};
use crate::schema::Reader;
use crate::types::Value;

impl Reader for &Connection {
    type Error = Error;

    fn rows(&mut self, sql: &str) -> Result<Vec<Vec<Value>>, Error> {
        self.as_system(|connection| Connection::rows(connection, sql, &[]))
    }
}
