//! A server of S3 that follows a script and remembers what it was asked.

use crate::store::{
    Body, Error, Location, Patience, Place, Put, PutMode, S3Location, S3Store, Store,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
use bytes::Bytes;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with one request.
pub(super) enum Reply {
    /// Answers with a status and an XML body.
    Status(u16, &'static str),
    /// The same, at this time by its clock.
    At(u16, &'static str, &'static str),
    /// Closes the connection without a word.
    Silence,
    /// Keeps the connection without a word.
    Deaf,
    /// Promises so many bytes more than it sends, and closes the connection.
    Cut(u16, &'static str, usize),
    /// Describes an object that the last put wrote.
    WrittenByPut,
    /// Answers with a status and an XML body, after a file got other content.
    Rewriting(PathBuf, &'static str, u16, &'static str),
}

pub(super) struct Server {
    pub(super) store: S3Store,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// What was asked: the head, and how long and how the body was.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

/// The tests' own, so that they ask nothing of the environment.
const CREDENTIALS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/credentials");

impl Server {
    /// At an endpoint that is none of the known ones.
    pub(super) async fn start(script: Vec<Reply>) -> Self {
        Self::at("http://127.0.0.1", "", script).await
    }

    /// At this endpoint, whose port is chosen here, with more options of the URL.
    pub(super) async fn at(endpoint: &str, options: &str, script: Vec<Reply>) -> Self {
        let url = |port| format!("s3://bucket?endpoint={endpoint}:{port}{options}");
        Self::with(|port| s3_location(&url(port)), script).await
    }

    pub(super) async fn with(location: impl FnOnce(u16) -> S3Location, script: Vec<Reply>) -> Self {
        Self::for_patience(Patience::LONG, location, script).await
    }

    pub(super) async fn for_patience(
        patience: Patience,
        location: impl FnOnce(u16) -> S3Location,
        script: Vec<Reply>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut location = location(listener.local_addr().unwrap().port());
        location.credentials_file.get_or_insert(CREDENTIALS.into());
        let requests = Arc::default();
        tokio::spawn(serve(listener, script, Arc::clone(&requests)));
        Self { store: store(&location, patience).await, requests }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) async fn put_new(&self) -> Result<String, Error> {
        let put = Put { mode: PutMode::IfAbsent, timestamp_ms: Some(1_700_000_000_120) };
        self.store.put("key", Body::Bytes(Bytes::from_static(b"body")), put).await
    }
}

pub(super) fn s3_location(url: &str) -> S3Location {
    match Location::parse(url).unwrap().place {
        Place::S3(s3) => *s3,
        place @ Place::File(_) => panic!("{place:?}"),
    }
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// Method and target.
    pub(super) fn line(&self) -> &str {
        self.head.lines().next().unwrap().trim_end_matches(" HTTP/1.1")
    }
}

async fn serve(listener: TcpListener, script: Vec<Reply>, seen: Arc<Mutex<Vec<Request>>>) {
    let mut kept = Vec::new();
    for reply in script {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        seen.lock().unwrap().push(request);
        let answer = answer(&reply, &seen.lock().unwrap());
        stream.write_all(answer.as_bytes()).await.unwrap();
        if matches!(reply, Reply::Deaf) {
            kept.push(stream);
        }
    }
}

/// A store of the location; every host is this machine.
async fn store(location: &S3Location, patience: Patience) -> S3Store {
    let tls = Provider::Rustls(CryptoMode::Ring);
    let http = aws_smithy_http_client::Builder::new().tls_provider(tls);
    S3Store::for_test(location, patience, http.build_with_resolver(Loopback)).await.unwrap()
}

#[derive(Clone, Debug)]
struct Loopback;

impl ResolveDns for Loopback {
    fn resolve_dns<'a>(&'a self, _name: &'a str) -> DnsFuture<'a> {
        DnsFuture::ready(Ok(vec![Ipv4Addr::LOCALHOST.into()]))
    }
}

async fn read_request(stream: &mut TcpStream) -> Request {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a whole request"));
    }
    let head = String::from_utf8(head).unwrap();
    if header(&head, "expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
    }
    let mut body = vec![0; header(&head, "content-length").map_or(0, |n| n.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    Request { head, body }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn answer(reply: &Reply, requests: &[Request]) -> String {
    let with = |status: u16, more: &str, body: &str| {
        let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\netag: \"e\"\r\n{more}");
        format!("{head}content-length: {}\r\n\r\n{body}", body.len())
    };
    match reply {
        Reply::Silence | Reply::Deaf => String::new(),
        Reply::Status(status, body) => with(*status, "", body),
        Reply::Cut(status, body, missing) => {
            let length = body.len() + missing;
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}")
        }
        Reply::At(status, date, body) => with(*status, &format!("date: {date}\r\n"), body),
        Reply::Rewriting(path, content, status, body) => {
            std::fs::write(path, content).unwrap();
            with(*status, "", body)
        }
        Reply::WrittenByPut => {
            let id = requests.iter().rev().find_map(|request| request.header(WRITE_ID)).unwrap();
            format!(
                "HTTP/1.1 200 X\r\nconnection: close\r\netag: \"e\"\r\n{WRITE_ID}: {id}\r\n\r\n"
            )
        }
    }
}

pub(super) const WRITE_ID: &str = "x-amz-meta-egret-write-id";
