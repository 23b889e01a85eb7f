//! Files of one level in, one file of the next level out.
//!
//! They are read from the local log where they are still there, and from the store where not, and
//! written to the store while they are read: memory is a buffer for each file, and nothing is kept
//! on the disk.

use super::Error;
use super::site::Site;
use crate::ltx::{self, Decoder, Merge, Name, Trailer, Txid};
use crate::store::{self, Body, BodyWriter, Level, LtxFile, Put, ReaderOptions, Replica};
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Memory for pieces of all files read from the store, and the least of one.
const PIECES_MEMORY: u64 = 16 << 20;
const PIECE_LEN_MIN: u64 = 16 << 10;
const PIECES_AHEAD: usize = 2;
const REQUESTS_MAX: usize = 8;

/// Stores what these files make as one file of a level.
pub(super) async fn merge(site: &Site, level: Level, files: &[LtxFile]) -> Result<LtxFile, Error> {
    let mode = site.ensure_lease().await?;
    let sources = sources(site, files);
    let (replica, len_about) = (site.replica.clone(), files.iter().map(|file| file.size).sum());
    let merge = blocking(move || open(&replica, sources)).await?;
    let header = merge.header().clone();
    let encoding = site.shared.options.encoding;
    let encode = move |writer| Ok(merge.encode(writer, encoding)?);
    let put = Put { mode, timestamp_ms: Some(header.timestamp_ms) };
    let size = store_stream(&site.replica, level, header.name(), put, len_about, encode).await?;
    let timestamp_ms = Some(header.timestamp_ms);
    Ok(LtxFile { level, name: header.name(), size, modified_ms: None, timestamp_ms })
}

/// Stores what `encode` writes, while it writes it, and returns its length as it is stored. What is
/// there already under that name was stored by an attempt whose end nobody heard of.
pub(super) async fn store_stream(
    replica: &Replica,
    level: Level,
    name: Name,
    put: Put,
    len_about: u64,
    encode: impl FnOnce(Counting) -> Result<(Counting, Trailer), Error> + Send + 'static,
) -> Result<u64, Error> {
    let (writer, body) = Body::stream(len_about);
    let write = blocking(move || {
        let (writer, _) = encode(Counting { writer, len: 0 })?;
        let len = writer.len;
        writer.writer.finish().map_err(ltx::Error::from)?;
        Ok(len)
    });
    let (written, stored) = tokio::join!(write, replica.put_ltx(level, name, body, put));
    match (written, stored) {
        (_, Err(store::Error::AlreadyExists { .. })) => {
            Ok(replica.store().head(&replica.ltx_key(level, name)).await?.size)
        }
        // Whoever failed first made the other fail.
        (Err(error), Err(store::Error::Unfinished)) => Err(error),
        (_, Err(error)) => Err(error.into()),
        (written, Ok(sealed)) => Ok(sealed.unwrap_or(written?)),
    }
}

/// A body that knows how much was written to it.
pub(super) struct Counting {
    writer: BodyWriter,
    len: u64,
}

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
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
    Local(File),
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
                sources.extend(files.into_iter().map(Source::Local));
            }
            None => sources.push(Source::Stored(file.clone())),
        }
    }
    sources
}

/// Opened: what is open is there until it is read, whoever removes it.
fn local(site: &Site, name: Name) -> Option<Vec<File>> {
    const FILES_MAX: u64 = super::ladder::INPUTS_MAX as u64;
    if !site.is_local(name.min) || name.max.0 - name.min.0 > FILES_MAX {
        return None;
    }
    let path = |txid| site.shared.log.path(Name::single(Txid(txid)));
    (name.min.0..=name.max.0).map(path).map(File::open).collect::<io::Result<_>>().ok()
}

type Input = Box<dyn Read + Send>;

fn open(replica: &Replica, sources: Vec<Source>) -> Result<Merge<Input>, Error> {
    let stored = sources.iter().filter(|source| matches!(source, Source::Stored(_))).count();
    let piece_len = PIECES_MEMORY / (stored.max(1) * PIECES_AHEAD) as u64;
    let options = ReaderOptions {
        piece_len: piece_len.max(PIECE_LEN_MIN),
        pieces_ahead: PIECES_AHEAD,
        requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
    };
    let open = |source| -> Input {
        match source {
            Source::Local(file) => Box::new(file),
            Source::Stored(file) => Box::new(replica.open_ltx(&file, options.clone())),
        }
    };
    // All requests are on their way before the first reply is waited for.
    let mut inputs = Vec::with_capacity(sources.len());
    inputs.extend(sources.into_iter().map(open));
    let decoders = inputs.into_iter().map(Decoder::new).collect::<Result<_, _>>()?;
    Ok(Merge::new(decoders)?)
}

/// Runs blocking work where blocking is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Stopped))
}
