//! Why a file is not shipped at the moment.

use crate::ltx::{Name, Pgno, Txid};
use crate::machine::advice;
use crate::{ltx, sqlite, store, wal};
use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong between a commit and the store. The shipper tries again after all of these.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A local file could not be read or written.
    #[error("ship {}: {source}{}", path.display(), advice(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// SQLite refused.
    #[error("ship: {0}")]
    Sqlite(#[from] sqlite::Error),
    /// The write-ahead log could not be read.
    #[error("ship: {0}")]
    Wal(#[from] wal::Error),
    /// An LTX file is damaged, or could not be written.
    #[error("ship: {0}")]
    Ltx(#[from] ltx::Error),
    /// The store refused.
    #[error("ship: {0}")]
    Store(#[from] store::Error),
    /// The database was deleted, or another file has its name now.
    #[error("ship {}: the file was deleted or replaced", path.display())]
    Replaced {
        /// The database.
        path: PathBuf,
    },
    /// Nobody ships a file that is not in WAL mode.
    #[error("{}: not a SQLite file in WAL mode, which is what is backed up", path.display())]
    NotShipped {
        /// The file.
        path: PathBuf,
    },
    /// The file has no pages: there is nothing to ship before its first table.
    #[error("ship {}: the database is empty", path.display())]
    Vacant {
        /// The database.
        path: PathBuf,
    },
    /// Somebody is in a long write transaction.
    #[error("ship {}: the file is being written", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// No destination has said yet how far it is, and nothing is known locally.
    #[error("ship {}: no destination has answered yet", path.display())]
    Unnumbered {
        /// The database.
        path: PathBuf,
    },
    /// No destination has answered for so long that nothing is kept for them any more.
    #[error(
        "ship {}: the local log is full (--backup-log-max): nothing is kept until a store answers, \
         then the whole database is shipped",
        path.display()
    )]
    LogFull {
        /// The database.
        path: PathBuf,
    },
    /// Another process ships the file, or follows with it.
    #[error("ship {}: another process ships this file, or follows: stop one of the two", path.display())]
    Shipped {
        /// The database.
        path: PathBuf,
    },
    /// The destination has other content under a number that was about to be used.
    #[error(
        "ship: another writer has stored transaction {0} in this place: stop one of the two, or give this \
         one another URL"
    )]
    Conflict(Txid),
    /// Another writer has the lease, and renews it.
    #[error("ship: {by} writes to this backup: waiting until it stops")]
    Held {
        /// Who.
        by: String,
    },
    /// Another writer has taken the lease over.
    #[error(
        "ship: {by} has taken over this backup: nothing more is written to it from here; stop one of \
         the two, and start egret here to be told how this file can go on"
    )]
    Fenced {
        /// Who.
        by: String,
    },
    /// Another writer has gone on with what was shipped from here: this file is an old copy.
    #[error(
        "ship: {by} has gone on with this backup since it was this file's: nothing is written to it from \
         here; to go on all the same, from this file or from the backup restored in its place, delete \
         {} and start egret again",
        state.display()
    )]
    Outdated {
        /// Who.
        by: String,
        /// The directory of what is known of before.
        state: PathBuf,
    },
    /// The file followed the backup, and does not have all that is there.
    #[error(
        "ship: this file followed this backup to transaction {at}, and there it goes on to {newest}: \
         nothing is written to it from here; follow until the file has all of it, or, to go on from \
         the file as it is, delete {} and start egret again",
        position.display()
    )]
    Lagging {
        /// The file's newest.
        at: Txid,
        /// The backup's.
        newest: Txid,
        /// The file that says so.
        position: PathBuf,
    },
    /// What is waited for cannot come: the destination is another writer's.
    #[error(
        "ship: another writer goes on with {destination}: what is committed here is not stored there; \
         `egret status` says who, and how this file can go on"
    )]
    Never {
        /// Its name.
        destination: String,
    },
    /// Every destination is another writer's.
    #[error(
        "ship {}: other writers have taken over all its backups: nothing is shipped; `egret status` says \
         who, and how this file can go on",
        path.display()
    )]
    Taken {
        /// The database.
        path: PathBuf,
    },
    /// What stands in the place of the lease is none.
    #[error(
        "ship: {key} is damaged, or not egret's: delete it if nobody else writes to this backup"
    )]
    Lease {
        /// The object.
        key: String,
    },
    /// This writer's lease was deleted, and maybe more with it.
    #[error("ship: {key} was deleted, and maybe more with it: looking at what is there")]
    LeaseGone {
        /// The object.
        key: String,
    },
    /// A local file lacks a page that the database grew by, or is another than its name says.
    #[error("ship: local file {name} lacks page {pgno}: the whole database is shipped instead")]
    Unsound {
        /// The file.
        name: Name,
        /// The page; 0 if it is another file.
        pgno: Pgno,
    },
    /// A store says that it deleted what is still there.
    #[error("ship: the store says it deleted {count} files that are still there")]
    NotDeleted {
        /// How many.
        count: usize,
    },
    /// The shipper was stopped.
    #[error("ship: stopped")]
    Stopped,
    /// What was asked for did not happen in time.
    #[error("ship: not stored in time")]
    Late,
}

/// What was read is no sound file, whoever reads it.
pub(super) fn is_damage(error: &ltx::Error) -> bool {
    match error {
        ltx::Error::Io(source) => {
            let is_sealed = matches!(store_error(error), Some(store::Error::Sealed { .. }));
            source.kind() == io::ErrorKind::UnexpectedEof || is_sealed
        }
        _ => true,
    }
}

/// What a store said while a file was read from it.
pub(super) fn store_error(error: &ltx::Error) -> Option<&store::Error> {
    match error {
        ltx::Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

/// The object is not there, or not any more.
pub(super) fn is_gone(error: &store::Error) -> bool {
    matches!(error, store::Error::NotFound { .. })
}

impl Error {
    /// Nothing is wrong: there is nothing to take yet, or somebody is not done yet.
    pub(super) fn is_early(&self) -> bool {
        matches!(self, Self::Vacant { .. } | Self::Unnumbered { .. } | Self::Busy { .. })
    }

    /// Another writer has gone on from what this file is.
    pub(super) fn is_outdated(&self) -> bool {
        matches!(self, Self::Outdated { .. } | Self::Lagging { .. })
    }

    /// There is nobody to ship to.
    pub(super) fn is_rest(&self) -> bool {
        matches!(self, Self::LogFull { .. } | Self::Taken { .. })
    }

    /// A file is damaged, and will be tomorrow.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Ltx(error) => is_damage(error),
            Self::Unsound { .. } => true,
            _ => false,
        }
    }

    /// Somebody has deleted something of the destination.
    pub(super) fn is_loss(&self) -> bool {
        matches!(self, Self::LeaseGone { .. }) || self.store_error().is_some_and(is_gone)
    }

    /// What should be read of a store is encrypted for others.
    pub(super) fn is_sealed(&self) -> bool {
        use store::Error::{Encrypted, OtherIdentity};
        matches!(self.store_error(), Some(Encrypted { .. } | OtherIdentity { .. }))
    }

    /// The store's own, also where a file was being read.
    fn store_error(&self) -> Option<&store::Error> {
        match self {
            Self::Store(error) => Some(error),
            Self::Ltx(error) => store_error(error),
            _ => None,
        }
    }

    /// Wraps an I/O error with the path it is about.
    pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path: path.clone(), source }
    }
}
