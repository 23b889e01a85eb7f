//! A replica's files and a time in, those that were taken by then out.
//!
//! Only its header tells when a file was taken: a listing may know nothing, and a copied file has
//! lost what it knew. Within a level, times ascend with the numbers: so the time is searched for, and
//! few headers are read. Where a clock was set back over the time asked for, several moments are the
//! last one not after it: one of them is found.

use super::Error;
use crate::store::{self, Level, LtxFile, Replica};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// The files up to those whose header's time is not after `time_ms` while the next one's is.
pub(super) async fn taken_by(
    replica: &Replica,
    files: &[LtxFile],
    time_ms: i64,
) -> Result<Vec<LtxFile>, Error> {
    let search = Search { replica: replica.clone(), time_ms };
    let mut levels: BTreeMap<Level, Vec<LtxFile>> = BTreeMap::new();
    for file in files {
        levels.entry(file.level).or_default().push(file.clone());
    }
    let mut searches = JoinSet::new();
    for mut files in levels.into_values() {
        files.sort_by_key(|file| file.name.max);
        let search = search.clone();
        searches.spawn(async move { search.taken_of(files).await });
    }
    let mut taken = Vec::new();
    while let Some(found) = searches.join_next().await {
        taken.extend(found.unwrap_or(Err(Error::Stopped))?);
    }
    Ok(taken)
}

/// What is searched for, and where.
#[derive(Clone)]
struct Search {
    replica: Replica,
    time_ms: i64,
}

impl Search {
    /// Those of one level, which are in the order of their numbers.
    async fn taken_of(&self, mut files: Vec<LtxFile>) -> Result<Vec<LtxFile>, Error> {
        let (mut low, mut high) = (0, files.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let Some(file) = files.get(middle) else { break };
            let Some(time_ms) = self.time_ms_of(file).await? else {
                files.remove(middle);
                high -= 1;
                continue;
            };
            match time_ms <= self.time_ms {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        files.truncate(low);
        Ok(files)
    }

    /// When a file was taken; none if it is gone since it was listed.
    async fn time_ms_of(&self, file: &LtxFile) -> Result<Option<i64>, Error> {
        match self.replica.ltx_header(file).await {
            Ok(header) => Ok(Some(header?.timestamp_ms)),
            Err(store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
