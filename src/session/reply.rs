//! Backend messages, built straight into the output buffer:
//! <https://www.postgresql.org/docs/15/protocol-message-formats.html>.

use super::error::{Failure, Notice};
use crate::types::{Format, Oid};

/// Output gathered until the next flush.
#[derive(Default)]
pub struct Reply {
    buffer: Vec<u8>,
}

/// The transaction status in ReadyForQuery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// No transaction block.
    Idle = b'I',
    /// In a transaction block.
    InBlock = b'T',
    /// In a transaction block that failed.
    Failed = b'E',
}

/// A field of RowDescription.
pub struct Field<'a> {
    /// The label.
    pub name: &'a str,
    /// OID of the table, or 0.
    pub table: Oid,
    /// Number of the column in the table, or 0.
    pub attnum: i16,
    /// OID of the type.
    pub ty: Oid,
    /// `typlen`
    pub size: i16,
    /// `atttypmod`
    pub typmod: i32,
    /// The format values will be sent in.
    pub format: Format,
}

impl Reply {
    /// Bytes waiting to be sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Nothing waits to be sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The bytes waiting to be sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// The buffer itself, for encoders that append a payload.
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Forgets what was sent; a buffer that grew large gives its memory back.
    pub fn sent(&mut self) {
        const KEEP: usize = 128 * 1024;
        if self.buffer.capacity() > KEEP {
            self.buffer = Vec::new();
        } else {
            self.buffer.clear();
        }
    }

    /// Gives all memory back; for a session that idles.
    pub fn release(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
    }

    /// Drops everything after `length`, a message that could not be finished.
    pub fn truncate(&mut self, length: usize) {
        self.buffer.truncate(length);
    }

    /// Puts a NoticeResponse before the message that begins at `at`.
    pub fn insert_notice(&mut self, at: usize, notice: &Notice) {
        let rest = self.buffer.split_off(at);
        self.notice(notice);
        self.buffer.extend_from_slice(&rest);
    }

    /// Starts a message; [`Self::end`] takes the result.
    #[inline]
    pub fn begin(&mut self, tag: u8) -> usize {
        self.buffer.push(tag);
        let at = self.buffer.len();
        self.buffer.extend_from_slice(&[0; 4]);
        at
    }

