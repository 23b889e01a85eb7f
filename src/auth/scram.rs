//! The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS.
//!
//! [`Exchange::first`] answers the client's first message, [`Exchange::finish`] checks the proof in
//! its final one. An unknown user goes the same way with a verifier that accepts nothing.
//! <https://www.rfc-editor.org/rfc/rfc5802>, <https://www.rfc-editor.org/rfc/rfc7677>

use super::verifier::{Key, Verifier, equal, hash, random, sign};
use super::{Error, User};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::sync::OnceLock;

/// A mechanism of SASL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// SCRAM-SHA-256
    Plain,
    /// SCRAM-SHA-256-PLUS: bound to the TLS channel.
    Plus,
}

impl Mechanism {
    /// The mechanism's registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "SCRAM-SHA-256",
            Self::Plus => "SCRAM-SHA-256-PLUS",
        }
    }

    /// The mechanism of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Plain, Self::Plus].into_iter().find(|mechanism| mechanism.name() == name)
    }

    /// What to offer, the best first; the second needs a channel to bind to.
    #[must_use]
    pub const fn offered(has_binding: bool) -> &'static [Self] {
        if has_binding { &[Self::Plus, Self::Plain] } else { &[Self::Plain] }
    }
}

/// One exchange with one client.
#[derive(Debug)]
pub struct Exchange {
    verifier: Verifier,
    mechanism: Mechanism,
    /// `tls-server-end-point` data of the connection, if it has TLS.
    binding: Option<Vec<u8>>,
    nonce: String,
    header: String,
    /// `client-first-message-bare "," server-first-message`
    messages: String,
}

/// Bytes of our part of the nonce, before base64.
const NONCE_BYTES: usize = 18;

impl Exchange {
    /// An exchange with the client that calls itself `name`; `user` is whom that names, if anybody.
    ///
    /// `binding` is the hash of the server's certificate when the connection has TLS
    /// (`tls-server-end-point`), so that [`Mechanism::offered`] had SCRAM-SHA-256-PLUS.
    ///
    /// # Errors
    /// The system has no random numbers, or the mechanism needs a channel.
    pub fn new(
        mechanism: Mechanism,
        name: &str,
        user: Option<&User>,
        binding: Option<Vec<u8>>,
    ) -> Result<Self, Error> {
        let mut nonce = [0; NONCE_BYTES];
        random(&mut nonce)?;
        let verifier = match user {
            Some(user) => user.verifier.clone(),
            None => Verifier::mock(name, secret()?),
        };
        if mechanism == Mechanism::Plus && binding.is_none() {
            return Err(Error::ChannelBinding("channel binding needs TLS"));
        }
        let nonce = BASE64_STANDARD.encode(nonce);
        let (header, messages) = (String::new(), String::new());
        Ok(Self { verifier, mechanism, binding, nonce, header, messages })
    }

    /// The client's first message in, the server's first message out.
    ///
    /// # Errors
    /// The message is malformed, or what it says of channel binding does not fit what was offered.
    pub fn first(&mut self, client_first: &[u8]) -> Result<String, Error> {
        let message = text(client_first)?;
        let bare = self.check_header(message)?;
        self.header = message[..message.len() - bare.len()].to_owned();
        let client_nonce = client_nonce(bare)?;
        self.nonce.insert_str(0, client_nonce);
        let salt = BASE64_STANDARD.encode(&self.verifier.salt);
        let server_first = format!("r={},s={salt},i={}", self.nonce, self.verifier.iterations);
        self.messages = format!("{bare},{server_first}");
        Ok(server_first)
    }

    /// The client's final message in, the server's final message out.
    ///
    /// # Errors
    /// The message is malformed, is bound to another channel, or proves nothing.
    pub fn finish(&mut self, client_final: &[u8]) -> Result<String, Error> {
        let message = text(client_final)?;
        let (bare, proof) = message.rsplit_once(",p=").ok_or(Error::Malformed("proof expected"))?;
        let rest = bare.strip_prefix("c=").ok_or(Error::Malformed("channel binding expected"))?;
        let (binding, rest) = rest.split_once(',').ok_or(Error::Malformed("nonce expected"))?;
        let nonce = rest.strip_prefix("r=").ok_or(Error::Malformed("nonce expected"))?;
        let nonce = nonce.split(',').next().unwrap_or_default();
        if self.header.is_empty() || nonce != self.nonce {
            return Err(Error::Malformed("nonce does not match"));
        }
        self.check_binding(binding)?;
        let messages = [self.messages.as_bytes(), b",", bare.as_bytes()];
        self.check_proof(proof, &messages)?;
        let signature = sign(&self.verifier.server_key, &messages);
        Ok(format!("v={}", BASE64_STANDARD.encode(signature)))
    }

