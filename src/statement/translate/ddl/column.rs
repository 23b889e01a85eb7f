//! A column's definition: its type, default and constraints.

use super::super::signature::CastContext;
use super::super::typed::{Form, Level};
use super::super::{Translator, quote, typename};
use super::table::TableShape;
use crate::statement::{Error, ErrorKind};
use crate::types::{ColumnType, Type};
use sqlparser::ast::{
    ColumnDef, ColumnOption, ColumnOptionDef, DataType, Expr, GeneratedAs, GeneratedExpressionMode,
};

impl Translator<'_> {
    /// `"name" type constraints`
    pub(super) fn column_definition(
        &mut self,
        column: &ColumnDef,
        shape: &TableShape,
    ) -> Result<String, Error> {
        let name = quote::name(&column.name.value);
        let ty = self.column_type(&column.data_type)?;
        let counts = counts_by_itself(column);
        let sole_key = shape.is_sole_key(&column.name.value);
        if sole_key && is_integer(ty.ty) {
            return self.rowid_definition(column, ty, counts, shape);
        }
        if counts {
            let what = "a serial or identity column that is not the primary key".to_owned();
            return Err(ErrorKind::Unsupported(what).at(self.offset(Some(column.name.span))));
        }
        let mut parts = vec![name, self.declared(ty, column, shape.strict)];
        let in_key = shape.primary_key.iter().any(|k| k.eq_ignore_ascii_case(&column.name.value));
        let says =
            |wanted: fn(&ColumnOption) -> bool| column.options.iter().any(|o| wanted(&o.option));
        if in_key && !says(|option| matches!(option, ColumnOption::NotNull)) {
            parts.push("NOT NULL".to_owned());
        }
        for option in &column.options {
            parts.extend(self.column_option(option, column, ty, shape)?);
        }
        Ok(parts.join(" "))
    }

    /// SQLite's INTEGER PRIMARY KEY is the row's own number; the comment keeps Postgres's type.
    fn rowid_definition(
        &mut self,
        column: &ColumnDef,
        ty: ColumnType,
        counts: bool,
        shape: &TableShape,
    ) -> Result<String, Error> {
        let mut parts = vec![quote::name(&column.name.value), "INTEGER".to_owned()];
        if ty.ty != Type::INT8 {
            parts.push(format!("/* {} */", ty.ty.name()));
        }
        parts.push("PRIMARY KEY".to_owned());
        if counts {
            parts.push("AUTOINCREMENT".to_owned());
        }
        for option in &column.options {
            let implied = matches!(
                option.option,
                ColumnOption::PrimaryKey(_) | ColumnOption::NotNull | ColumnOption::Default(_)
            );
            if !implied {
                parts.extend(self.column_option(option, column, ty, shape)?);
            }
        }
        Ok(parts.join(" "))
    }

    fn declared(&self, ty: ColumnType, column: &ColumnDef, strict: bool) -> String {
        if strict {
            return strict_type(ty.ty).to_owned();
        }
        let citext = matches!(&column.data_type, DataType::Custom(name, _)
            if super::super::last_name(name) == "citext");
        let declared = typename::declared(ty);
        if citext { format!("{declared} COLLATE NOCASE") } else { declared }
    }

    fn column_option(
        &mut self,
        option: &ColumnOptionDef,
        column: &ColumnDef,
        ty: ColumnType,
        shape: &TableShape,
    ) -> Result<Option<String>, Error> {
        let name = match &option.name {
            Some(name) => format!("CONSTRAINT {} ", quote::name(&name.value)),
            None => String::new(),
        };
        let text = match &option.option {
            ColumnOption::NotNull => "NOT NULL".to_owned(),
            ColumnOption::Unique(_) => "UNIQUE".to_owned(),
            ColumnOption::PrimaryKey(_) => "PRIMARY KEY".to_owned(),
            ColumnOption::Default(expr) => match self.default_sql(expr, ty)? {
                Some(sql) => format!("DEFAULT {sql}"),
                None => return Ok(None),
            },
            ColumnOption::Check(check) => {
                let sql = self.stored_condition(&check.expr, shape.source.clone())?;
                let name = check
                    .name
                    .as_ref()
                    .map_or(name, |name| format!("CONSTRAINT {} ", quote::name(&name.value)));
                return Ok(Some(format!("{name}CHECK ({sql})")));
            }
            ColumnOption::ForeignKey(key) => self.references(key)?,
            ColumnOption::Generated {
                generation_expr: Some(expr), generation_expr_mode, ..
            } => {
                let mode = match generation_expr_mode {
                    Some(GeneratedExpressionMode::Virtual) => "VIRTUAL",
                    _ => "STORED",
                };
                let typed = self.stored(Some(shape.source.clone()), |translator, scope| {
                    let typed = translator.expr(expr, scope)?;
                    translator.convert(typed, ty, CastContext::Assignment)
                })?;
                format!("GENERATED ALWAYS AS ({}) {mode}", typed.sql)
            }
            ColumnOption::Collation(collation) => {
                match super::super::last_name(collation).to_ascii_lowercase().as_str() {
                    "nocase" => "COLLATE NOCASE".to_owned(),
                    "rtrim" => "COLLATE RTRIM".to_owned(),
                    _ => return Ok(None),
                }
            }
            ColumnOption::Null | ColumnOption::Comment(_) | ColumnOption::Generated { .. } => {
                return Ok(None);
            }
            ColumnOption::DialectSpecific(_) | ColumnOption::Identity(_) => return Ok(None),
            _ => {
                let at = self.offset(Some(column.name.span));
                return Err(ErrorKind::Unsupported("this column option".to_owned()).at(at));
            }
        };
        Ok(Some(format!("{name}{text}")))
    }

    /// What stands behind DEFAULT: a literal, a time, or an expression in parentheses.
    pub(super) fn default_sql(
        &mut self,
        expr: &Expr,
        ty: ColumnType,
    ) -> Result<Option<String>, Error> {
        let typed = self.stored(None, |translator, scope| {
            let typed = translator.expr(expr, scope)?;
            translator.convert(typed, ty, CastContext::Assignment)
        })?;
        if matches!(typed.form, Form::Null) {
            return Ok(None);
        }
        let bare = typed.level == Level::Atom && !typed.sql.contains('(')
            || matches!(typed.form, Form::Number(..))
            || typed.sql.starts_with('\'') && typed.sql.matches('\'').count() == 2;
        Ok(Some(if bare { typed.sql } else { format!("({})", typed.sql) }))
    }
}

