//! Carries local files to one destination, in the order of their numbers.
//!
//! What enters: the news that there are local files. What leaves: the same files in the store, each
//! read back and checked before it is sent. A number is written once: if another writer was there
//! first, this one stops. One after another, since what is behind a gap cannot be restored: were the
//! machine lost between two uploads that ran at once, all of the backup might be refused. Everything
//! else is tried again, for ever.

use super::lease::Text;
use super::merge::blocking;
use super::plan::plan;
use super::progress::Job;
use super::proof::prove;
use super::reach::Reach;
use super::restore::list_all;
use super::site::Site;
use super::tenure::Whose;
use super::{Error, points, snapshot, state_directory};
use crate::ltx::{Header, Name, TRAILER_LEN, Txid};
use crate::store::{self, Body, Put, PutMode, SNAPSHOT_LEVEL};
use std::fs::{self, File};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The wait after a first failure; doubled after each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(250);
/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// A failure that lasts is logged once in so many attempts.
const LOGGED_EVERY: u32 = 16;
/// A file no longer than this is checked and sent from memory.
const IN_MEMORY_MAX: u64 = 16 << 20;

/// So many whole copies are under way in the process.
static WHOLE_TURN: Semaphore = Semaphore::const_new(8);

/// Serves one destination until the task is aborted, or another writer has it.
pub(super) async fn run(site: Arc<Site>) {
    let mut news = site.shared.news();
    let mut upload =
        Upload { site, failures: 0, is_writer: false, proved: false, before: None, leading: None };
    loop {
        news.borrow_and_update();
        let (shared, index) = (&upload.site.shared, upload.site.index);
        // What is only done now and then takes no room while there is nothing to do.
        let goes_on = if !shared.is_contacted(index) {
            Box::pin(upload.contact()).await
        } else if let Some(job) = shared.next_job(index) {
            match upload.is_writer {
                true => Box::pin(upload.carry(job)).await,
                false => Box::pin(upload.begin(job)).await,
            }
        } else {
            news.changed().await.is_ok()
        };
        if !goes_on {
            return;
        }
    }
}

struct Upload {
    site: Arc<Site>,
    /// Attempts in a row that failed.
    failures: u32,
    /// The lease is this process's, and what is stored was looked at since.
    is_writer: bool,
    /// Something was stored since.
    proved: bool,
    /// The newest file stored, and how long it makes the database.
    before: Option<(Txid, u32)>,
    /// The file that leads on from a whole copy that is stored, and is not.
    leading: Option<Name>,
}

impl Upload {
    /// Asks how far the destination is until it answers; false if this destination is another's.
    async fn contact(&mut self) -> bool {
        self.site.look_again().await;
        (self.is_writer, self.proved) = (false, false);
        (self.before, self.leading) = (None, None);
        while let Err(error) = self.ask().await {
            if error.is_outdated() {
                return self.end(Txid(0), &error);
            }
            self.pause(Txid(0), &error).await;
        }
        self.failures = 0;
        true
    }

    async fn ask(&self) -> Result<(), Error> {
        self.refuse_outdated().await?;
        let reach = Reach::ask(&self.site.replica).await?;
        let is_ours = self.is_ours(reach.stored).await?;
        // Who wrote to it is asked before anything is.
        self.site.shared.contacted(self.site.index, reach.stored, reach.newest, is_ours, true);
        Ok(())
    }

    /// Refuses to go on where another went on from what this file is. Who has not stored anything here,
    /// and did not follow, is no old copy, as far as can be told.
    async fn refuse_outdated(&self) -> Result<(), Error> {
        self.site.refuse_lagging().await?;
        let Some((lease, whose)) = self.site.other_writer().await? else { return Ok(()) };
        let is_outdated = match whose {
            Whose::Strangers => false,
            Whose::Successors => true,
            Whose::Own => self.is_copy(&lease).await?,
        };
        if !is_outdated {
            return Ok(());
        }
        let state = state_directory(&self.site.shared.database);
        Err(Error::Outdated { by: lease.holder.name, state })
    }

