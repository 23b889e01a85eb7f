use super::*;
use crate::ltx::{Encoder, Header, NO_CHECKSUM, Name, PageEncoding, Pgno};
use crate::store::{Body, BoxFuture, Etag, Layout, MemoryStore, Object, Put, Store};
use bytes::Bytes;
use std::fs;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};

/// A replica in memory, and the file it is restored into.
struct Bench {
    store: Arc<MemoryStore>,
    replica: Replica,
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let replica = Replica::new(Arc::clone(&store) as Arc<dyn Store>, "");
        Self { store, replica, directory: tempfile::tempdir().unwrap() }
    }

    fn output(&self) -> PathBuf {
        self.directory.path().join("out.db")
    }

    /// Stores a file of the given pages, taken `max` seconds after 1970.
    async fn ship(&self, level: u8, txids: (u64, u64), commit: u32, pages: &[(Pgno, &[u8])]) {
        self.ship_at(txids.1 as i64 * 1000, level, txids, commit, pages).await;
    }

    async fn ship_at(
        &self,
        timestamp_ms: i64,
        level: u8,
        txids: (u64, u64),
        commit: u32,
        pages: &[(Pgno, &[u8])],
    ) {
        let (min, max) = txids;
        let header = Header {
            flags: NO_CHECKSUM,
            page_size: 512,
            commit,
            min_txid: Txid(min),
            max_txid: Txid(max),
            timestamp_ms,
            ..Header::default()
        };
        let mut encoder = Encoder::new(Vec::new(), header, PageEncoding::Block).unwrap();
        for (pgno, page) in pages {
            encoder.page(*pgno, page).unwrap();
        }
        let (bytes, _) = encoder.finish().unwrap();
        let name = Name { min: Txid(min), max: Txid(max) };
        self.replica.put_ltx(level, name, bytes.into(), Put::default()).await.unwrap();
    }

    async fn restore(&self, target: Target, integrity: Integrity) -> Result<Restored, Error> {
        let options = Options { target, integrity, force: true, ..Options::default() };
        restore(&self.replica, &self.output(), &options, Arc::new(|_| ())).await
    }

    /// Nothing but the given names is left in the output's directory.
    fn left(&self, expected: &[&str]) {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let mut found: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        found.sort();
        assert_eq!(found, expected);
    }
}

async fn planned(replica: &Replica, target: Target) -> Result<Vec<LtxFile>, Error> {
    Plans::new(replica, target).next().await
}

fn pages(fills: &[[u8; 512]]) -> Vec<(Pgno, &[u8])> {
    (1..).zip(fills.iter().map(<[u8; 512]>::as_slice)).collect()
}

const A: [u8; 512] = [b'a'; 512];
const B: [u8; 512] = [b'b'; 512];
const C: [u8; 512] = [b'c'; 512];

#[tokio::test]
async fn each_moment() {
    let bench = Bench::new();
    bench.ship(0, (1, 1), 2, &pages(&[A, A])).await;
    bench.ship(0, (2, 2), 3, &[(1, &B), (3, &B)]).await;
    bench.ship(0, (3, 3), 1, &[(1, &C)]).await;
    let cases: [(Target, &[[u8; 512]]); 6] = [
        (Target::Latest, &[C]),
        (Target::Txid(Txid(1)), &[A, A]),
        (Target::Txid(Txid(2)), &[B, A, B]),
        (Target::Timestamp(1999), &[A, A]),
        (Target::Timestamp(2000), &[B, A, B]),
        (Target::Timestamp(9999), &[C]),
    ];
    for (target, expected) in cases {
        bench.restore(target, Integrity::None).await.unwrap();
        assert_eq!(fs::read(bench.output()).unwrap(), expected.concat(), "{target:?}");
    }
    let early = bench.restore(Target::Timestamp(999), Integrity::None).await;
    assert!(matches!(early, Err(Error::NothingThen)));
    let never = bench.restore(Target::Txid(Txid(4)), Integrity::None).await;
    assert!(matches!(never, Err(Error::Plan(plan::Error::NotAvailable { .. }))));
}

