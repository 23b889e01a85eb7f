//! Why a value has no form in a type, in Postgres's wording.

use std::borrow::Cow;

/// A value that a type does not have, or bytes that say none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Text that a type's input does not read.
    #[error("invalid input syntax for type {ty}: \"{text}\"")]
    Syntax {
        /// The type, as SQL names it.
        ty: &'static str,
        /// What was given.
        text: String,
    },
    /// Text that a date or time type's input does not read.
    #[error("invalid input syntax for type {ty}: \"{text}\"")]
    DatetimeSyntax {
        /// The type, as SQL names it.
        ty: &'static str,
        /// What was given.
        text: String,
    },
    /// A number in text too large for its type.
    #[error("value \"{text}\" is out of range for type {ty}")]
    OutOfRange {
        /// The type, as SQL names it.
        ty: &'static str,
        /// What was given.
        text: String,
    },
    /// A stored or computed number too large for its type.
    #[error("{ty} out of range")]
    NumberRange {
        /// The type, as SQL names it.
        ty: &'static str,
    },
    /// A number that `numeric(p,s)` cannot hold.
    #[error("numeric field overflow")]
    NumericOverflow {
        /// Precision.
        precision: i32,
        /// Scale.
        scale: i32,
    },
    /// A floating point number too large, or too small, for its type.
    #[error("\"{text}\" is out of range for type {ty}")]
    FloatRange {
        /// The type, as SQL names it.
        ty: &'static str,
        /// What was given.
        text: String,
    },
    /// A number with more digits than any `numeric` has.
    #[error("value overflows numeric format")]
    NumericFormat,
    /// A backslash in `bytea` that escapes nothing.
    #[error("invalid input syntax for type bytea")]
    ByteaSyntax,
    /// A character that is no hexadecimal digit.
    #[error("invalid hexadecimal digit: \"{digit}\"")]
    HexDigit {
        /// The character.
        digit: char,
    },
    /// Hexadecimal digits that are not in pairs.
    #[error("invalid hexadecimal data: odd number of digits")]
    OddHex,
    /// Text that is not JSON.
    #[error("invalid input syntax for type json")]
    Json {
        /// What was given.
        text: String,
    },
    /// The name of an object that is not there.
    #[error("{} \"{name}\" does not exist", object(ty))]
    UnknownName {
        /// The type, as SQL names it: `regclass` and its kin.
        ty: &'static str,
        /// What was given.
        name: String,
    },
    /// A value whose wire form is longer than a field can be.
    #[error("value of type {ty} is too large to send")]
    TooLarge {
        /// The type, as SQL names it.
        ty: Cow<'static, str>,
    },
    /// Division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A month, day, hour, minute or second that no calendar has.
    #[error("date/time field value out of range: \"{text}\"")]
    DatetimeField {
        /// What was given.
        text: String,
    },
    /// A date or time beyond what the type reaches.
    #[error("{ty} out of range{}", quoted(text))]
    DatetimeRange {
        /// `date`, `timestamp` or `interval`.
        ty: &'static str,
        /// What was given, when it was text.
        text: Option<String>,
    },
    /// `date_bin` by nothing, or backwards.
    #[error("stride must be greater than zero")]
    StrideSign,
    /// `date_bin` by months.
    #[error("timestamps cannot be binned into intervals containing months or years")]
    StrideMonths,
    /// An interval's field beyond what it reaches.
    #[error("interval field value out of range: \"{text}\"")]
    IntervalField {
        /// What was given.
        text: String,
    },
    /// A zone offset of more than a day.
    #[error("time zone displacement out of range: \"{text}\"")]
    ZoneDisplacement {
        /// What was given.
        text: String,
    },
    /// A time zone nobody knows.
    #[error("time zone \"{name}\" not recognized")]
    UnknownZone {
        /// What was given.
        name: String,
    },
    /// A field of EXTRACT or `date_trunc` nobody knows.
    #[error("unit \"{unit}\" not recognized for type {ty}")]
    UnknownUnit {
        /// The field.
        unit: String,
        /// The type, as SQL names it.
        ty: &'static str,
    },
    /// A field that a type does not have.
    #[error("unit \"{unit}\" not supported for type {ty}")]
    UnsupportedUnit {
        /// The field.
        unit: String,
        /// The type, as SQL names it.
        ty: &'static str,
    },
    /// A string too long for `varchar(n)` or `char(n)`.
    #[error("value too long for type {ty}({length})")]
    TooLong {
        /// The type, as SQL names it.
        ty: &'static str,
        /// The length it has room for.
        length: i32,
    },
    /// Text that is not UTF-8, or that holds a zero byte.
    #[error("invalid byte sequence for encoding \"UTF8\": {bytes}")]
    Encoding {
        /// The first bytes that are wrong, `0xff 0xfe`.
        bytes: String,
    },
    /// An array literal that does not parse.
    #[error("malformed array literal: \"{text}\"")]
    ArraySyntax {
        /// What was given.
        text: String,
        /// What is wrong.
        detail: &'static str,
    },
    /// An array whose rows differ in length.
    #[error("multidimensional arrays must have array expressions with matching dimensions")]
    ArrayShape,
    /// An array with more than six dimensions, or too many elements.
    #[error("number of array dimensions exceeds the maximum allowed (6)")]
    ArrayDimensions,
    /// Binary bytes that are no value of the type.
    #[error("incorrect binary data format for type {ty}")]
    Binary {
        /// The type, as SQL names it.
        ty: Cow<'static, str>,
    },
    /// A type that is sent as text only.
    #[error("no binary format available for type {ty}")]
    NoBinary {
        /// The type, as SQL names it.
        ty: &'static str,
    },
    /// A stored value that is none of the announced type.
    #[error("stored {class} value is not of type {ty}")]
    Mismatch {
        /// The storage class: INTEGER, REAL, TEXT or BLOB.
        class: &'static str,
        /// The type, as SQL names it.
        ty: Cow<'static, str>,
    },
}

