//! A followed file, its readers, and what its store may do meanwhile.

use crate::ground::{Ground, PATIENCE, content, eventually, options, transfer};
use egret::ltx::{Name, Txid};
use egret::replica::{self, Follower, Source};
use egret::shipper::{Alone, Destination, Options, Shipper};
use egret::store::Replica;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn follow(ground: &Ground) -> (Arc<Follower>, PathBuf) {
    follow_replica(ground, ground.replica("store"))
}

/// Follows what a replica holds, looking often.
pub(super) fn follow_replica(ground: &Ground, replica: Replica) -> (Arc<Follower>, PathBuf) {
    let source = Source { name: "store".to_owned(), replica };
    let path = ground.directory.path().join("followed.db");
    let quick = replica::Options {
        interval: Duration::from_millis(10),
        list_interval: Duration::from_millis(300),
        ..replica::Options::default()
    };
    let follower = Follower::start(source, &path, quick, ground.runtime.handle()).unwrap();
    (follower, path)
}

fn assert_follows(ground: &Ground, follower: &Follower, path: &Path, txid: Txid) {
    let applied = follower.wait_applied(txid, Instant::now() + PATIENCE);
    assert!(applied, "{txid}: {:?}", follower.status());
    assert!(content(&ground.database()) == content(path), "followed differs");
}

#[test]
fn a_reader_sees_only_committed_states() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start();
    let connection = ground.connect();
    let deadline = || Some(Instant::now() + PATIENCE);
    let first = shipper.wait_stored(&[], deadline()).unwrap();
    let (follower, path) = follow(&ground);
    assert_follows(&ground, &follower, &path, first);
    let reader = Connection::open(&path).unwrap();
    let sum = || -> (i64, i64) {
        let sql = "SELECT sum(balance), (SELECT count(*) FROM entries) FROM accounts";
        reader.query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    reader.execute_batch("BEGIN").unwrap();
    let held = sum();
    for round in 0..20 {
        transfer(&connection, 40);
        if round == 10 {
            connection.execute_batch("DELETE FROM entries WHERE id > 20; VACUUM").unwrap();
        }
        let txid = shipper.wait_stored(&[], deadline()).unwrap();
        if round < 5 {
            assert_eq!(sum(), held);
        }
        if round == 5 {
            reader.execute_batch("COMMIT").unwrap();
        }
        assert_eq!(sum().0, 0);
        assert_follows(&ground, &follower, &path, txid);
    }
    follower.stop();
}

#[test]
fn it_continues_after_a_restart_and_over_gaps() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start();
    let connection = ground.connect();
    let deadline = || Some(Instant::now() + PATIENCE);
    let mut txid = shipper.wait_stored(&[], deadline()).unwrap();
    for _ in 0..3 {
        let (follower, path) = follow(&ground);
        assert_follows(&ground, &follower, &path, txid);
        follower.stop();
        for _ in 0..5 {
            transfer(&connection, 10);
            txid = shipper.wait_stored(&[], deadline()).unwrap();
        }
    }
    // What is gone from level 0 is bridged by a snapshot.
    let full = txid;
    std::fs::remove_dir_all(ground.state()).unwrap();
    assert!(shipper.stop(PATIENCE));
    std::fs::remove_dir_all(ground.state()).unwrap_or_default();
    let shipper = ground.start();
    txid = shipper.wait_stored(&[], deadline()).unwrap();
    let replica = ground.replica("store");
    for gone in 1..=full.0 {
        let name = Name::single(Txid(gone));
        ground.runtime.block_on(replica.delete_ltx(0, name)).unwrap();
    }
    let (follower, path) = follow(&ground);
    assert_follows(&ground, &follower, &path, txid);
}

#[test]
fn a_file_of_somebody_else_is_left_alone() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    std::fs::copy(ground.database(), ground.directory.path().join("followed.db")).unwrap();
    let (follower, _) = follow(&ground);
    eventually("refused", || follower.status().error.is_some_and(|e| e.contains("is no replica")));
}

