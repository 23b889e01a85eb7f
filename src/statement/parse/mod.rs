//! The text of one statement in, sqlparser's syntax tree out.
//!
//! sqlparser's own tokenizer is not used: the parser is fed with our lexer's tokens, whose strings
//! are already decoded, whose integers are plain decimal digits and whose operators follow
//! Postgres's longest match. A node's span therefore counts bytes: see [`offset`].

mod dialect;
mod left_out;
mod limits;
mod operators;
mod put_in;
mod tokens;

use super::error::{Error, ErrorKind};
use super::lexer::{self, Token};
use dialect::Postgres;
pub use put_in::{all_fields_of, is_nothing};
use sqlparser::ast::Statement;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token as Parsed};

/// Parses one statement; a semicolon may end it.
///
/// # Errors
/// Postgres's syntax error at the token where parsing stopped.
pub fn parse(text: &str) -> Result<Statement, Error> {
    let tokens = lexer::tokens(text)?;
    let dialect = Postgres::default();
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(RECURSION_MAX)
        .with_tokens_with_locations(tokens::convert(&tokens, text)?);
    let place = Place { text, tokens: &tokens };
    let statement =
        parser.parse_statement().map_err(|error| place.reword(error, &parser, &dialect))?;
    let _ends = parser.consume_token(&Parsed::SemiColon);
    let rest = parser.peek_token_ref();
    match rest.token {
        Parsed::EOF => Ok(statement),
        _ => Err(place.syntax_error(offset(rest.span).max(dialect.furthest()))),
    }
}

/// The byte offset in the parsed text where a node of the tree starts; `None` for a node without
/// a place of its own.
#[must_use]
pub fn offset(span: Span) -> Option<usize> {
    column_offset(span.start)
}

/// How deep parentheses, sub-selects and operators may nest.
const RECURSION_MAX: usize = 600;

fn column_offset(location: Location) -> Option<usize> {
    if location.line == 0 {
        return None;
    }
    usize::try_from(location.column).ok()?.checked_sub(1)
}

/// The text being parsed, to say where an error is.
struct Place<'a> {
    text: &'a str,
    tokens: &'a [Token],
}

impl Place<'_> {
    fn reword(&self, error: ParserError, parser: &Parser<'_>, dialect: &Postgres) -> Error {
        match error {
            ParserError::RecursionLimitExceeded => ErrorKind::TooDeep.at(None),
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
                let said = match message_offset(&message) {
                    None if message.contains("found: EOF") => Some(usize::MAX),
                    None => offset(parser.peek_token_ref().span),
                    said => said,
                };
                self.syntax_error(said.max(dialect.furthest()))
            }
        }
    }

    fn syntax_error(&self, at: Option<usize>) -> Error {
        let token = at.and_then(|at| self.tokens.iter().find(|token| token.start >= at));
        match token {
            Some(token) => syntax_error(*token, self.text),
            None => ErrorKind::UnexpectedEnd.at(self.text.len()),
        }
    }
}

fn syntax_error(token: Token, text: &str) -> Error {
    ErrorKind::Syntax(token.text(text).to_owned()).at(token.start)
}

/// The place sqlparser writes behind its messages.
fn message_offset(message: &str) -> Option<usize> {
    let (_, place) = message.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    column_offset(Location { line: line.parse().ok()?, column: column.parse().ok()? })
}

#[cfg(test)]
mod tests;
