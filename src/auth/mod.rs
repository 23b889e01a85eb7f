//! Who may come in: users with their stored verifiers, and the SCRAM exchange that proves a password.
//!
//! What enters: the users file, and what a client says in `SASLInitialResponse` and `SASLResponse`.
//! What leaves: a [`User`] whose password was proved, and what to answer. Pure but for the file.
//! <https://www.postgresql.org/docs/15/sasl-authentication.html>

mod binding;
pub mod scram;
mod users;
mod verifier;

pub use binding::server_end_point;
pub use users::{USERS_FILE, User, Users};
pub use verifier::Verifier;

use std::path::PathBuf;

/// Why somebody did not come in, or the users file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The proof is wrong, or there is no such user: nobody is told which.
    #[error("password authentication failed")]
    WrongPassword,
    /// The client does not keep to the protocol.
    #[error("malformed SCRAM message: {0}")]
    Malformed(&'static str),
    /// The client wants what the exchange has not.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The channel is not the one the client thinks it is, or somebody hid our mechanisms from it.
    #[error("{0}")]
    ChannelBinding(&'static str),
    /// The system has no random numbers.
    #[error("generate random bytes: the system has none")]
    NoRandom,
    /// A stored verifier is not `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`.
    #[error("verifier of user \"{0}\" is malformed")]
    BadVerifier(String),
    /// A name is given twice in the users file.
    #[error("user \"{0}\" exists already")]
    DuplicateUser(String),
    /// There is no such user to change.
    #[error("user \"{0}\" does not exist")]
    UnknownUser(String),
    /// The users file is not what it should be.
    #[error("read users file {}: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
    /// The users file cannot be written as TOML.
    #[error("write users file {}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: toml::ser::Error,
    },
    /// The users file cannot be read or written.
    #[error("{action} users file {}: {source}", path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
}

impl Error {
    /// The SQLSTATE Postgres gives.
    #[must_use]
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Self::WrongPassword => "28P01",
            Self::Malformed(_) => "08P01",
            Self::Unsupported(_) => "0A000",
            Self::ChannelBinding(_) => "28000",
            Self::DuplicateUser(_) => "42710",
            Self::UnknownUser(_) => "42704",
            Self::NoRandom | Self::BadVerifier(_) => "XX000",
            Self::Syntax { .. } | Self::Format { .. } | Self::File { .. } => "58030",
        }
    }
}
