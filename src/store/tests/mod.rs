//! One suite for every store. S3 takes part when `EGRET_TEST_S3` holds the URL of a bucket.

mod age;
mod faults;
mod requests;
mod server;

use super::*;
use crate::ltx::{Name, Txid};
use std::io::{Read, Write};
use tokio::sync::Semaphore;

#[tokio::test]
async fn memory() {
    conformance(Arc::new(MemoryStore::new()), "").await;
}

#[tokio::test]
async fn file() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("not/yet/there");
    conformance(Arc::new(FileStore::new(&root)), "").await;
}

#[tokio::test]
async fn s3() {
    let Ok(url) = std::env::var("EGRET_TEST_S3") else {
        skipped("EGRET_TEST_S3 is not set");
        return;
    };
    let location = Location::parse(&url).unwrap();
    let unique = format!("conformance-{}/", std::process::id());
    let store = open(&location, Patience::LONG).await.unwrap();
    conformance(Arc::clone(&store), &unique).await;
    large_objects(store.as_ref(), &unique).await;
}

/// Says that a test was left out.
fn skipped(why: &str) {
    println!("skipped: {why}");
}

async fn conformance(store: Arc<dyn Store>, prefix: &str) {
    objects(store.as_ref(), prefix).await;
    conditions(store.as_ref(), prefix).await;
    one_of_many_wins(&store, prefix).await;
    listing(store.as_ref(), prefix).await;
    bodies_from_files(store.as_ref(), prefix).await;
    streamed_bodies(store.as_ref(), prefix).await;
    reading_ahead(&store, prefix).await;
    ltx_files(&store, prefix).await;
}

fn bytes(text: &str) -> Body {
    Body::Bytes(Bytes::copy_from_slice(text.as_bytes()))
}

fn put(mode: PutMode) -> Put {
    Put { mode, timestamp_ms: None }
}

async fn objects(store: &dyn Store, prefix: &str) {
    let key = &format!("{prefix}a/b c+é");
    assert!(matches!(store.get(key).await, Err(Error::NotFound { .. })));
    assert!(matches!(store.head(key).await, Err(Error::NotFound { .. })));
    assert!(matches!(store.get_range(key, 0..1).await, Err(Error::NotFound { .. })));
    store.delete(key).await.unwrap();

    let timestamp_ms = Some(1_700_000_000_123);
    store.put(key, bytes("hello"), Put { timestamp_ms, ..Put::default() }).await.unwrap();
    let (object, found) = store.get(key).await.unwrap();
    assert_eq!(&*found, b"hello");
    assert_eq!(store.length(key, object.size).await.unwrap(), 5);
    assert_eq!(store.head(key).await.unwrap(), object);
    assert_eq!((object.timestamp_ms, object.key), (timestamp_ms, key.clone()));

    assert_eq!(&*store.get_range(key, 1..4).await.unwrap(), b"ell");
    assert_eq!(&*store.get_range(key, 2..2).await.unwrap(), b"");
    assert!(matches!(store.get_range(key, 3..6).await, Err(Error::Range { .. })));
    assert!(matches!(store.get_range(key, 7..9).await, Err(Error::Range { .. })));

    store.put(key, bytes(""), Put::default()).await.unwrap();
    assert_eq!(&*store.get(key).await.unwrap().1, b"");
    store.delete(key).await.unwrap();
    assert!(matches!(store.get(key).await, Err(Error::NotFound { .. })));
}

async fn conditions(store: &dyn Store, prefix: &str) {
    let key = &format!("{prefix}lease");
    let first = store.put(key, bytes("1"), put(PutMode::IfAbsent)).await.unwrap();
    let again = store.put(key, bytes("2"), put(PutMode::IfAbsent)).await;
    assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{again:?}");
    assert_eq!(store.head(key).await.unwrap().etag.as_ref(), Some(&first));

    let second = store.put(key, bytes("2"), put(PutMode::IfMatch(first.clone()))).await.unwrap();
    assert_ne!(first, second);
    let stale = store.put(key, bytes("3"), put(PutMode::IfMatch(first))).await;
    assert!(matches!(stale, Err(Error::Precondition { .. })), "{stale:?}");
    assert_eq!(&*store.get(key).await.unwrap().1, b"2");

    store.delete(key).await.unwrap();
    let gone = store.put(key, bytes("4"), put(PutMode::IfMatch(second))).await;
    assert!(matches!(gone, Err(Error::Precondition { .. } | Error::NotFound { .. })), "{gone:?}");
}

