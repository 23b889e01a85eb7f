//! A relation of `pg_catalog` or `information_schema` as a virtual table.
//!
//! What enters: the parts its rows are made of (see [`super::contents`]). What leaves: the rows
//! asked for. Parts that are the same for all are made once per process, those that mirror the
//! schema once per snapshot, those that mirror the server once per statement.

use super::contents::{Part, parts_of};
use super::objects::Live;
use super::rowset::{Cell, RowSet, Scan};
use crate::schema::system::{SystemRelation, relations};
use crate::schema::{Column, Relation};
use crate::sqlite::FunctionError;
use crate::sqlite::table::{Affinity, Caller, ColumnRole, Rows, Source, SourceColumn};
use crate::types::{Oid, Type, Value};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

/// All system relations, each with what its rows are made of.
pub(super) static TABLES: LazyLock<Vec<Arc<SystemTable>>> = LazyLock::new(|| {
    let table = |(number, system)| Arc::new(SystemTable::new(number, system));
    relations().iter().enumerate().map(table).collect()
});

/// By the names plans use.
static BY_NAME: LazyLock<HashMap<&'static str, usize>> = LazyLock::new(|| {
    TABLES.iter().enumerate().map(|(i, t)| (t.system.qualified_name, i)).collect()
});

/// The relation of that qualified name.
pub(super) fn table(qualified_name: &str) -> Option<&'static Arc<SystemTable>> {
    BY_NAME.get(qualified_name).and_then(|&i| TABLES.get(i))
}

/// One system relation.
#[derive(Debug)]
pub(super) struct SystemTable {
    pub(super) system: &'static SystemRelation,
    parts: &'static [Part],
    number: usize,
    /// What Postgres has most often, by column.
    usual: Box<[Cell]>,
    /// What stands in the system columns.
    constants: Arc<[Cell]>,
    fixed: OnceLock<Arc<RowSet>>,
}

impl SystemTable {
    fn new(number: usize, system: &'static SystemRelation) -> Self {
        Self {
            system,
            parts: parts_of(system.qualified_name),
            number,
            usual: system.relation.columns.iter().map(usual_cell).collect(),
            constants: system_columns(&system.relation).map(|(_, cell)| cell).collect(),
            fixed: OnceLock::new(),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.system.relation.columns.len()
    }

    /// The views' texts among its parts.
    pub(super) fn views(&self) -> impl Iterator<Item = &'static str> {
        self.parts.iter().filter_map(|part| match part {
            Part::View(sql) => Some(*sql),
            _ => None,
        })
    }

    /// The rows that are the same in every database.
    pub(super) fn fixed(&self) -> Arc<RowSet> {
        let make = || {
            let mut fill = Fill::new(self);
            for part in self.parts {
                match part {
                    Part::File(text) => fill.read(text),
                    Part::Fixed(make) => make(&mut fill),
                    _ => {}
                }
            }
            Arc::new(fill.finish())
        };
        Arc::clone(self.fixed.get_or_init(make))
    }

    /// The rows made of a snapshot.
    pub(super) fn live(&self, live: &Live) -> Option<Arc<RowSet>> {
        let set = live.objects.sets.get(self.number)?;
        let make = || {
            let mut fill = Fill::new(self);
            for part in self.parts {
                if let Part::Live(make) | Part::LiveKeyed { all: make, .. } = part {
                    make(live, &mut fill);
                }
            }
            Arc::new(fill.finish())
        };
        Some(Arc::clone(set.get_or_init(make)))
    }

    /// The rows of one key, when all have not been made anyway.
    fn keyed(&self, live: &Live, equals: &[(usize, Value)]) -> Option<Arc<RowSet>> {
        let made = live.objects.sets.get(self.number).is_some_and(|set| set.get().is_some());
        self.parts.iter().filter(|_| !made).find_map(|part| {
            let Part::LiveKeyed { column, of, .. } = part else { return None };
            let (_, value) = equals.iter().find(|(c, _)| c == column)?;
            let Value::Integer(key) = value else { return None };
            let mut fill = Fill::new(self);
            of(live, Oid::try_from(*key).unwrap_or(0), &mut fill);
            Some(Arc::new(fill.finish()))
        })
    }

