//! Format templates for dates and times, taken apart.
//!
//! What enters: `'FMDay, DD "de" Month'`. What leaves: fields with their modifiers, and the text
//! between them. <https://www.postgresql.org/docs/15/functions-formatting.html>

/// One piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// A field.
    Field(Mark),
    /// A character of quoted or other text.
    Text(char),
    /// A space, or a character that is neither letter nor digit, outside quotes.
    Separator(char),
}

/// A field and how it is to be shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mark {
    /// The keyword in upper case, e.g. `HH24`.
    pub(super) name: &'static str,
    /// How the keyword was written, for the fields that show letters.
    pub(super) case: Case,
    /// FM before it: no blanks, no leading zeros.
    pub(super) fill: bool,
    /// TH or th after it.
    pub(super) ordinal: Option<Case>,
}

impl Mark {
    /// The keyword as it was written.
    pub(super) fn written(self) -> String {
        match self.case {
            Case::Upper => self.name.to_owned(),
            Case::Lower => self.name.to_lowercase(),
            Case::Capital => self.name[..1].to_owned() + &self.name[1..].to_lowercase(),
        }
    }
}

/// Upper, lower or capitalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// `MONTH`
    Upper,
    /// `Month`
    Capital,
    /// `month`
    Lower,
}

/// Longer keywords stand before those they begin with.
const KEYWORDS: &[&str] = &[
    "A.D.", "A.M.", "AD", "AM", "B.C.", "BC", "CC", "DAY", "DDD", "DD", "DY", "D", "FF1", "FF2",
    "FF3", "FF4", "FF5", "FF6", "HH24", "HH12", "HH", "IDDD", "ID", "IW", "IYYY", "IYY", "IY", "I",
    "J", "MI", "MM", "MONTH", "MON", "MS", "OF", "P.M.", "PM", "Q", "RM", "SSSSS", "SSSS", "SS",
    "TZH", "TZM", "TZ", "US", "WW", "W", "Y,YYY", "YYYY", "YYY", "YY", "Y",
];

/// Keywords that can also be written with one capital.
const CAPITALISED: &[(&str, &str)] =
    &[("MONTH", "Month"), ("MON", "Mon"), ("DAY", "Day"), ("DY", "Dy")];

/// Takes a template apart.
pub(super) fn pieces(template: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = template;
    let mut fill = false;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = modifier(rest) {
            // TM takes names as long as they are, like FM.
            fill |= !rest[1..].starts_with(['X', 'x']);
            rest = after;
        } else if let Some((mut mark, after)) = keyword(rest) {
            (mark.ordinal, rest) = ordinal(after);
            mark.fill = fill;
            fill = false;
            pieces.push(Piece::Field(mark));
        } else if c == '"' {
            rest = quoted(&rest[1..], &mut pieces);
        } else {
            let escaped = (c == '\\').then(|| rest[1..].chars().next()).flatten();
            let literal = escaped.filter(|next| *next == '"').unwrap_or(c);
            rest =
                &rest[c.len_utf8() * usize::from(literal == c) + 2 * usize::from(literal != c)..];
            pieces.push(if literal.is_alphanumeric() || literal != c {
                Piece::Text(literal)
            } else {
                Piece::Separator(literal)
            });
        }
    }
    pieces
}

/// FM, FX and TM before a field.
fn modifier(rest: &str) -> Option<&str> {
    ["FM", "fm", "FX", "fx", "TM", "tm"].iter().find_map(|word| rest.strip_prefix(word))
}

fn keyword(rest: &str) -> Option<(Mark, &str)> {
    KEYWORDS.iter().find_map(|name| {
        let head = rest.get(..name.len())?;
        let case = if head == *name {
            Case::Upper
        } else if head == name.to_ascii_lowercase() {
            Case::Lower
        } else if CAPITALISED.contains(&(*name, head)) {
            Case::Capital
        } else {
            return None;
        };
        let mark = Mark { name, case, fill: false, ordinal: None };
        Some((mark, &rest[name.len()..]))
    })
}

fn ordinal(rest: &str) -> (Option<Case>, &str) {
    match rest.get(..2) {
        Some("TH") => (Some(Case::Upper), &rest[2..]),
        Some("th") => (Some(Case::Lower), &rest[2..]),
        _ => (None, rest),
    }
}

/// Text up to the closing quote.
fn quoted<'a>(rest: &'a str, pieces: &mut Vec<Piece>) -> &'a str {
    let mut characters = rest.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return &rest[at + 1..],
            '\\' => pieces.extend(characters.next().map(|(_, c)| Piece::Text(c))),
            c => pieces.push(Piece::Text(c)),
        }
    }
    ""
}

/// `st`, `nd`, `rd` or `th` for a number in digits.
pub(super) fn ordinal_suffix(digits: &str, case: Case) -> &'static str {
    let teen = digits.len() > 1 && digits.as_bytes()[digits.len() - 2] == b'1';
    let (upper, lower) = match digits.bytes().last() {
        Some(b'1') if !teen => ("ST", "st"),
        Some(b'2') if !teen => ("ND", "nd"),
        Some(b'3') if !teen => ("RD", "rd"),
        _ => ("TH", "th"),
    };
    if case == Case::Lower { lower } else { upper }
}
