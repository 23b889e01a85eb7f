//! Aggregates, which all work as window functions too.
//!
//! What enters: rows of arguments, in and out of the window. What leaves: one value.
//! <https://www.postgresql.org/docs/15/functions-aggregate.html>

use super::array::{Elements, array, element, elements};
use super::decimal::Decimal;
use super::{Args, Outcome, outcome, refuse, text, with_arguments};
use crate::sqlite::host::{FunctionError, HostSlot};
use crate::types::{Value, ValueRef};
use rusqlite::functions::{Context, FunctionFlags, WindowAggregate};
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// The state of one aggregate over the rows of its group or frame.
pub(super) trait Accumulator: Send + UnwindSafe + RefUnwindSafe {
    /// A row enters.
    ///
    /// # Errors
    /// What the function refuses.
    fn step(&mut self, args: &Args<'_>) -> Result<(), FunctionError>;

    /// The oldest row leaves; the arguments are its own.
    ///
    /// # Errors
    /// What the function refuses.
    fn inverse(&mut self, args: &Args<'_>) -> Result<(), FunctionError>;

    /// The result over the rows that are in.
    ///
    /// # Errors
    /// What the function refuses.
    fn value(&self) -> Outcome;
}

/// Whether rows with a NULL argument count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nulls {
    /// They are left out.
    Skip,
    /// They are rows as any other.
    Keep,
}

/// One aggregate: name, number of arguments, NULLs, and how its state begins.
pub(super) type Aggregate = (&'static str, i32, Nulls, fn() -> Box<dyn Accumulator>);

pub(super) const AGGREGATES: &[Aggregate] = &[
    ("pg_bool_and", 1, Nulls::Skip, || Box::new(Booleans { all: true, ..Booleans::default() })),
    ("pg_bool_or", 1, Nulls::Skip, || Box::<Booleans>::default()),
    ("pg_bit_and", 1, Nulls::Skip, || Box::new(Bits::new(|set, n| set == n))),
    ("pg_bit_or", 1, Nulls::Skip, || Box::new(Bits::new(|set, _| set > 0))),
    ("pg_bit_xor", 1, Nulls::Skip, || Box::new(Bits::new(|set, _| set % 2 == 1))),
    ("pg_sum_numeric", 1, Nulls::Skip, || Box::<SumNumeric>::default()),
    ("pg_avg_numeric", 1, Nulls::Skip, || {
        Box::new(SumNumeric { mean: true, ..SumNumeric::default() })
    }),
    ("pg_single", 1, Nulls::Keep, || Box::<Single>::default()),
    ("pg_max_numeric", 1, Nulls::Skip, || Extreme::boxed(Ordering::Greater, numeric_key)),
    ("pg_min_numeric", 1, Nulls::Skip, || Extreme::boxed(Ordering::Less, numeric_key)),
    ("pg_max_timetz", 1, Nulls::Skip, || Extreme::boxed(Ordering::Greater, timetz_key)),
    ("pg_min_timetz", 1, Nulls::Skip, || Extreme::boxed(Ordering::Less, timetz_key)),
    ("pg_array_agg", 1, Nulls::Keep, || Box::<ArrayAgg>::default()),
    ("pg_array_agg_array", 1, Nulls::Keep, || Box::<ArrayAggArray>::default()),
    ("pg_string_agg_bytea", 2, Nulls::Keep, || Box::<StringAggBytea>::default()),
    ("pg_string_agg_distinct", 2, Nulls::Keep, || Box::<StringAggDistinct>::default()),
];

/// Registers the aggregates of one table.
///
/// # Errors
/// SQLite's, when it cannot take a function.
pub(super) fn register(
    connection: &rusqlite::Connection,
    slot: &Arc<HostSlot>,
    table: &'static [Aggregate],
) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    for &(name, arity, nulls, make) in table {
        let registered = Registered { slot: Arc::clone(slot), nulls, make };
        connection.create_window_function(name, arity, flags, registered)?;
    }
    Ok(())
}

struct Registered {
    slot: Arc<HostSlot>,
    nulls: Nulls,
    make: fn() -> Box<dyn Accumulator>,
}

type Row = fn(&mut Box<dyn Accumulator>, &Args<'_>) -> Result<(), FunctionError>;

impl Registered {
    fn row(
        &self,
        context: &Context<'_>,
        state: &mut Box<dyn Accumulator>,
        row: Row,
    ) -> rusqlite::Result<()> {
        with_arguments(context, |values| {
            if self.nulls == Nulls::Skip && values.contains(&ValueRef::Null) {
                return Ok(());
            }
            row(state, &Args::new(values, &self.slot)).map_err(|error| refuse(&self.slot, error))
        })
    }
}

type Sql = rusqlite::types::Value;

impl rusqlite::functions::Aggregate<Box<dyn Accumulator>, Sql> for Registered {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Box<dyn Accumulator>> {
        Ok((self.make)())
    }

    fn step(&self, ctx: &mut Context<'_>, acc: &mut Box<dyn Accumulator>) -> rusqlite::Result<()> {
        self.row(ctx, acc, |state, args| state.step(args))
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        acc: Option<Box<dyn Accumulator>>,
    ) -> rusqlite::Result<Sql> {
        outcome(&self.slot, acc.unwrap_or_else(self.make).value())
    }
}

impl WindowAggregate<Box<dyn Accumulator>, Sql> for Registered {
    fn value(&self, acc: Option<&mut Box<dyn Accumulator>>) -> rusqlite::Result<Sql> {
        outcome(&self.slot, acc.map_or_else(|| (self.make)().value(), |acc| acc.value()))
    }

    fn inverse(
        &self,
        ctx: &mut Context<'_>,
        acc: &mut Box<dyn Accumulator>,
    ) -> rusqlite::Result<()> {
        self.row(ctx, acc, |state, args| state.inverse(args))
    }
}

#[derive(Default)]
struct Booleans {
    /// `bool_and` rather than `bool_or`.
    all: bool,
    rows: [u64; 2],
}

impl Accumulator for Booleans {
    fn step(&mut self, args: &Args<'_>) -> Result<(), FunctionError> {
        self.rows[usize::from(args.bool(0)?)] += 1;
        Ok(())
    }

    fn inverse(&mut self, args: &Args<'_>) -> Result<(), FunctionError> {
        self.rows[usize::from(args.bool(0)?)] -= 1;
        Ok(())
    }

    fn value(&self) -> Outcome {
        match self.rows {
            [0, 0] => Ok(Value::Null),
            [no, yes] => super::boolean(if self.all { no == 0 } else { yes > 0 }),
        }
    }
}

/// How often each bit was set, so that rows can leave again.
struct Bits {
    set: [u64; 64],
    rows: u64,
    holds: fn(u64, u64) -> bool,
}

impl Bits {
    fn new(holds: fn(u64, u64) -> bool) -> Self {
        Self { set: [0; 64], rows: 0, holds }
    }

    fn count(&mut self, args: &Args<'_>, by: i64) -> Result<(), FunctionError> {
        let bits = args.int(0)?;
        for (i, set) in self.set.iter_mut().enumerate() {
            if bits >> i & 1 == 1 {
                *set = set.wrapping_add_signed(by);
            }
        }
        self.rows = self.rows.wrapping_add_signed(by);
        Ok(())
    }
}

impl Accumulator for Bits {
    fn step(&mut self, args: &Args<'_>) -> Result<(), FunctionError> {
        self.count(args, 1)
    }

    fn inverse(&mut self, args: &Args<'_>) -> Result<(), FunctionError> {
        self.count(args, -1)
    }

    fn value(&self) -> Outcome {
        if self.rows == 0 {
            return Ok(Value::Null);
        }
        let held = self.set.iter().enumerate().filter(|(_, set)| (self.holds)(**set, self.rows));
        super::integer(held.fold(0_i64, |bits, (i, _)| bits | 1 << i))
    }
}

#[derive(Default)]
struct SumNumeric {
    /// `avg` rather than `sum`.
    mean: bool,
    sum: Option<Decimal>,
    rows: i64,
    not_numbers: u64,
}

impl SumNumeric {
    fn add(
        &mut self,
        args: &Args<'_>,
        operation: fn(&Decimal, &Decimal) -> Decimal,
    ) -> Result<bool, FunctionError> {
        let value = args.decimal(0)?;
        if !value.is_finite() {
            return Ok(false);
        }
        self.sum = Some(operation(self.sum.as_ref().unwrap_or(&Decimal::from(0)), &value));
        Ok(true)
    }
}

impl Accumulator for SumNumeric {
    fn step(&mut self, args: &Args<'_>) -> Result<(), FunctionError> {
        self.rows += 1;
        self.not_numbers += u64::from(!self.add(args, Decimal::add)?);
        Ok(())
    }

    fn inverse(&mut self, args: &Args<'_>) -> Result<(), FunctionError> {
        self.rows -= 1;
        self.not_numbers -= u64::from(!self.add(args, Decimal::sub)?);
        Ok(())
    }

    fn value(&self) -> Outcome {
        match &self.sum {
            _ if self.rows == 0 => Ok(Value::Null),
            _ if self.not_numbers > 0 => text("NaN"),
            None => Ok(Value::Null),
            Some(sum) if self.mean => Ok(sum.div(&Decimal::from(self.rows))?.into_value()),
            Some(sum) => Ok(sum.clone().into_value()),
        }
    }
}

/// The only row of a sub-select that stands for a value.
#[derive(Default)]
struct Single {
    value: Option<Value>,
}

impl Accumulator for Single {
    fn step(&mut self, args: &Args<'_>) -> Result<(), FunctionError> {
        if self.value.is_some() {
            let message = "more than one row returned by a subquery used as an expression";
            return Err(FunctionError::new("21000", message));
        }
        self.value = Some(args.value(0).to_owned());
        Ok(())
    }

    fn inverse(&mut self, _: &Args<'_>) -> Result<(), FunctionError> {
        self.value = None;
        Ok(())
    }

    fn value(&self) -> Outcome {
        Ok(self.value.clone().unwrap_or_default())
    }
}

/// The greatest or least of values that are compared by keys.
struct Extreme {
    wanted: Ordering,
    key: fn(&Args<'_>) -> Result<Vec<u8>, FunctionError>,
    entered: u64,
    left: u64,
    /// Row number, key and value of the rows that are best, or will be once those before have left.
    best: VecDeque<(u64, Vec<u8>, Value)>,
}

impl Extreme {
    fn boxed(
        wanted: Ordering,
        key: fn(&Args<'_>) -> Result<Vec<u8>, FunctionError>,
    ) -> Box<dyn Accumulator> {
        Box::new(Self { wanted, key, entered: 0, left: 0, best: VecDeque::new() })
    }
}

impl Accumulator for Extreme {
    fn step(&mut self, args: &Args<'_>) -> Result<(), FunctionError> {
        let key = (self.key)(args)?;
        while self.best.back().is_some_and(|(_, last, _)| key.cmp(last) == self.wanted) {
            self.best.pop_back();
        }
        self.best.push_back((self.entered, key, args.owned(0)?));
        self.entered += 1;
        Ok(())
    }

    fn inverse(&mut self, _: &Args<'_>) -> Result<(), FunctionError> {
        self.left += 1;
        while self.best.front().is_some_and(|(row, ..)| *row < self.left) {
            self.best.pop_front();
        }
        Ok(())
    }

    fn value(&self) -> Outcome {
        Ok(self.best.front().map_or(Value::Null, |(_, _, value)| value.clone()))
    }
}

fn numeric_key(args: &Args<'_>) -> Result<Vec<u8>, FunctionError> {
    Ok(args.decimal(0)?.key())
}

fn timetz_key(args: &Args<'_>) -> Result<Vec<u8>, FunctionError> {
    let sorted = super::datetime_cast::timetz_key(args)?;
    Ok((sorted ^ i64::MIN).to_be_bytes().to_vec())
}

#[derive(Default)]
struct ArrayAgg {
    values: VecDeque<Value>,
}

impl Accumulator for ArrayAgg {
    fn step(&mut self, args: &Args<'_>) -> Result<(), FunctionError> {
        self.values.push_back(element(args.value(0)));
        Ok(())
    }

    fn inverse(&mut self, _: &Args<'_>) -> Result<(), FunctionError> {
        self.values.pop_front();
        Ok(())
    }

    fn value(&self) -> Outcome {
        if self.values.is_empty() {
            return Ok(Value::Null);
        }
        array(Elements::flat(self.values.iter().cloned().collect()))
    }
}

#[derive(Default)]
struct ArrayAggArray {
    arrays: VecDeque<String>,
    lengths: Option<Vec<usize>>,
}

impl Accumulator for ArrayAggArray {
    fn step(&mut self, args: &Args<'_>) -> Result<(), FunctionError> {
        if args.is_null(0) {
            return Err(FunctionError::new("22004", "cannot accumulate null arrays"));
        }
        let lengths = elements(args, 0)?.lengths().to_vec();
        if self.lengths.get_or_insert_with(|| lengths.clone()) != &lengths {
            let message = "cannot accumulate arrays of different dimensionality";
            return Err(FunctionError::new("2202E", message));
        }
        self.arrays.push_back(args.text(0)?.into_owned());
        Ok(())
    }

    fn inverse(&mut self, _: &Args<'_>) -> Result<(), FunctionError> {
        self.arrays.pop_front();
        Ok(())
    }

    fn value(&self) -> Outcome {
        if self.arrays.is_empty() {
            return Ok(Value::Null);
        }
        text(format!("[{}]", Vec::from_iter(self.arrays.iter().map(String::as_str)).join(",")))
    }
}

#[derive(Default)]
struct StringAggBytea {
    /// Delimiter and value.
    parts: VecDeque<(Vec<u8>, Vec<u8>)>,
}

impl Accumulator for StringAggBytea {
    fn step(&mut self, args: &Args<'_>) -> Result<(), FunctionError> {
        if !args.is_null(0) {
            self.parts.push_back((args.bytes(1).into_owned(), args.bytes(0).into_owned()));
        }
        Ok(())
    }

    fn inverse(&mut self, args: &Args<'_>) -> Result<(), FunctionError> {
        if !args.is_null(0) {
            self.parts.pop_front();
        }
        Ok(())
    }

    fn value(&self) -> Outcome {
        let mut parts = self.parts.iter();
        let Some((_, first)) = parts.next() else { return Ok(Value::Null) };
        let mut out = first.clone();
        for (delimiter, part) in parts {
            out.extend_from_slice(delimiter);
            out.extend_from_slice(part);
        }
        Ok(Value::Blob(out))
    }
}

/// In the order of the strings, as Postgres's sort for DISTINCT leaves them.
#[derive(Default)]
struct StringAggDistinct {
    rows: BTreeMap<String, u64>,
    delimiter: String,
}

impl Accumulator for StringAggDistinct {
    fn step(&mut self, args: &Args<'_>) -> Result<(), FunctionError> {
        if !args.is_null(0) {
            *self.rows.entry(args.text(0)?.into_owned()).or_default() += 1;
            self.delimiter = args.text(1)?.into_owned();
        }
        Ok(())
    }

    fn inverse(&mut self, args: &Args<'_>) -> Result<(), FunctionError> {
        let key = args.text(0)?.into_owned();
        if let Some(rows) = self.rows.get_mut(&key) {
            *rows -= 1;
            if *rows == 0 {
                self.rows.remove(&key);
            }
        }
        Ok(())
    }

    fn value(&self) -> Outcome {
        if self.rows.is_empty() {
            return Ok(Value::Null);
        }
        text(Vec::from_iter(self.rows.keys().map(String::as_str)).join(&self.delimiter))
    }
}
