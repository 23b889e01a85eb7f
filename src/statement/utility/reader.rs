//! A cursor over the tokens of one statement, with the few nonterminals that many statements share.

use super::keywords::{is_column_name, is_reserved, is_type_or_function};
use crate::statement::error::{Error, ErrorKind};
use crate::statement::lexer::{Kind, Token, tokens};
use crate::statement::literal::{self, Literal};
use std::ops::Range;

/// Reads the tokens of one statement from left to right.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, Error> {
        let mut tokens = tokens(text)?;
        while tokens.last().is_some_and(|token| token.is_symbol(b';')) {
            tokens.pop();
        }
        Ok(Self { text, tokens, at: 0 })
    }

    pub(super) fn peek(&self) -> Option<Token> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<Token> {
        self.tokens.get(self.at + ahead).copied()
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.at = (self.at + count).min(self.tokens.len());
    }

    /// The next word in lower case; empty when it is no word.
    pub(super) fn word(&self) -> String {
        match self.peek() {
            Some(token) if token.kind == Kind::Word => token.text(self.text).to_ascii_lowercase(),
            _ => String::new(),
        }
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.is_at(0, word)
    }

    pub(super) fn is_at(&self, ahead: usize, word: &str) -> bool {
        self.peek_at(ahead).is_some_and(|token| token.is_word(self.text, word))
    }

    pub(super) fn is_symbol(&self, symbol: u8) -> bool {
        self.peek().is_some_and(|token| token.is_symbol(symbol))
    }

    pub(super) fn is_operator_at(&self, ahead: usize, operator: &str) -> bool {
        self.peek_at(ahead)
            .is_some_and(|token| token.kind == Kind::Operator && token.text(self.text) == operator)
    }

    pub(super) fn is_end(&self) -> bool {
        self.at == self.tokens.len()
    }

    /// Takes these words if they all come next.
    pub(super) fn accept(&mut self, words: &[&str]) -> bool {
        let found = words.iter().enumerate().all(|(ahead, word)| self.is_at(ahead, word));
        if found {
            self.skip(words.len());
        }
        found
    }

    /// Takes the one of these words that comes next.
    pub(super) fn one_of(&mut self, words: &[&'static str]) -> Option<&'static str> {
        let found = words.iter().find(|word| self.is(word)).copied();
        self.skip(usize::from(found.is_some()));
        found
    }

    pub(super) fn expect(&mut self, words: &[&str]) -> Result<(), Error> {
        for word in words {
            if !self.accept(&[word]) {
                return Err(self.unexpected());
            }
        }
        Ok(())
    }

    pub(super) fn expect_one_of(&mut self, words: &[&'static str]) -> Result<&'static str, Error> {
        self.one_of(words).ok_or_else(|| self.unexpected())
    }

    pub(super) fn accept_symbol(&mut self, symbol: u8) -> bool {
        let found = self.is_symbol(symbol);
        self.skip(usize::from(found));
        found
    }

    pub(super) fn expect_symbol(&mut self, symbol: u8) -> Result<(), Error> {
        if self.accept_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn accept_operator(&mut self, operator: &str) -> bool {
        let found = self.is_operator_at(0, operator);
        self.skip(usize::from(found));
        found
    }

    /// `ColId`: a name of a column, table, cursor ...
    pub(super) fn name(&mut self) -> Result<String, Error> {
        self.name_but(|word| is_reserved(word) || is_type_or_function(word))
    }

    /// `NonReservedWord`
    pub(super) fn non_reserved(&mut self) -> Result<String, Error> {
        self.name_but(is_reserved)
    }

    /// `ColLabel`: any word.
    pub(super) fn label(&mut self) -> Result<String, Error> {
        self.name_but(|_| false)
    }

    /// `type_function_name`
    pub(super) fn type_name_word(&mut self) -> Result<String, Error> {
        self.name_but(|word| is_reserved(word) || is_column_name(word))
    }

    fn name_but(&mut self, refused: impl Fn(&str) -> bool) -> Result<String, Error> {
        let Some(token) = self.peek() else { return Err(self.unexpected()) };
        let named = token.kind == Kind::Word || token.kind.is_quoted_name();
        if !named || (token.kind == Kind::Word && refused(&self.word())) {
            return Err(self.unexpected());
        }
        self.skip(1);
        literal::name(token, self.text)
    }

    /// A name with its qualifiers.
    pub(super) fn qualified_name(&mut self) -> Result<Vec<String>, Error> {
        let mut parts = vec![self.name()?];
        while self.accept_symbol(b'.') {
            parts.push(self.label()?);
        }
        Ok(parts)
    }

    /// Comma-separated items.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut items = vec![item(self)?];
        while self.accept_symbol(b',') {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Comma-separated items in parentheses.
    pub(super) fn parenthesized<T>(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.expect_symbol(b'(')?;
        let items = self.list(item)?;
        self.expect_symbol(b')')?;
        Ok(items)
    }

    pub(super) fn is_string(&self) -> bool {
        self.peek().is_some_and(|token| token.kind.is_string())
    }

    /// `Sconst`
    pub(super) fn string(&mut self) -> Result<String, Error> {
        let token = self.peek().filter(|token| token.kind.is_string());
        let token = token.ok_or_else(|| self.unexpected())?;
        self.skip(1);
        match Literal::decode(token, self.text)? {
            Literal::String(string) => Ok(string),
            _ => Err(syntax_error(token, self.text)),
        }
    }

    /// `NumericOnly`: a number as written, with its sign; `None` when none comes next.
    pub(super) fn number(&mut self) -> Result<Option<String>, Error> {
        let sign = usize::from(self.is_operator_at(0, "-") || self.is_operator_at(0, "+"));
        let Some(token) = self.peek_at(sign).filter(|token| token.kind.is_number()) else {
            return Ok(None);
        };
        let minus = if self.is_operator_at(0, "-") { "-" } else { "" };
        self.skip(sign + 1);
        Ok(Some(match Literal::decode(token, self.text)? {
            Literal::Integer(integer) => format!("{minus}{integer}"),
            _ => format!("{minus}{}", token.text(self.text)),
        }))
    }

    /// `SignedIconst`, which must fit int4; `None` when none comes next.
    pub(super) fn signed_integer(&mut self) -> Result<Option<i64>, Error> {
        let sign = usize::from(self.is_operator_at(0, "-") || self.is_operator_at(0, "+"));
        let Some(token) = self.peek_at(sign).filter(|token| token.kind.is_number()) else {
            return if sign == 0 { Ok(None) } else { Err(self.unexpected_at(sign)) };
        };
        match Literal::decode(token, self.text)? {
            Literal::Integer(integer) if i32::try_from(integer).is_ok() => {
                let negative = self.is_operator_at(0, "-");
                self.skip(sign + 1);
                Ok(Some(if negative { -integer } else { integer }))
            }
            _ => Err(syntax_error(token, self.text)),
        }
    }

    /// What is left, as one range of the text; there must be something.
    pub(super) fn rest(&mut self) -> Result<Range<usize>, Error> {
        let (Some(first), Some(last)) = (self.peek(), self.tokens.last()) else {
            return Err(self.unexpected());
        };
        self.at = self.tokens.len();
        Ok(first.start..last.end)
    }

    /// What stands before the parenthesis that closes an opened one, or before a comma on the same
    /// level when `to_comma`; parentheses and brackets within it match.
    pub(super) fn balanced(&mut self, to_comma: bool) -> Result<Range<usize>, Error> {
        let first = self.peek().ok_or_else(|| self.unexpected())?;
        let mut end = first.start;
        let mut depth = 0usize;
        while let Some(token) = self.peek() {
            match token.kind {
                Kind::Symbol(b',') if to_comma && depth == 0 => break,
                Kind::Symbol(b')' | b']') if depth == 0 => break,
                Kind::Symbol(b'(' | b'[') => depth += 1,
                Kind::Symbol(b')' | b']') => depth -= 1,
                _ => {}
            }
            end = token.end;
            self.skip(1);
        }
        if end == first.start { Err(self.unexpected()) } else { Ok(first.start..end) }
    }

    pub(super) fn text_of(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    pub(super) fn end(&self) -> Result<(), Error> {
        if self.is_end() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The syntax error at the next token.
    pub(super) fn unexpected(&self) -> Error {
        self.unexpected_at(0)
    }

    fn unexpected_at(&self, ahead: usize) -> Error {
        match self.peek_at(ahead) {
            Some(token) => syntax_error(token, self.text),
            None => ErrorKind::UnexpectedEnd.at(self.text.len()),
        }
    }

    /// The syntax error at the token just passed.
    pub(super) fn unexpected_before(&self) -> Error {
        match self.at.checked_sub(1).and_then(|at| self.tokens.get(at)) {
            Some(token) => syntax_error(*token, self.text),
            None => self.unexpected(),
        }
    }

    /// An error at the next token.
    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        kind.at(self.peek().map(|token| token.start))
    }
}

fn syntax_error(token: Token, text: &str) -> Error {
    ErrorKind::Syntax(token.text(text).to_owned()).at(token.start)
}
