//! What the rows of each system relation are made of. A relation that is not named here is empty.

use super::live::{
    attribute, class, constraint, default, depend, description, index, procedure, row_type,
    sequence, trigger,
};
use super::objects::Live;
use super::relation::Fill;
use super::{fixed, server, setting};
use crate::sqlite::Host;
use crate::types::Oid;

/// Some of a relation's rows.
#[derive(Debug)]
pub(super) enum Part {
    /// Rows exported from a PostgreSQL 15.
    File(&'static str),
    /// Rows that are the same in every database.
    Fixed(fn(&mut Fill<'_>)),
    /// Rows that mirror the schema.
    Live(fn(&Live, &mut Fill<'_>)),
    /// The same, where those with one value in one column can be made alone.
    LiveKeyed { column: usize, of: fn(&Live, Oid, &mut Fill<'_>), all: fn(&Live, &mut Fill<'_>) },
    /// Rows that mirror the server: the host's, or else these.
    Server(fn(&dyn Host, &mut Fill<'_>)),
    /// A SQLite query over other relations. It begins with a comment that names the columns on
    /// which equality may be pushed into it.
    View(&'static str),
}

/// The parts of a relation, by its qualified name.
pub(super) fn parts_of(qualified_name: &str) -> &'static [Part] {
    let found = CONTENTS.iter().find(|(name, _)| *name == qualified_name);
    found.map_or(&[], |(_, parts)| parts)
}

macro_rules! rows {
    ($name:literal) => {
        Part::File(include_str!(concat!("../../catalog/rows/", $name, ".txt")))
    };
}

macro_rules! file {
    ($name:literal) => {
        (concat!("pg_catalog.", $name), &[rows!($name)])
    };
    (information_schema $name:literal) => {
        (concat!("information_schema.", $name), &[rows!($name)])
    };
}

macro_rules! view {
    ($name:literal) => {
        (
            concat!("pg_catalog.", $name),
            &[Part::View(include_str!(concat!("../../catalog/views/", $name, ".sql")))],
        )
    };
    (information_schema $name:literal) => {
        (
            concat!("information_schema.", $name),
            &[Part::View(include_str!(concat!("../../catalog/views/", $name, ".sql")))],
        )
    };
}

const CONTENTS: &[(&str, &[Part])] = &[
    (
        "pg_catalog.pg_class",
        &[Part::Fixed(class::system), rows!("pg_class"), Part::Live(class::live)],
    ),
    (
        "pg_catalog.pg_attribute",
        &[
            Part::Fixed(attribute::system),
            rows!("pg_attribute"),
            Part::LiveKeyed { column: 0, of: attribute::of, all: attribute::live },
        ],
    ),
    ("pg_catalog.pg_attrdef", &[Part::Live(default::live)]),
    ("pg_catalog.pg_index", &[rows!("pg_index"), Part::Live(index::live)]),
    ("pg_catalog.pg_constraint", &[rows!("pg_constraint"), Part::Live(constraint::live)]),
    ("pg_catalog.pg_type", &[Part::Fixed(fixed::types), Part::Live(row_type::live)]),
    ("pg_catalog.pg_trigger", &[Part::Live(trigger::live)]),
    ("pg_catalog.pg_rewrite", &[rows!("pg_rewrite"), Part::Live(trigger::rules)]),
    ("pg_catalog.pg_depend", &[rows!("pg_depend"), Part::Live(depend::live)]),
    ("pg_catalog.pg_description", &[rows!("pg_description"), Part::Live(description::live)]),
    ("pg_catalog.pg_proc", &[rows!("pg_proc"), Part::Live(procedure::live)]),
    ("pg_catalog.pg_sequence", &[Part::Live(sequence::live)]),
    ("pg_catalog.pg_namespace", &[Part::Server(server::namespaces)]),
    ("pg_catalog.pg_init_privs", &[Part::Server(server::initial_privileges)]),
    ("pg_catalog.pg_tablespace", &[Part::Fixed(fixed::tablespaces)]),
    ("pg_catalog.pg_database", &[Part::Server(server::databases)]),
    ("pg_catalog.pg_authid", &[Part::Fixed(fixed::roles), Part::Server(server::roles)]),
    ("pg_catalog.pg_settings", &[Part::Server(setting::rows)]),
    ("pg_catalog.pg_stat_activity", &[Part::Server(server::activity)]),
    ("pg_catalog.pg_stat_archiver", &[Part::Server(server::archiver)]),
    ("pg_catalog.pg_stat_replication", &[Part::Server(server::none)]),
    ("pg_catalog.pg_stat_wal_receiver", &[Part::Server(server::none)]),
    ("pg_catalog.pg_stat_ssl", &[Part::Server(server::ssl)]),
    ("pg_catalog.pg_stat_gssapi", &[Part::Server(server::gssapi)]),
    ("pg_catalog.pg_stat_bgwriter", &[Part::Server(server::background_writer)]),
    ("pg_catalog.pg_stat_wal", &[Part::Server(server::wal)]),
    ("pg_catalog.pg_locks", &[Part::Server(server::none)]),
    ("pg_catalog.pg_prepared_statements", &[Part::Server(server::none)]),
    ("pg_catalog.pg_cursors", &[Part::Server(server::none)]),
    ("pg_catalog.pg_hba_file_rules", &[Part::Server(server::none)]),
    ("pg_catalog.pg_timezone_names", &[Part::Server(server::time_zone_names)]),
    file!("pg_aggregate"),
    file!("pg_am"),
    file!("pg_amop"),
    file!("pg_amproc"),
    file!("pg_auth_members"),
    file!("pg_available_extension_versions"),
    file!("pg_available_extensions"),
    file!("pg_cast"),
    file!("pg_collation"),
    file!("pg_conversion"),
    file!("pg_extension"),
    file!("pg_language"),
    file!("pg_opclass"),
    file!("pg_operator"),
    file!("pg_opfamily"),
    file!("pg_range"),
    file!("pg_timezone_abbrevs"),
    file!("pg_ts_config"),
    file!("pg_ts_config_map"),
    file!("pg_ts_dict"),
    file!("pg_ts_parser"),
    file!("pg_ts_template"),
    file!(information_schema "sql_features"),
    file!(information_schema "sql_implementation_info"),
    file!(information_schema "sql_parts"),
    file!(information_schema "sql_sizing"),
    view!("pg_group"),
    view!("pg_indexes"),
    view!("pg_roles"),
    view!("pg_rules"),
    view!("pg_sequences"),
    view!("pg_shadow"),
    view!("pg_stat_all_indexes"),
    view!("pg_stat_all_tables"),
    view!("pg_stat_database"),
    view!("pg_stat_sys_indexes"),
    view!("pg_stat_sys_tables"),
    view!("pg_stat_user_indexes"),
    view!("pg_stat_user_tables"),
    view!("pg_stat_xact_all_tables"),
    view!("pg_stat_xact_sys_tables"),
    view!("pg_stat_xact_user_tables"),
    view!("pg_statio_all_indexes"),
    view!("pg_statio_all_sequences"),
    view!("pg_statio_all_tables"),
    view!("pg_statio_sys_indexes"),
    view!("pg_statio_sys_tables"),
    view!("pg_statio_user_indexes"),
    view!("pg_statio_user_sequences"),
    view!("pg_statio_user_tables"),
    view!("pg_tables"),
    view!("pg_user"),
    view!("pg_views"),
    view!(information_schema "applicable_roles"),
    view!(information_schema "character_sets"),
    view!(information_schema "check_constraints"),
    view!(information_schema "collations"),
    view!(information_schema "column_privileges"),
    view!(information_schema "column_udt_usage"),
    view!(information_schema "columns"),
    view!(information_schema "constraint_column_usage"),
    view!(information_schema "constraint_table_usage"),
    view!(information_schema "element_types"),
    view!(information_schema "enabled_roles"),
    view!(information_schema "information_schema_catalog_name"),
    view!(information_schema "key_column_usage"),
    view!(information_schema "parameters"),
    view!(information_schema "referential_constraints"),
    view!(information_schema "role_column_grants"),
    view!(information_schema "role_table_grants"),
    view!(information_schema "routines"),
    view!(information_schema "schemata"),
    view!(information_schema "sequences"),
    view!(information_schema "table_constraints"),
    view!(information_schema "table_privileges"),
    view!(information_schema "tables"),
    view!(information_schema "triggered_update_columns"),
    view!(information_schema "triggers"),
    view!(information_schema "view_column_usage"),
    view!(information_schema "view_table_usage"),
    view!(information_schema "views"),
];
