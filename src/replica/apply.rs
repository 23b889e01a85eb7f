//! Puts the pages of LTX files into the followed file.
//!
//! What enters: files of a replica that follow one another. What leaves: the same as one
//! transaction of the file, committed only after every file was found whole.

use super::Error;
use crate::ltx::{self, Decoder, Merge};
use crate::sqlite::Applier;
use crate::store::{LtxFile, ReaderOptions, Replica};
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// What one request fetches.
const PIECE_LEN: u64 = 1 << 20;
/// Requests that run at once.
const REQUESTS_MAX: usize = 8;
/// Files that are made one transaction; a longer chain becomes several.
pub(super) const FILES_MAX: usize = 64;

/// The followed file, open.
pub(super) struct Target {
    applier: Applier,
    runtime: Handle,
}

impl Target {
    /// Opens a file that exists.
    pub(super) fn open(path: &Path, runtime: &Handle) -> Result<Self, Error> {
        let applier = Applier::open(path)?;
        if !applier.is_able()? {
            return Err(Error::NoPages);
        }
        Ok(Self { applier, runtime: runtime.clone() })
    }

    /// Somebody else has written to the file.
    pub(super) fn is_touched(&self) -> Result<bool, Error> {
        Ok(self.applier.is_touched()?)
    }

    /// Leaves a file that says by its looks whether somebody else writes to it from now on.
    pub(super) fn rest(&self) -> Result<(), Error> {
        Ok(self.applier.checkpoint()?)
    }

    /// A file keeps the page size it was made with.
    pub(super) fn require_page_size(&self, store: u32) -> Result<(), Error> {
        let file = self.applier.page_size()?;
        if file == store { Ok(()) } else { Err(Error::PageSize { file, store }) }
    }

    /// Applies files that follow one another in one transaction; the header of all of them. None if
    /// they are not a whole database and somebody else has written to the file.
    pub(super) fn apply(
        &mut self,
        replica: &Replica,
        files: &[LtxFile],
    ) -> Result<Option<ltx::Header>, Error> {
        let mut merge = self.merge(replica, files)?;
        let header = merge.header().clone();
        self.require_page_size(header.page_size)?;
        let whole = header.is_snapshot();
        let next = |page: &mut Vec<u8>| Ok::<_, Error>(merge.next_page(page)?);
        let applied = self.applier.apply(header.commit, whole, next)?;
        Ok(applied.then_some(header))
    }

    fn merge(
        &self,
        replica: &Replica,
        files: &[LtxFile],
    ) -> Result<Merge<crate::store::Reader>, Error> {
        // Readers are made inside the runtime and read outside of it.
        let _inside = self.runtime.enter();
        let requests = Arc::new(Semaphore::new(REQUESTS_MAX));
        let options = ReaderOptions { piece_len: PIECE_LEN, pieces_ahead: 1, requests };
        let open = |file: &LtxFile| {
            let key = replica.ltx_key(file.level, file.name);
            Decoder::of(replica.open_ltx(file, options.clone()), key, file.name)
        };
        let decoders = files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        Ok(Merge::new(decoders)?)
    }
}
