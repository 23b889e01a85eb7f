//! Intervals: arithmetic, comparison, aggregates.
//! <https://www.postgresql.org/docs/15/functions-datetime.html>

use super::aggregate::{Accumulator, Aggregate, Nulls};
use super::datetime::{interval, span};
use super::{Args, Flags, Function, Outcome, boolean, integer};
use crate::sqlite::host::FunctionError;
use crate::types::{Interval, Value, ValueRef};
use std::cmp::Ordering;
use std::collections::VecDeque;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_interval_add", 2, Flags::PURE, |a| span(interval(a, 0)?.add(interval(a, 1)?)?)),
    ("pg_interval_sub", 2, Flags::PURE, |a| span(interval(a, 0)?.sub(interval(a, 1)?)?)),
    ("pg_interval_mul", 2, Flags::PURE, |a| span(interval(a, 0)?.scaled(a.float(1)?)?)),
    ("pg_interval_div", 2, Flags::PURE, |a| span(interval(a, 0)?.divided(a.float(1)?)?)),
    ("pg_interval_neg", 1, Flags::PURE, |a| span(interval(a, 0)?.negated()?)),
    ("pg_interval_lt", 2, Flags::PURE, |a| boolean(order(a)?.is_lt())),
    ("pg_interval_le", 2, Flags::PURE, |a| boolean(order(a)?.is_le())),
    ("pg_interval_gt", 2, Flags::PURE, |a| boolean(order(a)?.is_gt())),
    ("pg_interval_ge", 2, Flags::PURE, |a| boolean(order(a)?.is_ge())),
    ("pg_interval_eq", 2, Flags::PURE, |a| boolean(order(a)?.is_eq())),
    ("pg_interval_ne", 2, Flags::PURE, |a| boolean(order(a)?.is_ne())),
    ("pg_interval_key", 1, Flags::PURE, key),
    ("pg_greatest_interval", -1, Flags::PURE_NULLS, |a| extreme(a, Ordering::Greater)),
    ("pg_least_interval", -1, Flags::PURE_NULLS, |a| extreme(a, Ordering::Less)),
];

pub(super) const AGGREGATES: &[Aggregate] = &[
    ("pg_sum_interval", 1, Nulls::Skip, || Box::<Sum>::default()),
    ("pg_avg_interval", 1, Nulls::Skip, || Box::new(Sum { mean: true, ..Sum::default() })),
    ("pg_max_interval", 1, Nulls::Skip, || Spans::boxed(|sorted, _| sorted.last().copied())),
    ("pg_min_interval", 1, Nulls::Skip, || Spans::boxed(|sorted, _| sorted.first().copied())),
    ("pg_percentile_cont_interval", 2, Nulls::Skip, || Spans::boxed(between)),
];

type Result<T> = std::result::Result<T, FunctionError>;

fn order(args: &Args<'_>) -> Result<Ordering> {
    Ok(interval(args, 0)?.compare(interval(args, 1)?))
}

/// A number to sort by: the text sorts by letters.
fn key(args: &Args<'_>) -> Outcome {
    let total = interval(args, 0)?.total();
    #[expect(clippy::cast_precision_loss, reason = "beyond 292,000 years")]
    i64::try_from(total).map_or(Ok(Value::Real(total as f64)), integer)
}

fn extreme(args: &Args<'_>, wanted: Ordering) -> Outcome {
    let mut best: Option<Interval> = None;
    for i in (0..args.len()).filter(|i| !args.is_null(*i)) {
        let next = interval(args, i)?;
        if best.is_none_or(|best| next.compare(best) == wanted) {
            best = Some(next);
        }
    }
    best.map_or(Ok(Value::Null), span)
}

#[derive(Default)]
struct Sum {
    /// `avg` rather than `sum`.
    mean: bool,
    sum: Interval,
    rows: u32,
}

impl Accumulator for Sum {
    fn step(&mut self, args: &Args<'_>) -> Result<()> {
        self.sum = self.sum.add(interval(args, 0)?)?;
        self.rows += 1;
        Ok(())
    }

    fn inverse(&mut self, args: &Args<'_>) -> Result<()> {
        self.sum = self.sum.sub(interval(args, 0)?)?;
        self.rows -= 1;
        Ok(())
    }

    fn value(&self) -> Outcome {
        match self.rows {
            0 => Ok(Value::Null),
            rows if self.mean => span(self.sum.divided(f64::from(rows))?),
            _ => span(self.sum),
        }
    }
}

type Pick = fn(&[Interval], f64) -> Option<Interval>;

/// All intervals of the frame; the fraction, where there is one, comes first.
struct Spans {
    fraction: f64,
    values: VecDeque<Interval>,
    pick: Pick,
}

impl Spans {
    fn boxed(pick: Pick) -> Box<dyn Accumulator> {
        Box::new(Self { fraction: 0.0, values: VecDeque::new(), pick })
    }
}

impl Accumulator for Spans {
    fn step(&mut self, args: &Args<'_>) -> Result<()> {
        let last = args.len() - 1;
        if last > 0 && args.value(0) != ValueRef::Null {
            self.fraction = args.float(0)?;
        }
        self.values.push_back(interval(args, last)?);
        Ok(())
    }

    fn inverse(&mut self, _: &Args<'_>) -> Result<()> {
        self.values.pop_front();
        Ok(())
    }

    fn value(&self) -> Outcome {
        let mut sorted: Vec<_> = self.values.iter().copied().collect();
        sorted.sort_by(|a, b| a.compare(*b));
        (self.pick)(&sorted, self.fraction).map_or(Ok(Value::Null), span)
    }
}

fn between(sorted: &[Interval], fraction: f64) -> Option<Interval> {
    #[expect(clippy::cast_precision_loss, reason = "rows in memory")]
    let position = (sorted.len().checked_sub(1)? as f64) * fraction;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the rows")]
    let (low, high) = (position.floor() as usize, position.ceil() as usize);
    let (a, b) = (*sorted.get(low)?, *sorted.get(high)?);
    let part = b.sub(a).and_then(|gap| gap.scaled(position.fract())).ok()?;
    a.add(part).ok()
}
