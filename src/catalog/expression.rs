//! Expressions of a file's schema as Postgres would show them.
//!
//! What enters: the text of a default, a check, a key or a predicate, as SQLite stores it. What
//! leaves: the same in Postgres's spelling; where Postgres has no equal, the text as it is.

use super::kind::format_type;
use crate::schema::spelling::Spelling;
use crate::schema::{Column, Relation};
use crate::types::Type;

/// An expression over a table's columns.
pub(super) fn expression_text(table: &Relation, expression: &str) -> String {
    Spelling::of_table(table).spell(expression)
}

/// What `pg_get_expr` says of a column's default or generation expression.
pub(super) fn default_text(table: &Relation, column: &Column) -> String {
    if let Some(generated) = &column.generated {
        return format!("({})", expression_text(table, generated));
    }
    let text = column.default.as_deref().unwrap_or_default().trim();
    if let Some(current) = current(text) {
        return current.to_owned();
    }
    match (column.ty.ty, literal(text)) {
        (Type::BOOL, Literal::Number("1")) => "true".to_owned(),
        (Type::BOOL, Literal::Number("0")) => "false".to_owned(),
        (ty, Literal::Text(text)) => format!("{text}::{}", format_type(ty, Some(-1))),
        (_, Literal::Word(word)) => word.to_ascii_lowercase(),
        _ => expression_text(table, text),
    }
}

/// What SQLite calls the clock.
fn current(text: &str) -> Option<&'static str> {
    let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    match bare.to_ascii_lowercase().trim_matches(['(', ')']) {
        "current_timestamp" | "datetime('now'" | "datetime" => Some("CURRENT_TIMESTAMP"),
        "current_date" | "date('now'" => Some("CURRENT_DATE"),
        "current_time" | "time('now'" => Some("CURRENT_TIME"),
        _ => None,
    }
}

enum Literal<'a> {
    Number(&'a str),
    /// Quoted as Postgres quotes.
    Text(String),
    /// TRUE, FALSE
    Word(&'a str),
    None,
}

fn literal(text: &str) -> Literal<'_> {
    let inner = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if let Some(inner) = inner('\'').filter(|t| !t.replace("''", "").contains('\'')) {
        return Literal::Text(format!("'{inner}'"));
    }
    // SQLite takes DEFAULT "x" for the text x.
    if let Some(inner) = inner('"') {
        return Literal::Text(format!("'{}'", inner.replace("\"\"", "\"").replace('\'', "''")));
    }
    if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        return Literal::Word(text);
    }
    if text.parse::<f64>().is_ok() { Literal::Number(text) } else { Literal::None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Namespace, RelationKind, column_type};

    fn shown(declared: &str, default: &str) -> String {
        let table = Relation::named(Namespace::Public, "t".to_owned(), RelationKind::Table);
        default_text(
            &table,
            &Column {
                name: String::new(),
                declared: declared.to_owned(),
                ty: column_type(declared),
                not_null: false,
                default: Some(default.to_owned()),
                generated: None,
                collation: None,
            },
        )
    }

    #[test]
    fn defaults_in_postgres_spelling() {
        assert_eq!(shown("BOOLEAN", "1"), "true");
        assert_eq!(shown("INTEGER", "1"), "1");
        assert_eq!(shown("VARCHAR(3)", "'it''s'"), "'it''s'::character varying");
        assert_eq!(shown("CHAR(3)", "'abc'"), "'abc'::bpchar");
        assert_eq!(shown("TEXT", "\"new\""), "'new'::text");
        assert_eq!(shown("TIMESTAMP", "datetime('now')"), "CURRENT_TIMESTAMP");
        assert_eq!(shown("TIMESTAMP", "current_timestamp"), "CURRENT_TIMESTAMP");
        assert_eq!(shown("BLOB", "x'00'"), "'\\x00'::bytea");
        assert_eq!(shown("TEXT", "lower(hex(randomblob(16)))"), "lower(hex(randomblob(16)))");
    }
}
