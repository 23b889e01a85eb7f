//! Keys and bytes in, stored objects out: a directory, an S3 bucket, or memory.
//!
//! [`Store`] is what a backend can do; [`Replica`] is one database's LTX files in it, under the
//! names Litestream gives them; [`Location`] is the URL that names either. Conditional puts are
//! what fences writers: of two that write one key with [`PutMode::IfAbsent`], one succeeds.

mod age;
mod body;
mod directory;
mod error;
mod file;
mod location;
mod memory;
mod metered;
mod reader;
mod replica;
mod s3;
#[cfg(test)]
mod tests;

pub use age::{IDENTITY_VARIABLE, Keys, Tail, TailFn};
pub use body::{Body, BodyStream, BodyWriter};
pub(crate) use directory::{make_directories, sync_directory};
pub use error::Error;
pub use file::FileStore;
pub use location::{AgeKeys, Location, LocationError, Place, Preset, S3Location, Sse};
pub use memory::MemoryStore;
pub use metered::{Counts, Meter, Usage};
pub use reader::{Reader, ReaderOptions};
pub use replica::{Level, LtxFile, Replica, SNAPSHOT_LEVEL};
pub use s3::{Patience, S3Store};

use bytes::Bytes;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

/// What every operation of a store returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A backend.
pub trait Store: fmt::Debug + Send + Sync {
    /// Stores an object, whole or not at all, and returns its tag.
    fn put<'a>(&'a self, key: &'a str, body: Body, put: Put) -> BoxFuture<'a, Etag>;

    /// Reads a whole object into memory; for small ones.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, (Object, Bytes)>;

    /// Reads exactly the bytes of `range`, which must lie within the object.
    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Bytes>;

    /// Describes an object, its timestamp included.
    fn head<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Object>;

    /// The objects whose keys begin with `prefix` and come after the key `after`, in the order of
    /// their keys.
    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Vec<Object>>;

    /// Removes an object; it is no error if there is none.
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()>;

    /// How long an object is as it is read, of which a listing said `listed`: never more. They differ
    /// where objects are encrypted: [`Object::size`] is how long it is as it is stored.
    fn length<'a>(&'a self, _key: &'a str, listed: u64) -> BoxFuture<'a, u64> {
        Box::pin(std::future::ready(Ok(listed)))
    }

    /// The store itself decides conditions of puts, so that of two writers one succeeds. Otherwise
    /// they are looked at before the put, and fence nobody. May be known only after the first put
    /// with a condition.
    fn fences(&self) -> bool {
        true
    }

    /// How Litestream names levels in this backend.
    fn layout(&self) -> Layout;
}

/// Opens the store a location lies in, without what encrypts there. Nothing is asked of it yet.
///
/// # Errors
/// If a file that the location names, with a key or credentials, cannot be used.
pub async fn open(location: &Location, patience: Patience) -> Result<Arc<dyn Store>, Error> {
    Ok(match &location.place {
        Place::File(root) => Arc::new(FileStore::new(root)),
        Place::S3(s3) => Arc::new(S3Store::connect(s3, patience).await?),
    })
}

/// How Litestream names levels; it differs between backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `0009/`: S3.
    Hex,
    /// `ltx/9/`: every other.
    Decimal,
}

/// How an object is put.
#[derive(Clone, Debug, Default)]
pub struct Put {
    /// What must be true of the key.
    pub mode: PutMode,
    /// The time the object stands for, in milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
}

/// What must be true of a key for a put to succeed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PutMode {
    /// Nothing.
    #[default]
    Overwrite,
    /// There is no object; otherwise [`Error::AlreadyExists`].
    IfAbsent,
    /// The object has this tag; otherwise [`Error::Precondition`].
    IfMatch(Etag),
}

/// Names one version of an object.
pub type Etag = String;

/// What a store says about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its length in bytes as it is stored.
    pub size: u64,
    /// Its tag; a listing may leave it out.
    pub etag: Option<Etag>,
    /// When it was stored by the store's clock, in milliseconds since 1970.
    pub modified_ms: Option<i64>,
    /// The time given to [`Put`]; a listing may leave it out.
    pub timestamp_ms: Option<i64>,
}
