//! Declared column types.
//!
//! What enters: the type as written in a SQLite `CREATE TABLE`. What leaves: the Postgres type
//! announced for the column. SQLite takes any words for a type and enforces few of them
//! (<https://www.sqlite.org/datatype3.html>), so a type is never narrower than what SQLite itself
//! would put there: INTEGER holds 64 bits, and words nobody knows are text.

use crate::types::{ColumnType, Type};

/// The type announced for a column declared as `declared`.
#[must_use]
pub fn column_type(declared: &str) -> ColumnType {
    let declared = Declared::read(declared);
    let Some(element) = declared.name.strip_suffix("[]") else { return declared.scalar() };
    let element = Declared { name: element.trim_end_matches("[]").to_owned(), ..declared };
    element.scalar().array()
}

/// A declared type taken apart: `TIMESTAMP(3) WITH TIME ZONE` is `TIMESTAMP WITH TIME ZONE` and 3.
struct Declared {
    name: String,
    arguments: Vec<i32>,
}

impl Declared {
    fn read(text: &str) -> Self {
        let upper = text.to_ascii_uppercase();
        let (before, arguments, after) = split_arguments(&upper);
        let words = before.split_whitespace().chain(after.split_whitespace());
        let mut name = words.collect::<Vec<_>>().join(" ").replace(" []", "[]");
        if let Some(open) = name.find('[') {
            // Bounds mean nothing in Postgres either: integer[3] is integer[].
            name.truncate(open);
            name.push_str("[]");
        }
        let arguments = arguments.split(',').map(|a| a.trim().parse::<i32>());
        Self { name, arguments: arguments.collect::<Result<_, _>>().unwrap_or_default() }
    }

    fn scalar(&self) -> ColumnType {
        let ty = known(&self.name).unwrap_or_else(|| by_affinity(&self.name));
        ColumnType { typmod: self.typmod(ty), ..ColumnType::new(ty) }
    }

    fn typmod(&self, ty: Type) -> i32 {
        match (ty, self.arguments.as_slice()) {
            (Type::VARCHAR | Type::BPCHAR, &[length @ 1..=10_485_760]) => length + 4,
            (Type::NUMERIC, &[precision @ 1..=1000]) => (precision << 16) + 4,
            (Type::NUMERIC, &[precision @ 1..=1000, scale @ 0..=1000]) => {
                (precision << 16 | scale) + 4
            }
            (
                Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::TIME | Type::TIMETZ,
                &[precision @ 0..=6],
            ) => precision,
            _ => -1,
        }
    }
}

impl ColumnType {
    /// The array of this type; text where Postgres's array is not one egret announces.
    fn array(self) -> Self {
        ARRAYS
            .iter()
            .find(|(element, _)| *element == self.ty)
            .map_or(Self::new(Type::TEXT), |&(_, array)| Self { ty: Type(array), ..self })
    }
}

/// `VARCHAR(10) X` as `VARCHAR`, `10` and `X`.
fn split_arguments(text: &str) -> (&str, &str, &str) {
    let Some((before, rest)) = text.split_once('(') else { return (text, "", "") };
    let (arguments, after) = rest.split_once(')').unwrap_or((rest, ""));
    (before, arguments, after)
}

fn known(name: &str) -> Option<Type> {
    NAMES.iter().find(|(_, names)| names.contains(&name)).map(|&(ty, _)| ty)
}

/// SQLite's affinity rules for the words not in the table, section 3.1 of its manual.
fn by_affinity(name: &str) -> Type {
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    if name.starts_with("BOOL") {
        Type::BOOL
    } else if name.starts_with("DOUBLE") {
        Type::FLOAT8
    } else if has(&["CHAR"]) && !has(&["INT"]) {
        Type::VARCHAR
    } else if has(&["INT"]) && !has(&["POINT", "INTERVAL"]) {
        Type::INT8
    } else if has(&["BLOB", "BINARY"]) {
        Type::BYTEA
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        Type::FLOAT8
    } else {
        Type::TEXT
    }
}

