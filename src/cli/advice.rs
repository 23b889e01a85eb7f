//! Why the program ends in, what to do about it out: the line after the error.

use super::{Error, diff, list, moment, restore, service, snapshot, status, verify};
use crate::config;
use crate::listener;
use crate::ltx;
use crate::replica;
use crate::shipper::verify::VerifyError;
use crate::shipper::{self, plan, restore as shipped, rolling};
use crate::store;
use crate::tls;
use std::io;

/// What whoever typed the command can do; nothing where the error itself says it.
pub(super) fn advice(error: &Error) -> Option<&'static str> {
    match error {
        Error::Serve(error) => serve(error),
        Error::Restore(restore::Error::Output(source) | restore::Error::Restore { source, .. }) => {
            writing(source)
        }
        Error::Restore(restore::Error::Moment(error)) => moment(error),
        Error::List(list::Error::Survey { source, .. }) => restoring(source),
        Error::Verify(error) => verifying(error),
        Error::Diff(error) => differing(error),
        Error::Snapshot(snapshot::Error::Roll { source, .. }) => rolling(source),
        Error::Status(status::Error::Config(error)) => configured(error),
        Error::Status(_)
        | Error::List(_)
        | Error::Snapshot(_)
        | Error::Restore(_)
        | Error::Demo(_)
        | Error::User(_)
        | Error::Log(_)
        | Error::Runtime(_) => None,
    }
}

fn serve(error: &service::Error) -> Option<&'static str> {
    match error {
        service::Error::Config(error) => configured(error),
        service::Error::Listener(error) => listening(error),
        service::Error::Ship { source: shipper::Error::Sqlite(error), .. } if error.is_busy() => {
            Some("Another process holds the file locked: end its transaction, then start again.")
        }
        service::Error::Follow(error) => following(error),
        service::Error::Store { source, .. } => stored(source),
        service::Error::FollowDirectory(_) => {
            Some("Name the file to keep, as in: egret serve replica.db --follow URL")
        }
        _ => None,
    }
}

fn configured(error: &config::Error) -> Option<&'static str> {
    match error {
        config::Error::NoPath => Some("Name one, as app.db, or a --config that does."),
        config::Error::BadAddress { .. } => Some("Give it as 127.0.0.1:5432 or [::1]:5432."),
        config::Error::NoBackup => Some("Name one, as in: --backup s3://bucket/app"),
        config::Error::Read { source, .. } if source.kind() == io::ErrorKind::InvalidData => {
            Some("--config needs a text file, not a database: egret.toml or a litestream.yml")
        }
        config::Error::HalfTls => Some("Give both --tls-cert and --tls-key."),
        _ => None,
    }
}

fn listening(error: &listener::Error) -> Option<&'static str> {
    match error {
        listener::Error::Bind { source, .. } => match source.kind() {
            io::ErrorKind::AddrInUse => Some(
                "Another program listens there, perhaps PostgreSQL or another egret: \
                 choose another port, as in --listen 127.0.0.1:5433",
            ),
            io::ErrorKind::AddrNotAvailable => Some("Give an address this machine has."),
            io::ErrorKind::PermissionDenied => {
                Some("Ports below 1024 are for root: choose another.")
            }
            _ => None,
        },
        listener::Error::BindUnix { .. } => {
            Some("--socket-dir needs a directory that egret may write.")
        }
        listener::Error::Tls(tls::Error::Certificate { .. }) => {
            Some("--tls-cert needs a file with -----BEGIN CERTIFICATE-----.")
        }
        listener::Error::Tls(tls::Error::Key { .. }) => {
            Some("--tls-key needs a file with -----BEGIN PRIVATE KEY----- or the like.")
        }
        listener::Error::Users(_) => Some("Users are added with: egret user add NAME --users FILE"),
        _ => None,
    }
}

fn following(error: &replica::Error) -> Option<&'static str> {
    match error {
        replica::Error::Foreign { .. } | replica::Error::Own { .. } => {
            Some("Name a file that does not exist, or move this one away, with its -wal and -shm.")
        }
        replica::Error::Store(error) => stored(error),
        _ => None,
    }
}

fn rolling(error: &rolling::Error) -> Option<&'static str> {
    match error {
        rolling::Error::Store(error) => stored(error),
        rolling::Error::NoFile => Some("Name the SQLite file itself."),
        rolling::Error::Shipped => Some("As in: egret snapshot app.db s3://bucket/app-hourly"),
        _ => None,
    }
}

