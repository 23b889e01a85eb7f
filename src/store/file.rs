//! A store in a directory: a key is a path below it.
//!
//! An object appears whole or not at all, and is on the disk before `put` returns: written aside,
//! synced, renamed, the directory synced. Its timestamp is the file's modification time, as
//! Litestream has it.

use super::directory::{make_directories, sync_directory};
use super::{Body, BoxFuture, Error, Etag, Layout, Object, Put, PutMode, Store};
use bytes::Bytes;
use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tempfile::NamedTempFile;

/// A store in a directory, which is made when something is put.
#[derive(Clone, Debug)]
pub struct FileStore {
    root: PathBuf,
    /// Directories in which this process has put something.
    known: Arc<Mutex<HashSet<PathBuf>>>,
}

impl FileStore {
    /// The store in this directory.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), known: Arc::default() }
    }

    /// The file an object is kept in.
    ///
    /// # Errors
    /// If the key would lead out of the directory.
    pub fn path(&self, key: &str) -> Result<PathBuf, Error> {
        let path = Path::new(key);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        if plain && !key.is_empty() {
            Ok(self.root.join(path))
        } else {
            Err(Error::Key { key: key.to_owned() })
        }
    }

    /// Runs blocking work where blocking is allowed.
    fn run<'a, T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> BoxFuture<'a, T> {
        let store = self.clone();
        Box::pin(async move {
            let task = tokio::task::spawn_blocking(move || work(&store));
            task.await.unwrap_or(Err(Error::Stopped))
        })
    }

    fn put_file(&self, key: &str, body: Body, put: &Put) -> Result<Etag, Error> {
        let path = self.path(key)?;
        let directory = path.parent().unwrap_or(&self.root);
        self.prepare(directory).map_err(|error| Error::io(directory, error))?;
        let mut file = NamedTempFile::with_prefix_in(TEMP_PREFIX, directory)
            .map_err(|error| Error::io(directory, error))?;
        write_body(file.as_file_mut(), body, put.timestamp_ms).map_err(|fault| fault.at(&path))?;
        let metadata = match &put.mode {
            PutMode::Overwrite => replace(file, &path)?,
            PutMode::IfAbsent => place(file, &path, key)?,
            PutMode::IfMatch(etag) => replace_if(file, &path, key, etag)?,
        };
        sync_directory(directory).map_err(|error| Error::io(directory, error))?;
        Ok(etag(&metadata))
    }

    /// Makes a directory, and clears it of what a process that was killed left half written.
    fn prepare(&self, directory: &Path) -> io::Result<()> {
        make_directories(directory)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.insert(directory.to_owned()) {
            remove_abandoned(directory, SystemTime::now())?;
        }
        Ok(())
    }

    fn open(&self, key: &str) -> Result<(File, Object), Error> {
        let path = self.path(key)?;
        let open = || {
            let file = File::open(&path)?;
            let metadata = file.metadata()?;
            Ok((file, metadata))
        };
        let (file, metadata) = open().map_err(|error| missing_or_io(key, &path, error))?;
        Ok((file, describe(key.to_owned(), &metadata)))
    }

    fn read_range(&self, key: &str, range: &Range<u64>) -> Result<Bytes, Error> {
        let (mut file, object) = self.open(key)?;
        if range.start > range.end || range.end > object.size {
            return Err(Error::Range { key: key.to_owned() });
        }
        let mut read = || {
            file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = vec![0; (range.end - range.start) as usize];
            file.read_exact(&mut bytes).map(|()| bytes)
        };
        Ok(read().map_err(|error| missing_or_io(key, Path::new(key), error))?.into())
    }

    fn list_files(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Object>, Error> {
        let directory = prefix.rsplit_once('/').map_or("", |(directory, _)| directory);
        let start = if directory.is_empty() { self.root.clone() } else { self.path(directory)? };
        let mut found = Vec::new();
        let mut pending = vec![(directory.to_owned(), start)];
        while let Some((parent, path)) = pending.pop() {
            let listed = list_directory(&parent, &path, prefix, after);
            let (objects, below) = listed.map_err(|error| Error::io(&path, error))?;
            found.extend(objects);
            pending.extend(below.into_iter().map(|key| (key.clone(), self.root.join(key))));
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }
}

impl Store for FileStore {
    fn put<'a>(&'a self, key: &'a str, body: Body, put: Put) -> BoxFuture<'a, Etag> {
        let key = key.to_owned();
        self.run(move |store| store.put_file(&key, body, &put))
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, (Object, Bytes)> {
        let key = key.to_owned();
        self.run(move |store| {
            let (mut file, object) = store.open(&key)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(|error| Error::io(Path::new(&key), error))?;
            Ok((object, bytes.into()))
        })
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Bytes> {
        let key = key.to_owned();
        self.run(move |store| store.read_range(&key, &range))
    }

    fn head<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Object> {
        let key = key.to_owned();
        self.run(move |store| store.open(&key).map(|(_, object)| object))
    }

    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Vec<Object>> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        self.run(move |store| store.list_files(&prefix, after.as_deref()))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        let key = key.to_owned();
        self.run(move |store| {
            let path = store.path(&key)?;
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(Error::io(&path, error))
                }
                _ => Ok(()),
            }
        })
    }

    fn layout(&self) -> Layout {
        Layout::Decimal
    }
}

const TEMP_PREFIX: &str = ".tmp-";

