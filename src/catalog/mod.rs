//! `pg_catalog` and `information_schema`: a schema snapshot in, the rows of system relations out.
//!
//! Every relation of PostgreSQL 15 is a read-only virtual table that exists on a connection from
//! the first statement that names it; plain statements pay nothing. A relation's rows come from
//! files exported from a PostgreSQL 15, from the snapshot (`live`), from the server, or from a
//! query over other relations in `catalog/views/`; see `contents`.
//! <https://www.postgresql.org/docs/15/catalogs.html>

mod contents;
mod definition;
mod expression;
mod fixed;
mod function;
mod kind;
mod live;
mod objects;
mod procedure;
mod relation;
mod rowset;
mod server;
mod setting;

pub use function::wal_position;

use crate::sqlite::{Connection, Error, Host};
use crate::types::{Oid, Type};
use std::sync::Arc;

/// Registers the functions that read the catalog: `pg_get_indexdef`, `format_type`, the casts of
/// `regclass` ... Once per connection.
///
/// # Errors
/// SQLite's, when it cannot take a function.
pub fn register_functions(connection: &Connection) -> Result<(), Error> {
    function::TABLES.iter().try_for_each(|table| connection.add_functions(table))?;
    function::ASKING.iter().try_for_each(|table| connection.add_asking(table))?;
    function::set::register(connection)
}

/// Makes relations readable on a connection, with all that their views read. Before a statement
/// is prepared that names them.
///
/// # Errors
/// SQLite's, when it cannot take a virtual table.
pub fn attach(connection: &Connection, relations: &[&'static str]) -> Result<(), Error> {
    relations.iter().try_for_each(|name| attach_one(connection, name))
}

/// The value of a setting in a new PostgreSQL 15; `None` if it has no such setting.
#[must_use]
pub fn default_setting(name: &str) -> Option<&'static str> {
    setting::default(name)
}

/// The settings of a PostgreSQL 15, each with what it is for.
pub fn settings() -> impl Iterator<Item = (&'static str, String)> {
    setting::described()
}

/// The text of a value of `regclass` or another of the `reg*` types, as a session sees it.
#[must_use]
pub fn object_name(host: &dyn Host, ty: Type, oid: Oid) -> Option<String> {
    function::name_of(host, ty, oid)
}

/// The value of `regclass` or another of the `reg*` types that a text means.
#[must_use]
pub fn object_oid(host: &dyn Host, ty: Type, text: &str) -> Option<Oid> {
    function::oid_of(host, ty, text)
}

/// The OID of a database, the same whenever its name is.
#[must_use]
pub fn database_oid(name: &str) -> Oid {
    server::database_oid(name)
}

fn attach_one(connection: &Connection, qualified_name: &'static str) -> Result<(), Error> {
    let Some(table) = relation::table(qualified_name) else { return Ok(()) };
    let added = connection.add_table(&table.system.relation.name, Arc::new(Arc::clone(table)))?;
    if added {
        for name in table.views().flat_map(relations_read_by) {
            attach_one(connection, name)?;
        }
    }
    Ok(())
}

/// The system relations that a view's text names, each with its namespace.
fn relations_read_by(sql: &'static str) -> impl Iterator<Item = &'static str> {
    let word = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.';
    let words = sql.split(word).filter(|word| word.contains('.'));
    words.filter_map(|word| Some(relation::table(word)?.system.qualified_name))
}

#[cfg(test)]
mod tests;
