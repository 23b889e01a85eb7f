//! Which pages a batch of the log brings.

use crate::ltx;
use crate::wal::Batch;

/// The pages of a batch and, without an offset, those the database grew by that are in no frame:
/// SQLite does not write a page that was added and freed again. What they hold means nothing, but a
/// restore needs them to be there.
pub(super) fn with_growth(
    batch: &Batch,
    before: u32,
    lock_page: ltx::Pgno,
) -> impl Iterator<Item = (u32, Option<u64>)> {
    let mut written = batch.pages.iter().copied().filter(move |&(p, _)| p != lock_page).peekable();
    let mut grown = (before.saturating_add(1)..=batch.commit).filter(move |&p| p != lock_page);
    let mut next_grown = grown.next();
    std::iter::from_fn(move || {
        let next = match (written.peek(), next_grown) {
            (Some(&(pgno, _)), Some(new)) => pgno.min(new),
            (Some(&(pgno, _)), None) => pgno,
            (None, Some(new)) => new,
            (None, None) => return None,
        };
        if next_grown == Some(next) {
            next_grown = grown.next();
        }
        Some((next, written.next_if(|&(pgno, _)| pgno == next).map(|(_, offset)| offset)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wal::{Checksum, Position, Salts};

    #[test]
    fn growth_is_complete_and_in_order() {
        let end = Position { salts: Salts(1, 2), offset: 0, checksum: Checksum(0, 0) };
        let pages = vec![(1, 10), (4, 20), (7, 30)];
        let batch = Batch { pages, commit: 8, start: 32, end, transactions: 1 };
        let all: Vec<_> = with_growth(&batch, 3, 6).collect();
        assert_eq!(all, [(1, Some(10)), (4, Some(20)), (5, None), (7, Some(30)), (8, None)]);
        assert_eq!(with_growth(&batch, 8, 6).count(), 3);
    }
}
