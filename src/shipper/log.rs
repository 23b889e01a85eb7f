//! The local log: `.<file>-egret/ltx/0/<txid>-<txid>.ltx` beside the database.
//!
//! What enters: pages in ascending order. What leaves: LTX files that are on disk, whole, before
//! they have their name, and the newest of them read back and checked. The directory may be
//! deleted at any moment.

use super::{Alone, DiskAct, Error, Hooks};
use crate::ltx::{
    self, Decoder, Encoder, HEADER_LEN, Header, Name, PageEncoding, Pgno, TRAILER_LEN, Txid,
};
use crate::store::{make_directories, sync_directory};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The directory of one database's local LTX files.
#[derive(Clone)]
pub(super) struct Log {
    directory: PathBuf,
    encoding: PageEncoding,
    hooks: Arc<dyn Hooks>,
}

/// A file being written.
pub(super) struct Draft<'a> {
    log: &'a Log,
    name: Name,
    temporary: PathBuf,
    encoder: Encoder<BufWriter<DraftFile<'a>>>,
}

/// Says what it is about to do.
struct DraftFile<'a> {
    log: &'a Log,
    path: PathBuf,
    file: File,
}

/// The newest file of the log.
#[derive(Debug)]
pub(super) enum Newest {
    /// Its header.
    Valid(Box<Header>),
    /// It cannot be read; its number is taken all the same.
    Damaged(Txid, Error),
}

impl Log {
    /// The log of a database, created if there is none. What a crash left half-written goes.
    pub(super) fn open(
        database: &Path,
        encoding: PageEncoding,
        hooks: Arc<dyn Hooks>,
    ) -> Result<Self, Error> {
        let directory = directory_of(database);
        let log = Self { directory, encoding, hooks };
        log.create()?;
        for entry in log.entries()? {
            if entry.extension().is_some_and(|extension| extension == "tmp") {
                log.remove_path(&entry)?;
            }
        }
        Ok(log)
    }

    /// The log of a database as it is, to be looked at.
    pub(super) fn of(database: &Path) -> Self {
        let directory = directory_of(database);
        Self { directory, encoding: PageEncoding::default(), hooks: Arc::new(Alone) }
    }

    /// The names of its files, ascending.
    pub(super) fn names(&self) -> Result<Vec<Name>, Error> {
        let entries = self.entries()?;
        let mut names: Vec<Name> = entries
            .iter()
            .filter_map(|path| path.file_name()?.to_str()?.parse().ok())
            .filter(|name: &Name| name.min == name.max)
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The newest file, read from beginning to end.
    pub(super) fn newest(&self) -> Result<Option<Newest>, Error> {
        let Some(name) = self.names()?.pop() else { return Ok(None) };
        let newest = match self.verify(name, 0) {
            Ok((header, _)) => Newest::Valid(Box::new(header)),
            Err(error) => Newest::Damaged(name.max, error),
        };
        Ok(Some(newest))
    }

    /// Reads a file from beginning to end; its header, and one of its pages if it has it.
    pub(super) fn verify(
        &self,
        name: Name,
        wanted: Pgno,
    ) -> Result<(Header, Option<Vec<u8>>), Error> {
        let path = self.path(name);
        let file = File::open(&path).map_err(Error::io(&path))?;
        let mut decoder = Decoder::new(BufReader::new(file))?;
        let header = decoder.header().clone();
        let (mut page, mut found) = (Vec::new(), None);
        while let Some(pgno) = decoder.next_page(&mut page)? {
            if pgno == wanted {
                found = Some(page.clone());
            }
        }
        decoder.finish()?;
        Ok((header, found))
    }

    /// Begins a file.
    pub(super) fn draft(&self, header: Header) -> Result<Draft<'_>, Error> {
        let name = header.name();
        self.create()?;
        let temporary = self.directory.join(format!("{name}.tmp"));
        self.before(DiskAct::Write(&temporary), &temporary)?;
        let file = File::create(&temporary).map_err(Error::io(&temporary))?;
        let file = DraftFile { log: self, path: temporary.clone(), file };
        let encoder = Encoder::new(BufWriter::with_capacity(1 << 16, file), header, self.encoding)?;
        Ok(Draft { log: self, name, temporary, encoder })
    }

