//! LISTEN, UNLISTEN and NOTIFY.
//! <https://www.postgresql.org/docs/15/sql-notify.html>

use super::reader::Reader;
use crate::statement::error::Error;
use crate::statement::{Notification, Statement};

pub(super) fn listen(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    Ok(Statement::Notification(Notification::Listen(reader.name()?)))
}

pub(super) fn unlisten(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    if reader.accept_operator("*") {
        return Ok(Statement::Notification(Notification::UnlistenAll));
    }
    Ok(Statement::Notification(Notification::Unlisten(reader.name()?)))
}

pub(super) fn notify(reader: &mut Reader<'_>) -> Result<Statement, Error> {
    let channel = reader.name()?;
    let payload = if reader.accept_symbol(b',') { reader.string()? } else { String::new() };
    Ok(Statement::Notification(Notification::Notify { channel, payload }))
}
