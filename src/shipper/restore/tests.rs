use super::*;
use crate::ltx::{Encoder, Header, NO_CHECKSUM, Name, PageEncoding, Pgno};
use crate::store::{MemoryStore, Put, Store};
use std::fs;
use std::sync::Mutex;
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
        let (min, max) = txids;
        let header = Header {
            flags: NO_CHECKSUM,
            page_size: 512,
            commit,
            min_txid: Txid(min),
            max_txid: Txid(max),
            timestamp_ms: max as i64 * 1000,
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
        let options = Options { target, integrity, force: true };
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
        assert!(matches!(refused, Err(Error::InUse { .. })), "{refused:?}");
        fs::remove_file(&journal).unwrap();
    }
    assert_eq!(fs::read(&output).unwrap(), b"precious");
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

    let name = Name::single(Txid(1));
    let mut bytes = bench.replica.get_ltx(9, name).await.unwrap().to_vec();
    bytes[120] ^= 1;
    bench.replica.put_ltx(9, name, bytes.into(), Put::default()).await.unwrap();
    let flipped = bench.restore(Target::Latest, Integrity::None).await;
    assert!(matches!(&flipped, Err(Error::Ltx(error)) if error.is_corruption()), "{flipped:?}");
    assert_eq!(fs::read(bench.output()).unwrap(), b"precious");
    bench.left(&["out.db"]);
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
    let pages = [256, 512, 600].map(|done| Progress::Pages { done, total: 600 });
    assert_eq!(seen[1..], [pages.as_slice(), &[Progress::Checking]].concat());
}
