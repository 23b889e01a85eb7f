//! The suite of every store where objects are encrypted, and the program `age` where it is installed.

use super::*;
use crate::store::age::{Sealed, pair};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use tempfile::TempDir;

/// Somebody who writes and reads, with an identity file.
struct Person {
    recipient: String,
    identity: std::path::PathBuf,
    _directory: TempDir,
}

impl Person {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (recipient, secret) = pair();
        let identity = directory.path().join("key.txt");
        fs::write(&identity, format!("# public key: {recipient}\n{secret}\n")).unwrap();
        Self { recipient, identity, _directory: directory }
    }

    fn keys(&self, writes: bool, reads: bool) -> Keys {
        let recipients = if writes { vec![self.recipient.clone()] } else { Vec::new() };
        let identity = reads.then(|| self.identity.clone());
        Keys::open(&AgeKeys { recipients, identity }).unwrap()
    }

    fn store(&self, inner: &Arc<dyn Store>, writes: bool, reads: bool) -> Sealed {
        Sealed::new(Arc::clone(inner), Arc::new(self.keys(writes, reads)))
    }
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

/// Bytes that do not repeat.
fn content(len: usize) -> Vec<u8> {
    (0..len as u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).take(len).collect()
}

async fn store_bytes(store: &dyn Store, key: &str, bytes: &[u8]) {
    store.put(key, Body::from(bytes.to_vec()), Put::default()).await.unwrap();
}

#[tokio::test]
async fn in_memory() {
    let ann = Person::new();
    conformance(Arc::new(ann.store(&memory(), true, true)), "").await;
}

#[tokio::test]
async fn in_a_directory() {
    let (ann, directory) = (Person::new(), tempfile::tempdir().unwrap());
    let inner: Arc<dyn Store> = Arc::new(FileStore::new(directory.path()));
    conformance(Arc::new(ann.store(&inner, true, true)), "").await;
}

#[tokio::test]
async fn in_s3() {
    let Ok(url) = std::env::var("EGRET_TEST_S3") else {
        skipped("EGRET_TEST_S3 is not set");
        return;
    };
    let inner = open(&Location::parse(&url).unwrap(), Patience::LONG).await.unwrap();
    let store: Arc<dyn Store> = Arc::new(Person::new().store(&inner, true, true));
    let unique = format!("sealed-{}/", std::process::id());
    conformance(Arc::clone(&store), &unique).await;
    large_objects(store.as_ref(), &unique).await;
}

/// Every range around the ends of chunks, of objects that end around those.
#[tokio::test]
async fn ranges() {
    const CHUNK: usize = 64 << 10;
    let (ann, inner) = (Person::new(), memory());
    let store = ann.store(&inner, true, true);
    for len in [1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7] {
        let bytes = content(len);
        store_bytes(&store, "x", &bytes).await;
        let size = store.head("x").await.unwrap().size;
        assert_eq!(store.length("x", size).await.unwrap(), len as u64);
        let ends = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK, len - 1, len];
        for start in ends.into_iter().filter(|end| *end <= len) {
            for end in ends.into_iter().filter(|end| (start..=len).contains(end)) {
                let found = store.get_range("x", start as u64..end as u64).await.unwrap();
                assert!(found == bytes[start..end], "{start}..{end} of {len}");
            }
        }
        let beyond = store.get_range("x", 0..len as u64 + 1).await;
        assert!(matches!(beyond, Err(Error::Range { .. })), "{beyond:?}");
    }
}

