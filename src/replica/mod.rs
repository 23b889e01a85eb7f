//! A local file that follows a backup.

/// Keeps a file up with a backup.
pub struct Follower {}