/// SERIAL, IDENTITY or SQLite's AUTOINCREMENT.
fn counts_by_itself(column: &ColumnDef) -> bool {
    let serial = matches!(&column.data_type, DataType::Custom(name, _)
        if super::super::last_name(name).contains("serial"));
    serial
        || column.options.iter().any(|option| match &option.option {
            ColumnOption::Generated {
                generated_as: GeneratedAs::Always | GeneratedAs::ByDefault,
                generation_expr: None,
                ..
            }
            | ColumnOption::Identity(_)
            | ColumnOption::DialectSpecific(_) => true,
            ColumnOption::Default(Expr::Function(function)) => {
                super::super::last_name(&function.name) == "nextval"
            }
            _ => false,
        })
}

pub(super) fn is_integer(ty: Type) -> bool {
    matches!(ty, Type::INT2 | Type::INT4 | Type::INT8)
}

/// The type names a STRICT table allows.
pub(super) fn strict_type(ty: Type) -> &'static str {
    match ty {
        Type::INT2 | Type::INT4 | Type::INT8 | Type::BOOL | Type::OID => "INTEGER",
        Type::FLOAT4 | Type::FLOAT8 => "REAL",
        Type::BYTEA => "BLOB",
        Type::NUMERIC => "ANY",
        _ => "TEXT",
    }
}
