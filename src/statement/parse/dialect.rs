//! sqlparser's Postgres dialect with what it lacks: Postgres's precedence of unary and regular
//! expression operators, typed strings of any type, `BETWEEN SYMMETRIC`, `COLLATE` behind a cast,
//! and `TABLE name`.
//!
//! It answers to the name of `PostgreSqlDialect`, so what sqlparser asks of that type holds here.
//! <https://www.postgresql.org/docs/15/sql-syntax-lexical.html#SQL-PRECEDENCE>

use crate::statement::utility::is_reserved;
use sqlparser::ast::{BinaryOperator, DataType, Expr, ObjectName, Statement, TypedString};
use sqlparser::ast::{Ident, TrimWhereField, UnaryOperator};
use sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;
use std::any::TypeId;
use std::cell::Cell;

/// The dialect of one parse.
#[derive(Debug, Default)]
pub(super) struct Postgres {
    base: PostgreSqlDialect,
    /// How far expressions were read, as a byte offset.
    furthest: Cell<Option<usize>>,
}

/// Operators may follow one another to this length (`a OR b OR c ...`): SQLite's limit of
/// expression depth, below which walking the tree is safe.
const CHAIN_MAX: usize = 1000;

/// The same before an operator read here: its left operand is lent, and has to be copied.
const COPIED_MAX: usize = 50;

/// What a statement may begin with; sqlparser knows more, of other dialects and of those read
/// elsewhere.
const STATEMENTS: [Keyword; 12] = [
    Keyword::SELECT,
    Keyword::WITH,
    Keyword::VALUES,
    Keyword::INSERT,
    Keyword::UPDATE,
    Keyword::DELETE,
    Keyword::MERGE,
    Keyword::TRUNCATE,
    Keyword::CREATE,
    Keyword::DROP,
    Keyword::ALTER,
    Keyword::PRAGMA,
];

/// Binds tighter than COLLATE and AT TIME ZONE, looser than a subscript.
const UNARY_MINUS: u8 = 120;

type Parse<T> = Option<Result<T, ParserError>>;

impl Postgres {
    /// The last token that expressions were read up to; the parser goes back from there to try
    /// another way, and complains of an earlier one when that fails too.
    pub(super) fn furthest(&self) -> Option<usize> {
        self.furthest.get()
    }

    fn reached(&self, parser: &Parser<'_>) {
        let at = super::offset(parser.peek_token_ref().span).unwrap_or(usize::MAX);
        self.furthest.set(self.furthest.get().max(Some(at)));
    }
}

/// How many operators hang to the left of an expression, as far as that matters.
fn chain_length(mut expr: &Expr) -> usize {
    let mut length = 0;
    loop {
        expr = match expr {
            Expr::BinaryOp { left, .. } => left,
            Expr::Cast { expr, .. } | Expr::Collate { expr, .. } => expr,
            Expr::AtTimeZone { timestamp, .. } => timestamp,
            Expr::IsNull(expr) | Expr::IsNotNull(expr) => expr,
            Expr::IsTrue(expr) | Expr::IsNotTrue(expr) => expr,
            Expr::IsFalse(expr) | Expr::IsNotFalse(expr) => expr,
            Expr::IsUnknown(expr) | Expr::IsNotUnknown(expr) => expr,
            Expr::IsDistinctFrom(expr, _) | Expr::IsNotDistinctFrom(expr, _) => expr,
            Expr::Like { expr, .. } | Expr::ILike { expr, .. } | Expr::SimilarTo { expr, .. } => {
                expr
            }
            Expr::Between { expr, .. } | Expr::InList { expr, .. } => expr,
            Expr::InSubquery { expr, .. } | Expr::InUnnest { expr, .. } => expr,
            Expr::IsNormalized { expr, .. } | Expr::UnaryOp { expr, .. } => expr,
            Expr::AnyOp { left, .. } | Expr::AllOp { left, .. } => left,
            Expr::CompoundFieldAccess { root, .. } => root,
            _ => return length,
        };
        length += 1;
        if length > CHAIN_MAX {
            return length;
        }
    }
}

impl Dialect for Postgres {
    fn dialect(&self) -> TypeId {
        self.base.dialect()
    }

    fn parse_statement(&self, parser: &mut Parser<'_>) -> Parse<Statement> {
        match &parser.peek_token_ref().token {
            Token::Word(word) if word.keyword == Keyword::TABLE => {
                Some(parser.parse_query().map(Into::into))
            }
            Token::Word(word) if STATEMENTS.contains(&word.keyword) => None,
            Token::LParen => None,
            _ => Some(parser.expected_ref("a statement", parser.peek_token_ref())),
        }
    }

    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Parse<Expr> {
        self.reached(parser);
        let operator = match &parser.peek_token_ref().token {
            Token::Word(word) if word.keyword == Keyword::TRIM => return trim(parser),
            Token::Word(word) if word.quote_style.is_none() && begins_nothing(&word.value) => {
                let message = "an expression";
                return Some(parser.expected_ref(message, parser.peek_token_ref()));
            }
            Token::Word(_) => return typed_string(parser),
            Token::Minus => UnaryOperator::Minus,
            Token::Plus => UnaryOperator::Plus,
            Token::Tilde => UnaryOperator::BitwiseNot,
            Token::AtSign => UnaryOperator::PGAbs,
            Token::PGSquareRoot => UnaryOperator::PGSquareRoot,
            Token::PGCubeRoot => UnaryOperator::PGCubeRoot,
            _ => return None,
        };
        let sign = matches!(operator, UnaryOperator::Minus | UnaryOperator::Plus);
        let precedence = if sign { UNARY_MINUS } else { self.prec_value(Precedence::PgOther) };
        parser.advance_token();
        let operand = parser.parse_subexpr(precedence);
        Some(operand.map(|expr| Expr::UnaryOp { op: operator, expr: Box::new(expr) }))
    }

