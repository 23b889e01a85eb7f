//! What a trigger runs, as a function in PL/pgSQL.
//!
//! What enters: a trigger's body, the statements between BEGIN and END. What leaves: a block that
//! does the same in Postgres as far as its SQL means the same there: a query is performed, and
//! RAISE is raised. <https://www.sqlite.org/lang_createtrigger.html>

use crate::schema::spelling::Spelling;
use crate::schema::token::{Token, text, tokens};
use crate::schema::{Relation, Schema, Trigger, TriggerText, identifier, trigger_text};

/// `prosrc`
pub(super) fn body(schema: &Schema, table: &Relation, trigger: &Trigger) -> String {
    let trigger = trigger_text(&trigger.sql);
    let stored = trigger.body;
    let spelling = Spelling::of_query(schema, stored, table);
    let tokens = tokens(stored);
    let statements = tokens.split(|token| token.is(";")).filter(|part| !part.is_empty());
    let lines: String =
        statements.map(|part| format!("  {};\n", statement(&spelling, stored, part))).collect();
    format!("\nBEGIN\n{lines}  RETURN {};\nEND\n", returned(&trigger))
}

/// `pg_get_functiondef`
pub(super) fn definition(schema: &Schema, table: &Relation, trigger: &Trigger) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION public.{}()\n RETURNS trigger\n LANGUAGE plpgsql\n\
         AS $function${}$function$\n",
        identifier(&trigger.name),
        body(schema, table, trigger)
    )
}

/// The row that goes on; nobody looks at it after the change.
fn returned(trigger: &TriggerText<'_>) -> &'static str {
    match (trigger.timing, trigger.event) {
        ("AFTER", _) => "NULL",
        (_, "DELETE") => "OLD",
        _ => "NEW",
    }
}

fn statement(spelling: &Spelling<'_>, sql: &str, tokens: &[Token<'_>]) -> String {
    let spell = |part: &[Token<'_>]| spelling.spell(text(sql, part));
    let Some(raise) = Raise::find(tokens) else {
        return match tokens {
            [first, rest @ ..] if first.word("SELECT") => format!("PERFORM {}", spell(rest)),
            _ => spell(tokens),
        };
    };
    let action = match raise.message {
        None => "RETURN NULL".to_owned(),
        Some(message) => format!("RAISE EXCEPTION '%', {}", spell(message)),
    };
    match raise.condition {
        None => action,
        Some(condition) => format!("IF {} THEN {action}; END IF", spell(condition)),
    }
}

/// `SELECT RAISE(ABORT, 'message') WHERE condition`, or the same as
/// `SELECT CASE WHEN condition THEN RAISE(...) END`.
struct Raise<'t> {
    /// `None` for RAISE(IGNORE).
    message: Option<&'t [Token<'t>]>,
    condition: Option<&'t [Token<'t>]>,
}

impl<'t> Raise<'t> {
    fn find(tokens: &'t [Token<'t>]) -> Option<Self> {
        let at = tokens.iter().position(|token| token.word("RAISE"))?;
        let close = at + tokens.get(at..)?.iter().position(|token| token.is(")"))?;
        let arguments = tokens.get(at + 2..close)?;
        let message = match arguments {
            [kind] if kind.word("IGNORE") => None,
            [_, comma, message @ ..] if comma.is(",") => Some(message),
            _ => return None,
        };
        let condition = match (&tokens[..at], &tokens[close + 1..]) {
            ([select], []) if select.word("SELECT") => None,
            ([select], [r#where, condition @ ..])
                if select.word("SELECT") && r#where.word("WHERE") =>
            {
                Some(condition)
            }
            ([_, case, when, condition @ .., then], [end])
                if case.word("CASE")
                    && when.word("WHEN")
                    && then.word("THEN")
                    && end.word("END") =>
            {
                Some(condition)
            }
            _ => return None,
        };
        Some(Self { message, condition })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Namespace, RelationKind};

    #[test]
    fn bodies() {
        let table = Relation::named(Namespace::Public, "t".to_owned(), RelationKind::Table);
        let schema = Schema::new(1, vec![table.clone()]);
        for (stored, shown) in [
            (
                "AFTER INSERT ON t BEGIN DELETE FROM u WHERE a == new.a; SELECT f(1); END",
                "  DELETE FROM u WHERE a = new.a;\n  PERFORM f(1);\n  RETURN NULL;\n",
            ),
            (
                "BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'no') WHERE old.a > 1; END",
                "  IF old.a > 1 THEN RAISE EXCEPTION '%', 'no'; END IF;\n  RETURN OLD;\n",
            ),
            (
                "BEFORE UPDATE ON t WHEN 1 BEGIN SELECT CASE WHEN 1 THEN RAISE(IGNORE) END; END",
                "  IF 1 THEN RETURN NULL; END IF;\n  RETURN NEW;\n",
            ),
        ] {
            let sql = format!("CREATE TRIGGER r {stored}");
            let trigger = Trigger { oid: 0, name: "r".to_owned(), sql };
            assert_eq!(body(&schema, &table, &trigger), format!("\nBEGIN\n{shown}END\n"));
        }
    }
}
