//! Random values there and back, and random bytes that must do no harm.

use super::*;

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Few bits as often as many.
    fn integer(&mut self) -> i64 {
        let bits = self.below(64);
        (self.next() as i64) >> bits
    }

    fn text(&mut self) -> String {
        let length = self.below(12);
        let letters = "aZ09 {},\"\\'éß🐘NULL\n\t";
        let letters: Vec<char> = letters.chars().collect();
        (0..length).map(|_| letters[self.below(letters.len() as u64) as usize]).collect()
    }

    fn bytes(&mut self, limit: u64) -> Vec<u8> {
        (0..self.below(limit)).map(|_| self.next() as u8).collect()
    }
}

const SCALARS: &[&str] = &[
    "bool",
    "int2",
    "int4",
    "int8",
    "oid",
    "float4",
    "float8",
    "numeric",
    "text",
    "json",
    "jsonb",
    "bytea",
    "uuid",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "tid",
    "xid8",
    "int2vector",
    "oidvector",
    "\"char\"",
    "regtype",
    "inet",
    "point",
];

/// A value in the stored form of a type.
fn value(ty: &str, random: &mut Random) -> Value {
    let stamp = |random: &mut Random| random.integer() / 50;
    match ty {
        "bool" => Value::Integer(random.below(2) as i64),
        "int2" => Value::Integer(random.integer() >> 48),
        "int4" => Value::Integer(random.integer() >> 32),
        "int8" => Value::Integer(random.integer()),
        "oid" => Value::Integer(i64::from(random.next() as u32)),
        "float4" => {
            let single = f32::from_bits(random.next() as u32);
            Value::Real(if single.is_finite() { single.to_string().parse().unwrap() } else { 0.5 })
        }
        "float8" => {
            Value::Real(Some(f64::from_bits(random.next())).filter(|r| !r.is_nan()).unwrap_or(1.5))
        }
        "numeric" => {
            let scale = random.below(30) as usize;
            Numeric::scaled(i128::from(random.integer()) * 1_000_003, scale).to_value()
        }
        "bytea" => Value::Blob(random.bytes(20)),
        "uuid" => {
            let bytes: Vec<u8> = (0..16).map(|_| random.next() as u8).collect();
            decode(&bytes, &column("uuid"), Format::Binary, &Style::default()).unwrap()
        }
        "date" => Value::Text(datetime::stored_date((stamp(random) / datetime::DAY) as i32)),
        "time" => Value::Text(datetime::stored_time(stamp(random).rem_euclid(datetime::DAY))),
        "timestamp" | "timestamptz" => Value::Text(datetime::stored_timestamp(stamp(random))),
        "interval" => Value::Text(
            Interval {
                months: random.integer() as i32,
                days: random.integer() as i32,
                micros: random.integer(),
            }
            .stored(),
        ),
        _ => Value::Text(random.text()),
    }
}

#[test]
fn values_survive_the_way_there_and_back() {
    let mut random = Random(7);
    for zone in ["UTC", "Europe/Berlin", "Asia/Kolkata"] {
        let style = Style { time_zone: Style::zone(zone).unwrap(), ..Style::default() };
        for name in &SCALARS[..19] {
            // Local times are ambiguous in autumn, and zones had offsets in seconds long ago.
            if matches!(*name, "json" | "jsonb" | "timetz") {
                continue;
            }
            for _ in 0..300 {
                let value = value(name, &mut random);
                there_and_back(&value, &column(name), &style);
            }
        }
    }
}

#[test]
fn arrays_survive_the_way_there_and_back() {
    let mut random = Random(11);
    for name in ["int4", "float8", "text", "bool", "date", "timestamp", "uuid", "numeric"] {
        let column = ColumnType::new(Type::from_name(name).unwrap().array().unwrap());
        for _ in 0..200 {
            let (rows, columns) = (random.below(4) as usize, 1 + random.below(4) as usize);
            let elements: Vec<Value> = (0..rows * columns)
                .map(|_| match random.below(5) {
                    0 => Value::Null,
                    _ => value(name, &mut random),
                })
                .collect();
            let array = Array::with_shape(vec![rows, columns], elements).unwrap();
            there_and_back(&Value::Text(array.to_json()), &column, &Style::default());
        }
    }
}

