//! Operators: which one the operand types choose, and how SQLite says it.

use super::signature::{self, Resolved, Signature, Unresolved};
use super::typed::{Form, Level, Typed};
use super::{Translator, quote};
use crate::statement::{Error, ErrorKind};
use crate::types::{ColumnType, Type, Value};
use sqlparser::ast::{BinaryOperator, Expr};

impl Translator<'_> {
    /// `left operator right`
    pub(super) fn binary(&mut self, op: &str, left: Typed, right: Typed) -> Result<Typed, Error> {
        if is_comparison(op) && matches!((&left.form, &right.form), (Form::Row(_), Form::Row(_))) {
            return self.compare_rows(op, left, right);
        }
        let types = [left.ty.ty, right.ty.ty];
        let at = left.at;
        let candidates = signature::operators(op, 2);
        match signature::resolve(candidates, &types, false) {
            Ok(resolved) => self.apply_operator(op, &resolved, vec![left, right]),
            Err(_) if is_comparison(op) && comparable_as_text(types) => {
                self.compare_plainly(op, left, right)
            }
            Err(why) => Err(no_operator(op, &types, why).at(at)),
        }
    }

    /// `operator operand`
    pub(super) fn prefix(&mut self, op: &str, operand: Typed) -> Result<Typed, Error> {
        let types = [operand.ty.ty];
        if let ("-", Form::Number(index, false)) = (op, &operand.form) {
            let index = *index;
            return Ok(negated(operand, index));
        }
        let at = operand.at;
        let resolved = signature::resolve(signature::operators(op, 1), &types, false);
        let resolved = resolved.map_err(|why| no_operator(op, &types, why).at(at))?;
        self.apply_operator(op, &resolved, vec![operand])
    }

    /// Emits a literal as a SQLite parameter, so that the plan serves any other value.
    pub(super) fn lift(&mut self, typed: Typed) -> Typed {
        let (index, negated) = match typed.form {
            Form::Text(_, Some(index)) if !typed.is_unknown() => (index, false),
            Form::Number(Some(index), negated) => (index, negated),
            _ => return typed,
        };
        match self.literals.lift(index) {
            Some(number) => {
                let sql = match (negated, typed.ty.ty) {
                    (false, _) => format!("?{number}"),
                    // Other digits than these may be text.
                    (true, Type::NUMERIC) => format!("pg_numeric_neg(?{number})"),
                    (true, _) => format!("-?{number}"),
                };
                Typed { sql, ..typed }
            }
            None => typed,
        }
    }

    /// Converts arguments to what a signature wants.
    pub(super) fn arguments(
        &mut self,
        resolved: &Resolved,
        arguments: Vec<Typed>,
    ) -> Result<Vec<Typed>, Error> {
        let mut out = Vec::with_capacity(arguments.len());
        for (i, argument) in arguments.into_iter().enumerate() {
            let argument = match resolved.targets.get(i).copied().flatten() {
                Some(target) => self.implicit(argument, target)?,
                None => self.settle(argument)?,
            };
            out.push(match resolved.signature.argument(i) {
                Some(wanted) => self.hand(argument, wanted)?,
                None => argument,
            });
        }
        Ok(out)
    }

    fn apply_operator(
        &mut self,
        op: &str,
        resolved: &Resolved,
        operands: Vec<Typed>,
    ) -> Result<Typed, Error> {
        let at = operands.first().and_then(|operand| operand.at);
        let not_null = operands.iter().all(|operand| operand.not_null);
        let operands = self.arguments(resolved, operands)?;
        let signature = resolved.signature;
        let (mut operands, ty) = self.shown(signature.sqlite, operands, resolved.result);
        // Division looks at its divisor, the others serve any number.
        let liftable = |typed: &Typed| {
            is_comparison(op)
                || matches!(op, "+" | "-" | "*") && matches!(typed.form, Form::Number(..))
        };
        if !operands.iter().all(is_literal) {
            let lift = |typed| if liftable(&typed) { self.lift(typed) } else { typed };
            operands = operands.into_iter().map(lift).collect();
        }
        if is_comparison(op) && is_comparison(signature.sqlite) {
            operands = self.comparable(operands);
        }
        if needs_no_guard(resolved.signature, &operands) {
            return Ok(infix(op, &operands, resolved.result).at(at));
        }
        let typed = self.spell(signature, &operands, resolved.result).with_type(ty);
        Ok(Typed { not_null, ..typed.at(at) })
    }

    /// Writes a call or an operator as the signature names it.
    pub(super) fn spell(&self, signature: &Signature, operands: &[Typed], result: Type) -> Typed {
        let typed = self.unguarded(signature, operands, result);
        match signature.guard {
            Some(guard) if !self.stored => {
                Typed { level: Level::Atom, sql: format!("{guard}({})", typed.sql), ..typed }
            }
            _ => typed,
        }
    }

    fn unguarded(&self, signature: &Signature, operands: &[Typed], result: Type) -> Typed {
        let symbol = signature.sqlite;
        if symbol.is_empty() {
            return operands.first().cloned().unwrap_or_else(Typed::null);
        }
        if !symbol.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return infix(symbol, operands, result);
        }
        let mut arguments: Vec<&str> = operands.iter().map(|o| o.sql.as_str()).collect();
        if signature.swapped {
            arguments.reverse();
        }
        let (sql, level) = self.call_sql(symbol, &arguments);
        Typed { level, ..Typed::new(sql, result) }
    }

    /// `(a, b) = (c, d)`: SQLite compares rows as Postgres does.
    fn compare_rows(&mut self, op: &str, left: Typed, right: Typed) -> Result<Typed, Error> {
        let at = left.at;
        let (Form::Row(a), Form::Row(b)) = (left.form, right.form) else {
            return Err(ErrorKind::UndefinedOperator(op.to_owned()).at(at));
        };
        if a.len() != b.len() {
            return Err(
                ErrorKind::WrongArity("unequal number of entries in row expressions").at(at)
            );
        }
        let (mut lefts, mut rights) = (Vec::new(), Vec::new());
        for (l, r) in a.into_iter().zip(b) {
            let (l, r) = self.matched("ROW", l, r)?;
            let (l, r) = self.comparable_pair(l, r);
            lefts.push(l);
            rights.push(r);
        }
        let (l, r) = (super::typed::list(&lefts), super::typed::list(&rights));
        Ok(Typed::operator(format!("({l}) {op} ({r})"), Type::BOOL).at(at))
    }

    /// Types without operators of their own, kept in a form that compares as it is.
    fn compare_plainly(&mut self, op: &str, left: Typed, right: Typed) -> Result<Typed, Error> {
        let (left, right) = self.matched("comparison", left, right)?;
        let at = left.at;
        let operands = [self.lift(left), self.lift(right)];
        Ok(infix(op, &operands, Type::BOOL).at(at))
    }

    /// Two values converted to the type they have in common.
    pub(super) fn matched(
        &mut self,
        construct: &'static str,
        left: Typed,
        right: Typed,
    ) -> Result<(Typed, Typed), Error> {
        let mut both = self.matched_all(construct, vec![left, right])?;
        match (both.pop(), both.pop()) {
            (Some(right), Some(left)) => Ok((left, right)),
            _ => Err(ErrorKind::WrongArity("two operands are needed").at(None)),
        }
    }

    /// The type that several values have in common.
    pub(super) fn common(
        &self,
        construct: &'static str,
        types: impl Iterator<Item = Type>,
        at: Option<usize>,
    ) -> Result<Type, Error> {
        signature::common_type(types).map_err(|(left, right)| {
            let (left, right) = (left.sql_name().into_owned(), right.sql_name().into_owned());
            ErrorKind::CannotMatchTypes { construct, left, right }.at(at)
        })
    }

    /// The types both sides of `=` are converted to before they are compared.
    pub(super) fn equated(
        &self,
        left: Type,
        right: Type,
        at: Option<usize>,
    ) -> Result<(Type, Type), Error> {
        let types = [left, right];
        match signature::resolve(signature::operators("=", 2), &types, false) {
            Ok(resolved) => {
                let target = |i: usize| resolved.targets.get(i).copied().flatten();
                Ok((target(0).unwrap_or(left), target(1).unwrap_or(right)))
            }
            Err(_) if comparable_as_text(types) => {
                let ty = if left == Type::UNKNOWN { right } else { left };
                Ok((ty, ty))
            }
            Err(why) => Err(no_operator("=", &types, why).at(at)),
        }
    }

    /// Two values converted to what `=` compares.
    pub(super) fn equal_sides(
        &mut self,
        left: Typed,
        right: Typed,
    ) -> Result<(Typed, Typed), Error> {
        let (l, r) = self.equated(left.ty.ty, right.ty.ty, left.at)?;
        Ok((self.implicit(left, l)?, self.implicit(right, r)?))
    }

    /// Several values that stand for each other, and their type.
    pub(super) fn matched_alike(
        &mut self,
        construct: &'static str,
        items: Vec<Typed>,
    ) -> Result<(Vec<Typed>, ColumnType), Error> {
        let items = self.matched_all(construct, items)?;
        Ok(self.alike(items))
    }

    /// Two values of one type in forms that compare as they do, literals lifted.
    pub(super) fn comparable_pair(&mut self, left: Typed, right: Typed) -> (Typed, Typed) {
        let both = vec![self.lift(left.clone()), self.lift(right.clone())];
        let mut both = self.comparable(both).into_iter();
        (both.next().unwrap_or(left), both.next().unwrap_or(right))
    }

    /// Several values converted to the type they have in common.
    pub(super) fn matched_all(
        &mut self,
        construct: &'static str,
        items: Vec<Typed>,
    ) -> Result<Vec<Typed>, Error> {
        let at = items.first().and_then(|item| item.at);
        let common = self.common(construct, items.iter().map(|item| item.ty.ty), at)?;
        items.into_iter().map(|item| self.implicit(item, common)).collect()
    }
}

