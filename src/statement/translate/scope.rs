//! Which names an expression may use, and the columns they stand for.

use super::quote;
use super::typed::{Form, Level, Origin, Typed};
use crate::schema::{Namespace, Relation, TEMP_NAME};
use crate::statement::{Error, ErrorKind};
use crate::types::{ColumnType, Oid, Type};

/// The FROM items in sight, innermost query first.
#[derive(Default)]
pub(super) struct Scope<'s> {
    /// The FROM items of this query.
    pub(super) sources: Vec<Source>,
    /// Columns joined by USING: one name for two columns.
    pub(super) merged: Vec<Merged>,
    /// The query around this one.
    pub(super) parent: Option<&'s Scope<'s>>,
}

/// A FROM item.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The name it goes by.
    pub(super) alias: String,
    /// The name it goes by in SQLite; `None` emits columns without qualifier.
    pub(super) qualifier: Option<String>,
    /// The relation's own namespace and name, when it has no alias.
    pub(super) relation: Option<(Namespace, String)>,
    /// Its OID; 0 for anything but a relation.
    pub(super) oid: Oid,
    /// The names of its primary key's columns in SQLite.
    pub(super) primary_key: Vec<String>,
    /// It has SQLite's `rowid`.
    pub(super) has_rowid: bool,
    /// It is a relation of the catalog, whose rows have system columns of their own.
    pub(super) is_system: bool,
    /// Its columns.
    pub(super) columns: Vec<SourceColumn>,
    /// It is a function that returns one column: its alias names that column's value.
    pub(super) scalar: bool,
    /// Its names need the qualifier in Postgres too (`excluded`), or are out of reach.
    pub(super) qualified_only: bool,
}

/// A column of a FROM item.
#[derive(Clone, Debug)]
pub(super) struct SourceColumn {
    /// The name it goes by.
    pub(super) name: String,
    /// Its name in SQLite.
    pub(super) stored: String,
    /// Its type.
    pub(super) ty: ColumnType,
    /// It is never NULL.
    pub(super) not_null: bool,
    /// SQLite holds its numerics as INTEGER or REAL.
    pub(super) number: bool,
    /// The table column it is.
    pub(super) origin: Option<Origin>,
    /// A USING list or NATURAL has taken its name over.
    pub(super) merged: bool,
    /// The fields of a record, which is kept as a JSON array of them.
    pub(super) fields: Vec<(String, ColumnType)>,
    /// Its place in a row that is a JSON array, where the FROM item's rows are such.
    pub(super) place: Option<usize>,
}

impl SourceColumn {
    /// A column of something computed.
    pub(super) fn computed(name: &str, ty: ColumnType, not_null: bool) -> Self {
        let (name, stored) = (name.to_owned(), name.to_owned());
        let (number, origin, merged, fields, place) = (false, None, false, Vec::new(), None);
        Self { name, stored, ty, not_null, number, origin, merged, fields, place }
    }
}

/// A column joined by USING.
#[derive(Clone, Debug)]
pub(super) struct Merged {
    /// The name.
    pub(super) name: String,
    /// Its value.
    pub(super) value: Typed,
    /// The FROM items it joins, by position: those from the first to before the second.
    pub(super) sources: (usize, usize),
}

impl Source {
    /// A relation under a name.
    pub(super) fn relation(relation: &Relation, alias: Option<&str>, stored: String) -> Self {
        let system =
            matches!(relation.namespace, Namespace::Catalog | Namespace::InformationSchema);
        let columns = relation.columns.iter().zip(1_i16..).map(|(column, attnum)| SourceColumn {
            origin: Some(Origin { table: relation.oid, attnum }),
            ..SourceColumn::computed(&column.name, column.ty, column.not_null)
        });
        Self {
            alias: alias.unwrap_or(&relation.name).to_owned(),
            qualifier: Some(stored),
            relation: alias.is_none().then(|| (relation.namespace, relation.name.clone())),
            oid: relation.oid,
            primary_key: relation
                .primary_key
                .iter()
                .filter_map(|&i| Some(relation.columns.get(i)?.name.clone()))
                .collect(),
            is_system: system,
            has_rowid: !system && !relation.without_rowid && relation.kind.is_table(),
            columns: columns.collect(),
            scalar: false,
            qualified_only: false,
        }
    }

    /// A FROM item that is no relation.
    pub(super) fn derived(alias: &str, columns: Vec<SourceColumn>) -> Self {
        Self {
            alias: alias.to_owned(),
            qualifier: Some(alias.to_owned()),
            relation: None,
            oid: 0,
            primary_key: Vec::new(),
            has_rowid: false,
            is_system: false,
            columns,
            scalar: false,
            qualified_only: false,
        }
    }

