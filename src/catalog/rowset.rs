//! Rows of system relations, kept in memory and found by the value of any column.
//!
//! What enters: cells, row by row. What leaves: a set that never changes, with an index on a column
//! from the first time that column is searched.

use crate::sqlite::FunctionError;
use crate::sqlite::table::Rows;
use crate::types::{Value, ValueRef};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

/// A value in a system relation: most texts there are constants.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Cell {
    #[default]
    Null,
    Integer(i64),
    Real(f64),
    Static(&'static str),
    Text(Box<str>),
}

impl Cell {
    fn borrow(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Integer(i) => ValueRef::Integer(*i),
            Self::Real(r) => ValueRef::Real(*r),
            Self::Static(text) => ValueRef::Text(text.as_bytes()),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }
    }
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(i) => Self::Integer(i),
            Value::Real(r) => Self::Real(r),
            Value::Text(text) => Self::Text(text.into()),
            // No system relation that is made here has a bytea.
            Value::Blob(bytes) => Self::Text(String::from_utf8_lossy(&bytes).into()),
        }
    }
}

impl From<&'static str> for Cell {
    fn from(text: &'static str) -> Self {
        Self::Static(text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        Self::Text(text.as_str().into())
    }
}

impl From<u32> for Cell {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<i32> for Cell {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Cell {
    fn from(truth: bool) -> Self {
        Self::Integer(truth.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Cells of one row, each from whatever it is.
macro_rules! row {
    ($($cell:expr),* $(,)?) => { [$($crate::catalog::rowset::Cell::from($cell)),*] };
}
pub(super) use row;

/// Rows of one relation.
#[derive(Debug, Default)]
pub(super) struct RowSet {
    width: usize,
    cells: Vec<Cell>,
    indexes: Vec<OnceLock<HashMap<u64, Vec<u32>>>>,
}

impl RowSet {
    pub(super) fn new(width: usize, cells: Vec<Cell>) -> Self {
        Self { width, cells, indexes: (0..width).map(|_| OnceLock::new()).collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[Cell]> {
        self.cells.chunks_exact(self.width.max(1))
    }

    /// Numbers of the rows that may have `value` in `column`; others have not.
    fn candidates(&self, column: usize, value: &Value) -> &[u32] {
        let Some(index) = self.indexes.get(column) else { return &[] };
        let index = index.get_or_init(|| self.index(column));
        index.get(&hash(value.borrow())).map_or(&[], Vec::as_slice)
    }

    fn index(&self, column: usize) -> HashMap<u64, Vec<u32>> {
        let mut index: HashMap<u64, Vec<u32>> = HashMap::new();
        for (number, row) in (0..).zip(self.rows()) {
            if row[column] != Cell::Null {
                index.entry(hash(row[column].borrow())).or_default().push(number);
            }
        }
        index
    }
}

fn hash(value: ValueRef<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match value {
        ValueRef::Null => 0.hash(&mut hasher),
        ValueRef::Integer(i) => i.hash(&mut hasher),
        ValueRef::Real(r) => r.to_bits().hash(&mut hasher),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.hash(&mut hasher),
    }
    hasher.finish()
}

/// A walk over the rows of several sets, one after the other.
pub(super) struct Scan {
    parts: Vec<Part>,
    part: usize,
    /// Position in the part's rows, from 1; 0 before the first.
    position: usize,
    /// The row's number in its set.
    number: usize,
    constants: Vec<Cell>,
}

struct Part {
    set: Arc<RowSet>,
    /// All rows when `None`.
    chosen: Option<Vec<u32>>,
}

impl Scan {
    /// The rows that may have these values. `constants` stand in the columns after a set's own.
    pub(super) fn new(
        sets: Vec<Arc<RowSet>>,
        equals: &[(usize, Value)],
        constants: Vec<Cell>,
    ) -> Self {
        let part = |set: Arc<RowSet>| {
            let candidates = equals.iter().map(|(column, value)| set.candidates(*column, value));
            let chosen = candidates.min_by_key(|rows| rows.len()).map(<[u32]>::to_vec);
            Part { chosen, set }
        };
        let parts = sets.into_iter().map(part).collect();
        Self { parts, part: 0, position: 0, number: 0, constants }
    }
}

impl Rows for Scan {
    fn advance(&mut self) -> Result<bool, FunctionError> {
        while let Some(part) = self.parts.get(self.part) {
            let next = match &part.chosen {
                Some(rows) => rows.get(self.position).map(|&row| row as usize),
                None => Some(self.position).filter(|&row| row < part.set.len()),
            };
            if let Some(number) = next {
                (self.number, self.position) = (number, self.position + 1);
                return Ok(true);
            }
            (self.part, self.position) = (self.part + 1, 0);
        }
        Ok(false)
    }

    fn value(&self, column: usize) -> ValueRef<'_> {
        let Some(Part { set, .. }) = self.parts.get(self.part) else { return ValueRef::Null };
        let cell = match column.checked_sub(set.width) {
            None => set.cells.get(self.number * set.width + column),
            Some(constant) => self.constants.get(constant),
        };
        cell.map_or(ValueRef::Null, Cell::borrow)
    }

    /// A row is what it holds.
    fn identity(&self) -> Option<i64> {
        let set = &self.parts.get(self.part)?.set;
        let mut hasher = DefaultHasher::new();
        for cell in set.cells.get(self.number * set.width..)?.iter().take(set.width) {
            hash(cell.borrow()).hash(&mut hasher);
        }
        Some(hasher.finish().cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_any_column() {
        let cells = [row![1, "a"], row![2, "b"], row![3, "b"]].into_iter().flatten().collect();
        let set = Arc::new(RowSet::new(2, cells));
        let count = |equals: &[(usize, Value)]| {
            let mut scan = Scan::new(vec![set.clone(), set.clone()], equals, row![9].to_vec());
            let mut count = 0;
            while scan.advance().unwrap() {
                count += 1;
                assert_eq!(scan.value(2), ValueRef::Integer(9));
            }
            count
        };
        assert_eq!(count(&[]), 6);
        assert_eq!(count(&[(1, Value::Text("b".into()))]), 4);
        assert_eq!(count(&[(1, Value::Text("b".into())), (0, Value::Integer(3))]), 2);
        assert_eq!(count(&[(0, Value::Text("1".into()))]), 0);
    }
}
