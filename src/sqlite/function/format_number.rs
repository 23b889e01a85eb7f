//! `to_char` for numbers, and `to_number`.
//!
//! The walk over the template follows the manual's rules cell by cell: a place for each digit, a
//! place for the sign, blanks for what is not shown unless FM.
//! <https://www.postgresql.org/docs/15/functions-formatting.html#FUNCTIONS-FORMATTING-NUMERIC-TABLE>

use super::decimal::Decimal;
use super::template::{Case, ordinal_suffix};
use super::{Args, Flags, Function, Outcome, text};
use crate::sqlite::host::FunctionError;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_to_char_number", 2, Flags::PURE, |a| text(to_char(&a.decimal(0)?, &a.text(1)?)?)),
    ("pg_to_number", 2, Flags::PURE, to_number),
];

type Result<T> = std::result::Result<T, FunctionError>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Node {
    Nine,
    Zero,
    Point,
    Comma,
    Sign,
    Minus,
    Plus,
    PlusMinus,
    Currency,
    Ordinal(Case),
    Roman(Case),
    Text(char),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SignPlace {
    Before,
    After,
}

/// A template taken apart.
#[derive(Default)]
struct Template {
    nodes: Vec<Node>,
    /// Digit places before the point.
    whole: usize,
    /// Digit places after it.
    fraction: usize,
    /// Digit places after V.
    shift: usize,
    fill: bool,
    decimal: bool,
    brackets: bool,
    minus: bool,
    plus: bool,
    exponent: bool,
    sign: Option<SignPlace>,
    /// Whole places seen before S.
    whole_before_sign: usize,
    /// The first place with a 0, from 0.
    zero_start: Option<usize>,
    /// The last place with a 0, from 1.
    zero_end: usize,
}

const WORDS: &[(&str, Option<Node>)] = &[
    ("EEEE", None),
    ("FM", None),
    ("MI", Some(Node::Minus)),
    ("PL", Some(Node::Plus)),
    ("PR", None),
    ("RN", Some(Node::Roman(Case::Upper))),
    ("rn", Some(Node::Roman(Case::Lower))),
    ("SG", Some(Node::PlusMinus)),
    ("SP", None),
    ("TH", Some(Node::Ordinal(Case::Upper))),
    ("th", Some(Node::Ordinal(Case::Lower))),
    ("V", None),
    ("S", Some(Node::Sign)),
    ("L", Some(Node::Currency)),
    ("D", Some(Node::Point)),
    ("G", Some(Node::Comma)),
    ("B", None),
    ("C", None),
    (".", Some(Node::Point)),
    (",", Some(Node::Comma)),
    ("9", Some(Node::Nine)),
    ("0", Some(Node::Zero)),
];

impl Template {
    fn parse(source: &str) -> Result<Self> {
        let mut found = Self::default();
        let mut rest = source;
        let mut after_v = false;
        while let Some(c) = rest.chars().next() {
            let same = |word: &str, head: &str| {
                head == word
                    || (head.eq_ignore_ascii_case(word)
                        && !word.eq_ignore_ascii_case("th")
                        && !word.eq_ignore_ascii_case("rn"))
            };
            let word = WORDS
                .iter()
                .find(|(word, _)| rest.get(..word.len()).is_some_and(|head| same(word, head)));
            if let Some((word, node)) = word {
                rest = &rest[word.len()..];
                after_v |= *word == "V";
                found.word(word, *node, after_v)?;
            } else if c == '"' {
                let end = rest[1..].find('"').map_or(rest.len(), |end| end + 1);
                found.nodes.extend(rest[1..end].chars().map(Node::Text));
                rest = rest.get(end + 1..).unwrap_or("");
            } else {
                found.nodes.push(Node::Text(c));
                rest = &rest[c.len_utf8()..];
            }
        }
        Ok(found)
    }

    fn word(&mut self, word: &str, node: Option<Node>, after_v: bool) -> Result<()> {
        match word {
            "FM" => self.fill = true,
            "PR" => self.brackets = true,
            "EEEE" => self.exponent = true,
            "9" | "0" => self.digit(word == "0", after_v),
            "D" | "." => {
                if self.decimal {
                    return Err(FunctionError::new("42601", "multiple decimal points"));
                }
                self.decimal = true;
            }
            "S" => {
                if self.sign.is_some() {
                    return Err(FunctionError::new("42601", "cannot use \"S\" twice"));
                }
                let place = if self.decimal { SignPlace::After } else { SignPlace::Before };
                self.sign = Some(place);
                self.whole_before_sign = self.whole;
            }
            "MI" => self.minus = true,
            "PL" => self.plus = true,
            "SG" => (self.plus, self.minus) = (true, true),
            _ => {}
        }
        self.nodes.extend(node);
        Ok(())
    }

    fn digit(&mut self, zero: bool, after_v: bool) {
        if zero && !self.decimal && self.zero_start.is_none() {
            self.zero_start = Some(self.whole);
        }
        match (self.decimal, after_v) {
            (true, _) => self.fraction += 1,
            (false, true) => (self.whole, self.shift) = (self.whole + 1, self.shift + 1),
            (false, false) => self.whole += 1,
        }
        if zero {
            self.zero_end = self.whole + self.fraction;
        }
    }
}

fn to_char(value: &Decimal, source: &str) -> Result<String> {
    let template = Template::parse(source)?;
    if template.exponent {
        return scientific(value, &template);
    }
    if let Some(Node::Roman(case)) =
        template.nodes.iter().find(|node| matches!(node, Node::Roman(_)))
    {
        return Ok(roman(value, template.fill, *case));
    }
    let unit = Decimal::from(10).powi(u32::try_from(template.shift).unwrap_or(0))?;
    let digits_after = i64::try_from(template.fraction).unwrap_or(0);
    let rounded = value.mul(&unit).round(digits_after);
    let padded = rounded.abs();
    Ok(Writer::new(&template, &padded.to_string(), rounded.signum() < 0).run())
}

/// Fills the places of a template from left to right.
struct Writer<'a> {
    template: &'a Template,
    number: Vec<char>,
    negative: bool,
    sign_place: Option<SignPlace>,
    brackets: bool,
    sign_written: bool,
    /// Whole places that the number leaves empty.
    blanks: usize,
    /// The last character worth showing under FM.
    last: Option<usize>,
    places: usize,
    /// The next character of the number.
    at: usize,
    place: usize,
    in_number: bool,
    out: String,
}

