//! What went wrong in Litestream over the years, and the test here that would have caught it.
//!
//! | what went wrong there | the test |
//! | --- | --- |
//! | a file raised the length of the database without its new pages: healthy to look at, lost at restore | [`a_file_without_its_new_pages_is_never_stored`], `shipper::proof` |
//! | a checkpoint while the shipper was down left a gap | `crashes::a_checkpoint_meanwhile_is_bridged` |
//! | after a restore the numbers began anew, and nothing was stored until they had caught up | [`after_a_restore_the_numbers_go_on`] |
//! | writes into a log that was started over were not seen | [`writes_into_a_reused_log_are_seen`] |
//! | every checkpoint shipped the whole database | [`checkpoints_ship_no_copies`] |
//! | local files filled the disk | `destinations::a_store_that_is_away_for_long_costs_no_more_than_the_limit`, [`local_files_go_once_they_are_stored`] |
//! | restored databases were corrupt, without a word in the log | [`all_at_once`], and every test here: `ground::content` checks integrity |
//! | retention deleted what a restore needed | `shipper::retention::tests`, `levels::every_level_is_filled_and_what_is_old_goes` |
//! | times could only be restored while files of level 0 were there; one request after the other | the same, `shipper::restore::tests` |
//! | writers waited for long readers, and for snapshots | [`a_long_reader_keeps_no_writer_waiting`], `levels::a_snapshot_keeps_no_writer_waiting_and_nothing_on_the_disk` |
//! | memory grew with the database | [`memory_does_not_grow_with_the_database`] |
//! | hundreds of databases were copied whole at once | [`few_are_copied_whole_at_once`] |
//! | requests and writes while nothing happened | `destinations::nothing_committed_is_nothing_asked`, `levels::when_all_is_merged_nothing_more_is_asked` |
//! | hundreds of databases in one process cost more than they did | [`idle_files_ask_for_nothing_while_others_write`] |
//! | encryption that was asked for, and not done | `store::location`, `config`: unknown options are refused |
//! | locks of the process were lost with a descriptor | [`locks_survive_a_shipper`] |
//! | S3's dialects: trailing checksums, unsigned payloads, 408, deletes that did nothing | `store::tests`, `levels::a_store_that_deletes_nothing_is_found_out` |
//! | two writers under one prefix | `fences` |

use crate::ground::{Ground, PATIENCE, content, eventually, options, python, transfer};
use crate::meddler::{Fate, Meddler};
use egret::ltx::{Decoder, Encoder, Header, Name, PageEncoding, Txid};
use egret::shipper::restore::Target;
use egret::shipper::{Alone, Destination, Ladder, Options, Shipper};
use egret::store::{FileStore, Replica, Store};
use rusqlite::Connection;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn patience() -> Option<Instant> {
    Some(Instant::now() + PATIENCE)
}

/// Writes a local file anew without the last page that the database grew by in it; its name.
fn lose_new_page(log: &Path) -> String {
    let mut names: Vec<_> = std::fs::read_dir(log)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.parse::<Name>().is_ok())
        .collect();
    names.sort();
    let header = |name: &String| Header::decode(&std::fs::read(log.join(name)).unwrap()).unwrap();
    let mut middle = names.windows(3);
    let grows = |three: &&[String]| header(&three[1]).commit > header(&three[0]).commit;
    let name = &middle.find(grows).unwrap()[1];
    let bytes = std::fs::read(log.join(name)).unwrap();
    let mut decoder = Decoder::new(bytes.as_slice()).unwrap();
    let header = decoder.header().clone();
    let mut encoder = Encoder::new(Vec::new(), header.clone(), PageEncoding::Block).unwrap();
    let mut page = Vec::new();
    while let Some(pgno) = decoder.next_page(&mut page).unwrap() {
        if pgno < header.commit {
            encoder.page(pgno, &page).unwrap();
        }
    }
    std::fs::write(log.join(name), encoder.finish().unwrap().0).unwrap();
    name.clone()
}

#[test]
fn a_file_without_its_new_pages_is_never_stored() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    std::fs::rename(ground.store("store"), ground.store("hidden")).unwrap();
    std::fs::write(ground.store("store"), "").unwrap();
    for _ in 0..4 {
        transfer(&connection, 60);
        shipper.wait_logged(patience()).unwrap();
    }
    assert!(!shipper.stop(Duration::ZERO));
    let damaged = lose_new_page(&ground.state().join("ltx/0"));
    std::fs::remove_file(ground.store("store")).unwrap();
    std::fs::rename(ground.store("hidden"), ground.store("store")).unwrap();
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    let status = shipper.status();
    assert!(status.destinations[0].failure.as_ref().unwrap().error.contains("lacks page"));
    assert_eq!((status.beginnings, status.destinations[0].snapshot_count), (0, 1), "{status:?}");
    assert!(!ground.store("store/ltx/0").join(damaged).exists());
}

