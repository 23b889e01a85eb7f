//! The door to rustls: a certificate and its key in, encrypted streams out.
//!
//! A handshake is made on a tokio stream, where strangers may be slow ([`Acceptor::accept`]). The
//! stream then becomes a [`Channel`] over a socket of its own, with all the state of the connection.
//! <https://www.postgresql.org/docs/15/ssl-tcp.html>

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The protocol's name in ALPN.
const ALPN: &[u8] = b"postgresql";

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The certificate chain is no PEM, or cannot be read.
    #[error("read certificate {}: {source}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// The key is no PEM, or cannot be read.
    #[error("read private key {}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// The two do not go together, or cannot be used.
    #[error("use certificate {} with its key: {source}", path.display())]
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
}

/// Makes handshakes as the server of one certificate.
#[derive(Clone)]
pub struct Acceptor {
    acceptor: TlsAcceptor,
    certificate: CertificateDer<'static>,
}

/// An encrypted stream on tokio.
pub type Stream<S> = TlsStream<S>;

impl Acceptor {
    /// Reads a certificate chain and its key, both PEM.
    ///
    /// # Errors
    /// They cannot be read or do not go together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Certificate { path: certificate.to_owned(), source };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
            .map_err(unreadable)?;
        let leaf = chain.first().cloned().ok_or_else(|| unreadable(pem::Error::NoItemsFound))?;
        let key = PrivateKeyDer::from_pem_file(key)
            .map_err(|source| Error::Key { path: key.to_owned(), source })?;
        let config = configure(chain, key)
            .map_err(|source| Error::Unusable { path: certificate.to_owned(), source })?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate: leaf })
    }

    /// The server's certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Makes a handshake.
    ///
    /// # Errors
    /// The client is gone, speaks no TLS, or nothing that both can do.
    pub async fn accept<S>(&self, stream: S) -> io::Result<Stream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.acceptor.accept(stream).await
    }
}

fn configure(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// The client has said in ALPN that it means this protocol. One that begins with TLS at once must.
#[must_use]
pub fn means_postgres<S>(stream: &Stream<S>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(ALPN)
}

/// The same connection over another socket, which must be at the same place in the stream.
///
/// # Errors
/// Those of `socket`.
pub fn channel<S, T: Read + Write>(
    stream: Stream<S>,
    socket: impl FnOnce(S) -> io::Result<T>,
) -> io::Result<Channel<T>> {
    let (below, connection) = stream.into_inner();
    Ok(Channel { connection, socket: socket(below)? })
}

/// An encrypted stream over a socket that does not block. Dropped, it tells the client that this is
/// the end.
pub struct Channel<T: Read + Write> {
    connection: ServerConnection,
    socket: T,
}

impl<T: Read + Write> Channel<T> {
    /// A read will not need the socket: there is decrypted data, the end, or an error.
    pub fn has_buffered(&mut self) -> bool {
        match self.connection.process_new_packets() {
            Ok(state) => state.plaintext_bytes_to_read() > 0 || state.peer_has_closed(),
            Err(_) => true,
        }
    }

    /// Sends what is encrypted already.
    fn send(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            if self.connection.write_tls(&mut self.socket)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    fn receive(&mut self) -> io::Result<()> {
        self.connection.read_tls(&mut self.socket)?;
        if let Err(error) = self.connection.process_new_packets() {
            // The alert says why; a client that is gone does not want to know.
            drop(self.send());
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(())
    }
}

impl<T: Read + Write> Read for Channel<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Clients close the socket without a word; that the protocol's messages are whole
                // is known from their lengths.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                done => return done,
            }
            self.send()?;
            self.receive()?;
        }
    }
}

impl<T: Read + Write> Write for Channel<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send()?;
        let taken = self.connection.writer().write(bytes)?;
        match self.send() {
            // Taken is taken: the caller must not send it again. The rest goes with the next call.
            Err(error) if is_late(&error) && taken > 0 => Ok(taken),
            Err(error) => Err(error),
            Ok(()) => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

impl<T: Read + Write> Drop for Channel<T> {
    fn drop(&mut self) {
        self.connection.send_close_notify();
        // A client that does not read does not want to know.
        drop(self.send());
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}
