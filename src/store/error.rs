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
    /// The credentials are missing, wrong, or not good enough.
    #[error("{key}: access denied: {source}")]
    Denied {
        /// The object, or the prefix listed.
        key: String,
        /// What the store said.
        source: Source,
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
    #[error("{}: {source}", path.display())]
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

    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}
