//! The words of full text search, so that a file's own views may say them.
//!
//! FTS3, FTS4 and FTS5 give each its meaning where it is asked of one of their tables; elsewhere it
//! only has to exist. SQLite's own stand-ins are kept from views of a schema that is not trusted.
//! <https://www.sqlite.org/fts5.html#_auxiliary_functions_>

use super::{Args, Flags, Function, Outcome};
use crate::sqlite::FunctionError;

const FLAGS: Flags = Flags::STABLE_NULLS.in_views();

pub(super) const FUNCTIONS: &[Function] = &[
    ("bm25", -1, FLAGS, misplaced),
    ("highlight", -1, FLAGS, misplaced),
    ("match", 2, FLAGS, misplaced),
    ("matchinfo", 1, FLAGS, misplaced),
    ("matchinfo", 2, FLAGS, misplaced),
    ("offsets", 1, FLAGS, misplaced),
    ("snippet", -1, FLAGS, misplaced),
];

fn misplaced(_: &Args<'_>) -> Outcome {
    let message = "MATCH and the functions of full text search need a column of a table of theirs";
    Err(FunctionError::new("42809", message))
}
