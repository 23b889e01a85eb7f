//! The readers, fed whole and in pieces.

use super::field::Fields;
use super::lines::Lines;
use super::{binary, csv, text};
use crate::session::error::Failure;
use crate::statement::{CopyFormat, CopyHeader, CopyOptions};

type Row = Vec<Option<Vec<u8>>>;

fn options(format: CopyFormat) -> CopyOptions {
    let csv = format == CopyFormat::Csv;
    CopyOptions {
        format,
        delimiter: if csv { b',' } else { b'\t' },
        null: if csv { "" } else { "\\N" }.to_owned(),
        header: CopyHeader::None,
        quote: b'"',
        escape: b'"',
        force_quote: Vec::new(),
        force_not_null: Vec::new(),
        force_null: Vec::new(),
    }
}

/// What a reader makes of data that comes in these pieces.
fn read(options: &CopyOptions, pieces: &[&[u8]]) -> Result<Vec<Row>, Failure> {
    let mut lines = match options.format {
        CopyFormat::Text => Lines::text(),
        CopyFormat::Csv => Lines::csv(options.quote, options.escape),
        CopyFormat::Binary => return read_binary(pieces),
    };
    let mut rows = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            if let Some(line) = lines.next(&mut rest)? {
                rows.push(split(options, line.bytes, line.escaped)?);
            }
        }
    }
    if let Some(line) = lines.finish()? {
        rows.push(split(options, line.bytes, line.escaped)?);
    }
    Ok(rows)
}

fn split(options: &CopyOptions, line: &[u8], escaped: bool) -> Result<Row, Failure> {
    let mut fields = Fields::default();
    match options.format {
        CopyFormat::Csv => csv::Splitter::new(options).split(line, &mut fields)?,
        _ => {
            let splitter = text::Splitter::new(options.delimiter, &options.null);
            splitter.split(line, escaped, &mut fields);
        }
    }
    Ok(row(&fields, line))
}

fn row(fields: &Fields, bytes: &[u8]) -> Row {
    (0..fields.len()).map(|i| fields.value(i, bytes).unwrap().map(<[u8]>::to_vec)).collect()
}

fn read_binary(pieces: &[&[u8]]) -> Result<Vec<Row>, Failure> {
    let (mut reader, mut fields, mut rows) =
        (binary::Reader::new(2), Fields::default(), Vec::new());
    for piece in pieces {
        reader.push(piece)?;
        while let Some(bytes) = reader.next(&mut fields)?.map(<[u8]>::to_vec) {
            rows.push(row(&fields, &bytes));
        }
    }
    reader.finish()?;
    Ok(rows)
}

fn shown(rows: Result<Vec<Row>, Failure>) -> String {
    let field = |field: &Option<Vec<u8>>| match field {
        Some(bytes) => format!("[{}]", bytes.escape_ascii()),
        None => "-".to_owned(),
    };
    match rows {
        Ok(rows) => {
            let line = |row: &Row| row.iter().map(field).collect::<String>();
            rows.iter().map(line).collect::<Vec<_>>().join("|")
        }
        Err(failure) => failure.message.clone(),
    }
}

/// The rows, or the error, are the same however the data is cut.
fn check(options: &CopyOptions, data: &[u8], expected: &str) {
    assert_eq!(shown(read(options, &[data])), expected, "{}", data.escape_ascii());
    for at in 0..=data.len() {
        let (head, tail) = data.split_at(at);
        let rows = shown(read(options, &[head, b"", tail]));
        assert_eq!(rows, expected, "{} cut at {at}", data.escape_ascii());
    }
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(shown(read(options, &bytes)), expected, "{} by bytes", data.escape_ascii());
}

#[test]
fn text_lines_and_escapes() {
    let options = options(CopyFormat::Text);
    for (data, expected) in [
        (&b""[..], ""),
        (b"\n", "[]"),
        (b"1\ta\n2\t\\N\n", "[1][a]|[2]-"),
        (b"1\ta", "[1][a]"),
        (b"1\r\n2\r\n", "[1]|[2]"),
        (b"1\r2\r", "[1]|[2]"),
        (b"1\r2", "[1]|[2]"),
        (b"1\n2\r3", "literal carriage return found in data"),
        (b"1\r\n2\n", "literal newline found in data"),
        (b"1\r2\n", "literal newline found in data"),
        (b"1\r\n2\r3", "literal carriage return found in data"),
        (b"1\r\n2\r", "literal carriage return found in data"),
        (b"\\b\\f\\n\\r\\t\\v\\\\\\q\n", "[\\x08\\x0c\\n\\r\\t\\x0b\\\\q]"),
        (b"\\101\\x42\\x4\\xg\\1012\t\\777\n", "[AB\\x04xgA2][\\xff]"),
        (b"a\\\nb\n", "[a\\nb]"),
        (b"a\\\tb\tc\\N\n", "[a\\tb][cN]"),
        (b"a\n\\.\nb\n", "[a]"),
        (b"a\\.\nb\n", "[a]"),
        (b"\\.", ""),
        (b"a\n\\.x\n", "end-of-copy marker corrupt"),
        (b"a\n\\.\r\n", "end-of-copy marker does not match previous newline style"),
        (b"a\r\n\\.\r\nb", "[a]"),
        (b"a\\", "[a]"),
        (b"\\N\\N\t\\\\N\n", "[NN][\\\\N]"),
    ] {
        check(&options, data, expected);
    }
}

