//! Statements that are not run by SQLite alone: settings, prepared statements, notifications, DDL.

use super::Session;
use super::error::{Failure, Notice, from_types};
use super::execute::{Ending, Tag};
use super::extended::{no_prepared, parameter_types};
use super::portal::{self, Portal, Prepared, Progress, Rows};
use crate::catalog;
use crate::sqlite::{Host, Numbers};
use crate::statement::{
    self, Access, Notification, OutputColumn, Script, ScriptStep, Setting, Statement,
};
use crate::types::{ColumnType, Format, Type, Value, decode};
use std::sync::Arc;

/// The columns of SHOW.
pub(super) fn setting_columns(setting: &Setting) -> Option<Arc<[OutputColumn]>> {
    let text = |name: &str| portal::plain_column(name, ColumnType::new(Type::TEXT));
    match setting {
        Setting::Show(name) => Some(Arc::new([text(shown_name(name))])),
        Setting::ShowAll => Some(["name", "setting", "description"].map(text).into()),
        _ => None,
    }
}

/// The spelling of a setting's name in SHOW's result.
fn shown_name(name: &str) -> &str {
    let known = super::settings::REPORTED.iter().find(|known| known.eq_ignore_ascii_case(name));
    known.copied().unwrap_or(name)
}

impl Session {
    /// Runs a statement that is not a query.
    pub(super) fn run_utility(
        &mut self,
        statement: &Statement,
        portal: &mut Portal,
        rows_max: u64,
    ) -> Result<Ending, Failure> {
        match statement {
            Statement::Empty | Statement::Query(_) => Ok(Ending::Empty),
            Statement::Script(script) => self.run_script(script),
            Statement::Transaction(control) => self.control(control).map(plain),
            Statement::Setting(setting) => self.run_setting(setting, portal, rows_max),
            Statement::Cursor(cursor) => {
                let formats = portal.formats.clone();
                self.run_cursor(cursor, &formats)
            }
            Statement::Prepared(prepared) => self.run_prepared(prepared, portal, rows_max),
            Statement::Copy(copy) => self.run_copy(copy, &portal.prepared.text),
            Statement::Notification(notification) => self.run_notification(notification),
            Statement::Discard(what) => self.discard(what),
            Statement::NoOp { tag, notice } => {
                if let Some(notice) = notice {
                    self.reply.notice(&Notice::new(notice));
                }
                Ok(plain(tag))
            }
        }
    }

    /// Runs SQLite statements together or not at all.
    fn run_script(&mut self, script: &Script) -> Result<Ending, Failure> {
        for notice in &script.notices {
            self.reply.notice(&Notice::new(notice));
        }
        if script.outside_transaction && self.block.is_transaction() {
            let message = format!("{} cannot run inside a transaction block", script.tag);
            return Err(Failure::new("25001", message));
        }
        if script.steps.is_empty() {
            return Ok(plain(&script.tag));
        }
        let one = matches!(&script.steps[..], [ScriptStep::Sql(_)]);
        let several = !one && !self.block.is_transaction();
        if several {
            self.begin_implicit();
        }
        self.prepare_for(Access::Schema, &script.tag)?;
        let connection = self.connection()?;
        for step in &script.steps {
            let run = match step {
                // VACUUM attaches a database of its own, which a client may not.
                ScriptStep::Sql(sql) if script.outside_transaction => {
                    connection.as_system(|connection| connection.execute(sql))
                }
                ScriptStep::Sql(sql) => connection.execute(sql),
                ScriptStep::Rebuild { table, change } => connection.rebuild(table, change),
            };
            run.map_err(|error| self.failure(error))?;
        }
        self.reload_temp()?;
        if several {
            self.end_implicit()?;
        }
        Ok(plain(&script.tag))
    }