fn there_and_back(value: &Value, column: &ColumnType, style: &Style) {
    for format in [Format::Text, Format::Binary] {
        let mut out = Vec::new();
        encode(&mut out, value.borrow(), column, format, style)
            .unwrap_or_else(|error| panic!("{value:?} as {}: {error}", column.ty.name()));
        let back = decode(&out, column, format, style)
            .unwrap_or_else(|error| panic!("{out:?} as {}: {error}", column.ty.name()));
        assert_eq!(
            back,
            *value,
            "{} {format:?} {}",
            column.ty.name(),
            String::from_utf8_lossy(&out)
        );
    }
}

#[test]
fn garbage_does_no_harm() {
    let mut random = Random(13);
    let style = Style::default();
    let names: Vec<ColumnType> = SCALARS
        .iter()
        .map(|name| column(name))
        .flat_map(|c| [Some(c), c.ty.array().map(ColumnType::new)])
        .flatten()
        .collect();
    for column in names {
        for _ in 0..400 {
            let noise = random.bytes(40);
            let text: Vec<u8> = (0..random.below(24))
                .map(|_| {
                    b"0123456789-+:./ {},\"\\TZe()[]=PYMDHS'nax"[random.below(40) as usize % 39]
                })
                .collect();
            for bytes in [noise, text] {
                for format in [Format::Text, Format::Binary] {
                    let _either = decode(&bytes, &column, format, &style);
                    let mut out = Vec::new();
                    let _either = encode(&mut out, ValueRef::Text(&bytes), &column, format, &style);
                    let _either = encode(&mut out, ValueRef::Blob(&bytes), &column, format, &style);
                }
            }
            for number in
                [ValueRef::Integer(random.integer()), ValueRef::Real(f64::from_bits(random.next()))]
            {
                for storage in [
                    Storage::Native,
                    Storage::UnixSeconds,
                    Storage::UnixMillis,
                    Storage::UnixMicros,
                    Storage::JulianDay,
                ] {
                    let column = ColumnType { storage, ..column };
                    let _either = encode(&mut Vec::new(), number, &column, Format::Text, &style);
                    let _either = encode(&mut Vec::new(), number, &column, Format::Binary, &style);
                }
            }
        }
    }
}

#[test]
fn prefixes_of_binary_values_do_no_harm() {
    let style = Style::default();
    let array = ColumnType::new(Type(1007));
    let mut whole = Vec::new();
    encode(&mut whole, ValueRef::Text(b"[[1,2],[null,4]]"), &array, Format::Binary, &style)
        .unwrap();
    for cut in 0..whole.len() {
        assert!(decode(&whole[..cut], &array, Format::Binary, &style).is_err());
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bad = whole.clone();
            bad[at] ^= 1 << bit;
            let _either = decode(&bad, &array, Format::Binary, &style);
        }
    }
}

#[test]
fn dates_stored_as_numbers_go_both_ways() {
    let style = Style::default();
    for (storage, stored) in [
        (Storage::UnixSeconds, Value::Integer(1_704_164_645)),
        (Storage::UnixSeconds, Value::Real(1_704_164_645.5)),
        (Storage::UnixMillis, Value::Integer(1_704_164_645_500)),
        (Storage::UnixMicros, Value::Integer(1_704_164_645_500_000)),
        (Storage::JulianDay, Value::Real(2_460_311.627_835_648)),
    ] {
        let column = ColumnType { storage, ..ColumnType::new(Type::TIMESTAMP) };
        let shown = text(&stored, &column, &style).unwrap();
        assert!(shown.starts_with("2024-01-02 03:04:05"), "{shown}");
        let back = decode(shown.as_bytes(), &column, Format::Text, &style).unwrap();
        assert_eq!(text(&back, &column, &style).unwrap(), shown);
    }
}