impl Error {
    /// The SQLSTATE PostgreSQL gives.
    #[must_use]
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Self::Syntax { .. }
            | Self::ArraySyntax { .. }
            | Self::Json { .. }
            | Self::ByteaSyntax
            | Self::Mismatch { .. } => "22P02",
            Self::HexDigit { .. } | Self::OddHex => "22023",
            Self::TooLarge { .. } => "54000",
            Self::UnknownName { ty, .. } => match *ty {
                "regclass" => "42P01",
                "regproc" | "regprocedure" | "regoper" | "regoperator" => "42883",
                "regnamespace" => "3F000",
                _ => "42704",
            },
            Self::DatetimeSyntax { .. } => "22007",
            Self::OutOfRange { .. }
            | Self::NumberRange { .. }
            | Self::FloatRange { .. }
            | Self::NumericFormat
            | Self::NumericOverflow { .. } => "22003",
            Self::DivisionByZero => "22012",
            Self::DatetimeField { .. } | Self::DatetimeRange { .. } | Self::StrideSign => "22008",
            Self::IntervalField { .. } => "22015",
            Self::ZoneDisplacement { .. } => "22009",
            Self::UnknownZone { .. } | Self::UnknownUnit { .. } => "22023",
            Self::UnsupportedUnit { .. } | Self::StrideMonths => "0A000",
            Self::TooLong { .. } => "22001",
            Self::Encoding { .. } => "22021",
            Self::ArrayShape => "2202E",
            Self::ArrayDimensions => "54000",
            Self::Binary { .. } => "22P03",
            Self::NoBinary { .. } => "42883",
        }
    }

    /// PostgreSQL's DETAIL line, where it has one.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::ArraySyntax { detail, .. } => Some((*detail).to_owned()),
            Self::NumericOverflow { precision, scale } => {
                let bound = match precision - scale {
                    0 => "1".to_owned(),
                    power => format!("10^{power}"),
                };
                Some(format!(
                    "A field with precision {precision}, scale {scale} must round to an absolute \
                     value less than {bound}."
                ))
            }
            _ => None,
        }
    }
}

/// What a value of a `reg` type names.
fn object(ty: &str) -> &str {
    match ty {
        "regclass" => "relation",
        "regproc" | "regprocedure" => "function",
        "regoper" | "regoperator" => "operator",
        "regnamespace" => "schema",
        other => other.strip_prefix("reg").unwrap_or(other),
    }
}

fn quoted(text: &Option<String>) -> String {
    text.as_ref().map_or_else(String::new, |text| format!(": \"{text}\""))
}
