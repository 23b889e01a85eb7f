//! Merging, snapshots and retention, at times that let a test see a month in ten seconds.

use crate::ground::{Ground, PATIENCE, content, eventually, options, transfer};
use crate::meddler::{Fate, Meddler};
use egret::ltx::{Name, Txid};
use egret::shipper::points;
use egret::shipper::restore::{Target, list_all};
use egret::shipper::{Destination, Ladder, Options, Shipper};
use egret::store::{FileStore, LtxFile, SNAPSHOT_LEVEL, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// A minute is about twenty milliseconds.
fn quick() -> Options {
    let levels = [250, 1000, 3000].map(Duration::from_millis).to_vec();
    let ladder = Ladder {
        levels,
        snapshot_interval: Duration::from_millis(2500),
        retention: Duration::from_secs(4),
        l0_retention: Duration::from_millis(500),
    };
    Options { ladder, ..options() }
}

fn listing(ground: &Ground, store: &str) -> Vec<LtxFile> {
    ground.runtime.block_on(list_all(&ground.replica(store))).unwrap()
}

fn of_level(files: &[LtxFile], level: u8) -> Vec<&LtxFile> {
    files.iter().filter(|file| file.level == level).collect()
}

/// Commits until the time is over; the transactions stored and the times they were by then. One at a
/// time, so that there is no state but these: a look may come between any two.
fn work(ground: &Ground, shipper: &Shipper, time: Duration) -> Vec<(Txid, i64, String)> {
    let connection = ground.connect();
    let (until, mut moments) = (Instant::now() + time, Vec::new());
    while Instant::now() < until {
        transfer(&connection, 1);
        shipper.committed();
        let txid = shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
        moments.push((txid, now as i64, content(&ground.database())));
        std::thread::sleep(Duration::from_millis(40));
    }
    moments
}

#[test]
fn every_level_is_filled_and_what_is_old_goes() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start_with(&["store"], quick());
    let moments = work(&ground, &shipper, Duration::from_secs(10));
    ground.assert_stored(&shipper);
    // From here on nothing gets too old.
    let status = shipper.status();
    assert!(shipper.stop(PATIENCE));
    let stopped = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let files = listing(&ground, "store");
    for level in 0..=3 {
        assert!(!of_level(&files, level).is_empty(), "level {level}");
    }
    let snapshots = of_level(&files, SNAPSHOT_LEVEL);
    assert!((2..=4).contains(&snapshots.len()), "{snapshots:?}");
    assert!(snapshots.iter().all(|file| file.name.min == Txid(1)));
    // Level 0 is short, levels above hold no copy of the database, and nothing older is left.
    assert!(of_level(&files, 0).len() < 60, "{}", of_level(&files, 0).len());
    let oldest = snapshots.iter().map(|file| file.name.max).min().unwrap();
    assert!(oldest > Txid(1));
    let above = files.iter().filter(|file| file.level > 0 && file.level < SNAPSHOT_LEVEL);
    for file in above {
        assert!(file.name.min > Txid(1), "{file:?}");
    }
    // Every moment of the window, by its time: to the end of a file of level 1, which is late on a busy
    // machine.
    let (mut checked, mut near) = (0, 0);
    for (index, asked) in moments.iter().enumerate().skip(11).step_by(6) {
        if asked.1 < stopped as i64 - 3500 {
            continue;
        }
        let restored = content(&ground.restore("store", Target::Timestamp(asked.1)));
        let found = moments[..=index].iter().rposition(|moment| moment.2 == restored);
        let found = found.unwrap_or_else(|| panic!("{} is no moment before it", asked.0));
        near += usize::from(index - found < 30);
        checked += 1;
    }
    assert!(checked > 2 && near * 2 > checked, "{near} of {checked}");
    assert_eq!(status.beginnings, 1);
    assert!(status.destinations[0].maintenance_failure.is_none(), "{status:?}");
}

