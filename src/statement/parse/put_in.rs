//! What sqlparser does not know, in tokens that it does: null tests of one word, an empty select
//! list, and `.*` behind parentheses.

use crate::statement::lexer::{Kind, Token};
use sqlparser::ast::{AccessExpr, Expr, Ident};
use sqlparser::tokenizer::Token as Parsed;

/// Nobody writes a name in these quotes: one that has them stands for something else.
const MARK: char = '`';

/// `.*` behind an expression is read as a field of this name.
const ALL_FIELDS: &str = "*";

/// An empty select list is read as one column of this name.
const NOTHING: &str = "";

/// Of `(value).*`, the value.
#[must_use]
pub fn all_fields_of(item: &Expr) -> Option<&Expr> {
    let Expr::CompoundFieldAccess { root, access_chain } = item else { return None };
    let [AccessExpr::Dot(field)] = &access_chain[..] else { return None };
    is_mark(field, ALL_FIELDS).then_some(root)
}

/// The one item of an empty select list.
#[must_use]
pub fn is_nothing(item: &Expr) -> bool {
    is_mark(item, NOTHING)
}

fn is_mark(expr: &Expr, name: &str) -> bool {
    let mark = |ident: &Ident| ident.quote_style == Some(MARK) && ident.value == name;
    matches!(expr, Expr::Identifier(ident) if mark(ident))
}

/// The tokens that take the place of one, and those that follow it.
pub(super) struct PutIn {
    pub(super) instead: Option<Vec<Parsed>>,
    pub(super) behind: Option<Parsed>,
}

impl PutIn {
    /// At a place among the tokens of a statement.
    pub(super) fn at(tokens: &[Token], at: usize, text: &str) -> Self {
        let place = Place { tokens, at, text };
        let mark = |name| Parsed::make_word(name, Some(MARK));
        let word = |word: &&str| Parsed::make_word(word, None);
        let all = place.is_all_fields().then(|| vec![mark(ALL_FIELDS)]);
        Self {
            instead: place.null_test().map(|test| test.iter().map(word).collect()).or(all),
            behind: place.is_empty_list().then(|| mark(NOTHING)),
        }
    }
}

struct Place<'a> {
    tokens: &'a [Token],
    at: usize,
    text: &'a str,
}

impl Place<'_> {
    fn token(&self, from_here: isize) -> Option<&Token> {
        self.tokens.get(self.at.checked_add_signed(from_here)?)
    }

    fn is_word(&self, from_here: isize, word: &str) -> bool {
        self.token(from_here).is_some_and(|token| token.is_word(self.text, word))
    }

    fn is_symbol(&self, from_here: isize, symbol: u8) -> bool {
        self.token(from_here).is_some_and(|token| token.is_symbol(symbol))
    }

    /// `x ISNULL` is `x IS NULL`. Behind a dot or AS it is a name.
    fn null_test(&self) -> Option<&'static [&'static str]> {
        const TESTS: [(&str, &[&str]); 2] =
            [("isnull", &["is", "null"]), ("notnull", &["is", "not", "null"])];
        let (_, words) = TESTS.into_iter().find(|(word, _)| self.is_word(0, word))?;
        let is_name = self.is_word(-1, "as") || self.is_symbol(-1, b'.') || self.is_symbol(1, b'(');
        (!is_name && self.token(-1).is_some()).then_some(words)
    }

    fn is_all_fields(&self) -> bool {
        let star = self.token(0).is_some_and(|token| {
            token.kind == Kind::Operator && token.text(self.text) == ALL_FIELDS
        });
        star && self.is_symbol(-1, b'.') && (self.is_symbol(-2, b')') || self.is_symbol(-2, b']'))
    }

    /// SELECT with nothing to select. Before FROM sqlparser knows that.
    fn is_empty_list(&self) -> bool {
        const CLAUSES: [&str; 12] = [
            "where",
            "group",
            "having",
            "window",
            "order",
            "limit",
            "offset",
            "fetch",
            "for",
            "union",
            "intersect",
            "except",
        ];
        let is_name = self.is_word(-1, "as") || self.is_symbol(-1, b'.');
        let ends = self.token(1).is_none() || self.is_symbol(1, b';') || self.is_symbol(1, b')');
        let goes_on = || CLAUSES.iter().any(|clause| self.is_word(1, clause));
        self.is_word(0, "select") && !is_name && (ends || goes_on())
    }
}
