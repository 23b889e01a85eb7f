//! Any text through the lexer and all that reads its tokens: no panic, and every range is one of
//! the text.
#![no_main]

use egret::statement::lexer::{split, tokens};
use egret::statement::literal::{self, Literal};
use egret::statement::{parse, shape, utility};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for token in tokens(text).unwrap_or_default() {
        assert!(text.get(token.range()).is_some());
        let _ = Literal::decode(token, text).map(Literal::value);
        let _ = literal::name(token, text);
    }
    for range in split(text).unwrap_or_default() {
        assert!(text.get(range.clone()).is_some());
        let statement = &text[range];
        let _ = shape::shape(statement);
        let _ = utility::parse(statement);
        let _ = parse::parse(statement);
    }
});
