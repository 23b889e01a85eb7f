//! Sequences in FROM: `SELECT last_value FROM t_id_seq`.
//!
//! SQLite counts rowids without an object of its own: what was given out last is the largest rowid,
//! or for AUTOINCREMENT the largest there ever was, <https://www.sqlite.org/autoinc.html>.

use super::scope::{Scope, Source, SourceColumn};
use super::typed::Origin;
use super::{Translator, quote};
use crate::schema::{Namespace, Relation};
use crate::statement::Error;
use crate::types::{ColumnType, Type};
use sqlparser::ast::{ObjectName, TableAlias};

impl Translator<'_> {
    /// A FROM item that is a sequence; `None` if there is no sequence of that name.
    pub(super) fn sequence(
        &mut self,
        name: &ObjectName,
        alias: Option<&TableAlias>,
        scope: &mut Scope<'_>,
    ) -> Result<Option<String>, Error> {
        let parts = super::name_parts(name);
        let table = match &parts[..] {
            [.., schema, name] if Namespace::from_sql(schema) == Some(Namespace::Public) => {
                self.env.schema.table_of_sequence(name)
            }
            [name] => self.env.schema.table_of_sequence(name),
            _ => None,
        };
        let Some((table, sequence)) = table.and_then(|t| Some((t, t.sequence.as_ref()?))) else {
            return Ok(None);
        };
        let own = alias.map_or(&sequence.name, |alias| &alias.name.value);
        let column = |(attnum, (name, ty)): (i16, (&str, Type))| SourceColumn {
            origin: Some(Origin { table: sequence.oid, attnum }),
            ..SourceColumn::computed(name, ColumnType::new(ty), true)
        };
        let columns =
            [("last_value", Type::INT8), ("log_cnt", Type::INT8), ("is_called", Type::BOOL)];
        let columns = (1..).zip(columns).map(column).collect();
        let sql = format!("({}) AS {}", row(table), quote::name(own));
        let source = Source { oid: sequence.oid, ..Source::derived(own, columns) };
        self.push_source(source, alias, scope)?;
        Ok(Some(sql))
    }
}

/// A query for the one row of a table's sequence.
fn row(table: &Relation) -> String {
    let last = last_value(table);
    format!(
        "SELECT max(n, 1) AS \"last_value\", 0 AS \"log_cnt\", n > 0 AS \"is_called\" \
         FROM (SELECT {last} AS n)"
    )
}

/// The rowid given out last; 0 before the first.
fn last_value(table: &Relation) -> String {
    let largest = format!("(SELECT max(rowid) FROM main.{})", quote::name(&table.name));
    if !table.autoincrement {
        return format!("coalesce({largest}, 0)");
    }
    let name = quote::string(&table.name);
    let kept = format!("(SELECT seq FROM main.sqlite_sequence WHERE name = {name})");
    format!("max(coalesce({largest}, 0), coalesce({kept}, 0))")
}
