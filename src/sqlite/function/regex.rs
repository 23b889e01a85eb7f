//! Postgres's regular expressions on the regex crate.
//!
//! What enters: an advanced regular expression and Postgres's flags. What leaves: a compiled
//! pattern, kept for the next row. Back references and lookaround are refused with 0A000; of
//! alternatives the first that matches wins, where Postgres takes the longest.
//! <https://www.postgresql.org/docs/15/functions-matching.html#FUNCTIONS-POSIX-REGEXP>

use crate::sqlite::host::FunctionError;
use regex::{Regex, RegexBuilder};
use std::cell::RefCell;
use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

type Result<T> = std::result::Result<T, FunctionError>;

/// A compiled pattern and what its flags ask of the caller.
#[derive(Clone)]
pub(super) struct Pattern {
    regex: Arc<Regex>,
    /// Flag `g`: all matches.
    pub(super) global: bool,
}

impl std::ops::Deref for Pattern {
    type Target = Regex;

    fn deref(&self) -> &Regex {
        &self.regex
    }
}

/// Patterns a thread keeps compiled.
const CACHE_MAX: usize = 32;

thread_local! {
    static CACHE: RefCell<Vec<(String, String, Pattern)>> = const { RefCell::new(Vec::new()) };
}

impl Pattern {
    /// Compiles, or finds it compiled.
    pub(super) fn compile(pattern: &str, flags: &str) -> Result<Self> {
        CACHE.with_borrow_mut(|cache| {
            let found = cache.iter().position(|(p, f, _)| p == pattern && f == flags);
            if let Some(at) = found {
                cache[..=at].rotate_right(1);
            } else {
                let compiled = compile(pattern, flags)?;
                cache.truncate(CACHE_MAX - 1);
                cache.insert(0, (pattern.to_owned(), flags.to_owned(), compiled));
            }
            cache.first().map(|(_, _, kept)| kept.clone()).ok_or_else(|| invalid("no pattern"))
        })
    }
}

fn invalid(why: &str) -> FunctionError {
    FunctionError::new("2201B", format!("invalid regular expression: {why}"))
}

fn unsupported(what: &str) -> FunctionError {
    FunctionError::new("0A000", format!("{what} in regular expressions are not supported"))
}

/// Postgres's flags. By default a dot matches a newline and `^` and `$` the ends of the text only.
#[derive(Clone, Copy, Default)]
struct Options {
    global: bool,
    ignore_case: bool,
    expanded: bool,
    literal: bool,
    lines_for_dot: bool,
    lines_for_anchors: bool,
}

impl Options {
    fn set(&mut self, flags: &str) -> Result<()> {
        for flag in flags.chars() {
            match flag {
                'g' => self.global = true,
                'i' => self.ignore_case = true,
                'c' => self.ignore_case = false,
                'x' => self.expanded = true,
                't' => self.expanded = false,
                'q' => self.literal = true,
                'm' | 'n' => (self.lines_for_dot, self.lines_for_anchors) = (true, true),
                's' => (self.lines_for_dot, self.lines_for_anchors) = (false, false),
                'p' => (self.lines_for_dot, self.lines_for_anchors) = (true, false),
                'w' => (self.lines_for_dot, self.lines_for_anchors) = (false, true),
                'b' | 'e' => {}
                other => {
                    let message = format!("invalid regular expression option: \"{other}\"");
                    return Err(FunctionError::new("22023", message));
                }
            }
        }
        Ok(())
    }
}

fn compile(pattern: &str, flags: &str) -> Result<Pattern> {
    let mut options = Options::default();
    options.set(flags)?;
    let body = director(pattern, &mut options)?;
    let source =
        if options.literal { regex::escape(body) } else { Translator::new(body, options).run()? };
    let regex = RegexBuilder::new(&source)
        .case_insensitive(options.ignore_case)
        .dot_matches_new_line(!options.lines_for_dot)
        .multi_line(options.lines_for_anchors)
        .build()
        .map_err(|error| invalid(&reason(&error)))?;
    Ok(Pattern { regex: Arc::new(regex), global: options.global })
}

