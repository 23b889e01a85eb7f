//! What SQLite's pragmas do not tell, from the stored `CREATE` statement.
//!
//! What enters: the text in `sqlite_schema.sql`, which SQLite has parsed before
//! (<https://www.sqlite.org/lang_createtable.html>), but which a hostile file may have replaced by
//! anything. What leaves: names of constraints, CHECK and generated expressions, collations,
//! DEFERRED, index expressions and predicates. Text that makes no sense gives less, never an error.

/// What a `CREATE TABLE` says beyond the pragmas.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Table {
    pub(super) autoincrement: bool,
    /// The name given to the primary key.
    pub(super) primary_key: Option<String>,
    pub(super) uniques: Vec<Unique>,
    pub(super) checks: Vec<Check>,
    pub(super) foreign_keys: Vec<ForeignKey>,
    /// Column, expression.
    pub(super) generated: Vec<(String, String)>,
    /// Column, collation.
    pub(super) collations: Vec<(String, String)>,
}

/// A UNIQUE constraint.
#[derive(Debug, PartialEq)]
pub(super) struct Unique {
    pub(super) name: Option<String>,
    pub(super) columns: Vec<String>,
}

/// A CHECK constraint.
#[derive(Debug, PartialEq)]
pub(super) struct Check {
    pub(super) name: Option<String>,
    /// The column whose definition holds it.
    pub(super) column: Option<String>,
    pub(super) expression: String,
    /// Names that may be columns.
    pub(super) names: Vec<String>,
}

/// A foreign key.
#[derive(Debug, PartialEq)]
pub(super) struct ForeignKey {
    pub(super) name: Option<String>,
    pub(super) columns: Vec<String>,
    pub(super) deferred: bool,
}

/// What a `CREATE INDEX` says beyond the pragmas.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Index {
    /// The keys' text, without COLLATE, ASC and DESC.
    pub(super) keys: Vec<String>,
    pub(super) predicate: Option<String>,
}

/// Reads a `CREATE TABLE`.
pub(super) fn table(sql: &str) -> Table {
    let tokens = tokens(sql);
    let mut table = Table::default();
    let Some(open) = tokens.iter().position(|t| t.is("(")) else { return table };
    for item in split(group(&tokens, open), ",") {
        let mut items = Items { sql, tokens: item, at: 0, column: None, name: None };
        items.read(&mut table);
    }
    table
}

/// Reads a `CREATE INDEX`.
pub(super) fn index(sql: &str) -> Index {
    let tokens = tokens(sql);
    let Some(open) = tokens.iter().position(|t| t.is("(")) else { return Index::default() };
    let body = group(&tokens, open);
    let keys = split(body, ",").map(|key| text(sql, without_order(key)).to_owned()).collect();
    let rest = tokens.get(open + body.len() + 2..).unwrap_or_default();
    let predicate = match rest {
        [first, rest @ ..] if first.word("WHERE") => Some(text(sql, rest).to_owned()),
        _ => None,
    };
    Index { keys, predicate }
}

/// The text of a `CREATE VIEW` after AS: its query.
#[must_use]
pub fn view_query(sql: &str) -> &str {
    let tokens = tokens(sql);
    let body = tokens.iter().position(|t| t.word("AS")).and_then(|at| tokens.get(at + 1..));
    text(sql, body.unwrap_or_default())
}

