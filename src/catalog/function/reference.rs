//! Names to OIDs and back: the casts of `regclass`, `regtype` and the other `reg*` types.
//! <https://www.postgresql.org/docs/15/datatype-oid.html>

use super::visible::is_public_visible;
use super::{oid, text};
use crate::catalog::definition;
use crate::catalog::fixed::{
    collation_oids, configuration_oids, dictionary_oids, function_oids, system_classes,
};
use crate::catalog::kind;
use crate::catalog::live::class::namespace_oid;
use crate::catalog::objects::{INFORMATION_SCHEMA, Live, Object, PG_CATALOG, PUBLIC, TEMP};
use crate::schema::{Namespace, TEMP_NAME, identifier};
use crate::sqlite::function::{Args, Flags, Function, Outcome};
use crate::sqlite::{FunctionError, Host};
use crate::types::{Oid, Type, Value, ValueRef};
use std::collections::HashMap;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_regclass_in", 1, Flags::STABLE, |args| or_error(args, to_class, "42P01", "relation")),
    ("pg_regnamespace_in", 1, Flags::STABLE, |args| {
        or_error(args, to_namespace, "3F000", "schema")
    }),
    ("pg_regcollation_in", 1, Flags::STABLE, |args| {
        or_error(args, to_collation, "42704", "collation")
    }),
    ("pg_regconfig_in", 1, Flags::STABLE, |args| {
        or_error(args, to_configuration, "42704", "text search configuration")
    }),
    ("pg_regdictionary_in", 1, Flags::STABLE, |args| {
        or_error(args, to_dictionary, "42704", "text search dictionary")
    }),
    ("pg_regoper_in", 1, Flags::STABLE, |args| or_error(args, to_operator, "42883", "operator")),
    ("pg_regoperator_in", 1, Flags::STABLE, |args| {
        or_error(args, to_operator, "42883", "operator")
    }),
    ("pg_regproc_in", 1, Flags::STABLE, sole_function),
    ("pg_regprocedure_in", 1, Flags::STABLE, |args| {
        or_error(args, to_function, "42883", "function")
    }),
    ("pg_regrole_in", 1, Flags::STABLE, |args| or_error(args, to_role, "42704", "role")),
    ("pg_regtype_in", 1, Flags::STABLE, |args| or_error(args, to_type, "42704", "type")),
    ("to_regclass", 1, Flags::STABLE, |args| or_null(args, to_class)),
    ("to_regcollation", 1, Flags::STABLE, |args| or_null(args, to_collation)),
    ("to_regnamespace", 1, Flags::STABLE, |args| or_null(args, to_namespace)),
    ("to_regoper", 1, Flags::STABLE, |args| or_null(args, to_operator)),
    ("to_regoperator", 1, Flags::STABLE, |args| or_null(args, to_operator)),
    ("to_regproc", 1, Flags::STABLE, |args| or_null(args, to_function)),
    ("to_regprocedure", 1, Flags::STABLE, |args| or_null(args, to_function)),
    ("to_regrole", 1, Flags::STABLE, |args| or_null(args, to_role)),
    ("to_regtype", 1, Flags::STABLE, |args| or_null(args, to_type)),
    ("pg_regclass_out", 1, Flags::STABLE, |args| named(args, class_name)),
    ("pg_regnamespace_out", 1, Flags::STABLE, |args| named(args, namespace_name)),
    ("pg_regcollation_out", 1, Flags::STABLE, |args| named(args, collation_name)),
    ("pg_regconfig_out", 1, Flags::STABLE, |args| named(args, configuration_name)),
    ("pg_regdictionary_out", 1, Flags::STABLE, |args| named(args, dictionary_name)),
    ("pg_regoper_out", 1, Flags::STABLE, |args| named(args, operator_name)),
    ("pg_regoperator_out", 1, Flags::STABLE, |args| named(args, operator_and_operands)),
    ("pg_regproc_out", 1, Flags::STABLE, |args| named(args, function_name)),
    ("pg_regprocedure_out", 1, Flags::STABLE, |args| named(args, procedure_name)),
    ("pg_regrole_out", 1, Flags::STABLE, |args| named(args, role_name)),
    ("pg_regtype_out", 1, Flags::STABLE, |args| named(args, type_name)),
    ("pg_get_userbyid", 1, Flags::STABLE, |args| {
        let oid = oid(args, 0)?;
        let name = role_name(&*args.host()?, oid);
        text(name.unwrap_or_else(|| format!("unknown (OID={oid})")))
    }),
];

