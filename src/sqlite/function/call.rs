//! Scalar functions as SQLite calls them: values in, one value or error out.
//!
//! They are called for every row, so nothing stands between SQLite and the Rust function but the
//! reading of the arguments.

use super::{Args, Function, Outcome};
use crate::sqlite::host::{FunctionError, HostSlot};
use crate::types::{Value, ValueRef};
use rusqlite::{Connection, ffi};
use std::ffi::{CString, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What SQLite keeps of a function.
struct Registered {
    function: Function,
    slot: Arc<HostSlot>,
}

/// Registers one function.
///
/// # Errors
/// SQLite's, when it cannot take it.
pub(super) fn register(
    connection: &Connection,
    slot: &Arc<HostSlot>,
    function: Function,
) -> rusqlite::Result<()> {
    let (name, arity, flags, _) = function;
    let name = CString::new(name)?;
    let registered = Box::new(Registered { function, slot: Arc::clone(slot) });
    // SAFETY: the handle is that of a live connection. SQLite owns `registered` from here on, and
    // gives it back to `forget` once, also when this call fails.
    let code = unsafe {
        ffi::sqlite3_create_function_v2(
            connection.handle(),
            name.as_ptr(),
            arity,
            flags.sqlite().bits(),
            Box::into_raw(registered).cast(),
            Some(call),
            None,
            None,
            Some(forget),
        )
    };
    match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
    }
}

unsafe extern "C" fn forget(registered: *mut c_void) {
    // SAFETY: SQLite gives back what `register` gave it, once.
    drop(unsafe { Box::from_raw(registered.cast::<Registered>()) });
}

unsafe extern "C" fn call(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: SQLite passes the pointer that `register` gave it, which lives as long as the function.
    let registered = unsafe { &*ffi::sqlite3_user_data(context).cast::<Registered>() };
    let values = match usize::try_from(count) {
        // SAFETY: SQLite passes as many values as it says, for the length of the call.
        Ok(count) if count > 0 => unsafe { std::slice::from_raw_parts(values, count) },
        _ => &[],
    };
    // SAFETY: the values are live and used by this thread only, as is the context.
    unsafe {
        let outcome = catch_unwind(AssertUnwindSafe(|| registered.answer(values)));
        let outcome = outcome.unwrap_or_else(|_panic| Err(FunctionError::new("XX000", PANICKED)));
        answer(context, &registered.slot, outcome);
    }
}

const PANICKED: &str = "a function failed in a way that was not foreseen";

impl Registered {
    /// # Safety
    /// The values are live, and used by no other thread.
    unsafe fn answer(&self, values: &[*mut ffi::sqlite3_value]) -> Outcome {
        // SAFETY: the caller promises it.
        let borrow = |value: &*mut ffi::sqlite3_value| unsafe { borrow(*value) };
        // Few functions have more arguments than two, those that do pay an allocation.
        match values {
            [a] => self.run(&[borrow(a)]),
            [a, b] => self.run(&[borrow(a), borrow(b)]),
            many => self.run(&many.iter().map(borrow).collect::<Vec<_>>()),
        }
    }

    fn run(&self, values: &[ValueRef<'_>]) -> Outcome {
        let (_, _, flags, function) = self.function;
        if !flags.nulls && values.iter().any(|value| matches!(value, ValueRef::Null)) {
            return Ok(Value::Null);
        }
        function(&Args::new(values, &self.slot))
    }
}

/// # Safety
/// The value is live, and stays so for the lifetime.
unsafe fn borrow<'a>(value: *mut ffi::sqlite3_value) -> ValueRef<'a> {
    // SAFETY: the caller promises a live value; each accessor fits the type SQLite says it has, and
    // the length is asked for after the bytes.
    unsafe {
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

/// # Safety
/// So many bytes stand there for the lifetime, unless the pointer is null.
unsafe fn bytes<'a>(start: *const u8, length: c_int) -> &'a [u8] {
    match usize::try_from(length) {
        // SAFETY: the caller promises it.
        Ok(length) if !start.is_null() => unsafe { std::slice::from_raw_parts(start, length) },
        _ => &[],
    }
}

/// # Safety
/// The context is that of the running call.
unsafe fn answer(context: *mut ffi::sqlite3_context, slot: &HostSlot, outcome: Outcome) {
    let transient = ffi::SQLITE_TRANSIENT();
    // SAFETY: the caller promises the context; SQLite copies text and bytes before it returns.
    unsafe {
        match outcome {
            Ok(Value::Null) => ffi::sqlite3_result_null(context),
            Ok(Value::Integer(i)) => ffi::sqlite3_result_int64(context, i),
            // SQLite has no NaN and would make it NULL.
            Ok(Value::Real(r)) if r.is_nan() => text(context, "NaN"),
            Ok(Value::Real(r)) => ffi::sqlite3_result_double(context, r),
            Ok(Value::Text(t)) => text(context, &t),
            Ok(Value::Blob(b)) => {
                ffi::sqlite3_result_blob64(context, b.as_ptr().cast(), b.len() as u64, transient);
            }
            Err(error) => {
                let length = c_int::try_from(error.message.len()).unwrap_or(0);
                ffi::sqlite3_result_error(context, error.message.as_ptr().cast(), length);
                slot.fail(error);
            }
        }
    }
}

/// # Safety
/// The context is that of the running call.
unsafe fn text(context: *mut ffi::sqlite3_context, text: &str) {
    let (start, length) = (text.as_ptr().cast(), text.len() as u64);
    // SAFETY: the caller promises the context; SQLite copies the text before it returns.
    unsafe {
        let utf8 = ffi::SQLITE_UTF8 as u8;
        ffi::sqlite3_result_text64(context, start, length, ffi::SQLITE_TRANSIENT(), utf8);
    }
}
