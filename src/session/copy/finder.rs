//! The first of a few bytes in a slice, many bytes at a time.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// So many bytes are compared at once. The length is fixed, so that it is done with vectors.
const BLOCK: usize = 32;
const WORD: usize = 8;

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
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        for (i, block) in blocks.iter().enumerate() {
            if self.is_in(block) {
                return self.find_in_words(block).map(|at| i * BLOCK + at);
            }
        }
        if rest.is_empty() {
            return None;
        }
        // Rather some bytes twice than the last ones singly.
        if let Some(last) = bytes.last_chunk::<BLOCK>() {
            return match self.is_in(last) {
                true => self.find_in_words(last).map(|at| bytes.len() - BLOCK + at),
                false => None,
            };
        }
        self.find_in_words(rest)
    }

    /// Whether a block has any of them.
    #[inline]
    fn is_in(&self, block: &[u8; BLOCK]) -> bool {
        let found = block.iter().fold(0, |found, byte| {
            self.needles.iter().fold(found, |found, needle| found | u8::from(byte == needle))
        });
        found != 0
    }

    #[inline]
    fn find_in_words(&self, bytes: &[u8]) -> Option<usize> {
        let (words, rest) = bytes.as_chunks::<WORD>();
        for (i, word) in words.iter().enumerate() {
            if let Some(at) = self.find_in_word(*word) {
                return Some(i * WORD + at);
            }
        }
        let mut last = [0; WORD];
        last[..rest.len()].copy_from_slice(rest);
        let at = self.find_in_word(last).filter(|at| *at < rest.len())?;
        Some(words.len() * WORD + at)
    }

    #[inline]
    fn find_in_word(&self, word: [u8; WORD]) -> Option<usize> {
        let word = u64::from_le_bytes(word);
        let zeroes = |x: u64| x.wrapping_sub(ONES) & !x & HIGH;
        let found = self.words.iter().fold(0, |found, needle| found | zeroes(word ^ needle));
        // Bits above the lowest may be false, the lowest never is.
        (found != 0).then(|| (found.trailing_zeros() / 8) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_wherever_it_is() {
        let finder = Finder::new([b'\n', b'\\', 0x80]);
        for length in 0..100 {
            let plain = vec![b'x'; length];
            assert_eq!(finder.find(&plain), None);
            for at in 0..length {
                for needle in [b'\n', b'\\', 0x80] {
                    let mut bytes = plain.clone();
                    bytes[at..].fill(b'\n');
                    bytes[at] = needle;
                    assert_eq!(finder.find(&bytes), Some(at), "{needle} at {at} of {length}");
                }
            }
        }
    }
}
