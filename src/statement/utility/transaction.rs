//! BEGIN, COMMIT, ROLLBACK, savepoints, and the modes of a transaction.
//! <https://www.postgresql.org/docs/15/sql-begin.html>

use super::Utility;
use super::reader::Reader;
use crate::statement::error::{Error, ErrorKind};
use crate::statement::{Isolation, Modes, Statement, Transaction};

pub(super) fn begin(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    work(reader);
    let modes = optional_modes(reader)?;
    Ok(Statement::Transaction(Transaction::Begin { start: false, modes }))
}

pub(super) fn start(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    reader.expect(&["transaction"])?;
    let modes = optional_modes(reader)?;
    Ok(Statement::Transaction(Transaction::Begin { start: true, modes }))
}

pub(super) fn commit(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    if reader.is("prepared") {
        return Err(ErrorKind::Unsupported("COMMIT PREPARED".to_owned()).at(None));
    }
    work(reader);
    Ok(Statement::Transaction(Transaction::Commit { chain: chain(reader)? }))
}

pub(super) fn rollback(reader: &mut Reader<'_>) -> Result<Option<Utility>, Error> {
    let abort = reader.is("abort");
    reader.skip(1);
    if reader.is("prepared") {
        return Err(ErrorKind::Unsupported("ROLLBACK PREPARED".to_owned()).at(None));
    }
    work(reader);
    let transaction = if !abort && reader.accept(&["to"]) {
        reader.accept(&["savepoint"]);
        Transaction::RollbackTo(reader.name()?)
    } else {
        Transaction::Rollback { chain: chain(reader)? }
    };
    Ok(Some(Utility::Statement(Statement::Transaction(transaction))))
}

pub(super) fn savepoint(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    Ok(Statement::Transaction(Transaction::Savepoint(reader.name()?)))
}

pub(super) fn release(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    reader.accept(&["savepoint"]);
    Ok(Statement::Transaction(Transaction::Release(reader.name()?)))
}

fn work(reader: &mut Reader<'_>) {
    let _word = reader.one_of(&["work", "transaction"]);
}

fn chain(reader: &mut Reader<'_>) -> Result<bool, Error> {
    if !reader.accept(&["and"]) {
        return Ok(false);
    }
    let no = reader.accept(&["no"]);
    reader.expect(&["chain"])?;
    Ok(!no)
}

fn optional_modes(reader: &mut Reader<'_>) -> Result<Modes, Error> {
    if reader.is_end() { Ok(Modes::default()) } else { modes(reader) }
}

/// Transaction modes to the end of the statement; commas between them are optional.
pub(super) fn modes(reader: &mut Reader<'_>) -> Result<Modes, Error> {
    let mut modes = Modes::default();
    loop {
        mode(reader, &mut modes)?;
        if reader.is_end() {
            return Ok(modes);
        }
        reader.accept_symbol(b',');
    }
}

fn mode(reader: &mut Reader<'_>, modes: &mut Modes) -> Result<(), Error> {
    match reader.expect_one_of(&["isolation", "read", "deferrable", "not"])? {
        "isolation" => {
            reader.expect(&["level"])?;
            modes.isolation = Some(isolation(reader)?);
        }
        "read" => modes.read_only = Some(reader.expect_one_of(&["only", "write"])? == "only"),
        "deferrable" => modes.deferrable = Some(true),
        _ => {
            reader.expect(&["deferrable"])?;
            modes.deferrable = Some(false);
        }
    }
    Ok(())
}

fn isolation(reader: &mut Reader<'_>) -> Result<Isolation, Error> {
    Ok(match reader.expect_one_of(&["read", "repeatable", "serializable"])? {
        "read" => match reader.expect_one_of(&["uncommitted", "committed"])? {
            "committed" => Isolation::ReadCommitted,
            _ => Isolation::ReadUncommitted,
        },
        "repeatable" => {
            reader.expect(&["read"])?;
            Isolation::RepeatableRead
        }
        _ => Isolation::Serializable,
    })
}
