//! Sizes and times, as flags and the file say them.

use super::Error;
use std::time::Duration;

/// A span of time, in PostgreSQL's units.
pub(super) fn duration(text: &str) -> Result<Duration, Error> {
    const UNITS: [(&str, u64); 5] =
        [("ms", 1), ("min", 60_000), ("s", 1000), ("h", 3_600_000), ("d", 86_400_000)];
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let found = UNITS.iter().find_map(|(unit, ms)| Some((text.strip_suffix(unit)?, ms)));
    let read = found.and_then(|(number, ms)| number.trim().parse::<u64>().ok()?.checked_mul(*ms));
    read.map(Duration::from_millis).ok_or_else(|| Error::BadDuration(text.to_owned()))
}

/// The times of levels, of which there is room for eight.
pub(super) fn levels(texts: &[String]) -> Result<Vec<Duration>, Error> {
    const LEVELS_MAX: usize = 8;
    let levels = texts.iter().map(|text| duration(text)).collect::<Result<Vec<_>, _>>()?;
    let ascending = levels.is_sorted_by(|a, b| a < b);
    let long = levels.first().is_none_or(|first| *first >= Duration::from_secs(1));
    let ok = ascending && long && levels.len() <= LEVELS_MAX;
    if ok { Ok(levels) } else { Err(Error::BadLevels) }
}

/// A size in bytes, in PostgreSQL's units of 1024.
pub(super) fn size(text: &str) -> Result<u64, Error> {
    const UNITS: [(&str, u64); 4] =
        [("kB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30), ("TB", 1 << 40)];
    let found = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, bytes)));
    let read =
        found.and_then(|(number, bytes)| number.trim().parse::<u64>().ok()?.checked_mul(*bytes));
    read.ok_or_else(|| Error::BadSize(text.to_owned()))
}
