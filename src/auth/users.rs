//! The users file in, users out; read again when it has changed, and replaced whole when edited.
//!
//! ```toml
//! [[user]]
//! name = "ann"
//! verifier = "SCRAM-SHA-256$4096:...$...:..."
//! read_only = true
//! databases = ["app"]
//! ```

use super::{Error, Verifier};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Where users are kept when nothing else is said: in the working directory.
pub const USERS_FILE: &str = "egret-users.toml";

/// Somebody who may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name given at startup.
    pub name: String,
    /// What is stored of the password.
    pub verifier: Verifier,
    /// May not write.
    pub read_only: bool,
    /// The databases that may be connected to; empty for all.
    pub databases: Vec<String>,
}

impl User {
    /// The user may connect to this database.
    #[must_use]
    pub fn may_connect(&self, database: &str) -> bool {
        self.databases.is_empty() || self.databases.iter().any(|allowed| allowed == database)
    }
}

/// The users of a file.
#[derive(Debug)]
pub struct Users {
    path: PathBuf,
    read: Mutex<Read>,
}

/// What was read, and the state of the file it was read from.
#[derive(Debug)]
struct Read {
    stamp: Option<Stamp>,
    by_name: BTreeMap<String, Arc<User>>,
}

/// A file that has another stamp is another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Users {
    /// Reads a users file; one that does not exist has no users.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, has unknown keys, a malformed verifier or a name twice.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let stamp = stamp(&path);
        let read = Read { stamp, by_name: read(&path)? };
        warn_of_readers(&path);
        Ok(Self { path, read: Mutex::new(read) })
    }

    /// The user of a name, as the file has it now. A file that has become unreadable is reported
    /// to the log, and what was read before holds.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<User>> {
        self.current().by_name.get(name).cloned()
    }

    /// There is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.current().by_name.is_empty()
    }

    /// Everybody, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<User>> {
        self.current().by_name.values().cloned().collect()
    }

    /// Adds a user and replaces the file.
    ///
    /// # Errors
    /// The name is taken, or the file cannot be written.
    pub fn add(&self, user: User) -> Result<(), Error> {
        let mut current = self.current();
        if current.by_name.contains_key(&user.name) {
            return Err(Error::DuplicateUser(user.name));
        }
        let mut changed = current.by_name.clone();
        changed.insert(user.name.clone(), Arc::new(user));
        self.replace(&mut current, changed)
    }

    /// Removes a user and replaces the file.
    ///
    /// # Errors
    /// There is no such user, or the file cannot be written.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        let mut current = self.current();
        let mut changed = current.by_name.clone();
        if changed.remove(name).is_none() {
            return Err(Error::UnknownUser(name.to_owned()));
        }
        self.replace(&mut current, changed)
    }

    /// What the file says now.
    fn current(&self) -> MutexGuard<'_, Read> {
        let mut current = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(&self.path);
        if stamp != current.stamp {
            match read(&self.path) {
                Ok(by_name) => current.by_name = by_name,
                Err(error) => tracing::error!("{error}; the users read before stay"),
            }
            current.stamp = stamp;
        }
        current
    }

    fn replace(
        &self,
        current: &mut Read,
        changed: BTreeMap<String, Arc<User>>,
    ) -> Result<(), Error> {
        let entries = changed.values().map(|user| Entry::from(&**user)).collect();
        let text = toml::to_string(&Table { user: entries })
            .map_err(|source| Error::Format { path: self.path.clone(), source })?;
        write_privately(&self.path, &text).map_err(|source| file("write", &self.path, source))?;
        *current = Read { stamp: stamp(&self.path), by_name: changed };
        Ok(())
    }
}

/// The file as TOML has it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    user: Vec<Entry>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    verifier: String,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    databases: Vec<String>,
}

impl From<&User> for Entry {
    fn from(user: &User) -> Self {
        Self {
            name: user.name.clone(),
            verifier: user.verifier.to_string(),
            read_only: user.read_only,
            databases: user.databases.clone(),
        }
    }
}

impl Entry {
    fn user(self) -> Result<User, Error> {
        let Self { name, verifier, read_only, databases } = self;
        match verifier.parse() {
            Ok(verifier) => Ok(User { name, verifier, read_only, databases }),
            Err(_malformed) => Err(Error::BadVerifier(name)),
        }
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, Arc<User>>, Error> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(file("read", path, source)),
    };
    let table: Table = toml::from_str(&text)
        .map_err(|source| Error::Syntax { path: path.to_owned(), source: Box::new(source) })?;
    let mut by_name = BTreeMap::new();
    for entry in table.user {
        let user = entry.user()?;
        if let Some(twice) = by_name.insert(user.name.clone(), Arc::new(user)) {
            return Err(Error::DuplicateUser(twice.name.clone()));
        }
    }
    Ok(by_name)
}

/// Who reads verifiers may guess passwords as fast as a machine can.
fn warn_of_readers(path: &Path) {
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.mode());
    if mode & 0o077 != 0 {
        let path = path.display();
        tracing::warn!("{path} is open to others than its owner: chmod 600 {path}");
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    let (length, inode) = (metadata.len(), metadata.ino());
    Some(Stamp { modified: metadata.modified().ok(), length, inode })
}

/// Writes aside, readable by the owner only, and renames: a reader sees the old file or the new.
fn write_privately(path: &Path, text: &str) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut aside = tempfile::NamedTempFile::new_in(directory)?;
    aside.write_all(text.as_bytes())?;
    aside.as_file().sync_all()?;
    aside.persist(path).map_err(|error| error.error)?;
    fs::File::open(directory)?.sync_all()
}

fn file(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn user(name: &str) -> User {
        let verifier = Verifier::from_password(name).unwrap();
        User { name: name.into(), verifier, read_only: true, databases: vec!["app".into()] }
    }

    #[test]
    fn edit_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.toml");
        let users = Users::load(&path).unwrap();
        assert!(users.is_empty());
        let other = Users::load(&path).unwrap();
        users.add(user("ann")).unwrap();
        users.add(user("bob")).unwrap();
        assert!(matches!(users.add(user("ann")), Err(Error::DuplicateUser(_))));
        assert_eq!(other.find("ann"), users.find("ann"));
        assert!(other.find("ann").unwrap().verifier.accepts("ann"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        users.remove("ann").unwrap();
        assert!(matches!(users.remove("ann"), Err(Error::UnknownUser(_))));
        assert_eq!(other.find("ann"), None);
        let names: Vec<String> = other.list().iter().map(|user| user.name.clone()).collect();
        assert_eq!(names, ["bob"]);
        fs::write(&path, "nonsense").unwrap();
        assert!(other.find("bob").is_some());
    }

    #[test]
    fn bad_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.toml");
        let verifier = Verifier::from_password("x").unwrap();
        let ann = format!("[[user]]\nname = \"ann\"\nverifier = \"{verifier}\"\n");
        for (text, wrong) in [
            (format!("{ann}{ann}"), "user \"ann\" exists already"),
            (ann.replace("SCRAM", "scram"), "verifier of user \"ann\" is malformed"),
            (format!("{ann}admin = true\n"), "read users file"),
            ("users = 1".to_owned(), "read users file"),
        ] {
            fs::write(&path, &text).unwrap();
            let error = Users::load(&path).unwrap_err().to_string();
            assert!(error.starts_with(wrong), "{error}");
        }
        fs::write(&path, ann).unwrap();
        assert!(Users::load(&path).unwrap().find("ann").unwrap().may_connect("any"));
        assert!(!user("bob").may_connect("other"));
    }
}
