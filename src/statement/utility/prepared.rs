//! PREPARE, EXECUTE, DEALLOCATE and DISCARD.
//! <https://www.postgresql.org/docs/15/sql-prepare.html>

use super::reader::Reader;
use crate::statement::error::{Error, ErrorKind};
use crate::statement::{Prepared, Statement};
use crate::types::{Oid, Type};

pub(super) fn prepare(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    if reader.is("transaction") && reader.peek_at(1).is_some_and(|token| token.kind.is_string()) {
        return Err(ErrorKind::Unsupported("PREPARE TRANSACTION".to_owned()).at(None));
    }
    let name = reader.name()?;
    let parameter_types =
        if reader.is_symbol(b'(') { reader.parenthesized(type_oid)? } else { Vec::new() };
    reader.expect(&["as"])?;
    let begins = ["select", "with", "values", "table", "insert", "update", "delete", "merge"];
    if !begins.iter().any(|word| reader.is(word)) && !reader.is_symbol(b'(') {
        return Err(reader.unexpected());
    }
    let range = reader.rest()?;
    let text = reader.text_of(range).to_owned();
    Ok(Statement::Prepared(Prepared::Prepare { name, parameter_types, text }))
}

pub(super) fn execute(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    let (name, arguments) = called(reader)?;
    Ok(Statement::Prepared(Prepared::Execute { name, arguments }))
}

/// EXPLAIN EXECUTE, at its second word.
pub(super) fn explain(reader: &mut Reader<'_>, shown_as: Type) -> Result<Statement, Error> {
    let end = reader.peek().map_or(0, |token| token.start);
    let explain = reader.text_of(0..end).to_owned();
    reader.skip(1);
    let (name, arguments) = called(reader)?;
    Ok(Statement::Prepared(Prepared::Explain { explain, shown_as, name, arguments }))
}

/// A name and arguments.
fn called(reader: &mut Reader<'_>) -> Result<(String, Vec<String>), Error> {
    let name = reader.name()?;
    let mut arguments = Vec::new();
    if reader.is_symbol(b'(') {
        arguments = reader.parenthesized(|reader| {
            let range = reader.balanced(true)?;
            Ok(reader.text_of(range).to_owned())
        })?;
    }
    Ok((name, arguments))
}

pub(super) fn deallocate(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    if reader.peek_at(1).is_some() {
        reader.accept(&["prepare"]);
    }
    if reader.accept(&["all"]) {
        return Ok(Statement::Prepared(Prepared::DeallocateAll));
    }
    Ok(Statement::Prepared(Prepared::Deallocate(reader.name()?)))
}

pub(super) fn discard(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    let word = reader.expect_one_of(&["all", "plans", "sequences", "temp", "temporary"])?;
    let word = if word == "temporary" { "temp" } else { word };
    Ok(Statement::Discard(word.to_ascii_uppercase()))
}

/// A type's OID; 0 for `unknown`.
fn type_oid(reader: &mut Reader<'_>) -> Result<Oid, Error> {
    let at = reader.clone();
    let name = type_name(reader)?;
    if name == "unknown" {
        return Ok(0);
    }
    match Type::from_name(&name) {
        Some(ty) => Ok(ty.0),
        None => Err(at.error(ErrorKind::UndefinedType(name))),
    }
}

/// `Typename`, as one name: modifiers left out, words of one blank between them, `[]` behind.
fn type_name(reader: &mut Reader<'_>) -> Result<String, Error> {
    reader.accept(&["setof"]);
    let mut name = match TYPE_PHRASES.iter().find(|phrase| reader.accept(phrase)) {
        Some(phrase) => phrase.join(" "),
        None => simple_type_name(reader)?,
    };
    if reader.is_symbol(b'(') {
        reader.parenthesized(|reader| reader.balanced(true))?;
    }
    if name == "time" || name == "timestamp" {
        name.push_str(time_zone(reader)?);
    }
    if reader.accept(&["array"]) {
        array_bound(reader)?;
        return Ok(name + "[]");
    }
    let mut array = false;
    while array_bound(reader)? {
        array = true;
    }
    Ok(if array { name + "[]" } else { name })
}

const TYPE_PHRASES: [&[&str]; 8] = [
    &["double", "precision"],
    &["character", "varying"],
    &["national", "character", "varying"],
    &["national", "character"],
    &["bit", "varying"],
    &["char", "varying"],
    &["national", "char", "varying"],
    &["national", "char"],
];

fn simple_type_name(reader: &mut Reader<'_>) -> Result<String, Error> {
    let mut name = reader.name().or_else(|_| reader.type_name_word())?;
    while reader.accept_symbol(b'.') {
        name = reader.label()?;
    }
    Ok(name)
}

fn time_zone(reader: &mut Reader<'_>) -> Result<&'static str, Error> {
    let Some(word) = reader.one_of(&["with", "without"]) else { return Ok("") };
    reader.expect(&["time", "zone"])?;
    Ok(if word == "with" { " with time zone" } else { " without time zone" })
}

fn array_bound(reader: &mut Reader<'_>) -> Result<bool, Error> {
    if !reader.accept_symbol(b'[') {
        return Ok(false);
    }
    if !reader.is_symbol(b']') {
        reader.signed_integer()?;
    }
    reader.expect_symbol(b']')?;
    Ok(true)
}
