//! Stored SQL cut into tokens, as SQLite's own tokenizer cuts it, and names as Postgres quotes them.
//! <https://www.sqlite.org/lang.html>

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword, an unquoted name, or a number.
    Word,
    /// A text or a quoted name.
    Quoted,
    /// Any other character.
    Other,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// Byte offset in the statement.
    pub(crate) start: usize,
}

impl Token<'_> {
    /// It is this character.
    pub(crate) fn is(&self, punctuation: &str) -> bool {
        self.kind == Kind::Other && self.text == punctuation
    }

    /// It is this word, in any case, and not quoted.
    pub(crate) fn word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// It may be a name.
    pub(crate) fn is_name(&self) -> bool {
        self.kind == Kind::Word || (self.kind == Kind::Quoted && !self.text.starts_with('\''))
    }

    /// The name it stands for, without its quotes.
    pub(crate) fn name(&self) -> String {
        let inner = || self.text.get(1..self.text.len().saturating_sub(1)).unwrap_or_default();
        match (self.kind, self.text.chars().next()) {
            (Kind::Quoted, Some('[')) => inner().to_owned(),
            (Kind::Quoted, Some(quote)) => {
                let quote = quote.to_string();
                inner().replace(&quote.repeat(2), &quote)
            }
            _ => self.text.to_owned(),
        }
    }
}

/// Tokens as SQLite's own tokenizer cuts them, as far as it matters here; comments left out.
pub(crate) fn tokens(sql: &str) -> Vec<Token<'_>> {
    let bytes = sql.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (end, kind) = token_end(sql, at);
        if let Some(kind) = kind {
            tokens.push(Token { kind, text: &sql[at..end], start: at });
        }
        at = end;
    }
    tokens
}

/// Where the token at `at` ends, and what it is; `None` for space and comments.
fn token_end(sql: &str, at: usize) -> (usize, Option<Kind>) {
    let rest = &sql[at..];
    let first = rest.chars().next().unwrap_or(' ');
    let to = |found: Option<usize>, skip: usize| found.map_or(sql.len(), |i| at + i + skip);
    match first {
        c if c.is_ascii_whitespace() => (at + 1, None),
        '-' if rest.starts_with("--") => (to(rest.find('\n'), 1), None),
        '/' if rest.starts_with("/*") => {
            (rest[2..].find("*/").map_or(sql.len(), |i| at + i + 4), None)
        }
        '\'' | '"' | '`' => (at + quoted_length(rest, first), Some(Kind::Quoted)),
        '[' => (to(rest.find(']'), 1), Some(Kind::Quoted)),
        c if is_word(c) => (to(rest.find(|c| !is_word(c)), 0), Some(Kind::Word)),
        c => (at + c.len_utf8(), Some(Kind::Other)),
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// The length of a quoted token, in which a doubled quote stands for itself.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return i + 1;
        }
    }
    text.len()
}

/// The text from the first token to the last, comments between them included.
pub(crate) fn text<'s>(sql: &'s str, tokens: &[Token<'_>]) -> &'s str {
    let end = |t: &Token<'_>| t.start + t.text.len();
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => sql.get(first.start..end(last)).unwrap_or_default(),
        _ => "",
    }
}

/// An identifier, quoted where Postgres needs it: `quote_ident`, keywords aside.
#[must_use]
pub fn identifier(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let first_is_digit = name.starts_with(|c: char| c.is_ascii_digit());
    if !name.is_empty() && name.chars().all(plain) && !first_is_digit && !is_reserved(name) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Words that Postgres takes for a name only when they are quoted,
/// <https://www.postgresql.org/docs/15/sql-keywords-appendix.html>.
fn is_reserved(name: &str) -> bool {
    const RESERVED: &str = " all analyse analyze and any array as asc asymmetric authorization \
        between bigint binary bit boolean both case cast char character check coalesce collate \
        collation column concurrently constraint create cross current_catalog current_date \
        current_role current_schema current_time current_timestamp current_user dec decimal \
        default deferrable desc distinct do else end except exists extract false fetch float for \
        foreign freeze from full grant greatest group grouping having ilike in initially inner \
        inout int integer intersect interval into is isnull join lateral leading least left like \
        limit localtime localtimestamp national natural nchar none normalize not notnull null \
        nullif numeric offset on only or order out outer overlaps overlay placing position \
        precision primary real references returning right row select session_user setof similar \
        smallint some substring symmetric table tablesample then time timestamp to trailing treat \
        trim true union unique user using values varchar variadic verbose when where window with \
        xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi \
        xmlroot xmlserialize xmltable ";
    RESERVED.split_ascii_whitespace().any(|word| word == name)
}
