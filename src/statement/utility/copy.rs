//! COPY, in its present and its two older syntaxes.
//! <https://www.postgresql.org/docs/15/sql-copy.html>

use super::Utility;
use super::copy_options::{self, CopyOption, OptionValue};
use super::ignored::unsupported;
use super::reader::Reader;
use crate::statement::error::{Error, ErrorKind};
use crate::statement::{CopyOptions, OutputColumn};
use std::ops::Range;

/// COPY before its table or query is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyCommand {
    /// What is copied.
    pub target: CopyTarget,
    /// FROM (true) or TO (false).
    pub from: bool,
    /// The condition of COPY FROM: where it is in the text.
    pub filter: Option<Range<usize>>,
    /// The options; the column lists among them are by name, below.
    pub options: CopyOptions,
    /// FORCE_QUOTE *
    pub force_quote_all: bool,
    /// FORCE_QUOTE
    pub force_quote: Vec<String>,
    /// FORCE_NOT_NULL
    pub force_not_null: Vec<String>,
    /// FORCE_NULL
    pub force_null: Vec<String>,
}

/// What COPY copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyTarget {
    /// A table and perhaps some of its columns.
    Table {
        /// The name with its qualifiers.
        name: Vec<String>,
        /// The columns; empty for all.
        columns: Vec<String>,
    },
    /// `COPY (query) TO`: where the query's text is.
    Query(Range<usize>),
}

impl CopyCommand {
    /// The options with their column lists as positions in the columns copied.
    ///
    /// # Errors
    /// A list names a column that is not copied; `unknown` is the error for a name that is no
    /// column at all.
    pub fn resolve(
        &self,
        columns: &[OutputColumn],
        unknown: impl Fn(&str) -> Option<Error>,
    ) -> Result<CopyOptions, Error> {
        let positions = |option: &str, names: &[String]| {
            let position = |name: &String| {
                let found = columns.iter().position(|c| c.name.eq_ignore_ascii_case(name));
                found.ok_or_else(|| unknown(name).unwrap_or_else(|| not_copied(option, name)))
            };
            names.iter().map(position).collect::<Result<Vec<_>, _>>()
        };
        let mut options = self.options.clone();
        options.force_quote = if self.force_quote_all {
            (0..columns.len()).collect()
        } else {
            positions("FORCE_QUOTE", &self.force_quote)?
        };
        options.force_not_null = positions("FORCE_NOT_NULL", &self.force_not_null)?;
        options.force_null = positions("FORCE_NULL", &self.force_null)?;
        Ok(options)
    }
}

fn not_copied(option: &str, name: &str) -> Error {
    copy_options::bad("42P10", format!("{option} column \"{name}\" not referenced by COPY"))
}

pub(super) fn copy(reader: &mut Reader<'_>) -> Result<Option<Utility>, Error> {
    reader.skip(1);
    let mut given = Vec::new();
    if reader.is("binary") && !reader.is_at(1, "from") && !reader.is_at(1, "to") {
        reader.skip(1);
        given.push(CopyOption::word("format", "binary"));
    }
    let target = target(reader)?;
    let from = reader.expect_one_of(&["from", "to"])? == "from";
    if from && matches!(target, CopyTarget::Query(_)) {
        return Err(reader.unexpected_before());
    }
    endpoint(reader, from)?;
    given.extend(options(reader)?);
    let filter = filter(reader, from)?;
    let command = copy_options::command(target, from, given)?;
    Ok(Some(Utility::Copy(CopyCommand { filter, ..command })))
}

fn target(reader: &mut Reader<'_>) -> Result<CopyTarget, Error> {
    if reader.accept_symbol(b'(') {
        if !COPIED.iter().any(|word| reader.is(word)) && !reader.is_symbol(b'(') {
            return Err(reader.unexpected());
        }
        let query = reader.balanced(false)?;
        reader.expect_symbol(b')')?;
        return Ok(CopyTarget::Query(query));
    }
    let name = reader.qualified_name()?;
    let columns =
        if reader.is_symbol(b'(') { reader.parenthesized(Reader::name)? } else { Vec::new() };
    Ok(CopyTarget::Table { name, columns })
}

