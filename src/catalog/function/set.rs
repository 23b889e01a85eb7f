//! Set-returning functions of the catalog, as tables with arguments.
//! <https://www.postgresql.org/docs/15/functions-info.html>

use crate::catalog::relation::table;
use crate::catalog::rowset::{Cell, RowSet, Scan, row};
use crate::sqlite::table::{Affinity, Caller, ColumnRole, Rows, Source, SourceColumn};
use crate::sqlite::{Connection, Error, FunctionError};
use crate::types::Value;
use std::sync::Arc;

/// Relations whose rows a function of the same name gives: one table serves as both.
const RELATIONS: [&str; 4] = [
    "pg_catalog.pg_available_extension_versions",
    "pg_catalog.pg_available_extensions",
    "pg_catalog.pg_timezone_abbrevs",
    "pg_catalog.pg_timezone_names",
];

/// Registers them on a connection.
pub(in crate::catalog) fn register(connection: &Connection) -> Result<(), Error> {
    crate::catalog::attach(connection, &RELATIONS)?;
    for function in FUNCTIONS {
        connection.add_table(function.name, Arc::new(function))?;
    }
    Ok(())
}

/// One function: its columns, how many arguments it takes, and what makes its rows.
#[derive(Debug)]
struct SetFunction {
    name: &'static str,
    columns: &'static [&'static str],
    arguments: usize,
    rows: fn(&Caller<'_>, &[Value]) -> Result<Vec<Cell>, FunctionError>,
}

const FUNCTIONS: &[SetFunction] = &[
    SetFunction { name: "_pg_expandarray", columns: &["x", "n"], arguments: 1, rows: expand_array },
    SetFunction {
        name: "aclexplode",
        columns: &["grantor", "grantee", "privilege_type", "is_grantable"],
        arguments: 1,
        rows: explode_acl,
    },
    SetFunction {
        name: "pg_extension_update_paths",
        columns: &["source", "target", "path"],
        arguments: 1,
        rows: nothing,
    },
    SetFunction {
        name: "pg_get_keywords",
        columns: &["word", "catcode", "barelabel", "catdesc", "baredesc"],
        arguments: 0,
        rows: keywords,
    },
    SetFunction {
        name: "pg_identify_object",
        columns: &["type", "schema", "name", "identity"],
        arguments: 3,
        rows: super::identify::rows,
    },
    SetFunction {
        name: "pg_ls_tmpdir",
        columns: &["name", "size", "modification"],
        arguments: 1,
        rows: nothing,
    },
    SetFunction {
        name: "pg_ls_waldir",
        columns: &["name", "size", "modification"],
        arguments: 0,
        rows: nothing,
    },
    SetFunction {
        name: "pg_partition_ancestors",
        columns: &["value"],
        arguments: 1,
        rows: nothing,
    },
    SetFunction {
        name: "pg_partition_tree",
        columns: &["relid", "parentrelid", "isleaf", "level"],
        arguments: 1,
        rows: nothing,
    },
    SetFunction {
        name: "pg_show_all_settings",
        columns: &[
            "name",
            "setting",
            "unit",
            "category",
            "short_desc",
            "extra_desc",
            "context",
            "vartype",
            "source",
            "min_val",
            "max_val",
            "enumvals",
            "boot_val",
            "reset_val",
            "sourcefile",
            "sourceline",
            "pending_restart",
        ],
        arguments: 0,
        rows: |caller, _| relation_rows(caller, "pg_catalog.pg_settings"),
    },
    SetFunction {
        name: "pg_tablespace_databases",
        columns: &["value"],
        arguments: 1,
        rows: nothing,
    },
    SetFunction {
        name: "ts_token_type",
        columns: &["tokid", "alias", "description"],
        arguments: 1,
        rows: token_types,
    },
];

