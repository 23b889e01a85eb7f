//! Two writers and one backup: one of them writes, and the other says why it does not.

use crate::ground::*;
use crate::meddler::{Fate, Meddler};
use egret::ltx::{Name, Txid};
use egret::shipper::restore::{Target, list_all};
use egret::shipper::{Alone, Destination, Ladder, Options, Shipper};
use egret::store::{FileStore, LtxFile, Replica, Store};
use rusqlite::Connection;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

/// Ships this ground's file to another's store.
pub(super) fn ship(ground: &Ground, to: &Ground, options: Options) -> Arc<Shipper> {
    let store: Arc<dyn Store> = Arc::new(FileStore::new(&to.store("store")));
    let destination = Destination::new("store", Replica::new(store, ""));
    ground.start_to(vec![destination], options)
}

/// A first writer stores something, and then goes on without its store, which is there again at the end.
pub(super) fn goes_on_alone(one: &Ground, connection: &Connection) -> Arc<Shipper> {
    let first = ship(one, one, options());
    first.wait_stored(&[], patience()).unwrap();
    assert!(first.stop(PATIENCE));
    std::fs::rename(one.store("store"), one.store("hidden")).unwrap();
    std::fs::write(one.store("store"), "").unwrap();
    let first = ship(one, one, options());
    for _ in 0..6 {
        transfer(connection, 40);
        first.wait_logged(patience()).unwrap();
    }
    assert!(!first.stop(Duration::ZERO));
    std::fs::remove_file(one.store("store")).unwrap();
    std::fs::rename(one.store("hidden"), one.store("store")).unwrap();
    first
}

pub(super) fn failure(shipper: &Shipper) -> String {
    let failure = shipper.status().destinations[0].failure.clone();
    failure.map_or_else(String::new, |failure| failure.error)
}

pub(super) fn patience() -> Option<Instant> {
    Some(Instant::now() + PATIENCE)
}

#[test]
fn a_second_writer_waits_until_the_first_stops() {
    let (one, two) = (Ground::new().with_accounts(4096), Ground::new().with_accounts(4096));
    let first = ship(&one, &one, options());
    transfer(&one.connect(), 5);
    first.wait_stored(&[], patience()).unwrap();
    let second = ship(&two, &one, options());
    let connection = two.connect();
    transfer(&connection, 50);
    second.committed();
    eventually("refused", || failure(&second).contains("waiting until it stops"));
    transfer(&one.connect(), 5);
    first.wait_stored(&[], patience()).unwrap();
    assert!(content(&one.restore("store", Target::Latest)) == content(&one.database()));
    assert!(first.stop(PATIENCE));
    second.wait_stored(&[], patience()).unwrap();
    assert_eq!(second.status().destinations[0].epoch, 2);
    assert!(content(&one.restore("store", Target::Latest)) == content(&two.database()));
}

#[test]
fn a_writer_that_was_silent_for_too_long_is_replaced_and_stops() {
    let (one, two) = (Ground::new().with_accounts(4096), Ground::new().with_accounts(4096));
    let hasty = Options { lease_term: Duration::from_millis(500), ..options() };
    let first = ship(&one, &one, hasty.clone());
    first.wait_stored(&[], patience()).unwrap();
    let second = ship(&two, &one, hasty);
    transfer(&two.connect(), 50);
    second.wait_stored(&[], patience()).unwrap();
    let before = one.runtime.block_on(list_all(&one.replica("store"))).unwrap();
    transfer(&one.connect(), 5);
    let stored = first.when_stored(Waker::noop().clone());
    eventually("told", || stored.is_never());
    eventually("fenced", || first.status().destinations[0].is_fenced);
    assert!(failure(&first).contains("has taken over this backup"), "{}", failure(&first));
    // Who waits for it, or begins to, is told at once.
    let (late, never) =
        (first.wait_stored(&[], patience()), first.when_stored(Waker::noop().clone()));
    assert!(late.unwrap_err().to_string().contains("have taken over"));
    assert!(never.is_never());
    // It is not started again by itself, and what it does not ship does not pile up.
    transfer(&one.connect(), 5);
    first.committed();
    eventually("said", || {
        first.status().error.is_some_and(|e| e.error.contains("have taken over all its backups"))
    });
    assert_eq!(one.runtime.block_on(list_all(&one.replica("store"))).unwrap(), before);
    transfer(&two.connect(), 5);
    second.committed();
    second.wait_stored(&[], patience()).unwrap();
    assert!(content(&one.restore("store", Target::Latest)) == content(&two.database()));
}

