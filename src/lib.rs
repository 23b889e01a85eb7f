//! egret stands in front of SQLite files: it speaks Postgres to clients and ships every commit to
//! an object store.
//!
//! Two flows, each one way; no module names one to its left.
//!
//! ```text
//! read and write:  listener -> session -> statement -> database -> sqlite      (types, schema beside)
//! back up:         sqlite commit -> wal -> ltx -> shipper -> store             (restore and follow run it backwards)
//! ```
//!
//! They meet in [`database`]: "a transaction was committed" and "checkpoint now".

pub mod auth;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod database;
pub mod listener;
pub mod ltx;
pub mod machine;
pub mod observe;
pub mod replica;
pub mod schema;
pub mod session;
pub mod shipper;
pub mod sqlite;
pub mod statement;
pub mod store;
pub mod tls;
pub mod types;
pub mod wal;
