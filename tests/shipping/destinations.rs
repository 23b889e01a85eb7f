//! Several destinations, absent ones, and others' writers.

use crate::ground::{Ground, PATIENCE, content, eventually, options, transfer};
use crate::meddler::{Fate, Meddler};
use egret::ltx::{Name, Txid};
use egret::shipper::restore::{Target, list_all};
use egret::shipper::{Destination, Ladder, Options, Stage};
use egret::store::{Body, FileStore, MemoryStore, Put, Replica, SNAPSHOT_LEVEL, Store, Usage};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn each_destination_has_its_own_cursor() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    // A directory that is a file refuses everything.
    std::fs::write(ground.store("late"), "").unwrap();
    let shipper = ground.start_with(&["store", "late"], options());
    transfer(&connection, 20);
    shipper.wait_stored(&["store".to_owned()], Some(Instant::now() + PATIENCE)).unwrap();
    ground.assert_restores("store");
    let status = shipper.status();
    assert!(status.destinations[1].failure.is_some());
    std::fs::remove_file(ground.store("late")).unwrap();
    ground.assert_stored(&shipper);
    ground.assert_restores("late");
    assert_eq!(shipper.status().beginnings, 1);
}

#[test]
fn stopping_right_after_the_start_stores_all() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    transfer(&connection, 1);
    assert!(ground.start().stop(PATIENCE));
    ground.assert_restores("store");
    transfer(&connection, 20);
    let shipper = ground.start();
    assert!(shipper.stop(PATIENCE));
    assert_eq!(shipper.status().beginnings, 0);
    ground.assert_restores("store");
}

#[test]
fn stopping_waits_for_a_store_that_is_away() {
    let ground = Ground::new().with_accounts(4096);
    std::fs::write(ground.store("store"), "").unwrap();
    let started = Instant::now();
    assert!(!ground.start().stop(Duration::from_millis(300)));
    assert!(started.elapsed() >= Duration::from_millis(300), "gave up at once");
    assert!(started.elapsed() < Duration::from_secs(20), "did not give up");
    let shipper = ground.start();
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| shipper.stop(PATIENCE));
        eventually("tried", || shipper.status().destinations[0].failed_count > 1);
        assert!(!stop.is_finished());
        std::fs::remove_file(ground.store("store")).unwrap();
        assert!(stop.join().unwrap());
    });
    ground.assert_restores("store");
}

#[test]
fn a_new_destination_begins_with_a_snapshot() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    let brief = Options { local_retention: Duration::ZERO, ..options() };
    let shipper = ground.start_with(&["store"], brief.clone());
    for _ in 0..3 {
        transfer(&connection, 20);
        shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    }
    assert!(shipper.stop(PATIENCE));
    for entry in std::fs::read_dir(ground.state().join("ltx/0")).unwrap().map(Result::unwrap) {
        if !entry.file_name().to_str().unwrap().starts_with(&shipper.status().txid.to_string()) {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let shipper = ground.start_with(&["store", "new"], brief);
    transfer(&connection, 20);
    ground.assert_stored(&shipper);
    ground.assert_restores("new");
    assert!(ground.store("new").join("ltx/9").exists());
}

/// What was written whole before it came is a snapshot there, and no level carries a copy.
#[test]
fn a_new_destination_has_the_whole_database_once() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    let ladder = Ladder { levels: vec![Duration::from_millis(100)], ..Ladder::default() };
    let merging = Options { ladder, ..options() };
    for stores in [["store"].as_slice(), &["store", "new"]] {
        let shipper = ground.start_with(stores, merging.clone());
        for _ in 0..3 {
            transfer(&connection, 5);
            ground.assert_stored(&shipper);
        }
        assert!(shipper.stop(PATIENCE));
    }
    let shipper = ground.start_with(&["store", "new"], merging);
    transfer(&connection, 5);
    ground.assert_stored(&shipper);
    let files = || ground.runtime.block_on(list_all(&ground.replica("new"))).unwrap();
    eventually("merged", || files().iter().any(|file| file.level == 1));
    ground.assert_restores("new");
    let snapshots: Vec<_> = files().into_iter().filter(|f| f.level == SNAPSHOT_LEVEL).collect();
    let [whole] = snapshots.as_slice() else { panic!("{snapshots:?}") };
    let mut others = files().into_iter().filter(|file| file.level != SNAPSHOT_LEVEL);
    assert!(others.all(|file| file.name.min >= whole.name.max), "{:?}", files());
}

