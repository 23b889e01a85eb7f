//! The extended query protocol: Parse, Bind, Describe, Execute, Close.
//! <https://www.postgresql.org/docs/15/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY>

use super::Session;
use super::error::{Failure, from_statement, from_types};
use super::input::{Body, Message};
use super::portal::{Portal, Prepared, check_formats, format_of};
use super::simple::{moved, part};
use crate::statement::{Statement, lexer, utility};
use crate::types::{ColumnType, Format, Value, decode};
use std::ops::Range;
use std::sync::Arc;

impl Session {
    /// Parse
    pub(super) fn parse_message(&mut self, message: Message) -> Result<(), Failure> {
        let (name, text, given) = read_parse(self.input.body(message))?;
        if !name.is_empty() && self.prepared.contains_key(&name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(Failure::new("42P05", message));
        }
        let range = only(&text)?;
        let timer = self.begin_statement();
        let prepared = self.prepare_as_it_is_now(part(&text, &range), given);
        self.end_statement(timer);
        let prepared = prepared.map_err(|failure| moved(failure, &text[..range.start]))?;
        self.prepared.insert(name, Arc::new(prepared));
        self.reply.parse_complete();
        Ok(())
    }

    /// What is promised of a statement here is held against its rows later: it is of the schema as it
    /// is now.
    fn prepare_as_it_is_now(
        &mut self,
        text: Arc<str>,
        given: Vec<u32>,
    ) -> Result<Prepared, Failure> {
        if !utility::is_complete(&text) {
            self.schema()?;
        }
        self.prepare_checked(text, given)
    }

    /// Bind
    pub(super) fn bind_message(&mut self, message: Message) -> Result<(), Failure> {
        let mut body = self.input.body(message);
        let (portal_name, statement_name) = (body.cstr()?.to_owned(), body.cstr()?);
        let prepared = self.find_prepared(statement_name)?;
        self.check_failed_block(&prepared.bound.statement)?;
        if !portal_name.is_empty() && self.portals.contains_key(&portal_name) {
            let message = format!("cursor \"{portal_name}\" already exists");
            return Err(Failure::new("42P03", message));
        }
        let parameters = self.read_parameters(&mut body, &prepared)?;
        let formats = read_formats(&mut body)?;
        body.end()?;
        if let Some(columns) = &prepared.columns {
            check_formats(formats.len(), columns.len())?;
        }
        let portal = Portal::new(prepared, parameters, formats);
        self.portals.insert(portal_name, portal);
        self.reply.bind_complete();
        Ok(())
    }

    fn read_parameters(
        &self,
        body: &mut Body<'_>,
        prepared: &Prepared,
    ) -> Result<Vec<Value>, Failure> {
        let formats = read_formats(body)?;
        let types = parameter_types(prepared);
        let count = body.count()?;
        if count != types.len() {
            let needed = types.len();
            let message = format!(
                "bind message supplies {count} parameters, but prepared statement \"\" requires {needed}"
            );
            return Err(Failure::new("08P01", message));
        }
        if formats.len() > 1 && formats.len() != count {
            let many = formats.len();
            let message =
                format!("bind message has {many} parameter formats but {count} parameters");
            return Err(Failure::new("08P01", message));
        }
        let mut values = Vec::with_capacity(count);
        for (i, ty) in types.iter().enumerate() {
            values.push(match body.i32()? {
                -1 => Value::Null,
                length => {
                    let Ok(length) = usize::try_from(length) else {
                        return Err(Failure::protocol("invalid parameter length"));
                    };
                    let bytes = body.bytes(length)?;
                    let decoded = decode(bytes, ty, format_of(&formats, i), &self.effective.style);
                    decoded.map_err(|error| from_types(&error))?
                }
            });
        }
        Ok(values)
    }

    fn find_prepared(&self, name: &str) -> Result<Arc<Prepared>, Failure> {
        self.prepared.get(name).cloned().ok_or_else(|| no_prepared(name))
    }

