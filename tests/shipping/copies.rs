//! Old copies: files whose backup another has gone on with. Nothing is stored of them until somebody says
//! that they are to go on; whatever else is moved, restored or begun anew goes on by itself.

use crate::fences::{failure, goes_on_alone, patience, ship};
use crate::followers::follow_replica;
use crate::ground::*;
use crate::meddler::{Fate, Meddler};
use egret::ltx::{Name, Txid};
use egret::replica;
use egret::shipper::restore::{Target, list_all};
use egret::shipper::{Alone, Destination, Options, Shipper};
use egret::store::{FileStore, Replica, SNAPSHOT_LEVEL};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A lease is taken over soon.
fn hasty() -> Options {
    Options { lease_term: Duration::from_millis(200), ..options() }
}

fn assert_is_refused(shipper: &Shipper) {
    shipper.wait_stored(&[], patience()).unwrap_err();
    eventually("fenced", || shipper.status().destinations[0].is_fenced);
    assert!(shipper.status().destinations[0].behind_since_ms.is_some());
    let why = failure(shipper);
    assert!(why.contains("has gone on with this backup"), "{why}");
}

/// Ships a file that stands somewhere else, and may have followed, to a ground's store.
fn ship_file(path: &Path, to: &Ground) -> Arc<Shipper> {
    ship_file_to(path, to.replica("store"), to)
}

fn ship_file_to(path: &Path, replica: Replica, to: &Ground) -> Arc<Shipper> {
    let mut destination = Destination::new("store", replica);
    destination.followed = replica::followed(path, "store");
    let handle = to.runtime.handle();
    Shipper::start(path, vec![destination], hasty(), Arc::new(Alone), handle).unwrap()
}

fn assert_does_not_follow(ground: &Ground, why: &str) {
    let (follower, _) = follow_replica(ground, ground.replica("store"));
    let mut refused = None;
    eventually("refused", || {
        refused = follower.is_ready().err();
        refused.is_some()
    });
    let refused = refused.unwrap().to_string();
    assert!(refused.contains(why), "{refused}");
}

fn assert_restores(store: &Ground, file: &Ground) {
    assert!(content(&store.restore("store", Target::Latest)) == content(&file.database()));
}

