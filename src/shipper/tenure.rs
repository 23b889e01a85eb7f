//! Which lease of a destination was this file's last: `.<file>-egret/lease-<destination>`.
//!
//! What enters: the lease that is about to be written to a destination. What leaves: whether one that is
//! found there is this file's still, or another's since. It is known after a restart, a move or a
//! restore of the whole directory, when [`Holder`](super::lease::Holder) names somebody else. What
//! nobody wrote down is a file that is new there.

use super::lease::Text;
use super::state_file::{self, of_destination};
use super::{Error, log, state_directory};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

const KIND: &str = "lease";

/// What is known of one destination's leases.
#[derive(Debug)]
pub(super) struct Tenure {
    path: PathBuf,
}

/// A lease: no two writers have the same.
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
    /// It was this file's before.
    Successors,
    /// It never was this file's, as far as is known.
    Strangers,
}

impl Term {
    fn of(text: &Text) -> Self {
        Self { epoch: text.epoch, id: text.holder.id.clone() }
    }
}

impl Tenure {
    /// What is known of a file's destination of this name.
    pub(super) fn of(database: &Path, destination: &str) -> Self {
        Self { path: state_directory(database).join(of_destination(KIND, destination)) }
    }

    /// Whose the lease is that was found.
    pub(super) fn whose(&self, found: &Text) -> Whose {
        let terms = self.terms();
        match terms.contains(&Term::of(found)) {
            true => Whose::Own,
            false if terms.is_empty() => Whose::Strangers,
            false => Whose::Successors,
        }
    }

    /// A lease is about to be written in the place of another. Both are this file's, since it may not
    /// arrive.
    ///
    /// # Errors
    /// If that cannot be kept.
    pub(super) fn begin(&self, before: Option<&Text>, next: &Text) -> Result<(), Error> {
        let known = self.terms();
        let before = before.map(Term::of).filter(|term| known.contains(term));
        let terms: Vec<_> = before.into_iter().chain([Term::of(next)]).collect();
        let bytes = serde_json::to_vec(&terms).unwrap_or_default();
        state_file::replace_durably(&self.path, &bytes).map_err(Error::io(&self.path))
    }

    fn terms(&self) -> Vec<Term> {
        let bytes = fs::read(&self.path).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }
}

/// What stands under a database's name is not what was shipped from there: nothing of that is known any
/// more.
///
/// # Errors
/// If something is left.
pub(crate) fn forget(database: &Path) -> io::Result<()> {
    log::remove_all(database)?;
    let entries = match fs::read_dir(state_directory(database)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&format!("{KIND}-")) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(epoch: u64, id: &str) -> Text {
        let lines =
            format!("egret lease\nepoch {epoch}\nrenewal 0\nstate held\nid {id}\nholder x\n");
        lines.parse().unwrap()
    }

    #[test]
    fn a_lease_is_known_until_another_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("app.db");
        fs::create_dir(state_directory(&database)).unwrap();
        let tenure = Tenure::of(&database, "s3://b/p");
        assert_eq!(tenure.whose(&text(1, "a")), Whose::Strangers);
        tenure.begin(Some(&text(1, "a")), &text(2, "b")).unwrap();
        assert_eq!(tenure.whose(&text(1, "a")), Whose::Successors);
        assert_eq!(tenure.whose(&text(2, "b")), Whose::Own);
        // It may not have arrived.
        tenure.begin(Some(&text(2, "b")), &text(3, "c")).unwrap();
        assert_eq!(tenure.whose(&text(2, "b")), Whose::Own);
        assert_eq!(tenure.whose(&text(3, "c")), Whose::Own);
        for other in [text(3, "d"), text(4, "c")] {
            assert_eq!(tenure.whose(&other), Whose::Successors);
        }
        assert_eq!(Tenure::of(&database, "s3://b/q").whose(&text(3, "d")), Whose::Strangers);
        forget(&database).unwrap();
        forget(&database).unwrap();
        assert_eq!(tenure.whose(&text(3, "d")), Whose::Strangers);
    }
}
