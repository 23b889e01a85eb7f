//! Frontend messages, taken one by one from the socket:
//! <https://www.postgresql.org/docs/15/protocol-message-formats.html>.

use super::error::Failure;
use std::io::{self, Read};
use std::ops::Range;

/// The largest message accepted, in bytes without its type, as in PostgreSQL.
const MESSAGE_MAX: usize = 0x3fff_fffe;
/// How much is asked of the socket at once.
const CHUNK: usize = 8 * 1024;
/// The same when there is much to come.
const LARGE_CHUNK: usize = 64 * 1024;
/// A larger buffer is given back when it is empty.
const KEEP: usize = 128 * 1024;

/// Bytes received and not yet taken.
#[derive(Default)]
pub struct Input {
    /// Room for bytes; those from `start` to `end` are received and not yet taken.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// So many bytes of a message taken in pieces are still to come; they may be in the buffer.
    rest: usize,
}

/// A message: its type, and where its body lies in the buffer.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// The type byte.
    pub tag: u8,
    start: usize,
    end: usize,
}

impl Input {
    /// Continues with bytes that were received before.
    #[must_use]
    pub fn with(buffer: Vec<u8>) -> Self {
        Self { start: 0, end: buffer.len(), buffer, rest: 0 }
    }

    /// The type of the next complete message in the buffer.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        match self.frame() {
            Ok(Some(message)) => Some(message.tag),
            _ => None,
        }
    }

    /// Takes the next complete message in the buffer. What is left of a message that was taken in
    /// pieces is skipped.
    ///
    /// # Errors
    /// 08P01 for a length no message has.
    pub fn take(&mut self) -> Result<Option<Message>, Failure> {
        let message = self.frame()?;
        match message {
            Some(message) => {
                self.start = message.end;
                self.rest = 0;
            }
            None => drop(self.take_rest()),
        }
        Ok(message)
    }

    /// Takes the next message; one of this type in as many pieces as it comes in, each as a message.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn take_pieces(&mut self, tag: u8) -> Result<Option<Message>, Failure> {
        if self.rest > 0 {
            let piece = self.take_rest();
            return Ok((!piece.is_empty()).then_some(Message {
                tag,
                start: piece.start,
                end: piece.end,
            }));
        }
        match self.head(self.start)? {
            Some(head) if head.tag == tag => {
                self.start = head.start;
                self.rest = head.end - head.start;
                let Range { start, end } = self.take_rest();
                Ok(Some(Message { tag, start, end }))
            }
            _ => self.take(),
        }
    }

    fn take_rest(&mut self) -> Range<usize> {
        let start = self.start;
        let taken = self.rest.min(self.end - start);
        self.start += taken;
        self.rest -= taken;
        start..self.start
    }

    fn frame(&self) -> Result<Option<Message>, Failure> {
        let head = self.head(self.start.saturating_add(self.rest))?;
        Ok(head.filter(|message| message.end <= self.end))
    }

    /// The message that begins at `at`, whose body need not have come.
    fn head(&self, at: usize) -> Result<Option<Message>, Failure> {
        let bytes = self.buffer[..self.end].get(at..).unwrap_or_default();
        let Some((&tag, rest)) = bytes.split_first() else { return Ok(None) };
        let Some(length) = rest.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        check_frame(tag, length)?;
        let start = at + 5;
        Ok(Some(Message { tag, start, end: start + length - 4 }))
    }

    /// The body of a message taken last.
    #[must_use]
    pub fn body(&self, message: Message) -> Body<'_> {
        Body { bytes: &self.buffer[message.start..message.end] }
    }

    /// Reads more from the socket: the number of bytes, 0 at its end. Bytes taken before are forgotten.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn fill(&mut self, socket: &mut impl Read) -> io::Result<usize> {
        self.fill_with(socket, CHUNK)
    }

    /// As [`Self::fill`], with larger reads.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn fill_much(&mut self, socket: &mut impl Read) -> io::Result<usize> {
        self.fill_with(socket, LARGE_CHUNK)
    }

    fn fill_with(&mut self, socket: &mut impl Read, chunk: usize) -> io::Result<usize> {
        self.make_room(chunk);
        let count = socket.read(&mut self.buffer[self.end..])?;
        self.end += count;
        Ok(count)
    }

    /// Room for a chunk, or more of a long message; never as much as a stranger merely announces.
    fn make_room(&mut self, chunk: usize) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == 0 && self.buffer.len() > KEEP {
            self.buffer = Vec::new();
        }
        // The buffer stays as long as it has become: it is cleared once, not for each message.
        let needed = self.end + self.end.clamp(chunk, 256 * 1024);
        if self.buffer.len() < needed {
            self.buffer.resize(needed, 0);
        }
    }

    /// Gives memory back; for a session that idles.
    pub fn release(&mut self) {
        if self.start == self.end {
            *self = Self { rest: self.rest, ..Self::default() };
        }
    }
}