    fn run_setting(
        &mut self,
        setting: &Setting,
        portal: &mut Portal,
        rows_max: u64,
    ) -> Result<Ending, Failure> {
        let in_transaction = self.block.is_transaction();
        match setting {
            Setting::Set { name, value, local } => {
                if *local && !in_transaction {
                    let message = "SET LOCAL can only be used in transaction blocks";
                    self.reply.notice(&Notice::warning("25P01", message));
                }
                self.set(name, value.as_deref(), *local, in_transaction)?;
                Ok(plain("SET"))
            }
            Setting::Reset(name) => {
                self.shared.settings().reset(name, in_transaction)?;
                Ok(plain("RESET"))
            }
            Setting::ResetAll => {
                self.shared.settings().reset_all(in_transaction);
                Ok(plain("RESET"))
            }
            Setting::Show(name) => {
                let value = self.show(name)?;
                portal.progress = Progress::Rows(portal::lines([value]));
                self.send_rows(portal, rows_max)
            }
            Setting::ShowAll => {
                portal.progress = Progress::Rows(self.show_all());
                self.send_rows(portal, rows_max)
            }
            Setting::Transaction(modes) => {
                self.set_transaction(*modes)?;
                Ok(plain("SET"))
            }
            Setting::SessionCharacteristics(modes) => {
                self.set_characteristics(*modes)?;
                Ok(plain("SET"))
            }
            Setting::Constraints { deferred } => {
                self.set_constraints(*deferred)?;
                Ok(plain("SET CONSTRAINTS"))
            }
        }
    }

    fn set(
        &mut self,
        name: &str,
        value: Option<&str>,
        local: bool,
        in_transaction: bool,
    ) -> Result<(), Failure> {
        match (name, value) {
            ("transaction_isolation" | "transaction_read_only", Some(value)) => {
                let modes = modes_of(name, value);
                let modes =
                    modes.ok_or_else(|| Failure::new("22023", "invalid transaction mode"))?;
                self.set_transaction(modes)
            }
            // The role of a session is its user's.
            ("role" | "session_authorization", Some(value))
                if !["none", "default"].contains(&value) && value != self.backend.user =>
            {
                let message = format!("permission denied to set role \"{value}\"");
                Err(Failure::new("42501", message))
            }
            _ => self.shared.settings().set(name, value, local, in_transaction).map(drop),
        }
    }

    fn set_transaction(&mut self, modes: statement::Modes) -> Result<(), Failure> {
        if !self.block.is_transaction() {
            let message = "SET TRANSACTION can only be used in transaction blocks";
            self.reply.notice(&Notice::warning("25P01", message));
            return Ok(());
        }
        if self.block.is_open() && modes.isolation.is_some_and(|new| new != self.block.isolation())
        {
            let message = "SET TRANSACTION ISOLATION LEVEL must be called before any query";
            return Err(Failure::new("25001", message));
        }
        self.set_modes(modes);
        Ok(())
    }

    fn set_characteristics(&mut self, modes: statement::Modes) -> Result<(), Failure> {
        let in_transaction = self.block.is_transaction();
        let mut settings = self.shared.settings();
        if let Some(isolation) = modes.isolation {
            let value = isolation_name(isolation);
            let name = "default_transaction_isolation";
            settings.set(name, Some(value), false, in_transaction)?;
        }
        if let Some(read_only) = modes.read_only {
            let value = if read_only { "on" } else { "off" };
            let name = "default_transaction_read_only";
            settings.set(name, Some(value), false, in_transaction)?;
        }
        Ok(())
    }

    fn set_constraints(&mut self, deferred: bool) -> Result<(), Failure> {
        if !self.block.is_transaction() {
            let message = "SET CONSTRAINTS can only be used in transaction blocks";
            self.reply.notice(&Notice::warning("25P01", message));
            return Ok(());
        }
        // SQLite forgets this at the end of the transaction, as Postgres does.
        self.prepare_for(Access::Write, "SET CONSTRAINTS")?;
        let sql = if deferred {
            "PRAGMA defer_foreign_keys = 1"
        } else {
            "PRAGMA defer_foreign_keys = 0"
        };
        let connection = self.connection()?;
        let set = connection.as_system(|connection| connection.execute(sql));
        set.map_err(|error| self.failure(error))
    }

    fn show(&self, name: &str) -> Result<String, Failure> {
        let settings = self.shared.read_settings();
        // Outside a transaction block the modes are those the next transaction gets.
        let name = match name {
            "transaction_isolation" if !self.block.is_block() => "default_transaction_isolation",
            other => other,
        };
        settings.value(name).ok_or_else(|| {
            Failure::new("42704", format!("unrecognized configuration parameter \"{name}\""))
        })
    }

