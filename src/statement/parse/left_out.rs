//! Words that the syntax tree has no room for: those without effect on a SQLite file are left out,
//! the others refused.

use crate::statement::error::{Error, ErrorKind};
use crate::statement::lexer::{Kind, Token};

/// A place among the tokens of a statement.
pub(super) struct Around<'a> {
    pub(super) tokens: &'a [Token],
    pub(super) at: usize,
    pub(super) text: &'a str,
}

impl Around<'_> {
    /// How many tokens are to be left out here.
    pub(super) fn left_out(&self) -> Result<usize, Error> {
        let Some(token) = self.tokens.get(self.at) else { return Ok(0) };
        match token.kind {
            Kind::Symbol(b'(') if self.follows(&["as", "identity"]) => Ok(self.group(self.at)),
            Kind::Word => self.words(*token),
            _ => Ok(0),
        }
    }

    fn words(&self, token: Token) -> Result<usize, Error> {
        match token.text(self.text).as_bytes().first().map(u8::to_ascii_lowercase) {
            Some(b'o') => self.only_or_overriding(token),
            Some(b'n') if self.follows(&["for"]) && self.are(&["no", "key", "update"]) => Ok(2),
            Some(b'k') if self.follows(&["for"]) && self.are(&["key", "share"]) => Ok(1),
            Some(b'c') if self.follows(&["drop", "index"]) && self.are(&["concurrently"]) => Ok(1),
            Some(b'w') if self.are(&["where", "current", "of"]) => {
                Err(refused("WHERE CURRENT OF", token))
            }
            _ => Ok(0),
        }
    }

    fn only_or_overriding(&self, token: Token) -> Result<usize, Error> {
        if self.are(&["only"]) {
            return Ok(usize::from(self.is_before_table()));
        }
        if self.are(&["overriding", "user", "value"]) {
            return Err(refused("OVERRIDING USER VALUE", token));
        }
        if self.are(&["on", "conflict"]) {
            self.check_conflict(token)?;
        }
        Ok(if self.are(&["overriding", "system", "value"]) { 3 } else { 0 })
    }

    /// ONLY stands before a table's name: a SQLite table has no descendants.
    fn is_before_table(&self) -> bool {
        let introduces = ["from", "join", "update", "table", "truncate", "on", "using"];
        let introduced = introduces.iter().any(|word| self.follows(&[word]))
            || self.at.checked_sub(1).is_some_and(|before| self.tokens[before].is_symbol(b','));
        let next = self.tokens.get(self.at + 1);
        introduced && next.is_some_and(|next| next.kind == Kind::Word || next.kind.is_quoted_name())
    }

    /// The target of ON CONFLICT is a list of columns.
    fn check_conflict(&self, token: Token) -> Result<(), Error> {
        let open = self.at + 2;
        let length = self.group(open);
        let Some(inside) = self.tokens.get(open + 1..open + length) else { return Ok(()) };
        if inside.iter().any(|token| token.is_symbol(b'(')) {
            return Err(refused("ON CONFLICT on an expression", token));
        }
        let after = self.tokens.get(open + length);
        if length > 0 && after.is_some_and(|after| after.is_word(self.text, "where")) {
            return Err(refused("ON CONFLICT with WHERE before DO", token));
        }
        Ok(())
    }

    fn are(&self, words: &[&str]) -> bool {
        self.are_at(self.at, words)
    }

    fn follows(&self, words: &[&str]) -> bool {
        self.at.checked_sub(words.len()).is_some_and(|at| self.are_at(at, words))
    }

    fn are_at(&self, at: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| {
            self.tokens.get(at + ahead).is_some_and(|token| token.is_word(self.text, word))
        })
    }

    /// The length of a group in parentheses; 0 when none opens at `open` or it is never closed.
    fn group(&self, open: usize) -> usize {
        let mut depth = 0usize;
        for (length, token) in self.tokens.iter().skip(open).enumerate() {
            match token.kind {
                Kind::Symbol(b'(') => depth += 1,
                Kind::Symbol(b')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return if length == 0 { 0 } else { length + 1 };
            }
        }
        0
    }
}

fn refused(construct: &str, token: Token) -> Error {
    ErrorKind::Unsupported(construct.to_owned()).at(token.start)
}
