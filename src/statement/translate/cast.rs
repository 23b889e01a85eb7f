//! A value of one type where another is wanted: casts, and literals that learn their type.

use super::signature::{self, CastContext};
use super::typed::{Form, Typed};
use super::{Translator, quote};
use crate::statement::{BadValue, Error, ErrorKind};
use crate::types::{self, ColumnType, Format, Storage, Style, Type, Value};

impl Translator<'_> {
    /// Converts a value where Postgres casts unasked.
    pub(super) fn implicit(&mut self, typed: Typed, target: Type) -> Result<Typed, Error> {
        self.convert(typed, ColumnType::new(target), CastContext::Implicit)
    }

    /// `CAST(value AS type)`
    pub(super) fn explicit(&mut self, typed: Typed, target: ColumnType) -> Result<Typed, Error> {
        self.convert(typed, target, CastContext::Explicit)
    }

    /// A value no context gave a type: text.
    pub(super) fn settle(&mut self, typed: Typed) -> Result<Typed, Error> {
        if typed.is_unknown() { self.implicit(typed, Type::TEXT) } else { Ok(typed) }
    }

    /// A condition: it must be boolean.
    pub(super) fn condition(&mut self, typed: Typed, clause: &'static str) -> Result<Typed, Error> {
        if typed.is_unknown() || typed.ty.ty == Type::BOOL {
            return self.implicit(typed, Type::BOOL);
        }
        let given = typed.ty.ty.sql_name().into_owned();
        Err(ErrorKind::WrongType { clause, wanted: "boolean", given }.at(typed.at))
    }

    /// Converts a value to a type as far as the context allows.
    pub(super) fn convert(
        &mut self,
        typed: Typed,
        target: ColumnType,
        context: CastContext,
    ) -> Result<Typed, Error> {
        match (&typed.form, typed.is_unknown()) {
            (Form::Null, true) => return Ok(typed.with_type(target)),
            (Form::Text(text, _), true) => {
                let text = text.clone();
                let typed = self.literal_as(typed, &text, target, context)?;
                return self.fit(typed, target, context);
            }
            (Form::Parameter(index), true) => {
                let typed = self.declare(*index, typed, target);
                return self.fit(typed, target, context);
            }
            // An integer's lowest bits are those a bit string has, its highest ones come first.
            _ if target.ty == Type::BIT && matches!(typed.ty.ty, Type::INT4 | Type::INT8) => {
                let length = target.typmod.max(1);
                let sql = format!("pg_bits_of_int({}, {length})", typed.sql);
                return Ok(Typed::new(sql, Type::BIT).with_type(target).at(typed.at));
            }
            (Form::Row(_) | Form::WholeRow(_), _) if target.ty.category() == 'S' => {
                if let Some(text) = self.record_text(&typed)? {
                    return self.convert(text, target, context);
                }
            }
            (Form::Array(items), _) if target.ty.element().is_some() => {
                let items = items.clone();
                return self.array_as(items, target, context, typed.at);
            }
            _ => {}
        }
        let at = typed.at;
        let cast = self.carry(typed, target.ty, context).map_err(|kind| kind.at(at))?;
        self.fit(cast, target, context)
    }

    /// Says what type a parameter has, the first time it matters.
    fn declare(&mut self, index: usize, typed: Typed, target: ColumnType) -> Typed {
        let ty = ColumnType::new(target.ty);
        if let Some(slot) = self.parameters.get_mut(index) {
            *slot = Some(ty);
        }
        typed.with_type(ty)
    }

    /// A string literal as a value of a type.
    fn literal_as(
        &mut self,
        typed: Typed,
        text: &str,
        target: ColumnType,
        context: CastContext,
    ) -> Result<Typed, Error> {
        let ty = target.ty;
        if ty == Type::BPCHAR && context != CastContext::Assignment {
            // Spaces at its end mean nothing; a column is rid of them by its length.
            let bare = super::literal::string(text.trim_end_matches(' '), None);
            return Ok(bare.at(typed.at).with_type(ColumnType::new(ty)));
        }
        if signature::string_as_text(ty) == Type::TEXT || is_opaque(ty) {
            return Ok(typed.with_type(ColumnType::new(ty)));
        }
        // Rows written one after the other differ in their values only: one plan serves them all
        // if the values are read when it runs.
        let lifted = context == CastContext::Assignment
            && matches!(typed.form, Form::Text(_, Some(_)))
            && ty.element().is_none();
        if let Some(value) = input(text, ty).filter(|_| !lifted) {
            let value = value.map_err(|bad| ErrorKind::Literal(bad).at(typed.at))?;
            let sql = quote::value(&value);
            return Ok(Typed { not_null: true, ..Typed::new(sql, ty).at(typed.at) });
        }
        let at = typed.at;
        let text = self.lift(typed.with_type(ColumnType::new(Type::TEXT)));
        self.carry(text, ty, CastContext::Explicit).map_err(|kind| kind.at(at))
    }

    /// `ARRAY[...]` converts its elements.
    fn array_as(
        &mut self,
        items: Vec<Typed>,
        target: ColumnType,
        context: CastContext,
        at: Option<usize>,
    ) -> Result<Typed, Error> {
        let Some(element) = target.ty.element() else {
            return Err(ErrorKind::UndefinedType(target.ty.name().to_owned()).at(at));
        };
        let nested = items.iter().any(|item| matches!(item.form, Form::Array(_)));
        let of = ColumnType { ty: if nested { target.ty } else { element }, ..target };
        let items = items.into_iter().map(|item| self.convert(item, of, context));
        let items = items.collect::<Result<Vec<_>, _>>()?;
        Ok(array_of(items, target.ty).at(at))
    }

    /// The cast proper, without type modifiers.
    fn carry(&mut self, typed: Typed, to: Type, context: CastContext) -> Result<Typed, ErrorKind> {
        let from = typed.ty.ty;
        if from == to || to == signature::ANY {
            return Ok(typed);
        }
        if let (Some(a), Some(b)) = (signature::vector_as_array(from).element(), to.element()) {
            return array_cast(typed, a, b, to);
        }
        if let (Form::Number(..), Type::FLOAT4 | Type::FLOAT8) = (&typed.form, to)
            && let Some(real) = number_as_real(&typed, to)
        {
            return Ok(real);
        }
        let Some((_, function)) = find(from, to).filter(|cast| cast.0 <= context) else {
            return Err(cannot_cast(from, to));
        };
        let ty = ColumnType::new(to);
        let Some(function) = function else {
            let whole = to == Type::NUMERIC && matches!(from, Type::INT2 | Type::INT4 | Type::INT8);
            let ty = if whole { ColumnType { storage: Storage::Shown(0), ..ty } } else { ty };
            let form = match typed.form {
                Form::Plain if whole => Form::Whole,
                _ if to == Type::JSON => Form::Plain,
                form => form,
            };
            return Ok(Typed { form, ty, origin: None, ..typed });
        };
        let seen = from == Type::NUMERIC
            && (to.category() == 'S' || to == Type::JSON || to == Type::JSONB);
        let typed = if seen { self.exact(typed) } else { typed };
        // An array is read and written with the function of its elements.
        let element = from.element().filter(|_| to.element().is_none());
        let element = match (element, to.element()) {
            (Some(element), _) => Some(find(element, Type::TEXT)),
            (None, Some(element)) => Some(find(Type::TEXT, element)),
            (None, None) => None,
        };
        let element = element.map(|cast| match cast.and_then(|(_, function)| function) {
            Some(function) => quote::string(function),
            None => "NULL".to_owned(),
        });
        let arguments: Vec<&str> =
            std::iter::once(typed.sql.as_str()).chain(element.as_deref()).collect();
        let (sql, level) = self.call_sql(function, &arguments);
        Ok(Typed { sql, level, form: Form::Plain, ty, origin: None, ..typed })
    }

    /// Fits a value into `varchar(n)`, `numeric(p, s)` ...
    fn fit(
        &mut self,
        typed: Typed,
        target: ColumnType,
        context: CastContext,
    ) -> Result<Typed, Error> {
        let fits =
            target.typmod < 0 || typed.ty.typmod == target.typmod && typed.ty.ty == target.ty;
        let (Some(function), false) = (signature::typmod(target.ty), fits) else {
            return Ok(typed);
        };
        let typed = if context == CastContext::Assignment { self.lift(typed) } else { typed };
        // Only strings are cut by a cast and refused by a column; numbers are rounded by both.
        let cut = context == CastContext::Explicit || target.ty.category() != 'S';
        let store = if cut { "" } else { "_store" };
        let modifiers: Vec<String> = modifiers(target).map(|m| m.to_string()).collect();
        let mut arguments = vec![typed.sql.as_str()];
        arguments.extend(modifiers.iter().map(String::as_str));
        let (sql, level) = self.call_sql(&format!("{function}{store}"), &arguments);
        let ty = ColumnType { storage: Storage::Native, ..target };
        let (at, not_null) = (typed.at, typed.not_null);
        Ok(Typed { at, not_null, level, ..Typed::new(sql, ty.ty) }.with_type(ty))
    }
}

