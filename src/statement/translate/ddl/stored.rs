//! Expressions that are stored in a file's schema: defaults, checks, index keys, views.
//!
//! The file must stay readable by any SQLite, so nothing here may call a function of ours. Many of
//! those have a close relative among SQLite's own; where there is none the definition is refused.

use crate::statement::lexer::{self, Kind};
use crate::statement::{Error, ErrorKind};

/// What a private function is in plain SQLite; `None` when it has no such form.
pub(in super::super) fn native(function: &str, arguments: &[&str]) -> Option<String> {
    let sql = match (function, arguments) {
        ("pg_now" | "pg_statement_timestamp" | "pg_clock_timestamp", []) => {
            "CURRENT_TIMESTAMP".to_owned()
        }
        ("pg_transaction_timestamp", []) => "CURRENT_TIMESTAMP".to_owned(),
        ("pg_timestamptz_to_date", ["CURRENT_TIMESTAMP"]) => "CURRENT_DATE".to_owned(),
        ("pg_timestamptz_to_time", ["CURRENT_TIMESTAMP"]) => "CURRENT_TIME".to_owned(),
        ("pg_timestamptz_to_date" | "pg_timestamp_to_date", [x]) => format!("date({x})"),
        ("pg_timestamptz_to_timestamp" | "pg_timestamp_to_timestamptz", [x]) => (*x).to_owned(),
        ("pg_timezone_timestamptz", ["'utc'" | "'UTC'", x]) => (*x).to_owned(),
        ("pg_text_to_timestamptz" | "pg_text_to_timestamp" | "pg_text_to_date", [x])
        | ("pg_text_to_jsonb", [x]) => (*x).to_owned(),
        ("pg_gen_random_uuid", []) => RANDOM_UUID.to_owned(),
        ("pg_lower" | "pg_upper", [x]) => format!("{}({x})", &function[3..]),
        ("pg_substr", arguments) => format!("substr({})", arguments.join(", ")),
        ("pg_left", [x, n]) => format!("substr({x}, 1, {n})"),
        ("pg_concat", arguments) => format!("concat({})", arguments.join(", ")),
        ("pg_numeric_mul", [a, b]) => format!("({a}) * ({b})"),
        ("pg_numeric_add", [a, b]) => format!("({a}) + ({b})"),
        ("pg_numeric_sub", [a, b]) => format!("({a}) - ({b})"),
        ("pg_numeric_div", [a, b]) => format!("({a}) * 1.0 / ({b})"),
        ("pg_numeric_neg", [a]) => format!("-({a})"),
        ("pg_float8_add" | "pg_float4_add", [a, b]) => format!("({a}) + ({b})"),
        ("pg_float8_sub" | "pg_float4_sub", [a, b]) => format!("({a}) - ({b})"),
        ("pg_float8_mul" | "pg_float4_mul", [a, b]) => format!("({a}) * ({b})"),
        ("pg_div_float8" | "pg_div_float4", [a, b]) => format!("({a}) / ({b})"),
        ("pg_float8_neg", [a]) => format!("-({a})"),
        ("pg_float8_abs", [a]) => format!("abs({a})"),
        ("pg_float4_to_float8", [a]) => (*a).to_owned(),
        ("pg_sum_float8" | "pg_sum_float4", [x]) => format!("sum({x})"),
        ("pg_div_int" | "pg_div_int2" | "pg_div_int4", [a, b]) => format!("({a}) / ({b})"),
        ("pg_mod_int", [a, b]) => format!("({a}) % ({b})"),
        ("pg_avg" | "pg_avg_numeric", [x]) => format!("avg({x})"),
        ("pg_sum_numeric", [x]) => format!("sum({x})"),
        ("pg_abs_numeric", [x]) => format!("abs({x})"),
        ("pg_bool_and", [x]) => format!("min({x})"),
        ("pg_bool_or", [x]) => format!("max({x})"),
        ("pg_json_get" | "pg_json_get_index", [x, key]) => format!("({x}) -> {key}"),
        ("pg_json_get_text" | "pg_json_get_index_text", [x, key]) => format!("({x}) ->> {key}"),
        ("pg_ilike", [x, pattern]) => format!("({x}) LIKE {pattern} ESCAPE '\\'"),
        (_, [x]) if is_text_output(function) => format!("CAST({x} AS TEXT)"),
        ("pg_text_to_int2" | "pg_text_to_int4" | "pg_text_to_int8", [x]) => {
            format!("CAST({x} AS INTEGER)")
        }
        ("pg_numeric_to_int4" | "pg_numeric_to_int8" | "pg_float8_to_int4", [x]) => {
            format!("CAST(round({x}) AS INTEGER)")
        }
        ("pg_text_to_float8" | "pg_to_float8", [x]) => format!("CAST({x} AS REAL)"),
        ("pg_text_to_numeric" | "pg_float8_to_numeric", [x]) => format!("CAST({x} AS NUMERIC)"),
        ("pg_int_to_int2" | "pg_int_to_int4" | "pg_int_to_bool", [x]) => (*x).to_owned(),
        ("pg_max_numeric" | "pg_min_numeric", [x]) => format!("{}({x})", &function[3..6]),
        (_, [x, ..]) if function.ends_with("_typmod") || function.ends_with("_typmod_store") => {
            (*x).to_owned()
        }
        _ => return None,
    };
    Some(sql)
}

/// Refuses a definition that still calls a function of ours, by its name.
pub(super) fn check(sql: &str) -> Result<(), Error> {
    let tokens = lexer::tokens(sql)?;
    for pair in tokens.windows(2) {
        let [word, next] = pair else { continue };
        let text = word.text(sql);
        let private = text.starts_with("pg_") || text.starts_with("_pg_");
        if word.kind == Kind::Word && private && next.is_symbol(b'(') {
            let name = text.trim_start_matches("pg_");
            let what = format!("{name} in a definition that SQLite must read without egret");
            return Err(ErrorKind::Unsupported(what).at(None));
        }
    }
    Ok(())
}

fn is_text_output(function: &str) -> bool {
    function.ends_with("_to_text") && function.starts_with("pg_")
}

/// A random UUID, version 4, in SQLite's own functions.
const RANDOM_UUID: &str = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || \
    substr(hex(randomblob(2)), 2) || '-' || substr('89AB', 1 + (abs(random()) % 4), 1) || \
    substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))";
