//! Values in, what a person or a program reads out.

use indicatif::BinaryBytes;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;
use std::time::Duration;

/// A time as it is written everywhere: UTC, to the millisecond.
pub(super) fn time(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => "a time out of range".to_owned(),
    }
}

/// The time now, in milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Refuses what is no SQLite file, or may not be read. An empty file is one.
///
/// # Errors
/// Those of the system; that it begins otherwise.
pub(super) fn require_database(path: &Path) -> io::Result<()> {
    let mut start = Vec::new();
    File::open(path)?.take(SQLITE_START.len() as u64).read_to_end(&mut start)?;
    match start.as_slice() {
        [] | SQLITE_START => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "file is not a database")),
    }
}

/// <https://www.sqlite.org/fileformat2.html#magic_header_string>
const SQLITE_START: &[u8] = b"SQLite format 3\0";

/// A size in bytes.
pub(super) fn bytes(bytes: u64) -> String {
    BinaryBytes(bytes).to_string()
}

/// So many things of a name.
pub(super) fn count(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A span of time as it is said.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86400),
    }
}

/// The span between two times.
pub(super) fn span(from_ms: i64, to_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(to_ms.saturating_sub(from_ms)).unwrap_or(0))
}

/// Prints a value as JSON, on lines of its own.
pub(super) fn print_json(value: &impl Serialize) -> io::Result<()> {
    writeln!(io::stdout(), "{}", serde_json::to_string_pretty(value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_spans() {
        assert_eq!(time(1_769_860_800_000), "2026-01-31T12:00:00.000Z");
        assert_eq!(time(i64::MAX), "a time out of range");
        let spans =
            [(950, "0.9 s"), (61_000, "61 s"), (7_000_000, "116 min"), (90_000_000, "25 h")];
        for (ms, expected) in spans {
            assert_eq!(duration(Duration::from_millis(ms)), expected);
        }
        assert_eq!(duration(span(0, 864_000_000)), "10 days");
        assert_eq!(span(5, 1), Duration::ZERO);
        assert_eq!((count(1, "file"), count(0, "file")), ("1 file".into(), "0 files".into()));
    }
}
