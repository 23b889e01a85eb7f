//! COPY FROM STDIN: CopyData, CopyDone and CopyFail in, rows of a table out.
//!
//! CopyData is taken in the pieces it comes in, so that its length costs no memory. The transaction
//! begins, and the writer's turn is taken, when the first data is there.
//! <https://www.postgresql.org/docs/15/protocol-flow.html#PROTOCOL-COPY>

use super::context::Context;
use super::load::Loader;
use super::value_format;
use crate::session::error::{Failure, cancelled};
use crate::session::input::Message;
use crate::session::{End, Session};
use crate::sqlite::Statement;
use crate::statement::Copy;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A cancel is noticed this soon while the client says nothing.
const CANCEL_NOTICED: Duration = Duration::from_millis(100);
/// So much data is waited for before the writer's turn is taken, in bytes: whoever sends nothing, or
/// little and slowly, keeps nobody waiting.
const AHEAD: usize = 64 * 1024;

/// What the client sends.
enum Sent {
    /// More data.
    Data(Message),
    /// All data was sent.
    Done,
    /// The client gives up, and says why.
    Failed(String),
}

impl Session {
    /// The number of rows inserted; none if the plan is out of date.
    pub(super) fn copy_in(&mut self, copy: &Copy, text: &Arc<str>) -> Result<Option<u64>, Failure> {
        self.require_write("COPY FROM")?;
        if self.prepare_fresh(&copy.plan)?.is_none() {
            return Ok(None);
        }
        self.invite(copy)?;
        let (ahead, mut done) = self.read_ahead(copy)?;
        self.prepare_for(copy.plan.access, "COPY FROM")?;
        let statement = self.prepare_as_invited(copy, text)?;
        let mut loader = Loader::new(copy, statement, self.effective.style.clone());
        loader.take(self, &ahead)?;
        drop(ahead);
        while !done {
            match self.next_sent()? {
                Sent::Data(piece) => loader.take(self, self.input.body(piece).rest())?,
                Sent::Done => done = true,
                Sent::Failed(why) => return Err(loader.in_context(gave_up(&why))),
            }
        }
        loader.finish(self).map(Some)
    }

    /// The first data, and whether it is all.
    fn read_ahead(&mut self, copy: &Copy) -> Result<(Vec<u8>, bool), Failure> {
        let mut ahead = Vec::new();
        while ahead.len() < AHEAD {
            match self.next_sent()? {
                Sent::Data(piece) => ahead.extend_from_slice(self.input.body(piece).rest()),
                Sent::Done => return Ok((ahead, true)),
                Sent::Failed(why) => {
                    let lines = ahead.iter().filter(|byte| **byte == b'\n').count() as u64;
                    return Err(Context::new(copy).in_line(gave_up(&why), lines + 1));
                }
            }
        }
        Ok((ahead, false))
    }

    /// Asks the client for the data.
    fn invite(&mut self, copy: &Copy) -> Result<(), Failure> {
        self.reply.copy_response(b'G', value_format(&copy.options), copy.columns.len());
        self.flush().map_err(|_| lost())
    }

    /// The INSERT, in the transaction. Nothing held the table while the client was asked for data:
    /// if the schema has changed, or the file, COPY must still mean the same.
    fn prepare_as_invited(&mut self, copy: &Copy, text: &Arc<str>) -> Result<Statement, Failure> {
        let connection = self.connection()?;
        if self.is_stale(&connection, &copy.plan)? {
            let again = self.copy_again(text)?;
            if again.columns != copy.columns || again.plan.sql != copy.plan.sql {
                return Err(Failure::stale_columns());
            }
        }
        self.prepare_sqlite(&copy.plan)
    }

    fn next_sent(&mut self) -> Result<Sent, Failure> {
        loop {
            let Some(message) = self.input.take_pieces(b'd')? else {
                self.wait_for_copy()?;
                continue;
            };
            match message.tag {
                b'd' => return Ok(Sent::Data(message)),
                b'c' => return Ok(Sent::Done),
                b'f' => return Ok(Sent::Failed(self.input.body(message).cstr()?.to_owned())),
                b'H' | b'S' => {}
                b'X' => return Err(lost()),
                // What is left of the client's data can no longer be told from messages.
                tag => {
                    let what =
                        format!("unexpected message type 0x{tag:02X} during COPY from stdin");
                    return Err(Failure::protocol(what));
                }
            }
        }
    }

    fn wait_for_copy(&mut self) -> Result<(), Failure> {
        loop {
            if let Some(reason) = self.backend.cancel.reason() {
                return Err(cancelled(reason));
            }
            match self.input.fill_much(&mut self.stream) {
                Ok(0) => {
                    return Err(match self.input_ended() {
                        End::Fatal(failure) => failure,
                        End::Client => lost(),
                    });
                }
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stream.wait_to_read(CANCEL_NOTICED).map_err(|_| lost())?;
                }
                Err(_) => return Err(lost()),
            }
        }
    }
}

fn lost() -> Failure {
    Failure::fatal("08006", "connection to client lost")
}

fn gave_up(why: &str) -> Failure {
    Failure::new("57014", format!("COPY from stdin failed: {why}"))
}
