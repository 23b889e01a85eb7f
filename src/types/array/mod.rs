//! Arrays: JSON text inside SQLite, `{1,2,NULL}` or Postgres's binary form on the wire.
//! <https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO>

pub(super) mod json;
mod literal;

use super::codec::Codec;
use super::style::Style;
use super::{ColumnType, Error, Format, Type, Value, ValueRef, scalar};

/// Postgres allows no more dimensions.
const DIMENSIONS_MAX: usize = 6;

/// An array of values in their stored form, row by row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Array {
    /// The length of each dimension; none for an empty array.
    pub dimensions: Vec<usize>,
    /// As many elements as the product of the dimensions.
    pub elements: Vec<Value>,
}

impl Array {
    /// An array of one dimension.
    #[must_use]
    pub fn new(elements: Vec<Value>) -> Self {
        let dimensions = if elements.is_empty() { Vec::new() } else { vec![elements.len()] };
        Self { dimensions, elements }
    }

    /// An array of the given shape; `None` if it does not hold that many elements.
    #[must_use]
    pub fn with_shape(dimensions: Vec<usize>, elements: Vec<Value>) -> Option<Self> {
        if elements.is_empty() {
            return Some(Self::default());
        }
        let wanted = dimensions.iter().try_fold(1_usize, |n, d| n.checked_mul(*d));
        let fits =
            wanted == Some(elements.len()) && (1..=DIMENSIONS_MAX).contains(&dimensions.len());
        fits.then_some(Self { dimensions, elements })
    }

    /// Reads the stored form; `None` for text that is no JSON array of one shape.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        json::read(text)
    }

    /// The stored form.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        self.nest(&mut out, *b"[],", json::write);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Reads an `int2vector` or `oidvector`.
    #[must_use]
    pub(super) fn from_vector(text: &str) -> Option<Self> {
        let numbers = text.split_ascii_whitespace().map(|n| n.parse().map(Value::Integer).ok());
        Some(Self::new(numbers.collect::<Option<Vec<_>>>()?))
    }

    /// The stored form of an `int2vector` or `oidvector`.
    pub(super) fn to_vector(&self) -> String {
        let numbers = self.elements.iter().filter_map(|value| match value {
            Value::Integer(i) => Some(i.to_string()),
            _ => None,
        });
        numbers.collect::<Vec<_>>().join(" ")
    }

    /// Writes `{1,2,NULL}`.
    ///
    /// # Errors
    /// An element is none of its type.
    pub fn write_text(
        &self,
        out: &mut Vec<u8>,
        element: &ColumnType,
        style: &Style,
    ) -> Result<(), Error> {
        let codec = Codec::of(element, Format::Text);
        let delimiter = delimiter(element.ty);
        let mut texts = Vec::with_capacity(self.elements.len());
        for value in &self.elements {
            let mut text = Vec::new();
            codec.encode(&mut text, stored(value, element.ty, &mut Vec::new()), style)?;
            texts.push(text);
        }
        let mut texts = texts.into_iter();
        self.nest(out, [b'{', b'}', delimiter], |out, value| {
            let text = texts.next().unwrap_or_default();
            match value {
                Value::Null => out.extend_from_slice(b"NULL"),
                _ => literal::write_quoted(out, &text, delimiter),
            }
        });
        Ok(())
    }

    /// Reads `{1,2,NULL}`.
    ///
    /// # Errors
    /// The text is no array, or an element is none of its type.
    pub fn parse_text(text: &str, element: Type, style: &Style) -> Result<Self, Error> {
        let codec = Codec::of(&ColumnType::new(element), Format::Text);
        let (dimensions, items) = literal::parse(text, delimiter(element))?;
        let elements = items
            .into_iter()
            .map(|item| match item {
                None => Ok(Value::Null),
                Some(bytes) => codec.decode(&bytes, style),
            })
            .collect::<Result<Vec<_>, _>>()?;
        Self::with_shape(dimensions, elements).ok_or(Error::ArrayShape)
    }

    /// Writes Postgres's binary form.
    ///
    /// # Errors
    /// An element is none of its type.
    pub fn write_binary(
        &self,
        out: &mut Vec<u8>,
        element: &ColumnType,
        lower_bound: i32,
        style: &Style,
    ) -> Result<(), Error> {
        let codec = Codec::of(element, Format::Binary);
        let nulls = self.elements.contains(&Value::Null);
        out.extend_from_slice(&(self.dimensions.len() as i32).to_be_bytes());
        out.extend_from_slice(&i32::from(nulls).to_be_bytes());
        out.extend_from_slice(&element.ty.0.to_be_bytes());
        for dimension in &self.dimensions {
            out.extend_from_slice(&(*dimension as i32).to_be_bytes());
            out.extend_from_slice(&lower_bound.to_be_bytes());
        }
        for value in &self.elements {
            codec.write_field(out, stored(value, element.ty, &mut Vec::new()), style)?;
        }
        Ok(())
    }

    /// Reads Postgres's binary form.
    ///
    /// # Errors
    /// The bytes are no array of that element, or an element is none of its type.
    pub fn from_binary(bytes: &[u8], element: Type, style: &Style) -> Result<Self, Error> {
        let bad = || Error::Binary { ty: format!("{}[]", element.scalar_sql_name()).into() };
        let mut input = Input { bytes };
        let count = input.length().filter(|n| *n <= DIMENSIONS_MAX).ok_or_else(bad)?;
        let (_flags, _sent_element) = (input.int(), input.int().ok_or_else(bad)?);
        let mut dimensions = Vec::with_capacity(count);
        for _ in 0..count {
            dimensions.push(input.length().ok_or_else(bad)?);
            input.int().ok_or_else(bad)?;
        }
        let wanted = match count {
            0 => Some(0),
            _ => dimensions.iter().try_fold(1_usize, |n, d| n.checked_mul(*d)),
        };
        // Each element takes four bytes at least: a lie about their number ends here.
        let wanted = wanted.filter(|n| *n <= input.bytes.len() / 4).ok_or_else(bad)?;
        let codec = Codec::of(&ColumnType::new(element), Format::Binary);
        let mut elements = Vec::with_capacity(wanted);
        for _ in 0..wanted {
            elements.push(match input.field().ok_or_else(bad)? {
                None => Value::Null,
                Some(payload) => codec.decode(payload, style)?,
            });
        }
        if !input.bytes.is_empty() {
            return Err(bad());
        }
        Self::with_shape(dimensions, elements).ok_or_else(bad)
    }

    /// Writes elements between the brackets of their dimensions: open, close, delimiter.
    fn nest(
        &self,
        out: &mut Vec<u8>,
        [open, close, delimiter]: [u8; 3],
        mut write: impl FnMut(&mut Vec<u8>, &Value),
    ) {
        if self.elements.is_empty() {
            out.extend_from_slice(&[open, close]);
        }
        for (i, value) in self.elements.iter().enumerate() {
            if i > 0 {
                out.push(delimiter);
            }
            out.resize(out.len() + self.edges(i), open);
            write(out, value);
            out.resize(out.len() + self.edges(i + 1), close);
        }
    }

    /// How many dimensions start, or ended, at an element.
    fn edges(&self, at: usize) -> usize {
        let sizes = self.dimensions.iter().rev().scan(1, |size, dimension| {
            *size *= dimension;
            Some(*size)
        });
        sizes.take_while(|size| at.is_multiple_of(*size)).count()
    }
}

