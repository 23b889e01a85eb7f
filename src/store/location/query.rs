//! The options behind a URL.

use super::Fault;

pub(super) fn options(query: &str) -> impl Iterator<Item = Result<(String, String), Fault>> {
    query.split('&').filter(|option| !option.is_empty()).map(|option| {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        Ok((decode(key)?, decode(value)?))
    })
}

pub(super) fn set<T>(option: &mut Option<T>, key: &str, value: T) -> Result<(), Fault> {
    match option.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::Twice(key.to_owned())),
    }
}

/// An endpoint without a scheme is taken for https, as elsewhere.
pub(super) fn endpoint(key: &str, value: String) -> Result<String, Fault> {
    match value.split_once("://") {
        Some(("http" | "https", host)) if !host.is_empty() => Ok(value),
        None if !value.is_empty() => Ok(format!("https://{value}")),
        _ => Err(Fault::Value { key: key.to_owned(), value }),
    }
}

pub(super) fn boolean(key: &str, value: String) -> Result<bool, Fault> {
    match value.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Fault::Value { key: key.to_owned(), value }),
    }
}

pub(super) fn decode(text: &str) -> Result<String, Fault> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next())? << 4 | hex(bytes.next())?,
            _ => byte,
        });
    }
    String::from_utf8(decoded).map_err(|_not_text| Fault::Percent)
}

fn hex(digit: Option<u8>) -> Result<u8, Fault> {
    let value = digit.and_then(|digit| char::from(digit).to_digit(16));
    value.and_then(|value| u8::try_from(value).ok()).ok_or(Fault::Percent)
}
