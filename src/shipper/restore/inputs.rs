//! Planned files, opened to be merged.

use super::{Error, REQUESTS_MAX};
use crate::ltx::{Decoder, Merge, Name, PageEncoding};
use crate::store::{LtxFile, Reader, ReaderOptions, Replica};
use std::io::{BufWriter, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Where a planned file is read from.
pub(super) type Input = Box<dyn Read + Send>;

/// Opens the planned files; where there are too many to read at once, merges neighbours into
/// unnamed files first. The first, the snapshot, is left as it is.
pub(super) fn open_inputs(
    replica: &Replica,
    files: &[LtxFile],
    directory: &Path,
) -> Result<Vec<Decoder<Input>>, Error> {
    let requests = Arc::new(Semaphore::new(REQUESTS_MAX));
    let Some((snapshot, deltas)) = files.split_first() else { return Ok(Vec::new()) };
    let (piece_len, pieces_ahead) = SNAPSHOT_PIECES;
    let options = ReaderOptions { piece_len, pieces_ahead, requests: Arc::clone(&requests) };
    let mut inputs = open(begin(replica, std::slice::from_ref(snapshot), &options))?;
    let (readers, pieces_ahead) = (deltas.len().clamp(8, 2 * FAN_IN), DELTA_PIECES_AHEAD);
    let piece_len = DELTA_MEMORY / (readers * pieces_ahead) as u64;
    let options = ReaderOptions { piece_len, pieces_ahead, requests };
    if deltas.len() < FAN_IN {
        inputs.extend(open(begin(replica, deltas, &options))?);
        return Ok(inputs);
    }
    let mut groups = deltas.chunks(FAN_IN).map(|group| begin(replica, group, &options));
    let (mut merged, mut next) = (Vec::new(), groups.next());
    while let Some(group) = next {
        // The next group is on its way while this one is merged.
        next = groups.next();
        merged.push(merge_aside(open(group)?, directory)?);
    }
    while merged.len() >= FAN_IN {
        let neighbours = merged.drain(..FAN_IN).collect();
        merged.insert(0, merge_aside(neighbours, directory)?);
    }
    inputs.extend(merged);
    Ok(inputs)
}

/// A file that is on its way, its key and its name.
type Begun = (Reader, String, Name);

/// Sends the first requests of all files; none is waited for.
fn begin(replica: &Replica, files: &[LtxFile], options: &ReaderOptions) -> Vec<Begun> {
    let begin = |file: &LtxFile| {
        let key = replica.ltx_key(file.level, file.name);
        (replica.open_ltx(file, options.clone()), key, file.name)
    };
    files.iter().map(begin).collect()
}

fn open(files: Vec<Begun>) -> Result<Vec<Decoder<Input>>, Error> {
    let open = |(reader, key, name)| Ok(Decoder::of(Box::new(reader) as Input, key, name)?);
    files.into_iter().map(open).collect()
}

fn merge_aside(group: Vec<Decoder<Input>>, directory: &Path) -> Result<Decoder<Input>, Error> {
    let io_error = |source| Error::Io { path: directory.to_owned(), source };
    let file = BufWriter::new(tempfile::tempfile_in(directory).map_err(io_error)?);
    let (file, _) = Merge::new(group)?.encode(file, PageEncoding::Block)?;
    let mut file = file.into_inner().map_err(|error| io_error(error.into_error()))?;
    file.rewind().map_err(io_error)?;
    let file: Input = Box::new(file);
    Ok(Decoder::new(file)?)
}

/// Files merged at once; more are merged in groups first.
const FAN_IN: usize = 256;
/// Memory for pieces of the first file, which is most of the database.
const SNAPSHOT_PIECES: (u64, usize) = (4 << 20, 4);
/// Memory for pieces of all other files.
const DELTA_MEMORY: u64 = 48 << 20;
const DELTA_PIECES_AHEAD: usize = 2;
