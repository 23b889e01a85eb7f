//! ALTER TABLE ... ALTER COLUMN. SQLite itself changes only NOT NULL; for the rest the table is made
//! anew.

use super::super::scope::{Scope, Source};
use super::super::signature::CastContext;
use super::super::{Translator, quote, typename};
use super::column::{is_integer, strict_type};
use super::{rebuild, unsupported};
use crate::schema::{Change, Column, Relation};
use crate::statement::{Error, ScriptStep};
use crate::types::Type;
use sqlparser::ast::{AlterColumnOperation, DataType, Expr, Ident};

impl Translator<'_> {
    pub(super) fn alter_column(
        &mut self,
        table: &str,
        relation: &Relation,
        name: &Ident,
        operation: &AlterColumnOperation,
    ) -> Result<Vec<ScriptStep>, Error> {
        let position = self.position_of(relation, name)?;
        let Some(column) = relation.columns.get(position) else { return Ok(Vec::new()) };
        let is_rowid = relation.rowid_alias == Some(position);
        let own = quote::name(&column.name);
        Ok(vec![match operation {
            AlterColumnOperation::SetNotNull => {
                ScriptStep::Sql(format!("{table} ALTER COLUMN {own} SET NOT NULL"))
            }
            AlterColumnOperation::DropNotNull => {
                ScriptStep::Sql(format!("{table} ALTER COLUMN {own} DROP NOT NULL"))
            }
            AlterColumnOperation::SetDataType { data_type, using, .. } => {
                self.set_type(relation, position, data_type, using.as_ref())?
            }
            AlterColumnOperation::AddGenerated { .. } => counting(relation, position, column)?,
            AlterColumnOperation::SetDefault { value } if is_nextval(value) => {
                counting(relation, position, column)?
            }
            AlterColumnOperation::SetDefault { .. } | AlterColumnOperation::DropDefault
                if is_rowid =>
            {
                return Err(unsupported("another default for a column that counts by itself"));
            }
            AlterColumnOperation::SetDefault { value } => {
                let value = self.default_sql(value, column.ty)?;
                rebuild(relation, Change::Default { column: column.name.clone(), value })
            }
            AlterColumnOperation::DropDefault => {
                let column = column.name.clone();
                rebuild(relation, Change::Default { column, value: None })
            }
        }])
    }

    /// ALTER COLUMN ... TYPE: values are converted as an assignment would, or by USING.
    fn set_type(
        &mut self,
        relation: &Relation,
        position: usize,
        data_type: &DataType,
        using: Option<&Expr>,
    ) -> Result<ScriptStep, Error> {
        let Some(column) = relation.columns.get(position) else {
            return Err(unsupported("a type for this column"));
        };
        let ty = self.column_type(data_type)?;
        if relation.rowid_alias == Some(position) && is_integer(ty.ty) {
            return Ok(rowid(relation, column, ty.ty, relation.autoincrement));
        }
        let mut scope = Scope::default();
        let source = Source::relation(relation, None, relation.name.clone());
        scope.sources.push(Source { qualifier: None, ..source });
        let old = Expr::Identifier(Ident::with_quote('"', &column.name));
        let typed = self.expr(using.unwrap_or(&old), &scope)?;
        let typed = self.convert(typed, ty, CastContext::Assignment)?;
        let declared =
            if relation.strict { strict_type(ty.ty).to_owned() } else { typename::declared(ty) };
        let (column, using) = (column.name.clone(), Some(typed.sql));
        Ok(rebuild(relation, Change::Type { column, declared, using }))
    }

    /// Where a column stands.
    pub(super) fn position_of(&self, relation: &Relation, name: &Ident) -> Result<usize, Error> {
        let at = self.offset(Some(name.span));
        let (column, of) = (name.value.clone(), relation.name.clone());
        relation
            .column_position(&column)
            .ok_or(crate::statement::ErrorKind::UndefinedColumnOf { column, relation: of }.at(at))
    }
}

/// The column becomes the rowid, as in CREATE TABLE; the comment keeps Postgres's type.
pub(super) fn rowid(relation: &Relation, column: &Column, ty: Type, counts: bool) -> ScriptStep {
    let comment = if ty == Type::INT8 { String::new() } else { format!("/* {} */ ", ty.name()) };
    let counting = if counts { " AUTOINCREMENT" } else { "" };
    let declared = format!("INTEGER {comment}PRIMARY KEY{counting}");
    rebuild(relation, Change::Rowid { column: column.name.clone(), declared })
}

/// A column that counts by itself is the rowid, so it becomes the primary key.
fn counting(relation: &Relation, position: usize, column: &Column) -> Result<ScriptStep, Error> {
    let free = relation.primary_key.is_empty() || relation.primary_key == [position];
    if !free || relation.without_rowid || !is_integer(column.ty.ty) {
        return Err(unsupported("a serial or identity column that is not the primary key"));
    }
    Ok(rowid(relation, column, column.ty.ty, true))
}

fn is_nextval(value: &Expr) -> bool {
    matches!(value, Expr::Function(function)
        if super::super::last_name(&function.name) == "nextval")
}
