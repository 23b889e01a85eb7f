//! Data definition: Postgres's statements as SQLite statements that run together or not at all.
//!
//! What leaves is a [`Script`] of plain SQLite, so that the file stays an ordinary SQLite file.
//! <https://www.postgresql.org/docs/15/ddl.html>

mod alter;
mod alter_column;
mod column;
mod constraint;
mod drop;
mod index;
pub(super) mod stored;
mod table;
mod view;

use super::scope::{Scope, Source};
use super::typed::Typed;
use super::{Translator, quote};
use crate::schema::{Change, Namespace, Relation};
use crate::statement::{Error, ErrorKind, Script, ScriptStep, Statement, steps};
use sqlparser::ast::{self, Expr, ObjectName, ObjectType, Spanned};

/// The name a definition gives.
struct NewName {
    /// Where it is to live.
    namespace: Namespace,
    /// The name.
    name: String,
}

impl NewName {
    /// As SQLite is told.
    fn sql(&self) -> String {
        let own = quote::name(&self.name);
        match self.namespace {
            Namespace::Public => own,
            other => format!("{}.{own}", quote::name(other.database())),
        }
    }
}

impl Translator<'_> {
    /// A statement that defines something; `None` when it is not one of these.
    pub(super) fn definition(&mut self, tree: &ast::Statement) -> Result<Option<Statement>, Error> {
        self.literals.fix();
        let statement = match tree {
            ast::Statement::CreateTable(table) => self.create_table(table)?,
            ast::Statement::CreateIndex(index) => self.create_index(index)?,
            ast::Statement::CreateView(view) => self.create_view(view)?,
            ast::Statement::AlterTable(alter) => self.alter_table(alter)?,
            ast::Statement::AlterIndex { name, operation } => self.alter_index(name, operation)?,
            ast::Statement::Drop { object_type, if_exists, names, cascade, .. } => {
                self.drop_objects(*object_type, *if_exists, names, *cascade)?
            }
            ast::Statement::Truncate(truncate) => self.truncate(truncate)?,
            ast::Statement::CreateSchema { schema_name, if_not_exists, .. } => {
                create_schema(schema_name, *if_not_exists)?
            }
            ast::Statement::CreateExtension(extension) => create_extension(&extension.name)?,
            ast::Statement::DropExtension(_) => no_op("DROP EXTENSION", None),
            ast::Statement::CreateRole(_) => {
                return Err(ErrorKind::Unsupported("CREATE ROLE".to_owned()).at(None));
            }
            _ => return Ok(None),
        };
        Ok(Some(statement))
    }

    /// The name of something to be made.
    fn new_name(&self, name: &ObjectName, temporary: bool) -> Result<NewName, Error> {
        let at = self.offset(Some(name.span()));
        let parts = super::name_parts(name);
        let (own, schema) = match &parts[..] {
            [.., schema, own] => (own, Some(schema)),
            [own] => (own, None),
            [] => return Err(ErrorKind::UnexpectedEnd.at(at)),
        };
        let namespace = match schema {
            None if temporary => Namespace::Temp,
            None => Namespace::Public,
            Some(schema) => Namespace::from_sql(schema)
                .ok_or_else(|| ErrorKind::UndefinedSchema(schema.clone()).at(at))?,
        };
        if matches!(namespace, Namespace::Catalog | Namespace::InformationSchema) {
            return Err(ErrorKind::Unsupported("a new relation in a system schema".into()).at(at));
        }
        Ok(NewName { namespace, name: own.clone() })
    }

    /// The relation of that very name and namespace, if there is one.
    fn existing(&self, name: &NewName) -> Option<&'_ Relation> {
        match name.namespace {
            Namespace::Temp => self.env.temp.and_then(|temp| temp.relation(&name.name)),
            _ => self.env.schema.relation(&name.name),
        }
    }

    /// An expression to be stored, with these columns in sight.
    fn stored(
        &mut self,
        columns: Option<Source>,
        translate: impl FnOnce(&mut Self, &Scope<'_>) -> Result<Typed, Error>,
    ) -> Result<Typed, Error> {
        let mut scope = Scope::default();
        scope.sources.extend(columns.map(|source| Source { qualifier: None, ..source }));
        let before = std::mem::replace(&mut self.stored, true);
        let typed = translate(self, &scope);
        self.stored = before;
        let typed = typed?;
        stored::check(&typed.sql)?;
        Ok(typed)
    }

    /// A condition to be stored.
    fn stored_condition(&mut self, expr: &Expr, columns: Source) -> Result<String, Error> {
        let typed = self.stored(Some(columns), |translator, scope| {
            let typed = translator.expr(expr, scope)?;
            translator.condition(typed, "CHECK")
        })?;
        Ok(typed.sql)
    }
}

