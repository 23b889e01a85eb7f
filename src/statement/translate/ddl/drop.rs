//! DROP and TRUNCATE. <https://www.postgresql.org/docs/15/sql-droptable.html>

use super::super::{Translator, quote};
use super::{kind_of, no_op, script, script_with};
use crate::schema::{Namespace, Relation, RelationKind};
use crate::statement::lexer;
use crate::statement::{Error, ErrorKind, Statement, steps};
use sqlparser::ast::{ObjectName, ObjectType, Spanned, Truncate, TruncateIdentityOption};

impl Translator<'_> {
    pub(super) fn drop_objects(
        &mut self,
        object_type: ObjectType,
        if_exists: bool,
        names: &[ObjectName],
        cascade: bool,
    ) -> Result<Statement, Error> {
        let Some((kind, tag)) = kind_of(object_type) else {
            return Err(ErrorKind::Unsupported("DROP of this".to_owned()).at(None));
        };
        let (mut statements, mut notices) = (Vec::new(), Vec::new());
        for name in names {
            let shown = super::super::last_name(name);
            match self.drop_one(object_type, name, cascade, &mut notices)? {
                Some(texts) => statements.extend(texts),
                None if if_exists => {
                    notices.push(format!("{kind} \"{shown}\" does not exist, skipping"));
                }
                None => {
                    let at = self.offset(Some(name.span()));
                    return Err(ErrorKind::UndefinedObject { kind, name: shown }.at(at));
                }
            }
        }
        if statements.is_empty() && notices.len() == 1 {
            return Ok(no_op(tag, notices.pop()));
        }
        Ok(script_with(tag, steps(statements), notices))
    }

    /// The statements that drop an object, `None` when there is none of that name.
    fn drop_one(
        &mut self,
        object_type: ObjectType,
        name: &ObjectName,
        cascade: bool,
        notices: &mut Vec<String>,
    ) -> Result<Option<Vec<String>>, Error> {
        match object_type {
            ObjectType::Table => self.drop_relation(name, false, cascade, notices),
            ObjectType::View => self.drop_relation(name, true, cascade, notices),
            ObjectType::Index => {
                let name = super::super::last_name(name);
                Ok(self
                    .index_exists(&name)
                    .then(|| vec![format!("DROP INDEX {}", quote::name(&name))]))
            }
            _ => Ok(None),
        }
    }

    fn drop_relation(
        &mut self,
        name: &ObjectName,
        view: bool,
        cascade: bool,
        notices: &mut Vec<String>,
    ) -> Result<Option<Vec<String>>, Error> {
        let at = self.offset(Some(name.span()));
        let relation = match self.relation(name) {
            Ok(relation) => relation,
            Err(error) if matches!(error.kind, ErrorKind::UndefinedTable(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        if (relation.kind == RelationKind::View) != view {
            let wanted = if view { "view" } else { "table" };
            let name = relation.name.clone();
            return Err(ErrorKind::WrongObjectType { name, wanted }.at(at));
        }
        let mut statements = Vec::new();
        if cascade {
            for dependent in self.dependent_views(relation) {
                notices.push(format!("drop cascades to view {}", dependent.name));
                statements.push(format!("DROP VIEW {}", self.relation_sql(dependent)));
            }
        }
        let word = if view { "VIEW" } else { "TABLE" };
        statements.push(format!("DROP {word} {}", self.relation_sql(relation)));
        Ok(Some(statements))
    }

    /// The views whose text names a relation, and the views upon those.
    fn dependent_views(&self, relation: &Relation) -> Vec<&Relation> {
        let mut found: Vec<&Relation> = Vec::new();
        let mut names = vec![relation.name.clone()];
        while let Some(name) = names.pop() {
            let views = self.env.schema.relations.iter().filter(|r| r.kind == RelationKind::View);
            for view in views.filter(|view| mentions(&view.sql, &name)) {
                let known = found.iter().any(|known| known.oid == view.oid);
                if !known && view.oid != relation.oid {
                    found.push(view);
                    names.push(view.name.clone());
                }
            }
        }
        found
    }

    pub(super) fn truncate(&mut self, truncate: &Truncate) -> Result<Statement, Error> {
        let mut statements = Vec::new();
        let restart = truncate.identity == Some(TruncateIdentityOption::Restart);
        for target in &truncate.table_names {
            let relation = self.relation(&target.name)?;
            if relation.kind == RelationKind::View {
                let name = relation.name.clone();
                return Err(ErrorKind::WrongObjectType { name, wanted: "table" }.at(None));
            }
            statements.push(format!("DELETE FROM {}", self.relation_sql(relation)));
            if restart && relation.autoincrement {
                let database = if relation.namespace == Namespace::Temp { "temp" } else { "main" };
                let name = quote::string(&relation.name);
                statements
                    .push(format!("DELETE FROM {database}.sqlite_sequence WHERE name = {name}"));
            }
        }
        Ok(script("TRUNCATE TABLE", statements))
    }
}

fn mentions(sql: &str, name: &str) -> bool {
    let Ok(tokens) = lexer::tokens(sql) else { return false };
    // The first names are the view's own.
    tokens.iter().skip(3).any(|token| {
        let text = token.text(sql).trim_matches(['"', '`', '\'']);
        text.eq_ignore_ascii_case(name)
    })
}