    /// Checks the `gs2-header` and returns what follows it.
    fn check_header<'a>(&self, message: &'a str) -> Result<&'a str, Error> {
        let (flag, rest) = message.split_once(',').ok_or(HEADER)?;
        let (authzid, bare) = rest.split_once(',').ok_or(HEADER)?;
        match (flag, self.mechanism) {
            ("p=tls-server-end-point", Mechanism::Plus) | ("n", Mechanism::Plain) => {}
            ("y", Mechanism::Plain) if self.binding.is_none() => {}
            // The client thinks we cannot bind, and we said we can: somebody sits between.
            ("y", Mechanism::Plain) => return Err(Error::ChannelBinding(NEGOTIATION)),
            ("n" | "y", Mechanism::Plus) => {
                return Err(Error::Malformed("channel binding data expected"));
            }
            (flag, Mechanism::Plain) if flag.starts_with("p=") => {
                return Err(Error::Malformed("channel binding data not expected"));
            }
            (flag, Mechanism::Plus) if flag.starts_with("p=") => {
                return Err(Error::Malformed("unsupported channel-binding type"));
            }
            _ => return Err(Error::Malformed("unexpected channel-binding flag")),
        }
        if authzid.is_empty() {
            return Ok(bare);
        }
        Err(Error::Unsupported("client uses authorization identity, but it is not supported"))
    }

    /// What the client saw must be what it said first, and the certificate we sent.
    fn check_binding(&self, binding: &str) -> Result<(), Error> {
        let given = decode(binding)?;
        let mut expected = self.header.as_bytes().to_vec();
        if let (Mechanism::Plus, Some(data)) = (self.mechanism, &self.binding) {
            expected.extend_from_slice(data);
        }
        if given == expected { Ok(()) } else { Err(Error::ChannelBinding(MISMATCH)) }
    }

    fn check_proof(&self, proof: &str, messages: &[&[u8]]) -> Result<(), Error> {
        let proof = decode(proof)?;
        let proof: Key = proof
            .try_into()
            .map_err(|_proof: Vec<u8>| Error::Malformed("proof of wrong length"))?;
        let mut client_key = sign(&self.verifier.stored_key, messages);
        client_key.iter_mut().zip(proof).for_each(|(key, proof)| *key ^= proof);
        if equal(&hash(&client_key), &self.verifier.stored_key) {
            Ok(())
        } else {
            Err(Error::WrongPassword)
        }
    }
}

const HEADER: Error = Error::Malformed("channel-binding header expected");
const NEGOTIATION: &str = "SCRAM channel binding negotiation error";
const MISMATCH: &str = "SCRAM channel binding check failed";

fn text(message: &[u8]) -> Result<&str, Error> {
    let text = std::str::from_utf8(message).map_err(|_not_text| Error::Malformed("not UTF-8"))?;
    if text.contains('\0') { Err(Error::Malformed("length mismatch")) } else { Ok(text) }
}

fn decode(base64: &str) -> Result<Vec<u8>, Error> {
    BASE64_STANDARD.decode(base64).map_err(|_malformed| Error::Malformed("malformed base64"))
}

/// The nonce of `client-first-message-bare`. The user name in it is ignored: the startup packet has
/// said it.
fn client_nonce(bare: &str) -> Result<&str, Error> {
    if bare.starts_with("m=") {
        return Err(Error::Unsupported("client requires an unsupported SCRAM extension"));
    }
    let mut attributes = bare.split(',');
    let name = attributes.next().unwrap_or_default();
    if !name.starts_with("n=") {
        return Err(Error::Malformed("user name expected"));
    }
    let nonce = attributes.next().and_then(|attribute| attribute.strip_prefix("r="));
    let nonce = nonce.ok_or(Error::Malformed("nonce expected"))?;
    let printable = nonce.bytes().all(|byte| byte.is_ascii_graphic());
    if printable && !nonce.is_empty() { Ok(nonce) } else { Err(Error::Malformed("bad nonce")) }
}