#[tokio::test]
async fn nothing_is_told_without_an_identity() {
    let (ann, bob, inner) = (Person::new(), Person::new(), memory());
    let secret = b"a row of the database, and another one that is longer";
    store_bytes(&ann.store(&inner, true, false), "x", secret).await;
    let stored = inner.get("x").await.unwrap().1;
    assert!(!stored.windows(secret.len()).any(|window| window == secret));
    let read = async |store: Sealed| {
        let range = store.get_range("x", 0..40).await.map(drop);
        let whole = store.get("x").await.map(drop);
        (range, whole)
    };
    let plain = Sealed::new(Arc::clone(&inner), Arc::default());
    for store in [ann.store(&inner, true, false), plain] {
        let error = read(store).await;
        assert!(
            matches!(&error, (Err(Error::Encrypted { .. }), Err(Error::Encrypted { .. }))),
            "{error:?}"
        );
    }
    let error = read(bob.store(&inner, true, true)).await;
    let expected =
        matches!(&error, (Err(Error::OtherIdentity { .. }), Err(Error::OtherIdentity { .. })));
    assert!(expected, "{error:?}");
    assert!(matches!(read(ann.store(&inner, false, true)).await, (Ok(()), Ok(()))));
}

#[tokio::test]
async fn both_kinds_in_one_place() {
    let (ann, inner) = (Person::new(), memory());
    let (plain, sealed) = (ann.store(&inner, false, true), ann.store(&inner, true, true));
    let bytes = content(100_000);
    for (one, other) in [(&plain, &sealed), (&sealed, &plain)] {
        // It was read before it was replaced, by somebody else.
        for _ in 0..2 {
            store_bytes(one, "x", &bytes).await;
            for store in [&plain, &sealed] {
                assert!(store.get_range("x", 0..70_000).await.unwrap() == bytes[..70_000]);
                assert!(store.get("x").await.unwrap().1 == bytes);
            }
            store_bytes(other, "x", &bytes).await;
        }
        assert!(one.get_range("x", 0..70_000).await.unwrap() == bytes[..70_000]);
    }
}

/// Whoever reads has the head of an object that is there no more.
#[tokio::test]
async fn a_replaced_object_is_read_anew() {
    let (ann, inner) = (Person::new(), memory());
    let (writer, reader) = (ann.store(&inner, true, true), ann.store(&inner, true, true));
    for byte in 1..5 {
        store_bytes(&writer, "x", &[byte; 100_000]).await;
        assert_eq!(*reader.get_range("x", 80_000..80_002).await.unwrap(), [byte; 2]);
    }
}

#[tokio::test]
async fn damage_is_found() {
    let (ann, inner) = (Person::new(), memory());
    let store = ann.store(&inner, true, true);
    store_bytes(&store, "x", &content(300)).await;
    let sealed = inner.get("x").await.unwrap().1;
    for at in (30..sealed.len()).step_by(7) {
        let mut damaged = sealed.to_vec();
        damaged[at] ^= 1;
        for (key, bytes) in [("flipped", damaged.as_slice()), ("cut", &sealed[..at])] {
            store_bytes(inner.as_ref(), key, bytes).await;
            let read = store.get(key).await.map(drop);
            let bad = matches!(read, Err(Error::Sealed { .. } | Error::OtherIdentity { .. }));
            assert!(bad, "{key} at {at}: {read:?}");
            let read = store.get_range(key, 0..100).await.map(drop);
            assert!(read.is_err(), "{key} at {at}");
        }
    }
}

/// A head is read once, and an object of one request takes two.
#[tokio::test]
async fn requests_are_few() {
    let (ann, inner) = (Person::new(), memory());
    let replica = Replica::with_keys(inner, "db", ann.keys(true, true));
    let name = Name::single(Txid(1));
    let body = Body::from(content(1_000_000));
    replica.put_ltx(0, name, body, Put::default()).await.unwrap();
    let file = replica.list_ltx(0).await.unwrap().pop().unwrap();
    let mut reader = replica.open_ltx(&file, reader_options(100_000));
    let read = move || {
        let mut found = Vec::new();
        reader.read_to_end(&mut found).map(|_| found)
    };
    assert!(tokio::task::spawn_blocking(read).await.unwrap().unwrap() == content(1_000_000));
    let usage = replica.meter().usage();
    assert_eq!((usage.gets, usage.heads), (11, 0));
}

