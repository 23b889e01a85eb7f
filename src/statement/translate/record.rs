//! Records as results: `SELECT t FROM t`, `SELECT ROW(1, 'x')`, `SELECT pg_get_keywords()`.
//!
//! Between a query and the one around it a record is a JSON array of its fields, whose types the
//! translator knows. A client gets it as `record`, which carries its fields' types along.

use super::body::{Body, RowColumn};
use super::typed::{Form, Typed, list};
use super::{Translator, quote, signature};
use crate::schema::system;
use crate::statement::{Error, ErrorKind};
use crate::types::{ColumnType, Record, Storage, Type};

impl Translator<'_> {
    /// Gives the records among a statement's results the form that clients get.
    pub(super) fn show_records(&mut self, body: &mut Body<'_>) -> Result<(), Error> {
        if let Body::Select(parts) = body {
            for output in &mut parts.outputs {
                if let Some(fields) = fields_of(&output.value) {
                    let ty = self.row_type(&output.value);
                    output.value = self.record(&output.value, fields, "pg_record")?.with_type(ty);
                }
            }
        }
        if body.columns().iter().any(RowColumn::is_record) {
            let what = "a record as a result column".to_owned();
            return Err(ErrorKind::Unsupported(what).at(None));
        }
        Ok(())
    }

    /// A record as text; `None` for what is no record.
    pub(super) fn record_text(&mut self, typed: &Typed) -> Result<Option<Typed>, Error> {
        let Some(fields) = fields_of(typed) else { return Ok(None) };
        let text = self.record(typed, fields, "pg_record_text")?;
        Ok(Some(Typed::new(text.sql, Type::TEXT).at(typed.at)))
    }

    /// The type of the relation that a whole row is of.
    fn row_type(&self, whole: &Typed) -> ColumnType {
        let relation = whole.origin.filter(|origin| origin.attnum == 0).map(|origin| origin.table);
        let users = self.env.schema.relations.iter();
        let all = users.chain(system::relations().iter().map(|system| &system.relation));
        match all.into_iter().find(|other| Some(other.oid) == relation) {
            Some(found) => {
                ColumnType { storage: Storage::Row, ..ColumnType::new(Type(found.row_type)) }
            }
            None => ColumnType::new(Type::RECORD),
        }
    }

    /// A call that makes a record of its fields.
    fn record(
        &mut self,
        whole: &Typed,
        fields: Vec<Typed>,
        function: &str,
    ) -> Result<Typed, Error> {
        let fields = fields.into_iter().map(|field| self.settle(field));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        let types = quote::string(&Record::types_text(fields.iter().map(|field| &field.ty)));
        // The row of an outer join's missing side is NULL, a row of NULLs that is written is not.
        let nullable = i32::from(matches!(whole.form, Form::WholeRow(_)));
        let comma = if fields.is_empty() { "" } else { ", " };
        let sql = format!("{function}({nullable}, {types}{comma}{})", list(&fields));
        Ok(Typed::new(sql, signature::RECORD))
    }
}

fn fields_of(typed: &Typed) -> Option<Vec<Typed>> {
    match &typed.form {
        Form::Row(fields) => Some(fields.clone()),
        Form::WholeRow(fields) => Some(fields.iter().map(|(_, value)| value.clone()).collect()),
        _ => None,
    }
}
