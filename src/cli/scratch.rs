//! The flag that says where a backup is restored to when only a comparison is wanted.

use std::io;
use std::path::PathBuf;
use tempfile::TempDir;

/// Where.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Scratch {
    /// A directory with room for the database [default: one for temporary files]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

impl Scratch {
    /// A new directory there, which is gone when it is dropped.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn directory(&self) -> io::Result<TempDir> {
        self.scratch.as_ref().map_or_else(tempfile::tempdir, tempfile::tempdir_in)
    }
}
