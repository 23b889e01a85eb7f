//! Turns what was committed to one file into LTX files of its local log, missing no transaction.
//!
//! What enters: the database's write-ahead log. What leaves: one LTX file for each batch of commits.
//! Whenever it cannot be proved that nothing was missed the numbers have a gap: what lies before what
//! comes after it only a whole copy tells, which is read where it is ([`Tail::pin`]).
//!
//! The proof. A [`Keeper`] holds a read mark, so no frame behind it can be overwritten. A place in
//! the log is *sealed* if it was the log's end while writers were kept out and the mark was taken:
//! only from a sealed place can the log be started over, since a mark on a frame forbids it, and a
//! mark on the whole file forbids that anything later is backfilled, which forbids it too. So new
//! salts at a sealed place mean "read on at the beginning", and anywhere else "something was
//! missed". The mark follows what is shipped ([`Tail::settle`]): a foreign checkpoint that waits for
//! readers waits for this one until the next look at most. What proves it after a restart is in
//! [`restart`].
//!
//! No thread, no waiting, no store: [`super::worker`] calls it.

mod lost;
mod restart;

use super::glance::{Glance, Identity, identity};
use super::growth::with_growth;
use super::log::Log;
use super::snapshot::Pinned;
use super::{Error, Hooks, Options};
use crate::ltx::{Header, NO_CHECKSUM, Name, Pgno, Txid, lock_page};
use crate::sqlite::{Checkpoint, Checkpointed, Keeper, Pin};
use crate::wal::{self, Batch, Position, Salts, WAL_HEADER_LEN, WalReader};
pub(super) use lost::Lost;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The follower of one file's log.
pub(super) struct Tail {
    database: PathBuf,
    wal: PathBuf,
    identity: Identity,
    keeper: Keeper,
    log: Log,
    hooks: Arc<dyn Hooks>,
    batch_bytes_max: u64,
    txid: Txid,
    place: Option<Place>,
    /// What the index said when the mark was taken; none if that is not known.
    settled: Option<Checkpointed>,
    /// What the log was read to, while there is something to read in it.
    buffer: Vec<u8>,
    /// Frames read since that was last asked.
    taken: u64,
}

/// How far the log was read.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Behind the last frame shipped; none if the log was empty.
    position: Option<Position>,
    sealed: bool,
    frame_len: u64,
    /// The database's size in pages there.
    commit: u32,
    /// How long the log was at the last checkpoint.
    checkpointed: u64,
}

impl Place {
    /// How many frames of the log were read; none if it was empty.
    fn frames_read(&self) -> Option<u64> {
        Some((self.position?.offset - WAL_HEADER_LEN) / self.frame_len.max(1))
    }

    /// A log of so many frames was read to its end; one that was started over has none yet.
    fn is_at_end(&self, frames: u64, salts: Salts) -> bool {
        match self.position {
            Some(position) if position.salts == salts => self.frames_read() == Some(frames),
            _ => frames == 0 && self.sealed,
        }
    }
}

/// The end of the log, and what proves it after a restart.
struct End {
    place: Place,
    page_size: u32,
    /// The page that was logged last.
    pgno: Pgno,
    page: Vec<u8>,
}

/// What a look at the log brought.
#[derive(Debug)]
pub(super) enum Synced {
    /// Nothing was committed.
    Nothing,
    /// One batch was written to the local log; whether it left some of what was committed when it
    /// was begun.
    Wrote(Name, bool),
    /// It cannot be proved that nothing was missed.
    Lost(Lost),
}

impl Tail {
    /// Opens a file that exists; [`Self::attach`] is next.
    pub(super) fn open(
        database: &Path,
        log: Log,
        hooks: Arc<dyn Hooks>,
        options: &Options,
    ) -> Result<Self, Error> {
        let identity = identity(database)?;
        let keeper = Keeper::open(database)?;
        if keeper.converted() {
            tracing::info!(file = %database.display(), "turned the file to WAL mode");
        }
        let txid = log.names()?.last().map_or(Txid(0), |name| name.max);
        Ok(Self {
            database: database.to_owned(),
            wal: wal::path_of(database),
            identity,
            keeper,
            log,
            hooks,
            batch_bytes_max: options.batch_bytes_max,
            txid,
            place: None,
            settled: None,
            buffer: Vec::new(),
            taken: 0,
        })
    }

