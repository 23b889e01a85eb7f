//! A prepared SQLite statement that owns a share of its connection, so that portals can keep it.

use super::connection::Shared;
use super::{Error, FunctionError, Role};
use crate::types::{Value, ValueRef};
use rusqlite::ffi;
use std::ffi::{CStr, c_int};
use std::ptr::{self, NonNull};
use std::rc::Rc;

/// A prepared statement: <https://www.sqlite.org/c3ref/stmt.html>.
///
/// When dropped it is reset and goes back to its connection's cache.
pub struct Statement {
    shared: Rc<Shared>,
    raw: NonNull<ffi::sqlite3_stmt>,
    /// The text it was prepared from, its key in the cache.
    sql: Box<str>,
    columns: usize,
    role: Role,
    /// Reused from the cache rather than prepared now.
    reused: bool,
}

/// What a step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A row to read.
    Row,
    /// The end.
    Done,
}

impl Statement {
    pub(super) fn new(
        shared: Rc<Shared>,
        raw: RawStatement,
        sql: Box<str>,
        role: Role,
        reused: bool,
    ) -> Self {
        // SAFETY: `raw` is a live statement of `shared`'s connection.
        let columns = unsafe { ffi::sqlite3_column_count(raw.0.as_ptr()) };
        Self {
            shared,
            raw: raw.0,
            sql,
            columns: usize::try_from(columns).unwrap_or(0),
            role,
            reused,
        }
    }

    /// Whether it came from the cache. A cached statement notices schema changes by itself
    /// ([`Self::reprepared`]); a new one was made for the schema as it is.
    #[must_use]
    pub fn was_cached(&self) -> bool {
        self.reused
    }

    /// Binds parameter `index`, counted from 1.
    ///
    /// # Errors
    /// `SQLITE_RANGE` for an index the statement does not have, `SQLITE_TOOBIG`, `SQLITE_NOMEM`.
    pub fn bind(&mut self, index: usize, value: ValueRef<'_>) -> Result<(), Error> {
        // SAFETY: SQLite copies the bytes.
        unsafe { self.bind_as(index, value, ffi::SQLITE_TRANSIENT()) }
    }

    /// Binds a parameter to bytes that stay where they are.
    ///
    /// # Safety
    /// The bytes must live until the parameter is bound again, or the statement is not stepped any
    /// more after they are gone.
    ///
    /// # Errors
    /// As [`Self::bind`].
    #[inline]
    pub(super) unsafe fn bind_borrowed(
        &mut self,
        index: usize,
        value: ValueRef<'_>,
    ) -> Result<(), Error> {
        // SAFETY: promised by the caller.
        unsafe { self.bind_as(index, value, ffi::SQLITE_STATIC()) }
    }

    /// # Safety
    /// With a destructor that does not copy, as [`Self::bind_borrowed`].
    #[inline]
    unsafe fn bind_as(
        &mut self,
        index: usize,
        value: ValueRef<'_>,
        destructor: ffi::sqlite3_destructor_type,
    ) -> Result<(), Error> {
        let raw = self.raw.as_ptr();
        let i = c_int::try_from(index).unwrap_or(c_int::MAX);
        // SAFETY: `raw` is live; the caller answers for text and blobs.
        let code = unsafe {
            match value {
                ValueRef::Null => ffi::sqlite3_bind_null(raw, i),
                ValueRef::Integer(v) => ffi::sqlite3_bind_int64(raw, i, v),
                ValueRef::Real(v) => ffi::sqlite3_bind_double(raw, i, v),
                ValueRef::Text(t) => ffi::sqlite3_bind_text64(
                    raw,
                    i,
                    t.as_ptr().cast(),
                    t.len() as u64,
                    destructor,
                    ffi::SQLITE_UTF8 as u8,
                ),
                ValueRef::Blob([]) => ffi::sqlite3_bind_zeroblob(raw, i, 0),
                ValueRef::Blob(b) => {
                    ffi::sqlite3_bind_blob64(raw, i, b.as_ptr().cast(), b.len() as u64, destructor)
                }
            }
        };
        if code == ffi::SQLITE_OK { Ok(()) } else { Err(self.shared.error(code)) }
    }

