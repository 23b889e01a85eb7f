//! A file and the index of its log, through SQLite's own file methods, without a connection.
//!
//! They know what else this process has open of the file, so that closing this takes nobody's locks
//! away (<https://www.sqlite.org/c3ref/io_methods.html>). While it is open it has the lock on the file
//! that every connection has: no other is the last to close, and deletes the log.

use super::Error;
use rusqlite::ffi;
use rustix::mm::{Advice, madvise};
use std::ffi::{CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;

/// How many read locks there are.
pub(super) const READ_LOCKS: usize = 5;
/// The first of them, of all locks of the index.
const FIRST_READ_LOCK: c_int = 3;
/// What is mapped of the index, in bytes.
const REGION: u16 = 32_768;
/// The words of each of the two headers.
const HEADER_WORDS: usize = 12;
/// The byte of a header that is not 0 once the index is of use.
const INITIALIZED: usize = 12;

/// An open file with the beginning of its log's index.
pub(super) struct Index {
    /// SQLite's file, as large as it wants it, which may not move.
    file: Vec<u64>,
    name: ffi::sqlite3_filename,
    region: *mut c_void,
    locked: Option<c_int>,
}

// SAFETY: nothing of it belongs to a thread: the locks are the process's, and SQLite's file methods take
// their own mutexes for what files share. Two threads cannot use it at once.
unsafe impl Send for Index {}

/// What the index says. <https://www.sqlite.org/walformat.html#the_wal_index_file_format>
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) header: [u32; HEADER_WORDS],
    /// Frames that are in the database file too.
    pub(super) backfilled: u32,
    pub(super) marks: [u32; READ_LOCKS],
}

impl Seen {
    /// Committed frames in the log.
    pub(super) fn frames(&self) -> u32 {
        let [_, _, _, _, frames, ..] = self.header;
        frames
    }

    /// The salts of the log's header, which differ each time it is started over.
    pub(super) fn salts(&self) -> [u32; 2] {
        let [_, _, _, _, _, _, _, _, first, second, ..] = self.header;
        // As they stand in the log.
        [first, second].map(u32::from_be)
    }
}

