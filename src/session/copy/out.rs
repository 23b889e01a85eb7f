//! COPY TO STDOUT: a query's rows in, CopyData out, built straight in the output buffer.

use super::csv::Quoter;
use super::text::Escaper;
use super::{binary, value_format};
use crate::session::error::{Failure, cancelled, from_types};
use crate::session::execute::verb_name;
use crate::session::reply::Reply;
use crate::session::{Session, portal};
use crate::sqlite::{Statement, Step};
use crate::statement::{Copy, CopyFormat, CopyHeader, CopyOptions, OutputColumn};
use crate::types::{Codec, Error, Mismatch, Style, Type, ValueRef};

impl Session {
    /// The number of rows sent; none if the plan is out of date.
    pub(super) fn copy_out(&mut self, copy: &Copy) -> Result<Option<u64>, Failure> {
        let Some(columns) = self.describe_plan(&copy.plan)? else {
            return Err(Failure::new("0A000", "COPY query must have a RETURNING clause"));
        };
        self.prepare_for(copy.plan.access, verb_name(&copy.plan))?;
        let Some(mut running) = self.try_start(&copy.plan, &[], &copy.literals)? else {
            return Ok(None);
        };
        let format = value_format(&copy.options);
        self.reply.copy_response(b'H', format, columns.len());
        let mut writer = Writer::new(&copy.options, &columns);
        writer.header(&mut self.reply, &columns);
        let mut rows = 0;
        while running.row_waiting {
            let style = &self.effective.style;
            let written = writer.row(&mut self.reply, &running.statement, style);
            written.map_err(|error| from_types(&error))?;
            rows += 1;
            self.flush_if_full()?;
            if let Some(reason) = self.backend.cancel.reason() {
                return Err(cancelled(reason));
            }
            let step = running.statement.step().map_err(|error| self.failure(error))?;
            running.row_waiting = step == Step::Row;
        }
        writer.trailer(&mut self.reply);
        self.reply.copy_done();
        Ok(Some(rows))
    }
}

/// Writes rows.
struct Writer<'a> {
    options: &'a CopyOptions,
    columns: Vec<Column>,
    way: Way,
    /// Bytes that go before the next row, in its message.
    pending: &'static [u8],
}

struct Column {
    codec: Codec,
    /// Its numbers have no byte that needs an escape or quotes.
    bare: bool,
    /// FORCE_QUOTE
    force: bool,
}

enum Way {
    Text(Escaper),
    Csv(Quoter),
    Binary,
}

impl<'a> Writer<'a> {
    fn new(options: &'a CopyOptions, columns: &[OutputColumn]) -> Self {
        let codecs = portal::codecs(columns, &[value_format(options)]);
        let safe = has_safe_signs(options);
        let column = |(i, (codec, column)): (usize, (Codec, &OutputColumn))| {
            let force = options.force_quote.contains(&i);
            Column { codec, bare: safe && !force && is_number(column.ty.ty), force }
        };
        let (way, pending) = match options.format {
            CopyFormat::Text => (Way::Text(Escaper::new(options.delimiter)), &[][..]),
            CopyFormat::Csv => (Way::Csv(Quoter::new(options, columns.len())), &[][..]),
            CopyFormat::Binary => (Way::Binary, &binary::HEADER[..]),
        };
        let columns = codecs.into_iter().zip(columns).enumerate().map(column).collect();
        Self { options, columns, way, pending }
    }

    /// The header line, if there is to be one.
    fn header(&mut self, reply: &mut Reply, columns: &[OutputColumn]) {
        if self.options.header == CopyHeader::None {
            return;
        }
        let at = reply.begin(b'd');
        let out = reply.bytes_mut();
        for (i, column) in columns.iter().enumerate() {
            if i > 0 {
                out.push(self.options.delimiter);
            }
            let start = out.len();
            out.extend_from_slice(column.name.as_bytes());
            self.way.protect(out, start, false);
        }
        out.push(b'\n');
        reply.end(at);
    }

    fn row(&mut self, reply: &mut Reply, row: &Statement, style: &Style) -> Result<(), Error> {
        let start = reply.len();
        let at = reply.begin(b'd');
        let out = reply.bytes_mut();
        out.extend_from_slice(self.pending);
        let written = match self.way {
            Way::Binary => self.tuple(out, row, style),
            Way::Text(_) | Way::Csv(_) => self.line(out, row, style),
        };
        match written {
            Ok(()) => {
                self.pending = &[];
                reply.end(at);
            }
            Err(_) => reply.truncate(start),
        }
        written
    }

    fn tuple(&self, out: &mut Vec<u8>, row: &Statement, style: &Style) -> Result<(), Error> {
        out.extend_from_slice(&(self.columns.len() as i16).to_be_bytes());
        for (i, column) in self.columns.iter().enumerate() {
            column.codec.write_field(out, row.value(i), style)?;
        }
        Ok(())
    }

    #[inline]
    fn line(&mut self, out: &mut Vec<u8>, row: &Statement, style: &Style) -> Result<(), Error> {
        for (i, column) in self.columns.iter().enumerate() {
            if i > 0 {
                out.push(self.options.delimiter);
            }
            let value = row.value(i);
            let start = out.len();
            if value == ValueRef::Null {
                out.extend_from_slice(self.options.null.as_bytes());
                continue;
            }
            match column.codec.encode(out, value, style) {
                Ok(()) => {}
                Err(Error::Mismatch { .. }) if style.mismatch == Mismatch::Null => {
                    out.truncate(start);
                    out.extend_from_slice(self.options.null.as_bytes());
                    continue;
                }
                Err(error) => return Err(error),
            }
            let number = matches!(value, ValueRef::Integer(_) | ValueRef::Real(_));
            if !(column.bare && number) {
                self.way.protect(out, start, column.force);
            }
        }
        out.push(b'\n');
        Ok(())
    }

    /// What ends the data.
    fn trailer(&mut self, reply: &mut Reply) {
        if let Way::Binary = self.way {
            let at = reply.begin(b'd');
            reply.bytes_mut().extend_from_slice(self.pending);
            reply.bytes_mut().extend_from_slice(binary::TRAILER);
            reply.end(at);
        }
    }
}

impl Way {
    /// Makes a value that stands in `out` from `start` readable between its neighbours.
    #[inline]
    fn protect(&mut self, out: &mut Vec<u8>, start: usize, force: bool) {
        match self {
            Self::Text(escaper) => escaper.escape(out, start),
            Self::Csv(quoter) => quoter.quote(out, start, force),
            Self::Binary => {}
        }
    }
}

/// No number holds a byte that separates fields or quotes them, nor is one taken for NULL.
fn has_safe_signs(options: &CopyOptions) -> bool {
    let in_number = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let csv = options.format == CopyFormat::Csv;
    let null = options.null.bytes().next();
    !in_number(options.delimiter)
        && !(csv && (in_number(options.quote) || null.is_some_and(in_number)))
}

/// A type whose stored numbers are written as numbers.
fn is_number(ty: Type) -> bool {
    matches!(
        ty,
        Type::BOOL
            | Type::INT2
            | Type::INT4
            | Type::INT8
            | Type::OID
            | Type::FLOAT4
            | Type::FLOAT8
            | Type::NUMERIC
            | Type::TEXT
            | Type::VARCHAR
    )
}
