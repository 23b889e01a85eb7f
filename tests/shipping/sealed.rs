//! Encrypted backups, of writers that can read them and of writers that cannot.

use crate::followers::follow_replica;
use crate::ground::{Ground, PATIENCE, content, eventually, options, transfer};
use crate::meddler::{Fate, Meddler};
use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use egret::ltx::Txid;
use egret::shipper::restore::{self, Target, list_all, restore};
use egret::shipper::survey::survey;
use egret::shipper::usage;
use egret::shipper::verify::verify_with;
use egret::shipper::{Destination, Ladder, Options, Shipper, points};
use egret::store::{AgeKeys, FileStore, Keys, Replica, SNAPSHOT_LEVEL, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Who may read a backup.
struct Owner {
    recipient: String,
    key_file: PathBuf,
}

impl Owner {
    fn new(ground: &Ground, name: &str) -> Self {
        let identity = Identity::generate();
        let key_file = ground.directory.path().join(name);
        fs::write(&key_file, identity.to_string().expose_secret()).unwrap();
        Self { recipient: identity.to_public().to_string(), key_file }
    }

    fn keys(&self, writes: bool, reads: bool) -> Keys {
        let recipients = if writes { vec![self.recipient.clone()] } else { Vec::new() };
        Keys::open(&AgeKeys { recipients, identity: reads.then(|| self.key_file.clone()) }).unwrap()
    }

    fn replica(&self, ground: &Ground, writes: bool, reads: bool) -> Replica {
        let store: Arc<dyn Store> = Arc::new(FileStore::new(&ground.store("store")));
        Replica::with_keys(store, "", self.keys(writes, reads))
    }

    /// What somebody with the identity restores.
    fn restored(&self, ground: &Ground, target: Target) -> String {
        content(&try_restore(ground, &self.replica(ground, false, true), target).unwrap())
    }
}

fn try_restore(
    ground: &Ground,
    replica: &Replica,
    target: Target,
) -> Result<PathBuf, restore::Error> {
    let output = ground.directory.path().join("opened.db");
    for suffix in ["-wal", "-shm"] {
        let _gone = fs::remove_file(ground.directory.path().join(format!("opened.db{suffix}")));
    }
    let options = restore::Options { target, force: true, ..restore::Options::default() };
    ground.runtime.block_on(restore(replica, &output, &options, Arc::new(|_| ())))?;
    Ok(output)
}

fn ship(ground: &Ground, replica: Replica, options: Options) -> Arc<Shipper> {
    ground.start_to(vec![Destination::new("store", replica)], options)
}

fn patience() -> Option<Instant> {
    Some(Instant::now() + PATIENCE)
}

/// Commits a few times, and waits until each is stored.
fn work(ground: &Ground, shipper: &Shipper, rounds: usize) -> Vec<(Txid, String)> {
    let (connection, mut moments) = (ground.connect(), Vec::new());
    for _ in 0..rounds {
        transfer(&connection, 3);
        let txid = shipper.wait_stored(&[], patience()).unwrap();
        moments.push((txid, content(&ground.database())));
        std::thread::sleep(Duration::from_millis(20));
    }
    moments
}

/// Every file of a directory and those below.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Nothing but the lease can be read by anybody.
fn assert_encrypted(ground: &Ground) {
    for path in files(&ground.store("store")) {
        let bytes = fs::read(&path).unwrap();
        let is_lease = path.ends_with("egret.lease");
        assert!(is_lease != bytes.starts_with(b"age-encryption.org/v1\n"), "{}", path.display());
        assert!(!bytes.windows(8).any(|bytes| bytes == b"xxxxxxxx"), "{}", path.display());
    }
}

fn merging() -> Options {
    let levels = [200, 600, 2000].map(Duration::from_millis).to_vec();
    let ladder = Ladder {
        levels,
        snapshot_interval: Duration::from_secs(4),
        retention: Duration::from_secs(60),
        l0_retention: Duration::from_millis(300),
    };
    Options { ladder, ..options() }
}

#[test]
fn with_the_identity_it_is_like_any_other() {
    let ground = Ground::new().with_accounts(4096);
    let owner = Owner::new(&ground, "key.txt");
    let brief =
        Options { local_retention: Duration::ZERO, prune_interval: Duration::ZERO, ..merging() };
    let replica = owner.replica(&ground, true, true);
    let shipper = ship(&ground, replica.clone(), brief);
    let moments = work(&ground, &shipper, 120);
    shipper.create_point("before", &|| false).unwrap();
    let named = content(&ground.database());
    work(&ground, &shipper, 10);
    let reader = owner.replica(&ground, false, true);
    let all = || ground.runtime.block_on(list_all(&reader)).unwrap();
    eventually("merged up to level 3", || all().iter().any(|file| file.level == 3));
    let before = reader.meter().usage().bytes_down;
    let proven = shipper.prove(0, &reader, ground.runtime.handle()).unwrap();
    let proof_bytes = reader.meter().usage().bytes_down - before;
    assert_eq!(proven.txid, shipper.status().txid);
    let status = shipper.status();
    assert!(status.destinations[0].is_readable);
    assert!(status.destinations[0].maintenance_failure.is_none(), "{status:?}");
    assert!(shipper.stop(PATIENCE));
    let used = usage::read(&ground.database()).into_values().next().unwrap().usage;
    assert!(proof_bytes > 0, "a proof reads all of it");
    assert_eq!(used.bytes_down, replica.meter().usage().bytes_down + proof_bytes);
    assert_encrypted(&ground);
    assert!(owner.restored(&ground, Target::Latest) == content(&ground.database()));
    let found = ground.runtime.block_on(survey(&reader)).unwrap();
    assert_eq!((found.points.len(), found.fault), (1, None));
    let point = ground.runtime.block_on(points::find(&reader, "before")).unwrap().unwrap();
    assert!(owner.restored(&ground, Target::Txid(point.txid)) == named);
    let mut checked = 0;
    for (txid, expected) in moments.iter().filter(|(txid, _)| found.moments.contains_key(txid)) {
        assert!(owner.restored(&ground, Target::Txid(*txid)) == *expected, "{txid}");
        checked += 1;
    }
    assert!(checked > 2, "{checked}");
    let (file, scratch) = (ground.database(), ground.directory.path().join("scratch"));
    let verify = verify_with(&reader, &file, &scratch, Arc::new(|_| ()));
    ground.runtime.block_on(verify).unwrap();
}

#[test]
fn without_the_identity_every_moment_of_the_window_restores() {
    let ground = Ground::new().with_accounts(4096);
    let owner = Owner::new(&ground, "key.txt");
    let reader = owner.replica(&ground, false, true);
    let all = || ground.runtime.block_on(list_all(&reader)).unwrap();
    // Local files are there for level 1, and gone when levels above are due; and after a restart.
    let brief = Options {
        local_retention: Duration::from_millis(400),
        prune_interval: Duration::from_millis(50),
        ..merging()
    };
    let mut moments = Vec::new();
    for round in 0..2 {
        let shipper = ship(&ground, owner.replica(&ground, true, false), brief.clone());
        moments.extend(work(&ground, &shipper, 100));
        if round == 0 {
            shipper.create_point("before", &|| false).unwrap();
            let again = shipper.create_point("before", &|| false).unwrap_err();
            assert!(again.to_string().contains("already exists"), "{again}");
        }
        moments.extend(work(&ground, &shipper, 40));
        let status = shipper.status();
        let destination = &status.destinations[0];
        assert!(!destination.is_readable && destination.merged_count > 2, "{status:?}");
        assert!(destination.maintenance_failure.is_none(), "{status:?}");
        assert!(destination.snapshot_count > 0 && destination.deleted_count > 0, "{status:?}");
        assert_eq!(status.beginnings, 1 - round, "{status:?}");
        assert!(shipper.stop(PATIENCE));
    }
    assert_encrypted(&ground);
    let listed = all();
    assert!(listed.iter().any(|file| file.level == 1));
    assert!(listed.iter().filter(|file| file.level == SNAPSHOT_LEVEL).count() > 2);
    assert!(owner.restored(&ground, Target::Latest) == content(&ground.database()));
    let found = ground.runtime.block_on(survey(&reader)).unwrap();
    assert!(found.fault.is_none() && found.points[0].1, "{:?}", found.points);
    // What was stored and can no longer be had to the transaction is never far from what can.
    let (mut far, mut checked) = (0, 0);
    for (txid, expected) in &moments {
        match found.moments.contains_key(txid) {
            false => far += 1,
            true => {
                far = 0;
                if checked % 5 == 0 {
                    assert!(owner.restored(&ground, Target::Txid(*txid)) == *expected, "{txid}");
                }
                checked += 1;
            }
        }
        assert!(far < 40, "{txid}");
    }
    assert!(checked > 20, "{checked}");
    // Those who have no identity see what there is.
    let seen = ground.runtime.block_on(survey(&owner.replica(&ground, true, false))).unwrap();
    assert_eq!((seen.is_readable, seen.moments.len()), (false, found.moments.len()));
    assert_eq!(seen.newest.unwrap().txid, found.newest.unwrap().txid);
}

#[test]
fn after_a_restart_it_goes_on() {
    let ground = Ground::new().with_accounts(4096);
    let owner = Owner::new(&ground, "key.txt");
    let patient = Options { checkpoint_pages: 100_000, foreign_pages: 100_000, ..options() };
    let start = || ship(&ground, owner.replica(&ground, true, false), patient.clone());
    for round in 0..3 {
        let shipper = start();
        work(&ground, &shipper, 5);
        assert_eq!(shipper.status().beginnings, u64::from(round == 0), "round {round}");
        // It ends without a word.
        drop(shipper);
        std::thread::sleep(Duration::from_millis(500));
    }
    // What was sent is not known any more: then with a whole copy.
    for path in files(&ground.state()) {
        if path.file_name().unwrap().to_str().unwrap().starts_with("sent-") {
            fs::remove_file(path).unwrap();
        }
    }
    let shipper = start();
    work(&ground, &shipper, 2);
    let status = shipper.status();
    assert_eq!((status.beginnings, status.destinations[0].snapshot_count), (0, 1), "{status:?}");
    assert!(shipper.stop(PATIENCE));
    assert!(owner.restored(&ground, Target::Latest) == content(&ground.database()));
}

/// Every third put of a file is done and said not to be.
#[test]
fn a_lost_reply_is_not_another_writer() {
    for reads in [false, true] {
        let ground = Ground::new().with_accounts(4096);
        let owner = Owner::new(&ground, "key.txt");
        let meddler = Meddler::over(Arc::new(FileStore::new(&ground.store("store"))));
        let puts = AtomicU64::new(0);
        meddler.set(move |kind, key| {
            let counts = kind == "put" && key.ends_with(".ltx");
            let unheard = counts && puts.fetch_add(1, Ordering::Relaxed) % 3 == 1;
            if unheard { Fate::Unheard } else { Fate::Done }
        });
        let store = Arc::clone(&meddler) as Arc<dyn Store>;
        let replica = Replica::with_keys(store, "", owner.keys(true, reads));
        let shipper = ship(&ground, replica, options());
        work(&ground, &shipper, 8);
        let status = shipper.status();
        assert!(status.destinations[0].failed_count > 1, "{status:?}");
        assert!(!status.destinations[0].is_fenced, "{status:?}");
        assert_eq!(status.beginnings, 1);
        assert!(shipper.stop(PATIENCE));
        assert!(owner.restored(&ground, Target::Latest) == content(&ground.database()));
    }
}

#[test]
fn another_writer_is_noticed() {
    let (one, two) = (Ground::new().with_accounts(4096), Ground::new().with_accounts(4096));
    let owner = Owner::new(&one, "key.txt");
    let first = ship(&one, owner.replica(&one, true, false), options());
    work(&one, &first, 3);
    assert!(first.stop(PATIENCE));
    let second = ship(&two, owner.replica(&one, true, false), options());
    work(&two, &second, 3);
    assert!(second.stop(PATIENCE));
    assert!(owner.restored(&one, Target::Latest) == content(&two.database()));
    let first = ship(&one, owner.replica(&one, true, false), options());
    transfer(&one.connect(), 1);
    first.wait_stored(&[], patience()).unwrap_err();
    assert!(first.status().destinations[0].is_fenced, "{:?}", first.status());
    assert!(!first.stop(PATIENCE));
    drop(first);
    fs::remove_dir_all(one.state()).unwrap();
    let first = ship(&one, owner.replica(&one, true, false), options());
    work(&one, &first, 1);
    assert_eq!(first.status().beginnings, 1, "with a whole copy");
    assert!(first.stop(PATIENCE));
    assert!(owner.restored(&one, Target::Latest) == content(&one.database()));
}

/// What stands there cannot be compared with what is here: that makes nobody else's of it.
#[test]
fn a_file_that_was_moved_goes_on_without_the_identity() {
    let one = Ground::new().with_accounts(4096);
    let owner = Owner::new(&one, "key.txt");
    let first = ship(&one, owner.replica(&one, true, true), options());
    work(&one, &first, 3);
    assert!(first.stop(PATIENCE));
    let moved = one.copy();
    let second = ship(&moved, owner.replica(&one, true, false), options());
    work(&moved, &second, 3);
    assert!(second.stop(PATIENCE));
    assert!(owner.restored(&one, Target::Latest) == content(&moved.database()));
}

#[test]
fn encryption_begins_and_ends_and_keys_change() {
    let ground = Ground::new().with_accounts(4096);
    let (old, new) = (Owner::new(&ground, "old.txt"), Owner::new(&ground, "new.txt"));
    let both = ground.directory.path().join("both.txt");
    let text = [&old.key_file, &new.key_file].map(|path| fs::read_to_string(path).unwrap());
    fs::write(&both, text.join("\n")).unwrap();
    let both = Owner { recipient: new.recipient.clone(), key_file: both };
    let turns = [
        old.replica(&ground, false, false),
        old.replica(&ground, true, false),
        old.replica(&ground, true, true),
        old.replica(&ground, false, false),
        new.replica(&ground, true, true),
        both.replica(&ground, true, true),
    ];
    let mut moments = Vec::new();
    for replica in turns {
        let shipper = ship(&ground, replica, merging());
        moments.extend(work(&ground, &shipper, 12));
        shipper.create_point(&format!("p{}", moments.len()), &|| false).unwrap();
        let status = shipper.status();
        assert!(status.destinations[0].maintenance_failure.is_none(), "{status:?}");
        assert!(shipper.stop(PATIENCE));
    }
    let reader = both.replica(&ground, false, true);
    let found = ground.runtime.block_on(survey(&reader)).unwrap();
    assert!(both.restored(&ground, Target::Latest) == content(&ground.database()));
    assert!(found.points.len() == 6 && found.points.iter().all(|(_, restorable)| *restorable));
    for (txid, expected) in moments.iter().filter(|(txid, _)| found.moments.contains_key(txid)) {
        assert!(both.restored(&ground, Target::Txid(*txid)) == *expected, "{txid}");
    }
}

#[test]
fn who_has_no_identity_is_told_so() {
    let ground = Ground::new().with_accounts(4096);
    let (owner, other) = (Owner::new(&ground, "key.txt"), Owner::new(&ground, "other.txt"));
    let shipper = ship(&ground, owner.replica(&ground, true, false), options());
    work(&ground, &shipper, 3);
    assert!(shipper.stop(PATIENCE));
    let said =
        |replica: Replica, target| try_restore(&ground, &replica, target).unwrap_err().to_string();
    for target in [Target::Latest, Target::Timestamp(i64::MAX)] {
        let plain = said(ground.replica("store"), target);
        assert!(plain.contains("encrypted: give age-identity=FILE"), "{plain}");
        let blind = said(owner.replica(&ground, true, false), target);
        assert!(blind.contains("encrypted: give age-identity=FILE"), "{blind}");
        let wrong = said(other.replica(&ground, true, true), target);
        assert!(wrong.contains("does not open it"), "{wrong}");
    }
}

#[test]
fn it_is_followed() {
    let ground = Ground::new().with_accounts(4096);
    let owner = Owner::new(&ground, "key.txt");
    let shipper = ship(&ground, owner.replica(&ground, true, false), merging());
    work(&ground, &shipper, 3);
    let (follower, path) = follow_replica(&ground, owner.replica(&ground, false, true));
    for _ in 0..10 {
        let (txid, expected) = work(&ground, &shipper, 5).pop().unwrap();
        assert!(follower.wait_applied(txid, Instant::now() + PATIENCE), "{txid}");
        assert!(content(&path) == expected);
    }
    follower.stop();
    assert!(shipper.stop(PATIENCE));
}

/// Of several pieces, each of many chunks, read at once and kept when it is interrupted.
#[test]
fn a_large_one_restores_in_pieces() {
    let ground = Ground::new().with_accounts(4096);
    let owner = Owner::new(&ground, "key.txt");
    let connection = ground.connect();
    connection
        .execute_batch(
            "WITH RECURSIVE s(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM s WHERE v < 10000)
             INSERT INTO entries(note) SELECT hex(randomblob(1000)) FROM s",
        )
        .unwrap();
    let shipper = ship(&ground, owner.replica(&ground, true, false), options());
    work(&ground, &shipper, 3);
    assert!(shipper.stop(PATIENCE));
    let reader = owner.replica(&ground, false, true);
    let output = ground.directory.path().join("opened.db");
    let options = restore::Options { resumable_bytes: 0, ..restore::Options::default() };
    let restored = restore(&reader, &output, &options, Arc::new(|_| ()));
    let restored = ground.runtime.block_on(restored).unwrap();
    assert!(restored.bytes > 10 << 20, "{restored:?}");
    assert!(content(&output) == content(&ground.database()));
}
