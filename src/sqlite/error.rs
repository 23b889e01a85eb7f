//! What SQLite refuses, with the codes it gives: <https://www.sqlite.org/rescode.html>.

use super::FunctionError;
use crate::machine::Shortage;
use rusqlite::ffi;
use std::path::Path;

/// A failed SQLite call.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// SQLite's own refusal.
    #[error("{message}")]
    Engine {
        /// The extended result code.
        code: i32,
        /// SQLite's message.
        message: String,
        /// Byte offset in the SQLite text of the token to blame.
        offset: Option<usize>,
    },
    /// SQLite's refusal where the system has none left of what it needs.
    #[error("{shortage}")]
    Short {
        /// The extended result code.
        code: i32,
        /// What is used up.
        shortage: Shortage,
    },
    /// A SQL function of ours refused, with the SQLSTATE Postgres gives.
    #[error(transparent)]
    Function(#[from] FunctionError),
}

impl Error {
    /// SQLite's own refusal.
    pub(super) fn engine(code: i32, message: String, offset: Option<usize>) -> Self {
        let may_be_short = matches!(code & 0xff, ffi::SQLITE_CANTOPEN | ffi::SQLITE_IOERR);
        match may_be_short.then(Shortage::of_files).flatten() {
            Some(shortage) => Self::Short { code, shortage },
            None => Self::Engine { code, message, offset },
        }
    }

    /// The same refusal; that there is no room for files beside this one, if that is why.
    pub(super) fn beside(self, path: &Path) -> Self {
        let may_be_short = [ffi::SQLITE_CANTOPEN, ffi::SQLITE_IOERR, ffi::SQLITE_FULL]
            .contains(&self.primary_code());
        match (self, may_be_short.then(|| Shortage::of_room(path)).flatten()) {
            (Self::Engine { code, .. }, Some(shortage)) => Self::Short { code, shortage },
            (error, _) => error,
        }
    }

    /// A connection is wanted back that statements still use.
    pub(crate) fn in_use() -> Self {
        FunctionError::new("55006", "connection is in use").into()
    }

    /// The primary result code; 1 (`SQLITE_ERROR`) for a function's refusal.
    #[must_use]
    pub fn primary_code(&self) -> i32 {
        match self {
            Self::Engine { code, .. } | Self::Short { code, .. } => code & 0xff,
            Self::Function(_) => ffi::SQLITE_ERROR,
        }
    }

    /// What whoever runs the program can do when a file cannot be opened, as the end of a sentence.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        if matches!(self, Self::Short { .. }) {
            return "";
        }
        match self.primary_code() {
            ffi::SQLITE_NOTADB => {
                ": it is not a SQLite database, or one whose start was overwritten"
            }
            ffi::SQLITE_CORRUPT => {
                ": it is corrupt; restore it with: egret restore URL --output FILE"
            }
            ffi::SQLITE_CANTOPEN => ": the user that runs egret may not read it",
            ffi::SQLITE_READONLY => {
                ": it is in WAL mode, so the user that runs egret must be allowed to write it and \
                 its directory"
            }
            _ => "",
        }
    }

    /// The statement was stopped by an interrupt.
    #[must_use]
    pub fn is_interrupt(&self) -> bool {
        self.primary_code() == ffi::SQLITE_INTERRUPT
    }

    /// The file is locked by somebody else, or the transaction's snapshot is no longer the newest.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self.primary_code(), ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(failure, message) => {
                let message = message.unwrap_or_else(|| failure.to_string());
                Self::engine(failure.extended_code, message, None)
            }
            other => Self::engine(ffi::SQLITE_ERROR, other.to_string(), None),
        }
    }
}
