//! What SQLite's pragmas do not tell, from the stored `CREATE` statement.
//!
//! What enters: the text in `sqlite_schema.sql`, which SQLite has parsed before
//! (<https://www.sqlite.org/lang_createtable.html>), but which a hostile file may have replaced by
//! anything. What leaves: names of constraints, CHECK and generated expressions, collations,
//! DEFERRED, index expressions and predicates. Text that makes no sense gives less, never an error.

use super::token::{Kind, Token, text, tokens};

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

/// What a `CREATE TRIGGER` says.
#[derive(Debug, PartialEq)]
pub struct TriggerText<'a> {
    /// `BEFORE`, `AFTER` or `INSTEAD OF`
    pub timing: &'static str,
    /// `INSERT`, `UPDATE` or `DELETE`
    pub event: &'static str,
    /// The columns of UPDATE OF.
    pub columns: Vec<String>,
    /// The expression after WHEN.
    pub condition: Option<&'a str>,
    /// The statements between BEGIN and END.
    pub body: &'a str,
}

/// Reads a `CREATE TRIGGER`.
#[must_use]
pub fn trigger(sql: &str) -> TriggerText<'_> {
    let tokens = tokens(sql);
    let on = tokens.iter().position(|t| t.word("ON")).unwrap_or(tokens.len());
    let (head, rest) = tokens.split_at(on);
    // The name comes before the timing and may be any word; the event is the last of its kind.
    let timings = [("BEFORE", "BEFORE"), ("AFTER", "AFTER"), ("INSTEAD", "INSTEAD OF")];
    let timing = timings.iter().rfind(|(w, _)| head.iter().skip(2).any(|t| t.word(w)));
    let events = ["INSERT", "UPDATE", "DELETE"];
    let of = |t: &Token<'_>| events.into_iter().find(|w| t.word(w));
    let at = head.iter().rposition(|t| of(t).is_some()).unwrap_or(on);
    let columns = head.get(at + 2..).unwrap_or_default().iter().filter(|t| !t.is(","));
    let begin = rest.iter().position(|t| t.word("BEGIN")).unwrap_or(rest.len());
    let end = rest.iter().rposition(|t| t.word("END")).unwrap_or(rest.len());
    let when = rest[..begin].iter().position(|t| t.word("WHEN"));
    TriggerText {
        timing: timing.map_or("BEFORE", |(_, timing)| timing),
        event: head.get(at).and_then(of).unwrap_or("INSERT"),
        columns: columns.map(Token::name).collect(),
        condition: when.map(|when| text(sql, &rest[when + 1..begin])),
        body: text(sql, rest.get(begin + 1..end).unwrap_or_default()),
    }
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
pub(super) fn group<'t, 'a>(tokens: &'t [Token<'a>], open: usize) -> &'t [Token<'a>] {
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
pub(super) fn split<'t, 'a>(
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
    fn triggers_have_a_timing_and_an_event() {
        let sql = "CREATE TRIGGER delete_it AFTER UPDATE OF a, [B] ON t WHEN new.a > 1 BEGIN \
                   DELETE FROM u; END";
        let read = trigger(sql);
        assert_eq!((read.timing, read.event), ("AFTER", "UPDATE"));
        assert_eq!(read.columns, ["a", "B"]);
        assert_eq!((read.condition, read.body), (Some("new.a > 1"), "DELETE FROM u;"));
    }

    #[test]
    fn nonsense_is_no_danger() {
        for sql in ["", "(", ")", "CREATE TABLE t(", "'", "\"", "[", "/*", "--", "é(", "(a CHECK"]
        {
            drop((table(sql), index(sql), trigger(sql)));
        }
        for sql in ["(a UNIQUE", "(FOREIGN", "(FOREIGN KEY", "(a REFERENCES x ON", "(INITIALLY"] {
            drop(table(sql));
        }
    }
}
