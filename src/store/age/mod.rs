//! A store whose objects are encrypted with age before they leave this machine.
//!
//! What enters: objects in clear. What leaves: age files under the same keys, for the recipients of
//! [`Keys`]; and what they hold, for whoever has the identity of one of them. Without recipients
//! objects are put as they are.
//!
//! How an object is read its first bytes decide, so that a place may hold both kinds. What a listing
//! and [`Store::head`] tell of an object is told of it as it is stored: [`Store::length`] has the
//! length of what it holds. The head of an object is read once; if what follows does not fit, it was
//! replaced meanwhile, and its head is read again.

mod file;
mod heads;
mod keys;

pub use file::Tail;
pub(super) use keys::is_recipient;
#[cfg(test)]
pub(crate) use keys::pair;
pub use keys::{IDENTITY_VARIABLE, Keys};

use super::{Body, BodyWriter, BoxFuture, Error, Etag, Layout, Object, Put, Store};
use bytes::Bytes;
use file::{Fault, Head, MAGIC, Sealing, sealed_len_about};
use heads::{Heads, Known};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Is told the last bytes of an object before it can be in the store.
pub type TailFn = Box<dyn FnOnce(Tail) -> io::Result<()> + Send>;

/// Tells nobody.
pub(super) fn untold() -> TailFn {
    Box::new(|_tail| Ok(()))
}

/// How much of an object is read to find its head.
const PROBE_LEN: u64 = 1 << 10;
/// A head that is longer is none.
const PROBE_LEN_MAX: u64 = 1 << 20;

/// A store whose objects are encrypted.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    inner: Arc<dyn Store>,
    keys: Arc<Keys>,
    heads: Arc<Heads>,
}

impl Sealed {
    pub(super) fn new(inner: Arc<dyn Store>, keys: Arc<Keys>) -> Self {
        Self { inner, keys, heads: Arc::default() }
    }

