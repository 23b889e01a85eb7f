//! A store in memory, for tests and demonstrations.

use super::{Body, BoxFuture, Error, Etag, Layout, Object, Put, PutMode, Store};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, Range};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A store that ends with its process.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Stored>,
    puts: u64,
}

struct Stored {
    bytes: Bytes,
    etag: Etag,
    timestamp_ms: Option<i64>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_bytes(&self, key: &str, bytes: Bytes, put: Put) -> Result<Etag, Error> {
        let mut state = self.state();
        let found = state.objects.get(key).map(|stored| &stored.etag);
        match (&put.mode, found) {
            (PutMode::IfAbsent, Some(_)) => {
                return Err(Error::AlreadyExists { key: key.to_owned() });
            }
            (PutMode::IfMatch(etag), found) if found != Some(etag) => {
                return Err(Error::Precondition { key: key.to_owned() });
            }
            _ => {}
        }
        state.puts += 1;
        let etag = state.puts.to_string();
        let stored = Stored { bytes, etag: etag.clone(), timestamp_ms: put.timestamp_ms };
        state.objects.insert(key.to_owned(), stored);
        Ok(etag)
    }

    fn read(&self, key: &str) -> Result<(Object, Bytes), Error> {
        let state = self.state();
        let stored = state.objects.get(key).ok_or_else(|| not_found(key))?;
        Ok((stored.describe(key), stored.bytes.clone()))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    fn put<'a>(&'a self, key: &'a str, body: Body, put: Put) -> BoxFuture<'a, Etag> {
        Box::pin(async move {
            let bytes = match body {
                Body::Bytes(bytes) => bytes,
                Body::File(path) => {
                    std::fs::read(&path).map_err(|error| Error::io(&path, error))?.into()
                }
                Body::Stream(mut stream) => stream.read(usize::MAX).await?,
            };
            self.put_bytes(key, bytes, put)
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, (Object, Bytes)> {
        Box::pin(async move { self.read(key) })
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Bytes> {
        Box::pin(async move {
            let (object, bytes) = self.read(key)?;
            if range.start > range.end || range.end > object.size {
                return Err(Error::Range { key: key.to_owned() });
            }
            Ok(bytes.slice(range.start as usize..range.end as usize))
        })
    }

    fn head<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Object> {
        Box::pin(async move { self.read(key).map(|(object, _)| object) })
    }

    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Vec<Object>> {
        Box::pin(async move {
            let state = self.state();
            let start = match after {
                Some(after) if after >= prefix => Bound::Excluded(after),
                _ => Bound::Included(prefix),
            };
            Ok(state
                .objects
                .range::<str, _>((start, Bound::Unbounded))
                .take_while(|(key, _)| key.starts_with(prefix))
                .map(|(key, stored)| stored.describe(key))
                .collect())
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.state().objects.remove(key);
            Ok(())
        })
    }

    fn layout(&self) -> Layout {
        Layout::Decimal
    }
}

impl Stored {
    fn describe(&self, key: &str) -> Object {
        Object {
            key: key.to_owned(),
            size: self.bytes.len() as u64,
            etag: Some(self.etag.clone()),
            modified_ms: self.timestamp_ms,
            timestamp_ms: self.timestamp_ms,
        }
    }
}

fn not_found(key: &str) -> Error {
    Error::NotFound { key: key.to_owned() }
}
