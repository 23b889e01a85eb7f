//! Sizes and counts. What would need a scan of the file is answered from what ANALYZE left.

use super::{integer, live, null, oid, text, zero};
use crate::catalog::objects::Object;
use crate::sqlite::function::{Args, Flags, Function, Outcome};

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_database_size", 1, Flags::STABLE, zero),
    ("pg_indexes_size", 1, Flags::STABLE, zero),
    ("pg_relation_size", 1, Flags::STABLE, zero),
    ("pg_relation_size", 2, Flags::STABLE, zero),
    ("pg_table_size", 1, Flags::STABLE, zero),
    ("pg_tablespace_size", 1, Flags::STABLE, zero),
    ("pg_total_relation_size", 1, Flags::STABLE, zero),
    ("pg_size_pretty", 1, Flags::PURE, pretty),
    ("pg_sequence_last_value", 1, Flags::STABLE, null),
    ("pg_stat_get_dead_tuples", 1, Flags::STABLE, zero),
    ("pg_stat_get_last_analyze_time", 1, Flags::STABLE, null),
    ("pg_stat_get_last_autoanalyze_time", 1, Flags::STABLE, null),
    ("pg_stat_get_last_autovacuum_time", 1, Flags::STABLE, null),
    ("pg_stat_get_last_vacuum_time", 1, Flags::STABLE, null),
    ("pg_stat_get_live_tuples", 1, Flags::STABLE, live_tuples),
    ("pg_stat_get_numscans", 1, Flags::STABLE, zero),
    ("pg_stat_get_tuples_inserted", 1, Flags::STABLE, zero),
];

fn live_tuples(args: &Args<'_>) -> Outcome {
    let (live, oid) = (live(args)?, oid(args, 0)?);
    let count = match live.object(oid) {
        Some(Object::Relation(relation)) => relation.row_estimate.unwrap_or(0),
        _ => 0,
    };
    integer(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Postgres stays with a unit up to ten thousand of it, and rounds half up.
fn pretty(args: &Args<'_>) -> Outcome {
    const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let size = args.float(0)?;
    let mut shown = size.trunc();
    let mut unit = 0;
    while unit + 1 < UNITS.len() && shown.abs() >= limit(unit) {
        // From bytes on, the division keeps one bit more than is shown, for rounding.
        shown = if unit == 0 { (shown / 512.0).trunc() } else { (shown / 1024.0).trunc() };
        unit += 1;
    }
    if unit > 0 {
        shown = ((shown + shown.signum()) / 2.0).trunc();
    }
    text(format!("{shown:.0} {}", UNITS[unit]))
}

fn limit(unit: usize) -> f64 {
    if unit == 0 { 10.0 * 1024.0 } else { 20.0 * 1024.0 - 1.0 }
}