    /// Makes the next batch come after `txid`; true if that leaves a gap.
    pub(super) fn raise(&mut self, txid: Txid) -> bool {
        let raised = txid > self.txid;
        self.txid = self.txid.max(txid);
        raised
    }

    /// Writes what was committed since the last time, at most one batch.
    pub(super) fn sync(&mut self) -> Result<Synced, Error> {
        self.require_same_file()?;
        let Some(place) = self.place else { return Ok(Synced::Lost(Lost::NothingLocal)) };
        let Some(mut reader) = self.reader()? else {
            let lost = Synced::Lost(Lost::WalGone);
            return Ok(if place.sealed { Synced::Nothing } else { lost });
        };
        let start = match place.position {
            Some(position) if position.salts == reader.header().salts => position,
            _ if place.sealed => reader.start(),
            _ => return Ok(Synced::Lost(Lost::Restarted)),
        };
        reader.resume(start);
        let until = self.committed_until(&reader)?;
        let mut reader = reader.reusing(mem::take(&mut self.buffer));
        let Some(batch) = reader.committed(until, self.batch_bytes_max)? else {
            return Ok(Synced::Nothing);
        };
        self.require_same_file()?;
        let name = self.write(place, &reader, &batch)?;
        self.taken += (batch.end.offset - batch.start) / reader.header().frame_len().max(1);
        self.buffer = reader.into_buffer();
        Ok(Synced::Wrote(name, batch.end.offset < until))
    }

    /// What was opened by its name is this file's only if the name still is: SQLite opens a log when it
    /// is first read.
    fn require_same_file(&self) -> Result<(), Error> {
        if identity(&self.database)? == self.identity {
            return Ok(());
        }
        Err(Error::Replaced { path: self.database.clone() })
    }

    /// Begins anew at the end of the log, after a gap in the numbers: nothing that comes follows what
    /// was shipped before, nor the file after that, which a process that is gone may have sent.
    pub(super) fn begin_anew(&mut self) -> Result<Name, Error> {
        self.place = None;
        let end = self.with_writers_out(Self::end)?;
        self.txid = gap_after(self.txid);
        self.state(end)
    }

    /// Takes the mark at the end of the log while writers are out.
    fn end(&mut self) -> Result<End, Error> {
        self.mark()?;
        let place = self.end_of_log()?;
        let (page_size, commit) = self.keeper.size()?;
        if commit == 0 {
            return Err(Error::Vacant { path: self.database.clone() });
        }
        let (pgno, page) = self.last_page(place)?;
        Ok(End { place: Place { commit, ..place }, page_size, pgno, page })
    }

    /// Writes a file that says how far the log is, and has one page as it is.
    fn state(&mut self, end: End) -> Result<Name, Error> {
        self.require_same_file()?;
        let End { place, page_size, pgno, page } = end;
        let offset = place.position.map_or(WAL_HEADER_LEN, |position| position.offset);
        let salts = place.position.map_or(Salts::default(), |position| position.salts);
        let header = self.header(page_size, place.commit, offset..offset, salts);
        let mut draft = self.log.draft(header)?;
        draft.page(pgno, &page)?;
        let name = draft.finish()?;
        self.txid = name.max;
        self.place = Some(place);
        Ok(name)
    }

    /// The page that was logged last, which proves where the log was after a restart; the first one of
    /// the file if none was.
    fn last_page(&self, place: Place) -> Result<(Pgno, Vec<u8>), Error> {
        if let Some(mut reader) = self.reader()?
            && let Some(Position { offset, salts, .. }) = place.position
            && let Some((pgno, page, _)) = reader.frame_before(offset, salts)?
        {
            return Ok((pgno, page));
        }
        Ok((1, self.keeper.first_page()?))
    }

