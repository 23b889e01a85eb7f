//! Arithmetic on decimal digits.

use super::{Decimal, NEGATIVE, SCALE_MAX, WHOLE_MAX, header};
use crate::types::Error;
use std::cmp::Ordering;

impl Decimal {
    /// `digits / 10^scale`; a negative scale appends zeros.
    pub(super) fn shifted(negative: bool, digits: Vec<u8>, scale: i64) -> Result<Self, Error> {
        let mut decimal = Self { negative, digits, scale: 0 }.normal();
        let whole = decimal.digits.len() as i64 - scale;
        if !decimal.digits.is_empty() && whole > WHOLE_MAX as i64 {
            return Err(Error::NumericFormat);
        }
        if scale < 0 && !decimal.digits.is_empty() {
            let zeros = usize::try_from(-scale).unwrap_or(0);
            decimal.digits.resize(decimal.digits.len() + zeros, 0);
        }
        decimal.scale = usize::try_from(scale).unwrap_or(0);
        if decimal.scale > SCALE_MAX {
            return Err(Error::NumericFormat);
        }
        Ok(decimal)
    }

    /// Without leading zeros, and zero without a sign.
    pub(super) fn normal(mut self) -> Self {
        let zeros = self.digits.iter().take_while(|digit| **digit == 0).count();
        self.digits.drain(..zeros);
        self.negative &= !self.digits.is_empty();
        self
    }

    /// Without zeros at the end of its fraction.
    pub(super) fn stripped(mut self) -> Self {
        while self.scale > 0 && self.digits.last().is_none_or(|digit| *digit == 0) {
            self.digits.pop();
            self.scale -= 1;
        }
        self
    }

    /// Digits from the first to the last that is not zero.
    pub(super) fn significant(&self) -> usize {
        self.digits.len() - self.digits.iter().rev().take_while(|digit| **digit == 0).count()
    }

    /// Rounded or truncated to a scale; a negative one counts places before the point.
    pub(super) fn cut(&self, scale: i64, round: bool) -> Self {
        let excess = self.scale as i64 - scale;
        let Ok(excess) = usize::try_from(excess) else {
            return self.rescaled(usize::try_from(scale).unwrap_or(0).min(SCALE_MAX));
        };
        let keep = self.digits.len().saturating_sub(excess);
        let dropped = if excess > self.digits.len() { None } else { self.digits.get(keep) };
        let up = round && dropped.is_some_and(|digit| *digit >= 5);
        let mut digits = self.digits.get(..keep).unwrap_or_default().to_vec();
        if up {
            increment(&mut digits);
        }
        if scale < 0 {
            let zeros = usize::try_from(-scale).unwrap_or(0);
            if !digits.is_empty() {
                digits.resize(digits.len() + zeros, 0);
            }
        }
        let scale = usize::try_from(scale).unwrap_or(0);
        Self { negative: self.negative, digits, scale }.normal()
    }

