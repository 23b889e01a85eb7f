//! One age file: bytes in clear in, the same encrypted out, and back. Pure.
//! <https://age-encryption.org/v1>
//!
//! | part | length |
//! | --- | --- |
//! | header: `age-encryption.org/v1`, a stanza for each recipient, a MAC | as many lines as it takes |
//! | nonce | 16 |
//! | chunks of 64 KiB, the last one shorter, each with a tag | each 16 longer than what it holds |
//!
//! So any range of what is in clear is a range of chunks, once the header is known. Each encryption
//! makes other bytes, of which the last 16 tell it from any other.

use super::Keys;
use age::stream::StreamWriter;
use age::{DecryptError, Decryptor, Encryptor};
use bytes::Bytes;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::ops::Range;

/// How every age file begins.
pub(super) const MAGIC: &[u8] = b"age-encryption.org/v1\n";
/// How much of what is in clear is in a chunk.
const CHUNK_LEN: u64 = 64 << 10;
const TAG_LEN: u64 = 16;
const SEALED_CHUNK_LEN: u64 = CHUNK_LEN + TAG_LEN;

/// The last bytes of an age file: the tag of its last chunk.
pub type Tail = [u8; TAG_LEN as usize];

/// Why an age file was not read.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is encrypted for others.
    NoIdentity,
    /// It is damaged, or another than its header was of.
    Damaged(DecryptError),
}

impl From<DecryptError> for Fault {
    fn from(error: DecryptError) -> Self {
        match error {
            DecryptError::NoMatchingKeys => Self::NoIdentity,
            error => Self::Damaged(error),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Damaged(error.into())
    }
}

/// The header of an age file, and its nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head(Bytes);

impl Head {
    /// The head at the beginning of a file; none if it goes on beyond these bytes.
    pub(super) fn parse(first: &Bytes) -> Result<Option<Self>, Fault> {
        let mut input = Cursor::new(first.as_ref());
        match Decryptor::new_buffered(&mut input) {
            Ok(_) => Ok(Some(Self(first.slice(..input.position() as usize)))),
            Err(DecryptError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// How long what a file of this length holds is.
    pub(super) fn clear_len(&self, stored: u64) -> u64 {
        let payload = stored.saturating_sub(self.len());
        payload.saturating_sub(payload.div_ceil(SEALED_CHUNK_LEN) * TAG_LEN)
    }

    /// The chunks of a file of this length that hold a range, which lies within it.
    pub(super) fn sealed(&self, range: &Range<u64>, stored: u64) -> Range<u64> {
        let start = self.len() + range.start / CHUNK_LEN * SEALED_CHUNK_LEN;
        let end = self.len() + range.end.div_ceil(CHUNK_LEN) * SEALED_CHUNK_LEN;
        start..end.min(stored)
    }

    /// Decrypts a range out of the chunks that hold it.
    pub(super) fn open(
        &self,
        chunks: Bytes,
        range: &Range<u64>,
        keys: &Keys,
    ) -> Result<Bytes, Fault> {
        let first = range.start / CHUNK_LEN;
        let at = self.len() + first * SEALED_CHUNK_LEN;
        let input = Excerpt { head: self.0.clone(), chunks, at, position: 0 };
        let mut reader = Decryptor::new(input)?.decrypt(identities(keys))?;
        // To the midst of the first chunk: at its beginning the reader would look for the file's end.
        reader.seek(SeekFrom::Start(first * CHUNK_LEN + 1))?;
        reader.seek(SeekFrom::Start(range.start))?;
        let mut clear = vec![0; (range.end - range.start) as usize];
        reader.read_exact(&mut clear)?;
        Ok(clear.into())
    }
}

/// Decrypts a whole file.
pub(super) fn open(sealed: &[u8], keys: &Keys) -> Result<Bytes, Fault> {
    let mut clear = Vec::with_capacity(sealed.len());
    let mut reader = Decryptor::new_buffered(sealed)?.decrypt(identities(keys))?;
    reader.read_to_end(&mut clear)?;
    Ok(clear.into())
}

/// About how long a file is that holds so much.
pub(super) fn sealed_len_about(clear: u64) -> u64 {
    const HEAD_LEN_ABOUT: u64 = 512;
    clear.saturating_add(clear.div_ceil(CHUNK_LEN) * TAG_LEN).saturating_add(HEAD_LEN_ABOUT)
}

/// Writes an age file of what is written to it.
pub(super) struct Sealing<W: Write>(StreamWriter<Tailed<W>>);

impl<W: Write> Sealing<W> {
    /// Writes the head.
    pub(super) fn begin(output: W, keys: &Keys) -> io::Result<Self> {
        let recipients = keys.recipients().iter().map(|recipient| recipient as &dyn age::Recipient);
        let encryptor = Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
        let output = Tailed { output, tail: Tail::default(), len: 0 };
        Ok(Self(encryptor.wrap_output(output)?))
    }

    /// Writes the last chunk.
    pub(super) fn finish(self) -> io::Result<Tailed<W>> {
        self.0.finish()
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A writer that knows what was written to it last, and how much.
pub(super) struct Tailed<W> {
    pub(super) output: W,
    pub(super) tail: Tail,
    pub(super) len: u64,
}

impl<W: Write> Write for Tailed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        let new = bytes.get(..written).unwrap_or_default();
        let (kept, fresh) = (self.tail.len().saturating_sub(written), written.min(self.tail.len()));
        self.tail.rotate_left(fresh);
        self.tail[kept..].copy_from_slice(&new[written - fresh..]);
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

fn identities(keys: &Keys) -> impl Iterator<Item = &dyn age::Identity> {
    keys.identities().iter().map(|identity| identity as &dyn age::Identity)
}

/// A file of which only the head and some chunks are here.
struct Excerpt {
    head: Bytes,
    chunks: Bytes,
    /// Where the chunks begin.
    at: u64,
    position: u64,
}

impl Read for Excerpt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (part, start) = match self.position.checked_sub(self.at) {
            Some(within) => (&self.chunks, within),
            None => (&self.head, self.position),
        };
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let rest = part.get(start..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer.split_at_mut(length).0.copy_from_slice(&rest[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for Excerpt {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = self.at + self.chunks.len() as u64;
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
            SeekFrom::End(distance) => end.checked_add_signed(distance),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