    /// A column's value.
    pub(super) fn value(&self, column: &SourceColumn) -> Typed {
        let sql = match column.place {
            Some(place) => format!("({} ->> {place})", self.sql_of("value")),
            None => self.sql_of(&column.stored),
        };
        let field = |(i, (name, ty)): (usize, &(String, ColumnType))| {
            let value = Typed::operator(format!("{sql} ->> {i}"), ty.ty).with_type(*ty);
            (name.clone(), value)
        };
        let fields: Vec<_> = column.fields.iter().enumerate().map(field).collect();
        Typed {
            form: match fields.is_empty() {
                true if column.number => Form::Whole,
                true => Form::Plain,
                false => Form::WholeRow(fields),
            },
            not_null: column.not_null,
            origin: column.origin,
            ..Typed::new(sql, column.ty.ty).with_type(column.ty)
        }
    }

    /// The column of a name, as SQLite compares names.
    pub(super) fn column(&self, name: &str) -> Option<&SourceColumn> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The values of all columns.
    pub(super) fn row(&self) -> Vec<(String, Typed)> {
        self.columns.iter().map(|c| (c.name.clone(), self.value(c))).collect()
    }

    /// Columns every table has.
    fn system_column(&self, name: &str) -> Option<Typed> {
        if self.has_rowid && (name.eq_ignore_ascii_case("rowid") || name == "_rowid_") {
            return Some(Typed { not_null: true, ..Typed::new(self.sql_of("rowid"), Type::INT8) });
        }
        match name {
            "ctid" if self.has_rowid => {
                let sql = format!("'(0,' || {} || ')'", self.sql_of("rowid"));
                Some(Typed { level: Level::Operator, ..Typed::new(sql, Type(27)) })
            }
            "ctid" if self.is_system => Some(Typed::new(self.sql_of(name), Type::TID)),
            "tableoid" if self.is_system => Some(Typed::new(self.sql_of(name), Type::OID)),
            "tableoid" if self.oid != 0 => Some(Typed::new(self.oid.to_string(), Type::OID)),
            "xmin" if self.is_system => {
                let key = self.columns.iter().find(|column| column.ty.ty == Type::OID);
                let key = key.map_or("0".to_owned(), |column| self.value(column).sql);
                Some(Typed::new(format!("pg_catalog_xmin({key})"), Type::XID))
            }
            "xmin" if self.oid != 0 => {
                let values = self.columns.iter().map(|column| self.value(column).sql);
                let values = values.collect::<Vec<_>>().join(", ");
                Some(Typed::new(format!("pg_row_version({values})"), Type::XID))
            }
            "xmax" if self.oid != 0 => Some(Typed::new("0", Type::XID)),
            "cmin" | "cmax" if self.oid != 0 => Some(Typed::new("0", Type(29))),
            _ => None,
        }
    }

    fn sql_of(&self, stored: &str) -> String {
        match &self.qualifier {
            Some(qualifier) => format!("{}.{}", quote::name(qualifier), quote::name(stored)),
            None => quote::name(stored),
        }
    }

    /// The columns of its primary key, as SQLite text.
    pub(super) fn key(&self) -> Vec<String> {
        self.primary_key.iter().map(|name| self.sql_of(name)).collect()
    }

    /// It is what a qualified name is of.
    pub(super) fn answers_to(&self, qualifier: &[&str]) -> bool {
        match qualifier {
            [alias] => self.alias.eq_ignore_ascii_case(alias),
            [.., schema, table] => self.relation.as_ref().is_some_and(|(namespace, name)| {
                name.eq_ignore_ascii_case(table) && namespace.answers_to(schema)
            }),
            [] => false,
        }
    }
}

impl<'s> Scope<'s> {
    /// A query's scope inside another's.
    pub(super) fn inside(parent: Option<&'s Scope<'s>>) -> Self {
        Self { parent, ..Self::default() }
    }

    /// The value of a column reference: `column`, `table.column` or `schema.table.column`.
    pub(super) fn column(&self, parts: &[&str], at: Option<usize>) -> Result<Typed, Error> {
        let Some((name, qualifier)) = parts.split_last() else {
            return Err(ErrorKind::UnexpectedEnd.at(at));
        };
        let found = if qualifier.is_empty() {
            self.unqualified(name, at)?
        } else {
            self.qualified(qualifier, name, at)?
        };
        found.map(|typed| typed.at(at)).ok_or_else(|| self.undefined(parts).at(at))
    }

    /// The FROM item of a name, here or in a query around.
    pub(super) fn source(&self, qualifier: &[&str]) -> Option<&Source> {
        self.sources
            .iter()
            .find(|source| source.answers_to(qualifier))
            .or_else(|| self.parent?.source(qualifier))
    }