    fn show_all(&self) -> Rows {
        let settings = self.shared.read_settings();
        let own = super::settings::REPORTED.into_iter().chain(settings.names());
        // Of a name that comes twice the first is kept: the one with a description.
        let mut all: Vec<(&str, String)> = catalog::settings().collect();
        all.extend(own.map(|name| (name, String::new())));
        all.sort_by_key(|(name, _)| name.to_ascii_lowercase());
        all.dedup_by_key(|(name, _)| name.to_ascii_lowercase());
        let row = |(name, description): (&str, String)| {
            let value = settings.value(name).unwrap_or_default();
            vec![name.to_owned(), value, description].into_iter().map(Value::Text).collect()
        };
        Rows { rows: all.into_iter().map(row).collect(), position: 0 }
    }

    /// The columns of EXECUTE: those of what it executes.
    pub(super) fn execute_columns(
        &self,
        prepared: &statement::Prepared,
    ) -> Option<Arc<[OutputColumn]>> {
        match prepared {
            statement::Prepared::Execute { name, .. } => self.prepared.get(name)?.columns.clone(),
            statement::Prepared::Explain { shown_as, .. } => {
                let column = portal::plain_column("QUERY PLAN", ColumnType::new(*shown_as));
                Some(Arc::new([column]))
            }
            _ => None,
        }
    }

    fn run_prepared(
        &mut self,
        prepared: &statement::Prepared,
        portal: &Portal,
        rows_max: u64,
    ) -> Result<Ending, Failure> {
        match prepared {
            statement::Prepared::Prepare { name, parameter_types, text } => {
                if self.prepared.contains_key(name) {
                    let message = format!("prepared statement \"{name}\" already exists");
                    return Err(Failure::new("42P05", message));
                }
                let prepared = self.prepare(Arc::from(text.as_str()), parameter_types.clone())?;
                self.prepared.insert(name.clone(), Arc::new(prepared));
                Ok(plain("PREPARE"))
            }
            statement::Prepared::Execute { name, arguments } => {
                let found = self.prepared.get(name).cloned().ok_or_else(|| no_prepared(name))?;
                let parameters = self.arguments(&found, name, arguments)?;
                let mut inner = Portal::new(found, parameters, portal.formats.clone());
                self.run_inner(&mut inner, rows_max)
            }
            statement::Prepared::Explain { explain, name, arguments, .. } => {
                let found = self.prepared.get(name).cloned().ok_or_else(|| no_prepared(name))?;
                let parameters = self.arguments(&found, name, arguments)?;
                let text = format!("{explain}{}", found.text);
                let explained = self.prepare(Arc::from(text), found.given_types.clone())?;
                let mut inner =
                    Portal::new(Arc::new(explained), parameters, portal.formats.clone());
                self.run_inner(&mut inner, rows_max)
            }
            statement::Prepared::Deallocate(name) => match self.prepared.remove(name) {
                Some(_) => Ok(plain("DEALLOCATE")),
                None => Err(no_prepared(name)),
            },
            statement::Prepared::DeallocateAll => {
                self.prepared.clear();
                Ok(plain("DEALLOCATE ALL"))
            }
        }
    }

    /// The values of EXECUTE's arguments, each the result of a query of its own.
    fn arguments(
        &mut self,
        prepared: &Prepared,
        name: &str,
        arguments: &[String],
    ) -> Result<Vec<Value>, Failure> {
        let types = parameter_types(prepared);
        if types.len() != arguments.len() {
            let (expected, got) = (types.len(), arguments.len());
            let message = format!("wrong number of parameters for prepared statement \"{name}\"");
            return Err(Failure::new("42601", message)
                .detail(format!("Expected {expected} parameters but got {got}.")));
        }
        let mut values = Vec::new();
        for (argument, ty) in arguments.iter().zip(types) {
            values.push(self.argument(argument, ty)?);
        }
        Ok(values)
    }

