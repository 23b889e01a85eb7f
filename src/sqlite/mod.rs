//! Everything that calls SQLite: open, authorize, prepare, step, functions, virtual tables,
//! checkpoint, pages. The only module that names rusqlite.

mod alone;
mod authorize;
mod bulk;
mod busy;
mod compare;
mod connection;
mod error;
mod file;
pub mod function;
mod handle;
mod hold;
mod host;
mod index;
mod integrity;
mod keeper;
mod read_lock;
mod rebuild;
mod schema;
mod statement;
pub mod table;

pub use alone::Alone;
pub use authorize::Role;
pub use bulk::{Bulk, Row};
pub use busy::Patience;
pub use compare::{Comparison, Rows, SchemaDifference, TableComparison, compare};
pub use connection::{Connection, IdleConnection, OpenOptions, Synchronous};
pub use error::Error;
pub use file::{Applier, Pin};
pub use hold::Hold;
pub use host::{Ends, FunctionError, Host, HostSlot, Numbers, Replayed};
pub use integrity::{Integrity, integrity_check};
pub use keeper::{Checkpoint, Checkpointed, Keeper};
pub use rusqlite::InterruptHandle;
pub use statement::{Statement, Step};
