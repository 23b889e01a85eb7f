//! Statistical aggregates and ordered-set aggregates.
//! <https://www.postgresql.org/docs/15/functions-aggregate.html#FUNCTIONS-AGGREGATE-STATISTICS-TABLE>

use super::aggregate::{Accumulator, Aggregate, Nulls};
use super::arithmetic::{shortest, widened};
use super::array::{Elements, array, element};
use super::array_search::compare;
use super::decimal::Decimal;
use super::math::{in_range, real};
use super::{Args, Outcome, integer};
use crate::sqlite::host::FunctionError;
use crate::types::{Value, ValueRef};
use std::collections::VecDeque;

type Result<T> = std::result::Result<T, FunctionError>;

pub(super) const AGGREGATES: &[Aggregate] = &[
    ("pg_sum_float8", 1, Nulls::Skip, || Total::boxed(false)),
    ("pg_sum_float4", 1, Nulls::Skip, || Total::boxed(true)),
    ("pg_avg", 1, Nulls::Skip, || Sums::boxed(|s| s.per_row(s.sx))),
    ("pg_var_pop", 1, Nulls::Skip, || Sums::boxed(|s| s.per_row(s.sxx))),
    ("pg_var_samp", 1, Nulls::Skip, || Sums::boxed(|s| s.per_pair(s.sxx))),
    ("pg_stddev_pop", 1, Nulls::Skip, || Sums::boxed(|s| Some(s.per_row(s.sxx)?.sqrt()))),
    ("pg_stddev_samp", 1, Nulls::Skip, || Sums::boxed(|s| Some(s.per_pair(s.sxx)?.sqrt()))),
    ("pg_var_pop_numeric", 1, Nulls::Skip, || Squares::boxed(false, false)),
    ("pg_var_samp_numeric", 1, Nulls::Skip, || Squares::boxed(true, false)),
    ("pg_stddev_pop_numeric", 1, Nulls::Skip, || Squares::boxed(false, true)),
    ("pg_stddev_samp_numeric", 1, Nulls::Skip, || Squares::boxed(true, true)),
    ("pg_covar_pop", 2, Nulls::Skip, || Sums::boxed(|s| s.per_row(s.sxy))),
    ("pg_covar_samp", 2, Nulls::Skip, || Sums::boxed(|s| s.per_pair(s.sxy))),
    ("pg_corr", 2, Nulls::Skip, || Sums::boxed(|s| ratio(s.sxy, (s.sxx * s.syy).sqrt()))),
    ("pg_regr_count", 2, Nulls::Skip, || Box::<Rows>::default()),
    ("pg_regr_avgx", 2, Nulls::Skip, || Sums::boxed(|s| s.per_row(s.sx))),
    ("pg_regr_avgy", 2, Nulls::Skip, || Sums::boxed(|s| s.per_row(s.sy))),
    ("pg_regr_sxx", 2, Nulls::Skip, || Sums::boxed(|s| s.any(s.sxx))),
    ("pg_regr_syy", 2, Nulls::Skip, || Sums::boxed(|s| s.any(s.syy))),
    ("pg_regr_sxy", 2, Nulls::Skip, || Sums::boxed(|s| s.any(s.sxy))),
    ("pg_regr_slope", 2, Nulls::Skip, || Sums::boxed(|s| ratio(s.sxy, s.sxx))),
    ("pg_regr_intercept", 2, Nulls::Skip, || Sums::boxed(Sums::intercept)),
    ("pg_regr_r2", 2, Nulls::Skip, || Sums::boxed(Sums::r_squared)),
    ("pg_mode", 1, Nulls::Skip, || Box::<Mode>::default()),
    ("pg_percentile_disc", 2, Nulls::Keep, || Percentile::boxed(discrete)),
    ("pg_percentile_cont", 2, Nulls::Keep, || Percentile::boxed(continuous)),
];

/// A plain sum of floats; those that are no numbers are counted, so that they can leave again.
#[derive(Default)]
struct Total {
    /// Of float4, which are added as such.
    single: bool,
    rows: u64,
    sum: f64,
    not_finite: VecDeque<f64>,
}

impl Total {
    fn boxed(single: bool) -> Box<dyn Accumulator> {
        Box::new(Self { single, ..Self::default() })
    }

    fn fitted(&self, x: f64) -> f64 {
        if self.single { widened(x) } else { x }
    }

    fn add(&mut self, x: f64) -> Result<()> {
        self.sum = in_range(self.fitted(self.sum + self.fitted(x)), false, true)?;
        Ok(())
    }
}

impl Accumulator for Total {
    fn step(&mut self, args: &Args<'_>) -> Result<()> {
        self.rows += 1;
        match args.float(0)? {
            x if x.is_finite() => self.add(x)?,
            x => self.not_finite.push_back(x),
        }
        Ok(())
    }

