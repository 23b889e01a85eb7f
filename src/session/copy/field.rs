//! The fields of one record, as places in its bytes.

use std::ops::Range;

/// The fields of a record; kept from record to record for its memory.
#[derive(Default)]
pub(super) struct Fields {
    fields: Vec<Field>,
    /// The text of fields that held escapes.
    cooked: Vec<u8>,
}

enum Field {
    Null,
    /// In the record.
    Raw(Range<usize>),
    /// In [`Fields::cooked`].
    Cooked(Range<usize>),
}

impl Fields {
    pub(super) fn clear(&mut self) {
        self.fields.clear();
        self.cooked.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(super) fn push_null(&mut self) {
        self.fields.push(Field::Null);
    }

    /// A field that stands in the record as it is meant.
    pub(super) fn push_raw(&mut self, place: Range<usize>) {
        self.fields.push(Field::Raw(place));
    }

    /// Where the text of the next cooked field begins.
    pub(super) fn begin_cooked(&self) -> usize {
        self.cooked.len()
    }

    /// The text of all cooked fields.
    pub(super) fn cooked(&self) -> &[u8] {
        &self.cooked
    }

    /// More of a cooked field.
    pub(super) fn cook(&mut self, bytes: &[u8]) {
        self.cooked.extend_from_slice(bytes);
    }

    /// Ends the cooked field begun at `start`.
    pub(super) fn push_cooked(&mut self, start: usize) {
        self.fields.push(Field::Cooked(start..self.cooked.len()));
    }

    /// Field `i` of `record`: nothing when there is no such field, `Some(None)` for NULL.
    pub(super) fn value<'a>(&'a self, i: usize, record: &'a [u8]) -> Option<Option<&'a [u8]>> {
        Some(match self.fields.get(i)? {
            Field::Null => None,
            Field::Raw(place) => record.get(place.clone()),
            Field::Cooked(place) => self.cooked.get(place.clone()),
        })
    }
}
