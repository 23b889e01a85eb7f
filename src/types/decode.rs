//! Wire bytes to the stored form: what a parameter binds.

use super::array::Array;
use super::codec::{Class, Codec, check_text};
use super::datetime::{
    self, DATE_INFINITY, DATE_NEG_INFINITY, DAY, INFINITY, NEG_INFINITY, POSTGRES_EPOCH,
    POSTGRES_EPOCH_DAYS, TimeTz,
};
use super::scalar;
use super::style::Style;
use super::{Error, Format, Interval, Numeric, Oid, Storage, Type, Value, float};

impl Codec {
    /// Reads the payload of a value that is not NULL into the stored form.
    ///
    /// # Errors
    /// The bytes are no value of the type.
    pub fn decode(self, bytes: &[u8], style: &Style) -> Result<Value, Error> {
        match self.format {
            Format::Text => self.decode_text(check_text(bytes)?, style),
            Format::Binary => self.decode_binary(bytes, style),
        }
    }

    fn decode_text(self, text: &str, style: &Style) -> Result<Value, Error> {
        let ty = self.column.ty.scalar_sql_name();
        let syntax = || Error::Syntax { ty, text: text.to_owned() };
        Ok(match self.class {
            Class::Bool => {
                Value::Integer(scalar::parse_bool(text).map(i64::from).ok_or_else(syntax)?)
            }
            Class::Int2 => Value::Integer(i64::from(scalar::integer::<i16>(text, ty)?)),
            Class::Int4 => Value::Integer(i64::from(scalar::integer::<i32>(text, ty)?)),
            Class::Int8 | Class::Xid8 => Value::Integer(scalar::integer(text, ty)?),
            Class::Unsigned => Value::Integer(i64::from(scalar::integer::<u32>(text, ty)?)),
            Class::Reg => Value::Integer(i64::from(self.named_oid(text, style)?)),
            Class::Float4 => single(float::parse_f32(text)?),
            Class::Float8 => double(float::parse_f64(text)?),
            Class::Numeric => Numeric::parse(text)?.to_value(),
            Class::Json | Class::Versioned => json(text, self.column.ty)?,
            Class::Bytea => Value::Blob(scalar::parse_bytea(text)?),
            Class::Uuid => uuid(scalar::parse_uuid(text).ok_or_else(syntax)?),
            Class::Date => self.date(datetime::parse_date(text, style)?),
            Class::Time => Value::Text(datetime::stored_time(datetime::parse_time(text, style)?)),
            Class::TimeTz => {
                Value::Text(datetime::stored_timetz(datetime::parse_timetz(text, style)?))
            }
            Class::Timestamp => self.timestamp(datetime::parse_timestamp(text, style)?),
            Class::TimestampTz => self.timestamp(datetime::parse_timestamptz(text, style)?),
            Class::Interval => Value::Text(Interval::parse(text)?.stored()),
            Class::Vector(_) => {
                Value::Text(Array::from_vector(text).ok_or_else(syntax)?.to_vector())
            }
            Class::Array(element) => {
                Value::Text(Array::parse_text(text, element, style)?.to_json())
            }
            Class::Tid => {
                scalar::parse_tid(text).ok_or_else(syntax)?;
                Value::Text(text.to_owned())
            }
            Class::Char => Value::Text(text.chars().take(1).collect()),
            Class::Text | Class::Padded(_) | Class::TextOnly | Class::Record | Class::Void => {
                Value::Text(self.unpadded(text).to_owned())
            }
        })
    }

    fn decode_binary(self, bytes: &[u8], style: &Style) -> Result<Value, Error> {
        let bad = || Error::Binary { ty: self.column.ty.sql_name() };
        Ok(match self.class {
            Class::Bool => match bytes {
                [byte] => Value::Integer(i64::from(*byte != 0)),
                _ => return Err(bad()),
            },
            Class::Int2 => Value::Integer(i64::from(i16::from_be_bytes(exact(bytes, bad)?))),
            Class::Int4 => Value::Integer(i64::from(i32::from_be_bytes(exact(bytes, bad)?))),
            Class::Int8 | Class::Xid8 => Value::Integer(i64::from_be_bytes(exact(bytes, bad)?)),
            Class::Unsigned | Class::Reg => {
                Value::Integer(i64::from(u32::from_be_bytes(exact(bytes, bad)?)))
            }
            Class::Float4 => single(f32::from_be_bytes(exact(bytes, bad)?)),
            Class::Float8 => double(f64::from_be_bytes(exact(bytes, bad)?)),
            Class::Numeric => Numeric::from_binary(bytes)?.to_value(),
            Class::Text | Class::Padded(_) | Class::Void => {
                Value::Text(self.unpadded(check_text(bytes)?).to_owned())
            }
            Class::Json => json(check_text(bytes)?, self.column.ty)?,
            Class::Versioned => match bytes {
                [1, text @ ..] => json(check_text(text)?, self.column.ty)?,
                _ => return Err(bad()),
            },
            Class::Char => match bytes {
                [0] => Value::Text(String::new()),
                [byte] => Value::Text(char::from(*byte).to_string()),
                _ => return Err(bad()),
            },
            Class::Bytea => Value::Blob(bytes.to_vec()),
            Class::Uuid => uuid(exact(bytes, bad)?),
            Class::Date => self.date(unwire_date(i32::from_be_bytes(exact(bytes, bad)?))?),
            Class::Time => {
                let time = i64::from_be_bytes(exact(bytes, bad)?);
                Value::Text(datetime::stored_time(time_of_day(time)?))
            }
            Class::TimeTz => timetz(exact(bytes, bad)?)?,
            Class::Timestamp | Class::TimestampTz => {
                self.timestamp(unwire_timestamp(i64::from_be_bytes(exact(bytes, bad)?))?)
            }
            Class::Interval => interval(exact(bytes, bad)?),
            Class::Tid => tid(exact(bytes, bad)?),
            Class::Vector(element) => {
                Value::Text(Array::from_binary(bytes, element, style)?.to_vector())
            }
            Class::Array(element) => {
                Value::Text(Array::from_binary(bytes, element, style)?.to_json())
            }
            Class::TextOnly | Class::Record => {
                return Err(Error::NoBinary { ty: self.column.ty.scalar_sql_name() });
            }
        })
    }

