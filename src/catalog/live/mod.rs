//! Rows that mirror the schema: one file per relation of `pg_catalog`.

pub(super) mod attribute;
pub(super) mod class;
pub(super) mod constraint;
pub(super) mod default;
pub(super) mod depend;
pub(super) mod description;
pub(super) mod index;
pub(super) mod procedure;
pub(super) mod row_type;
pub(super) mod sequence;
pub(super) mod trigger;

/// A list of numbers as `int2vector` and `oidvector` have it inside SQLite.
fn vector(numbers: impl IntoIterator<Item = impl ToString>) -> String {
    let numbers: Vec<_> = numbers.into_iter().map(|n| n.to_string()).collect();
    numbers.join(" ")
}

/// A list of numbers as an array has it inside SQLite.
fn array(numbers: impl IntoIterator<Item = impl ToString>) -> String {
    let numbers: Vec<_> = numbers.into_iter().map(|n| n.to_string()).collect();
    format!("[{}]", numbers.join(","))
}