impl<'a> Writer<'a> {
    fn new(template: &'a Template, digits: &str, negative: bool) -> Self {
        let whole = digits.find('.').unwrap_or(digits.len());
        let number: Vec<char> = if whole > template.whole {
            let fill = |n| "#".repeat(n);
            let point = if template.decimal { "." } else { "" };
            format!("{}{point}{}", fill(template.whole), fill(template.fraction)).chars().collect()
        } else if template.decimal && template.fraction == 0 {
            digits.chars().chain(['.']).collect()
        } else {
            digits.chars().collect()
        };
        let mut sign_place = template.sign;
        let own_sign = template.plus || template.minus;
        let at_end = template.whole == template.whole_before_sign;
        if !own_sign && sign_place == Some(SignPlace::Before) && at_end {
            sign_place = Some(SignPlace::After);
        }
        let sign_written = if own_sign {
            template.minus
        } else {
            !negative && template.fill && sign_place.is_none()
        };
        let blanks = template.whole.saturating_sub(whole);
        let last = last_relevant(template, &number, blanks);
        let places = (template.whole + template.fraction).saturating_sub(1)
            + usize::from(!sign_written && blanks == 0);
        let brackets = template.brackets && (negative || !template.fill);
        Self {
            template,
            number,
            negative,
            sign_place,
            brackets,
            sign_written,
            blanks,
            last,
            places,
            at: 0,
            place: 0,
            in_number: false,
            out: String::new(),
        }
    }

    fn run(mut self) -> String {
        for &node in &self.template.nodes {
            match node {
                Node::Nine | Node::Zero | Node::Point => self.place(node),
                Node::Comma if self.in_number => self.out.push(','),
                Node::Comma => self.blank(),
                Node::Currency => self.out.push(' '),
                Node::Minus if self.negative => self.out.push('-'),
                Node::Plus if !self.negative => self.out.push('+'),
                Node::Minus | Node::Plus => self.blank(),
                Node::PlusMinus => self.out.push(if self.negative { '-' } else { '+' }),
                Node::Ordinal(case) => self.ordinal(case),
                Node::Text(c) => self.out.push(c),
                Node::Sign | Node::Roman(_) => {}
            }
        }
        self.out
    }

    fn blank(&mut self) {
        if !self.template.fill {
            self.out.push(' ');
        }
    }

    fn ordinal(&mut self, case: Case) {
        if !self.negative && !self.template.decimal {
            let digits: String = self.number.iter().collect();
            self.out.push_str(ordinal_suffix(&digits, case));
        }
    }

    /// The zero before the point is not shown unless the template has a 0.
    fn hides_zero(&self) -> bool {
        self.template.zero_start.is_none()
            && self.at == 0
            && self.number.first() == Some(&'0')
            && self.template.fraction > 0
    }

    fn last_is_point(&self) -> bool {
        self.last.is_some_and(|last| self.number.get(last) == Some(&'.'))
    }

