//! One connection from its first byte until it is known who wants what: encryption, version, name.
//! <https://www.postgresql.org/docs/15/protocol-flow.html>

use super::Access;
use super::enter::Entrant;
use super::line::{End, Line, Raw};
use super::packet::{Packet, Parameters};
use super::prove::{Binding, prove};
use crate::auth;
use crate::session::reply::Reply;
use crate::session::{Failure, Server};
use crate::tls;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Someone at the door.
pub(super) struct Visit {
    pub(super) server: Arc<Server>,
    pub(super) access: Arc<Access>,
    pub(super) peer: Option<SocketAddr>,
}

/// What a client wants that began in clear.
enum Opening {
    Startup(Parameters),
    Encryption,
}

impl Visit {
    /// A TCP connection, which may go over to TLS.
    pub(super) async fn tcp(self, stream: TcpStream) {
        let tls = self.access.tls.clone();
        match &tls {
            Some(tls) if begins_with_tls(&stream).await => {
                return self.encrypted(stream, tls, true).await;
            }
            _ => {}
        }
        let mut line = Line::new(stream);
        match (self.open(&mut line, tls.is_some()).await, &tls) {
            (Ok(Opening::Encryption), Some(tls)) => {
                self.encrypted(line.into_stream(), tls, false).await;
            }
            (opening, _) => self.in_clear(line, opening).await,
        }
    }

    /// A Unix socket: what it says never leaves the machine.
    pub(super) async fn local<S: Raw>(self, stream: S) {
        let mut line = Line::new(stream);
        let opening = self.open(&mut line, false).await;
        self.in_clear(line, opening).await;
    }

    /// Answers requests until there is something to do. Each kind of encryption is asked for once.
    async fn open<S: Raw>(&self, line: &mut Line<S>, has_tls: bool) -> Result<Opening, End> {
        let (mut asked_ssl, mut asked_gssenc) = (false, false);
        loop {
            let packet = Packet::parse(&line.packet().await?, asked_ssl && asked_gssenc)?;
            let asked = match packet {
                Packet::Startup(parameters) => return Ok(Opening::Startup(parameters)),
                Packet::Cancel { pid, secret } => return Err(self.cancel(pid, &secret)),
                Packet::Ssl => &mut asked_ssl,
                Packet::Gssenc => &mut asked_gssenc,
            };
            if std::mem::replace(asked, true) {
                return Err(Failure::protocol("encryption was asked for twice").into());
            }
            if asked_ssl && has_tls {
                line.send(b"S").await?;
                return self.expect_silence(line).map(|()| Opening::Encryption);
            }
            line.send(b"N").await?;
            line.expect_silence()?;
        }
    }

    /// Encryption was promised: what is wrong can no longer be said in clear.
    fn expect_silence<S: Raw>(&self, line: &Line<S>) -> Result<(), End> {
        line.expect_silence().map_err(|failure| {
            tracing::info!(peer = ?self.peer, "refused: {failure}");
            End::Gone
        })
    }

    /// A cancel request has no answer.
    fn cancel(&self, pid: i32, secret: &[u8]) -> End {
        self.server.cancel(pid, secret);
        End::Gone
    }

    async fn in_clear<S: Raw>(self, line: Line<S>, opening: Result<Opening, End>) {
        let opening = opening.and_then(|opening| Ok(self.check_encryption().map(|()| opening)?));
        match opening {
            Ok(Opening::Startup(parameters)) => self.admit(line, parameters, None).await,
            Err(End::Refused(failure)) => self.refuse(line, &failure).await,
            Ok(Opening::Encryption) | Err(End::Gone) => {}
        }
    }

    /// Whoever has a certificate means it: what comes from another machine is encrypted.
    fn check_encryption(&self) -> Result<(), Failure> {
        let outside = self.peer.is_some_and(|peer| !peer.ip().to_canonical().is_loopback());
        if !outside || self.access.tls.is_none() {
            return Ok(());
        }
        let refused = Failure::fatal("28000", "connections from other machines need TLS");
        Err(refused.hint("Connect with sslmode=require or stronger."))
    }

    async fn encrypted(self, stream: TcpStream, tls: &tls::Acceptor, is_direct: bool) {
        let peer = self.peer;
        let stream = match tls.accept(stream).await {
            Ok(stream) => stream,
            Err(error) => return tracing::debug!(?peer, %error, "no TLS"),
        };
        if is_direct && !tls::means_postgres(&stream) {
            return tracing::debug!(?peer, "TLS at once, but without ALPN \"postgresql\"");
        }
        let binding = auth::server_end_point(tls.certificate());
        let mut line = Line::new(stream);
        match self.settled(&mut line).await {
            Ok(parameters) => self.admit(line, parameters, binding).await,
            Err(End::Refused(failure)) => self.refuse(line, &failure).await,
            Err(End::Gone) => line.close().await,
        }
    }

    /// The packet that begins a session, over TLS.
    async fn settled<S: Raw>(&self, line: &mut Line<S>) -> Result<Parameters, End> {
        match Packet::parse(&line.packet().await?, true)? {
            Packet::Startup(parameters) => Ok(parameters),
            Packet::Cancel { pid, secret } => Err(self.cancel(pid, &secret)),
            Packet::Ssl | Packet::Gssenc => Err(End::Gone),
        }
    }

    async fn admit<S: Raw>(self, mut line: Line<S>, parameters: Parameters, binding: Binding) {
        let mut reply = Reply::default();
        if parameters.needs_negotiation() {
            reply.negotiate_protocol_version(parameters.minor, &parameters.unknown);
        }
        let users = self.access.users.as_ref();
        let user = match prove(&mut line, reply, &parameters.user, users, binding).await {
            Ok(user) => user,
            Err(End::Refused(failure)) => return self.refuse(line, &failure).await,
            Err(End::Gone) => return,
        };
        let Self { server, peer, .. } = self;
        match line.into_session() {
            Ok((stream, input)) => {
                let entrant = Entrant { parameters, user, peer, input };
                tokio::task::spawn_blocking(move || entrant.enter(&server, stream));
            }
            Err(error) => tracing::debug!(?peer, %error, "lost"),
        }
    }

    async fn refuse<S: Raw>(self, line: Line<S>, failure: &Failure) {
        tracing::info!(peer = ?self.peer, sqlstate = failure.sqlstate, "refused: {failure}");
        line.refuse(failure).await;
    }
}

/// TLS without being asked for: a handshake record, where a packet has the first byte of its length.
async fn begins_with_tls(stream: &TcpStream) -> bool {
    const HANDSHAKE: u8 = 0x16;
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first == [HANDSHAKE]
}