/// One writer was away while another wrote.
#[test]
fn a_writer_that_comes_back_goes_on_when_it_is_told_to() {
    let (one, two) = (Ground::new().with_accounts(4096), Ground::new().with_accounts(4096));
    let connection = one.connect();
    let first = goes_on_alone(&one, &connection);
    let second = ship(&two, &one, options());
    for _ in 0..2 {
        transfer(&two.connect(), 40);
        wait_stored(&second);
    }
    assert!(second.stop(PATIENCE));
    drop(first);
    assert_restores(&one, &two);
    let first = ship(&one, &one, options());
    assert_is_refused(&first);
    assert!(failure(&first).contains(&one.state().display().to_string()), "{}", failure(&first));
    // What is committed is nobody's to ship, and its log does not grow without end.
    transfer(&connection, 300);
    eventually("copied", || {
        let log: (i64, i64, i64) = connection
            .query_row("PRAGMA wal_checkpoint(NOOP)", (), |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .unwrap();
        log.1 - log.2 < 200
    });
    assert!(!first.stop(PATIENCE));
    drop(first);
    assert_restores(&one, &two);
    fs::remove_dir_all(one.state()).unwrap();
    let first = ship(&one, &one, options());
    wait_stored(&first);
    assert_restores(&one, &one);
    assert_eq!(first.status().destinations[0].snapshot_count, 1);
}

/// An old copy of all that a machine has, of which the machine itself says nothing while it is idle.
#[test]
fn an_old_copy_does_not_take_over() {
    let one = Ground::new().with_accounts(4096);
    let first = ship(&one, &one, hasty());
    wait_stored(&first);
    let two = one.copy();
    transfer(&one.connect(), 5);
    wait_stored(&first);
    let second = ship(&two, &one, hasty());
    transfer(&two.connect(), 5);
    assert_is_refused(&second);
    assert_restores(&one, &one);
    // The other goes on, although its lease is as old.
    transfer(&one.connect(), 5);
    wait_stored(&first);
    assert!(first.stop(PATIENCE) && !second.stop(PATIENCE));
    drop(second);
    // What is restored in its place is no old copy.
    one.restore_to("store", Target::Latest, &two.database());
    let second = ship(&two, &one, hasty());
    transfer(&two.connect(), 5);
    wait_stored(&second);
    assert_restores(&one, &two);
}

/// Who is idle when another takes over is an old copy, too, when it is written again.
#[test]
fn an_idle_writer_does_not_take_back() {
    let (one, two) = (Ground::new().with_accounts(4096), Ground::new().with_accounts(4096));
    let first = ship(&one, &one, hasty());
    transfer(&one.connect(), 5);
    wait_stored(&first);
    assert!(first.stop(PATIENCE));
    drop(first);
    let first = ship(&one, &one, hasty());
    eventually("asked", || first.status().destinations[0].stored > Txid(0));
    let second = ship(&two, &one, hasty());
    transfer(&two.connect(), 50);
    wait_stored(&second);
    assert!(second.stop(PATIENCE));
    transfer(&one.connect(), 5);
    first.wait_stored(&[], patience()).unwrap_err();
    eventually("fenced", || first.status().destinations[0].is_fenced);
    assert_restores(&one, &two);
}

/// It could not ask before its own numbers were beyond the other's, or its local log had no room.
#[test]
fn who_was_cut_off_does_not_take_back() {
    for log_bytes_max in [4 << 30, 20_000] {
        let (one, two) = (Ground::new().with_accounts(4096), Ground::new().with_accounts(4096));
        let store = Meddler::over(Arc::new(FileStore::new(&one.store("store"))));
        let start = || {
            let destination = Destination::new("store", store.replica());
            let (prune_interval, local_retention) = (Duration::ZERO, Duration::ZERO);
            let few = Options { log_bytes_max, prune_interval, local_retention, ..hasty() };
            one.start_to(vec![destination], few)
        };
        let first = start();
        wait_stored(&first);
        assert!(first.stop(PATIENCE));
        drop(first);
        let second = ship(&two, &one, hasty());
        wait_stored(&second);
        store.set(|_, _| Fate::Failed);
        let first = start();
        for _ in 0..20 {
            transfer(&one.connect(), 20);
            first.committed();
            std::thread::sleep(Duration::from_millis(50));
        }
        store.set(|_, _| Fate::Done);
        assert_is_refused(&first);
        assert_restores(&one, &two);
        transfer(&two.connect(), 5);
        wait_stored(&second);
    }
}

/// The other was killed between its whole copy and the file that leads on from it.
#[test]
fn a_whole_copy_is_enough_to_have_gone_on() {
    let (one, two) = (Ground::new().with_accounts(4096), Ground::new().with_accounts(4096));
    let first = ship(&one, &one, hasty());
    wait_stored(&first);
    assert!(first.stop(PATIENCE));
    drop(first);
    transfer(&two.connect(), 50);
    let second = ship(&two, &one, hasty());
    wait_stored(&second);
    assert!(second.stop(PATIENCE));
    let files = one.runtime.block_on(list_all(&one.replica("store"))).unwrap();
    let newest =
        files.iter().filter(|file| file.level == 0).map(|file| file.name.max).max().unwrap();
    assert!(files.iter().any(|f| f.level == SNAPSHOT_LEVEL && f.name.max == newest), "{files:?}");
    fs::remove_file(one.object(newest)).unwrap();
    let first = ship(&one, &one, hasty());
    transfer(&one.connect(), 5);
    assert_is_refused(&first);
    assert_restores(&one, &two);
}

/// Also when something else has written to the backup meanwhile, as Litestream does, which knows no leases.
#[test]
fn a_file_that_was_moved_goes_on() {
    for is_written in [false, true] {
        let one = Ground::new().with_accounts(4096);
        let first = ship(&one, &one, hasty());
        transfer(&one.connect(), 5);
        wait_stored(&first);
        assert!(first.stop(PATIENCE));
        let newest = first.status().txid;
        drop(first);
        if is_written {
            fs::copy(one.object(newest), one.object(newest.next())).unwrap();
        }
        let moved = one.copy();
        let second = ship(&moved, &one, hasty());
        transfer(&moved.connect(), 5);
        wait_stored(&second);
        if is_written {
            fs::remove_file(one.object(newest.next())).unwrap();
        }
        assert_restores(&one, &moved);
        // What stayed behind is an old copy now.
        let first = ship(&one, &one, hasty());
        transfer(&one.connect(), 5);
        assert_is_refused(&first);
    }
}

/// A restored file, and another destination that has nothing and answers first.
#[test]
fn a_file_that_is_new_to_a_backup_goes_on() {
    let one = Ground::new().with_accounts(4096);
    let first = ship(&one, &one, hasty());
    for _ in 0..5 {
        transfer(&one.connect(), 5);
        wait_stored(&first);
    }
    assert!(first.stop(PATIENCE));
    let two = Ground::new();
    one.restore_to("store", Target::Latest, &two.database());
    transfer(&two.connect(), 5);
    let store = Meddler::over(Arc::new(FileStore::new(&one.store("store"))));
    store.set(|_, _| Fate::Failed);
    let near = Destination::new("near", two.replica("near"));
    let far = Destination::new("store", store.replica());
    let second = two.start_to(vec![near, far], hasty());
    second.wait_stored(&["near".to_owned()], patience()).unwrap();
    assert!(second.status().txid < first.status().txid);
    store.set(|_, _| Fate::Done);
    wait_stored(&second);
    assert_restores(&one, &two);
    assert!(content(&two.restore("near", Target::Latest)) == content(&two.database()));
}

/// What was a primary once, and has followed since, has nothing of its own.
#[test]
fn a_follower_goes_on_from_what_it_followed() {
    let one = Ground::new().with_accounts(4096);
    let first = ship(&one, &one, hasty());
    wait_stored(&first);
    assert!(first.stop(PATIENCE));
    drop(first);
    let catch_up = |txid: Txid| {
        let (follower, path) = follow_replica(&one, one.replica("store"));
        assert!(follower.wait_applied(txid, patience().unwrap()), "{:?}", follower.status());
        follower.stop();
        path
    };
    let newest = || {
        let files = one.runtime.block_on(list_all(&one.replica("store"))).unwrap();
        files.iter().map(|file| file.name.max).max().unwrap()
    };
    // The replica takes over, and the first file is made the replica's.
    let path = catch_up(newest());
    let promoted = ship_file(&path, &one);
    transfer(&rusqlite::Connection::open(&path).unwrap(), 5);
    wait_stored(&promoted);
    assert!(promoted.stop(PATIENCE));
    drop(promoted);
    one.restore_to("store", Target::Latest, &one.database());
    let first = ship(&one, &one, hasty());
    transfer(&one.connect(), 5);
    wait_stored(&first);
    assert!(first.stop(PATIENCE));
    // And back again. What was the primary is not written over.
    assert_does_not_follow(&one, "is no replica");
    for name in ["followed.db", "followed.db-wal", "followed.db-shm"] {
        drop(fs::remove_file(path.with_file_name(name)));
    }
    assert!(catch_up(newest()) == path);
    let promoted = ship_file(&path, &one);
    transfer(&rusqlite::Connection::open(&path).unwrap(), 5);
    wait_stored(&promoted);
    assert!(content(&one.restore("store", Target::Latest)) == content(&path));
}

/// A replica that was stopped before its primary. It may follow to the end, or go on as it is.
#[test]
fn a_replica_that_lags_does_not_take_over() {
    for goes_on_as_it_is in [false, true] {
        let one = Ground::new().with_accounts(4096);
        let first = ship(&one, &one, hasty());
        wait_stored(&first);
        let catch_up = || {
            let (follower, path) = follow_replica(&one, one.replica("store"));
            let newest = first.status().txid;
            assert!(follower.wait_applied(newest, patience().unwrap()), "{:?}", follower.status());
            path
        };
        let path = catch_up();
        transfer(&one.connect(), 5);
        wait_stored(&first);
        assert!(first.stop(PATIENCE));
        for _ in 0..2 {
            let promoted = ship_file(&path, &one);
            if goes_on_as_it_is {
                transfer(&rusqlite::Connection::open(&path).unwrap(), 5);
            }
            promoted.wait_stored(&[], patience()).unwrap_err();
            eventually("fenced", || promoted.status().destinations[0].is_fenced);
            let why = failure(&promoted);
            assert!(why.contains("followed this backup to transaction"), "{why}");
            assert!(!promoted.stop(PATIENCE));
            assert_restores(&one, &one);
        }
        match goes_on_as_it_is {
            true => {
                assert_does_not_follow(&one, "has commits of its own");
                fs::remove_file(path.with_file_name(".followed.db-egret/position")).unwrap();
            }
            false => assert!(catch_up() == path),
        }
        for _ in 0..2 {
            let promoted = ship_file(&path, &one);
            transfer(&rusqlite::Connection::open(&path).unwrap(), 5);
            wait_stored(&promoted);
            assert!(promoted.stop(PATIENCE));
            assert!(content(&one.restore("store", Target::Latest)) == content(&path));
            assert_eq!(replica::followed(&path, "store"), None);
        }
    }
}

/// The primary stores its last commit, and gives the lease back, between any two questions of who waits
/// for that.
#[test]
fn a_replica_that_falls_behind_while_it_waits_does_not_take_over() {
    let mut asked = 1;
    loop {
        let one = Ground::new().with_accounts(4096);
        let first = ship(&one, &one, hasty());
        wait_stored(&first);
        let newest = first.status().txid;
        let (follower, path) = follow_replica(&one, one.replica("store"));
        assert!(follower.wait_applied(newest, patience().unwrap()));
        assert!(first.stop(PATIENCE));
        drop(follower);
        let [last, next] =
            [newest, newest.next()].map(|txid| one.replica("store").ltx_key(0, Name::single(txid)));
        let [last, next] = [last, next].map(|key| one.store("store").join(key));
        let store = Meddler::over(Arc::new(FileStore::new(&one.store("store"))));
        let gets = AtomicU32::new(0);
        store.set(move |kind, key| {
            let is_lease = kind == "get" && key == "egret.lease";
            if is_lease && gets.fetch_add(1, Ordering::Relaxed) + 1 == asked {
                fs::copy(&last, &next).unwrap();
            }
            Fate::Done
        });
        let promoted = ship_file_to(&path, store.replica(), &one);
        transfer(&rusqlite::Connection::open(&path).unwrap(), 5);
        if promoted.wait_stored(&[], patience()).is_ok() {
            // It had the lease before it asked that often.
            assert!(asked > 2);
            return;
        }
        let why = failure(&promoted);
        assert!(why.contains("followed this backup to transaction"), "{asked}: {why}");
        asked += 1;
    }
}

/// A lease that could not be written was nobody's, and one in another place says nothing of this one.
#[test]
fn who_only_wanted_the_lease_is_no_old_copy() {
    let one = Ground::new().with_accounts(4096);
    let first = ship(&one, &one, hasty());
    wait_stored(&first);
    assert!(first.stop(PATIENCE));
    let two = Ground::new();
    one.restore_to("store", Target::Latest, &two.database());
    let store = Meddler::over(Arc::new(FileStore::new(&one.store("store"))));
    store.set(|kind, key| match kind == "put" && key == "egret.lease" {
        true => Fate::Failed,
        false => Fate::Done,
    });
    let start = || {
        let destination = Destination::new("store", store.replica());
        two.start_to(vec![destination], hasty())
    };
    let second = start();
    transfer(&two.connect(), 5);
    second.committed();
    eventually("failed", || second.status().destinations[0].failed_count > 2);
    drop(second);
    std::thread::sleep(Duration::from_millis(500));
    let second = start();
    store.set(|_, _| Fate::Done);
    wait_stored(&second);
    assert_restores(&one, &two);
}

#[test]
fn a_place_that_was_not_mounted_changes_nothing() {
    let one = Ground::new().with_accounts(4096);
    let first = ship(&one, &one, hasty());
    wait_stored(&first);
    assert!(first.stop(PATIENCE));
    let moved = one.copy();
    fs::rename(one.store("store"), one.store("hidden")).unwrap();
    for is_mounted in [false, true] {
        let second = ship(&moved, &one, hasty());
        transfer(&moved.connect(), 5);
        wait_stored(&second);
        assert!(second.stop(PATIENCE));
        assert_restores(&one, &moved);
        if !is_mounted {
            fs::remove_dir_all(one.store("store")).unwrap();
            fs::rename(one.store("hidden"), one.store("store")).unwrap();
        }
    }
}

/// What is known of leases is written again by whoever has one, also of a file whose URL changes.
#[test]
fn a_state_that_was_deleted_is_made_up_for() {
    let (one, two) = (Ground::new().with_accounts(4096), Ground::new().with_accounts(4096));
    let first = ship(&one, &one, hasty());
    wait_stored(&first);
    fs::remove_dir_all(one.state()).unwrap();
    transfer(&one.connect(), 5);
    wait_stored(&first);
    std::thread::sleep(Duration::from_millis(300));
    transfer(&one.connect(), 5);
    wait_stored(&first);
    assert!(first.stop(PATIENCE));
    drop(first);
    let second = ship(&two, &one, hasty());
    wait_stored(&second);
    assert!(second.stop(PATIENCE));
    let replica = one.replica("store");
    let first = one.start_to(vec![Destination::new("renamed", replica)], hasty());
    transfer(&one.connect(), 5);
    assert_is_refused(&first);
    assert_restores(&one, &two);
}

/// Following would write over what is committed there.
#[test]
fn what_is_shipped_does_not_follow() {
    let one = Ground::new().with_accounts(4096);
    let first = ship(&one, &one, hasty());
    wait_stored(&first);
    let (follower, path) = follow_replica(&one, one.replica("store"));
    assert!(follower.wait_applied(first.status().txid, patience().unwrap()));
    assert!(first.stop(PATIENCE));
    follower.stop();
    let promoted = ship_file(&path, &one);
    transfer(&rusqlite::Connection::open(&path).unwrap(), 5);
    assert_does_not_follow(&one, "another process ships this file");
    wait_stored(&promoted);
    assert!(content(&one.restore("store", Target::Latest)) == content(&path));
}
