//! Restores each backup in turn and compares it with its file: one at a time, on threads of low
//! priority.

use super::service::{Backups, Error};
use super::stores::Stores;
use crate::config::Config;
use crate::database::Database;
use crate::shipper::{self, verify::VerifyError};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How long a file is shipped before its backup is proven for the first time.
const FIRST: Duration = Duration::from_secs(600);
/// A proof that failed is tried again after this time.
const RETRY: Duration = Duration::from_secs(3600);
/// How often it is looked for what is due.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How much less these threads are worth than others.
const NICENESS: i32 = 10;

/// The files there are; none when the program ends.
pub(super) type FilesFn = Box<dyn Fn() -> Option<Vec<Arc<Database>>> + Send>;

/// Proves backups from now on, unless that is turned off.
pub(super) fn start(config: &Config, files: FilesFn, stores: Stores) -> io::Result<()> {
    let interval = config.verify_interval;
    if interval.is_zero() || config.backups.is_empty() {
        return Ok(());
    }
    let config = config.clone();
    let thread = std::thread::Builder::new().name("proof".to_owned());
    thread.spawn(move || match Proofs::open(&config, interval, &stores) {
        Ok(mut proofs) => proofs.run(&files),
        Err(error) => tracing::error!("backups are not proven: {error}"),
    })?;
    Ok(())
}

/// Whose turn it is.
struct Proofs {
    interval: Duration,
    /// With clients of its own: they belong to the runtime whose threads they were made on.
    backups: Backups,
    runtime: Runtime,
    /// When a destination of a file was first seen, or last tried, and whether that failed.
    seen: HashMap<(String, usize), (i64, Duration)>,
}

impl Proofs {
    fn open(config: &Config, interval: Duration, stores: &Stores) -> Result<Self, Error> {
        if let Err(error) = rustix::process::nice(NICENESS) {
            tracing::debug!(%error, "all threads are worth the same");
        }
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().thread_name("proof").build();
        let runtime = runtime.map_err(Error::Threads)?;
        let backups = runtime.block_on(Backups::open(config, stores))?;
        for backup in backups.unreadable() {
            tracing::warn!(
                backup,
                "not proven from here: it is encrypted for others. Prove it where the identity is: egret verify URL"
            );
        }
        Ok(Self { interval, backups, runtime, seen: HashMap::new() })
    }

    fn run(&mut self, files: &FilesFn) {
        let pause = PAUSE_MAX.min(self.interval / 4);
        while let Some(databases) = files() {
            match self.next(&databases) {
                Some((database, index)) => self.prove(&database, index),
                None => std::thread::sleep(pause),
            }
        }
    }

    /// What is due longest.
    fn next(&mut self, databases: &[Arc<Database>]) -> Option<(Arc<Database>, usize)> {
        let now = super::text::now_ms();
        let first = FIRST.min(self.interval);
        let mut due = Vec::new();
        for database in databases {
            let Some(shipper) = database.shipper() else { continue };
            let status = shipper.status();
            // Of a file that never had a page there is no backup.
            if status.txid.0 == 0 {
                continue;
            }
            for (index, destination) in status.destinations.iter().enumerate() {
                if !destination.is_readable {
                    continue;
                }
                let key = (database.name().to_owned(), index);
                let (seen, wait) = *self.seen.entry(key).or_insert((now, first));
                let proven = destination.proven.map(|proven| (proven.at_ms, self.interval));
                let (from, wait) = proven.filter(|(at, _)| *at > seen).unwrap_or((seen, wait));
                let at = from.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
                due.push((at, Arc::clone(database), index));
            }
        }
        let longest = due.into_iter().min_by_key(|(at, ..)| *at).filter(|(at, ..)| *at <= now);
        longest.map(|(_, database, index)| (database, index))
    }

    fn prove(&mut self, database: &Database, index: usize) {
        let destinations = self.backups.destinations(database);
        let (Some(shipper), Some(destination)) = (database.shipper(), destinations.get(index))
        else {
            return;
        };
        let (file, backup) = (database.path().display(), &destination.name);
        let proven = shipper.prove(index, &destination.replica, self.runtime.handle());
        let wait = match proven {
            Ok(report) => {
                let (txid, checksum) = (report.txid, format!("{:016x}", report.checksum));
                tracing::info!(%file, backup, %txid, checksum, "proven: the backup restores to what the file holds");
                self.interval
            }
            // The program ends.
            Err(VerifyError::Live(shipper::Error::Stopped)) => RETRY,
            Err(error) => {
                tracing::error!(%file, backup, %error, "not proven");
                RETRY.min(self.interval)
            }
        };
        self.seen.insert((database.name().to_owned(), index), (super::text::now_ms(), wait));
    }
}
