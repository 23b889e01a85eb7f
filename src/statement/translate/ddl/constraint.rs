//! Table constraints.

use super::super::{Translator, quote};
use super::table::{TableShape, index_column_name};
use crate::statement::{Error, ErrorKind};
use sqlparser::ast::{
    ConstraintCharacteristics, DeferrableInitial, ForeignKeyConstraint, Ident, IndexColumn,
    ReferentialAction, TableConstraint,
};

impl Translator<'_> {
    /// A constraint behind the columns; `None` when a column has said it already.
    pub(super) fn table_constraint(
        &mut self,
        constraint: &TableConstraint,
        shape: &TableShape,
    ) -> Result<Option<String>, Error> {
        Ok(match constraint {
            TableConstraint::PrimaryKey(key) => {
                let columns = key_columns(&key.columns)?;
                let alone = matches!(&columns[..], [column] if shape.is_rowid(column));
                (!alone).then(|| {
                    let name = named(key.name.as_ref());
                    format!("{name}PRIMARY KEY ({})", quoted(&columns))
                })
            }
            TableConstraint::Unique(unique) => {
                let columns = key_columns(&unique.columns)?;
                Some(format!("{}UNIQUE ({})", named(unique.name.as_ref()), quoted(&columns)))
            }
            TableConstraint::ForeignKey(key) => {
                let columns: Vec<String> = key.columns.iter().map(|c| c.value.clone()).collect();
                let references = self.references(key)?;
                let name = named(key.name.as_ref());
                Some(format!("{name}FOREIGN KEY ({}) {references}", quoted(&columns)))
            }
            TableConstraint::Check(check) => {
                let sql = self.stored_condition(&check.expr, shape.source.clone())?;
                Some(format!("{}CHECK ({sql})", named(check.name.as_ref())))
            }
            _ => {
                let what = "this kind of constraint".to_owned();
                return Err(ErrorKind::Unsupported(what).at(None));
            }
        })
    }

    /// `REFERENCES "table" (...)` and what follows.
    pub(super) fn references(&self, key: &ForeignKeyConstraint) -> Result<String, Error> {
        let table = super::super::last_name(&key.foreign_table);
        let stored = self.env.schema.relation(&table).map_or(table, |found| found.name.clone());
        let mut sql = format!("REFERENCES {}", quote::name(&stored));
        if !key.referred_columns.is_empty() {
            let columns = key.referred_columns.iter().map(|column| column.value.as_str());
            sql.push_str(&format!(" ({})", quote::names(columns)));
        }
        for (event, action) in [("DELETE", key.on_delete), ("UPDATE", key.on_update)] {
            if let Some(action) = action {
                sql.push_str(&format!(" ON {event} {}", action_word(action)));
            }
        }
        sql.push_str(deferral(key.characteristics.as_ref()));
        Ok(sql)
    }
}

impl TableShape {
    /// The column became INTEGER PRIMARY KEY in its own definition.
    fn is_rowid(&self, column: &str) -> bool {
        let ty = self.source.column(column).map(|column| column.ty.ty.name());
        self.is_sole_key(column) && matches!(ty, Some("int2" | "int4" | "int8"))
    }
}

pub(super) fn named(name: Option<&Ident>) -> String {
    name.map_or_else(String::new, |name| format!("CONSTRAINT {} ", quote::name(&name.value)))
}

pub(super) fn key_columns(columns: &[IndexColumn]) -> Result<Vec<String>, Error> {
    let what = || ErrorKind::Unsupported("an expression in a key".to_owned()).at(None);
    columns.iter().map(|column| index_column_name(column).ok_or_else(what)).collect()
}

pub(super) fn quoted(columns: &[String]) -> String {
    quote::names(columns.iter().map(String::as_str))
}

fn action_word(action: ReferentialAction) -> &'static str {
    match action {
        ReferentialAction::Restrict => "RESTRICT",
        ReferentialAction::Cascade => "CASCADE",
        ReferentialAction::SetNull => "SET NULL",
        ReferentialAction::NoAction => "NO ACTION",
        ReferentialAction::SetDefault => "SET DEFAULT",
    }
}

fn deferral(characteristics: Option<&ConstraintCharacteristics>) -> &'static str {
    match characteristics {
        Some(given) if given.initially == Some(DeferrableInitial::Deferred) => {
            " DEFERRABLE INITIALLY DEFERRED"
        }
        Some(given) if given.deferrable == Some(true) => " DEFERRABLE",
        _ => "",
    }
}
