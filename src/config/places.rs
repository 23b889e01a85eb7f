//! Places that backups go to in; whether each has one of its own out.

use super::Error;
use crate::store::Location;
use std::collections::BTreeSet;

/// Backups are told apart by their names, and each is the only writer where it is.
pub(super) fn distinct(backups: &[Location]) -> Result<(), Error> {
    apart(backups)?;
    let mut names = BTreeSet::new();
    match backups.iter().map(Location::name).find(|name| !names.insert(name.clone())) {
        Some(name) => Err(Error::SameName(name)),
        None => Ok(()),
    }
}

/// No two of them are in one place.
pub(super) fn apart<'a>(backups: impl IntoIterator<Item = &'a Location>) -> Result<(), Error> {
    let mut before: Vec<&Location> = Vec::new();
    for backup in backups {
        if before.iter().any(|other| backup.place.is_at(&other.place)) {
            return Err(Error::SamePlace(backup.to_string()));
        }
        before.push(backup);
    }
    Ok(())
}
