//! A checksum for each page of a database, and the rolling one over all of them.
//!
//! What enters: a file at rest, or one that is read in a transaction while others write. What leaves:
//! eight bytes for each page, by which two states are compared page by page.

use crate::ltx::{Pgno, Rolling, lock_page, page_checksum};
use crate::sqlite::{self, Keeper};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// The checksums of all pages; 0 for the one with the lock bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    page_size: u32,
    pages: Vec<u64>,
}

impl Sums {
    /// Those of a file at its read mark.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn of_live(keeper: &Keeper) -> Result<Self, sqlite::Error> {
        let (page_size, _) = keeper.size()?;
        let mut sums = Self { page_size, pages: Vec::new() };
        keeper.pages(|pgno, page| {
            sums.push(pgno, page);
            Ok::<_, sqlite::Error>(())
        })?;
        Ok(sums)
    }

    /// Those of a file that no connection is open to.
    ///
    /// # Errors
    /// If it cannot be read, or is no database.
    pub(super) fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
        let page_size = page_size(&mut file)?;
        file.rewind()?;
        let mut sums = Self { page_size, pages: Vec::new() };
        let mut page = vec![0; page_size as usize];
        for pgno in 1.. {
            match file.read_exact(&mut page) {
                Ok(()) => sums.push(pgno, &page),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sums)
    }

    /// The checksum over all pages.
    #[must_use]
    pub(super) fn rolling(&self) -> u64 {
        let mut rolling = Rolling::default();
        self.pages.iter().filter(|sum| **sum != 0).for_each(|sum| rolling.toggle(*sum));
        rolling.value()
    }

    /// The pages that are not the same in both; all of them if their sizes differ.
    #[must_use]
    pub(super) fn differing(&self, other: &Self) -> Vec<Pgno> {
        let longer = self.pages.len().max(other.pages.len());
        let same_size = self.page_size == other.page_size;
        let differs =
            |index: &usize| !same_size || self.pages.get(*index) != other.pages.get(*index);
        (0..longer).filter(differs).filter_map(|index| Pgno::try_from(index + 1).ok()).collect()
    }

    fn push(&mut self, pgno: Pgno, page: &[u8]) {
        let is_lock_page = pgno == lock_page(self.page_size);
        self.pages.push(if is_lock_page { 0 } else { page_checksum(pgno, page) });
    }
}

/// The pages of a file at rest that belong to nothing and hold nothing: the leaves of its list of free
/// pages. SQLite need not write them, so that what they hold says nothing.
/// <https://www.sqlite.org/fileformat2.html#the_freelist>
///
/// # Errors
/// If it cannot be read, or is no database.
pub(super) fn free_leaves(path: &Path) -> io::Result<BTreeSet<Pgno>> {
    let mut file = File::open(path)?;
    let page_size = page_size(&mut file)?;
    let mut page = vec![0; page_size as usize];
    let mut read = |pgno: Pgno, page: &mut Vec<u8>| {
        file.seek(SeekFrom::Start(u64::from(pgno.saturating_sub(1)) * u64::from(page_size)))?;
        file.read_exact(page)
    };
    read(1, &mut page)?;
    let (mut trunk, mut left) = (word(&page, 8), word(&page, 9));
    let mut leaves = BTreeSet::new();
    while trunk != 0 && left > 0 {
        read(trunk, &mut page)?;
        let count = word(&page, 1).min(page_size / 4 - 2);
        leaves.extend((2..count as usize + 2).map(|index| word(&page, index)));
        (trunk, left) = (word(&page, 0), left.saturating_sub(1 + count));
    }
    Ok(leaves)
}

/// The page size that a file's header tells.
fn page_size(file: &mut impl io::Read) -> io::Result<u32> {
    let mut header = [0; 18];
    file.read_exact(&mut header)?;
    match u32::from(u16::from_be_bytes([header[16], header[17]])) {
        1 => Ok(65536),
        size if size.is_power_of_two() && size >= 512 => Ok(size),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "file is not a database")),
    }
}

/// A number of four bytes, counted in such.
fn word(page: &[u8], index: usize) -> u32 {
    let bytes = page.get(index * 4..).and_then(|rest| rest.first_chunk());
    bytes.copied().map_or(0, u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolling_is_that_of_ltx() {
        let sums = |fills: &[u8]| {
            let mut sums = Sums { page_size: 512, pages: Vec::new() };
            let pages = (1..).zip(fills).map(|(pgno, fill)| (pgno, [*fill; 512]));
            pages.for_each(|(pgno, page)| sums.push(pgno, &page));
            sums
        };
        assert_eq!(sums(&[1, 2, 3]).rolling(), 0xefff_ffff_ecd9_9000);
        assert_eq!(sums(&[1, 2, 3]).differing(&sums(&[1, 4, 3, 5])), [2, 4]);
        assert!(sums(&[1]).differing(&sums(&[1])).is_empty());
        let lock = lock_page(512);
        let mut with_lock = sums(&[]);
        with_lock.push(lock, &[7; 512]);
        assert_eq!(with_lock.pages, [0]);
    }

    #[test]
    fn what_is_no_database_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Sums::of_file(file.path()).is_err());
        std::fs::write(file.path(), [7; 4096]).unwrap();
        assert!(Sums::of_file(file.path()).is_err());
        assert!(free_leaves(file.path()).is_err());
    }
}
