//! Postgres's functions, operators and casts, read from `catalog/*.txt` once, and the choice among
//! those of one name.
//!
//! <https://www.postgresql.org/docs/15/typeconv.html>

use crate::types::Type;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A function or operator.
#[derive(Debug)]
pub(super) struct Signature {
    /// What it takes.
    pub(super) arguments: Vec<Argument>,
    /// The last argument may be repeated.
    pub(super) variadic: bool,
    /// It stands for a DISTINCT aggregate.
    pub(super) distinct: bool,
    /// What it returns; for a set of rows, its only column or `record`.
    pub(super) result: Type,
    /// The columns of a set of rows.
    pub(super) columns: Vec<(&'static str, Type)>,
    /// What SQLite knows it as; empty for an operator that is its operand.
    pub(super) sqlite: &'static str,
    /// The function that checks the result of SQLite's own operator or function.
    pub(super) guard: Option<&'static str>,
    /// What it is.
    pub(super) kind: Kind,
    /// The SQLite function takes the right operand first.
    pub(super) swapped: bool,
}

/// An argument of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    /// Its type.
    pub(super) ty: Type,
    /// The form it is handed over in.
    pub(super) handed: Handed,
}

/// The form an argument is handed over in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handed {
    /// Its type's own.
    AsIs,
    /// Cast to text.
    Text,
    /// Cast to float8.
    Float8,
    /// As `to_json` gives it.
    Json,
    /// As `to_jsonb` gives it.
    Jsonb,
}

/// What a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One value in, one out.
    Scalar,
    /// An aggregate, also as a window function.
    Aggregate,
    /// An ordered-set aggregate: the ordered expression is its last argument.
    Within,
    /// A window function only.
    Window,
    /// A function that returns rows.
    Set,
}

/// A cast.
#[derive(Debug)]
pub(super) struct Cast {
    /// Where it happens unasked.
    pub(super) context: CastContext,
    /// What carries it out; `None` when nothing is to be done.
    pub(super) function: Option<&'static str>,
}

/// Where a cast may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CastContext {
    /// Anywhere.
    Implicit,
    /// In an assignment to a column.
    Assignment,
    /// Where CAST says so.
    Explicit,
}

/// The signature chosen and what it means for the given arguments.
#[derive(Debug)]
pub(super) struct Resolved {
    /// The signature.
    pub(super) signature: &'static Signature,
    /// The type each argument is to be converted to; `None` leaves it as it is.
    pub(super) targets: Vec<Option<Type>>,
    /// The type of the result.
    pub(super) result: Type,
    /// What `anyelement` stands for.
    pub(super) element: Option<Type>,
}

/// Why no signature was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// None fits.
    None,
    /// Several fit equally.
    Ambiguous,
}

/// `"any"`
pub(super) const ANY: Type = Type(2276);
/// `anyelement`
pub(super) const ANYELEMENT: Type = Type(2283);
/// `anyarray`
pub(super) const ANYARRAY: Type = Type(2277);
/// `anynonarray`
pub(super) const ANYNONARRAY: Type = Type(2776);
/// `record`
pub(super) const RECORD: Type = Type::RECORD;
/// `int2vector`
pub(super) const INT2VECTOR: Type = Type::INT2VECTOR;
/// `oidvector`
pub(super) const OIDVECTOR: Type = Type::OIDVECTOR;

/// The functions of a name.
pub(super) fn functions(name: &str) -> &'static [Signature] {
    FUNCTIONS.get(name).map_or(&[], Vec::as_slice)
}

/// SQLite's own functions of a name, for SQL written for SQLite.
pub(super) fn sqlite_functions(name: &str) -> &'static [Signature] {
    SQLITE_FUNCTIONS.get(name).map_or(&[], Vec::as_slice)
}

/// The operators of a name with one operand or two.
pub(super) fn operators(name: &str, operands: usize) -> &'static [Signature] {
    let table = if operands == 1 { &OPERATORS.prefix } else { &OPERATORS.infix };
    table.get(name).map_or(&[], Vec::as_slice)
}

/// The cast from one type to another, `None` when there is none.
pub(super) fn cast(from: Type, to: Type) -> Option<&'static Cast> {
    let table = &CASTS.casts;
    table
        .get(&(from, to))
        .or_else(|| table.get(&(string_as_text(from), to)))
        .or_else(|| table.get(&(from, string_as_text(to))))
        .or_else(|| table.get(&(string_as_text(from), string_as_text(to))))
}