impl Index {
    /// Opens a file that exists, and the index of its log, which has to exist, too.
    ///
    /// # Errors
    /// `SQLITE_CANTOPEN`; `SQLITE_BUSY` if another process has all of the file locked.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let path =
            CString::new(path.as_os_str().as_bytes()).map_err(|_| refused(ffi::SQLITE_CANTOPEN))?;
        let mut index = Self::open_file(&path)?;
        index.lock_file()?;
        index.map()?;
        Ok(index)
    }

    fn open_file(path: &CString) -> Result<Self, Error> {
        // SAFETY: the default file system is always there, and these are the arguments its methods
        // take: a name made by SQLite that lives as long as the file, and zeroed memory of the size it
        // asks for.
        unsafe {
            let system = ffi::sqlite3_vfs_find(ptr::null());
            let methods = system.as_ref().ok_or_else(|| refused(ffi::SQLITE_ERROR))?;
            let len = usize::try_from(methods.mxPathname).unwrap_or(0) + 1;
            let mut full: Vec<c_char> = vec![0; len];
            let absolute = methods.xFullPathname.ok_or_else(|| refused(ffi::SQLITE_ERROR))?;
            check(
                absolute(system, path.as_ptr(), methods.mxPathname + 1, full.as_mut_ptr()) & 0xff,
            )?;
            let (none, no_parameters) = (c"".as_ptr(), ptr::null_mut());
            let name = ffi::sqlite3_create_filename(full.as_ptr(), none, none, 0, no_parameters);
            if name.is_null() {
                return Err(refused(ffi::SQLITE_NOMEM));
            }
            let words = usize::try_from(methods.szOsFile).unwrap_or(0).div_ceil(size_of::<u64>());
            let mut index =
                Self { file: vec![0; words], name, region: ptr::null_mut(), locked: None };
            let open = methods.xOpen.ok_or_else(|| refused(ffi::SQLITE_ERROR))?;
            let flags = ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_MAIN_DB;
            check(open(system, name, index.file(), flags, &mut 0))?;
            Ok(index)
        }
    }

    fn lock_file(&mut self) -> Result<(), Error> {
        let lock = self.methods().and_then(|methods| methods.xLock);
        // SAFETY: the file is open.
        call(lock, |lock| unsafe { lock(self.file(), ffi::SQLITE_LOCK_SHARED) })
    }

    fn map(&mut self) -> Result<(), Error> {
        let map = self.methods().and_then(|methods| methods.xShmMap);
        let mut region = ptr::null_mut();
        // SAFETY: the file is open and locked, and this writes a pointer to a region of the asked size
        // that stays mapped until it is unmapped.
        call(map, |map| unsafe { map(self.file(), 0, REGION.into(), 0, &mut region) })?;
        self.region = region;
        if region.is_null() { Err(refused(ffi::SQLITE_CANTOPEN)) } else { Ok(()) }
    }

    /// Takes a read lock. It is given up when this is dropped.
    ///
    /// # Errors
    /// `SQLITE_BUSY` if somebody is about to move its mark.
    pub(super) fn lock(&mut self, lock: usize) -> Result<(), Error> {
        let number = FIRST_READ_LOCK + c_int::try_from(lock).unwrap_or(0);
        self.shm_lock(number, ffi::SQLITE_SHM_LOCK)?;
        self.locked = Some(number);
        Ok(())
    }

    fn shm_lock(&mut self, number: c_int, act: c_int) -> Result<(), Error> {
        let lock = self.methods().and_then(|methods| methods.xShmLock);
        // SAFETY: the index is mapped.
        call(lock, |lock| unsafe { lock(self.file(), number, 1, act | ffi::SQLITE_SHM_SHARED) })
    }

    /// What the index says now, unless somebody is changing it.
    pub(super) fn look(&mut self) -> Option<Seen> {
        let header = self.words(0);
        self.barrier();
        let again = self.words(HEADER_WORDS);
        let [backfilled] = self.words(2 * HEADER_WORDS);
        let seen = Seen { header, backfilled, marks: self.words(2 * HEADER_WORDS + 1) };
        self.barrier();
        (header == again && self.is_initialized()).then_some(seen)
    }

    fn is_initialized(&self) -> bool {
        // SAFETY: the region is mapped, and longer than a header.
        unsafe { self.region.cast::<u8>().add(INITIALIZED).read_volatile() != 0 }
    }

    fn barrier(&mut self) {
        if let Some(barrier) = self.methods().and_then(|methods| methods.xShmBarrier) {
            // SAFETY: the file is open.
            unsafe { barrier(self.file()) };
        }
    }

    /// So many words of the index.
    fn words<const N: usize>(&self, first: usize) -> [u32; N] {
        // SAFETY: the region is mapped, is longer than what is looked at, and aligned; other processes
        // write it, in words.
        std::array::from_fn(|n| unsafe { self.region.cast::<u32>().add(first + n).read_volatile() })
    }

    /// Another file has the name by now, or none.
    pub(super) fn has_moved(&mut self) -> bool {
        let control = self.methods().and_then(|methods| methods.xFileControl);
        let mut moved: c_int = 0;
        let place = ptr::from_mut(&mut moved).cast();
        // SAFETY: the file is open, and this control writes an int.
        let asked = call(control, |control| unsafe {
            control(self.file(), ffi::SQLITE_FCNTL_HAS_MOVED, place)
        });
        asked.is_err() || moved != 0
    }

    /// Gives back the memory that the region takes until somebody looks at it again.
    pub(super) fn give_back(&self) {
        // SAFETY: the region is a mapping of a file: whoever reads or writes it again finds it as it was.
        let given = unsafe { madvise(self.region, REGION.into(), Advice::LinuxDontNeed) };
        // It only saves memory.
        given.unwrap_or_default();
    }

    fn file(&mut self) -> *mut ffi::sqlite3_file {
        self.file.as_mut_ptr().cast()
    }

    /// None if it is not open.
    fn methods(&mut self) -> Option<&'static ffi::sqlite3_io_methods> {
        // SAFETY: the memory is a file's, zeroed until it is opened; methods are never freed.
        unsafe { self.file().as_ref()?.pMethods.as_ref() }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        if let Some(number) = self.locked {
            self.shm_lock(number, ffi::SQLITE_SHM_UNLOCK).unwrap_or_default();
        }
        let methods = self.methods();
        // SAFETY: what is open is closed once, and its name is freed after that.
        unsafe {
            if let Some(unmap) = methods.and_then(|methods| methods.xShmUnmap) {
                unmap(self.file(), 0);
            }
            if let Some(unlock) = methods.and_then(|methods| methods.xUnlock) {
                unlock(self.file(), ffi::SQLITE_LOCK_NONE);
            }
            if let Some(close) = methods.and_then(|methods| methods.xClose) {
                close(self.file());
            }
            ffi::sqlite3_free_filename(self.name);
        }
    }
}

/// Calls a method that this kind of file has.
fn call<F>(method: Option<F>, call: impl FnOnce(F) -> c_int) -> Result<(), Error> {
    check(method.map_or(ffi::SQLITE_CANTOPEN, call))
}

fn check(code: c_int) -> Result<(), Error> {
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(refused(code)) }
}

fn refused(code: c_int) -> Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into()
}
