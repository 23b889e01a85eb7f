//! Facts about types that other relations repeat, and their SQL names.

use super::relation::table;
use super::rowset::Cell;
use crate::types::{Oid, Type};
use std::collections::HashMap;
use std::sync::LazyLock;

/// What `pg_type` says of a type.
#[derive(Clone, Copy, Debug)]
pub(super) struct TypeFacts {
    pub(super) name: &'static str,
    pub(super) namespace: i64,
    pub(super) length: i64,
    pub(super) by_value: bool,
    pub(super) category: &'static str,
    pub(super) element: Oid,
    pub(super) align: &'static str,
    pub(super) storage: &'static str,
    pub(super) collation: i64,
}

/// The facts of a type; those of `text` for one that is not known.
pub(super) fn facts(ty: Type) -> TypeFacts {
    FACTS.get(&ty.0).or_else(|| FACTS.get(&Type::TEXT.0)).copied().unwrap_or(UNKNOWN)
}

/// The facts of a type, if there is one with that OID.
pub(super) fn find(ty: Type) -> Option<TypeFacts> {
    FACTS.get(&ty.0).copied()
}

/// The type of that name in `pg_type`.
pub(super) fn by_name(name: &str) -> Option<Type> {
    FACTS.iter().find(|(_, facts)| facts.name == name).map(|(&oid, _)| Type(oid))
}

/// The array of a type.
pub(super) fn array_of(ty: Type) -> Option<Type> {
    let is_array = |facts: &TypeFacts| facts.element == ty.0 && facts.name.starts_with('_');
    FACTS.iter().find(|(_, facts)| is_array(facts)).map(|(&oid, _)| Type(oid))
}

/// `format_type`: the type as SQL names it. <https://www.postgresql.org/docs/15/functions-info.html>
pub(super) fn format_type(ty: Type, typmod: Option<i32>) -> String {
    let Some(facts) = find(ty) else { return "???".to_owned() };
    // An array is a type that has an element and is not of a fixed length, as vectors are not.
    let is_array = facts.element != 0 && facts.name.starts_with('_');
    let (ty, brackets) = if is_array { (Type(facts.element), "[]") } else { (ty, "") };
    match (ty, typmod) {
        // Without a modifier `character` would mean character(1), and `bit` bit(1).
        (Type::BPCHAR, Some(..4)) => format!("bpchar{brackets}"),
        (Type(1560), Some(..0)) => format!("\"bit\"{brackets}"),
        (ty, typmod) => format!("{}{brackets}", scalar_name(ty, typmod.unwrap_or(-1))),
    }
}

fn scalar_name(ty: Type, typmod: i32) -> String {
    let length = if typmod >= 4 { format!("({})", typmod - 4) } else { String::new() };
    let seconds = if typmod >= 0 { format!("({typmod})") } else { String::new() };
    match ty {
        Type::BOOL => "boolean".to_owned(),
        Type::INT2 => "smallint".to_owned(),
        Type::INT4 => "integer".to_owned(),
        Type::INT8 => "bigint".to_owned(),
        Type::FLOAT4 => "real".to_owned(),
        Type::FLOAT8 => "double precision".to_owned(),
        Type::CHAR => "\"char\"".to_owned(),
        Type::BPCHAR => format!("character{length}"),
        Type::VARCHAR => format!("character varying{length}"),
        Type::NUMERIC if typmod >= 4 => {
            let (precision, scale) = ((typmod - 4) >> 16, (typmod - 4) & 0x7ff);
            format!("numeric({precision},{scale})")
        }
        Type::TIME => format!("time{seconds} without time zone"),
        Type::TIMETZ => format!("time{seconds} with time zone"),
        Type::TIMESTAMP => format!("timestamp{seconds} without time zone"),
        Type::TIMESTAMPTZ => format!("timestamp{seconds} with time zone"),
        Type(2276) => "\"any\"".to_owned(),
        // The modifier of these is the length itself.
        Type(1560) => format!("bit{seconds}"),
        Type(1562) => format!("bit varying{seconds}"),
        ty => qualified_name(facts(ty)),
    }
}

fn qualified_name(facts: TypeFacts) -> String {
    if facts.namespace == 11 {
        facts.name.to_owned()
    } else {
        format!("information_schema.{}", facts.name)
    }
}

const UNKNOWN: TypeFacts = TypeFacts {
    name: "text",
    namespace: 11,
    length: -1,
    by_value: false,
    category: "S",
    element: 0,
    align: "i",
    storage: "x",
    collation: 100,
};

static FACTS: LazyLock<HashMap<Oid, TypeFacts>> = LazyLock::new(|| {
    let Some(table) = table("pg_catalog.pg_type") else { return HashMap::new() };
    let columns = [
        "oid",
        "typname",
        "typnamespace",
        "typlen",
        "typbyval",
        "typcategory",
        "typelem",
        "typalign",
        "typstorage",
        "typcollation",
    ];
    let at = columns.map(|c| table.system.relation.column_position(c).unwrap_or(0));
    let read = |row: &[Cell]| {
        let [oid, name, namespace, length, by_value, category, element, align, storage, collation] =
            at.map(|i| &row[i]);
        let facts = TypeFacts {
            name: text(name),
            namespace: number(namespace),
            length: number(length),
            by_value: number(by_value) != 0,
            category: text(category),
            element: Oid::try_from(number(element)).unwrap_or(0),
            align: text(align),
            storage: text(storage),
            collation: number(collation),
        };
        (Oid::try_from(number(oid)).unwrap_or(0), facts)
    };
    table.fixed().rows().map(read).collect()
});

fn text(cell: &Cell) -> &'static str {
    if let Cell::Static(text) = cell { text } else { "" }
}

fn number(cell: &Cell) -> i64 {
    if let Cell::Integer(number) = cell { *number } else { 0 }
}
