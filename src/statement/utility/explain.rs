//! EXPLAIN.
//! <https://www.postgresql.org/docs/15/sql-explain.html>

use super::reader::Reader;
use super::{Utility, prepared};
use crate::statement::error::{BadValue, Error, ErrorKind};
use crate::types::Type;
use std::ops::Range;

/// EXPLAIN before its statement is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explain {
    /// ANALYZE: run it too.
    pub analyze: bool,
    /// FORMAT
    pub format: ExplainFormat,
    /// Where the statement's text is.
    pub statement: Range<usize>,
}

/// FORMAT of EXPLAIN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExplainFormat {
    /// text
    #[default]
    Text,
    /// json
    Json,
    /// xml
    Xml,
    /// yaml
    Yaml,
}

impl ExplainFormat {
    /// The type of the column under which the plan is shown.
    #[must_use]
    pub fn ty(self) -> Type {
        match self {
            Self::Json => Type::JSON,
            Self::Text | Self::Xml | Self::Yaml => Type::TEXT,
        }
    }
}

/// EXPLAIN; `EXPLAIN QUERY PLAN` is SQLite's own and left to it.
pub(super) fn explain(reader: &mut Reader<'_>) -> Result<Option<Utility>, Error> {
    if reader.is_at(1, "query") && reader.is_at(2, "plan") {
        return Ok(None);
    }
    reader.skip(1);
    let mut explain = Explain { analyze: false, format: ExplainFormat::Text, statement: 0..0 };
    if reader.is_symbol(b'(') && !opens_query(reader) {
        for option in reader.parenthesized(option)? {
            apply(&mut explain, &option)?;
        }
    } else {
        explain.analyze = reader.one_of(&["analyze", "analyse"]).is_some();
        reader.accept(&["verbose"]);
    }
    if !EXPLAINED.iter().any(|word| reader.is(word)) && !reader.is_symbol(b'(') {
        return Err(reader.unexpected());
    }
    if reader.is("execute") {
        return prepared::explain(reader, explain.format.ty()).map(Utility::Statement).map(Some);
    }
    explain.statement = reader.rest()?;
    Ok(Some(Utility::Explain(explain)))
}

/// What EXPLAIN takes; not itself.
const EXPLAINED: [&str; 13] = [
    "select", "with", "values", "table", "insert", "replace", "update", "delete", "merge",
    "declare", "execute", "create", "refresh",
];

fn opens_query(reader: &Reader<'_>) -> bool {
    ["select", "with", "values", "table"].iter().any(|word| reader.is_at(1, word))
        || reader.peek_at(1).is_some_and(|token| token.is_symbol(b'('))
}

/// An option's name and what follows it.
fn option(reader: &mut Reader<'_>) -> Result<(String, Option<String>), Error> {
    let name = reader.label()?.replace("analyse", "analyze");
    if reader.is_symbol(b',') || reader.is_symbol(b')') {
        return Ok((name, None));
    }
    let value = match reader.number()? {
        Some(number) => number,
        None if reader.is_string() => reader.string()?,
        None => reader.label()?,
    };
    Ok((name, Some(value)))
}

fn apply(explain: &mut Explain, (name, value): &(String, Option<String>)) -> Result<(), Error> {
    match name.as_str() {
        "analyze" => explain.analyze = boolean(name, value.as_deref())?,
        "verbose" | "costs" | "settings" | "buffers" | "wal" | "timing" | "summary" => {
            boolean(name, value.as_deref())?;
        }
        "format" => explain.format = format(value.as_deref().unwrap_or_default())?,
        _ => {
            let message = format!("unrecognized EXPLAIN option \"{name}\"");
            return Err(ErrorKind::Literal(BadValue { sqlstate: "42601", message }).at(None));
        }
    }
    Ok(())
}

fn format(value: &str) -> Result<ExplainFormat, Error> {
    Ok(match value.to_ascii_lowercase().as_str() {
        "text" => ExplainFormat::Text,
        "json" => ExplainFormat::Json,
        "xml" => ExplainFormat::Xml,
        "yaml" => ExplainFormat::Yaml,
        _ => {
            let message = format!("unrecognized value for EXPLAIN option \"format\": \"{value}\"");
            return Err(ErrorKind::Literal(BadValue { sqlstate: "22023", message }).at(None));
        }
    })
}

/// `defGetBoolean`
pub(super) fn boolean(name: &str, value: Option<&str>) -> Result<bool, Error> {
    match value.map(str::to_ascii_lowercase).as_deref() {
        None | Some("true" | "on" | "1") => Ok(true),
        Some("false" | "off" | "0") => Ok(false),
        Some(_) => {
            let message = format!("{name} requires a Boolean value");
            Err(ErrorKind::Literal(BadValue { sqlstate: "42601", message }).at(None))
        }
    }
}
