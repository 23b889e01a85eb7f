//! SQLite values to wire bytes: what [`Codec::encode`] has no short way for.

use super::array::Array;
use super::codec::{Class, Codec, check_text, is_plain, write_text};
use super::datetime::{
    self, DATE_INFINITY, DATE_NEG_INFINITY, INFINITY, NEG_INFINITY, POSTGRES_EPOCH,
    POSTGRES_EPOCH_DAYS,
};
use super::scalar::{self, parse_integer};
use super::style::{DateStyle, Style};
use super::{
    ColumnType, Error, Format, Interval, Numeric, Record, Storage, Type, ValueRef, float, numeric,
};

impl Codec {
    /// Appends the payload; `false`, and nothing appended, for a value that is none of the type.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        value: ValueRef<'_>,
        style: &Style,
    ) -> Result<bool, Error> {
        let binary = self.format == Format::Binary;
        match self.class {
            Class::Bool => Ok(put(read_bool(value), |b| out.push(self.bool_byte(b)))),
            Class::Int2 => self.write_integer::<2>(out, value),
            Class::Int4 => self.write_integer::<4>(out, value),
            Class::Int8 | Class::Xid8 => self.write_integer::<8>(out, value),
            Class::Unsigned => Ok(put(read_oid(value), |oid| self.write_oid(out, oid))),
            Class::Reg => Ok(self.write_reg(out, value, style)),
            Class::Float4 => Ok(put(read_float(value), |r| self.write_f32(out, r as f32, style))),
            Class::Float8 => Ok(put(read_float(value), |r| self.write_f64(out, r, style))),
            Class::Numeric => Ok(self.write_numeric(out, value)),
            Class::Text | Class::Json => write_plain(out, value, style),
            Class::Padded(length) => write_padded(out, value, length, style),
            Class::TextOnly if binary => {
                Err(Error::NoBinary { ty: self.column.ty.scalar_sql_name() })
            }
            Class::TextOnly => write_plain(out, value, style),
            Class::Versioned => {
                if binary {
                    out.push(1);
                }
                let written = write_plain(out, value, style)?;
                if binary && !written {
                    out.pop();
                }
                Ok(written)
            }
            Class::Char => Ok(self.write_char(out, value)),
            Class::Bytea => Ok(put(bytes(value), |bytes| match binary {
                true => out.extend_from_slice(bytes),
                false => scalar::write_bytea(out, bytes, style.bytea_output),
            })),
            Class::Uuid => Ok(put(read_uuid(value), |uuid| match (binary, value) {
                (true, _) => out.extend_from_slice(&uuid),
                (false, ValueRef::Text(text)) if scalar::is_canonical_uuid(text) => {
                    out.extend_from_slice(text);
                }
                (false, _) => scalar::write_uuid(out, uuid),
            })),
            Class::Date => Ok(self.write_date(out, value, style)),
            Class::Time => Ok(put(datetime::read_time(value), |time| match binary {
                true => out.extend_from_slice(&time.to_be_bytes()),
                false => datetime::write_time(out, time),
            })),
            Class::TimeTz => Ok(self.write_timetz(out, value)),
            Class::Timestamp => Ok(self.write_timestamp(out, value, style)),
            Class::TimestampTz => Ok(self.write_timestamptz(out, value, style)),
            Class::Interval => Ok(put(Interval::from_value(value), |v| match binary {
                true => {
                    out.extend_from_slice(&v.micros.to_be_bytes());
                    out.extend_from_slice(&v.days.to_be_bytes());
                    out.extend_from_slice(&v.months.to_be_bytes());
                }
                false => v.write(out, style.interval_style),
            })),
            Class::Tid => self.write_tid(out, value, style),
            Class::Vector(element) => self.write_vector(out, value, element, style),
            Class::Array(element) => self.write_array(out, value, element, style),
            Class::Record => self.write_record(out, value, style),
            Class::Void => Ok(true),
        }
    }

    fn bool_byte(&self, value: bool) -> u8 {
        match (self.format, value) {
            (Format::Text, true) => b't',
            (Format::Text, false) => b'f',
            (Format::Binary, value) => u8::from(value),
        }
    }

    /// An integer of so many bytes; one that does not fit is an error in either format.
    fn write_integer<const SIZE: usize>(
        self,
        out: &mut Vec<u8>,
        value: ValueRef<'_>,
    ) -> Result<bool, Error> {
        let Some(number) = read_integer(value) else { return Ok(false) };
        let spare = 64 - 8 * SIZE as u32;
        if (number << spare) >> spare != number {
            return Err(Error::NumberRange { ty: self.column.ty.scalar_sql_name() });
        }
        match self.format {
            Format::Text => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
            Format::Binary => {
                out.extend_from_slice(number.to_be_bytes().get(8 - SIZE..).unwrap_or_default());
            }
        }
        Ok(true)
    }

    fn write_oid(&self, out: &mut Vec<u8>, oid: u32) {
        match self.format {
            Format::Text => out.extend_from_slice(itoa::Buffer::new().format(oid).as_bytes()),
            Format::Binary => out.extend_from_slice(&oid.to_be_bytes()),
        }
    }

    fn write_reg(&self, out: &mut Vec<u8>, value: ValueRef<'_>, style: &Style) -> bool {
        let Some(oid) = read_oid(value) else { return false };
        if self.format == Format::Binary {
            out.extend_from_slice(&oid.to_be_bytes());
        } else if oid == 0 {
            // Operators alone have a number for none.
            out.push(if self.column.ty.name().starts_with("regoper") { b'0' } else { b'-' });
        } else {
            let given = style.names.as_ref().and_then(|names| names.name(self.column.ty, oid));
            match given.or_else(|| builtin_name(self.column.ty, oid)) {
                Some(name) => out.extend_from_slice(name.as_bytes()),
                None => self.write_oid(out, oid),
            }
        }
        true
    }

    fn write_f32(&self, out: &mut Vec<u8>, value: f32, style: &Style) {
        match self.format {
            Format::Text => float::write_f32(out, value, style.extra_float_digits),
            Format::Binary => out.extend_from_slice(&value.to_be_bytes()),
        }
    }

    fn write_f64(&self, out: &mut Vec<u8>, value: f64, style: &Style) {
        match self.format {
            Format::Text => float::write_f64(out, value, style.extra_float_digits),
            Format::Binary => out.extend_from_slice(&value.to_be_bytes()),
        }
    }

    /// The scale of `numeric(p,s)` is shown in full. A stored number with more digits than that
    /// keeps them, unless they are a double's rounding error (more than 15 digits).
    fn write_numeric(&self, out: &mut Vec<u8>, value: ValueRef<'_>) -> bool {
        if let (ValueRef::Integer(i), Format::Text, None) = (value, self.format, self.scale()) {
            out.extend_from_slice(itoa::Buffer::new().format(i).as_bytes());
            return true;
        }
        if let (ValueRef::Integer(i), Format::Binary) = (value, self.format) {
            numeric::write_integer(out, i, self.scale().unwrap_or(0));
            return true;
        }
        if let (ValueRef::Real(r), Format::Text) = (value, self.format)
            && float::write_plain(out, r, self.scale())
        {
            return true;
        }
        let Some(mut number) = Numeric::from_value(value) else { return false };
        if let Some(scale) = self.scale() {
            let noise = matches!(value, ValueRef::Real(_)) && number.significant() > 15;
            if noise || number.scale() < scale {
                number = number.rounded(i32::try_from(scale).unwrap_or(0));
            }
        }
        match self.format {
            Format::Text => out.extend_from_slice(number.to_string().as_bytes()),
            Format::Binary => number.write_binary(out),
        }
        true
    }

    /// Digits after the point that the type modifier asks for.
    fn scale(&self) -> Option<usize> {
        usize::try_from(self.column.shown()?).ok()
    }

    fn write_char(&self, out: &mut Vec<u8>, value: ValueRef<'_>) -> bool {
        let byte = match value {
            ValueRef::Text([]) => 0,
            ValueRef::Text([byte]) => *byte,
            ValueRef::Integer(i) => match u8::try_from(i) {
                Ok(digit @ 0..=9) => b'0' + digit,
                _ => return false,
            },
            _ => return false,
        };
        match (self.format, byte) {
            (Format::Text, 0) => {}
            (Format::Text, 0x80..) => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
            _ => out.push(byte),
        }
        true
    }

    fn write_date(&self, out: &mut Vec<u8>, value: ValueRef<'_>, style: &Style) -> bool {
        let Some(days) = datetime::read_date(value, self.column.storage) else { return false };
        match (self.format, value) {
            (Format::Binary, _) => out.extend_from_slice(&wire_date(days).to_be_bytes()),
            // Ten bytes that read as a date are its ISO form.
            (Format::Text, ValueRef::Text(text))
                if text.len() == 10 && text.get(4) == Some(&b'-') && is_iso(style) =>
            {
                out.extend_from_slice(text);
            }
            _ => datetime::write_date(out, days, style),
        }
        true
    }

    fn write_timetz(&self, out: &mut Vec<u8>, value: ValueRef<'_>) -> bool {
        let Some(value) = datetime::read_timetz(value) else { return false };
        match self.format {
            Format::Text => datetime::write_timetz(out, value),
            Format::Binary => {
                out.extend_from_slice(&value.time.to_be_bytes());
                out.extend_from_slice(&(-value.offset).to_be_bytes());
            }
        }
        true
    }

    fn write_timestamp(&self, out: &mut Vec<u8>, value: ValueRef<'_>, style: &Style) -> bool {
        let Some(us) = datetime::read_timestamp(value, self.column.storage, false) else {
            return false;
        };
        match (self.format, value) {
            (Format::Binary, _) => out.extend_from_slice(&wire_timestamp(us).to_be_bytes()),
            // Nineteen bytes with a space that read as a timestamp are its ISO form.
            (Format::Text, ValueRef::Text(text))
                if text.len() == 19 && text.get(10) == Some(&b' ') && is_iso(style) =>
            {
                out.extend_from_slice(text);
            }
            _ => datetime::write_timestamp(out, us, style),
        }
        true
    }

    fn write_timestamptz(&self, out: &mut Vec<u8>, value: ValueRef<'_>, style: &Style) -> bool {
        let moment = datetime::read_timestamp(value, self.column.storage, true);
        put(moment, |us| match self.format {
            Format::Binary => out.extend_from_slice(&wire_timestamp(us).to_be_bytes()),
            Format::Text => datetime::write_timestamptz(out, us, style),
        })
    }

    fn write_tid(
        self,
        out: &mut Vec<u8>,
        value: ValueRef<'_>,
        style: &Style,
    ) -> Result<bool, Error> {
        if self.format == Format::Text {
            return write_plain(out, value, style);
        }
        let ValueRef::Text(text) = value else { return Ok(false) };
        Ok(put(scalar::parse_tid(check_text(text)?), |(block, item)| {
            out.extend_from_slice(&block.to_be_bytes());
            out.extend_from_slice(&item.to_be_bytes());
        }))
    }

    fn write_vector(
        self,
        out: &mut Vec<u8>,
        value: ValueRef<'_>,
        element: Type,
        style: &Style,
    ) -> Result<bool, Error> {
        let ValueRef::Text(text) = value else { return Ok(false) };
        if self.format == Format::Text {
            return write_text(out, text).map(|()| true);
        }
        let Some(vector) = Array::from_vector(check_text(text)?) else { return Ok(false) };
        if vector.elements.is_empty() {
            // An empty vector has its one dimension all the same.
            for word in [1, 0, element.0, 0, 0] {
                out.extend_from_slice(&word.to_be_bytes());
            }
            return Ok(true);
        }
        vector.write_binary(out, &ColumnType::new(element), 0, style).map(|()| true)
    }

    fn write_array(
        self,
        out: &mut Vec<u8>,
        value: ValueRef<'_>,
        element: Type,
        style: &Style,
    ) -> Result<bool, Error> {
        let ValueRef::Text(text) = value else { return Ok(false) };
        let text = check_text(text)?;
        // A file may hold Postgres's own form too.
        let literal = || Array::parse_text(text, element, style).ok();
        let Some(array) = Array::from_json(text).or_else(literal) else { return Ok(false) };
        let element = &ColumnType { ty: element, storage: Storage::Native, ..self.column };
        let start = out.len();
        let written = match self.format {
            Format::Text => array.write_text(out, element, style),
            Format::Binary => array.write_binary(out, element, 1, style),
        };
        if written.is_err() {
            out.truncate(start);
        }
        written.map(|()| true)
    }
}

