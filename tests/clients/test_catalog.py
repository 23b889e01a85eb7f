"""The catalog beside that of a real PostgreSQL 15 that holds the same tables.

The tables are those of `browse.sql`, dumped by pg_dump from egret and restored. `catalog.sql` has a
query for every relation and function that clients are known to read; OIDs of users' objects are
compared by the names of what they stand for.
"""

import pytest
import servers
from beside import Side

QUERIES = (servers.ROOT / "tests/clients/catalog.sql").read_text().strip().split("\n\n")


@pytest.fixture(scope="module")
def sides(served, restored):
    """egret and PostgreSQL."""
    both = Side(served), Side(restored)
    yield both
    for side in both:
        side.connection.close()


@pytest.mark.parametrize("sql", QUERIES, ids=range(1, len(QUERIES) + 1))
def test_query(sides, sql):
    """Names and types of columns, and rows."""
    ours, theirs = (side.answer(sql) for side in sides)
    assert ours == theirs


def test_every_column(sides):
    """Every relation of PostgreSQL 15 has its columns, by name, order and type."""
    relations = sides[1].connection.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace IN "
        "('pg_catalog'::regnamespace, 'information_schema'::regnamespace) ORDER BY 1").fetchall()
    assert len(relations) == 208
    for name, in relations:
        ours, theirs = (side.answer(f"SELECT * FROM {name} LIMIT 0") for side in sides)
        if name == "pg_stat_archiver":
            # Behind PostgreSQL's own columns it tells of backups that were proven.
            ours = [ours[0][:len(theirs[0])]]
        assert ours == theirs, name


def test_every_function(sides):
    """Functions that clients are known to call are there."""
    for call in CALLS:
        ours, theirs = (side.answer(f"SELECT {call} LIMIT 0") for side in sides)
        assert ours == theirs, call


# With the types that clients give; what they answer is compared by `catalog.sql`.
CALLS = [
    "acldefault('r', 10::oid)", "age(now())", "col_description(1259, 1)", "current_catalog",
    "current_database()", "current_schema", "current_schema()", "current_schemas(true)",
    "current_setting('work_mem')", "current_user", "format_type(23, NULL)", "getdatabaseencoding()",
    "has_any_column_privilege('pg_class', 'SELECT')", "has_column_privilege('pg_class', 'oid', 'SELECT')",
    "has_database_privilege(current_database(), 'CONNECT')", "has_function_privilege(1242, 'EXECUTE')",
    "has_schema_privilege('public', 'USAGE')", "has_table_privilege('pg_class', 'SELECT')",
    "inet_client_addr()", "inet_server_addr()", "like_escape('a', 'b')", "obj_description(1259, 'pg_class')",
    "oidvectortypes('23 25')", "pg_advisory_unlock_all()", "(SELECT count(*) FROM pg_available_extensions())",
    "pg_backend_pid()", "pg_blocking_pids(1)", "pg_char_to_encoding('UTF8')",
    "pg_collation_is_visible(100)", "pg_conf_load_time()", "pg_conversion_is_visible(1)",
    "pg_current_logfile()", "pg_current_wal_lsn()", "pg_database_size(current_database())",
    "pg_describe_object(1259, 1259, 0)", "pg_encoding_to_char(6)", "pg_export_snapshot()",
    "pg_function_is_visible(1242)", "pg_get_constraintdef(1)", "pg_get_expr(NULL, 1)",
    "pg_get_function_arg_default(1242, 1)", "pg_get_function_arguments(1242)",
    "pg_get_function_identity_arguments(1242)", "pg_get_function_result(1242)",
    "pg_get_function_sqlbody(1242)", "pg_get_functiondef(1)", "pg_get_indexdef(1)", "(SELECT count(*) FROM pg_get_keywords())",
    "pg_get_partkeydef(1)", "pg_get_ruledef(1)", "pg_get_serial_sequence('\"Artist\"', 'ArtistId')",
    "pg_get_statisticsobjdef_columns(1)", "pg_get_triggerdef(1)", "pg_get_userbyid(10)",
    "pg_get_viewdef(1)", "pg_has_role('pg_monitor', 'USAGE')", "pg_index_column_has_property(1, 1, 'asc')",
    "pg_indexes_size('\"Artist\"')", "pg_is_in_recovery()", "pg_is_other_temp_schema(1)",
    "pg_is_wal_replay_paused()", "pg_last_wal_receive_lsn()", "pg_last_wal_replay_lsn()",
    "pg_last_xact_replay_timestamp()", "pg_listening_channels()", "pg_my_temp_schema()",
    "pg_opclass_is_visible(1)", "pg_operator_is_visible(1)", "pg_opfamily_is_visible(1)",
    "(SELECT count(*) FROM pg_options_to_table(NULL))", "pg_partition_ancestors(1)", "pg_partition_root(1)",
    "pg_postmaster_start_time()", "pg_relation_filenode(1)", "pg_relation_is_publishable(1)",
    "pg_relation_size('\"Artist\"')", "pg_sequence_last_value('\"Artist_ArtistId_seq\"')",
    "(SELECT count(*) FROM pg_show_all_settings())", "pg_size_pretty(1::int8)", "pg_statistics_obj_is_visible(1)",
    "pg_table_is_visible(1259)", "pg_table_size('\"Artist\"')", "pg_tablespace_location(1)",
    "pg_tablespace_size('pg_default')", "(SELECT count(*) FROM pg_timezone_names())", "pg_total_relation_size('\"Artist\"')",
    "pg_ts_config_is_visible(1)", "pg_ts_dict_is_visible(1)", "pg_ts_parser_is_visible(1)",
    "pg_ts_template_is_visible(1)", "pg_type_is_visible(23)", "pg_wal_lsn_diff('0/1', '0/0')",
    "quote_ident('a')", "quote_literal('a')", "quote_nullable('a')", "row_security_active('pg_class')",
    "session_user", "set_config('a.b', 'c', false)", "shobj_description(1, 'pg_database')",
    "to_regclass('pg_class')", "to_regtype('int4')", "(SELECT count(*) FROM ts_token_type('default'))", "txid_current()",
    "version()",
]
