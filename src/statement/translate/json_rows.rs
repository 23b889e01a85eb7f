//! `json_to_recordset(x) AS t(a int, b text)`: rows of JSON whose columns the query declares.
//! <https://www.postgresql.org/docs/15/functions-json.html#FUNCTIONS-JSON-PROCESSING-TABLE>

use super::scope::{Scope, Source, SourceColumn};
use super::typed::{Typed, list};
use super::{Translator, quote};
use crate::statement::{Error, ErrorKind};
use crate::types::{ColumnType, Type};
use sqlparser::ast::TableAlias;

/// The functions that return such rows, each with the type it takes and whether it takes a list.
const FUNCTIONS: [(&str, Type, bool); 4] = [
    ("json_to_record", Type::JSON, false),
    ("json_to_recordset", Type::JSON, true),
    ("jsonb_to_record", Type::JSONB, false),
    ("jsonb_to_recordset", Type::JSONB, true),
];

/// Names and types of columns.
type Declared = Vec<(String, ColumnType)>;

/// The function returns rows whose columns the query declares.
pub(super) fn is_declared(name: &str) -> bool {
    FUNCTIONS.iter().any(|(known, ..)| *known == name)
}

impl Translator<'_> {
    /// One of [`FUNCTIONS`] in FROM: every row is a JSON array of the declared columns' values.
    pub(super) fn json_rows(
        &mut self,
        name: &str,
        argument: Typed,
        alias: Option<&TableAlias>,
        scope: &mut Scope<'_>,
    ) -> Result<String, Error> {
        let found = FUNCTIONS.iter().find(|(known, ..)| *known == name);
        let (_, ty, is_list) = *found.unwrap_or(&FUNCTIONS[0]);
        let argument = self.implicit(argument, ty)?;
        let (alias, declared) = self.declared_columns(alias)?;
        let each = quote::name(&self.fresh("json"));
        let row = if is_list { format!("{each}.\"value\"") } else { argument.operand().into() };
        let values = declared.iter().map(|(name, ty)| self.member(&row, name, *ty));
        let values = list(&values.collect::<Result<Vec<_>, _>>()?);
        let rows = match is_list {
            true => format!(
                "(SELECT json_group_array(json_array({values})) FROM json_each({}) AS {each})",
                argument.sql
            ),
            false => format!("json_array(json_array({values}))"),
        };
        let column = |(i, (name, ty)): (usize, &(String, ColumnType))| SourceColumn {
            place: Some(i),
            ..SourceColumn::computed(name, *ty, false)
        };
        let columns = declared.iter().enumerate().map(column).collect();
        let shown = &alias.name.value;
        self.push_source(Source::derived(shown, columns), Some(alias), scope)?;
        Ok(format!("json_each({rows}) AS {}", quote::name(shown)))
    }

    fn declared_columns<'t>(
        &mut self,
        alias: Option<&'t TableAlias>,
    ) -> Result<(&'t TableAlias, Declared), Error> {
        let missing = || {
            let message = "a column definition list is required for functions returning \"record\"";
            ErrorKind::Grammar(message).at(None)
        };
        let alias = alias.filter(|alias| !alias.columns.is_empty()).ok_or_else(missing)?;
        let declared = alias.columns.iter().map(|column| {
            let ty = self.column_type(column.data_type.as_ref().ok_or_else(missing)?)?;
            Ok((column.name.value.clone(), ty))
        });
        Ok((alias, declared.collect::<Result<Vec<_>, _>>()?))
    }

    /// A member of a JSON object as a value of a type.
    fn member(&mut self, object: &str, name: &str, ty: ColumnType) -> Result<Typed, Error> {
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
        let path = quote::string(&format!("$.\"{escaped}\""));
        if matches!(ty.ty, Type::JSON | Type::JSONB) {
            return Ok(Typed::operator(format!("{object} -> {path}"), ty.ty));
        }
        // SQLite's `->>` makes numbers of true and false.
        let text = format!("pg_json_get_text({object}, {})", quote::string(name));
        self.explicit(Typed::new(text, Type::TEXT), ty)
    }
}
