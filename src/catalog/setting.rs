//! Settings: those of a new PostgreSQL, with the session's values.
//!
//! `pg_settings` has numbers in the setting's unit, SHOW has the largest unit that leaves no rest.
//! <https://www.postgresql.org/docs/15/view-pg-settings.html>

use super::relation::{Fill, table, unescape};
use super::rowset::{Cell, row};
use crate::sqlite::Host;
use std::collections::HashMap;
use std::sync::LazyLock;

const SETTINGS: &str = include_str!("../../catalog/rows/pg_settings.txt");

/// Where a default is another than a new PostgreSQL's: a commit waits for no store unless it is told to.
const OWN_DEFAULTS: [(&str, &str); 1] = [("synchronous_commit", "local")];

/// A setting's unit, and its value in a new PostgreSQL as SHOW has it.
struct Default {
    unit: &'static str,
    shown: String,
}

/// By name in lower case.
static DEFAULTS: LazyLock<HashMap<String, Default>> = LazyLock::new(|| {
    let read = |line: &'static str| {
        let mut fields = line.split('\t');
        let (name, value, unit) = (fields.next()?, fields.next()?, fields.next()?);
        let shown = own(name).map_or_else(|| shown(value, unit), str::to_owned);
        Some((name.to_ascii_lowercase(), Default { unit, shown }))
    };
    SETTINGS.lines().filter_map(read).collect()
});

fn own(name: &str) -> Option<&'static str> {
    OWN_DEFAULTS.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
}

/// A setting's value in a new PostgreSQL, but for what this server's is.
pub(super) fn default(name: &str) -> Option<&'static str> {
    DEFAULTS.get(&name.to_ascii_lowercase()).map(|default| default.shown.as_str())
}

/// Names and descriptions.
pub(super) fn described() -> impl Iterator<Item = (&'static str, String)> {
    SETTINGS.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        Some((fields.next()?, unescape(fields.nth(3)?)))
    })
}

/// `pg_settings`
pub(super) fn rows(host: &dyn Host, fill: &mut Fill<'_>) {
    let Some(settings) = table("pg_catalog.pg_settings") else { return };
    let mut defaults = Fill::new(settings);
    defaults.read(SETTINGS);
    let changed = fill.positions(["setting", "source"]);
    let defaulted = fill.positions(["setting", "boot_val", "reset_val"]);
    for defaults in defaults.finish().rows() {
        fill.next_row().clone_from_slice(defaults);
        let [Cell::Static(name), ..] = defaults else { continue };
        let Some(default) = DEFAULTS.get(&name.to_ascii_lowercase()) else { continue };
        if let Some(own) = own(name) {
            fill.amend(defaulted, row![own, own, own]);
        }
        if let Some(current) = host.setting(name).filter(|current| *current != default.shown) {
            fill.amend(changed, row![in_unit(&current, default.unit), "session"]);
        }
    }
}

/// Units of memory and of time, each with how many of the smallest it is; the largest first.
const UNITS: [&[(&str, i64)]; 2] = [
    &[("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10), ("B", 1)],
    &[
        ("d", 86_400_000_000),
        ("h", 3_600_000_000),
        ("min", 60_000_000),
        ("s", 1_000_000),
        ("ms", 1_000),
        ("us", 1),
    ],
];

/// The units of a kind, and how many of the smallest a unit is: `8kB` is 8192.
fn scale(unit: &str) -> Option<(&'static [(&'static str, i64)], i64)> {
    let digits = unit.len() - unit.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (count, name) = unit.split_at(digits);
    let count = if count.is_empty() { 1 } else { count.parse::<i64>().ok()? };
    UNITS.iter().find_map(|units| {
        let (_, size) = units.iter().find(|(other, _)| *other == name)?;
        Some((*units, size.checked_mul(count)?))
    })
}

/// A number of a unit as SHOW has it; what is no positive number stays as it is.
fn shown(value: &str, unit: &str) -> String {
    let found = value.parse::<i64>().ok().filter(|number| *number > 0).zip(scale(unit));
    let Some((number, (units, size))) = found else { return value.to_owned() };
    let total = number.saturating_mul(size);
    match units.iter().find(|(_, size)| total % size == 0) {
        Some((name, size)) => format!("{}{name}", total / size),
        None => value.to_owned(),
    }
}

/// A shown value as a number of the setting's unit; what is none stays as it is.
fn in_unit(shown: &str, unit: &str) -> String {
    let digits = shown.len() - shown.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, name) = shown.split_at(digits);
    let number = number.parse::<i64>().ok();
    match number.zip(scale(unit)).zip(scale(name.trim())) {
        Some(((number, (_, base)), (_, size))) => {
            (number.saturating_mul(size) / base.max(1)).to_string()
        }
        None => shown.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (value, unit, text) in [
            ("4096", "kB", "4MB"),
            ("16384", "8kB", "128MB"),
            ("300", "s", "5min"),
            ("200", "ms", "200ms"),
            ("80", "MB", "80MB"),
        ] {
            assert_eq!(shown(value, unit), text);
            assert_eq!(in_unit(text, unit), value);
        }
        assert_eq!(shown("-1", "ms"), "-1");
        assert_eq!(shown("0", "s"), "0");
        assert_eq!(shown("on", "\\N"), "on");
        assert_eq!(in_unit("on", "\\N"), "on");
    }
}
