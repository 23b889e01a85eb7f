//! What `information_schema` says of a type and its modifier, as the functions its views call.
//! <https://www.postgresql.org/docs/15/infoschema-columns.html>

use crate::sqlite::FunctionError;
use crate::sqlite::function::{Args, Flags, Function, Outcome};
use crate::types::{Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    ("_pg_char_max_length", 2, Flags::PURE, |args| answer(args, char_max_length)),
    ("_pg_char_octet_length", 2, Flags::PURE, |args| answer(args, char_octet_length)),
    ("_pg_datetime_precision", 2, Flags::PURE, |args| answer(args, datetime_precision)),
    ("_pg_numeric_precision", 2, Flags::PURE, |args| answer(args, numeric_precision)),
    ("_pg_numeric_precision_radix", 2, Flags::PURE, |args| answer(args, numeric_radix)),
    ("_pg_numeric_scale", 2, Flags::PURE, |args| answer(args, numeric_scale)),
];

fn answer(args: &Args<'_>, of: fn(Type, i64) -> Option<i64>) -> Outcome {
    let (ty, typmod): (u32, i64) = (super::oid(args, 0)?, args.int(1)?);
    Ok::<_, FunctionError>(of(Type(ty), typmod).map_or(Value::Null, Value::Integer))
}

fn char_max_length(ty: Type, typmod: i64) -> Option<i64> {
    match ty {
        Type::BPCHAR | Type::VARCHAR if typmod >= 4 => Some(typmod - 4),
        _ => None,
    }
}

fn char_octet_length(ty: Type, typmod: i64) -> Option<i64> {
    match ty {
        Type::TEXT | Type::BPCHAR | Type::VARCHAR => {
            Some(char_max_length(ty, typmod).map_or(1 << 30, |length| length * 4))
        }
        _ => None,
    }
}

fn numeric_precision(ty: Type, typmod: i64) -> Option<i64> {
    match ty {
        Type::INT2 => Some(16),
        Type::INT4 => Some(32),
        Type::INT8 => Some(64),
        Type::FLOAT4 => Some(24),
        Type::FLOAT8 => Some(53),
        Type::NUMERIC if typmod >= 4 => Some((typmod - 4) >> 16 & 0xffff),
        _ => None,
    }
}

fn numeric_radix(ty: Type, _: i64) -> Option<i64> {
    match ty {
        Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 => Some(2),
        Type::NUMERIC => Some(10),
        _ => None,
    }
}

fn numeric_scale(ty: Type, typmod: i64) -> Option<i64> {
    match ty {
        Type::INT2 | Type::INT4 | Type::INT8 => Some(0),
        Type::NUMERIC if typmod >= 4 => Some((typmod - 4) & 0x7ff),
        _ => None,
    }
}

fn datetime_precision(ty: Type, typmod: i64) -> Option<i64> {
    match ty {
        Type::DATE => Some(0),
        Type::TIME | Type::TIMETZ | Type::TIMESTAMP | Type::TIMESTAMPTZ => {
            Some(if typmod < 0 { 6 } else { typmod })
        }
        Type::INTERVAL => {
            let precision = typmod & 0xffff;
            Some(if typmod < 0 || precision == 0xffff { 6 } else { precision })
        }
        _ => None,
    }
}
