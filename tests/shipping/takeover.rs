//! Backups that change hands between the real Litestream and egret while the file is written.

use crate::ground::{Ground, PATIENCE, content, eventually, options};
use egret::ltx::Txid;
use egret::shipper::restore::{Target, list_all};
use egret::shipper::{Ladder, Options};
use egret::store::{LtxFile, SNAPSHOT_LEVEL};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Litestream at work on a ground's file, with a minute shortened to a second.
struct Litestream {
    child: Child,
    log: PathBuf,
}

impl Litestream {
    fn start(ground: &Ground) -> Option<Self> {
        let (config, log) =
            (ground.directory.path().join("litestream.yml"), ground.directory.path().join("log"));
        let text = format!(
            "levels: [{{interval: 1s}}, {{interval: 2s}}, {{interval: 4s}}]\n\
             snapshot: {{interval: 5s, retention: 1h}}\nl0-retention: 2s\n\
             l0-retention-check-interval: 1s\n\
             dbs: [{{path: {}, monitor-interval: 100ms, replica: {{type: file, path: {}, sync-interval: 100ms}}}}]\n",
            ground.database().display(),
            ground.store("store").display()
        );
        std::fs::write(&config, text).unwrap();
        let file = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        let mut command = Command::new("litestream");
        command.arg("replicate").arg("-config").arg(config).stdin(Stdio::null());
        command.stdout(file.try_clone().unwrap()).stderr(file);
        Some(Self { child: command.spawn().ok()?, log })
    }

    fn stop(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap();
        std::fs::read_to_string(&self.log).unwrap()
    }
}

/// Inserts and deletes until it is killed.
struct Writer(Child);

impl Writer {
    fn start(ground: &Ground) -> Self {
        // Whoever runs the tests may ignore the signal, and then it does, too. Another one would end
        // it in the midst of a commit, of which Litestream ships more than SQLite has.
        let script = "import signal, sqlite3, sys, time\n\
            signal.signal(signal.SIGINT, signal.default_int_handler)\n\
            c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)\n\
            c.execute('PRAGMA wal_autocheckpoint = 0')\n\
            n = 0\n\
            while True:\n\
            \x20   c.execute('BEGIN IMMEDIATE')\n\
            \x20   c.execute('UPDATE accounts SET balance = balance - 1 WHERE id = ?', (n % 100 + 1,))\n\
            \x20   c.execute('UPDATE accounts SET balance = balance + 1 WHERE id = ?', (n * 7 % 100 + 1,))\n\
            \x20   c.execute('INSERT INTO entries(note) VALUES (hex(randomblob(400)))')\n\
            \x20   c.execute('DELETE FROM entries WHERE id = ?', (n - 500,))\n\
            \x20   c.execute('COMMIT')\n\
            \x20   n += 1\n\
            \x20   time.sleep(0.01)\n";
        let path = ground.database();
        Self(crate::ground::python(script, &[path.to_str().unwrap()]).unwrap())
    }

    fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        self.0.wait().unwrap();
    }
}

fn listing(ground: &Ground) -> Vec<LtxFile> {
    ground.runtime.block_on(list_all(&ground.replica("store"))).unwrap()
}

fn newest(ground: &Ground) -> Txid {
    listing(ground).iter().map(|file| file.name.max).max().unwrap_or_default()
}

fn has_levels(ground: &Ground, levels: &[u8]) -> bool {
    let files = listing(ground);
    levels.iter().all(|&level| files.iter().any(|file| file.level == level))
}

fn quick() -> Options {
    let ladder = Ladder {
        levels: [1, 2, 4].map(Duration::from_secs).to_vec(),
        snapshot_interval: Duration::from_secs(5),
        l0_retention: Duration::from_secs(2),
        ..Ladder::default()
    };
    Options { ladder, ..options() }
}

/// Everybody restores what is in the file, once nobody writes.
fn assert_whole(ground: &Ground) {
    let source = content(&ground.database());
    let began = Instant::now();
    while content(&ground.restore("store", Target::Latest)) != source {
        std::thread::sleep(Duration::from_millis(100));
        let log = || std::fs::read_to_string(ground.directory.path().join("log"));
        assert!(began.elapsed() < PATIENCE / 2, "{:?}\n{:?}", log(), listing(ground));
    }
    ground.assert_restores("store");
}

#[test]
fn every_level_of_litestreams_is_restored() {
    let ground = Ground::new().with_accounts(4096);
    let Some(litestream) = Litestream::start(&ground) else { return };
    let writer = Writer::start(&ground);
    eventually("levels", || has_levels(&ground, &[0, 1, 2, 3, SNAPSHOT_LEVEL]));
    std::thread::sleep(Duration::from_secs(2));
    writer.stop();
    // It stores what is left when it ends; while it runs its files come and go under a restore.
    litestream.stop();
    assert_whole(&ground);
    let ends: Vec<_> =
        listing(&ground).iter().filter(|f| f.level == 1).map(|f| f.name.max).collect();
    for txid in ends {
        content(&ground.restore("store", Target::Txid(txid)));
    }
}

#[test]
fn a_backup_changes_hands_while_the_file_is_written() {
    let ground = Ground::new().with_accounts(4096);
    let Some(litestream) = Litestream::start(&ground) else { return };
    let writer = Writer::start(&ground);
    eventually("shipped by litestream", || has_levels(&ground, &[0, 1, 2]));
    litestream.stop();

    let theirs = newest(&ground);
    let shipper = ground.start_with(&["store"], quick());
    let began = Instant::now();
    eventually("shipped by egret", || {
        let status = shipper.status();
        assert!(began.elapsed() < PATIENCE * 3 / 4, "{status:?}");
        status.destinations[0].merged_count > 3 && newest(&ground).0 > theirs.0 + 5
    });
    let status = shipper.status();
    assert_eq!(status.beginnings, 1, "the numbers go on with a whole copy");
    assert!(status.destinations[0].maintenance_failure.is_none(), "{status:?}");
    assert!(shipper.stop(PATIENCE));
    drop(shipper);

    let ours = newest(&ground);
    let litestream = Litestream::start(&ground).unwrap();
    eventually("shipped by litestream again", || newest(&ground).0 > ours.0 + 5);
    std::thread::sleep(Duration::from_secs(3));
    let snapshots = listing(&ground);
    eventually("copied by litestream again", || {
        let last = snapshots.iter().filter(|f| f.level == SNAPSHOT_LEVEL).map(|f| f.name.max).max();
        listing(&ground).iter().any(|f| f.level == SNAPSHOT_LEVEL && Some(f.name.max) > last)
    });
    writer.stop();
    let log = litestream.stop();
    assert_whole(&ground);
    assert!(!log.contains("level=ERROR"), "{log}");

    let shipper = ground.start_with(&["store"], quick());
    shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
    assert_whole(&ground);
    assert!(shipper.stop(PATIENCE));
}

#[test]
fn litestream_restores_every_level_of_ours() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = ground.start_with(&["store"], quick());
    let writer = Writer::start(&ground);
    eventually("levels", || has_levels(&ground, &[0, 1, 2, 3, SNAPSHOT_LEVEL]));
    writer.stop();
    ground.assert_stored(&shipper);
    assert!(shipper.stop(PATIENCE));
    let files = listing(&ground);
    for level in 1..=3 {
        let last = files.iter().rfind(|file| file.level == level).unwrap();
        let txid = last.name.max;
        let ours = content(&ground.restore("store", Target::Txid(txid)));
        let Some(theirs) = ground.litestream("store", &["-txid", &txid.to_string()]) else {
            return;
        };
        assert!(content(&theirs) == ours, "level {level}");
    }
}