#[test]
fn after_a_restore_the_numbers_go_on() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start();
    for _ in 0..9 {
        transfer(&ground.connect(), 5);
        shipper.wait_stored(&[], patience()).unwrap();
    }
    assert!(shipper.stop(PATIENCE));
    let before = shipper.status().txid;
    for keep_state in [false, true] {
        let then = ground.restore("store", Target::Txid(Txid(4)));
        let expected = content(&then);
        for suffix in ["", "-wal", "-shm"] {
            let name = format!("app.db{suffix}");
            std::fs::remove_file(ground.directory.path().join(name)).unwrap_or_default();
        }
        std::fs::rename(&then, ground.database()).unwrap();
        if !keep_state {
            std::fs::remove_dir_all(ground.state()).unwrap();
        }
        let shipper = ground.start();
        shipper.wait_stored(&[], patience()).unwrap();
        assert!(content(&ground.restore("store", Target::Latest)) == expected);
        transfer(&ground.connect(), 5);
        ground.assert_stored(&shipper);
        assert!(shipper.status().txid > before);
        assert!(shipper.stop(PATIENCE));
    }
}

#[test]
fn writes_into_a_reused_log_are_seen() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    connection.pragma_update(None, "wal_autocheckpoint", 3).unwrap();
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    for round in 0..30 {
        let before = shipper.status().txid;
        transfer(&connection, 1 + round % 5);
        // Nobody says that something was committed.
        eventually("seen", || shipper.status().txid > before);
    }
    ground.assert_stored(&shipper);
    assert_eq!(shipper.status().beginnings, 1);
}

#[test]
fn checkpoints_ship_no_copies() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    let shipper = ground.start_with(&["store"], Options { checkpoint_pages: 20, ..options() });
    for _ in 0..60 {
        transfer(&connection, 10);
        shipper.wait_stored(&[], patience()).unwrap();
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(())).unwrap();
    }
    let status = shipper.status();
    assert!(status.checkpoints > 10, "{status:?}");
    assert_eq!(status.beginnings, 1);
    let bytes = |directory: &str| -> u64 {
        let files = std::fs::read_dir(ground.store("store").join(directory)).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
    };
    let database = std::fs::metadata(ground.database()).unwrap().len();
    assert!(bytes("ltx/9") < 2 * database, "{} of {database}", bytes("ltx/9"));
    ground.assert_stored(&shipper);
}

#[test]
fn local_files_go_once_they_are_stored() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    let brief = Options {
        local_retention: Duration::from_millis(100),
        prune_interval: Duration::from_millis(50),
        ..options()
    };
    let shipper = ground.start_with(&["store"], brief);
    let count = || std::fs::read_dir(ground.state().join("ltx/0")).unwrap().count();
    let mut most = 0;
    for _ in 0..60 {
        transfer(&connection, 2);
        shipper.wait_stored(&[], patience()).unwrap();
        std::thread::sleep(Duration::from_millis(10));
        most = most.max(count());
    }
    assert!(most < 40, "{most}");
    ground.assert_stored(&shipper);
}

/// Writers here and elsewhere, checkpoints here and elsewhere, merging, snapshots and restores.
#[test]
fn all_at_once() {
    let ground = Ground::new().with_accounts(1024);
    let ladder = Ladder {
        levels: [100, 400, 900].map(Duration::from_millis).to_vec(),
        snapshot_interval: Duration::from_millis(300),
        retention: Duration::from_secs(2),
        l0_retention: Duration::from_millis(200),
    };
    let shipper = ground.start_with(&["store"], Options { ladder, ..options() });
    shipper.wait_stored(&[], patience()).unwrap();
    let script = "import sqlite3, sys, time\n\
        c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)\n\
        end = time.time() + 6\n\
        while time.time() < end:\n\
        \x20   c.execute('BEGIN IMMEDIATE')\n\
        \x20   c.execute('UPDATE accounts SET balance = balance - 1 WHERE id = 1')\n\
        \x20   c.execute('UPDATE accounts SET balance = balance + 1 WHERE id = 2')\n\
        \x20   c.execute('COMMIT')\n\
        \x20   c.execute('PRAGMA wal_checkpoint(PASSIVE)')\n\
        \x20   time.sleep(0.002)\n";
    let database = ground.database();
    let foreign = python(script, &[database.to_str().unwrap()]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let connection = ground.connect();
            while !done.load(Ordering::Acquire) {
                transfer(&connection, 5);
                shipper.committed();
                connection.execute_batch("DELETE FROM entries WHERE id % 3 = 0").unwrap();
            }
        });
        let until = Instant::now() + Duration::from_secs(6);
        while Instant::now() < until {
            let restored = Connection::open(ground.restore("store", Target::Latest)).unwrap();
            let sql = "SELECT sum(balance), count(*) FROM accounts";
            let sum: (i64, i64) =
                restored.query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            assert_eq!(sum, (0, 100));
        }
        done.store(true, Ordering::Release);
    });
    if let Some(mut foreign) = foreign {
        assert!(foreign.wait().unwrap().success());
    }
    ground.assert_stored(&shipper);
    let status = shipper.status();
    assert_eq!(status.beginnings, 1, "{status:?}");
    assert!(status.destinations[0].snapshot_count > 1, "{status:?}");
    assert!(status.destinations[0].merged_count > 3, "{status:?}");
}

