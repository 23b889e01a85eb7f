//! Commits of this process and of others, while the shipper runs.

use crate::ground::{Ground, PATIENCE, eventually, options, python, transfer};
use egret::ltx::Txid;
use egret::shipper::restore::list_all;
use egret::shipper::{Destination, Options};
use egret::store::{MemoryStore, Replica, SNAPSHOT_LEVEL};
use egret::wal::{ByteOrder, Checksum};
use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Transfers from a process that also checkpoints in every way there is, opens and closes
/// connections, and rolls back.
const WILD: &str = r#"
import random, sqlite3, sys
path, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(seed)
def connect():
    c = sqlite3.connect(path, timeout=30, isolation_level=None)
    c.execute("PRAGMA synchronous=OFF")
    c.execute("PRAGMA wal_autocheckpoint=%d" % rng.choice([0, 1, 10, 1000]))
    return c
c = connect()
for i in range(count):
    kind = rng.random()
    if kind < 0.04:
        # One that waits for readers keeps writers out for as long.
        c.execute("PRAGMA busy_timeout = 0")
        c.execute("PRAGMA wal_checkpoint(%s)" % rng.choice(["PASSIVE", "FULL", "RESTART", "TRUNCATE"])).fetchall()
        c.execute("PRAGMA busy_timeout = 30000")
    elif kind < 0.06:
        c.close(); c = connect()
    elif kind < 0.10:
        c.execute("BEGIN IMMEDIATE")
        c.execute("UPDATE accounts SET balance = balance + 1")
        c.execute("ROLLBACK")
    else:
        amount = rng.randrange(1000)
        c.execute("BEGIN IMMEDIATE")
        c.execute("UPDATE accounts SET balance = balance - ? WHERE id = ?", (amount, rng.randrange(1, 101)))
        c.execute("UPDATE accounts SET balance = balance + ? WHERE id = ?", (amount, rng.randrange(1, 101)))
        c.execute("INSERT INTO entries(note) VALUES (?)", ("n" * rng.randrange(2000),))
        if kind > 0.97:
            c.execute("DELETE FROM entries WHERE id % 3 = 0")
        c.execute("COMMIT")
c.close()
"#;

#[test]
fn the_first_state_is_whole() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    assert_eq!(shipper.status().txid, Txid(2));
    assert!(shipper.stop(PATIENCE));
}

/// A whole copy takes no room beside the file, and is sent once.
#[test]
fn a_whole_copy_is_not_staged() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    let noise =
        "INSERT INTO entries(note) SELECT hex(randomblob(1000)) FROM accounts, accounts LIMIT 4000";
    connection.execute_batch(noise).unwrap();
    let replica = Replica::new(Arc::new(MemoryStore::default()), "app");
    let meter = Arc::clone(replica.meter());
    let destination = Destination::new("memory", replica.clone());
    let shipper = ground.start_to(vec![destination], options());
    shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    let files = ground.runtime.block_on(list_all(&replica)).unwrap();
    let whole = files.iter().find(|file| file.level == SNAPSHOT_LEVEL).unwrap();
    assert!(whole.size > 4_000_000, "{files:?}");
    assert!(meter.usage().bytes_up < whole.size + 10_000, "{:?}", meter.usage());
    assert!(shipper.status().log_bytes < 10_000, "{:?}", shipper.status());
}

#[test]
fn every_page_size_grows_and_shrinks() {
    for page_size in [512, 4096, 65536] {
        let ground = Ground::new().with_accounts(page_size);
        let shipper = ground.start();
        let connection = ground.connect();
        transfer(&connection, 200);
        shipper.committed();
        ground.assert_stored(&shipper);
        connection.execute_batch("DELETE FROM entries WHERE id > 10; VACUUM").unwrap();
        transfer(&connection, 50);
        shipper.committed();
        ground.assert_stored(&shipper);
        // Pages that are added and freed at once are in no frame.
        connection
            .execute_batch(
                "BEGIN; CREATE TABLE gone AS SELECT * FROM entries, accounts;
                 DROP TABLE gone; CREATE TABLE kept(x); COMMIT",
            )
            .unwrap();
        shipper.committed();
        ground.assert_stored(&shipper);
        assert_eq!(shipper.status().beginnings, 1, "page size {page_size}");
        assert!(shipper.stop(PATIENCE));
    }
}

