//! Functions about the session and the server.
//! <https://www.postgresql.org/docs/15/functions-info.html>

use super::array::{Elements, array};
use super::decimal::Decimal;
use super::{Args, Flags, Function, Outcome, boolean, integer, text};
use crate::sqlite::host::{Ends, FunctionError};
use crate::types::{Value, ValueRef};
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_current_database", 0, Flags::STABLE, |a| text(a.host()?.database())),
    ("pg_current_user", 0, Flags::STABLE, |a| text(a.host()?.user())),
    ("pg_session_user", 0, Flags::STABLE, |a| text(a.host()?.user())),
    ("pg_current_schema", 0, Flags::STABLE, current_schema),
    ("pg_current_schemas", 1, Flags::STABLE, current_schemas),
    ("pg_current_setting", -1, Flags::STABLE, current_setting),
    ("pg_set_config", 3, Flags::STABLE_NULLS, set_config),
    ("pg_version", 0, Flags::STABLE, version),
    ("pg_getdatabaseencoding", 0, Flags::STABLE, |_| text("UTF8")),
    ("pg_client_encoding", 0, Flags::STABLE, |_| text("UTF8")),
    ("pg_current_query", 0, Flags::STABLE, |_| Ok(Value::Null)),
    ("pg_inet_client_addr", 0, Flags::STABLE, |a| address(a, |ends| ends.client)),
    ("pg_inet_client_port", 0, Flags::STABLE, |a| port(a, |ends| ends.client)),
    ("pg_inet_server_addr", 0, Flags::STABLE, |a| address(a, |ends| ends.server)),
    ("pg_inet_server_port", 0, Flags::STABLE, |a| port(a, |ends| ends.server)),
    ("pg_backend_pid", 0, Flags::STABLE, |a| integer(a.host()?.backend_pid())),
    ("pg_blocking_pids", 1, Flags::STABLE, |_| text("[]")),
    ("pg_cancel_backend", 1, Flags::STABLE, |a| boolean(a.host()?.signal(pid(a)?, false))),
    ("pg_terminate_backend", -1, Flags::STABLE, |a| boolean(a.host()?.signal(pid(a)?, true))),
    ("pg_is_in_recovery", 0, Flags::STABLE, |a| boolean(a.host()?.in_recovery())),
    ("pg_notify", 2, Flags::STABLE_NULLS, notify),
    ("pg_sleep", 1, Flags::STABLE, |a| sleep(a, a.float(0)?)),
    ("pg_txid_current", 0, Flags::STABLE, transaction_id),
    ("pg_txid_current_if_assigned", 0, Flags::STABLE, |_| Ok(Value::Null)),
    ("pg_current_xact_id", 0, Flags::STABLE, transaction_id),
    ("pg_current_xact_id_if_assigned", 0, Flags::STABLE, |_| Ok(Value::Null)),
    ("pg_age_xid", 1, Flags::STABLE, age),
    ("pg_catalog_xmin", 1, Flags::STABLE, catalog_xmin),
    ("pg_gen_random_uuid", 0, Flags::STABLE, |_| random_uuid()),
    ("pg_trigger_depth", 0, Flags::STABLE, |_| integer(0)),
    ("pg_jit_available", 0, Flags::STABLE, |_| boolean(false)),
    ("pg_conf_load_time", 0, Flags::STABLE, |_| started()),
    ("pg_postmaster_start_time", 0, Flags::STABLE, |_| started()),
    ("pg_column_size", 1, Flags::PURE, column_size),
    ("pg_notification_queue_usage", 0, Flags::STABLE, |_| Ok(Value::Real(0.0))),
    ("pg_export_snapshot", 0, Flags::STABLE, |_| {
        Err(FunctionError::new("0A000", "exporting snapshots is not supported"))
    }),
    ("pg_size_bytes", 1, Flags::PURE, size_bytes),
    ("pg_row_security_active", 1, Flags::STABLE, |_| boolean(false)),
    ("pg_is_other_temp_schema", 1, Flags::STABLE, |_| boolean(false)),
    ("pg_reload_conf", 0, Flags::STABLE, |_| boolean(true)),
    ("pg_collation_for", 1, Flags::STABLE_NULLS, |_| text("\"default\"")),
];

