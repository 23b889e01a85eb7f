//! How far a followed file is, kept beside it: `.<file>-egret/position`.
//!
//! The first line has the transaction, and the file's device and inode; the second the name of
//! what is followed. Transaction 0 says that a restore was begun.

use super::Error;
use crate::ltx::Txid;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const NAME: &str = "position";

/// What the position file says of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing: following did not make the file that is there.
    Nothing,
    /// Following made it, but how far it is cannot be said.
    Unsure,
    /// It is at this transaction.
    At(Txid),
}

/// Reads the position of `database`.
pub(super) fn read(directory: &Path, database: &Path, source: &str) -> Result<Kept, Error> {
    let path = directory.join(NAME);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Kept::Nothing),
        text => text.map_err(Error::io(&path))?,
    };
    Ok(parse(&text, identity(database)?, source))
}

fn parse(text: &str, identity: Option<(u64, u64)>, source: &str) -> Kept {
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
    if lines.next() == Some(source) { Kept::At(txid) } else { Kept::Unsure }
}

/// Keeps a position, on disk when this returns.
pub(super) fn write(
    directory: &Path,
    database: &Path,
    source: &str,
    txid: Txid,
) -> Result<(), Error> {
    let (device, inode) = identity(database)?.unwrap_or_default();
    let (path, temporary) = (directory.join(NAME), directory.join("position.tmp"));
    let written = fs::create_dir_all(directory)
        .and_then(|()| File::create(&temporary))
        .and_then(|mut file| {
            file.write_all(format!("{txid} {device} {inode}\n{source}\n").as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, &path))
        .and_then(|()| File::open(directory)?.sync_all());
    written.map_err(Error::io(&path))
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
        let text = "000000000000002a 5 7\nfile:///a\n";
        assert_eq!(parse(text, Some((5, 7)), "file:///a"), Kept::At(Txid(42)));
        assert_eq!(parse(text, Some((5, 7)), "file:///b"), Kept::Unsure);
        assert_eq!(parse(text, Some((5, 8)), "file:///a"), Kept::Nothing);
        assert_eq!(parse("0000000000000000 0 0\n", None, "file:///a"), Kept::Unsure);
        for torn in ["", "00", "000000000000002a", "000000000000002a 5", "x 5 7"] {
            assert_eq!(parse(torn, Some((5, 7)), "file:///a"), Kept::Nothing);
        }
    }
}
