//! The `regexp_*` functions and the `~` operators.
//! <https://www.postgresql.org/docs/15/functions-string.html#FUNCTIONS-STRING-OTHER>

use super::array::{Elements, array};
use super::regex::Pattern;
use super::text::{count, offset};
use super::{Args, Flags, Function, Outcome, boolean, integer, text};
use crate::sqlite::host::FunctionError;
use crate::types::{Value, ValueRef};
use regex::Captures;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_regex_match", 2, Flags::PURE, |a| boolean(is_match(a, "")?)),
    ("pg_regex_imatch", 2, Flags::PURE, |a| boolean(is_match(a, "i")?)),
    ("pg_regex_not_match", 2, Flags::PURE, |a| boolean(!is_match(a, "")?)),
    ("pg_regex_not_imatch", 2, Flags::PURE, |a| boolean(!is_match(a, "i")?)),
    ("pg_name_match", 2, Flags::PURE, |a| boolean(is_match(a, case_of(a)?)?)),
    ("pg_name_not_match", 2, Flags::PURE, |a| boolean(!is_match(a, case_of(a)?)?)),
    ("pg_regexp_like", -1, Flags::PURE, like),
    ("pg_regexp_match", -1, Flags::PURE, match_first),
    ("pg_regexp_replace", -1, Flags::PURE, replace),
    ("pg_regexp_count", -1, Flags::PURE, count_matches),
    ("pg_regexp_instr", -1, Flags::PURE, instr),
    ("pg_regexp_substr", -1, Flags::PURE, substr),
    ("pg_regexp_split_to_array", -1, Flags::PURE, split_to_array),
    ("pg_substring_regex", 2, Flags::PURE, |a| {
        first_match(&Pattern::compile(&a.text(1)?, "")?, &a.text(0)?)
    }),
];

type Result<T> = std::result::Result<T, FunctionError>;

/// A pattern for names without capitals finds them in any case.
fn case_of(args: &Args<'_>) -> Result<&'static str> {
    Ok(if args.text(1)?.chars().any(char::is_uppercase) { "" } else { "i" })
}

fn is_match(args: &Args<'_>, flags: &str) -> Result<bool> {
    Ok(Pattern::compile(&args.text(1)?, flags)?.is_match(&args.text(0)?))
}

/// The pattern of argument 1 with the flags of another argument.
pub(super) fn pattern(args: &Args<'_>, flags: usize) -> Result<Pattern> {
    Pattern::compile(&args.text(1)?, &args.text_if(flags)?.unwrap_or_default())
}

fn not_global(pattern: &Pattern, function: &str) -> Result<()> {
    if pattern.global {
        let message = format!("{function} does not support the \"global\" option");
        return Err(FunctionError::new("22023", message));
    }
    Ok(())
}

fn like(args: &Args<'_>) -> Outcome {
    let pattern = pattern(args, 2)?;
    not_global(&pattern, "regexp_like()")?;
    boolean(pattern.is_match(&args.text(0)?))
}

/// The first group of the first match, or all of it when there are no groups.
pub(super) fn first_match(pattern: &Pattern, s: &str) -> Outcome {
    let found = pattern.captures(s);
    let group = usize::from(pattern.captures_len() > 1);
    match found.and_then(|captures| captures.get(group)) {
        Some(found) => text(found.as_str()),
        None => Ok(Value::Null),
    }
}

/// What `regexp_match` and `regexp_matches` return for a match: its groups, or all of it.
pub(super) fn groups(captures: &Captures<'_>) -> Elements {
    let from = usize::from(captures.len() > 1);
    let value = |group: Option<regex::Match<'_>>| {
        group.map_or(Value::Null, |found| Value::Text(found.as_str().to_owned()))
    };
    Elements::flat(captures.iter().skip(from).map(value).collect())
}

fn match_first(args: &Args<'_>) -> Outcome {
    let pattern = pattern(args, 2)?;
    not_global(&pattern, "regexp_match()")?;
    match pattern.captures(&args.text(0)?) {
        Some(captures) => array(groups(&captures)),
        None => Ok(Value::Null),
    }
}