    /// Begins a read transaction of which it is known what it sees: what the newest local file led
    /// to. Writers wait only until it has begun.
    ///
    /// It may be for a destination that has a history of numbers up to `above`, which need not be this
    /// file's. What leads on must not follow that history, or it would be merged with it; and there is
    /// a local file of its number and its time: a new one if need be, which changes nothing.
    pub(super) fn pin(
        &mut self,
        above: Option<Txid>,
        wrote: &mut dyn FnMut(Name),
    ) -> Result<Result<Pinned, Lost>, Error> {
        let pin = Pin::open(&self.database)?;
        let end = self.with_writers_out(|tail| {
            if let Some(lost) = tail.drain(wrote)? {
                return Ok(Err(lost));
            }
            let end = match above {
                Some(above) if !tail.leads_on(above)? => Some((above, tail.end()?)),
                _ => None,
            };
            pin.begin()?;
            tail.require_same_file()?;
            Ok(Ok(end))
        })?;
        match end {
            Ok(Some((above, end))) => {
                self.raise(gap_after(above));
                wrote(self.state(end)?);
            }
            Ok(None) => {}
            Err(lost) => return Ok(Err(lost)),
        }
        let (page_size, commit) = pin.size()?;
        let led = if above.is_some() { self.newest_header()? } else { None };
        let header = Header {
            flags: NO_CHECKSUM,
            page_size,
            commit,
            min_txid: self.txid,
            max_txid: self.txid,
            timestamp_ms: led.map_or(self.hooks.now_ms(), |header| header.timestamp_ms),
            ..Header::default()
        };
        Ok(Ok(Pinned::new(pin, header)))
    }

    /// The newest local file is there, and its number does not follow a history that ends with this one.
    fn leads_on(&self, above: Txid) -> Result<bool, Error> {
        Ok(self.txid > gap_after(above) && self.newest_header()?.is_some())
    }

    fn newest_header(&self) -> Result<Option<Header>, Error> {
        self.log.header(Name::single(self.txid))
    }

    /// Moves the read mark to where the log was read to, if that is its end: onto its last frame,
    /// which lets a checkpoint copy all of it, or onto the whole file once all is copied, which lets
    /// the log be started over. From the whole file it moves onto a frame in any case: others who try
    /// a checkpoint after each commit would sort all of the log each time, in vain. True if somebody
    /// may be copying, and want that soon.
    pub(super) fn settle(&mut self) -> Result<bool, Error> {
        let Some(place) = self.place else { return Ok(false) };
        let Some(read) = place.frames_read() else { return Ok(false) };
        let before = self.keeper.checkpoint(Checkpoint::Noop)?;
        let at_end = u64::try_from(before.frames).is_ok_and(|frames| frames == read);
        let is_due = at_end || self.is_on_whole_file();
        if !is_due || read == 0 || before.is_complete() && self.settled == Some(before) {
            return Ok(false);
        }
        let copying = !before.is_complete() && self.glance().was_just_copied();
        if self.settled == Some(before) {
            return Ok(copying);
        }
        self.advance()?;
        Ok(copying)
    }

    /// The read mark is on the whole file, as far as is known, and no checkpoint can copy anything.
    pub(super) fn is_on_whole_file(&self) -> bool {
        self.settled.is_none_or(|log| log.is_complete())
    }

    /// Moves the read mark to the newest commit, unless all was copied and not all was read: on the
    /// whole file it would not keep the rest.
    fn advance(&mut self) -> Result<(), Error> {
        self.settled = None;
        let unsealed = self.place.filter(|place| !place.sealed);
        let read = unsealed.and_then(|place| place.frames_read());
        let may_move = |log: &Checkpointed| {
            !log.is_complete() || read.is_none_or(|read| u64::try_from(log.frames) == Ok(read))
        };
        self.settled = self.keeper.remark(may_move)?;
        self.settled.into_iter().for_each(|log| self.moved_mark(log));
        Ok(())
    }

    /// The read mark was moved, and the log was so long then. If it ends where it was read to, and was
    /// copied as far while the mark before was held, which kept it from being started over, then the
    /// mark is on the whole file.
    fn moved_mark(&mut self, log: Checkpointed) {
        if let Some(place) = &mut self.place
            && let Some(read) = place.frames_read()
        {
            place.sealed |= log.is_complete() && u64::try_from(log.frames) == Ok(read);
        }
    }

    /// Gives the mark up, and copies a log of more than so many pages into the database without
    /// having read it: only [`Self::begin_anew`] can follow.
    pub(super) fn rest(&mut self, checkpoint_pages: u64) -> Result<(), Error> {
        (self.place, self.settled) = (None, None);
        self.keeper.unmark()?;
        self.require_same_file()?;
        let log = self.keeper.checkpoint(Checkpoint::Noop)?;
        let waiting = u64::try_from(log.frames - log.backfilled).unwrap_or(0);
        if waiting > checkpoint_pages {
            self.keeper.checkpoint(Checkpoint::Passive)?;
        }
        Ok(())
    }