#[test]
fn csv_lines_and_quotes() {
    let options = options(CopyFormat::Csv);
    for (data, expected) in [
        (&b"1,a\n,\"\"\n"[..], "[1][a]|-[]"),
        (b"\"a\nb\",c\r\n", "[a\\nb][c]"),
        (b"\"a\"\"b\",x\"y,z\"w\n", "[a\\\"b][xy,zw]"),
        (b"\"a\n", "unterminated CSV quoted field"),
        (b"a\n\\.\nb\n", "[a]"),
        (b"\\.x,\\N\nb\n", "[\\\\.x][\\\\N]|[b]"),
        (b"\\\\,b\\\n", "[\\\\\\\\][b\\\\]"),
        (b"\"\\.\"\n1\n", "[\\\\.]|[1]"),
        (b"a\r\nb\n", "unquoted newline found in data"),
        (b"a\nb\r\n", "unquoted carriage return found in data"),
    ] {
        check(&options, data, expected);
    }
}

#[test]
fn csv_with_another_escape() {
    let options = CopyOptions { escape: b'\\', quote: b'\'', ..options(CopyFormat::Csv) };
    for (data, expected) in [
        (&b"'a\\'b\n',c\n"[..], "[a\\'b\\n][c]"),
        (b"'a\\\\',c\n", "[a\\\\][c]"),
        (b"'a\\b',\\c\n", "[a\\\\b][\\\\c]"),
    ] {
        check(&options, data, expected);
    }
}

#[test]
fn csv_counts_lines_inside_quotes() {
    let mut lines = Lines::csv(b'"', b'"');
    let mut data = &b"a\n\"b\n\nc\"\nd\n"[..];
    let mut numbers = Vec::new();
    while let Some(line) = lines.next(&mut data).unwrap() {
        numbers.push(line.number);
    }
    assert_eq!(numbers, [1, 4, 5]);
}

#[test]
fn binary_tuples() {
    let options = options(CopyFormat::Binary);
    let with = |rest: &[u8]| [&binary::HEADER[..], rest].concat();
    let tuple = b"\0\x02\0\0\0\x01a\xff\xff\xff\xff";
    let extended = [&binary::HEADER[..15], b"\0\0\0\x03xyz", tuple, b"\xff\xff"].concat();
    for (data, expected) in [
        (with(&[&tuple[..], tuple, b"\xff\xff"].concat()), "[a]-|[a]-"),
        (with(tuple), "[a]-"),
        (extended, "[a]-"),
        (with(b"\xff\xffx"), "received copy data after EOF marker"),
        (with(b"\0\x01"), "row field count is 1, expected 2"),
        (with(b"\0\x02\0\0\0\x05a"), "unexpected EOF in COPY data"),
        (with(b"\0\x02\xff\xff\xff\xfe"), "invalid field size"),
        (b"PGCOPX\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec(), "COPY file signature not recognized"),
        (b"x".to_vec(), "COPY file signature not recognized"),
    ] {
        check(&options, &data, expected);
    }
}

#[test]
fn random_bytes_do_no_harm() {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut dice = move || {
        seed = seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (seed >> 33) as usize
    };
    for format in [CopyFormat::Text, CopyFormat::Csv, CopyFormat::Binary] {
        let alphabet: &[u8] = match format {
            CopyFormat::Binary => b"\0\0\0\x02\x01\xff",
            _ => b"ab\t,\\\\.\n\n\r\"N\0\xc3x1",
        };
        let options = options(format);
        for _ in 0..20_000 {
            let length = dice() % 24;
            let mut data: Vec<u8> =
                (0..length).map(|_| alphabet[dice() % alphabet.len()]).collect();
            if format == CopyFormat::Binary {
                data.splice(0..0, binary::HEADER.iter().copied());
            }
            let whole = shown(read(&options, &[&data]));
            let (head, tail) = data.split_at(dice() % (data.len() + 1));
            let cut = shown(read(&options, &[head, tail]));
            assert_eq!(whole, cut, "{} at {}", data.escape_ascii(), head.len());
        }
    }
}

/// What the writers write, the readers read.
#[test]
fn round_trip() {
    let values: [&[u8]; 8] = [
        b"plain",
        b"tab\tnew\nline\r",
        b"back\\slash",
        b"\\N",
        b"\"q\",",
        b"",
        b"\x08\x0b\x0c",
        b"12345678,",
    ];
    for value in values {
        let mut out = value.to_vec();
        text::Escaper::new(b'\t').escape(&mut out, 0);
        let rows = read(&options(CopyFormat::Text), &[&out, b"\n"]).unwrap();
        assert_eq!(rows, [[Some(value.to_vec())]]);
        let options = options(CopyFormat::Csv);
        let mut out = value.to_vec();
        csv::Quoter::new(&options, 1).quote(&mut out, 0, false);
        let rows = read(&options, &[&out, b"\n"]).unwrap();
        assert_eq!(rows, [[Some(value.to_vec())]]);
    }
}