    /// The lease was this file's in another place, or before the machine was started anew; or the file
    /// is a copy of the one whose it is, which went on.
    async fn is_copy(&self, lease: &Text) -> Result<bool, Error> {
        let inherited = self.site.shared.inherited;
        // Whoever has written since without a lease, as Litestream, took it from this file.
        if inherited == Txid(0) || lease.stored == Some(inherited) && !lease.held {
            return Ok(false);
        }
        let reach = Reach::ask(&self.site.replica).await?;
        if reach.newest > inherited {
            return Ok(true);
        }
        let is_same = self.is_local(reach.stored).await?;
        Ok(is_same == Some(false) && !self.is_sealed(reach.stored).await?)
    }

    async fn is_sealed(&self, txid: Txid) -> Result<bool, Error> {
        let (replica, name) = (&self.site.replica, Name::single(txid));
        let size = replica.store().head(&replica.ltx_key(0, name)).await?.size;
        Ok(replica.ltx_trailer(0, name, size).await.is_err_and(|error| error.is_sealed()))
    }

    /// Becomes the writer; false if this destination is another's.
    async fn begin(&mut self, job: Job) -> bool {
        match self.take_lease().await {
            Ok(()) => (self.failures, self.is_writer) = (0, true),
            Err(error) if matches!(error, Error::Fenced { .. }) || error.is_outdated() => {
                return self.end(job.txid(), &error);
            }
            Err(error) => self.pause(job.txid(), &error).await,
        }
        true
    }

    /// Takes the lease, and only then looks at what is there: others may have written meanwhile,
    /// under the same numbers. What was stored last has to be what was shipped from here, and all
    /// has to make a database; otherwise this one goes on with a whole copy.
    async fn take_lease(&mut self) -> Result<(), Error> {
        self.refuse_outdated().await?;
        let followed = self.site.followed().await;
        self.site.ensure_lease().await?;
        let files = list_all(&self.site.replica).await?;
        let reach = Reach::of(&files);
        let is_whole = files.is_empty() || plan(&files, None).is_ok();
        let is_sound = is_whole && self.is_ours(reach.stored).await?;
        let clock = self.site.store_clock().await?;
        // Where they cannot be read, what is merged is what was stored since they were made.
        if self.site.replica.is_readable() {
            for point in points::list(&self.site.replica).await? {
                self.site.cut(point.txid);
            }
        }
        self.site.listed(&files, clock);
        let (reserved, is_alone) = self.site.predecessors().await;
        let newest = reach.newest.max(reserved);
        let is_known = self.site.shared.has_stored(self.site.index)
            || followed == Some(reach.newest)
            || self.site.shared.inherited > Txid(0);
        if !is_sound && !is_alone && !is_known {
            let (file, txid) = (self.site.shared.database.display(), reach.newest);
            tracing::warn!(%file, %txid, "as far as is known here this backup was another file's: what it has can be restored by its time, and the newest is this file from now on");
        }
        self.site.shared.contacted(self.site.index, reach.stored, newest, is_sound, is_alone);
        Ok(())
    }

    /// All up to this number was shipped from here.
    async fn is_ours(&self, txid: Txid) -> Result<bool, Error> {
        Ok(txid == Txid(0) || self.is_local(txid).await? == Some(true))
    }