fn differing(error: &diff::Error) -> Option<&'static str> {
    match error {
        diff::Error::Moment(error) => moment(error),
        diff::Error::NoFile { .. } => Some("Name the SQLite file that the backup is of."),
        diff::Error::Scratch(_) => Some("Give a directory that egret may write as --scratch."),
        diff::Error::Restore { source: shipped::Error::Space { .. }, .. } => {
            Some("Give a directory on another disk as --scratch.")
        }
        diff::Error::Restore { source, .. } => restoring(source),
        _ => None,
    }
}

fn verifying(error: &verify::Error) -> Option<&'static str> {
    match error {
        verify::Error::NoFile { .. } => Some("Give the SQLite file that is backed up as --file."),
        verify::Error::Scratch(_) => Some("Give a directory that egret may write as --scratch."),
        verify::Error::Verify { source, .. } => match source {
            VerifyError::Restore(shipped::Error::Space { .. }) => {
                Some("Give a directory on another disk as --scratch.")
            }
            VerifyError::Restore(error) => restoring(error),
            VerifyError::Store(error) => stored(error),
            VerifyError::Live(shipper::Error::NotShipped { .. }) => Some(
                "Give the file that is shipped to this backup; shipping has turned it to WAL mode.",
            ),
            _ => None,
        },
        _ => None,
    }
}

fn moment(error: &moment::Error) -> Option<&'static str> {
    match error {
        moment::Error::Plan { source, .. } => restoring(source),
        moment::Error::NoPoint { .. } => Some("Those there are: egret list URL"),
        moment::Error::None(errors) => errors.first().and_then(moment),
    }
}

fn writing(error: &shipped::Error) -> Option<&'static str> {
    match error {
        shipped::Error::Io { source, .. } if is_full(source) => {
            Some("Free space, or choose another disk for --output.")
        }
        shipped::Error::Io { .. } => Some(
            "The directory of --output must be there, and egret must be allowed to write to it.",
        ),
        error => restoring(error),
    }
}

const EARLIER: &str = "An earlier moment may be whole: take one of egret list URL --moments as --txid. \
    Another backup of the file may have all of it.";

fn restoring(error: &shipped::Error) -> Option<&'static str> {
    match error {
        shipped::Error::Exists { .. } => Some("Name another --output, or replace it with --force."),
        shipped::Error::Directory { .. } => Some("Name a file in it, as in: --output DIR/app.db"),
        shipped::Error::Plan(plan::Error::Empty) => Some(
            "Check the URL. The files of a directory are backed up below its URL, each at its own \
             path: URL/customers/7.db",
        ),
        shipped::Error::NothingThen => {
            Some("Give a later --timestamp; the oldest moment is told by: egret list URL")
        }
        shipped::Error::Plan(plan::Error::NotAvailable { .. }) => {
            Some("What can be restored is told by: egret list URL --moments")
        }
        shipped::Error::Plan(plan::Error::Gap { .. }) => Some(EARLIER),
        error if error.is_corruption() => Some(EARLIER),
        shipped::Error::Space { .. } => Some("Free space, or choose another disk for --output."),
        shipped::Error::Taken { .. } => Some("Wait for it, or choose another --output."),
        shipped::Error::Ltx(ltx::Error::Io(error)) if is_full(error) => {
            Some("Free space, or choose another disk for --output.")
        }
        shipped::Error::Store(error) => stored(error),
        _ => None,
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn stored(error: &store::Error) -> Option<&'static str> {
    match error {
        store::Error::Denied { .. } => Some(
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE) to those of somebody \
             who may use the bucket.",
        ),
        store::Error::Unavailable { .. } => Some("Check endpoint and region in the URL."),
        store::Error::Encrypted { .. } | store::Error::OtherIdentity { .. } => Some(
            "As in URL?age-identity=/path/to/key.txt, a file as age-keygen writes it (joined by & to \
             other options).",
        ),
        store::Error::Io { source, .. } => match source.kind() {
            io::ErrorKind::NotADirectory => {
                Some("The URL of a backup names a directory, the one that was given as --backup.")
            }
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
                Some("Each file and directory that the URL names must be there and open to egret.")
            }
            _ => None,
        },
        store::Error::Refused { .. } => Some("Check bucket, endpoint and region in the URL."),
        _ => None,
    }
}