#[tokio::test]
async fn a_time_is_searched_for() {
    let bench = Bench::new();
    for txid in 1..=1000 {
        bench.ship(0, (txid, txid), 1, &pages(&[A])).await;
    }
    for max in (10..=990).step_by(10) {
        bench.ship(1, (max - 9, max), 1, &pages(&[A])).await;
    }
    for (time_ms, txid) in
        [(1000, 1), (437_999, 437), (438_000, 438), (990_000, 990), (i64::MAX, 1000)]
    {
        let before = bench.replica.meter().usage().gets;
        let planned = planned(&bench.replica, Target::Timestamp(time_ms)).await.unwrap();
        assert_eq!(planned.last().unwrap().name.max, Txid(txid), "{time_ms}");
        let gets = bench.replica.meter().usage().gets - before;
        assert!(gets <= 20, "{gets} requests");
    }
    let early = planned(&bench.replica, Target::Timestamp(999)).await;
    assert!(matches!(early, Err(Error::NothingThen)));
}

/// Half of the files were taken with a clock that was set back: then there are two answers.
#[tokio::test]
async fn what_follows_a_time_is_later_though_a_clock_was_set_back() {
    let bench = Bench::new();
    let second = |txid: u64| if txid <= 50 { txid } else { txid - 30 };
    for txid in 1..=100 {
        bench.ship_at(second(txid) as i64 * 1000, 0, (txid, txid), 1, &pages(&[A])).await;
    }
    for asked in 1..=70 {
        let target = Target::Timestamp(asked as i64 * 1000 + 500);
        let planned = planned(&bench.replica, target).await.unwrap();
        let found = planned.last().unwrap().name.max.0;
        assert!(second(found) == asked && planned.len() as u64 == found, "{asked}: {found}");
    }
}

#[tokio::test]
async fn more_files_than_are_merged_at_once() {
    let bench = Bench::new();
    bench.ship(0, (1, 1), 2, &pages(&[A, A])).await;
    for txid in 2..=600 {
        let page = [txid as u8; 512];
        bench.ship(0, (txid, txid), 2, &[(1 + txid as u32 % 2, &page)]).await;
    }
    let restored = bench.restore(Target::Latest, Integrity::None).await.unwrap();
    assert_eq!((restored.txid, restored.files, restored.pages), (Txid(600), 600, 2));
    let expected = [[600_u64 as u8; 512], [599_u64 as u8; 512]].concat();
    assert_eq!(fs::read(bench.output()).unwrap(), expected);
    bench.left(&["out.db"]);
}

#[tokio::test]
async fn what_is_in_the_way_is_refused() {
    let bench = Bench::new();
    bench.ship(9, (1, 1), 1, &pages(&[A])).await;
    let (output, progress) = (bench.output(), Arc::new(|_| ()));
    fs::write(&output, "precious").unwrap();
    let refused = restore(&bench.replica, &output, &Options::default(), progress).await;
    assert!(matches!(refused, Err(Error::Exists { .. })), "{refused:?}");
    for suffix in ["-wal", "-shm", "-journal"] {
        let journal = with_suffix(&output, suffix);
        fs::write(&journal, "").unwrap();
        let refused = bench.restore(Target::Latest, Integrity::None).await;
        assert!(matches!(refused, Err(Error::Unsettled { .. })), "{refused:?}");
        fs::remove_file(&output).unwrap();
        let refused = bench.restore(Target::Latest, Integrity::None).await;
        assert!(matches!(refused, Err(Error::Leftover { .. })), "{refused:?}");
        fs::remove_file(&journal).unwrap();
        fs::write(&output, "precious").unwrap();
    }
    bench.restore(Target::Latest, Integrity::None).await.unwrap();
    assert_eq!(fs::read(&output).unwrap(), A);
}

#[tokio::test]
async fn damage_leaves_the_output_as_it_was() {
    let bench = Bench::new();
    fs::write(bench.output(), "precious").unwrap();
    let empty = bench.restore(Target::Latest, Integrity::Full).await;
    assert!(matches!(empty, Err(Error::Plan(plan::Error::Empty))));

    bench.ship(9, (1, 1), 1, &pages(&[A])).await;
    let no_database = bench.restore(Target::Latest, Integrity::Full).await;
    assert!(matches!(no_database, Err(Error::Unreadable(_))), "{no_database:?}");

    bench.ship(0, (2, 2), 3, &[(3, &B)]).await;
    let page_missing = bench.restore(Target::Latest, Integrity::None).await;
    assert!(matches!(page_missing, Err(Error::Ltx(ltx::Error::PageMissing { pgno: 2 }))));

    damage(&bench, 9, Name::single(Txid(1))).await;
    let flipped = bench.restore(Target::Latest, Integrity::None).await;
    assert!(matches!(&flipped, Err(Error::Ltx(error)) if error.is_corruption()), "{flipped:?}");
    assert_eq!(fs::read(bench.output()).unwrap(), b"precious");
    bench.left(&["out.db"]);
}