/// What stands between the elements of a type's arrays.
fn delimiter(element: Type) -> u8 {
    element.row().and_then(|row| u8::try_from(row.delimiter).ok()).unwrap_or(b',')
}

/// An element as a column would hold it: JSON has no bytes, so `bytea` stands in it as hex.
pub(super) fn stored<'a>(
    value: &'a Value,
    element: Type,
    scratch: &'a mut Vec<u8>,
) -> ValueRef<'a> {
    match value {
        Value::Text(text) if element == Type::BYTEA && text.starts_with("\\x") => {
            match scalar::parse_bytea(text) {
                Ok(bytes) => {
                    *scratch = bytes;
                    ValueRef::Blob(scratch)
                }
                Err(_) => value.borrow(),
            }
        }
        _ => value.borrow(),
    }
}

/// Bytes read from the front.
struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    fn int(&mut self) -> Option<i32> {
        let (head, tail) = self.bytes.split_first_chunk::<4>()?;
        self.bytes = tail;
        Some(i32::from_be_bytes(*head))
    }

    fn length(&mut self) -> Option<usize> {
        self.int().and_then(|n| usize::try_from(n).ok())
    }

    /// A length and so many bytes; -1 is NULL.
    fn field(&mut self) -> Option<Option<&'a [u8]>> {
        let length = self.int()?;
        if length == -1 {
            return Some(None);
        }
        let (head, tail) = self.bytes.split_at_checked(usize::try_from(length).ok()?)?;
        self.bytes = tail;
        Some(Some(head))
    }
}
