//! Bounds on what sqlparser builds without a bound of its own: it would overflow the stack.

use crate::statement::error::{Error, ErrorKind};
use crate::statement::lexer::{Kind, Token};

/// SELECTs joined by UNION, INTERSECT and EXCEPT in one statement; SQLite takes 500 in one SELECT.
const SET_OPERATIONS_MAX: usize = 1000;

/// Joins that wait for their ON at one time; SQLite takes 64 tables in one FROM.
const OPEN_JOINS_MAX: usize = 100;

/// Brackets right behind brackets; Postgres takes 6 dimensions of an array.
const DIMENSIONS_MAX: usize = 300;

/// Counts along the tokens of a statement.
#[derive(Default)]
pub(super) struct Limits {
    set_operations: usize,
    dimensions: usize,
    /// The token before this one is a closing bracket.
    closed: bool,
    open_joins: usize,
    /// Those of `open_joins` that are inside each open parenthesis.
    levels: Vec<usize>,
    /// The join to come has no ON.
    bare: bool,
}

impl Limits {
    /// Counts one token.
    pub(super) fn pass(&mut self, token: Token, text: &str) -> Result<(), Error> {
        match token.kind {
            Kind::Word => self.word(token.text(text)),
            Kind::Symbol(b'(') => self.levels.push(self.open_joins),
            Kind::Symbol(b')') => self.open_joins = self.levels.pop().unwrap_or_default(),
            Kind::Symbol(b'[') => self.dimensions += usize::from(self.closed),
            _ => {}
        }
        self.closed = token.is_symbol(b']');
        for (what, count, limit) in [
            ("number of set operations", self.set_operations, SET_OPERATIONS_MAX),
            ("number of joins without ON", self.open_joins, OPEN_JOINS_MAX),
            ("number of array dimensions", self.dimensions, DIMENSIONS_MAX),
        ] {
            if count > limit {
                return Err(ErrorKind::TooMany { what, limit }.at(token.start));
            }
        }
        Ok(())
    }

    fn word(&mut self, word: &str) {
        let is = |words: &[&str]| words.iter().any(|other| word.eq_ignore_ascii_case(other));
        if is(&["cross", "natural"]) {
            self.bare = true;
        } else if is(&["join"]) {
            self.open_joins += usize::from(!std::mem::take(&mut self.bare));
        } else if is(&["on", "using"]) {
            let below = self.levels.last().copied().unwrap_or_default();
            self.open_joins = self.open_joins.saturating_sub(1).max(below);
        } else if is(&["union", "intersect", "except"]) {
            self.set_operations += 1;
        }
    }
}
