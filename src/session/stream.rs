//! The connection to a client, as a session's thread uses it: blocking, and to be woken from outside.

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// A blocking socket. Shared, so that others can shut it down.
#[derive(Debug)]
pub enum Socket {
    /// TCP
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

impl Socket {
    /// Reads give up after this long (`WouldBlock`); `None` is never.
    ///
    /// # Errors
    /// Those of the system call.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_read_timeout(timeout),
            Self::Unix(socket) => socket.set_read_timeout(timeout),
        }
    }

    /// Writes give up after this long; `None` is never.
    ///
    /// # Errors
    /// Those of the system call.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_write_timeout(timeout),
            Self::Unix(socket) => socket.set_write_timeout(timeout),
        }
    }

    /// Ends reading: a thread that waits for the client sees the end of the stream.
    pub fn end_input(&self) {
        // A socket that is already gone has nobody waiting for it.
        let _already_closed = match self {
            Self::Tcp(socket) => socket.shutdown(Shutdown::Read),
            Self::Unix(socket) => socket.shutdown(Shutdown::Read),
        };
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        }
    }
}

impl Read for &Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => (&mut &*socket).read(buffer),
            Socket::Unix(socket) => (&mut &*socket).read(buffer),
        }
    }
}

impl Write for &Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => (&mut &*socket).write(bytes),
            Socket::Unix(socket) => (&mut &*socket).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket under a layer of encryption.
pub trait Secure: Read + Write + Send {
    /// Decrypted bytes wait to be read, though the socket may have none.
    fn has_buffered(&mut self) -> bool;
}

/// The way to and from a client.
pub struct Stream {
    socket: Arc<Socket>,
    secure: Option<Box<dyn Secure>>,
}

impl Stream {
    /// In clear.
    #[must_use]
    pub fn plain(socket: Arc<Socket>) -> Self {
        Self { socket, secure: None }
    }

    /// Encrypted; `secure` reads and writes `socket`.
    #[must_use]
    pub fn secure(socket: Arc<Socket>, secure: Box<dyn Secure>) -> Self {
        Self { socket, secure: Some(secure) }
    }

    /// The socket below.
    #[must_use]
    pub fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    /// The stream is encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure.is_some()
    }

    /// Waits until there is something to read, `wake` is rung or the time is over: whether there is
    /// something to read.
    ///
    /// # Errors
    /// Those of the system call.
    pub fn wait(&mut self, wake: &Wake, timeout: Option<Duration>) -> io::Result<bool> {
        if self.secure.as_mut().is_some_and(|secure| secure.has_buffered()) {
            return Ok(true);
        }
        let socket = self.socket.fd();
        let mut fds =
            [PollFd::from_borrowed_fd(socket, PollFlags::IN), PollFd::new(&wake.0, PollFlags::IN)];
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let readable = !fds[0].revents().is_empty();
        if !fds[1].revents().is_empty() {
            wake.quiet();
        }
        Ok(readable)
    }
}

impl Stream {
    /// Sends all bytes, however slowly they are read, unless it is given up.
    ///
    /// # Errors
    /// The client is gone; or it does not read and was given up.
    pub fn send(&mut self, bytes: &[u8], given_up: impl Fn() -> bool) -> io::Result<()> {
        let may_go_on = |error: &io::Error| {
            error.kind() == io::ErrorKind::Interrupted || is_timeout(error) && !given_up()
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = &rest[written..],
                Err(error) if may_go_on(&error) => {}
                Err(error) => return Err(error),
            }
        }
        loop {
            match self.flush() {
                Err(error) if may_go_on(&error) => {}
                done => return done,
            }
        }
    }
}

/// The time limit of a read or a write has passed.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.secure {
            Some(secure) => secure.read(buffer),
            None => (&*self.socket).read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.secure {
            Some(secure) => secure.write(bytes),
            None => (&*self.socket).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.secure {
            Some(secure) => secure.flush(),
            None => Ok(()),
        }
    }
}

/// What is added to the event counter: any number but zero, in whatever byte order.
const WAKE: [u8; 8] = [1; 8];

/// Rings a session that waits in [`Stream::wait`].
#[derive(Debug)]
pub struct Wake(OwnedFd);

impl Wake {
    /// A bell.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Rings.
    pub fn ring(&self) {
        // Full means that it rings already.
        let _rings_already = rustix::io::write(&self.0, &WAKE);
    }

    fn quiet(&self) {
        // Empty means that somebody else was here first.
        let _was_quiet = rustix::io::read(&self.0, &mut [0; 8]);
    }
}