/// An expression with identifiers, blobs and `==` as Postgres writes them, comments left out. What
/// is no SQL of Postgres for other reasons stays as it is.
#[must_use]
pub fn postgres_quotes(expression: &str) -> String {
    let mut text = String::with_capacity(expression.len());
    let mut last: Option<Token<'_>> = None;
    for token in tokens(expression) {
        let touches = last.is_some_and(|last| last.start + last.text.len() == token.start);
        if !touches && last.is_some() {
            text.push(' ');
        }
        let blob = touches && last.is_some_and(|last| last.word("x"));
        match (token.kind, token.text.as_bytes().first()) {
            (Kind::Quoted, Some(b'\'')) if blob => {
                text.pop();
                text.push_str(&format!("'\\x{}::bytea", &token.text[1..]));
            }
            (Kind::Quoted, Some(b'\'')) => text.push_str(token.text),
            (Kind::Quoted, _) => text.push_str(&identifier(&token.name())),
            _ if touches && token.is("=") && last.is_some_and(|last| last.is("=")) => {}
            _ => text.push_str(token.text),
        }
        last = Some(token);
    }
    text
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

/// When a trigger fires: its timing (`BEFORE`, `AFTER`, `INSTEAD OF`) and event (`INSERT`,
/// `UPDATE OF a, b`, `DELETE`).
#[must_use]
pub fn trigger_events(sql: &str) -> (&'static str, String) {
    let tokens = tokens(sql);
    let on = tokens.iter().position(|t| t.word("ON")).unwrap_or(tokens.len());
    let head = &tokens[..on];
    let mut timings = ["BEFORE", "AFTER", "INSTEAD"].into_iter();
    // The name comes before the timing and may be any word; the event is the last of its kind.
    let timing = timings.rfind(|w| head.iter().skip(2).any(|t| t.word(w)));
    let timing = match timing {
        Some("AFTER") => "AFTER",
        Some("INSTEAD") => "INSTEAD OF",
        _ => "BEFORE",
    };
    let is_event = |t: &Token<'_>| ["INSERT", "UPDATE", "DELETE"].iter().any(|w| t.word(w));
    let event = head.iter().rposition(is_event).unwrap_or(on);
    let name = |t: &Token<'_>| if t.is(",") { ", ".to_owned() } else { identifier(&t.name()) };
    let columns: String = head.get(event + 2..).unwrap_or_default().iter().map(name).collect();
    let event = head.get(event).map_or(String::new(), |t| t.text.to_ascii_uppercase());
    (timing, if columns.is_empty() { event } else { format!("{event} OF {columns}") })
}

/// A walk over one column definition or over table constraints.
struct Items<'a> {
    sql: &'a str,
    tokens: &'a [Token<'a>],
    at: usize,
    column: Option<String>,
    /// The name of the constraint that comes next.
    name: Option<String>,
}

