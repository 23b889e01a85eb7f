//! A live file and its backup in, the transaction after which the file is as it is read out.
//!
//! For a process that does not ship the file itself. A read mark is taken, and the place where the
//! log ends then; each file of level 0 says where in the log its transactions end. A shipper takes
//! many commits at once, so that a mark may lie in the midst of those: then another is taken.

use super::Error;
use crate::ltx::Txid;
use crate::sqlite::{Checkpoint, Keeper};
use crate::store::{self, LtxFile, Replica};
use crate::wal::{self, Error as WalError, Salts, WAL_HEADER_LEN, WalReader};
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// Where a log ends: its salts, and the offset behind its last frame.
type End = (Salts, u64);

/// A file that is read while others write it.
pub(super) struct Live {
    pub(super) keeper: Keeper,
    /// None if the log is empty.
    end: Option<End>,
}

/// What a backup knows of a place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// This transaction ends there.
    At(Txid),
    /// Later ones are stored, and none ends there.
    Passed,
    /// Nothing tells; this is the newest.
    Newest(Txid),
}

impl Live {
    /// Takes a read mark on the newest commit of a file in WAL mode. With `hold` writers are kept out
    /// until [`Self::let_in`].
    pub(super) fn mark(path: &Path, hold: bool) -> Result<Self, Error> {
        require_wal_mode(path)?;
        let mut keeper = Keeper::open(path)?;
        if hold {
            keeper.keep_out()?;
        }
        let frames = |keeper: &Keeper| keeper.checkpoint(Checkpoint::Noop).map(|log| log.frames);
        loop {
            let before = frames(&keeper)?;
            keeper.mark()?;
            let header = read_header(path)?;
            // Nothing was committed between the two, so that this is where the mark is.
            if frames(&keeper)? == before {
                let frames = u64::try_from(before).unwrap_or(0);
                let end = header.filter(|_| frames > 0);
                let end = end.map(|(salts, len)| (salts, WAL_HEADER_LEN + frames * len));
                return Ok(Self { keeper, end });
            }
        }
    }

    /// Lets writers in again.
    pub(super) fn let_in(&self) -> Result<(), Error> {
        Ok(self.keeper.let_in()?)
    }

    /// Looks for the mark in a backup until it is found, passed, or the time is over.
    pub(super) async fn find_in(
        &self,
        replica: &Replica,
        patience: Duration,
    ) -> Result<Found, store::Error> {
        const PAUSE: Duration = Duration::from_millis(300);
        let until = Instant::now() + patience;
        let first = newest_of(replica, Txid(1)).await?;
        let mut newest = first.clone();
        loop {
            let Some(file) = &newest else { return Ok(Found::Newest(Txid(0))) };
            let is_later = Some(file) != first.as_ref();
            match self.compare(replica, file, is_later).await? {
                Some(found) => return Ok(found),
                None if Instant::now() >= until => return Ok(Found::Newest(file.name.max)),
                None => tokio::time::sleep(PAUSE).await,
            }
            newest = newest_of(replica, file.name.max).await?.or(newest);
        }
    }

    /// What a file of level 0 tells of the mark, if anything. `is_later`: it was stored after the mark
    /// was taken.
    async fn compare(
        &self,
        replica: &Replica,
        file: &LtxFile,
        is_later: bool,
    ) -> Result<Option<Found>, store::Error> {
        let header = match replica.ltx_header(file).await {
            Err(store::Error::NotFound { .. }) => None,
            header => header?.ok(),
        };
        let (Some(header), Some((salts, end))) = (header, self.end) else { return Ok(None) };
        let stored_end = header.wal_offset.saturating_add(header.wal_size);
        let same_run = Salts(header.wal_salt1, header.wal_salt2) == salts;
        Ok(match same_run {
            true if stored_end == end => Some(Found::At(file.name.max)),
            true if stored_end > end => Some(Found::Passed),
            false if is_later => Some(Found::Passed),
            _ => None,
        })
    }
}

/// The newest file of level 0, where one not before `from` is known.
async fn newest_of(replica: &Replica, from: Txid) -> Result<Option<LtxFile>, store::Error> {
    let files = replica.list_ltx_from(0, from).await?;
    Ok(files.into_iter().max_by_key(|file| file.name.max))
}

/// The salts of the log and the length of its frames; none if it is empty.
fn read_header(path: &Path) -> Result<Option<(Salts, u64)>, Error> {
    let wal = wal::path_of(path);
    let file = match File::open(&wal) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(Error::io(&wal))?,
    };
    match WalReader::new(file) {
        Ok(reader) => Ok(Some((reader.header().salts, reader.header().frame_len()))),
        Err(WalError::Empty) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A file in another mode is not shipped by anybody; looking must not turn it to this one.
fn require_wal_mode(path: &Path) -> Result<(), Error> {
    const WRITE_VERSION: usize = 18;
    const WAL: u8 = 2;
    let mut header = [0; WRITE_VERSION + 1];
    let mut file = File::open(path).map_err(Error::io(path))?;
    let read = file.read_exact(&mut header);
    if read.is_ok() && header[WRITE_VERSION] == WAL {
        return Ok(());
    }
    Err(Error::NotShipped { path: path.to_owned() })
}