impl Source for &'static SetFunction {
    /// The function's own, `ordinality`, and the arguments.
    fn columns(&self) -> Vec<SourceColumn> {
        let shown = self.columns.iter().chain(&["ordinality"]).map(|&name| SourceColumn {
            name: name.into(),
            affinity: Affinity::None,
            role: ColumnRole::Shown,
        });
        let arguments = (1..=self.arguments).map(|i| SourceColumn {
            name: format!("argument{i}").into(),
            affinity: Affinity::None,
            role: ColumnRole::Argument,
        });
        shown.chain(arguments).collect()
    }

    fn estimate(&self, fixed: &[usize]) -> Option<u64> {
        fixed.is_empty().then_some(20)
    }

    fn open(
        &self,
        caller: &Caller<'_>,
        equals: &[(usize, Value)],
    ) -> Result<Box<dyn Rows>, FunctionError> {
        let arguments: Vec<_> = equals.iter().map(|(_, value)| value.clone()).collect();
        let width = self.columns.len();
        let mut numbered = Vec::new();
        if !arguments.contains(&Value::Null) {
            let cells = (self.rows)(caller, &arguments)?;
            for (number, row) in (1_i64..).zip(cells.chunks_exact(width)) {
                numbered.extend_from_slice(row);
                numbered.push(number.into());
            }
        }
        // What was given is what an argument's column holds.
        let given = arguments.into_iter().map(Cell::from).collect();
        let set = Arc::new(RowSet::new(width + 1, numbered));
        Ok(Box::new(Scan::new(vec![set], &[], given)))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a set-returning function")]
fn nothing(_: &Caller<'_>, _: &[Value]) -> Result<Vec<Cell>, FunctionError> {
    Ok(Vec::new())
}

fn text(arguments: &[Value]) -> &str {
    match arguments.first() {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

/// The elements of an array or a vector, with their subscripts.
fn expand_array(_: &Caller<'_>, arguments: &[Value]) -> Result<Vec<Cell>, FunctionError> {
    let array = text(arguments);
    let elements: Vec<Cell> = if array.starts_with('[') {
        let elements: Vec<serde_json::Value> = serde_json::from_str(array)
            .map_err(|error| FunctionError::new("22P02", error.to_string()))?;
        elements.into_iter().map(json_cell).collect()
    } else {
        let number = |word: &str| word.parse::<i64>().map_or(Cell::Null, Cell::Integer);
        array.split_ascii_whitespace().map(number).collect()
    };
    Ok((1_i64..).zip(elements).flat_map(|(n, x)| [x, n.into()]).collect())
}

fn json_cell(value: serde_json::Value) -> Cell {
    match value {
        serde_json::Value::Null => Cell::Null,
        serde_json::Value::Bool(truth) => truth.into(),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64().map_or(Cell::Null, Cell::Real),
        },
        serde_json::Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

/// `grantee=privileges/grantor`, a row for each privilege.
fn explode_acl(caller: &Caller<'_>, arguments: &[Value]) -> Result<Vec<Cell>, FunctionError> {
    let entries: Vec<String> = serde_json::from_str(text(arguments)).unwrap_or_default();
    let role = |name: &str| -> Result<Cell, FunctionError> {
        let oid = caller.slot().host().map(|host| super::describe::oid_of_role(&*host, name));
        Ok(oid.flatten().unwrap_or(0).into())
    };
    let mut cells = Vec::new();
    for entry in &entries {
        let Some((grantee, rest)) = entry.split_once('=') else { continue };
        let (letters, grantor) = rest.split_once('/').unwrap_or((rest, ""));
        let mut letters = letters.chars().peekable();
        while let Some(letter) = letters.next() {
            let grantable = letters.next_if_eq(&'*').is_some();
            let kind = privilege(letter);
            cells.extend(row![role(grantor)?, role(grantee)?, kind, grantable]);
        }
    }
    Ok(cells)
}

fn privilege(letter: char) -> &'static str {
    match letter {
        'r' => "SELECT",
        'a' => "INSERT",
        'w' => "UPDATE",
        'd' => "DELETE",
        'D' => "TRUNCATE",
        'x' => "REFERENCES",
        't' => "TRIGGER",
        'X' => "EXECUTE",
        'U' => "USAGE",
        'C' => "CREATE",
        'T' => "TEMPORARY",
        'c' => "CONNECT",
        's' => "SET",
        _ => "ALTER SYSTEM",
    }
}

/// Those of the only parser there is.
fn token_types(_: &Caller<'_>, arguments: &[Value]) -> Result<Vec<Cell>, FunctionError> {
    const DEFAULT_PARSER: i64 = 3722;
    const TOKENS: &str = include_str!("../../../catalog/token_types.txt");
    if !matches!(arguments.first(), Some(Value::Integer(DEFAULT_PARSER)))
        && text(arguments) != "default"
    {
        let message = format!("text search parser \"{}\" does not exist", text(arguments));
        return Err(FunctionError::new("42704", message));
    }
    let mut cells = Vec::new();
    for line in TOKENS.lines() {
        let mut fields = line.splitn(3, '\t');
        let number: i64 = fields.next().and_then(|n| n.parse().ok()).unwrap_or(0);
        cells.extend(row![number, fields.next(), fields.next()]);
    }
    Ok(cells)
}

/// Word, category and whether it may be a label without AS; the descriptions follow from these.
fn keywords(_: &Caller<'_>, _: &[Value]) -> Result<Vec<Cell>, FunctionError> {
    const KEYWORDS: &str = include_str!("../../../catalog/keywords.txt");
    let mut cells = Vec::new();
    for line in KEYWORDS.lines() {
        let mut fields = line.split('\t');
        let (word, category) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
        let bare = fields.next() == Some("1");
        let description = match category {
            "U" => "unreserved",
            "C" => "unreserved (cannot be function or type name)",
            "T" => "reserved (can be function or type name)",
            _ => "reserved",
        };
        let label = if bare { "can be bare label" } else { "requires AS" };
        cells.extend(row![word, category, bare, description, label]);
    }
    Ok(cells)
}

/// All rows of a relation, whether or not a statement names it.
fn relation_rows(caller: &Caller<'_>, name: &str) -> Result<Vec<Cell>, FunctionError> {
    let Some(table) = table(name) else { return Ok(Vec::new()) };
    let (sets, _) = table.sets(caller, &[])?;
    Ok(sets.iter().flat_map(|set| set.rows().flatten().cloned()).collect())
}