/// What mock verifiers are made of: another one in each process.
fn secret() -> Result<&'static Key, Error> {
    static SECRET: OnceLock<Key> = OnceLock::new();
    if let Some(secret) = SECRET.get() {
        return Ok(secret);
    }
    let mut secret = Key::default();
    random(&mut secret)?;
    Ok(SECRET.get_or_init(|| secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    /// The example of RFC 7677, section 3.
    const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn user(password: &str) -> User {
        let salt = BASE64_STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = Verifier::derive(password, &salt, NonZeroU32::new(4096).unwrap());
        User { name: "user".into(), verifier, read_only: false, databases: Vec::new() }
    }

    fn rfc_exchange() -> Exchange {
        let mut exchange =
            Exchange::new(Mechanism::Plain, "user", Some(&user("pencil")), None).unwrap();
        exchange.nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".to_owned();
        exchange
    }

    #[test]
    fn rfc_7677() {
        let mut exchange = rfc_exchange();
        assert_eq!(exchange.first(CLIENT_FIRST.as_bytes()).unwrap(), SERVER_FIRST);
        assert_eq!(exchange.finish(CLIENT_FINAL.as_bytes()).unwrap(), SERVER_FINAL);
    }

    #[test]
    fn wrong_proof() {
        let mut exchange = rfc_exchange();
        exchange.first(CLIENT_FIRST.as_bytes()).unwrap();
        let tampered = CLIENT_FINAL.replace("p=dH", "p=dI");
        assert!(matches!(exchange.finish(tampered.as_bytes()), Err(Error::WrongPassword)));
        let tampered = CLIENT_FINAL.replace("k0,", "k1,");
        assert!(matches!(exchange.finish(tampered.as_bytes()), Err(Error::Malformed(_))));
        let tampered = CLIENT_FINAL.replace("biws", "eSws");
        assert!(matches!(exchange.finish(tampered.as_bytes()), Err(Error::ChannelBinding(_))));
        let mut unstarted = rfc_exchange();
        assert!(unstarted.finish(CLIENT_FINAL.as_bytes()).is_err());
    }

    /// What a client sends back, given the password and what it bound to.
    fn answer(password: &str, first: &str, server_first: &str, bound: &[u8]) -> String {
        let mut parts = server_first.split(',').map(|part| &part[2..]);
        let (nonce, salt) = (parts.next().unwrap(), parts.next().unwrap());
        let iterations = parts.next().unwrap().parse().unwrap();
        let salt = BASE64_STANDARD.decode(salt).unwrap();
        let mut salted = Key::default();
        let algorithm = ring::pbkdf2::PBKDF2_HMAC_SHA256;
        ring::pbkdf2::derive(algorithm, iterations, &salt, password.as_bytes(), &mut salted);
        let mut proof = sign(&salted, &[b"Client Key"]);
        let bare = format!("c={},r={nonce}", BASE64_STANDARD.encode(bound));
        let messages = format!("{},{server_first},{bare}", &first[first.find("n=").unwrap()..]);
        let signature = sign(&hash(&proof), &[messages.as_bytes()]);
        proof.iter_mut().zip(signature).for_each(|(p, s)| *p ^= s);
        format!("{bare},p={}", BASE64_STANDARD.encode(proof))
    }

    #[test]
    fn channel_binding() {
        let user = user("pencil");
        let first = "p=tls-server-end-point,,n=,r=abc";
        let bound = b"p=tls-server-end-point,,certificate";
        let start = || {
            let binding = Some(b"certificate".to_vec());
            Exchange::new(Mechanism::Plus, "user", Some(&user), binding).unwrap()
        };
        let mut exchange = start();
        let server_first = exchange.first(first.as_bytes()).unwrap();
        let last = answer("pencil", first, &server_first, bound);
        assert!(exchange.finish(last.as_bytes()).unwrap().starts_with("v="));
        let mut exchange = start();
        let server_first = exchange.first(first.as_bytes()).unwrap();
        let last = answer("pencil", first, &server_first, b"p=tls-server-end-point,,other");
        assert!(matches!(exchange.finish(last.as_bytes()), Err(Error::ChannelBinding(_))));
    }

    #[test]
    fn headers() {
        let try_first = |mechanism, binding: Option<&[u8]>, message: &str| {
            let binding = binding.map(<[u8]>::to_vec);
            let mut exchange = Exchange::new(mechanism, "user", None, binding).unwrap();
            exchange.first(message.as_bytes()).map_err(|error| error.sqlstate())
        };
        use Mechanism::{Plain, Plus};
        let tls: Option<&[u8]> = Some(b"x");
        assert!(try_first(Plain, None, "n,,n=,r=x").is_ok());
        assert!(try_first(Plain, tls, "n,,n=,r=x").is_ok());
        assert!(try_first(Plain, None, "y,,n=,r=x").is_ok());
        assert_eq!(try_first(Plain, tls, "y,,n=,r=x"), Err("28000"));
        assert_eq!(try_first(Plus, tls, "n,,n=,r=x"), Err("08P01"));
        assert_eq!(try_first(Plus, tls, "y,,n=,r=x"), Err("08P01"));
        assert_eq!(try_first(Plus, tls, "p=tls-unique,,n=,r=x"), Err("08P01"));
        assert_eq!(try_first(Plain, tls, "p=tls-server-end-point,,n=,r=x"), Err("08P01"));
        assert_eq!(try_first(Plain, None, "n,a=joe,n=,r=x"), Err("0A000"));
        assert_eq!(try_first(Plain, None, "n,,m=x,n=,r=x"), Err("0A000"));
        for bad in
            ["", "n", "n,", "n,,", "n,,r=x", "n,,n=", "n,,n=,r=", "n,,n=,r=\u{e9}", "x,,n=,r=x"]
        {
            assert_eq!(try_first(Plain, None, bad), Err("08P01"), "{bad}");
        }
        assert!(Exchange::new(Plus, "user", None, None).is_err());
    }

    #[test]
    fn unknown_user() {
        let first = "n,,n=,r=abc";
        let salt = |name: &str| {
            let mut exchange = Exchange::new(Mechanism::Plain, name, None, None).unwrap();
            let server_first = exchange.first(first.as_bytes()).unwrap();
            let last = answer("pencil", first, &server_first, b"n,,");
            assert!(matches!(exchange.finish(last.as_bytes()), Err(Error::WrongPassword)));
            server_first.split(',').nth(1).unwrap().to_owned()
        };
        assert_eq!(salt("joe"), salt("joe"));
        assert_ne!(salt("joe"), salt("jim"));
    }
}
