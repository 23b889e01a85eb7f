//! CREATE VIEW. <https://www.postgresql.org/docs/15/sql-createview.html>

use super::super::body::Labels;
use super::super::{Translator, quote};
use super::{exists_already, script, stored};
use crate::schema::RelationKind;
use crate::statement::{Error, ErrorKind, Statement};
use sqlparser::ast::{CreateView, Spanned};

impl Translator<'_> {
    pub(super) fn create_view(&mut self, view: &CreateView) -> Result<Statement, Error> {
        if view.materialized {
            return Err(ErrorKind::Unsupported("CREATE MATERIALIZED VIEW".to_owned()).at(None));
        }
        let at = self.offset(Some(view.name.span()));
        let name = self.new_name(&view.name, view.temporary)?;
        let mut statements = Vec::new();
        if let Some(relation) = self.existing(&name) {
            let (stored, is_view) = (relation.name.clone(), relation.kind == RelationKind::View);
            match (view.or_replace, view.if_not_exists) {
                (true, _) if is_view => statements.push(format!("DROP VIEW {}", name.sql())),
                (true, _) => {
                    return Err(ErrorKind::WrongObjectType { name: stored, wanted: "view" }.at(at));
                }
                (false, true) => return Ok(exists_already("CREATE VIEW", &stored)),
                (false, false) => return Err(ErrorKind::DuplicateTable(stored).at(at)),
            }
        }
        let before = std::mem::replace(&mut self.stored, true);
        let rows = self.query(&view.query, None, Labels::Own);
        self.stored = before;
        let rows = rows?;
        stored::check(&rows.sql)?;
        if !self.catalog.is_empty() {
            let what = "a view of system relations".to_owned();
            return Err(ErrorKind::Unsupported(what).at(at));
        }
        let mut columns: Vec<String> = view.columns.iter().map(|c| c.name.value.clone()).collect();
        columns.extend(rows.columns.iter().skip(columns.len()).map(|c| c.stored.clone()));
        let columns = quote::names(columns.iter().map(String::as_str));
        statements.push(format!("CREATE VIEW {} ({columns}) AS {}", name.sql(), rows.sql));
        Ok(script("CREATE VIEW", statements))
    }
}