impl Codec {
    fn write_record(
        self,
        out: &mut Vec<u8>,
        value: ValueRef<'_>,
        style: &Style,
    ) -> Result<bool, Error> {
        let ValueRef::Text(text) = value else { return Ok(false) };
        let Some(record) = Record::from_json(check_text(text)?) else { return Ok(false) };
        let start = out.len();
        let written = match self.format {
            Format::Text => record.write_text(out, style),
            Format::Binary => record.write_binary(out, style),
        };
        if written.is_err() {
            out.truncate(start);
        }
        written.map(|()| true)
    }
}

/// Runs the writer for a value there is.
fn put<T>(value: Option<T>, write: impl FnOnce(T)) -> bool {
    value.map(write).is_some()
}

fn is_iso(style: &Style) -> bool {
    style.date_style == DateStyle::Iso
}

/// Text as it is, numbers as their digits.
fn write_plain(out: &mut Vec<u8>, value: ValueRef<'_>, style: &Style) -> Result<bool, Error> {
    match value {
        ValueRef::Text(text) => write_text(out, text)?,
        ValueRef::Integer(i) => out.extend_from_slice(itoa::Buffer::new().format(i).as_bytes()),
        ValueRef::Real(r) => float::write_f64(out, r, style.extra_float_digits),
        ValueRef::Null | ValueRef::Blob(_) => return Ok(false),
    }
    Ok(true)
}

