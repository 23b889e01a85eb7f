//! What a client's statements may do, decided by SQLite's authorizer as they are prepared:
//! <https://www.sqlite.org/c3ref/set_authorizer.html>.
//!
//! Reading SQL to find out what it does would always miss a way; the authorizer sees each action
//! SQLite is about to compile, triggers and views included.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// In whose name statements are prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// egret itself: no limits.
    System = 0,
    /// A client that may write.
    Writer = 1,
    /// A client that may not.
    Reader = 2,
}

/// The role a connection acts for at the moment.
#[derive(Clone, Debug)]
pub(super) struct CurrentRole(Arc<AtomicU8>);

impl CurrentRole {
    pub(super) fn new(role: Role) -> Self {
        Self(Arc::new(AtomicU8::new(role as u8)))
    }

    pub(super) fn set(&self, role: Role) {
        self.0.store(role as u8, Ordering::Relaxed);
    }

    pub(super) fn role(&self) -> Role {
        match self.0.load(Ordering::Relaxed) {
            0 => Role::System,
            1 => Role::Writer,
            _ => Role::Reader,
        }
    }
}

/// Answers SQLite's question.
pub(super) fn authorize(role: Role, context: &AuthContext<'_>) -> Authorization {
    let allowed = match role {
        Role::System => true,
        Role::Writer => may_read(context) || may_write(&context.action),
        Role::Reader => may_read(context),
    };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}

fn may_read(context: &AuthContext<'_>) -> bool {
    match &context.action {
        AuthAction::Select
        | AuthAction::Recursive
        | AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. } => true,
        AuthAction::Read { table_name, .. } => !table_name.eq_ignore_ascii_case("sqlite_dbpage"),
        AuthAction::Function { function_name } => !["load_extension", "fts3_tokenizer"]
            .iter()
            .any(|f| function_name.eq_ignore_ascii_case(f)),
        AuthAction::Pragma { pragma_name, pragma_value } => {
            pragma_reads(pragma_name, pragma_value.is_some())
        }
        _ => false,
    }
}

fn may_write(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::Attach { .. } | AuthAction::Detach { .. } | AuthAction::Unknown { .. } => false,
        AuthAction::CreateVtable { module_name, .. } => {
            !["sqlite_dbpage", "dbstat"].iter().any(|m| module_name.eq_ignore_ascii_case(m))
        }
        AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. } => {
            !table_name.eq_ignore_ascii_case("sqlite_dbpage")
        }
        AuthAction::Function { .. } | AuthAction::Read { .. } => false,
        AuthAction::Pragma { pragma_name, .. } => {
            PRAGMAS_THAT_WRITE_ROWS.iter().any(|p| pragma_name.eq_ignore_ascii_case(p))
        }
        _ => true,
    }
}

/// Pragmas that only read, with or without an argument.
const PRAGMAS_WITH_ARGUMENT: [&str; 14] = [
    "collation_list",
    "compile_options",
    "foreign_key_check",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "module_list",
    "pragma_list",
    "quick_check",
    "table_info",
    "table_list",
];

/// Pragmas that read when they have no argument.
const PRAGMAS_WITHOUT_ARGUMENT: [&str; 17] = [
    "application_id",
    "auto_vacuum",
    "cache_size",
    "data_version",
    "defer_foreign_keys",
    "encoding",
    "foreign_keys",
    "freelist_count",
    "journal_mode",
    "max_page_count",
    "page_count",
    "page_size",
    "query_only",
    "recursive_triggers",
    "schema_version",
    "synchronous",
    "user_version",
];

/// Pragmas a writer may give an argument.
const PRAGMAS_THAT_WRITE_ROWS: [&str; 6] = [
    "analysis_limit",
    "application_id",
    "defer_foreign_keys",
    "incremental_vacuum",
    "optimize",
    "user_version",
];

fn pragma_reads(name: &str, has_argument: bool) -> bool {
    let is = |p: &&str| name.eq_ignore_ascii_case(p);
    name.eq_ignore_ascii_case("table_xinfo")
        || PRAGMAS_WITH_ARGUMENT.iter().any(is)
        || (!has_argument && PRAGMAS_WITHOUT_ARGUMENT.iter().any(is))
}