#[test]
fn what_does_not_fit_is_told() {
    let style = Style::default();
    let try_all = |value: ValueRef<'_>, name: &str, format| {
        let mut out = Vec::new();
        encode(&mut out, value, &column(name), format, &style)
            .map(|()| String::from_utf8_lossy(&out).into_owned())
            .map_err(|error| format!("{} {error}", error.sqlstate()))
    };
    let text = |value, name| try_all(value, name, Format::Text);
    let binary = |value, name| try_all(value, name, Format::Binary);
    assert_eq!(text(ValueRef::Text(b"maybe"), "bool").unwrap(), "maybe");
    assert_eq!(
        binary(ValueRef::Text(b"maybe"), "bool").unwrap_err(),
        "22P02 stored TEXT value is not of type boolean"
    );
    assert_eq!(text(ValueRef::Text(b"42"), "int4").unwrap(), "42");
    assert_eq!(text(ValueRef::Real(1.0), "int8").unwrap(), "1");
    assert_eq!(
        text(ValueRef::Integer(3_000_000_000), "int4").unwrap_err(),
        "22003 integer out of range"
    );
    assert_eq!(text(ValueRef::Integer(40_000), "int2").unwrap_err(), "22003 smallint out of range");
    assert_eq!(text(ValueRef::Integer(7), "float8").unwrap(), "7");
    assert_eq!(text(ValueRef::Integer(7), "text").unwrap(), "7");
    assert_eq!(
        text(ValueRef::Text(b"a\xff"), "text").unwrap_err(),
        "22021 invalid byte sequence for encoding \"UTF8\": 0xff"
    );
    assert_eq!(
        text(ValueRef::Text(b"a\0b"), "text").unwrap_err(),
        "22021 invalid byte sequence for encoding \"UTF8\": 0x00"
    );
    assert_eq!(text(ValueRef::Text(b"today"), "date").unwrap(), "today");
    assert_eq!(
        text(ValueRef::Text(b"2024-01-02T03:04:05.5Z"), "timestamptz").unwrap(),
        "2024-01-02 03:04:05.5+00"
    );
    assert_eq!(
        text(ValueRef::Text(b"2024-01-02 03:04:05-07:00"), "timestamptz").unwrap(),
        "2024-01-02 10:04:05+00"
    );
    assert_eq!(text(ValueRef::Real(2.5), "numeric(10,2)").unwrap(), "2.50");
    assert_eq!(text(ValueRef::Real(0.1 + 0.2), "numeric(10,2)").unwrap(), "0.30");
    assert_eq!(text(ValueRef::Real(2.555), "numeric(10,2)").unwrap(), "2.555");
    assert_eq!(
        binary(ValueRef::Text(b"1,2"), "point").unwrap_err(),
        "42883 no binary format available for type point"
    );
    assert_eq!(text(ValueRef::Text(b"[1, null]"), "int4[]").unwrap(), "{1,NULL}");
    assert_eq!(text(ValueRef::Text(b"{1, NULL}"), "int4[]").unwrap(), "{1,NULL}");
    assert_eq!(text(ValueRef::Text(b"[1,[2]]"), "int4[]").unwrap(), "[1,[2]]");
    let none = Style { mismatch: Mismatch::Null, ..Style::default() };
    let mut out = Vec::new();
    let codec = Codec::of(&column("int4"), Format::Text);
    codec.write_field(&mut out, ValueRef::Text(b"x"), &none).unwrap();
    codec.write_field(&mut out, ValueRef::Null, &none).unwrap();
    codec.write_field(&mut out, ValueRef::Integer(12), &none).unwrap();
    assert_eq!(out, [255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 2, b'1', b'2']);
}

#[test]
fn text_is_checked_at_every_place() {
    let style = Style::default();
    let text = column("text");
    for length in 1..40 {
        for at in 0..length {
            for (byte, fine) in [(0, false), (1, true), (0x7F, true), (0x80, false), (0xFF, false)]
            {
                let mut bytes = vec![b'a'; length];
                bytes[at] = byte;
                let mut out = Vec::new();
                let sent = encode(&mut out, ValueRef::Text(&bytes), &text, Format::Text, &style);
                assert_eq!(sent.is_ok(), fine, "{byte} at {at} of {length}");
            }
        }
    }
}