    fn parse_infix(&self, parser: &mut Parser<'_>, left: &Expr, precedence: u8) -> Parse<Expr> {
        if chain_length(left) > CHAIN_MAX {
            return Some(Err(ParserError::RecursionLimitExceeded));
        }
        let Token::Word(word) = &parser.peek_token_ref().token else { return None };
        let copies = matches!(word.keyword, Keyword::COLLATE | Keyword::OPERATOR)
            || is_keyword(&parser.peek_nth_token_ref(1).token, Keyword::SYMMETRIC)
            || is_keyword(&parser.peek_nth_token_ref(2).token, Keyword::SYMMETRIC);
        if copies && chain_length(left) > COPIED_MAX {
            return Some(Err(ParserError::RecursionLimitExceeded));
        }
        match word.keyword {
            Keyword::COLLATE => {
                parser.advance_token();
                Some(
                    parser
                        .parse_object_name(false)
                        .map(|collation| Expr::Collate { expr: Box::new(left.clone()), collation }),
                )
            }
            Keyword::OPERATOR => Some(named_operator(parser, left, precedence)),
            Keyword::BETWEEN => self.between_symmetric(parser, left, false),
            Keyword::NOT => self.between_symmetric(parser, left, true),
            _ => None,
        }
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        self.reached(parser);
        match &parser.peek_token_ref().token {
            Token::Word(word) if word.keyword == Keyword::OPERATOR => {
                Some(Ok(self.prec_value(Precedence::PgOther)))
            }
            Token::Tilde
            | Token::TildeAsterisk
            | Token::ExclamationMarkTilde
            | Token::ExclamationMarkTildeAsterisk
            | Token::DoubleTilde
            | Token::DoubleTildeAsterisk
            | Token::ExclamationMarkDoubleTilde
            | Token::ExclamationMarkDoubleTildeAsterisk => {
                Some(Ok(self.prec_value(Precedence::PgOther)))
            }
            _ => self.base.get_next_precedence(parser),
        }
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        self.base.prec_value(precedence)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        self.base.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        self.base.is_identifier_part(ch)
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        matches!(keyword, Keyword::CASE | Keyword::NOT)
            || self.base.is_reserved_for_identifier(keyword)
    }

    fn is_table_alias(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        self.base.is_table_alias(keyword, parser)
    }

    fn supports_left_associative_joins_without_parens(&self) -> bool {
        self.base.supports_left_associative_joins_without_parens()
    }

