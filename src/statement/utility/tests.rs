//! Golden test: `tests/statement/utility.txt`. A statement, `----`, what it means; blocks are
//! separated by an empty line.

use super::parse;
use std::fmt::Write;
use std::path::Path;

#[test]
fn golden() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/statement/utility.txt");
    let expected = std::fs::read_to_string(&path).unwrap();
    let mut actual = String::new();
    for block in expected.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let input = block.split("\n----").next().unwrap().trim();
        write!(actual, "{input}\n----\n{}\n\n", answer(input)).unwrap();
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &actual).unwrap();
        return;
    }
    for (actual, expected) in actual.split("\n\n").zip(expected.split("\n\n")) {
        assert_eq!(actual.trim(), expected.trim());
    }
}

fn answer(input: &str) -> String {
    match parse(input) {
        Ok(Some(utility)) => format!("{utility:?}"),
        Ok(None) => "not a utility statement".to_owned(),
        Err(error) => match error.position_in(input) {
            Some(position) => format!("{}: {error} ({position})", error.sqlstate()),
            None => format!("{}: {error}", error.sqlstate()),
        },
    }
}