/// The text of a value of `regclass` or another of the `reg*` types.
pub(in crate::catalog) fn name_of(host: &dyn Host, ty: Type, oid: Oid) -> Option<String> {
    let naming: Naming = match ty.name() {
        "regclass" => class_name,
        "regnamespace" => namespace_name,
        "regcollation" => collation_name,
        "regconfig" => configuration_name,
        "regdictionary" => dictionary_name,
        "regoper" => operator_name,
        "regoperator" => operator_and_operands,
        "regproc" => function_name,
        "regprocedure" => procedure_name,
        "regrole" => role_name,
        "regtype" => type_name,
        _ => return None,
    };
    naming(host, oid)
}

/// The value of a `reg*` type that a text means.
pub(in crate::catalog) fn oid_of(host: &dyn Host, ty: Type, text: &str) -> Option<Oid> {
    let lookup: Lookup = match ty.name() {
        "regclass" => to_class,
        "regcollation" => to_collation,
        "regconfig" => to_configuration,
        "regdictionary" => to_dictionary,
        "regnamespace" => to_namespace,
        "regoper" | "regoperator" => to_operator,
        "regproc" | "regprocedure" => to_function,
        "regrole" => to_role,
        "regtype" => to_type,
        _ => return None,
    };
    lookup(host, &Name::read(text).ok()?)
}

fn live(host: &dyn Host) -> Live {
    Live::new(host.schema())
}

fn role_name(host: &dyn Host, oid: Oid) -> Option<String> {
    super::describe::name_of_role(host, oid)
}

type Lookup = fn(&dyn Host, &Name) -> Option<Oid>;

/// A name as SQL writes it, perhaps qualified: parts that were not quoted are folded.
struct Name {
    parts: Vec<String>,
    /// As it was given, for messages.
    written: String,
}

impl Name {
    fn read(text: &str) -> Result<Self, FunctionError> {
        let mut parts = vec![String::new()];
        let mut chars = text.trim().chars().peekable();
        let mut quoted = false;
        while let Some(c) = chars.next() {
            let part = parts.last_mut().map_or_else(String::new, std::mem::take);
            let (part, next) = match c {
                '"' if quoted && chars.next_if_eq(&'"').is_some() => (part + "\"", None),
                '"' => {
                    quoted = !quoted;
                    (part, None)
                }
                '.' if !quoted => (part, Some(String::new())),
                c if quoted => (part + c.encode_utf8(&mut [0; 4]), None),
                c => (part + c.to_lowercase().collect::<String>().as_str(), None),
            };
            if let Some(last) = parts.last_mut() {
                *last = part;
            }
            parts.extend(next);
        }
        if quoted || parts.iter().any(String::is_empty) {
            return Err(FunctionError::new("42602", "invalid name syntax"));
        }
        Ok(Self { parts, written: text.trim().to_owned() })
    }

    fn last(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }

    fn schema(&self) -> Option<&str> {
        self.parts.len().checked_sub(2).and_then(|i| self.parts.get(i)).map(String::as_str)
    }

    fn is_in(&self, schema: &str) -> bool {
        self.schema().is_none_or(|given| given == schema)
    }
}

/// An OID written in digits is taken as it is; `-` is none.
fn number(text: &str) -> Option<Oid> {
    if text == "-" { Some(0) } else { text.parse().ok() }
}

fn or_error(args: &Args<'_>, find: Lookup, sqlstate: &'static str, kind: &str) -> Outcome {
    if let ValueRef::Integer(oid) = args.value(0) {
        return Ok(Value::Integer(oid));
    }
    let given = args.text(0)?;
    if let Some(oid) = number(&given) {
        return super::integer(oid);
    }
    let name = Name::read(&given)?;
    match find(&*args.host()?, &name) {
        Some(oid) => super::integer(oid),
        None => {
            let message = format!("{kind} \"{}\" does not exist", name.written);
            Err(FunctionError::new(sqlstate, message))
        }
    }
}

/// `regproc` is a name alone, which several functions may have.
fn sole_function(args: &Args<'_>) -> Outcome {
    if let ValueRef::Text(_) = args.value(0) {
        let name = Name::read(&args.text(0)?)?;
        if name.is_in("pg_catalog") && super::proc::is_overloaded(name.last()) {
            let message = format!("more than one function named \"{}\"", name.written);
            return Err(FunctionError::new("42725", message));
        }
    }
    or_error(args, to_function, "42883", "function")
}

fn or_null(args: &Args<'_>, find: Lookup) -> Outcome {
    let given = args.text(0)?;
    if let Some(oid) = number(&given) {
        return super::integer(oid);
    }
    let Ok(name) = Name::read(&given) else { return Ok(Value::Null) };
    Ok(find(&*args.host()?, &name).map_or(Value::Null, |oid| Value::Integer(oid.into())))
}

