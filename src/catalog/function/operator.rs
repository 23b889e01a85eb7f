//! Operators by name and by OID: `regoper` and `regoperator`.

use crate::catalog::kind::format_type;
use crate::catalog::relation::table;
use crate::catalog::rowset::Cell;
use crate::types::{Oid, Type};
use std::collections::HashMap;
use std::sync::LazyLock;

/// An operator: its name and the types of its operands, 0 for none.
struct Operator {
    name: &'static str,
    operands: [Oid; 2],
}

static OPERATORS: LazyLock<HashMap<Oid, Operator>> = LazyLock::new(|| {
    let Some(table) = table("pg_catalog.pg_operator") else { return HashMap::new() };
    let at = ["oid", "oprname", "oprleft", "oprright"]
        .map(|c| table.system.relation.column_position(c).unwrap_or(0));
    let number = |cell: &Cell| match cell {
        Cell::Integer(number) => Oid::try_from(*number).unwrap_or(0),
        _ => 0,
    };
    let read = |row: &[Cell]| {
        let [oid, name, left, right] = at.map(|i| &row[i]);
        let name = if let Cell::Static(name) = name { *name } else { "" };
        (number(oid), Operator { name, operands: [number(left), number(right)] })
    };
    table.fixed().rows().map(read).collect()
});

/// OIDs of the operators that have a name, the lowest first.
static BY_NAME: LazyLock<HashMap<&'static str, Vec<Oid>>> = LazyLock::new(|| {
    let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
    for (&oid, operator) in OPERATORS.iter() {
        by_name.entry(operator.name).or_default().push(oid);
    }
    by_name.values_mut().for_each(|oids| oids.sort_unstable());
    by_name
});

/// `regoper`: the name, qualified where several operators share it.
pub(super) fn name(oid: Oid) -> Option<String> {
    let name = OPERATORS.get(&oid)?.name;
    let alone = BY_NAME.get(name).is_some_and(|oids| oids.len() == 1);
    Some(if alone { name.to_owned() } else { format!("pg_catalog.{name}") })
}

/// `regoperator`: the name and what it takes.
pub(super) fn name_with_operands(oid: Oid) -> Option<String> {
    let Operator { name, operands } = OPERATORS.get(&oid)?;
    let operand = |ty: Oid| match ty {
        0 => "NONE".to_owned(),
        ty => format_type(Type(ty), None),
    };
    Some(format!("{name}({},{})", operand(operands[0]), operand(operands[1])))
}

/// The operator of a name, with these operands where they are given.
pub(in crate::catalog) fn find(name: &str, operands: Option<&[Oid]>) -> Option<Oid> {
    let oids = BY_NAME.get(name)?;
    let fits = |oid: &&Oid| {
        operands.is_none_or(|given| OPERATORS.get(oid).is_some_and(|o| o.operands == *given))
    };
    oids.iter().find(fits).copied()
}
