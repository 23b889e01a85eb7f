//! What `pg_stat_archiver` and `pg_stat_replication` tell of a file's backups, and
//! `pg_stat_wal_receiver` of the backup it follows: the numbers that monitors are told, too.

use super::host::{Named, text, time};
use crate::catalog;
use crate::database::{Destination, Following, Shipping, Stage};
use crate::types::Value;

/// One row for each destination, as PostgreSQL has one for each standby. A commit may wait for all of
/// them. Nothing about places reaches a client: one without a name of its own is called after its kind.
pub(super) fn replication_rows(status: &Shipping, started_us: i64) -> Vec<Named> {
    let row = |destination: &Destination| {
        let name = destination.name.split_once("://").map_or(&*destination.name, |(kind, _)| kind);
        let stored = text(&catalog::wal_position(destination.stored.0));
        let lag = destination.behind_since_ms.map(seconds_since);
        let state = match destination.stage {
            _ if destination.is_fenced => "stopping",
            Stage::Unreached => "startup",
            Stage::Copying => "backup",
            Stage::Following if lag.is_some() => "catchup",
            Stage::Following => "streaming",
        };
        let mut row = vec![
            ("application_name", text(name)),
            ("backend_start", time(started_us)),
            ("state", text(state)),
            ("sent_lsn", stored.clone()),
            ("write_lsn", stored.clone()),
            ("flush_lsn", stored),
            ("sync_priority", Value::Integer(1)),
            ("sync_state", text("sync")),
        ];
        row.extend(destination.stored_ms.map(|ms| ("reply_time", time(ms * 1000))));
        for column in ["write_lag", "flush_lag"] {
            row.extend(lag.as_ref().map(|lag| (column, text(lag))));
        }
        row
    };
    status.destinations.iter().map(row).collect()
}

/// The row of `pg_stat_wal_receiver`. What arrives is applied before the next is asked for, so that
/// there is one position; a message is an answer of the store.
pub(super) fn receiver_row(status: &Following) -> Named {
    let position = text(&catalog::wal_position(status.txid.0));
    let state = if status.error.is_none() { "streaming" } else { "waiting" };
    vec![
        ("pid", Value::Integer(std::process::id().into())),
        ("status", text(state)),
        ("receive_start_tli", Value::Integer(1)),
        ("written_lsn", position.clone()),
        ("flushed_lsn", position.clone()),
        ("received_tli", Value::Integer(1)),
        ("last_msg_send_time", time(status.committed_ms * 1000)),
        ("last_msg_receipt_time", time(status.answered_ms * 1000)),
        ("latest_end_lsn", position),
        ("latest_end_time", time(status.applied_ms * 1000)),
    ]
}

/// As an interval.
fn seconds_since(ms: i64) -> String {
    let seconds = (jiff::Timestamp::now().as_millisecond() - ms).max(0) / 1000;
    format!("{seconds} seconds")
}

/// The row of `pg_stat_archiver`.
pub(super) fn archiver_row(status: &Shipping) -> Named {
    let mut row = Named::new();
    let destinations = &status.destinations;
    let archived: u64 = destinations.iter().map(|d| d.stored_count).sum();
    row.push(("archived_count", Value::Integer(archived.cast_signed())));
    let newest =
        destinations.iter().filter_map(|d| d.stored_ms.map(|at| (at, d))).max_by_key(|x| x.0);
    if let Some((at, destination)) = newest {
        row.push(("last_archived_time", time(at * 1000)));
        row.push(("last_archived_wal", Value::Text(destination.stored.to_string())));
    }
    let failed = destinations.iter().map(|d| d.failed_count).sum::<u64>() + status.failed_count;
    row.push(("failed_count", Value::Integer(failed.cast_signed())));
    let failures = destinations.iter().filter_map(|d| d.failure.as_ref()).chain(&status.failure);
    if let Some(last) = failures.max_by_key(|failure| failure.at_ms) {
        row.push(("last_failed_time", time(last.at_ms * 1000)));
        // Before there is a first transaction, none has failed by its number.
        let wal = (last.txid.0 > 0).then(|| Value::Text(last.txid.to_string()));
        row.extend(wal.map(|wal| ("last_failed_wal", wal)));
    }
    row.extend(proof_columns(destinations));
    row.extend(status.foreign_ms.map(|ms| ("last_foreign_commit_time", time(ms * 1000))));
    row.extend(trouble_columns(destinations));
    row
}

/// The last restore that was compared with the file. Its age is that of the destination that was
/// proven longest ago: a backup that fails must not hide behind one that does not.
fn proof_columns(destinations: &[Destination]) -> Named {
    let mut row = Named::new();
    let proven: Vec<_> = destinations.iter().filter_map(|d| d.proven).collect();
    if let Some(newest) = proven.iter().max_by_key(|proven| proven.at_ms) {
        row.push(("last_proven_wal", Value::Text(newest.txid.to_string())));
        row.push(("last_proven_time", time(newest.at_ms * 1000)));
    }
    if let Some(oldest) = proven.iter().min_by_key(|proven| proven.at_ms)
        && proven.len() == destinations.len()
    {
        row.push(("proven_age", Value::Text(seconds_since(oldest.at_ms))));
    }
    let failed: u64 = destinations.iter().map(|d| d.proof_failed_count).sum();
    row.push(("proof_failed_count", Value::Integer(failed.cast_signed())));
    let failures = destinations.iter().filter_map(|d| d.proof_failure.as_ref());
    if let Some(last) = failures.max_by_key(|failure| failure.at_ms) {
        row.push(("last_proof_failed_time", time(last.at_ms * 1000)));
    }
    row
}

/// What is no upload that failed: backups that other writers have taken over, and what of merging, whole
/// copies and deleting did not succeed.
fn trouble_columns(destinations: &[Destination]) -> Named {
    let fenced = destinations.iter().filter(|d| d.is_fenced).count();
    let failed: u64 = destinations.iter().map(|d| d.maintenance_failed_count).sum();
    let mut row = vec![
        ("fenced_count", Value::Integer(i64::try_from(fenced).unwrap_or(i64::MAX))),
        ("maintenance_failed_count", Value::Integer(failed.cast_signed())),
    ];
    let failures = destinations.iter().filter_map(|d| d.maintenance_failure.as_ref());
    let last = failures.map(|failure| failure.at_ms).max();
    row.extend(last.map(|at_ms| ("last_maintenance_failed_time", time(at_ms * 1000))));
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ltx::Txid;
    use crate::schema::{Namespace, system};
    use crate::shipper::Failure;

    #[test]
    fn who_is_fenced_and_what_is_not_tidied_is_told() {
        let failed = Failure { txid: Txid(0), at_ms: 7_000, error: "no".to_owned() };
        let near = Destination {
            is_fenced: true,
            maintenance_failed_count: 2,
            maintenance_failure: Some(failed),
            ..Destination::default()
        };
        let status =
            Shipping { destinations: vec![near, Destination::default()], ..Shipping::default() };
        let row = archiver_row(&status);
        let value =
            |column: &str| row.iter().find(|(name, _)| *name == column).map(|(_, v)| v.clone());
        assert_eq!(value("fenced_count"), Some(Value::Integer(1)));
        assert_eq!(value("maintenance_failed_count"), Some(Value::Integer(2)));
        assert_eq!(value("last_maintenance_failed_time"), Some(time(7_000_000)));
        let columns = &system::relation(Namespace::Catalog, "pg_stat_archiver").unwrap().columns;
        for (name, _) in &row {
            assert!(columns.iter().any(|column| column.name == *name), "{name}");
        }
    }
}
