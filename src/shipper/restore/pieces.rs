//! A store that keeps what is read of it, so that an interrupted restore goes on where it was.
//!
//! A piece is a file `<object>/<first byte>-<end>`, where the object is named with its length and
//! its time in the listing: pieces of an object that was replaced are not found again. A piece whose
//! length is wrong was torn, and is fetched again; what is wrong in other ways is found by the
//! checksum of the object it belongs to.

use crate::store::{Body, BoxFuture, Etag, Layout, LtxFile, Object, Put, Replica, Store};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Pieces of smaller objects are not kept: a directory and a file for each of thousands cost more time
/// than they save.
const KEPT_MIN: u64 = 64 << 10;

/// The store, and the directory of its pieces.
#[derive(Debug)]
pub(super) struct Pieces {
    store: Arc<dyn Store>,
    /// The directory of each object that is to be read and kept.
    objects: BTreeMap<String, PathBuf>,
}

impl Pieces {
    /// Keeps pieces of the planned files below a directory; those of other files go.
    pub(super) fn open(
        replica: &Replica,
        files: &[LtxFile],
        directory: &Path,
    ) -> io::Result<Arc<Self>> {
        let objects = files.iter().filter(is_kept).map(|file| {
            let key = replica.ltx_key(file.level, file.name);
            (key, directory.join(identity(file)))
        });
        let objects: BTreeMap<_, _> = objects.collect();
        fs::create_dir_all(directory)?;
        let wanted: BTreeSet<_> = objects.values().collect();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if !wanted.contains(&path) {
                fs::remove_dir_all(&path)?;
            }
        }
        for object in objects.values() {
            fs::create_dir_all(object)?;
        }
        let store = Arc::clone(replica.store());
        Ok(Arc::new(Self { store, objects }))
    }
}

/// Bytes of these files that may be kept.
pub(super) fn keepable(files: &[LtxFile]) -> u64 {
    files.iter().filter(is_kept).map(|file| file.size).sum()
}

/// Bytes of these files that lie below the directory.
pub(super) fn kept(files: &[LtxFile], directory: &Path) -> u64 {
    let lengths = |file: &LtxFile| -> u64 {
        let entries = fs::read_dir(directory.join(identity(file))).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
    };
    files.iter().filter(is_kept).map(lengths).sum()
}

fn is_kept(file: &&LtxFile) -> bool {
    file.size >= KEPT_MIN
}

fn identity(file: &LtxFile) -> String {
    let modified = file.modified_ms.unwrap_or_default();
    format!("{}-{}-{}-{modified}", file.level, file.name, file.size)
}

impl Store for Pieces {
    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Bytes> {
        Box::pin(async move {
            let Some(object) = self.objects.get(key) else {
                return self.store.get_range(key, range).await;
            };
            let path = object.join(format!("{}-{}", range.start, range.end));
            if let Some(bytes) = read(path.clone(), range.end - range.start).await {
                return Ok(bytes);
            }
            let bytes = self.store.get_range(key, range).await?;
            write(path, bytes.clone()).await;
            Ok(bytes)
        })
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

    fn length<'a>(&'a self, key: &'a str, listed: u64) -> BoxFuture<'a, u64> {
        self.store.length(key, listed)
    }

    fn fences(&self) -> bool {
        self.store.fences()
    }

    fn layout(&self) -> Layout {
        self.store.layout()
    }
}

async fn read(path: PathBuf, len: u64) -> Option<Bytes> {
    let read = tokio::task::spawn_blocking(move || fs::read(path)).await.ok()?;
    let bytes = read.ok().filter(|bytes| bytes.len() as u64 == len)?;
    Some(bytes.into())
}

/// A piece that cannot be kept is fetched again the next time.
async fn write(path: PathBuf, bytes: Bytes) {
    let written = tokio::task::spawn_blocking(move || {
        let written = fs::write(&path, &bytes);
        if written.is_err() {
            drop(fs::remove_file(&path));
        }
        written
    });
    if let Ok(Err(error)) = written.await {
        tracing::debug!(%error, "piece not kept");
    }
}