/// What is known of the file is not lost with its local log: one copy leads on.
#[test]
fn a_local_log_that_goes_while_its_store_is_away_costs_one_copy() {
    let ground = Ground::new().with_accounts(4096);
    std::fs::write(ground.store("store"), "").unwrap();
    let shipper = ground.start();
    transfer(&ground.connect(), 5);
    shipper.wait_logged(Some(Instant::now() + PATIENCE)).unwrap();
    std::fs::remove_dir_all(ground.state().join("ltx")).unwrap();
    std::fs::remove_file(ground.store("store")).unwrap();
    ground.assert_stored(&shipper);
    assert_eq!(shipper.status().destinations[0].snapshot_count, 1, "{:?}", shipper.status());
}

/// A destination that gets a whole copy has no moment before that: a point has one in all of them.
#[test]
fn a_restore_point_is_in_a_destination_that_was_away() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    std::fs::write(ground.store("late"), "").unwrap();
    let shipper = ground.start_with(&["store", "late"], options());
    let near = ["store".to_owned()];
    std::thread::scope(|scope| {
        let point = scope.spawn(|| shipper.create_point("here", &|| false).unwrap());
        for _ in 0..20 {
            transfer(&connection, 1);
            shipper.wait_stored(&near, Some(Instant::now() + PATIENCE)).unwrap();
        }
        assert!(!point.is_finished());
        std::fs::remove_file(ground.store("late")).unwrap();
        let txid = point.join().unwrap();
        assert!(
            content(&ground.restore("late", Target::Txid(txid))) == content(&ground.database())
        );
    });
}

#[test]
fn it_is_told_what_a_destination_is_being_told() {
    let ground = Ground::new().with_accounts(4096);
    let store = Meddler::over(Arc::new(FileStore::new(&ground.store("store"))));
    store.set(|_, _| Fate::Failed);
    let destination = Destination::new("store", store.replica());
    let shipper = ground.start_to(vec![destination], options());
    let stage = || shipper.status().destinations[0].stage;
    assert_eq!(stage(), Stage::Unreached);
    let slow = Fate::Late(Duration::from_millis(500));
    store.set(move |_, key| if key.starts_with("ltx/9/") { slow } else { Fate::Done });
    eventually("copying", || stage() == Stage::Copying);
    ground.assert_stored(&shipper);
    assert_eq!(stage(), Stage::Following);
}

/// Nobody says at which number to begin. It is begun all the same, and told how far behind that is.
#[test]
fn what_is_committed_before_any_store_has_answered_is_kept() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    // There is a backup of before, of which nothing is known here.
    let shipper = ground.start();
    for _ in 0..3 {
        transfer(&connection, 5);
        ground.assert_stored(&shipper);
    }
    assert!(shipper.stop(PATIENCE));
    let before = shipper.status().txid;
    std::fs::remove_dir_all(ground.state()).unwrap();
    let inner: Arc<dyn Store> = Arc::new(FileStore::new(&ground.store("store")));
    let store = Meddler::over(inner);
    store.set(|_, _| Fate::Failed);
    let destination = Destination::new("store", store.replica());
    let shipper = ground.start_to(vec![destination], options());
    transfer(&connection, 5);
    shipper.committed();
    eventually("begun", || shipper.status().txid > Txid(0));
    transfer(&connection, 5);
    shipper.wait_logged(Some(Instant::now() + PATIENCE)).unwrap();
    assert!(shipper.status().destinations[0].behind_since_ms.is_some());
    store.set(|_, _| Fate::Done);
    ground.assert_stored(&shipper);
    assert!(shipper.status().txid > before);
}

/// The bytes of all local LTX files.
fn local_bytes(ground: &Ground) -> u64 {
    let files = std::fs::read_dir(ground.state().join("ltx/0")).unwrap();
    files.map(|file| file.unwrap().metadata().map_or(0, |file| file.len())).sum()
}

const SMALL_LOG: u64 = 20_000;

fn small_log() -> Options {
    Options { log_bytes_max: SMALL_LOG, prune_interval: Duration::ZERO, ..options() }
}

