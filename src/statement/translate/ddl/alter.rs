//! ALTER TABLE: SQLite's own where it has it, else the table is made anew.
//! <https://www.postgresql.org/docs/15/sql-altertable.html>

use super::super::scope::Source;
use super::super::{Translator, quote};
use super::alter_column::rowid;
use super::column::is_integer;
use super::constraint::{key_columns, named, quoted};
use super::table::TableShape;
use super::{no_op, rebuild, script_with, unsupported};
use crate::schema::{Change, IndexOrigin, Key, KeyKind, Relation};
use crate::statement::{Error, ErrorKind, ScriptStep, Statement};
use sqlparser::ast::{
    AlterTable, AlterTableOperation, ColumnDef, ColumnOption, Ident, PrimaryKeyConstraint,
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
        let (mut steps, mut notices) = (Vec::new(), Vec::new());
        for operation in &alter.operations {
            self.alter_operation(operation, relation, &mut steps, &mut notices)?;
        }
        Ok(script_with(TAG, steps, notices))
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each operation")]
    fn alter_operation(
        &mut self,
        operation: &AlterTableOperation,
        relation: &Relation,
        steps: &mut Vec<ScriptStep>,
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
                steps.extend(self.add_column(&table, column_def, relation)?);
            }
            AlterTableOperation::DropColumn { column_names, if_exists, .. } => {
                for name in column_names {
                    match self.position_of(relation, name) {
                        Ok(position) => steps.extend(drop_column(&table, relation, position)?),
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
                steps.push(ScriptStep::Sql(format!("{table} RENAME COLUMN {old} TO {new}")));
            }
            AlterTableOperation::RenameTable { table_name } => {
                let (RenameTableNameKind::As(name) | RenameTableNameKind::To(name)) = table_name;
                let name = super::super::last_name(name);
                if self.env.schema.relation(&name).is_some() {
                    return Err(ErrorKind::DuplicateTable(name).at(None));
                }
                steps.push(ScriptStep::Sql(format!("{table} RENAME TO {}", quote::name(&name))));
            }
            AlterTableOperation::AddConstraint { constraint, .. } => {
                steps.extend(self.add_constraint(&table, constraint, relation)?);
            }
            AlterTableOperation::DropConstraint { name, if_exists, .. } => {
                match drop_constraint(&table, &name.value, relation)? {
                    Some(step) => steps.push(step),
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
                steps.extend(self.alter_column(&table, relation, column_name, op)?);
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
    ) -> Result<Vec<ScriptStep>, Error> {
        let source = Source::relation(relation, None, relation.name.clone());
        let shape = TableShape { primary_key: Vec::new(), strict: relation.strict, source };
        let is_unique = |option: &ColumnOption| matches!(option, ColumnOption::Unique(_));
        let unique = column.options.iter().any(|option| is_unique(&option.option));
        let mut plain = column.clone();
        plain.options.retain(|option| !is_unique(&option.option));
        let definition = self.column_definition(&plain, &shape)?;
        let mut steps = vec![ScriptStep::Sql(format!("{table} ADD COLUMN {definition}"))];
        if unique {
            let constraint = format!("UNIQUE ({})", quote::name(&column.name.value));
            steps.push(rebuild(relation, Change::AddConstraint(constraint)));
        }
        Ok(steps)
    }

    fn add_constraint(
        &mut self,
        table: &str,
        constraint: &TableConstraint,
        relation: &Relation,
    ) -> Result<Vec<ScriptStep>, Error> {
        let added = |text: String| vec![rebuild(relation, Change::AddConstraint(text))];
        match constraint {
            TableConstraint::Check(check) => {
                let source = Source::relation(relation, None, relation.name.clone());
                let sql = self.stored_condition(&check.expr, source)?;
                let name = named(check.name.as_ref());
                Ok(vec![ScriptStep::Sql(format!("{table} ADD {name}CHECK ({sql})"))])
            }
            TableConstraint::Unique(unique) => {
                let columns = quoted(&key_columns(&unique.columns)?);
                Ok(added(format!("{}UNIQUE ({columns})", named(unique.name.as_ref()))))
            }
            TableConstraint::PrimaryKey(key) => self.add_primary_key(table, key, relation),
            TableConstraint::ForeignKey(key) => {
                self.relation(&key.foreign_table)?;
                for column in &key.columns {
                    self.position_of(relation, column)?;
                }
                let columns: Vec<String> = key.columns.iter().map(|c| c.value.clone()).collect();
                let references = self.references(key)?;
                let name = named(key.name.as_ref());
                Ok(added(format!("{name}FOREIGN KEY ({}) {references}", quoted(&columns))))
            }
            _ => Err(unsupported("this kind of constraint")),
        }
    }

    /// One integer column becomes the rowid, as it would have in CREATE TABLE.
    fn add_primary_key(
        &mut self,
        table: &str,
        key: &PrimaryKeyConstraint,
        relation: &Relation,
    ) -> Result<Vec<ScriptStep>, Error> {
        let columns = key_columns(&key.columns)?;
        let position = |name: &String| self.position_of(relation, &Ident::new(name));
        let positions: Vec<usize> = columns.iter().map(position).collect::<Result<_, _>>()?;
        // A column that counts by itself became the key when it began to.
        if relation.rowid_alias.is_some_and(|rowid| positions == [rowid]) {
            return Ok(Vec::new());
        }
        if !relation.primary_key.is_empty() {
            return Err(unsupported("a second primary key"));
        }
        let not_null = columns.iter().map(|column| {
            ScriptStep::Sql(format!("{table} ALTER COLUMN {} SET NOT NULL", quote::name(column)))
        });
        let mut steps: Vec<ScriptStep> = not_null.collect();
        let integer = match &positions[..] {
            [only] => relation.columns.get(*only).filter(|column| is_integer(column.ty.ty)),
            _ => None,
        };
        steps.push(match integer {
            Some(column) => rowid(relation, column, column.ty.ty, false),
            None => {
                let name = named(key.name.as_ref());
                let text = format!("{name}PRIMARY KEY ({})", quoted(&columns));
                rebuild(relation, Change::AddConstraint(text))
            }
        });
        Ok(steps)
    }

    fn column_of(&self, relation: &Relation, name: &Ident) -> Result<String, Error> {
        let position = self.position_of(relation, name)?;
        Ok(relation.columns.get(position).map(|c| quote::name(&c.name)).unwrap_or_default())
    }
}

/// A column goes with the keys and indexes it is part of.
fn drop_column(
    table: &str,
    relation: &Relation,
    position: usize,
) -> Result<Vec<ScriptStep>, Error> {
    let indexes = relation.indexes.iter();
    let indexes = indexes.filter(|index| index.keys.iter().any(|key| key.column == Some(position)));
    let keys = relation.foreign_keys.iter().filter(|key| key.columns.contains(&position));
    let names = indexes.map(|index| &index.shown_name).chain(keys.map(|key| &key.name));
    let mut steps = Vec::new();
    for name in names {
        steps.extend(drop_constraint(table, name, relation)?);
    }
    let column = relation.columns.get(position).map(|c| quote::name(&c.name)).unwrap_or_default();
    steps.push(ScriptStep::Sql(format!("{table} DROP COLUMN {column}")));
    Ok(steps)
}

/// The step that drops a constraint; `None` when there is none of that name.
fn drop_constraint(
    table: &str,
    name: &str,
    relation: &Relation,
) -> Result<Option<ScriptStep>, Error> {
    if relation.checks.iter().any(|check| check.name.eq_ignore_ascii_case(name)) {
        return Ok(Some(ScriptStep::Sql(format!("{table} DROP CONSTRAINT {}", quote::name(name)))));
    }
    let names = |positions: &mut dyn Iterator<Item = usize>| -> Vec<String> {
        positions.filter_map(|at| Some(relation.columns.get(at)?.name.clone())).collect()
    };
    let drop_key = |kind: KeyKind, columns: Vec<String>| {
        let key = Key { name: name.to_owned(), kind, columns };
        Ok(Some(rebuild(relation, Change::DropKey(key))))
    };
    let index = relation.indexes.iter().find(|index| {
        index.shown_name.eq_ignore_ascii_case(name) || index.name.eq_ignore_ascii_case(name)
    });
    if let Some(index) = index {
        let columns = names(&mut index.keys.iter().filter_map(|key| key.column));
        return match index.origin {
            IndexOrigin::Created => {
                Ok(Some(ScriptStep::Sql(format!("DROP INDEX {}", quote::name(&index.name)))))
            }
            IndexOrigin::Unique => drop_key(KeyKind::Unique, columns),
            IndexOrigin::PrimaryKey if relation.without_rowid => {
                Err(unsupported("DROP CONSTRAINT of the key of a table WITHOUT ROWID"))
            }
            IndexOrigin::PrimaryKey => drop_key(KeyKind::Primary, columns),
        };
    }
    match relation.foreign_keys.iter().find(|key| key.name.eq_ignore_ascii_case(name)) {
        Some(key) => drop_key(KeyKind::Foreign, names(&mut key.columns.iter().copied())),
        None => Ok(None),
    }
}