/// A script of statements under a tag.
fn script(tag: &str, statements: Vec<String>) -> Statement {
    script_with(tag, steps(statements), Vec::new())
}

fn script_with(tag: &str, steps: Vec<ScriptStep>, notices: Vec<String>) -> Statement {
    let tag = tag.to_owned();
    Statement::Script(Script { steps, tag, notices, outside_transaction: false })
}

/// The step that makes a table anew.
fn rebuild(relation: &Relation, change: Change) -> ScriptStep {
    ScriptStep::Rebuild { table: relation.name.clone(), change }
}

fn unsupported(what: &str) -> Error {
    ErrorKind::Unsupported(what.to_owned()).at(None)
}

fn no_op(tag: &str, notice: Option<String>) -> Statement {
    Statement::NoOp { tag: tag.to_owned(), notice }
}

fn exists_already(tag: &str, name: &str) -> Statement {
    no_op(tag, Some(format!("relation \"{name}\" already exists, skipping")))
}

fn create_schema(name: &ast::SchemaName, if_not_exists: bool) -> Result<Statement, Error> {
    let name = match name {
        ast::SchemaName::Simple(name) | ast::SchemaName::NamedAuthorization(name, _) => {
            super::last_name(name)
        }
        ast::SchemaName::UnnamedAuthorization(ident) => ident.value.clone(),
    };
    match Namespace::from_sql(&name) {
        Some(_) if if_not_exists => {
            let notice = format!("schema \"{name}\" already exists, skipping");
            Ok(no_op("CREATE SCHEMA", Some(notice)))
        }
        _ => Err(ErrorKind::Unsupported("CREATE SCHEMA".to_owned()).at(None)),
    }
}

/// Extensions whose functions are built in, or whose types are read as text.
fn create_extension(name: &ast::Ident) -> Result<Statement, Error> {
    let known = ["uuid-ossp", "citext", "pgcrypto", "plpgsql", "hstore", "pg_trgm", "unaccent"];
    if known.contains(&name.value.to_ascii_lowercase().as_str()) {
        let notice = format!("extension \"{}\" needs no installation", name.value);
        return Ok(no_op("CREATE EXTENSION", Some(notice)));
    }
    Err(ErrorKind::Unsupported(format!("extension \"{}\"", name.value)).at(None))
}

/// A kind of object as messages call it, and as its command tag does.
fn kind_of(object_type: ObjectType) -> Option<(&'static str, &'static str)> {
    Some(match object_type {
        ObjectType::Table => ("table", "DROP TABLE"),
        ObjectType::View => ("view", "DROP VIEW"),
        ObjectType::MaterializedView => ("materialized view", "DROP MATERIALIZED VIEW"),
        ObjectType::Index => ("index", "DROP INDEX"),
        ObjectType::Schema => ("schema", "DROP SCHEMA"),
        ObjectType::Sequence => ("sequence", "DROP SEQUENCE"),
        ObjectType::Type => ("type", "DROP TYPE"),
        ObjectType::Role | ObjectType::User => ("role", "DROP ROLE"),
        ObjectType::Database => ("database", "DROP DATABASE"),
        _ => return None,
    })
}
