//! Any bytes as a value of any type, in both formats: no panic, and what was read can be written
//! and read again.
#![no_main]

use egret::types::{ColumnType, Format, Style, Type, decode, encode};
use libfuzzer_sys::fuzz_target;

/// Types with forms of their own, and arrays of some.
const TYPES: &[u32] = &[
    16, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28, 30, 114, 142, 600, 700, 701, 829, 869, 1000,
    1001, 1005, 1007, 1009, 1016, 1021, 1022, 1042, 1043, 1082, 1083, 1114, 1115, 1182, 1184, 1186,
    1187, 1231, 1266, 1560, 1700, 2205, 2206, 2278, 2950, 2951, 3220, 3802, 3807, 3904, 4072, 5069,
];

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (ty, binary, bytes) = input;
    let column = ColumnType::new(Type(TYPES[usize::from(ty) % TYPES.len()]));
    let (style, format) = (Style::default(), if binary { Format::Binary } else { Format::Text });
    let Ok(value) = decode(bytes, &column, format, &style) else { return };
    for format in [Format::Text, Format::Binary] {
        let mut written = Vec::new();
        if encode(&mut written, value.borrow(), &column, format, &style).is_ok() {
            decode(&written, &column, format, &style).expect("what was written can be read");
        }
    }
});
