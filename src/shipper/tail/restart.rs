//! What a process leaves to the next, and where that goes on.
//!
//! After a restart there is no mark to rely on. Then the last frame shipped must still lie where it did,
//! with nothing of its run behind it that was not read, beside the file that was left if that was
//! noted; or, where the log is gone, the file must be as it was when all was in it.

use super::{Lost, Place, Tail};
use crate::ltx::{Header, Name};
use crate::shipper::Error;
use crate::shipper::log::Newest;
use crate::shipper::parting::{self, Parted, Still};
use crate::sqlite::Checkpoint;
use crate::wal::{Position, Salts, WAL_HEADER_LEN, WalReader};
use std::fs::File;

impl Tail {
    /// Takes the read mark and finds the place where the newest local file ends, writing what was
    /// committed since; or says why that is not possible.
    pub(in crate::shipper) fn attach(
        &mut self,
        wrote: &mut dyn FnMut(Name),
    ) -> Result<Option<Lost>, Error> {
        let lost = self.with_writers_out(|tail| {
            tail.mark()?;
            match tail.proven()? {
                Ok(place) => {
                    tail.place = Some(place);
                    tail.drain_and_seal(wrote)
                }
                Err(lost) => Ok(Some(lost)),
            }
        })?;
        if self.place.is_some_and(|place| place.position.is_some()) {
            // From now on the log is copied into it.
            parting::forget(&self.database)?;
        }
        Ok(lost)
    }

    /// Where the newest local file ends in the log, if nothing can have been missed since.
    fn proven(&mut self) -> Result<Result<Place, Lost>, Error> {
        let header = match self.log.newest()? {
            None => return Ok(Err(Lost::NothingLocal)),
            Some(Newest::Damaged(txid, error)) => {
                tracing::error!(file = %self.database.display(), %txid, %error, "local file damaged");
                return Ok(Err(Lost::Damaged));
            }
            Some(Newest::Valid(header)) if header.max_txid < self.txid => {
                return Ok(Err(Lost::Behind));
            }
            Some(Newest::Valid(header)) => header,
        };
        let Some(mut reader) = self.reader()? else { return Ok(self.untouched(&header)) };
        if reader.header().page_size != header.page_size {
            return Ok(Err(Lost::PageSize));
        }
        let parted = parting::read(&self.database, header.max_txid);
        if parted.is_some_and(|parted| !parted.is_still(&self.database)) {
            return Ok(Err(Lost::Touched));
        }
        let position = self.continued(&mut reader, &header)?;
        Ok(position.map(|position| Place {
            position: Some(position),
            sealed: false,
            frame_len: reader.header().frame_len(),
            commit: header.commit,
            checkpointed: WAL_HEADER_LEN,
        }))
    }

    /// Where there is no log, nothing was committed if the file is as it was when all of it was shipped.
    fn untouched(&self, header: &Header) -> Result<Place, Lost> {
        let parted = parting::read(&self.database, header.max_txid);
        if !parted.is_some_and(|parted| parted.is_whole(&self.database)) {
            return Err(Lost::WalGone);
        }
        let (commit, checkpointed) = (header.commit, WAL_HEADER_LEN);
        Ok(Place { position: None, sealed: true, frame_len: 0, commit, checkpointed })
    }

    /// Writes down what the file is, if all that was committed was shipped.
    pub(in crate::shipper) fn part(&self) -> Result<(), Error> {
        // Looked at first: whoever writes after that changes it.
        let (Some(place), Some(still)) = (self.place, Still::of(&self.database)) else {
            return Ok(());
        };
        let log = self.keeper.checkpoint(Checkpoint::Noop)?;
        // Of what was not read nothing is copied under the mark: its length is enough.
        let frames = u64::try_from(log.frames).unwrap_or(0);
        let is_read = Some(frames) == place.frames_read() || frames == 0 && place.sealed;
        let parted = Parted { still, in_log: !log.is_complete() };
        if is_read { parting::write(&self.database, self.txid, parted) } else { Ok(()) }
    }

    fn continued(
        &self,
        reader: &mut WalReader<File>,
        header: &Header,
    ) -> Result<Result<Position, Lost>, Error> {
        let salts = Salts(header.wal_salt1, header.wal_salt2);
        let now = reader.header().salts;
        let end = header.wal_offset.saturating_add(header.wal_size);
        if end == WAL_HEADER_LEN {
            return Ok(if salts == now { Ok(reader.start()) } else { Err(Lost::Restarted) });
        }
        let Some((pgno, page, position)) = reader.frame_before(end, salts)? else {
            return Ok(Err(Lost::Overwritten));
        };
        let (_, shipped) = self.log.verify(header.name(), pgno)?;
        if shipped.is_none_or(|shipped| shipped != page) {
            return Ok(Err(Lost::Overwritten));
        }
        if salts == now {
            let until = self.committed_until(reader)?;
            return Ok(if end > until { Err(Lost::Overwritten) } else { Ok(position) });
        }
        if now.0 != salts.0.wrapping_add(1) {
            return Ok(Err(Lost::Restarted));
        }
        reader.resume(position);
        let missed = reader.next_frame()?.is_some();
        Ok(if missed { Err(Lost::Restarted) } else { Ok(reader.start()) })
    }
}