/// The function that fits a value into a type modifier.
pub(super) fn typmod(ty: Type) -> Option<&'static str> {
    CASTS.typmods.get(&ty).copied()
}

/// The function that turns a value into `json` or `jsonb`; the inner `None` when nothing is to do.
pub(super) fn conversion(from: Type, to: Type) -> Option<Option<&'static str>> {
    let from = if from.element().is_some() { ANYARRAY } else { string_as_text(from) };
    CASTS.conversions.get(&(from, to)).copied()
}

/// Casts treat all strings as text.
pub(super) fn string_as_text(ty: Type) -> Type {
    match ty {
        Type::UNKNOWN | Type::VARCHAR | Type::BPCHAR | Type::NAME => Type::TEXT,
        other => other,
    }
}

/// A value of one type may stand where another is wanted.
pub(super) fn casts_implicitly(from: Type, to: Type) -> bool {
    if from == to || from == Type::UNKNOWN || to == ANY {
        return true;
    }
    if let (Some(a), Some(b)) = (from.element(), to.element()) {
        return casts_implicitly(a, b);
    }
    cast(from, to).is_some_and(|cast| cast.context == CastContext::Implicit)
}

/// The type that several values have in common: <https://www.postgresql.org/docs/15/typeconv-union-case.html>.
/// The error names the two that have none.
pub(super) fn common_type(types: impl IntoIterator<Item = Type>) -> Result<Type, (Type, Type)> {
    let mut chosen = Type::UNKNOWN;
    for ty in types {
        if ty == Type::UNKNOWN || ty == chosen {
            continue;
        }
        if chosen == Type::UNKNOWN {
            chosen = ty;
        } else if chosen.category() != ty.category() {
            return Err((chosen, ty));
        } else if !chosen.is_preferred()
            && casts_implicitly(chosen, ty)
            && !casts_implicitly(ty, chosen)
        {
            chosen = ty;
        } else if !casts_implicitly(ty, chosen) && !casts_implicitly(chosen, ty) {
            return Err((chosen, ty));
        }
    }
    Ok(if chosen == Type::UNKNOWN { Type::TEXT } else { chosen })
}

/// Chooses the signature for arguments of the given types.
pub(super) fn resolve(
    candidates: &'static [Signature],
    arguments: &[Type],
    distinct: bool,
) -> Result<Resolved, Unresolved> {
    let mut fitting: Vec<&'static Signature> =
        candidates.iter().filter(|s| s.takes(arguments) && (distinct || !s.distinct)).collect();
    keep_best(&mut fitting, |s| usize::from(s.distinct));
    if fitting.is_empty() {
        return Err(Unresolved::None);
    }
    if let Some(exact) = fitting.iter().find(|s| s.count(arguments, Fit::Exact) == arguments.len())
    {
        return Ok(exact.resolved(arguments));
    }
    if let Some(both) = same_as_other(&fitting, arguments) {
        return Ok(both.resolved(arguments));
    }
    keep_best(&mut fitting, |s| s.count(arguments, Fit::Exact));
    keep_best(&mut fitting, |s| s.count(arguments, Fit::Preferred));
    settle_unknowns(&mut fitting, arguments);
    match fitting[..] {
        [only] => Ok(only.resolved(arguments)),
        [first, ..] if fitting.iter().all(|s| s.same_types(first)) => Ok(first.resolved(arguments)),
        _ => Err(Unresolved::Ambiguous),
    }
}