    fn place(&mut self, node: Node) {
        self.in_number = false;
        let begins = self.place >= self.blanks || self.template.zero_start == Some(self.place);
        if !self.sign_written && begins && (!self.hides_zero() || self.last_is_point()) {
            self.leading_sign();
        }
        let zero_start = self.template.zero_start;
        if self.place < self.blanks {
            if zero_start.is_some_and(|start| start <= self.place) {
                self.out.push('0');
                self.in_number = true;
            } else {
                self.blank();
            }
        } else {
            self.digit(node);
        }
        self.trailing_sign();
        self.place += 1;
    }

    fn digit(&mut self, node: Node) {
        match self.number.get(self.at).copied() {
            Some('.') => self.out.push('.'),
            Some(_) if self.last.is_some_and(|last| self.at > last) && node != Node::Zero => {}
            Some(_) if self.hides_zero() => {
                if !self.template.fill {
                    self.out.push(' ');
                } else if self.last_is_point() {
                    self.out.push('0');
                }
            }
            Some(digit) => {
                self.out.push(digit);
                self.in_number = true;
            }
            None => {}
        }
        if self.at < self.number.len() {
            self.at += 1;
        }
    }

    fn leading_sign(&mut self) {
        let sign = if self.negative { '-' } else { '+' };
        match self.sign_place {
            Some(SignPlace::Before) => self.out.push(sign),
            Some(SignPlace::After) => return,
            None if self.brackets => self.out.push(if self.negative { '<' } else { ' ' }),
            None if self.negative => self.out.push('-'),
            None => self.blank(),
        }
        self.sign_written = true;
    }

    fn trailing_sign(&mut self) {
        let mut end =
            self.places + usize::from(self.blanks > 0) + usize::from(self.template.decimal);
        if self.last.is_some() && self.last == Some(self.at) {
            end = self.place;
        }
        if self.place + 1 != end {
            return;
        }
        if self.sign_written && self.brackets {
            self.out.push(if self.negative { '>' } else { ' ' });
        } else if self.sign_place == Some(SignPlace::After) {
            self.out.push(if self.negative { '-' } else { '+' });
        }
    }
}

/// Under FM zeros at the end of the fraction go, but not those a 0 asks for.
fn last_relevant(template: &Template, number: &[char], blanks: usize) -> Option<usize> {
    if !template.fill || !template.decimal {
        return None;
    }
    let point = number.iter().position(|c| *c == '.')?;
    let last = number.iter().rposition(|c| *c != '0').unwrap_or(point).max(point);
    if template.zero_end > blanks {
        return Some(last.max((template.zero_end - blanks).min(number.len() - 1)));
    }
    Some(last)
}

fn scientific(value: &Decimal, template: &Template) -> Result<String> {
    let shown = format!("{:.*e}", template.fraction, value.to_float());
    let (mantissa, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    let mark = if power < 0 { '-' } else { '+' };
    let blank = if value.signum() < 0 || template.fill { "" } else { " " };
    Ok(format!("{blank}{mantissa}e{mark}{:02}", power.abs()))
}

const ROMAN: &[(i128, &str)] = &[
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
];

fn roman(value: &Decimal, fill: bool, case: Case) -> String {
    let whole = value.round(0).to_i128();
    let Some(mut rest) = whole.filter(|n| (1..4000).contains(n)) else { return "#".repeat(15) };
    let mut out = String::new();
    for (unit, letters) in ROMAN {
        while rest >= *unit {
            out.push_str(letters);
            rest -= unit;
        }
    }
    let shown = if case == Case::Lower { out.to_lowercase() } else { out };
    if fill { shown } else { format!("{shown:>15}") }
}

/// Digits, the point and the sign; everything else the template may have put there is passed over.
fn to_number(args: &Args<'_>) -> Outcome {
    let (input, source) = (args.text(0)?, args.text(1)?);
    let template = Template::parse(&source)?;
    let mut digits = String::new();
    let negative = input.contains('-') || (template.brackets && input.contains('<'));
    for c in input.chars() {
        match c {
            '0'..='9' => digits.push(c),
            '.' if template.decimal && !digits.contains('.') => digits.push('.'),
            _ => {}
        }
    }
    if !digits.bytes().any(|b| b.is_ascii_digit()) {
        let message = format!("invalid input syntax for type numeric: \"{}\"", input.trim());
        return Err(FunctionError::new("22P02", message));
    }
    let value = Decimal::parse(&format!("{}{digits}", if negative { "-" } else { "" }))?;
    let unit = Decimal::from(10).powi(u32::try_from(template.shift).unwrap_or(0))?;
    Ok(value.div(&unit)?.into_value())
}