    fn inverse(&mut self, args: &Args<'_>) -> Result<()> {
        self.rows -= 1;
        match args.float(0)? {
            x if x.is_finite() => self.add(-x)?,
            _ => drop(self.not_finite.pop_front()),
        }
        Ok(())
    }

    fn value(&self) -> Outcome {
        let sum = self.not_finite.iter().fold(self.sum, |sum, x| sum + x);
        match self.rows {
            0 => Ok(Value::Null),
            _ if self.single => real(shortest(sum)),
            _ => real(sum),
        }
    }
}

/// Sums kept by the method of Youngs and Cramer, as Postgres keeps them. With two arguments the
/// first is y, the second x.
struct Sums {
    rows: f64,
    sx: f64,
    sxx: f64,
    sy: f64,
    syy: f64,
    sxy: f64,
    result: fn(&Self) -> Option<f64>,
}

impl Sums {
    fn boxed(result: fn(&Self) -> Option<f64>) -> Box<dyn Accumulator> {
        Box::new(Self { rows: 0.0, sx: 0.0, sxx: 0.0, sy: 0.0, syy: 0.0, sxy: 0.0, result })
    }

    fn any(&self, sum: f64) -> Option<f64> {
        (self.rows > 0.0).then_some(sum)
    }

    fn per_row(&self, sum: f64) -> Option<f64> {
        (self.rows > 0.0).then(|| sum / self.rows)
    }

    fn per_pair(&self, sum: f64) -> Option<f64> {
        (self.rows > 1.0).then(|| sum / (self.rows - 1.0))
    }

    fn intercept(&self) -> Option<f64> {
        let slope = ratio(self.sxy, self.sxx)?;
        Some((self.sy - self.sx * slope) / self.rows)
    }

    fn r_squared(&self) -> Option<f64> {
        if self.rows < 1.0 || self.sxx == 0.0 {
            return None;
        }
        if self.syy == 0.0 {
            return Some(1.0);
        }
        Some(self.sxy * self.sxy / (self.sxx * self.syy))
    }

    fn pair(args: &Args<'_>) -> Result<(f64, f64)> {
        let first = args.float(0)?;
        Ok(if args.len() > 1 { (args.float(1)?, first) } else { (first, 0.0) })
    }

    /// What a row adds to the sums of squares, the row being counted in `rows`, `sx` and `sy`.
    fn squares(&mut self, x: f64, y: f64, sign: f64) {
        if self.rows < 2.0 {
            return;
        }
        let (dx, dy) = (x * self.rows - self.sx, y * self.rows - self.sy);
        let scale = sign / (self.rows * (self.rows - 1.0));
        self.sxx += dx * dx * scale;
        self.syy += dy * dy * scale;
        self.sxy += dx * dy * scale;
    }
}

fn ratio(top: f64, bottom: f64) -> Option<f64> {
    (bottom != 0.0).then(|| top / bottom)
}

impl Accumulator for Sums {
    fn step(&mut self, args: &Args<'_>) -> Result<()> {
        let (x, y) = Self::pair(args)?;
        self.rows += 1.0;
        self.sx += x;
        self.sy += y;
        self.squares(x, y, 1.0);
        Ok(())
    }

    fn inverse(&mut self, args: &Args<'_>) -> Result<()> {
        let (x, y) = Self::pair(args)?;
        self.squares(x, y, -1.0);
        self.rows -= 1.0;
        self.sx -= x;
        self.sy -= y;
        Ok(())
    }

    fn value(&self) -> Outcome {
        Ok((self.result)(self).map_or(Value::Null, Value::Real))
    }
}

#[derive(Default)]
struct Rows(i64);

impl Accumulator for Rows {
    fn step(&mut self, _: &Args<'_>) -> Result<()> {
        self.0 += 1;
        Ok(())
    }

    fn inverse(&mut self, _: &Args<'_>) -> Result<()> {
        self.0 -= 1;
        Ok(())
    }

    fn value(&self) -> Outcome {
        integer(self.0)
    }
}

/// Exact sums of numerics and their squares.
struct Squares {
    sample: bool,
    root: bool,
    rows: i64,
    sum: Decimal,
    squares: Decimal,
}

impl Squares {
    fn boxed(sample: bool, root: bool) -> Box<dyn Accumulator> {
        Box::new(Self { sample, root, rows: 0, sum: Decimal::from(0), squares: Decimal::from(0) })
    }
}

impl Accumulator for Squares {
    fn step(&mut self, args: &Args<'_>) -> Result<()> {
        let x = args.decimal(0)?;
        self.rows += 1;
        self.sum = self.sum.add(&x);
        self.squares = self.squares.add(&x.mul(&x));
        Ok(())
    }

