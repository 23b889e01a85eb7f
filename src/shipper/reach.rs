//! How far a destination is, by the names of what is there.

use crate::ltx::Txid;
use crate::store::{self, Level, LtxFile, Replica, SNAPSHOT_LEVEL};

/// How far a destination is.
pub(super) struct Reach {
    /// By the files of level 0.
    pub(super) stored: Txid,
    /// By any.
    pub(super) newest: Txid,
}

impl Reach {
    /// By all that is there.
    pub(super) fn of(files: &[LtxFile]) -> Self {
        let newest = |files: &mut dyn Iterator<Item = &LtxFile>| {
            files.map(|file| file.name.max).max().unwrap_or_default()
        };
        let all = newest(&mut files.iter());
        let stored = newest(&mut files.iter().filter(|file| file.level == 0));
        Self { stored: if stored > Txid(0) { stored } else { all }, newest: all }
    }

    /// Level 0 has the highest number unless somebody emptied that, or was killed after a snapshot.
    pub(super) async fn ask(replica: &Replica) -> Result<Self, store::Error> {
        let stored = newest_of(replica, 0).await?;
        let newest = stored.max(newest_of(replica, SNAPSHOT_LEVEL).await?);
        if stored > Txid(0) {
            return Ok(Self { stored, newest });
        }
        let mut newest = newest;
        for level in 1..SNAPSHOT_LEVEL {
            newest = newest.max(newest_of(replica, level).await?);
        }
        Ok(Self { stored: newest, newest })
    }
}

async fn newest_of(replica: &Replica, level: Level) -> Result<Txid, store::Error> {
    let files = replica.list_ltx(level).await?;
    Ok(files.iter().map(|file| file.name.max).max().unwrap_or_default())
}