async fn one_of_many_wins(store: &Arc<dyn Store>, prefix: &str) {
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let (store, key) = (Arc::clone(store), format!("{prefix}raced"));
        tasks.spawn(async move {
            store.put(&key, bytes(&writer.to_string()), put(PutMode::IfAbsent)).await.is_ok()
        });
    }
    let winners = tasks.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(winners, 1);
}

async fn listing(store: &dyn Store, prefix: &str) {
    let names = ["l/1/a", "l/1/b", "l/1/c", "l/10/a", "l/2"];
    for name in names {
        store.put(&format!("{prefix}{name}"), bytes(name), Put::default()).await.unwrap();
    }
    let list = |below: &str, after: Option<&str>| {
        let (below, after) =
            (format!("{prefix}{below}"), after.map(|key| format!("{prefix}{key}")));
        async move {
            let objects = store.list(&below, after.as_deref()).await.unwrap();
            let key = |object: Object| object.key.strip_prefix(prefix).unwrap().to_owned();
            objects.into_iter().map(key).collect::<Vec<_>>()
        }
    };
    assert_eq!(list("l/", None).await, names);
    assert_eq!(list("l/1/", None).await, names[..3]);
    assert_eq!(list("l/1", None).await, names[..4]);
    assert_eq!(list("l/1/", Some("l/1/a")).await, names[1..3]);
    assert_eq!(list("l/1/", Some("l/1/aa")).await, names[1..3]);
    assert_eq!(list("l/1/", Some("l/1/c")).await, [""; 0]);
    assert_eq!(list("nothing/", None).await, [""; 0]);
}

async fn bodies_from_files(store: &dyn Store, prefix: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("body");
    std::fs::write(&path, "from a file").unwrap();
    let key = &format!("{prefix}file");
    store.put(key, Body::File(path.clone()), Put::default()).await.unwrap();
    assert_eq!(&*store.get(key).await.unwrap().1, b"from a file");
    std::fs::remove_file(&path).unwrap();
    let missing = store.put(key, Body::File(path), Put::default()).await;
    assert!(matches!(missing, Err(Error::Io { .. })));
}

/// Writes a body on a thread of its own, to its end or not.
fn written(content: Vec<u8>, to_its_end: bool) -> Body {
    let (mut writer, body) = Body::stream(content.len() as u64);
    std::thread::spawn(move || {
        writer.write_all(&content)?;
        if to_its_end { writer.finish() } else { Ok(0) }
    });
    body
}

async fn streamed_bodies(store: &dyn Store, prefix: &str) {
    let key = &format!("{prefix}streamed");
    for len in [0, 1, 3_000_000] {
        let content: Vec<u8> = (0..len).map(|n| (n * 7 / 3) as u8).collect();
        let timestamp_ms = Some(1_700_000_000_123);
        let put = Put { timestamp_ms, ..Put::default() };
        store.put(key, written(content.clone(), true), put).await.unwrap();
        let (object, found) = store.get(key).await.unwrap();
        assert!(found == content && object.timestamp_ms == timestamp_ms, "{len}");
    }
    let again = store.put(key, written(vec![1; 9], true), put(PutMode::IfAbsent)).await;
    assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{again:?}");

    let abandoned = &format!("{prefix}abandoned");
    let put = store.put(abandoned, written(vec![1; 3_000_000], false), Put::default()).await;
    assert!(matches!(put, Err(Error::Unfinished)), "{put:?}");
    assert!(matches!(store.get(abandoned).await, Err(Error::NotFound { .. })));
}

fn reader_options(piece_len: u64) -> ReaderOptions {
    ReaderOptions { piece_len, pieces_ahead: 3, requests: Arc::new(Semaphore::new(2)) }
}