/// `regexp_replace(s, pattern, replacement [, flags])` or `(.., start [, n [, flags]])`.
fn replace(args: &Args<'_>) -> Outcome {
    let s = args.text(0)?;
    let positional = matches!(args.value(3), ValueRef::Integer(_));
    let pattern = pattern(args, if positional { 5 } else { 3 })?;
    let start = if positional { start(args, 3)? } else { 0 };
    let default = if pattern.global { 0 } else { 1 };
    let n = if positional && args.len() > 4 { positive(args, 4, "n", 0)? } else { default };
    let template = args.text(2)?;
    let from = offset(&s, start);
    let mut out = String::from(&s[..from]);
    let mut end = from;
    for (i, captures) in pattern.captures_iter(&s[from..]).enumerate() {
        let Some(whole) = captures.get(0) else { continue };
        if n > 0 && i + 1 < n {
            continue;
        }
        out.push_str(&s[end..from + whole.start()]);
        expand(&mut out, &template, &captures);
        end = from + whole.end();
        if n > 0 {
            break;
        }
    }
    out.push_str(&s[end..]);
    text(out)
}

/// `\1` to `\9` are groups, `\&` the whole match, `\\` a backslash.
fn expand(out: &mut String, template: &str, captures: &Captures<'_>) {
    let mut characters = template.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match characters.next() {
            Some('&') => out.push_str(&captures[0]),
            Some(digit @ '1'..='9') => {
                let group = digit.to_digit(10).and_then(|n| captures.get(n as usize));
                out.push_str(group.map_or("", |found| found.as_str()));
            }
            Some('\\') | None => out.push('\\'),
            Some(other) => out.extend(['\\', other]),
        }
    }
}

fn positive(args: &Args<'_>, i: usize, name: &str, min: i64) -> Result<usize> {
    let n = args.int_or(i, min.max(1))?;
    usize::try_from(n).ok().filter(|_| n >= min).ok_or_else(|| {
        let message = format!("invalid value for parameter \"{name}\": {n}");
        FunctionError::new("22023", message)
    })
}

/// Characters to skip before searching.
fn start(args: &Args<'_>, i: usize) -> Result<usize> {
    Ok(positive(args, i, "start", 1)? - 1)
}

fn count_matches(args: &Args<'_>) -> Outcome {
    let s = args.text(0)?;
    let pattern = pattern(args, 3)?;
    not_global(&pattern, "regexp_count()")?;
    integer(count(pattern.find_iter(&s[offset(&s, start(args, 2)?)..]).count()))
}

/// Byte range of the group asked for in the nth match.
fn nth_group(
    args: &Args<'_>,
    s: &str,
    pattern: &Pattern,
    group: usize,
) -> Result<Option<(usize, usize)>> {
    let from = offset(s, start(args, 2)?);
    let n = positive(args, 3, "n", 1)?;
    let group = positive_group(args, group)?;
    let found = pattern.captures_iter(&s[from..]).nth(n - 1);
    let range = found.and_then(|captures| captures.get(group).map(|m| (m.start(), m.end())));
    Ok(range.map(|(start, end)| (from + start, from + end)))
}

fn positive_group(args: &Args<'_>, i: usize) -> Result<usize> {
    if args.is_null(i) { Ok(0) } else { positive(args, i, "subexpr", 0) }
}

/// `regexp_instr(s, pattern, start, n, endoption, flags, subexpr)`
fn instr(args: &Args<'_>) -> Outcome {
    let s = args.text(0)?;
    let pattern = pattern(args, 5)?;
    not_global(&pattern, "regexp_instr()")?;
    let after = match args.int_or(4, 0)? {
        0 => false,
        1 => true,
        other => {
            let message = format!("invalid value for parameter \"endoption\": {other}");
            return Err(FunctionError::new("22023", message));
        }
    };
    match nth_group(args, &s, &pattern, 6)? {
        Some((start, end)) => {
            let at = if after { end } else { start };
            integer(count(s[..at].chars().count()) + 1)
        }
        None => integer(0),
    }
}

/// `regexp_substr(s, pattern, start, n, flags, subexpr)`
fn substr(args: &Args<'_>) -> Outcome {
    let s = args.text(0)?;
    let pattern = pattern(args, 4)?;
    not_global(&pattern, "regexp_substr()")?;
    match nth_group(args, &s, &pattern, 5)? {
        Some((start, end)) => text(&s[start..end]),
        None => Ok(Value::Null),
    }
}

fn split_to_array(args: &Args<'_>) -> Outcome {
    let s = args.text(0)?;
    let pattern = pattern(args, 2)?;
    not_global(&pattern, "regexp_split_to_array()")?;
    array(Elements::flat(split(&pattern, &s)))
}

/// Pieces between matches. An empty match at either end, or just after a match, splits nothing.
pub(super) fn split(pattern: &Pattern, s: &str) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut end = 0;
    for found in pattern.find_iter(s) {
        if found.is_empty() && (found.start() == end || found.end() == s.len()) {
            continue;
        }
        parts.push(Value::Text(s[end..found.start()].to_owned()));
        end = found.end();
    }
    parts.push(Value::Text(s[end..].to_owned()));
    parts
}
