//! Directories that outlive the machine's death.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes a directory and what is above it, each on the disk before the next.
///
/// # Errors
/// If one cannot be made or synced.
pub(crate) fn make_directories(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let above = directory.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        make_directories(above)?;
    }
    match fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    above.map_or(Ok(()), sync_directory)
}

/// Puts the names in a directory on the disk.
///
/// # Errors
/// If it cannot be opened or synced.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
