//! A stored `CREATE TABLE` with one thing changed, for what SQLite's ALTER TABLE does not do.
//!
//! What enters: the text in `sqlite_schema.sql` and a [`Change`] whose SQL is SQLite's. What leaves:
//! the definition from its parenthesis on, everything else in it as it was, comments included.
//! <https://www.sqlite.org/lang_altertable.html#otheralter>

use super::ddl::{group, split};
use super::token::{Token, tokens};

/// What is to be different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A table constraint is added; its text.
    AddConstraint(String),
    /// A key is dropped.
    DropKey(Key),
    /// A column gets another type; what stands in its place may hold constraints too.
    Type {
        /// The column.
        column: String,
        /// Its new type.
        declared: String,
        /// What its values become, over the old columns; as they are if `None`.
        using: Option<String>,
    },
    /// A column becomes the rowid; `INTEGER PRIMARY KEY` and what follows it.
    Rowid {
        /// The column.
        column: String,
        /// Its type and constraint.
        declared: String,
    },
    /// A column gets another default, or none.
    Default {
        /// The column.
        column: String,
        /// What stands behind DEFAULT.
        value: Option<String>,
    },
}

/// A key as it may be found in a definition: by its name, or by its columns where it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: KeyKind,
    /// Its columns, in order.
    pub columns: Vec<String>,
}

/// The kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// PRIMARY KEY
    Primary,
    /// UNIQUE
    Unique,
    /// FOREIGN KEY
    Foreign,
}

/// The definition with the change, from its parenthesis on; `None` when what is to be changed is
/// not in it.
#[must_use]
pub fn changed(sql: &str, change: &Change) -> Option<String> {
    let tokens = tokens(sql);
    let open = tokens.iter().position(|token| token.is("("))?;
    let body = group(&tokens, open);
    let items: Vec<&[Token<'_>]> = split(body, ",").collect();
    let start = tokens.get(open)?.start;
    if let Change::AddConstraint(constraint) = change {
        let end = end(body.last()?);
        return Some(format!("{}, {constraint}{}", &sql[start..end], &sql[end..]));
    }
    for item in items {
        let place = item.first()?.start..end(item.last()?);
        let before = &sql[start..place.start];
        match changed_item(sql, item, change) {
            Edit::None => {}
            Edit::Replaced(new) => return Some(format!("{before}{new}{}", &sql[place.end..])),
            Edit::Removed => {
                let before = before.trim_end().strip_suffix(',')?;
                return Some(format!("{before}{}", &sql[place.end..]));
            }
        }
    }
    None
}

/// What becomes of a column definition or a table constraint.
enum Edit {
    None,
    Replaced(String),
    Removed,
}

fn changed_item(sql: &str, item: &[Token<'_>], change: &Change) -> Edit {
    let clauses = clauses(sql, item);
    let Some(first) = item.first() else { return Edit::None };
    let table_constraint = starts_clause(item, 0);
    let name = first.name();
    let is = |column: &str| !table_constraint && name.eq_ignore_ascii_case(column);
    let quoted = first.text;
    let with_head = |declared: &str, keep: &dyn Fn(&Clause<'_>) -> bool| {
        let kept = clauses.iter().skip(1).filter(|clause| keep(clause)).map(|clause| clause.text);
        let head = format!("{quoted} {declared}");
        Edit::Replaced([head.as_str()].into_iter().chain(kept).collect::<Vec<_>>().join(" "))
    };
    match change {
        Change::Type { column, declared, .. } if is(column) => with_head(declared, &|_| true),
        Change::Rowid { column, declared } if is(column) => with_head(declared, &|clause| {
            !["PRIMARY", "NOT", "NULL", "DEFAULT"].contains(&clause.keyword.as_str())
        }),
        Change::Default { column, value } if is(column) => {
            let kept = clauses.iter().filter(|clause| clause.keyword != "DEFAULT");
            let mut parts: Vec<&str> = kept.map(|clause| clause.text).collect();
            let default = value.as_ref().map(|value| format!("DEFAULT {value}"));
            parts.extend(default.as_deref());
            Edit::Replaced(parts.join(" "))
        }
        Change::DropKey(key) if table_constraint => {
            if clauses.iter().any(|clause| clause.is_key(key, None)) {
                Edit::Removed
            } else {
                Edit::None
            }
        }
        Change::DropKey(key) => {
            if !clauses.iter().any(|clause| clause.is_key(key, Some(&name))) {
                return Edit::None;
            }
            let kept = clauses.iter().filter(|clause| !clause.is_key(key, Some(&name)));
            let mut parts: Vec<&str> = kept.map(|clause| clause.text).collect();
            if key.kind == KeyKind::Primary && !clauses.iter().any(|c| c.keyword == "NOT") {
                parts.push("NOT NULL");
            }
            Edit::Replaced(parts.join(" "))
        }
        _ => Edit::None,
    }
}

/// A column's name and type, or one of its constraints; or a table constraint.
struct Clause<'a> {
    /// The name it was given.
    name: Option<String>,
    /// Its first word in upper case; of no meaning for name and type.
    keyword: String,
    /// The first names in parentheses.
    columns: Vec<String>,
    /// Its text, comments behind it included.
    text: &'a str,
}

impl Clause<'_> {
    /// It is that key, as a constraint of the table or of the column.
    fn is_key(&self, key: &Key, column: Option<&str>) -> bool {
        let keyword = match (key.kind, column) {
            (KeyKind::Primary, _) => "PRIMARY",
            (KeyKind::Unique, _) => "UNIQUE",
            (KeyKind::Foreign, None) => "FOREIGN",
            (KeyKind::Foreign, Some(_)) => "REFERENCES",
        };
        if self.keyword != keyword {
            return false;
        }
        let own: Vec<&str> = match column {
            Some(column) => vec![column],
            None => self.columns.iter().map(String::as_str).collect(),
        };
        match &self.name {
            Some(name) => name.eq_ignore_ascii_case(&key.name),
            None => {
                own.len() == key.columns.len()
                    && own.iter().zip(&key.columns).all(|(a, b)| a.eq_ignore_ascii_case(b))
            }
        }
    }
}

