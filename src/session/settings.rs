//! A session's settings: <https://www.postgresql.org/docs/15/config-setting.html>.
//!
//! What enters: SET, RESET, `set_config` and the start-up packet. What leaves: values by name, what
//! the hot path needs of them ([`Effective`]), and what the client is to be told of.

use super::error::Failure;
use crate::catalog;
use crate::sqlite::Synchronous;
use crate::statement::{Dialect, Options};
use crate::types::{ByteaOutput, DateOrder, DateStyle, IntervalStyle, Style};
use std::collections::BTreeMap;
use std::time::Duration;

/// The version clients are told: whose catalog this is. The only place it stands in.
pub const SERVER_VERSION: &str = "15.20";
const SERVER_VERSION_NUM: &str = "150020";

/// Settings the client is told of whenever they change, spelled as Postgres spells them.
pub(super) const REPORTED: [&str; 14] = [
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
    "egret.dialect",
];

/// Where this server's values differ from a new PostgreSQL's.
const OWN_DEFAULTS: [(&str, &str); 25] = [
    ("application_name", ""),
    ("client_encoding", "UTF8"),
    ("datestyle", "ISO, MDY"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "off"),
    ("egret.dialect", "postgres"),
    ("extra_float_digits", "1"),
    ("idle_in_transaction_session_timeout", "0"),
    ("in_hot_standby", "off"),
    ("integer_datetimes", "on"),
    ("intervalstyle", "postgres"),
    ("is_superuser", "off"),
    ("lc_collate", "C"),
    ("lc_ctype", "C"),
    ("lock_timeout", "0"),
    ("role", "none"),
    ("search_path", "\"$user\", public"),
    ("server_encoding", "UTF8"),
    ("server_version", SERVER_VERSION),
    ("server_version_num", SERVER_VERSION_NUM),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "0"),
    ("timezone", "UTC"),
    ("transaction_isolation", "read committed"),
    ("transaction_read_only", "off"),
];

/// Settings nobody may change.
const FIXED: [&str; 12] = [
    "block_size",
    "in_hot_standby",
    "integer_datetimes",
    "is_superuser",
    "lc_collate",
    "lc_ctype",
    "max_identifier_length",
    "server_encoding",
    "server_version",
    "server_version_num",
    // A commit with synchronous_commit = on waits for every backup.
    "synchronous_standby_names",
    "wal_block_size",
];

const SWITCHES: [&str; 6] = [
    "default_transaction_read_only",
    "transaction_read_only",
    "transaction_deferrable",
    "row_security",
    "check_function_bodies",
    "standard_conforming_strings",
];

const TIMES: [&str; 4] = [
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
];

/// A session's settings.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// Values of this session, by lower-case name.
    values: BTreeMap<String, String>,
    /// What start-up set: RESET goes back to these.
    startup: BTreeMap<String, String>,
    /// Changes of the transaction, to be undone.
    log: Vec<Change>,
}

#[derive(Debug)]
struct Change {
    name: String,
    before: Option<String>,
    local: bool,
}

/// What the hot path needs of the settings.
#[derive(Clone, Debug)]
pub(super) struct Effective {
    /// Text forms of values.
    pub style: Style,
    /// What statements mean.
    pub options: Options,
    /// `statement_timeout`
    pub statement_timeout: Option<Duration>,
    /// `lock_timeout`
    pub lock_timeout: Option<Duration>,
    /// `idle_in_transaction_session_timeout`
    pub idle_in_transaction_timeout: Option<Duration>,
    /// `idle_session_timeout`
    pub idle_timeout: Option<Duration>,
    /// `synchronous_commit`: off, or durable on this machine before a commit is answered.
    pub synchronous: Synchronous,
    /// `synchronous_commit` beyond `local`: a commit waits until every destination has it.
    pub waits_for_store: bool,
}

