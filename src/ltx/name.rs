//! Transaction numbers and the file names made of them.

use super::Error;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The number of a transaction, or of a batch of them shipped as one; the first is 1, and 0 is
/// "none yet".
///
/// Kept in a file as its text.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Txid(pub u64);

impl From<Txid> for String {
    fn from(txid: Txid) -> Self {
        txid.to_string()
    }
}

impl TryFrom<String> for Txid {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl Txid {
    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Txid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Txid {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.len() == 16 && text.bytes().all(is_lower_hex);
        match u64::from_str_radix(text, 16) {
            Ok(number) if digits => Ok(Self(number)),
            _ => Err(Error::Txid(text.to_owned())),
        }
    }
}

/// The name of an LTX file: `<min>-<max>.ltx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The first transaction in the file.
    pub min: Txid,
    /// The last transaction in the file.
    pub max: Txid,
}

impl Name {
    /// The name of a file that holds one transaction.
    #[must_use]
    pub fn single(txid: Txid) -> Self {
        Self { min: txid, max: txid }
    }

    /// The file holds the whole database.
    #[must_use]
    pub fn is_snapshot(self) -> bool {
        self.min == Txid(1)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}.ltx", self.min, self.max)
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || -> Option<Self> {
            let (min, max) = text.strip_suffix(".ltx")?.split_once('-')?;
            let name = Self { min: min.parse().ok()?, max: max.parse().ok()? };
            (name.min >= Txid(1) && name.max >= name.min).then_some(name)
        };
        parse().ok_or_else(|| Error::Name(text.to_owned()))
    }
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}