/// An array from its elements.
pub(super) fn array_of(items: Vec<Typed>, ty: Type) -> Typed {
    let nested = items.iter().any(|item| item.ty.ty.element().is_some());
    let function = if nested { "pg_array_nested" } else { "pg_array" };
    let sql = format!("{function}({})", super::typed::list(&items));
    Typed { form: Form::Array(items), not_null: true, ..Typed::new(sql, ty) }
}

/// The modifiers as SQL writes them.
fn modifiers(ty: ColumnType) -> impl Iterator<Item = i32> {
    let (first, second) = match ty.ty {
        Type::NUMERIC => {
            let packed = ty.typmod - 4;
            (packed >> 16 & 0xffff, Some(packed & 0x7ff))
        }
        Type::VARCHAR | Type::BPCHAR => (ty.typmod - 4, None),
        _ => (ty.typmod, None),
    };
    std::iter::once(first).chain(second)
}

/// A value of one type can be cast to another.
pub(super) fn exists(from: Type, to: Type) -> bool {
    from == to || find(from, to).is_some()
}

/// The context a cast needs and the function that does it.
fn find(from: Type, to: Type) -> Option<(CastContext, Option<&'static str>)> {
    if let Some(cast) = signature::cast(from, to) {
        return Some((cast.context, cast.function));
    }
    let text = Type::TEXT;
    let (from_string, to_string) = (from.category() == 'S', to.category() == 'S');
    if from_string && to_string {
        return Some((CastContext::Implicit, None));
    }
    if from.element().is_some() && to_string {
        let cast = signature::cast(signature::ANYARRAY, text)?;
        return Some((CastContext::Assignment, cast.function));
    }
    if to.element().is_some() && from_string {
        let cast = signature::cast(text, signature::ANYARRAY)?;
        return Some((CastContext::Explicit, cast.function));
    }
    // Names of objects are their OIDs.
    let names_object = |ty: Type| ty.name().starts_with("reg");
    match (from, to) {
        (Type::OID, to) if names_object(to) => return Some((CastContext::Implicit, None)),
        (from, Type::OID) if names_object(from) => return Some((CastContext::Implicit, None)),
        (_, to) if from_string && names_object(to) => {
            return Some((CastContext::Explicit, signature::cast(text, Type::OID)?.function));
        }
        _ => {}
    }
    // Types egret keeps as the text their clients wrote: inet, xml, money, enums ...
    match (is_opaque(from), is_opaque(to)) {
        (true, false) if to_string => Some((CastContext::Assignment, None)),
        (false, true) if from_string => Some((CastContext::Explicit, None)),
        _ => None,
    }
}