/// A negative number literal.
fn negated(number: Typed, index: Option<usize>) -> Typed {
    let sql = format!("-{}", number.sql);
    let smallest = match number.sql.as_str() {
        "2147483648" => Some((sql.clone(), Type::INT4)),
        "'9223372036854775808'" => Some((quote::value(&Value::Integer(i64::MIN)), Type::INT8)),
        _ => None,
    };
    // The smallest integers are of the type that does not hold the same number without its sign.
    if let Some((sql, ty)) = smallest {
        let form = Form::Number(None, true);
        return Typed { form, level: Level::Operator, ..Typed::new(sql, ty).at(number.at) };
    }
    let form = Form::Number(index, true);
    // One that no REAL says exactly is text.
    match number.sql.strip_prefix('\'') {
        Some(digits) => Typed { sql: format!("'-{digits}"), form, ..number },
        None => Typed { sql, form, level: Level::Operator, ..number },
    }
}

fn infix(op: &str, operands: &[Typed], result: Type) -> Typed {
    let sql = match operands {
        [operand] => format!("{op}{}", operand.operand()),
        [left, right] => format!("{} {op} {}", left.operand(), right.operand()),
        _ => String::new(),
    };
    let not_null = operands.iter().all(|operand| operand.not_null);
    Typed { not_null, ..Typed::operator(sql, result) }
}

