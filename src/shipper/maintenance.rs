//! Does what is due at one destination: merges, stores snapshots, deletes what no restore needs.
//!
//! The levels were listed when this process began to write; from then on what was stored is known.
//! They are listed again only after a snapshot, once a day, when what is older than the window goes: then it is seen, too,
//! whether what was deleted is gone.

use super::ladder::Step;
use super::restore::list_all;
use super::site::Site;
use super::{Error, ladder, merge, plan, points, retention, snapshot};
use crate::store::{self, Level, LtxFile, SNAPSHOT_LEVEL};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long it may take until what a snapshot holds is stored transaction by transaction, too.
const CATCH_UP_POLLS: u32 = 600;
const CATCH_UP_POLL: Duration = Duration::from_millis(100);

/// So much maintenance runs at once in the process.
const TURNS: usize = 4;

/// Waits for one's turn.
pub(super) async fn turn() -> Option<SemaphorePermit<'static>> {
    static TURN: Semaphore = Semaphore::const_new(TURNS);
    // It is never closed.
    TURN.acquire().await.ok()
}

/// Does what is due.
pub(super) async fn run(site: &Site) -> Result<(), Error> {
    while let Some(step) = site.with_rungs(|rungs, now| rungs.next(now)).flatten() {
        if site.shared.bell.is_stopped() {
            return Err(Error::Stopped);
        }
        match step {
            Step::Merge(level, files) => merge_readable(site, level, files).await?,
            Step::Snapshot => take_snapshot(site).await?,
        }
    }
    Ok(())
}

/// Merges these files. Those that cannot be read here stay as they are until a snapshot makes them
/// superfluous: restores read files of every level.
async fn merge_readable(site: &Site, level: Level, files: Vec<LtxFile>) -> Result<(), Error> {
    let all = files.len();
    let (left, files) = match site.replica.is_readable() {
        true => (Vec::new(), files),
        false => merge::local_run(site, files),
    };
    site.with_rungs(|rungs, _| rungs.left(&left));
    if files.is_empty() {
        tracing::debug!(level, all, "not merged: what is stored cannot be read here");
        return Ok(());
    }
    let merged = match merge::merge(site, level, &files).await {
        // They were stored with other keys.
        Err(error) if error.is_sealed() => {
            tracing::warn!(level, all, %error, "not merged");
            site.with_rungs(|rungs, _| rungs.left(&files));
            return Ok(());
        }
        // So they will be tomorrow, and no restore gets past them.
        Err(error) if error.is_damage() => {
            site.with_rungs(|rungs, _| rungs.left(&files));
            site.shared.condemned(site.index);
            return Err(error);
        }
        merged => merged?,
    };
    site.shared.merged(site.index);
    site.with_rungs(|rungs, now| rungs.merged(LtxFile { modified_ms: Some(now), ..merged }));
    delete_expired(site).await
}

/// Stores the whole database as it is now, and deletes what that makes superfluous.
pub(super) async fn take_snapshot(site: &Site) -> Result<(), Error> {
    let pinned = site.shared.pin().await?;
    // A number that only a snapshot knows would be used again were the local log lost now.
    let mut polls = 0;
    while !site.shared.has(site.index, pinned.name().max) {
        polls += 1;
        if polls > CATCH_UP_POLLS {
            return Err(Error::Late);
        }
        tokio::time::sleep(CATCH_UP_POLL).await;
    }
    let mode = site.ensure_lease().await?;
    let encoding = site.shared.options.encoding;
    let (name, size) = snapshot::store(pinned, &site.replica, encoding, mode).await?;
    site.note(SNAPSHOT_LEVEL, name, size, None);
    site.shared.snapshot_stored(site.index, name.max);
    retain(site).await
}

/// Deletes merged files of level 0.
async fn delete_expired(site: &Site) -> Result<(), Error> {
    let expired = site.with_rungs(|rungs, now| rungs.expired(now)).unwrap_or_default();
    if expired.is_empty() {
        return Ok(());
    }
    site.ensure_lease().await?;
    delete(site, &expired).await
}

/// Deletes what is older than the window, and looks whether it is gone.
async fn retain(site: &Site) -> Result<(), Error> {
    if !site.is_known() {
        return Ok(());
    }
    let files = list_all(&site.replica).await?;
    let ladder = &site.shared.options.ladder;
    let expired = site.with_rungs(|_, now| retention::expired(&files, ladder, now));
    let expired = expired.unwrap_or_default();
    if expired.is_empty() {
        return Ok(());
    }
    site.confirm_lease().await?;
    delete(site, &expired).await?;
    forget_points(site, &files, &expired).await?;
    let mut left = 0;
    for level in (0..=SNAPSHOT_LEVEL).filter(|&level| expired.iter().any(|f| f.level == level)) {
        let files = site.replica.list_ltx(level).await?;
        left += files.iter().filter(|file| is_in(file, &expired)).count();
    }
    if left > 0 {
        let file = site.shared.database.display();
        tracing::warn!(%file, left, "the store says it deleted files that are still there");
        return Err(Error::NotDeleted { count: left });
    }
    Ok(())
}

/// Removes restore points that the window has left behind. What cannot be read stays.
async fn forget_points(site: &Site, files: &[LtxFile], gone: &[LtxFile]) -> Result<(), Error> {
    let left: Vec<_> = files.iter().filter(|file| !is_in(file, gone)).cloned().collect();
    if !site.replica.is_readable() {
        return Ok(());
    }
    let moments = plan::moments(&left);
    let window = ladder::millis(site.shared.options.ladder.retention);
    let since = site.shared.hooks.now_ms().saturating_sub(window);
    for point in points::list(&site.replica).await? {
        if point.time_ms < since && !moments.contains_key(&point.txid) {
            point.remove(&site.replica).await?;
        }
    }
    Ok(())
}

fn is_in(file: &LtxFile, files: &[LtxFile]) -> bool {
    files.iter().any(|other| other.level == file.level && other.name == file.name)
}

async fn delete(site: &Site, files: &[LtxFile]) -> Result<(), Error> {
    for file in files {
        match site.replica.delete_ltx(file.level, file.name).await {
            Ok(()) | Err(store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if file.level == 0 {
            site.with_rungs(|rungs, _| rungs.deleted(file.name));
        }
    }
    site.shared.deleted(site.index, files.len());
    Ok(())
}