impl<'a> Items<'a> {
    fn read(&mut self, table: &mut Table) {
        const TABLE_CONSTRAINTS: [&str; 5] =
            ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];
        let Some(first) = self.tokens.first() else { return };
        if !TABLE_CONSTRAINTS.iter().any(|w| first.word(w)) {
            self.column = Some(first.name());
            self.at = 1;
        }
        while let Some(token) = self.next() {
            self.clause(token, table);
        }
    }

    fn clause(&mut self, token: &Token<'a>, table: &mut Table) {
        let Token { kind: Kind::Word, text, .. } = token else {
            if token.is("(") {
                self.at -= 1;
                self.skip_group();
            }
            return;
        };
        match text.to_ascii_uppercase().as_str() {
            "CONSTRAINT" => self.name = self.next().map(Token::name),
            "PRIMARY" => table.primary_key = self.name.take().or(table.primary_key.take()),
            "AUTOINCREMENT" => table.autoincrement = true,
            "UNIQUE" => self.unique(table),
            "CHECK" => self.check(table),
            "FOREIGN" => self.foreign_key(table),
            "REFERENCES" => self.references(table),
            "INITIALLY" => self.initially(table),
            "COLLATE" => self.collate(table),
            "DEFAULT" => self.skip_value(),
            "AS" => self.generated(table),
            // The constraint's name belongs to these, which Postgres does not name.
            "NULL" => self.name = None,
            _ => {}
        }
    }

    fn next(&mut self) -> Option<&'a Token<'a>> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    /// The tokens between the parentheses that open here, past which it goes.
    fn take_group(&mut self) -> Option<&'a [Token<'a>]> {
        self.tokens.get(self.at).filter(|t| t.is("("))?;
        let inner = group(self.tokens, self.at);
        self.at += inner.len() + 2;
        Some(inner)
    }

    fn skip_group(&mut self) {
        if self.take_group().is_none() {
            self.at += 1;
        }
    }

    fn skip_value(&mut self) {
        while self.tokens.get(self.at).is_some_and(|t| t.is("+") || t.is("-")) {
            self.at += 1;
        }
        self.skip_group();
        self.name = None;
    }

    fn unique(&mut self, table: &mut Table) {
        let columns = match &self.column {
            Some(column) => vec![column.clone()],
            None => names(self.take_group().unwrap_or_default()),
        };
        table.uniques.push(Unique { name: self.name.take(), columns });
    }

    fn check(&mut self, table: &mut Table) {
        let Some(inner) = self.take_group() else { return };
        let names = inner.iter().filter(|t| t.is_name()).map(Token::name).collect();
        table.checks.push(Check {
            name: self.name.take(),
            column: self.column.clone(),
            expression: text(self.sql, inner).to_owned(),
            names,
        });
    }

    fn foreign_key(&mut self, table: &mut Table) {
        self.at += 1;
        let columns = names(self.take_group().unwrap_or_default());
        table.foreign_keys.push(ForeignKey { name: self.name.take(), columns, deferred: false });
    }

    fn references(&mut self, table: &mut Table) {
        if let Some(column) = &self.column {
            let columns = vec![column.clone()];
            let name = self.name.take();
            table.foreign_keys.push(ForeignKey { name, columns, deferred: false });
        }
        self.at += 1;
        if self.tokens.get(self.at).is_some_and(|t| t.is("(")) {
            self.skip_group();
        }
        self.actions();
    }

    /// `ON DELETE SET NULL` and the like, whose words are no constraints.
    fn actions(&mut self) {
        while self.tokens.get(self.at).is_some_and(|t| t.word("ON") || t.word("MATCH")) {
            let on = self.tokens[self.at].word("ON");
            self.at += if on { 3 } else { 2 };
            let two = |t: &&Token<'_>| ["NULL", "DEFAULT", "ACTION"].iter().any(|w| t.word(w));
            if on && self.tokens.get(self.at).filter(two).is_some() {
                self.at += 1;
            }
        }
    }

    fn initially(&mut self, table: &mut Table) {
        // NOT DEFERRABLE INITIALLY DEFERRED is immediate.
        let deferrable = self.at.checked_sub(3).and_then(|at| self.tokens.get(at));
        let refused = deferrable.is_some_and(|t| t.word("NOT"));
        if let Some(key) = table.foreign_keys.last_mut() {
            key.deferred = !refused && self.tokens.get(self.at).is_some_and(|t| t.word("DEFERRED"));
        }
    }

    fn collate(&mut self, table: &mut Table) {
        if let (Some(column), Some(collation)) = (self.column.clone(), self.next()) {
            table.collations.push((column, collation.name()));
        }
    }

    fn generated(&mut self, table: &mut Table) {
        if let (Some(inner), Some(column)) = (self.take_group(), self.column.clone()) {
            table.generated.push((column, text(self.sql, inner).to_owned()));
        }
        self.name = None;
    }
}

/// The first token of each part: the columns of a key.
fn names(list: &[Token<'_>]) -> Vec<String> {
    split(list, ",").filter_map(|part| part.first().map(Token::name)).collect()
}

fn without_order<'t, 'a>(mut key: &'t [Token<'a>]) -> &'t [Token<'a>] {
    if let [rest @ .., last] = key
        && (last.word("ASC") || last.word("DESC"))
    {
        key = rest;
    }
    if let [rest @ .., collate, _] = key
        && !rest.is_empty()
        && collate.word("COLLATE")
    {
        key = rest;
    }
    key
}

/// The tokens inside the parentheses that open at `open`; to the end if they do not close.
fn group<'t, 'a>(tokens: &'t [Token<'a>], open: usize) -> &'t [Token<'a>] {
    let inner = tokens.get(open + 1..).unwrap_or_default();
    let mut depth = 0_usize;
    let close = inner.iter().position(|token| {
        if token.is("(") {
            depth += 1;
        } else if token.is(")") {
            if depth == 0 {
                return true;
            }
            depth -= 1;
        }
        false
    });
    &inner[..close.unwrap_or(inner.len())]
}

/// The parts between separators that stand outside parentheses.
fn split<'t, 'a>(
    tokens: &'t [Token<'a>],
    separator: &'static str,
) -> impl Iterator<Item = &'t [Token<'a>]> {
    let mut depth = 0_i32;
    tokens.split(move |token| {
        if token.is("(") {
            depth += 1;
        } else if token.is(")") {
            depth -= 1;
        }
        depth == 0 && token.is(separator)
    })
}