/// Stores what one file holds under the name of another.
async fn misname(bench: &Bench, level: u8, from: Name, to: Name) {
    let bytes = bench.replica.get_ltx(level, from).await.unwrap();
    bench.replica.put_ltx(level, to, bytes.to_vec().into(), Put::default()).await.unwrap();
}

/// The newest moment is not restored, for this reason.
async fn refused(bench: &Bench, why: &str) {
    let refused = bench.restore(Target::Latest, Integrity::None).await.unwrap_err();
    assert!(refused.is_corruption() && refused.lasts(), "{refused:?}");
    assert!(refused.to_string().starts_with(why), "{refused}");
    bench.left(&[]);
}

#[tokio::test]
async fn a_name_is_not_trusted() {
    let bench = Bench::new();
    bench.ship(9, (1, 2), 1, &pages(&[A])).await;
    bench.ship(0, (3, 3), 1, &[(1, &B)]).await;
    misname(&bench, 0, Name::single(Txid(3)), Name::single(Txid(4))).await;
    bench.ship(0, (5, 5), 1, &[(1, &C)]).await;
    refused(&bench, "ltx/0/0000000000000004-0000000000000004.ltx: ltx file is 0000000000000003-")
        .await;
    let (whole, wrong) =
        (Name { min: Txid(1), max: Txid(2) }, Name { min: Txid(1), max: Txid(255) });
    misname(&bench, 9, whole, wrong).await;
    refused(&bench, "ltx/9/0000000000000001-00000000000000ff.ltx: ltx file is 0000000000000001-")
        .await;
    let refused = preview(&bench.replica, Target::Latest).await.unwrap_err();
    assert!(refused.to_string().contains("ltx file is 0000000000000001-"), "{refused}");
    bench.restore(Target::Txid(Txid(3)), Integrity::None).await.unwrap();
}

/// Turns a bit of a stored file.
async fn damage(bench: &Bench, level: u8, name: Name) {
    let mut bytes = bench.replica.get_ltx(level, name).await.unwrap().to_vec();
    bytes[120] ^= 1;
    bench.replica.put_ltx(level, name, bytes.into(), Put::default()).await.unwrap();
}

#[tokio::test]
async fn other_files_make_up_for_a_damaged_one() {
    let bench = Bench::new();
    bench.ship(9, (1, 1), 1, &pages(&[A])).await;
    bench.ship(0, (2, 2), 1, &[(1, &B)]).await;
    bench.ship(0, (3, 3), 1, &[(1, &C)]).await;
    bench.ship(1, (2, 3), 1, &[(1, &C)]).await;
    bench.ship(9, (1, 3), 1, &pages(&[C])).await;
    for (level, min) in [(9, 1), (1, 2)] {
        damage(&bench, level, Name { min: Txid(min), max: Txid(3) }).await;
        for target in [Target::Latest, Target::Txid(Txid(3)), Target::Timestamp(3000)] {
            let restored = bench.restore(target, Integrity::None).await.unwrap();
            assert_eq!(restored.txid, Txid(3), "{target:?}");
            assert_eq!(fs::read(bench.output()).unwrap(), C);
            bench.left(&["out.db"]);
        }
    }
    // A proof says what a restore gets past.
    let strict = Options { force: true, around_damage: false, ..Options::default() };
    let refused = restore(&bench.replica, &bench.output(), &strict, Arc::new(|_| ())).await;
    let said = refused.unwrap_err().to_string();
    assert!(said.starts_with("ltx/9/0000000000000001-0000000000000003.ltx: "), "{said}");
    // What nothing makes up for is no other moment instead.
    damage(&bench, 0, Name::single(Txid(3))).await;
    let refused = bench.restore(Target::Latest, Integrity::None).await.unwrap_err();
    assert!(refused.to_string().starts_with("ltx/9/0000000000000001-"), "{refused}");
    assert_eq!(fs::read(bench.output()).unwrap(), C);
}

#[tokio::test]
async fn a_preview_gets_past_a_damaged_header() {
    let bench = Bench::new();
    bench.ship(9, (1, 1), 1, &pages(&[A])).await;
    bench.ship(0, (2, 2), 1, &[(1, &B)]).await;
    let junk = Name { min: Txid(1), max: Txid(2) };
    bench.replica.put_ltx(9, junk, Vec::new().into(), Put::default()).await.unwrap();
    let found = preview(&bench.replica, Target::Latest).await.unwrap();
    assert_eq!((found.txid, found.files.len()), (Txid(2), 2));
}

