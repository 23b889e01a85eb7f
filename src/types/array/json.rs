//! The stored form of arrays: JSON.

use super::{Array, DIMENSIONS_MAX};
use crate::types::{Numeric, Value};
use serde_json::Value as Json;

pub(super) fn read(text: &str) -> Option<Array> {
    let Json::Array(items) = serde_json::from_str(text).ok()? else { return None };
    let mut array = Array::default();
    if !items.is_empty() {
        array.dimensions = shape(&items)?;
        flatten(&mut array, items, 0)?;
    }
    Some(array)
}

fn shape(items: &[Json]) -> Option<Vec<usize>> {
    let mut dimensions = Vec::new();
    let mut level = Some(items);
    while let Some(items) = level {
        dimensions.push(items.len());
        if dimensions.len() > DIMENSIONS_MAX || items.is_empty() {
            return None;
        }
        level = items.first().and_then(Json::as_array).map(Vec::as_slice);
    }
    Some(dimensions)
}

fn flatten(array: &mut Array, items: Vec<Json>, depth: usize) -> Option<()> {
    if array.dimensions.get(depth) != Some(&items.len()) {
        return None;
    }
    let innermost = depth + 1 == array.dimensions.len();
    for item in items {
        match item {
            Json::Array(inner) if !innermost => flatten(array, inner, depth + 1)?,
            Json::Array(_) => return None,
            _ if !innermost => return None,
            other => array.elements.push(element(other)),
        }
    }
    Some(())
}

pub(in crate::types) fn element(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Integer(i64::from(b)),
        Json::Number(number) => numeral(&number.to_string()),
        Json::String(text) => Value::Text(text),
        other => Value::Text(other.to_string()),
    }
}

/// A double only where its shortest digits are those written.
fn numeral(text: &str) -> Value {
    if let Ok(integer) = text.parse() {
        return Value::Integer(integer);
    }
    match (text.parse::<f64>(), Numeric::parse(text)) {
        (Ok(real), Ok(exact)) if Numeric::from_f64(real).compare(&exact).is_eq() => {
            Value::Real(real)
        }
        _ => Value::Text(text.to_owned()),
    }
}

pub(in crate::types) fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Integer(i) => out.extend_from_slice(itoa::Buffer::new().format(*i).as_bytes()),
        Value::Real(r) if r.is_finite() => {
            out.extend_from_slice(ryu::Buffer::new().format_finite(*r).as_bytes());
        }
        Value::Real(r) => string(out, &Numeric::from_f64(*r).to_string()),
        Value::Text(text) => string(out, text),
        Value::Blob(bytes) => {
            let mut hex = Vec::with_capacity(bytes.len() * 2 + 2);
            crate::types::scalar::write_bytea(&mut hex, bytes, crate::types::ByteaOutput::Hex);
            string(out, &String::from_utf8_lossy(&hex));
        }
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(Json::from(text).to_string().as_bytes());
}
