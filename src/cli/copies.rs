//! Whole copies of every file, made when their schedule says so.

use super::service::Error;
use super::stores::Stores;
use super::text;
use crate::config::{Config, Copies};
use crate::database::{Database, Files};
use crate::shipper::rolling::roll;
use crate::store::Replica;
use std::time::Duration;

/// A longer sleep would not notice that the clock was set.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Copies that are due again and again.
pub(super) struct Scheduled {
    plans: Vec<(Copies, Replica)>,
    /// One file was named: its copies lie at the location itself, not below it.
    is_single: bool,
}

impl Scheduled {
    /// Opens the stores. Nothing is asked of them yet.
    pub(super) async fn open(config: &Config, stores: &Stores) -> Result<Self, Error> {
        let mut plans = Vec::new();
        for copies in &config.copies {
            let opened = Replica::open(&copies.location).await;
            let failed = |source| Error::Store { url: copies.location.to_string(), source };
            let replica = opened.map_err(failed)?;
            stores.add(&copies.location, &replica);
            plans.push((copies.clone(), replica));
        }
        Ok(Self { plans, is_single: config.is_single() })
    }

    /// Makes copies when they are due, for ever.
    pub(super) async fn run(&self, files: &Files) {
        let mut last = text::now_ms();
        loop {
            let due = self.plans.iter().filter_map(|(copies, _)| copies.schedule.next_after(last));
            let Some(due) = due.min() else { return std::future::pending().await };
            wait_until(due).await;
            for (copies, replica) in &self.plans {
                if copies.schedule.next_after(last).is_some_and(|at| at <= due) {
                    for database in files.all() {
                        self.copy(copies, replica, &database).await;
                    }
                }
            }
            // What fell due meanwhile is not made up for.
            last = due.max(text::now_ms());
        }
    }

    async fn copy(&self, copies: &Copies, replica: &Replica, database: &Database) {
        let below = (!self.is_single).then(|| database.relative().to_string_lossy());
        let place = below.map_or_else(|| replica.clone(), |path| replica.below(&path));
        let (file, url) = (database.path().display(), &copies.location);
        match roll(database.path(), &place, copies.keep).await {
            Ok(rolled) => {
                tracing::info!(%file, %url, copy = %rolled.txid, deleted = rolled.deleted, "stored a whole copy");
            }
            Err(error) => tracing::error!(%file, %url, %error, "no copy stored"),
        }
    }
}

async fn wait_until(time_ms: i64) {
    loop {
        let left = text::span(text::now_ms(), time_ms);
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(SLEEP_MAX)).await;
    }
}
