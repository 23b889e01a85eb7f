//! Files put in the place of a file: a restored one is what was restored, and what was committed to the one
//! before is lost only if that was replaced; one that anybody put there is shipped.

use crate::ground::*;
use egret::shipper::restore::{Error, Target};
use rusqlite::Connection;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// A file whose newest commits are in a log that its program did not put into it when it ended.
fn unclosed(ground: &Ground) -> PathBuf {
    let (open, path) =
        ["open.db", "unclosed.db"].map(|name| ground.directory.path().join(name)).into();
    let connection = Connection::open(&open).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)")
        .unwrap();
    for suffix in ["", "-wal"] {
        fs::copy(beside(&open, suffix), beside(&path, suffix)).unwrap();
    }
    path
}

#[test]
fn what_a_program_left_is_put_into_the_file_that_is_replaced() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    let stored = content(&ground.restore("store", Target::Latest));
    let output = unclosed(&ground);
    let output_wal = beside(&output, "-wal");
    // A mistake in the URL costs nothing, and changes nothing.
    let log = fs::read(&output_wal).unwrap();
    let refused = ground.try_restore_to("nowhere", Target::Latest, &output);
    assert!(matches!(refused, Err(Error::Plan(_))), "{refused:?}");
    assert!(fs::read(&output_wal).unwrap() == log);
    ground.restore_to("store", Target::Latest, &output);
    assert!(!output_wal.exists());
    assert!(content(&output) == stored);
}

#[test]
fn a_file_in_use_is_not_replaced() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    let output = unclosed(&ground);
    let reader = Connection::open(&output).unwrap();
    let count =
        || -> i64 { reader.query_row("SELECT count(*) FROM t", (), |row| row.get(0)).unwrap() };
    assert_eq!(count(), 1);
    let refused = ground.try_restore_to("store", Target::Latest, &output);
    assert!(matches!(refused, Err(Error::InUse { .. })), "{refused:?}");
    assert_eq!(count(), 1);
    drop(reader);
    ground.restore_to("store", Target::Latest, &output);
    ground.assert_restores("store");
}

/// A transaction that its program did not end is not what the file is, and nothing of it is replayed into
/// what is restored.
#[test]
fn a_journal_is_undone_first() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    let stored = content(&ground.restore("store", Target::Latest));
    let (open, output) =
        (ground.directory.path().join("open.db"), ground.directory.path().join("cut.db"));
    let connection = Connection::open(&open).unwrap();
    connection
        .execute_batch(
            "PRAGMA cache_size = 1;
             CREATE TABLE t (a);
             WITH RECURSIVE s(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM s WHERE v < 100)
             INSERT INTO t SELECT zeroblob(4000) FROM s;
             BEGIN;
             UPDATE t SET a = randomblob(4000)",
        )
        .unwrap();
    for suffix in ["", "-journal"] {
        fs::copy(beside(&open, suffix), beside(&output, suffix)).unwrap();
    }
    ground.restore_to("store", Target::Latest, &output);
    assert!(!beside(&output, "-journal").exists());
    assert!(content(&output) == stored);
}

/// The log alone does not tell which file it lies beside.
#[test]
fn a_file_put_there_while_nobody_shipped_is_shipped_anew() {
    let ground = Ground::new().with_accounts(512);
    let earlier = ground.directory.path().join("earlier.db");
    fs::copy(ground.database(), &earlier).unwrap();
    let shipper = ground.start();
    let connection = ground.connect();
    connection.execute("UPDATE accounts SET balance = 1 WHERE id < 50", ()).unwrap();
    ground.assert_stored(&shipper);
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(())).unwrap();
    connection.execute("UPDATE accounts SET balance = 2 WHERE id > 90", ()).unwrap();
    drop(connection);
    ground.assert_stored(&shipper);
    // What a file was is only told once it was that for a second.
    std::thread::sleep(Duration::from_millis(1100));
    assert!(shipper.stop(Duration::from_secs(10)));
    drop(shipper);
    assert!(fs::metadata(beside(&ground.database(), "-wal")).unwrap().len() > 0);

    let shipper = ground.start();
    wait_stored(&shipper);
    assert_eq!(shipper.status().beginnings, 0, "as it was left");
    std::thread::sleep(Duration::from_millis(1100));
    assert!(shipper.stop(Duration::from_secs(10)));
    drop(shipper);
    fs::rename(&earlier, ground.database()).unwrap();
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    assert_eq!(shipper.status().beginnings, 1);
}
