//! Rows of system relations, kept in memory and found by the value of any column.
//!
//! What enters: cells, row by row. What leaves: a set that never changes, with an index on a column
//! from the first time that column is searched.

use crate::sqlite::FunctionError;
use crate::sqlite::table::Rows;
use crate::types::{Value, ValueRef};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
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
    /// By column.
    indexes: Vec<OnceLock<Index>>,
}

/// Numbers of rows, those whose column has the same hash together.
#[derive(Debug, Default)]
struct Index {
    rows: Vec<u32>,
    places: HashMap<u64, Range<u32>>,
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

    /// Where the index on `column` has the rows that may have the value of this hash there; other
    /// rows have not.
    fn candidates(&self, column: usize, hash: u64) -> Range<u32> {
        let Some(index) = self.indexes.get(column) else { return 0..0 };
        let index = index.get_or_init(|| self.index(column));
        index.places.get(&hash).cloned().unwrap_or_default()
    }

    /// The row at a place of the index on `column`.
    fn indexed(&self, column: usize, place: usize) -> Option<usize> {
        let index = self.indexes.get(column)?.get()?;
        index.rows.get(place).map(|&row| row as usize)
    }

    fn index(&self, column: usize) -> Index {
        let numbered = (0..).zip(self.rows());
        let known = numbered.filter(|(_, row)| row[column] != Cell::Null);
        let mut hashed: Vec<(u64, u32)> =
            known.map(|(number, row)| (hash(row[column].borrow()), number)).collect();
        hashed.sort_unstable();
        let mut index = Index::default();
        for same in hashed.chunk_by(|a, b| a.0 == b.0) {
            let start = index.rows.len() as u32;
            index.rows.extend(same.iter().map(|(_, number)| number));
            index.places.insert(same[0].0, start..index.rows.len() as u32);
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
    constants: Arc<[Cell]>,
    /// The sets have the rows of all keys, so that another can be looked for in them.
    complete: bool,
}

struct Part {
    set: Arc<RowSet>,
    rows: Chosen,
}

/// Which rows of a set.
enum Chosen {
    /// Those before this number.
    Before(usize),
    /// Those at these places of the index on a column.
    Indexed(usize, Range<u32>),
}

impl Chosen {
    /// Those that may have all of the values: columns and hashes.
    fn of(set: &RowSet, equals: &[(usize, u64)]) -> Self {
        let candidates =
            equals.iter().map(|&(column, hash)| (column, set.candidates(column, hash)));
        match candidates.min_by_key(|(_, places)| places.len()) {
            Some((column, places)) => Self::Indexed(column, places),
            None => Self::Before(set.len()),
        }
    }
}

impl Part {
    /// The rows that may have all of the values: columns and hashes.
    fn new(set: Arc<RowSet>, equals: &[(usize, u64)]) -> Self {
        let rows = Chosen::of(&set, equals);
        Self { set, rows }
    }

    /// The row at a position, counted from 0.
    fn row(&self, position: usize) -> Option<usize> {
        match &self.rows {
            Chosen::Before(end) => (position < *end).then_some(position),
            Chosen::Indexed(_, places) if position >= places.len() => None,
            Chosen::Indexed(column, places) => {
                self.set.indexed(*column, places.start as usize + position)
            }
        }
    }
}

impl Scan {
    /// The rows that may have these values. `constants` stand in the columns after a set's own.
    pub(super) fn new(
        sets: Vec<Arc<RowSet>>,
        equals: &[(usize, Value)],
        constants: Arc<[Cell]>,
    ) -> Self {
        let equals = hashes(equals);
        let parts = sets.into_iter().map(|set| Part::new(set, &equals)).collect();
        Self { parts, part: 0, position: 0, number: 0, constants, complete: false }
    }

    /// The sets have the rows of all keys, not only of the one asked for.
    pub(super) fn complete(self, complete: bool) -> Self {
        Self { complete, ..self }
    }
}

fn hashes(equals: &[(usize, Value)]) -> Vec<(usize, u64)> {
    equals.iter().map(|(column, value)| (*column, hash(value.borrow()))).collect()
}

impl Rows for Scan {
    fn advance(&mut self) -> Result<bool, FunctionError> {
        while let Some(part) = self.parts.get(self.part) {
            if let Some(number) = part.row(self.position) {
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

    fn restart(&mut self, equals: &[(usize, Value)]) -> bool {
        let equals = hashes(equals);
        for part in self.parts.iter_mut().filter(|_| self.complete) {
            part.rows = Chosen::of(&part.set, &equals);
        }
        (self.part, self.position, self.number) = (0, 0, 0);
        self.complete
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
            let mut scan = Scan::new(vec![set.clone(), set.clone()], equals, row![9].into());
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

    #[test]
    fn complete_rows_are_searched_again() {
        let set = Arc::new(RowSet::new(1, [row![1], row![2]].into_iter().flatten().collect()));
        let scan = |complete| {
            let scan = Scan::new(vec![set.clone()], &[(0, Value::Integer(1))], Arc::default());
            scan.complete(complete)
        };
        let next = [(0, Value::Integer(2))];
        let mut all = scan(true);
        assert!(all.advance().unwrap() && all.restart(&next) && all.advance().unwrap());
        assert_eq!(all.value(0), ValueRef::Integer(2));
        assert!(!all.advance().unwrap());
        assert!(!scan(false).restart(&next));
    }
}
