//! Cursors: DECLARE, FETCH, MOVE, CLOSE. A cursor is a portal with a name from SQL.
//! <https://www.postgresql.org/docs/15/sql-declare.html>

use super::Session;
use super::error::{Failure, cancelled};
use super::execute::{Ending, Tag};
use super::portal::{Portal, Prepared, Progress, codecs};
use crate::sqlite::Step;
use crate::statement::{Bound, Cursor, Direction, OutputColumn, Statement};
use crate::types::Format;
use std::sync::Arc;

/// The rows of a FETCH: positions from 1 in the order they are sent.
enum Wanted {
    /// The next so many.
    Next(u64),
    /// These, from the first to the last; descending if the first is the larger. And where the
    /// cursor stands then.
    Rows { first: i64, last: i64, stand: i64 },
}

impl Session {
    /// DECLARE, FETCH, MOVE, CLOSE.
    pub(super) fn run_cursor(
        &mut self,
        cursor: &Cursor,
        formats: &[Format],
    ) -> Result<Ending, Failure> {
        match cursor {
            Cursor::Declare { .. } => self.declare(cursor),
            Cursor::Fetch { name, direction } => {
                let rows = self.fetch(name, *direction, Some(formats))?;
                Ok(Ending::Complete(Tag::Rows("FETCH", rows)))
            }
            Cursor::Move { name, direction } => {
                let rows = self.fetch(name, *direction, None)?;
                Ok(Ending::Complete(Tag::Rows("MOVE", rows)))
            }
            Cursor::Close(name) => match self.portals.remove(name) {
                Some(_) => Ok(Ending::Complete(Tag::Plain("CLOSE CURSOR".to_owned()))),
                None => Err(no_cursor(name)),
            },
            Cursor::CloseAll => {
                self.portals.clear();
                Ok(Ending::Complete(Tag::Plain("CLOSE CURSOR ALL".to_owned())))
            }
        }
    }

    /// The columns of FETCH: those of its cursor.
    pub(super) fn cursor_columns(&self, cursor: &Cursor) -> Option<Arc<[OutputColumn]>> {
        match cursor {
            Cursor::Fetch { name, .. } => self.portals.get(name)?.prepared.columns.clone(),
            _ => None,
        }
    }

    fn declare(&mut self, cursor: &Cursor) -> Result<Ending, Failure> {
        let Cursor::Declare { name, plan, literals, binary, scroll, hold } = cursor else {
            return Ok(Ending::Empty);
        };
        if !self.block.is_transaction() && !hold {
            let message = "DECLARE CURSOR can only be used in transaction blocks";
            return Err(Failure::new("25P01", message));
        }
        if self.portals.contains_key(name) {
            return Err(Failure::new("42P03", format!("cursor \"{name}\" already exists")));
        }
        let columns = self.describe_plan(plan)?;
        let statement = Arc::new(Statement::Query(Arc::clone(plan)));
        let bound = Bound { statement, literals: literals.clone() };
        let text = Arc::from("");
        let prepared = Arc::new(Prepared { text, bound, given_types: Vec::new(), columns });
        let format = if *binary { Format::Binary } else { Format::Text };
        let mut portal = Portal::new(prepared, Vec::new(), vec![format]);
        portal.scroll = *scroll == Some(true);
        portal.held = *hold;
        if portal.scroll || !self.block.is_transaction() {
            self.materialize(&mut portal)?;
        }
        self.portals.insert(name.clone(), portal);
        Ok(Ending::Complete(Tag::Plain("DECLARE CURSOR".to_owned())))
    }

    /// Moves a cursor and, given formats, sends the rows it passes; their number.
    fn fetch(
        &mut self,
        name: &str,
        direction: Direction,
        formats: Option<&[Format]>,
    ) -> Result<u64, Failure> {
        let mut portal = self.portals.remove(name).ok_or_else(|| no_cursor(name))?;
        let fetched = self.fetch_from(&mut portal, direction, formats);
        self.portals.insert(name.to_owned(), portal);
        fetched
    }

