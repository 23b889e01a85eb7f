//! Random texts through everything that reads text: nothing may panic, and every range must lie on
//! character boundaries inside the text, in order.

use super::{split, tokens};
use crate::statement::literal::{self, Literal};
use crate::statement::{parse::parse, shape::shape, utility};

/// Pieces that mean something to a lexer, put together at random.
const PIECES: [&str; 68] = [
    " ",
    "\n",
    "\t",
    "--",
    "-- x\n",
    "/*",
    "*/",
    "'",
    "''",
    "\"",
    "\"\"",
    "$$",
    "$a$",
    "$1",
    "$",
    "E'",
    "e'\\",
    "U&'",
    "U&\"",
    "B'01",
    "X'f",
    "N'",
    "\\",
    "\\u00e9",
    "\\+1F600",
    "\\D83D",
    "!",
    "0x",
    "1_0",
    "1.",
    ".5",
    "e10",
    "..",
    "::",
    ":=",
    ":",
    ";",
    ",",
    "(",
    ")",
    "[",
    "]",
    "+",
    "-",
    "*",
    "=",
    "<",
    ">",
    "@",
    "#",
    "?",
    "é",
    "😀",
    "a",
    "select",
    "begin",
    "end",
    "case",
    "atomic",
    "create trigger",
    "create function",
    "on",
    "uescape",
    "copy t from stdin",
    "set x = ",
    "fetch",
    "union",
    "not between symmetric",
];

const TEXTS: usize = 100_000;
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// xorshift64
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn text(&mut self) -> String {
        let pieces = self.below(24);
        (0..pieces)
            .map(|_| match self.below(8) {
                0 => char::from_u32(u32::try_from(self.below(0x250)).unwrap()).unwrap().to_string(),
                _ => PIECES[self.below(PIECES.len())].to_owned(),
            })
            .collect()
    }
}

#[test]
fn soup() {
    let mut random = Random(SEED);
    for number in 0..TEXTS {
        let text = random.text();
        check_tokens(&text);
        check_split(&text);
        let _answer = utility::parse(&text);
        if number % 8 == 0 {
            let _answer = parse(&text);
        }
    }
}

fn check_tokens(text: &str) {
    let Ok(tokens) = tokens(text) else {
        assert!(shape(text).is_err(), "{text:?}");
        return;
    };
    let mut end = 0;
    for token in &tokens {
        assert!(token.start >= end && token.end > token.start, "{text:?} {token:?}");
        assert!(text.get(token.range()).is_some(), "{text:?} {token:?}");
        end = token.end;
        let _value = Literal::decode(*token, text).map(Literal::value);
        let _name = literal::name(*token, text);
    }
    let literals = tokens.iter().filter(|token| token.kind.is_literal()).count();
    assert_eq!(shape(text).unwrap().literals.len(), literals, "{text:?}");
}

fn check_split(text: &str) {
    let Ok(ranges) = split(text) else { return };
    let mut end = 0;
    for range in ranges {
        assert!(range.start >= end && range.end > range.start, "{text:?} {range:?}");
        assert!(text.get(range.clone()).is_some(), "{text:?} {range:?}");
        end = range.end;
    }
}