/// Division by a constant other than zero cannot fail, so SQLite's own operator will do.
fn needs_no_guard(signature: &Signature, operands: &[Typed]) -> bool {
    let divides = signature.sqlite.starts_with("pg_div_int") || signature.sqlite == "pg_mod_int";
    let constant = operands.get(1).is_some_and(|divisor| {
        matches!(divisor.form, Form::Number(_, false))
            && divisor.sql.parse::<i64>().is_ok_and(|n| n > 0)
    });
    divides && constant
}

fn is_literal(typed: &Typed) -> bool {
    matches!(typed.form, Form::Text(..) | Form::Number(..) | Form::Null)
}

/// `=`, `<>`, `<`, `<=`, `>`, `>=`
pub(super) fn is_comparison(op: &str) -> bool {
    matches!(op, "=" | "<>" | "<" | "<=" | ">" | ">=")
}

fn comparable_as_text([left, right]: [Type; 2]) -> bool {
    let opaque = |ty: Type| super::cast::is_opaque(ty);
    left == right && opaque(left)
        || opaque(left) && right == Type::UNKNOWN
        || left == Type::UNKNOWN && opaque(right)
}

fn no_operator(op: &str, types: &[Type], why: Unresolved) -> ErrorKind {
    let names: Vec<_> = types.iter().map(|ty| ty.sql_name()).collect();
    let text = match &names[..] {
        [left, right] => format!("{left} {op} {right}"),
        _ => format!("{op} {}", names.join(", ")),
    };
    match why {
        Unresolved::None => ErrorKind::UndefinedOperator(text),
        Unresolved::Ambiguous => ErrorKind::AmbiguousOperator(text),
    }
}