/// An unknown operand is first taken for one of the other operand's type.
fn same_as_other(fitting: &[&'static Signature], arguments: &[Type]) -> Option<&'static Signature> {
    let known: Vec<Type> = arguments.iter().copied().filter(|t| *t != Type::UNKNOWN).collect();
    let [first, rest @ ..] = &known[..] else { return None };
    if known.len() == arguments.len() || rest.iter().any(|t| t != first) {
        return None;
    }
    let assumed = vec![*first; arguments.len()];
    fitting.iter().copied().find(|s| s.count(&assumed, Fit::Exact) == assumed.len())
}

fn keep_best(fitting: &mut Vec<&'static Signature>, score: impl Fn(&Signature) -> usize) {
    let best = fitting.iter().map(|s| score(s)).max().unwrap_or(0);
    fitting.retain(|s| score(s) == best);
}

/// Unknown arguments go to a string if any candidate takes one there, otherwise to the category
/// all candidates agree on.
fn settle_unknowns(fitting: &mut Vec<&'static Signature>, arguments: &[Type]) {
    for (i, _) in arguments.iter().enumerate().filter(|(_, ty)| **ty == Type::UNKNOWN) {
        let wants = |s: &Signature| s.argument(i).map_or(Type::UNKNOWN, |a| a.ty);
        if fitting.iter().any(|s| wants(s).category() == 'S') {
            fitting.retain(|s| wants(s).category() == 'S');
        }
        if fitting.iter().any(|s| wants(s).is_preferred()) {
            fitting.retain(|s| wants(s).is_preferred());
        }
    }
}

/// How well an argument fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It does not.
    No,
    /// After a cast.
    Cast,
    /// After a cast, to its category's preferred type.
    Preferred,
    /// As it is.
    Exact,
}

impl Signature {
    /// The argument at a position.
    pub(super) fn argument(&self, i: usize) -> Option<Argument> {
        self.arguments.get(i).or_else(|| self.arguments.last().filter(|_| self.variadic)).copied()
    }

    fn takes(&self, arguments: &[Type]) -> bool {
        let arity = self.arguments.len();
        let fits = arity == arguments.len() || self.variadic && arguments.len() >= arity;
        fits && arguments.iter().enumerate().all(|(i, _)| self.fit(i, arguments) > Fit::No)
            && self.element(arguments).is_ok()
    }

    fn fit(&self, i: usize, arguments: &[Type]) -> Fit {
        let (Some(wanted), Some(&given)) = (self.argument(i), arguments.get(i)) else {
            return Fit::No;
        };
        let is_array = given.element().is_some();
        match wanted.ty {
            ty if ty == given => Fit::Exact,
            ANY | ANYELEMENT => Fit::Cast,
            ANYNONARRAY if !is_array => Fit::Cast,
            ANYARRAY if is_array => Fit::Preferred,
            ANYARRAY if matches!(given, Type::UNKNOWN | INT2VECTOR | OIDVECTOR) => Fit::Cast,
            ANYARRAY | ANYNONARRAY => Fit::No,
            _ if given == Type::UNKNOWN => Fit::Cast,
            ty if casts_implicitly(given, ty) && ty.is_preferred() => Fit::Preferred,
            ty if casts_implicitly(given, ty) => Fit::Cast,
            _ => Fit::No,
        }
    }

    fn count(&self, arguments: &[Type], at_least: Fit) -> usize {
        (0..arguments.len()).filter(|&i| self.fit(i, arguments) >= at_least).count()
    }

    fn same_types(&self, other: &Self) -> bool {
        self.arguments == other.arguments && self.result == other.result
    }

    /// What `anyelement` stands for; an error when the arguments disagree.
    fn element(&self, arguments: &[Type]) -> Result<Option<Type>, (Type, Type)> {
        let mut types = Vec::new();
        for (i, &given) in arguments.iter().enumerate() {
            match self.argument(i).map(|a| a.ty) {
                Some(ANYELEMENT | ANYNONARRAY) => types.push(given),
                Some(ANYARRAY) => types.push(vector_as_array(given).element().unwrap_or(given)),
                _ => {}
            }
        }
        if types.is_empty() { Ok(None) } else { common_type(types).map(Some) }
    }

    fn resolved(&'static self, arguments: &[Type]) -> Resolved {
        let element = self.element(arguments).ok().flatten();
        let stands_for = |ty: Type| match ty {
            ANYELEMENT | ANYNONARRAY => element,
            ANYARRAY => element.and_then(Type::array),
            ANY => None,
            other => Some(other),
        };
        let target = |i: usize| {
            let argument = self.argument(i)?;
            let keeps = argument.handed != Handed::AsIs && argument.ty != ANYARRAY;
            if keeps { None } else { stands_for(argument.ty) }
        };
        Resolved {
            signature: self,
            targets: (0..arguments.len()).map(target).collect(),
            result: stands_for(self.result).unwrap_or(self.result),
            element,
        }
    }

    fn parse_function(line: &'static str) -> Option<(&'static str, Self)> {
        let (name, rest) = line.split_once('(')?;
        let (arguments, rest) = rest.split_once(") -> ")?;
        let mut signature = Self::parse_result(rest, name)?;
        for argument in arguments.split(',').map(str::trim).filter(|a| !a.is_empty()) {
            signature.push_argument(argument)?;
        }
        Some((name, signature))
    }

    fn push_argument(&mut self, text: &'static str) -> Option<()> {
        let text = text.strip_prefix("distinct ").inspect(|_| self.distinct = true).unwrap_or(text);
        let text = text.strip_prefix("variadic ").inspect(|_| self.variadic = true).unwrap_or(text);
        self.arguments.push(Argument::parse(text)?);
        Some(())
    }

    /// `result [= sqlite name] [words]`, where the result may be `(name type, ...)` and the name
    /// `guard(name)`.
    fn parse_result(text: &'static str, name: &'static str) -> Option<Self> {
        let (result, rest) = match text.strip_prefix('(') {
            Some(columns) => columns.split_once(')')?,
            None => text.split_once(' ').unwrap_or((text, "")),
        };
        let columns = parse_columns(result)?;
        let mut words = rest.split_whitespace().peekable();
        let mut sqlite = name;
        if words.next_if_eq(&"=").is_some() {
            sqlite = words.next().unwrap_or("");
        }
        let guarded = sqlite.strip_suffix(')').and_then(|inside| inside.split_once('('));
        let (guard, sqlite) = guarded.map_or((None, sqlite), |(guard, name)| (Some(guard), name));
        let words: Vec<&str> = words.collect();
        let kind = match () {
            () if words.contains(&"within") => Kind::Within,
            () if words.contains(&"aggregate") => Kind::Aggregate,
            () if words.contains(&"window") => Kind::Window,
            () if words.contains(&"set") => Kind::Set,
            () => Kind::Scalar,
        };
        let result = if let [(_, ty)] = columns[..] { ty } else { RECORD };
        let swapped = words.contains(&"swapped");
        let arguments = Vec::new();
        let (variadic, distinct) = (false, false);
        Some(Self { arguments, variadic, distinct, result, columns, sqlite, guard, kind, swapped })
    }

    /// `left operator right -> result = sqlite`, or without `left`.
    fn parse_operator(line: &'static str) -> Option<(&'static str, Self)> {
        let first = line.split(' ').next()?;
        let prefix = first.starts_with(|c: char| !c.is_ascii_alphabetic() && c != '"' && c != '_');
        let mut words = line.splitn(if prefix { 3 } else { 4 }, ' ');
        let left = if prefix { None } else { Some(Argument::parse(words.next()?)?) };
        let operator = words.next()?;
        let right = Argument::parse(words.next()?)?;
        let rest = words.next()?.strip_prefix("-> ")?;
        let mut signature = Self::parse_result(rest, "")?;
        signature.arguments.extend(left);
        signature.arguments.push(right);
        Some((operator, signature))
    }
}

impl Argument {
    fn parse(text: &'static str) -> Option<Self> {
        let (ty, handed) = match text.split_once(':') {
            None => (text, Handed::AsIs),
            Some((ty, "text")) => (ty, Handed::Text),
            Some((ty, "float8")) => (ty, Handed::Float8),
            Some((ty, "json")) => (ty, Handed::Json),
            Some((ty, _)) => (ty, Handed::Jsonb),
        };
        Some(Self { ty: Type::from_name(ty)?, handed })
    }
}

/// The array type a vector converts to.
pub(super) fn vector_as_array(ty: Type) -> Type {
    match ty {
        INT2VECTOR => Type::INT2.array().unwrap_or(ty),
        OIDVECTOR => Type::OID.array().unwrap_or(ty),
        other => other,
    }
}

/// `type` or `name type, name type`.
fn parse_columns(text: &'static str) -> Option<Vec<(&'static str, Type)>> {
    let column = |text: &'static str| match text.trim().split_once(' ') {
        Some((name, ty)) => Some((name, Type::from_name(ty)?)),
        None => Some(("value", Type::from_name(text.trim())?)),
    };
    text.split(',').map(column).collect()
}

