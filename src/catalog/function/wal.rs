//! The write-ahead log and recovery, as far as a session sees them.
//! <https://www.postgresql.org/docs/15/functions-admin.html>

use super::{integer, no, null, text};
use crate::sqlite::FunctionError;
use crate::sqlite::function::{Args, Flags, Function, Outcome};
use crate::types::{Storage, datetime};

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_current_logfile", -1, Flags::STABLE_NULLS, null),
    ("pg_current_wal_flush_lsn", 0, Flags::STABLE, position),
    ("pg_current_wal_insert_lsn", 0, Flags::STABLE, position),
    ("pg_current_wal_lsn", 0, Flags::STABLE, position),
    ("pg_is_wal_replay_paused", 0, Flags::STABLE, no),
    ("pg_last_wal_receive_lsn", 0, Flags::STABLE, replayed),
    ("pg_last_wal_replay_lsn", 0, Flags::STABLE, replayed),
    ("pg_last_xact_replay_timestamp", 0, Flags::STABLE, replayed_time),
    ("pg_create_restore_point", 1, Flags::STABLE, restore_point),
    ("pg_promote", -1, Flags::STABLE, |args| in_recovery(args, "pg_promote")),
    ("pg_read_file", -1, Flags::STABLE, |_| denied("pg_read_file")),
    ("pg_stat_file", -1, Flags::STABLE, |_| denied("pg_stat_file")),
    ("pg_switch_wal", 0, Flags::STABLE, position),
    ("pg_wal_replay_pause", 0, Flags::STABLE, |args| in_recovery(args, "pg_wal_replay_pause")),
    ("pg_wal_replay_resume", 0, Flags::STABLE, |args| in_recovery(args, "pg_wal_replay_resume")),
    ("pg_walfile_name", 1, Flags::PURE, file_name),
    ("pg_wal_lsn_diff", 2, Flags::PURE, lsn_difference),
];

/// Positions count transactions as they are backed up, not bytes.
fn position(args: &Args<'_>) -> Outcome {
    not_in_recovery(args)?;
    text(position_text(args.host()?.wal_position()))
}

/// What a follower has received it has applied.
fn replayed(args: &Args<'_>) -> Outcome {
    match args.host()?.replayed() {
        Some(replayed) => text(position_text(replayed.position)),
        None => null(args),
    }
}

fn replayed_time(args: &Args<'_>) -> Outcome {
    match args.host()?.replayed().and_then(|replayed| replayed.committed_us) {
        Some(us) => Ok(datetime::to_value(us, Storage::Native)),
        None => null(args),
    }
}

fn restore_point(args: &Args<'_>) -> Outcome {
    not_in_recovery(args)?;
    let host = args.host()?;
    if !host.may_write() {
        let message = "permission denied for function pg_create_restore_point";
        return Err(FunctionError::new("42501", message));
    }
    text(position_text(host.create_restore_point(&args.text(0)?)?))
}

fn not_in_recovery(args: &Args<'_>) -> Result<(), FunctionError> {
    if args.host()?.in_recovery() {
        return Err(FunctionError::new("55000", "recovery is in progress"));
    }
    Ok(())
}

/// A position as `pg_lsn` shows it.
#[must_use]
pub fn position_text(position: u64) -> String {
    format!("{:X}/{:X}", position >> 32, position & 0xffff_ffff)
}

/// What a follower alone could do.
fn in_recovery(args: &Args<'_>, name: &str) -> Outcome {
    if args.host()?.in_recovery() {
        return unsupported(name);
    }
    Err(FunctionError::new("55000", "recovery is not in progress"))
}

fn unsupported(name: &str) -> Outcome {
    Err(FunctionError::new("0A000", format!("{name} is not supported")))
}

/// Postgres cuts its log into files of 16 MiB, numbered behind the timeline.
fn file_name(args: &Args<'_>) -> Outcome {
    let segment = (lsn(&args.text(0)?)?.max(1) - 1) >> 24;
    text(format!("{:08X}{:08X}{:08X}", 1, segment >> 8, segment & 0xff))
}

/// The server's files are nobody's business.
fn denied(name: &str) -> Outcome {
    Err(FunctionError::new("42501", format!("permission denied for function {name}")))
}

fn lsn_difference(args: &Args<'_>) -> Outcome {
    integer(lsn(&args.text(0)?)?.wrapping_sub(lsn(&args.text(1)?)?))
}

fn lsn(text: &str) -> Result<i64, FunctionError> {
    let part = |part: &str| u32::from_str_radix(part, 16).ok();
    let parts = text.split_once('/').and_then(|(high, low)| part(high).zip(part(low)));
    let (high, low) = parts.ok_or_else(|| {
        let message = format!("invalid input syntax for type pg_lsn: \"{text}\"");
        FunctionError::new("22P02", message)
    })?;
    Ok(i64::from(high) << 32 | i64::from(low))
}
