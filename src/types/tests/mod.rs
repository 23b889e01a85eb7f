//! Every codec against the answers of a real PostgreSQL 15 in `tests/types/*.txt`.

mod arithmetic;
mod properties;

use super::style::{ByteaOutput, DateOrder, DateStyle, IntervalStyle};
use super::*;
use std::fmt::Write as _;
use std::path::Path;

/// Cases where egret answers otherwise, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("float8", "1e23", "two shortest forms read back the same; this is the nearer one"),
    ("\"char\"", "é", "a byte that is no character is not stored"),
    ("interval", "-1 year 2 days", "input does not depend on IntervalStyle"),
    ("int4[]", "[0:1]={1,2}", "arrays start at 1"),
    ("timestamp", "294246-12-31 23:59:59.999999", "counting from 1970 ends in January 294247"),
];

#[test]
fn codecs_agree_with_postgres() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/types");
    let mut wrong = String::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "txt") {
            count += check_file(&path, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 700, "only {count} cases");
}

fn check_file(path: &Path, wrong: &mut String) -> usize {
    let mut style = Style::default();
    let mut count = 0;
    for line in std::fs::read_to_string(path).unwrap().lines() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        if let Some(setting) = line.strip_prefix("set ") {
            set(&mut style, setting);
            continue;
        }
        let fields: Vec<&str> = line.split('\t').collect();
        let known = DIFFERENCES.iter().any(|(ty, text, _)| [*ty, *text] == fields[..2]);
        if let (Err(message), false) = (check(&fields, &style), known) {
            let name = path.file_name().unwrap().to_string_lossy();
            writeln!(wrong, "{name}: {line}\n    {message}").unwrap();
        }
        count += 1;
    }
    count
}

fn set(style: &mut Style, setting: &str) {
    let (name, value) = setting.split_once(' ').unwrap();
    match name {
        "timezone" => style.time_zone = Style::zone(value).unwrap(),
        "extra_float_digits" => style.extra_float_digits = value.parse().unwrap(),
        "bytea_output" if value == "hex" => style.bytea_output = ByteaOutput::Hex,
        "bytea_output" => style.bytea_output = ByteaOutput::Escape,
        "intervalstyle" => {
            style.interval_style = match value {
                "postgres" => IntervalStyle::Postgres,
                "postgres_verbose" => IntervalStyle::PostgresVerbose,
                "sql_standard" => IntervalStyle::SqlStandard,
                _ => IntervalStyle::Iso8601,
            };
        }
        _ => {
            let (first, order) = value.split_once(", ").unwrap_or((value, "DMY"));
            style.date_style = match first {
                "ISO" => DateStyle::Iso,
                "SQL" => DateStyle::Sql,
                "Postgres" => DateStyle::Postgres,
                _ => DateStyle::German,
            };
            style.date_order = match order {
                "MDY" => DateOrder::Mdy,
                "DMY" => DateOrder::Dmy,
                _ => DateOrder::Ymd,
            };
        }
    }
}

fn check(fields: &[&str], style: &Style) -> Result<(), String> {
    let column = column(fields[0]);
    let show = |error: Error| format!("ERROR {} {error}", error.sqlstate());
    let stored = decode(fields[1].as_bytes(), &column, Format::Text, style)
        .and_then(|value| assign(value, &column));
    let value = match (stored, fields[2].starts_with("ERROR")) {
        (Err(error), true) => return same(&show(error), fields[2]),
        (Err(error), false) => return Err(show(error)),
        (Ok(value), true) => return Err(format!("accepted as {value:?}")),
        (Ok(value), false) => value,
    };
    same(&text(&value, &column, style)?, fields[2])?;
    let mut binary = Vec::new();
    match encode(&mut binary, value.borrow(), &column, Format::Binary, style) {
        Err(Error::NoBinary { .. }) => return Ok(()),
        Err(error) => return Err(show(error)),
        Ok(()) => {}
    }
    let hex: String = binary.iter().map(|byte| format!("{byte:02x}")).collect();
    same(&hex, fields.get(3).unwrap_or(&""))?;
    let back = decode(&binary, &column, Format::Binary, style).map_err(show)?;
    same(&text(&back, &column, style)?, &text(&value, &column, style)?)
}

fn text(value: &Value, column: &ColumnType, style: &Style) -> Result<String, String> {
    let mut out = Vec::new();
    encode(&mut out, value.borrow(), column, Format::Text, style).map_err(|e| e.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

fn same(ours: &str, theirs: &str) -> Result<(), String> {
    if ours == theirs { Ok(()) } else { Err(format!("ours: {ours}")) }
}

/// `numeric(10,2)[]` and the like.
fn column(name: &str) -> ColumnType {
    let (Some(open), Some(close)) = (name.find('('), name.find(')')) else {
        return ColumnType::new(Type::from_name(name).unwrap());
    };
    let ty = Type::from_name(&format!("{}{}", &name[..open], &name[close + 1..])).unwrap();
    let numbers: Vec<i32> = name[open + 1..close].split(',').map(|n| n.parse().unwrap()).collect();
    let typmod = match (name.starts_with("numeric"), &numbers[..]) {
        (true, [precision, scale]) => numeric::typmod(*precision, *scale),
        (true, [precision]) => numeric::typmod(*precision, 0),
        (_, numbers) => numbers[0] + 4,
    };
    ColumnType { typmod, ..ColumnType::new(ty) }
}
