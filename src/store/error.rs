use crate::machine::advice;
use std::io;
use std::path::{Path, PathBuf};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such object.
    #[error("{key}: no such object")]
    NotFound {
        /// The object.
        key: String,
    },
    /// [`PutMode::IfAbsent`](super::PutMode::IfAbsent), and there is an object.
    #[error("{key}: object exists already")]
    AlreadyExists {
        /// The object.
        key: String,
    },
    /// [`PutMode::IfMatch`](super::PutMode::IfMatch), and the object is another or gone.
    #[error("{key}: object was changed by another writer")]
    Precondition {
        /// The object.
        key: String,
    },
    /// The credentials are wrong, or not good enough.
    #[error("{key}: access denied: {source}")]
    Denied {
        /// The object, or the prefix listed.
        key: String,
        /// What the store said.
        source: Source,
    },
    /// There are no credentials. What to do stands here, since logs give no hints.
    #[error(
        "{key}: no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or \
         AWS_PROFILE)"
    )]
    NoCredentials {
        /// The object, or the prefix listed.
        key: String,
    },
    /// The credentials are good no longer, and no newer ones were found.
    #[error("{key}: credentials have expired: {source}")]
    Expired {
        /// The object, or the prefix listed.
        key: String,
        /// What the store said.
        source: Source,
    },
    /// The store does not know this kind of request.
    #[error("{key}: store cannot do this: {source}")]
    Unsupported {
        /// The object.
        key: String,
        /// What the store said.
        source: Source,
    },
    /// The file that should hold a key for encryption holds none.
    #[error("{}: no encryption key: 32 bytes are needed, as they are or in base64", path.display())]
    EncryptionKey {
        /// The file.
        path: PathBuf,
    },
    /// A line that should hold an age identity holds none, or there is no line; its number, or 0.
    #[error(
        "{from}: no age identity{}: give a file as age-keygen writes it",
        if *line > 0 { format!(" in line {line}") } else { String::new() }
    )]
    Identity {
        /// The file, or the variable.
        from: String,
        /// The number of the line.
        line: usize,
    },
    /// The object is encrypted, and no identity was given.
    #[error(
        "{key}: the backup is encrypted: give age-identity=FILE in its URL, or EGRET_AGE_IDENTITY"
    )]
    Encrypted {
        /// The object.
        key: String,
    },
    /// The object is encrypted for others than those whose identities were given.
    #[error("{key}: the backup is encrypted for others: the identity given does not open it")]
    OtherIdentity {
        /// The object.
        key: String,
    },
    /// The object is encrypted, and damaged.
    #[error("{key}: encrypted object is damaged: {source}")]
    Sealed {
        /// The object.
        key: String,
        /// What is wrong.
        source: Source,
    },
    /// The range lies outside the object.
    #[error("{key}: object is shorter than expected")]
    Range {
        /// The object.
        key: String,
    },
    /// The key cannot be a path below the store's directory.
    #[error("{key:?} is not a usable key")]
    Key {
        /// The key.
        key: String,
    },
    /// The store did not answer, or asked for patience.
    #[error("{key}: store is unavailable: {source}")]
    Unavailable {
        /// The object, or the prefix listed.
        key: String,
        /// What happened.
        source: Source,
    },
    /// The store answered, and will answer the same again.
    #[error("{key}: store refused: {source}")]
    Refused {
        /// The object, or the prefix listed.
        key: String,
        /// What the store said.
        source: Source,
    },
    /// A file of the store, or one to be put, failed.
    #[error("{}: {source}{}", path.display(), advice(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// Whoever wrote a streamed body gave up before its end; nothing was stored.
    #[error("nothing was stored: the object was not written to its end")]
    Unfinished,
    /// The program is stopping.
    #[error("interrupted by shutdown")]
    Stopped,
}

impl Error {
    /// The same request may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Io { source, .. } => !matches!(
                source.kind(),
                io::ErrorKind::PermissionDenied
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::ReadOnlyFilesystem
            ),
            _ => false,
        }
    }

    /// The object is encrypted, and is not opened by the identities given.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        matches!(self, Self::Encrypted { .. } | Self::OtherIdentity { .. } | Self::Sealed { .. })
    }

    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}