/// What is due soon does not wait for what is due in an hour.
#[test]
fn a_low_level_goes_on_while_a_high_one_waits() {
    let ground = Ground::new().with_accounts(4096);
    let levels = [Duration::from_millis(200), Duration::from_secs(3600)].to_vec();
    let ladder = Ladder { levels, ..Ladder::default() };
    let shipper = ground.start_with(&["store"], Options { ladder, ..options() });
    work(&ground, &shipper, Duration::from_secs(4));
    eventually("merged", || of_level(&listing(&ground, "store"), 1).len() > 8);
    ground.assert_stored(&shipper);
}

#[test]
fn when_all_is_merged_nothing_more_is_asked() {
    let ground = Ground::new().with_accounts(4096);
    let inner: Arc<dyn Store> = Arc::new(FileStore::new(&ground.store("store")));
    let store = Meddler::over(inner);
    let destination = Destination::new("store", store.replica());
    let levels = [100, 300, 700].map(Duration::from_millis).to_vec();
    let ladder = Ladder {
        levels,
        snapshot_interval: Duration::from_millis(1000),
        l0_retention: Duration::ZERO,
        ..Ladder::default()
    };
    let shipper = ground.start_to(vec![destination], Options { ladder, ..options() });
    let connection = ground.connect();
    for _ in 0..20 {
        transfer(&connection, 2);
        shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    eventually("merged and copied", || {
        let files = listing(&ground, "store");
        let newest = shipper.status().txid;
        let reaches = |level| of_level(&files, level).last().is_some_and(|f| f.name.max == newest);
        reaches(3) && reaches(SNAPSHOT_LEVEL)
    });
    // What is merged up to there is read from the local log: levels are listed, not read.
    let files = listing(&ground, "store");
    assert_eq!(of_level(&files, 0).len(), 1, "only the newest");
    // What was under way when the last of it could be seen comes to its end.
    eventually("quiet", || {
        let before = store.requests();
        std::thread::sleep(Duration::from_millis(500));
        store.requests() == before
    });
    let (before, lists) = (store.requests(), store.lists());
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!((store.requests(), store.lists()), (before, lists));
    // The next commit needs no listing, however long ago the last one was.
    transfer(&connection, 1);
    shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    assert_eq!(store.lists(), lists);
    ground.assert_stored(&shipper);
}

#[test]
fn merging_reads_the_store_where_the_local_log_is_gone() {
    let ground = Ground::new().with_accounts(4096);
    let brief =
        Options { local_retention: Duration::ZERO, prune_interval: Duration::ZERO, ..quick() };
    let shipper = ground.start_with(&["store"], brief);
    work(&ground, &shipper, Duration::from_secs(4));
    assert!(shipper.stop(PATIENCE));
    let before = shipper.status().txid;
    // Another process, which knows nothing but what the store has.
    std::fs::remove_dir_all(ground.state()).unwrap();
    let shipper = ground.start_with(&["store"], quick());
    work(&ground, &shipper, Duration::from_secs(3));
    eventually("merged", || {
        of_level(&listing(&ground, "store"), 1).iter().any(|file| file.name.max > before)
    });
    assert!(shipper.status().destinations[0].maintenance_failure.is_none());
    ground.assert_stored(&shipper);
}

#[test]
fn a_snapshot_keeps_no_writer_waiting_and_nothing_on_the_disk() {
    let ground = Ground::new().with_accounts(4096);
    let inner: Arc<dyn Store> = Arc::new(FileStore::new(&ground.store("store")));
    let store = Meddler::over(inner);
    let destination = Destination::new("store", store.replica());
    let shipper = ground.start_to(vec![destination], options());
    let connection = ground.connect();
    transfer(&connection, 2000);
    ground.assert_stored(&shipper);
    let slow = Duration::from_secs(2);
    store.set(move |_, key| if key.starts_with("ltx/9/") { Fate::Late(slow) } else { Fate::Done });
    let began = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let snapshot = scope.spawn(|| {
            began.store(true, Ordering::Release);
            shipper.snapshot(Instant::now() + PATIENCE).unwrap()
        });
        eventually("began", || began.load(Ordering::Acquire));
        connection.busy_timeout(Duration::from_millis(700)).unwrap();
        let mut commits = 0;
        while !snapshot.is_finished() {
            transfer(&connection, 1);
            commits += 1;
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(commits > 50, "{commits}");
        let txid = snapshot.join().unwrap();
        let local = std::fs::read_dir(ground.state().join("ltx/0")).unwrap().map(Result::unwrap);
        let names = local.map(|entry| entry.file_name().into_string().unwrap());
        let single = |name: &str| name.parse::<Name>().is_ok_and(|name| name.min == name.max);
        for name in names {
            assert!(single(name.trim_end_matches(".tmp")), "{name}");
        }
        let files = listing(&ground, "store");
        let snapshots = of_level(&files, SNAPSHOT_LEVEL);
        assert!(snapshots.iter().any(|file| file.name.max == txid), "{snapshots:?}");
        store.set(|_, _| Fate::Done);
        // From the snapshot alone, with what came after it.
        ground.assert_stored(&shipper);
        let restored = ground.restore("store", Target::Txid(txid));
        assert!(content(&restored).len() > 1000);
    });
    assert_eq!(shipper.status().beginnings, 1);
}