/// The same, and merged.
#[test]
fn what_two_writers_stored_is_not_merged() {
    let (one, two) = (Ground::new().with_accounts(4096), Ground::new().with_accounts(4096));
    let connection = one.connect();
    let first = goes_on_alone(&one, &connection);
    let second = ship(&two, &one, options());
    second.wait_stored(&[], patience()).unwrap();
    transfer(&two.connect(), 5);
    second.wait_stored(&[], patience()).unwrap();
    assert!(second.stop(PATIENCE));
    drop(first);
    std::fs::remove_dir_all(one.state()).unwrap();
    // What is the second's is not merged with what is the first's.
    let ladder = Ladder { levels: vec![Duration::from_millis(100)], ..Ladder::default() };
    let first = ship(&one, &one, Options { ladder, ..options() });
    first.wait_stored(&[], patience()).unwrap();
    eventually("the copy", || first.status().destinations[0].snapshot_count == 1);
    let (status, before) = (first.status(), second.status().txid);
    // The second may not know yet that it has a successor: its next numbers are for nobody else.
    assert!(status.txid.0 > before.0 + 10_000, "{status:?}");
    transfer(&connection, 5);
    first.wait_stored(&[], patience()).unwrap();
    let files = || one.runtime.block_on(list_all(&one.replica("store"))).unwrap();
    eventually("merged", || files().iter().any(|f| f.level == 1 && f.name.max > status.txid));
    let is_mixed = |f: &LtxFile| f.level < 9 && f.name.min <= before && f.name.max > before;
    assert!(!files().iter().any(is_mixed), "{:?}", files());
    assert!(files().iter().all(|f| f.name.max != before.next()), "{:?}", files());
    assert!(content(&one.restore("store", Target::Latest)) == content(&one.database()));
}

/// What the first sent before it was stopped for a while arrives when the second has taken over: nothing
/// of it is merged with what the second stores, also by a process that only sees what is there.
#[test]
fn what_arrives_late_is_not_merged() {
    let (one, two) = (Ground::new().with_accounts(4096), Ground::new().with_accounts(4096));
    let connection = one.connect();
    let newest = || one.runtime.block_on(list_all(&one.replica("store"))).unwrap();
    let ladder = Ladder { levels: vec![Duration::from_millis(100)], ..Ladder::default() };
    let first = ship(&one, &one, Options { ladder: ladder.clone(), ..options() });
    transfer(&connection, 5);
    eventually("merged", || newest().iter().any(|f| f.level == 1));
    assert!(first.stop(PATIENCE));
    drop(first);
    let first = goes_on_alone(&one, &connection);
    let before = newest().iter().map(|file| file.name.max).max().unwrap();
    let second = ship(&two, &one, options());
    transfer(&two.connect(), 5);
    second.wait_stored(&[], patience()).unwrap();
    assert!(second.stop(PATIENCE));
    for txid in before.0 + 1..=first.status().txid.0 {
        let name = Name::single(Txid(txid)).to_string();
        let (log, stored) = (one.state().join("ltx/0"), one.store("store").join("ltx/0"));
        if !stored.join(&name).exists() {
            std::fs::copy(log.join(&name), stored.join(&name)).unwrap();
        }
    }
    let second = ship(&two, &one, Options { ladder, ..options() });
    let taken_over = second.status().txid;
    transfer(&two.connect(), 5);
    second.wait_stored(&[], patience()).unwrap();
    eventually("merged", || newest().iter().any(|f| f.level == 1 && f.name.max > taken_over));
    let is_mixed =
        |f: &LtxFile| f.level < 9 && f.name.min <= before.next() && f.name.max > taken_over;
    assert!(!newest().iter().any(is_mixed), "{:?}", newest());
    assert!(content(&one.restore("store", Target::Latest)) == content(&two.database()));
}

/// What is stored beside what another has stored meanwhile is not stored for those who wait.
#[test]
fn nobody_is_told_of_what_was_stored_after_another_took_over() {
    let (one, two) = (Ground::new().with_accounts(4096), Ground::new().with_accounts(4096));
    let brief = Options { lease_term: Duration::from_millis(200), ..options() };
    let store = Meddler::over(Arc::new(FileStore::new(&one.store("store"))));
    let destination = Destination::new("store", store.replica());
    let first = one.start_to(vec![destination], brief.clone());
    first.wait_stored(&[], patience()).unwrap();
    let is_file = |kind: &str, key: &str| kind == "put" && key.starts_with("ltx/0/");
    store.set(move |kind, key| match is_file(kind, key) {
        true => Fate::Late(Duration::from_secs(3)),
        false => Fate::Done,
    });
    transfer(&one.connect(), 5);
    let stored = first.when_stored(Waker::noop().clone());
    let second = ship(&two, &one, brief);
    second.wait_stored(&[], patience()).unwrap();
    assert!(!stored.is_done() && !stored.is_never());
    eventually("told", || stored.is_done() || stored.is_never());
    assert!(stored.is_never());
    assert!(content(&one.restore("store", Target::Latest)) == content(&two.database()));
}

