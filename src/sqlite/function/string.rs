//! Functions that quote, format and compare.
//! <https://www.postgresql.org/docs/15/functions-string.html#FUNCTIONS-STRING-FORMAT>

use super::array::{Elements, array};
use super::{Args, Flags, Function, Outcome, text};
use crate::sqlite::host::FunctionError;
use crate::types::{Value, ValueRef};
use std::cmp::Ordering;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_quote_ident", 1, Flags::PURE, |a| text(quote_ident(&a.text(0)?))),
    ("pg_quote_literal", 1, Flags::PURE, |a| text(quote_literal(&a.text(0)?))),
    ("pg_quote_nullable", 1, Flags::PURE_NULLS, quote_nullable),
    ("pg_format", -1, Flags::PURE_NULLS, format),
    ("pg_string_to_array", -1, Flags::PURE_NULLS, string_to_array),
    ("pg_parse_ident", -1, Flags::PURE, parse_ident),
    ("pg_greatest", -1, Flags::PURE_NULLS, |a| extreme(a, Ordering::Greater)),
    ("pg_least", -1, Flags::PURE_NULLS, |a| extreme(a, Ordering::Less)),
];

/// An identifier, quoted unless it is plain lower case and no reserved word.
pub(super) fn quote_ident(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit();
    let safe = name.bytes().all(plain)
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
        && RESERVED.binary_search(&name).is_err();
    if safe { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Words that Postgres quotes: every keyword that is not unreserved.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

fn quote_literal(s: &str) -> String {
    let escape = if s.contains('\\') { "E" } else { "" };
    format!("{escape}'{}'", s.replace('\'', "''").replace('\\', "\\\\"))
}

fn quote_nullable(args: &Args<'_>) -> Outcome {
    text(args.text_if(0)?.map_or("NULL".to_owned(), |s| quote_literal(&s)))
}

/// One `%[position$][-][width]conversion` of a format string.
#[derive(Default)]
struct Directive {
    position: Option<usize>,
    width: Width,
    left: bool,
    conversion: char,
}

#[derive(Default)]
enum Width {
    #[default]
    None,
    Fixed(usize),
    Argument(Option<usize>),
}

fn format(args: &Args<'_>) -> Outcome {
    let Some(pattern) = args.text_if(0)? else { return Ok(Value::Null) };
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.as_ref();
    let mut next = 1;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let (directive, after) = directive(rest)?;
        rest = after;
        directive_out(&mut out, args, &directive, &mut next)?;
    }
    out.push_str(rest);
    text(out)
}

fn bad_format(message: impl Into<String>) -> FunctionError {
    FunctionError::new("22023", message)
}

fn number(s: &str) -> (Option<usize>, &str) {
    let end = s.bytes().take_while(u8::is_ascii_digit).count();
    (s[..end].parse().ok(), &s[end..])
}

fn directive(text: &str) -> Result<(Directive, &str), FunctionError> {
    let mut found = Directive::default();
    let mut rest = text;
    if let (Some(n), after) = number(rest)
        && let Some(after) = after.strip_prefix('$')
    {
        found.position = Some(n);
        rest = after;
    }
    if let Some(after) = rest.strip_prefix('-') {
        found.left = true;
        rest = after;
    }
    if let Some(after) = rest.strip_prefix('*') {
        let (position, tail) = number(after);
        found.width = Width::Argument(position);
        rest = if position.is_some() { tail.strip_prefix('$').unwrap_or(tail) } else { after };
    } else if let (Some(width), after) = number(rest) {
        found.width = Width::Fixed(width);
        rest = after;
    }
    let Some(conversion) = rest.chars().next() else {
        return Err(bad_format("unterminated format() type specifier"));
    };
    found.conversion = conversion;
    Ok((found, &rest[conversion.len_utf8()..]))
}

fn directive_out(
    out: &mut String,
    args: &Args<'_>,
    directive: &Directive,
    next: &mut usize,
) -> Result<(), FunctionError> {
    let mut take = |position: Option<usize>| {
        let i = position.unwrap_or(*next);
        *next = i + 1;
        if i == 0 {
            return Err(bad_format(
                "format specifies argument 0, but arguments are numbered from 1",
            ));
        }
        if i >= args.len() { Err(bad_format("too few arguments for format()")) } else { Ok(i) }
    };
    let (width, left) = match directive.width {
        Width::None => (0, directive.left),
        Width::Fixed(width) => (width, directive.left),
        Width::Argument(position) => {
            let width = args.int(take(position)?)?;
            let size = usize::try_from(width.unsigned_abs()).unwrap_or(0);
            (size, directive.left || width < 0)
        }
    };
    let value = args.text_if(take(directive.position)?)?;
    let piece = match (directive.conversion, value) {
        ('s', value) => value.unwrap_or_default().into_owned(),
        ('I', Some(value)) => quote_ident(&value),
        ('I', None) => {
            let message = "null values cannot be formatted as an SQL identifier";
            return Err(FunctionError::new("22004", message));
        }
        ('L', value) => value.map_or("NULL".to_owned(), |value| quote_literal(&value)),
        (other, _) => {
            let message = format!("unrecognized format() type specifier \"{other}\"");
            return Err(bad_format(message));
        }
    };
    let padding = " ".repeat(width.min(1 << 20).saturating_sub(piece.chars().count()));
    if left {
        out.push_str(&piece);
    }
    out.push_str(&padding);
    if !left {
        out.push_str(&piece);
    }
    Ok(())
}

fn string_to_array(args: &Args<'_>) -> Outcome {
    match split(args)? {
        Some(parts) => array(Elements::flat(parts)),
        None => Ok(Value::Null),
    }
}

/// `string_to_array` and `string_to_table`: the parts, or nothing for NULL.
pub(super) fn split(args: &Args<'_>) -> Result<Option<Vec<Value>>, FunctionError> {
    let Some(s) = args.text_if(0)? else { return Ok(None) };
    let null = args.text_if(2)?;
    if s.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let parts: Vec<String> = match args.text_if(1)? {
        None => s.chars().map(String::from).collect(),
        Some(delimiter) if delimiter.is_empty() => vec![s.into_owned()],
        Some(delimiter) => s.split(delimiter.as_ref()).map(str::to_owned).collect(),
    };
    let value = |part: String| {
        if null.as_deref() == Some(&part) { Value::Null } else { Value::Text(part) }
    };
    Ok(Some(parts.into_iter().map(value).collect()))
}

fn parse_ident(args: &Args<'_>) -> Outcome {
    let s = args.text(0)?;
    let strict = args.is_null(1) || args.bool(1)?;
    let invalid =
        || FunctionError::new("22023", format!("string is not a valid identifier: \"{s}\""));
    let mut rest = s.trim_start();
    let mut parts = Vec::new();
    loop {
        let (part, after) = identifier(rest).ok_or_else(invalid)?;
        parts.push(Value::Text(part));
        rest = after.trim_start();
        match rest.strip_prefix('.') {
            Some(after) => rest = after.trim_start(),
            None if rest.is_empty() || !strict => return array(Elements::flat(parts)),
            None => return Err(invalid()),
        }
    }
}

fn identifier(s: &str) -> Option<(String, &str)> {
    if let Some(quoted) = s.strip_prefix('"') {
        let mut name = String::new();
        let mut rest = quoted;
        loop {
            let at = rest.find('"')?;
            name.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            match rest.strip_prefix('"') {
                Some(after) => rest = after,
                None => return (!name.is_empty()).then_some((name, rest)),
            }
            name.push('"');
        }
    }
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let end = s.find(|c| !word(c)).unwrap_or(s.len());
    let starts = s.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    starts.then(|| (s[..end].to_lowercase(), &s[end..]))
}

/// `greatest` and `least`: NULLs do not count.
fn extreme(args: &Args<'_>, wanted: Ordering) -> Outcome {
    let mut best = ValueRef::Null;
    for &value in args.values() {
        if best == ValueRef::Null || (value != ValueRef::Null && order(value, best) == wanted) {
            best = value;
        }
    }
    super::args::owned(best)
}

/// SQLite's order of two values that are not NULL.
pub(super) fn order(a: ValueRef<'_>, b: ValueRef<'_>) -> Ordering {
    match (a, b) {
        (ValueRef::Text(a) | ValueRef::Blob(a), ValueRef::Text(b) | ValueRef::Blob(b)) => a.cmp(b),
        (ValueRef::Integer(a), ValueRef::Integer(b)) => a.cmp(&b),
        _ => {
            let number = |value| super::args::float(value).unwrap_or(f64::INFINITY);
            number(a).total_cmp(&number(b))
        }
    }
}