    /// Ends the message started at `at`: its length includes the length field.
    #[inline]
    pub fn end(&mut self, at: usize) {
        let length = u32::try_from(self.buffer.len() - at).unwrap_or(u32::MAX);
        self.buffer[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Leaves room for a value's length; [`Self::end_value`] takes the result.
    #[inline]
    pub fn begin_value(&mut self) -> usize {
        let at = self.buffer.len();
        self.buffer.extend_from_slice(&[0; 4]);
        at
    }

    /// Ends the value started at `at`: its length does not include the length field.
    #[inline]
    pub fn end_value(&mut self, at: usize) {
        let length = u32::try_from(self.buffer.len() - at - 4).unwrap_or(u32::MAX);
        self.buffer[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// A NULL value.
    #[inline]
    pub fn null(&mut self) {
        self.i32(-1);
    }

    /// Two bytes.
    #[inline]
    pub fn i16(&mut self, value: i16) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// Four bytes.
    #[inline]
    pub fn i32(&mut self, value: i32) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// Four bytes.
    #[inline]
    pub fn u32(&mut self, value: u32) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// A string and its terminating zero; a zero inside would end it early and is left out.
    pub fn cstr(&mut self, text: &str) {
        self.buffer.extend(text.bytes().filter(|b| *b != 0));
        self.buffer.push(0);
    }

    fn empty_message(&mut self, tag: u8) {
        let at = self.begin(tag);
        self.end(at);
    }

    /// ParseComplete
    pub fn parse_complete(&mut self) {
        self.empty_message(b'1');
    }

    /// BindComplete
    pub fn bind_complete(&mut self) {
        self.empty_message(b'2');
    }

    /// CloseComplete
    pub fn close_complete(&mut self) {
        self.empty_message(b'3');
    }

    /// NoData
    pub fn no_data(&mut self) {
        self.empty_message(b'n');
    }

    /// PortalSuspended
    pub fn portal_suspended(&mut self) {
        self.empty_message(b's');
    }

    /// EmptyQueryResponse
    pub fn empty_query(&mut self) {
        self.empty_message(b'I');
    }

    /// CopyDone
    pub fn copy_done(&mut self) {
        self.empty_message(b'c');
    }

    /// CommandComplete
    pub fn command_complete(&mut self, tag: &str) {
        let at = self.begin(b'C');
        self.cstr(tag);
        self.end(at);
    }

    /// CommandComplete with a row count, without formatting machinery: this is on the hot path.
    pub fn command_complete_rows(&mut self, verb: &str, rows: u64) {
        let at = self.begin(b'C');
        self.buffer.extend_from_slice(verb.as_bytes());
        self.buffer.push(b' ');
        self.buffer.extend_from_slice(itoa::Buffer::new().format(rows).as_bytes());
        self.buffer.push(0);
        self.end(at);
    }

    /// ReadyForQuery
    pub fn ready_for_query(&mut self, status: Status) {
        let at = self.begin(b'Z');
        self.buffer.push(status as u8);
        self.end(at);
    }

    /// ParameterStatus
    pub fn parameter_status(&mut self, name: &str, value: &str) {
        let at = self.begin(b'S');
        self.cstr(name);
        self.cstr(value);
        self.end(at);
    }

    /// ParameterDescription
    pub fn parameter_description(&mut self, types: impl ExactSizeIterator<Item = Oid>) {
        let at = self.begin(b't');
        self.i16(count(types.len()));
        types.for_each(|oid| self.u32(oid));
        self.end(at);
    }

    /// RowDescription
    pub fn row_description<'a>(&mut self, fields: impl ExactSizeIterator<Item = Field<'a>>) {
        let at = self.begin(b'T');
        self.i16(count(fields.len()));
        for field in fields {
            self.cstr(field.name);
            self.u32(field.table);
            self.i16(field.attnum);
            self.u32(field.ty);
            self.i16(field.size);
            self.i32(field.typmod);
            self.i16(i16::from(field.format == Format::Binary));
        }
        self.end(at);
    }

    /// CopyInResponse (`G`) or CopyOutResponse (`H`)
    pub fn copy_response(&mut self, tag: u8, format: Format, columns: usize) {
        let at = self.begin(tag);
        let code = u8::from(format == Format::Binary);
        self.buffer.push(code);
        self.i16(count(columns));
        for _ in 0..columns {
            self.i16(i16::from(code));
        }
        self.end(at);
    }

    /// BackendKeyData
    pub fn backend_key_data(&mut self, pid: i32, secret: &[u8]) {
        let at = self.begin(b'K');
        self.i32(pid);
        self.buffer.extend_from_slice(secret);
        self.end(at);
    }

    /// NegotiateProtocolVersion: the newest minor version spoken here and the options not known.
    pub fn negotiate_protocol_version(&mut self, minor: u32, unknown: &[String]) {
        let at = self.begin(b'v');
        self.u32((3 << 16) | minor);
        self.u32(u32::try_from(unknown.len()).unwrap_or(u32::MAX));
        unknown.iter().for_each(|option| self.cstr(option));
        self.end(at);
    }

    /// Authentication, with the request's code and data.
    pub fn authentication(&mut self, code: i32, data: &[u8]) {
        let at = self.begin(b'R');
        self.i32(code);
        self.buffer.extend_from_slice(data);
        self.end(at);
    }

    /// NotificationResponse
    pub fn notification(&mut self, pid: i32, channel: &str, payload: &str) {
        let at = self.begin(b'A');
        self.i32(pid);
        self.cstr(channel);
        self.cstr(payload);
        self.end(at);
    }

    /// ErrorResponse
    pub fn error(&mut self, failure: &Failure) {
        let at = self.begin(b'E');
        self.fields(failure.severity.as_str(), failure);
        self.end(at);
    }

    /// NoticeResponse
    pub fn notice(&mut self, notice: &Notice) {
        let at = self.begin(b'N');
        self.fields(notice.severity, &notice.failure);
        self.end(at);
    }

    fn fields(&mut self, severity: &str, failure: &Failure) {
        let mut field = |code: u8, text: &str| {
            self.buffer.push(code);
            self.cstr(text);
        };
        field(b'S', severity);
        field(b'V', severity);
        field(b'C', failure.sqlstate);
        field(b'M', &failure.message);
        let optional = [
            (b'D', &failure.detail),
            (b'H', &failure.hint),
            (b'W', &failure.context),
            (b's', &failure.schema),
            (b't', &failure.table),
            (b'c', &failure.column),
            (b'n', &failure.constraint),
            (b'R', &failure.routine),
        ];
        for (code, text) in optional {
            if let Some(text) = text {
                field(code, text);
            }
        }
        if let Some(position) = failure.position {
            field(b'P', itoa::Buffer::new().format(position));
        }
        self.buffer.push(0);
    }
}

fn count(n: usize) -> i16 {
    // The field is unsigned in practice: 65,535 parameters are allowed.
    u16::try_from(n).unwrap_or(u16::MAX).cast_signed()
}