    fn supports_named_fn_args_with_assignment_operator(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_alter_user_as_alter_role(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn supports_create_index_with_clause(&self) -> bool {
        true
    }

    fn supports_explain_with_utility_options(&self) -> bool {
        true
    }

    fn supports_exclude_constraint(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_named_fn_args_with_colon_operator(&self) -> bool {
        true
    }

    fn supports_named_fn_args_with_expr_name(&self) -> bool {
        true
    }

    fn supports_empty_projections(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        true
    }

    fn supports_geometric_types(&self) -> bool {
        true
    }

    fn supports_order_by_using_operator(&self) -> bool {
        true
    }

    fn supports_alter_column_type_using(&self) -> bool {
        true
    }

    fn supports_interval_options(&self) -> bool {
        true
    }

    fn supports_insert_table_alias(&self) -> bool {
        true
    }

    fn supports_create_table_like_parenthesized(&self) -> bool {
        true
    }

    fn supports_select_wildcard_with_alias(&self) -> bool {
        true
    }

    fn supports_comma_separated_trim(&self) -> bool {
        true
    }

    fn supports_xml_expressions(&self) -> bool {
        true
    }

    fn supports_aliased_function_args(&self) -> bool {
        true
    }
}

impl Postgres {
    /// `x BETWEEN SYMMETRIC a AND b` is `x BETWEEN a AND b OR x BETWEEN b AND a`.
    fn between_symmetric(
        &self,
        parser: &mut Parser<'_>,
        left: &Expr,
        negated: bool,
    ) -> Parse<Expr> {
        let words: &[Keyword] = if negated {
            &[Keyword::NOT, Keyword::BETWEEN, Keyword::SYMMETRIC]
        } else {
            &[Keyword::BETWEEN, Keyword::SYMMETRIC]
        };
        if !parser.parse_keywords(words) {
            return None;
        }
        Some(self.bounds(parser).map(|(a, b)| symmetric(left, &a, &b, negated)))
    }

    fn bounds(&self, parser: &mut Parser<'_>) -> Result<(Expr, Expr), ParserError> {
        let precedence = self.prec_value(Precedence::Between);
        let low = parser.parse_subexpr(precedence)?;
        parser.expect_keyword_is(Keyword::AND)?;
        Ok((low, parser.parse_subexpr(precedence)?))
    }
}

fn symmetric(expr: &Expr, a: &Expr, b: &Expr, negated: bool) -> Expr {
    let between = |low: &Expr, high: &Expr| {
        Box::new(Expr::Between {
            expr: Box::new(expr.clone()),
            negated,
            low: Box::new(low.clone()),
            high: Box::new(high.clone()),
        })
    };
    let op = if negated { BinaryOperator::And } else { BinaryOperator::Or };
    Expr::Nested(Box::new(Expr::BinaryOp { left: between(a, b), op, right: between(b, a) }))
}

/// `OPERATOR(schema.op)`, before an operand or before ANY and ALL.
fn named_operator(
    parser: &mut Parser<'_>,
    left: &Expr,
    precedence: u8,
) -> Result<Expr, ParserError> {
    parser.advance_token();
    let parts = parser.parse_parenthesized(|parser| {
        let mut parts = vec![parser.next_token().token.to_string()];
        while parser.consume_token(&Token::Period) {
            parts.push(parser.next_token().token.to_string());
        }
        Ok(parts)
    })?;
    let op = BinaryOperator::PGCustomBinaryOperator(parts);
    let left = Box::new(left.clone());
    let over = parser.parse_one_of_keywords(&[Keyword::ANY, Keyword::SOME, Keyword::ALL]);
    let Some(over) = over else {
        let right = Box::new(parser.parse_subexpr(precedence)?);
        return Ok(Expr::BinaryOp { left, op, right });
    };
    let right = Box::new(parser.parse_prefix()?);
    Ok(match over {
        Keyword::ALL => Expr::AllOp { left, compare_op: op, right },
        _ => Expr::AnyOp { left, compare_op: op, right, is_some: over == Keyword::SOME },
    })
}

/// `trim(both from x)`, without the characters to trim.
fn trim(parser: &mut Parser<'_>) -> Parse<Expr> {
    let [_, open, side, from] = parser.peek_tokens_ref();
    let side = match &side.token {
        Token::Word(word) if word.keyword == Keyword::BOTH => TrimWhereField::Both,
        Token::Word(word) if word.keyword == Keyword::LEADING => TrimWhereField::Leading,
        Token::Word(word) if word.keyword == Keyword::TRAILING => TrimWhereField::Trailing,
        _ => return None,
    };
    if open.token != Token::LParen || !is_keyword(&from.token, Keyword::FROM) {
        return None;
    }
    (0..4).for_each(|_| parser.advance_token());
    Some(trim_rest(parser, side))
}

fn trim_rest(parser: &mut Parser<'_>, side: TrimWhereField) -> Result<Expr, ParserError> {
    let expr = Box::new(parser.parse_expr()?);
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Trim { expr, trim_where: Some(side), trim_what: None, trim_characters: None })
}

/// `typename 'string'` for the types sqlparser has no name for.
fn typed_string(parser: &mut Parser<'_>) -> Parse<Expr> {
    let [first, second] = parser.peek_tokens_ref();
    let (Token::Word(word), Token::SingleQuotedString(_)) = (&first.token, &second.token) else {
        return None;
    };
    if word.keyword != Keyword::NoKeyword && !is_type_word(&word.value) {
        return None;
    }
    let name = Ident { value: word.value.clone(), quote_style: word.quote_style, span: first.span };
    parser.advance_token();
    Some(parser.parse_value().map(|value| {
        Expr::TypedString(TypedString {
            data_type: DataType::Custom(ObjectName::from(vec![name]), Vec::new()),
            value,
            uses_odbc_syntax: false,
        })
    }))
}

/// A reserved word that no expression begins with; sqlparser takes most for names.
pub(super) fn begins_nothing(word: &str) -> bool {
    const BEGINNINGS: [&str; 26] = [
        "all",
        "any",
        "array",
        "case",
        "cast",
        "current_catalog",
        "current_date",
        "current_role",
        "current_time",
        "current_timestamp",
        "current_user",
        "default",
        "distinct",
        "false",
        "localtime",
        "localtimestamp",
        "not",
        "null",
        "row",
        "select",
        "session_user",
        "some",
        "true",
        "user",
        "variadic",
        "with",
    ];
    let word = word.to_ascii_lowercase();
    is_reserved(&word) && !BEGINNINGS.contains(&word.as_str())
}

/// sqlparser's keywords that are types of Postgres it does not parse as such.
fn is_type_word(word: &str) -> bool {
    ["name", "oid", "money", "box", "path", "point", "line", "circle", "polygon", "inet", "cidr"]
        .iter()
        .any(|other| word.eq_ignore_ascii_case(other))
}

fn is_keyword(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.keyword == keyword)
}