    /// Whether the file of this number is the local one; none if there is no sound one to compare.
    async fn is_local(&self, txid: Txid) -> Result<Option<bool>, Error> {
        let name = Name::single(txid);
        if !self.site.shared.log.path(name).exists() {
            return Ok(None);
        }
        match self.compare(name).await {
            Ok(_) => Ok(Some(true)),
            Err(Error::Conflict(_)) => Ok(Some(false)),
            Err(Error::Store(store::Error::NotFound { .. })) => Ok(None),
            Err(error) if error.is_damage() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Stores a file, or waits a while after a failure; false if this destination is another's.
    async fn carry(&mut self, job: Job) -> bool {
        let txid = job.txid();
        match self.store(job).await {
            Ok(txid) => {
                (self.failures, self.proved) = (0, true);
                self.site.shared.stored(self.site.index, txid);
            }
            Err(error @ (Error::Fenced { .. } | Error::Conflict(_))) => {
                return self.meets_another(txid, error).await;
            }
            Err(error) if error.is_damage() => {
                tracing::error!(file = %self.site.shared.database.display(), %txid, %error, "local file damaged");
                self.site.shared.upload_failed(self.site.index, txid, &error);
                self.site.shared.damaged(self.site.index, self.leading.take().map(|name| name.max));
            }
            Err(error) => self.pause(txid, &error).await,
        }
        true
    }

    /// Another writer is, or was, here. A number that was taken before anything was stored may only
    /// have been missing from the listing.
    async fn meets_another(&mut self, txid: Txid, error: Error) -> bool {
        let error = match self.site.confirm_lease().await {
            Err(lost @ Error::Fenced { .. }) => lost,
            // Whether or not the store could say that the lease is still this writer's.
            _ if matches!(error, Error::Conflict(_)) && !self.proved => {
                self.pause(txid, &error).await;
                self.is_writer = false;
                return true;
            }
            _ => error,
        };
        self.end(txid, &error)
    }

    /// Nothing more is stored here by this process.
    fn end(&self, txid: Txid, error: &Error) -> bool {
        let shared = &self.site.shared;
        tracing::error!(file = %shared.database.display(), %txid, %error, "stopped storing");
        shared.upload_failed(self.site.index, txid, error);
        shared.fenced(self.site.index);
        false
    }

    async fn pause(&mut self, txid: Txid, error: &Error) {
        let shared = &self.site.shared;
        if self.failures.is_multiple_of(LOGGED_EVERY) {
            let file = shared.database.display();
            tracing::warn!(%file, %txid, %error, "not stored, will try again");
        }
        shared.upload_failed(self.site.index, txid, error);
        if error.is_loss() {
            shared.lost_sight(self.site.index);
        }
        tokio::time::sleep(backoff(self.failures)).await;
        self.failures = self.failures.saturating_add(1);
    }

    /// Stores a file, or the whole database; the number that the destination has then.
    async fn store(&mut self, job: Job) -> Result<Txid, Error> {
        let name = match (job, self.leading) {
            (Job::Put(name), _) => name,
            // All but its last file is there already.
            (Job::Whole(_), Some(name)) if self.site.shared.log.path(name).exists() => name,
            (Job::Whole(above), _) => self.store_whole(above).await?,
        };
        let mode = self.site.ensure_lease().await?;
        let (len, time_ms) = self.store_file(name, mode).await?;
        // It may have taken long, or this process was stopped meanwhile: nobody is told of what was
        // stored beside another writer's.
        self.site.ensure_lease().await?;
        self.site.note(0, name, len, Some(time_ms));
        if let Job::Whole(_) = job {
            self.leading = None;
            let (file, destination) = (
                self.site.shared.database.display(),
                self.site.shared.destination_name(self.site.index),
            );
            tracing::info!(%file, %destination, txid = %name.max, "shipped the whole database");
        }
        Ok(name.max)
    }

    /// Stores the whole database as it is now; the local file that leads on from it, which is to be stored
    /// next.
    async fn store_whole(&mut self, above: Txid) -> Result<Name, Error> {
        let (site, shared) = (&self.site, &self.site.shared);
        let _turn = WHOLE_TURN.acquire().await;
        let pinned = shared.pin_whole(site.index, above).await?;
        let name = Name::single(pinned.name().max);
        // It may arrive when this process has long ended, beside whatever has its number then.
        site.reserve(name.max).await?;
        self.refuse_taken(name).await?;
        let (mode, encoding) = (site.ensure_lease().await?, shared.options.encoding);
        let (whole, size) = snapshot::store(pinned, &site.replica, encoding, mode).await?;
        site.note(SNAPSHOT_LEVEL, whole, size, None);
        shared.snapshot_stored(site.index, whole.max);
        self.leading = Some(name);
        Ok(name)
    }

    /// A snapshot of this number must not stand beside another's transaction.
    async fn refuse_taken(&self, name: Name) -> Result<(), Error> {
        let replica = &self.site.replica;
        match replica.store().head(&replica.ltx_key(0, name)).await {
            Err(store::Error::NotFound { .. }) => Ok(()),
            Ok(_) => self.compare(name).await.map(drop),
            Err(error) => Err(error.into()),
        }
    }

    /// Checks the bytes of a file, and stores the same bytes; their length as they are stored, and the
    /// time in their header.
    async fn store_file(&mut self, name: Name, mode: PutMode) -> Result<(u64, i64), Error> {
        let path = self.site.shared.log.path(name);
        let len = fs::metadata(&path).map_err(Error::io(&path))?.len();
        let before = self.length_before(name);
        let (body, proof) = if len <= IN_MEMORY_MAX {
            let bytes = fs::read(&path).map_err(Error::io(&path))?;
            let proof = prove(bytes.as_slice(), name, before)?;
            (Body::from(bytes), proof)
        } else {
            let file = File::open(&path).map_err(Error::io(&path))?;
            let proof = blocking(move || prove(file, name, before)).await?;
            (Body::File(path), proof)
        };
        let Header { timestamp_ms, commit, .. } = proof;
        let put = Put { mode, timestamp_ms: Some(timestamp_ms) };
        let stored_len = if self.site.replica.is_readable() {
            match self.site.replica.put_ltx(0, name, body, put).await {
                Err(store::Error::AlreadyExists { .. }) => self.compare(name).await?,
                sealed => sealed?.unwrap_or(len),
            }
        } else {
            self.store_unreadable(name, body, put).await?
        };
        self.before = Some((name.max, commit));
        self.site.note_local(name.max);
        Ok((stored_len, timestamp_ms))
    }

    /// Stores a file whose bytes are others each time, unless an attempt of before did; its length as
    /// it is stored.
    async fn store_unreadable(&self, name: Name, body: Body, put: Put) -> Result<u64, Error> {
        if self.site.sent.has(name.max) {
            match self.compare(name).await {
                Err(Error::Conflict(_) | Error::Store(store::Error::NotFound { .. })) => {}
                found => return found,
            }
        }
        let (sent, (len, trailer)) =
            (Arc::clone(&self.site.sent), self.site.shared.log.trailer(name)?);
        let tell = Box::new(move |tail| sent.note(name.max, tail, trailer));
        match self.site.replica.put_ltx_telling(0, name, body, put, tell).await {
            Err(store::Error::AlreadyExists { .. }) => self.compare(name).await,
            sealed => Ok(sealed?.unwrap_or(len)),
        }
    }

    /// How long the database was before a file, if the file before it is still here.
    fn length_before(&self, name: Name) -> Option<u32> {
        let before = Txid(name.min.0.checked_sub(1)?);
        match self.before {
            Some((txid, commit)) if txid == before => Some(commit),
            _ => self.site.shared.log.header(Name::single(before)).ok()??.commit.into(),
        }
    }

    /// The object was there already. It is ours if a reply was lost: then its length and its
    /// trailer, which has the checksum of all of it, are those of the local file; or, where it cannot
    /// be read, its last bytes are those of what was sent. Its length as it is stored.
    async fn compare(&self, name: Name) -> Result<u64, Error> {
        let local = self.site.shared.log.trailer(name)?;
        let replica = &self.site.replica;
        let size = replica.store().head(&replica.ltx_key(0, name)).await?.size;
        let found = match replica.ltx_trailer(0, name, size).await {
            Err(error) if error.is_sealed() => None,
            // It is shorter than any file.
            Err(store::Error::Range { .. }) => None,
            found => Some(found?),
        };
        let same = found == Some(local) || self.was_sent(name, local.1).await?;
        if same { Ok(size) } else { Err(Error::Conflict(name.max)) }
    }

    async fn was_sent(&self, name: Name, trailer: [u8; TRAILER_LEN]) -> Result<bool, Error> {
        if self.site.replica.is_readable() {
            return Ok(false);
        }
        let tail = self.site.replica.ltx_tail(0, name).await?;
        Ok(self.site.sent.knows(name.max, tail, trailer))
    }
}

fn backoff(failures: u32) -> Duration {
    BACKOFF_MIN.saturating_mul(1 << failures.min(10)).min(BACKOFF_MAX)
}
