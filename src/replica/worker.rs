//! The thread that follows.
//!
//! What enters: time. What leaves: requests to the store, and files applied in their order.

use super::apply::{FILES_MAX, Target};
use super::landmark::Landmark;
use super::position::{self, Kept, Position};
use super::{Error, Shared};
use crate::ltx::{Header, Name};
use crate::shipper::plan::{chain, plan};
use crate::shipper::restore::{self, list_all, restore};
use crate::shipper::{self, Lock, now_ms};
use crate::store::{self, LtxFile};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The longest wait after failures.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Follows until told to stop.
pub(super) fn run(shared: &Arc<Shared>) {
    let mut worker = Worker::new(Arc::clone(shared));
    while !shared.is_stopped() {
        let Some(wait) = worker.round() else { return };
        let until = Instant::now() + wait;
        while !shared.is_stopped() && Instant::now() < until {
            std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
        }
    }
    worker.rest();
}

/// Why the file has to be made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Stale {
    #[error("how far the file is cannot be said")]
    Unsure,
    #[error("somebody else has written to the file")]
    Touched,
    #[error("the store does not have what the file was made of any more")]
    OtherHistory,
}

/// Follows into one file.
pub(super) struct Worker {
    shared: Arc<Shared>,
    /// Nobody else writes to the file meanwhile.
    lock: Option<Lock>,
    target: Option<Target>,
    position: Position,
    /// The file is to be made anew before anything else.
    stale: Option<Stale>,
    failures: u32,
    listed: Instant,
    /// When the store was last seen to have what the file was made of.
    proven: Instant,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            shared,
            lock: None,
            target: None,
            position: Position::default(),
            stale: None,
            failures: 0,
            listed: now,
            proven: now,
        }
    }

    /// Comes as far as the store is; how long to wait then, or none if that is in vain.
    pub(super) fn round(&mut self) -> Option<Duration> {
        let interval = self.shared.options.interval;
        match self.catch_up() {
            Ok(()) => {
                self.answered();
                self.failures = 0;
                Some(interval)
            }
            Err(error) => {
                let wait = interval.saturating_mul(1 << self.failures.min(10)).min(BACKOFF_MAX);
                self.failures = self.failures.saturating_add(1);
                self.failed(error).then_some(wait)
            }
        }
    }

    /// Tells what went wrong; true if it may be tried again.
    fn failed(&self, error: Error) -> bool {
        let (message, goes_on) = (error.to_string(), !error.is_final());
        let before = self.shared.lock().error.replace(message.clone());
        if goes_on && before != Some(message) {
            let file = self.shared.path.display();
            tracing::warn!(%file, %error, "does not follow, will try again");
        }
        if !goes_on {
            self.shared.refuse(error);
        }
        goes_on
    }

    fn catch_up(&mut self) -> Result<(), Error> {
        if self.target.is_none() {
            self.begin()?;
        }
        self.notice_touch()?;
        while self.stale.is_none()
            && let Some(file) = self.next()?
        {
            self.advance(&[file])?;
            if self.shared.is_stopped() {
                return Ok(());
            }
        }
        if self.stale.is_some() {
            self.overwrite()
        } else if self.failures > 0 || self.is_elsewhere()? {
            self.bridge()
        } else {
            Ok(())
        }
    }

    /// Level 0, whose newest file always stays, ends otherwise than with what was applied last, or that is
    /// not what it was. Only now and then is that asked.
    fn is_elsewhere(&mut self) -> Result<bool, Error> {
        if self.listed.elapsed() < self.shared.options.list_interval {
            return Ok(false);
        }
        self.listed = Instant::now();
        let last = Name::single(self.position.txid);
        let left = self.shared.run(self.shared.source.replica.list_ltx_from(0, last.min))?;
        Ok(!matches!(left.as_slice(), [only] if only.name == last) || !self.is_proven()?)
    }

    /// Finds the file, or makes it.
    fn begin(&mut self) -> Result<(), Error> {
        let (path, name) = (&self.shared.path, &self.shared.source.name);
        if self.lock.is_none() {
            self.lock = Some(Lock::take(path)?);
        }
        let there = path.exists();
        let kept = position::read(&self.shared.state(), path, name)?;
        let spares = there && !self.shared.options.take_over;
        if spares && kept == Kept::Nothing {
            return Err(Error::Foreign { path: path.clone() });
        }
        if spares && shipper::has_own(path) {
            return Err(Error::Own { path: path.clone() });
        }
        // It may have been backed up before it followed.
        shipper::forget(path).map_err(Error::io(path))?;
        match (there, kept) {
            (false, _) => return self.restore(),
            (true, Kept::At(position)) => {
                self.open()?;
                self.position = position;
                // It may be served as it is before the store has answered.
                self.tell();
                self.bridge()?;
            }
            (true, Kept::Touched) => {
                self.open()?;
                self.found_stale(Stale::Touched);
            }
            (true, Kept::Nothing | Kept::Unsure) => {
                self.open()?;
                self.found_stale(Stale::Unsure);
            }
        }
        Ok(())
    }

    fn found_stale(&mut self, stale: Stale) {
        tracing::warn!(file = %self.shared.path.display(), why = %stale, "makes the file anew from the store");
        self.stale = Some(stale);
    }

    fn notice_touch(&mut self) -> Result<(), Error> {
        let Some(target) = self.target.as_ref().filter(|_| self.stale.is_none()) else {
            return Ok(());
        };
        if target.is_touched()? {
            self.found_stale(Stale::Touched);
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(), Error> {
        self.target = Some(Target::open(&self.shared.path, &self.shared.runtime)?);
        Ok(())
    }

    fn restore(&mut self) -> Result<(), Error> {
        // A file that appears from now on is of our making.
        self.position = Position::default();
        self.keep()?;
        let options = restore::Options::default();
        let progress: restore::ProgressFn = Arc::new(|_| ());
        let shared = Arc::clone(&self.shared);
        let restoring = restore(&shared.source.replica, &shared.path, &options, progress);
        let restored = shared.run(restoring)?;
        tracing::info!(file = %shared.path.display(), txid = %restored.txid, "restored");
        self.listed = Instant::now();
        let landmark = shared.run(Landmark::read(&shared.source.replica, &restored.last))?;
        self.open()?;
        let (txid, committed_ms) = (restored.txid, restored.timestamp_ms);
        self.position = Position { txid, committed_ms, landmark: Some(landmark) };
        self.keep()?;
        self.applied();
        Ok(())
    }

    /// The file of the next transaction, if it has one and it is there.
    fn next(&self) -> Result<Option<LtxFile>, Error> {
        let name = Name::single(self.position.txid.next());
        let replica = &self.shared.source.replica;
        let key = replica.ltx_key(0, name);
        let object = match self.shared.run(replica.store().head(&key)) {
            Err(Error::Store(store::Error::NotFound { .. })) => return Ok(None),
            object => object?,
        };
        let (modified_ms, timestamp_ms) = (object.modified_ms, object.timestamp_ms);
        Ok(Some(LtxFile { level: 0, name, size: object.size, modified_ms, timestamp_ms }))
    }

    /// Goes on with merged files, or with a snapshot, where the next transaction has no file.
    fn bridge(&mut self) -> Result<(), Error> {
        let files = self.list()?;
        let newest = files.iter().map(|file| file.name.max).max().unwrap_or_default();
        let txid = self.position.txid;
        let is_proven = self.is_proven()?;
        if newest < txid && (is_proven || files.is_empty()) {
            return Err(Error::Behind { file: txid, store: newest });
        }
        let chain = chain(&files, txid, None);
        if !is_proven {
            self.found_stale(Stale::OtherHistory);
            return self.overwrite();
        }
        for files in chain.chunks(FILES_MAX) {
            self.apply(files)?;
        }
        if self.position.txid < newest && self.stale.is_none() {
            self.apply(&plan(&files, None)?)?;
        }
        Ok(())
    }

    /// Makes the file what the store has, whatever it was before.
    fn overwrite(&mut self) -> Result<(), Error> {
        let files = plan(&self.list()?, None)?;
        self.require_page_size(&files)?;
        // What is served until then is whole: only now may it become something else.
        self.position = Position::default();
        self.keep()?;
        self.apply(&files)?;
        self.stale = None;
        Ok(())
    }

    fn require_page_size(&self, files: &[LtxFile]) -> Result<(), Error> {
        let (Some(target), Some(first)) = (&self.target, files.first()) else { return Ok(()) };
        let header = self.shared.run(self.shared.source.replica.ltx_header(first))??;
        target.require_page_size(header.page_size)
    }

    /// Applies what follows, if the store is still the one the file came from.
    fn advance(&mut self, files: &[LtxFile]) -> Result<(), Error> {
        let fresh = self.proven.elapsed() < self.shared.options.interval;
        if fresh || self.is_proven()? {
            return self.apply(files);
        }
        self.found_stale(Stale::OtherHistory);
        Ok(())
    }

    /// The store has what the file was made of.
    fn is_proven(&mut self) -> Result<bool, Error> {
        let Some(landmark) = &self.position.landmark else { return Ok(false) };
        let stands = self.shared.run(landmark.stands(&self.shared.source.replica))?;
        if stands {
            self.proven = Instant::now();
        }
        Ok(stands)
    }

    fn list(&mut self) -> Result<Vec<LtxFile>, Error> {
        self.listed = Instant::now();
        self.shared.run(list_all(&self.shared.source.replica))
    }

    fn apply(&mut self, files: &[LtxFile]) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let (Some(target), Some(last)) = (&mut self.target, files.last()) else { return Ok(()) };
        let replica = &shared.source.replica;
        let landmark = shared.run(Landmark::read(replica, last))?;
        position::begin(&shared.state())?;
        let Some(Header { max_txid, timestamp_ms, .. }) = target.apply(replica, files)? else {
            self.found_stale(Stale::Touched);
            return Ok(());
        };
        let (txid, committed_ms) = (max_txid, timestamp_ms);
        self.position = Position { txid, committed_ms, landmark: Some(landmark) };
        self.proven = Instant::now();
        self.keep()?;
        self.applied();
        Ok(())
    }

    fn keep(&self) -> Result<(), Error> {
        let shared = &self.shared;
        position::write(&shared.state(), &shared.path, &shared.source.name, &self.position)
    }

    /// Leaves the file at rest: from now on who writes to it is somebody else.
    fn rest(&mut self) {
        let Some(target) = self.target.take().filter(|_| self.stale.is_none()) else { return };
        let kept = match target.is_touched() {
            Ok(false) => target.rest().and_then(|()| self.keep()),
            // What the position says of the file does not fit: the next one to follow notices.
            touched => touched.map(|_| ()),
        };
        if let Err(error) = kept {
            tracing::warn!(file = %self.shared.path.display(), %error, "not left at rest");
        }
    }

    /// The file is at its position now.
    fn applied(&self) {
        self.shared.lock().applied_ms = now_ms();
        self.tell();
    }

    fn tell(&self) {
        let mut status = self.shared.lock();
        (status.txid, status.committed_ms) = (self.position.txid, self.position.committed_ms);
        self.shared.changed.notify_all();
    }

    /// The file is at what the store has.
    fn answered(&self) {
        let mut status = self.shared.lock();
        (status.answered_ms, status.error) = (now_ms(), None);
    }
}
