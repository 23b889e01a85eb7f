//! The blocking part of a restore: planned files in, the output out.

use super::inputs::{Input, open_inputs};
use super::pieces::{self, Pieces};
use super::scratch::{Scratch, UNFINISHED};
use super::{Error, Options, Progress, ProgressFn, Restored, clear_the_way};
use crate::ltx::{self, Decoder, Merge, write_database};
use crate::shipper::{Lock, plan, state_directory, tenure};
use crate::sqlite::{Integrity, integrity_check};
use crate::store::{self, LtxFile, Replica};
use std::fs::{self, File, Permissions};
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
        let mut scratch = Scratch::open(&self.output)?;
        let bytes = self.bytes();
        let kept =
            if self.is_resumable() { pieces::kept(&self.files, &scratch.pieces()) } else { 0 };
        (self.progress)(Progress::Planned { files: self.files.len(), bytes, kept });
        let mut done = self.run_in(&scratch, kept);
        if kept > 0 && done.as_ref().is_err_and(Error::is_corruption) {
            tracing::warn!("what was kept of an interrupted restore is damaged: starting over");
            let path = scratch.pieces();
            fs::remove_dir_all(&path).map_err(|source| Error::Io { path, source })?;
            done = self.run_in(&scratch, 0);
        }
        let goes_on = done.as_ref().is_err_and(Error::is_interruption);
        scratch.keep_pieces(goes_on && scratch.pieces().is_dir());
        done
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// What is quickly fetched again need not be kept.
    fn is_resumable(&self) -> bool {
        pieces::keepable(&self.files) >= self.options.resumable_bytes
    }

    fn run_in(&self, scratch: &Scratch, kept: u64) -> Result<Restored, Error> {
        let last = self.files.last().ok_or(plan::Error::Empty)?.clone();
        let io_error = |source| Error::Io { path: self.output.clone(), source };
        let file = create_aside(scratch.path()).map_err(io_error)?;
        let merge = self.open_in_room(scratch, kept)?;
        let header = self.write_pages(merge, file.as_file())?;
        file.as_file().sync_all().map_err(io_error)?;
        (self.progress)(Progress::Checking);
        check(file.path(), self.options.integrity)?;
        clear_the_way(&self.output, self.options.force)?;
        self.place(file)?;
        let directory = match self.output.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(io_error)?;
        // What was shipped from what stood here before is nothing that the file goes on from. Whoever is
        // at work on it notices by itself.
        if Lock::is_taken(&self.output) == Some(false)
            && let Err(error) = tenure::forget(&self.output)
        {
            let directory = state_directory(&self.output);
            tracing::warn!(directory = %directory.display(), %error, "delete this before the file is backed up");
        }
        Ok(Restored {
            txid: header.max_txid,
            timestamp_ms: header.timestamp_ms,
            pages: header.commit,
            page_size: header.page_size,
            files: self.files.len(),
            bytes: self.bytes(),
            last,
        })
    }

    /// Opens the files; keeps pieces of them if that is worth it and there is room beside the database.
    fn open_in_room(&self, scratch: &Scratch, kept: u64) -> Result<Merge<Input>, Error> {
        let len = |merge: &Merge<Input>| {
            u64::from(merge.header().commit) * u64::from(merge.header().page_size)
        };
        if self.is_resumable() {
            let merge = Merge::new(self.open_keeping(scratch)?)?;
            let pieces = pieces::keepable(&self.files).saturating_sub(kept);
            if scratch.require(len(&merge).saturating_add(pieces)).is_ok() {
                return Ok(merge);
            }
            // What is here already makes room for the database, if that is enough.
            scratch.require(len(&merge).saturating_sub(kept))?;
            drop(merge);
            tracing::info!("no room for what an interrupted restore would go on with");
            scratch.remove_pieces();
        }
        let merge = Merge::new(open_inputs(&self.replica, &self.files, scratch.path())?)?;
        scratch.require(len(&merge))?;
        Ok(merge)
    }

    fn open_keeping(&self, scratch: &Scratch) -> Result<Vec<Decoder<Input>>, Error> {
        let path = scratch.pieces();
        let pieces = Pieces::open(&self.replica, &self.files, &path)
            .map_err(|source| Error::Io { path, source })?;
        open_inputs(&self.replica.through(pieces), &self.files, scratch.path())
    }

    fn write_pages(&self, merge: Merge<Input>, file: &File) -> Result<ltx::Header, Error> {
        const STEP: u32 = 256;
        let (total, page_size) = (merge.header().commit, u64::from(merge.header().page_size));
        let bytes = |pages: u32| u64::from(pages) * page_size;
        let wanted = Wanted { file, wanted: &self.wanted };
        let mut writer = BufWriter::with_capacity(1 << 20, wanted);
        let header = write_database(merge, &mut writer, |done| {
            if done % STEP == 0 || done == total {
                (self.progress)(Progress::Bytes { done: bytes(done), total: bytes(total) });
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
fn create_aside(directory: &Path) -> io::Result<NamedTempFile> {
    // As SQLite makes database files; the process's mask applies.
    let permissions = Permissions::from_mode(0o644);
    tempfile::Builder::new().prefix(UNFINISHED).permissions(permissions).tempfile_in(directory)
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
