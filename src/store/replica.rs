//! One database's LTX files in a store, named as Litestream names them.
//!
//! | backend | key |
//! | --- | --- |
//! | S3 | `<prefix>/<level, 4 hex digits>/<min>-<max>.ltx` |
//! | others | `<prefix>/ltx/<level>/<min>-<max>.ltx` |

use super::metered::{Meter, Metered};
use super::{Body, Error, Etag, Layout, Location, Object, Place, Put, Reader, ReaderOptions};
use super::{Store, open};
use crate::ltx::{HEADER_LEN, Header, Name, Txid};
use bytes::Bytes;
use std::sync::Arc;

/// A level of the ladder: 0 holds what was shipped, each above it the same merged, and
/// [`SNAPSHOT_LEVEL`] whole databases.
pub type Level = u8;

/// The level of snapshots.
pub const SNAPSHOT_LEVEL: Level = 9;

/// The backup of one database.
#[derive(Clone, Debug)]
pub struct Replica {
    store: Arc<dyn Store>,
    metered: Metered,
    prefix: String,
}

/// An LTX file in a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LtxFile {
    /// Its level.
    pub level: Level,
    /// Its name.
    pub name: Name,
    /// Its length in bytes.
    pub size: u64,
    /// When it was stored, by the store's clock.
    pub modified_ms: Option<i64>,
    /// The time in its header, where the store's listing tells.
    pub timestamp_ms: Option<i64>,
}

impl Replica {
    /// The replica under a prefix of a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, prefix: &str) -> Self {
        Self::metered(Metered::new(store), prefix)
    }

    /// The replica at a location. Nothing is asked of the store yet.
    ///
    /// # Errors
    /// If a file that the location names, with a key or credentials, cannot be used.
    pub async fn open(location: &Location) -> Result<Self, Error> {
        let prefix = match &location.place {
            Place::File(_) => "",
            Place::S3(s3) => &s3.prefix,
        };
        Ok(Self::new(open(location).await?, prefix))
    }

    /// The replica at a relative path below this one, in the same store.
    #[must_use]
    pub fn below(&self, path: &str) -> Self {
        Self::metered(self.metered.below(), &self.key(path))
    }

    fn metered(metered: Metered, prefix: &str) -> Self {
        let store = Arc::new(metered.clone());
        Self { store, metered, prefix: prefix.trim_matches('/').to_owned() }
    }

    /// What is asked of the store here and by the replicas below.
    #[must_use]
    pub fn meter(&self) -> &Arc<Meter> {
        self.metered.meter()
    }

    /// The same replica, read and written through another store.
    #[must_use]
    pub fn through(&self, store: Arc<dyn Store>) -> Self {
        Self { store, ..self.clone() }
    }

    /// The store it lies in.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The key of an object beside the levels.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        match self.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }

    /// The key of an LTX file.
    #[must_use]
    pub fn ltx_key(&self, level: Level, name: Name) -> String {
        format!("{}{name}", self.level_prefix(level))
    }

    /// The LTX files of a level, in the order of their names.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn list_ltx(&self, level: Level) -> Result<Vec<LtxFile>, Error> {
        self.list(level, None).await
    }

    /// The LTX files of a level whose first transaction is not before `first`.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn list_ltx_from(&self, level: Level, first: Txid) -> Result<Vec<LtxFile>, Error> {
        // A key without its last TXID sorts before every file that begins with the first.
        let after = format!("{}{first}", self.level_prefix(level));
        self.list(level, Some(&after)).await
    }

    /// Stores an LTX file. Its timestamp is that of its header.
    ///
    /// # Errors
    /// If the store fails, or the mode forbids it.
    pub async fn put_ltx(
        &self,
        level: Level,
        name: Name,
        body: Body,
        put: Put,
    ) -> Result<Etag, Error> {
        self.store.put(&self.ltx_key(level, name), body, put).await
    }

    /// Reads an LTX file into memory.
    ///
    /// # Errors
    /// If there is none, or the store fails.
    pub async fn get_ltx(&self, level: Level, name: Name) -> Result<Bytes, Error> {
        Ok(self.store.get(&self.ltx_key(level, name)).await?.1)
    }

    /// Opens an LTX file for reading, a piece at a time; see [`Reader`].
    #[must_use]
    pub fn open_ltx(&self, file: &LtxFile, options: ReaderOptions) -> Reader {
        let key = self.ltx_key(file.level, file.name);
        Reader::new(Arc::clone(&self.store), key, file.size, options)
    }

    /// Reads the header of an LTX file; `None` if it is damaged.
    ///
    /// # Errors
    /// If there is none, or the store fails.
    pub async fn ltx_header(&self, file: &LtxFile) -> Result<Option<Header>, Error> {
        let key = self.ltx_key(file.level, file.name);
        let bytes = self.store.get_range(&key, 0..HEADER_LEN as u64).await?;
        Ok(Header::decode(&bytes).ok())
    }

    /// Removes an LTX file.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn delete_ltx(&self, level: Level, name: Name) -> Result<(), Error> {
        self.store.delete(&self.ltx_key(level, name)).await
    }

    async fn list(&self, level: Level, after: Option<&str>) -> Result<Vec<LtxFile>, Error> {
        let prefix = self.level_prefix(level);
        let objects = self.store.list(&prefix, after).await?;
        let files = objects.iter().filter_map(|object| LtxFile::read(level, &prefix, object));
        Ok(files.collect())
    }

    fn level_prefix(&self, level: Level) -> String {
        match self.store.layout() {
            Layout::Hex => self.key(&format!("{level:04x}/")),
            Layout::Decimal => self.key(&format!("ltx/{level}/")),
        }
    }
}

impl LtxFile {
    /// `None` for an object that is no LTX file.
    fn read(level: Level, prefix: &str, object: &Object) -> Option<Self> {
        let name = object.key.strip_prefix(prefix)?.parse().ok()?;
        let (size, modified_ms) = (object.size, object.modified_ms);
        Some(Self { level, name, size, modified_ms, timestamp_ms: object.timestamp_ms })
    }
}