#[derive(Default)]
struct Casts {
    casts: HashMap<(Type, Type), Cast>,
    conversions: HashMap<(Type, Type), Option<&'static str>>,
    typmods: HashMap<Type, &'static str>,
}

impl Casts {
    /// `source -> target context [= function]`
    fn add(&mut self, line: &'static str) -> Option<()> {
        let mut words = line.split_whitespace();
        let from = Type::from_name(words.next()?)?;
        words.next()?;
        let to = Type::from_name(words.next()?)?;
        let word = words.next()?;
        words.next();
        let function = words.next();
        let context = match word {
            "implicit" => CastContext::Implicit,
            "assignment" => CastContext::Assignment,
            "explicit" => CastContext::Explicit,
            "convert" => return self.conversions.insert((from, to), function).map(drop),
            _ => return self.typmods.insert(from, function?).map(drop),
        };
        self.casts.insert((from, to), Cast { context, function }).map(drop)
    }
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim_end).filter(|l| !l.is_empty() && *l != "#" && !l.starts_with("# "))
}

type Functions = HashMap<&'static str, Vec<Signature>>;

static FUNCTIONS: LazyLock<Functions> =
    LazyLock::new(|| read_functions(include_str!("../../../catalog/functions.txt")));

static SQLITE_FUNCTIONS: LazyLock<Functions> =
    LazyLock::new(|| read_functions(include_str!("../../../catalog/sqlite_functions.txt")));