    /// What `*` stands for.
    pub(super) fn star(&self) -> Vec<(String, Typed)> {
        let mut out: Vec<_> =
            self.merged.iter().map(|m| (m.name.clone(), m.value.clone())).collect();
        for source in self.sources.iter().filter(|source| !source.qualified_only) {
            let rest = source.columns.iter().filter(|column| !column.merged);
            out.extend(rest.map(|column| (column.name.clone(), source.value(column))));
        }
        out
    }

    fn unqualified(&self, name: &str, at: Option<usize>) -> Result<Option<Typed>, Error> {
        let merged = self.merged.iter().filter(|m| m.name.eq_ignore_ascii_case(name));
        let mut found: Vec<Typed> = merged.map(|m| m.value.clone()).collect();
        for source in self.sources.iter().filter(|source| !source.qualified_only) {
            let column = source.column(name).filter(|column| !column.merged);
            found.extend(column.map(|column| source.value(column)));
        }
        if found.len() > 1 {
            return Err(ErrorKind::AmbiguousColumn(name.to_owned()).at(at));
        }
        if let Some(typed) = found.pop().or_else(|| self.special(name)) {
            return Ok(Some(typed));
        }
        match self.parent {
            Some(parent) => parent.unqualified(name, at),
            None => Ok(None),
        }
    }

    /// A name that is no column: a system column, a function's value, or a whole row.
    fn special(&self, name: &str) -> Option<Typed> {
        let mut system = self.sources.iter().filter_map(|source| source.system_column(name));
        if let Some(typed) = system.next() {
            return Some(typed);
        }
        let source = self.sources.iter().find(|source| source.answers_to(&[name]))?;
        if let ([column], true) = (&source.columns[..], source.scalar) {
            return Some(source.value(column));
        }
        Some(whole_row(source))
    }

    fn qualified(
        &self,
        qualifier: &[&str],
        name: &str,
        at: Option<usize>,
    ) -> Result<Option<Typed>, Error> {
        let Some(source) = self.source(qualifier) else {
            let table = qualifier.join(".");
            return Err(ErrorKind::MissingFrom(table).at(at));
        };
        let mut columns = source.columns.iter().filter(|c| c.name.eq_ignore_ascii_case(name));
        let found = columns.next().map(|column| source.value(column));
        if columns.next().is_some() {
            return Err(ErrorKind::AmbiguousColumn(name.to_owned()).at(at));
        }
        Ok(found.or_else(|| source.system_column(name)))
    }

    fn undefined(&self, parts: &[&str]) -> ErrorKind {
        let name = match parts {
            [name] => quote::name(name),
            _ => parts.join("."),
        };
        ErrorKind::UndefinedColumn { name, hint: parts.last().and_then(|n| self.hint(n)) }
    }

    /// The column a mistyped name was meant for, as Postgres guesses it.
    fn hint(&self, name: &str) -> Option<String> {
        let columns = self.sources.iter().flat_map(|s| s.columns.iter().map(move |c| (s, c)));
        let limit = 3.min(name.len() / 2);
        let (_, source, column) = columns
            .map(|(s, c)| (distance(name, &c.name), s, c))
            .filter(|(distance, ..)| *distance <= limit)
            .min_by_key(|(distance, ..)| *distance)?;
        let full = format!("{}.{}", source.alias, column.name);
        Some(format!("Perhaps you meant to reference the column \"{full}\"."))
    }
}

impl Namespace {
    /// The namespace of a schema's name in SQL.
    pub(super) fn from_sql(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "public" | "main" => Some(Self::Public),
            "pg_temp" | "temp" | TEMP_NAME => Some(Self::Temp),
            "pg_catalog" => Some(Self::Catalog),
            "information_schema" => Some(Self::InformationSchema),
            _ => None,
        }
    }

    /// The name of the SQLite database that holds it.
    pub(super) fn database(self) -> &'static str {
        match self {
            Self::Public => "main",
            Self::Temp => "temp",
            Self::Catalog => "pg_catalog",
            Self::InformationSchema => "information_schema",
        }
    }

    fn answers_to(self, schema: &str) -> bool {
        Self::from_sql(schema) == Some(self)
    }
}

impl crate::schema::RelationKind {
    /// Its rows are stored.
    pub(super) fn is_table(self) -> bool {
        !matches!(self, Self::View)
    }
}

fn whole_row(source: &Source) -> Typed {
    let row = source.row();
    let values: Vec<&str> = row.iter().map(|(_, value)| value.sql.as_str()).collect();
    let sql = format!("({})", values.join(", "));
    // No column of the relation, but all of them.
    let origin = (source.oid != 0).then_some(Origin { table: source.oid, attnum: 0 });
    Typed { form: Form::WholeRow(row), origin, ..Typed::new(sql, Type::RECORD) }
}

/// Levenshtein's distance, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = diagonal + usize::from(ca.to_ascii_lowercase() != *cb);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
