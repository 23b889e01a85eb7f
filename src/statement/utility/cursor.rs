//! DECLARE, FETCH, MOVE and CLOSE.
//! <https://www.postgresql.org/docs/15/sql-declare.html>

use super::Utility;
use super::reader::Reader;
use crate::statement::error::{BadValue, Error, ErrorKind};
use crate::statement::{Cursor, Direction, Statement};
use std::ops::Range;

/// DECLARE before its query is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declare {
    /// The cursor's name.
    pub name: String,
    /// BINARY
    pub binary: bool,
    /// SCROLL (true), NO SCROLL (false).
    pub scroll: Option<bool>,
    /// WITH HOLD
    pub hold: bool,
    /// Where the query's text is.
    pub query: Range<usize>,
}

pub(super) fn declare(reader: &mut Reader<'_>) -> Result<Option<Utility>, Error> {
    reader.skip(1);
    let name = reader.name()?;
    let (mut binary, mut insensitive, mut asensitive) = (false, false, false);
    let (mut scroll, mut no_scroll) = (false, false);
    loop {
        match reader.expect_one_of(&DECLARE_WORDS)? {
            "binary" => binary = true,
            "insensitive" => insensitive = true,
            "asensitive" => asensitive = true,
            "scroll" => scroll = true,
            "no" => {
                reader.expect(&["scroll"])?;
                no_scroll = true;
            }
            _ => break,
        }
    }
    let hold = hold(reader)?;
    reader.expect(&["for"])?;
    if scroll && no_scroll {
        return Err(contradiction("cannot specify both SCROLL and NO SCROLL"));
    }
    if insensitive && asensitive {
        return Err(contradiction("cannot specify both INSENSITIVE and ASENSITIVE"));
    }
    let scroll = if scroll || no_scroll { Some(scroll) } else { None };
    let query = query(reader)?;
    Ok(Some(Utility::Declare(Declare { name, binary, scroll, hold, query })))
}

const DECLARE_WORDS: [&str; 6] = ["binary", "insensitive", "asensitive", "scroll", "no", "cursor"];

/// `invalid_cursor_definition`
fn contradiction(message: &str) -> Error {
    let message = message.to_owned();
    ErrorKind::Literal(BadValue { sqlstate: "42P11", message }).at(None)
}

fn hold(reader: &mut Reader<'_>) -> Result<bool, Error> {
    if !reader.is("with") && !reader.is("without") {
        return Ok(false);
    }
    let hold = reader.expect_one_of(&["with", "without"])? == "with";
    reader.expect(&["hold"])?;
    Ok(hold)
}

fn query(reader: &mut Reader<'_>) -> Result<Range<usize>, Error> {
    let begins = ["select", "with", "values", "table"].iter().any(|word| reader.is(word));
    if begins || reader.is_symbol(b'(') { reader.rest() } else { Err(reader.unexpected()) }
}

pub(super) fn fetch(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    let (direction, name) = direction(reader)?;
    Ok(Statement::Cursor(Cursor::Fetch { name, direction }))
}

pub(super) fn move_(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    let (direction, name) = direction(reader)?;
    Ok(Statement::Cursor(Cursor::Move { name, direction }))
}

pub(super) fn close(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    if reader.accept(&["all"]) {
        return Ok(Statement::Cursor(Cursor::CloseAll));
    }
    Ok(Statement::Cursor(Cursor::Close(reader.name()?)))
}

/// `fetch_args`
fn direction(reader: &mut Reader<'_>) -> Result<(Direction, String), Error> {
    let direction = if reader.peek_at(1).is_none() {
        Direction::Forward(1)
    } else {
        explicit_direction(reader)?
    };
    let _word = reader.one_of(&["from", "in"]);
    Ok((direction, reader.name()?))
}

const DIRECTION_WORDS: [&str; 9] =
    ["next", "prior", "first", "last", "absolute", "relative", "all", "forward", "backward"];

fn explicit_direction(reader: &mut Reader<'_>) -> Result<Direction, Error> {
    if let Some(count) = reader.signed_integer()? {
        return Ok(Direction::Forward(count));
    }
    let Some(word) = reader.one_of(&DIRECTION_WORDS) else { return Ok(Direction::Forward(1)) };
    Ok(match word {
        "prior" => Direction::Forward(-1),
        "first" => Direction::Absolute(1),
        "last" => Direction::Absolute(-1),
        "absolute" => Direction::Absolute(required(reader)?),
        "relative" => Direction::Relative(required(reader)?),
        "all" => Direction::Forward(i64::MAX),
        "forward" => Direction::Forward(count(reader)?),
        "backward" => Direction::Forward(-count(reader)?),
        _ => Direction::Forward(1),
    })
}

fn required(reader: &mut Reader<'_>) -> Result<i64, Error> {
    reader.signed_integer()?.ok_or_else(|| reader.unexpected())
}

fn count(reader: &mut Reader<'_>) -> Result<i64, Error> {
    if reader.accept(&["all"]) {
        return Ok(i64::MAX);
    }
    Ok(reader.signed_integer()?.unwrap_or(1))
}