async fn reading_ahead(store: &Arc<dyn Store>, prefix: &str) {
    let content: Vec<u8> = (0..10_000_u32).flat_map(u32::to_be_bytes).collect();
    let key = format!("{prefix}long");
    store.put(&key, content.clone().into(), Put::default()).await.unwrap();
    for piece_len in [700, 40_000, 100_000] {
        let options = reader_options(piece_len);
        let size = store.head(&key).await.unwrap().size;
        let mut reader = Reader::new(Arc::clone(store), key.clone(), size, options);
        let read = move || {
            let mut found = Vec::new();
            reader.read_to_end(&mut found).map(|_| found)
        };
        assert_eq!(tokio::task::spawn_blocking(read).await.unwrap().unwrap(), content);
    }
}

async fn ltx_files(store: &Arc<dyn Store>, prefix: &str) {
    let replica = Replica::new(Arc::clone(store), &format!("{prefix}db"));
    let names = [1, 2, 300].map(|txid| Name::single(Txid(txid)));
    for name in names {
        let body = Body::from(name.to_string().into_bytes());
        replica.put_ltx(0, name, body, put(PutMode::IfAbsent)).await.unwrap();
    }
    let stray = replica.ltx_key(0, names[0]) + ".tmp";
    store.put(&stray, bytes("x"), Put::default()).await.unwrap();
    let listed = |files: Vec<LtxFile>| files.iter().map(|file| file.name).collect::<Vec<_>>();
    assert_eq!(listed(replica.list_ltx(0).await.unwrap()), names);
    assert_eq!(listed(replica.list_ltx(1).await.unwrap()), []);
    assert_eq!(listed(replica.list_ltx_from(0, Txid(2)).await.unwrap()), names[1..]);
    replica.delete_ltx(0, names[1]).await.unwrap();
    assert_eq!(listed(replica.list_ltx(0).await.unwrap()), [names[0], names[2]]);
    assert_eq!(*replica.get_ltx(0, names[2]).await.unwrap(), *names[2].to_string().as_bytes());
}

/// More than one part, and a condition on the whole.
async fn large_objects(store: &dyn Store, prefix: &str) {
    let key = &format!("{prefix}large");
    let content: Vec<u8> = (0..5_000_000_u32).flat_map(u32::to_be_bytes).collect();
    let large = || Body::from(content.clone());
    store.put(key, large(), put(PutMode::IfAbsent)).await.unwrap();
    assert_eq!(*store.get(key).await.unwrap().1, *content);
    let again = store.put(key, large(), put(PutMode::IfAbsent)).await;
    assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{again:?}");

    let (streamed, abandoned) = (format!("{prefix}large-streamed"), format!("{prefix}large-part"));
    let content = vec![7; 32 << 20];
    store.put(&streamed, written(content.clone(), true), put(PutMode::IfAbsent)).await.unwrap();
    assert!(*store.get(&streamed).await.unwrap().1 == *content);
    let put = store.put(&abandoned, written(content, false), Put::default()).await;
    assert!(matches!(put, Err(Error::Unfinished)), "{put:?}");
    assert!(matches!(store.get(&abandoned).await, Err(Error::NotFound { .. })));
}

#[test]
fn keys_of_each_layout() {
    let name = Name { min: Txid(1), max: Txid(10) };
    let file = Replica::new(Arc::new(MemoryStore::new()), "");
    assert_eq!(file.ltx_key(9, name), "ltx/9/0000000000000001-000000000000000a.ltx");
    let below = Replica::new(Arc::new(MemoryStore::new()), "a/b");
    assert_eq!(below.ltx_key(0, name), "a/b/ltx/0/0000000000000001-000000000000000a.ltx");
}

#[tokio::test]
async fn keys_stay_below_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let store = FileStore::new(directory.path());
    for key in ["../x", "/etc/x", "a/../../x", ""] {
        let result = store.put(key, bytes("x"), Put::default()).await;
        assert!(matches!(result, Err(Error::Key { .. })), "{key:?} {result:?}");
    }
}