    fn is_live(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Live(_) | Part::LiveKeyed { .. }))
    }

    /// The rows that may have these values, and whether those of all other values are among them.
    pub(super) fn sets(
        &self,
        caller: &Caller<'_>,
        equals: &[(usize, Value)],
    ) -> Result<(Vec<Arc<RowSet>>, bool), FunctionError> {
        let (mut sets, mut complete) = (vec![self.fixed()], true);
        let Some(host) = caller.slot().host() else { return Ok((sets, complete)) };
        if self.is_live() {
            let live = Live::new(host.schema());
            let keyed = self.keyed(&live, equals);
            complete = keyed.is_none();
            sets.extend(keyed.or_else(|| self.live(&live)));
        }
        for part in self.parts {
            let mut fill = Fill::new(self);
            match part {
                Part::Server(make) => match host.server_rows(&self.system.relation.name) {
                    Some(rows) => fill.cells = self.checked(rows),
                    None => make(&*host, &mut fill),
                },
                Part::View(sql) => {
                    let pushed = self.pushed(sql, equals);
                    complete &= pushed.is_empty();
                    self.run_view(sql, caller, &pushed, &mut fill)?;
                }
                _ => continue,
            }
            sets.push(Arc::new(fill.finish()));
        }
        Ok((sets, complete))
    }

    /// What of these values a view takes.
    fn pushed<'e>(&self, sql: &str, equals: &'e [(usize, Value)]) -> Vec<(&str, &'e Value)> {
        let keys = view_keys(sql);
        let named = equals.iter().filter_map(|(column, value)| {
            Some((self.system.relation.columns.get(*column)?.name.as_str(), value))
        });
        named.filter(|(name, _)| keys.clone().any(|key| key == *name)).collect()
    }

    /// Rows of the host, each as wide as the relation.
    fn checked(&self, rows: Vec<Vec<Value>>) -> Vec<Cell> {
        let widen = |mut row: Vec<Value>| {
            row.resize(self.width(), Value::Null);
            row.into_iter().map(Cell::from)
        };
        rows.into_iter().flat_map(widen).collect()
    }

    fn run_view(
        &self,
        sql: &str,
        caller: &Caller<'_>,
        pushed: &[(&str, &Value)],
        fill: &mut Fill<'_>,
    ) -> Result<(), FunctionError> {
        let columns = &self.system.relation.columns;
        let conditions: Vec<_> = pushed.iter().map(|(name, _)| format!("\"{name}\" = ?")).collect();
        let values: Vec<_> = pushed.iter().map(|(_, value)| (*value).clone()).collect();
        let condition = conditions.join(" AND ");
        let condition = if condition.is_empty() { "1" } else { &condition };
        let (names, rows) =
            caller.table(&format!("SELECT * FROM ({sql}\n) WHERE {condition}"), &values)?;
        let positions: Vec<_> =
            names.iter().map(|n| columns.iter().position(|c| c.name == *n)).collect();
        for row in rows {
            let cells = fill.next_row();
            for (position, value) in positions.iter().zip(row) {
                if let Some(cell) = position.and_then(|p| cells.get_mut(p)) {
                    *cell = value.into();
                }
            }
        }
        Ok(())
    }
}

/// Columns of a view that equality is pushed down on: its text begins with a comment naming them.
fn view_keys(sql: &str) -> impl Iterator<Item = &str> + Clone {
    let first = sql.lines().next().unwrap_or_default();
    first.trim_start_matches('-').split(',').map(str::trim)
}

impl Source for Arc<SystemTable> {
    /// The relation's own, and the system columns that clients read.
    fn columns(&self) -> Vec<SourceColumn> {
        let shown = self.system.relation.columns.iter().map(|column| SourceColumn {
            name: column.name.as_str().into(),
            affinity: affinity(column.ty.ty),
            role: ColumnRole::Shown,
        });
        let hidden = system_columns(&self.system.relation).map(|(name, cell)| SourceColumn {
            name: name.into(),
            affinity: match cell {
                Cell::Integer(_) => Affinity::Integer,
                _ => Affinity::Text,
            },
            role: ColumnRole::Hidden,
        });
        shown.chain(hidden).collect()
    }

    fn estimate(&self, fixed: &[usize]) -> Option<u64> {
        if fixed.last().is_some_and(|&column| column >= self.width()) {
            return None;
        }
        let all = if self.is_live() { 10_000 } else { 1_000 };
        let unique = |&column: &usize| {
            column == 0 && self.system.relation.columns.first().is_some_and(|c| is_key(&c.name))
        };
        Some(match fixed {
            [] => all,
            fixed if fixed.iter().any(unique) => 1,
            [_] => 20,
            _ => 2,
        })
    }

    fn open(
        &self,
        caller: &Caller<'_>,
        equals: &[(usize, Value)],
    ) -> Result<Box<dyn Rows>, FunctionError> {
        let (sets, complete) = self.sets(caller, equals)?;
        let scan = Scan::new(sets, equals, Arc::clone(&self.constants));
        Ok(Box::new(scan.complete(complete)))
    }
}