impl Settings {
    /// What start-up decides: defaults of this session.
    pub(super) fn start(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_ascii_lowercase(), value.to_owned());
        self.startup.insert(name.to_ascii_lowercase(), value.to_owned());
    }

    /// A setting's value; `None` if there is no such setting.
    #[must_use]
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let name = name.to_ascii_lowercase();
        self.values.get(&name).cloned().or_else(|| default(&name).map(str::to_owned))
    }

    fn current(&self, name: &str) -> &str {
        self.values.get(name).map(String::as_str).or_else(|| default(name)).unwrap_or_default()
    }

    /// SET: the value as it is kept.
    ///
    /// # Errors
    /// 42704 for an unknown setting, 55P02 for one nobody may change, 22023 for a bad value.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: Option<&str>,
        local: bool,
        in_transaction: bool,
    ) -> Result<String, Failure> {
        let name = name.to_ascii_lowercase();
        let value = match value {
            Some(value) => Some(checked(&name, value)?),
            None => self.startup.get(&name).cloned(),
        };
        let before = match &value {
            Some(value) => self.values.insert(name.clone(), value.clone()),
            None => self.values.remove(&name),
        };
        if in_transaction {
            self.log.push(Change { name: name.clone(), before, local });
        } else if local {
            // Without a transaction block a local setting ends with its own statement.
            self.put_back(name.clone(), before);
        }
        Ok(self.current(&name).to_owned())
    }

    /// RESET
    ///
    /// # Errors
    /// As [`Self::set`].
    pub(super) fn reset(&mut self, name: &str, in_transaction: bool) -> Result<(), Failure> {
        if self.value(name).is_none() {
            return Err(unknown(name));
        }
        self.set(name, None, false, in_transaction).map(drop)
    }

    /// RESET ALL
    pub(super) fn reset_all(&mut self, in_transaction: bool) {
        let names: Vec<String> = self.values.keys().cloned().collect();
        for name in names {
            // Only names that are set are reset, so there is nothing to refuse.
            drop(self.set(&name, None, false, in_transaction));
        }
    }

    /// A place in the transaction's changes to go back to.
    #[must_use]
    pub(super) fn mark(&self) -> usize {
        self.log.len()
    }

    /// Undoes the changes since a mark.
    pub(super) fn undo_to(&mut self, mark: usize) {
        while self.log.len() > mark {
            if let Some(change) = self.log.pop() {
                self.put_back(change.name, change.before);
            }
        }
    }

    /// The transaction is over: local changes end with it, and all others if it failed.
    pub(super) fn end_transaction(&mut self, committed: bool) {
        if !committed {
            return self.undo_to(0);
        }
        let mut lasting = Vec::new();
        while let Some(change) = self.log.pop() {
            if !change.local {
                lasting.push(change.name);
            } else if !lasting.contains(&change.name) {
                self.put_back(change.name, change.before);
            }
        }
    }

    fn put_back(&mut self, name: String, before: Option<String>) {
        match before {
            Some(value) => drop(self.values.insert(name, value)),
            None => drop(self.values.remove(&name)),
        }
    }

    /// All settings that have a value of this session, by name.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// What the hot path needs.
    #[must_use]
    pub(super) fn effective(&self, read_only: bool) -> Effective {
        let sqlite = self.current("egret.dialect") == "sqlite";
        let dialect = if sqlite { Dialect::Sqlite } else { Dialect::Postgres };
        let commit = self.current("synchronous_commit");
        Effective {
            style: self.style(),
            options: Options { dialect, read_only },
            statement_timeout: self.time("statement_timeout"),
            lock_timeout: self.time("lock_timeout"),
            idle_in_transaction_timeout: self.time("idle_in_transaction_session_timeout"),
            idle_timeout: self.time("idle_session_timeout"),
            synchronous: if commit == "off" { Synchronous::Normal } else { Synchronous::Full },
            waits_for_store: !["off", "local"].contains(&commit),
        }
    }

    fn style(&self) -> Style {
        let (date_style, date_order) = date_style(self.current("datestyle")).unwrap_or_default();
        let escape = self.current("bytea_output") == "escape";
        Style {
            time_zone: Style::zone(self.current("timezone")).unwrap_or(Style::default().time_zone),
            date_style,
            date_order,
            interval_style: interval_style(self.current("intervalstyle")).unwrap_or_default(),
            bytea_output: if escape { ByteaOutput::Escape } else { ByteaOutput::Hex },
            extra_float_digits: self.current("extra_float_digits").parse().unwrap_or(1),
            ..Style::default()
        }
    }

    fn time(&self, name: &str) -> Option<Duration> {
        time(self.current(name)).filter(|time| !time.is_zero())
    }
}

