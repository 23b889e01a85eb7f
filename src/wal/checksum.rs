//! The log's running checksum: two sums over pairs of words.

/// How the words under a checksum are read; the log's magic says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// Magic 0x377f0682.
    Little,
    /// Magic 0x377f0683.
    Big,
}

/// A checksum so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksum(pub u32, pub u32);

impl Checksum {
    /// Adds bytes, a multiple of eight of them; an odd rest has no place in the format.
    #[must_use]
    pub fn update(self, bytes: &[u8], order: ByteOrder) -> Self {
        match order {
            ByteOrder::Little => self.add(bytes, u32::from_le_bytes),
            ByteOrder::Big => self.add(bytes, u32::from_be_bytes),
        }
    }

    fn add(self, bytes: &[u8], word: impl Fn([u8; 4]) -> u32) -> Self {
        let (pairs, _) = bytes.as_chunks::<8>();
        pairs.iter().fold(self, |Self(a, b), &[p, q, r, s, t, u, v, w]| {
            let a = a.wrapping_add(word([p, q, r, s])).wrapping_add(b);
            Self(a, b.wrapping_add(word([t, u, v, w])).wrapping_add(a))
        })
    }
}
