//! The way of one column's values to the wire and back, found once for a statement.
//!
//! What enters: a [`ColumnType`] and a [`Format`]. What leaves: a [`Codec`], which is a word or two
//! wide, free to copy, and allocates nothing for integers, floats, text and booleans.
//! <https://www.postgresql.org/docs/15/protocol-overview.html#PROTOCOL-FORMAT-CODES>

use super::style::{Mismatch, Style};
use super::{ColumnType, Error, Format, Storage, Type, Value, ValueRef, float};

/// Appends the payload of a value, without its length; NULL appends nothing.
///
/// # Errors
/// The value is none of the type, or the type has no binary format.
pub fn encode(
    out: &mut Vec<u8>,
    value: ValueRef<'_>,
    column: &ColumnType,
    format: Format,
    style: &Style,
) -> Result<(), Error> {
    Codec::of(column, format).encode(out, value, style)
}

/// Reads the payload of a value that is not NULL into the stored form.
///
/// # Errors
/// The bytes are no value of the type.
pub fn decode(
    bytes: &[u8],
    column: &ColumnType,
    format: Format,
    style: &Style,
) -> Result<Value, Error> {
    Codec::of(column, format).decode(bytes, style)
}

/// How the values of one column are written and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec {
    pub(super) class: Class,
    pub(super) format: Format,
    pub(super) column: ColumnType,
}

/// Types that share their forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Bool,
    Int2,
    Int4,
    Int8,
    /// `oid`, `xid`, `cid`: 32 bits without a sign.
    Unsigned,
    /// `xid8`
    Xid8,
    /// `regclass` and its kin: a number shown as a name.
    Reg,
    Float4,
    Float8,
    Numeric,
    /// Text in both formats.
    Text,
    /// `char(n)`: text, filled up with spaces.
    Padded(u32),
    /// `"char"`: one byte.
    Char,
    /// `json`
    Json,
    /// `jsonb`, `jsonpath`: a version byte and text.
    Versioned,
    Bytea,
    Uuid,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Interval,
    Tid,
    /// `int2vector`, `oidvector`
    Vector(Type),
    /// An array of the type.
    Array(Type),
    /// `record`
    Record,
    Void,
    /// A type sent as text only.
    TextOnly,
}

impl Codec {
    /// The codec of a column.
    #[must_use]
    pub fn of(column: &ColumnType, format: Format) -> Self {
        let class = match (column.ty, column.shown()) {
            (Type::BPCHAR, Some(length)) => Class::Padded(length),
            _ if column.storage == Storage::Row => Class::Record,
            (ty, _) => Class::of(ty),
        };
        Self { class, format, column: *column }
    }

    /// Appends a whole field of DataRow: the length and the payload, or -1 for NULL.
    ///
    /// # Errors
    /// The value is none of the type, or the type has no binary format.
    #[inline]
    pub fn write_field(
        &self,
        out: &mut Vec<u8>,
        value: ValueRef<'_>,
        style: &Style,
    ) -> Result<(), Error> {
        match (self.class, self.format, value) {
            (_, _, ValueRef::Null) => out.extend_from_slice(&NULL_FIELD),
            // What most fields are has a length that is known before it is written.
            (Class::Int8, Format::Binary, ValueRef::Integer(i)) => {
                write_sized(out, &i.to_be_bytes());
            }
            (Class::Int4, Format::Binary, ValueRef::Integer(i)) if is_int4(i) => {
                write_sized(out, &(i as i32).to_be_bytes());
            }
            (Class::Float8, Format::Binary, ValueRef::Real(r)) => {
                write_sized(out, &r.to_be_bytes());
            }
            (Class::Int8 | Class::Int4, Format::Text, ValueRef::Integer(i))
                if self.class == Class::Int8 || is_int4(i) =>
            {
                write_sized(out, itoa::Buffer::new().format(i).as_bytes());
            }
            (Class::Text, _, ValueRef::Text(text)) if is_plain(text) => {
                write_sized(out, text);
            }
            _ => return self.write_measured(out, value, style),
        }
        Ok(())
    }

