//! Litestream restores what egret encodes, and egret restores what Litestream ships.
//!
//! Takes part: each program named in `EGRET_TEST_LITESTREAM` (separated by colons), or
//! `litestream` if it is on the path; a directory, and the bucket whose URL is in
//! `EGRET_TEST_S3`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

use egret::ltx::{
    Decoder, Encoder, Header, Merge, NO_CHECKSUM, Name, PageEncoding, Txid, lock_page,
};
use egret::shipper::restore::{Options, Restored, Target, restore};
use egret::store::{Location, Put, Replica, SNAPSHOT_LEVEL};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn litestream_restores_every_page_size_and_encoding() {
    for program in programs() {
        for encoding in [PageEncoding::Block, PageEncoding::Frame] {
            if encoding == PageEncoding::Block && !program.reads_blocks() {
                continue;
            }
            for shift in 9..=16 {
                let bench = Bench::in_directory(&program);
                let history = history(1 << shift);
                let snapshot = if shift % 2 == 0 { 0 } else { history.len() / 2 };
                bench.ship(&history, encoding, snapshot).await;
                bench.compare_restores(&history).await;
            }
        }
    }
}

#[tokio::test]
async fn litestream_restores_from_s3() {
    for program in programs().into_iter().filter(Program::reads_blocks) {
        let Some(bench) = Bench::in_bucket(&program, "ours") else { return };
        let history = history(4096);
        bench.ship(&history, PageEncoding::Block, 2).await;
        bench.compare_restores(&history).await;
    }
}

#[tokio::test]
async fn litestream_restores_merged_files() {
    for program in programs().into_iter().filter(Program::reads_blocks) {
        let bench = Bench::in_directory(&program);
        let history = history(1024);
        let files = encode(&history, PageEncoding::Frame);
        let inputs = files.iter().map(|file| Decoder::new(file.as_slice()));
        let merge = Merge::new(inputs.collect::<Result<_, _>>().unwrap()).unwrap();
        let name = merge.header().name();
        let (merged, _) = merge.encode(Vec::new(), PageEncoding::Block).unwrap();
        bench.replica().await.put_ltx(1, name, merged.into(), Put::default()).await.unwrap();
        assert_eq!(bench.theirs(&[]), *history.last().unwrap());
    }
}

/// Needs a gigabyte of disk three times over, and two of memory.
#[tokio::test]
#[ignore = "large"]
async fn the_lock_page_of_a_large_database() {
    for program in programs().into_iter().filter(Program::reads_blocks) {
        let bench = Bench::in_directory(&program);
        let path = bench.path("large.db");
        let connection = rusqlite::Connection::open(&path).unwrap();
        let sql = "PRAGMA page_size = 65536; CREATE TABLE t(id INTEGER PRIMARY KEY, body BLOB);
            WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1080)
            INSERT INTO t SELECT i, zeroblob(1000000) FROM n";
        connection.execute_batch(sql).unwrap();
        drop(connection);
        let history = [fs::read(&path).unwrap()];
        bench.ship(&history, PageEncoding::Block, 0).await;
        let restored = bench.ours(Target::Latest).await;
        assert!(restored.pages > lock_page(restored.page_size));
        assert!(fs::read(bench.path("ours.db")).unwrap() == history[0]);
        assert!(bench.theirs(&[]) == history[0]);
    }
}

#[tokio::test]
async fn egret_restores_what_litestream_ships_to_a_directory() {
    for program in programs() {
        shipped_by_litestream(&Bench::in_directory(&program)).await;
    }
}

#[tokio::test]
async fn egret_restores_what_litestream_ships_to_s3() {
    for program in programs() {
        let Some(bench) = Bench::in_bucket(&program, "theirs") else { return };
        shipped_by_litestream(&bench).await;
    }
}

/// Restores while a process writes and Litestream ships, and once more after both have ended.
async fn shipped_by_litestream(bench: &Bench) {
    let source = bench.path("source.db");
    let mut writer = Command::new("python3").args(["-c", WRITER]).arg(&source).spawn().unwrap();
    while !source.exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut litestream = bench.replicate(&source);
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let restored = bench.ours(Target::Latest).await;
        assert!(restored.pages > 0);
        assert!(rows(&bench.path("ours.db")).len() <= ROWS_MAX);
    }
    assert!(writer.wait().unwrap().success());
    tokio::time::sleep(Duration::from_millis(2500)).await;
    stop(&mut litestream);
    bench.ours(Target::Latest).await;
    assert_eq!(rows(&bench.path("ours.db")), rows(&source));
    assert_eq!(bench.theirs(&[]), fs::read(bench.path("ours.db")).unwrap());
}

