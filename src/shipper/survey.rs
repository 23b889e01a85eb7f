//! A replica in, what can be restored of it out: its window, its moments, its restore points and its
//! levels.

use super::points::{self, Point};
use super::restore::{self, list_all};
use super::{plan, plan::moments};
use crate::ltx::{self, Txid};
use crate::store::{Level, LtxFile, Replica};
use std::collections::BTreeMap;

/// What a replica holds.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The oldest moment that can be restored; none if there is no backup.
    pub oldest: Option<Moment>,
    /// The newest moment that can be restored.
    pub newest: Option<Moment>,
    /// Every moment that can be restored.
    pub moments: BTreeMap<Txid, LtxFile>,
    /// Why the newest files cannot be restored.
    pub fault: Option<plan::Error>,
    /// Every restore point, and whether it can still be restored; none if they cannot be read.
    pub points: Vec<(Point, bool)>,
    /// What is stored can be read here. Otherwise times are those of the listing.
    pub is_readable: bool,
    /// What each level that has files holds.
    pub levels: Vec<LevelSurvey>,
}

/// A moment that can be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The last transaction before it.
    pub txid: Txid,
    /// When that was taken, in milliseconds since 1970.
    pub time_ms: i64,
}

/// What a level holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelSurvey {
    /// The level.
    pub level: Level,
    /// How many files.
    pub files: usize,
    /// Their length together.
    pub bytes: u64,
    /// The first transaction in any.
    pub first: Txid,
    /// The last transaction in any.
    pub last: Txid,
}

/// How closely moments lie that one level has and none below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grain {
    /// The level.
    pub level: Level,
    /// How many moments.
    pub count: usize,
    /// When the oldest was stored, as far as the listing tells.
    pub from_ms: i64,
    /// When the newest was.
    pub to_ms: i64,
}

/// Looks through a replica: one listing of each level, the headers of two files, and every restore
/// point.
///
/// # Errors
/// If the store fails, or a header is damaged.
pub async fn survey(replica: &Replica) -> Result<Survey, restore::Error> {
    let files = list_all(replica).await?;
    let moments = moments(&files);
    let oldest = moment(replica, moments.values().next()).await?;
    let newest = moment(replica, moments.values().next_back()).await?;
    let is_readable = replica.is_readable();
    let points = if is_readable { points::list(replica).await? } else { Vec::new() };
    let points = points.into_iter();
    let points = points.map(|point| {
        let restorable = moments.contains_key(&point.txid);
        (point, restorable)
    });
    Ok(Survey {
        oldest,
        newest,
        points: points.collect(),
        is_readable,
        fault: plan::plan(&files, None).err().filter(|_| !files.is_empty()),
        levels: levels(&files),
        moments,
    })
}

impl Survey {
    /// The length of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.levels.iter().map(|level| level.bytes).sum()
    }

    /// How closely moments lie, the finest first.
    #[must_use]
    pub fn grains(&self) -> Vec<Grain> {
        let mut grains: BTreeMap<Level, Grain> = BTreeMap::new();
        for file in self.moments.values() {
            let Some(ms) = listed_ms(file) else { continue };
            let new = Grain { level: file.level, count: 0, from_ms: ms, to_ms: ms };
            let grain = grains.entry(file.level).or_insert(new);
            grain.count += 1;
            (grain.from_ms, grain.to_ms) = (grain.from_ms.min(ms), grain.to_ms.max(ms));
        }
        grains.into_values().collect()
    }
}

/// When a file was taken or stored, as far as the listing tells.
#[must_use]
pub fn listed_ms(file: &LtxFile) -> Option<i64> {
    file.timestamp_ms.or(file.modified_ms)
}

async fn moment(
    replica: &Replica,
    file: Option<&LtxFile>,
) -> Result<Option<Moment>, restore::Error> {
    let Some(file) = file else { return Ok(None) };
    let time_ms = match replica.ltx_header(file).await {
        Err(error) if error.is_sealed() && !replica.is_readable() => {
            listed_ms(file).unwrap_or_default()
        }
        header => header?.ok_or(ltx::Error::Truncated)?.timestamp_ms,
    };
    Ok(Some(Moment { txid: file.name.max, time_ms }))
}

fn levels(files: &[LtxFile]) -> Vec<LevelSurvey> {
    let mut levels: BTreeMap<Level, LevelSurvey> = BTreeMap::new();
    for file in files {
        let (level, first, last) = (file.level, file.name.min, file.name.max);
        let new = LevelSurvey { level, files: 0, bytes: 0, first, last };
        let found = levels.entry(level).or_insert(new);
        found.files += 1;
        found.bytes += file.size;
        (found.first, found.last) = (found.first.min(first), found.last.max(last));
    }
    levels.into_values().collect()
}