#[test]
fn foreign_processes_may_do_what_they_like() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start();
    shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    let database = ground.database();
    let path = database.to_str().unwrap();
    let writers: Vec<_> =
        (0..3).filter_map(|seed| python(WILD, &[path, &seed.to_string(), "700"])).collect();
    let connection = ground.connect();
    transfer(&connection, 200);
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    ground.assert_stored(&shipper);
    let status = shipper.status();
    assert_eq!(status.beginnings, 1, "a run of the log was missed: {status:?}");
    assert!(status.checkpoints > 0);
    assert!(status.txid > Txid(3), "{status:?}");
    assert!(shipper.stop(PATIENCE));
    ground.assert_every_moment_adds_up(Txid(2), status.txid.min(Txid(60)));
}

#[test]
fn a_foreign_commit_is_noticed_without_a_poll() {
    let ground = Ground::new().with_accounts(4096);
    let quiet = Options { poll_interval: Duration::from_secs(3600), ..options() };
    let shipper = ground.start_with(&["store"], quiet);
    shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let connection = ground.connect();
    for expected in 2..5 {
        transfer(&connection, 1);
        eventually("stored", || shipper.status().destinations[0].stored == Txid(expected));
        std::thread::sleep(Duration::from_millis(200));
    }
    ground.assert_restores("store");
}

#[test]
fn a_foreign_commit_that_is_synced_is_taken_at_once() {
    let ground = Ground::new().with_accounts(4096);
    let interval = Duration::from_millis(500);
    let quiet =
        Options { poll_interval: Duration::from_secs(3600), sync_interval: interval, ..options() };
    let shipper = ground.start_with(&["store"], quiet);
    shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    let connection = ground.connect();
    // Its writes ring, but it is a commit after a sync only, and that rings nobody.
    connection.execute_batch("PRAGMA synchronous = FULL").unwrap();
    let mut lags: Vec<_> = (0..9)
        .map(|_| {
            std::thread::sleep(2 * interval + interval / 10);
            let before = shipper.status().txid;
            transfer(&connection, 1);
            let committed = Instant::now();
            eventually("taken", || shipper.status().txid > before);
            committed.elapsed()
        })
        .collect();
    lags.sort();
    assert!(lags[4] < interval / 2, "{lags:?}");
    assert!(shipper.stop(PATIENCE));
}

#[test]
fn a_long_reader_costs_only_space() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start();
    let (reader, writer) = (ground.connect(), ground.connect());
    reader.execute_batch("BEGIN").unwrap();
    let count = |sql| reader.query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM entries"), 0);
    for _ in 0..20 {
        transfer(&writer, 50);
        shipper.committed();
        shipper.wait_logged(Some(Instant::now() + PATIENCE)).unwrap();
    }
    ground.assert_stored(&shipper);
    assert_eq!(count("SELECT count(*) FROM entries"), 0);
    reader.execute_batch("COMMIT").unwrap();
    transfer(&writer, 300);
    shipper.committed();
    ground.assert_stored(&shipper);
    transfer(&writer, 300);
    shipper.committed();
    ground.assert_stored(&shipper);
    assert_eq!(shipper.status().beginnings, 1);
}

#[test]
fn a_foreign_checkpoint_waits_for_one_look_at_most() {
    let ground = Ground::new().with_accounts(4096);
    let slow = Options {
        poll_interval: Duration::from_secs(3600),
        sync_interval: Duration::from_millis(100),
        checkpoint_pages: 100_000,
        ..options()
    };
    let shipper = ground.start_with(&["store"], slow);
    shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    let connection = ground.connect();
    for mode in ["FULL", "RESTART", "TRUNCATE", "FULL", "TRUNCATE", "RESTART"] {
        for pause in [0, 400] {
            transfer(&connection, 20);
            std::thread::sleep(Duration::from_millis(pause));
            let started = Instant::now();
            let sql = format!("PRAGMA wal_checkpoint({mode})");
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            let checkpoint = || -> (i64, i64, i64) { connection.query_row(&sql, (), row).unwrap() };
            let (mut busy, mut frames, mut backfilled) = checkpoint();
            // One of ours is under way: SQLite waits for no other checkpoint.
            while busy != 0 && started.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(5));
                (busy, frames, backfilled) = checkpoint();
            }
            assert_eq!((busy, frames), (0, backfilled), "{mode}");
            assert!(started.elapsed() < PATIENCE / 2, "{mode}: {:?}", started.elapsed());
        }
    }
    ground.assert_stored(&shipper);
    assert_eq!(shipper.status().beginnings, 1);
}