fn default(name: &str) -> Option<&'static str> {
    let own = OWN_DEFAULTS.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);
    own.or_else(|| catalog::default_setting(name))
}

fn unknown(name: &str) -> Failure {
    Failure::new("42704", format!("unrecognized configuration parameter \"{name}\""))
}

fn checked(name: &str, value: &str) -> Result<String, Failure> {
    if FIXED.contains(&name) {
        return Err(Failure::new("55P02", format!("parameter \"{name}\" cannot be changed")));
    }
    if default(name).is_none() && !name.contains('.') && name != "session_authorization" {
        return Err(unknown(name));
    }
    if name == "synchronous_commit" && value.eq_ignore_ascii_case("remote_apply") {
        let text = "synchronous_commit = remote_apply is not supported: no replica tells what it has applied";
        return Err(
            Failure::new("0A000", text).hint("Use on: a commit waits until every backup has it.")
        );
    }
    normal(name, value).ok_or_else(|| {
        Failure::new("22023", format!("invalid value for parameter \"{name}\": \"{value}\""))
    })
}

/// The value as Postgres keeps it; `None` if it is none.
fn normal(name: &str, value: &str) -> Option<String> {
    let lower = value.to_ascii_lowercase();
    let one_of = |values: &[&str]| values.contains(&lower.as_str()).then(|| lower.clone());
    match name {
        _ if TIMES.contains(&name) => time(value).map(|_| value.to_owned()),
        "standard_conforming_strings" => switch(&lower).filter(|on| *on).map(|_| "on".to_owned()),
        _ if SWITCHES.contains(&name) => switch(&lower).map(on_off),
        "client_encoding" => {
            let plain: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
            ["utf8", "unicode", "sqlascii"].contains(&plain.as_str()).then(|| "UTF8".to_owned())
        }
        "datestyle" => date_style(value).map(|(style, order)| date_style_name(style, order)),
        "intervalstyle" => interval_style(&lower).map(|_| lower),
        "timezone" => Style::zone(value).ok().map(|_| value.to_owned()),
        "bytea_output" => one_of(&["hex", "escape"]),
        "extra_float_digits" => {
            value.parse::<i8>().ok().filter(|n| (-15..=3).contains(n)).map(|n| n.to_string())
        }
        "synchronous_commit" => match switch(&lower) {
            Some(on) => Some(on_off(on)),
            None => one_of(&["local", "remote_write"]),
        },
        "transaction_isolation" | "default_transaction_isolation" => {
            one_of(&["read uncommitted", "read committed", "repeatable read", "serializable"])
        }
        "egret.dialect" => one_of(&["postgres", "sqlite"]),
        _ => Some(value.to_owned()),
    }
}

