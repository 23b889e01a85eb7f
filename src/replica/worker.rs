//! The thread that follows.
//!
//! What enters: time. What leaves: requests to the store, and files applied in their order.

use super::apply::{FILES_MAX, Target};
use super::position::{self, Kept};
use super::{Error, Shared};
use crate::ltx::{Header, Name, Txid};
use crate::shipper::plan::{chain, plan};
use crate::shipper::restore::{self, list_all, restore};
use crate::store::{self, LtxFile};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The longest wait after failures.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Follows until told to stop.
pub(super) fn run(shared: &Arc<Shared>) {
    let mut worker =
        Worker { shared, target: None, txid: Txid(0), failures: 0, listed: Instant::now() };
    while !shared.is_stopped() {
        let Some(wait) = worker.round() else { return };
        let until = Instant::now() + wait;
        while !shared.is_stopped() && Instant::now() < until {
            std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
        }
    }
}

struct Worker<'a> {
    shared: &'a Arc<Shared>,
    target: Option<Target>,
    txid: Txid,
    failures: u32,
    listed: Instant,
}

impl Worker<'_> {
    /// Comes as far as the store is; how long to wait then, or none if that is in vain.
    fn round(&mut self) -> Option<Duration> {
        let interval = self.shared.options.interval;
        match self.catch_up() {
            Ok(()) => {
                self.shared.lock().error = None;
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
        while let Some(file) = self.next()? {
            self.apply(&[file])?;
            if self.shared.is_stopped() {
                return Ok(());
            }
        }
        if self.failures > 0 || self.listed.elapsed() >= self.shared.options.list_interval {
            self.bridge()?;
        }
        Ok(())
    }

    /// Finds the file, or makes it.
    fn begin(&mut self) -> Result<(), Error> {
        let (path, name) = (&self.shared.path, &self.shared.source.name);
        let there = path.exists();
        let kept = position::read(&self.shared.state(), path, name)?;
        match (there, kept) {
            (false, _) => self.restore()?,
            (true, Kept::At(txid)) => {
                self.open()?;
                self.txid = txid;
                // It may be served as it is before the store has answered.
                self.at(txid);
                self.bridge()?;
            }
            (true, Kept::Nothing) if !self.shared.options.take_over => {
                return Err(Error::Foreign { path: path.clone() });
            }
            (true, _) => {
                self.open()?;
                self.overwrite()?;
            }
        }
        self.at(self.txid);
        Ok(())
    }

    fn open(&mut self) -> Result<(), Error> {
        self.target = Some(Target::open(&self.shared.path, &self.shared.runtime)?);
        Ok(())
    }

    fn restore(&mut self) -> Result<(), Error> {
        // A file that appears from now on is of our making.
        self.keep(Txid(0))?;
        let options = restore::Options::default();
        let progress: restore::ProgressFn = Arc::new(|_| ());
        let shared = self.shared;
        let restoring = restore(&shared.source.replica, &shared.path, &options, progress);
        let restored = shared.run(restoring)?;
        tracing::info!(file = %shared.path.display(), txid = %restored.txid, "restored");
        self.open()?;
        self.txid = restored.txid;
        self.keep(restored.txid)?;
        self.listed = Instant::now();
        self.tell(restored.txid, restored.timestamp_ms);
        Ok(())
    }

    /// The file of the next transaction, if it has one and it is there.
    fn next(&self) -> Result<Option<LtxFile>, Error> {
        let name = Name::single(self.txid.next());
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
        if newest < self.txid {
            return Err(Error::Behind { file: self.txid, store: newest });
        }
        let chain = chain(&files, self.txid, None);
        for files in chain.chunks(FILES_MAX) {
            self.apply(files)?;
        }
        if self.txid < newest {
            self.apply(&plan(&files, None)?)?;
        }
        Ok(())
    }

    /// Makes the file what the store has, whatever it was before.
    fn overwrite(&mut self) -> Result<(), Error> {
        self.keep(Txid(0))?;
        let files = plan(&self.list()?, None)?;
        self.apply(&files)
    }

    fn list(&mut self) -> Result<Vec<LtxFile>, Error> {
        self.listed = Instant::now();
        self.shared.run(list_all(&self.shared.source.replica))
    }

    fn apply(&mut self, files: &[LtxFile]) -> Result<(), Error> {
        let Some(target) = &mut self.target else { return Ok(()) };
        let applied = target.apply(&self.shared.source.replica, files);
        let Header { max_txid, timestamp_ms, .. } = applied?;
        self.txid = max_txid;
        self.keep(max_txid)?;
        self.tell(max_txid, timestamp_ms);
        Ok(())
    }

    fn keep(&self, txid: Txid) -> Result<(), Error> {
        let shared = self.shared;
        position::write(&shared.state(), &shared.path, &shared.source.name, txid)
    }

    fn at(&self, txid: Txid) {
        self.shared.lock().txid = txid;
        self.shared.changed.notify_all();
    }

    fn tell(&self, txid: Txid, committed_ms: i64) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut status = self.shared.lock();
        status.txid = txid;
        status.committed_ms = committed_ms;
        status.applied_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        self.shared.changed.notify_all();
    }
}
