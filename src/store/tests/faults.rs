//! What S3 requests look like, and what becomes of them when the server fails.

use crate::store::{Body, Error, Put, PutMode, S3Location, S3Store, Store};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
use bytes::Bytes;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with one request.
enum Reply {
    /// Answers with a status and an XML body.
    Status(u16, &'static str),
    /// Closes the connection without a word.
    Silence,
    /// Describes an object that the last put wrote.
    WrittenByPut,
}

/// A server that follows a script and remembers what it was asked.
struct Server {
    store: S3Store,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(script: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            for reply in script {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                seen.lock().unwrap().push(request);
                let answer = answer(&reply, &seen.lock().unwrap());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let location = S3Location {
            bucket: "bucket".into(),
            endpoint: Some(endpoint),
            credentials_file: Some(CREDENTIALS.into()),
            ..S3Location::default()
        };
        Self { store: store(&location).await, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    async fn put_new(&self) -> Result<String, Error> {
        let put = Put { mode: PutMode::IfAbsent, timestamp_ms: Some(1_700_000_000_120) };
        self.store.put("key", Body::Bytes(Bytes::from_static(b"body")), put).await
    }
}

/// A store of the location; every host is this machine.
async fn store(location: &S3Location) -> S3Store {
    let tls = Provider::Rustls(CryptoMode::Ring);
    let http = aws_smithy_http_client::Builder::new().tls_provider(tls);
    S3Store::for_test(location, http.build_with_resolver(Loopback)).await.unwrap()
}

#[derive(Clone, Debug)]
struct Loopback;

impl ResolveDns for Loopback {
    fn resolve_dns<'a>(&'a self, _name: &'a str) -> DnsFuture<'a> {
        DnsFuture::ready(Ok(vec![Ipv4Addr::LOCALHOST.into()]))
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= header(head, "content-length").map_or(0, |n| n.parse().unwrap())
        {
            return text.into_owned();
        }
        let length = stream.read(&mut buffer).await.unwrap();
        assert_ne!(length, 0, "request ends early");
        request.extend(&buffer[..length]);
    }
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = request.lines().take_while(|line| !line.is_empty());
    lines.find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn answer(reply: &Reply, requests: &[String]) -> String {
    match reply {
        Reply::Silence => String::new(),
        Reply::Status(status, body) => format!(
            "HTTP/1.1 {status} X\r\nconnection: close\r\netag: \"e\"\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ),
        Reply::WrittenByPut => {
            let mut ids = requests.iter().rev().filter_map(|r| header(r, WRITE_ID));
            let id = ids.next().unwrap();
            format!(
                "HTTP/1.1 200 X\r\nconnection: close\r\netag: \"e\"\r\n{WRITE_ID}: {id}\r\n\r\n"
            )
        }
    }
}

/// The tests' own, so that they ask nothing of the environment.
const CREDENTIALS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/credentials");

const WRITE_ID: &str = "x-amz-meta-egret-write-id";

#[tokio::test]
async fn failures_that_may_pass_are_retried() {
    let slow_down = "<Error><Code>SlowDown</Code><Message>later</Message></Error>";
    let script = vec![
        Reply::Status(503, slow_down),
        Reply::Status(408, ""),
        Reply::Status(429, ""),
        Reply::Silence,
        Reply::Status(200, "content"),
    ];
    let server = Server::start(script).await;
    assert_eq!(&*server.store.get("key").await.unwrap().1, b"content");
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn failures_that_will_not_pass_are_not() {
    let denied = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
    let server = Server::start(vec![Reply::Status(403, denied)]).await;
    let error = server.store.get("key").await.unwrap_err();
    assert_eq!(error.to_string(), "key: access denied: AccessDenied: no");
    assert!(!error.is_retryable());

    let no_bucket = "<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>";
    let server = Server::start(vec![Reply::Status(404, no_bucket)]).await;
    let error = server.store.get("key").await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_put_is_plain_signed_and_says_its_time() {
    let server = Server::start(vec![Reply::Status(200, "")]).await;
    server.put_new().await.unwrap();
    let request = server.requests().remove(0);
    assert!(request.starts_with("PUT /bucket/key"), "{request}");
    assert_eq!(header(&request, "content-length"), Some("4"));
    assert_eq!(header(&request, "if-none-match"), Some("*"));
    assert_eq!(
        header(&request, "x-amz-meta-litestream-timestamp"),
        Some("2023-11-14T22:13:20.12Z")
    );
    assert_eq!(header(&request, "x-amz-content-sha256").map(str::len), Some(64));
    for absent in ["transfer-encoding", "x-amz-trailer", "x-amz-sdk-checksum-algorithm"] {
        assert_eq!(header(&request, absent), None, "{absent}");
    }
    assert!(request.ends_with("\r\n\r\nbody"));
}

#[tokio::test]
async fn a_put_whose_reply_was_lost_knows_its_own_work() {
    let script = vec![Reply::Silence, Reply::Status(412, ""), Reply::WrittenByPut];
    let server = Server::start(script).await;
    assert_eq!(server.put_new().await.unwrap(), "\"e\"");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_put_that_came_second_says_so() {
    let server = Server::start(vec![Reply::Status(412, ""), Reply::Status(200, "")]).await;
    let error = server.put_new().await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error:?}");
}
