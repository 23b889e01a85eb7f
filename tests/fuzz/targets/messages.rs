//! Any bytes as a series of frontend messages, read field by field: no panic, and no message
//! reaches beyond what was received.
#![no_main]

use egret::session::Failure;
use egret::session::input::{Body, Input};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::with(bytes.to_vec());
    let mut taken = 0;
    while let Ok(Some(message)) = input.take() {
        assert_eq!(input.body(message).rest().len() + 5, whole(&bytes[taken..]));
        taken += whole(&bytes[taken..]);
        let _ = fields(input.body(message), message.tag);
    }
});

/// The bytes of the first message, by its own word.
fn whole(bytes: &[u8]) -> usize {
    let length = bytes[1..5].try_into().expect("four bytes");
    1 + u32::from_be_bytes(length) as usize
}

/// Reads the fields the message should have.
fn fields(mut body: Body<'_>, tag: u8) -> Result<(), Failure> {
    match tag {
        b'P' => {
            body.cstr()?;
            body.cstr()?;
            for _ in 0..body.count()? {
                body.i32()?;
            }
        }
        b'B' => {
            body.cstr()?;
            body.cstr()?;
            for _ in 0..body.count()? {
                body.i16()?;
            }
            for _ in 0..body.count()? {
                let length = body.i32()?;
                body.bytes(usize::try_from(length).unwrap_or(0))?;
            }
        }
        b'D' | b'C' => {
            body.u8()?;
            body.cstr()?;
        }
        _ => {
            body.cstr()?;
        }
    }
    body.end()
}
