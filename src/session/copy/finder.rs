//! The first of a few bytes in a slice, eight bytes at a time.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Looks for any of `N` bytes.
#[derive(Clone, Copy)]
pub(super) struct Finder<const N: usize> {
    needles: [u8; N],
    words: [u64; N],
}

impl<const N: usize> Finder<N> {
    /// A finder of these bytes; one may be named twice.
    pub(super) fn new(needles: [u8; N]) -> Self {
        Self { needles, words: needles.map(|needle| u64::from(needle) * ONES) }
    }

    /// Where the first of them is.
    #[inline]
    pub(super) fn find(&self, bytes: &[u8]) -> Option<usize> {
        let (words, rest) = bytes.as_chunks::<8>();
        for (i, word) in words.iter().enumerate() {
            let found = self.matches(u64::from_le_bytes(*word));
            if found != 0 {
                // Bits above the lowest may be false, the lowest never is.
                return Some(i * 8 + (found.trailing_zeros() / 8) as usize);
            }
        }
        let at = rest.iter().position(|byte| self.needles.contains(byte))?;
        Some(words.len() * 8 + at)
    }

    /// The high bit of each byte that is a needle.
    #[inline]
    fn matches(&self, word: u64) -> u64 {
        let zeroes = |x: u64| x.wrapping_sub(ONES) & !x & HIGH;
        self.words.iter().fold(0, |found, needle| found | zeroes(word ^ needle))
    }
}
