//! The packets before a session: bytes in, what the client wants out.
//! <https://www.postgresql.org/docs/15/protocol-message-formats.html> (StartupMessage, SSLRequest,
//! GSSENCRequest, CancelRequest)

use crate::session::Failure;
use crate::session::input::Body;

/// The longest packet, its length field included.
pub(super) const PACKET_MAX: usize = 10_000;
/// The newest minor version of protocol 3 that is spoken here.
pub(super) const MINOR: u32 = 2;

const CANCEL: u32 = request(5678);
const SSL: u32 = request(5679);
const GSSENC: u32 = request(5680);

/// The secret of a CancelRequest: four bytes before protocol 3.2.
const SECRET_LEN: std::ops::RangeInclusive<usize> = 4..=256;

const fn request(minor: u32) -> u32 {
    1234 << 16 | minor
}

/// A packet that is not framed by a type.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// Asks for TLS.
    Ssl,
    /// Asks for GSSAPI encryption.
    Gssenc,
    /// Stops what a session runs.
    Cancel { pid: i32, secret: Vec<u8> },
    /// Begins a session.
    Startup(Parameters),
}

/// What a StartupMessage says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// The minor version of protocol 3 that is spoken from now on.
    pub(super) minor: u32,
    /// The client asked for a newer one.
    pub(super) is_newer: bool,
    /// Options of the protocol that are not known here.
    pub(super) unknown: Vec<String>,
    /// The user.
    pub(super) user: String,
    /// The database, or the user's name.
    pub(super) database: String,
    /// All others, in order.
    pub(super) settings: Vec<(String, String)>,
}

impl Packet {
    /// Reads a packet without its length; `is_encrypted` when encryption is settled.
    pub(super) fn parse(bytes: &[u8], is_settled: bool) -> Result<Self, Failure> {
        let mut body = Body::new(bytes);
        let code = body.i32()?.cast_unsigned();
        match code {
            CANCEL => cancel(body),
            SSL if !is_settled => body.end().map(|()| Self::Ssl),
            GSSENC if !is_settled => body.end().map(|()| Self::Gssenc),
            _ if code >> 16 == 3 => Parameters::parse(code & 0xffff, body).map(Self::Startup),
            _ => Err(unsupported(code)),
        }
    }
}

fn cancel(mut body: Body<'_>) -> Result<Packet, Failure> {
    let pid = body.i32()?;
    let secret = body.rest().to_vec();
    if SECRET_LEN.contains(&secret.len()) {
        Ok(Packet::Cancel { pid, secret })
    } else {
        Err(Failure::protocol("invalid length of cancel request packet"))
    }
}

fn unsupported(code: u32) -> Failure {
    let (major, minor) = (code >> 16, code & 0xffff);
    let text =
        format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.{MINOR}");
    Failure::fatal("0A000", text)
}

impl Parameters {
    fn parse(asked: u32, mut body: Body<'_>) -> Result<Self, Failure> {
        let mut parsed =
            Self { minor: asked.min(MINOR), is_newer: asked > MINOR, ..Self::default() };
        while body.rest().first().is_some_and(|byte| *byte != 0) {
            let name = body.cstr()?;
            let value = body.cstr()?;
            parsed.set(name, value)?;
        }
        if body.rest() != [0] {
            let text = "invalid startup packet layout: expected terminator as last byte";
            return Err(Failure::protocol(text));
        }
        if parsed.user.is_empty() {
            let text = "no PostgreSQL user name specified in startup packet";
            return Err(Failure::fatal("28000", text));
        }
        if parsed.database.is_empty() {
            parsed.database.clone_from(&parsed.user);
        }
        Ok(parsed)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        match name {
            "user" => value.clone_into(&mut self.user),
            "database" => value.clone_into(&mut self.database),
            "replication" => return refuse_replication(value),
            _ if name.starts_with("_pq_.") => self.unknown.push(name.to_owned()),
            _ => self.settings.push((name.to_owned(), value.to_owned())),
        }
        Ok(())
    }

    /// The client must be told what is not spoken here.
    pub(super) fn needs_negotiation(&self) -> bool {
        self.is_newer || !self.unknown.is_empty()
    }
}

