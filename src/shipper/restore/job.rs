//! The blocking part of a restore: planned files in, the output out.

use super::inputs::{Input, open_inputs};
use super::{Error, Options, Progress, ProgressFn, Restored, refuse_in_the_way};
use crate::ltx::{self, Merge, write_database};
use crate::shipper::plan;
use crate::sqlite::{Integrity, integrity_check};
use crate::store::{self, LtxFile, Replica};
use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use tempfile::NamedTempFile;

/// One restore, planned.
pub(super) struct Job {
    pub(super) replica: Replica,
    pub(super) files: Vec<LtxFile>,
    pub(super) output: PathBuf,
    pub(super) options: Options,
    pub(super) progress: ProgressFn,
    /// Lives as long as somebody waits for the result.
    pub(super) wanted: Weak<()>,
}

impl Job {
    pub(super) fn run(&self) -> Result<Restored, Error> {
        let last = self.files.last().ok_or(plan::Error::Empty)?.clone();
        let io_error = |source| Error::Io { path: self.output.clone(), source };
        let directory = match self.output.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let file = create_aside(&self.output, directory).map_err(io_error)?;
        let inputs = open_inputs(&self.replica, &self.files, directory)?;
        let header = self.write_pages(Merge::new(inputs)?, file.as_file())?;
        file.as_file().sync_all().map_err(io_error)?;
        (self.progress)(Progress::Checking);
        check(file.path(), self.options.integrity)?;
        refuse_in_the_way(&self.output, self.options.force)?;
        self.place(file)?;
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(io_error)?;
        Ok(Restored {
            txid: header.max_txid,
            timestamp_ms: header.timestamp_ms,
            pages: header.commit,
            page_size: header.page_size,
            files: self.files.len(),
            bytes: self.files.iter().map(|file| file.size).sum(),
            last,
        })
    }

    fn write_pages(&self, merge: Merge<Input>, file: &File) -> Result<ltx::Header, Error> {
        const STEP: u32 = 256;
        let total = merge.header().commit;
        let wanted = Wanted { file, wanted: &self.wanted };
        let mut writer = BufWriter::with_capacity(1 << 20, wanted);
        let header = write_database(merge, &mut writer, |done| {
            if done % STEP == 0 || done == total {
                (self.progress)(Progress::Pages { done, total });
            }
        })?;
        writer.flush().map_err(ltx::Error::from)?;
        Ok(header)
    }

    fn place(&self, file: NamedTempFile) -> Result<(), Error> {
        let path = self.output.clone();
        let placed =
            if self.options.force { file.persist(&path) } else { file.persist_noclobber(&path) };
        match placed.map_err(|error| error.error) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Error::Exists { path })
            }
            Err(source) => Err(Error::Io { path, source }),
        }
    }
}

/// Removed again unless it gets its name.
fn create_aside(output: &Path, directory: &Path) -> io::Result<NamedTempFile> {
    let name = output.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut prefix = name.to_owned();
    prefix.push(".tmp-");
    // As SQLite makes database files; the process's mask applies.
    let permissions = Permissions::from_mode(0o644);
    tempfile::Builder::new().prefix(&prefix).permissions(permissions).tempfile_in(directory)
}

fn check(path: &Path, integrity: Integrity) -> Result<(), Error> {
    let mut faults = integrity_check(path, integrity)?.into_iter();
    match faults.next() {
        None => Ok(()),
        Some(first) => Err(Error::Damaged { first, count: faults.len() + 1 }),
    }
}

/// A file that cannot be written to once nobody waits for it.
struct Wanted<'a> {
    file: &'a File,
    wanted: &'a Weak<()>,
}

impl Write for Wanted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.wanted.strong_count() == 0 {
            return Err(io::Error::other(store::Error::Stopped));
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
