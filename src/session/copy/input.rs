//! COPY FROM STDIN: CopyData, CopyDone and CopyFail in, rows of a table out.
//! <https://www.postgresql.org/docs/15/protocol-flow.html#PROTOCOL-COPY>

use super::load::Loader;
use super::value_format;
use crate::session::error::{Failure, cancelled};
use crate::session::input::Message;
use crate::session::{End, Session};
use crate::statement::Copy;
use std::io;
use std::time::Duration;

/// A cancel is noticed this soon while the client says nothing.
const CANCEL_NOTICED: Duration = Duration::from_millis(100);

impl Session {
    /// The number of rows inserted; none if the plan is out of date.
    pub(super) fn copy_in(&mut self, copy: &Copy) -> Result<Option<u64>, Failure> {
        self.prepare_for(copy.plan.access, "COPY FROM")?;
        let Some(statement) = self.prepare_fresh(&copy.plan)? else { return Ok(None) };
        let mut loader = Loader::new(copy, statement, self.effective.style.clone());
        let format = value_format(&copy.options);
        self.reply.copy_response(b'G', format, copy.columns.len());
        self.flush().map_err(|_| lost())?;
        loop {
            let message = self.next_copy_message()?;
            match message.tag {
                b'd' => loader.take(self, self.input.body(message).rest())?,
                b'c' => return loader.finish(self).map(Some),
                b'f' => {
                    let mut body = self.input.body(message);
                    let why = format!("COPY from stdin failed: {}", body.cstr()?);
                    return Err(loader.in_context(Failure::new("57014", why)));
                }
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

    fn next_copy_message(&mut self) -> Result<Message, Failure> {
        loop {
            if let Some(message) = self.input.take()? {
                return Ok(message);
            }
            self.wait_for_copy()?;
        }
    }

    fn wait_for_copy(&mut self) -> Result<(), Failure> {
        loop {
            if let Some(reason) = self.backend.cancel.reason() {
                return Err(cancelled(reason));
            }
            match self.input.fill(&mut self.stream) {
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
