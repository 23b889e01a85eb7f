//! A store as who follows it sees it.
//!
//! While the follower asks, the world stands still: no request takes time. What is drawn for one depends on
//! the seed, the request and when the follower asks.

use crate::dice::Dice;
use crate::store::{BadStore, unavailable};
use bytes::Bytes;
use egret::store::{Body, BoxFuture, Error, Etag, Layout, Object, Put, Store};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// Lets nobody write.
#[derive(Debug)]
pub struct Window {
    seed: u64,
    store: Arc<BadStore>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// When the follower asks.
    now: Instant,
    /// One request in so many goes wrong; none if 0.
    one_in: u64,
}

impl Window {
    pub fn new(seed: u64, store: &Arc<BadStore>, one_in: u64) -> Arc<Self> {
        let state = Mutex::new(State { now: Instant::now(), one_in });
        Arc::new(Self { seed, store: Arc::clone(store), state })
    }

    /// The follower asks now.
    pub fn open(&self) {
        self.state.lock().unwrap().now = Instant::now();
    }

    /// Nothing goes wrong from now on.
    pub fn heal(&self) {
        self.state.lock().unwrap().one_in = 0;
    }

    /// When a request is made, and what is drawn if it goes wrong.
    fn draw(&self, what: &str, key: &str) -> (Instant, Option<Dice>) {
        let State { now, one_in } = *self.state.lock().unwrap();
        let mut dice = Dice::new((self.seed, "window", what, key, self.store.age_at(now)));
        (now, (one_in > 0 && dice.one_in(one_in)).then_some(dice))
    }

    fn require(&self, what: &str, key: &str) -> Result<(), Error> {
        self.draw(what, key).1.map_or(Ok(()), |_| Err(unavailable(key)))
    }
}

impl Store for Window {
    fn put<'a>(&'a self, key: &'a str, _: Body, _: Put) -> BoxFuture<'a, Etag> {
        Box::pin(async move { Err(unavailable(key)) })
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, (Object, Bytes)> {
        Box::pin(async move {
            self.require("get", key)?;
            let (object, bytes) = self.store.inner.get(key).await?;
            Ok((self.store.dated(object), bytes))
        })
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Bytes> {
        Box::pin(async move {
            self.require("get", key)?;
            self.store.inner.get_range(key, range).await
        })
    }

    fn head<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Object> {
        Box::pin(async move {
            self.require("head", key)?;
            Ok(self.store.dated(self.store.inner.head(key).await?))
        })
    }

    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Vec<Object>> {
        Box::pin(async move {
            let (now, wrong) = self.draw("list", prefix);
            let age =
                wrong.map(|mut dice| dice.pick(&[None, None, Some(20), Some(900), Some(7000)]));
            match age {
                None => self.store.list_now(prefix, after).await,
                Some(None) => Err(unavailable(prefix)),
                Some(Some(ms)) => {
                    Ok(self.store.list_before(prefix, after, now, Duration::from_millis(ms)))
                }
            }
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move { Err(unavailable(key)) })
    }

    fn layout(&self) -> Layout {
        Layout::Decimal
    }
}
