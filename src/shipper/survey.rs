//! A replica in, what can be restored of it out: its window, its moments, its restore points and its
//! levels.

use super::points::{self, Point};
use super::restore::{self, list_all};
use super::{plan, plan::moments};
use crate::ltx::Txid;
use crate::store::{self, Level, LtxFile, Replica};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Requests at once.
const REQUESTS_MAX: usize = 16;

/// So many damaged files are told of.
const DAMAGED_MAX: usize = 16;

/// What a replica holds.
#[derive(Debug)]
pub struct Survey {
    /// The oldest moment that can be restored; none if there is no backup.
    pub oldest: Option<Moment>,
    /// The newest moment that can be restored.
    pub newest: Option<Moment>,
    /// Every moment that can be restored.
    pub moments: BTreeMap<Txid, LtxFile>,
    /// Why the newest files cannot be restored.
    pub fault: Option<plan::Error>,
    /// What is wrong with files that are none but by their names; nothing else tells of them.
    pub damaged: Vec<restore::Error>,
    /// How closely moments lie, the finest first.
    pub grains: Vec<Grain>,
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
    /// When the oldest was taken, in milliseconds since 1970.
    pub from_ms: i64,
    /// When the newest was.
    pub to_ms: i64,
}

/// Looks through a replica: one listing of each level, the headers of its first and its last moment
/// there, and every restore point. Files whose header is damaged are left out.
///
/// # Errors
/// If the store fails, or many headers are damaged.
pub async fn survey(replica: &Replica) -> Result<Survey, restore::Error> {
    let (mut files, mut damaged) = (list_all(replica).await?, Vec::new());
    let (moments, ends, grains) = loop {
        let moments = moments(&files);
        let error = match headers(replica, &moments).await {
            Ok((ends, grains)) => break (moments, ends, grains),
            Err(error) => error,
        };
        match error.damaged_key() {
            Some(key) if damaged.len() < DAMAGED_MAX => {
                files.retain(|file| replica.ltx_key(file.level, file.name) != key);
            }
            _ => return Err(error),
        }
        damaged.push(error);
    };
    let [oldest, newest] = ends;
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
        grains,
        damaged,
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
}

/// When each moment was taken, in milliseconds since 1970: what a restore to a time goes by. The
/// header of each file is read; of what cannot be read it is the time of the listing. Those that turn
/// out to be damaged are left out.
///
/// # Errors
/// If the store fails.
pub async fn times(
    replica: &Replica,
    found: &mut Survey,
) -> Result<BTreeMap<Txid, i64>, restore::Error> {
    let (requests, mut reads) = (Arc::new(Semaphore::new(REQUESTS_MAX)), JoinSet::new());
    for (&txid, file) in &found.moments {
        let (replica, file, requests) = (replica.clone(), file.clone(), Arc::clone(&requests));
        reads.spawn(async move {
            let _permit = requests.acquire().await;
            (txid, time_ms(&replica, &file).await)
        });
    }
    let mut times = BTreeMap::new();
    for (txid, time_ms) in reads.join_all().await {
        match time_ms {
            Err(error) if error.damaged_key().is_some() => {
                found.moments.remove(&txid);
                found.damaged.push(error);
            }
            time_ms => drop(times.insert(txid, time_ms?)),
        }
    }
    Ok(times)
}

/// What headers tell: the first and the last moment, and how closely they lie.
async fn headers(
    replica: &Replica,
    moments: &BTreeMap<Txid, LtxFile>,
) -> Result<([Option<Moment>; 2], Vec<Grain>), restore::Error> {
    let oldest = moment(replica, moments.values().next()).await?;
    let newest = moment(replica, moments.values().next_back()).await?;
    Ok(([oldest, newest], grains(replica, moments).await?))
}

async fn grains(
    replica: &Replica,
    moments: &BTreeMap<Txid, LtxFile>,
) -> Result<Vec<Grain>, restore::Error> {
    let mut levels: BTreeMap<Level, Vec<&LtxFile>> = BTreeMap::new();
    for file in moments.values() {
        levels.entry(file.level).or_default().push(file);
    }
    let mut grains = Vec::new();
    for (level, files) in levels {
        if let (Some(first), Some(last)) = (files.first(), files.last()) {
            let (from_ms, to_ms) = (time_ms(replica, first).await?, time_ms(replica, last).await?);
            grains.push(Grain { level, count: files.len(), from_ms, to_ms });
        }
    }
    Ok(grains)
}

async fn moment(
    replica: &Replica,
    file: Option<&LtxFile>,
) -> Result<Option<Moment>, restore::Error> {
    let Some(file) = file else { return Ok(None) };
    Ok(Some(Moment { txid: file.name.max, time_ms: time_ms(replica, file).await? }))
}

/// When a file was taken; when it was stored, if it cannot be read here or is gone meanwhile.
async fn time_ms(replica: &Replica, file: &LtxFile) -> Result<i64, restore::Error> {
    match replica.ltx_header(file).await {
        Err(error) if is_unread(&error, replica) => {
            Ok(file.timestamp_ms.or(file.modified_ms).unwrap_or_default())
        }
        header => Ok(header??.timestamp_ms),
    }
}

fn is_unread(error: &store::Error, replica: &Replica) -> bool {
    matches!(error, store::Error::NotFound { .. }) || error.is_sealed() && !replica.is_readable()
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
