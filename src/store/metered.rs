//! Counts what is asked of a store, and bounds how much is put at once.

use super::{Body, BoxFuture, Error, Etag, Layout, Object, Put, Store};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::ops::{Add, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// So many objects are put at once, whoever shares the store; others wait their turn, which is fair
/// between files. What is streamed does not count: it may read from the store meanwhile.
const PUTS_MAX: usize = 16;

/// What is asked of a store, counted. An object that goes up in parts is put once.
#[derive(Debug, Default)]
pub struct Meter {
    counts: Counts<AtomicU64>,
    /// That of all who share the store.
    above: Option<Arc<Meter>>,
}

/// How much was asked of a store.
pub type Usage = Counts<u64>;

/// One number for each kind of request, and for the bytes each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts<T> {
    /// Objects put.
    pub puts: T,
    /// Objects read, or parts of them.
    pub gets: T,
    /// Objects described.
    pub heads: T,
    /// Listings.
    pub lists: T,
    /// Objects removed.
    pub deletes: T,
    /// Bytes put.
    pub bytes_up: T,
    /// Bytes read.
    pub bytes_down: T,
}

impl Add for Usage {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            puts: self.puts.saturating_add(more.puts),
            gets: self.gets.saturating_add(more.gets),
            heads: self.heads.saturating_add(more.heads),
            lists: self.lists.saturating_add(more.lists),
            deletes: self.deletes.saturating_add(more.deletes),
            bytes_up: self.bytes_up.saturating_add(more.bytes_up),
            bytes_down: self.bytes_down.saturating_add(more.bytes_down),
        }
    }
}

impl Meter {
    fn below(above: &Arc<Self>) -> Self {
        Self { above: Some(Arc::clone(above)), ..Self::default() }
    }

    /// The numbers by now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let value = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counts = &self.counts;
        Usage {
            puts: value(&counts.puts),
            gets: value(&counts.gets),
            heads: value(&counts.heads),
            lists: value(&counts.lists),
            deletes: value(&counts.deletes),
            bytes_up: value(&counts.bytes_up),
            bytes_down: value(&counts.bytes_down),
        }
    }

    fn add(&self, which: impl Fn(&Counts<AtomicU64>) -> &AtomicU64, more: u64) {
        which(&self.counts).fetch_add(more, Ordering::Relaxed);
        if let Some(above) = &self.above {
            above.add(which, more);
        }
    }

    /// Counts bytes of a body while they are sent.
    pub(super) fn sent(&self, bytes: usize) {
        self.add(|counts| &counts.bytes_up, bytes as u64);
    }
}

/// A store that counts.
#[derive(Clone, Debug)]
pub(super) struct Metered {
    inner: Arc<dyn Store>,
    meter: Arc<Meter>,
    puts: Arc<Semaphore>,
}

impl Metered {
    pub(super) fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, meter: Arc::default(), puts: Arc::new(Semaphore::new(PUTS_MAX)) }
    }

    /// The same store, counted apart and together.
    pub(super) fn below(&self) -> Self {
        Self { meter: Arc::new(Meter::below(&self.meter)), ..self.clone() }
    }

    pub(super) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Waits for a turn, and counts the body.
    async fn prepare(
        &self,
        body: Body,
    ) -> Result<(Body, Option<tokio::sync::SemaphorePermit<'_>>), Error> {
        let body = match body {
            Body::Stream(stream) => {
                return Ok((Body::Stream(stream.metered(Arc::clone(&self.meter))), None));
            }
            body => body,
        };
        let permit = self.puts.acquire().await.map_err(|_closed| Error::Stopped)?;
        let len = match &body {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::File(path) => std::fs::metadata(path).map_or(0, |metadata| metadata.len()),
            Body::Stream(_) => 0,
        };
        self.meter.add(|counts| &counts.bytes_up, len);
        Ok((body, Some(permit)))
    }

    fn received(&self, bytes: &Bytes) {
        self.meter.add(|counts| &counts.bytes_down, bytes.len() as u64);
    }
}

impl Store for Metered {
    fn put<'a>(&'a self, key: &'a str, body: Body, put: Put) -> BoxFuture<'a, Etag> {
        Box::pin(async move {
            let (body, permit) = self.prepare(body).await?;
            self.meter.add(|counts| &counts.puts, 1);
            let done = self.inner.put(key, body, put).await;
            drop(permit);
            done
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, (Object, Bytes)> {
        Box::pin(async move {
            self.meter.add(|counts| &counts.gets, 1);
            let found = self.inner.get(key).await?;
            self.received(&found.1);
            Ok(found)
        })
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Bytes> {
        Box::pin(async move {
            self.meter.add(|counts| &counts.gets, 1);
            let bytes = self.inner.get_range(key, range).await?;
            self.received(&bytes);
            Ok(bytes)
        })
    }

    fn head<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Object> {
        self.meter.add(|counts| &counts.heads, 1);
        self.inner.head(key)
    }

    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Vec<Object>> {
        self.meter.add(|counts| &counts.lists, 1);
        self.inner.list(prefix, after)
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        self.meter.add(|counts| &counts.deletes, 1);
        self.inner.delete(key)
    }

    fn length<'a>(&'a self, key: &'a str, listed: u64) -> BoxFuture<'a, u64> {
        self.inner.length(key, listed)
    }

    fn fences(&self) -> bool {
        self.inner.fences()
    }

    fn layout(&self) -> Layout {
        self.inner.layout()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, Replica};
    use std::io::Write as _;

    #[tokio::test]
    async fn everything_is_counted_apart_and_together() {
        let all = Replica::new(Arc::new(MemoryStore::new()), "");
        let (one, other) = (all.below("one"), all.below("other"));
        let (store, key) = (one.store(), one.key("x"));
        store.put(&key, Body::from(vec![1; 10]), Put::default()).await.unwrap();
        store.get(&key).await.unwrap();
        store.get_range(&key, 2..5).await.unwrap();
        store.head(&key).await.unwrap();
        store.list("", None).await.unwrap();
        store.delete(&key).await.unwrap();
        let (mut writer, body) = Body::stream(3);
        let written =
            std::thread::spawn(move || writer.write_all(&[1; 3]).and_then(|()| writer.finish()));
        other.store().put("y", body, Put::default()).await.unwrap();
        assert_eq!(written.join().unwrap().unwrap(), 3);

        let expected = Usage {
            puts: 1,
            gets: 2,
            heads: 1,
            lists: 1,
            deletes: 1,
            bytes_up: 10,
            bytes_down: 13,
        };
        assert_eq!(one.meter().usage(), expected);
        assert_eq!(other.meter().usage(), Usage { puts: 1, bytes_up: 3, ..Usage::default() });
        assert_eq!(all.meter().usage(), Usage { puts: 2, bytes_up: 13, ..expected });
    }
}