#[test]
fn a_store_that_deletes_nothing_is_found_out() {
    let ground = Ground::new().with_accounts(4096);
    let inner: Arc<dyn Store> = Arc::new(FileStore::new(&ground.store("store")));
    let store = Meddler::over(inner);
    store.set(|kind, _| if kind == "delete" { Fate::Pretended } else { Fate::Done });
    let destination = Destination::new("store", store.replica());
    let ladder = Ladder {
        retention: Duration::from_millis(200),
        snapshot_interval: Duration::from_millis(300),
        ..quick().ladder
    };
    let shipper = ground.start_to(vec![destination], Options { ladder, ..options() });
    let connection = ground.connect();
    eventually("found out", || {
        transfer(&connection, 1);
        shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let failure = shipper.status().destinations[0].maintenance_failure.clone();
        failure.is_some_and(|failure| failure.error.contains("says it deleted"))
    });
    ground.assert_stored(&shipper);
}

#[test]
fn a_store_that_fails_now_and_then_loses_nothing() {
    let ground = Ground::new().with_accounts(4096);
    let inner: Arc<dyn Store> = Arc::new(FileStore::new(&ground.store("store")));
    let store = Meddler::over(inner);
    let count = std::sync::atomic::AtomicU64::new(0);
    store.set(move |_, _| {
        let odd = count.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9) % 23 == 3;
        if odd { Fate::Failed } else { Fate::Done }
    });
    let destination = Destination::new("store", store.replica());
    let shipper = ground.start_to(vec![destination], quick());
    work(&ground, &shipper, Duration::from_secs(4));
    store.set(|_, _| Fate::Done);
    ground.assert_stored(&shipper);
    assert!(shipper.status().destinations[0].failed_count > 0);
}

/// A point's moment is merged with nothing that comes later, and goes with the window.
#[test]
fn restore_points_stay_as_long_as_the_window_reaches() {
    let ground = Ground::new().with_accounts(4096);
    let ladder = Ladder { retention: Duration::from_secs(15), ..quick().ladder };
    let shipper = ground.start_with(&["store"], Options { ladder, ..options() });
    let mut named = Vec::new();
    for number in 0..4 {
        work(&ground, &shipper, Duration::from_millis(300));
        let txid = shipper.create_point(&format!("p{number}"), &|| false).unwrap();
        named.push((txid, content(&ground.database())));
    }
    for (txid, expected) in &named {
        let single = |file: &LtxFile| file.level == 0 && file.name == Name::single(*txid);
        let until = Instant::now() + PATIENCE;
        while listing(&ground, "store").iter().any(single) {
            assert!(Instant::now() < until, "{txid} is not merged");
            work(&ground, &shipper, Duration::from_millis(300));
        }
        assert!(content(&ground.restore("store", Target::Txid(*txid))) == *expected, "{txid}");
    }
    let left = || ground.runtime.block_on(points::list(&ground.replica("store"))).unwrap();
    assert_eq!(left().len(), 4);
    let until = Instant::now() + PATIENCE;
    while left().iter().any(|point| point.name == "p0") {
        assert!(Instant::now() < until, "a point outlives its window");
        work(&ground, &shipper, Duration::from_millis(500));
    }
    ground.assert_stored(&shipper);
}
