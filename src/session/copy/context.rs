//! Where in the data an error was found, as Postgres tells it in CONTEXT.

use super::binary::Place;
use super::load::Record;
use crate::session::error::Failure;
use crate::statement::{Copy, CopyFormat};

/// So much of a value or a line is shown.
const SHOWN_MAX: usize = 100;

/// Adds the place to failures.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    copy: &'a Copy,
}

impl<'a> Context<'a> {
    pub(super) fn new(copy: &'a Copy) -> Self {
        Self { copy }
    }

    /// A failure in this line.
    pub(super) fn in_line(self, mut failure: Failure, number: u64) -> Failure {
        failure.context = Some(format!("COPY {}, line {number}", self.copy.table));
        failure
    }

    /// The same, with the line.
    pub(super) fn with_line(self, failure: Failure, line: &[u8], number: u64) -> Failure {
        let mut failure = self.in_line(failure, number);
        if self.copy.options.format != CopyFormat::Binary
            && let Some(context) = &mut failure.context
        {
            context.push_str(&format!(": \"{}\"", shown(line)));
        }
        failure
    }

    /// A failure in binary data.
    pub(super) fn in_tuple(self, failure: Failure, place: Place) -> Failure {
        match place {
            Place::Header => failure,
            Place::Tuple(number) => self.in_line(failure, number),
            Place::Field(number, field) => self.with_value(failure, field, &[], number),
        }
    }

    /// A failure of column `i`'s value.
    pub(super) fn with_value(
        self,
        failure: Failure,
        i: usize,
        value: &[u8],
        number: u64,
    ) -> Failure {
        let mut failure = self.in_line(failure, number);
        if let Some(context) = &mut failure.context {
            context.push_str(&format!(", column {}", self.copy.columns[i].name));
            if self.copy.options.format != CopyFormat::Binary {
                context.push_str(&format!(": \"{}\"", shown(value)));
            }
        }
        failure
    }

    /// A row that SQLite refuses. Postgres shows the line only while it still has it, before it looks
    /// at keys; foreign keys it looks at when all rows are there.
    pub(super) fn refused(self, failure: Failure, record: Record<'_>) -> Failure {
        match failure.sqlstate {
            "23503" => failure,
            "23502" | "23514" => self.with_line(failure, record.bytes, record.number),
            _ => self.in_line(failure, record.number),
        }
    }
}

/// The beginning of a value or line, for a message.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.len() <= SHOWN_MAX {
        return text.into_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(SHOWN_MAX)])
}
