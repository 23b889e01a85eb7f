//! Why a statement was refused, in Postgres's words.

/// A refusal and the place in the text it is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Byte offset into the statement's text; clients are told 1-based characters.
    pub position: Option<usize>,
}

/// What is wrong with a statement. <https://www.postgresql.org/docs/15/errcodes-appendix.html>
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The text is not SQL from here on.
    #[error("syntax error at or near \"{0}\"")]
    Syntax(String),
    /// The text ends too early.
    #[error("syntax error at end of input")]
    UnexpectedEnd,
    /// A literal or comment is not closed: the whole message.
    #[error("unterminated {construct} at or near \"{near}\"")]
    Unterminated {
        /// `quoted string`, `quoted identifier`, `/* comment` ...
        construct: &'static str,
        /// What follows its start.
        near: String,
    },
    /// A token is malformed: `trailing junk after numeric literal` ...
    #[error("{what} at or near \"{near}\"")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
        /// The token.
        near: String,
    },
    /// A literal's inside is malformed (a bad escape, a bad digit).
    #[error("invalid {construct} at or near \"{near}\"")]
    InvalidLiteral {
        /// `Unicode escape`, `hexadecimal integer` ...
        construct: &'static str,
        /// The malformed part.
        near: String,
    },
    /// Too deeply nested.
    #[error("stack depth limit exceeded")]
    TooDeep,
    /// A select list is too long.
    #[error("target lists can have at most {0} entries")]
    TooManyColumns(usize),
    /// More than egret or SQLite takes of something.
    #[error("{what} exceeds the limit of {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much may be.
        limit: usize,
    },
    /// Postgres has it, egret has not.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// More than one statement where one is allowed.
    #[error("cannot insert multiple commands into a prepared statement")]
    MultipleStatements,
    /// No such namespace.
    #[error("schema \"{0}\" does not exist")]
    UndefinedSchema(String),
    /// No such relation.
    #[error("relation \"{0}\" does not exist")]
    UndefinedTable(String),
    /// There is one of that name already.
    #[error("relation \"{0}\" already exists")]
    DuplicateTable(String),
    /// Another kind of relation is needed.
    #[error("\"{name}\" is not a {wanted}")]
    WrongObjectType {
        /// The relation.
        name: String,
        /// `table`, `view`, `index`.
        wanted: &'static str,
    },
    /// The fields are asked for of what has none: its type.
    #[error("type {0} is not composite")]
    NotComposite(String),
    /// A view and suchlike cannot be written.
    #[error("cannot {action} view \"{name}\"")]
    NotUpdatable {
        /// `insert into`, `update`, `delete from`.
        action: &'static str,
        /// The view.
        name: String,
    },
    /// A qualifier names nothing in FROM.
    #[error("missing FROM-clause entry for table \"{0}\"")]
    MissingFrom(String),
    /// Two FROM items of one name.
    #[error("table name \"{0}\" specified more than once")]
    DuplicateAlias(String),
    /// No such column.
    #[error("column {name} does not exist")]
    UndefinedColumn {
        /// Quoted or qualified, as Postgres writes it.
        name: String,
        /// `Perhaps you meant to reference the column ...`
        hint: Option<String>,
    },
    /// No such column in the target of INSERT or UPDATE, in a USING list ...
    #[error("column \"{column}\" of relation \"{relation}\" does not exist")]
    UndefinedColumnOf {
        /// The column.
        column: String,
        /// The relation.
        relation: String,
    },
    /// USING names a column that one side has not.
    #[error("column \"{column}\" specified in USING clause does not exist in {side} table")]
    UndefinedUsing {
        /// The column.
        column: String,
        /// `left`, `right`
        side: &'static str,
    },
    /// Two columns fit.
    #[error("column reference \"{0}\" is ambiguous")]
    AmbiguousColumn(String),
    /// One column twice in a list.
    #[error("column \"{0}\" specified more than once")]
    DuplicateColumn(String),
    /// A column that is there is added.
    #[error("column \"{column}\" of relation \"{table}\" already exists")]
    ColumnExists {
        /// The column.
        column: String,
        /// The table.
        table: String,
    },
    /// A value is given for a generated column.
    #[error("cannot {action} column \"{column}\"")]
    GeneratedColumn {
        /// `insert a non-DEFAULT value into`, `update`
        action: &'static str,
        /// The column.
        column: String,
    },
    /// ORDER BY or GROUP BY names an output column that is not there.
    #[error("{clause} position {ordinal} is not in select list")]
    BadOrdinal {
        /// `ORDER BY`, `GROUP BY`, `SELECT DISTINCT ON`
        clause: &'static str,
        /// The number given.
        ordinal: i64,
    },
    /// No such function, or none for these arguments.
    #[error("function {0} does not exist")]
    UndefinedFunction(String),
    /// Several functions fit equally.
    #[error("function {0} is not unique")]
    AmbiguousFunction(String),
    /// No such operator for these operands.
    #[error("operator does not exist: {0}")]
    UndefinedOperator(String),
    /// Several operators fit equally.
    #[error("operator is not unique: {0}")]
    AmbiguousOperator(String),
    /// No such type.
    #[error("type \"{0}\" does not exist")]
    UndefinedType(String),
    /// No such collation.
    #[error("collation \"{0}\" for encoding \"UTF8\" does not exist")]
    UndefinedCollation(String),
    /// No such constraint.
    #[error("constraint \"{constraint}\" for table \"{table}\" does not exist")]
    UndefinedConstraint {
        /// The constraint.
        constraint: String,
        /// The table.
        table: String,
    },
    /// No such index, sequence, type ... to drop or alter.
    #[error("{kind} \"{name}\" does not exist")]
    UndefinedObject {
        /// `index`, `view`, `table` ...
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// No parameter of that number can be.
    #[error("there is no parameter ${0}")]
    UndefinedParameter(u32),
    /// A type has no cast to another.
    #[error("cannot cast type {from} to {to}")]
    CannotCast {
        /// The source type.
        from: String,
        /// The target type.
        to: String,
    },
    /// A value of the wrong type is assigned to a column.
    #[error("column \"{column}\" is of type {wanted} but expression is of type {given}")]
    WrongColumnType {
        /// The column.
        column: String,
        /// Its type.
        wanted: String,
        /// What was given.
        given: String,
    },
    /// A clause wants another type.
    #[error("argument of {clause} must be type {wanted}, not type {given}")]
    WrongType {
        /// `WHERE`, `AND`, `LIMIT` ...
        clause: &'static str,
        /// What it wants.
        wanted: &'static str,
        /// What it got.
        given: String,
    },
    /// Arms of CASE, UNION, VALUES ... do not go together.
    #[error("{construct} types {left} and {right} cannot be matched")]
    CannotMatchTypes {
        /// `CASE`, `UNION`, `VALUES`, `ARRAY`, `COALESCE` ...
        construct: &'static str,
        /// One type.
        left: String,
        /// The other type.
        right: String,
    },
    /// Rows or lists of different length.
    #[error("{0}")]
    WrongArity(&'static str),
    /// A literal is not a value of its type; SQLSTATE and message are of the type's input function.
    #[error(transparent)]
    Literal(#[from] BadValue),
    /// A misuse of grammar that Postgres reports after parsing.
    #[error("{0}")]
    Grammar(&'static str),
    /// ON CONFLICT names no unique constraint.
    #[error("there is no unique or exclusion constraint matching the ON CONFLICT specification")]
    NoConflictTarget,
    /// A column that a query with GROUP BY or aggregates names outside of them.
    #[error(
        "column \"{0}\" must appear in the GROUP BY clause or be used in an aggregate function"
    )]
    Ungrouped(String),
    /// DISTINCT sorts by what it shows only.
    #[error("for SELECT DISTINCT, ORDER BY expressions must appear in select list")]
    DistinctOrder,
    /// The session may not write.
    #[error("cannot execute {0} in a read-only transaction")]
    ReadOnly(String),
}

/// What an input function says of a malformed value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadValue {
    /// Five characters, e.g. `22P02`.
    pub sqlstate: &'static str,
    /// Postgres's wording.
    pub message: String,
}

