//! Stored SQL in Postgres's spelling.
//!
//! What enters: the text of an expression, a view's query or a trigger's body, as SQLite stores it,
//! and what its names may mean. What leaves: the same with names quoted as they are shown, booleans
//! as such, and functions by the names Postgres has for them; where Postgres has no equal, the text
//! as it is. Comments are left out.

use super::token::{Kind, Token, identifier, tokens};
use super::{Column, Relation, Schema};
use crate::types::Type;
use std::collections::{HashMap, HashSet};

/// Names in sight of a text.
pub(crate) struct Spelling<'a> {
    schema: Option<&'a Schema>,
    /// Stored names of columns, by name in lower case.
    columns: HashMap<String, Vec<&'a Column>>,
    /// Relations are named with their namespace.
    qualified: bool,
}

impl<'a> Spelling<'a> {
    /// For an expression over the columns of a table.
    pub(crate) fn of_table(table: &'a Relation) -> Self {
        let mut spelling = Self { schema: None, columns: HashMap::new(), qualified: false };
        spelling.add(table);
        spelling
    }

    /// For a query or statements that read and write relations. `own` names more columns: the
    /// view's or the trigger's table.
    pub(crate) fn of_query(schema: &'a Schema, sql: &str, own: &'a Relation) -> Self {
        let schema_of = Some(schema);
        let mut spelling = Self { schema: schema_of, columns: HashMap::new(), qualified: false };
        spelling.add(own);
        relations_in(schema, sql).into_iter().for_each(|relation| spelling.add(relation));
        spelling
    }

    /// Names relations with their namespace, if that is not on the search path.
    pub(crate) fn qualified(self, qualified: bool) -> Self {
        Self { qualified, ..self }
    }

    fn add(&mut self, relation: &'a Relation) {
        for column in &relation.columns {
            self.columns.entry(column.name.to_ascii_lowercase()).or_default().push(column);
        }
    }

    /// The text in Postgres's spelling.
    pub(crate) fn spell(&self, sql: &str) -> String {
        let tokens = tokens(sql);
        let tables = self.schema.map_or_else(HashMap::new, |schema| tables(schema, &tokens));
        let mut writer = Writer { spelling: self, tokens: &tokens, tables, out: Vec::new() };
        (0..tokens.len()).for_each(|at| writer.write(at));
        writer.finish()
    }

    /// The column that a name means; of several whose names differ in case, the one it is.
    fn column(&self, name: &str) -> Option<&'a Column> {
        let found = self.columns.get(&name.to_ascii_lowercase())?;
        found.iter().find(|column| column.name == name).or_else(|| found.first()).copied()
    }
}

/// The relations that a query names in FROM, each once.
pub(crate) fn relations_in<'a>(schema: &'a Schema, sql: &str) -> Vec<&'a Relation> {
    let tokens = tokens(sql);
    let mut places: Vec<_> = tables(schema, &tokens).into_iter().collect();
    places.sort_by_key(|(at, _)| *at);
    let mut seen = HashSet::new();
    places.into_iter().map(|(_, relation)| relation).filter(|r| seen.insert(r.oid)).collect()
}

/// The positions of the columns of a relation that a text names.
pub(crate) fn columns_in(relation: &Relation, sql: &str) -> Vec<usize> {
    let names: HashSet<_> = tokens(sql)
        .iter()
        .filter(|token| token.is_name())
        .map(|token| token.name().to_ascii_lowercase())
        .collect();
    let columns = relation.columns.iter().enumerate();
    columns.filter(|(_, c)| names.contains(&c.name.to_ascii_lowercase())).map(|(i, _)| i).collect()
}