    /// Describe
    pub(super) fn describe_message(&mut self, message: Message) -> Result<(), Failure> {
        let mut body = self.input.body(message);
        let (kind, name) = (body.u8()?, body.cstr()?);
        body.end()?;
        match kind {
            b'S' => {
                let prepared = self.find_prepared(name)?;
                let types = parameter_types(&prepared);
                self.reply.parameter_description(types.iter().map(|ty| ty.ty.0));
                self.describe_or_no_data(&prepared, &[]);
            }
            b'P' => {
                let portal = self.portals.get(name).ok_or_else(|| no_portal(name))?;
                let (prepared, formats) = (Arc::clone(&portal.prepared), portal.formats.clone());
                self.describe_or_no_data(&prepared, &formats);
            }
            _ => return Err(Failure::protocol("invalid DESCRIBE message subtype")),
        }
        Ok(())
    }

    fn describe_or_no_data(&mut self, prepared: &Prepared, formats: &[Format]) {
        match &prepared.columns {
            Some(columns) => self.describe_rows(columns, formats),
            None => self.reply.no_data(),
        }
    }

    /// Execute
    pub(super) fn execute_message(&mut self, message: Message) -> Result<(), Failure> {
        let mut body = self.input.body(message);
        let (name, rows_max) = (body.cstr()?.to_owned(), body.i32()?);
        body.end()?;
        let Some(mut portal) = self.portals.remove(&name) else { return Err(no_portal(&name)) };
        let prepared = Arc::clone(&portal.prepared);
        self.check_failed_block(&prepared.bound.statement)?;
        self.tell_activity(&prepared.text);
        // A statement alone between two Syncs is its own transaction: SQLite's autocommit serves,
        // unless it may be left before its end.
        let alone = self.input.peek() == Some(b'S') && rows_max <= 0;
        if !alone && !stands_alone(&prepared.bound.statement) {
            self.begin_implicit();
        }
        let ending = self.run_portal(&mut portal, u64::try_from(rows_max).unwrap_or(0))?;
        self.tell_ending(&ending);
        self.portals.insert(name, portal);
        Ok(())
    }

    /// Close
    pub(super) fn close_message(&mut self, message: Message) -> Result<(), Failure> {
        let mut body = self.input.body(message);
        let (kind, name) = (body.u8()?, body.cstr()?);
        body.end()?;
        match kind {
            b'S' => drop(self.prepared.remove(name)),
            b'P' => drop(self.portals.remove(name)),
            _ => return Err(Failure::protocol("invalid CLOSE message subtype")),
        }
        self.reply.close_complete();
        Ok(())
    }
}

fn read_parse(mut body: Body<'_>) -> Result<(String, Arc<str>, Vec<u32>), Failure> {
    let (name, text) = (body.cstr()?.to_owned(), Arc::from(body.cstr()?));
    let count = body.count()?;
    let given = (0..count).map(|_| body.i32().map(i32::cast_unsigned));
    let given = given.collect::<Result<_, _>>()?;
    body.end()?;
    Ok((name, text, given))
}

/// Where the one statement of a text is.
fn only(text: &str) -> Result<Range<usize>, Failure> {
    let ranges = lexer::split(text).map_err(|error| from_statement(&error, text))?;
    match ranges.as_slice() {
        [] => Ok(0..0),
        [only] => Ok(only.clone()),
        _ => {
            let message = "cannot insert multiple commands into a prepared statement";
            Err(Failure::new("42601", message))
        }
    }
}

/// Transaction blocks and implicit transactions do not concern it.
fn stands_alone(statement: &Statement) -> bool {
    match statement {
        Statement::Transaction(_) => true,
        Statement::Script(script) => script.outside_transaction,
        _ => false,
    }
}

fn read_formats(body: &mut Body<'_>) -> Result<Vec<Format>, Failure> {
    let count = body.count()?;
    let format = |code| match code {
        0 => Ok(Format::Text),
        1 => Ok(Format::Binary),
        code => Err(Failure::new("22023", format!("unsupported format code: {code}"))),
    };
    (0..count).map(|_| body.i16().and_then(format)).collect()
}

/// The types of a statement's parameters.
pub(super) fn parameter_types(prepared: &Prepared) -> &[ColumnType] {
    match &*prepared.bound.statement {
        Statement::Query(plan) => &plan.parameters,
        _ => &[],
    }
}

/// There is no prepared statement of the name.
pub(super) fn no_prepared(name: &str) -> Failure {
    let message = if name.is_empty() {
        "unnamed prepared statement does not exist".to_owned()
    } else {
        format!("prepared statement \"{name}\" does not exist")
    };
    Failure::new("26000", message)
}

fn no_portal(name: &str) -> Failure {
    Failure::new("34000", format!("portal \"{name}\" does not exist"))
}