/// What stands in the parentheses; not COPY itself.
const COPIED: [&str; 8] =
    ["select", "with", "values", "table", "insert", "update", "delete", "merge"];

/// STDIN and STDOUT are one to Postgres; files and programs are the server's, which egret keeps to
/// itself.
fn endpoint(reader: &mut Reader<'_>, from: bool) -> Result<(), Error> {
    let direction = if from { "FROM" } else { "TO" };
    if reader.accept(&["program"]) {
        reader.string()?;
        return Err(unsupported(&format!("COPY {direction} PROGRAM")));
    }
    if reader.is_string() {
        return Err(unsupported(&format!("COPY {direction} a file on the server")));
    }
    reader.expect_one_of(&["stdin", "stdout"]).map(|_| ())
}

/// WHERE
fn filter(reader: &mut Reader<'_>, from: bool) -> Result<Option<Range<usize>>, Error> {
    if !reader.is("where") {
        return Ok(None);
    }
    if !from {
        return Err(reader.error(ErrorKind::Grammar("WHERE clause not allowed with COPY TO")));
    }
    reader.skip(1);
    reader.rest().map(Some)
}

fn options(reader: &mut Reader<'_>) -> Result<Vec<CopyOption>, Error> {
    let mut given = Vec::new();
    let using = reader.accept(&["using"]);
    if reader.accept(&["delimiters"]) {
        given.push(CopyOption::text("delimiter", reader.string()?));
    } else if using {
        return Err(reader.unexpected());
    }
    reader.accept(&["with"]);
    if reader.is_symbol(b'(') {
        given.extend(reader.parenthesized(option)?);
        return Ok(given);
    }
    while !reader.is_end() && !reader.is("where") {
        given.push(old_option(reader)?);
    }
    Ok(given)
}

/// `copy_generic_opt_elem`
fn option(reader: &mut Reader<'_>) -> Result<CopyOption, Error> {
    let place = reader.peek().map(|token| token.start);
    let name = reader.label()?;
    let value = if reader.is_symbol(b',') || reader.is_symbol(b')') {
        OptionValue::None
    } else if reader.accept_operator("*") {
        OptionValue::Star
    } else if reader.is_symbol(b'(') {
        OptionValue::List(reader.parenthesized(|reader| {
            if reader.is_string() { reader.string() } else { reader.label() }
        })?)
    } else {
        OptionValue::Text(scalar(reader)?)
    };
    Ok(CopyOption { name, value, place })
}

fn scalar(reader: &mut Reader<'_>) -> Result<String, Error> {
    if let Some(number) = reader.number()? {
        return Ok(number);
    }
    match reader.one_of(&["true", "false", "on", "default"]) {
        Some(word) => Ok(word.to_owned()),
        None if reader.is_string() => reader.string(),
        None => reader.non_reserved(),
    }
}

const OLD_OPTIONS: [&str; 9] =
    ["binary", "freeze", "delimiter", "null", "csv", "header", "quote", "escape", "encoding"];

/// `copy_opt_item`
fn old_option(reader: &mut Reader<'_>) -> Result<CopyOption, Error> {
    let place = reader.peek().map(|token| token.start);
    if reader.accept(&["force"]) {
        return forced(reader, place);
    }
    let word = reader.expect_one_of(&OLD_OPTIONS)?;
    let (name, value) = match word {
        "binary" | "csv" => ("format", OptionValue::Text(word.to_owned())),
        "freeze" | "header" => (word, OptionValue::None),
        "encoding" => (word, OptionValue::Text(reader.string()?)),
        _ => {
            reader.accept(&["as"]);
            (word, OptionValue::Text(reader.string()?))
        }
    };
    Ok(CopyOption { name: name.to_owned(), value, place })
}

fn forced(reader: &mut Reader<'_>, place: Option<usize>) -> Result<CopyOption, Error> {
    let name = match reader.expect_one_of(&["quote", "not", "null"])? {
        "quote" => "force_quote",
        "null" => "force_null",
        _ => {
            reader.expect(&["null"])?;
            "force_not_null"
        }
    };
    let value = if name == "force_quote" && reader.accept_operator("*") {
        OptionValue::Star
    } else {
        OptionValue::List(reader.list(Reader::name)?)
    };
    Ok(CopyOption { name: name.to_owned(), value, place })
}
