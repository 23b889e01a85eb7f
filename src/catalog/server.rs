//! Rows that mirror the server, where the host does not give them itself.

use super::objects::{DATABASE_OWNER, INFORMATION_SCHEMA, OWNER, PG_CATALOG, PUBLIC, TEMP};
use super::relation::Fill;
use super::rowset::{Cell, row};
use crate::schema::{Oids, TEMP_NAME};
use crate::sqlite::Host;
use crate::types::{Oid, Storage, datetime};
use std::sync::LazyLock;

/// The OID of a database, the same whenever its name is.
pub(super) fn database_oid(name: &str) -> Oid {
    Oids::default().assign("database", name)
}

/// Nothing.
pub(super) fn none(_: &dyn Host, _: &mut Fill<'_>) {}

/// `pg_namespace`, with the privileges of a new database.
pub(super) fn namespaces(host: &dyn Host, fill: &mut Fill<'_>) {
    let columns = fill.positions(["oid", "nspname", "nspowner", "nspacl"]);
    fill.push(columns, row![99, "pg_toast", OWNER, Cell::Null]);
    for (oid, name, owner) in NAMESPACES {
        fill.push(columns, row![oid, name, owner, namespace_privileges(host, owner)]);
    }
    if host.schema().has_temporary() {
        fill.push(columns, row![TEMP, TEMP_NAME, OWNER, Cell::Null]);
    }
}

/// `pg_init_privs`: the namespaces' alone. pg_dump takes no notice of what stands here.
pub(super) fn initial_privileges(host: &dyn Host, fill: &mut Fill<'_>) {
    const PG_NAMESPACE: Oid = 2615;
    let columns = fill.positions(["objoid", "classoid", "privtype", "initprivs"]);
    for (oid, _, owner) in NAMESPACES {
        fill.push(columns, row![oid, PG_NAMESPACE, "i", namespace_privileges(host, owner)]);
    }
}

/// Namespaces that anybody uses, and their owners.
const NAMESPACES: [(Oid, &str, Oid); 3] = [
    (PG_CATALOG, "pg_catalog", OWNER),
    (PUBLIC, "public", DATABASE_OWNER),
    (INFORMATION_SCHEMA, "information_schema", OWNER),
];

fn namespace_privileges(host: &dyn Host, owner: Oid) -> String {
    let owner = super::function::name_of_role(host, owner).unwrap_or_default();
    serde_json::Value::from(vec![format!("{owner}=UC/{owner}"), format!("=U/{owner}")]).to_string()
}

/// `pg_database`: the session's own.
pub(super) fn databases(host: &dyn Host, fill: &mut Fill<'_>) {
    let columns = fill.positions([
        "oid",
        "datname",
        "datdba",
        "encoding",
        "datlocprovider",
        "datallowconn",
        "datconnlimit",
        "dattablespace",
        "datcollate",
        "datctype",
    ]);
    let name = host.database();
    // Encoding 6 is UTF8; BINARY is what Postgres calls C.
    let cells = row![database_oid(&name), name, OWNER, 6, "c", true, -1, 1663, "C", "C"];
    fill.push(columns, cells);
}

/// `pg_authid`: the session's user.
pub(super) fn roles(host: &dyn Host, fill: &mut Fill<'_>) {
    let columns = fill.positions([
        "oid",
        "rolname",
        "rolsuper",
        "rolinherit",
        "rolcreaterole",
        "rolcreatedb",
        "rolcanlogin",
        "rolreplication",
        "rolbypassrls",
        "rolconnlimit",
    ]);
    let all = host.may_write();
    let cells = row![OWNER, host.user(), all, true, all, all, true, all, all, -1];
    fill.push(columns, cells);
}

/// `pg_timezone_names`
pub(super) fn time_zone_names(_: &dyn Host, fill: &mut Fill<'_>) {
    let columns = fill.positions(["name", "abbrev", "utc_offset", "is_dst"]);
    for row in time_zones().chunks_exact(columns.len()) {
        if let [name, abbreviation, offset, summer] = row {
            let row = [name, abbreviation, offset, summer].map(Clone::clone);
            fill.push(columns, row);
        }
    }
}

/// Name, abbreviation, offset and daylight saving of every time zone, now.
fn time_zones() -> Vec<Cell> {
    let now = jiff::Timestamp::now();
    let mut cells = Vec::new();
    for name in jiff::tz::db().available() {
        let Ok(zone) = jiff::tz::TimeZone::get(name.as_str()) else { continue };
        let info = zone.to_offset_info(now);
        let (seconds, summer) = (info.offset().seconds(), info.dst().is_dst());
        let sign = if seconds < 0 { "-" } else { "" };
        let (minutes, rest) = (seconds.abs() / 60, seconds.abs() % 60);
        let offset = format!("{sign}{:02}:{:02}:{rest:02}", minutes / 60, minutes % 60);
        cells.extend(row![name.to_string(), info.abbreviation().to_owned(), offset, summer]);
    }
    cells
}

/// `pg_stat_activity`: the session itself.
pub(super) fn activity(host: &dyn Host, fill: &mut Fill<'_>) {
    let columns = fill.positions([
        "datid",
        "datname",
        "pid",
        "usesysid",
        "usename",
        "application_name",
        "state",
        "backend_type",
    ]);
    let (database, application) = (host.database(), host.setting("application_name"));
    let cells = row![
        database_oid(&database),
        database,
        host.backend_pid(),
        OWNER,
        host.user(),
        application.unwrap_or_default(),
        "active",
        "client backend",
    ];
    fill.push(columns, cells);
}

/// `pg_stat_gssapi`: the session uses none.
pub(super) fn gssapi(host: &dyn Host, fill: &mut Fill<'_>) {
    let columns = fill.positions(["pid", "gss_authenticated", "encrypted"]);
    fill.push(columns, row![host.backend_pid(), false, false]);
}

/// `pg_stat_ssl`: what is known without asking the host.
pub(super) fn ssl(host: &dyn Host, fill: &mut Fill<'_>) {
    let columns = fill.positions(["pid", "ssl"]);
    fill.push(columns, row![host.backend_pid(), false]);
}

/// `pg_stat_bgwriter`: nothing writes in the background.
pub(super) fn background_writer(_: &dyn Host, fill: &mut Fill<'_>) {
    let counters = fill.positions([
        "checkpoints_timed",
        "checkpoints_req",
        "checkpoint_write_time",
        "checkpoint_sync_time",
        "buffers_checkpoint",
        "buffers_clean",
        "maxwritten_clean",
        "buffers_backend",
        "buffers_backend_fsync",
        "buffers_alloc",
    ]);
    fill.push(counters, [const { Cell::Integer(0) }; 10]);
    fill.amend(fill.positions(["stats_reset"]), [started()]);
}

/// `pg_stat_wal`: SQLite counts nothing of it.
pub(super) fn wal(_: &dyn Host, fill: &mut Fill<'_>) {
    let counters = fill.positions([
        "wal_records",
        "wal_fpi",
        "wal_bytes",
        "wal_buffers_full",
        "wal_write",
        "wal_sync",
        "wal_write_time",
        "wal_sync_time",
    ]);
    fill.push(counters, [const { Cell::Integer(0) }; 8]);
    fill.amend(fill.positions(["stats_reset"]), [started()]);
}

/// When counting began.
fn started() -> Cell {
    static STARTED: LazyLock<jiff::Timestamp> = LazyLock::new(jiff::Timestamp::now);
    datetime::to_value(STARTED.as_microsecond(), Storage::Native).into()
}

/// `pg_stat_archiver`: one row, in which nothing was archived.
pub(super) fn archiver(_: &dyn Host, fill: &mut Fill<'_>) {
    let columns = fill.positions(["archived_count", "failed_count"]);
    fill.push(columns, row![0, 0]);
}
