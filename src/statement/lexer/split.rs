//! A text of several statements in, the range of each out.

use super::{Kind, Lexer, Token};
use crate::statement::error::Error;
use std::ops::Range;

/// The ranges of the statements of a text, split at the semicolons that end them; empty ones left out.
///
/// A semicolon inside parentheses (the actions of a rule), inside a trigger's `BEGIN ... END` and
/// inside a function's `BEGIN ATOMIC ... END` ends nothing.
///
/// # Errors
/// As [`tokens`](super::tokens), when there is more than one statement.
pub fn split(text: &str) -> Result<Vec<Range<usize>>, Error> {
    if let Some(only) = single(text) {
        return only.map(|range| range.into_iter().collect());
    }
    let mut ranges = Vec::new();
    let mut current: Option<Range<usize>> = None;
    let mut body = Body::default();
    for token in Lexer::new(text) {
        let token = token?;
        if token.is_symbol(b';') && body.is_closed() {
            ranges.extend(current.take());
            body = Body::default();
            continue;
        }
        body.pass(token, text);
        current = Some(current.map_or(token.start, |range| range.start)..token.end);
    }
    ranges.extend(current);
    Ok(ranges)
}

/// The common case without reading tokens: no semicolon but perhaps the last character.
fn single(text: &str) -> Option<Result<Option<Range<usize>>, Error>> {
    let trimmed = text.trim_ascii_end();
    let end = match trimmed.bytes().position(|byte| byte == b';') {
        None => trimmed.len(),
        Some(at) if at + 1 == trimmed.len() => at,
        Some(_) => return None,
    };
    let mut lexer = Lexer::new(&text[..end]);
    Some(lexer.skip_space().map(|()| (lexer.position() < end).then(|| lexer.position()..end)))
}

/// How deep in parentheses and bodies a statement is.
#[derive(Default)]
struct Body {
    words: usize,
    create: Create,
    parentheses: usize,
    on: bool,
    begin: bool,
    /// Open `BEGIN` and `CASE`, each with an `END` to come.
    blocks: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Create {
    #[default]
    Other,
    /// CREATE and words that may follow it.
    Started,
    Trigger,
    Routine,
}

impl Body {
    fn is_closed(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }

    fn pass(&mut self, token: Token, text: &str) {
        match token.kind {
            Kind::Symbol(b'(') => self.parentheses += 1,
            Kind::Symbol(b')') => self.parentheses = self.parentheses.saturating_sub(1),
            Kind::Word => self.word(token.text(text)),
            _ => {}
        }
        self.words += 1;
    }

    fn word(&mut self, word: &str) {
        let is = |other: &str| word.eq_ignore_ascii_case(other);
        if self.words == 0 || self.create == Create::Started {
            self.create = self.head(word);
            return;
        }
        let after_begin = std::mem::take(&mut self.begin);
        match self.create {
            Create::Trigger if is("on") => self.on = true,
            Create::Trigger if is("begin") && self.on && self.blocks == 0 => self.blocks = 1,
            Create::Routine if is("begin") => self.begin = true,
            Create::Routine if is("atomic") && after_begin => self.blocks += 1,
            Create::Trigger | Create::Routine if self.blocks > 0 && is("case") => self.blocks += 1,
            Create::Trigger | Create::Routine if self.blocks > 0 && is("end") => self.blocks -= 1,
            _ => {}
        }
    }

    /// What the first words of a statement create.
    fn head(&self, word: &str) -> Create {
        let is = |other: &&str| word.eq_ignore_ascii_case(other);
        match self.create {
            Create::Other if is(&"create") => Create::Started,
            Create::Started if is(&"trigger") => Create::Trigger,
            Create::Started if ["function", "procedure"].iter().any(is) => Create::Routine,
            Create::Started if ["or", "replace", "temp", "temporary"].iter().any(is) => {
                Create::Started
            }
            _ => Create::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    fn parts(text: &str) -> Vec<&str> {
        split(text).unwrap().into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn single_statements() {
        assert_eq!(parts(""), [""; 0]);
        assert_eq!(parts(" ; ;; -- x;\n/* ; */"), [""; 0]);
        assert_eq!(parts(" select 1 ; "), ["select 1 "]);
        assert_eq!(parts("-- a\nselect 1"), ["select 1"]);
        assert_eq!(parts("--;"), [""; 0]);
    }

    #[test]
    fn several_statements() {
        assert_eq!(parts("a;b ; c"), ["a", "b", "c"]);
        assert_eq!(parts("select ';', $$;$$, \";\" /* ; */; x"), ["select ';', $$;$$, \";\"", "x"]);
        assert_eq!(
            parts("begin; select case when 1 then 2 end; commit"),
            ["begin", "select case when 1 then 2 end", "commit"]
        );
    }

    #[test]
    fn bodies() {
        let trigger = "CREATE TEMP TRIGGER IF NOT EXISTS t AFTER INSERT ON a BEGIN \
                       UPDATE b SET c = CASE WHEN 1 THEN 2 END; DELETE FROM d; END";
        assert_eq!(parts(&format!("{trigger}; select 1")), [trigger, "select 1"]);
        let routine = "create or replace function f() returns int begin atomic \
                       select 1; select case when true then 2 end; end";
        assert_eq!(parts(&format!("{routine}; select 1")), [routine, "select 1"]);
        let rule =
            "create rule r as on insert to t do also (insert into a values (1); delete from b)";
        assert_eq!(parts(&format!("{rule}; select 1")), [rule, "select 1"]);
        let trigger = "create trigger t before insert on a for each row execute function f()";
        assert_eq!(parts(&format!("{trigger}; select 1")), [trigger, "select 1"]);
    }

    #[test]
    fn errors() {
        assert!(split("select 1; select 'x").is_err());
    }
}
