//! The connection to a client, which never blocks by itself: who wants to wait says so.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// How often somebody who waits to send looks whether to give up.
const SEND_SLICE: Duration = Duration::from_secs(1);

/// A socket that does not block. Shared, so that others can shut it down.
#[derive(Debug)]
pub enum Socket {
    /// TCP
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

impl Socket {
    /// Ends reading: who waits for the client sees the end of the stream.
    pub fn end_input(&self) {
        // A socket that is already gone has nobody waiting for it.
        let _already_closed = match self {
            Self::Tcp(socket) => socket.shutdown(Shutdown::Read),
            Self::Unix(socket) => socket.shutdown(Shutdown::Read),
        };
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
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
    /// The last read left nothing behind.
    drained: bool,
}

impl Stream {
    /// In clear.
    #[must_use]
    pub fn plain(socket: Arc<Socket>) -> Self {
        Self { socket, secure: None, drained: false }
    }

    /// Encrypted; `secure` reads and writes `socket`.
    #[must_use]
    pub fn secure(socket: Arc<Socket>, secure: Box<dyn Secure>) -> Self {
        Self { socket, secure: Some(secure), drained: false }
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

    /// The last read got all that had come: another one would be in vain.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.drained
    }

    /// More may have come.
    pub fn expect_input(&mut self) {
        self.drained = false;
    }

    /// Waits until there is something to read, or the time is over.
    ///
    /// # Errors
    /// Those of the system call.
    pub fn wait_to_read(&mut self, timeout: Duration) -> io::Result<()> {
        if self.secure.as_mut().is_some_and(|secure| secure.has_buffered()) {
            return Ok(());
        }
        self.wait(PollFlags::IN, timeout)
    }

    fn wait(&self, event: PollFlags, timeout: Duration) -> io::Result<()> {
        let mut fds = [PollFd::from_borrowed_fd(self.socket.fd(), event)];
        match poll(&mut fds, Timespec::try_from(timeout).ok().as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends all bytes, however slowly they are read, unless it is given up.
    ///
    /// # Errors
    /// The client is gone; or it does not read and was given up.
    pub fn send(&mut self, bytes: &[u8], given_up: impl Fn() -> bool) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = &rest[written..],
                Err(error) => self.wait_to_send(error, &given_up)?,
            }
        }
        while let Err(error) = self.flush() {
            self.wait_to_send(error, &given_up)?;
        }
        Ok(())
    }

    fn wait_to_send(&self, error: io::Error, given_up: &impl Fn() -> bool) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::Interrupted => Ok(()),
            io::ErrorKind::WouldBlock if !given_up() => self.wait(PollFlags::OUT, SEND_SLICE),
            _ => Err(error),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.secure {
            Some(secure) => {
                let count = secure.read(buffer)?;
                self.drained = !secure.has_buffered();
                Ok(count)
            }
            None => {
                let count = (&*self.socket).read(buffer)?;
                self.drained = count < buffer.len();
                Ok(count)
            }
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
