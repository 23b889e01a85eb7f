//! How far a followed file is, kept beside it: `.<file>-egret/position`.
//!
//! | line | what |
//! | --- | --- |
//! | 1 | the transaction, the file's device and inode, and when it was committed; transaction 0: a restore was begun |
//! | 2 | the name of what is followed |
//! | 3 | the store's file that was applied last ([`Landmark`]) |
//! | 4 | when the file and its log were written last, and their lengths |
//!
//! The last line tells whether somebody else wrote to the file while nobody followed. A mark beside
//! it, `applying`, says that it does not count: a follower that is killed between a commit and the
//! position has written the file itself, and writing the same once more changes nothing.

use super::Error;
use super::landmark::Landmark;
use crate::ltx::Txid;
use crate::shipper::{POSITION, written};
use crate::store::{make_directories, sync_directory};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const APPLYING: &str = "applying";

/// Where a followed file is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The transaction.
    pub(super) txid: Txid,
    /// When that was committed, by its writer's clock, in milliseconds since 1970; 0 if that is not known.
    pub(super) committed_ms: i64,
    /// By what the store is known to be the one it came from.
    pub(super) landmark: Option<Landmark>,
}

/// What the position file says of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing: following did not make the file that is there.
    Nothing,
    /// Following made it, but how far it is cannot be said.
    Unsure,
    /// Following made it, and somebody else has written to it since.
    Touched,
    /// It is there.
    At(Position),
}

/// Reads the position of `database`.
pub(super) fn read(directory: &Path, database: &Path, source: &str) -> Result<Kept, Error> {
    let path = directory.join(POSITION);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Kept::Nothing),
        text => text.map_err(Error::io(&path))?,
    };
    let written = if directory.join(APPLYING).exists() { None } else { Some(written(database)) };
    Ok(parse(&text, identity(database)?, written.as_deref(), source))
}

fn parse(text: &str, identity: Option<(u64, u64)>, written: Option<&str>, source: &str) -> Kept {
    let mut lines = text.lines();
    let mut fields = lines.next().unwrap_or_default().split(' ');
    let Some(txid) = fields.next().and_then(|field| field.parse::<Txid>().ok()) else {
        return Kept::Nothing;
    };
    if txid == Txid(0) {
        return Kept::Unsure;
    }
    let mut number = || fields.next()?.parse::<u64>().ok();
    if number().zip(number()) != identity {
        // Another file has its name now.
        return Kept::Nothing;
    }
    let committed_ms = fields.next().and_then(|field| field.parse().ok()).unwrap_or_default();
    if lines.next() != Some(source) {
        return Kept::Unsure;
    }
    let landmark = lines.next().and_then(Landmark::parse);
    if written.is_some() && lines.next() != written {
        return Kept::Touched;
    }
    Kept::At(Position { txid, committed_ms, landmark })
}

/// How far `database` is that follows `source`, or did before somebody wrote to it.
pub(super) fn followed(directory: &Path, database: &Path, source: &str) -> Option<Txid> {
    let text = fs::read_to_string(directory.join(POSITION)).ok()?;
    match parse(&text, identity(database).ok()?, None, source) {
        Kept::At(position) => Some(position.txid),
        Kept::Nothing | Kept::Unsure | Kept::Touched => None,
    }
}

/// From now on the file may be ahead of its position.
pub(super) fn begin(directory: &Path) -> Result<(), Error> {
    let path = directory.join(APPLYING);
    // It is for a process that is killed, not for a machine that dies.
    File::create(&path).map(drop).map_err(Error::io(&path))
}

/// Keeps a position, on disk when this returns.
pub(super) fn write(
    directory: &Path,
    database: &Path,
    source: &str,
    position: &Position,
) -> Result<(), Error> {
    let (device, inode) = identity(database)?.unwrap_or_default();
    let (path, temporary) = (directory.join(POSITION), directory.join("position.tmp"));
    let Position { txid, committed_ms, .. } = position;
    let mut text = format!("{txid} {device} {inode} {committed_ms}\n{source}\n");
    if let Some(landmark) = &position.landmark {
        // A string takes all that is written to it.
        writeln!(text, "{landmark}\n{}", written(database)).unwrap_or_default();
    }
    let kept = make_directories(directory)
        .and_then(|()| File::create(&temporary))
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, &path))
        .and_then(|()| match fs::remove_file(directory.join(APPLYING)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => sync_directory(directory),
        });
    kept.map_err(Error::io(&path))
}

fn identity(database: &Path) -> Result<Option<(u64, u64)>, Error> {
    match fs::metadata(database) {
        Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(database)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_of_one_file_and_one_source() {
        let end = "0123456789abcdef0123456789abcdef";
        let landmark = format!("0 000000000000002a-000000000000002a.ltx 300 {end}");
        let text = format!("000000000000002a 5 7 9000\nfile:///a\n{landmark}\n1.5 4096 0.0 0\n");
        let parse =
            |text: &str, identity, source| parse(text, identity, Some("1.5 4096 0.0 0"), source);
        let Kept::At(position) = parse(&text, Some((5, 7)), "file:///a") else { panic!("{text}") };
        assert_eq!((position.txid, position.committed_ms), (Txid(42), 9000));
        assert_eq!(position.landmark.unwrap().to_string(), landmark);
        assert_eq!(parse(&text, Some((5, 7)), "file:///b"), Kept::Unsure);
        assert_eq!(parse(&text, Some((5, 8)), "file:///a"), Kept::Nothing);
        assert_eq!(parse("0000000000000000 0 0\n", None, "file:///a"), Kept::Unsure);
        for torn in ["", "00", "000000000000002a", "000000000000002a 5", "x 5 7"] {
            assert_eq!(parse(torn, Some((5, 7)), "file:///a"), Kept::Nothing);
        }
    }

    #[test]
    fn what_somebody_else_wrote_shows_unless_it_may_be_ours() {
        let text = "000000000000002a 5 7\nfile:///a\n\n1.5 4096 0.0 0\n";
        let at = Kept::At(Position { txid: Txid(42), ..Position::default() });
        let parse = |written| parse(text, Some((5, 7)), written, "file:///a");
        assert_eq!(parse(Some("1.5 4096 0.0 0")), at);
        assert_eq!(parse(Some("1.6 4096 0.0 0")), Kept::Touched);
        assert_eq!(parse(None), at);
    }
}