/// One of a connection's addresses; NULL where it is no network's.
fn address(args: &Args<'_>, end: fn(Ends) -> SocketAddr) -> Outcome {
    let ends = args.host()?.ends();
    ends.map_or(Ok(Value::Null), |ends| text(end(ends).ip().to_canonical().to_string()))
}

fn port(args: &Args<'_>, end: fn(Ends) -> SocketAddr) -> Outcome {
    let ends = args.host()?.ends();
    ends.map_or(Ok(Value::Null), |ends| integer(end(ends).port()))
}

fn pid(args: &Args<'_>) -> Result<i32, FunctionError> {
    let out_of_range = |_| FunctionError::new("22003", "integer out of range");
    i32::try_from(args.int(0)?).map_err(out_of_range)
}

/// Names of the search path that exist: `"$user"` is no namespace here.
fn search_path(args: &Args<'_>, implicit: bool) -> Result<Vec<String>, FunctionError> {
    let setting = args.host()?.setting("search_path").unwrap_or_else(|| "public".to_owned());
    let named = setting.split(',').map(|name| name.trim().trim_matches('"').to_owned());
    let known = ["public", "pg_catalog", "information_schema"];
    let mut found: Vec<_> = named.filter(|name| known.contains(&name.as_str())).collect();
    if implicit && !found.iter().any(|name| name == "pg_catalog") {
        found.insert(0, "pg_catalog".to_owned());
    }
    if implicit && args.host()?.schema().has_temporary() {
        found.insert(0, crate::schema::TEMP_NAME.to_owned());
    }
    Ok(found)
}

fn current_schema(args: &Args<'_>) -> Outcome {
    Ok(search_path(args, false)?.into_iter().next().map_or(Value::Null, Value::Text))
}

fn current_schemas(args: &Args<'_>) -> Outcome {
    let names = search_path(args, args.bool(0)?)?;
    array(Elements::flat(names.into_iter().map(Value::Text).collect()))
}

fn unrecognised(name: &str) -> FunctionError {
    FunctionError::new("42704", format!("unrecognized configuration parameter \"{name}\""))
}

fn current_setting(args: &Args<'_>) -> Outcome {
    let name = args.text(0)?;
    match args.host()?.setting(&name) {
        Some(value) => text(value),
        None if args.bool(1)? => Ok(Value::Null),
        None => Err(unrecognised(&name)),
    }
}

fn set_config(args: &Args<'_>) -> Outcome {
    let Some(name) = args.text_if(0)? else {
        return Err(FunctionError::new("22004", "SET requires parameter name"));
    };
    let value = args.text_if(1)?.unwrap_or_default();
    text(args.host()?.set_setting(&name, &value, args.bool(2)?)?)
}

/// Clients read the number after the first word, so it is Postgres's.
fn version(args: &Args<'_>) -> Outcome {
    let server = args.host()?.setting("server_version").unwrap_or_else(|| "15.0".to_owned());
    let number = server.split(' ').next().unwrap_or_default();
    text(format!(
        "PostgreSQL {number} on {}-{}, egret {} over SQLite {}, 64-bit",
        std::env::consts::ARCH,
        std::env::consts::OS,
        env!("CARGO_PKG_VERSION"),
        rusqlite::version(),
    ))
}

fn notify(args: &Args<'_>) -> Outcome {
    let channel = args.text(0)?;
    if channel.is_empty() {
        return Err(FunctionError::new("22023", "channel name cannot be empty"));
    }
    if channel.len() > 63 {
        return Err(FunctionError::new("22023", "channel name too long"));
    }
    let payload = args.text(1)?;
    if payload.len() >= 8000 {
        return Err(FunctionError::new("22023", "payload string too long"));
    }
    args.host()?.notify(&channel, &payload);
    text("")
}