/// Nothing takes an hour to write but what nobody writes any more.
fn remove_abandoned(directory: &Path, now: SystemTime) -> io::Result<()> {
    const ABANDONED_AFTER_S: i64 = 3600;
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let aside = entry.file_name().as_encoded_bytes().starts_with(TEMP_PREFIX.as_bytes());
        // The time of modification may be set to any time already.
        let written_s = |metadata: Metadata| metadata.ctime();
        let old = |written: i64| written + ABANDONED_AFTER_S < now.as_secs() as i64;
        if aside && entry.metadata().map(written_s).is_ok_and(old) {
            // Another process may have been faster.
            drop(fs::remove_file(entry.path()));
        }
    }
    Ok(())
}

/// Why a body was not written: its destination failed, or it did.
enum WriteFault {
    Io(io::Error),
    Body(Error),
}

impl WriteFault {
    fn at(self, path: &Path) -> Error {
        match self {
            Self::Io(error) => Error::io(path, error),
            Self::Body(error) => error,
        }
    }
}

impl From<io::Error> for WriteFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn write_body(file: &mut File, body: Body, timestamp_ms: Option<i64>) -> Result<(), WriteFault> {
    match body {
        Body::Bytes(bytes) => file.write_all(&bytes)?,
        Body::File(path) => {
            let mut source =
                File::open(&path).map_err(|error| WriteFault::Body(Error::io(&path, error)))?;
            io::copy(&mut source, file)?;
        }
        Body::Stream(mut stream) => {
            while let Some(piece) = stream.blocking_next().map_err(WriteFault::Body)? {
                file.write_all(&piece)?;
            }
        }
    }
    if let Some(time) = timestamp_ms.and_then(system_time) {
        file.set_modified(time)?;
    }
    Ok(file.sync_all()?)
}

fn replace(file: NamedTempFile, path: &Path) -> Result<Metadata, Error> {
    let file = file.persist(path).map_err(|error| Error::io(path, error.error))?;
    file.metadata().map_err(|error| Error::io(path, error))
}

fn place(file: NamedTempFile, path: &Path, key: &str) -> Result<Metadata, Error> {
    let file = file.persist_noclobber(path).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => Error::AlreadyExists { key: key.to_owned() },
        _ => Error::io(path, error.error),
    })?;
    file.metadata().map_err(|error| Error::io(path, error))
}

/// Compares and replaces under a lock on the directory, which every writer of this kind takes.
fn replace_if(
    file: NamedTempFile,
    path: &Path,
    key: &str,
    expected: &Etag,
) -> Result<Metadata, Error> {
    let changed = || Error::Precondition { key: key.to_owned() };
    let directory = path.parent().unwrap_or(path);
    let lock = File::open(directory).map_err(|error| Error::io(directory, error))?;
    lock.lock().map_err(|error| Error::io(directory, error))?;
    match fs::metadata(path) {
        Ok(found) if etag(&found) == *expected => replace(file, path),
        Ok(_) => Err(changed()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(changed()),
        Err(error) => Err(Error::io(path, error)),
    }
}

/// The objects in one directory, and the directories below that may hold more.
fn list_directory(
    parent: &str,
    path: &Path,
    prefix: &str,
    after: Option<&str>,
) -> io::Result<(Vec<Object>, Vec<String>)> {
    let (mut objects, mut below) = (Vec::new(), Vec::new());
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((objects, below)),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with(TEMP_PREFIX)) else {
            continue;
        };
        let key = if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") };
        if entry.file_type()?.is_dir() {
            let reachable = key.starts_with(prefix) || prefix.starts_with(&format!("{key}/"));
            below.extend(reachable.then_some(key));
        } else if key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after) {
            objects.extend(describe_entry(key, &entry)?);
        }
    }
    Ok((objects, below))
}

/// `None` for a file that was removed since the directory was read.
fn describe_entry(key: String, entry: &fs::DirEntry) -> io::Result<Option<Object>> {
    match entry.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        metadata => Ok(Some(describe(key, &metadata?))),
    }
}

fn describe(key: String, metadata: &Metadata) -> Object {
    let modified_ms = metadata.modified().ok().and_then(unix_ms);
    Object {
        key,
        size: metadata.len(),
        etag: Some(etag(metadata)),
        modified_ms,
        timestamp_ms: modified_ms,
    }
}

/// Every put makes a new file, so the file's identity and the time it got its name tell versions
/// apart; the modification time does not, since it is the writer's to set.
fn etag(metadata: &Metadata) -> Etag {
    let (seconds, nanos) = (metadata.ctime(), metadata.ctime_nsec());
    format!("{:x}-{seconds:x}.{nanos:x}-{:x}", metadata.ino(), metadata.len())
}

fn system_time(ms: i64) -> Option<SystemTime> {
    let distance = Duration::from_millis(ms.unsigned_abs());
    if ms < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    }
}

fn unix_ms(time: SystemTime) -> Option<i64> {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).ok(),
        Err(before) => i64::try_from(before.duration().as_millis()).ok().map(|ms| -ms),
    }
}

fn missing_or_io(key: &str, path: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::NotFound { key: key.to_owned() },
        _ => Error::io(path, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_abandoned_is_removed_after_an_hour() {
        let directory = tempfile::tempdir().unwrap();
        for name in [".tmp-abc", "kept.ltx"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let left_after = |minutes: u64| {
            let now = SystemTime::now() + Duration::from_secs(minutes * 60);
            remove_abandoned(directory.path(), now).unwrap();
            fs::read_dir(directory.path()).unwrap().count()
        };
        assert_eq!((left_after(50), left_after(70)), (2, 1));
    }
}