    /// Where a file is.
    pub(super) fn path(&self, name: Name) -> PathBuf {
        self.directory.join(name.to_string())
    }

    /// The header of a file; none if there is no such file.
    pub(super) fn header(&self, name: Name) -> Result<Option<Header>, Error> {
        let path = self.path(name);
        let mut bytes = [0; HEADER_LEN];
        match File::open(&path).and_then(|mut file| file.read_exact(&mut bytes)) {
            Ok(()) => Ok(Some(Header::decode(&bytes)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(&path)(error)),
        }
    }

    /// The length of a file; 0 if it is gone.
    pub(super) fn bytes(&self, name: Name) -> u64 {
        fs::metadata(self.path(name)).map_or(0, |metadata| metadata.len())
    }

    /// The length of a file, and its trailer.
    pub(super) fn trailer(&self, name: Name) -> Result<(u64, [u8; TRAILER_LEN]), Error> {
        let path = self.path(name);
        let read = || {
            let mut file = File::open(&path)?;
            let mut trailer = [0; TRAILER_LEN];
            let Some(start) = file.metadata()?.len().checked_sub(TRAILER_LEN as u64) else {
                return Ok(None);
            };
            file.seek(SeekFrom::Start(start))?;
            file.read_exact(&mut trailer)?;
            Ok(Some((start + TRAILER_LEN as u64, trailer)))
        };
        let found = read().map_err(Error::io(&path))?;
        found.ok_or_else(|| ltx::Error::Io(ErrorKind::UnexpectedEof.into()).into())
    }

    /// Deletes a file; it is no error if it is gone.
    pub(super) fn remove(&self, name: Name) -> Result<(), Error> {
        self.remove_path(&self.path(name))
    }

    fn remove_path(&self, path: &Path) -> Result<(), Error> {
        self.before(DiskAct::Remove(path), path)?;
        remove(path).map_err(Error::io(path))
    }

    fn before(&self, act: DiskAct<'_>, path: &Path) -> Result<(), Error> {
        self.hooks.before(act).map_err(Error::io(path))
    }

    fn create(&self) -> Result<(), Error> {
        make_directories(&self.directory).map_err(Error::io(&self.directory))
    }

    fn entries(&self) -> Result<Vec<PathBuf>, Error> {
        match fs::read_dir(&self.directory) {
            Ok(entries) => entries
                .map(|entry| entry.map(|entry| entry.path()).map_err(Error::io(&self.directory)))
                .collect(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Error::io(&self.directory)(error)),
        }
    }
}

impl Draft<'_> {
    /// Adds a page.
    pub(super) fn page(&mut self, pgno: Pgno, page: &[u8]) -> Result<(), Error> {
        Ok(self.encoder.page(pgno, page)?)
    }

    /// Puts the file on disk, then its name.
    pub(super) fn finish(self) -> Result<Name, Error> {
        let (writer, _) = self.encoder.finish()?;
        let failed = Error::io(&self.temporary);
        let draft = writer.into_inner().map_err(|error| failed(error.into_error()))?;
        self.log.before(DiskAct::Sync(&self.temporary), &self.temporary)?;
        draft.file.sync_all().map_err(Error::io(&self.temporary))?;
        let path = self.log.path(self.name);
        self.log.before(DiskAct::Rename(&self.temporary, &path), &path)?;
        fs::rename(&self.temporary, &path).map_err(Error::io(&path))?;
        let directory = &self.log.directory;
        self.log.before(DiskAct::SyncDirectory(directory), directory)?;
        sync_directory(directory).map_err(Error::io(directory))?;
        Ok(self.name)
    }
}

impl Write for DraftFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.log.hooks.before(DiskAct::Write(&self.path))?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Where egret keeps what belongs to a database: beside it, under a hidden name.
#[must_use]
pub fn state_directory(database: &Path) -> PathBuf {
    let name = database.file_name().unwrap_or_default().to_string_lossy();
    database.with_file_name(format!(".{name}-egret"))
}

fn directory_of(database: &Path) -> PathBuf {
    state_directory(database).join("ltx").join("0")
}

/// Deletes the local log of a database.
pub(super) fn remove_all(database: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory_of(database)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Deletes a file; it is no error if it is gone.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
