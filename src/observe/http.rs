//! `GET /metrics` and `GET /healthz`: one request, one answer, and the connection is closed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a request may be.
const REQUEST_LEN_MAX: usize = 8 << 10;
const HEADERS_MAX: usize = 64;
/// So many clients are served at once; more wait.
const CLIENTS_MAX: usize = 16;

/// What there is to tell.
pub trait Source: Send + Sync {
    /// All metrics, as Prometheus reads them.
    fn metrics(&self) -> String;

    /// Whether requests are served; if not, why.
    ///
    /// # Errors
    /// The reason, for a person.
    fn health(&self) -> Result<(), String>;
}

/// An open door for monitors.
#[derive(Debug)]
pub struct Endpoint {
    listener: TcpListener,
    address: SocketAddr,
}

impl Endpoint {
    /// Opens the door; port 0 is any free one.
    ///
    /// # Errors
    /// The address is taken, or not ours.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers for ever.
    pub async fn run(self, source: Arc<dyn Source>) {
        let clients = Arc::new(Semaphore::new(CLIENTS_MAX));
        loop {
            let Ok(permit) = Arc::clone(&clients).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let source = Arc::clone(&source);
                    tokio::spawn(async move {
                        // A client that is slow or gone needs no answer.
                        drop(timeout(PATIENCE, converse(stream, source)).await);
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a monitor");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

async fn converse(mut stream: TcpStream, source: Arc<dyn Source>) -> io::Result<()> {
    let request = Request::read(&mut stream).await?;
    // The numbers are behind locks, which may be held for a moment.
    let answer = tokio::task::spawn_blocking(move || Answer::to(&request, source.as_ref())).await;
    let answer = answer.unwrap_or(Answer::new("500 Internal Server Error", "failed\n"));
    stream.write_all(answer.to_string().as_bytes()).await?;
    stream.shutdown().await
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Get(String),
    Head(String),
    Other,
    Broken,
}

impl Request {
    async fn read(stream: &mut TcpStream) -> io::Result<Self> {
        let mut bytes = Vec::with_capacity(1 << 10);
        loop {
            if let Some(request) = Self::parse(&bytes) {
                return Ok(request);
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// None if there is more to come.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(bytes) {
            Ok(httparse::Status::Partial) if bytes.len() < REQUEST_LEN_MAX => None,
            Ok(httparse::Status::Complete(_)) => {
                let path = request.path.unwrap_or_default();
                let path = path.split('?').next().unwrap_or_default().to_owned();
                Some(match request.method {
                    Some("GET") => Self::Get(path),
                    Some("HEAD") => Self::Head(path),
                    _ => Self::Other,
                })
            }
            _ => Some(Self::Broken),
        }
    }
}

struct Answer {
    status: &'static str,
    body: String,
    headers_only: bool,
}

impl Answer {
    fn new(status: &'static str, body: impl Into<String>) -> Self {
        Self { status, body: body.into(), headers_only: false }
    }

    fn to(request: &Request, source: &dyn Source) -> Self {
        match request {
            Request::Get(path) => Self::at(path, source),
            Request::Head(path) => Self { headers_only: true, ..Self::at(path, source) },
            Request::Other => Self::new("405 Method Not Allowed", "only GET is answered\n"),
            Request::Broken => Self::new("400 Bad Request", "not an HTTP request\n"),
        }
    }

    fn at(path: &str, source: &dyn Source) -> Self {
        match path {
            "/metrics" => Self::new("200 OK", source.metrics()),
            "/healthz" => match source.health() {
                Ok(()) => Self::new("200 OK", "ok\n"),
                Err(why) => Self::new("503 Service Unavailable", why + "\n"),
            },
            _ => Self::new("404 Not Found", "there are /metrics and /healthz\n"),
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "HTTP/1.1 {}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.status,
            self.body.len()
        )?;
        if self.headers_only { Ok(()) } else { f.write_str(&self.body) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(bool);

    impl Source for Fixed {
        fn metrics(&self) -> String {
            "a 1\n".to_owned()
        }

        fn health(&self) -> Result<(), String> {
            if self.0 { Ok(()) } else { Err("stopping".to_owned()) }
        }
    }

    #[test]
    fn requests() {
        let parse = |text: &str| Request::parse(text.as_bytes());
        assert_eq!(parse("GET /metr"), None);
        let get = Request::Get("/metrics".to_owned());
        assert_eq!(parse("GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n"), Some(get));
        assert_eq!(parse("POST / HTTP/1.1\r\n\r\n"), Some(Request::Other));
        assert_eq!(parse("\0\0\0"), Some(Request::Broken));
        let endless = format!("GET /{} HTTP/1.1\r\n", "x".repeat(REQUEST_LEN_MAX));
        assert_eq!(parse(&endless), Some(Request::Broken));
    }

    #[test]
    fn answers() {
        let answer = |request, well| Answer::to(&request, &Fixed(well)).to_string();
        let get = |path: &str| Request::Get(path.to_owned());
        assert!(
            answer(get("/metrics"), true)
                .ends_with("Content-Length: 4\r\nConnection: close\r\n\r\na 1\n")
        );
        assert!(answer(Request::Head("/metrics".to_owned()), true).ends_with("close\r\n\r\n"));
        assert!(answer(get("/healthz"), true).starts_with("HTTP/1.1 200"));
        assert!(answer(get("/healthz"), false).starts_with("HTTP/1.1 503"));
        assert!(answer(get("/"), true).starts_with("HTTP/1.1 404"));
        assert!(answer(Request::Other, true).starts_with("HTTP/1.1 405"));
        assert!(answer(Request::Broken, true).starts_with("HTTP/1.1 400"));
    }
}
