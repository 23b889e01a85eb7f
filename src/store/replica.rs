//! One database's LTX files in a store, named as Litestream names them.
//!
//! | backend | key |
//! | --- | --- |
//! | S3 | `<prefix>/<level, 4 hex digits>/<min>-<max>.ltx` |
//! | others | `<prefix>/ltx/<level>/<min>-<max>.ltx` |

use super::age::{Keys, Sealed, Tail, TailFn, untold};
use super::metered::{Meter, Metered};
use super::{Body, Error, Layout, Location, Object, Place, Put, Reader, ReaderOptions};
use super::{Patience, Store, open};
use crate::ltx::{self, HEADER_LEN, Header, Name, TRAILER_LEN, Txid};
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
    sealed: Sealed,
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
    /// Its length in bytes as it is stored.
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
        Self::with_keys(store, prefix, Keys::default())
    }

    /// The same; what is put there is encrypted with these keys.
    #[must_use]
    pub fn with_keys(store: Arc<dyn Store>, prefix: &str, keys: Keys) -> Self {
        let metered = Metered::new(store);
        let sealed = Sealed::new(Arc::new(metered.clone()), Arc::new(keys));
        Self::metered(metered, sealed, prefix)
    }

    /// The replica at a location. Nothing is asked of the store yet.
    ///
    /// # Errors
    /// If a file that the location names, with a key or credentials, cannot be used.
    pub async fn open(location: &Location) -> Result<Self, Error> {
        Self::open_with(location, Patience::LONG).await
    }

    /// The same for one who is so patient.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub async fn open_with(location: &Location, patience: Patience) -> Result<Self, Error> {
        let prefix = match &location.place {
            Place::File(_) => "",
            Place::S3(s3) => &s3.prefix,
        };
        Ok(Self::with_keys(open(location, patience).await?, prefix, Keys::open(&location.age)?))
    }

    /// The replica at a relative path below this one, in the same store.
    #[must_use]
    pub fn below(&self, path: &str) -> Self {
        let metered = self.metered.below();
        let sealed = self.sealed.over(Arc::new(metered.clone()));
        Self::metered(metered, sealed, &self.key(path))
    }

    fn metered(metered: Metered, sealed: Sealed, prefix: &str) -> Self {
        let store = Arc::new(sealed.clone());
        Self { store, sealed, metered, prefix: prefix.trim_matches('/').to_owned() }
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

    /// The store itself, in which encrypted objects are as they are stored.
    #[must_use]
    pub fn bare(&self) -> &dyn Store {
        &self.metered
    }

    /// What is put here can be read back: it is not encrypted, or an identity is at hand.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.sealed.keys().is_readable()
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

    /// Stores an LTX file, whose timestamp is that of its header. If it is encrypted, it has another
    /// length there, which is returned.
    ///
    /// # Errors
    /// If the store fails, or the mode forbids it.
    pub async fn put_ltx(
        &self,
        level: Level,
        name: Name,
        body: Body,
        put: Put,
    ) -> Result<Option<u64>, Error> {
        self.put_ltx_telling(level, name, body, put, untold()).await
    }

    /// The same. If the object is encrypted, its last bytes are told before it can be in the store.
    ///
    /// # Errors
    /// As [`Self::put_ltx`].
    pub async fn put_ltx_telling(
        &self,
        level: Level,
        name: Name,
        body: Body,
        put: Put,
        tell: TailFn,
    ) -> Result<Option<u64>, Error> {
        Ok(self.sealed.put_telling(&self.ltx_key(level, name), body, put, tell).await?.1)
    }

    /// The last bytes of an LTX file as it is stored.
    ///
    /// # Errors
    /// If there is none, or the store fails.
    pub async fn ltx_tail(&self, level: Level, name: Name) -> Result<Tail, Error> {
        let key = self.ltx_key(level, name);
        let size = self.bare().head(&key).await?.size;
        let range = size.saturating_sub(size_of::<Tail>() as u64)..size;
        let bytes = self.bare().get_range(&key, range).await?;
        bytes.as_ref().try_into().map_err(|_short| Error::Range { key })
    }

    /// The trailer of an LTX file of which a listing says it has this size, and its length.
    ///
    /// # Errors
    /// If there is none, or the store fails.
    pub async fn ltx_trailer(
        &self,
        level: Level,
        name: Name,
        size: u64,
    ) -> Result<(u64, [u8; TRAILER_LEN]), Error> {
        let key = self.ltx_key(level, name);
        let length = self.store.length(&key, size).await?;
        let range = length.saturating_sub(TRAILER_LEN as u64)..length;
        let bytes = self.store.get_range(&key, range).await?;
        let trailer = bytes.as_ref().try_into().map_err(|_short| Error::Range { key })?;
        Ok((length, trailer))
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

    /// Reads the header of an LTX file; or what is wrong with it.
    ///
    /// # Errors
    /// If there is none, or the store fails.
    pub async fn ltx_header(&self, file: &LtxFile) -> Result<Result<Header, ltx::Error>, Error> {
        let key = self.ltx_key(file.level, file.name);
        let length = self.store.length(&key, file.size).await?;
        let bytes = self.store.get_range(&key, 0..length.min(HEADER_LEN as u64)).await?;
        let header = Header::decode(&bytes).and_then(|header| {
            header.require(file.name)?;
            Ok(header)
        });
        Ok(header.map_err(|error| error.of(&key)))
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