/// Text filled up with spaces to so many characters.
fn write_padded(
    out: &mut Vec<u8>,
    value: ValueRef<'_>,
    length: u32,
    style: &Style,
) -> Result<bool, Error> {
    let characters = match value {
        // In ASCII a byte is a character.
        ValueRef::Text(text) if is_plain(text) => {
            out.extend_from_slice(text);
            text.len()
        }
        _ => {
            let start = out.len();
            if !write_plain(out, value, style)? {
                return Ok(false);
            }
            count_characters(out.get(start..).unwrap_or_default())
        }
    };
    let missing = usize::try_from(length).unwrap_or(0).saturating_sub(characters);
    out.resize(out.len() + missing, b' ');
    Ok(true)
}

/// The characters of a UTF-8 text: every byte but those that continue one starts one. Counted in
/// bytes, which the compiler does for many at a time; 255 is what fits.
fn count_characters(text: &[u8]) -> usize {
    let starts = |byte: &u8| u8::from(byte & 0xC0 != 0x80);
    let count = |chunk: &[u8]| chunk.iter().fold(0, |count: u8, byte| count + starts(byte));
    text.chunks(usize::from(u8::MAX)).map(|chunk| usize::from(count(chunk))).sum()
}

/// The name of a `regtype` that Postgres ships.
fn builtin_name(ty: Type, oid: u32) -> Option<String> {
    (ty == Type::REGTYPE && Type(oid).row().is_some()).then(|| Type(oid).sql_name().into_owned())
}

