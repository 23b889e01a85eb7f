//! One statement run for many rows, whose values SQLite reads where they lie.

use super::statement::Statement;
use super::{Error, FunctionError};
use crate::types::ValueRef;
use std::marker::PhantomData;

/// A statement without result rows that is run again and again, all its parameters bound anew each
/// time.
pub struct Bulk {
    statement: Statement,
    parameters: usize,
}

/// One run, under preparation.
pub struct Row<'s, 'v> {
    bulk: &'s mut Bulk,
    bound: usize,
    /// Bound values are borrowed until the row is over.
    values: PhantomData<&'v [u8]>,
}

impl Bulk {
    /// Runs of this statement.
    #[must_use]
    pub fn new(statement: Statement) -> Self {
        let parameters = statement.parameter_count();
        Self { statement, parameters }
    }

    /// Begins a run.
    #[inline]
    pub fn row<'v>(&mut self) -> Row<'_, 'v> {
        Row { bulk: self, bound: 0, values: PhantomData }
    }
}

impl<'v> Row<'_, 'v> {
    /// Binds the next parameter, without a copy.
    ///
    /// # Errors
    /// As [`Statement::bind`].
    #[inline]
    pub fn push(&mut self, value: ValueRef<'v>) -> Result<(), Error> {
        // SAFETY: the row cannot outlive `'v`, SQLite reads bound values only while it steps, and
        // `run`, which alone does that, comes after all of them were bound for this row.
        unsafe { self.bulk.statement.bind_borrowed(self.bound + 1, value)? };
        self.bound += 1;
        Ok(())
    }

    /// Binds a copy of a value to the next parameter.
    ///
    /// # Errors
    /// As [`Statement::bind`].
    pub fn push_copy(&mut self, value: ValueRef<'_>) -> Result<(), Error> {
        self.bulk.statement.bind(self.bound + 1, value)?;
        self.bound += 1;
        Ok(())
    }

    /// Runs the statement.
    ///
    /// # Errors
    /// 07001 if not all parameters are bound; whatever the statement runs into.
    #[inline]
    pub fn run(self) -> Result<(), Error> {
        let Bulk { statement, parameters } = self.bulk;
        if self.bound != *parameters {
            return Err(FunctionError::new("07001", "a parameter has no value").into());
        }
        statement.step()?;
        statement.reset();
        Ok(())
    }
}