#[tokio::test]
async fn a_file_that_vanishes_is_planned_around() {
    let bench = Bench::new();
    bench.ship(9, (1, 2), 1, &pages(&[A])).await;
    bench.ship(0, (3, 3), 1, &[(1, &B)]).await;
    let vanishing = bench.replica.ltx_key(0, Name::single(Txid(3)));
    let store = Arc::clone(&bench.store);
    let progress = move |progress| {
        if matches!(progress, Progress::Planned { .. }) {
            let mut deleted = store.delete(&vanishing);
            assert!(deleted.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        }
    };
    let options = Options { integrity: Integrity::None, ..Options::default() };
    let output = bench.output();
    let restored = restore(&bench.replica, &output, &options, Arc::new(progress)).await.unwrap();
    assert_eq!(restored.txid, Txid(2));
}

#[tokio::test]
async fn progress_counts_to_the_end() {
    let bench = Bench::new();
    let fills = [A; 600];
    bench.ship(9, (1, 1), 600, &pages(&fills)).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let options = Options { integrity: Integrity::None, ..Options::default() };
    let progress: ProgressFn = Arc::new(move |progress| sink.lock().unwrap().push(progress));
    restore(&bench.replica, &bench.output(), &options, progress).await.unwrap();
    let seen = seen.lock().unwrap();
    assert!(matches!(seen[0], Progress::Planned { files: 1, .. }));
    let pages = [256, 512, 600].map(|done| Progress::Bytes { done: done * 512, total: 600 * 512 });
    assert_eq!(seen[1..], [pages.as_slice(), &[Progress::Checking]].concat());
}

/// A store that answers so many reads, and counts their bytes.
#[derive(Debug)]
struct Failing {
    store: Arc<MemoryStore>,
    reads_left: AtomicU64,
    bytes: AtomicU64,
}

impl Store for Failing {
    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Bytes> {
        let fails = self
            .reads_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if fails.is_err() {
            let (key, source) = (key.to_owned(), "gone".into());
            return Box::pin(async { Err(store::Error::Unavailable { key, source }) });
        }
        self.bytes.fetch_add(range.end - range.start, Ordering::SeqCst);
        self.store.get_range(key, range)
    }

    fn put<'a>(&'a self, key: &'a str, body: Body, put: Put) -> BoxFuture<'a, Etag> {
        self.store.put(key, body, put)
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, (Object, Bytes)> {
        self.store.get(key)
    }

    fn head<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Object> {
        self.store.head(key)
    }

    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Vec<Object>> {
        self.store.list(prefix, after)
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        self.store.delete(key)
    }

    fn layout(&self) -> Layout {
        self.store.layout()
    }
}

/// A replica of a database that is read in several pieces, and what restores it through a store that
/// answers `reads` times: the result and the bytes that were fetched.
async fn restore_with(bench: &Bench, reads: u64) -> (Result<Restored, Error>, u64) {
    let (store, bytes) = (Arc::clone(&bench.store), AtomicU64::new(0));
    let store = Arc::new(Failing { store, reads_left: AtomicU64::new(reads), bytes });
    let replica = bench.replica.through(Arc::clone(&store) as Arc<dyn Store>);
    let options =
        Options { integrity: Integrity::None, resumable_bytes: 1 << 20, ..Options::default() };
    let restored = restore(&replica, &bench.output(), &options, Arc::new(|_| ())).await;
    (restored, store.bytes.load(Ordering::SeqCst))
}

/// Stores a database of 9 MB that does not compress, and returns it.
async fn ship_noise(bench: &Bench) -> Vec<u8> {
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    let content: Vec<u8> = std::iter::repeat_with(&mut noise).take(18_000 * 512).collect();
    let pages: Vec<_> = (1..).zip(content.chunks(512)).collect();
    bench.ship(9, (1, 5), 18_000, &pages).await;
    bench.ship(0, (6, 6), 18_000, &[(1, &A)]).await;
    let mut content = content;
    content[..512].copy_from_slice(&A);
    content
}

#[tokio::test]
async fn an_interrupted_restore_goes_on() {
    let bench = Bench::new();
    let content = ship_noise(&bench).await;
    let (failed, _) = restore_with(&bench, 3).await;
    assert!(matches!(&failed, Err(Error::Store(_))), "{failed:?}");
    bench.left(&["out.db.restore"]);
    let kept = fs::read_dir(scratch_directory(&bench.output()).join("pieces")).unwrap();
    assert_eq!(kept.count(), 1, "the small file costs more to keep than to fetch");
    let (restored, second) = restore_with(&bench, u64::MAX).await;
    let restored = restored.unwrap();
    assert_eq!(fs::read(bench.output()).unwrap(), content);
    // A piece that was on its way when another failed may come again.
    assert!(second < restored.bytes, "everything was fetched again");
    bench.left(&["out.db"]);
}

#[tokio::test]
async fn damaged_pieces_are_fetched_again() {
    let bench = Bench::new();
    let content = ship_noise(&bench).await;
    restore_with(&bench, 3).await.0.unwrap_err();
    let pieces = scratch_directory(&bench.output()).join("pieces");
    let objects = fs::read_dir(&pieces).unwrap().map(|entry| entry.unwrap().path());
    for path in objects.flat_map(|object| fs::read_dir(object).unwrap()) {
        let path = path.unwrap().path();
        let mut piece = fs::read(&path).unwrap();
        // One that was on its way when another failed may be torn already.
        if let Some(byte) = piece.last_mut() {
            *byte ^= 1;
            fs::write(&path, piece).unwrap();
        }
    }
    restore_with(&bench, u64::MAX).await.0.unwrap();
    assert_eq!(fs::read(bench.output()).unwrap(), content);
    bench.left(&["out.db"]);
}

/// A store whose objects are said to be longer than any disk.
#[derive(Debug)]
struct Vast(Arc<MemoryStore>);

impl Store for Vast {
    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Vec<Object>> {
        Box::pin(async move {
            let mut objects = self.0.list(prefix, after).await?;
            objects.iter_mut().for_each(|object| object.size = 1 << 60);
            Ok(objects)
        })
    }

    fn length<'a>(&'a self, key: &'a str, _listed: u64) -> BoxFuture<'a, u64> {
        Box::pin(async move { Ok(self.0.head(key).await?.size) })
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Bytes> {
        self.0.get_range(key, range)
    }

    fn put<'a>(&'a self, key: &'a str, body: Body, put: Put) -> BoxFuture<'a, Etag> {
        self.0.put(key, body, put)
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, (Object, Bytes)> {
        self.0.get(key)
    }

    fn head<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Object> {
        self.0.head(key)
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        self.0.delete(key)
    }

    fn layout(&self) -> Layout {
        self.0.layout()
    }
}

#[tokio::test]
async fn pieces_that_find_no_room_are_not_kept() {
    let bench = Bench::new();
    let content = ship_noise(&bench).await;
    let replica = bench.replica.through(Arc::new(Vast(Arc::clone(&bench.store))));
    let pieces = scratch_directory(&bench.output()).join("pieces");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let progress: ProgressFn = Arc::new(move |progress| {
        if progress == Progress::Checking {
            sink.lock().unwrap().push(pieces.exists());
        }
    });
    let options = Options { integrity: Integrity::None, ..Options::default() };
    restore(&replica, &bench.output(), &options, progress).await.unwrap();
    assert_eq!(fs::read(bench.output()).unwrap(), content);
    assert_eq!(*seen.lock().unwrap(), [false]);
    bench.left(&["out.db"]);
}

#[tokio::test]
async fn one_restore_at_a_time() {
    let bench = Bench::new();
    bench.ship(9, (1, 1), 1, &pages(&[A])).await;
    let held = scratch::Scratch::open(&bench.output()).unwrap();
    let refused = bench.restore(Target::Latest, Integrity::None).await;
    assert!(matches!(refused, Err(Error::Taken { .. })), "{refused:?}");
    drop(held);
    bench.restore(Target::Latest, Integrity::None).await.unwrap();
    bench.left(&["out.db"]);
}

#[tokio::test]
async fn a_preview_tells_what_a_restore_does() {
    let bench = Bench::new();
    bench.ship(9, (1, 2), 2, &pages(&[A, A])).await;
    bench.ship(0, (3, 3), 3, &[(3, &B)]).await;
    let preview = preview(&bench.replica, Target::Timestamp(4500)).await.unwrap();
    let restored = bench.restore(Target::Timestamp(4500), Integrity::None).await.unwrap();
    assert_eq!((preview.txid, preview.timestamp_ms), (restored.txid, restored.timestamp_ms));
    assert_eq!((preview.bytes(), preview.database_bytes()), (restored.bytes, 3 * 512));
    assert_eq!(preview.timestamp_ms, 3000);
}
