//! Arguments in, exit code out: one file per subcommand.

pub mod restore;
pub mod user;