#[tokio::test]
async fn the_tail_is_told_before_it_is_stored() {
    let (ann, inner) = (Person::new(), memory());
    let replica = Replica::with_keys(inner, "db", ann.keys(true, false));
    let name = Name::single(Txid(1));
    for body in [Body::from(content(70_000)), written(content(700_000), true)] {
        let told = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&told);
        let tell = Box::new(move |tail| {
            *slot.lock().unwrap() = Some(tail);
            Ok(())
        });
        replica.put_ltx_telling(0, name, body, Put::default(), tell).await.unwrap();
        let told = told.lock().unwrap().unwrap();
        assert_eq!(replica.ltx_tail(0, name).await.unwrap(), told);
    }
    let refuse: TailFn = Box::new(|_| Err(std::io::ErrorKind::StorageFull.into()));
    let body = written(content(700_000), true);
    let refused = replica.put_ltx_telling(1, name, body, Put::default(), refuse).await;
    assert!(matches!(refused, Err(Error::Io { .. })), "{refused:?}");
    assert!(replica.list_ltx(1).await.unwrap().is_empty());
}

/// Runs `age` with something on its standard input; none if there is no such program.
fn age(arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new("age");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        skipped("age is not installed");
        return None;
    };
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    let fed = std::thread::spawn(move || stdin.write_all(&input));
    let done = child.wait_with_output().unwrap();
    fed.join().unwrap().unwrap();
    assert!(done.status.success());
    Some(done.stdout)
}

#[tokio::test]
async fn the_program_age_reads_and_writes_the_same() {
    let (ann, bob, inner) = (Person::new(), Person::new(), memory());
    let recipients = vec![bob.recipient.clone(), ann.recipient.clone()];
    let keys = AgeKeys { recipients, identity: Some(ann.identity.clone()) };
    let store = Sealed::new(Arc::clone(&inner), Arc::new(Keys::open(&keys).unwrap()));
    let identity = |path: &Path| path.to_str().unwrap().to_owned();
    for len in [0, 1, 65_535, 65_536, 65_537, 200_000] {
        let bytes = content(len);
        for body in [Body::from(bytes.clone()), written(bytes.clone(), true)] {
            store.put("x", body, Put::default()).await.unwrap();
            let sealed = inner.get("x").await.unwrap().1;
            for person in [&ann, &bob] {
                let path = identity(&person.identity);
                let Some(found) = age(&["-d", "-i", &path], &sealed) else { return };
                assert!(found == bytes, "{len}");
            }
        }
        let sealed = age(&["-r", &bob.recipient, "-r", &ann.recipient], &bytes).unwrap();
        store_bytes(inner.as_ref(), "theirs", &sealed).await;
        let size = store.head("theirs").await.unwrap().size;
        assert_eq!(store.length("theirs", size).await.unwrap(), len as u64);
        assert!(store.get("theirs").await.unwrap().1 == bytes, "{len}");
        let half = len as u64 / 2;
        let found = store.get_range("theirs", half..len as u64).await.unwrap();
        assert!(found == bytes[half as usize..], "{len}");
    }
}

/// More recipients than fit into what is read first of an object.
#[tokio::test]
async fn a_long_head() {
    let (ann, inner) = (Person::new(), memory());
    let mut recipients: Vec<_> = (0..60).map(|_| pair().0).collect();
    recipients.push(ann.recipient.clone());
    let keys = AgeKeys { recipients, identity: Some(ann.identity.clone()) };
    let store = Sealed::new(Arc::clone(&inner), Arc::new(Keys::open(&keys).unwrap()));
    for len in [10, 100_000] {
        store_bytes(&store, "x", &content(len)).await;
        assert!(store.get_range("x", 3..9).await.unwrap() == content(len)[3..9]);
    }
}
