//! The keywords of PostgreSQL 15 that cannot be just any name, by what they cannot be.
//! <https://www.postgresql.org/docs/15/sql-keywords-appendix.html>

/// It is a name nowhere but behind AS.
pub(in crate::statement) fn is_reserved(word: &str) -> bool {
    RESERVED.binary_search(&word).is_ok()
}

/// It may name a type or function, and no column or table.
pub(in crate::statement) fn is_type_or_function(word: &str) -> bool {
    TYPE_OR_FUNCTION.binary_search(&word).is_ok()
}

/// It may name a column or table, and no function or type.
pub(in crate::statement) fn is_column_name(word: &str) -> bool {
    COLUMN_NAME.binary_search(&word).is_ok()
}

/// `reserved`, sorted.
#[rustfmt::skip]
const RESERVED: [&str; 77] = [
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "both", "case",
    "cast", "check", "collate", "column", "constraint", "create", "current_catalog",
    "current_date", "current_role", "current_time", "current_timestamp", "current_user",
    "default", "deferrable", "desc", "distinct", "do", "else", "end", "except", "false", "fetch",
    "for", "foreign", "from", "grant", "group", "having", "in", "initially", "intersect", "into",
    "lateral", "leading", "limit", "localtime", "localtimestamp", "not", "null", "offset", "on",
    "only", "or", "order", "placing", "primary", "references", "returning", "select",
    "session_user", "some", "symmetric", "table", "then", "to", "trailing", "true", "union",
    "unique", "user", "using", "variadic", "when", "where", "window", "with",
];

/// `reserved (can be function or type)`, sorted.
#[rustfmt::skip]
const TYPE_OR_FUNCTION: [&str; 23] = [
    "authorization", "binary", "collation", "concurrently", "cross", "current_schema", "freeze",
    "full", "ilike", "inner", "is", "isnull", "join", "left", "like", "natural", "notnull",
    "outer", "overlaps", "right", "similar", "tablesample", "verbose",
];

/// `non-reserved (cannot be function or type)`, sorted.
#[rustfmt::skip]
const COLUMN_NAME: [&str; 51] = [
    "between", "bigint", "bit", "boolean", "char", "character", "coalesce", "dec", "decimal",
    "exists", "extract", "float", "greatest", "grouping", "inout", "int", "integer", "interval",
    "least", "national", "nchar", "none", "normalize", "nullif", "numeric", "out", "overlay",
    "position", "precision", "real", "row", "setof", "smallint", "substring", "time", "timestamp",
    "treat", "trim", "values", "varchar", "xmlattributes", "xmlconcat", "xmlelement", "xmlexists",
    "xmlforest", "xmlnamespaces", "xmlparse", "xmlpi", "xmlroot", "xmlserialize", "xmltable",
];