/// The text from the first token to the last, comments between them included.
fn text<'s>(sql: &'s str, tokens: &[Token<'_>]) -> &'s str {
    let end = |t: &Token<'_>| t.start + t.text.len();
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => sql.get(first.start..end(last)).unwrap_or_default(),
        _ => "",
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Quoted,
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: usize,
}

impl Token<'_> {
    fn is(&self, punctuation: &str) -> bool {
        self.kind == Kind::Other && self.text == punctuation
    }

    fn word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    fn is_name(&self) -> bool {
        self.kind == Kind::Word || (self.kind == Kind::Quoted && !self.text.starts_with('\''))
    }

    /// The name it stands for, without its quotes.
    fn name(&self) -> String {
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
fn tokens(sql: &str) -> Vec<Token<'_>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_have_their_names_and_text() {
        let table = table(
            r#"CREATE TABLE "odd (name" ( -- a comment, with (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                "a b" TEXT COLLATE NOCASE CONSTRAINT one CHECK ("a b" <> ')') UNIQUE DEFAULT (1),
                c INT GENERATED ALWAYS AS (id * 2) STORED,
                d REFERENCES x(y) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
                CONSTRAINT u UNIQUE (c, d COLLATE NOCASE) CHECK (c > d)
                CONSTRAINT f FOREIGN KEY (c, d) REFERENCES z NOT DEFERRABLE INITIALLY DEFERRED)"#,
        );
        assert!(table.autoincrement);
        assert_eq!(table.collations, [("a b".to_owned(), "NOCASE".to_owned())]);
        assert_eq!(table.generated, [("c".to_owned(), "id * 2".to_owned())]);
        let checks: Vec<_> =
            table.checks.iter().map(|c| (c.name.as_deref(), c.expression.as_str())).collect();
        assert_eq!(checks, [(Some("one"), "\"a b\" <> ')'"), (None, "c > d")]);
        let uniques: Vec<_> =
            table.uniques.iter().map(|u| (u.name.as_deref(), u.columns.join("+"))).collect();
        assert_eq!(uniques, [(None, "a b".to_owned()), (Some("u"), "c+d".to_owned())]);
        let keys: Vec<_> =
            table.foreign_keys.iter().map(|k| (k.name.as_deref(), k.deferred)).collect();
        assert_eq!(keys, [(None, true), (Some("f"), false)]);
    }

    #[test]
    fn indexes_have_expressions_and_predicates() {
        let index = index(
            "CREATE UNIQUE INDEX i ON t (lower(a), [b c] COLLATE NOCASE DESC, (x+1)) \
             WHERE a > 'x' /* y */",
        );
        assert_eq!(index.keys, ["lower(a)", "[b c]", "(x+1)"]);
        assert_eq!(index.predicate.as_deref(), Some("a > 'x'"));
    }

    #[test]
    fn expressions_in_postgres_quotes() {
        let quoted = postgres_quotes("[A b]==`c` AND x'ff' /* no */ <> \"d\" || 'e''f'");
        assert_eq!(quoted, r#""A b"=c AND '\xff'::bytea <> d || 'e''f'"#);
        assert_eq!(identifier("order"), "\"order\"");
        let sql = "CREATE TRIGGER delete_it AFTER UPDATE OF a, [B] ON t BEGIN DELETE FROM u; END";
        assert_eq!(trigger_events(sql), ("AFTER", "UPDATE OF a, \"B\"".to_owned()));
    }

    #[test]
    fn nonsense_is_no_danger() {
        for sql in ["", "(", ")", "CREATE TABLE t(", "'", "\"", "[", "/*", "--", "é(", "(a CHECK"]
        {
            drop((table(sql), index(sql), postgres_quotes(sql), trigger_events(sql)));
        }
        for sql in ["(a UNIQUE", "(FOREIGN", "(FOREIGN KEY", "(a REFERENCES x ON", "(INITIALLY"] {
            drop(table(sql));
        }
    }
}
