//! The simple query protocol: texts of one or more statements.
//! <https://www.postgresql.org/docs/15/protocol-flow.html#id-1.10.6.7.4>

use super::error::{Failure, from_statement};
use super::input::Message;
use super::portal::{Portal, Prepared};
use super::reply::Status;
use super::{End, Session};
use crate::statement::{Statement, lexer};
use std::ops::Range;
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
            let ran = self.run_text(&part(text, &range));
            ran.map_err(|failure| moved(failure, &text[..range.start]))?;
        }
        self.end_pipeline()
    }

    /// Runs one statement and sends its rows as text.
    fn run_text(&mut self, text: &Arc<str>) -> Result<(), Failure> {
        let timer = self.begin_statement();
        let prepared = self.prepare_simple(text);
        self.end_statement(timer);
        let prepared = prepared?;
        if matches!(*prepared.bound.statement, Statement::Empty) {
            self.reply.empty_query();
            return Ok(());
        }
        let columns = prepared.columns.clone();
        let mut portal = Portal::new(Arc::new(prepared), Vec::new(), Vec::new());
        portal.undescribed = matches!(*portal.prepared.bound.statement, Statement::Query(_));
        if let (Some(columns), false) = (columns, portal.undescribed) {
            self.describe_rows(&columns, &[]);
        }
        let ending = self.run_portal(&mut portal, 0)?;
        self.tell_ending(&ending);
        Ok(())
    }

    fn prepare_simple(&mut self, text: &Arc<str>) -> Result<Prepared, Failure> {
        let prepared = self.prepare_checked(Arc::clone(text), Vec::new())?;
        if let Statement::Query(plan) = &*prepared.bound.statement
            && !plan.parameters.is_empty()
        {
            return Err(Failure::new("42P02", "there is no parameter $1"));
        }
        Ok(prepared)
    }

    /// A statement that may run now. In a failed block what is wrong with any other is its syntax
    /// at most: names are not looked at.
    pub(super) fn prepare_checked(
        &mut self,
        text: Arc<str>,
        given: Vec<u32>,
    ) -> Result<Prepared, Failure> {
        let failed = self.block.status == Status::Failed;
        let prepared = self.prepare(text, given).map_err(|failure| match failure.sqlstate {
            _ if !failed => failure,
            "42601" => failure,
            _ => Failure::in_failed_transaction(),
        })?;
        self.check_failed_block(&prepared.bound.statement)?;
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
        if self.block.status == Status::Failed && !ends_block {
            return Err(Failure::in_failed_transaction());
        }
        Ok(())
    }
}

/// One statement of a text.
pub(super) fn part(text: &Arc<str>, range: &Range<usize>) -> Arc<str> {
    if range.len() == text.len() { Arc::clone(text) } else { Arc::from(&text[range.clone()]) }
}

/// A failure of one statement: its position counts from the start of the whole text.
pub(super) fn moved(mut failure: Failure, before: &str) -> Failure {
    failure.position = failure.position.map(|position| position + before.chars().count());
    failure
}