fn read_functions(text: &'static str) -> Functions {
    let mut table = Functions::new();
    for (name, signature) in lines(text).filter_map(Signature::parse_function) {
        table.entry(name).or_default().push(signature);
    }
    table
}

#[derive(Default)]
struct Operators {
    prefix: Functions,
    infix: Functions,
}

static OPERATORS: LazyLock<Operators> = LazyLock::new(|| {
    let mut table = Operators::default();
    let text = include_str!("../../../catalog/operators.txt");
    for (name, signature) in lines(text).filter_map(Signature::parse_operator) {
        let prefix = signature.arguments.len() == 1;
        let table = if prefix { &mut table.prefix } else { &mut table.infix };
        table.entry(name).or_default().push(signature);
    }
    table
});

static CASTS: LazyLock<Casts> = LazyLock::new(|| {
    let mut casts = Casts::default();
    for line in lines(include_str!("../../../catalog/casts.txt")) {
        casts.add(line);
    }
    casts
});

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(candidates: &'static [Signature], types: &[Type]) -> (String, Type) {
        let resolved = resolve(candidates, types, false).unwrap();
        (resolved.signature.sqlite.to_owned(), resolved.result)
    }

    #[test]
    fn every_line_is_read() {
        let text = include_str!("../../../catalog/functions.txt");
        let unread: Vec<_> =
            lines(text).filter(|l| Signature::parse_function(l).is_none()).collect();
        assert!(unread.is_empty(), "{unread:?}");
        let text = include_str!("../../../catalog/operators.txt");
        let unread: Vec<_> =
            lines(text).filter(|l| Signature::parse_operator(l).is_none()).collect();
        assert!(unread.is_empty(), "{unread:?}");
    }

    #[test]
    fn overloads_are_chosen_as_postgres_does() {
        let (int4, unknown) = (Type::INT4, Type::UNKNOWN);
        assert_eq!(chosen(functions("abs"), &[int4]), ("abs".to_owned(), int4));
        assert_eq!(chosen(functions("lower"), &[unknown]).1, Type::TEXT);
        assert_eq!(chosen(functions("ceil"), &[int4]).1, Type::FLOAT8);
        assert_eq!(chosen(operators("+", 2), &[int4, unknown]).1, int4);
        assert_eq!(
            chosen(operators("+", 2), &[Type::TIMESTAMP, Type::INTERVAL]).1,
            Type::TIMESTAMP
        );
        assert_eq!(chosen(operators("->>", 2), &[Type::JSONB, unknown]).0, "pg_json_get_text");
        assert_eq!(chosen(functions("coalesce"), &[int4, unknown]).1, int4);
        assert_eq!(chosen(functions("array_agg"), &[int4]).1, Type(1007));
        assert!(resolve(functions("lower"), &[int4], false).is_err());
        assert!(resolve(operators("=", 2), &[int4, Type::TEXT], false).is_err());
    }

    #[test]
    fn common_types() {
        assert_eq!(common_type([Type::INT4, Type::UNKNOWN, Type::NUMERIC]), Ok(Type::NUMERIC));
        assert_eq!(common_type([Type::UNKNOWN]), Ok(Type::TEXT));
        assert!(common_type([Type::INT4, Type::TEXT]).is_err());
    }
}
