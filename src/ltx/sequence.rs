//! The order in which a file's pages come.

use super::{Error, Header, Pgno, lock_page};

/// Admits pages in the order the header demands.
pub(super) struct Sequence {
    commit: u32,
    lock_page: Pgno,
    snapshot: bool,
    last: Pgno,
}

impl Sequence {
    pub(super) fn new(header: &Header) -> Self {
        let lock_page = lock_page(header.page_size);
        Self { commit: header.commit, lock_page, snapshot: header.is_snapshot(), last: 0 }
    }

    /// Takes the next page, or says which rule it breaks.
    pub(super) fn admit(&mut self, pgno: Pgno) -> Result<(), Error> {
        if pgno <= self.last {
            return Err(Error::PageOrder { pgno, after: self.last });
        }
        if pgno > self.commit {
            return Err(Error::PageBeyondCommit { pgno, commit: self.commit });
        }
        if pgno == self.lock_page {
            return Err(Error::LockPage { pgno });
        }
        match self.expected() {
            Some(missing) if missing != pgno => Err(Error::PageMissing { pgno: missing }),
            _ => {
                self.last = pgno;
                Ok(())
            }
        }
    }

    /// No page is missing at the end.
    pub(super) fn complete(&self) -> Result<(), Error> {
        self.expected().map_or(Ok(()), |pgno| Err(Error::PageMissing { pgno }))
    }

    /// The only page a snapshot can go on with.
    fn expected(&self) -> Option<Pgno> {
        let next = self.last.checked_add(1)?;
        let next = if next == self.lock_page { next.checked_add(1)? } else { next };
        (self.snapshot && next <= self.commit).then_some(next)
    }
}
