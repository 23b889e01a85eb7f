//! Statements that are accepted and change nothing, because a SQLite file has no place for what
//! they say: privileges, owners, comments, locks of tables.

use super::reader::Reader;
use super::{Utility, refused};
use crate::statement::Statement;
use crate::statement::error::{Error, ErrorKind};

pub(super) fn checkpoint(_reader: &mut Reader<'_>) -> Result<Statement, Error> {
    Ok(Statement::NoOp { tag: "CHECKPOINT".to_owned(), notice: None })
}

/// LOCK: a writing transaction has the whole file to itself anyway.
/// <https://www.postgresql.org/docs/15/sql-lock.html>
pub(super) fn lock(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    reader.accept(&["table"]);
    reader.list(|reader| {
        reader.accept(&["only"]);
        reader.qualified_name()?;
        reader.accept_operator("*");
        Ok(())
    })?;
    if reader.accept(&["in"]) {
        lock_mode(reader)?;
        reader.expect(&["mode"])?;
    }
    reader.accept(&["nowait"]);
    Ok(Statement::NoOp { tag: "LOCK TABLE".to_owned(), notice: None })
}

fn lock_mode(reader: &mut Reader<'_>) -> Result<(), Error> {
    match reader.expect_one_of(&["access", "row", "share", "exclusive"])? {
        "access" | "row" => {
            reader.expect_one_of(&["share", "exclusive"])?;
        }
        "share" if reader.accept(&["row"]) => reader.expect(&["exclusive"])?,
        "share" if reader.accept(&["update"]) => reader.expect(&["exclusive"])?,
        _ => {}
    }
    Ok(())
}

/// GRANT, REVOKE, COMMENT ON, SECURITY LABEL, REASSIGN OWNED.
pub(super) fn ignored(reader: &mut Reader<'_>) -> Result<Option<Utility>, Error> {
    let (tag, notice) = match reader.word().as_str() {
        "comment" => {
            reader.skip(1);
            return comment(reader).map(Some);
        }
        "security" => ("SECURITY LABEL", "security labels are not kept in a SQLite file"),
        "reassign" => ("REASSIGN OWNED", "owners are not kept in a SQLite file"),
        "revoke" => (privilege_tag(reader), "privileges are not kept in a SQLite file"),
        _ => (privilege_tag(reader), "privileges are not kept in a SQLite file"),
    };
    reader.skip(1);
    reader.rest()?;
    Ok(Some(no_op(tag, notice)))
}

/// Granting a role has a tag of its own; granting a privilege names what it is ON.
fn privilege_tag(reader: &Reader<'_>) -> &'static str {
    let grant = reader.is("grant");
    let on = (1..).take_while(|ahead| reader.peek_at(*ahead).is_some());
    let of_object = on.clone().any(|ahead| reader.is_at(ahead, "on"));
    match (grant, of_object) {
        (true, true) => "GRANT",
        (true, false) => "GRANT ROLE",
        (false, true) => "REVOKE",
        (false, false) => "REVOKE ROLE",
    }
}

/// <https://www.postgresql.org/docs/15/sql-comment.html>
fn comment(reader: &mut Reader<'_>) -> Result<Utility, Error> {
    reader.expect(&["on"])?;
    reader.label()?;
    while !reader.is("is") {
        if reader.is_end() {
            return Err(reader.unexpected());
        }
        reader.skip(1);
    }
    reader.skip(1);
    if !reader.accept(&["null"]) {
        reader.string()?;
    }
    Ok(no_op("COMMENT", "comments are not kept in a SQLite file"))
}

/// CREATE SEQUENCE. SQLite counts rowids only, so the column whose default it becomes is where it
/// counts; `nextval` of one that stays by itself is an error.
/// <https://www.postgresql.org/docs/15/sql-createsequence.html>
pub(super) fn create_sequence(reader: &mut Reader<'_>) -> Result<Option<Utility>, Error> {
    reader.rest()?;
    let notice = "a sequence exists only with the column that counts by it";
    Ok(Some(no_op("CREATE SEQUENCE", notice)))
}

/// ALTER ... OWNER TO, ALTER SEQUENCE ... OWNED BY and ALTER DEFAULT PRIVILEGES; other forms are
/// refused or somebody else's.
pub(super) fn alter(reader: &mut Reader<'_>) -> Result<Option<Utility>, Error> {
    if reader.is_at(1, "default") && reader.is_at(2, "privileges") {
        reader.rest()?;
        let notice = "privileges are not kept in a SQLite file";
        return Ok(Some(no_op("ALTER DEFAULT PRIVILEGES", notice)));
    }
    let kind = OWNED
        .iter()
        .find(|(words, _)| words.iter().enumerate().all(|(at, word)| reader.is_at(at + 1, word)));
    let Some((words, tag)) = kind else { return refused::alter(reader) };
    let mut ahead = reader.clone();
    ahead.skip(1 + words.len());
    if !owner_to(&mut ahead)? {
        return refused::alter(reader);
    }
    *reader = ahead;
    Ok(Some(no_op(tag, "owners are not kept in a SQLite file")))
}

const OWNED: [(&[&str], &str); 8] = [
    (&["table"], "ALTER TABLE"),
    (&["view"], "ALTER VIEW"),
    (&["materialized", "view"], "ALTER MATERIALIZED VIEW"),
    (&["sequence"], "ALTER SEQUENCE"),
    (&["index"], "ALTER INDEX"),
    (&["schema"], "ALTER SCHEMA"),
    (&["database"], "ALTER DATABASE"),
    (&["type"], "ALTER TYPE"),
];

/// The rest is `[IF EXISTS] [ONLY] name [*] OWNER TO role`, or `name OWNED BY table.column`.
fn owner_to(reader: &mut Reader<'_>) -> Result<bool, Error> {
    reader.accept(&["if", "exists"]);
    reader.accept(&["only"]);
    if reader.qualified_name().is_err() {
        return Ok(false);
    }
    reader.accept_operator("*");
    if reader.accept(&["owned", "by"]) {
        reader.qualified_name()?;
        return Ok(true);
    }
    if !reader.accept(&["owner"]) {
        return Ok(false);
    }
    reader.expect(&["to"])?;
    if reader.one_of(&["current_user", "current_role", "session_user"]).is_none() {
        reader.non_reserved()?;
    }
    Ok(true)
}

fn no_op(tag: &str, notice: &str) -> Utility {
    Utility::Statement(Statement::NoOp { tag: tag.to_owned(), notice: Some(notice.to_owned()) })
}

/// The error for a construct Postgres has and egret has not.
pub(super) fn unsupported(construct: &str) -> Error {
    ErrorKind::Unsupported(construct.to_owned()).at(None)
}
