//! Records, and what tells one version of a row from the next.
//! <https://www.postgresql.org/docs/15/rowtypes.html>

use super::{Args, Flags, Function, Outcome, integer, text};
use crate::sqlite::host::FunctionError;
use crate::types::{Record, Style, Value, ValueRef};

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_record", -1, Flags::PURE_NULLS, |args| {
        record(args)?.map_or(Ok(Value::Null), |record| text(record.to_json()))
    }),
    ("pg_record_text", -1, Flags::PURE_NULLS, |args| {
        record(args)?.map_or(Ok(Value::Null), |record| as_text(&record))
    }),
    ("pg_row_version", -1, Flags::PURE_NULLS, |args| integer(version(args.values()))),
];

/// `(nullable, types, field, ...)`: NULL for a row of NULLs if it may be.
fn record(args: &Args<'_>) -> Result<Option<Record>, FunctionError> {
    let fields = || args.values().iter().skip(2);
    if args.bool(0)? && fields().all(|field| *field == ValueRef::Null) {
        return Ok(None);
    }
    let fields = fields().enumerate().map(|(i, _)| args.owned(i + 2));
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    let malformed = || FunctionError::new("XX000", "malformed types of a record");
    Record::new(&args.text(1)?, fields.into_iter()).ok_or_else(malformed).map(Some)
}

fn as_text(record: &Record) -> Outcome {
    let mut out = Vec::new();
    let style = Style::default();
    let written = record.write_text(&mut out, &style);
    written.map_err(|error| FunctionError::new("22P02", error.to_string()))?;
    text(String::from_utf8_lossy(&out))
}

/// A transaction number that differs when a row's values do: FNV-1a, folded into those that
/// Postgres gives to ordinary transactions.
fn version(values: &[ValueRef<'_>]) -> i64 {
    const FIRST: u64 = 3;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for value in values {
        match value {
            ValueRef::Null => add(&[0]),
            ValueRef::Integer(i) => add(&i.to_le_bytes()),
            ValueRef::Real(r) => add(&r.to_bits().to_le_bytes()),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                add(&bytes.len().to_le_bytes());
                add(bytes);
            }
        }
    }
    let folded = (hash ^ (hash >> 32)) % (u64::from(u32::MAX) - FIRST);
    i64::try_from(FIRST + folded).unwrap_or(0)
}
