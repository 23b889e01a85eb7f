//! VACUUM, ANALYZE and REINDEX, read by their words.
//!
//! <https://www.postgresql.org/docs/15/sql-vacuum.html>

use super::quote;
use crate::statement::lexer::{self, Kind, Token};
use crate::statement::{Error, Script, literal, steps};

/// The statement as SQLite's; `None` when it is another one.
pub(super) fn read(text: &str) -> Result<Option<Script>, Error> {
    let tokens = lexer::tokens(text)?;
    let Some(first) = tokens.first().filter(|token| token.kind == Kind::Word) else {
        return Ok(None);
    };
    let rest = &tokens[1..];
    Ok(match first.text(text).to_ascii_lowercase().as_str() {
        "vacuum" => Some(vacuum(rest, text)?),
        "analyze" | "analyse" => Some(script("ANALYZE", over(rest, text, "ANALYZE")?, false)),
        "reindex" => Some(script("REINDEX", reindex(rest, text)?, false)),
        _ => None,
    })
}

/// VACUUM rewrites the whole file, whatever tables are named; with ANALYZE it does that too.
fn vacuum(tokens: &[Token], text: &str) -> Result<Script, Error> {
    let analyzes = tokens.iter().any(|token| token.is_word(text, "analyze"));
    // SQLite allows VACUUM nowhere inside a transaction, so there is room for one statement.
    let statements =
        if analyzes { over(tokens, text, "ANALYZE")? } else { vec!["VACUUM".to_owned()] };
    Ok(script("VACUUM", statements, !analyzes))
}

fn over(tokens: &[Token], text: &str, word: &str) -> Result<Vec<String>, Error> {
    let names = names(tokens, text)?;
    if names.is_empty() {
        return Ok(vec![word.to_owned()]);
    }
    Ok(names.iter().map(|name| format!("{word} {}", quote::name(name))).collect())
}

/// REINDEX { INDEX | TABLE | SCHEMA | DATABASE | SYSTEM } name
fn reindex(tokens: &[Token], text: &str) -> Result<Vec<String>, Error> {
    let whole = ["schema", "database", "system"];
    if tokens.iter().any(|token| whole.iter().any(|word| token.is_word(text, word))) {
        return Ok(vec!["REINDEX".to_owned()]);
    }
    over(tokens, text, "REINDEX")
}

/// The tables named: the last part of each name, options and column lists left out.
fn names(tokens: &[Token], text: &str) -> Result<Vec<String>, Error> {
    let mut depth = 0_usize;
    let mut names: Vec<String> = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let next = tokens.get(i + 1);
        let qualifies = next.is_some_and(|next| next.is_symbol(b'.'));
        match token.kind {
            Kind::Symbol(b'(') => depth += 1,
            Kind::Symbol(b')') => depth = depth.saturating_sub(1),
            Kind::Word | Kind::QuotedName if depth == 0 && !qualifies => {
                let name = literal::name(*token, text)?;
                let option = token.kind == Kind::Word && OPTIONS.contains(&name.as_str());
                if !option {
                    names.push(name);
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

const OPTIONS: [&str; 8] =
    ["full", "freeze", "verbose", "analyze", "concurrently", "table", "index", "only"];

fn script(tag: &str, statements: Vec<String>, outside_transaction: bool) -> Script {
    let steps = steps(statements);
    Script { steps, tag: tag.to_owned(), notices: Vec::new(), outside_transaction }
}