#[test]
fn a_store_that_is_away_for_long_costs_no_more_than_the_limit() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    let shipper = ground.start_with(&["store"], small_log());
    transfer(&connection, 20);
    ground.assert_stored(&shipper);
    std::fs::rename(ground.store("store"), ground.store("hidden")).unwrap();
    std::fs::write(ground.store("store"), "").unwrap();
    let full = || shipper.status().error.is_some_and(|e| e.error.contains("--backup-log-max"));
    eventually("full", || {
        transfer(&connection, 10);
        shipper.committed();
        std::thread::sleep(Duration::from_millis(5));
        full()
    });
    assert!(local_bytes(&ground) < SMALL_LOG, "{}", local_bytes(&ground));
    // The log is checkpointed all the same, and started over.
    eventually("short", || {
        transfer(&connection, 100);
        shipper.committed();
        std::thread::sleep(Duration::from_millis(100));
        connection
            .query_row("PRAGMA wal_checkpoint(NOOP)", (), |row| Ok(row.get::<_, i64>(1)? < 400))
            .unwrap()
    });
    let waited = shipper.wait_stored(&[], Some(Instant::now() + Duration::from_millis(100)));
    assert!(waited.is_err(), "promised what is nowhere");
    assert!(local_bytes(&ground) < SMALL_LOG, "{}", local_bytes(&ground));
    std::fs::remove_file(ground.store("store")).unwrap();
    std::fs::rename(ground.store("hidden"), ground.store("store")).unwrap();
    ground.assert_stored(&shipper);
    assert_eq!(shipper.status().beginnings, 2);
    transfer(&connection, 20);
    ground.assert_stored(&shipper);
    assert_eq!(shipper.status().beginnings, 2);
}

#[test]
fn one_that_is_away_for_long_does_not_hold_back_another() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    std::fs::write(ground.store("late"), "").unwrap();
    let shipper = ground.start_with(&["store", "late"], small_log());
    for _ in 0..40 {
        transfer(&connection, 20);
        shipper.wait_stored(&["store".to_owned()], Some(Instant::now() + PATIENCE)).unwrap();
    }
    assert!(local_bytes(&ground) < 3 * SMALL_LOG, "{}", local_bytes(&ground));
    ground.assert_restores("store");
    assert_eq!(shipper.status().beginnings, 1);
    std::fs::remove_file(ground.store("late")).unwrap();
    ground.assert_stored(&shipper);
    ground.assert_restores("late");
    let status = shipper.status();
    let copies = status.destinations.iter().map(|destination| destination.snapshot_count);
    assert_eq!((status.beginnings, copies.collect::<Vec<_>>()), (1, vec![1, 1]), "{status:?}");
}

#[test]
fn a_destination_that_turns_out_to_be_ahead_is_bridged() {
    let ground = Ground::new().with_accounts(4096);
    let connection = ground.connect();
    let shipper = ground.start_with(&["late"], options());
    for _ in 0..4 {
        transfer(&connection, 5);
        shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    }
    assert!(shipper.stop(PATIENCE));
    let ahead = shipper.status().txid;
    std::fs::remove_dir_all(ground.state()).unwrap();
    std::fs::rename(ground.store("late"), ground.store("hidden")).unwrap();
    std::fs::write(ground.store("late"), "").unwrap();
    let shipper = ground.start_with(&["store", "late"], options());
    transfer(&connection, 5);
    shipper.wait_stored(&["store".to_owned()], Some(Instant::now() + PATIENCE)).unwrap();
    assert!(shipper.status().txid < ahead);
    std::fs::remove_file(ground.store("late")).unwrap();
    std::fs::rename(ground.store("hidden"), ground.store("late")).unwrap();
    eventually("raised", || shipper.status().txid > ahead);
    transfer(&connection, 5);
    ground.assert_stored(&shipper);
    ground.assert_restores("late");
}

#[test]
fn another_writers_number_is_not_overwritten() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    let name = Name::single(Txid(3));
    let replica = ground.replica("store");
    let foreign = Body::from(vec![7; 200]);
    ground.runtime.block_on(replica.put_ltx(0, name, foreign, Put::default())).unwrap();
    transfer(&ground.connect(), 1);
    shipper.committed();
    eventually("refused", || shipper.status().destinations[0].failure.is_some());
    let status = shipper.status();
    assert_eq!(status.destinations[0].stored, Txid(2));
    let error = &status.destinations[0].failure.as_ref().unwrap().error;
    assert!(error.contains("another writer"), "{error}");
}

#[test]
fn nothing_committed_is_nothing_asked() {
    let ground = Ground::new().with_accounts(4096);
    let replica = Replica::new(Arc::new(MemoryStore::default()), "app");
    let meter = Arc::clone(replica.meter());
    let destination = Destination::new("memory", replica);
    let shipper = ground.start_to(vec![destination], options());
    shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    let before = meter.usage();
    let local = std::fs::metadata(ground.state().join("ltx/0")).unwrap().modified().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(meter.usage(), before);
    let later = std::fs::metadata(ground.state().join("ltx/0")).unwrap().modified().unwrap();
    assert_eq!(local, later);
    transfer(&ground.connect(), 1);
    shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    let after = meter.usage();
    let expected = Usage { puts: before.puts + 1, bytes_up: after.bytes_up, ..before };
    assert!(after == expected && after.bytes_up > before.bytes_up, "{before:?} {after:?}");
}
