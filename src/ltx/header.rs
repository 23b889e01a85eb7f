//! The first hundred bytes and the last sixteen.
//!
//! | offset | size | field |
//! | --- | --- | --- |
//! | 0 | 4 | `LTX1` |
//! | 4 | 4 | flags |
//! | 8 | 4 | page size |
//! | 12 | 4 | commit |
//! | 16 | 8 | first TXID |
//! | 24 | 8 | last TXID |
//! | 32 | 8 | timestamp, ms |
//! | 40 | 8 | pre-apply checksum |
//! | 48 | 8 | WAL offset |
//! | 56 | 8 | WAL size |
//! | 64 | 4 + 4 | WAL salts |
//! | 72 | 8 | node |
//! | 80 | 20 | zero |

use super::{CHECKSUM_FLAG, Error, Name, Txid};

/// The length of a header.
pub const HEADER_LEN: usize = 100;
/// The length of a trailer.
pub const TRAILER_LEN: usize = 16;
/// The flag of a file that carries no checksums of the database.
pub const NO_CHECKSUM: u32 = 2;

const MAGIC: [u8; 4] = *b"LTX1";

/// What an LTX file says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// [`NO_CHECKSUM`] or 0.
    pub flags: u32,
    /// The database's page size in bytes, 512 to 65536.
    pub page_size: u32,
    /// The database's size in pages after the file is applied.
    pub commit: u32,
    /// The first transaction.
    pub min_txid: Txid,
    /// The last transaction.
    pub max_txid: Txid,
    /// When the last transaction was taken, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The database's checksum before; 0 for a snapshot or with [`NO_CHECKSUM`].
    pub pre_apply: u64,
    /// Where in the WAL the range begins that this file was read from; 0 if from no WAL.
    pub wal_offset: u64,
    /// The length of that range.
    pub wal_size: u64,
    /// The first salt of that WAL.
    pub wal_salt1: u32,
    /// The second salt of that WAL.
    pub wal_salt2: u32,
    /// Not interpreted; Litestream writes 0.
    pub node_id: u64,
}

impl Header {
    /// The name of the file this heads.
    #[must_use]
    pub fn name(&self) -> Name {
        Name { min: self.min_txid, max: self.max_txid }
    }

    /// Refuses a file of another name.
    ///
    /// # Errors
    /// [`Error::Misnamed`]
    pub fn require(&self, name: Name) -> Result<(), Error> {
        let found = self.name();
        if found == name { Ok(()) } else { Err(Error::Misnamed { found }) }
    }

    /// The file holds the whole database.
    #[must_use]
    pub fn is_snapshot(&self) -> bool {
        self.name().is_snapshot()
    }

    /// The file carries checksums of the database.
    #[must_use]
    pub fn has_checksums(&self) -> bool {
        self.flags & NO_CHECKSUM == 0
    }

    pub(super) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        bytes.extend(MAGIC);
        for word in [self.flags, self.page_size, self.commit] {
            bytes.extend(word.to_be_bytes());
        }
        for word in [self.min_txid.0, self.max_txid.0] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(self.timestamp_ms.to_be_bytes());
        for word in [self.pre_apply, self.wal_offset, self.wal_size] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(self.wal_salt1.to_be_bytes());
        bytes.extend(self.wal_salt2.to_be_bytes());
        bytes.extend(self.node_id.to_be_bytes());
        let mut header = [0; HEADER_LEN];
        header.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        header
    }

    /// Reads the header at the beginning of `bytes` and checks its rules.
    ///
    /// # Errors
    /// If it is too short or breaks a rule.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() < HEADER_LEN {
            return Err(Error::Truncated);
        }
        let mut fields = Fields(bytes);
        if fields.take()? != MAGIC {
            return Err(Error::Magic);
        }
        let header = Self {
            flags: fields.u32()?,
            page_size: fields.u32()?,
            commit: fields.u32()?,
            min_txid: Txid(fields.u64()?),
            max_txid: Txid(fields.u64()?),
            timestamp_ms: i64::from_be_bytes(fields.take()?),
            pre_apply: fields.u64()?,
            wal_offset: fields.u64()?,
            wal_size: fields.u64()?,
            wal_salt1: fields.u32()?,
            wal_salt2: fields.u32()?,
            node_id: fields.u64()?,
        };
        header.check()?;
        Ok(header)
    }

    /// The rules a header obeys.
    pub(super) fn check(&self) -> Result<(), Error> {
        let salts = u64::from(self.wal_salt1 | self.wal_salt2);
        let size_ok = self.page_size.is_power_of_two() && (512..=65536).contains(&self.page_size);
        rule(self.flags & !NO_CHECKSUM == 0, "flags", self.flags.into())?;
        rule(size_ok, "page size", self.page_size.into())?;
        rule(self.min_txid.0 >= 1, "first txid", self.min_txid.0)?;
        rule(self.max_txid >= self.min_txid, "last txid", self.max_txid.0)?;
        rule(self.pre_apply_ok(), "pre-apply checksum", self.pre_apply)?;
        rule(i64::try_from(self.wal_offset).is_ok(), "wal offset", self.wal_offset)?;
        rule(i64::try_from(self.wal_size).is_ok(), "wal size", self.wal_size)?;
        rule(self.wal_size == 0 || self.wal_offset != 0, "wal offset", 0)?;
        rule(salts == 0 || self.wal_offset != 0, "wal offset", 0)
    }

    fn pre_apply_ok(&self) -> bool {
        if self.is_snapshot() || !self.has_checksums() {
            self.pre_apply == 0
        } else {
            self.pre_apply & CHECKSUM_FLAG != 0
        }
    }
}

/// The end of an LTX file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// The database's checksum after; 0 with [`NO_CHECKSUM`].
    pub post_apply: u64,
    /// The checksum of the file.
    pub file_checksum: u64,
}

impl Trailer {
    pub(super) fn decode(bytes: [u8; TRAILER_LEN]) -> Result<Self, Error> {
        let mut fields = Fields(&bytes);
        Ok(Self { post_apply: fields.u64()?, file_checksum: fields.u64()? })
    }
}

/// The rules a post-apply checksum obeys, under the file's header.
pub(super) fn check_post_apply(header: &Header, value: u64) -> Result<(), Error> {
    let ok = match (header.has_checksums(), header.commit) {
        (true, 0) => value == CHECKSUM_FLAG,
        (true, _) => value & CHECKSUM_FLAG != 0,
        (false, 0) => false,
        (false, _) => value == 0,
    };
    if ok { Ok(()) } else { Err(Error::PostApply { value }) }
}

fn rule(holds: bool, field: &'static str, value: u64) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Header { field, value }) }
}

/// Big-endian fields, one after another.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Error::Truncated)?;
        self.0 = rest;
        Ok(*field)
    }

    fn u32(&mut self) -> Result<u32, Error> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Error> {
        self.take().map(u64::from_be_bytes)
    }
}
