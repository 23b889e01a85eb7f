//! The relations of `pg_catalog` and `information_schema`, as PostgreSQL 15 has them.
//!
//! What enters: `catalog/relations.txt`, exported from a PostgreSQL 15, and `catalog/own_columns.txt`,
//! what egret has to say beyond it, behind PostgreSQL's own columns. What leaves: relations with their
//! columns, OIDs and types, for the translator to resolve names with and for the catalog to make rows
//! for. <https://www.postgresql.org/docs/15/catalogs.html>

use super::{Column, Namespace, Relation, RelationKind};
use crate::types::{ColumnType, Oid, Storage, Type};
use std::collections::HashMap;
use std::sync::LazyLock;

/// A relation's entry beyond what any relation has.
#[derive(Debug)]
pub struct SystemRelation {
    /// As the translator resolves it. A column's type is what clients are told.
    pub relation: Relation,
    /// `pg_catalog.pg_class`: how plans name it.
    pub qualified_name: &'static str,
    /// That of all databases together for those that they share, else 0 for the database's own.
    pub tablespace: Oid,
    /// Per column, the type in `pg_attribute`: a domain where the column is one.
    pub attribute_types: Vec<Oid>,
    /// Per column, its collation in `pg_attribute`; 0 for types that have none.
    pub attribute_collations: Vec<Oid>,
}

/// Finds a system relation.
#[must_use]
pub fn relation(namespace: Namespace, name: &str) -> Option<&'static Relation> {
    find(namespace, name).map(|system| &system.relation)
}

/// Finds a system relation with all that is known of it.
#[must_use]
pub fn find(namespace: Namespace, name: &str) -> Option<&'static SystemRelation> {
    BY_NAME.get(&(namespace, name)).map(|&i| &RELATIONS[i])
}

/// All system relations.
#[must_use]
pub fn relations() -> &'static [SystemRelation] {
    &RELATIONS
}

static RELATIONS: LazyLock<Vec<SystemRelation>> = LazyLock::new(|| {
    let mut relations = read(include_str!("../../catalog/relations.txt"));
    add_columns(&mut relations, include_str!("../../catalog/own_columns.txt"));
    relations
});

static BY_NAME: LazyLock<HashMap<(Namespace, &str), usize>> = LazyLock::new(|| {
    let key = |r: &'static SystemRelation| (r.relation.namespace, r.relation.name.as_str());
    RELATIONS.iter().enumerate().map(|(i, r)| (key(r), i)).collect()
});

fn read(text: &'static str) -> Vec<SystemRelation> {
    let mut relations: Vec<SystemRelation> = Vec::new();
    for line in text.lines() {
        if let Some(column) = line.strip_prefix('\t') {
            if let Some(last) = relations.last_mut() {
                last.add_column(column);
            }
        } else {
            relations.extend(read_relation(line));
        }
    }
    relations
}

/// Namespace and name of a relation, then its further columns.
fn add_columns(relations: &mut [SystemRelation], text: &str) {
    let mut extended: Option<usize> = None;
    for line in text.lines() {
        if let Some(column) = line.strip_prefix('\t') {
            if let Some(relation) = extended.and_then(|index| relations.get_mut(index)) {
                relation.add_column(column);
            }
        } else {
            let name = line.replace('\t', ".");
            extended = relations.iter().position(|relation| relation.qualified_name == name);
        }
    }
}

impl SystemRelation {
    fn add_column(&mut self, line: &str) {
        if let Some((column, ty, collation)) = read_column(line) {
            self.relation.columns.push(column);
            self.attribute_types.push(ty);
            self.attribute_collations.push(collation);
        }
    }
}

/// Namespace, name, OID, relkind, row type, tablespace.
fn read_relation(line: &'static str) -> Option<SystemRelation> {
    let mut fields = line.split('\t');
    let (schema, name, oid) = (fields.next()?, fields.next()?, fields.next()?);
    let (kind, row_type) = (fields.next()?, fields.next()?.parse().ok()?);
    let tablespace = fields.next()?.parse().ok()?;
    let (namespace, qualified_name) = match schema {
        "pg_catalog" => (Namespace::Catalog, qualified(schema, name)),
        _ => (Namespace::InformationSchema, qualified(schema, name)),
    };
    let kind = if kind == "v" { RelationKind::View } else { RelationKind::Table };
    let relation = Relation {
        oid: oid.parse().ok()?,
        row_type,
        ..Relation::named(namespace, name.to_owned(), kind)
    };
    Some(SystemRelation {
        relation,
        qualified_name,
        tablespace,
        attribute_types: Vec::new(),
        attribute_collations: Vec::new(),
    })
}

/// Leaked once per relation and process: plans name relations by it.
fn qualified(schema: &str, name: &str) -> &'static str {
    Box::leak(format!("{schema}.{name}").into_boxed_str())
}

/// Name, type, typmod, not null, base type, base type's typmod, the type's name, collation.
fn read_column(line: &str) -> Option<(Column, Oid, Oid)> {
    let mut fields = line.split('\t');
    let (name, ty, _, not_null) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let (base, typmod) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let column = Column {
        name: name.to_owned(),
        declared: fields.next()?.to_owned(),
        ty: ColumnType { ty: Type(base), typmod, storage: Storage::Native },
        not_null: not_null == "1",
        default: None,
        generated: None,
        collation: None,
    };
    Some((column, ty.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relation_is_read() {
        assert_eq!(relations().len(), 208);
        assert_eq!(relations().iter().map(|r| r.relation.columns.len()).sum::<usize>(), 2014);
    }

    #[test]
    fn columns_have_the_types_clients_are_told() {
        let class = relation(Namespace::Catalog, "pg_class").unwrap();
        assert_eq!((class.oid, class.columns.len()), (1259, 33));
        assert_eq!(class.columns[1].name, "relname");
        assert_eq!(class.columns[1].ty.ty, Type::NAME);
        let columns = find(Namespace::InformationSchema, "columns").unwrap();
        assert_eq!(columns.qualified_name, "information_schema.columns");
        let nullable = columns.relation.column_position("is_nullable").unwrap();
        assert_eq!(columns.relation.columns[nullable].ty.ty, Type::VARCHAR);
        assert_eq!(columns.relation.columns[nullable].ty.typmod, 7);
        assert!(relation(Namespace::Public, "pg_class").is_none());
    }
}
