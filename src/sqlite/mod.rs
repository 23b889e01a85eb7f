//! Everything that calls SQLite: open, authorize, prepare, step, functions, virtual tables,
//! checkpoint, pages. The only module that names rusqlite.

mod host;

pub use host::{FunctionError, Host, HostSlot};