    /// With the same keys.
    pub(super) fn over(&self, inner: Arc<dyn Store>) -> Self {
        Self { inner, ..self.clone() }
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The same as [`Store::put`]. If the object is encrypted, its last bytes are told before it can
    /// be in the store, and it has another length there, which is returned.
    pub(super) async fn put_telling(
        &self,
        key: &str,
        body: Body,
        put: Put,
        tell: TailFn,
    ) -> Result<(Etag, Option<u64>), Error> {
        self.heads.forget(key);
        if self.keys.recipients().is_empty() {
            return Ok((self.inner.put(key, body, put).await?, None));
        }
        let (keys, name) = (Arc::clone(&self.keys), key.to_owned());
        let body = match body {
            Body::Bytes(bytes) => {
                let sealed = blocking(move || seal_bytes(&bytes, &keys, tell, &name)).await?;
                let len = sealed.len() as u64;
                return Ok((self.inner.put(key, sealed.into(), put).await?, Some(len)));
            }
            body => body,
        };
        let (writer, sealed) = Body::stream(sealed_len_about(len_about(&body)));
        let write = blocking(move || seal_stream(body, writer, &keys, tell, &name));
        match tokio::join!(write, self.inner.put(key, sealed, put)) {
            // Whoever failed first made the other fail.
            (Err(error), Err(Error::Unfinished)) => Err(error),
            (_, Err(error)) => Err(error),
            (len, Ok(etag)) => Ok((etag, Some(len?))),
        }
    }

    /// What is known of an object; `listed` is how long it is as it is stored, where that is known.
    async fn known(&self, key: &str, listed: Option<u64>) -> Result<Known, Error> {
        let entry = self.heads.entry(key, listed);
        entry.known.get_or_try_init(|| self.probe(key, listed)).await.cloned()
    }

    async fn probe(&self, key: &str, listed: Option<u64>) -> Result<Known, Error> {
        let stored = match listed {
            Some(stored) => stored,
            None => self.inner.head(key).await?.size,
        };
        let mut len = PROBE_LEN.min(stored);
        loop {
            let first = self.inner.get_range(key, 0..len).await?;
            if !first.starts_with(MAGIC) {
                return Ok(Known { stored, head: None });
            }
            let head = Head::parse(&first).map_err(|fault| because(key, fault))?;
            if head.is_some() {
                return Ok(Known { stored, head });
            }
            if len == stored || len >= PROBE_LEN_MAX {
                return Err(because(key, io::Error::from(io::ErrorKind::UnexpectedEof).into()));
            }
            len = (len * 8).min(stored);
        }
    }

    async fn read(&self, key: &str, range: &Range<u64>) -> Result<Bytes, Error> {
        if self.keys.identities().is_empty() {
            return self.read_clear(key, range).await;
        }
        let Known { stored, head } = self.known(key, None).await?;
        let Some(head) = head else { return self.read_clear(key, range).await };
        if range.start > range.end || range.end > head.clear_len(stored) {
            return Err(Error::Range { key: key.to_owned() });
        }
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let chunks = self.inner.get_range(key, head.sealed(range, stored)).await?;
        let (keys, range, name) = (Arc::clone(&self.keys), range.clone(), key.to_owned());
        blocking(move || head.open(chunks, &range, &keys).map_err(|fault| because(&name, fault)))
            .await
    }

    /// Reads what should not be encrypted.
    async fn read_clear(&self, key: &str, range: &Range<u64>) -> Result<Bytes, Error> {
        let bytes = self.inner.get_range(key, range.clone()).await?;
        if range.start == 0 && bytes.starts_with(MAGIC) {
            return Err(Error::Encrypted { key: key.to_owned() });
        }
        Ok(bytes)
    }
}

impl Store for Sealed {
    fn put<'a>(&'a self, key: &'a str, body: Body, put: Put) -> BoxFuture<'a, Etag> {
        Box::pin(async move { Ok(self.put_telling(key, body, put, untold()).await?.0) })
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, (Object, Bytes)> {
        Box::pin(async move {
            let (object, bytes) = self.inner.get(key).await?;
            if !bytes.starts_with(MAGIC) {
                return Ok((object, bytes));
            }
            if self.keys.identities().is_empty() {
                return Err(Error::Encrypted { key: key.to_owned() });
            }
            let (keys, name) = (Arc::clone(&self.keys), key.to_owned());
            let open = move || file::open(&bytes, &keys).map_err(|fault| because(&name, fault));
            Ok((object, blocking(open).await?))
        })
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Bytes> {
        Box::pin(async move {
            // What does not fit its head may have been replaced since that was read.
            match self.read(key, &range).await {
                Err(Error::Sealed { .. } | Error::Encrypted { .. } | Error::Range { .. })
                    if self.heads.forget(key) =>
                {
                    self.read(key, &range).await
                }
                read => read,
            }
        })
    }

    fn head<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Object> {
        self.inner.head(key)
    }

    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Vec<Object>> {
        self.inner.list(prefix, after)
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        self.heads.forget(key);
        self.inner.delete(key)
    }

    fn length<'a>(&'a self, key: &'a str, listed: u64) -> BoxFuture<'a, u64> {
        Box::pin(async move {
            if self.keys.identities().is_empty() {
                return Ok(listed);
            }
            let Known { stored, head } = self.known(key, Some(listed)).await?;
            Ok(head.map_or(stored, |head| head.clear_len(stored)))
        })
    }

    fn fences(&self) -> bool {
        self.inner.fences()
    }

    fn layout(&self) -> Layout {
        self.inner.layout()
    }
}

fn because(key: &str, fault: Fault) -> Error {
    let key = key.to_owned();
    match fault {
        Fault::NoIdentity => Error::OtherIdentity { key },
        Fault::Damaged(source) => Error::Sealed { key, source: Box::new(source) },
    }
}

fn len_about(body: &Body) -> u64 {
    match body {
        Body::Bytes(bytes) => bytes.len() as u64,
        Body::File(path) => std::fs::metadata(path).map_or(0, |metadata| metadata.len()),
        Body::Stream(stream) => stream.len_about(),
    }
}

fn seal_bytes(clear: &Bytes, keys: &Keys, tell: TailFn, key: &str) -> Result<Vec<u8>, Error> {
    let output = Vec::with_capacity(sealed_len_about(clear.len() as u64) as usize);
    let seal = || {
        let mut sealing = Sealing::begin(output, keys)?;
        sealing.write_all(clear)?;
        let done = sealing.finish()?;
        tell(done.tail)?;
        Ok(done.output)
    };
    seal().map_err(|error| Error::io(Path::new(key), error))
}

/// Encrypts a body while it is read; how long it is then.
fn seal_stream(
    body: Body,
    writer: BodyWriter,
    keys: &Keys,
    tell: TailFn,
    key: &str,
) -> Result<u64, Error> {
    let failed = |error| Error::io(Path::new(key), error);
    let mut sealing = Sealing::begin(writer, keys).map_err(failed)?;
    match body {
        Body::Bytes(bytes) => sealing.write_all(&bytes).map_err(failed)?,
        Body::File(path) => {
            let mut source = File::open(&path).map_err(|error| Error::io(&path, error))?;
            io::copy(&mut source, &mut sealing).map_err(|error| Error::io(&path, error))?;
        }
        Body::Stream(mut stream) => {
            while let Some(piece) = stream.blocking_next()? {
                sealing.write_all(&piece).map_err(failed)?;
            }
        }
    }
    let done = sealing.finish().map_err(failed)?;
    tell(done.tail).and_then(|()| done.output.finish()).map_err(failed)?;
    Ok(done.len)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Stopped))
}