/// The OID of a relation that is given by its name or its OID.
pub(super) fn class(args: &Args<'_>, i: usize) -> Result<Oid, FunctionError> {
    let given = match args.value(i) {
        ValueRef::Text(_) => args.text(i)?,
        _ => return oid(args, i),
    };
    if let Some(oid) = number(&given) {
        return Ok(oid);
    }
    let name = Name::read(&given)?;
    to_class(&*args.host()?, &name).ok_or_else(|| {
        FunctionError::new("42P01", format!("relation \"{}\" does not exist", name.written))
    })
}

fn to_class(host: &dyn Host, name: &Name) -> Option<Oid> {
    let system = |schema| {
        let namespace = namespace_oid(schema);
        let same = |class: &(String, Oid)| class.1 == namespace && class.0 == name.last();
        let found = system_classes().iter().find(|(_, class)| same(class));
        found.map(|(&oid, _)| oid)
    };
    if name.is_in("pg_catalog")
        && let Some(oid) = system(Namespace::Catalog)
    {
        return Some(oid);
    }
    if name.schema() == Some("information_schema") {
        return system(Namespace::InformationSchema);
    }
    // A temporary table hides one of its name.
    match name.schema() {
        None | Some("public" | "pg_temp" | TEMP_NAME) => live(host).class_oid(name.last()),
        Some(_) => None,
    }
}

fn to_namespace(host: &dyn Host, name: &Name) -> Option<Oid> {
    match name.last() {
        "public" => Some(PUBLIC),
        "pg_catalog" => Some(PG_CATALOG),
        "information_schema" => Some(INFORMATION_SCHEMA),
        "pg_toast" => Some(99),
        TEMP_NAME if host.schema().has_temporary() => Some(TEMP),
        _ => None,
    }
}

fn to_role(host: &dyn Host, name: &Name) -> Option<Oid> {
    super::describe::oid_of_role(host, name.last())
}

fn to_collation(_: &dyn Host, name: &Name) -> Option<Oid> {
    collation_oids().get(name.last()).copied().filter(|_| name.is_in("pg_catalog"))
}

fn to_configuration(_: &dyn Host, name: &Name) -> Option<Oid> {
    configuration_oids().get(name.last()).copied().filter(|_| name.is_in("pg_catalog"))
}

fn to_dictionary(_: &dyn Host, name: &Name) -> Option<Oid> {
    dictionary_oids().get(name.last()).copied().filter(|_| name.is_in("pg_catalog"))
}

/// Of several functions without arguments given, the first.
fn to_function(host: &dyn Host, name: &Name) -> Option<Oid> {
    let (bare, arguments) = signature(host, name.last())?;
    let own = || live(host).procedure_oid(bare).filter(|_| name.is_in("public"));
    let system = match arguments {
        Some(types) => super::proc::find(bare, &types),
        None if super::proc::is_overloaded(bare) => None,
        None => function_oids().get(bare).copied(),
    };
    system.filter(|_| name.is_in("pg_catalog")).or_else(own)
}

fn to_operator(host: &dyn Host, name: &Name) -> Option<Oid> {
    let (bare, operands) = signature(host, name.last())?;
    super::operator::find(bare, operands.as_deref()).filter(|_| name.is_in("pg_catalog"))
}

/// `name(type, type)`: the name, and the types if there are parentheses; `none` is type 0.
fn signature<'n>(host: &dyn Host, text: &'n str) -> Option<(&'n str, Option<Vec<Oid>>)> {
    let Some((name, rest)) = text.split_once('(') else { return Some((text, None)) };
    let list = rest.strip_suffix(')')?.trim();
    let ty = |text: &str| match text.trim() {
        "none" => Some(0),
        text => to_type(host, &Name::read(text).ok()?),
    };
    let types = list.split(',').filter(|_| !list.is_empty()).map(ty).collect::<Option<_>>()?;
    Some((name.trim_end(), Some(types)))
}

fn to_type(host: &dyn Host, name: &Name) -> Option<Oid> {
    let element = name.last().split('[').next().unwrap_or_default();
    let bare: String = without_modifier(element);
    let found = sql_type(&bare).or_else(|| {
        let schema = name.schema();
        let known = kind::by_name(&bare)?;
        let namespace = kind::facts(known).namespace;
        let expected = if namespace == 11 { "pg_catalog" } else { "information_schema" };
        (schema == Some(expected) || (schema.is_none() && namespace == 11)).then_some(known)
    });
    let is_array = name.last().ends_with(']');
    if let Some(ty) = found.filter(|_| is_array) {
        return kind::array_of(ty).map(|array| array.0);
    }
    let row_type = || {
        let live = live(host);
        let relation = live.schema.relation(&bare).filter(|_| name.is_in("public"))?;
        let oids = live.oids_of(relation)?;
        Some(if is_array { oids.array_type } else { relation.row_type })
    };
    found.map(|ty| ty.0).or_else(row_type)
}

