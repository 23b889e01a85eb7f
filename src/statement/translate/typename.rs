//! Type names as SQL writes them.
//!
//! <https://www.postgresql.org/docs/15/datatype.html>

use super::Translator;
use crate::statement::{Error, ErrorKind};
use crate::types::{ColumnType, Storage, Type};
use sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, ObjectName, Spanned, TimezoneInfo,
};

impl Translator<'_> {
    /// The type a name stands for.
    #[expect(clippy::too_many_lines, reason = "one arm for each name of the grammar")]
    pub(super) fn column_type(&self, name: &DataType) -> Result<ColumnType, Error> {
        let plain = |ty: Type| Ok(ColumnType::new(ty));
        match name {
            DataType::Character(length) | DataType::Char(length) => {
                let length = character_length(length.as_ref()).unwrap_or(1);
                Ok(modified(Type::BPCHAR, length + 4))
            }
            DataType::CharacterVarying(length)
            | DataType::CharVarying(length)
            | DataType::Varchar(length)
            | DataType::Nvarchar(length) => {
                let typmod = character_length(length.as_ref()).map_or(-1, |length| length + 4);
                Ok(modified(Type::VARCHAR, typmod))
            }
            DataType::Uuid => plain(Type::UUID),
            DataType::Text
            | DataType::TinyText
            | DataType::MediumText
            | DataType::LongText
            | DataType::Clob(_)
            | DataType::String(_) => plain(Type::TEXT),
            DataType::Bytea
            | DataType::Blob(_)
            | DataType::Binary(_)
            | DataType::Varbinary(_)
            | DataType::Bytes(_) => plain(Type::BYTEA),
            DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => {
                Ok(modified(Type::NUMERIC, numeric_typmod(info)))
            }
            DataType::Float(ExactNumberInfo::Precision(1..=24))
            | DataType::Float4
            | DataType::Real => plain(Type::FLOAT4),
            DataType::Float(_)
            | DataType::Float8
            | DataType::Float64
            | DataType::Double(_)
            | DataType::DoublePrecision => plain(Type::FLOAT8),
            DataType::TinyInt(_) | DataType::Int2(_) | DataType::SmallInt(_) => plain(Type::INT2),
            DataType::MediumInt(_)
            | DataType::Int(_)
            | DataType::Int4(_)
            | DataType::Integer(_) => plain(Type::INT4),
            DataType::Int8(_) | DataType::BigInt(_) | DataType::Int64 => plain(Type::INT8),
            DataType::Bool | DataType::Boolean => plain(Type::BOOL),
            DataType::Date => plain(Type::DATE),
            DataType::Time(precision, zone) => {
                let ty = if has_zone(*zone) { Type::TIMETZ } else { Type::TIME };
                Ok(modified(ty, precision_typmod(*precision)))
            }
            DataType::Timestamp(precision, zone) => {
                let ty = if has_zone(*zone) { Type::TIMESTAMPTZ } else { Type::TIMESTAMP };
                Ok(modified(ty, precision_typmod(*precision)))
            }
            DataType::Datetime(precision) => {
                Ok(modified(Type::TIMESTAMP, precision_typmod(*precision)))
            }
            DataType::Interval { .. } => plain(Type::INTERVAL),
            DataType::JSON => plain(Type::JSON),
            DataType::JSONB => plain(Type::JSONB),
            DataType::Regclass => plain(Type::REGCLASS),
            DataType::Bit(length) => {
                let length = length.map_or(-1, |n| i32::try_from(n).unwrap_or(i32::MAX));
                Ok(modified(Type::BIT, length))
            }
            DataType::BitVarying(_) | DataType::VarBit(_) => plain(Type(1562)),
            DataType::TsVector => plain(Type(3614)),
            DataType::TsQuery => plain(Type(3615)),
            DataType::Array(
                ArrayElemTypeDef::SquareBracket(element, _)
                | ArrayElemTypeDef::Qualified(element, _)
                | ArrayElemTypeDef::AngleBracket(element)
                | ArrayElemTypeDef::Parenthesis(element),
            ) => self.array_type(element),
            DataType::Custom(name, modifiers) => self.named_type(name, modifiers),
            _ => Err(ErrorKind::Unsupported("this type".to_owned()).at(None)),
        }
    }

    fn array_type(&self, element: &DataType) -> Result<ColumnType, Error> {
        let element = self.column_type(element)?;
        // An array of arrays is an array of more dimensions.
        if element.ty.element().is_some() {
            return Ok(element);
        }
        let undefined = || ErrorKind::UndefinedType(format!("{}[]", element.ty.name())).at(None);
        let ty = element.ty.array().ok_or_else(undefined)?;
        Ok(ColumnType { ty, ..element })
    }

    fn named_type(&self, name: &ObjectName, modifiers: &[String]) -> Result<ColumnType, Error> {
        let at = self.offset(Some(name.span()));
        let parts = super::name_parts(name);
        if let [.., schema, _] = &parts[..]
            && !matches!(schema.as_str(), "pg_catalog" | "public" | "information_schema")
        {
            return Err(ErrorKind::UndefinedSchema(schema.clone()).at(at));
        }
        let name = parts.last().map_or("", String::as_str);
        let ty = match name {
            "serial" | "serial4" => Type::INT4,
            "bigserial" | "serial8" => Type::INT8,
            "smallserial" | "serial2" => Type::INT2,
            "citext" | "hstore" | "sql_identifier" | "character_data" => Type::TEXT,
            "cardinal_number" => Type::INT4,
            "yes_or_no" => Type::VARCHAR,
            "time_stamp" => Type::TIMESTAMPTZ,
            _ => Type::from_name(name)
                .ok_or_else(|| ErrorKind::UndefinedType(name.to_owned()).at(at))?,
        };
        let first = modifiers.first().and_then(|text| text.parse::<i32>().ok());
        let typmod = match (ty, first) {
            (Type::VARCHAR | Type::BPCHAR, Some(length)) => length + 4,
            (Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::TIME, Some(precision)) => precision,
            _ => -1,
        };
        Ok(modified(ty, typmod))
    }
}

