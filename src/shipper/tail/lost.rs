//! Why it cannot be proved that nothing was missed.

/// Why only a whole copy leads on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::shipper) enum Lost {
    #[error("nothing that was shipped from here is kept")]
    NothingLocal,
    #[error("the newest local file is damaged")]
    Damaged,
    #[error("the destination is ahead of the local state")]
    Behind,
    #[error("the log is gone: somebody else has checkpointed it")]
    WalGone,
    #[error("the file was written or replaced while nobody shipped it")]
    Touched,
    #[error("the log was overwritten by somebody else")]
    Overwritten,
    #[error("the log was started over by somebody else")]
    Restarted,
    #[error("the page size has changed")]
    PageSize,
}
