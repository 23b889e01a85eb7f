//! A client's session: frontend messages in, backend messages out.
//! <https://www.postgresql.org/docs/15/protocol-flow.html>
//!
//! A session begins authenticated ([`Startup`]) and runs on a thread of its own, which reads the
//! socket, calls SQLite and writes the answer: nothing it does can stall another session.

pub mod cancel;
pub mod error;
pub mod input;
pub mod reply;
pub mod server;
pub mod stream;

pub use error::Failure;
pub use server::{Backend, Server};
pub use stream::{Socket, Stream};

use crate::database::Database;
use std::sync::Arc;

/// What an authenticated client asked for.
pub struct Startup {
    /// The user's name.
    pub user: String,
    /// The file.
    pub database: Arc<Database>,
    /// The user may not write.
    pub read_only: bool,
    /// The other parameters of the start-up packet: settings, by name.
    pub settings: Vec<(String, String)>,
    /// Bytes received after the start-up packets.
    pub input: Vec<u8>,
    /// The minor version of protocol 3 that was agreed on.
    pub protocol_minor: u32,
    /// The client's address, for `pg_stat_activity`.
    pub peer: Option<std::net::SocketAddr>,
}

/// Runs a session until the client leaves. Blocks: the caller gives it a thread.
pub fn run(server: &Arc<Server>, stream: Stream, startup: Startup) {
    drop((server, stream, startup));
}
