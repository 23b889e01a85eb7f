//! The served files, by name.

use super::{Database, Options};
use crate::sqlite;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tracing::{info, warn};

/// File names that are taken for SQLite files in a directory.
const EXTENSIONS: [&str; 4] = ["db", "sqlite", "sqlite3", "db3"];

/// How deep a directory is searched.
const DEPTH_MAX: usize = 8;

/// The served files.
#[derive(Debug, Default)]
pub struct Files {
    paths: Vec<PathBuf>,
    options: Options,
    databases: Mutex<BTreeMap<String, Arc<Database>>>,
    /// All that are open, also those that sessions have left of what is served no more.
    opened: Mutex<Vec<Weak<Database>>>,
    /// Files in directories that cannot be served, and were told of.
    refused: Mutex<BTreeSet<PathBuf>>,
    /// Names of those that were not there when it was last looked.
    missing: Mutex<BTreeSet<String>>,
}

/// Why the files cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not there, or not to be read.
    #[error("open {}: {source}{}", path.display(), io_advice(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// SQLite cannot use it.
    #[error("open {}: {source}{}", path.display(), source.advice())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: sqlite::Error,
    },
    /// It was renamed, or has two names: SQLite has one log for each name, and mixes them up.
    #[error("open {}: it is still open as {}; it is taken when that is closed", path.display(), other.display())]
    OpenAs {
        /// The file.
        path: PathBuf,
        /// Its other name.
        other: PathBuf,
    },
    /// A device, a socket ...
    #[error("open {}: it is no file", .0.display())]
    NoFile(PathBuf),
    /// Two files would have one name.
    #[error("\"{}\" and \"{}\" would both be database \"{name}\"", first.display(), second.display())]
    Ambiguous {
        /// The name.
        name: String,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
}

impl Files {
    /// Opens the files, and those in directories. What lies in a directory and cannot be served is
    /// logged and left out: it may be anybody's, and become a database yet.
    ///
    /// # Errors
    /// A file given by name is not there, is no SQLite file, or has another one's name.
    pub fn open(paths: &[PathBuf], options: Options) -> Result<Self, Error> {
        let files = Self { paths: paths.to_vec(), options, ..Self::default() };
        for path in paths.iter().filter(|path| !path.is_dir()) {
            files.add(path, Path::new(path.file_name().unwrap_or_default()))?;
        }
        for path in paths.iter().filter(|path| path.is_dir()) {
            drop(path.read_dir().map_err(|source| Error::Io { path: path.clone(), source })?);
        }
        files.add_found(&files.search());
        Ok(files)
    }

    /// The database of a name; `app.db` is another name of `app`. If there is one file only and
    /// the name is the user's (a client that asks for none sends it), that file.
    #[must_use]
    pub fn find(&self, name: &str, user: &str) -> Option<Arc<Database>> {
        if let Some(found) = self.known(name) {
            return Some(found);
        }
        self.add_found(&self.search());
        let only = match self.all().as_slice() {
            [only] if name == user => Some(Arc::clone(only)),
            _ => None,
        };
        self.known(name).or(only)
    }

    /// The files that are in the directories now, each with its path there.
    #[must_use]
    pub fn search(&self) -> Vec<(PathBuf, PathBuf)> {
        let found = self.paths.iter().flat_map(|path| find(path));
        found.filter_map(|(file, relative)| Some((file, relative?))).collect()
    }

    /// Opens those that have come since.
    pub fn add_found(&self, found: &[(PathBuf, PathBuf)]) {
        for (path, relative) in found {
            let added = self.add(path, relative);
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            match added {
                Ok(()) => drop(refused.remove(path)),
                Err(error) if refused.insert(path.clone()) => warn!("not served: {error}"),
                Err(_) => {}
            }
        }
    }