#[test]
fn a_transaction_applied_twice_changes_nothing() {
    let ground = Ground::new().with_accounts(512);
    let shipper = ground.start_with(&["store"], options());
    let connection = ground.connect();
    transfer(&connection, 20);
    let first = shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    let (follower, path) = follow(&ground);
    assert_follows(&ground, &follower, &path, first);
    let position = ground.directory.path().join(".followed.db-egret/position");
    let before = std::fs::read(&position).unwrap();
    transfer(&connection, 20);
    let txid = shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    assert_follows(&ground, &follower, &path, txid);
    follower.stop();
    std::fs::write(&position, before).unwrap();
    let (follower, path) = follow(&ground);
    assert_follows(&ground, &follower, &path, txid);
}

#[test]
fn what_somebody_else_writes_does_not_stay() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start_with(&["store"], options());
    let connection = ground.connect();
    transfer(&connection, 20);
    let mut txid = shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    let (follower, path) = follow(&ground);
    assert_follows(&ground, &follower, &path, txid);
    let source = content(&ground.database());
    let vandal = Connection::open(&path).unwrap();
    vandal.execute_batch("DELETE FROM accounts WHERE id < 50; CREATE TABLE mine(x)").unwrap();
    eventually("undone", || content(&path) == source);
    // Nor what is written while nobody follows.
    follower.stop();
    vandal.execute_batch("UPDATE accounts SET balance = 1").unwrap();
    drop(vandal);
    let (follower, path) = follow(&ground);
    eventually("undone", || content(&path) == source);
    transfer(&connection, 20);
    txid = txid.max(shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap());
    assert_follows(&ground, &follower, &path, txid);
}

#[test]
fn another_history_in_the_same_place_is_noticed() {
    let ground = Ground::new().with_accounts(4096);
    let other = Ground::new().with_accounts(4096);
    let deadline = || Some(Instant::now() + PATIENCE);
    // A file is written when it is waited for, and at no other time.
    let asked = Options { sync_interval: PATIENCE, ..options() };
    let one = ground.start_with(&["store"], asked.clone());
    let two = other.start_with(&["store"], asked);
    for (ground, shipper, count) in [(&ground, &one, 5), (&other, &two, 9)] {
        shipper.wait_stored(&[], deadline()).unwrap();
        let connection = ground.connect();
        for _ in 0..4 {
            transfer(&connection, count);
            shipper.wait_stored(&[], deadline()).unwrap();
        }
    }
    let txid = one.wait_stored(&[], deadline()).unwrap();
    let (follower, path) = follow(&ground);
    assert_follows(&ground, &follower, &path, txid);
    // The other primary's files take the place, up to the same number and beyond.
    assert!(one.stop(PATIENCE) && two.stop(PATIENCE));
    std::fs::rename(ground.store("store"), ground.store("gone")).unwrap();
    std::fs::rename(other.store("store"), ground.store("store")).unwrap();
    assert_eq!(two.status().txid, txid);
    let expected = content(&other.database());
    eventually("the other history", || content(&path) == expected);
    follower.stop();
}

#[test]
fn a_restart_of_an_untouched_file_fetches_nothing_again() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start_with(&["store"], options());
    transfer(&ground.connect(), 20);
    let txid = shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    let (follower, path) = follow(&ground);
    assert_follows(&ground, &follower, &path, txid);
    follower.stop();
    // A reader comes and goes, and is the last to close the file.
    assert!(content(&path) == content(&ground.database()));
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    let (follower, path) = follow(&ground);
    assert_follows(&ground, &follower, &path, txid);
    std::thread::sleep(Duration::from_millis(500));
    follower.stop();
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), before);
}