    fn inverse(&mut self, args: &Args<'_>) -> Result<()> {
        let x = args.decimal(0)?;
        self.rows -= 1;
        self.sum = self.sum.sub(&x);
        self.squares = self.squares.sub(&x.mul(&x));
        Ok(())
    }

    fn value(&self) -> Outcome {
        if self.rows <= i64::from(self.sample) {
            return Ok(Value::Null);
        }
        let n = Decimal::from(self.rows);
        let top = self.squares.mul(&n).sub(&self.sum.mul(&self.sum));
        if top.signum() <= 0 {
            return integer(0);
        }
        let bottom = n.mul(&Decimal::from(self.rows - i64::from(self.sample)));
        let variance = top.div(&bottom)?;
        Ok(if self.root { variance.sqrt()? } else { variance }.into_value())
    }
}

#[derive(Default)]
struct Mode {
    values: VecDeque<Value>,
}

impl Accumulator for Mode {
    fn step(&mut self, args: &Args<'_>) -> Result<()> {
        self.values.push_back(element(args.value(0)));
        Ok(())
    }

    fn inverse(&mut self, _: &Args<'_>) -> Result<()> {
        self.values.pop_front();
        Ok(())
    }

    /// The least of the most frequent values.
    fn value(&self) -> Outcome {
        let sorted = sorted(&self.values);
        let runs = sorted.chunk_by(|a, b| compare(a, b).is_eq());
        let longest = runs.rev().max_by_key(|run| run.len());
        Ok(longest.and_then(|run| run.first()).cloned().unwrap_or(Value::Null))
    }
}

fn sorted(values: &VecDeque<Value>) -> Vec<Value> {
    let mut sorted: Vec<_> = values.iter().cloned().collect();
    sorted.sort_by(compare);
    sorted
}

/// Picks from sorted values, of which there is at least one.
type Pick = fn(&[Value], f64) -> Outcome;

struct Percentile {
    fractions: Option<Value>,
    values: VecDeque<Value>,
    pick: Pick,
}

impl Percentile {
    fn boxed(pick: Pick) -> Box<dyn Accumulator> {
        Box::new(Self { fractions: None, values: VecDeque::new(), pick })
    }

    fn one(&self, sorted: &[Value], fraction: &Value) -> Outcome {
        if *fraction == Value::Null || sorted.is_empty() {
            return Ok(Value::Null);
        }
        let fraction = super::args::float(fraction.borrow())?;
        if !(0.0..=1.0).contains(&fraction) {
            let shown = super::math::float_text(fraction);
            let message = format!("percentile value {shown} is not between 0 and 1");
            return Err(FunctionError::new("22003", message));
        }
        (self.pick)(sorted, fraction)
    }
}

impl Accumulator for Percentile {
    fn step(&mut self, args: &Args<'_>) -> Result<()> {
        if self.fractions.is_none() {
            self.fractions = Some(args.owned(0)?);
        }
        if !args.is_null(1) {
            self.values.push_back(element(args.value(1)));
        }
        Ok(())
    }

    fn inverse(&mut self, args: &Args<'_>) -> Result<()> {
        if !args.is_null(1) {
            self.values.pop_front();
        }
        Ok(())
    }

    fn value(&self) -> Outcome {
        let sorted = sorted(&self.values);
        match &self.fractions {
            None => Ok(Value::Null),
            Some(Value::Text(many)) if many.starts_with('[') => {
                if sorted.is_empty() {
                    return Ok(Value::Null);
                }
                array(Elements::parse(many)?.map(|fraction| self.one(&sorted, &fraction))?)
            }
            Some(fraction) => self.one(&sorted, fraction),
        }
    }
}

/// The first value whose share of the rows reaches the fraction.
fn discrete(sorted: &[Value], fraction: f64) -> Outcome {
    let position = (position_of(sorted, 0) * fraction).ceil().max(1.0);
    Ok(sorted.get(whole(position) - 1).cloned().unwrap_or(Value::Null))
}

/// Between the two values around the fraction.
fn continuous(sorted: &[Value], fraction: f64) -> Outcome {
    let position = position_of(sorted, 1) * fraction;
    let (low, high) = (whole(position.floor()), whole(position.ceil()));
    let at = |i: usize| super::args::float(sorted.get(i).map_or(ValueRef::Null, Value::borrow));
    let (a, b) = (at(low)?, at(high)?);
    Ok(Value::Real(if low == high { a } else { a + (b - a) * (position - position.floor()) }))
}

/// The number of rows, less some.
#[expect(clippy::cast_precision_loss, reason = "rows in memory")]
fn position_of(sorted: &[Value], less: usize) -> f64 {
    (sorted.len() - less) as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the rows")]
fn whole(position: f64) -> usize {
    position as usize
}