impl ErrorKind {
    /// The error, at a byte offset of the statement's text.
    #[must_use]
    pub fn at(self, position: impl Into<Option<usize>>) -> Error {
        Error { kind: self, position: position.into() }
    }

    /// The SQLSTATE Postgres gives.
    #[must_use]
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Self::Syntax(_) | Self::UnexpectedEnd | Self::Unterminated { .. } => "42601",
            Self::InvalidLiteral { .. } | Self::MultipleStatements | Self::WrongArity(_) => "42601",
            Self::Grammar(_) | Self::Malformed { .. } => "42601",
            Self::TooManyColumns(_) => "54011",
            Self::TooDeep | Self::TooMany { .. } => "54001",
            Self::Unsupported(_) => "0A000",
            Self::UndefinedSchema(_) => "3F000",
            Self::UndefinedTable(_) | Self::MissingFrom(_) => "42P01",
            Self::DuplicateTable(_) => "42P07",
            Self::WrongObjectType { .. } | Self::NotComposite(_) => "42809",
            Self::NotUpdatable { .. } => "55000",
            Self::DuplicateAlias(_) => "42712",
            Self::UndefinedColumn { .. } | Self::UndefinedColumnOf { .. } => "42703",
            Self::UndefinedUsing { .. } => "42703",
            Self::AmbiguousColumn(_) => "42702",
            Self::DuplicateColumn(_) | Self::ColumnExists { .. } => "42701",
            Self::GeneratedColumn { .. } => "428C9",
            Self::BadOrdinal { .. } | Self::NoConflictTarget | Self::DistinctOrder => "42P10",
            Self::Ungrouped(_) => "42803",
            Self::UndefinedFunction(_) | Self::UndefinedOperator(_) => "42883",
            Self::AmbiguousFunction(_) | Self::AmbiguousOperator(_) => "42725",
            Self::UndefinedType(_) | Self::UndefinedCollation(_) => "42704",
            Self::UndefinedConstraint { .. } => "42704",
            Self::UndefinedObject { kind, .. } => match *kind {
                "table" | "view" => "42P01",
                _ => "42704",
            },
            Self::UndefinedParameter(_) => "42P02",
            Self::CannotCast { .. } => "42846",
            Self::WrongColumnType { .. } | Self::WrongType { .. } => "42804",
            Self::CannotMatchTypes { .. } => "42804",
            Self::Literal(bad) => bad.sqlstate,
            Self::ReadOnly(_) => "25006",
        }
    }

    /// The HINT Postgres adds.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        const FUNCTION: &str = "No function matches the given name and argument types. \
                                You might need to add explicit type casts.";
        const OPERATOR: &str = "No operator matches the given name and argument types. \
                                You might need to add explicit type casts.";
        match self {
            Self::UndefinedColumn { hint, .. } => hint.clone(),
            Self::UndefinedFunction(_) => Some(FUNCTION.to_owned()),
            Self::UndefinedOperator(_) => Some(OPERATOR.to_owned()),
            Self::WrongColumnType { .. } => {
                Some("You will need to rewrite or cast the expression.".to_owned())
            }
            _ => None,
        }
    }
}

impl Error {
    /// The SQLSTATE Postgres gives.
    #[must_use]
    pub fn sqlstate(&self) -> &'static str {
        self.kind.sqlstate()
    }

    /// The position as clients count it: characters of `text`, from 1.
    #[must_use]
    pub fn position_in(&self, text: &str) -> Option<usize> {
        let before = text.get(..self.position?)?;
        Some(before.chars().count() + 1)
    }
}
