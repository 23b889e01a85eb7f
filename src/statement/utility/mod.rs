//! The text of a statement that is not a query in, its meaning out: transactions, settings,
//! cursors, COPY, and what is accepted without effect or refused.
//!
//! A statement that holds another one (DECLARE, COPY, EXPLAIN) gives the byte range of its text.
//! Which statements there are: <https://www.postgresql.org/docs/15/sql-commands.html>

mod copy;
mod copy_options;
mod cursor;
mod explain;
mod ignored;
mod keywords;
mod notification;
mod prepared;
mod reader;
mod refused;
mod setting;
mod transaction;

pub use copy::{CopyCommand, CopyTarget};
pub use cursor::Declare;
pub use explain::{Explain, ExplainFormat};

pub(in crate::statement) use keywords::is_reserved;

use super::Statement;
use super::error::Error;
use super::lexer::{Kind, Lexer};
use reader::Reader;

/// A statement that is not a query.
#[derive(Clone, Debug)]
pub enum Utility {
    /// Complete as it is.
    Statement(Statement),
    /// DECLARE, whose query is yet to be planned.
    Declare(Declare),
    /// COPY, whose table or query is yet to be planned.
    Copy(CopyCommand),
    /// EXPLAIN, whose statement is yet to be planned.
    Explain(Explain),
}

/// Reads one statement; `None` when it begins as none of those known here.
///
/// # Errors
/// Postgres's syntax errors, and `Unsupported` for what egret has no use for.
pub fn parse(text: &str) -> Result<Option<Utility>, Error> {
    let Some(token) = Lexer::new(text).token()? else {
        return Ok(Some(Utility::Statement(Statement::Empty)));
    };
    if token.kind != Kind::Word {
        return Ok(None);
    }
    let word = token.text(text).to_ascii_lowercase();
    let Some(command) = command(&word) else { return Ok(None) };
    let mut reader = Reader::new(text)?;
    let utility = match command {
        Command::Statement(read) => {
            reader.skip(1);
            Some(Utility::Statement(read(&mut reader)?))
        }
        Command::Utility(read) => read(&mut reader)?,
    };
    if utility.is_some() {
        reader.end()?;
    }
    Ok(utility)
}

/// The meaning of a statement is in its text alone: no schema is needed, nor the file.
#[must_use]
pub fn is_complete(text: &str) -> bool {
    matches!(parse(text), Ok(Some(Utility::Statement(_))))
}

/// How a statement is read.
enum Command {
    /// From behind its first word; nothing else begins with that word.
    Statement(fn(&mut Reader<'_>) -> Result<Statement, Error>),
    /// From its first word; perhaps it is for somebody else.
    Utility(fn(&mut Reader<'_>) -> Result<Option<Utility>, Error>),
}

fn command(word: &str) -> Option<Command> {
    use Command::{Statement, Utility};
    Some(match word {
        "begin" => Statement(transaction::begin),
        "start" => Statement(transaction::start),
        "commit" | "end" => Statement(transaction::commit),
        "rollback" | "abort" => Utility(transaction::rollback),
        "savepoint" => Statement(transaction::savepoint),
        "release" => Statement(transaction::release),
        "set" => Statement(setting::set),
        "reset" => Statement(setting::reset),
        "show" => Statement(setting::show),
        "declare" => Utility(cursor::declare),
        "fetch" => Statement(cursor::fetch),
        "move" => Statement(cursor::move_),
        "close" => Statement(cursor::close),
        "prepare" => Statement(prepared::prepare),
        "execute" => Statement(prepared::execute),
        "deallocate" => Statement(prepared::deallocate),
        "discard" => Statement(prepared::discard),
        "listen" => Statement(notification::listen),
        "unlisten" => Statement(notification::unlisten),
        "notify" => Statement(notification::notify),
        "copy" => Utility(copy::copy),
        "explain" => Utility(explain::explain),
        "checkpoint" => Statement(ignored::checkpoint),
        "lock" => Statement(ignored::lock),
        "grant" | "revoke" | "comment" | "security" | "reassign" => Utility(ignored::ignored),
        "alter" => Utility(ignored::alter),
        "create" | "drop" => Utility(refused::create_or_drop),
        "do" | "call" | "load" | "cluster" | "import" | "refresh" => Utility(refused::refused),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