    /// Appends a field whose length is known only once it is written.
    fn write_measured(
        &self,
        out: &mut Vec<u8>,
        value: ValueRef<'_>,
        style: &Style,
    ) -> Result<(), Error> {
        let start = out.len();
        out.extend_from_slice(&NULL_FIELD);
        match self.encode(out, value, style) {
            Ok(()) => {}
            Err(Error::Mismatch { .. }) if style.mismatch == Mismatch::Null => {
                out.truncate(start + NULL_FIELD.len());
                return Ok(());
            }
            Err(error) => {
                out.truncate(start);
                return Err(error);
            }
        }
        // SQLite's own limit of a value is 2 GB less a byte; its text form may be longer.
        let length = i32::try_from(out.len() - start - NULL_FIELD.len())
            .map_err(|_too_long| Error::TooLarge { ty: self.column.ty.sql_name() })?;
        if let Some(field) = out.get_mut(start..start + NULL_FIELD.len()) {
            field.copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    /// Appends the payload of a value, without its length; NULL appends nothing.
    ///
    /// # Errors
    /// The value is none of the type, or the type has no binary format.
    #[inline]
    pub fn encode(
        &self,
        out: &mut Vec<u8>,
        value: ValueRef<'_>,
        style: &Style,
    ) -> Result<(), Error> {
        match (self.class, self.format, value) {
            (Class::Text, _, ValueRef::Text(text)) => write_text(out, text),
            (Class::Int8, Format::Text, ValueRef::Integer(i)) => {
                out.extend_from_slice(itoa::Buffer::new().format(i).as_bytes());
                Ok(())
            }
            (Class::Int4, Format::Text, ValueRef::Integer(i)) if is_int4(i) => {
                out.extend_from_slice(itoa::Buffer::new().format(i).as_bytes());
                Ok(())
            }
            (Class::Float8, Format::Text, ValueRef::Real(r)) => {
                float::write_f64(out, r, style.extra_float_digits);
                Ok(())
            }
            (Class::Bool, Format::Text, ValueRef::Integer(i @ (0 | 1))) => {
                out.push(if i == 0 { b'f' } else { b't' });
                Ok(())
            }
            (_, _, ValueRef::Null) => Ok(()),
            _ if self.write(out, value, style)? => Ok(()),
            _ => self.misfit(out, value, style),
        }
    }

    /// A stored value that is none of the type.
    #[cold]
    fn misfit(&self, out: &mut Vec<u8>, value: ValueRef<'_>, style: &Style) -> Result<(), Error> {
        if self.format == Format::Binary || style.mismatch != Mismatch::Text {
            let ty = self.column.ty.sql_name();
            return Err(Error::Mismatch { class: storage_class(value), ty });
        }
        match value {
            ValueRef::Null => {}
            ValueRef::Integer(i) => {
                out.extend_from_slice(itoa::Buffer::new().format(i).as_bytes());
            }
            ValueRef::Real(r) => float::write_f64(out, r, style.extra_float_digits),
            ValueRef::Text(text) => write_text(out, text)?,
            ValueRef::Blob(bytes) => super::scalar::write_bytea(out, bytes, style.bytea_output),
        }
        Ok(())
    }
}

impl Class {
    fn of(ty: Type) -> Self {
        match ty {
            Type::BOOL => Self::Bool,
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::OID | Type::XID | Type::CID => Self::Unsigned,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => Self::Text,
            Type::CHAR => Self::Char,
            Type::JSON => Self::Json,
            Type::JSONB => Self::Versioned,
            Type::BYTEA => Self::Bytea,
            Type::UUID => Self::Uuid,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::TIMETZ => Self::TimeTz,
            Type::TIMESTAMP => Self::Timestamp,
            Type::TIMESTAMPTZ => Self::TimestampTz,
            Type::INTERVAL => Self::Interval,
            Type::TID => Self::Tid,
            Type::VOID => Self::Void,
            Type::RECORD => Self::Record,
            Type::INT2VECTOR => Self::Vector(Type::INT2),
            Type::OIDVECTOR => Self::Vector(Type::OID),
            _ => Self::by_row(ty),
        }
    }

    /// The less common types; one that Postgres does not ship is text.
    fn by_row(ty: Type) -> Self {
        let Some(row) = ty.row() else { return Self::Text };
        match row.name {
            _ if row.base != 0 => Self::of(Type(row.base)),
            "xid8" => Self::Xid8,
            "jsonpath" => Self::Versioned,
            "xml" | "cstring" | "refcursor" | "pg_node_tree" => Self::Text,
            name if name.starts_with("reg") => Self::Reg,
            _ => match ty.element() {
                Some(element) => Self::Array(element),
                None => Self::TextOnly,
            },
        }
    }
}

/// The length that stands for NULL.
const NULL_FIELD: [u8; 4] = (-1_i32).to_be_bytes();

/// Appends a payload behind its length, which SQLite limits to 2 GB less a byte.
#[inline]
fn write_sized(out: &mut Vec<u8>, payload: &[u8]) {
    out.reserve(NULL_FIELD.len() + payload.len());
    out.extend_from_slice(&(payload.len() as i32).to_be_bytes());
    out.extend_from_slice(payload);
}

/// Whether a number is an `int4`.
fn is_int4(number: i64) -> bool {
    number == i64::from(number as i32)
}

/// Appends text that must be UTF-8 without zero bytes.
pub(super) fn write_text(out: &mut Vec<u8>, text: &[u8]) -> Result<(), Error> {
    if !is_plain(text) {
        check_text(text)?;
    }
    out.extend_from_slice(text);
    Ok(())
}

/// Whether all bytes are ASCII and none is zero.
#[must_use]
#[inline]
pub fn is_plain(text: &[u8]) -> bool {
    // Less one, zero is the largest byte and ASCII is what is small. Blocks of fixed length are
    // compared as vectors.
    fn is_block_plain<const N: usize>(block: &[u8; N]) -> bool {
        block.iter().fold(0, |most: u8, byte| most.max(byte.wrapping_sub(1))) < 0x7F
    }
    let (blocks, rest) = text.as_chunks::<32>();
    if !blocks.iter().all(is_block_plain) {
        return false;
    }
    // Rather some bytes twice than the last ones singly.
    if let (Some(last), false) = (text.last_chunk::<32>(), rest.is_empty()) {
        return is_block_plain(last);
    }
    let (words, rest) = rest.as_chunks::<8>();
    words.iter().all(is_block_plain) && rest.iter().all(|byte| (1..0x80).contains(byte))
}

/// Text as Postgres holds it: UTF-8 without zero bytes.
///
/// # Errors
/// [`Error::Encoding`] names the first byte or character that is wrong.
pub fn check_text(text: &[u8]) -> Result<&str, Error> {
    if text.contains(&0) {
        return Err(Error::Encoding { bytes: "0x00".to_owned() });
    }
    std::str::from_utf8(text).map_err(|error| bad_utf8(text, error.valid_up_to()))
}

/// Names the character that is wrong, as many bytes as its first one promises.
#[cold]
fn bad_utf8(text: &[u8], at: usize) -> Error {
    let tail = text.get(at..).unwrap_or_default();
    let length = match tail.first() {
        Some(0xC0..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF7) => 4,
        _ => 1,
    };
    let bytes: Vec<String> = tail.iter().take(length).map(|b| format!("0x{b:02x}")).collect();
    Error::Encoding { bytes: bytes.join(" ") }
}

fn storage_class(value: ValueRef<'_>) -> &'static str {
    match value {
        ValueRef::Null => "NULL",
        ValueRef::Integer(_) => "INTEGER",
        ValueRef::Real(_) => "REAL",
        ValueRef::Text(_) => "TEXT",
        ValueRef::Blob(_) => "BLOB",
    }
}