    /// Gives back what is not needed as long as nothing is committed. False if the log is not as it was
    /// read, or changing: try again later.
    pub(super) fn doze(&mut self) -> Result<bool, Error> {
        // Of a file that rests no log is kept.
        let Some(place) = self.place else { return Ok(true) };
        self.buffer = Vec::new();
        let is_at_end =
            |frames, [first, second]: [u32; 2]| place.is_at_end(frames, Salts(first, second));
        let Some(log) = self.keeper.doze(is_at_end)? else { return Ok(false) };
        self.moved_mark(log);
        self.settled = Some(log);
        Ok(true)
    }

    /// Bytes of the log that were not there at the last checkpoint, as far as they were shipped.
    pub(super) fn frames_since_checkpoint(&self) -> u64 {
        let Some((place, position)) = self.place.and_then(|p| Some((p, p.position?))) else {
            return 0;
        };
        position.offset.saturating_sub(place.checkpointed) / place.frame_len.max(1)
    }

    /// How many frames were read since this was last asked.
    pub(super) fn take_count(&mut self) -> u64 {
        mem::take(&mut self.taken)
    }

    /// Frames of the log that are not shipped yet.
    pub(super) fn unread_frames(&self) -> Result<u64, Error> {
        let log = self.keeper.checkpoint(Checkpoint::Noop)?;
        let read = self.place.and_then(|place| place.frames_read()).unwrap_or(0);
        Ok(u64::try_from(log.frames).unwrap_or(0).saturating_sub(read))
    }

    /// The length of the log's file.
    pub(super) fn wal_len(&self) -> u64 {
        fs::metadata(&self.wal).map_or(0, |metadata| metadata.len())
    }

