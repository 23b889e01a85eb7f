//! Carries local files to one destination, in the order of their numbers.
//!
//! What enters: the news that there are local files. What leaves: the same files in the store. A
//! number is written once: if another writer was there first, that is an error, not overwritten.
//! One after another, since what is behind a gap cannot be restored: were the machine lost between
//! two uploads that ran at once, all of the backup might be refused. Everything is tried again, for
//! ever.

use super::Error;
use super::log::remove;
use super::progress::{Job, Shared};
use crate::ltx::{Name, TRAILER_LEN, Txid};
use crate::store::{self, Body, Put, PutMode, Replica, SNAPSHOT_LEVEL};
use std::sync::Arc;
use std::time::Duration;

/// The wait after a first failure; doubled after each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(250);
/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// A failure that lasts is logged once in so many attempts.
const LOGGED_EVERY: u32 = 16;

/// Serves one destination until the task is aborted.
pub(super) async fn run(shared: Arc<Shared>, index: usize, replica: Replica) {
    let upload = Upload { shared, index, replica };
    let mut news = upload.shared.news();
    upload.contact().await;
    loop {
        news.borrow_and_update();
        if upload.shared.is_cut(index) {
            upload.contact().await;
        } else if let Some(job) = upload.shared.next_job(index) {
            upload.carry(job).await;
        } else if news.changed().await.is_err() {
            return;
        }
    }
}

struct Upload {
    shared: Arc<Shared>,
    index: usize,
    replica: Replica,
}

impl Job {
    fn name(self) -> Name {
        match self {
            Self::Put(name) | Self::PutFull(name) => name,
        }
    }
}

impl Upload {
    /// Asks how far the destination is until it answers.
    async fn contact(&self) {
        let mut failures = 0;
        let newest = loop {
            match self.newest().await {
                Ok(newest) => break newest,
                Err(error) => self.pause(&mut failures, Txid(0), &error).await,
            }
        };
        self.shared.contacted(self.index, newest);
    }

    /// Stores a file until that succeeds, or the file is kept no more.
    async fn carry(&self, job: Job) {
        let txid = job.name().max;
        let mut failures = 0;
        while let Err(error) = self.store(job).await {
            self.pause(&mut failures, txid, &error).await;
            if self.shared.is_cut(self.index) {
                return;
            }
        }
        self.shared.stored(self.index, txid);
    }

    async fn pause(&self, failures: &mut u32, txid: Txid, error: &Error) {
        if failures.is_multiple_of(LOGGED_EVERY) {
            let file = self.shared.database.display();
            tracing::warn!(%file, %txid, %error, "not stored, will try again");
        }
        self.shared.upload_failed(self.index, txid, error);
        tokio::time::sleep(backoff(*failures)).await;
        *failures = failures.saturating_add(1);
    }

    /// The highest number in the destination. Level 0 has it unless somebody emptied that.
    async fn newest(&self) -> Result<Txid, Error> {
        for level in 0..=SNAPSHOT_LEVEL {
            let files = self.replica.list_ltx(level).await?;
            if let Some(newest) = files.iter().map(|file| file.name.max).max() {
                return Ok(newest);
            }
        }
        Ok(Txid(0))
    }

    async fn store(&self, job: Job) -> Result<(), Error> {
        if let Job::PutFull(full) = job {
            self.store_snapshot(full).await?;
        }
        let name = job.name();
        let body = Body::File(self.shared.log.path(name));
        let put = self.put(name, PutMode::IfAbsent)?;
        match self.replica.put_ltx(0, name, body, put).await {
            Err(store::Error::AlreadyExists { .. }) => self.compare(name).await,
            done => Ok(done.map(|_| ())?),
        }
    }

    async fn store_snapshot(&self, full: Name) -> Result<(), Error> {
        let (log, index) = (self.shared.log.clone(), self.index);
        let made = tokio::task::spawn_blocking(move || log.as_snapshot(full, index)).await;
        let (name, path) = made.unwrap_or(Err(Error::Stopped))?;
        let put = self.put(full, PutMode::Overwrite)?;
        let body = Body::File(path.clone());
        let done = self.replica.put_ltx(SNAPSHOT_LEVEL, name, body, put).await;
        remove(&path)?;
        done?;
        Ok(())
    }

    /// How a file is put that was taken when the local file `source` was.
    fn put(&self, source: Name, mode: PutMode) -> Result<Put, Error> {
        Ok(Put { mode, timestamp_ms: self.shared.log.timestamp_ms(source)? })
    }

    /// The object was there already. It is ours if a reply was lost: then its length and its
    /// trailer, which has the checksum of all of it, are those of the local file.
    async fn compare(&self, name: Name) -> Result<(), Error> {
        let (len, trailer) = self.shared.log.trailer(name)?;
        let key = self.replica.ltx_key(0, name);
        let size = self.replica.store().head(&key).await?.size;
        let range = size.saturating_sub(TRAILER_LEN as u64)..size;
        let stored = self.replica.store().get_range(&key, range).await?;
        let same = size == len && stored.as_ref() == trailer;
        if same { Ok(()) } else { Err(Error::Conflict(name.max)) }
    }
}

fn backoff(failures: u32) -> Duration {
    BACKOFF_MIN.saturating_mul(1 << failures.min(10)).min(BACKOFF_MAX)
}
