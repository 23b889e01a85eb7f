//! The simple query protocol: texts of one or more statements.
//! <https://www.postgresql.org/docs/15/protocol-flow.html#id-1.10.6.7.4>

use super::error::{Failure, from_statement};
use super::input::Message;
use super::portal::Portal;
use super::{End, Session};
use crate::statement::{Statement, lexer};
use std::sync::Arc;

impl Session {
    /// Query
    pub(super) fn simple_query(&mut self, message: Message) -> Result<(), End> {
        let result = self.simple_text(message).and_then(|text| self.run_texts(&text));
        self.settle(result)?;
        self.ready()
    }

    fn simple_text(&self, message: Message) -> Result<Arc<str>, Failure> {
        let mut body = self.input.body(message);
        let text = Arc::from(body.cstr()?);
        body.end()?;
        Ok(text)
    }

    fn run_texts(&mut self, text: &Arc<str>) -> Result<(), Failure> {
        self.tell_activity(text);
        // A simple query ends the unnamed statement and portal.
        self.portals.remove("");
        let ranges = lexer::split(text).map_err(|error| from_statement(&error, text))?;
        if ranges.is_empty() {
            self.reply.empty_query();
            return Ok(());
        }
        let several = ranges.len() > 1;
        for range in ranges {
            if several {
                self.begin_implicit();
            }
            let start = range.start;
            let part: Arc<str> = if several { Arc::from(&text[range]) } else { Arc::clone(text) };
            let ran = self.run_text(&part);
            ran.map_err(|failure| if several { moved(failure, &text[..start]) } else { failure })?;
        }
        self.end_implicit()
    }

    /// Runs one statement and sends its rows as text.
    fn run_text(&mut self, text: &Arc<str>) -> Result<(), Failure> {
        let timer = self.begin_statement();
        let prepared = self.prepare_checked(text);
        self.end_statement(timer);
        let prepared = prepared?;
        if matches!(*prepared.bound.statement, Statement::Empty) {
            self.reply.empty_query();
            return Ok(());
        }
        let columns = prepared.columns.clone();
        let mut portal = Portal::new(Arc::new(prepared), Vec::new(), Vec::new());
        if let Some(columns) = columns {
            self.describe_rows(&columns, &[]);
        }
        let ending = self.run_portal(&mut portal, 0)?;
        self.tell_ending(&ending);
        Ok(())
    }

    fn prepare_checked(&mut self, text: &Arc<str>) -> Result<super::Prepared, Failure> {
        let prepared = self.prepare(Arc::clone(text), Vec::new())?;
        self.check_failed_block(&prepared.bound.statement)?;
        if let Statement::Query(plan) = &*prepared.bound.statement
            && !plan.parameters.is_empty()
        {
            return Err(Failure::new("42P02", "there is no parameter $1"));
        }
        Ok(prepared)
    }

    /// In a failed block only its end is accepted.
    pub(super) fn check_failed_block(&self, statement: &Statement) -> Result<(), Failure> {
        use crate::statement::Transaction;
        let ends_block = matches!(
            statement,
            Statement::Empty
                | Statement::Transaction(
                    Transaction::Commit { .. }
                        | Transaction::Rollback { .. }
                        | Transaction::RollbackTo(_)
                )
        );
        if self.block.status == super::reply::Status::Failed && !ends_block {
            return Err(Failure::in_failed_transaction());
        }
        Ok(())
    }
}

/// A failure of a later statement: its position counts from the start of the whole text.
fn moved(mut failure: Failure, before: &str) -> Failure {
    failure.position = failure.position.map(|position| position + before.chars().count());
    failure
}