    /// A number, or a name that the session resolves.
    fn named_oid(self, text: &str, style: &Style) -> Result<Oid, Error> {
        let ty = self.column.ty;
        if text == "-" {
            return Ok(0);
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return scalar::integer(text, ty.scalar_sql_name());
        }
        let given = style.names.as_ref().and_then(|names| names.oid(ty, text));
        let shipped = || Type::from_name(text).filter(|_| ty == Type::REGTYPE).map(|t| t.0);
        let unknown = || Error::UnknownName { ty: ty.scalar_sql_name(), name: text.to_owned() };
        given.or_else(shipped).ok_or_else(unknown)
    }

    /// A `char(n)` has no spaces at its end here.
    fn unpadded(self, text: &str) -> &str {
        if self.column.ty == Type::BPCHAR { text.trim_end_matches(' ') } else { text }
    }

    fn date(self, days: i32) -> Value {
        match (self.column.storage, datetime::timestamp_from_date(days)) {
            (Storage::Native, _) | (_, Err(_)) => Value::Text(datetime::stored_date(days)),
            (storage, Ok(us)) => datetime::to_value(us, storage),
        }
    }

    fn timestamp(self, us: i64) -> Value {
        datetime::to_value(us, self.column.storage)
    }
}

fn exact<const N: usize>(bytes: &[u8], bad: impl Fn() -> Error) -> Result<[u8; N], Error> {
    bytes.try_into().map_err(|_wrong_length| bad())
}

/// SQLite takes the number NaN for NULL: its name stands for it.
fn double(value: f64) -> Value {
    if value.is_nan() { Value::Text("NaN".to_owned()) } else { Value::Real(value) }
}

/// A `float4` as the double with the same shortest digits, which is what a reader of the file
/// expects to see.
fn single(value: f32) -> Value {
    let shortest = value.to_string().parse();
    double(shortest.unwrap_or(f64::from(value)))
}

/// Text that must be JSON; it is kept as written.
fn json(text: &str, ty: Type) -> Result<Value, Error> {
    if matches!(ty, Type::JSON | Type::JSONB) {
        serde_json::from_str::<serde::de::IgnoredAny>(text)
            .map_err(|_invalid| Error::Json { text: text.to_owned() })?;
    }
    Ok(Value::Text(text.to_owned()))
}

fn uuid(bytes: [u8; 16]) -> Value {
    let mut out = Vec::with_capacity(36);
    scalar::write_uuid(&mut out, bytes);
    Value::Text(String::from_utf8_lossy(&out).into_owned())
}

fn unwire_date(days: i32) -> Result<i32, Error> {
    match days {
        DATE_INFINITY | DATE_NEG_INFINITY => Ok(days),
        _ => days
            .checked_add(POSTGRES_EPOCH_DAYS)
            .filter(|days| datetime::date_in_range(i64::from(*days)))
            .ok_or(Error::DatetimeRange { ty: "date", text: None }),
    }
}

fn unwire_timestamp(us: i64) -> Result<i64, Error> {
    match us {
        INFINITY | NEG_INFINITY => Ok(us),
        _ => us
            .checked_add(POSTGRES_EPOCH)
            .filter(|us| datetime::in_range(*us))
            .ok_or(Error::DatetimeRange { ty: "timestamp", text: None }),
    }
}

fn time_of_day(time: i64) -> Result<i64, Error> {
    let valid = (0..=DAY).contains(&time);
    valid.then_some(time).ok_or(Error::DatetimeRange { ty: "time", text: None })
}

fn timetz(bytes: [u8; 12]) -> Result<Value, Error> {
    let [a, b, c, d, e, f, g, h, z @ ..] = bytes;
    let time = time_of_day(i64::from_be_bytes([a, b, c, d, e, f, g, h]))?;
    let west = i32::from_be_bytes(z);
    if west.unsigned_abs() >= 16 * 3600 {
        return Err(Error::DatetimeRange { ty: "time zone displacement", text: None });
    }
    Ok(Value::Text(datetime::stored_timetz(TimeTz { time, offset: -west })))
}

fn interval(bytes: [u8; 16]) -> Value {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m @ ..] = bytes;
    let micros = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
    let (days, months) = (i32::from_be_bytes([i, j, k, l]), i32::from_be_bytes(m));
    Value::Text(Interval { months, days, micros }.stored())
}

fn tid(bytes: [u8; 6]) -> Value {
    let [a, b, c, d, item @ ..] = bytes;
    let block = u32::from_be_bytes([a, b, c, d]);
    Value::Text(format!("({block},{})", u16::from_be_bytes(item)))
}