/// `timestamp(3) with time zone` without its `(3)`.
fn without_modifier(name: &str) -> String {
    let Some((before, rest)) = name.split_once('(') else { return name.trim().to_owned() };
    let after = rest.split_once(')').map_or("", |(_, after)| after);
    format!("{}{after}", before.trim_end())
}

/// Names that SQL has for types beside those in `pg_type`.
fn sql_type(name: &str) -> Option<Type> {
    Some(match name {
        "boolean" => Type::BOOL,
        "smallint" => Type::INT2,
        "integer" | "int" => Type::INT4,
        "bigint" => Type::INT8,
        "real" => Type::FLOAT4,
        "double precision" | "float" => Type::FLOAT8,
        "decimal" | "dec" => Type::NUMERIC,
        "character varying" => Type::VARCHAR,
        "character" => Type::BPCHAR,
        "timestamp without time zone" => Type::TIMESTAMP,
        "timestamp with time zone" => Type::TIMESTAMPTZ,
        "time without time zone" => Type::TIME,
        "time with time zone" => Type::TIMETZ,
        "bit varying" => Type(1562),
        _ => return None,
    })
}

type Naming = fn(&dyn Host, Oid) -> Option<String>;

/// The name of an OID; its digits when it is nobody's.
fn named(args: &Args<'_>, name: Naming) -> Outcome {
    match oid(args, 0)? {
        // Operators alone have a number for none.
        0 if [operator_name as Naming, operator_and_operands].contains(&name) => text("0"),
        0 => text("-"),
        oid => text(name(&*args.host()?, oid).unwrap_or_else(|| oid.to_string())),
    }
}

/// A relation's name, qualified when it is not found without.
fn class_name(host: &dyn Host, oid: Oid) -> Option<String> {
    if let Some((name, namespace)) = system_classes().get(&oid) {
        let visible = *namespace == PG_CATALOG;
        let qualified = || format!("information_schema.{name}");
        return Some(if visible { name.clone() } else { qualified() });
    }
    let live = live(host);
    let name = match live.object(oid)? {
        Object::Relation(relation) => &relation.name,
        Object::Index(_, index) => &index.shown_name,
        Object::Sequence(relation) => &relation.sequence.as_ref()?.name,
        _ => return None,
    };
    Some(in_public(host, name))
}

/// A name in `public`, qualified when it is not found without.
fn in_public(host: &dyn Host, name: &str) -> String {
    definition::named(name, !is_public_visible(host))
}

fn namespace_name(host: &dyn Host, oid: Oid) -> Option<String> {
    match oid {
        PUBLIC => Some("public".to_owned()),
        PG_CATALOG => Some("pg_catalog".to_owned()),
        INFORMATION_SCHEMA => Some("information_schema".to_owned()),
        99 => Some("pg_toast".to_owned()),
        TEMP if host.schema().has_temporary() => Some(TEMP_NAME.to_owned()),
        _ => None,
    }
}

fn function_name(host: &dyn Host, oid: Oid) -> Option<String> {
    super::proc::unambiguous_name(oid).or_else(|| match live(host).object(oid)? {
        Object::Procedure(_, trigger) => Some(in_public(host, &trigger.name)),
        _ => None,
    })
}

/// With its arguments: none, for what a trigger runs.
fn procedure_name(host: &dyn Host, oid: Oid) -> Option<String> {
    super::proc::name_with_arguments(oid)
        .or_else(|| function_name(host, oid).map(|name| format!("{name}()")))
}

fn operator_name(_: &dyn Host, oid: Oid) -> Option<String> {
    super::operator::name(oid)
}

fn operator_and_operands(_: &dyn Host, oid: Oid) -> Option<String> {
    super::operator::name_with_operands(oid)
}

fn collation_name(_: &dyn Host, oid: Oid) -> Option<String> {
    name_among(collation_oids(), oid)
}

fn configuration_name(_: &dyn Host, oid: Oid) -> Option<String> {
    name_among(configuration_oids(), oid)
}

fn dictionary_name(_: &dyn Host, oid: Oid) -> Option<String> {
    name_among(dictionary_oids(), oid)
}

fn name_among(oids: &HashMap<Box<str>, Oid>, oid: Oid) -> Option<String> {
    oids.iter().find(|(_, other)| **other == oid).map(|(name, _)| identifier(name))
}

fn type_name(host: &dyn Host, oid: Oid) -> Option<String> {
    if kind::find(Type(oid)).is_some() {
        return Some(kind::format_type(Type(oid), None));
    }
    match live(host).object(oid) {
        Some(Object::RowType(relation)) => Some(in_public(host, &relation.name)),
        Some(Object::ArrayType(relation)) => Some(in_public(host, &relation.name) + "[]"),
        _ => None,
    }
}
