//! A store in a bucket of S3, or of what speaks like it.
//!
//! Requests are plain: signed, with a length, without trailing checksums, since many servers know
//! no other kind. Failures that may pass are retried here ([`fault`]) and not by the SDK, whose
//! allowance of retries runs dry in an outage. An object too large for one request goes up in parts
//! ([`upload`]).

mod connect;
mod fault;
mod patience;
mod seal;
mod upload;

use super::{Body, BoxFuture, Error, Etag, Layout, Object, Put, S3Location, Store};
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use bytes::Bytes;
use connect::Link;
use fault::classify;
pub use patience::Patience;
use seal::Seal;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use upload::{Source, WRITE_ID};

/// A store in a bucket.
#[derive(Clone, Debug)]
pub struct S3Store {
    link: Arc<Link>,
    patience: Patience,
    bucket: String,
    storage_class: Option<String>,
    seal: Seal,
    /// Conditions of puts are decided by the server.
    fences: Arc<AtomicBool>,
}

impl S3Store {
    /// The store of a location's bucket. Nothing is asked of it yet.
    ///
    /// # Errors
    /// If the file with the credentials or with the key for encryption cannot be used.
    pub async fn connect(location: &S3Location, patience: Patience) -> Result<Self, Error> {
        Self::new(Link::open(location, patience).await?, location, patience)
    }

    fn new(link: Link, location: &S3Location, patience: Patience) -> Result<Self, Error> {
        let ignored = location.preset.is_some_and(|preset| preset.ignores_conditions());
        Ok(Self {
            link: Arc::new(link),
            patience,
            bucket: location.bucket.clone(),
            storage_class: location.storage_class.clone(),
            seal: Seal::open(location.sse.as_ref())?,
            fences: Arc::new(AtomicBool::new(!ignored)),
        })
    }

    /// A store whose hosts are all one server's, whatever their names.
    #[cfg(test)]
    pub(super) async fn for_test(
        location: &S3Location,
        patience: Patience,
        http: aws_sdk_s3::config::SharedHttpClient,
    ) -> Result<Self, Error> {
        Self::new(Link::with_http(location, patience, http).await, location, patience)
    }

    fn client(&self) -> Client {
        self.link.client()
    }

    async fn get_whole(&self, key: &str) -> Result<(Object, Bytes), Error> {
        let request = self.seal.get(self.client().get_object()).bucket(&self.bucket).key(key);
        let reply = request.send().await.map_err(|error| classify(key, error))?;
        let (etag, modified_ms) = (reply.e_tag, reply.last_modified.and_then(unix_ms));
        let timestamp_ms = timestamp(reply.metadata.as_ref());
        let bytes = collect(key, reply.body).await?;
        let (key, size) = (key.to_owned(), bytes.len() as u64);
        Ok((Object { key, size, etag, modified_ms, timestamp_ms }, bytes))
    }

    async fn get_part(&self, key: &str, range: &Range<u64>) -> Result<Bytes, Error> {
        let Some(last) = range.end.checked_sub(1).filter(|last| *last >= range.start) else {
            return Ok(Bytes::new());
        };
        let request = self.seal.get(self.client().get_object()).bucket(&self.bucket).key(key);
        let request = request.range(format!("bytes={}-{last}", range.start));
        let reply = request.send().await.map_err(|error| classify(key, error))?;
        let bytes = collect(key, reply.body).await?;
        let complete = bytes.len() as u64 == range.end - range.start;
        if complete { Ok(bytes) } else { Err(Error::Range { key: key.to_owned() }) }
    }

    /// The object, and the mark of the put that wrote it.
    async fn describe(&self, key: &str) -> Result<(Object, Option<String>), Error> {
        let head = || async {
            let request = self.seal.head(self.client().head_object()).bucket(&self.bucket).key(key);
            request.send().await.map_err(|error| classify(key, error))
        };
        let reply = self.retrying(head).await?;
        let object = Object {
            key: key.to_owned(),
            size: reply.content_length.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
            etag: reply.e_tag,
            modified_ms: reply.last_modified.and_then(unix_ms),
            timestamp_ms: timestamp(reply.metadata.as_ref()),
        };
        Ok((object, reply.metadata.and_then(|mut metadata| metadata.remove(WRITE_ID))))
    }

    async fn list_all(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Object>, Error> {
        let mut objects = Vec::new();
        let mut token = None;
        loop {
            let list = || async {
                let request = self.client().list_objects_v2().bucket(&self.bucket).prefix(prefix);
                let request = request.set_continuation_token(token.clone());
                let request = request.set_start_after(after.map(str::to_owned));
                request.send().await.map_err(|error| classify(prefix, error))
            };
            let page = self.retrying(list).await?;
            objects.extend(page.contents.unwrap_or_default().into_iter().filter_map(listed));
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(objects);
            }
        }
    }

    async fn remove(&self, key: &str) -> Result<(), Error> {
        let request = self.client().delete_object().bucket(&self.bucket).key(key);
        match request.send().await.map_err(|error| classify(key, error)) {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Store for S3Store {
    fn put<'a>(&'a self, key: &'a str, body: Body, put: Put) -> BoxFuture<'a, Etag> {
        Box::pin(async move {
            let source = Source::open(body).await?;
            self.put_object(key, source, &put).await
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, (Object, Bytes)> {
        Box::pin(async move { self.retrying(|| self.get_whole(key)).await })
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Bytes> {
        Box::pin(async move { self.persisting(|| self.get_part(key, &range)).await })
    }

    fn head<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Object> {
        Box::pin(async move { self.describe(key).await.map(|(object, _)| object) })
    }

    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Vec<Object>> {
        Box::pin(self.list_all(prefix, after))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.retrying(|| self.remove(key)).await })
    }

    fn fences(&self) -> bool {
        self.fences.load(Ordering::Relaxed)
    }

    fn layout(&self) -> Layout {
        Layout::Hex
    }
}

/// The metadata Litestream keeps an LTX file's time in.
const TIMESTAMP: &str = "litestream-timestamp";

fn timestamp(metadata: Option<&HashMap<String, String>>) -> Option<i64> {
    let text = metadata?.get(TIMESTAMP)?;
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

fn unix_ms(time: DateTime) -> Option<i64> {
    time.to_millis().ok()
}

fn listed(object: aws_sdk_s3::types::Object) -> Option<Object> {
    Some(Object {
        key: object.key?,
        size: u64::try_from(object.size?).ok()?,
        etag: object.e_tag,
        modified_ms: object.last_modified.and_then(unix_ms),
        timestamp_ms: None,
    })
}

async fn collect(key: &str, body: ByteStream) -> Result<Bytes, Error> {
    let collected = body
        .collect()
        .await
        .map_err(|error| Error::Unavailable { key: key.to_owned(), source: error.into() })?;
    Ok(collected.into_bytes())
}
