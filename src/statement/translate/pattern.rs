//! LIKE with a literal pattern: SQLite's GLOB says the same, and can use an index.

use super::typed::{Form, Typed};
use super::{Translator, quote};
use crate::statement::Error;
use crate::types::Type;

impl Translator<'_> {
    /// `text GLOB pattern` for `text LIKE pattern [ESCAPE escape]`; `None` when a pattern is not
    /// known yet or cannot be said.
    pub(super) fn glob(
        &mut self,
        negated: bool,
        arguments: &[Typed],
    ) -> Result<Option<Typed>, Error> {
        let (text, pattern, escape) = match arguments {
            [text, pattern] => (text, pattern, Some('\\')),
            [text, pattern, escape] => {
                let Form::Text(escape, _) = &escape.form else { return Ok(None) };
                let mut characters = escape.chars();
                let first = characters.next();
                if characters.next().is_some() {
                    return Ok(None);
                }
                (text, pattern, first)
            }
            _ => return Ok(None),
        };
        let Form::Text(pattern, _) = &pattern.form else { return Ok(None) };
        let string = text.is_unknown() || text.ty.ty.category() == 'S';
        let Some(glob) = as_glob(pattern, escape).filter(|_| string) else { return Ok(None) };
        let text = self.settle(text.clone())?;
        let op = if negated { "NOT GLOB" } else { "GLOB" };
        let sql = format!("{} {op} {}", text.operand(), quote::string(&glob));
        Ok(Some(Typed { not_null: text.not_null, ..Typed::operator(sql, Type::BOOL) }))
    }
}

/// A LIKE pattern as a GLOB pattern; `None` when it ends in its escape character, an error that the
/// function raises when it runs.
fn as_glob(pattern: &str, escape: Option<char>) -> Option<String> {
    let mut out = String::with_capacity(pattern.len() + 2);
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        match c {
            c if Some(c) == escape => push_plain(characters.next()?, &mut out),
            '%' => out.push('*'),
            '_' => out.push('?'),
            c => push_plain(c, &mut out),
        }
    }
    Some(out)
}

fn push_plain(c: char, out: &mut String) {
    if matches!(c, '*' | '?' | '[') {
        out.push('[');
        out.push(c);
        out.push(']');
    } else {
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let glob = |pattern| as_glob(pattern, Some('\\'));
        assert_eq!(glob("a%b_"), Some("a*b?".to_owned()));
        assert_eq!(glob("100\\%*[x"), Some("100%[*][[]x".to_owned()));
        assert_eq!(glob("a\\"), None);
    }
}