/// System columns that clients read, unless the relation has its own of that name.
fn system_columns(relation: &Relation) -> impl Iterator<Item = (&'static str, Cell)> {
    let cells = [
        ("tableoid", Cell::from(relation.oid)),
        ("xmin", Cell::from(2)),
        ("ctid", Cell::from("(0,1)")),
    ];
    cells.into_iter().filter(|(name, _)| relation.column_position(name).is_none())
}

/// What Postgres has most often in a column.
fn usual_cell(column: &Column) -> Cell {
    match (column.not_null, affinity(column.ty.ty)) {
        (false, _) => Cell::Null,
        (true, Affinity::Integer) => Cell::Integer(0),
        (true, Affinity::Real) => Cell::Real(0.0),
        (true, _) => Cell::Static(""),
    }
}

fn is_key(name: &str) -> bool {
    matches!(name, "oid" | "indexrelid" | "seqrelid" | "aggfnoid")
}

/// How values of a type compare inside SQLite, see [`crate::types`].
fn affinity(ty: Type) -> Affinity {
    /// `int8` and all whose values are OIDs or counters.
    const INTEGERS: [u32; 18] = [
        16, 20, 21, 23, 24, 26, 28, 29, 2202, 2203, 2204, 2205, 2206, 4089, 4096, 3734, 3769, 4191,
    ];
    match ty {
        Type(oid) if INTEGERS.contains(&oid) => Affinity::Integer,
        Type::FLOAT4 | Type::FLOAT8 => Affinity::Real,
        Type::NUMERIC => Affinity::None,
        _ => Affinity::Text,
    }
}

/// Rows of a relation being made, with the value Postgres has most often where none is given.
pub(super) struct Fill<'t> {
    table: &'t SystemTable,
    cells: Vec<Cell>,
}

impl<'t> Fill<'t> {
    pub(super) fn new(table: &'t SystemTable) -> Self {
        Self { table, cells: Vec::new() }
    }

    /// The positions of these columns, for [`Self::push`].
    pub(super) fn positions<const N: usize>(&self, names: [&str; N]) -> [usize; N] {
        names.map(|name| {
            let found = self.table.system.relation.column_position(name);
            debug_assert!(found.is_some(), "{name} is no column");
            found.unwrap_or(usize::MAX)
        })
    }

    /// Adds a row with these cells, and the usual ones in the other columns.
    pub(super) fn push<const N: usize>(&mut self, positions: [usize; N], cells: [Cell; N]) {
        let row = self.next_row();
        for (position, cell) in positions.into_iter().zip(cells) {
            if let Some(place) = row.get_mut(position) {
                *place = cell;
            }
        }
    }

    /// Sets cells of the row added last.
    pub(super) fn amend<const N: usize>(&mut self, positions: [usize; N], cells: [Cell; N]) {
        let start = self.cells.len().saturating_sub(self.table.width());
        for (position, cell) in positions.into_iter().zip(cells) {
            if let Some(place) = self.cells.get_mut(start.saturating_add(position)) {
                *place = cell;
            }
        }
    }

    pub(super) fn next_row(&mut self) -> &mut [Cell] {
        let start = self.cells.len();
        self.cells.extend_from_slice(&self.table.usual);
        &mut self.cells[start..]
    }

    /// Rows in COPY's text form.
    pub(super) fn read(&mut self, text: &'static str) {
        let columns = &self.table.system.relation.columns;
        let types: Vec<_> = columns.iter().map(|column| affinity(column.ty.ty)).collect();
        for line in text.lines() {
            let cells = self.next_row();
            for ((cell, field), &affinity) in cells.iter_mut().zip(line.split('\t')).zip(&types) {
                *cell = field_cell(field, affinity);
            }
        }
    }

    pub(super) fn finish(self) -> RowSet {
        RowSet::new(self.table.width(), self.cells)
    }
}

/// A field in COPY's text form.
pub(super) fn field_cell(field: &'static str, affinity: Affinity) -> Cell {
    match affinity {
        _ if field == "\\N" => Cell::Null,
        Affinity::Integer => field.parse().map_or(Cell::Static(field), Cell::Integer),
        Affinity::Real => field.parse().map_or(Cell::Static(field), Cell::Real),
        _ if field.contains('\\') => Cell::from(unescape(field)),
        _ => Cell::Static(field),
    }
}

/// <https://www.postgresql.org/docs/15/sql-copy.html>
pub(super) fn unescape(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        text.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(other) => other,
                None => '\\',
            },
            c => c,
        });
    }
    text
}
