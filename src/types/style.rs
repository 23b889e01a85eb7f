//! What the text form of a value depends on: the session's settings for output.

use super::datetime;
use super::{Oid, Type};
use jiff::tz::TimeZone;
use std::fmt::Debug;
use std::sync::Arc;

/// The session's settings that text output and input depend on.
/// <https://www.postgresql.org/docs/15/runtime-config-client.html>
#[derive(Clone, Debug)]
pub struct Style {
    /// `TimeZone`
    pub time_zone: TimeZone,
    /// `DateStyle`, its first half.
    pub date_style: DateStyle,
    /// `DateStyle`, its second half.
    pub date_order: DateOrder,
    /// `IntervalStyle`
    pub interval_style: IntervalStyle,
    /// `bytea_output`
    pub bytea_output: ByteaOutput,
    /// `extra_float_digits`
    pub extra_float_digits: i8,
    /// What to do with a stored value that is not of the announced type.
    pub mismatch: Mismatch,
    /// What `now`, `today` and the like mean on input: the start of the transaction, microseconds
    /// since 1970; `None` asks the system's clock.
    pub now_us: Option<i64>,
    /// Names for `regclass` and its kin; numbers are shown without it.
    pub names: Option<Arc<dyn Names>>,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            time_zone: TimeZone::UTC,
            date_style: DateStyle::Iso,
            date_order: DateOrder::Mdy,
            interval_style: IntervalStyle::Postgres,
            bytea_output: ByteaOutput::Hex,
            extra_float_digits: 1,
            mismatch: Mismatch::Text,
            now_us: None,
            names: None,
        }
    }
}

impl Style {
    /// The moment `now` means, microseconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now_us.unwrap_or_else(|| jiff::Timestamp::now().as_microsecond())
    }

    /// Reads the value of `TimeZone`: a name, an abbreviation, a POSIX zone or hours such as `-7`.
    ///
    /// # Errors
    /// The zone is not known.
    pub fn zone(name: &str) -> Result<TimeZone, super::Error> {
        datetime::zone::setting(name)
    }
}

/// The names of objects, for types such as `regclass` whose text form is a name.
pub trait Names: Debug + Send + Sync {
    /// The text of a value of `ty`, e.g. `"Order"` for a `regclass`.
    fn name(&self, ty: Type, oid: Oid) -> Option<String>;
    /// The value of `ty` that a text means.
    fn oid(&self, ty: Type, name: &str) -> Option<Oid>;
}

/// The first half of `DateStyle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DateStyle {
    /// `1997-12-17 07:37:16-08`
    #[default]
    Iso,
    /// `12/17/1997 07:37:16.00 PST`
    Sql,
    /// `Wed Dec 17 07:37:16 1997 PST`
    Postgres,
    /// `17.12.1997 07:37:16.00 PST`
    German,
}

/// The second half of `DateStyle`: how an ambiguous date is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DateOrder {
    /// Year, month, day.
    Ymd,
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    #[default]
    Mdy,
}

/// `IntervalStyle`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IntervalStyle {
    /// `1 year 2 mons 3 days 04:05:06`
    #[default]
    Postgres,
    /// `@ 1 year 2 mons 3 days 4 hours 5 mins 6 secs`
    PostgresVerbose,
    /// `+1-2 +3 +4:05:06`
    SqlStandard,
    /// `P1Y2M3DT4H5M6S`
    Iso8601,
}

/// `bytea_output`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ByteaOutput {
    /// `\x6869`
    #[default]
    Hex,
    /// `hi\000`
    Escape,
}

/// What to do with a stored value that is not of the announced type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mismatch {
    /// In text format send it as it stands; in binary format refuse.
    #[default]
    Text,
    /// Refuse.
    Error,
    /// Send NULL.
    Null,
}
