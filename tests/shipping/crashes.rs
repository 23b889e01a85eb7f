//! Restarts, after orderly ends and others, with and without somebody at work meanwhile.

use crate::ground::{Ground, PATIENCE, eventually, options, transfer};
use egret::ltx::{Name, Txid};
use egret::shipper::plan::moments;
use egret::shipper::restore::list_all;
use egret::shipper::{Alone, Destination, DiskAct, Guard, Hooks, Options, Shipper};
use egret::store::{FileStore, Replica};
use rusqlite::Connection;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_restart_continues_where_it_ended() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    // Were the log started over meanwhile, and longer than before, there would be no proof.
    let patient = Options { checkpoint_pages: 100_000, foreign_pages: 100_000, ..options() };
    for round in 0..4 {
        let shipper = ground.start_with(&["store"], patient.clone());
        transfer(&connection, 120);
        shipper.committed();
        ground.assert_stored(&shipper);
        assert!(shipper.stop(PATIENCE));
        assert_eq!(shipper.status().beginnings, u64::from(round == 0), "round {round}");
        // Meanwhile in the log, which nobody checkpoints.
        transfer(&connection, 30);
    }
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    assert_eq!(shipper.status().beginnings, 0);
}

/// A file that nobody has open has no log that proves where shipping goes on.
#[test]
fn a_file_without_a_log_is_not_shipped_again_unless_it_was_written() {
    let ground = Ground::new().with_accounts(4096);
    let restart = |changed: bool| {
        let shipper = ground.start();
        ground.assert_stored(&shipper);
        assert_eq!(shipper.status().beginnings, u64::from(changed));
        // Until a change of the file would show.
        std::thread::sleep(Duration::from_millis(1200));
        assert!(shipper.stop(PATIENCE));
    };
    let log = ground.directory.path().join("app.db-wal");
    // Once it was closed by the last who had it open there is none.
    let close = || {
        let last = Connection::open(ground.database()).unwrap();
        last.execute_batch("SELECT 1 FROM accounts").unwrap();
    };
    restart(true);
    for _ in 0..2 {
        close();
        assert!(!log.exists());
        restart(false);
    }
    transfer(&ground.connect(), 1);
    close();
    assert!(!log.exists());
    restart(true);
    close();
    restart(false);
    // What was committed while it is shipped is in the file when that ends, or in the log.
    let shipper = ground.start();
    // Who closes the file before it is opened here copies the log, and removes it.
    ground.assert_stored(&shipper);
    transfer(&ground.connect(), 300);
    ground.assert_stored(&shipper);
    eventually("checkpointed", || shipper.status().checkpoints > 0);
    std::thread::sleep(Duration::from_millis(1200));
    assert!(shipper.stop(PATIENCE));
    restart(false);
    transfer(&ground.connect(), 1);
    let shipper = ground.start();
    ground.assert_stored(&shipper);
}

#[test]
fn a_checkpoint_meanwhile_is_bridged() {
    let ground = Ground::new().with_accounts(4096);
    for _ in 0..3 {
        let shipper = ground.start();
        ground.assert_stored(&shipper);
        assert!(shipper.stop(PATIENCE));
        let before = shipper.status().txid;
        let connection = ground.connect();
        transfer(&connection, 30);
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        transfer(&connection, 5);
        drop(connection);
        let shipper = ground.start();
        ground.assert_stored(&shipper);
        let status = shipper.status();
        assert_eq!((status.beginnings, status.txid), (1, Txid(before.0 + 3)));
        assert!(shipper.stop(PATIENCE));
    }
}

#[test]
fn the_state_may_be_deleted() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    let shipper = ground.start();
    transfer(&connection, 50);
    ground.assert_stored(&shipper);
    assert!(shipper.stop(PATIENCE));
    let before = shipper.status().txid;
    std::fs::remove_dir_all(ground.state()).unwrap();
    transfer(&connection, 50);
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    assert!(shipper.status().txid > before);
    std::fs::remove_dir_all(ground.state()).unwrap();
    transfer(&connection, 50);
    shipper.committed();
    ground.assert_stored(&shipper);
}

/// A disk that is full for a moment.
#[derive(Default)]
struct Full(AtomicBool);