/// Of another's whole copy the lease tells before it arrives, and level 0 never does: what leads on from
/// it must not be one's own, however far one has come meanwhile.
#[test]
fn what_another_has_sent_is_not_led_on_from() {
    let (one, two) = (Ground::new().with_accounts(4096), Ground::new().with_accounts(4096));
    let connection = one.connect();
    // Its log is there from now on.
    transfer(&connection, 5);
    let first = goes_on_alone(&one, &connection);
    let files = || one.runtime.block_on(list_all(&one.replica("store"))).unwrap();
    let before = files();
    let second = ship(&two, &one, options());
    transfer(&two.connect(), 50);
    second.wait_stored(&[], patience()).unwrap();
    assert!(second.stop(PATIENCE));
    let sent = second.status().txid;
    let is_new = |file: &LtxFile| !before.contains(file);
    let path =
        |file: &LtxFile| one.store("store").join(format!("ltx/{}/{}", file.level, file.name));
    for file in files().iter().filter(|file| is_new(file) && file.level == 0) {
        std::fs::remove_file(path(file)).unwrap();
    }
    let late = files().into_iter().find(is_new).unwrap();
    let (late, kept) = (path(&late), one.store("late"));
    std::fs::rename(&late, &kept).unwrap();
    drop(first);
    std::fs::remove_dir_all(one.state()).unwrap();
    let first = ship(&one, &one, options());
    first.wait_stored(&[], patience()).unwrap();
    std::fs::rename(&kept, &late).unwrap();
    assert!(content(&one.restore("store", Target::Latest)) == content(&one.database()));
    let is_led = |file: &LtxFile| file.name.min <= sent.next() && file.name.max > sent;
    assert!(!files().iter().any(|file| file.level < 9 && is_led(file)), "{:?}", files());
}

/// What a writer that is gone may have sent can still arrive: nobody uses its numbers.
#[test]
fn numbers_that_the_lease_reserves_are_not_given_again() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    assert!(shipper.stop(PATIENCE));
    let lease = ground.store("store").join("egret.lease");
    let text = std::fs::read_to_string(&lease).unwrap();
    let (few, many) = (format!("reserved {}\n", Txid(2)), format!("reserved {}\n", Txid(40)));
    assert!(text.contains(&few), "{text}");
    std::fs::write(&lease, text.replace(&few, &many)).unwrap();
    std::fs::remove_dir_all(ground.state()).unwrap();
    transfer(&ground.connect(), 5);
    let shipper = ground.start();
    ground.assert_stored(&shipper);
    let files = ground.runtime.block_on(list_all(&ground.replica("store"))).unwrap();
    assert!(files.iter().all(|file| file.name.max.0 <= 2 || file.name.max.0 > 40), "{files:?}");
    ground.assert_restores("store");
}

#[test]
fn a_restart_needs_no_patience() {
    let ground = Ground::new().with_accounts(4096);
    for epoch in 1..4 {
        let shipper = ground.start();
        transfer(&ground.connect(), 5);
        ground.assert_stored(&shipper);
        assert_eq!(shipper.status().destinations[0].epoch, epoch);
        // It ends without a word; its thread looks a last time, and two of them do not go together.
        drop(shipper);
        std::thread::sleep(Duration::from_millis(500));
        std::fs::remove_dir_all(ground.state()).unwrap();
    }
}

#[test]
fn a_file_is_shipped_once_at_a_time() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start();
    let ship_again = || {
        let (hooks, handle) = (Arc::new(Alone), ground.runtime.handle());
        Shipper::start(&ground.database(), Vec::new(), options(), hooks, handle).map(drop)
    };
    let refused = ship_again().unwrap_err().to_string();
    assert!(refused.contains("another process ships this file"), "{refused}");
    assert!(shipper.stop(PATIENCE));
    drop(shipper);
    ship_again().unwrap();
}

#[test]
fn a_lease_that_is_none_is_not_written_over() {
    let ground = Ground::new().with_accounts(4096);
    std::fs::create_dir_all(ground.store("store")).unwrap();
    let lease = ground.store("store").join("egret.lease");
    std::fs::write(&lease, "my notes").unwrap();
    let shipper = ground.start();
    transfer(&ground.connect(), 5);
    eventually("said", || failure(&shipper).contains("egret.lease"));
    assert_eq!(std::fs::read_to_string(&lease).unwrap(), "my notes");
    std::fs::remove_file(&lease).unwrap();
    ground.assert_stored(&shipper);
}
