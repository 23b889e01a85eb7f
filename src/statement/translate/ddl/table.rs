//! CREATE TABLE. <https://www.postgresql.org/docs/15/sql-createtable.html>

use super::super::body::Labels;
use super::super::{Translator, quote, scope, typename};
use super::{NewName, exists_already, script};
use crate::statement::{Error, ErrorKind, Statement};
use crate::types::ColumnType;
use scope::{Source, SourceColumn};
use sqlparser::ast::{
    ColumnDef, ColumnOption, CreateTable, Expr, Ident, IndexColumn, OnCommit, TableConstraint,
};

/// What the columns of a table being made need to know of it.
pub(super) struct TableShape {
    /// The columns of the primary key, lower case.
    pub(super) primary_key: Vec<String>,
    /// STRICT: only SQLite's own type names.
    pub(super) strict: bool,
    /// The columns, for the expressions of the definition.
    pub(super) source: Source,
}

impl TableShape {
    /// The column is the whole primary key.
    pub(super) fn is_sole_key(&self, column: &str) -> bool {
        matches!(&self.primary_key[..], [only] if only.eq_ignore_ascii_case(column))
    }
}

impl Translator<'_> {
    pub(super) fn create_table(&mut self, table: &CreateTable) -> Result<Statement, Error> {
        refuse_foreign(table)?;
        let name = self.new_name(&table.name, table.temporary)?;
        if let Some(relation) = self.existing(&name) {
            if table.if_not_exists {
                return Ok(exists_already("CREATE TABLE", &relation.name));
            }
            let at = self.offset(Some(sqlparser::ast::Spanned::span(&table.name)));
            return Err(ErrorKind::DuplicateTable(name.name).at(at));
        }
        match &table.query {
            Some(query) => self.create_table_as(table, &name, query),
            None => self.create_plain_table(table, &name),
        }
    }

    fn create_plain_table(
        &mut self,
        table: &CreateTable,
        name: &NewName,
    ) -> Result<Statement, Error> {
        let shape = TableShape {
            primary_key: primary_key(table),
            strict: table.strict,
            source: self.new_source(&name.name, &table.columns)?,
        };
        let mut parts = Vec::with_capacity(table.columns.len() + table.constraints.len());
        for column in &table.columns {
            parts.push(self.column_definition(column, &shape)?);
        }
        for constraint in &table.constraints {
            parts.extend(self.table_constraint(constraint, &shape)?);
        }
        let mut sql = format!("CREATE TABLE {} ({})", name.sql(), parts.join(", "));
        let words: Vec<&str> = [(table.strict, "STRICT"), (table.without_rowid, "WITHOUT ROWID")]
            .iter()
            .filter_map(|(given, word)| given.then_some(*word))
            .collect();
        if !words.is_empty() {
            sql.push_str(&format!(" {}", words.join(", ")));
        }
        Ok(script("CREATE TABLE", vec![sql]))
    }

    /// The columns a table will have, for the expressions of its definition.
    fn new_source(&self, name: &str, columns: &[ColumnDef]) -> Result<Source, Error> {
        let mut out = Vec::with_capacity(columns.len());
        for column in columns {
            let ty = self.column_type(&column.data_type)?;
            out.push(SourceColumn::computed(&column.name.value, ty, false));
        }
        Ok(Source { qualifier: None, ..Source::derived(name, out) })
    }

    /// CREATE TABLE ... AS: a table of the query's types, then its rows.
    fn create_table_as(
        &mut self,
        table: &CreateTable,
        name: &NewName,
        query: &sqlparser::ast::Query,
    ) -> Result<Statement, Error> {
        let rows = self.query(query, None, Labels::Own)?;
        let given = table.columns.iter().map(|column| column.name.value.clone());
        let mut names: Vec<String> = given.collect();
        names.extend(rows.columns.iter().skip(names.len()).map(|column| column.stored.clone()));
        let column = |(name, ty): (&String, ColumnType)| {
            format!("{} {}", quote::name(name), typename::declared(ty))
        };
        let types = rows.columns.iter().map(|column| column.ty);
        let columns: Vec<String> = names.iter().zip(types).map(column).collect();
        let create = format!("CREATE TABLE {} ({})", name.sql(), columns.join(", "));
        let fill = format!("INSERT INTO {} {}", name.sql(), rows.sql);
        Ok(script("CREATE TABLE AS", vec![create, fill]))
    }
}

fn refuse_foreign(table: &CreateTable) -> Result<(), Error> {
    let what = match () {
        () if table.like.is_some() => "CREATE TABLE ... LIKE",
        () if table.inherits.is_some() => "INHERITS",
        () if table.partition_by.is_some() || table.partition_of.is_some() => "PARTITION BY",
        () if matches!(table.on_commit, Some(OnCommit::Drop | OnCommit::DeleteRows)) => "ON COMMIT",
        () => return Ok(()),
    };
    Err(ErrorKind::Unsupported(what.to_owned()).at(None))
}

/// The columns of the primary key, wherever it is declared.
fn primary_key(table: &CreateTable) -> Vec<String> {
    for constraint in &table.constraints {
        if let TableConstraint::PrimaryKey(key) = constraint {
            return key.columns.iter().filter_map(index_column_name).collect();
        }
    }
    let is_key = |column: &&ColumnDef| {
        column.options.iter().any(|option| matches!(option.option, ColumnOption::PrimaryKey(_)))
    };
    table.columns.iter().filter(is_key).map(|column| column.name.value.clone()).collect()
}

/// The column a key is, unless it is an expression.
pub(super) fn index_column_name(column: &IndexColumn) -> Option<String> {
    match &column.column.expr {
        Expr::Identifier(Ident { value, .. }) => Some(value.clone()),
        _ => None,
    }
}