impl Hooks for Full {
    fn hold_writers(&self) -> Option<Box<dyn Guard + '_>> {
        Some(Box::new(()))
    }

    fn before(&self, _act: DiskAct<'_>) -> std::io::Result<()> {
        let is_full = self.0.swap(false, Ordering::AcqRel);
        if is_full { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// Nothing tells where the numbers were any more, but the process itself.
#[test]
fn numbers_are_not_given_again_after_the_local_log_is_gone() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    let destinations = vec![Destination::new("store", ground.replica("store"))];
    let (hooks, handle) = (Arc::new(Full::default()), ground.runtime.handle());
    let disk: Arc<dyn Hooks> = hooks.clone();
    let shipper =
        Shipper::start(&ground.database(), destinations, options(), disk, handle).unwrap();
    for _ in 0..5 {
        transfer(&connection, 10);
        ground.assert_stored(&shipper);
    }
    let before = shipper.status().txid;
    std::fs::remove_dir_all(ground.state()).unwrap();
    hooks.0.store(true, Ordering::Release);
    transfer(&connection, 10);
    ground.assert_stored(&shipper);
    assert!(shipper.status().txid > before);
}

#[test]
fn a_damaged_local_file_is_bridged() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    let shipper = ground.start();
    transfer(&connection, 50);
    ground.assert_stored(&shipper);
    assert!(shipper.stop(PATIENCE));
    let txid = shipper.status().txid;
    let newest = ground.state().join(format!("ltx/0/{txid}-{txid}.ltx"));
    let mut bytes = std::fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&newest, bytes).unwrap();
    transfer(&connection, 50);
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    assert_eq!((shipper.status().beginnings, shipper.status().txid), (1, Txid(txid.0 + 3)));
}

/// As a file system may leave them that had not written their bytes.
#[test]
fn empty_files_are_bridged() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    for directory in [".app.db-egret/ltx/0", "store/ltx/0"] {
        let shipper = ground.start();
        transfer(&connection, 5);
        ground.assert_stored(&shipper);
        assert!(shipper.stop(PATIENCE));
        let txid = shipper.status().txid;
        let newest = ground.directory.path().join(directory).join(Name::single(txid).to_string());
        std::fs::write(&newest, "").unwrap();
        let shipper = ground.start();
        ground.assert_stored(&shipper);
        assert_eq!(shipper.status().destinations[0].snapshot_count, 1, "{directory}");
        assert!(shipper.stop(PATIENCE));
    }
}

#[test]
fn another_file_under_the_same_name_is_noticed() {
    let ground = Ground::new().with_accounts(4096);
    let other = Ground::new().with_accounts(4096);
    transfer(&other.connect(), 77);
    let other_connection = Connection::open(other.database()).unwrap();
    other_connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(other_connection);
    let shipper = ground.start();
    transfer(&ground.connect(), 50);
    ground.assert_stored(&shipper);
    for suffix in ["-wal", "-shm"] {
        std::fs::remove_file(ground.directory.path().join(format!("app.db{suffix}"))).unwrap();
    }
    std::fs::rename(other.database(), ground.database()).unwrap();
    shipper.committed();
    ground.assert_stored(&shipper);
    assert_eq!(shipper.status().beginnings, 2);
}

#[test]
fn a_file_in_another_journal_mode_is_turned_to_wal() {
    let ground = Ground::new().with_accounts(4096);
    let connection = Connection::open(ground.database()).unwrap();
    connection.execute_batch("PRAGMA journal_mode = DELETE").unwrap();
    drop(connection);
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    transfer(&ground.connect(), 10);
    ground.assert_stored(&shipper);
}

#[test]
fn killed_at_any_moment_it_loses_nothing() {
    let ground = Ground::new().with_accounts(4096);
    let (mut beginnings, mut newest) = (0, Txid(0));
    for round in 0_u64..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "crashes::child_writes_and_ships"])
            .env("EGRET_TEST_GROUND", ground.directory.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(300 + round * 73));
        child.kill().unwrap();
        child.wait().unwrap();
        let shipper = ground.start();
        ground.assert_stored(&shipper);
        beginnings += shipper.status().beginnings;
        newest = shipper.status().txid;
        assert!(shipper.stop(PATIENCE));
    }
    assert!(beginnings <= 1, "{beginnings} whole copies after nothing was missed");
    let files = ground.runtime.block_on(list_all(&ground.replica("store"))).unwrap();
    let (first, _) = moments(&files).pop_first().unwrap();
    ground.assert_every_moment_adds_up(first, newest.min(Txid(first.0 + 20)));
}

#[test]
#[ignore = "the child of another test"]
fn child_writes_and_ships() {
    let Ok(directory) = std::env::var("EGRET_TEST_GROUND") else { return };
    let directory = Path::new(&directory);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let replica = Replica::new(Arc::new(FileStore::new(&directory.join("store"))), "");
    let destinations = vec![Destination::new("store", replica)];
    let quick = Options { sync_interval: Duration::from_millis(5), ..options() };
    let database = directory.join("app.db");
    let shipper =
        Shipper::start(&database, destinations, quick, Arc::new(Alone), runtime.handle()).unwrap();
    let connection = Connection::open(&database).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    connection.execute_batch("PRAGMA wal_autocheckpoint = 0").unwrap();
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        transfer(&connection, 1);
        shipper.committed();
    }
}