/// The crate explains with a picture of the pattern; its last line says what is wrong.
fn reason(error: &regex::Error) -> String {
    let all = error.to_string();
    let last = all.lines().last().unwrap_or_default();
    let reason = last.trim_start_matches("error: ");
    let known = REASONS.iter().find(|(theirs, _)| reason.starts_with(theirs));
    known.map_or(reason, |(_, ours)| ours).to_owned()
}

/// The crate's words and Postgres's.
const REASONS: &[(&str, &str)] = &[
    ("unclosed group", "parentheses () not balanced"),
    ("unopened group", "parentheses () not balanced"),
    ("unclosed character class", "brackets [] not balanced"),
    ("invalid character class range", "invalid character range"),
    ("repetition operator missing expression", "quantifier operand invalid"),
    ("invalid repetition count range", "invalid repetition count(s)"),
    ("unclosed counted repetition", "braces {} not balanced"),
];

/// `***:`, `***=` and `(?flags)` at the start.
fn director<'a>(pattern: &'a str, options: &mut Options) -> Result<&'a str> {
    if let Some(literal) = pattern.strip_prefix("***=") {
        options.literal = true;
        return Ok(literal);
    }
    let body = pattern.strip_prefix("***:").unwrap_or(pattern);
    let embedded = body.strip_prefix("(?").and_then(|rest| rest.split_once(')'));
    match embedded {
        Some((flags, rest))
            if !flags.is_empty() && flags.bytes().all(|b| b.is_ascii_alphabetic()) =>
        {
            options.set(flags)?;
            Ok(rest)
        }
        _ => Ok(body),
    }
}

/// Rewrites one syntax into the other, character by character.
struct Translator<'a> {
    input: Peekable<Chars<'a>>,
    out: String,
    options: Options,
}

impl<'a> Translator<'a> {
    fn new(pattern: &'a str, options: Options) -> Self {
        let out = String::with_capacity(pattern.len() + 16);
        Self { input: pattern.chars().peekable(), out, options }
    }

