//! Small files beside a file's local log, which outlive the process. Any may be missing or
//! damaged: nothing is lost but what it tells.

use super::{Error, state_directory};
use crate::store::{make_directories, sync_directory};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// What a file says; what nobody has said yet if it cannot be read.
pub(super) fn read<T: DeserializeOwned + Default>(database: &Path, name: &str) -> T {
    let bytes = fs::read(state_directory(database).join(name)).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Replaces a file.
pub(super) fn write(database: &Path, name: &str, value: &impl Serialize) -> Result<(), Error> {
    let path = state_directory(database).join(name);
    replace(&path, &serde_json::to_vec(value).unwrap_or_default()).map_err(Error::io(&path))
}

/// Replaces what a file holds: on disk when this returns.
pub(super) fn replace_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (directory, aside) = (path.parent().unwrap_or(path), path.with_extension("tmp"));
    make_directories(directory)?;
    let mut file = File::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    sync_directory(directory)
}

/// Replaces what a file holds: nobody finds half of it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("tmp");
    fs::write(&aside, bytes)?;
    fs::rename(&aside, path)
}