/// Where a text names relations: after FROM, JOIN, INTO, UPDATE, and the commas of FROM.
fn tables<'a>(schema: &'a Schema, tokens: &[Token<'_>]) -> HashMap<usize, &'a Relation> {
    /// What ends a FROM list.
    const ENDS: [&str; 12] = [
        "WHERE",
        "GROUP",
        "ORDER",
        "HAVING",
        "LIMIT",
        "UNION",
        "INTERSECT",
        "EXCEPT",
        "WINDOW",
        "SET",
        "VALUES",
        "SELECT",
    ];
    let common = common_tables(tokens);
    let mut found = HashMap::new();
    let mut in_from = vec![false];
    let mut expected = false;
    for (at, token) in tokens.iter().enumerate() {
        let is = |words: &[&str]| words.iter().any(|word| token.word(word));
        let after_distinct = at > 0 && tokens[at - 1].word("DISTINCT");
        if token.is("(") {
            in_from.push(expected);
        } else if token.is(")") {
            in_from.pop();
            expected = false;
        } else if is(&["FROM", "JOIN", "INTO", "UPDATE"]) && !after_distinct {
            expected = true;
            if let Some(last) = in_from.last_mut() {
                *last = is(&["FROM", "JOIN"]) || *last;
            }
        } else if token.is(",") {
            expected = in_from.last() == Some(&true);
        } else if is(&ENDS) {
            expected = false;
            in_from.last_mut().into_iter().for_each(|last| *last = false);
        } else if expected && token.is_name() {
            let qualifies = tokens.get(at + 1).is_some_and(|next| next.is("."));
            expected = qualifies;
            let name = token.name();
            if !qualifies && !common.contains(&name.to_ascii_lowercase()) {
                found.extend(schema.relation(&name).map(|relation| (at, relation)));
            }
        }
    }
    found
}

/// Names that WITH gives to queries, in lower case.
fn common_tables(tokens: &[Token<'_>]) -> HashSet<String> {
    let with = tokens.iter().any(|token| token.word("WITH"));
    let opens = |at: usize| tokens.get(at).is_some_and(|token| token.is("("));
    let is_named = |at: usize| {
        tokens.get(at + 1).is_some_and(|t| t.word("AS")) && opens(at + 2)
            || (opens(at + 1) && tokens.get(at - 1).is_some_and(|t| t.word("RECURSIVE")))
    };
    let named = (1..tokens.len()).filter(|&at| with && tokens[at].is_name() && is_named(at));
    named.map(|at| tokens[at].name().to_ascii_lowercase()).collect()
}

/// Writes tokens one after the other.
struct Writer<'a> {
    spelling: &'a Spelling<'a>,
    tokens: &'a [Token<'a>],
    tables: HashMap<usize, &'a Relation>,
    /// Text of each token; `None` for one that is left out.
    out: Vec<Option<String>>,
}