fn read_bool(value: ValueRef<'_>) -> Option<bool> {
    match value {
        ValueRef::Integer(0) => Some(false),
        ValueRef::Integer(1) => Some(true),
        ValueRef::Real(0.0) => Some(false),
        ValueRef::Real(1.0) => Some(true),
        ValueRef::Text(text) => scalar::parse_bool(std::str::from_utf8(text).ok()?),
        _ => None,
    }
}

/// The integer a value is without loss.
fn read_integer(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Integer(i) => Some(i),
        ValueRef::Real(r) if r.fract() == 0.0 && r.abs() < 9.2e18 => Some(r as i64),
        ValueRef::Text(text) => parse_integer(std::str::from_utf8(text).ok()?),
        _ => None,
    }
}

fn read_oid(value: ValueRef<'_>) -> Option<u32> {
    read_integer(value).and_then(|number| u32::try_from(number).ok())
}

fn read_float(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Real(r) => Some(r),
        ValueRef::Integer(i) => {
            let real = i as f64;
            (real as i128 == i128::from(i)).then_some(real)
        }
        ValueRef::Text(text) => float::parse_f64(std::str::from_utf8(text).ok()?).ok(),
        _ => None,
    }
}

fn bytes(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => Some(bytes),
        _ => None,
    }
}

fn read_uuid(value: ValueRef<'_>) -> Option<[u8; 16]> {
    match value {
        ValueRef::Text(text) => scalar::parse_uuid(std::str::from_utf8(text).ok()?),
        ValueRef::Blob(bytes) => bytes.try_into().ok(),
        _ => None,
    }
}

/// Days since 2000, the infinities as they are.
fn wire_date(days: i32) -> i32 {
    match days {
        DATE_INFINITY | DATE_NEG_INFINITY => days,
        _ => days - POSTGRES_EPOCH_DAYS,
    }
}

/// Microseconds since 2000, the infinities as they are.
fn wire_timestamp(us: i64) -> i64 {
    match us {
        INFINITY | NEG_INFINITY => us,
        _ => us - POSTGRES_EPOCH,
    }
}
