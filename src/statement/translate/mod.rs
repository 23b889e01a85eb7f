//! One Postgres statement in, its typed plan out.

use super::{Env, Error, ErrorKind, Translation};

/// Translates one statement, already split from its neighbours.
///
/// # Errors
/// What Postgres would say of it before running it.
pub fn translate(text: &str, _env: &Env<'_>) -> Result<Translation, Error> {
    Err(ErrorKind::Unsupported(text.chars().take(20).collect()).at(None))
}
