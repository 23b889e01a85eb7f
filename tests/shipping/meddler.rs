//! A store that fails as stores do.
#![expect(unreachable_pub, reason = "for the tests beside it")]

use egret::store::{Body, BoxFuture, Error, Etag, Layout, Object, Put, Replica, Store};
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Done,
    /// Done, after a while.
    Late(Duration),
    /// Done, and said not to be.
    Unheard,
    /// Not done, and said so.
    Failed,
    /// Not done, and said to be.
    Pretended,
}

type Rule = Box<dyn Fn(&str, &str) -> Fate + Send + Sync>;

/// A store, and a rule that decides about requests by their kind and key.
pub struct Meddler {
    inner: Arc<dyn Store>,
    rule: Mutex<Rule>,
    requests: AtomicU64,
    lists: AtomicU64,
}

impl Meddler {
    pub fn over(inner: Arc<dyn Store>) -> Arc<Self> {
        let rule: Rule = Box::new(|_, _| Fate::Done);
        let (requests, lists) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { inner, rule: Mutex::new(rule), requests, lists })
    }

    pub fn replica(self: &Arc<Self>) -> Replica {
        Replica::new(Arc::clone(self) as Arc<dyn Store>, "")
    }

    pub fn set(&self, rule: impl Fn(&str, &str) -> Fate + Send + Sync + 'static) {
        *self.rule.lock().unwrap() = Box::new(rule);
    }

    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub fn lists(&self) -> u64 {
        self.lists.load(Ordering::Relaxed)
    }

    fn run<'a, T: Send + 'a>(
        &self,
        kind: &str,
        key: &'a str,
        pretence: Option<T>,
        work: BoxFuture<'a, T>,
    ) -> BoxFuture<'a, T> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let fate = (self.rule.lock().unwrap())(kind, key);
        let failed = || Error::Unavailable { key: key.to_owned(), source: "meddled".into() };
        match (fate, pretence) {
            (Fate::Done, _) => work,
            (Fate::Late(delay), _) => Box::pin(async move {
                tokio::time::sleep(delay).await;
                work.await
            }),
            (Fate::Unheard, _) => {
                let error = failed();
                Box::pin(async move {
                    work.await?;
                    Err(error)
                })
            }
            (Fate::Pretended, Some(pretence)) => Box::pin(async move { Ok(pretence) }),
            _ => {
                let error = failed();
                Box::pin(async move { Err(error) })
            }
        }
    }
}

impl fmt::Debug for Meddler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meddler").finish_non_exhaustive()
    }
}

impl Store for Meddler {
    fn put<'a>(&'a self, key: &'a str, body: Body, put: Put) -> BoxFuture<'a, Etag> {
        self.run("put", key, None, self.inner.put(key, body, put))
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, (Object, bytes::Bytes)> {
        self.run("get", key, None, self.inner.get(key))
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, bytes::Bytes> {
        self.run("get", key, None, self.inner.get_range(key, range))
    }

    fn head<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Object> {
        self.run("head", key, None, self.inner.head(key))
    }

    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Vec<Object>> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        self.run("list", prefix, Some(Vec::new()), self.inner.list(prefix, after))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        self.run("delete", key, Some(()), self.inner.delete(key))
    }

    fn layout(&self) -> Layout {
        self.inner.layout()
    }
}