fn modified(ty: Type, typmod: i32) -> ColumnType {
    ColumnType { ty, typmod, storage: Storage::Native }
}

fn character_length(length: Option<&CharacterLength>) -> Option<i32> {
    match length? {
        CharacterLength::IntegerLength { length, .. } => i32::try_from(*length).ok(),
        CharacterLength::Max => None,
    }
}

fn numeric_typmod(info: &ExactNumberInfo) -> i32 {
    let (precision, scale) = match info {
        ExactNumberInfo::None => return -1,
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    let precision = i32::try_from(precision.min(1000)).unwrap_or(1000);
    let scale = i32::try_from(scale.clamp(-1000, 1000)).unwrap_or(0);
    ((precision << 16) | (scale & 0x7ff)) + 4
}

fn precision_typmod(precision: Option<u64>) -> i32 {
    precision.map_or(-1, |precision| i32::try_from(precision.min(6)).unwrap_or(6))
}

fn has_zone(zone: TimezoneInfo) -> bool {
    matches!(zone, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz)
}

/// What Postgres labels a column that is a cast to this type: its `typname`.
pub(super) fn label(name: &DataType) -> Option<String> {
    let label = match name {
        DataType::Custom(name, _) => return Some(super::last_name(name).to_ascii_lowercase()),
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(element, _)
            | ArrayElemTypeDef::Qualified(element, _)
            | ArrayElemTypeDef::AngleBracket(element)
            | ArrayElemTypeDef::Parenthesis(element),
        ) => return label(element),
        DataType::Character(_) | DataType::Char(_) => "bpchar",
        DataType::CharacterVarying(_) | DataType::CharVarying(_) | DataType::Varchar(_) => {
            "varchar"
        }
        DataType::Uuid => "uuid",
        DataType::Text => "text",
        DataType::Bytea => "bytea",
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => "numeric",
        DataType::Float(ExactNumberInfo::Precision(1..=24)) | DataType::Float4 | DataType::Real => {
            "float4"
        }
        DataType::Float(_) | DataType::Float8 | DataType::DoublePrecision => "float8",
        DataType::Int2(_) | DataType::SmallInt(_) => "int2",
        DataType::Int(_) | DataType::Int4(_) | DataType::Integer(_) => "int4",
        DataType::Int8(_) | DataType::BigInt(_) => "int8",
        DataType::Bool | DataType::Boolean => "bool",
        DataType::Date => "date",
        DataType::Time(_, zone) => {
            if has_zone(*zone) {
                "timetz"
            } else {
                "time"
            }
        }
        DataType::Timestamp(_, zone) => {
            if has_zone(*zone) {
                "timestamptz"
            } else {
                "timestamp"
            }
        }
        DataType::Interval { .. } => "interval",
        DataType::JSON => "json",
        DataType::JSONB => "jsonb",
        DataType::Regclass => "regclass",
        DataType::Bit(_) => "bit",
        DataType::BitVarying(_) | DataType::VarBit(_) => "varbit",
        _ => return None,
    };
    Some(label.to_owned())
}

/// A type as a column of a file declares it: Postgres's short name, which gives SQLite the right
/// affinity and is read back as the same type.
pub(super) fn declared(ty: ColumnType) -> String {
    if let Some(element) = ty.ty.element() {
        return format!("{}[]", declared(ColumnType { ty: element, ..ty }));
    }
    match (ty.ty, ty.typmod) {
        (Type::VARCHAR, 4..) => format!("varchar({})", ty.typmod - 4),
        (Type::BPCHAR, 4..) => format!("char({})", ty.typmod - 4),
        (Type::BPCHAR, _) => "char".to_owned(),
        (Type::CHAR, _) => "\"char\"".to_owned(),
        (Type::NUMERIC, 4..) => {
            let packed = ty.typmod - 4;
            format!("numeric({},{})", packed >> 16 & 0xffff, packed & 0x7ff)
        }
        (Type::TIME | Type::TIMETZ | Type::TIMESTAMP | Type::TIMESTAMPTZ, 0..) => {
            format!("{}({})", ty.ty.name(), ty.typmod)
        }
        (Type::UNKNOWN, _) => "text".to_owned(),
        _ => ty.ty.name().to_owned(),
    }
}
