//! The smallest client that can show something: text in by the simple protocol, rows out.

use crate::session::Failure;
use crate::session::input::Body;
use crate::session::reply::Reply;
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A message of a server that is longer is no answer to a small statement.
const MESSAGE_MAX: usize = 1 << 20;
const VERSION: i32 = 3 << 16;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection.
    #[error("talk to the server: {0}")]
    Io(#[from] io::Error),
    /// What came is no answer.
    #[error("talk to the server: {0}")]
    Malformed(#[from] Failure),
}

/// What a statement led to.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The rows, as text.
    pub(super) rows: Vec<Vec<String>>,
    /// The command tag.
    pub(super) tag: String,
    /// SQLSTATE and message of the error, if there was one.
    pub(super) error: Option<(String, String)>,
}

/// A session.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(super) fn connect(address: SocketAddr, database: &str) -> Result<Self, Error> {
        let mut client = Self { stream: BufReader::new(TcpStream::connect(address)?) };
        let mut packet = Reply::default();
        let at = packet.begin_value();
        packet.i32(VERSION);
        for text in ["user", "demo", "database", database, ""] {
            packet.cstr(text);
        }
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        packet.bytes_mut()[at..at + 4].copy_from_slice(&length.to_be_bytes());
        client.send(&packet)?;
        client.answer()?;
        Ok(client)
    }

    /// Runs a statement to its end.
    pub(super) fn query(&mut self, sql: &str) -> Result<Answer, Error> {
        let mut message = Reply::default();
        let at = message.begin(b'Q');
        message.cstr(sql);
        message.end(at);
        self.send(&message)?;
        self.answer()
    }

    fn send(&mut self, message: &Reply) -> io::Result<()> {
        self.stream.get_mut().write_all(message.as_bytes())
    }

    /// Everything up to ReadyForQuery. A refusal is an answer after which nothing comes.
    fn answer(&mut self) -> Result<Answer, Error> {
        let mut answer = Answer::default();
        loop {
            let (tag, body) = self.message()?;
            let mut body = Body::new(&body);
            match tag {
                b'D' => answer.rows.push(row(body)?),
                b'C' => body.cstr()?.clone_into(&mut answer.tag),
                b'E' => answer.error = Some(error(body)?),
                b'Z' => return Ok(answer),
                _ => {}
            }
        }
    }

    fn message(&mut self) -> Result<(u8, Vec<u8>), Error> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let mut fields = Body::new(&head);
        let (tag, length) = (fields.u8()?, fields.i32()?);
        let length = usize::try_from(length).ok().and_then(|length| length.checked_sub(4));
        let Some(length) = length.filter(|length| *length <= MESSAGE_MAX) else {
            return Err(Failure::protocol("invalid message length").into());
        };
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((tag, body))
    }
}

/// DataRow
fn row(mut body: Body<'_>) -> Result<Vec<String>, Failure> {
    let mut values = Vec::new();
    for _ in 0..body.count()? {
        values.push(match usize::try_from(body.i32()?) {
            Ok(length) => String::from_utf8_lossy(body.bytes(length)?).into_owned(),
            Err(_null) => "null".to_owned(),
        });
    }
    Ok(values)
}

/// ErrorResponse
fn error(mut body: Body<'_>) -> Result<(String, String), Failure> {
    let (mut state, mut message) = (String::new(), String::new());
    loop {
        match body.u8()? {
            0 => return Ok((state, message)),
            b'C' => body.cstr()?.clone_into(&mut state),
            b'M' => body.cstr()?.clone_into(&mut message),
            _ => drop(body.cstr()?),
        }
    }
}
