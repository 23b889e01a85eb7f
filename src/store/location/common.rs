//! The options that URLs of every kind have.

use super::query::set;
use super::{AgeKeys, Fault, Location, Place};
use crate::store::age::is_recipient;
use std::path::PathBuf;

/// How an identity begins.
const SECRET: &str = "AGE-SECRET-KEY-";

/// What they said so far.
#[derive(Default)]
pub(super) struct Common {
    name: Option<String>,
    recipients: Option<Vec<String>>,
    identity: Option<PathBuf>,
}

impl Common {
    /// Takes an option; false if it is none of these.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool, Fault> {
        if matches!(key, "age" | "age-identity") && value.to_ascii_uppercase().contains(SECRET) {
            return Err(Fault::Secret(format!("{key}={SECRET}...")));
        }
        match key {
            "name" => set(&mut self.name, key, value.to_owned()),
            "age" => set(&mut self.recipients, key, recipients(value)?),
            "age-identity" => set(&mut self.identity, key, value.into()),
            _ => return Ok(false),
        }?;
        Ok(true)
    }

    /// A place with these options.
    pub(super) fn at(self, place: Place) -> Location {
        let recipients = self.recipients.unwrap_or_default();
        let age = AgeKeys { recipients, identity: self.identity };
        Location { place, name: self.name, age }
    }
}

fn recipients(value: &str) -> Result<Vec<String>, Fault> {
    let check = |text: &str| match is_recipient(text) {
        true => Ok(text.to_owned()),
        false => Err(Fault::Recipient(text.to_owned())),
    };
    value.split(',').map(check).collect()
}
