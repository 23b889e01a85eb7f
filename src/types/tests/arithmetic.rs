//! Arithmetic against the answers of a real PostgreSQL 15 in `tests/types/arithmetic.tsv`.

use super::super::datetime::{self, Field};
use super::super::{Error, Interval, Numeric, Style};
use std::fmt::Write as _;

#[test]
fn arithmetic_agrees_with_postgres() {
    let mut wrong = String::new();
    let mut count = 0;
    for line in include_str!("../../../tests/types/arithmetic.tsv").lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [operation, a, b, answer] = fields[..] else { continue };
        count += 1;
        let ours = compute(operation, a, b)
            .unwrap_or_else(|error| format!("ERROR {} {error}", error.sqlstate()));
        if ours != answer {
            writeln!(wrong, "{line}\n    ours: {ours}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 1500, "only {count} cases");
}

fn compute(operation: &str, a: &str, b: &str) -> Result<String, Error> {
    match operation.split_once('_') {
        Some(("numeric", operation)) => numeric(operation, a, b),
        Some(("extract", _)) => extract(operation, a, b),
        _ if operation == "extract" => extract(operation, a, b),
        _ => calendar(operation, a, b),
    }
}

fn calendar(operation: &str, a: &str, b: &str) -> Result<String, Error> {
    const TY: &str = "timestamp without time zone";
    let (style, zone) = (Style::default(), Style::zone("America/New_York")?);
    let stamp = |text| datetime::parse_timestamp(text, &style);
    let moment = |text| datetime::parse_timestamptz(text, &style);
    let shown = datetime::stored_timestamp;
    let factor = || b.parse::<f64>().unwrap();
    Ok(match operation {
        "add" => shown(datetime::add(stamp(a)?, Interval::parse(b)?)?),
        "add_tz" => shown(datetime::add_tz(moment(a)?, Interval::parse(b)?, &zone)?),
        "trunc" => shown(datetime::trunc(Field::parse(a, TY)?, stamp(b)?)?),
        "trunc_tz" => shown(datetime::trunc_tz(Field::parse(a, TY)?, moment(b)?, &zone)?),
        "age" => datetime::age(stamp(a)?, stamp(b)?)?.stored(),
        "bin" => shown(datetime::bin(Interval::parse(a)?, stamp(b)?, stamp("2001-02-16")?)?),
        "justify_hours" => Interval::parse(a)?.justified_hours()?.stored(),
        "justify_days" => Interval::parse(a)?.justified_days()?.stored(),
        "justify" => Interval::parse(a)?.justified()?.stored(),
        "mul" => Interval::parse(a)?.scaled(factor())?.stored(),
        "div" => Interval::parse(a)?.divided(factor())?.stored(),
        "interval_cmp" => (Interval::parse(a)?.compare(Interval::parse(b)?) as i8).to_string(),
        other => panic!("no such operation: {other}"),
    })
}

fn extract(operation: &str, field: &str, text: &str) -> Result<String, Error> {
    let (style, zone) = (Style::default(), Style::zone("America/New_York")?);
    let field = |ty| Field::parse(field, ty);
    let number = match operation {
        "extract" => datetime::extract_timestamp(
            field("timestamp without time zone")?,
            datetime::parse_timestamp(text, &style)?,
        ),
        "extract_tz" => datetime::extract_timestamptz(
            field("timestamp with time zone")?,
            datetime::parse_timestamptz(text, &style)?,
            &zone,
        ),
        "extract_date" => {
            datetime::extract_date(field("date")?, datetime::parse_date(text, &style)?)
        }
        "extract_time" => datetime::extract_time(
            field("time without time zone")?,
            datetime::parse_time(text, &style)?,
        ),
        "extract_timetz" => datetime::extract_timetz(
            field("time with time zone")?,
            datetime::parse_timetz(text, &style)?,
        ),
        _ => datetime::extract_interval(field("interval")?, Interval::parse(text)?),
    }?;
    Ok(number.map_or_else(|| "NULL".to_owned(), |number| number.to_string()))
}

fn numeric(operation: &str, a: &str, b: &str) -> Result<String, Error> {
    let (a, b) = (Numeric::parse(a)?, Numeric::parse(b)?);
    let places = || i32::try_from(b.to_i64().unwrap()).unwrap();
    Ok(match operation {
        "add" => a.add(&b),
        "sub" => a.sub(&b),
        "mul" => a.mul(&b),
        "div" => a.div(&b)?,
        "rem" => a.rem(&b)?,
        "round" => a.rounded(places()),
        "trunc" => a.truncated(places()),
        _ => return Ok((a.compare(&b) as i8).to_string()),
    }
    .to_string())
}