const ROWS_MAX: usize = 100_000;

/// Inserts, changes and deletes for five seconds, with a checkpoint now and then.
const WRITER: &str = "
import sqlite3, sys, time, random
random.seed(1)
c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
c.execute('PRAGMA journal_mode=WAL')
c.execute('CREATE TABLE t(id INTEGER PRIMARY KEY, body BLOB)')
end = time.time() + 5
n = 0
while time.time() < end:
    c.execute('BEGIN IMMEDIATE')
    for _ in range(random.randrange(1, 30)):
        c.execute('INSERT INTO t(body) VALUES (?)', (random.randbytes(random.randrange(3000)),))
    c.execute('UPDATE t SET body = randomblob(10) WHERE id % 50 = ?', (n % 50,))
    if n % 20 == 19:
        c.execute('DELETE FROM t WHERE id % 3 = 0')
    c.execute('COMMIT')
    if n % 40 == 39:
        c.execute('PRAGMA wal_checkpoint(PASSIVE)')
    n += 1
    time.sleep(0.01)
";

/// A Litestream to test with.
#[derive(Clone)]
struct Program {
    path: String,
    version: Vec<u32>,
}

impl Program {
    fn find(path: &str) -> Option<Self> {
        let output = Command::new(path).arg("version").output().ok()?;
        let version = String::from_utf8(output.stdout).ok()?;
        let numbers = version.trim().trim_start_matches('v').split('.');
        let version = numbers.map(|number| number.parse().ok()).collect::<Option<_>>()?;
        Some(Self { path: path.to_owned(), version })
    }

    /// It cannot load its S3 client while this variable is set.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.env_remove("AWS_CA_BUNDLE");
        command
    }

    fn reads_blocks(&self) -> bool {
        self.version >= vec![0, 5, 16]
    }
}

fn programs() -> Vec<Program> {
    let named = std::env::var("EGRET_TEST_LITESTREAM").unwrap_or_else(|_| "litestream".into());
    let programs: Vec<_> = named.split(':').filter_map(Program::find).collect();
    if programs.is_empty() {
        println!("skipped: litestream is not installed");
    }
    programs
}

/// A directory to work in, a replica in it or in a bucket, and a Litestream.
struct Bench {
    program: Program,
    directory: tempfile::TempDir,
    url: String,
}

impl Bench {
    fn in_directory(program: &Program) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("file://{}/replica", directory.path().display());
        Self { program: program.clone(), directory, url }
    }

    fn in_bucket(program: &Program, name: &str) -> Option<Self> {
        let Ok(url) = std::env::var("EGRET_TEST_S3") else {
            println!("skipped: EGRET_TEST_S3 is not set");
            return None;
        };
        let (bucket, query) = url.split_once('?').unwrap_or((&url, ""));
        let bucket = bucket.trim_end_matches('/');
        let version = program.version.last().unwrap();
        let prefix = format!("litestream-{name}-{version}-{}", std::process::id());
        let url = format!("{bucket}/{prefix}?{query}");
        Some(Self { program: program.clone(), directory: tempfile::tempdir().unwrap(), url })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn replica(&self) -> Replica {
        Replica::open(&Location::parse(&self.url).unwrap()).await.unwrap()
    }

    /// Stores each state of a database as a transaction, and state `snapshot` as a snapshot too.
    async fn ship(&self, history: &[Vec<u8>], encoding: PageEncoding, snapshot: usize) {
        let replica = self.replica().await;
        for (txid, file) in (1..).map(Txid).zip(encode(history, encoding)) {
            replica.put_ltx(0, Name::single(txid), file.into(), put(txid)).await.unwrap();
        }
        if snapshot > 0 {
            let name = Name { min: Txid(1), max: Txid(snapshot as u64 + 1) };
            let file = encode_step(&[], &history[snapshot], name, encoding);
            let snapshot = replica.put_ltx(SNAPSHOT_LEVEL, name, file.into(), put(name.max));
            snapshot.await.unwrap();
        }
    }

    /// Both programs restore the last state, and one in the middle by its number and its time.
    async fn compare_restores(&self, history: &[Vec<u8>]) {
        assert!(self.theirs(&[]) == *history.last().unwrap(), "{}", self.url);
        assert!(self.theirs(&["-txid", "0000000000000002"]) == history[1], "{}", self.url);
        // In a bucket it looks for the time among the times of upload first.
        if self.url.starts_with("file:") {
            let then = ["-timestamp", "2023-11-14T22:13:22.5Z"];
            assert!(self.theirs(&then) == history[1], "{}", self.url);
        }
        let then = Target::Timestamp(timestamp_ms(Txid(2)) + 500);
        let newest = history.last().unwrap();
        let cases =
            [(Target::Latest, newest), (Target::Txid(Txid(2)), &history[1]), (then, &history[1])];
        for (target, expected) in cases {
            self.ours(target).await;
            assert!(fs::read(self.path("ours.db")).unwrap() == *expected, "{target:?}");
        }
    }

    async fn ours(&self, target: Target) -> Restored {
        let options = Options { target, force: true, ..Options::default() };
        let (replica, output) = (self.replica().await, self.path("ours.db"));
        restore(&replica, &output, &options, Arc::new(|_| ())).await.unwrap()
    }

    fn theirs(&self, options: &[&str]) -> Vec<u8> {
        let output = self.path("theirs.db");
        let _none_yet = fs::remove_file(&output);
        let mut command = self.program.command();
        command.arg("restore").args(options).arg("-o").arg(&output).arg(&self.url);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}: {}", self.url, String::from_utf8_lossy(&done.stderr));
        fs::read(&output).unwrap()
    }

    fn replicate(&self, source: &Path) -> Child {
        let mut command = self.program.command();
        command.arg("replicate").arg(source).arg(&self.url);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }
}

