//! Who a client is: its name and, where there are users, the proof of a password.
//! <https://www.postgresql.org/docs/15/sasl-authentication.html>

use super::line::{End, Line, Raw};
use crate::auth::scram::{Exchange, Mechanism};
use crate::auth::{self, User, Users};
use crate::session::Failure;
use crate::session::input::Body;
use crate::session::reply::Reply;
use std::sync::Arc;

/// What SCRAM-SHA-256-PLUS binds to: the hash of the certificate, over TLS.
pub(super) type Binding = Option<Vec<u8>>;

/// The codes of the Authentication messages.
const OK: i32 = 0;
const SASL: i32 = 10;
const SASL_CONTINUE: i32 = 11;
const SASL_FINAL: i32 = 12;

/// Sends `reply` and what follows it up to AuthenticationOk; the user, where there are any.
pub(super) async fn prove<S: Raw>(
    line: &mut Line<S>,
    mut reply: Reply,
    name: &str,
    users: Option<&Users>,
    binding: Binding,
) -> Result<Option<Arc<User>>, End> {
    let user = match users {
        Some(users) => {
            let mut dialog = Dialog { line, reply, name, binding };
            let user = dialog.run(users.find(name)).await?;
            reply = dialog.reply;
            Some(user)
        }
        None => None,
    };
    reply.authentication(OK, &[]);
    line.send(reply.as_bytes()).await?;
    Ok(user)
}

struct Dialog<'a, S> {
    line: &'a mut Line<S>,
    reply: Reply,
    name: &'a str,
    binding: Binding,
}

impl<S: Raw> Dialog<'_, S> {
    /// Leaves the server's last word in `reply`. Somebody unknown goes the same way as a wrong
    /// password.
    async fn run(&mut self, user: Option<Arc<User>>) -> Result<Arc<User>, End> {
        self.reply.authentication(SASL, &offer(self.binding.is_some()));
        let response = self.ask().await?;
        let (mechanism, first) = initial(&response)?;
        let binding = self.binding.take();
        let refused = |error| refusal(self.name, &error);
        let mut exchange =
            Exchange::new(mechanism, self.name, user.as_deref(), binding).map_err(refused)?;
        let answer = exchange.first(first).map_err(refused)?;
        self.reply.authentication(SASL_CONTINUE, answer.as_bytes());
        let response = self.ask().await?;
        let refused = |error| refusal(self.name, &error);
        let answer = exchange.finish(&response).map_err(refused)?;
        let user = user.ok_or_else(|| refusal(self.name, &auth::Error::WrongPassword))?;
        self.reply.authentication(SASL_FINAL, answer.as_bytes());
        Ok(user)
    }

    async fn ask(&mut self) -> Result<Vec<u8>, End> {
        self.line.send(self.reply.as_bytes()).await?;
        self.reply.sent();
        self.line.response().await
    }
}

fn offer(has_binding: bool) -> Vec<u8> {
    let mut names = Vec::new();
    for mechanism in Mechanism::offered(has_binding) {
        names.extend_from_slice(mechanism.name().as_bytes());
        names.push(0);
    }
    names.push(0);
    names
}

/// SASLInitialResponse
fn initial(response: &[u8]) -> Result<(Mechanism, &[u8]), Failure> {
    let mut body = Body::new(response);
    let mechanism = Mechanism::from_name(body.cstr()?).ok_or_else(|| {
        Failure::protocol("client selected an invalid SASL authentication mechanism")
    })?;
    let length = usize::try_from(body.i32()?)
        .map_err(|_absent| Failure::protocol("SASL initial response is missing"))?;
    let first = body.bytes(length)?;
    body.end()?;
    Ok((mechanism, first))
}

fn refusal(name: &str, error: &auth::Error) -> Failure {
    let message = match error {
        auth::Error::WrongPassword => format!("password authentication failed for user \"{name}\""),
        other => other.to_string(),
    };
    Failure::fatal(error.sqlstate(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mechanisms() {
        assert_eq!(offer(false), b"SCRAM-SHA-256\0\0");
        assert_eq!(offer(true), b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0");
    }

    #[test]
    fn initial_responses() {
        let good = initial(b"SCRAM-SHA-256\0\0\0\0\x03n,,").unwrap();
        assert_eq!(good, (Mechanism::Plain, &b"n,,"[..]));
        for bad in [
            &b""[..],
            b"SCRAM-SHA-256",
            b"MD5\0\0\0\0\0",
            b"SCRAM-SHA-256\0\xff\xff\xff\xff",
            b"SCRAM-SHA-256\0\0\0\0\x04n,,",
            b"SCRAM-SHA-256\0\0\0\0\x02n,,",
        ] {
            assert_eq!(initial(bad).unwrap_err().sqlstate, "08P01", "{bad:?}");
        }
    }
}
