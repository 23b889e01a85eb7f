//! CopyData in, rows of an INSERT out: one prepared statement, bound and stepped for each record.

use super::context::Context;
use super::field::Fields;
use super::lines::{Line, Lines};
use super::{bad_format, binary, csv, text, value_format};
use crate::session::Session;
use crate::session::error::{Failure, cancelled, from_types};
use crate::sqlite::{Bulk, Connection, Statement};
use crate::statement::{Copy, CopyFormat, CopyHeader};
use crate::types::{self, Codec, ColumnType, Format, Style, Type, Value, ValueRef};

/// Loads rows.
pub(super) struct Loader<'a> {
    source: Source,
    splitter: Splitter,
    header: CopyHeader,
    fields: Fields,
    target: Target<'a>,
}

enum Source {
    Lines(Lines),
    Tuples(binary::Reader),
}

/// How a line becomes fields.
enum Splitter {
    Text(text::Splitter),
    Csv(csv::Splitter),
}

/// Where the rows go.
struct Target<'a> {
    copy: &'a Copy,
    columns: Vec<Column>,
    style: Style,
    bulk: Bulk,
    rows: u64,
}

struct Column {
    ty: ColumnType,
    codec: Codec,
    way: Way,
    /// FORCE_NOT_NULL
    never_null: bool,
    /// FORCE_NULL
    quoted_null: bool,
}

/// Short ways for frequent types.
#[derive(Clone, Copy)]
enum Way {
    /// An integer type that holds any number of so many digits.
    Integer(usize),
    /// Text, if it has no more than so many characters.
    Text(usize),
    /// All others.
    Decode,
}

/// A record of the data.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    /// A line, or bytes that hold a tuple.
    pub(super) bytes: &'a [u8],
    fields: &'a Fields,
    pub(super) number: u64,
}

impl<'a> Loader<'a> {
    /// Into the statement, which has a parameter for each column copied.
    pub(super) fn new(copy: &'a Copy, statement: Statement, style: Style) -> Self {
        let options = &copy.options;
        let source = match options.format {
            CopyFormat::Text => Source::Lines(Lines::text()),
            CopyFormat::Csv => Source::Lines(Lines::csv(options.quote, options.escape)),
            CopyFormat::Binary => Source::Tuples(binary::Reader::new(copy.columns.len())),
        };
        let splitter = match options.format {
            CopyFormat::Csv => Splitter::Csv(csv::Splitter::new(options)),
            _ => Splitter::Text(text::Splitter::new(options.delimiter, &options.null)),
        };
        let (columns, bulk) = (columns(copy), Bulk::new(statement));
        let target = Target { copy, columns, style, bulk, rows: 0 };
        Self { source, splitter, header: options.header, fields: Fields::default(), target }
    }

    /// Inserts the rows that end in `chunk`.
    pub(super) fn take(&mut self, session: &Session, mut chunk: &[u8]) -> Result<(), Failure> {
        let Self { source, splitter, header, fields, target } = self;
        match source {
            Source::Lines(lines) => {
                while !chunk.is_empty() {
                    match lines.next(&mut chunk) {
                        Ok(Some(line)) => target.line(session, line, splitter, header, fields)?,
                        Ok(None) => {}
                        Err(failure) => {
                            return Err(target.context().in_line(failure, lines.number()));
                        }
                    }
                }
                Ok(())
            }
            Source::Tuples(reader) => {
                reader.push(chunk)?;
                loop {
                    let number = reader.number() + 1;
                    match reader.next(fields) {
                        Ok(Some(bytes)) => {
                            target.insert(session, Record { bytes, fields, number })?;
                        }
                        Ok(None) => return Ok(()),
                        Err(failure) => {
                            return Err(target.context().in_tuple(failure, reader.place()));
                        }
                    }
                }
            }
        }
    }

    /// The data is over: inserts the row that had no end; the number of rows in all.
    pub(super) fn finish(&mut self, session: &Session) -> Result<u64, Failure> {
        let Self { source, splitter, header, fields, target } = self;
        match source {
            Source::Lines(lines) => match lines.finish() {
                Ok(Some(line)) => target.line(session, line, splitter, header, fields)?,
                Ok(None) => {}
                Err(failure) => return Err(target.context().in_line(failure, lines.number())),
            },
            Source::Tuples(reader) => {
                let ended = reader.finish();
                ended.map_err(|failure| target.context().in_tuple(failure, reader.place()))?;
            }
        }
        Ok(target.rows)
    }

    /// A failure that is not of one record.
    pub(super) fn in_context(&self, failure: Failure) -> Failure {
        let number = match &self.source {
            Source::Lines(lines) => lines.number(),
            Source::Tuples(reader) => reader.number(),
        };
        self.target.context().in_line(failure, number + 1)
    }
}

