//! Files of one level in, one file of the next level out.
//!
//! They are read from the local log where they are still there, and from the store where not: memory
//! is a buffer for each file.

use super::Error;
use super::outgoing::{Input, Outgoing, Pages};
use super::site::Site;
use crate::ltx::{Decoder, Merge, Name, Txid};
use crate::store::{self, Level, LtxFile, ReaderOptions, Replica};
use std::fs::File;
use std::io;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Memory for pieces of all files read from the store, and the least of one.
const PIECES_MEMORY: u64 = 16 << 20;
const PIECE_LEN_MIN: u64 = 16 << 10;
const PIECES_AHEAD: usize = 2;
const REQUESTS_MAX: usize = 8;

/// Stores what these files make as one file of a level. What is damaged in the local log is read from
/// the store.
pub(super) async fn merge(site: &Site, level: Level, files: &[LtxFile]) -> Result<LtxFile, Error> {
    match merge_once(site, level, files).await {
        Err(error) if error.is_damage() && site.distrust_local() => {
            let file = site.shared.database.display();
            tracing::warn!(%file, %error, "reads what it merges from the store");
            merge_once(site, level, files).await
        }
        merged => merged,
    }
}

async fn merge_once(site: &Site, level: Level, files: &[LtxFile]) -> Result<LtxFile, Error> {
    let mode = site.ensure_lease().await?;
    let sources = sources(site, files);
    let (replica, len_about) = (site.replica.clone(), files.iter().map(|file| file.size).sum());
    let merge = blocking(move || open(&replica, sources)).await?;
    let header = merge.header().clone();
    let (name, timestamp_ms) = (header.name(), Some(header.timestamp_ms));
    let (pages, encoding) = (Pages::Files(merge), site.shared.options.encoding);
    let outgoing = Outgoing { header, pages, encoding, len_about };
    let size = outgoing.ensure(&site.replica, level, mode).await?;
    Ok(LtxFile { level, name, size, modified_ms: None, timestamp_ms })
}

/// Of files that are to be merged, those that have to be left as they are, and then those that follow
/// and are still in the local log. No more than can be read at once.
pub(super) fn local_run(site: &Site, files: Vec<LtxFile>) -> (Vec<LtxFile>, Vec<LtxFile>) {
    let mut room = super::ladder::INPUTS_MAX as u64;
    let (mut left, mut run) = (Vec::new(), Vec::new());
    for file in files {
        let count = (file.name.max.0 - file.name.min.0).saturating_add(1);
        let is_local = local(site, file.name).is_some();
        match room.checked_sub(count).filter(|_| is_local) {
            Some(rest) => {
                room = rest;
                run.push(file);
            }
            None if run.is_empty() => left.push(file),
            None => break,
        }
    }
    (left, run)
}

/// Where a file is read from.
enum Source {
    Local(Name, File),
    Stored(LtxFile),
}

/// Local files where all that a file was merged from is still there.
fn sources(site: &Site, files: &[LtxFile]) -> Vec<Source> {
    let mut left = super::ladder::INPUTS_MAX.saturating_sub(files.len());
    let mut sources = Vec::new();
    for file in files {
        let count = usize::try_from(file.name.max.0 - file.name.min.0).unwrap_or(usize::MAX);
        match local(site, file.name).filter(|_| count <= left) {
            Some(files) => {
                left -= count;
                sources.extend(files.into_iter().map(|(name, file)| Source::Local(name, file)));
            }
            None => sources.push(Source::Stored(file.clone())),
        }
    }
    sources
}

/// Opened: what is open is there until it is read, whoever removes it.
fn local(site: &Site, name: Name) -> Option<Vec<(Name, File)>> {
    const FILES_MAX: u64 = super::ladder::INPUTS_MAX as u64;
    if !site.is_local(name.min) || name.max.0 - name.min.0 > FILES_MAX {
        return None;
    }
    let open = |txid| {
        let name = Name::single(Txid(txid));
        Ok((name, File::open(site.shared.log.path(name))?))
    };
    (name.min.0..=name.max.0).map(open).collect::<io::Result<_>>().ok()
}

fn open(replica: &Replica, sources: Vec<Source>) -> Result<Merge<Input>, Error> {
    let stored = sources.iter().filter(|source| matches!(source, Source::Stored(_))).count();
    let piece_len = PIECES_MEMORY / (stored.max(1) * PIECES_AHEAD) as u64;
    let options = ReaderOptions {
        piece_len: piece_len.max(PIECE_LEN_MIN),
        pieces_ahead: PIECES_AHEAD,
        requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
    };
    let open = |source| -> (Input, String, Name) {
        match source {
            Source::Local(name, file) => (Box::new(file), format!("local file {name}"), name),
            Source::Stored(file) => {
                let key = replica.ltx_key(file.level, file.name);
                (Box::new(replica.open_ltx(&file, options.clone())), key, file.name)
            }
        }
    };
    // All requests are on their way before the first reply is waited for.
    let mut inputs = Vec::with_capacity(sources.len());
    inputs.extend(sources.into_iter().map(open));
    let decode = |(input, key, name)| Decoder::of(input, key, name);
    let decoders = inputs.into_iter().map(decode).collect::<Result<_, _>>()?;
    Ok(Merge::new(decoders)?)
}

/// Runs blocking work where blocking is allowed.
pub(super) async fn blocking<T: Send + 'static, E: From<store::Error> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    let stopped = |_| Err(store::Error::Stopped.into());
    tokio::task::spawn_blocking(work).await.unwrap_or_else(stopped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ltx::{Encoder, Header, NO_CHECKSUM, PageEncoding};
    use crate::store::{MemoryStore, Put};

    #[tokio::test]
    async fn what_has_another_name_is_not_merged() {
        let replica = Replica::new(Arc::new(MemoryStore::new()), "p");
        let (min_txid, max_txid, page_size) = (Txid(7), Txid(8), 512);
        let header = Header { flags: NO_CHECKSUM, commit: 1, ..Header::default() };
        let header = Header { page_size, min_txid, max_txid, ..header };
        let mut encoder = Encoder::new(Vec::new(), header, PageEncoding::Block).unwrap();
        encoder.page(1, &[1; 512]).unwrap();
        let bytes = encoder.finish().unwrap().0;
        for (max, is_merged) in [(max_txid, true), (Txid(9), false)] {
            let (level, name, size) = (1, Name { min: min_txid, max }, bytes.len() as u64);
            replica.put_ltx(level, name, bytes.clone().into(), Put::default()).await.unwrap();
            let file = LtxFile { level, name, size, modified_ms: None, timestamp_ms: None };
            let (replica, sources) = (replica.clone(), vec![Source::Stored(file)]);
            match blocking(move || open(&replica, sources)).await {
                Ok(_) => assert!(is_merged),
                Err(error) => {
                    assert!(!is_merged && error.is_damage(), "{error}");
                    let said = error.to_string();
                    assert!(
                        said.starts_with("ship: p/ltx/1/0000000000000007-0000000000000009.ltx: ")
                    );
                }
            }
        }
    }
}
