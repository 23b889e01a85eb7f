//! LIKE, ILIKE and SIMILAR TO.
//! <https://www.postgresql.org/docs/15/functions-matching.html>

use super::regex::Pattern;
use super::text::lower;
use super::{Args, Flags, Function, Outcome, boolean, text};
use crate::sqlite::host::FunctionError;
use crate::types::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_like", -1, Flags::PURE, |a| boolean(like(a)?)),
    ("pg_not_like", -1, Flags::PURE, |a| boolean(!like(a)?)),
    ("pg_ilike", -1, Flags::PURE, |a| boolean(ilike(a)?)),
    ("pg_not_ilike", -1, Flags::PURE, |a| boolean(!ilike(a)?)),
    ("pg_like_escape", 2, Flags::PURE, like_escape),
    ("pg_similar", -1, Flags::PURE, similar),
    ("pg_similar_escape", 2, Flags::PURE_NULLS, similar_escape),
    ("pg_similar_to_escape", -1, Flags::PURE, similar_escape),
    ("pg_substring_similar", 3, Flags::PURE, substring_similar),
];

/// The escape character: a backslash unless one is given, none for the empty string.
fn escape(args: &Args<'_>, i: usize) -> Result<Option<char>, FunctionError> {
    let Some(given) = args.text_if(i)? else { return Ok(Some('\\')) };
    let mut characters = given.chars();
    match (characters.next(), characters.next()) {
        (first, None) => Ok(first),
        _ => Err(FunctionError::new("22025", "invalid escape string")),
    }
}

fn like(args: &Args<'_>) -> Result<bool, FunctionError> {
    let (subject, pattern) = (args.text(0)?, args.text(1)?);
    matches(&subject, &pattern, escape(args, 2)?)
}

fn ilike(args: &Args<'_>) -> Result<bool, FunctionError> {
    let (subject, pattern) = (lower(&args.text(0)?), lower(&args.text(1)?));
    let escape = escape(args, 2)?.and_then(|c| c.to_lowercase().next());
    matches(&subject, &pattern, escape)
}

/// Linear in the subject for each `%`: only the last one seen is ever tried again.
fn matches(subject: &str, pattern: &str, escape: Option<char>) -> Result<bool, FunctionError> {
    let (mut subject, mut pattern) = (subject.chars(), pattern.chars());
    let mut retry = None;
    loop {
        let before = pattern.clone();
        let advanced = match pattern.next() {
            Some('%') if escape != Some('%') => {
                retry = Some((subject.clone(), pattern.clone()));
                true
            }
            None => subject.as_str().is_empty(),
            Some(c) => {
                let literal = Some(c) == escape;
                match subject.next() {
                    Some(got) if literal => got == pattern.next().ok_or_else(dangling)?,
                    Some(got) => got == c || c == '_',
                    None => false,
                }
            }
        };
        if advanced && before.as_str().is_empty() {
            return Ok(true);
        }
        if !advanced {
            let Some((mut from, rest)) = retry.take() else { return Ok(false) };
            if from.next().is_none() {
                return Ok(false);
            }
            subject = from.clone();
            pattern = rest.clone();
            retry = Some((from, rest));
        }
    }
}

fn dangling() -> FunctionError {
    FunctionError::new("22025", "LIKE pattern must not end with escape character")
}

/// The same pattern with a backslash as its escape character.
fn like_escape(args: &Args<'_>) -> Outcome {
    let pattern = args.text(0)?;
    let escape = escape(args, 1)?;
    let mut out = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        if Some(c) == escape {
            out.push('\\');
            out.extend(characters.next());
        } else if c == '\\' {
            out.push_str("\\\\");
        } else {
            out.push(c);
        }
    }
    text(out)
}

fn similar(args: &Args<'_>) -> Outcome {
    let regex = similar_regex(&args.text(1)?, escape(args, 2)?)?;
    boolean(Pattern::compile(&regex, "")?.is_match(&args.text(0)?))
}

fn similar_escape(args: &Args<'_>) -> Outcome {
    match args.text_if(0)? {
        Some(pattern) => text(similar_regex(&pattern, escape(args, 1)?)?),
        None => Ok(Value::Null),
    }
}

/// `substring(x similar p escape e)`: what stands between the two `e"` of the pattern.
fn substring_similar(args: &Args<'_>) -> Outcome {
    let regex = similar_regex(&args.text(1)?, escape(args, 2)?)?;
    super::regexp::first_match(&Pattern::compile(&regex, "")?, &args.text(0)?)
}

/// A SIMILAR TO pattern as a Postgres regular expression.
fn similar_regex(pattern: &str, escape: Option<char>) -> Result<String, FunctionError> {
    let mut out = String::from("^(?:");
    let mut characters = pattern.chars();
    let mut in_class = false;
    let mut separators = 0;
    while let Some(c) = characters.next() {
        if Some(c) == escape {
            match characters.next().ok_or_else(dangling)? {
                '"' if !in_class => {
                    separators += 1;
                    out.push_str(if separators == 1 { "){1,1}?(" } else { "){1,1}(?:" });
                }
                literal => out.extend(['\\', literal]),
            }
            continue;
        }
        in_class = match c {
            '[' => true,
            ']' => false,
            _ => in_class,
        };
        match c {
            _ if in_class => out.push(c),
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '(' => out.push_str("(?:"),
            '\\' | '.' | '^' | '$' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out.push_str(")$");
    Ok(out)
}