const NAMES: &[(Type, &[&str])] = &[
    (Type::INT8, &["INTEGER", "INT", "BIGINT", "INT8", "BIGSERIAL", "SERIAL8"]),
    (Type::TEXT, &["TEXT", "CLOB", "STRING", "CITEXT", ""]),
    (Type::BOOL, &["BOOL", "BOOLEAN"]),
    (Type::INT2, &["INT2", "SMALLINT", "TINYINT", "SMALLSERIAL", "SERIAL2"]),
    (Type::INT4, &["INT4", "MEDIUMINT", "SERIAL", "SERIAL4"]),
    (Type::FLOAT8, &["REAL", "DOUBLE", "DOUBLE PRECISION", "FLOAT", "FLOAT8"]),
    (Type::FLOAT4, &["FLOAT4"]),
    (Type::NUMERIC, &["NUMERIC", "DECIMAL", "DEC", "NUMBER", "NUM", "MONEY", "CURRENCY"]),
    (Type::VARCHAR, &["VARCHAR", "CHARACTER VARYING", "NVARCHAR"]),
    (Type::BPCHAR, &["CHAR", "CHARACTER", "BPCHAR", "NCHAR"]),
    (Type::BYTEA, &["BLOB", "BYTEA"]),
    (Type::DATE, &["DATE"]),
    (Type::TIME, &["TIME", "TIME WITHOUT TIME ZONE"]),
    (Type::TIMETZ, &["TIMETZ", "TIME WITH TIME ZONE"]),
    (Type::TIMESTAMP, &["DATETIME", "TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE"]),
    (Type::TIMESTAMPTZ, &["TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "DATETIMEOFFSET"]),
    (Type::INTERVAL, &["INTERVAL"]),
    (Type::JSON, &["JSON"]),
    (Type::JSONB, &["JSONB"]),
    (Type::UUID, &["UUID", "GUID", "UNIQUEIDENTIFIER"]),
    (Type::OID, &["OID"]),
    (Type::NAME, &["NAME"]),
];

/// Element type and array type, <https://www.postgresql.org/docs/15/catalog-pg-type.html>.
const ARRAYS: &[(Type, u32)] = &[
    (Type::BOOL, 1000),
    (Type::BYTEA, 1001),
    (Type::NAME, 1003),
    (Type::INT2, 1005),
    (Type::INT4, 1007),
    (Type::TEXT, 1009),
    (Type::BPCHAR, 1014),
    (Type::VARCHAR, 1015),
    (Type::INT8, 1016),
    (Type::FLOAT4, 1021),
    (Type::FLOAT8, 1022),
    (Type::OID, 1028),
    (Type::TIMESTAMP, 1115),
    (Type::DATE, 1182),
    (Type::TIME, 1183),
    (Type::TIMESTAMPTZ, 1185),
    (Type::INTERVAL, 1187),
    (Type::NUMERIC, 1231),
    (Type::TIMETZ, 1270),
    (Type::JSON, 199),
    (Type::UUID, 2951),
    (Type::JSONB, 3807),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(declared: &str) -> (u32, i32) {
        let ty = column_type(declared);
        (ty.ty.0, ty.typmod)
    }

    #[test]
    fn widths_are_those_sqlite_keeps() {
        assert_eq!(of("INTEGER"), (20, -1));
        assert_eq!(of("int"), (20, -1));
        assert_eq!(of("UNSIGNED BIG INT"), (20, -1));
        assert_eq!(of("INT(11)"), (20, -1));
        assert_eq!(of("int4"), (23, -1));
        assert_eq!(of("SMALLINT"), (21, -1));
        assert_eq!(of("REAL"), (701, -1));
        assert_eq!(of("double  precision"), (701, -1));
    }

    #[test]
    fn modifiers() {
        assert_eq!(of("VARCHAR(100)"), (1043, 104));
        assert_eq!(of("character varying (20)"), (1043, 24));
        assert_eq!(of("NATIVE CHARACTER(70)"), (1043, 74));
        assert_eq!(of("VARCHAR(MAX)"), (1043, -1));
        assert_eq!(of("CHAR(3)"), (1042, 7));
        assert_eq!(of("NUMERIC(12,2)"), (1700, (12 << 16 | 2) + 4));
        assert_eq!(of("DECIMAL(10)"), (1700, (10 << 16) + 4));
        assert_eq!(of("NUMERIC(5000,2)"), (1700, -1));
        assert_eq!(of("TIMESTAMP(3) WITH TIME ZONE"), (1184, 3));
    }

    #[test]
    fn arrays_and_strangers() {
        assert_eq!(of("TEXT[]"), (1009, -1));
        assert_eq!(of("varchar(10)[3][]"), (1015, 14));
        assert_eq!(of("order_status"), (25, -1));
        assert_eq!(of("POINT"), (25, -1));
        assert_eq!(of(""), (25, -1));
        assert_eq!(of("(("), (25, -1));
        assert_eq!(of("VARBINARY(16)"), (17, -1));
    }
}
