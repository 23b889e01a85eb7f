//! The connection to a stranger: on tokio, with little memory and no trust.
//!
//! What enters: bytes. What leaves: whole packets and messages of bounded length, and in the end
//! the [`Stream`] of a session.

use super::packet::PACKET_MAX;
use crate::session::reply::Reply;
use crate::session::stream::Secure;
use crate::session::{Failure, Socket, Stream};
use crate::tls;
use rustix::net::sockopt::set_socket_keepalive;
use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// A message during authentication is not longer.
const MESSAGE_MAX: usize = 4096;
/// How long a client that was refused may take to read why.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a connection ends before it is a session.
#[derive(Debug)]
pub(super) enum End {
    /// The client is told.
    Refused(Box<Failure>),
    /// There is nobody to tell.
    Gone,
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Refused(Box::new(failure))
    }
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// A stream that can leave tokio.
pub(super) trait Raw: AsyncRead + AsyncWrite + Unpin + Send {
    fn into_session(self) -> io::Result<Stream>;
}

/// A stream and what was read of it too early.
pub(super) struct Line<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: Raw> Line<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The next packet without a type, without its length. The end of the stream is [`End::Gone`].
    pub(super) async fn packet(&mut self) -> Result<Vec<u8>, End> {
        self.fill(4).await?;
        let length = length(&self.buffer);
        if !(8..=PACKET_MAX).contains(&length) {
            return Err(Failure::protocol("invalid length of startup packet").into());
        }
        self.fill(length).await?;
        Ok(self.buffer.drain(..length).skip(4).collect())
    }

    /// The body of the next message, which must be of type `p`.
    pub(super) async fn response(&mut self) -> Result<Vec<u8>, End> {
        self.fill(5).await?;
        let tag = self.buffer[0];
        let length = length(&self.buffer[1..]);
        if tag != b'p' {
            let text = format!("expected SASL response, got message type {tag}");
            return Err(Failure::protocol(text).into());
        }
        if !(4..=MESSAGE_MAX).contains(&length) {
            return Err(Failure::protocol("invalid message length").into());
        }
        self.fill(1 + length).await?;
        Ok(self.buffer.drain(..=length).skip(5).collect())
    }

    /// Reads until so many bytes are there.
    async fn fill(&mut self, wanted: usize) -> Result<(), End> {
        while self.buffer.len() < wanted {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(End::Gone);
            }
        }
        Ok(())
    }

    /// Nothing was sent before the answer to a request for encryption: it would be taken for what
    /// came encrypted, and anybody could have slipped it in (CVE-2021-23222).
    pub(super) fn expect_silence(&self) -> Result<(), Failure> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let text = "received unencrypted data after encryption request";
        Err(Failure::protocol(text).detail(
            "This could be either a client-software bug or evidence of an attempted \
             man-in-the-middle attack.",
        ))
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Says why and closes.
    pub(super) async fn refuse(mut self, failure: &Failure) {
        let mut reply = Reply::default();
        reply.error(failure);
        if self.send(reply.as_bytes()).await.is_err() || self.stream.shutdown().await.is_err() {
            return;
        }
        // Closing with unread input would reset the connection, and the client may lose the answer.
        let mut scrap = [0; 1024];
        let rest = async { while self.stream.read(&mut scrap).await.is_ok_and(|n| n > 0) {} };
        drop(tokio::time::timeout(FAREWELL, rest).await);
    }

    /// Closes without a word; over TLS the other side is told that this is the end.
    pub(super) async fn close(mut self) {
        // Who is gone need not be told.
        drop(self.stream.shutdown().await);
    }

    /// The stream itself, from which nothing was read too early.
    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    /// The session's stream, and what was read of it too early.
    pub(super) fn into_session(self) -> io::Result<(Stream, Vec<u8>)> {
        Ok((self.stream.into_session()?, self.buffer))
    }
}

fn length(bytes: &[u8]) -> usize {
    bytes.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize)
}

impl Raw for TcpStream {
    fn into_session(self) -> io::Result<Stream> {
        Ok(Stream::plain(Arc::new(session_tcp(self)?)))
    }
}

impl Raw for UnixStream {
    fn into_session(self) -> io::Result<Stream> {
        Ok(Stream::plain(Arc::new(Socket::Unix(self.into_std()?))))
    }
}

impl Raw for tls::Stream<TcpStream> {
    fn into_session(self) -> io::Result<Stream> {
        let mut shared = None;
        let channel = tls::channel(self, |below| {
            let socket = Arc::new(session_tcp(below)?);
            shared = Some(Arc::clone(&socket));
            Ok(Shared(socket))
        })?;
        let socket = shared.ok_or(io::ErrorKind::NotConnected)?;
        Ok(Stream::secure(socket, Box::new(channel)))
    }
}

fn session_tcp(stream: TcpStream) -> io::Result<Socket> {
    let socket = stream.into_std()?;
    set_socket_keepalive(&socket, true)?;
    Ok(Socket::Tcp(socket))
}

impl Secure for tls::Channel<Shared> {
    fn has_buffered(&mut self) -> bool {
        Self::has_buffered(self)
    }
}

/// A socket that others can shut down.
struct Shared(Arc<Socket>);

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    /// All records that wait in one system call.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match &*self.0 {
            Socket::Tcp(socket) => (&mut &*socket).write_vectored(slices),
            Socket::Unix(socket) => (&mut &*socket).write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
