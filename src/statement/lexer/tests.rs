use super::{Kind, tokens};

fn kinds(text: &str) -> Vec<(Kind, &str)> {
    tokens(text).unwrap().into_iter().map(|token| (token.kind, &text[token.range()])).collect()
}

fn texts(text: &str) -> Vec<&str> {
    kinds(text).into_iter().map(|(_, text)| text).collect()
}

fn error(text: &str) -> (String, Option<usize>) {
    let error = tokens(text).unwrap_err();
    (error.to_string(), error.position)
}

#[test]
fn words_and_names() {
    assert_eq!(
        kinds("select Ünïcode a$b _x"),
        [(Kind::Word, "select"), (Kind::Word, "Ünïcode"), (Kind::Word, "a$b"), (Kind::Word, "_x"),]
    );
    assert_eq!(
        kinds(r#""a""b" U&"x" UESCAPE '!' u&1"#),
        [
            (Kind::QuotedName, r#""a""b""#),
            (Kind::UnicodeName, r#"U&"x" UESCAPE '!'"#),
            (Kind::Word, "u"),
            (Kind::Operator, "&"),
            (Kind::Integer, "1"),
        ]
    );
}

#[test]
fn strings() {
    assert_eq!(
        kinds(r"'x\' E'\'' B'1' x'f' n'n' $$a$$ $t$ $$ $t$ U&'\0041'"),
        [
            (Kind::String, r"'x\'"),
            (Kind::EscapeString, r"E'\''"),
            (Kind::BitString, "B'1'"),
            (Kind::HexString, "x'f'"),
            (Kind::String, "n'n'"),
            (Kind::DollarString, "$$a$$"),
            (Kind::DollarString, "$t$ $$ $t$"),
            (Kind::UnicodeString, r"U&'\0041'"),
        ]
    );
    assert_eq!(texts("'a'\n'b' 'c'"), ["'a'\n'b'", "'c'"]);
    assert_eq!(texts("'a' -- x\n --y\n'b'"), ["'a' -- x\n --y\n'b'"]);
    assert_eq!(texts("'a' /* x */\n'b'"), ["'a'", "'b'"]);
}

#[test]
fn numbers() {
    assert_eq!(
        kinds("1 1.5 .5 1. 1e5 1.e-3 1_000 0xFF 0b1 0o7 1..2"),
        [
            (Kind::Integer, "1"),
            (Kind::Decimal, "1.5"),
            (Kind::Decimal, ".5"),
            (Kind::Decimal, "1."),
            (Kind::Decimal, "1e5"),
            (Kind::Decimal, "1.e-3"),
            (Kind::Integer, "1_000"),
            (Kind::Integer, "0xFF"),
            (Kind::Integer, "0b1"),
            (Kind::Integer, "0o7"),
            (Kind::Integer, "1"),
            (Kind::DotDot, ".."),
            (Kind::Integer, "2"),
        ]
    );
    let junk = "trailing junk after numeric literal at or near";
    assert_eq!(error("x 123abc"), (format!("{junk} \"123abc\""), Some(2)));
    assert_eq!(error("1_"), (format!("{junk} \"1_\""), Some(0)));
    assert_eq!(error("1e"), (format!("{junk} \"1e\""), Some(0)));
    assert_eq!(error("0x").0, "invalid hexadecimal integer at or near \"0x\"");
    assert_eq!(error("$1a").0, "trailing junk after parameter at or near \"$1a\"");
}

#[test]
fn operators() {
    assert_eq!(texts("a>=-1"), ["a", ">=", "-", "1"]);
    assert_eq!(texts("a<>-1"), ["a", "<>", "-", "1"]);
    assert_eq!(texts("a@-1"), ["a", "@-", "1"]);
    assert_eq!(texts("a*-+-1"), ["a", "*", "-", "+", "-", "1"]);
    assert_eq!(texts("1+/* x */2 --y"), ["1", "+", "2"]);
    assert_eq!(texts("a->>'b'"), ["a", "->>", "'b'"]);
    assert_eq!(
        texts("a::int b:=c[1:2] d=>e"),
        ["a", "::", "int", "b", ":=", "c", "[", "1", ":", "2", "]", "d", "=>", "e"]
    );
    assert_eq!(texts("1-- x\n-2"), ["1", "-", "2"]);
    assert_eq!(texts("/* a /* b */ c */ x"), ["x"]);
}

#[test]
fn unterminated() {
    assert_eq!(
        error("select 'x y"),
        ("unterminated quoted string at or near \"'x y\"".to_owned(), Some(7))
    );
    assert_eq!(error("\"x").0, "unterminated quoted identifier at or near \"\"x\"");
    assert_eq!(error("E'x\\'").0, "unterminated quoted string at or near \"E'x\\'\"");
    assert_eq!(error("/* /* */").0, "unterminated /* comment at or near \"/* /* */\"");
    assert_eq!(error("$a$ $$").0, "unterminated dollar-quoted string at or near \"$a$ $$\"");
    assert_eq!(error("\"\"").0, "zero-length delimited identifier at or near \"\"\"\"");
}
