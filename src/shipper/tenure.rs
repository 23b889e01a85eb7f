//! What a file is to the places it is shipped to: `.<file>-egret/leases.json` tells which leases were its
//! own, and `shipped` what one that followed was when it was shipped first.
//!
//! What enters: the leases that are written from here. What leaves: whether one that is found beside a
//! backup is this file's still, or another's since. That is known after a restart, a move or a
//! restore of the whole directory, when [`Holder`](super::lease::Holder) names somebody else, and of a
//! backup however its URL is written: the first lease there gives the place a name, and all that follow
//! keep it. What nobody wrote down is a file that is new there.

use super::lease::Text;
use super::{Error, log, state_directory, state_file};
use crate::store::sync_directory;
use crate::wal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const FILE: &str = "leases.json";

/// How far a file is that follows, in its state directory: kept by who follows, until the file is shipped
/// instead.
pub(crate) const POSITION: &str = "position";

/// What such a file was when it was shipped first.
const SHIPPED: &str = "shipped";

/// So many leases of one place are known.
const TERMS_MAX: usize = 32;

/// What is known of a file's leases, in all places.
#[derive(Debug)]
pub(super) struct Tenures {
    path: PathBuf,
    places: Mutex<Places>,
}

/// By the names of the places.
type Places = BTreeMap<String, Terms>;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Terms {
    /// Leases that were this file's, the newest last.
    had: Vec<Term>,
    /// One that was about to be: it may have arrived.
    wanted: Option<Term>,
}

/// A lease: no two writers have the same in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Term {
    epoch: u64,
    id: String,
}

/// Whose a lease is that is found beside a backup of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This file's, or a copy's of it.
    Own,
    /// Another's, since the backup was this file's.
    Successors,
    /// Another's, in a place that was never this file's as far as is known.
    Strangers,
}

impl Term {
    fn of(text: &Text) -> Self {
        Self { epoch: text.epoch, id: text.holder.id.clone() }
    }
}

impl Tenures {
    /// What is known of a file's leases. What cannot be read is not known.
    pub(super) fn open(database: &Path) -> Self {
        let path = state_directory(database).join(FILE);
        Self { path, places: Mutex::new(state_file::read(database, FILE)) }
    }

    /// Whose the lease is that was found.
    pub(super) fn whose(&self, found: &Text) -> Whose {
        let (places, term) = (self.lock(), Term::of(found));
        let known = found.place.as_ref().and_then(|place| places.get(place));
        let Some(known) = known else { return Whose::Strangers };
        if known.had.contains(&term) || known.wanted.as_ref() == Some(&term) {
            return Whose::Own;
        }
        if known.had.is_empty() { Whose::Strangers } else { Whose::Successors }
    }

    /// A lease is about to be written, and may arrive although nobody hears of it.
    ///
    /// # Errors
    /// If that cannot be kept.
    pub(super) fn want(&self, next: &Text) -> Result<(), Error> {
        let Some(place) = &next.place else { return Ok(()) };
        let mut places = self.lock();
        places.entry(place.clone()).or_default().wanted = Some(Term::of(next));
        self.write(&places)
    }

    /// A lease was written, and is this file's.
    ///
    /// # Errors
    /// If that cannot be kept.
    pub(super) fn have(&self, text: &Text) -> Result<(), Error> {
        let Some(place) = &text.place else { return Ok(()) };
        let (mut places, term) = (self.lock(), Term::of(text));
        let terms = places.entry(place.clone()).or_default();
        if terms.had.contains(&term) && terms.wanted.is_none() && self.path.exists() {
            return Ok(());
        }
        terms.had.retain(|had| *had != term);
        terms.had.push(term);
        let beyond = terms.had.len().saturating_sub(TERMS_MAX);
        terms.had.drain(..beyond);
        terms.wanted = None;
        self.write(&places)
    }

    /// Where a file that followed says how far it is.
    pub(super) fn position(&self) -> PathBuf {
        self.path.with_file_name(POSITION)
    }

    /// A file that followed has the lease of what it followed: it is no replica any more.
    ///
    /// # Errors
    /// If that cannot be kept.
    pub(super) fn promote(&self) -> Result<(), Error> {
        let (path, directory) = (self.position(), self.path.parent().unwrap_or(&self.path));
        log::remove(&path).and_then(|()| sync_directory(directory)).map_err(Error::io(&path))
    }