    fn fetch_from(
        &mut self,
        portal: &mut Portal,
        direction: Direction,
        formats: Option<&[Format]>,
    ) -> Result<u64, Failure> {
        let columns = portal.prepared.columns.clone().unwrap_or_else(|| Arc::new([]));
        // The client's own choice counts in the extended protocol, the cursor's otherwise.
        let formats = formats.map(|given| if given.is_empty() { &portal.formats } else { given });
        let codecs = formats.map(|formats| codecs(&columns, formats));
        if let Progress::Ready = portal.progress {
            portal.progress = self.start_portal(portal)?;
        }
        if let Progress::Running(_) = portal.progress {
            let Direction::Forward(count @ 0..) = direction else { return Err(forward_only()) };
            return self.fetch_running(portal, count.unsigned_abs(), codecs.as_deref());
        }
        let Progress::Rows(rows) = &mut portal.progress else { return Ok(0) };
        let length = i64::try_from(rows.rows.len()).unwrap_or(i64::MAX);
        let wanted = wanted(direction, rows.position as i64, length);
        if let (Wanted::Rows { first, last, .. }, false) = (&wanted, portal.scroll)
            && (*first <= rows.position as i64 || last < first)
            && *first >= 1
        {
            return Err(forward_only());
        }
        // Past the last row, the next ones are none; they are not rows in reverse.
        let forward = matches!(wanted, Wanted::Next(_));
        let (first, last, stand) = match wanted {
            Wanted::Next(n) => {
                let first = rows.position as i64 + 1;
                let last =
                    first.saturating_add(i64::try_from(n).unwrap_or(i64::MAX)).min(length + 1) - 1;
                (
                    first,
                    last,
                    if last == length && n > 0 && first > last { length + 1 } else { last },
                )
            }
            Wanted::Rows { first, last, stand } => (first, last, stand),
        };
        let positions: Vec<i64> = if first <= last {
            (first..=last).collect()
        } else if forward {
            Vec::new()
        } else {
            (last..=first).rev().collect()
        };
        let mut sent = 0;
        for position in positions.into_iter().filter(|p| (1..=length).contains(p)) {
            if let (Some(codecs), Some(row)) = (&codecs, rows.rows.get(position as usize - 1)) {
                super::execute::write_values(&mut self.reply, codecs, row, &self.effective)?;
            }
            sent += 1;
        }
        rows.position = usize::try_from(stand.clamp(0, length + 1)).unwrap_or(0);
        Ok(sent)
    }

    fn fetch_running(
        &mut self,
        portal: &mut Portal,
        count: u64,
        codecs: Option<&[crate::types::Codec]>,
    ) -> Result<u64, Failure> {
        let Progress::Running(running) = &mut portal.progress else { return Ok(0) };
        let mut sent = 0;
        while sent < count && running.row_waiting {
            if let Some(codecs) = codecs {
                self.send_row(&running.statement, codecs)?;
                self.flush_if_full()?;
            }
            sent += 1;
            if let Some(reason) = self.backend.cancel.reason() {
                return Err(cancelled(reason));
            }
            let step = running.statement.step().map_err(|error| self.failure(error))?;
            running.row_waiting = step == Step::Row;
        }
        Ok(sent)
    }

    /// Cursors that outlive the transaction read all their rows before it ends.
    pub(super) fn hold_cursors(&mut self) -> Result<(), Failure> {
        let held: Vec<String> = self
            .portals
            .iter()
            .filter(|(_, portal)| portal.held && !matches!(portal.progress, Progress::Rows(_)))
            .map(|(name, _)| name.clone())
            .collect();
        for name in held {
            if let Some(mut portal) = self.portals.remove(&name) {
                self.materialize(&mut portal)?;
                self.portals.insert(name, portal);
            }
        }
        Ok(())
    }
}

/// Which rows a direction means, standing at `position` (0 is before the first row).
fn wanted(direction: Direction, position: i64, length: i64) -> Wanted {
    match direction {
        Direction::Forward(n @ 1..) => Wanted::Next(n.unsigned_abs()),
        Direction::Forward(0) => Wanted::Rows { first: position, last: position, stand: position },
        Direction::Forward(n) => {
            let first = position - 1;
            let last = position.saturating_add(n).max(0);
            Wanted::Rows { first, last: last.max(1).min(first.max(1)), stand: last }
        }
        Direction::Absolute(n) => at(if n < 0 { length + 1 + n } else { n }, length),
        Direction::Relative(n) => at(position.saturating_add(n), length),
    }
}

fn at(position: i64, length: i64) -> Wanted {
    let position = position.clamp(0, length + 1);
    Wanted::Rows { first: position, last: position, stand: position }
}

fn no_cursor(name: &str) -> Failure {
    Failure::new("34000", format!("cursor \"{name}\" does not exist"))
}

fn forward_only() -> Failure {
    Failure::new("55000", "cursor can only scan forward")
        .hint("Declare it with SCROLL option to enable backward scan.")
}
