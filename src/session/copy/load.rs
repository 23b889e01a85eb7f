//! CopyData in, rows of an INSERT out: one prepared statement, bound and stepped for each record.

use super::field::Fields;
use super::lines::{Line, Lines};
use super::{bad_format, binary, csv, text, value_format};
use crate::session::Session;
use crate::session::error::{Failure, cancelled, from_types};
use crate::sqlite::Statement;
use crate::statement::{Copy, CopyFormat, CopyHeader};
use crate::types::{self, Codec, Style, Type, ValueRef};

/// So much of a value or a line is shown in an error's context.
const SHOWN_MAX: usize = 100;

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
    statement: Statement,
    rows: u64,
}

struct Column {
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
    /// Text of any length.
    Text,
    /// All others.
    Decode,
}

/// A record of the data.
#[derive(Clone, Copy)]
struct Record<'a> {
    /// A line, or bytes that hold a tuple.
    bytes: &'a [u8],
    fields: &'a Fields,
    number: u64,
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
        let target = Target { copy, columns: columns(copy), style, statement, rows: 0 };
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
                        Err(failure) => return Err(target.in_line(failure, lines.number())),
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
                        Err(failure) => return Err(target.in_line(failure, number)),
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
                Err(failure) => return Err(target.in_line(failure, lines.number())),
            },
            Source::Tuples(reader) => {
                let ended = reader.finish();
                ended.map_err(|failure| target.in_line(failure, reader.number() + 1))?;
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
        self.target.in_line(failure, number + 1)
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
        fields.clear();
        match splitter {
            Splitter::Text(text) => text.split(bytes, escaped, fields),
            Splitter::Csv(csv) => {
                let split = csv.split(bytes, fields);
                split.map_err(|failure| self.with_line(failure, bytes, number))?;
            }
        }
        let record = Record { bytes, fields, number };
        if header == CopyHeader::Match {
            let matched = self.match_header(record);
            return matched.map_err(|failure| self.with_line(failure, bytes, number));
        }
        if fields.len() > self.columns.len() && !(self.columns.is_empty() && bytes.is_empty()) {
            let failure = bad_format("extra data after last expected column");
            return Err(self.with_line(failure, bytes, number));
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
        for i in 0..self.columns.len() {
            self.bind(session, i, record)?;
        }
        if let Some(reason) = session.backend.cancel.reason() {
            return Err(self.in_line(cancelled(reason), record.number));
        }
        if let Err(error) = self.statement.step() {
            return Err(self.refused(session.failure(error), record));
        }
        self.statement.reset();
        self.rows += 1;
        Ok(())
    }

    #[inline]
    fn bind(&mut self, session: &Session, i: usize, record: Record<'_>) -> Result<(), Failure> {
        let Some(field) = record.fields.value(i, record.bytes) else {
            let name = &self.copy.columns[i].name;
            let failure = bad_format(format!("missing data for column \"{name}\""));
            return Err(self.with_line(failure, record.bytes, record.number));
        };
        let column = &self.columns[i];
        let null = self.copy.options.null.as_bytes();
        let field = match field {
            None if column.never_null => Some(null),
            Some(bytes) if column.quoted_null && bytes == null => None,
            field => field,
        };
        let bound = match field {
            None => self.statement.bind(i + 1, ValueRef::Null),
            Some(bytes) => match column.way.read(bytes) {
                Some(value) => self.statement.bind(i + 1, value),
                None => {
                    let ty = &self.copy.columns[i].ty;
                    let value = column.codec.decode(bytes, &self.style);
                    let value = value.and_then(|value| types::assign(value, ty));
                    let value = value.map_err(|error| {
                        self.with_value(from_types(&error), i, bytes, record.number)
                    })?;
                    self.statement.bind(i + 1, kept(value.borrow()))
                }
            },
        };
        bound.map_err(|error| session.failure(error))
    }

    /// A row that SQLite refuses. Postgres shows the line only while it still has it: before it
    /// looks at keys.
    fn refused(&self, failure: Failure, record: Record<'_>) -> Failure {
        match failure.sqlstate {
            "23502" | "23514" => self.with_line(failure, record.bytes, record.number),
            _ => self.in_line(failure, record.number),
        }
    }

    fn in_line(&self, mut failure: Failure, number: u64) -> Failure {
        failure.context = Some(format!("COPY {}, line {number}", self.copy.table));
        failure
    }

    fn with_line(&self, failure: Failure, line: &[u8], number: u64) -> Failure {
        let mut failure = self.in_line(failure, number);
        if self.copy.options.format != CopyFormat::Binary
            && let Some(context) = &mut failure.context
        {
            context.push_str(&format!(": \"{}\"", shown(line)));
        }
        failure
    }

    fn with_value(&self, failure: Failure, i: usize, value: &[u8], number: u64) -> Failure {
        let mut failure = self.in_line(failure, number);
        if let Some(context) = &mut failure.context {
            context.push_str(&format!(", column {}", self.copy.columns[i].name));
            if self.copy.options.format != CopyFormat::Binary {
                context.push_str(&format!(": \"{}\"", shown(value)));
            }
        }
        failure
    }
}

impl Way {
    fn of(column: &types::ColumnType, format: types::Format) -> Self {
        match (column.ty, format) {
            (Type::TEXT | Type::VARCHAR, _) if column.typmod < 0 => Self::Text,
            (_, types::Format::Binary) => Self::Decode,
            (Type::INT2, _) => Self::Integer(4),
            (Type::INT4, _) => Self::Integer(9),
            (Type::INT8, _) => Self::Integer(18),
            _ => Self::Decode,
        }
    }

    /// The value, if the short way leads to it.
    #[inline]
    fn read(self, bytes: &[u8]) -> Option<ValueRef<'_>> {
        match self {
            Self::Integer(digits) => integer(bytes, digits).map(ValueRef::Integer),
            Self::Text if !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok() => {
                Some(ValueRef::Text(bytes))
            }
            Self::Text | Self::Decode => None,
        }
    }
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
        codec: Codec::of(&column.ty, format),
        way: Way::of(&column.ty, format),
        never_null: options.force_not_null.contains(&i),
        quoted_null: options.force_null.contains(&i),
    };
    copy.columns.iter().enumerate().map(column).collect()
}

/// The beginning of a value or line, for a message.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.len() <= SHOWN_MAX {
        return text.into_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(SHOWN_MAX)])
}