fn check_frame(tag: u8, length: usize) -> Result<(), Failure> {
    const KNOWN: &[u8] = b"BCDEFHPQSXcdfp";
    if !KNOWN.contains(&tag) {
        return Err(Failure::protocol(format!("invalid frontend message type {tag}")));
    }
    if !(4..=MESSAGE_MAX).contains(&length) {
        return Err(Failure::protocol("invalid message length"));
    }
    // These carry nothing or little: a long one is a mistake, not data worth waiting for.
    if b"CDEHSXc".contains(&tag) && length > 30_000 {
        return Err(Failure::protocol("invalid message length"));
    }
    Ok(())
}

/// The body of a message, read field by field.
pub struct Body<'a> {
    bytes: &'a [u8],
}

impl<'a> Body<'a> {
    /// Over bytes that are not framed by a type, as in start-up packets.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// All that is left.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// 08P01 when fewer are left.
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], Failure> {
        let (head, tail) = self.bytes.split_at_checked(n).ok_or_else(short)?;
        self.bytes = tail;
        Ok(head)
    }

    /// One byte.
    ///
    /// # Errors
    /// 08P01 when none is left.
    pub fn u8(&mut self) -> Result<u8, Failure> {
        Ok(self.bytes(1)?[0])
    }

    /// A 16-bit integer.
    ///
    /// # Errors
    /// 08P01 when fewer than two bytes are left.
    pub fn i16(&mut self) -> Result<i16, Failure> {
        let (head, tail) = self.bytes.split_first_chunk().ok_or_else(short)?;
        self.bytes = tail;
        Ok(i16::from_be_bytes(*head))
    }

    /// A 16-bit count.
    ///
    /// # Errors
    /// 08P01 when fewer than two bytes are left.
    pub fn count(&mut self) -> Result<usize, Failure> {
        Ok(usize::from(self.i16()?.cast_unsigned()))
    }

    /// A 32-bit integer.
    ///
    /// # Errors
    /// 08P01 when fewer than four bytes are left.
    pub fn i32(&mut self) -> Result<i32, Failure> {
        let (head, tail) = self.bytes.split_first_chunk().ok_or_else(short)?;
        self.bytes = tail;
        Ok(i32::from_be_bytes(*head))
    }

    /// A zero-terminated string.
    ///
    /// # Errors
    /// 08P01 without a terminator, 22021 when it is not UTF-8.
    pub fn cstr(&mut self) -> Result<&'a str, Failure> {
        let end = self.bytes.iter().position(|b| *b == 0).ok_or_else(short)?;
        let (head, tail) = self.bytes.split_at(end);
        self.bytes = &tail[1..];
        utf8(head)
    }

    /// Refuses anything left over.
    ///
    /// # Errors
    /// 08P01
    pub fn end(&self) -> Result<(), Failure> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(Failure::protocol("invalid message format"))
        }
    }
}

/// Bytes as text.
///
/// # Errors
/// 22021, with the first bad bytes as PostgreSQL shows them.
pub fn utf8(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).map_err(|error| {
        let bad = bytes[error.valid_up_to()..].iter().take(4);
        let shown: Vec<String> = bad.map(|b| format!("0x{b:02x}")).collect();
        Failure::new(
            "22021",
            format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" ")),
        )
    })
}

fn short() -> Failure {
    Failure::protocol("insufficient data left in message")
}
