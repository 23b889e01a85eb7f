//! The deepest trees the parser lets through are translated or refused, on a thread's usual stack.

use super::translate;
use crate::schema::Schema;
use crate::statement::{Dialect, Env, Options};

fn answer(text: &str) -> Result<(), String> {
    let schema = Schema::default();
    let options = Options { dialect: Dialect::Postgres, read_only: false };
    let env = Env { schema: &schema, temp: None, options: &options, parameter_types: &[] };
    translate(text, &env).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn chains() {
    let chain = |head: &str, piece: &str, count: usize| format!("{head}{}", piece.repeat(count));
    assert_eq!(answer(&chain("select true", " or true", 250)), Ok(()));
    assert_eq!(answer(&chain("select 1", " + 1", 250)), Ok(()));
    assert!(answer(&chain("select 1", " + 1", 90_000)).is_err());
    assert_eq!(answer(&chain("select 1", " union select 1", 250)), Ok(()));
    assert!(answer(&chain("select 1", " union select 1", 40_000)).is_err());
}

#[test]
fn nesting() {
    let nest = |open: &str, close: &str, count: usize| {
        format!("select {}1{}", open.repeat(count), close.repeat(count))
    };
    for count in [50, 150, 500, 5000] {
        let refused = count > 500;
        for (open, close) in [
            ("(", ")"),
            ("(select ", ")"),
            ("- ", ""),
            ("case when true then ", " end"),
            ("coalesce(1, ", ")"),
            ("cast(", " as int)"),
        ] {
            let answer = answer(&nest(open, close, count));
            assert!(answer.is_err() || !refused, "{open} {count}");
        }
    }
}