/// Transactions are a second apart.
fn timestamp_ms(txid: Txid) -> i64 {
    1_700_000_000_000 + txid.0 as i64 * 1000
}

fn put(txid: Txid) -> Put {
    Put { timestamp_ms: Some(timestamp_ms(txid)), ..Put::default() }
}

fn stop(child: &mut Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    child.wait().unwrap();
}

fn rows(path: &Path) -> Vec<(i64, Vec<u8>)> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut statement = connection.prepare("SELECT id, body FROM t ORDER BY id").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// The bytes of a database after each of some transactions: it grows, changes and shrinks.
fn history(page_size: usize) -> Vec<Vec<u8>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let connection = rusqlite::Connection::open(file.path()).unwrap();
    connection.pragma_update(None, "page_size", page_size as i64).unwrap();
    let steps = [
        "CREATE TABLE t(id INTEGER PRIMARY KEY, body BLOB)",
        "INSERT INTO t(body) VALUES (randomblob(200000)), (zeroblob(300000)), ('text')",
        "UPDATE t SET body = randomblob(100000) WHERE id = 2",
        "CREATE INDEX i ON t(body)",
        "DELETE FROM t WHERE id = 1",
        "VACUUM",
        "INSERT INTO t(body) VALUES (zeroblob(50000)), (randomblob(5000))",
    ];
    let step = |sql| {
        connection.execute_batch(sql).unwrap();
        fs::read(file.path()).unwrap()
    };
    steps.map(step).to_vec()
}

/// Each state as a file, with the pages that differ from the state before.
fn encode(history: &[Vec<u8>], encoding: PageEncoding) -> Vec<Vec<u8>> {
    let before = std::iter::once([].as_slice()).chain(history.iter().map(Vec::as_slice));
    let step = |(txid, (before, after)): (u64, (&[u8], &Vec<u8>))| {
        encode_step(before, after, Name::single(Txid(txid)), encoding)
    };
    (1..).zip(before.zip(history)).map(step).collect()
}

fn encode_step(before: &[u8], after: &[u8], name: Name, encoding: PageEncoding) -> Vec<u8> {
    let page_size = match u16::from_be_bytes([after[16], after[17]]) {
        1 => 65536,
        size => usize::from(size),
    };
    let header = Header {
        flags: NO_CHECKSUM,
        page_size: page_size as u32,
        commit: (after.len() / page_size) as u32,
        min_txid: name.min,
        max_txid: name.max,
        timestamp_ms: timestamp_ms(name.max),
        ..Header::default()
    };
    let mut encoder = Encoder::new(Vec::new(), header, encoding).unwrap();
    let mut old = before.chunks(page_size);
    for (pgno, page) in (1..).zip(after.chunks(page_size)) {
        if old.next() != Some(page) && pgno != lock_page(page_size as u32) {
            encoder.page(pgno, page).unwrap();
        }
    }
    encoder.finish().unwrap().0
}