    /// Writes what was committed since the last time, copies the log into the database file and lets
    /// the next writer start it over, unless readers are in the way. False if a writer was, or
    /// something was missed, which [`Self::sync`] finds too: try again later.
    ///
    /// Most of the copying happens while writers go on; they wait only for the rest.
    pub(super) fn checkpoint(
        &mut self,
        truncate_above: u64,
        wrote: &mut dyn FnMut(Name),
    ) -> Result<bool, Error> {
        // The log goes by its name: it may be another file's by now.
        self.require_same_file()?;
        self.advance()?;
        self.keeper.checkpoint(Checkpoint::Passive)?;
        let sealed = self.with_writers_out(|tail| {
            if let Some(lost) = tail.drain_and_seal(wrote)? {
                return Ok(Err(lost));
            }
            tail.keeper.unmark()?;
            let done = tail.keeper.checkpoint(Checkpoint::Passive);
            tail.mark()?;
            let done = done?;
            tail.settled = Some(done);
            Ok(Ok(done.is_complete()))
        });
        let complete = match sealed {
            Ok(Ok(complete)) => complete,
            Ok(Err(_)) | Err(Error::Busy { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        if let Some(place) = &mut self.place {
            place.checkpointed = place.position.map_or(WAL_HEADER_LEN, |p| p.offset);
        }
        if complete && self.wal_len() > truncate_above {
            self.keeper.checkpoint(Checkpoint::Truncate)?;
        }
        Ok(true)
    }

    /// The file and the log, as far as a look from outside tells whether they changed.
    pub(super) fn glance(&self) -> Glance {
        Glance::at(&self.database, &self.wal)
    }

    /// The path of the log.
    pub(super) fn wal(&self) -> &Path {
        &self.wal
    }

    fn mark(&mut self) -> Result<(), Error> {
        self.settled = None;
        Ok(self.keeper.mark()?)
    }

    fn with_writers_out<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let hooks = Arc::clone(&self.hooks);
        let Some(held) = hooks.hold_writers() else {
            return Err(Error::Busy { path: self.database.clone() });
        };
        self.keeper.keep_out().map_err(|error| match error {
            error if error.is_busy() => Error::Busy { path: self.database.clone() },
            error => error.into(),
        })?;
        let done = work(self);
        self.keeper.let_in()?;
        drop(held);
        done
    }

    /// Reads to the end of the log while writers are out.
    fn drain(&mut self, wrote: &mut dyn FnMut(Name)) -> Result<Option<Lost>, Error> {
        loop {
            match self.sync()? {
                Synced::Wrote(name, _) => wrote(name),
                Synced::Lost(lost) => return Ok(Some(lost)),
                Synced::Nothing => return Ok(None),
            }
        }
    }

    /// The same under a mark that was taken while writers were out.
    fn drain_and_seal(&mut self, wrote: &mut dyn FnMut(Name)) -> Result<Option<Lost>, Error> {
        let lost = self.drain(wrote)?;
        if let Some(place) = self.place.as_mut().filter(|_| lost.is_none()) {
            place.sealed = true;
        }
        Ok(lost)
    }

    /// The end of the log while writers are out.
    fn end_of_log(&self) -> Result<Place, Error> {
        let mut place = Place {
            position: None,
            sealed: true,
            frame_len: 0,
            commit: 0,
            checkpointed: WAL_HEADER_LEN,
        };
        if let Some(mut reader) = self.reader()? {
            let until = self.committed_until(&reader)?;
            while reader.committed(until, u64::MAX)?.is_some() {}
            place.position = Some(reader.position());
            place.frame_len = reader.header().frame_len();
        }
        Ok(place)
    }

    /// A reader of the log, or none if the log is empty.
    fn reader(&self) -> Result<Option<WalReader<File>>, Error> {
        let file = match File::open(&self.wal) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(Error::io(&self.wal))?,
        };
        match WalReader::new(file) {
            Err(wal::Error::Empty) => Ok(None),
            reader => Ok(Some(reader?)),
        }
    }

    /// The offset where the log ends by its index. Asked after the header was read: the index may
    /// then be of a later run, but never of an earlier one.
    fn committed_until(&self, reader: &WalReader<File>) -> Result<u64, Error> {
        let frames = self.keeper.checkpoint(Checkpoint::Noop)?.frames;
        let frames = u64::try_from(frames).unwrap_or(0);
        Ok(WAL_HEADER_LEN + frames.saturating_mul(reader.header().frame_len()))
    }

    fn write(
        &mut self,
        place: Place,
        reader: &WalReader<File>,
        batch: &Batch,
    ) -> Result<Name, Error> {
        let page_size = reader.header().page_size;
        let range = batch.start..batch.end.offset;
        let header = self.header(page_size, batch.commit, range, batch.end.salts);
        let mut draft = self.log.draft(header)?;
        let (mut spare, blank) = (Vec::new(), vec![0; page_size as usize]);
        for (pgno, offset) in with_growth(batch, place.commit, lock_page(page_size)) {
            match offset {
                Some(offset) => draft.page(pgno, reader.page_at(offset, &mut spare)?)?,
                None => draft.page(pgno, &blank)?,
            }
        }
        let name = draft.finish()?;
        self.txid = name.max;
        let same_run = place.position.is_some_and(|p| p.salts == batch.end.salts);
        self.place = Some(Place {
            position: Some(batch.end),
            sealed: false,
            frame_len: reader.header().frame_len(),
            commit: batch.commit,
            checkpointed: if same_run { place.checkpointed } else { WAL_HEADER_LEN },
        });
        Ok(name)
    }

    fn header(
        &self,
        page_size: u32,
        commit: u32,
        wal: std::ops::Range<u64>,
        salts: Salts,
    ) -> Header {
        let txid = self.txid.next();
        Header {
            flags: NO_CHECKSUM,
            page_size,
            commit,
            min_txid: txid,
            max_txid: txid,
            timestamp_ms: self.hooks.now_ms(),
            wal_offset: wal.start,
            wal_size: wal.end - wal.start,
            wal_salt1: salts.0,
            wal_salt2: salts.1,
            ..Header::default()
        }
    }
}

/// The last number that is left out after a history that ends with this one, so that nothing follows it.
/// The one that follows may have been sent by a process that is gone, and arrive yet; the one after that
/// may not. Nobody ever begins with the first.
pub(super) fn gap_after(txid: Txid) -> Txid {
    if txid == Txid(0) { txid.next() } else { txid.next().next() }
}

/// What another writer may still add to a history that ends with this number. It may not know yet that
/// it has been followed, and what it sends until then must not reach what begins anew: it would be
/// merged with that.
pub(super) fn end_of_room(end: Txid) -> Txid {
    const ROOM: u64 = 0xfffe;
    if end == Txid(0) { end } else { Txid(end.0.saturating_add(ROOM)) }
}

#[cfg(test)]
mod tests;
