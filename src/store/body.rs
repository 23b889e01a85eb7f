//! What is put: bytes, a file, or what a thread is still making.
//!
//! [`Body::stream`] gives both ends of the last kind. The writing end blocks while the store is
//! behind, so that an object of any size passes through in bounded memory; what was begun but not
//! [finished](BodyWriter::finish) is never stored.

use super::{Error, Meter};
use bytes::Bytes;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;

/// How long a piece of a stream is.
const PIECE_LEN: usize = 256 << 10;
/// How many pieces may wait for the store.
const PIECES_MAX: usize = 8;

/// What is put.
#[derive(Debug)]
pub enum Body {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file, read while it is sent. It must not change meanwhile.
    File(PathBuf),
    /// What a [`BodyWriter`] writes, of a length nobody knows yet.
    Stream(BodyStream),
}

impl Body {
    /// A body that is written while it is put, and where to write it. It will be about so many
    /// bytes long; a store may refuse one that is more than twice as long.
    #[must_use]
    pub fn stream(len_about: u64) -> (BodyWriter, Self) {
        let (sender, pieces) = mpsc::channel(PIECES_MAX);
        let writer = BodyWriter { sender, piece: Vec::new(), len: 0 };
        let rest = Bytes::new();
        (
            writer,
            Self::Stream(BodyStream { pieces, rest, is_finished: false, len_about, meter: None }),
        )
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

/// The end of a streamed body that is written to. It blocks: not for a runtime's own threads.
///
/// Writing fails with [`io::ErrorKind::BrokenPipe`] when the put has failed; the put says why.
#[derive(Debug)]
pub struct BodyWriter {
    /// An empty piece is the end.
    sender: mpsc::Sender<Bytes>,
    piece: Vec<u8>,
    /// Of all that was written, in bytes.
    len: u64,
}

impl BodyWriter {
    /// Says that all is written, and returns how many bytes: only then is anything stored.
    ///
    /// # Errors
    /// If the put has failed.
    pub fn finish(mut self) -> io::Result<u64> {
        self.flush()?;
        self.send(Bytes::new())?;
        Ok(self.len)
    }

    fn send(&self, piece: Bytes) -> io::Result<()> {
        self.sender.blocking_send(piece).map_err(|_piece| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len().min(PIECE_LEN - self.piece.len());
        self.piece.extend(bytes.iter().take(length));
        self.len += length as u64;
        if self.piece.len() == PIECE_LEN {
            self.flush()?;
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_LEN));
        self.send(piece.into())
    }
}

/// The end of a streamed body that a store reads.
#[derive(Debug)]
pub struct BodyStream {
    pieces: mpsc::Receiver<Bytes>,
    /// Of a piece that was read in part.
    rest: Bytes,
    is_finished: bool,
    len_about: u64,
    meter: Option<Arc<Meter>>,
}

impl BodyStream {
    /// About how long it will be.
    #[must_use]
    pub fn len_about(&self) -> u64 {
        self.len_about
    }

    /// Counts what is read of it from now on.
    pub(super) fn metered(self, meter: Arc<Meter>) -> Self {
        Self { meter: Some(meter), ..self }
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// [`Error::Unfinished`] if the writer gave up.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        match self.known() {
            Some(known) => Ok(known),
            None => {
                let piece = self.pieces.recv().await;
                self.received(piece)
            }
        }
    }

    /// The same for a thread that may block.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn blocking_next(&mut self) -> Result<Option<Bytes>, Error> {
        match self.known() {
            Some(known) => Ok(known),
            None => {
                let piece = self.pieces.blocking_recv();
                self.received(piece)
            }
        }
    }

    /// The next so many bytes; fewer only at the end.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn read(&mut self, len: usize) -> Result<Bytes, Error> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let Some(mut piece) = self.next().await? else { break };
            bytes.extend_from_slice(&piece.split_to(piece.len().min(len - bytes.len())));
            self.rest = piece;
        }
        Ok(bytes.into())
    }

    /// What comes next, if that needs no waiting.
    fn known(&mut self) -> Option<Option<Bytes>> {
        if self.rest.is_empty() {
            self.is_finished.then_some(None)
        } else {
            Some(Some(std::mem::take(&mut self.rest)))
        }
    }

    fn received(&mut self, piece: Option<Bytes>) -> Result<Option<Bytes>, Error> {
        let piece = piece.ok_or(Error::Unfinished)?;
        self.is_finished = piece.is_empty();
        if let Some(meter) = &self.meter {
            meter.sent(piece.len());
        }
        Ok((!self.is_finished).then_some(piece))
    }
}
