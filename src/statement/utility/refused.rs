//! Statements about things only a Postgres server has: refused by their first words.

use super::Utility;
use super::ignored::{create_sequence, unsupported};
use super::reader::Reader;
use crate::statement::Statement;
use crate::statement::error::Error;

/// DO, CALL, LOAD, CLUSTER, IMPORT FOREIGN SCHEMA, REFRESH MATERIALIZED VIEW.
pub(super) fn refused(reader: &mut Reader<'_>) -> Result<Option<Utility>, Error> {
    let construct = match reader.word().as_str() {
        "import" => "IMPORT FOREIGN SCHEMA".to_owned(),
        "refresh" => "REFRESH MATERIALIZED VIEW".to_owned(),
        word => word.to_ascii_uppercase(),
    };
    Err(unsupported(&construct))
}

/// CREATE or DROP of what egret has not; `None` for tables, views, indexes and the like.
pub(super) fn create_or_drop(reader: &mut Reader<'_>) -> Result<Option<Utility>, Error> {
    let mut ahead = reader.clone();
    ahead.skip(1);
    ahead.accept(&["or", "replace"]);
    while ahead.one_of(&["trusted", "procedural", "constraint", "default"]).is_some() {}
    if ahead.is("trigger") && reader.is("create") {
        return trigger(&ahead);
    }
    let mut sequence = ahead.clone();
    sequence.one_of(&["temporary", "temp", "unlogged"]);
    if sequence.is("sequence") && reader.is("create") {
        return create_sequence(reader);
    }
    let refused = refuse_kind(reader, &ahead)?;
    if refused.is_some() {
        reader.rest()?;
    }
    Ok(refused)
}

/// ALTER of what egret has not.
pub(super) fn alter(reader: &Reader<'_>) -> Result<Option<Utility>, Error> {
    let mut ahead = reader.clone();
    ahead.skip(1);
    if ahead.is("system") {
        return Err(unsupported("ALTER SYSTEM"));
    }
    refuse_kind(reader, &ahead)
}

fn refuse_kind(reader: &Reader<'_>, ahead: &Reader<'_>) -> Result<Option<Utility>, Error> {
    let kind = SERVER_ONLY
        .iter()
        .find(|kind| kind.split(' ').enumerate().all(|(at, word)| ahead.is_at(at, word)));
    match kind {
        Some(kind) => {
            let verb = reader.word().to_ascii_uppercase();
            let construct = format!("{verb} {}", kind.to_ascii_uppercase());
            let skippable = reader.is("drop") && ahead.is_at(kind.split(' ').count(), "if");
            if skippable { skipped(construct, kind) } else { Err(unsupported(&construct)) }
        }
        None => Ok(None),
    }
}

/// DROP ... IF EXISTS of what cannot exist.
fn skipped(tag: String, kind: &str) -> Result<Option<Utility>, Error> {
    let notice = Some(format!("{kind} does not exist, skipping"));
    Ok(Some(Utility::Statement(Statement::NoOp { tag, notice })))
}

/// A trigger of SQLite has its statements with it; one of Postgres calls a function.
fn trigger(ahead: &Reader<'_>) -> Result<Option<Utility>, Error> {
    let calls = (0..).take_while(|at| ahead.peek_at(*at).is_some()).any(|at| {
        ahead.is_at(at, "execute")
            && (ahead.is_at(at + 1, "function") || ahead.is_at(at + 1, "procedure"))
    });
    if calls { Err(unsupported("CREATE TRIGGER ... EXECUTE FUNCTION")) } else { Ok(None) }
}

/// Kinds of objects, longer names before their beginnings.
const SERVER_ONLY: [&str; 31] = [
    "access method",
    "aggregate",
    "cast",
    "collation",
    "conversion",
    "domain",
    "event trigger",
    "foreign data wrapper",
    "foreign table",
    "function",
    "language",
    "large object",
    "materialized view",
    "operator class",
    "operator family",
    "operator",
    "owned",
    "policy",
    "procedure",
    "publication",
    "routine",
    "rule",
    "sequence",
    "server",
    "statistics",
    "subscription",
    "tablespace",
    "text search",
    "transform",
    "user mapping",
    "group",
];