fn on_off(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

fn switch(value: &str) -> Option<bool> {
    match value {
        "on" | "true" | "yes" | "1" | "t" | "y" => Some(true),
        "off" | "false" | "no" | "0" | "f" | "n" => Some(false),
        _ => None,
    }
}

/// A time with a unit; milliseconds without one.
fn time(value: &str) -> Option<Duration> {
    let value = value.trim();
    let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let unit_ms = match unit.trim() {
        "us" => 0.001,
        "" | "ms" => 1.0,
        "s" => 1e3,
        "min" => 6e4,
        "h" => 3.6e6,
        "d" => 8.64e7,
        _ => return None,
    };
    let ms = number.parse::<f64>().ok()? * unit_ms;
    (ms <= f64::from(i32::MAX)).then(|| Duration::from_secs_f64(ms / 1e3))
}

fn date_style(value: &str) -> Option<(DateStyle, DateOrder)> {
    let (mut style, mut order) = (DateStyle::Iso, DateOrder::Mdy);
    for word in value.split(',').map(|word| word.trim().to_ascii_lowercase()) {
        match word.as_str() {
            "iso" | "default" => style = DateStyle::Iso,
            "sql" => style = DateStyle::Sql,
            "postgres" => style = DateStyle::Postgres,
            "german" => style = DateStyle::German,
            "mdy" | "us" | "noneuro" | "noneuropean" => order = DateOrder::Mdy,
            "dmy" | "euro" | "european" => order = DateOrder::Dmy,
            "ymd" => order = DateOrder::Ymd,
            _ => return None,
        }
    }
    Some((style, order))
}

fn date_style_name(style: DateStyle, order: DateOrder) -> String {
    let style = match style {
        DateStyle::Iso => "ISO",
        DateStyle::Sql => "SQL",
        DateStyle::Postgres => "Postgres",
        DateStyle::German => "German",
    };
    let order = match order {
        DateOrder::Ymd => "YMD",
        DateOrder::Dmy => "DMY",
        DateOrder::Mdy => "MDY",
    };
    format!("{style}, {order}")
}

fn interval_style(value: &str) -> Option<IntervalStyle> {
    match value {
        "postgres" => Some(IntervalStyle::Postgres),
        "postgres_verbose" => Some(IntervalStyle::PostgresVerbose),
        "sql_standard" => Some(IntervalStyle::SqlStandard),
        "iso_8601" => Some(IntervalStyle::Iso8601),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_settings_end_with_the_transaction_and_set_outlives_them() {
        let mut settings = Settings::default();
        settings.set("statement_timeout", Some("1s"), false, true).unwrap();
        settings.set("statement_timeout", Some("2s"), true, true).unwrap();
        assert_eq!(settings.value("statement_timeout").unwrap(), "2s");
        settings.end_transaction(true);
        assert_eq!(settings.value("statement_timeout").unwrap(), "1s");
        settings.set("statement_timeout", Some("3s"), false, true).unwrap();
        settings.end_transaction(false);
        assert_eq!(settings.value("statement_timeout").unwrap(), "1s");
    }

    #[test]
    fn refusals_have_postgres_codes() {
        let mut settings = Settings::default();
        let code = |r: Result<String, Failure>| r.unwrap_err().sqlstate;
        assert_eq!(code(settings.set("nonsense", Some("1"), false, false)), "42704");
        for fixed in ["server_version", "synchronous_standby_names"] {
            assert_eq!(code(settings.set(fixed, Some("1"), false, false)), "55P02");
        }
        assert_eq!(code(settings.set("statement_timeout", Some("soon"), false, false)), "22023");
        assert!(settings.set("my.own", Some("1"), false, false).is_ok());
    }

    #[test]
    fn a_commit_waits_for_no_replica_to_apply_it() {
        let mut settings = Settings::default();
        assert_eq!(settings.value("synchronous_commit").unwrap(), "local");
        let mut set = |value| settings.set("synchronous_commit", Some(value), false, false);
        let refused = set("Remote_Apply").unwrap_err();
        assert_eq!(refused.sqlstate, "0A000");
        assert!(refused.message.contains("remote_apply"), "{}", refused.message);
        assert!(refused.hint.as_deref().unwrap().contains("Use on"));
        assert!(set("remote_write").is_ok() && set("on").is_ok());
    }
}
