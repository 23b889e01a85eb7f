//! The flags that name files which nobody serves, the same for all subcommands that read
//! `litestream.yml`, too.

use crate::config::{self, Config, Layer};
use std::path::PathBuf;

/// Which files.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Unserved {
    /// SQLite files, and directories of them
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Read what is not given here from a file: egret.toml, or a litestream.yml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Unserved {
    /// These flags and others over the file; each answer is of files that have the same backups.
    ///
    /// # Errors
    /// The flags or the file are wrong.
    pub fn read(&self, flags: Layer) -> Result<Vec<Config>, config::Error> {
        let paths = (!self.paths.is_empty()).then(|| self.paths.clone());
        Config::read_unserved(Layer { paths, ..flags }, self.config.as_deref())
    }
}
