//! COPY: rows between a table and the client, in bulk.
//! <https://www.postgresql.org/docs/15/sql-copy.html>
//!
//! Out, a query's rows become CopyData, one message a row. In, CopyData of any cut becomes records,
//! records become rows of one prepared INSERT in one transaction. Memory holds one record and a
//! little more.

mod binary;
mod context;
mod csv;
mod field;
mod finder;
mod input;
mod lines;
mod load;
mod out;
mod text;

#[cfg(test)]
mod tests;

use super::Session;
use super::error::Failure;
use super::execute::{Ending, Tag};
use crate::statement::{Copy, CopyFormat, CopyOptions, Statement};
use crate::types::Format;
use std::sync::Arc;

impl Session {
    /// Runs COPY, whose text is given too: a plan that turns out to be made for an older schema is
    /// made again from it, before the client hears anything.
    pub(super) fn run_copy(&mut self, copy: &Copy, text: &Arc<str>) -> Result<Ending, Failure> {
        const ATTEMPTS: usize = 5;
        let alone = copy.from && !self.block.is_transaction();
        if alone {
            // A COPY that fails leaves no row.
            self.begin_implicit();
        }
        let mut copy = copy.clone();
        for _ in 0..ATTEMPTS {
            let copied = match copy.from {
                true => self.copy_in(&copy, text)?,
                false => self.copy_out(&copy)?,
            };
            let Some(rows) = copied else {
                copy = self.copy_again(text)?;
                continue;
            };
            if alone {
                self.end_implicit()?;
            }
            return Ok(Ending::Complete(Tag::Rows("COPY", rows)));
        }
        Err(Failure::new("40001", "the schema keeps changing while the statement is planned"))
    }

    fn copy_again(&mut self, text: &Arc<str>) -> Result<Copy, Failure> {
        match &*self.translate(text, &[])?.statement {
            Statement::Copy(copy) => Ok(copy.clone()),
            _ => Err(Failure::new("0A000", "cached plan must not change result type")),
        }
    }
}

/// The format code of the values.
fn value_format(options: &CopyOptions) -> Format {
    match options.format {
        CopyFormat::Text | CopyFormat::Csv => Format::Text,
        CopyFormat::Binary => Format::Binary,
    }
}

/// Data that is not in the format.
fn bad_format(message: impl Into<String>) -> Failure {
    Failure::new("22P04", message)
}
