//! Whom objects are encrypted for, and who reads them.
//!
//! What enters: recipients as text, and identities as `age-keygen` writes them, in a file or in the
//! environment. What leaves: [`Keys`], which nothing prints.

use crate::store::{AgeKeys, Error};
use age::x25519::{Identity, Recipient};
use std::fmt;
use std::fs;

/// The variable that holds identities, one a line, for every backup whose URL names no file.
pub const IDENTITY_VARIABLE: &str = "EGRET_AGE_IDENTITY";

/// The keys of a backup; none of either kind need be there.
#[derive(Clone, Default)]
pub struct Keys {
    recipients: Vec<Recipient>,
    identities: Vec<Identity>,
}

impl Keys {
    /// Reads what a location says, and the environment.
    ///
    /// # Errors
    /// [`Error::Identity`], or the file cannot be read.
    pub fn open(said: &AgeKeys) -> Result<Self, Error> {
        let recipients = said.recipients.iter().filter_map(|text| text.parse().ok()).collect();
        let identities = match (&said.identity, std::env::var(IDENTITY_VARIABLE)) {
            (Some(path), _) => {
                let text = fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
                identities(&text, &path.display().to_string())?
            }
            (None, Ok(text)) => identities(&text, IDENTITY_VARIABLE)?,
            (None, Err(_unset)) => Vec::new(),
        };
        Ok(Self { recipients, identities })
    }

    /// Whom objects are encrypted for; they are not if that is nobody.
    pub(super) fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    pub(super) fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// What is written can be read back.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        let is_recipient = |identity: &Identity| self.recipients.contains(&identity.to_public());
        self.recipients.is_empty() || self.identities.iter().any(is_recipient)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identities = self.identities.len();
        let mut shown = f.debug_struct("Keys");
        shown.field("recipients", &self.recipients).field("identities", &identities).finish()
    }
}

/// Whether objects can be encrypted for somebody of this name.
pub(in crate::store) fn is_recipient(text: &str) -> bool {
    text.parse::<Recipient>().is_ok()
}

/// The identities in a text, one a line, besides comments. What a line holds is never told.
fn identities(text: &str, from: &str) -> Result<Vec<Identity>, Error> {
    let lines = text.lines().map(str::trim).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let bad = |line: usize| Error::Identity { from: from.to_owned(), line };
    let read = |(index, line): (usize, &str)| line.parse().map_err(|_why| bad(index + 1));
    let found = lines.map(read).collect::<Result<Vec<Identity>, Error>>()?;
    if found.is_empty() { Err(bad(0)) } else { Ok(found) }
}

/// Keys for tests: of somebody who writes and reads.
#[cfg(test)]
pub(crate) fn pair() -> (String, String) {
    use age::secrecy::ExposeSecret as _;
    let identity = Identity::generate();
    (identity.to_public().to_string(), identity.to_string().expose_secret().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(recipients: &[&String], identity: &str) -> Result<Keys, Error> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.txt");
        fs::write(&path, identity).unwrap();
        let recipients = recipients.iter().map(|text| (*text).clone()).collect();
        Keys::open(&AgeKeys { recipients, identity: Some(path) })
    }

    #[test]
    fn who_can_read_what_is_written() {
        let ((ann, ann_key), (bob, _)) = (pair(), pair());
        let file = format!("# created: today\n# public key: {ann}\n{ann_key}\n\n");
        assert!(keys(&[&ann, &bob], &file).unwrap().is_readable());
        assert!(!keys(&[&bob], &file).unwrap().is_readable());
        assert!(keys(&[], &file).unwrap().is_readable());
        let both = AgeKeys { recipients: vec![ann], identity: None };
        assert!(!Keys::open(&both).unwrap().is_readable());
    }

    #[test]
    fn a_secret_is_never_told() {
        let (ann, ann_key) = pair();
        let shown = format!("{:?}", keys(&[&ann], &ann_key).unwrap());
        assert!(shown.contains(&ann) && !shown.contains("SECRET"), "{shown}");
        let (kept, last) = ann_key.split_at(ann_key.len() - 1);
        let broken = format!("{kept}{}", if last == "Q" { "P" } else { "Q" });
        let error = keys(&[], &format!("# a comment\n{broken}")).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("SECRET"), "{error}");
        let error = keys(&[], "# a comment\n").unwrap_err().to_string();
        assert!(error.contains("age-keygen"), "{error}");
    }

    #[test]
    fn recipients() {
        assert!(is_recipient(&pair().0));
        for text in ["", "age1", "age1xyz", "ssh-ed25519 AAAA", &pair().1] {
            assert!(!is_recipient(text), "{text}");
        }
    }
}
