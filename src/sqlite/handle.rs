//! What a connection is asked and told beyond SQL: its memory, its log, and whether its file is in
//! its place.

use super::Error;
use rusqlite::{Connection, ffi};
use std::ffi::{c_int, c_void};
use std::ptr;

/// Pieces of small memory that a connection keeps for itself: SQLite's own default.
pub(super) const SMALL_MEMORY: c_int = 40;
/// The length of such a piece in bytes: SQLite's own default.
const SMALL_MEMORY_PIECE: c_int = 1200;

/// Gives a connection so many pieces of small memory, unless some are in use.
/// <https://www.sqlite.org/malloc.html#lookaside>
pub(super) fn set_small_memory(raw: &Connection, pieces: c_int) {
    // SAFETY: the handle is live, and these are the arguments this option takes. A refusal changes
    // nothing, and costs no more than speed.
    unsafe {
        let (option, place) = (ffi::SQLITE_DBCONFIG_LOOKASIDE, ptr::null_mut::<c_void>());
        ffi::sqlite3_db_config(raw.handle(), option, place, SMALL_MEMORY_PIECE, pieces);
    }
}

/// Makes a connection that hardly ever reads a page hold next to no memory: SQLite gets room for
/// twenty pages before it reads the first one, unless it may keep less than three.
///
/// # Errors
/// As of reading the file's first page.
pub(super) fn save_memory(raw: &Connection) -> Result<(), Error> {
    set_small_memory(raw, 0);
    Ok(raw.execute_batch("PRAGMA main.cache_size = 2; PRAGMA shrink_memory")?)
}

/// Another file has the name by now, or none.
/// <https://www.sqlite.org/c3ref/c_fcntl_begin_atomic_write.html#sqlitefcntlhasmoved>
pub(super) fn has_moved(raw: &Connection) -> bool {
    let mut moved: c_int = 0;
    // SAFETY: the handle is live, and this control writes an int.
    unsafe {
        let (control, place) = (ffi::SQLITE_FCNTL_HAS_MOVED, ptr::from_mut(&mut moved));
        ffi::sqlite3_file_control(raw.handle(), c"main".as_ptr(), control, place.cast());
    }
    moved != 0
}

/// The result code of a sync of the log: `SQLITE_MISUSE` if this connection has never read it.
/// <https://www.sqlite.org/c3ref/c_fcntl_begin_atomic_write.html#sqlitefcntljournalpointer>
pub(super) fn sync_log(raw: &Connection) -> c_int {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    // SAFETY: the handle is live, and this control writes a pointer to a file that lives as long
    // as the connection has its log open, which it does until it is closed. It has no methods
    // while it is not open.
    unsafe {
        let (control, place) = (ffi::SQLITE_FCNTL_JOURNAL_POINTER, ptr::from_mut(&mut file));
        ffi::sqlite3_file_control(raw.handle(), c"main".as_ptr(), control, place.cast());
        let methods = file.as_ref().and_then(|file| file.pMethods.as_ref());
        let sync = methods.and_then(|methods| methods.xSync);
        sync.map_or(ffi::SQLITE_MISUSE, |sync| sync(file, ffi::SQLITE_SYNC_NORMAL))
    }
}