/// Cuts an item where its constraints begin.
fn clauses<'a>(sql: &'a str, item: &[Token<'a>]) -> Vec<Clause<'a>> {
    let mut starts = vec![0];
    let mut depth = 0_usize;
    for (at, token) in item.iter().enumerate() {
        if token.is("(") {
            depth += 1;
        } else if token.is(")") {
            depth = depth.saturating_sub(1);
        } else if at > 0 && depth == 0 && starts_clause(item, at) {
            starts.push(at);
        }
    }
    let ends = starts.iter().skip(1).copied().chain([item.len()]);
    let clause = |(from, to): (usize, usize)| {
        let own = item.get(from..to).unwrap_or_default();
        let named = own.first().is_some_and(|token| token.word("CONSTRAINT"));
        let rest = if named { own.get(2..).unwrap_or_default() } else { own };
        let open = rest.iter().position(|token| token.is("("));
        let inner = open.map(|open| group(rest, open)).unwrap_or_default();
        // To where the next one begins, so that a comment between them is kept.
        let until = item.get(to).map_or_else(|| own.last().map_or(0, end), |next| next.start);
        Clause {
            name: if named { own.get(1).map(Token::name) } else { None },
            keyword: rest.first().map(|token| token.text.to_ascii_uppercase()).unwrap_or_default(),
            columns: split(inner, ",").filter_map(|c| c.first().map(Token::name)).collect(),
            text: own.first().and_then(|f| sql.get(f.start..until)).unwrap_or_default().trim_end(),
        }
    };
    starts.iter().copied().zip(ends).map(clause).collect()
}

/// A constraint begins here, and is not what goes on with the words before.
fn starts_clause(item: &[Token<'_>], at: usize) -> bool {
    const FIRST_WORDS: [&str; 11] = [
        "CONSTRAINT",
        "PRIMARY",
        "NOT",
        "NULL",
        "UNIQUE",
        "CHECK",
        "DEFAULT",
        "COLLATE",
        "REFERENCES",
        "GENERATED",
        "FOREIGN",
    ];
    let word = |back: usize, word: &str| {
        at.checked_sub(back).and_then(|at| item.get(at)).is_some_and(|token| token.word(word))
    };
    let Some(token) = item.get(at) else { return false };
    let known = FIRST_WORDS.iter().any(|first| token.word(first)) || token.word("AS");
    let goes_on = word(1, "CONSTRAINT")
        || word(2, "CONSTRAINT")
        || word(1, "DEFAULT")
        || word(1, "SET")
        || (word(1, "NOT") && token.word("NULL"))
        || (word(1, "ALWAYS") && token.word("AS"))
        || (token.word("NOT") && item.get(at + 1).is_some_and(|next| next.word("DEFERRABLE")));
    known && !goes_on
}

fn end(token: &Token<'_>) -> usize {
    token.start + token.text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "CREATE TABLE \"a (b\" (id INTEGER /* int4 */ PRIMARY KEY AUTOINCREMENT, -- key
  \"x,y\" varchar(40) NOT NULL CONSTRAINT u UNIQUE DEFAULT 'a, (b' /* note */, z int REFERENCES p (q)
    ON DELETE SET NULL NOT DEFERRABLE CHECK (z > (1)), n AS (z + 1), PRIMARY KEY (z, n),
  CONSTRAINT f FOREIGN KEY (z, \"x,y\") REFERENCES p, UNIQUE (z, n)) STRICT";

    fn key(name: &str, kind: KeyKind, columns: &[&str]) -> Change {
        let columns = columns.iter().map(|c| (*c).to_owned()).collect();
        Change::DropKey(Key { name: name.to_owned(), kind, columns })
    }

    /// The changed definition, and that nothing else is different: `from` became `to`.
    fn check(change: &Change, from: &str, to: &str) {
        let open = TABLE.find(" (id").map(|at| at + 1).unwrap();
        assert_eq!(TABLE.matches(from).count(), 1, "{from}");
        assert_eq!(changed(TABLE, change).unwrap(), TABLE[open..].replace(from, to));
    }

    #[test]
    fn one_thing_changes_and_the_rest_stays() {
        check(&Change::AddConstraint("CHECK (1)".into()), "n)) STRICT", "n), CHECK (1)) STRICT");
        check(
            &key("f", KeyKind::Foreign, &[]),
            ",\n  CONSTRAINT f FOREIGN KEY (z, \"x,y\") REFERENCES p",
            "",
        );
        check(&key("made_up", KeyKind::Unique, &["Z", "n"]), ", UNIQUE (z, n)", "");
        check(&key("u", KeyKind::Unique, &["x,y"]), " CONSTRAINT u UNIQUE", "");
        check(
            &key("made_up", KeyKind::Foreign, &["z"]),
            " REFERENCES p (q)\n    ON DELETE SET NULL NOT DEFERRABLE",
            "",
        );
        check(&key("a_pkey", KeyKind::Primary, &["id"]), " PRIMARY KEY AUTOINCREMENT", " NOT NULL");
        let retyped = |declared: &str| Change::Type {
            column: "X,Y".into(),
            declared: declared.into(),
            using: None,
        };
        check(&retyped("text"), "varchar(40)", "text");
        let value = |value: Option<&str>| Change::Default {
            column: "x,y".into(),
            value: value.map(str::to_owned),
        };
        check(&value(None), " DEFAULT 'a, (b'", "");
        check(&value(Some("1")), "DEFAULT 'a, (b'", "DEFAULT 1");
    }

    #[test]
    fn what_is_not_there_is_not_changed() {
        assert_eq!(changed(TABLE, &key("g", KeyKind::Foreign, &["n"])), None);
        assert_eq!(changed("CREATE TABLE", &Change::AddConstraint(String::new())), None);
        assert_eq!(changed("", &key("g", KeyKind::Primary, &[])), None);
        assert_eq!(changed("CREATE TABLE t (", &key("g", KeyKind::Primary, &[])), None);
    }
}
