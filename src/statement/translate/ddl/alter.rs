//! ALTER TABLE, as far as SQLite's own goes. <https://www.postgresql.org/docs/15/sql-altertable.html>

use super::super::scope::Source;
use super::super::{Translator, quote};
use super::constraint::{key_columns, named, quoted};
use super::table::TableShape;
use super::{no_op, script_with};
use crate::schema::{IndexOrigin, Relation};
use crate::statement::{Error, ErrorKind, Statement};
use sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, ColumnDef, ColumnOption, Ident,
    RenameTableNameKind, TableConstraint,
};

const TAG: &str = "ALTER TABLE";

impl Translator<'_> {
    pub(super) fn alter_table(&mut self, alter: &AlterTable) -> Result<Statement, Error> {
        let relation = match self.relation(&alter.name) {
            Ok(relation) => relation,
            Err(error) if alter.if_exists && matches!(error.kind, ErrorKind::UndefinedTable(_)) => {
                let name = super::super::last_name(&alter.name);
                let notice = format!("relation \"{name}\" does not exist, skipping");
                return Ok(no_op(TAG, Some(notice)));
            }
            Err(error) => return Err(error),
        };
        let (mut statements, mut notices) = (Vec::new(), Vec::new());
        for operation in &alter.operations {
            self.alter_operation(operation, relation, &mut statements, &mut notices)?;
        }
        Ok(script_with(TAG, statements, notices))
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each operation")]
    fn alter_operation(
        &mut self,
        operation: &AlterTableOperation,
        relation: &Relation,
        statements: &mut Vec<String>,
        notices: &mut Vec<String>,
    ) -> Result<(), Error> {
        let table = format!("ALTER TABLE {}", self.relation_sql(relation));
        match operation {
            AlterTableOperation::AddColumn { if_not_exists, column_def, .. } => {
                let name = &column_def.name.value;
                let known = relation.columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
                if known && *if_not_exists {
                    let relation = &relation.name;
                    let notice = format!(
                        "column \"{name}\" of relation \"{relation}\" already exists, skipping"
                    );
                    notices.push(notice);
                    return Ok(());
                }
                if known {
                    let (column, table) = (name.clone(), relation.name.clone());
                    return Err(ErrorKind::ColumnExists { column, table }.at(None));
                }
                statements.extend(self.add_column(&table, column_def, relation)?);
            }
            AlterTableOperation::DropColumn { column_names, if_exists, .. } => {
                for name in column_names {
                    match self.column_of(relation, name) {
                        Ok(column) => statements.push(format!("{table} DROP COLUMN {column}")),
                        Err(_) if *if_exists => notices.push(format!(
                            "column \"{}\" of relation \"{}\" does not exist, skipping",
                            name.value, relation.name
                        )),
                        Err(error) => return Err(error),
                    }
                }
            }
            AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
                let old = self.column_of(relation, old_column_name)?;
                let new = quote::name(&new_column_name.value);
                statements.push(format!("{table} RENAME COLUMN {old} TO {new}"));
            }
            AlterTableOperation::RenameTable { table_name } => {
                let (RenameTableNameKind::As(name) | RenameTableNameKind::To(name)) = table_name;
                let name = super::super::last_name(name);
                if self.env.schema.relation(&name).is_some() {
                    return Err(ErrorKind::DuplicateTable(name).at(None));
                }
                statements.push(format!("{table} RENAME TO {}", quote::name(&name)));
            }
            AlterTableOperation::AddConstraint { constraint, .. } => {
                statements.extend(self.add_constraint(&table, constraint, relation)?);
            }
            AlterTableOperation::DropConstraint { name, if_exists, .. } => {
                match drop_constraint(&table, &name.value, relation)? {
                    Some(sql) => statements.push(sql),
                    None if *if_exists => notices.push(format!(
                        "constraint \"{}\" of relation \"{}\" does not exist, skipping",
                        name.value, relation.name
                    )),
                    None => {
                        let (constraint, table) = (name.value.clone(), relation.name.clone());
                        return Err(ErrorKind::UndefinedConstraint { constraint, table }.at(None));
                    }
                }
            }
            AlterTableOperation::AlterColumn { column_name, op } => {
                let column = self.column_of(relation, column_name)?;
                let change = match op {
                    AlterColumnOperation::SetNotNull => "SET NOT NULL",
                    AlterColumnOperation::DropNotNull => "DROP NOT NULL",
                    AlterColumnOperation::SetDataType { .. } => {
                        return Err(unsupported("ALTER COLUMN ... TYPE"));
                    }
                    _ => return Err(unsupported("ALTER COLUMN ... DEFAULT")),
                };
                statements.push(format!("{table} ALTER COLUMN {column} {change}"));
            }
            AlterTableOperation::OwnerTo { .. }
            | AlterTableOperation::ValidateConstraint { .. }
            | AlterTableOperation::ReplicaIdentity { .. }
            | AlterTableOperation::SetOptionsParens { .. } => {}
            AlterTableOperation::RenameConstraint { .. } => {
                return Err(unsupported("ALTER TABLE ... RENAME CONSTRAINT"));
            }
            _ => return Err(unsupported("this form of ALTER TABLE")),
        }
        Ok(())
    }

    /// SQLite adds no column that is UNIQUE: an index of its own does that.
    fn add_column(
        &mut self,
        table: &str,
        column: &ColumnDef,
        relation: &Relation,
    ) -> Result<Vec<String>, Error> {
        let source = Source::relation(relation, None, relation.name.clone());
        let shape = TableShape { primary_key: Vec::new(), strict: relation.strict, source };
        let is_unique = |option: &ColumnOption| matches!(option, ColumnOption::Unique(_));
        let unique = column.options.iter().any(|option| is_unique(&option.option));
        let mut plain = column.clone();
        plain.options.retain(|option| !is_unique(&option.option));
        let definition = self.column_definition(&plain, &shape)?;
        let mut statements = vec![format!("{table} ADD COLUMN {definition}")];
        if unique {
            let name = quote::name(&format!("{}_{}_key", relation.name, column.name.value));
            let (own, key) = (quote::name(&relation.name), quote::name(&column.name.value));
            statements.push(format!("CREATE UNIQUE INDEX {name} ON {own} ({key})"));
        }
        Ok(statements)
    }

    fn add_constraint(
        &mut self,
        table: &str,
        constraint: &TableConstraint,
        relation: &Relation,
    ) -> Result<Vec<String>, Error> {
        let index = |name: Option<&Ident>, made_up: &str, columns: &[String]| {
            let name = name.map_or(made_up, |name| &name.value);
            let (name, own) = (quote::name(name), quote::name(&relation.name));
            format!("CREATE UNIQUE INDEX {name} ON {own} ({})", quoted(columns))
        };
        match constraint {
            TableConstraint::Check(check) => {
                let source = Source::relation(relation, None, relation.name.clone());
                let sql = self.stored_condition(&check.expr, source)?;
                Ok(vec![format!("{table} ADD {}CHECK ({sql})", named(check.name.as_ref()))])
            }
            TableConstraint::Unique(unique) => {
                let columns = key_columns(&unique.columns)?;
                let made_up = format!("{}_{}_key", relation.name, columns.join("_"));
                Ok(vec![index(unique.name.as_ref(), &made_up, &columns)])
            }
            // A table cannot get a key later, but what a key demands: uniqueness and no NULLs.
            TableConstraint::PrimaryKey(key) if relation.primary_key.is_empty() => {
                let columns = key_columns(&key.columns)?;
                let not_null = columns.iter().map(|column| {
                    format!("{table} ALTER COLUMN {} SET NOT NULL", quote::name(column))
                });
                let mut statements: Vec<String> = not_null.collect();
                let made_up = format!("{}_pkey", relation.name);
                statements.push(index(key.name.as_ref(), &made_up, &columns));
                Ok(statements)
            }
            TableConstraint::ForeignKey(_) => Err(unsupported("ADD FOREIGN KEY")),
            TableConstraint::PrimaryKey(_) => Err(unsupported("ADD PRIMARY KEY")),
            _ => Err(unsupported("this kind of constraint")),
        }
    }

    fn column_of(&self, relation: &Relation, name: &Ident) -> Result<String, Error> {
        let found = relation.columns.iter().find(|c| c.name.eq_ignore_ascii_case(&name.value));
        let at = self.offset(Some(name.span));
        let (column, relation) = (name.value.clone(), relation.name.clone());
        found
            .map(|column| quote::name(&column.name))
            .ok_or(ErrorKind::UndefinedColumnOf { column, relation }.at(at))
    }
}

/// The statement that drops a constraint; `None` when there is none of that name.
fn drop_constraint(table: &str, name: &str, relation: &Relation) -> Result<Option<String>, Error> {
    if relation.checks.iter().any(|check| check.name.eq_ignore_ascii_case(name)) {
        return Ok(Some(format!("{table} DROP CONSTRAINT {}", quote::name(name))));
    }
    let index = relation.indexes.iter().find(|index| {
        index.shown_name.eq_ignore_ascii_case(name) || index.name.eq_ignore_ascii_case(name)
    });
    match index {
        Some(index) if index.origin == IndexOrigin::Created => {
            Ok(Some(format!("DROP INDEX {}", quote::name(&index.name))))
        }
        Some(_) => Err(unsupported("DROP CONSTRAINT of a key that the table was made with")),
        None if relation.foreign_keys.iter().any(|key| key.name.eq_ignore_ascii_case(name)) => {
            Err(unsupported("DROP CONSTRAINT of a foreign key"))
        }
        None => Ok(None),
    }
}

fn unsupported(what: &str) -> Error {
    ErrorKind::Unsupported(what.to_owned()).at(None)
}
