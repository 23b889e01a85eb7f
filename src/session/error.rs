//! The one place that names SQLSTATEs: <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
//!
//! What enters: any room's error. What leaves: the fields of an ErrorResponse.

use crate::sqlite;

/// How bad it is, in the protocol's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed.
    Error,
    /// The session ends.
    Fatal,
}

impl Severity {
    /// As sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

/// The fields of an ErrorResponse.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// ERROR or FATAL.
    pub severity: Severity,
    /// Five characters.
    pub sqlstate: &'static str,
    /// Postgres's wording.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Where in the query, in characters from 1.
    pub position: Option<usize>,
    /// The object's namespace.
    pub schema: Option<String>,
    /// The table.
    pub table: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// The constraint.
    pub constraint: Option<String>,
}

/// A NoticeResponse.
pub struct Notice {
    /// NOTICE, WARNING ...
    pub severity: &'static str,
    /// The fields.
    pub failure: Failure,
}

impl Notice {
    /// A notice without more to say.
    pub fn new(message: impl Into<String>) -> Self {
        Self { severity: "NOTICE", failure: Failure::new("00000", message) }
    }

    /// A warning.
    pub fn warning(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self { severity: "WARNING", failure: Failure::new(sqlstate, message) }
    }
}

impl Failure {
    /// An ERROR.
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            sqlstate,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            schema: None,
            table: None,
            column: None,
            constraint: None,
        }
    }

    /// An error that ends the session.
    pub fn fatal(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Fatal, ..Self::new(sqlstate, message) }
    }

    /// The client broke the protocol; the connection is closed after this.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::fatal("08P01", message)
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With a detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The session ends with it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.severity == Severity::Fatal
    }

    /// Statements other than the end of the transaction are refused in a failed transaction block.
    #[must_use]
    pub fn in_failed_transaction() -> Self {
        Self::new(
            "25P02",
            "current transaction is aborted, commands ignored until end of transaction block",
        )
    }
}

impl From<sqlite::FunctionError> for Failure {
    fn from(error: sqlite::FunctionError) -> Self {
        Self::new(error.sqlstate, error.message)
    }
}
