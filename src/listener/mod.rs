//! Sockets in, authenticated sessions out.
//!
//! Strangers are met on tokio, where they may be slow without costing a thread: packets, TLS and
//! passwords, for a limited time and a limited number of them at once. Who is known and
//! wants a database that exists gets a session ([`session::begin`]).
//! <https://www.postgresql.org/docs/15/protocol-flow.html>
//!
//! [`session::begin`]: crate::session::begin

mod enter;
mod line;
mod packet;
mod prove;
mod unix;
mod visit;

use crate::auth::{self, Users};
use crate::config;
use crate::machine::advice;
use crate::session::{Failure, Server};
use crate::tls;
use line::{Line, Raw};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use unix::UnixDoor;
use visit::Visit;

/// Who has not said who they are by then is sent away.
const AUTHENTICATION_TIMEOUT: Duration = Duration::from_secs(60);
/// How many more may be on their way in than may be in.
const STRANGERS_EXTRA: usize = 100;
/// The wait after an accept that failed: no descriptor is left, say.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// The port in the name of a Unix socket when there is no other.
const PORT: u16 = 5432;

/// Why nobody can come in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or not this machine's.
    #[error("listen on {address}: {source}{}", advice(source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What is wrong.
        source: io::Error,
    },
    /// The Unix socket cannot be made.
    #[error("listen on {}: {source}", path.display())]
    BindUnix {
        /// The socket.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// Another server answers there.
    #[error("listen on {}: another server does", path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// The certificate or its key.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The users file.
    #[error(transparent)]
    Users(#[from] auth::Error),
}

/// Open doors.
pub struct Listener {
    tcp: Vec<(SocketAddr, TcpListener)>,
    unix: Option<UnixDoor>,
    access: Arc<Access>,
    strangers: Arc<Semaphore>,
}

/// How strangers prove who they are.
struct Access {
    tls: Option<tls::Acceptor>,
    /// Without users any name is accepted.
    users: Option<Users>,
}

impl Listener {
    /// Opens the doors. Who knocks now is let in by [`Self::run`].
    ///
    /// # Errors
    /// An address is taken, or the certificate or the users file cannot be used.
    pub async fn bind(config: &config::Listener) -> Result<Self, Error> {
        let access = Arc::new(Access::load(config)?);
        let mut tcp = Vec::new();
        for &address in &config.addresses {
            let bind = async {
                let listener = TcpListener::bind(address).await?;
                Ok((listener.local_addr()?, listener))
            };
            tcp.push(bind.await.map_err(|source| Error::Bind { address, source })?);
        }
        let port = tcp.first().map_or(PORT, |(address, _)| address.port());
        let directory = config.socket_dir.as_deref();
        let unix = directory.map(|directory| UnixDoor::open(directory, port)).transpose()?;
        let strangers = Arc::new(Semaphore::new(config.connections_max + STRANGERS_EXTRA));
        Ok(Self { tcp, unix, access, strangers })
    }

    /// The addresses, with the ports they got.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.tcp.iter().map(|(address, _)| *address)
    }

    /// The Unix socket.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.unix.as_ref().map(UnixDoor::path)
    }

    /// Lets clients in until the future is dropped, which closes the doors.
    pub async fn run(self, server: Arc<Server>) {
        let hall = Hall { server, access: self.access, strangers: self.strangers };
        let mut doors = JoinSet::new();
        for (_, listener) in self.tcp {
            doors.spawn(hall.clone().tcp(listener));
        }
        // A task may outlive this future, and end with the process: its name has to go before.
        let _removed_at_the_end = self.unix.map(|UnixDoor { listener, file }| {
            doors.spawn(hall.unix(listener));
            file
        });
        while doors.join_next().await.is_some() {}
    }
}

impl Access {
    fn load(config: &config::Listener) -> Result<Self, Error> {
        let tls = config.tls.as_ref();
        let tls = tls.map(|tls| tls::Acceptor::load(&tls.certificate, &tls.key)).transpose()?;
        let users = config.users.as_ref().map(Users::load).transpose()?;
        match (&config.users, &users) {
            (Some(path), Some(users)) if users.is_empty() => {
                tracing::warn!(
                    "{} names no users: nobody can connect; add some with egret user add",
                    path.display()
                );
            }
            (_, None) => tracing::warn!("no users file is given: any name is accepted"),
            _ => {}
        }
        Ok(Self { tls, users })
    }
}

/// What all doors lead to.
#[derive(Clone)]
struct Hall {
    server: Arc<Server>,
    access: Arc<Access>,
    strangers: Arc<Semaphore>,
}

impl Hall {
    async fn tcp(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.meet(stream, Some(peer), Visit::tcp),
                Err(error) => accept_failed(&error).await,
            }
        }
    }

    async fn unix(self, listener: UnixListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => self.meet(stream, None, Visit::local),
                Err(error) => accept_failed(&error).await,
            }
        }
    }

    /// Gives a stranger a task and a limited time.
    fn meet<S, F>(&self, stream: S, peer: Option<SocketAddr>, visit: fn(Visit, S) -> F)
    where
        S: Raw + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let Ok(permit) = Arc::clone(&self.strangers).try_acquire_owned() else {
            let crowded = Failure::fatal("53300", "sorry, too many clients already");
            tokio::spawn(async move { Line::new(stream).refuse(&crowded).await });
            return;
        };
        let visitor = Visit { server: self.server.clone(), access: self.access.clone(), peer };
        let visit = visit(visitor, stream);
        tokio::spawn(async move {
            if timeout(AUTHENTICATION_TIMEOUT, visit).await.is_err() {
                tracing::info!(?peer, "took too long to say who they are");
            }
            drop(permit);
        });
    }
}

async fn accept_failed(error: &io::Error) {
    tracing::error!(error = %format!("{error}{}", advice(error)), "cannot accept a connection");
    sleep(ACCEPT_RETRY).await;
}