/// The operator that matches names with a pattern under the default collation, which psql and its
/// like use: a file's names are found in any case, as SQLite finds them, so that `\d album` shows
/// the table `Album`, unless the pattern has capitals. No two relations differ in case alone.
pub(super) fn for_names<'o>(op: &'o str, left: Type, pattern: &Expr) -> &'o str {
    let by_default = matches!(pattern, Expr::Collate { collation, .. }
        if super::last_name(collation) == "default");
    match op {
        "~" if by_default && left == Type::NAME => "~default",
        "!~" if by_default && left == Type::NAME => "!~default",
        op => op,
    }
}

/// The name Postgres's catalog has for an operator.
pub(super) fn operator_name(op: &BinaryOperator) -> Result<String, ErrorKind> {
    let name = match op {
        BinaryOperator::Plus => "+",
        BinaryOperator::Minus => "-",
        BinaryOperator::Multiply => "*",
        BinaryOperator::Divide => "/",
        BinaryOperator::Modulo => "%",
        BinaryOperator::StringConcat => "||",
        BinaryOperator::Gt => ">",
        BinaryOperator::Lt => "<",
        BinaryOperator::GtEq => ">=",
        BinaryOperator::LtEq => "<=",
        BinaryOperator::Eq => "=",
        BinaryOperator::NotEq => "<>",
        BinaryOperator::BitwiseOr => "|",
        BinaryOperator::BitwiseAnd => "&",
        BinaryOperator::PGBitwiseXor => "#",
        BinaryOperator::PGBitwiseShiftLeft => "<<",
        BinaryOperator::PGBitwiseShiftRight => ">>",
        BinaryOperator::PGExp | BinaryOperator::BitwiseXor => "^",
        BinaryOperator::PGOverlap => "&&",
        BinaryOperator::PGRegexMatch => "~",
        BinaryOperator::PGRegexIMatch => "~*",
        BinaryOperator::PGRegexNotMatch => "!~",
        BinaryOperator::PGRegexNotIMatch => "!~*",
        BinaryOperator::PGLikeMatch => "~~",
        BinaryOperator::PGILikeMatch => "~~*",
        BinaryOperator::PGNotLikeMatch => "!~~",
        BinaryOperator::PGNotILikeMatch => "!~~*",
        BinaryOperator::PGStartsWith => "^@",
        BinaryOperator::Arrow => "->",
        BinaryOperator::LongArrow => "->>",
        BinaryOperator::HashArrow => "#>",
        BinaryOperator::HashLongArrow => "#>>",
        BinaryOperator::AtAt => "@@",
        BinaryOperator::AtArrow => "@>",
        BinaryOperator::ArrowAt => "<@",
        BinaryOperator::HashMinus => "#-",
        BinaryOperator::AtQuestion => "@?",
        BinaryOperator::Question => "?",
        BinaryOperator::QuestionAnd => "?&",
        BinaryOperator::QuestionPipe => "?|",
        BinaryOperator::Custom(name) => name,
        BinaryOperator::PGCustomBinaryOperator(parts) => parts.last().map_or("", String::as_str),
        _ => return Err(ErrorKind::Unsupported("this operator".to_owned())),
    };
    Ok(if name == "!=" { "<>".to_owned() } else { name.to_owned() })
}
