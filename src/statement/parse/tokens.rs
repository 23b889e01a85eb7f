//! Our tokens in, sqlparser's out: decoded, and placed by byte.

use super::dialect::begins_nothing;
use super::left_out::Around;
use super::limits::Limits;
use super::put_in::PutIn;
use super::{operators, syntax_error};
use crate::statement::error::Error;
use crate::statement::lexer::{Kind, Token};
use crate::statement::literal::{self, Literal};
use sqlparser::tokenizer::{Location, Span, Token as Parsed, TokenWithSpan};

/// Converts a statement's tokens.
pub(super) fn convert(tokens: &[Token], text: &str) -> Result<Vec<TokenWithSpan>, Error> {
    let mut converted = Vec::with_capacity(tokens.len());
    let mut limits = Limits::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let left_out = Around { tokens, at, text }.left_out()?;
        if left_out > 0 {
            at += left_out;
            continue;
        }
        deny_adjacent(tokens, at, text)?;
        deny_reserved(tokens, at, text)?;
        limits.pass(*token, text)?;
        let place = |token_of| TokenWithSpan { token: token_of, span: span(*token) };
        let put_in = PutIn::at(tokens, at, text);
        match put_in.instead {
            Some(words) => converted.extend(words.into_iter().map(place)),
            None if token.kind == Kind::Word && follows_dot(tokens, at) => {
                converted.push(place(name(*token, text)));
            }
            None => converted.push(place(convert_one(*token, text)?)),
        }
        converted.extend(put_in.behind.map(place));
        at += 1;
    }
    Ok(converted)
}

/// Nowhere in Postgres's grammar may two constants meet.
fn deny_adjacent(tokens: &[Token], at: usize, text: &str) -> Result<(), Error> {
    let constant = |token: &Token| token.kind.is_literal() || token.kind == Kind::Parameter;
    let pair = at.checked_sub(1).and_then(|before| Some((tokens.get(before)?, tokens.get(at)?)));
    match pair {
        Some((left, right)) if constant(left) && constant(right) => Err(syntax_error(*right, text)),
        _ => Ok(()),
    }
}

/// A table's name is none of the words that go on with the statement.
fn deny_reserved(tokens: &[Token], at: usize, text: &str) -> Result<(), Error> {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let (Some(before), Some(token)) = (before, tokens.get(at)) else { return Ok(()) };
    let names_table = ["from", "join", "into"].iter().any(|word| before.is_word(text, word));
    let goes_on = ["only", "lateral"].iter().any(|word| token.is_word(text, word));
    if names_table && !goes_on && token.kind == Kind::Word && begins_nothing(token.text(text)) {
        return Err(syntax_error(*token, text));
    }
    Ok(())
}

/// What follows a dot is a name, whatever else the word means: `pg_catalog.substring(a, b)`.
fn follows_dot(tokens: &[Token], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| tokens.get(before)).is_some_and(|t| t.is_symbol(b'.'))
}

fn name(token: Token, text: &str) -> Parsed {
    Parsed::make_word(&token.text(text).to_ascii_lowercase(), Some('"'))
}

fn convert_one(token: Token, text: &str) -> Result<Parsed, Error> {
    let spelling = token.text(text);
    Ok(match token.kind {
        // Postgres folds unquoted names; the parser knows keywords in any case.
        Kind::Word => Parsed::make_word(&spelling.to_ascii_lowercase(), None),
        Kind::QuotedName | Kind::UnicodeName => {
            Parsed::make_word(&literal::name(token, text)?, Some('"'))
        }
        kind if kind.is_literal() => match Literal::decode(token, text)? {
            Literal::Integer(integer) => Parsed::Number(integer.to_string(), false),
            Literal::Numeric(number) => Parsed::Number(number, false),
            Literal::String(string) => Parsed::SingleQuotedString(string),
            Literal::Bits(bits) => Parsed::SingleQuotedByteStringLiteral(bits),
        },
        Kind::Parameter => Parsed::Placeholder(spelling.to_owned()),
        Kind::Operator => operators::token(spelling),
        Kind::Cast => Parsed::DoubleColon,
        Kind::ColonEquals => Parsed::Assignment,
        Kind::Symbol(symbol) => symbol_token(symbol),
        _ => return Err(syntax_error(token, text)),
    })
}

fn symbol_token(symbol: u8) -> Parsed {
    match symbol {
        b',' => Parsed::Comma,
        b'(' => Parsed::LParen,
        b')' => Parsed::RParen,
        b'[' => Parsed::LBracket,
        b']' => Parsed::RBracket,
        b'.' => Parsed::Period,
        b';' => Parsed::SemiColon,
        _ => Parsed::Colon,
    }
}

fn span(token: Token) -> Span {
    Span::new(location(token.start), location(token.end))
}

fn location(offset: usize) -> Location {
    Location { line: 1, column: u64::try_from(offset).unwrap_or(u64::MAX - 1) + 1 }
}