/// What the file did with free pages before is not done with those that come.
#[test]
fn free_pages_stay_as_they_are() {
    let count = |connection: &Connection, what: &str| -> u32 {
        connection.query_row(&format!("PRAGMA {what}"), (), |row| row.get(0)).unwrap()
    };
    for mode in ["NONE; VACUUM", "INCREMENTAL"] {
        let ground = Ground::new().with_accounts(512);
        let connection = ground.connect();
        transfer(&connection, 200);
        connection.execute_batch("PRAGMA auto_vacuum = FULL; VACUUM").unwrap();
        // A file is written when it is waited for, and at no other time.
        let shipper =
            ground.start_with(&["store"], Options { sync_interval: PATIENCE, ..options() });
        let deadline = || Some(Instant::now() + PATIENCE);
        let first = shipper.wait_stored(&[], deadline()).unwrap();
        let (follower, path) = follow(&ground);
        assert_follows(&ground, &follower, &path, first);
        let sql = format!("PRAGMA auto_vacuum = {mode}; DELETE FROM entries WHERE id < 150");
        connection.execute_batch(&sql).unwrap();
        assert!(count(&connection, "freelist_count") > 0);
        for _ in 0..2 {
            let txid = shipper.wait_stored(&[], deadline()).unwrap();
            assert_follows(&ground, &follower, &path, txid);
            let followed = Connection::open(&path).unwrap();
            for what in ["page_count", "freelist_count", "auto_vacuum"] {
                assert_eq!(count(&followed, what), count(&connection, what), "{what}");
            }
            transfer(&connection, 10);
        }
    }
}

#[test]
fn tables_come_and_go() {
    let ground = Ground::new().with_accounts(512);
    let shipper = ground.start_with(&["store"], options());
    let connection = ground.connect();
    let deadline = || Some(Instant::now() + PATIENCE);
    let first = shipper.wait_stored(&[], deadline()).unwrap();
    let (follower, path) = follow(&ground);
    assert_follows(&ground, &follower, &path, first);
    for round in 0..3 {
        for table in 0..30 {
            connection.execute_batch(&format!("CREATE TABLE t{table}(x, y)")).unwrap();
        }
        let txid = shipper.wait_stored(&[], deadline()).unwrap();
        assert_follows(&ground, &follower, &path, txid);
        for table in 0..30 {
            connection.execute_batch(&format!("DROP TABLE t{table}")).unwrap();
        }
        if round == 1 {
            connection.execute_batch("VACUUM").unwrap();
        }
        let txid = shipper.wait_stored(&[], deadline()).unwrap();
        assert_follows(&ground, &follower, &path, txid);
    }
}

/// Another database in the same place may have fewer transactions, and another page size.
#[test]
fn another_database_in_the_same_place_is_followed_or_refused() {
    let deadline = || Some(Instant::now() + PATIENCE);
    for (page_size, fits) in [(4096, true), (512, false)] {
        let ground = Ground::new().with_accounts(4096);
        let shipper = ground.start();
        for _ in 0..5 {
            transfer(&ground.connect(), 3);
            shipper.wait_stored(&[], deadline()).unwrap();
        }
        let (follower, path) = follow(&ground);
        assert_follows(&ground, &follower, &path, shipper.status().txid);
        let before = content(&path);
        assert!(shipper.stop(PATIENCE));
        std::fs::remove_dir_all(ground.store("store")).unwrap();
        let other = Ground::new().with_accounts(page_size);
        let (hooks, handle) = (Arc::new(Alone), other.runtime.handle());
        let (name, replica) = ("store".to_owned(), ground.replica("store"));
        let destinations = vec![Destination::new(name, replica)];
        let shipper =
            Shipper::start(&other.database(), destinations, options(), hooks, handle).unwrap();
        let txid = shipper.wait_stored(&[], deadline()).unwrap();
        assert!(txid < follower.status().txid);
        if fits {
            eventually("followed", || content(&path) == content(&other.database()));
            continue;
        }
        let error = || follower.status().error;
        eventually("refused", || error().is_some_and(|error| error.contains("pages of 4096")));
        follower.stop();
        // What was there before is still served, also by the next process.
        let (follower, path) = follow(&ground);
        eventually("served", || follower.is_ready().unwrap());
        assert!(content(&path) == before);
    }
}