    /// With more digits after the point.
    fn rescaled(&self, scale: usize) -> Self {
        let mut out = self.clone();
        if !out.digits.is_empty() {
            out.digits.resize(out.digits.len() + scale.saturating_sub(self.scale), 0);
        }
        out.scale = scale.max(self.scale);
        out
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (negative, _) => {
                let scale = self.scale.max(other.scale);
                let (a, b) = (self.rescaled(scale), other.rescaled(scale));
                let order = compare_digits(&a.digits, &b.digits);
                if negative { order.reverse() } else { order }
            }
        }
    }

    /// See [`Numeric::key`](super::Numeric::key): the sign, where the point is, the digits; of a
    /// negative number with every bit turned, and an end that longer ones come before.
    pub(super) fn key(&self) -> Vec<u8> {
        let plain = self.clone().stripped();
        if plain.digits.is_empty() {
            return vec![2];
        }
        let point = plain.digits.len() as i64 - plain.scale as i64;
        let mut key = (point ^ i64::MIN).to_be_bytes().to_vec();
        key.extend_from_slice(&plain.digits);
        if !plain.negative {
            key.insert(0, 3);
            return key;
        }
        key.push(0);
        for (i, byte) in key.iter_mut().enumerate() {
            // A digit is one less than what stands for it, so that the end is the smallest.
            *byte = !(*byte + u8::from((8..8 + plain.digits.len()).contains(&i)));
        }
        key.insert(0, 1);
        key
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.rescaled(scale), other.rescaled(scale));
        let (negative, digits) = if a.negative == b.negative {
            (a.negative, add_digits(&a.digits, &b.digits))
        } else if compare_digits(&a.digits, &b.digits) == Ordering::Less {
            (b.negative, sub_digits(&b.digits, &a.digits))
        } else {
            (a.negative, sub_digits(&a.digits, &b.digits))
        };
        Self { negative, digits, scale }.normal()
    }

    pub(super) fn mul(&self, other: &Self) -> Self {
        let mut sums = vec![0_u32; self.digits.len() + other.digits.len()];
        for (i, a) in self.digits.iter().rev().enumerate() {
            for (sum, b) in sums.iter_mut().skip(i).zip(other.digits.iter().rev()) {
                *sum += u32::from(*a) * u32::from(*b);
            }
        }
        let mut digits: Vec<u8> = carried(sums);
        digits.reverse();
        let negative = self.negative != other.negative;
        let product = Self { negative, digits, scale: self.scale + other.scale }.normal();
        if product.scale > SCALE_MAX { product.cut(SCALE_MAX as i64, true) } else { product }
    }

    /// `self / other` to a scale, rounded or truncated; the divisor is not zero.
    pub(super) fn quotient(&self, other: &Self, scale: usize, round: bool) -> Self {
        // One digit more than asked for decides the rounding.
        let wanted = scale + 1;
        let mut dividend = self.digits.clone();
        let shift = (wanted + other.scale) as i64 - self.scale as i64;
        match usize::try_from(shift) {
            Ok(zeros) => dividend.resize(dividend.len() + zeros, 0),
            Err(_) => {
                let drop = usize::try_from(-shift).unwrap_or(0);
                dividend.truncate(dividend.len().saturating_sub(drop));
            }
        }
        let digits = divide_digits(&dividend, &other.digits);
        let negative = self.negative != other.negative;
        Self { negative, digits, scale: wanted }.normal().cut(scale as i64, round)
    }

    /// Postgres's choice of digits for a quotient: 16 significant ones at least.
    pub(super) fn div_scale(&self, other: &Self) -> usize {
        let (weight_a, first_a) = self.leading_group();
        let (weight_b, first_b) = other.leading_group();
        let weight = weight_a - weight_b - i64::from(first_a <= first_b);
        let significant = usize::try_from(16 - weight * 4).unwrap_or(0);
        significant.max(self.scale).max(other.scale).min(1000)
    }

    /// Weight and value of the first digit of base 10000.
    fn leading_group(&self) -> (i64, u32) {
        if self.digits.is_empty() {
            return (0, 0);
        }
        let whole = self.digits.len() as i64 - self.scale as i64;
        let weight = (whole - 1).div_euclid(4);
        let length = usize::try_from(whole - weight * 4).unwrap_or(4);
        let first = (0..length)
            .fold(0, |sum, i| sum * 10 + self.digits.get(i).map_or(0, |digit| u32::from(*digit)));
        (weight, first)
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::with_capacity(self.digits.len() + 4);
        if self.negative {
            out.push('-');
        }
        let padding = (self.scale + 1).saturating_sub(self.digits.len());
        let point = self.digits.len() + padding - self.scale;
        let zeros = std::iter::repeat_n(0, padding);
        for (i, digit) in zeros.chain(self.digits.iter().copied()).enumerate() {
            if i == point {
                out.push('.');
            }
            out.push(char::from(b'0' + digit));
        }
        out
    }

    pub(super) fn write_binary(&self, out: &mut Vec<u8>) {
        let whole = self.digits.len() as i64 - self.scale as i64;
        let (weight, _) = self.leading_group();
        let lead = usize::try_from((weight + 1) * 4 - whole).unwrap_or(0);
        let padded: Vec<u8> =
            std::iter::repeat_n(0, lead).chain(self.digits.iter().copied()).collect();
        let mut groups: Vec<u16> = padded
            .chunks(4)
            .map(|chunk| {
                (0..4).fold(0, |sum, i| sum * 10 + chunk.get(i).map_or(0, |d| u16::from(*d)))
            })
            .collect();
        while groups.last() == Some(&0) {
            groups.pop();
        }
        let weight = if groups.is_empty() { 0 } else { weight };
        let sign = if self.negative { NEGATIVE } else { 0 };
        header(out, (groups.len() as u16, weight as i16, sign, self.scale as u16));
        for group in groups {
            out.extend_from_slice(&group.to_be_bytes());
        }
    }
}

fn compare_digits(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < 9 {
            *digit += 1;
            return;
        }
        *digit = 0;
    }
    digits.insert(0, 1);
}

fn add_digits(a: &[u8], b: &[u8]) -> Vec<u8> {
    let length = a.len().max(b.len());
    let at = |digits: &[u8], i: usize| u32::from(digits.iter().rev().nth(i).copied().unwrap_or(0));
    let mut out = carried((0..length).map(|i| at(a, i) + at(b, i)).collect());
    out.reverse();
    out
}

/// `a - b`, where `a` is not less.
fn sub_digits(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = a.to_vec();
    let mut borrow = 0;
    let subtrahend = b.iter().rev().copied().chain(std::iter::repeat(0));
    for (digit, sub) in out.iter_mut().rev().zip(subtrahend) {
        let take = sub + borrow;
        borrow = u8::from(*digit < take);
        *digit = *digit + 10 * borrow - take;
    }
    let zeros = out.iter().take_while(|digit| **digit == 0).count();
    out.drain(..zeros);
    out
}

/// Sums per place, least significant first, as digits in the same order.
fn carried(sums: Vec<u32>) -> Vec<u8> {
    let mut out = Vec::with_capacity(sums.len() + 1);
    let mut carry = 0;
    for sum in sums {
        let total = sum + carry;
        out.push((total % 10) as u8);
        carry = total / 10;
    }
    while carry > 0 {
        out.push((carry % 10) as u8);
        carry /= 10;
    }
    out
}

/// Long division, truncated.
fn divide_digits(dividend: &[u8], divisor: &[u8]) -> Vec<u8> {
    let mut quotient = Vec::with_capacity(dividend.len());
    let mut rest: Vec<u8> = Vec::with_capacity(divisor.len() + 1);
    for digit in dividend {
        if !rest.is_empty() || *digit != 0 {
            rest.push(*digit);
        }
        let mut times = 0;
        while compare_digits(&rest, divisor) != Ordering::Less {
            rest = sub_digits(&rest, divisor);
            times += 1;
        }
        quotient.push(times);
    }
    quotient
}
