//! A statement's text in, its shape and its literals out: texts that differ only in the values of
//! their literals have one shape, and so may share one translation.

use super::error::Error;
use super::lexer::{Kind, Lexer, Token};
use super::literal::Literal;

/// A statement with its literals lifted out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The text with each literal replaced by its class; equal for texts of one shape.
    pub key: Vec<u8>,
    /// The literals in order of appearance.
    pub literals: Vec<LiteralToken>,
}

/// A literal and its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiteralToken {
    /// Where it is.
    pub token: Token,
    /// What its value is.
    pub class: Class,
}

/// What Postgres takes a literal for before it looks at what surrounds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// An integer of 32 bits.
    Int4,
    /// An integer of 64 bits.
    Int8,
    /// Any other number.
    Numeric,
    /// A character string, of unknown type.
    String,
    /// A bit string.
    Bits,
}

/// Lifts the literals out of a text.
///
/// # Errors
/// The text is not made of tokens.
pub fn shape(text: &str) -> Result<Shape, Error> {
    let bytes = text.as_bytes();
    let mut key = Vec::with_capacity(bytes.len() + KEY_SPARE);
    let mut literals = Vec::with_capacity(4);
    let mut copied = 0;
    let mut lexer = Lexer::new(text);
    while let Some(token) = lexer.token()? {
        if let Some(class) = class(token, text) {
            key.extend_from_slice(&bytes[copied..token.start]);
            key.extend_from_slice(&[MARK, class as u8]);
            copied = token.end;
            literals.push(LiteralToken { token, class });
        }
    }
    key.extend_from_slice(&bytes[copied..]);
    Ok(Shape { key, literals })
}

/// Stands before a class; UTF-8 never holds it.
const MARK: u8 = 0xff;

/// Room for what the cache adds to the key.
const KEY_SPARE: usize = 32;

#[inline]
fn class(token: Token, text: &str) -> Option<Class> {
    match token.kind {
        Kind::Integer => Some(integer_class(token.text(text))),
        Kind::Decimal => Some(Class::Numeric),
        Kind::BitString | Kind::HexString => Some(Class::Bits),
        kind if kind.is_string() => Some(Class::String),
        _ => None,
    }
}

fn integer_class(spelling: &str) -> Class {
    if spelling.len() < 10 && !spelling.starts_with("0") {
        return Class::Int4;
    }
    let token = Token { kind: Kind::Integer, start: 0, end: spelling.len() };
    match Literal::decode(token, spelling) {
        Ok(Literal::Integer(integer)) if i32::try_from(integer).is_ok() => Class::Int4,
        Ok(Literal::Integer(_)) => Class::Int8,
        _ => Class::Numeric,
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, shape};

    #[test]
    fn equal_shapes() {
        let key = |text: &str| shape(text).unwrap().key;
        assert_eq!(key("select 'a', 1 from t"), key("select 'it''s', 42 from t"));
        assert_eq!(key("select $$a$$"), key("select E'\\n'"));
        assert_ne!(key("select 1"), key("select 3000000000"));
        assert_ne!(key("select 1"), key("select '1'"));
        assert_ne!(key("select $1"), key("select $2"));
        assert_ne!(key("select a1"), key("select a2"));
    }

    #[test]
    fn classes() {
        let classes = |text: &str| -> Vec<Class> {
            shape(text).unwrap().literals.iter().map(|literal| literal.class).collect()
        };
        assert_eq!(
            classes("1, 2147483648, 99999999999999999999, 1.5, 'x', B'1', a, $1"),
            [Class::Int4, Class::Int8, Class::Numeric, Class::Numeric, Class::String, Class::Bits,]
        );
        assert_eq!(
            classes("2147483647 0x7fffffff 0x80000000"),
            [Class::Int4, Class::Int4, Class::Int8]
        );
    }
}
