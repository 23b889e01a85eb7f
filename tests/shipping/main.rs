//! Real files shipped to a directory, restored and compared, by this program and, where the program
//! `litestream` is on the PATH, by the real one.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod commits;
mod copies;
mod crashes;
mod destinations;
mod fences;
mod followers;
mod ground;
mod in_place;
mod incidents;
mod levels;
mod lost;
mod meddler;
mod sealed;
mod sleep;
mod takeover;