impl Writer<'_> {
    fn write(&mut self, at: usize) {
        // A token before may have said what becomes of this one.
        if self.out.len() > at {
            return;
        }
        let token = self.tokens[at];
        let text = match (token.kind, token.text.as_bytes().first()) {
            (Kind::Word, Some(b'x' | b'X')) if self.is_blob(at) => {
                let digits = &self.tokens[at + 1].text[1..];
                return self.out.extend([Some(format!("'\\x{digits}::bytea")), None]);
            }
            (Kind::Quoted, Some(b'\'')) => token.text.to_owned(),
            (Kind::Other, _) => return self.write_other(at),
            _ => return self.write_name(at),
        };
        self.out.push(Some(text));
    }

    /// `x'00'`
    fn is_blob(&self, at: usize) -> bool {
        let token = self.tokens[at];
        self.tokens.get(at + 1).is_some_and(|next| {
            token.word("x") && next.text.starts_with('\'') && next.start == token.start + 1
        })
    }

    /// `==` is `=` in Postgres.
    fn write_other(&mut self, at: usize) {
        let token = self.tokens[at];
        self.out.push(Some(token.text.to_owned()));
        let next = self.tokens.get(at + 1);
        if token.is("=") && next.is_some_and(|n| n.is("=") && n.start == token.start + 1) {
            self.out.push(None);
        }
    }

    fn write_name(&mut self, at: usize) {
        let token = self.tokens[at];
        let next_is = |what: &str| self.tokens.get(at + 1).is_some_and(|next| next.is(what));
        let quoted = token.kind == Kind::Quoted;
        if let Some(relation) = self.tables.get(&at) {
            let name = identifier(&relation.name);
            let after_dot = at > 0 && self.tokens[at - 1].is(".");
            let qualify = self.spelling.qualified && !after_dot;
            return self.out.push(Some(if qualify { format!("public.{name}") } else { name }));
        }
        if next_is(".") && (token.word("main") || token.name() == "main") {
            return self.out.push(Some("public".to_owned()));
        }
        if !quoted && next_is("(") {
            return self.write_call(at);
        }
        if token.word("COLLATE") {
            return self.out.extend([None, None]);
        }
        if !quoted && is_keyword(token.text) {
            return self.out.push(Some(token.text.to_owned()));
        }
        match self.spelling.column(&token.name()) {
            Some(column) => self.write_column(at, column),
            // SQLite takes a name that means nothing for a text.
            None if token.text.starts_with('"') && self.spelling.schema.is_none() => {
                self.out.push(Some(format!("'{}'", token.name().replace('\'', "''"))));
            }
            None if quoted => self.out.push(Some(identifier(&token.name()))),
            None => self.out.push(Some(self.other_word(at))),
        }
    }

    /// A word that is no column: perhaps a relation, or a name given with AS.
    fn other_word(&self, at: usize) -> String {
        let word = self.tokens[at].text;
        let qualifies = self.tokens.get(at + 1).is_some_and(|next| next.is("."));
        let relation = self.spelling.schema.filter(|_| qualifies).and_then(|s| s.relation(word));
        relation.map_or_else(|| word.to_owned(), |relation| identifier(&relation.name))
    }

    /// A boolean column is compared with TRUE and FALSE, where SQLite has 1 and 0.
    fn write_column(&mut self, at: usize, column: &Column) {
        self.out.push(Some(identifier(&column.name)));
        if column.ty.ty != Type::BOOL {
            return;
        }
        let rest = &self.tokens[at + 1..];
        let compares = |t: &Token<'_>| {
            ["=", "<", ">", "!"].iter().any(|c| t.is(c)) || t.word("IS") || t.word("NOT")
        };
        let operator = rest.iter().take_while(|token| compares(token)).count();
        let truth = |token: &Token<'_>| match token.text {
            "1" => Some("true".to_owned()),
            "0" => Some("false".to_owned()),
            _ => None,
        };
        match rest.get(operator..) {
            Some([value, ..]) if operator > 0 && truth(value).is_some() => {
                for i in at + 1..=at + operator {
                    self.write(i);
                }
                self.out.push(truth(value));
            }
            Some([list, open, values @ ..]) if list.word("IN") && open.is("(") => {
                let length = values.iter().take_while(|t| !t.is(")")).count();
                for i in at + 1..=at + operator + 2 {
                    self.write(i);
                }
                for value in &values[..length] {
                    self.out.push(truth(value).or_else(|| Some(value.text.to_owned())));
                }
            }
            _ => {}
        }
    }

    fn write_call(&mut self, at: usize) {
        let token = self.tokens[at];
        let argument = self.tokens.get(at + 2).map_or("", |token| token.text);
        let closes = self.tokens.get(at + 3).is_some_and(|token| token.is(")"));
        let now = closes && argument.eq_ignore_ascii_case("'now'");
        let name = token.text.to_ascii_lowercase();
        let clock = match name.as_str() {
            "datetime" if now => "CURRENT_TIMESTAMP",
            "date" if now => "CURRENT_DATE",
            "time" if now => "CURRENT_TIME",
            _ => {
                let postgres = match name.as_str() {
                    "ifnull" => "coalesce",
                    "instr" => "strpos",
                    "char" => "chr",
                    _ => token.text,
                };
                return self.out.push(Some(postgres.to_owned()));
            }
        };
        self.out.extend([Some(clock.to_owned()), None, None, None]);
    }

    /// Joins what was written, with spaces where the stored text has any.
    fn finish(self) -> String {
        let mut text = String::new();
        let mut end = 0;
        for (token, written) in self.tokens.iter().zip(&self.out) {
            if let Some(written) = written {
                if token.start > end && !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(written);
            }
            end = token.start + token.text.len();
        }
        text
    }
}

