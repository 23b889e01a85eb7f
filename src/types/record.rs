//! Records: rows of values that carry their own types.
//!
//! Inside SQLite a record that a client is to see is TEXT, a JSON array of two arrays: the fields'
//! types, each as type, modifier and storage, and their values in the stored form.
//! <https://www.postgresql.org/docs/15/rowtypes.html#ROWTYPES-IO-SYNTAX>

use super::array::{json, stored};
use super::codec::Codec;
use super::style::Style;
use super::{ColumnType, Error, Format, Storage, Type, Value};
use serde_json::Value as Json;

/// A row of values with their types.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Types and values, in order.
    pub fields: Vec<(ColumnType, Value)>,
}

impl Record {
    /// The fields' types as [`Self::new`] takes them.
    pub fn types_text<'t>(types: impl Iterator<Item = &'t ColumnType>) -> String {
        let texts = types.map(|t| format!("{}:{}:{}", t.ty.0, t.typmod, storage_number(t.storage)));
        texts.collect::<Vec<_>>().join(",")
    }

    /// A record of values whose types are those of a text made by [`Self::types_text`].
    #[must_use]
    pub fn new(types: &str, values: impl Iterator<Item = Value>) -> Option<Self> {
        let types = types.split(',').filter(|text| !text.is_empty());
        let types = types.map(|text| {
            let mut numbers = text.split(':').map(str::parse::<i64>);
            column_type([numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?])
        });
        let types = types.collect::<Option<Vec<_>>>()?;
        Some(Self { fields: types.into_iter().zip(values).collect() })
    }

    /// Reads the stored form; `None` for text that is none.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        let (types, values): (Vec<[i64; 3]>, Vec<Json>) = serde_json::from_str(text).ok()?;
        let types = types.into_iter().map(column_type).collect::<Option<Vec<_>>>()?;
        Some(Self {
            fields: types.into_iter().zip(values.into_iter().map(json::element)).collect(),
        })
    }

    /// The stored form.
    #[must_use]
    pub fn to_json(&self) -> String {
        let types = self
            .fields
            .iter()
            .map(|(ty, _)| [i64::from(ty.ty.0), i64::from(ty.typmod), storage_number(ty.storage)]);
        let mut out =
            Json::from_iter(types.map(|t| Json::from(t.to_vec()))).to_string().into_bytes();
        out.insert(0, b'[');
        out.extend_from_slice(b",[");
        for (i, (_, value)) in self.fields.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            json::write(&mut out, value);
        }
        out.extend_from_slice(b"]]");
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Writes `(1,x,,"a b")`.
    ///
    /// # Errors
    /// A value is none of its type.
    pub fn write_text(&self, out: &mut Vec<u8>, style: &Style) -> Result<(), Error> {
        out.push(b'(');
        for (i, (ty, value)) in self.fields.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            if *value != Value::Null {
                let mut text = Vec::new();
                let codec = Codec::of(ty, Format::Text);
                codec.encode(&mut text, stored(value, ty.ty, &mut Vec::new()), style)?;
                write_quoted(out, &text);
            }
        }
        out.push(b')');
        Ok(())
    }

    /// Writes Postgres's binary form: the number of fields, then each with its type.
    ///
    /// # Errors
    /// A value is none of its type.
    pub fn write_binary(&self, out: &mut Vec<u8>, style: &Style) -> Result<(), Error> {
        let count = i32::try_from(self.fields.len()).unwrap_or(i32::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        for (ty, value) in &self.fields {
            out.extend_from_slice(&ty.ty.0.to_be_bytes());
            let codec = Codec::of(ty, Format::Binary);
            codec.write_field(out, stored(value, ty.ty, &mut Vec::new()), style)?;
        }
        Ok(())
    }
}

fn column_type([ty, typmod, storage]: [i64; 3]) -> Option<ColumnType> {
    Some(ColumnType {
        ty: Type(u32::try_from(ty).ok()?),
        typmod: i32::try_from(typmod).ok()?,
        storage: storage_of(storage)?,
    })
}

/// Storages that have no number of their own, by their place.
const STORAGES: [Storage; 6] = [
    Storage::Native,
    Storage::UnixSeconds,
    Storage::UnixMillis,
    Storage::UnixMicros,
    Storage::JulianDay,
    Storage::Row,
];

fn storage_number(storage: Storage) -> i64 {
    match storage {
        Storage::Shown(n) => STORAGES.len() as i64 + i64::from(n),
        other => STORAGES.iter().position(|s| *s == other).unwrap_or(0) as i64,
    }
}

fn storage_of(number: i64) -> Option<Storage> {
    let place = usize::try_from(number).ok()?;
    match place.checked_sub(STORAGES.len()) {
        Some(shown) => Some(Storage::Shown(u32::try_from(shown).ok()?)),
        None => STORAGES.get(place).copied(),
    }
}

fn write_quoted(out: &mut Vec<u8>, text: &[u8]) {
    let special = |b: &u8| {
        matches!(b, b'"' | b'\\' | b'(' | b')' | b',') || b.is_ascii_whitespace() || *b == 0x0B
    };
    if !text.is_empty() && !text.iter().any(special) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(*byte);
        }
        out.push(*byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_written_as_postgres_writes_them() {
        let stored =
            ColumnType { storage: Storage::UnixSeconds, ..ColumnType::new(Type::TIMESTAMP) };
        let types = [ColumnType::new(Type::INT4), ColumnType::new(Type::TEXT)];
        let types = types.into_iter().chain([
            ColumnType::new(Type::TEXT),
            ColumnType::new(Type::BYTEA),
            stored,
            ColumnType { storage: Storage::Shown(2), ..ColumnType::new(Type::NUMERIC) },
        ]);
        let types: Vec<_> = types.collect();
        let values = [
            Value::Integer(1),
            Value::Text("a \"b\"\\".to_owned()),
            Value::Null,
            Value::Blob(vec![0, 255]),
            Value::Integer(0),
            Value::Real(1.5),
        ];
        let record = Record::new(&Record::types_text(types.iter()), values.into_iter()).unwrap();
        let read = Record::from_json(&record.to_json()).unwrap();
        let mut text = Vec::new();
        read.write_text(&mut text, &Style::default()).unwrap();
        let expected = r#"(1,"a ""b""\\",,"\\x00ff","1970-01-01 00:00:00",1.50)"#;
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        let mut binary = Vec::new();
        read.write_binary(&mut binary, &Style::default()).unwrap();
        assert_eq!(binary[..16], [0, 0, 0, 6, 0, 0, 0, 23, 0, 0, 0, 4, 0, 0, 0, 1]);
        assert_eq!(Record::from_json("[1,2]"), None);
    }
}
