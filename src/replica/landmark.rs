//! By what a store's history is known again.
//!
//! What enters: the file of the store that was applied last. What leaves: whether it is still
//! there. Transaction numbers alone do not tell one history from another: of two primaries that
//! wrote to one place, each has its own transaction 42. The end of an LTX file has the checksum of
//! all of it.

use crate::ltx::{Name, TRAILER_LEN};
use crate::store::{self, Level, LtxFile, Replica};
use std::fmt;

/// One file of the store, with its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Landmark {
    level: Level,
    name: Name,
    size: u64,
    trailer: [u8; TRAILER_LEN],
}

impl Landmark {
    /// Reads the end of a file.
    pub(super) async fn read(replica: &Replica, file: &LtxFile) -> Result<Self, store::Error> {
        let (level, name, size) = (file.level, file.name, file.size);
        let (_, trailer) = replica.ltx_trailer(level, name, size).await?;
        Ok(Self { level, name, size, trailer })
    }

    /// The store has this very file still. One that was merged into others since cannot be told
    /// from one that never was there.
    pub(super) async fn stands(&self, replica: &Replica) -> Result<bool, store::Error> {
        match replica.ltx_trailer(self.level, self.name, self.size).await {
            Err(
                store::Error::NotFound { .. }
                | store::Error::Range { .. }
                | store::Error::Sealed { .. },
            ) => Ok(false),
            found => Ok(found?.1 == self.trailer),
        }
    }

    /// Reads what [`fmt::Display`] wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(' ');
        let (level, name) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let size = fields.next()?.parse().ok()?;
        let trailer = u128::from_str_radix(fields.next()?, 16).ok()?.to_be_bytes();
        Some(Self { level, name, size, trailer })
    }
}

impl fmt::Display for Landmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, name, size, trailer } = self;
        write!(f, "{level} {name} {size} {:032x}", u128::from_be_bytes(*trailer))
    }
}