/// Words that SQLite takes for no name unless they are quoted, and those that hardly ever are one.
/// <https://www.sqlite.org/lang_keywords.html>
fn is_keyword(word: &str) -> bool {
    const KEYWORDS: &str = " all and as asc between by case cast check collate cross desc distinct \
        else end escape except exists filter from glob group having in inner insert intersect into \
        is isnull join left like limit match natural not notnull null on or order outer over \
        partition references right select set table then to union unique update using values when \
        where with ";
    KEYWORDS.split_ascii_whitespace().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::RelationKind::{Table, View};
    use crate::schema::{Namespace, column_type};

    fn relation(name: &str, columns: &[(&str, &str)]) -> Relation {
        let column = |(name, declared): &(&str, &str)| Column {
            name: (*name).to_owned(),
            declared: (*declared).to_owned(),
            ty: column_type(declared),
            not_null: false,
            default: None,
            generated: None,
            collation: None,
        };
        let kind = if columns.is_empty() { View } else { Table };
        Relation {
            columns: columns.iter().map(column).collect(),
            ..Relation::named(Namespace::Public, name.to_owned(), kind)
        }
    }

    #[test]
    fn expressions() {
        let table = relation("t", &[("A b", "TEXT"), ("c", "INT"), ("isOn", "BOOLEAN")]);
        let spelling = Spelling::of_table(&table);
        for (stored, shown) in [
            ("[A b]==`c` AND x'ff' /* no */ <> \"d\"", r#""A b"=c AND '\xff'::bytea <> 'd'"#),
            ("ison IN (0,1) or IsOn = 1", r#""isOn" IN (false,true) or "isOn" = true"#),
            ("isOn IS NOT 0 AND c = 1", r#""isOn" IS NOT false AND c = 1"#),
            ("ifnull(C, 0) > 1 COLLATE NOCASE", "coalesce(c, 0) > 1"),
            ("\"a B\" || 'e''f' < datetime('now')", r#""A b" || 'e''f' < CURRENT_TIMESTAMP"#),
        ] {
            assert_eq!(spelling.spell(stored), shown);
        }
    }

    #[test]
    fn queries() {
        let track = relation("Track", &[("TrackId", "INTEGER"), ("name", "TEXT")]);
        let own = relation("v", &[("Total", "INTEGER")]);
        let schema = Schema::new(1, vec![track, relation("name", &[("z", "TEXT")])]);
        let spell = |sql: &str| Spelling::of_query(&schema, sql, &own).qualified(true).spell(sql);
        for (stored, shown) in [
            (
                "SELECT trackid, count(*) AS total\nFROM track GROUP BY 1",
                r#"SELECT "TrackId", count(*) AS "Total" FROM public."Track" GROUP BY 1"#,
            ),
            (
                "SELECT t.Name, name FROM main.Track t, (SELECT z FROM name) JOIN track USING (z)",
                "SELECT t.name, name FROM public.\"Track\" t, (SELECT z FROM public.name) \
                 JOIN public.\"Track\" USING (z)",
            ),
            (
                "WITH name AS (SELECT 1) SELECT Track.TrackId FROM name, Track",
                r#"WITH name AS (SELECT 1) SELECT "Track"."TrackId" FROM name, public."Track""#,
            ),
        ] {
            assert_eq!(spell(stored), shown);
        }
    }

    #[test]
    fn nonsense_is_no_danger() {
        let table = relation("t", &[("b", "BOOLEAN")]);
        let schema = Schema::new(1, vec![table.clone()]);
        for sql in ["", ")", "(", "b", "b IN (", "b =", "b NOT", "datetime('now'", "COLLATE", "x'"]
        {
            drop(Spelling::of_table(&table).spell(sql));
            drop(Spelling::of_query(&schema, sql, &table).spell(sql));
            drop(Spelling::of_query(&schema, &format!("FROM {sql}"), &table).spell(sql));
        }
    }
}
