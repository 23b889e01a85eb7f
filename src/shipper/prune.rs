//! Which files of the local log go.

use super::Error;
use super::log::Log;
use super::progress::Shared;
use crate::ltx::Txid;
use std::time::{Duration, SystemTime};

/// A file longer than this, in bytes, is as good as a whole copy.
const LARGE: u64 = 64 << 20;
/// How long such a file is kept: until the first level is merged, at the ladder's default.
const LARGE_KEPT_FOR: Duration = Duration::from_secs(60);

/// Deletes local files that are of no more use, and those beyond the limit, on whomever that cuts
/// off.
pub(super) fn prune(shared: &Shared) -> Result<(), Error> {
    let options = &shared.options;
    let mut keep_for = options.local_retention;
    loop {
        let left = sweep(&shared.log, shared.needless(), keep_for)?;
        shared.pruned(left);
        if left <= options.log_bytes_max || keep_for.is_zero() && !shared.cut_off() {
            return Ok(());
        }
        keep_for = Duration::ZERO;
    }
}

/// Deletes files before `needless` that are old enough, except the newest of all; the bytes that are
/// left. The file that was stored last stays: it proves that what a destination has was shipped from
/// here.
fn sweep(log: &Log, needless: Txid, keep_for: Duration) -> Result<u64, Error> {
    let names = log.names()?;
    let newest = names.last().copied();
    let mut left = 0;
    for name in names {
        let path = log.path(name);
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        let written = metadata.modified().map_err(Error::io(&path))?;
        let age = SystemTime::now().duration_since(written).unwrap_or_default();
        let keep_for = if metadata.len() > LARGE { keep_for.min(LARGE_KEPT_FOR) } else { keep_for };
        if name.max < needless && age >= keep_for && Some(name) != newest {
            log.remove(name)?;
            continue;
        }
        left += metadata.len();
    }
    Ok(left)
}