    /// Serves those no longer that were in a directory and are gone, and returns them. One that was
    /// there when this was last asked may be about to be replaced, and stays; so do those of a directory
    /// that cannot be read.
    pub fn forget_removed(&self, found: &[(PathBuf, PathBuf)]) -> Vec<Arc<Database>> {
        let found: HashSet<&Path> = found.iter().map(|(path, _)| path.as_path()).collect();
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut databases = self.lock();
        let is_gone = |path: &Path| {
            let metadata = path.symlink_metadata();
            let is_gone = metadata.is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
            is_gone && !self.paths.iter().any(|given| given == path)
        };
        let unseen = databases.iter().filter(|(_, database)| !found.contains(database.path()));
        let gone = unseen.filter(|(_, database)| is_gone(database.path()));
        let before = std::mem::replace(&mut *missing, gone.map(|(name, _)| name.clone()).collect());
        let removed = before.intersection(&missing).filter_map(|name| {
            let removed = databases.remove(name)?;
            info!(database = name, file = %removed.path().display(), "removed: no longer served");
            Some(removed)
        });
        removed.collect()
    }

    /// All of them, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Database>> {
        self.lock().values().cloned().collect()
    }

    fn known(&self, name: &str) -> Option<Arc<Database>> {
        let databases = self.lock();
        databases.get(name).or_else(|| databases.get(stem(name))).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Database>>> {
        self.databases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, path: &Path, relative: &Path) -> Result<(), Error> {
        let name = stem(&relative.to_string_lossy()).to_owned();
        let mut databases = self.lock();
        if let Some(other) = databases.get(&name) {
            if other.path() == path {
                return Ok(());
            }
            let (first, second) = (other.path().to_owned(), path.to_owned());
            return Err(Error::Ambiguous { name, first, second });
        }
        let metadata = std::fs::metadata(path);
        let metadata = metadata.map_err(|source| Error::Io { path: path.to_owned(), source })?;
        if !metadata.is_file() {
            return Err(Error::NoFile(path.to_owned()));
        }
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.retain(|database| database.strong_count() > 0);
        let identity = (metadata.dev(), metadata.ino());
        let mut others = opened.iter().filter_map(Weak::upgrade);
        if let Some(other) = others.find(|other| other.keeps(identity)) {
            let (path, other) = (path.to_owned(), other.path().to_owned());
            return Err(Error::OpenAs { path, other });
        }
        let database = Database::open(&name, path, relative, &self.options)
            .map_err(|source| Error::Sqlite { path: path.to_owned(), source })?;
        let file = path.display();
        if self.options.unserved {
            info!(database = name, %file, "shipping");
        } else {
            info!(database = name, %file, "serving");
        }
        let database = Arc::new(database);
        opened.push(Arc::downgrade(&database));
        databases.insert(name, database);
        Ok(())
    }
}

/// What to do about it.
fn io_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "; an empty file would do as a new database, so create it if that is meant"
        }
        io::ErrorKind::PermissionDenied => "; let the user that runs egret read and write it",
        _ => "",
    }
}

fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, extension)) if EXTENSIONS.contains(&extension) => stem,
        _ => name,
    }
}

/// The SQLite files that a path names, each with its path in the directory that was named; a file has
/// none.
#[must_use]
pub fn find(path: &Path) -> Vec<(PathBuf, Option<PathBuf>)> {
    if !path.is_dir() {
        return vec![(path.to_owned(), None)];
    }
    let below = |file: PathBuf| {
        let relative = file.strip_prefix(path).ok().map(Path::to_owned);
        (file, relative)
    };
    files_below(path, DEPTH_MAX).into_iter().map(below).collect()
}

/// SQLite files below a directory, by their names; links and hidden directories are not followed.
fn files_below(directory: &Path, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !hidden && depth > 0 => {
                found.extend(files_below(&path, depth - 1));
            }
            Ok(kind) if kind.is_file() && !hidden && has_extension(&path) => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}

fn has_extension(path: &Path) -> bool {
    path.extension().is_some_and(|found| EXTENSIONS.iter().any(|e| found.eq_ignore_ascii_case(e)))
}
