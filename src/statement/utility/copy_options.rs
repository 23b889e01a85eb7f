//! The options of COPY as written in, checked options out, with the complaints Postgres has.
//! <https://www.postgresql.org/docs/15/sql-copy.html>

use super::copy::{CopyCommand, CopyTarget};
use super::explain::boolean;
use crate::statement::error::{BadValue, Error, ErrorKind};
use crate::statement::{CopyFormat, CopyHeader, CopyOptions};

/// An option as written.
#[derive(Debug)]
pub(super) struct CopyOption {
    pub(super) name: String,
    pub(super) value: OptionValue,
    pub(super) place: Option<usize>,
}

/// What follows an option's name.
#[derive(Debug)]
pub(super) enum OptionValue {
    None,
    Text(String),
    Star,
    List(Vec<String>),
}

impl CopyOption {
    pub(super) fn text(name: &str, value: String) -> Self {
        Self { name: name.to_owned(), value: OptionValue::Text(value), place: None }
    }

    pub(super) fn word(name: &str, value: &str) -> Self {
        Self::text(name, value.to_owned())
    }

    fn scalar(self) -> Result<String, Error> {
        match self.value {
            OptionValue::Text(text) => Ok(text),
            OptionValue::None => Err(bad("42601", format!("{} requires a parameter", self.name))),
            OptionValue::Star => Ok("*".to_owned()),
            OptionValue::List(list) => Ok(list.join(", ")),
        }
    }

    fn columns(self) -> Result<Vec<String>, Error> {
        match self.value {
            OptionValue::List(names) => Ok(names),
            _ => {
                let name = &self.name;
                let message =
                    format!("argument to option \"{name}\" must be a list of column names");
                Err(bad("22023", message))
            }
        }
    }
}

/// The options given, each at most once.
#[derive(Default)]
struct Given {
    format: Option<CopyFormat>,
    freeze: Option<bool>,
    delimiter: Option<String>,
    null: Option<String>,
    header: Option<CopyHeader>,
    quote: Option<String>,
    escape: Option<String>,
    encoding: Option<String>,
    force_quote: Option<Vec<String>>,
    force_quote_all: Option<bool>,
    force_not_null: Option<Vec<String>>,
    force_null: Option<Vec<String>>,
}

/// The command with its options checked.
pub(super) fn command(
    target: CopyTarget,
    from: bool,
    options: Vec<CopyOption>,
) -> Result<CopyCommand, Error> {
    let mut given = Given::default();
    for option in options {
        given.take(option, from)?;
    }
    given.check_format()?;
    given.check_force(from)?;
    let options = given.options()?;
    check_characters(&options)?;
    Ok(CopyCommand {
        target,
        from,
        filter: None,
        options,
        force_quote_all: given.force_quote_all.unwrap_or_default(),
        force_quote: given.force_quote.unwrap_or_default(),
        force_not_null: given.force_not_null.unwrap_or_default(),
        force_null: given.force_null.unwrap_or_default(),
    })
}

impl Given {
    fn take(&mut self, option: CopyOption, from: bool) -> Result<(), Error> {
        let place = option.place;
        let fresh = match option.name.as_str() {
            "format" => set(&mut self.format, format(&option.scalar()?, place)?),
            "freeze" => set(&mut self.freeze, boolean("freeze", option.as_boolean())?),
            "delimiter" => set(&mut self.delimiter, option.scalar()?),
            "null" => set(&mut self.null, option.scalar()?),
            "header" => set(&mut self.header, header(option.as_boolean(), from)?),
            "quote" => set(&mut self.quote, option.scalar()?),
            "escape" => set(&mut self.escape, option.scalar()?),
            "encoding" => set(&mut self.encoding, encoding(option.scalar()?, place)?),
            "force_quote" if matches!(option.value, OptionValue::Star) => {
                set(&mut self.force_quote_all, true) && self.force_quote.is_none()
            }
            "force_quote" => {
                set(&mut self.force_quote, option.columns()?) && self.force_quote_all.is_none()
            }
            "force_not_null" => set(&mut self.force_not_null, option.columns()?),
            "force_null" => set(&mut self.force_null, option.columns()?),
            other => {
                let message = format!("option \"{other}\" not recognized");
                return Err(bad_at("42601", message, place));
            }
        };
        if fresh { Ok(()) } else { Err(grammar("conflicting or redundant options", place)) }
    }

    fn format(&self) -> CopyFormat {
        self.format.unwrap_or(CopyFormat::Text)
    }

    /// Options that a format has no use for.
    fn check_format(&self) -> Result<(), Error> {
        let binary = self.format() == CopyFormat::Binary;
        let csv = self.format() == CopyFormat::Csv;
        let refused = [
            (binary && self.delimiter.is_some(), "cannot specify DELIMITER in BINARY mode"),
            (binary && self.null.is_some(), "cannot specify NULL in BINARY mode"),
        ];
        if let Some((_, message)) = refused.iter().find(|(wrong, _)| *wrong) {
            return Err(grammar(message, None));
        }
        if binary && self.header.is_some() {
            return Err(unavailable("cannot specify HEADER in BINARY mode"));
        }
        if !csv && self.quote.is_some() {
            return Err(unavailable("COPY quote available only in CSV mode"));
        }
        if !csv && self.escape.is_some() {
            return Err(unavailable("COPY escape available only in CSV mode"));
        }
        Ok(())
    }

