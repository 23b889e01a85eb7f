//! Postgres types and their wire forms.
//!
//! What enters: a SQLite value and the type egret announced for it. What leaves: the bytes Postgres
//! would send for that type, in text or binary; and the way back for parameters. Pure.
//!
//! Inside SQLite a value of each Postgres type has one form, and every function egret registers
//! takes and returns that form:
//!
//! | Postgres type | inside SQLite |
//! | --- | --- |
//! | bool | INTEGER 0 or 1 |
//! | int2, int4, int8, oid, xid, regclass and the other `reg*` | INTEGER |
//! | float4, float8 | REAL, a float4 as the double of its shortest digits; NaN is the TEXT `NaN` |
//! | numeric | INTEGER, or REAL when 15 digits say it exactly, otherwise TEXT |
//! | text, varchar, bpchar, name, "char", json, jsonb, uuid, enums, inet, xml ... | TEXT |
//! | char(n) | TEXT without the spaces at its end |
//! | bytea | BLOB |
//! | date | TEXT `YYYY-MM-DD` |
//! | time | TEXT `HH:MM:SS[.ffffff]` |
//! | timestamp | TEXT `YYYY-MM-DD HH:MM:SS[.ffffff]` |
//! | timestamptz | the same, in UTC, without a zone: what SQLite's own CURRENT_TIMESTAMP writes |
//! | interval | TEXT, Postgres's own output style (`1 mon 2 days 03:04:05`) |
//! | arrays | TEXT, a JSON array of the element's form (nested for dimensions) |
//! | int2vector, oidvector | TEXT, space separated |
//! | record | TEXT, see [`Record`]; one that no client sees is a JSON array of its fields |
//!
//! A column of a file may hold other forms (see [`Storage`]); reading is lenient, writing is not.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod array;
mod assign;
mod codec;
pub mod datetime;
mod decode;
mod encode;
mod error;
mod float;
pub mod interval;
pub mod numeric;
mod pg_type;
mod record;
mod scalar;
mod style;
mod value;

pub use array::Array;
pub use assign::{assign, character_length};
pub use codec::{Codec, check_text, decode, encode, is_plain};
pub use error::Error;
pub use interval::Interval;
pub use numeric::Numeric;
pub use pg_type::{TYPES_TXT, TypeRow};
pub use record::Record;
pub use style::{ByteaOutput, DateOrder, DateStyle, IntervalStyle, Mismatch, Names, Style};
pub use value::{Value, ValueRef};

/// A Postgres object identifier.
pub type Oid = u32;

/// A Postgres type, named by its OID in `pg_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Type(pub Oid);

impl Type {
    /// `bool`
    pub const BOOL: Self = Self(16);
    /// `bytea`
    pub const BYTEA: Self = Self(17);
    /// `"char"`
    pub const CHAR: Self = Self(18);
    /// `name`
    pub const NAME: Self = Self(19);
    /// `int8`
    pub const INT8: Self = Self(20);
    /// `int2`
    pub const INT2: Self = Self(21);
    /// `int2vector`
    pub const INT2VECTOR: Self = Self(22);
    /// `int4`
    pub const INT4: Self = Self(23);
    /// `text`
    pub const TEXT: Self = Self(25);
    /// `oid`
    pub const OID: Self = Self(26);
    /// `tid`
    pub const TID: Self = Self(27);
    /// `xid`
    pub const XID: Self = Self(28);
    /// `cid`
    pub const CID: Self = Self(29);
    /// `oidvector`
    pub const OIDVECTOR: Self = Self(30);
    /// `json`
    pub const JSON: Self = Self(114);
    /// `float4`
    pub const FLOAT4: Self = Self(700);
    /// `float8`
    pub const FLOAT8: Self = Self(701);
    /// `unknown`: a string literal or parameter whose type is not yet known
    pub const UNKNOWN: Self = Self(705);
    /// `bpchar`
    pub const BPCHAR: Self = Self(1042);
    /// `varchar`
    pub const VARCHAR: Self = Self(1043);
    /// `date`
    pub const DATE: Self = Self(1082);
    /// `time`
    pub const TIME: Self = Self(1083);
    /// `timestamp`
    pub const TIMESTAMP: Self = Self(1114);
    /// `timestamptz`
    pub const TIMESTAMPTZ: Self = Self(1184);
    /// `interval`
    pub const INTERVAL: Self = Self(1186);
    /// `timetz`
    pub const TIMETZ: Self = Self(1266);
    /// `numeric`
    pub const NUMERIC: Self = Self(1700);
    /// `regclass`
    pub const REGCLASS: Self = Self(2205);
    /// `regtype`
    pub const REGTYPE: Self = Self(2206);
    /// `void`
    pub const VOID: Self = Self(2278);
    /// `bit`
    pub const BIT: Self = Self(1560);
    /// `record`
    pub const RECORD: Self = Self(2249);
    /// `uuid`
    pub const UUID: Self = Self(2950);
    /// `jsonb`
    pub const JSONB: Self = Self(3802);
}

/// The format code of a parameter or a result column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Format code 0.
    #[default]
    Text,
    /// Format code 1.
    Binary,
}

/// How a file stores the dates and times of one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Storage {
    /// The form of the table above; ISO 8601 variants are read too.
    #[default]
    Native,
    /// Seconds since 1970, integer or real.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMillis,
    /// Microseconds since 1970.
    UnixMicros,
    /// Julian day number, real.
    JulianDay,
    /// The value of an expression without type modifier that is still shown with so many digits
    /// after the point (numeric), or filled up to so many characters (char).
    Shown(u32),
    /// A row type's values: a record, see [`Record`].
    Row,
}

/// What egret announces for a column or parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ColumnType {
    /// The type in RowDescription.
    pub ty: Type,
    /// The type modifier in RowDescription; -1 for none.
    pub typmod: i32,
    /// The form of stored values.
    pub storage: Storage,
}

impl ColumnType {
    /// A type without modifier, stored natively.
    #[must_use]
    pub const fn new(ty: Type) -> Self {
        Self { ty, typmod: -1, storage: Storage::Native }
    }

    /// Digits after the point (numeric) or characters (char) that a value is shown with at least.
    #[must_use]
    pub fn shown(&self) -> Option<u32> {
        match (self.storage, self.ty) {
            (Storage::Shown(n), _) => Some(n),
            (_, Type::NUMERIC) => {
                let (_, scale) = numeric::precision_scale(self.typmod)?;
                Some(u32::try_from(scale).unwrap_or(0))
            }
            (_, Type::BPCHAR) => {
                character_length(self.typmod).and_then(|length| u32::try_from(length).ok())
            }
            _ => None,
        }
    }

    /// The type without its modifier, whose values are still shown as that one has them.
    #[must_use]
    pub fn unmodified(&self) -> Self {
        let storage = self.shown().map_or(self.storage, Storage::Shown);
        Self { ty: self.ty, typmod: -1, storage }
    }
}

#[cfg(test)]
mod tests;