    fn argument(&mut self, argument: &str, ty: &ColumnType) -> Result<Value, Failure> {
        let query = self.prepare(Arc::from(format!("SELECT {argument}")), Vec::new())?;
        let column = query.columns.as_deref().and_then(<[_]>::first).map(|c| c.ty);
        let mut portal = Portal::new(Arc::new(query), Vec::new(), Vec::new());
        self.materialize(&mut portal)?;
        let Progress::Rows(mut rows) = portal.progress else { return Ok(Value::Null) };
        let value = rows.rows.pop().and_then(|mut row| row.pop()).unwrap_or_default();
        // By way of the text form, as an assignment cast does.
        let (Some(column), false) = (column, value == Value::Null) else { return Ok(value) };
        let (mut text, style) = (Vec::new(), &self.effective.style);
        crate::types::encode(&mut text, value.borrow(), &column, Format::Text, style)
            .map_err(|error| from_types(&error))?;
        decode(&text, ty, Format::Text, style).map_err(|error| from_types(&error))
    }

    fn run_inner(&mut self, portal: &mut Portal, rows_max: u64) -> Result<Ending, Failure> {
        let statement = Arc::clone(&portal.prepared.bound.statement);
        match &*statement {
            Statement::Query(_) => self.run_statement(portal, rows_max),
            other => self.run_utility(other, portal, rows_max),
        }
    }

    fn run_notification(&mut self, notification: &Notification) -> Result<Ending, Failure> {
        match notification {
            Notification::Listen(channel) => {
                self.backend.listen(channel);
                Ok(plain("LISTEN"))
            }
            Notification::Unlisten(channel) => {
                self.backend.unlisten(Some(channel));
                Ok(plain("UNLISTEN"))
            }
            Notification::UnlistenAll => {
                self.backend.unlisten(None);
                Ok(plain("UNLISTEN"))
            }
            Notification::Notify { channel, payload } => {
                self.shared.notify(channel, payload);
                Ok(plain("NOTIFY"))
            }
        }
    }

    fn discard(&mut self, what: &str) -> Result<Ending, Failure> {
        if what.eq_ignore_ascii_case("all") {
            if self.block.is_transaction() {
                let message = "DISCARD ALL cannot run inside a transaction block";
                return Err(Failure::new("25001", message));
            }
            self.portals.clear();
            self.prepared.clear();
            self.backend.unlisten(None);
            self.shared.settings().reset_all(false);
        }
        if ["all", "sequences"].iter().any(|word| what.eq_ignore_ascii_case(word)) {
            self.shared.numbers().into_iter().for_each(Numbers::forget);
        }
        if ["all", "temp", "temporary"].iter().any(|word| what.eq_ignore_ascii_case(word)) {
            self.temp = None;
            self.drop_connection_if_idle();
        }
        Ok(plain(&format!("DISCARD {}", what.to_ascii_uppercase())))
    }

    /// Temporary tables end with the connection that has them.
    fn drop_connection_if_idle(&mut self) {
        if !self.block.is_open() {
            self.drop_connection();
        }
    }
}

/// An ending with a plain command tag.
pub(super) fn plain(tag: &str) -> Ending {
    Ending::Complete(Tag::Plain(tag.to_owned()))
}

fn isolation_name(isolation: statement::Isolation) -> &'static str {
    match isolation {
        statement::Isolation::ReadUncommitted => "read uncommitted",
        statement::Isolation::ReadCommitted => "read committed",
        statement::Isolation::RepeatableRead => "repeatable read",
        statement::Isolation::Serializable => "serializable",
    }
}

fn modes_of(name: &str, value: &str) -> Option<statement::Modes> {
    let mut modes = statement::Modes::default();
    if name == "transaction_isolation" {
        modes.isolation = Some(match value.to_ascii_lowercase().as_str() {
            "read uncommitted" => statement::Isolation::ReadUncommitted,
            "read committed" => statement::Isolation::ReadCommitted,
            "repeatable read" => statement::Isolation::RepeatableRead,
            "serializable" => statement::Isolation::Serializable,
            _ => return None,
        });
    } else {
        modes.read_only = Some(match value.to_ascii_lowercase().as_str() {
            "on" | "true" | "yes" | "1" => true,
            "off" | "false" | "no" | "0" => false,
            _ => return None,
        });
    }
    Some(modes)
}