    fn check_force(&self, from: bool) -> Result<(), Error> {
        let csv = self.format() == CopyFormat::Csv;
        let quote = self.force_quote.is_some() || self.force_quote_all.is_some();
        let (not_null, null) = (self.force_not_null.is_some(), self.force_null.is_some());
        let refused = [
            (quote && !csv, "COPY force quote available only in CSV mode"),
            (quote && from, "COPY force quote only available using COPY TO"),
            (not_null && !csv, "COPY force not null available only in CSV mode"),
            (not_null && !from, "COPY force not null only available using COPY FROM"),
            (null && !csv, "COPY force null available only in CSV mode"),
            (null && !from, "COPY force null only available using COPY FROM"),
        ];
        match refused.iter().find(|(wrong, _)| *wrong) {
            Some((_, message)) => Err(unavailable(message)),
            None => Ok(()),
        }
    }

    fn options(&mut self) -> Result<CopyOptions, Error> {
        let csv = self.format() == CopyFormat::Csv;
        let delimiter = self.delimiter.take();
        let delimiter = delimiter.unwrap_or_else(|| if csv { "," } else { "\t" }.to_owned());
        let quote = one_byte("quote", self.quote.as_deref().unwrap_or("\""))?;
        let escape = match &self.escape {
            Some(escape) => one_byte("escape", escape)?,
            None => quote,
        };
        let null = self.null.take();
        Ok(CopyOptions {
            format: self.format(),
            delimiter: one_byte("delimiter", &delimiter)?,
            null: null.unwrap_or_else(|| if csv { "" } else { "\\N" }.to_owned()),
            header: self.header.unwrap_or(CopyHeader::None),
            quote,
            escape,
            force_quote: Vec::new(),
            force_not_null: Vec::new(),
            force_null: Vec::new(),
        })
    }
}

/// Characters that would make the rows unreadable.
fn check_characters(options: &CopyOptions) -> Result<(), Error> {
    let delimiter = options.delimiter;
    let null = options.null.as_bytes();
    if matches!(delimiter, b'\n' | b'\r') {
        return Err(value("COPY delimiter cannot be newline or carriage return"));
    }
    if null.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return Err(value("COPY null representation cannot use newline or carriage return"));
    }
    let csv = options.format == CopyFormat::Csv;
    if !csv
        && (delimiter.is_ascii_lowercase()
            || delimiter.is_ascii_digit()
            || b"\\.".contains(&delimiter))
    {
        let message = format!("COPY delimiter cannot be \"{}\"", char::from(delimiter));
        return Err(bad("22023", message));
    }
    if csv && delimiter == options.quote {
        return Err(value("COPY delimiter and quote must be different"));
    }
    if options.format != CopyFormat::Binary && null.contains(&delimiter) {
        return Err(unavailable("COPY delimiter must not appear in the NULL specification"));
    }
    if csv && null.contains(&options.quote) {
        return Err(unavailable("CSV quote character must not appear in the NULL specification"));
    }
    Ok(())
}

impl CopyOption {
    fn as_boolean(&self) -> Option<&str> {
        match &self.value {
            OptionValue::Text(text) => Some(text),
            _ => None,
        }
    }
}

fn set<T>(slot: &mut Option<T>, value: T) -> bool {
    slot.replace(value).is_none()
}

fn format(name: &str, place: Option<usize>) -> Result<CopyFormat, Error> {
    match name {
        "text" => Ok(CopyFormat::Text),
        "csv" => Ok(CopyFormat::Csv),
        "binary" => Ok(CopyFormat::Binary),
        _ => Err(bad_at("22023", format!("COPY format \"{name}\" not recognized"), place)),
    }
}

fn header(value: Option<&str>, from: bool) -> Result<CopyHeader, Error> {
    if value.is_some_and(|value| value.eq_ignore_ascii_case("match")) {
        return if from {
            Ok(CopyHeader::Match)
        } else {
            Err(unavailable("cannot use \"match\" with HEADER in COPY TO"))
        };
    }
    match boolean("header", value) {
        Ok(true) => Ok(CopyHeader::Line),
        Ok(false) => Ok(CopyHeader::None),
        Err(_) => Err(grammar("header requires a Boolean value or \"match\"", None)),
    }
}

/// Rows are UTF-8 always.
fn encoding(name: String, place: Option<usize>) -> Result<String, Error> {
    let plain = name.to_ascii_lowercase().replace(['-', '_'], "");
    match plain.as_str() {
        "utf8" | "unicode" | "sqlascii" => Ok(name),
        _ => Err(ErrorKind::Unsupported(format!("COPY in encoding \"{name}\"")).at(place)),
    }
}

fn one_byte(option: &str, text: &str) -> Result<u8, Error> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(bad("0A000", format!("COPY {option} must be a single one-byte character"))),
    }
}

fn grammar(message: &'static str, place: Option<usize>) -> Error {
    ErrorKind::Grammar(message).at(place)
}

fn unavailable(message: &str) -> Error {
    bad("0A000", message.to_owned())
}

fn value(message: &str) -> Error {
    bad("22023", message.to_owned())
}

pub(super) fn bad(sqlstate: &'static str, message: String) -> Error {
    bad_at(sqlstate, message, None)
}

fn bad_at(sqlstate: &'static str, message: String, place: Option<usize>) -> Error {
    ErrorKind::Literal(BadValue { sqlstate, message }).at(place)
}