/// How often a sleeper looks whether it was cancelled.
const SLEEP_SLICE: Duration = Duration::from_millis(20);

/// Sleeps in slices, for SQLite's interrupt does not wake a thread.
pub(super) fn sleep(args: &Args<'_>, seconds: f64) -> Outcome {
    let wanted = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    let start = Instant::now();
    loop {
        let left = wanted.saturating_sub(start.elapsed());
        if left.is_zero() {
            return text("");
        }
        if args.slot().host().is_some_and(|host| host.cancelled()) {
            let message = "canceling statement due to user request";
            return Err(FunctionError::new("57014", message));
        }
        std::thread::sleep(left.min(SLEEP_SLICE));
    }
}

/// A number that is the same within a transaction and grows from one to the next: milliseconds,
/// as many as there are transaction numbers.
fn transaction_id(args: &Args<'_>) -> Outcome {
    integer(transaction_number(args.host()?.transaction_start_us() / 1000))
}

/// Numbers below are Postgres's own, older than all others.
const FIRST_TRANSACTION: i64 = 3;

/// The number of a transaction that begins at that time.
pub fn transaction_number(ms: i64) -> i64 {
    FIRST_TRANSACTION + ms.rem_euclid(AGE_MAX - FIRST_TRANSACTION)
}

const AGE_MAX: i64 = 0x7fff_ffff;

/// `age(xid)`: how many numbers ago that transaction was.
fn age(args: &Args<'_>) -> Outcome {
    let (now, then) = (args.host()?.transaction_start_us() / 1000, args.int(0)?);
    if then < FIRST_TRANSACTION {
        return integer(AGE_MAX);
    }
    let (now, all) = (transaction_number(now), AGE_MAX - FIRST_TRANSACTION);
    // What is in the future by a little is of this moment: the schema was read after the start.
    let age = (now - then).rem_euclid(all);
    integer(if age > all / 2 { age - all } else { age })
}

/// `xmin` in a system relation, of a row with that OID: what changes with the schema was written
/// when the schema that stands now was read.
fn catalog_xmin(args: &Args<'_>) -> Outcome {
    let users = args.int(0)? >= i64::from(crate::schema::FIRST_USER_OID);
    integer(if users { transaction_number(args.host()?.schema().read_ms) } else { 1 })
}

fn random_uuid() -> Outcome {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; 16];
    let failed = |_| FunctionError::new("XX000", "could not generate random values");
    SystemRandom::new().fill(&mut bytes).map_err(failed)?;
    let bits = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    text(parts.join("-"))
}

/// When the process began to serve.
static STARTED: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);

/// The process begins to serve.
pub fn note_start() {
    LazyLock::force(&STARTED);
}

fn started() -> Outcome {
    let micros = STARTED.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    super::datetime::moment(i64::try_from(micros).unwrap_or(i64::MAX))
}

fn column_size(args: &Args<'_>) -> Outcome {
    integer(match args.value(0) {
        ValueRef::Integer(_) | ValueRef::Real(_) => 8,
        _ => text::count(args.bytes(0).len()) + 4,
    })
}

const UNITS: &[(&str, u32)] =
    &[("bytes", 0), ("b", 0), ("kb", 10), ("mb", 20), ("gb", 30), ("tb", 40), ("pb", 50)];

/// `pg_size_bytes('1.5 MB')`
fn size_bytes(args: &Args<'_>) -> Outcome {
    let s = args.text(0)?;
    let invalid = || FunctionError::new("22023", format!("invalid size: \"{s}\""));
    let trimmed = s.trim();
    let unit_at = trimmed.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(unit_at);
    let unit = if unit.is_empty() { "bytes".to_owned() } else { unit.to_ascii_lowercase() };
    let shift = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?.1;
    let number = Decimal::parse(number).map_err(|_error| invalid())?;
    let bytes = number.mul(&Decimal::from(1 << shift)).round(0).to_i128();
    let out_of_range = || FunctionError::new("22003", "bigint out of range");
    integer(bytes.and_then(|n| i64::try_from(n).ok()).ok_or_else(out_of_range)?)
}