impl Target<'_> {
    fn line(
        &mut self,
        session: &Session,
        line: Line<'_>,
        splitter: &Splitter,
        header: &mut CopyHeader,
        fields: &mut Fields,
    ) -> Result<(), Failure> {
        let Line { bytes, escaped, number } = line;
        let header = std::mem::replace(header, CopyHeader::None);
        if header == CopyHeader::Line {
            return Ok(());
        }
        check_text(bytes).map_err(|failure| self.context().in_line(failure, number))?;
        fields.clear();
        match splitter {
            Splitter::Text(text) => text.split(bytes, escaped, fields),
            Splitter::Csv(csv) => {
                let split = csv.split(bytes, fields);
                split.map_err(|failure| self.context().with_line(failure, bytes, number))?;
            }
        }
        let cooked = check_text(fields.cooked());
        cooked.map_err(|failure| self.context().with_line(failure, bytes, number))?;
        let record = Record { bytes, fields, number };
        if header == CopyHeader::Match {
            let matched = self.match_header(record);
            return matched.map_err(|failure| self.context().with_line(failure, bytes, number));
        }
        if fields.len() > self.columns.len() && !(self.columns.is_empty() && bytes.is_empty()) {
            let failure = bad_format("extra data after last expected column");
            return Err(self.context().with_line(failure, bytes, number));
        }
        self.insert(session, record)
    }

    fn match_header(&self, record: Record<'_>) -> Result<(), Failure> {
        let (count, columns) = (record.fields.len(), &self.copy.columns);
        if count != columns.len() {
            let expected = columns.len();
            return Err(bad_format(format!(
                "wrong number of fields in header line: got {count}, expected {expected}"
            )));
        }
        for (i, column) in columns.iter().enumerate() {
            let field = record.fields.value(i, record.bytes).flatten();
            if field == Some(column.name.as_bytes()) {
                continue;
            }
            let got = match field {
                Some(name) => format!("\"{}\"", String::from_utf8_lossy(name)),
                None => format!("null value (\"{}\")", self.copy.options.null),
            };
            let (number, name) = (i + 1, &column.name);
            return Err(bad_format(format!(
                "column name mismatch in header line field {number}: got {got}, expected \"{name}\""
            )));
        }
        Ok(())
    }

    fn insert(&mut self, session: &Session, record: Record<'_>) -> Result<(), Failure> {
        if let Some(reason) = session.backend.cancel.reason() {
            return Err(self.context().in_line(cancelled(reason), record.number));
        }
        let context = Context::new(self.copy);
        let mut row = self.bulk.row();
        for (i, column) in self.columns.iter().enumerate() {
            let Some(field) = record.fields.value(i, record.bytes) else {
                let name = &self.copy.columns[i].name;
                let failure = bad_format(format!("missing data for column \"{name}\""));
                return Err(context.with_line(failure, record.bytes, record.number));
            };
            let field = column.field(field, self.copy.options.null.as_bytes());
            let short = field.map_or(Some(ValueRef::Null), |bytes| column.way.read(bytes));
            let pushed = match (short, field) {
                (Some(value), _) => row.push(value),
                (None, bytes) => {
                    let bytes = bytes.unwrap_or_default();
                    let value = column.decode(bytes, &self.style).map_err(|error| {
                        context.with_value(from_types(&error), i, bytes, record.number)
                    })?;
                    row.push_copy(kept(value.borrow()))
                }
            };
            pushed.map_err(|error| session.failure(error))?;
        }
        row.run()
            .map_err(|error| context.refused(session.failure_of(error, &self.copy.plan), record))?;
        self.rows += match self.copy.filtered {
            false => 1,
            true => session.connection.as_ref().map_or(0, Connection::changes),
        };
        Ok(())
    }

    fn context(&self) -> Context<'_> {
        Context::new(self.copy)
    }
}

impl Column {
    /// What NULL is, as the options for this column say.
    #[inline]
    fn field<'r>(&self, field: Option<&'r [u8]>, null: &'r [u8]) -> Option<&'r [u8]> {
        match field {
            None if self.never_null => Some(null),
            Some(bytes) if self.quoted_null && bytes == null => None,
            field => field,
        }
    }

    fn decode(&self, bytes: &[u8], style: &Style) -> Result<Value, types::Error> {
        types::assign(self.codec.decode(bytes, style)?, &self.ty)
    }
}

impl Way {
    fn of(column: &ColumnType, format: Format) -> Self {
        match (column.ty, format) {
            (_, Format::Binary) => Self::Decode,
            (Type::TEXT, _) => Self::Text(usize::MAX),
            (Type::VARCHAR | Type::BPCHAR, _) => {
                Self::Text(types::character_length(column.typmod).unwrap_or(usize::MAX))
            }
            (Type::INT2, _) => Self::Integer(4),
            (Type::INT4, _) => Self::Integer(9),
            (Type::INT8, _) => Self::Integer(18),
            _ => Self::Decode,
        }
    }

    /// The value, if the short way leads to it; lines are checked to be text.
    #[inline]
    fn read(self, bytes: &[u8]) -> Option<ValueRef<'_>> {
        match self {
            Self::Integer(digits) => integer(bytes, digits).map(ValueRef::Integer),
            // A character has at least a byte.
            Self::Text(length) => (bytes.len() <= length).then_some(ValueRef::Text(bytes)),
            Self::Decode => None,
        }
    }
}

/// A line, or its fields without their escapes, must be text.
fn check_text(bytes: &[u8]) -> Result<(), Failure> {
    if types::is_plain(bytes) {
        return Ok(());
    }
    types::check_text(bytes).map(drop).map_err(|error| from_types(&error))
}

/// What SQLite keeps of a value: it takes the number NaN for NULL, so its name stands for it, as it
/// does when an INSERT writes it.
fn kept(value: ValueRef<'_>) -> ValueRef<'_> {
    match value {
        ValueRef::Real(real) if real.is_nan() => ValueRef::Text(b"NaN"),
        value => value,
    }
}

/// An integer of a few digits and perhaps a minus sign.
fn integer(bytes: &[u8], most: usize) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > most {
        return None;
    }
    let mut value = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -value } else { value })
}

fn columns(copy: &Copy) -> Vec<Column> {
    let options = &copy.options;
    let format = value_format(options);
    let column = |(i, column): (usize, &crate::statement::OutputColumn)| Column {
        ty: column.ty,
        codec: Codec::of(&column.ty, format),
        way: Way::of(&column.ty, format),
        never_null: options.force_not_null.contains(&i),
        quoted_null: options.force_null.contains(&i),
    };
    copy.columns.iter().enumerate().map(column).collect()
}
