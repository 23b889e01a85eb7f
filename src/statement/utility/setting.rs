//! SET, RESET and SHOW.
//! <https://www.postgresql.org/docs/15/sql-set.html>

use super::keywords::{is_column_name, is_reserved, is_type_or_function};
use super::reader::Reader;
use super::transaction::modes;
use crate::statement::error::{Error, ErrorKind};
use crate::statement::{Setting, Statement};
use crate::types::Interval;

/// SET, from behind the word.
pub(super) fn set(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    if reader.is("constraints") && !names_variable(reader) {
        return constraints(reader).map(Statement::Setting);
    }
    let scope = scope(reader);
    if !names_variable(reader)
        && let Some(special) = special(reader, scope)?
    {
        return Ok(Statement::Setting(special));
    }
    let name = variable(reader)?;
    if reader.accept(&["from"]) {
        return Err(reader.unexpected());
    }
    if !reader.accept(&["to"]) && !reader.accept_operator("=") {
        return Err(reader.unexpected());
    }
    let value = values(reader, &name)?;
    Ok(Statement::Setting(Setting::Set { name, value, local: scope == Scope::Local }))
}

/// RESET, from behind the word.
pub(super) fn reset(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    let setting = match shown(reader)? {
        Some(name) => Setting::Reset(name),
        None => Setting::ResetAll,
    };
    Ok(Statement::Setting(setting))
}

/// SHOW, from behind the word.
pub(super) fn show(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    let setting = match shown(reader)? {
        Some(name) => Setting::Show(name),
        None => Setting::ShowAll,
    };
    Ok(Statement::Setting(setting))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Unsaid,
    Session,
    Local,
}

fn scope(reader: &mut Reader<'_>) -> Scope {
    if names_variable(reader) {
        return Scope::Unsaid;
    }
    if reader.is("session")
        && !reader.is_at(1, "characteristics")
        && !reader.is_at(1, "authorization")
    {
        reader.skip(1);
        return Scope::Session;
    }
    if reader.accept(&["local"]) { Scope::Local } else { Scope::Unsaid }
}

/// The next word is a variable, whatever else it might be: `=`, TO or a point follows it.
fn names_variable(reader: &Reader<'_>) -> bool {
    reader.is_operator_at(1, "=")
        || reader.is_at(1, "to")
        || reader.peek_at(1).is_some_and(|token| token.is_symbol(b'.'))
}

/// The forms that have words of their own.
fn special(reader: &mut Reader<'_>, scope: Scope) -> Result<Option<Setting>, Error> {
    let local = scope == Scope::Local;
    let set = |name: &str, value| Some(Setting::Set { name: name.to_owned(), value, local });
    if reader.accept(&["transaction"]) {
        return transaction(reader).map(Some);
    }
    if reader.accept(&["session", "characteristics"]) {
        reader.expect(&["as", "transaction"])?;
        return Ok(Some(Setting::SessionCharacteristics(modes(reader)?)));
    }
    if reader.accept(&["session", "authorization"]) {
        return Ok(set("session_authorization", word_or_default(reader)?));
    }
    if reader.accept(&["time", "zone"]) {
        return Ok(set("timezone", time_zone(reader)?));
    }
    if reader.accept(&["names"]) {
        return Ok(set("client_encoding", encoding(reader)?));
    }
    if reader.accept(&["role"]) {
        return Ok(set("role", Some(word_or_string(reader)?)));
    }
    if reader.accept(&["schema"]) {
        let schema = reader.string()?;
        return Ok(set("search_path", Some(quoted_if_needed(&schema))));
    }
    if reader.accept(&["xml", "option"]) {
        let option = reader.expect_one_of(&["document", "content"])?;
        return Ok(set("xmloption", Some(option.to_owned())));
    }
    if reader.accept(&["catalog"]) && reader.is_string() {
        return Err(ErrorKind::Unsupported("SET CATALOG".to_owned()).at(None));
    }
    Ok(None)
}

fn transaction(reader: &mut Reader<'_>) -> Result<Setting, Error> {
    if reader.is("snapshot") {
        return Err(ErrorKind::Unsupported("SET TRANSACTION SNAPSHOT".to_owned()).at(None));
    }
    modes(reader).map(Setting::Transaction)
}

fn encoding(reader: &mut Reader<'_>) -> Result<Option<String>, Error> {
    if reader.is_end() || reader.accept(&["default"]) {
        return Ok(None);
    }
    reader.string().map(Some)
}

