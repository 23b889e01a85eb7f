//! A password in, what is stored of it out: enough to check a proof, too little to make one.
//!
//! The text form is Postgres's own: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
//! <https://www.postgresql.org/docs/15/catalog-pg-authid.html>,
//! <https://www.rfc-editor.org/rfc/rfc5802#section-3>

use super::Error;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};
use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// What is stored of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    pub(super) iterations: NonZeroU32,
    pub(super) salt: Vec<u8>,
    pub(super) stored_key: Key,
    pub(super) server_key: Key,
}

/// An SHA-256 digest.
pub(super) type Key = [u8; digest::SHA256_OUTPUT_LEN];

/// The text is no verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed SCRAM-SHA-256 verifier")]
pub struct Malformed;

/// Postgres's `scram_iterations`.
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4095);

/// A stored verifier may not ask for more work than this at each connection.
const ITERATIONS_MAX: u32 = 1_000_000;

const SALT_BYTES: usize = 16;

impl Verifier {
    /// The verifier of a password, under a fresh salt.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn from_password(password: &str) -> Result<Self, Error> {
        let mut salt = [0; SALT_BYTES];
        random(&mut salt)?;
        Ok(Self::derive(password, &salt, ITERATIONS))
    }

    /// The password is the one this was made from.
    #[must_use]
    pub fn accepts(&self, password: &str) -> bool {
        let given = Self::derive(password, &self.salt, self.iterations);
        equal(&given.stored_key, &self.stored_key)
    }

    /// A verifier that accepts nothing and looks the same at each connection, for a user that does
    /// not exist.
    pub(super) fn mock(name: &str, secret: &Key) -> Self {
        let salt = sign(secret, &[b"salt", name.as_bytes()]);
        Self {
            iterations: ITERATIONS,
            salt: salt[..SALT_BYTES].to_vec(),
            stored_key: sign(secret, &[b"stored key", name.as_bytes()]),
            server_key: sign(secret, &[b"server key", name.as_bytes()]),
        }
    }

    pub(super) fn derive(password: &str, salt: &[u8], iterations: NonZeroU32) -> Self {
        let mut salted = Key::default();
        let prepared = prepared(password);
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(algorithm, iterations, salt, prepared.as_bytes(), &mut salted);
        Self {
            iterations,
            salt: salt.to_vec(),
            stored_key: hash(&sign(&salted, &[b"Client Key"])),
            server_key: sign(&salted, &[b"Server Key"]),
        }
    }
}

/// SASLprep; a password it refuses is used as it is, as Postgres does.
fn prepared(password: &str) -> Cow<'_, str> {
    stringprep::saslprep(password).unwrap_or(Cow::Borrowed(password))
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encode = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
        let (salt, iterations) = (encode(&self.salt), self.iterations);
        let (stored_key, server_key) = (encode(&self.stored_key), encode(&self.server_key));
        write!(f, "SCRAM-SHA-256${iterations}:{salt}${stored_key}:{server_key}")
    }
}

/// Verifiers stay out of logs.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl FromStr for Verifier {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::parse(text).ok_or(Malformed)
    }
}

impl Verifier {
    fn parse(text: &str) -> Option<Self> {
        let (head, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let (iterations, salt) = head.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let decode = |text: &str| BASE64_STANDARD.decode(text).ok();
        let iterations: NonZeroU32 = iterations.parse().ok()?;
        let salt = decode(salt).filter(|salt| !salt.is_empty())?;
        if iterations.get() > ITERATIONS_MAX {
            return None;
        }
        Some(Self {
            iterations,
            salt,
            stored_key: decode(stored_key)?.try_into().ok()?,
            server_key: decode(server_key)?.try_into().ok()?,
        })
    }
}

pub(super) fn random(bytes: &mut [u8]) -> Result<(), Error> {
    SystemRandom::new().fill(bytes).map_err(|ring::error::Unspecified| Error::NoRandom)
}

pub(super) fn hash(bytes: &[u8]) -> Key {
    key(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// HMAC-SHA-256 of the parts one after another.
pub(super) fn sign(secret: &[u8], parts: &[&[u8]]) -> Key {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    parts.iter().for_each(|part| context.update(part));
    key(context.sign().as_ref())
}

fn key(digest: &[u8]) -> Key {
    let mut key = Key::default();
    key.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
    key
}

/// Compares in a time that says nothing about where the keys differ.
pub(super) fn equal(a: &Key, b: &Key) -> bool {
    let difference = a.iter().zip(b).fold(0, |seen, (a, b)| seen | (a ^ b));
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form() {
        let verifier = Verifier::from_password("secret").unwrap();
        let text = verifier.to_string();
        assert_eq!(text.parse::<Verifier>().unwrap(), verifier);
        assert!(verifier.accepts("secret"));
        assert!(!verifier.accepts("Secret"));
        assert_ne!(Verifier::from_password("secret").unwrap(), verifier);
        for bad in [
            "",
            "SCRAM-SHA-256$0:AA==$AA==:AA==",
            "SCRAM-SHA-256$4096:AA==$AA==:AA==",
            "md5abc",
            "SCRAM-SHA-256$99999999:AA==$",
            &text[1..],
            &text[..text.len() - 4],
        ] {
            assert_eq!(bad.parse::<Verifier>(), Err(Malformed), "{bad}");
        }
        assert!(!format!("{verifier:?}").contains(&text[20..30]));
    }

    /// Made by PostgreSQL 15: `SET password_encryption = 'scram-sha-256'; ALTER ROLE ... PASSWORD`.
    #[test]
    fn postgres_verifiers() {
        for (password, text) in POSTGRES {
            assert!(text.parse::<Verifier>().unwrap().accepts(password), "{password}");
        }
    }

    const POSTGRES: [(&str, &str); 3] = [
        (
            "secret",
            "SCRAM-SHA-256$4096:fK5RzTBnU1dLaFlnS0Fbcg==\
             $G2AAQEU1k8kRBF9CB/2GP8LcOcxrEAD9MzqyvX79ENU=:icHWBJVMpmcY77lJ/3cMucKU4d5lqr/OUWMgf056oo0=",
        ),
        (
            "p\u{e4}ssw\u{f6}rd \u{a0}x",
            "SCRAM-SHA-256$4096:BL7f/aSg6D0dHoU/kyr+hA==\
             $UT0W6tORl+o620aJIqdO6jP4RylRX9BXljXMklNSfrA=:UYoZ7w+RB5gvk2CkzEr+PI9V2vkum75aasLErVXzw7M=",
        ),
        (
            "I\u{ad}X",
            "SCRAM-SHA-256$4096:BOqVSv5PSGUtzgvKsWvtwQ==\
             $0mzwoTAJbC3ztjRtjVp1KVwLKXX0/4AgSwDYoTQfJuk=:EHwF7TT7vmgQTQ7Vg+fuov4mRT+wbFPylJT+UdY9DCs=",
        ),
    ];
}
