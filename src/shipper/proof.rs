//! The bytes of a local file, read as a restore would read them, before they are sent.
//!
//! What enters: a file, and how long the database was before it. What leaves: its header;
//! or why no restore could use it. An encoder does not notice that a page the database grew by is
//! missing, and neither does any reader before the one that restores.

use super::Error;
use crate::ltx::{Decoder, Header, Name, lock_page};
use std::io::Read;

/// Reads a file from its first byte to its last; `before` is the database's length in pages before
/// it, where that is known. Order, bounds and checksums are the decoder's to check.
pub(super) fn prove(file: impl Read, name: Name, before: Option<u32>) -> Result<Header, Error> {
    let mut decoder = Decoder::new(file)?;
    let header = decoder.header().clone();
    if header.name() != name {
        return Err(Error::Unsound { name, pgno: 0 });
    }
    let lock_page = lock_page(header.page_size);
    let grown_from = before.unwrap_or(header.commit);
    let (mut page, mut last_grown) = (Vec::new(), grown_from);
    while let Some(pgno) = decoder.next_page(&mut page)? {
        if pgno > grown_from {
            let expected = next_page(last_grown, lock_page);
            if pgno != expected {
                return Err(Error::Unsound { name, pgno: expected });
            }
            last_grown = pgno;
        }
    }
    decoder.finish()?;
    let missing = next_page(last_grown, lock_page);
    if missing <= header.commit {
        return Err(Error::Unsound { name, pgno: missing });
    }
    Ok(header)
}

fn next_page(pgno: u32, lock_page: u32) -> u32 {
    let next = pgno.saturating_add(1);
    if next == lock_page { next.saturating_add(1) } else { next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ltx::{Encoder, NO_CHECKSUM, PageEncoding, Txid};

    const NAME: Name = Name { min: Txid(7), max: Txid(7) };

    fn encoded(commit: u32, pages: &[u32]) -> Vec<u8> {
        let header = Header {
            flags: NO_CHECKSUM,
            page_size: 512,
            commit,
            min_txid: Txid(7),
            max_txid: Txid(7),
            ..Header::default()
        };
        let mut encoder = Encoder::new(Vec::new(), header, PageEncoding::Block).unwrap();
        pages.iter().for_each(|pgno| encoder.page(*pgno, &[1; 512]).unwrap());
        encoder.finish().unwrap().0
    }

    fn missing(commit: u32, pages: &[u32], before: Option<u32>) -> Option<u32> {
        match prove(encoded(commit, pages).as_slice(), NAME, before) {
            Ok(_) => None,
            Err(Error::Unsound { pgno, .. }) => Some(pgno),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn pages_the_database_grew_by_are_there() {
        assert_eq!(missing(5, &[1, 4, 5], Some(3)), None);
        assert_eq!(missing(5, &[1, 2], Some(5)), None);
        assert_eq!(missing(5, &[1, 2], Some(9)), None);
        assert_eq!(missing(5, &[1, 5], Some(3)), Some(4));
        assert_eq!(missing(5, &[1, 4], Some(3)), Some(5));
        assert_eq!(missing(5, &[1], Some(3)), Some(4));
        assert_eq!(missing(5, &[1], None), None);
        // Across the page that holds the lock bytes, which is never stored.
        let lock = lock_page(512);
        assert_eq!(missing(lock + 1, &[1, lock - 1, lock + 1], Some(lock - 2)), None);
        assert_eq!(missing(lock + 1, &[1, lock - 1], Some(lock - 2)), Some(lock + 1));
        assert_eq!(missing(lock, &[1, lock - 1], Some(lock - 2)), None);
    }

    #[test]
    fn no_flipped_bit_passes() {
        let bytes = encoded(3, &[1, 3]);
        for at in 0..bytes.len() {
            // The lower bits of what no field uses are hashed as well.
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(prove(damaged.as_slice(), NAME, Some(3)).is_err(), "byte {at}");
            assert!(prove(&bytes[..at], NAME, Some(3)).is_err(), "cut at {at}");
        }
        let other = Name::single(Txid(8));
        assert!(prove(bytes.as_slice(), other, Some(3)).is_err());
    }
}
