//! A quiet file: nothing is open of it but what keeps its log, and nothing is missed.

use crate::ground::{Ground, PATIENCE, eventually, options, python, transfer};
use egret::ltx::Txid;
use egret::shipper::{Options, Shipper};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Commits in a process of its own, between pragmas before and after.
const ELSEWHERE: &str = "
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=1)
for statement in sys.argv[2:]:
    db.execute(statement).fetchall()
db.close()
";

/// What this process has open of the file.
fn open_files(ground: &Ground) -> Vec<PathBuf> {
    let links = fs::read_dir("/proc/self/fd").unwrap();
    let targets = links.filter_map(|link| fs::read_link(link.unwrap().path()).ok());
    let name = ground.database().to_str().unwrap().to_owned();
    targets.filter(|path| path.to_str().is_some_and(|path| path.starts_with(&name))).collect()
}

fn is_asleep(ground: &Ground) -> bool {
    !open_files(ground).iter().any(|path| path.to_str().unwrap().ends_with("-wal"))
}

fn start(ground: &Ground) -> Arc<Shipper> {
    let shipper = ground.start_with(&["store"], Options { checkpoint_pages: 40, ..options() });
    shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    shipper
}

/// Runs statements in a process of its own while the file is asleep; false without Python.
fn run(ground: &Ground, statements: &[&str]) -> bool {
    eventually("asleep", || is_asleep(ground));
    let mut arguments = vec![ground.database().to_str().unwrap().to_owned()];
    arguments.extend(statements.iter().map(|&statement| statement.to_owned()));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let Some(mut process) = python(ELSEWHERE, &arguments) else { return false };
    assert!(process.wait().unwrap().success());
    true
}

#[test]
fn what_others_do_with_a_file_that_is_asleep_is_not_missed() {
    const COMMIT: &str = "INSERT INTO entries(note) VALUES (hex(randomblob(3000)))";
    const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
    let ground = Ground::new().with_accounts(4096);
    let shipper = start(&ground);
    // Each of them is the last to close the file but for us, and so would delete the log.
    let all: [&[&str]; 6] = [
        &[COMMIT],
        &[TRUNCATE, COMMIT, TRUNCATE],
        &[COMMIT, COMMIT, TRUNCATE, COMMIT],
        &["PRAGMA wal_autocheckpoint = 1", COMMIT, COMMIT, COMMIT, COMMIT],
        &["VACUUM", COMMIT, "PRAGMA wal_checkpoint(RESTART)"],
        &[TRUNCATE],
    ];
    for (n, statements) in all.into_iter().enumerate() {
        if !run(&ground, statements) {
            return;
        }
        assert!(ground.directory.path().join("app.db-wal").exists(), "{n}");
        ground.assert_stored(&shipper);
    }
    assert_eq!(shipper.status().beginnings, 1, "{:?}", shipper.status());
}

#[test]
fn a_file_that_is_asleep_has_no_log_open() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = start(&ground);
    for expected in 2..4 {
        eventually("asleep", || is_asleep(&ground));
        let open = open_files(&ground);
        let files = open.iter().filter(|path| path.extension().is_some_and(|e| e == "db")).count();
        // SQLite keeps those it may not close while a lock is held for the next to open the file.
        assert!((1..=5).contains(&files), "{open:?}");
        assert_eq!(open.len() - files, 1, "the index: {open:?}");
        transfer(&ground.connect(), 1);
        eventually("stored", || shipper.status().destinations[0].stored == Txid(expected));
    }
    std::thread::sleep(Duration::from_millis(100));
    ground.assert_stored(&shipper);
    assert_eq!(shipper.status().beginnings, 1);
}

#[test]
fn a_file_that_is_asleep_may_be_replaced() {
    let (ground, other) = (Ground::new().with_accounts(4096), Ground::new().with_accounts(4096));
    transfer(&other.connect(), 77);
    let shipper = start(&ground);
    transfer(&ground.connect(), 3);
    eventually("asleep", || is_asleep(&ground));
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(ground.directory.path().join(format!("app.db{suffix}"))).unwrap();
    }
    fs::rename(other.database(), ground.database()).unwrap();
    shipper.committed();
    ground.assert_stored(&shipper);
    // One more if it is looked at while it has no log.
    assert!((2..=3).contains(&shipper.status().beginnings), "{:?}", shipper.status());
}