#[test]
fn a_busy_writer_makes_one_file_in_an_interval() {
    let ground = Ground::new().with_accounts(4096);
    let paced = Options { sync_interval: Duration::from_millis(200), ..options() };
    let shipper = ground.start_with(&["store"], paced);
    shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    let connection = ground.connect();
    let (before, started) = (shipper.status().batches, Instant::now());
    while started.elapsed() < Duration::from_secs(2) {
        transfer(&connection, 1);
        shipper.committed();
    }
    let intervals = started.elapsed().as_millis() as u64 / 200;
    let batches = shipper.status().batches - before;
    // Each checkpoint may add one.
    let most = intervals + shipper.status().checkpoints + 2;
    assert!(batches <= most, "{batches} batches in {intervals} intervals");
    ground.assert_stored(&shipper);
}

#[test]
fn the_log_does_not_grow_for_ever() {
    let ground = Ground::new().with_accounts(4096);
    let small = Options { truncate_bytes: 1 << 20, ..options() };
    let shipper = ground.start_with(&["store"], small);
    let connection = ground.connect();
    for _ in 0..40 {
        transfer(&connection, 50);
        shipper.committed();
        shipper.wait_logged(Some(Instant::now() + PATIENCE)).unwrap();
    }
    let status = shipper.status();
    assert!(status.wal_bytes < 4 << 20, "{status:?}");
    ground.assert_stored(&shipper);
    assert_eq!(shipper.status().beginnings, 1);
}

#[test]
fn a_commit_that_its_writer_did_not_live_to_enter_is_not_shipped() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start();
    let connection = ground.connect();
    transfer(&connection, 3);
    ground.assert_stored(&shipper);
    forge_commit(&ground);
    shipper.committed();
    let before = shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    shipper.committed();
    let after = shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    assert_eq!(before, after);
    ground.assert_restores("store");
    transfer(&connection, 3);
    shipper.committed();
    ground.assert_stored(&shipper);
    assert_eq!(shipper.status().beginnings, 1);
}

/// What shipping costs, as processor time of the whole process for each commit; `--release` tells.
#[test]
#[ignore = "a measurement"]
fn cost_of_a_commit() {
    let measure = |shipped: bool| {
        let ground = Ground::new().with_accounts(4096);
        let shipper = shipped.then(|| ground.start_with(&["store"], Options::default()));
        let connection = ground.connect();
        connection.execute_batch("PRAGMA synchronous = FULL").unwrap();
        if !shipped {
            connection.execute_batch("PRAGMA wal_autocheckpoint = 1000").unwrap();
        }
        let (wall, before) = (Instant::now(), processor_ms());
        let count = 4000;
        for _ in 0..count {
            transfer(&connection, 1);
            shipper.iter().for_each(|shipper| shipper.committed());
        }
        let each = |ms: u64| ms * 1000 / count;
        let wall_ms = u64::try_from(wall.elapsed().as_millis()).unwrap();
        println!("{shipped}: {} us cpu, {} us", each(processor_ms() - before), each(wall_ms));
    };
    [false, true, false, true].into_iter().for_each(measure);
}

/// Processor time of this process so far, in steps of 10 ms.
fn processor_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
    fields.map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum()
}

/// Appends what a writer that was killed before it could change the index leaves behind.
fn forge_commit(ground: &Ground) {
    let path = ground.directory.path().join("app.db-wal");
    let mut file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let end = file.metadata().unwrap().len();
    let mut last = [0; 24];
    file.seek(SeekFrom::Start(end - 24 - 4096)).unwrap();
    file.read_exact(&mut last).unwrap();
    let word = |at: usize| u32::from_be_bytes(last[at..at + 4].try_into().unwrap());
    let page = [0xee; 4096];
    let mut frame: Vec<u8> = [2, 2].iter().flat_map(|w: &u32| w.to_be_bytes()).collect();
    let order = ByteOrder::Little;
    let sum = Checksum(word(16), word(20)).update(&frame, order).update(&page, order);
    frame.extend([word(8), word(12), sum.0, sum.1].iter().flat_map(|w| w.to_be_bytes()));
    frame.extend(page);
    file.seek(SeekFrom::Start(end)).unwrap();
    file.write_all(&frame).unwrap();
}