fn word_or_default(reader: &mut Reader<'_>) -> Result<Option<String>, Error> {
    if reader.accept(&["default"]) { Ok(None) } else { word_or_string(reader).map(Some) }
}

/// `NonReservedWord_or_Sconst`
fn word_or_string(reader: &mut Reader<'_>) -> Result<String, Error> {
    if reader.is_string() { reader.string() } else { reader.non_reserved() }
}

fn time_zone(reader: &mut Reader<'_>) -> Result<Option<String>, Error> {
    if reader.one_of(&["local", "default"]).is_some() {
        return Ok(None);
    }
    if reader.accept(&["interval"]) {
        let zone = reader.string()?;
        if reader.accept(&["hour"]) && reader.accept(&["to"]) {
            reader.expect(&["minute"])?;
        }
        let posix = Interval::parse(&zone).ok().and_then(posix_zone);
        return Ok(Some(posix.unwrap_or_else(|| format!("INTERVAL '{zone}'"))));
    }
    if let Some(hours) = reader.number()? {
        return Ok(Some(hours));
    }
    word_or_string(reader).map(Some)
}

/// A distance from Greenwich as Postgres keeps it: `<+02>-02`; none that has days or months.
fn posix_zone(distance: Interval) -> Option<String> {
    if distance.months != 0 || distance.days != 0 {
        return None;
    }
    let seconds = distance.micros / 1_000_000;
    let (hours, minutes, rest) =
        (seconds.abs() / 3600, seconds.abs() / 60 % 60, seconds.abs() % 60);
    let clock = match (minutes, rest) {
        (0, 0) => format!("{hours:02}"),
        (_, 0) => format!("{hours:02}:{minutes:02}"),
        _ => format!("{hours:02}:{minutes:02}:{rest:02}"),
    };
    let (east, west) = if seconds < 0 { ('-', '+') } else { ('+', '-') };
    Some(format!("<{east}{clock}>{west}{clock}"))
}

fn constraints(reader: &mut Reader<'_>) -> Result<Setting, Error> {
    reader.skip(1);
    if !reader.accept(&["all"]) {
        reader.list(Reader::qualified_name)?;
    }
    let deferred = reader.expect_one_of(&["deferred", "immediate"])? == "deferred";
    Ok(Setting::Constraints { deferred })
}

/// The variable of RESET or SHOW; `None` is ALL.
fn shown(reader: &mut Reader<'_>) -> Result<Option<String>, Error> {
    let special: [(&[&str], &str); 3] = [
        (&["time", "zone"], "timezone"),
        (&["transaction", "isolation", "level"], "transaction_isolation"),
        (&["session", "authorization"], "session_authorization"),
    ];
    if reader.accept(&["all"]) {
        return Ok(None);
    }
    for (words, name) in special {
        if reader.accept(words) {
            return Ok(Some(name.to_owned()));
        }
    }
    variable(reader).map(Some)
}

/// `var_name`
fn variable(reader: &mut Reader<'_>) -> Result<String, Error> {
    let mut name = reader.name()?;
    while reader.accept_symbol(b'.') {
        name.push('.');
        name.push_str(&reader.name()?);
    }
    Ok(name.to_ascii_lowercase())
}

/// What follows TO: DEFAULT, or values that are joined to one text.
fn values(reader: &mut Reader<'_>, name: &str) -> Result<Option<String>, Error> {
    if reader.accept(&["default"]) {
        return Ok(None);
    }
    let values = reader.list(value)?;
    if QUOTED_LISTS.contains(&name) {
        let quoted: Vec<String> = values.iter().map(|value| quoted_if_needed(value)).collect();
        return Ok(Some(quoted.join(", ")));
    }
    Ok(Some(values.join(", ")))
}

/// Settings whose values are lists of names, which Postgres quotes as it joins them.
const QUOTED_LISTS: [&str; 6] = [
    "search_path",
    "temp_tablespaces",
    "local_preload_libraries",
    "session_preload_libraries",
    "shared_preload_libraries",
    "unix_socket_directories",
];

/// `var_value`
fn value(reader: &mut Reader<'_>) -> Result<String, Error> {
    if let Some(word) = reader.one_of(&["true", "false", "on"]) {
        return Ok(word.to_owned());
    }
    match reader.number()? {
        Some(number) => Ok(number),
        None => word_or_string(reader),
    }
}

/// `quote_identifier`: as is when it can be read back without quotes.
fn quoted_if_needed(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !is_reserved(name)
        && !is_type_or_function(name)
        && !is_column_name(name);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
