//! From a stranger who proved who they are to a session.
//!
//! Whether a database exists is told only here: strangers do not learn it.

use super::packet::Parameters;
use crate::auth::User;
use crate::session::{self, Failure, Server, Socket, Startup, Stream, reply::Reply};
use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

/// A client whose session begins.
pub(super) struct Entrant {
    pub(super) parameters: Parameters,
    /// Where there are users.
    pub(super) user: Option<Arc<User>>,
    pub(super) peer: Option<SocketAddr>,
    /// What was received after the start-up packets.
    pub(super) input: Vec<u8>,
}

impl Entrant {
    /// Begins the session. Blocks when the database is not known yet: files are looked for.
    pub(super) fn enter(self, server: &Arc<Server>, stream: Stream) {
        let peer = self.peer;
        match self.startup(server) {
            Ok(startup) => session::begin(server, stream, startup),
            Err(failure) => {
                tracing::info!(?peer, sqlstate = failure.sqlstate, "refused: {failure}");
                refuse(stream, &failure);
            }
        }
    }

    fn startup(self, server: &Server) -> Result<Startup, Failure> {
        let Parameters { user, database: name, settings, minor, .. } = self.parameters;
        let database = server.files().find(&name, &user).ok_or_else(|| {
            Failure::fatal("3D000", format!("database \"{name}\" does not exist"))
        })?;
        if self.user.as_ref().is_some_and(|user| !user.may_connect(database.name())) {
            let text = format!("permission denied for database \"{name}\"");
            return Err(
                Failure::fatal("42501", text).detail("User does not have CONNECT privilege.")
            );
        }
        Ok(Startup {
            user,
            database,
            read_only: self.user.is_some_and(|user| user.read_only),
            settings,
            input: self.input,
            protocol_minor: minor,
            peer: self.peer,
        })
    }
}

/// Says why and closes.
fn refuse(mut stream: Stream, failure: &Failure) {
    let mut reply = Reply::default();
    reply.error(failure);
    // A client that is gone need not know.
    drop(stream.write_all(reply.as_bytes()).and_then(|()| stream.flush()));
    drop(match &**stream.socket() {
        Socket::Tcp(socket) => socket.shutdown(Shutdown::Write),
        Socket::Unix(socket) => socket.shutdown(Shutdown::Write),
    });
}
