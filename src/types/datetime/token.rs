//! Text of a date or time cut into fields, as Postgres cuts it.

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Digits, perhaps with a fraction: `20240102`, `15.5`, `.5`.
    Number(&'a str),
    /// Digits and colons: `12:30:15.5`.
    Time(&'a str),
    /// Parts with `-`, `/` or `.` between them: `2024-01-02`, `2-Jan-2024`.
    Date(&'a str),
    /// Letters; a zone's name may hold more: `America/New_York`.
    Word(&'a str),
    /// A sign and digits: `+05:30`.
    Offset(&'a str),
}

/// Cuts a text; `None` if a character has no place in a date.
pub(super) fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut out = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        if rest.is_empty() {
            return Some(out);
        }
        let (token, length) = next(rest)?;
        out.push(token);
        // Far more than any date has.
        if out.len() > 25 {
            return None;
        }
        rest = rest.get(length..)?;
    }
}

fn next(text: &str) -> Option<(Token<'_>, usize)> {
    match *text.as_bytes().first()? {
        b'0'..=b'9' => number_like(text),
        b'.' => {
            let length = 1 + digits(text.get(1..)?);
            (length > 1).then_some((Token::Number(text.get(..length)?), length))
        }
        b'+' | b'-' => signed(text),
        first if first.is_ascii_alphabetic() => word(text),
        _ => None,
    }
}

fn number_like(text: &str) -> Option<(Token<'_>, usize)> {
    let bytes = text.as_bytes();
    let lead = digits(text);
    match bytes.get(lead) {
        Some(b':') => {
            let length = span(text, |b| b.is_ascii_digit() || matches!(b, b':' | b'.'));
            Some((Token::Time(text.get(..length)?), length))
        }
        Some(delimiter @ (b'-' | b'/' | b'.')) => {
            let delimiter = *delimiter;
            let part = lead + 1 + alphanumerics(text.get(lead + 1..)?);
            if bytes.get(part) == Some(&delimiter) {
                let length = part + 1 + alphanumerics(text.get(part + 1..)?);
                return Some((Token::Date(text.get(..length)?), length));
            }
            let length =
                if delimiter == b'.' { lead + 1 + digits(text.get(lead + 1..)?) } else { part };
            let whole = text.get(..length)?;
            let number = delimiter == b'.';
            Some((if number { Token::Number(whole) } else { Token::Date(whole) }, length))
        }
        _ => Some((Token::Number(text.get(..lead)?), lead)),
    }
}

fn signed(text: &str) -> Option<(Token<'_>, usize)> {
    let after = text.get(1..)?;
    let spaces = span(after, |b| b == b' ');
    let body = after.get(spaces..)?;
    if body.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let length = 1 + spaces + span(body, |b| b.is_ascii_alphabetic());
        return Some((Token::Word(text.get(..length)?), length));
    }
    let length = span(body, |b| b.is_ascii_digit() || matches!(b, b':' | b'.'));
    if length == 0 || spaces > 0 {
        return None;
    }
    Some((Token::Offset(text.get(..=length)?), 1 + length))
}

/// A word; with a slash or underscore in it a zone's name, with a hyphen or dot perhaps a date.
fn word(text: &str) -> Option<(Token<'_>, usize)> {
    let bytes = text.as_bytes();
    let letters = span(text, |b| b.is_ascii_alphabetic());
    match bytes.get(letters) {
        Some(b'/' | b'_') => {
            let length =
                span(text, |b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'));
            Some((Token::Word(text.get(..length)?), length))
        }
        Some(b'-' | b'.') if bytes.get(letters + 1).is_some_and(u8::is_ascii_digit) => {
            let length = span(text, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
            Some((Token::Date(text.get(..length)?), length))
        }
        // `T` and `J` lead a number; `EST5EDT` is one word.
        Some(b'0'..=b'9') if letters > 1 => {
            let length = span(text, |b| b.is_ascii_alphanumeric());
            Some((Token::Word(text.get(..length)?), length))
        }
        Some(b'.') => Some((Token::Word(text.get(..letters)?), letters + 1)),
        _ => Some((Token::Word(text.get(..letters)?), letters)),
    }
}

fn digits(text: &str) -> usize {
    span(text, |b| b.is_ascii_digit())
}

/// Digits, or letters: one part of a date (`2024-01-02T...` ends at the `T`).
fn alphanumerics(text: &str) -> usize {
    match digits(text) {
        0 => span(text, |b| b.is_ascii_alphabetic()),
        n => n,
    }
}

fn span(text: &str, within: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|b| within(*b)).count()
}