fn array_cast(typed: Typed, from: Type, to: Type, target: Type) -> Result<Typed, ErrorKind> {
    let vector = signature::vector_as_array(typed.ty.ty) != typed.ty.ty;
    let elements = if from == to { None } else { find(from, to) };
    if from != to && elements.is_none() {
        return Err(cannot_cast(typed.ty.ty, target));
    }
    let mut sql = typed.sql.clone();
    if vector {
        let cast = signature::cast(typed.ty.ty, signature::vector_as_array(typed.ty.ty));
        sql = format!("{}({sql})", cast.and_then(|c| c.function).unwrap_or(""));
    }
    if let Some((_, Some(function))) = elements {
        let map = signature::cast(signature::ANYARRAY, signature::ANYARRAY);
        let map = map.and_then(|c| c.function).unwrap_or("pg_array_map");
        sql = format!("{map}({sql}, {})", quote::string(function));
    }
    Ok(Typed { not_null: typed.not_null, ..Typed::new(sql, target).at(typed.at) })
}

/// A number literal as a float; `None` for one no float comes near.
fn number_as_real(typed: &Typed, to: Type) -> Option<Typed> {
    let digits = typed.sql.trim_matches(['\'', '-']);
    let value = input(digits, to)?.ok()?;
    let negated = typed.sql.starts_with('-');
    let sign = if negated { "-" } else { "" };
    let sql = format!("{sign}{}", quote::value(&value));
    // A literal lifted out of the text would be bound as what it looks like.
    Some(Typed { sql, form: Form::Plain, ..typed.clone() }.with_type(ColumnType::new(to)))
}

/// The value a literal says, where it needs neither clock nor zone nor catalog; the others are read
/// by the input functions when the statement runs.
fn input(text: &str, ty: Type) -> Option<Result<Value, BadValue>> {
    if depends_on_session(ty, text) {
        return None;
    }
    let column = ColumnType::new(ty);
    let value = types::decode(text.as_bytes(), &column, Format::Text, &Style::default());
    Some(value.map_err(|e| BadValue { sqlstate: e.sqlstate(), message: e.to_string() }))
}

fn depends_on_session(ty: Type, text: &str) -> bool {
    match ty {
        Type::DATE | Type::TIME | Type::TIMESTAMP => {
            let text = text.trim_start();
            let first = text.strip_prefix(['-', '+']).unwrap_or(text).chars().next();
            !first.is_some_and(|c| c.is_ascii_digit())
                && !text.to_ascii_lowercase().ends_with("infinity")
        }
        Type::TIMESTAMPTZ | Type::TIMETZ => true,
        // Its keys are sorted by the input function.
        Type::JSONB => !matches!(text, "{}" | "[]"),
        _ if ty.name().starts_with("reg") => true,
        _ => ty.element().is_some_and(|element| depends_on_session(element, "")),
    }
}

/// Types that are only carried, as text.
pub(super) fn is_opaque(ty: Type) -> bool {
    matches!(ty.row().map(|row| row.category), Some('I' | 'G' | 'R' | 'V' | 'E' | 'P') | None)
        || matches!(
            ty.name(),
            "money" | "xml" | "pg_lsn" | "tsvector" | "tsquery" | "aclitem" | "macaddr"
        )
        || matches!(ty.name(), "macaddr8" | "pg_node_tree" | "tid" | "jsonpath" | "txid_snapshot")
}

fn cannot_cast(from: Type, to: Type) -> ErrorKind {
    ErrorKind::CannotCast { from: from.sql_name().into_owned(), to: to.sql_name().into_owned() }
}