fn refuse_replication(value: &str) -> Result<(), Failure> {
    match value.to_ascii_lowercase().as_str() {
        "false" | "off" | "no" | "0" | "f" | "n" => Ok(()),
        _ => Err(Failure::fatal("0A000", "replication connections are not supported")
            .hint("Follow the backup with: egret serve --follow URL FILE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(code: u32, rest: &[u8]) -> Result<Packet, &'static str> {
        let bytes = [&code.to_be_bytes()[..], rest].concat();
        Packet::parse(&bytes, false).map_err(|failure| failure.sqlstate)
    }

    fn startup(minor: u32, rest: &[u8]) -> Parameters {
        match parse(3 << 16 | minor, rest) {
            Ok(Packet::Startup(parameters)) => parameters,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn requests() {
        assert_eq!(parse(SSL, b""), Ok(Packet::Ssl));
        assert_eq!(parse(GSSENC, b""), Ok(Packet::Gssenc));
        assert_eq!(parse(SSL, b"x"), Err("08P01"));
        let secret = vec![1, 2, 3, 4];
        assert_eq!(
            parse(CANCEL, b"\0\0\0\x07\x01\x02\x03\x04"),
            Ok(Packet::Cancel { pid: 7, secret })
        );
        assert_eq!(parse(CANCEL, b"\0\0\0\x07\x01\x02\x03"), Err("08P01"));
        assert_eq!(parse(CANCEL, &[1; 4 + 257]), Err("08P01"));
        assert_eq!(Packet::parse(&SSL.to_be_bytes(), true).unwrap_err().sqlstate, "0A000");
    }

    #[test]
    fn parameters() {
        let all = b"user\0ann\0database\0app\0options\0-c x=1\0a\0b\0replication\0false\0\0";
        let parsed = startup(0, all);
        assert_eq!((parsed.user.as_str(), parsed.database.as_str()), ("ann", "app"));
        let settings =
            [("options", "-c x=1"), ("a", "b")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(parsed.settings, settings);
        assert!(!parsed.needs_negotiation());
        assert_eq!(startup(0, b"user\0ann\0\0").database, "ann");
    }

    #[test]
    fn versions() {
        assert_eq!(startup(2, b"user\0a\0\0").minor, 2);
        assert!(!startup(2, b"user\0a\0\0").needs_negotiation());
        assert_eq!(startup(9, b"user\0a\0\0").minor, 2);
        assert!(startup(9, b"user\0a\0\0").needs_negotiation());
        let options = startup(0, b"user\0a\0_pq_.x\0on\0\0");
        assert!(options.needs_negotiation() && options.minor == 0);
        assert_eq!(options.unknown, ["_pq_.x"]);
        assert_eq!(parse(2 << 16, b"user\0a\0\0"), Err("0A000"));
        assert_eq!(parse(4 << 16, b"user\0a\0\0"), Err("0A000"));
    }

    #[test]
    fn refusals() {
        const V3: u32 = 3 << 16;
        for bad in [&b""[..], b"user\0a\0", b"user\0a", b"user\0a\0\0x", b"user\0a\0b\0\0"] {
            assert_eq!(parse(V3, bad), Err("08P01"), "{bad:?}");
        }
        assert_eq!(parse(V3, b"\0"), Err("28000"));
        assert_eq!(parse(V3, b"user\0\0\0"), Err("28000"));
        assert_eq!(parse(V3, b"user\0\xff\0\0"), Err("22021"));
        assert_eq!(parse(V3, b"user\0a\0replication\0database\0\0"), Err("0A000"));
        assert_eq!(Packet::parse(b"\0\0", false).unwrap_err().sqlstate, "08P01");
    }

    #[test]
    fn no_bytes_panic() {
        let good = b"\0\x03\0\0user\0ann\0database\0app\0options\0-c x=1\0\0";
        for end in 0..good.len() {
            drop(Packet::parse(&good[..end], false));
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = good.to_vec();
                bytes[end] = value;
                drop(Packet::parse(&bytes, false));
            }
        }
    }
}