    /// The number of parameters: the highest one's.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        // SAFETY: `raw` is live.
        let count = unsafe { ffi::sqlite3_bind_parameter_count(self.raw.as_ptr()) };
        usize::try_from(count).unwrap_or(0)
    }

    /// Binds all values, the first to parameter 1.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub fn bind_all<'a>(
        &mut self,
        values: impl IntoIterator<Item = &'a Value>,
    ) -> Result<(), Error> {
        for (i, value) in values.into_iter().enumerate() {
            self.bind(i + 1, value.borrow())?;
        }
        Ok(())
    }

    /// Runs to the next row or the end.
    ///
    /// # Errors
    /// Whatever the statement runs into; it is reset then.
    pub fn step(&mut self) -> Result<Step, Error> {
        // SAFETY: `raw` is live and used by this thread only.
        match unsafe { ffi::sqlite3_step(self.raw.as_ptr()) } {
            ffi::SQLITE_ROW => Ok(Step::Row),
            ffi::SQLITE_DONE => Ok(Step::Done),
            code => {
                let error = self.shared.error(code);
                self.reset();
                Err(error)
            }
        }
    }

    /// Back to before the first step; bindings stay.
    pub fn reset(&mut self) {
        // SAFETY: `raw` is live. The return value repeats the last step's error.
        unsafe { ffi::sqlite3_reset(self.raw.as_ptr()) };
    }

    /// How often SQLite prepared it again because the schema had changed.
    #[must_use]
    pub fn reprepared(&self) -> i32 {
        // SAFETY: `raw` is live; 0 leaves the counter.
        unsafe {
            ffi::sqlite3_stmt_status(
                self.raw.as_ptr(),
                ffi::SQLITE_STMTSTATUS_REPREPARE as c_int,
                0,
            )
        }
    }

    /// The number of result columns.
    #[must_use]
    pub fn column_count(&self) -> usize {
        self.columns
    }

    /// The statement changes nothing in a file.
    #[must_use]
    pub fn is_readonly(&self) -> bool {
        // SAFETY: `raw` is live.
        unsafe { ffi::sqlite3_stmt_readonly(self.raw.as_ptr()) != 0 }
    }

    /// The value of column `index`, counted from 0, of the current row.
    #[must_use]
    #[inline]
    pub fn value(&self, index: usize) -> ValueRef<'_> {
        let raw = self.raw.as_ptr();
        let i = index as c_int;
        // SAFETY: SQLite answers NULL for a column that is not there or a row that is over; the
        // value and its bytes live until the next step, reset or finalize, all of which need
        // `&mut self`. The value is unprotected, which matters to other threads only: none uses
        // this connection.
        unsafe {
            let value = ffi::sqlite3_column_value(raw, i);
            match ffi::sqlite3_value_type(value) {
                ffi::SQLITE_INTEGER => ValueRef::Integer(ffi::sqlite3_value_int64(value)),
                ffi::SQLITE_FLOAT => ValueRef::Real(ffi::sqlite3_value_double(value)),
                ffi::SQLITE_TEXT => {
                    let start = ffi::sqlite3_value_text(value);
                    ValueRef::Text(bytes(start, ffi::sqlite3_value_bytes(value)))
                }
                ffi::SQLITE_BLOB => {
                    let start = ffi::sqlite3_value_blob(value).cast();
                    ValueRef::Blob(bytes(start, ffi::sqlite3_value_bytes(value)))
                }
                _ => ValueRef::Null,
            }
        }
    }

    /// The label SQLite gives column `index`.
    #[must_use]
    pub fn column_name(&self, index: usize) -> String {
        // SAFETY: the text lives until the next call on the statement; it is copied at once.
        unsafe { text(ffi::sqlite3_column_name(self.raw.as_ptr(), index as c_int)) }
            .unwrap_or_default()
    }

    /// The declared type of the table column that result column `index` is.
    #[must_use]
    pub fn column_declared_type(&self, index: usize) -> Option<String> {
        // SAFETY: as `column_name`.
        unsafe { text(ffi::sqlite3_column_decltype(self.raw.as_ptr(), index as c_int)) }
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        self.shared.recycle(std::mem::take(&mut self.sql), self.role, RawStatement(self.raw));
    }
}

/// A statement handle without an owner.
pub(super) struct RawStatement(pub(super) NonNull<ffi::sqlite3_stmt>);

impl RawStatement {
    /// Prepares the one statement in `sql`.
    pub(super) fn prepare(shared: &Shared, sql: &str) -> Result<Self, Error> {
        let mut raw = ptr::null_mut();
        let mut tail = ptr::null();
        let Ok(length) = c_int::try_from(sql.len()) else { return Err(too_long()) };
        // SAFETY: pointer and length describe `sql`; the handle is live as long as `shared`.
        let code = unsafe {
            ffi::sqlite3_prepare_v3(
                shared.handle(),
                sql.as_ptr().cast(),
                length,
                ffi::SQLITE_PREPARE_PERSISTENT,
                &raw mut raw,
                &raw mut tail,
            )
        };
        if code != ffi::SQLITE_OK {
            return Err(shared.error(code));
        }
        NonNull::new(raw)
            .map(Self)
            .ok_or_else(|| FunctionError::new("42601", "no statement to run").into())
    }

    /// Ends the statement.
    pub(super) fn finalize(self) {
        // SAFETY: the handle is live and, being owned here, used by nobody else.
        unsafe { ffi::sqlite3_finalize(self.0.as_ptr()) };
    }
}

fn too_long() -> Error {
    FunctionError::new("54000", "statement is longer than 2 GiB").into()
}

/// # Safety
/// `start` must be null or point to `length` bytes that outlive `'a`.
unsafe fn bytes<'a>(start: *const u8, length: c_int) -> &'a [u8] {
    match usize::try_from(length) {
        // SAFETY: promised by the caller.
        Ok(length) if length > 0 && !start.is_null() => unsafe {
            std::slice::from_raw_parts(start, length)
        },
        _ => &[],
    }
}

/// # Safety
/// `start` must be null or a NUL-terminated string.
unsafe fn text(start: *const std::ffi::c_char) -> Option<String> {
    if start.is_null() {
        return None;
    }
    // SAFETY: promised by the caller.
    Some(unsafe { CStr::from_ptr(start) }.to_string_lossy().into_owned())
}
