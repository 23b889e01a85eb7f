//! COPY: placeholder until the formats are read and written here.

use super::Session;
use super::error::Failure;
use super::execute::Ending;
use crate::statement::Copy;

impl Session {
    pub(super) fn run_copy(&mut self, _copy: &Copy) -> Result<Ending, Failure> {
        Err(Failure::new("0A000", "COPY is not supported"))
    }
}