#[test]
fn a_long_reader_keeps_no_writer_waiting() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start_with(&["store"], Options { checkpoint_pages: 20, ..options() });
    ground.assert_stored(&shipper);
    let reader = ground.connect();
    reader.execute_batch("BEGIN").unwrap();
    reader.query_row("SELECT count(*) FROM accounts", (), |_| Ok(())).unwrap();
    let connection = ground.connect();
    connection.busy_timeout(Duration::from_millis(900)).unwrap();
    for _ in 0..40 {
        transfer(&connection, 10);
        shipper.committed();
    }
    eventually("checkpointed", || shipper.status().checkpoints > 0);
    ground.assert_stored(&shipper);
    let sum: i64 = reader.query_row("SELECT count(*) FROM entries", (), |r| r.get(0)).unwrap();
    assert_eq!(sum, 0, "the reader sees what it saw");
}

/// Sixty files of one process in one store, of which a few are written.
#[test]
fn idle_files_ask_for_nothing_while_others_write() {
    let ground = Ground::new();
    let inner: Arc<dyn Store> = Arc::new(FileStore::new(&ground.store("store")));
    let store = Meddler::over(inner);
    let files = ship_many(&ground, &store, 60);
    let before = store.requests();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(store.requests(), before, "while nobody writes");
    for (connection, shipper) in &files[..5] {
        connection.execute_batch("INSERT INTO t VALUES (2)").unwrap();
        shipper.wait_stored(&[], patience()).unwrap();
    }
    // One for each that was written, and one for a lease that has grown old meanwhile.
    assert!((5..=10).contains(&(store.requests() - before)), "{}", store.requests() - before);
}

/// Ships so many new files to one store; all of them are there.
fn ship_many(
    ground: &Ground,
    store: &Arc<Meddler>,
    count: usize,
) -> Vec<(Connection, Arc<Shipper>)> {
    let ship = |number: usize| {
        let path = ground.directory.path().join(format!("{number}.db"));
        let connection = Connection::open(&path).unwrap();
        let sql = "PRAGMA journal_mode = WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1)";
        connection.execute_batch(sql).unwrap();
        let replica = Replica::new(Arc::clone(store) as Arc<dyn Store>, &number.to_string());
        let destination = Destination::new("store", replica);
        let (hooks, handle) = (Arc::new(Alone), ground.runtime.handle());
        let shipper = Shipper::start(&path, vec![destination], options(), hooks, handle);
        (connection, shipper.unwrap())
    };
    let files: Vec<_> = (0..count).map(ship).collect();
    for (_, shipper) in &files {
        shipper.wait_stored(&[], patience()).unwrap();
    }
    files
}

#[test]
fn few_are_copied_whole_at_once() {
    const TOOK: Duration = Duration::from_millis(100);
    let ground = Ground::new();
    let store = Meddler::over(Arc::new(FileStore::new(&ground.store("store"))));
    let begun = Arc::new(Mutex::new(Vec::new()));
    let copies = Arc::clone(&begun);
    store.set(move |kind, key| {
        if kind == "put" && key.contains("/ltx/9/") {
            copies.lock().unwrap().push(Instant::now());
            return Fate::Late(TOOK);
        }
        Fate::Done
    });
    let files = ship_many(&ground, &store, 40);
    let begun = begun.lock().unwrap();
    assert_eq!(begun.len(), files.len());
    // The ninth waits for the first.
    assert!(begun.windows(9).all(|nine| nine[8] - nine[0] >= TOOK), "{begun:?}");
}

/// Needs two gigabytes of disk.
#[test]
#[ignore = "large"]
fn memory_does_not_grow_with_the_database() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    let fill = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
        INSERT INTO entries(note) SELECT hex(randomblob(500000)) FROM n";
    connection.execute_batch(fill).unwrap();
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = peak();
    let shipper = ground.start();
    shipper.wait_stored(&[], Some(Instant::now() + PATIENCE * 10)).unwrap();
    transfer(&connection, 10);
    shipper.snapshot(Instant::now() + PATIENCE * 10).unwrap();
    shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    ground.restore("store", Target::Latest);
    assert!(peak() < before + 150_000, "{} kB after {before} kB", peak());
}

#[test]
fn locks_survive_a_shipper() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    let script = "import sqlite3, sys\n\
        c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0.1)\n\
        try:\n    c.execute('BEGIN IMMEDIATE')\n\
        except sqlite3.OperationalError: sys.exit(7)\n";
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    shipper.snapshot(Instant::now() + PATIENCE).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(shipper.stop(PATIENCE));
    drop(shipper);
    let Some(mut foreign) = python(script, &[ground.database().to_str().unwrap()]) else { return };
    assert_eq!(foreign.wait().unwrap().code(), Some(7), "a foreign process wrote over a lock");
    connection.execute_batch("COMMIT").unwrap();
}