    fn write(&self, places: &Places) -> Result<(), Error> {
        let bytes = serde_json::to_vec(places).unwrap_or_default();
        state_file::replace_durably(&self.path, &bytes).map_err(Error::io(&self.path))
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file is shipped from now on: what is written to one that followed is its own.
///
/// # Errors
/// If that cannot be kept.
pub(super) fn begin(database: &Path) -> Result<(), Error> {
    let directory = state_directory(database);
    let path = directory.join(SHIPPED);
    if path.exists() || !directory.join(POSITION).exists() {
        return Ok(());
    }
    let text = written(database);
    state_file::replace_durably(&path, text.as_bytes()).map_err(Error::io(&path))
}

/// Whether something was written to a file that followed since it was shipped instead.
pub(crate) fn has_own(database: &Path) -> bool {
    let shipped = fs::read_to_string(state_directory(database).join(SHIPPED));
    shipped.is_ok_and(|before| before != written(database))
}

/// When a database and its log were written last, and their lengths. An empty log is as good as
/// none: whoever opens the file makes one, and the last to close it removes it.
pub(crate) fn written(database: &Path) -> String {
    let of = |path: &Path| {
        let metadata = fs::metadata(path).ok().filter(|metadata| metadata.len() > 0);
        metadata.map_or((0, 0, 0), |m| (m.mtime(), m.mtime_nsec(), m.len()))
    };
    let ((s, ns, len), (log_s, log_ns, log_len)) = (of(database), of(&wal::path_of(database)));
    format!("{s}.{ns:09} {len} {log_s}.{log_ns:09} {log_len}")
}

/// What stands under a database's name is not what was shipped from there: nothing of that is known any
/// more. Nobody may be shipping it.
///
/// # Errors
/// If something is left.
pub(crate) fn forget(database: &Path) -> io::Result<()> {
    log::remove_all(database)?;
    let directory = state_directory(database);
    [FILE, SHIPPED].iter().try_for_each(|name| log::remove(&directory.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(place: &str, epoch: u64, id: &str) -> Text {
        let lines = format!(
            "egret lease\nplace {place}\nepoch {epoch}\nrenewal 0\nstate held\nid {id}\nholder x\n"
        );
        lines.parse().unwrap()
    }

    #[test]
    fn a_lease_is_known_until_another_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("app.db");
        let tenures = Tenures::open(&database);
        assert_eq!(tenures.whose(&text("p", 1, "a")), Whose::Strangers);
        // What was only wanted makes nobody a successor.
        tenures.want(&text("p", 2, "b")).unwrap();
        assert_eq!(tenures.whose(&text("p", 1, "a")), Whose::Strangers);
        assert_eq!(tenures.whose(&text("p", 2, "b")), Whose::Own);
        tenures.have(&text("p", 2, "b")).unwrap();
        tenures.want(&text("p", 3, "c")).unwrap();
        let tenures = Tenures::open(&database);
        for own in [text("p", 2, "b"), text("p", 3, "c")] {
            assert_eq!(tenures.whose(&own), Whose::Own);
        }
        for other in [text("p", 1, "a"), text("p", 3, "d"), text("p", 4, "c")] {
            assert_eq!(tenures.whose(&other), Whose::Successors);
        }
        // Another place knows nothing of this one.
        tenures.have(&text("q", 1, "c")).unwrap();
        assert_eq!(tenures.whose(&text("q", 2, "d")), Whose::Successors);
        assert_eq!(tenures.whose(&text("r", 2, "d")), Whose::Strangers);
        assert_eq!(tenures.whose(&text("p", 2, "b")), Whose::Own);
        // What somebody deletes under a process that has the lease is written again.
        forget(&database).unwrap();
        forget(&database).unwrap();
        assert_eq!(Tenures::open(&database).whose(&text("q", 2, "d")), Whose::Strangers);
        tenures.have(&text("q", 1, "c")).unwrap();
        assert_eq!(Tenures::open(&database).whose(&text("q", 2, "d")), Whose::Successors);
    }
}