    fn run(mut self) -> Result<String> {
        while let Some(c) = self.input.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.bracket()?,
                '(' => self.group()?,
                '{' => self.bound(),
                '}' => self.out.push_str("\\}"),
                '#' if self.options.expanded => self.comment(),
                c if c.is_whitespace() && self.options.expanded => {}
                c => self.out.push(c),
            }
        }
        Ok(self.out)
    }

    fn comment(&mut self) {
        while self.input.next_if(|c| *c != '\n').is_some() {}
    }

    /// A brace that no digit follows stands for itself.
    fn bound(&mut self) {
        if !self.input.peek().is_some_and(char::is_ascii_digit) {
            self.out.push_str("\\{");
            return;
        }
        self.out.push('{');
        while let Some(c) = self.input.next_if(|c| c.is_ascii_digit() || matches!(c, ',' | '}')) {
            self.out.push(c);
            if c == '}' {
                return;
            }
        }
    }

    fn group(&mut self) -> Result<()> {
        self.out.push('(');
        if self.input.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        match self.input.next() {
            Some(':') => self.out.push_str("?:"),
            Some('#') => {
                // A comment: an empty group in its place changes nothing.
                while self.input.next_if(|c| *c != ')').is_some() {}
                self.out.push_str("?:");
            }
            Some('=' | '!' | '<') => return Err(unsupported("lookahead and lookbehind")),
            _ => return Err(invalid("quantifier operand invalid")),
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<()> {
        let c = self.input.next().ok_or_else(|| invalid("invalid escape \\ sequence"))?;
        match c {
            'm' => self.out.push_str("\\b{start}"),
            'M' => self.out.push_str("\\b{end}"),
            'y' => self.out.push_str("\\b"),
            'Y' => self.out.push_str("\\B"),
            'A' => self.out.push_str("\\A"),
            'Z' => self.out.push_str("\\z"),
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => self.out.extend(['\\', c]),
            '1'..='9' => return Err(unsupported("back references")),
            _ => {
                let literal = self.character_escape(c)?;
                self.literal(literal);
            }
        }
        Ok(())
    }

    /// The character that an escape stands for.
    fn character_escape(&mut self, c: char) -> Result<char> {
        Ok(match c {
            'a' => '\x07',
            'b' => '\x08',
            'B' => '\\',
            'e' => '\x1b',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0' => '\0',
            'c' => match self.input.next() {
                Some(key) if key.is_ascii() => char::from(u32::from(key).to_le_bytes()[0] & 0x1f),
                _ => return Err(invalid("invalid escape \\ sequence")),
            },
            'u' => self.hexadecimal(4)?,
            'U' => self.hexadecimal(8)?,
            'x' => self.hexadecimal(6)?,
            c if c.is_alphanumeric() => return Err(invalid("invalid escape \\ sequence")),
            c => c,
        })
    }

    fn hexadecimal(&mut self, digits_max: usize) -> Result<char> {
        let mut code = 0;
        for _ in 0..digits_max {
            let Some(digit) = self.input.peek().and_then(|c| c.to_digit(16)) else { break };
            code = code * 16 + digit;
            self.input.next();
        }
        char::from_u32(code).ok_or_else(|| invalid("invalid escape \\ sequence"))
    }

    fn literal(&mut self, c: char) {
        self.out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }

    fn bracket(&mut self) -> Result<()> {
        let rest: String = self.input.clone().take(7).collect();
        for (word, boundary) in [("[:<:]]", "\\b{start}"), ("[:>:]]", "\\b{end}")] {
            if rest.starts_with(word) {
                self.input.by_ref().take(word.len()).for_each(drop);
                self.out.push_str(boundary);
                return Ok(());
            }
        }
        self.out.push('[');
        if self.input.next_if_eq(&'^').is_some() {
            self.out.push('^');
            if self.options.lines_for_dot {
                self.out.push_str("\\n");
            }
        }
        if self.input.next_if_eq(&']').is_some() {
            self.out.push_str("\\]");
        }
        loop {
            let c = self.input.next().ok_or_else(|| invalid("brackets [] not balanced"))?;
            match c {
                ']' => break,
                '[' => self.class()?,
                '\\' => self.class_escape()?,
                '-' => self.dash(),
                c => self.class_literal(c),
            }
        }
        self.out.push(']');
        Ok(())
    }

    /// A dash first or last stands for itself; between two characters it makes a range.
    fn dash(&mut self) {
        let first = self.out.ends_with('[') || self.out.ends_with("[^");
        let last = self.input.peek() == Some(&']');
        self.out.push_str(if first || last { "\\-" } else { "-" });
    }

    fn class_literal(&mut self, c: char) {
        if c.is_ascii_punctuation() {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    fn class_escape(&mut self) -> Result<()> {
        match self.input.next() {
            Some(c @ ('d' | 'D' | 's' | 'S' | 'w' | 'W')) => self.out.extend(['\\', c]),
            Some(c) => {
                let literal = self.character_escape(c)?;
                self.class_literal(literal);
            }
            None => return Err(invalid("brackets [] not balanced")),
        }
        Ok(())
    }

    /// `[:alpha:]`, `[.x.]`, `[=x=]`
    fn class(&mut self) -> Result<()> {
        let Some(kind) = self.input.next_if(|c| matches!(c, ':' | '.' | '=')) else {
            self.class_literal('[');
            return Ok(());
        };
        let mut name = String::new();
        loop {
            let c = self.input.next().ok_or_else(|| invalid("brackets [] not balanced"))?;
            if c == kind && self.input.next_if_eq(&']').is_some() {
                break;
            }
            name.push(c);
        }
        if kind == ':' {
            self.out.push_str(&posix_class(&name)?);
            return Ok(());
        }
        let mut characters = name.chars();
        match (characters.next(), characters.next()) {
            (Some(c), None) => {
                self.class_literal(c);
                Ok(())
            }
            _ => Err(invalid("invalid collating element")),
        }
    }
}

/// Letters and digits are Unicode's, as they are to Postgres in UTF-8.
fn posix_class(name: &str) -> Result<String> {
    let class = match name {
        "alpha" => "\\p{Alphabetic}",
        "alnum" => "\\p{Alphabetic}\\p{Nd}",
        "digit" => "0-9",
        "lower" => "\\p{Lowercase}",
        "upper" => "\\p{Uppercase}",
        "space" => "\\s",
        "word" => "\\w",
        "blank" | "cntrl" | "graph" | "print" | "punct" | "xdigit" | "ascii" => {
            return Ok(format!("[:{name}:]"));
        }
        _ => return Err(invalid("invalid character class")),
    };
    Ok(class.to_owned())
}
