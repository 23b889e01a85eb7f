//! The program from outside, up to the session: packets, versions, passwords, doors, signals.
//! <https://www.postgresql.org/docs/15/protocol-flow.html>

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const V3_0: u32 = 3 << 16;
const SSL: u32 = 1234 << 16 | 5679;
const GSSENC: u32 = 1234 << 16 | 5680;
const CANCEL: u32 = 1234 << 16 | 5678;

fn egret(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_egret"));
    command.args(arguments).env_remove("EGRET_LOG");
    command
}

/// The program serving `app.db` in a folder of its own.
struct Server {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), arguments)
    }

    fn start_in(folder: tempfile::TempDir, arguments: &[&str]) -> Self {
        make_file(folder.path());
        let mut child = egret(&["serve", "app.db", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .expect("egret starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on 127.0.0.1:")?.parse().ok())
            .expect("egret says where it listens");
        // Somebody must go on reading the log.
        std::thread::spawn(move || lines.map_while(Result::ok).count());
        Self { child, port, folder }
    }

    fn with_users() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let words = ["user", "add", "ann", "--users", "users", "--password-stdin"];
        let mut child = egret(&words)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .spawn()
            .expect("egret starts");
        child.stdin.take().expect("a pipe").write_all(b"secret\n").expect("writes");
        assert!(child.wait().expect("ends").success());
        Self::start_in(folder, &["--users", "users"])
    }

    fn connect(&self) -> Client<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Client(stream)
    }

    /// Its exit code after a signal.
    fn stop(&mut self, signal: &str) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().expect("kill runs");
        assert!(sent.success());
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().expect("waits") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn make_file(folder: &Path) {
    let db = rusqlite::Connection::open(folder.join("app.db")).expect("a file");
    db.execute_batch("CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY)").expect("a table");
}

/// A socket that sends packets and reads messages.
struct Client<S>(S);

type Message = (u8, Vec<u8>);

impl<S: Read + Write> Client<S> {
    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("sends");
    }

    fn packet(&mut self, code: u32, body: &[u8]) {
        self.send(&packet(code, body));
    }

    /// One byte; none at the end of the stream.
    fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        (self.0.read(&mut byte).expect("reads") == 1).then_some(byte[0])
    }

    fn message(&mut self) -> Option<Message> {
        let tag = self.byte()?;
        let mut length = [0; 4];
        self.0.read_exact(&mut length).expect("a length");
        let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
        self.0.read_exact(&mut body).expect("a body");
        Some((tag, body))
    }

    /// The SQLSTATE and the message of the error that comes, after which the connection ends.
    fn refused(&mut self) -> (String, String) {
        loop {
            let (tag, body) = self.message().expect("an error");
            if tag == b'E' {
                assert_eq!(self.message(), None, "the connection ends");
                return (field(&body, 'C'), field(&body, 'M'));
            }
        }
    }

    /// Everything up to ReadyForQuery.
    fn ready(&mut self) -> Vec<Message> {
        let mut all = Vec::new();
        while all.last().is_none_or(|(tag, _)| *tag != b'Z') {
            all.push(self.message().expect("ReadyForQuery"));
        }
        all
    }

    fn start(&mut self, code: u32) -> Vec<Message> {
        self.packet(code, b"user\0ann\0database\0app\0\0");
        self.ready()
    }
}

fn packet(code: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(8 + body.len()).expect("short");
    [&length.to_be_bytes(), &code.to_be_bytes(), body].concat()
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(4 + body.len()).expect("short");
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

fn field(body: &[u8], code: char) -> String {
    let fields = body.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let found = fields.into_iter().find_map(|field| Some(field.strip_prefix(code)?.to_owned()));
    found.unwrap_or_default()
}

#[test]
fn encryption_is_declined_in_clear() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.packet(GSSENC, b"");
    assert_eq!(client.byte(), Some(b'N'));
    client.packet(SSL, b"");
    assert_eq!(client.byte(), Some(b'N'));
    client.packet(SSL, b"");
    assert_eq!(client.refused().0, "0A000");
}

#[test]
fn nothing_may_precede_encryption() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let (cert, key) = (format!("{fixtures}/server.crt"), format!("{fixtures}/server.key"));
    let server = Server::start(&["--tls-cert", &cert, "--tls-key", &key]);
    let startup = packet(V3_0, b"user\0ann\0\0");
    let mut client = server.connect();
    client.send(&[packet(SSL, b""), startup.clone()].concat());
    assert_eq!((client.byte(), client.byte()), (Some(b'S'), None));
    let mut client = server.connect();
    client.send(&[packet(GSSENC, b""), startup].concat());
    assert_eq!(client.byte(), Some(b'N'));
    assert_eq!(client.refused().0, "08P01");
    let mut client = server.connect();
    client.packet(SSL, b"");
    assert_eq!(client.byte(), Some(b'S'));
    client.send(b"this is no handshake, and long enough to be taken for one");
    while let Some(byte) = client.byte() {
        assert_ne!(byte, b'R', "nobody is let in");
    }
}

#[test]
fn versions() {
    let server = Server::start(&[]);
    for old in [2 << 16, 4 << 16, 0] {
        let mut client = server.connect();
        client.packet(old, b"user\0ann\0\0");
        let (state, text) = client.refused();
        assert_eq!(state, "0A000");
        assert!(text.starts_with("unsupported frontend protocol"), "{text}");
    }
}

#[test]
fn sessions() {
    let server = Server::start(&[]);
    let key_len = |messages: &[Message]| {
        messages.iter().find(|(tag, _)| *tag == b'K').map_or(0, |(_, body)| body.len() - 4)
    };
    assert_eq!(key_len(&server.connect().start(V3_0)), 4);
    assert_eq!(key_len(&server.connect().start(V3_0 | 2)), 32);
    let newer = server.connect().start(V3_0 | 99);
    assert_eq!(newer[0], (b'v', [&(V3_0 | 2).to_be_bytes()[..], &[0; 4]].concat()));
    let mut both = server.connect();
    // What follows at once is not lost on the way to the session.
    both.send(&[packet(V3_0, b"user\0ann\0\0"), message(b'Q', b"SELECT 7\0")].concat());
    both.ready();
    assert!(both.ready().iter().any(|(tag, body)| *tag == b'D' && body.ends_with(b"7")));
}

#[test]
fn packets_that_are_none() {
    let server = Server::start(&[]);
    let oversized = 10_001_u32.to_be_bytes();
    let bad: [(&[u8], &str); 8] = [
        (b"GET / HTTP/1.1\r\n\r\n", "08P01"),
        (&[0; 8], "08P01"),
        (&oversized, "08P01"),
        (&packet(V3_0, b"user\0ann\0"), "08P01"),
        (&packet(V3_0, b"user\0ann\0\0\0"), "08P01"),
        (&packet(V3_0, b"database\0app\0\0"), "28000"),
        (&packet(V3_0, b"user\0ann\0replication\0true\0\0"), "0A000"),
        (&packet(CANCEL, b"\0\0\0\x01abc"), "08P01"),
    ];
    for (bytes, state) in bad {
        let mut client = server.connect();
        client.send(bytes);
        assert_eq!(client.refused().0, state, "{bytes:?}");
    }
    let mut half = server.connect();
    half.send(&packet(V3_0, b"user\0ann\0\0")[..9]);
    drop(half);
}

#[test]
fn cancelling_has_no_answer() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.packet(CANCEL, b"\0\0\0\x01abcd");
    assert_eq!(client.byte(), None);
}

#[test]
fn unknown_database() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.packet(V3_0, b"user\0ann\0database\0nowhere\0\0");
    let expected = ("3D000".to_owned(), "database \"nowhere\" does not exist".to_owned());
    assert_eq!(client.refused(), expected);
}

/// Answers with a proof that proves nothing.
fn wrong_password(server: &Server, user: &str, database: &str) -> (String, String) {
    let mut client = server.connect();
    let parameters = format!("user\0{user}\0database\0{database}\0\0");
    client.packet(V3_0, parameters.as_bytes());
    assert_eq!(client.message(), Some((b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0".to_vec())));
    client.send(&message(b'p', b"SCRAM-SHA-256\0\0\0\0\x0bn,,n=,r=abc"));
    let (tag, first) = client.message().expect("a challenge");
    assert_eq!((tag, &first[..4]), (b'R', &[0, 0, 0, 11][..]));
    let first = String::from_utf8_lossy(&first[4..]);
    let nonce = first.split(',').next().expect("a nonce");
    let proof = "A".repeat(43);
    client.send(&message(b'p', format!("c=biws,{nonce},p={proof}=").as_bytes()));
    client.refused()
}

#[test]
fn wrong_passwords() {
    let server = Server::with_users();
    for (user, database) in [("ann", "app"), ("nobody", "app"), ("ann", "nowhere")] {
        let text = format!("password authentication failed for user \"{user}\"");
        assert_eq!(wrong_password(&server, user, database), ("28P01".to_owned(), text));
    }
    let mut client = server.connect();
    client.packet(V3_0, b"user\0ann\0\0");
    client.message();
    client.send(&message(b'Q', b"SELECT 1\0"));
    assert_eq!(client.refused().0, "08P01");
}

#[tokio::test]
async fn right_password() {
    let server = Server::with_users();
    let address = format!("host=127.0.0.1 port={} user=ann dbname=app", server.port);
    let right = format!("{address} password=secret");
    let (client, connection) =
        tokio_postgres::connect(&right, tokio_postgres::NoTls).await.expect("connects");
    tokio::spawn(connection);
    assert_eq!(client.query_one("SELECT 1", &[]).await.expect("a row").get::<_, i32>(0), 1);
    let wrong = format!("{address} password=Secret");
    let refused = tokio_postgres::connect(&wrong, tokio_postgres::NoTls).await.err();
    let code = refused.and_then(|error| error.code().cloned());
    assert_eq!(code, Some(tokio_postgres::error::SqlState::INVALID_PASSWORD));
}

#[test]
fn too_many_connections() {
    let server = Server::start(&["--max-connections", "2"]);
    let mut inside = [server.connect(), server.connect()];
    for client in &mut inside {
        client.start(V3_0);
    }
    let mut third = server.connect();
    third.packet(V3_0, b"user\0ann\0database\0app\0\0");
    assert_eq!(third.refused().0, "53300");
    drop(inside);
    let until = Instant::now() + PATIENCE;
    loop {
        let mut next = server.connect();
        next.packet(V3_0, b"user\0ann\0database\0app\0\0");
        if next.message().is_some_and(|(tag, _)| tag == b'R')
            && next.message().is_some_and(|(tag, _)| tag != b'E')
        {
            return;
        }
        assert!(Instant::now() < until, "places are given back");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn unix_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start_in(folder, &["--socket-dir", "."]);
    let path = server.folder.path().join(format!(".s.PGSQL.{}", server.port));
    let stream = UnixStream::connect(&path).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut client = Client(stream);
    client.packet(V3_0, b"user\0ann\0database\0nowhere\0\0");
    assert_eq!(client.refused().0, "3D000");
    assert_eq!(server.stop("-TERM"), Some(0));
    assert!(!path.exists(), "the socket is removed");
}

#[test]
fn signals() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::start(&[]);
        let mut idle = server.connect();
        idle.start(V3_0);
        // Somebody who says nothing keeps nobody from stopping.
        let _silent = server.connect();
        assert_eq!(server.stop(signal), Some(0));
        let last = std::iter::from_fn(|| idle.message()).last();
        assert!(last.is_none_or(|(tag, body)| tag == b'E' && field(&body, 'C') == "57P01"));
    }
}

#[test]
fn a_transaction_may_end_before_the_server_does() {
    let mut server = Server::start(&[]);
    let mut client = server.connect();
    client.start(V3_0);
    client.send(&message(b'Q', b"BEGIN; INSERT INTO t VALUES (7)\0"));
    client.ready();
    let file = server.folder.path().join("app.db");
    let stopped = std::thread::scope(|scope| {
        let stopped = scope.spawn(|| server.stop("-TERM"));
        std::thread::sleep(Duration::from_millis(300));
        client.send(&message(b'Q', b"COMMIT\0"));
        let answer = client.message().expect("an answer");
        assert_eq!(answer, (b'C', b"COMMIT\0".to_vec()));
        stopped.join().expect("stops")
    });
    assert_eq!(stopped, Some(0));
    let db = rusqlite::Connection::open(file).expect("the file");
    let count: i64 = db.query_row("SELECT count(*) FROM t", (), |row| row.get(0)).expect("a row");
    assert_eq!(count, 1);
}

/// What the program says when it does not start.
fn fails(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    make_file(folder.path());
    std::fs::write(
        folder.path().join("text.db"),
        "no database, but longer than nothing".repeat(99),
    )
    .expect("a file");
    std::fs::write(folder.path().join("egret.toml"), "prot = 1").expect("a file");
    let Output { status, stderr, .. } =
        egret(arguments).current_dir(folder.path()).output().expect("egret runs");
    let text = String::from_utf8_lossy(&stderr).into_owned();
    assert!(!status.success() && !text.contains("panicked"), "{arguments:?}: {text}");
    text
}

#[test]
fn what_cannot_be_served() {
    let cases: [(&[&str], &str); 11] = [
        (&["serve", "app.db", "--listen", "0.0.0.0:0"], "--insecure"),
        (&["serve", "missing.db", "--listen", "127.0.0.1:0"], "missing.db"),
        (&["serve", "text.db", "--listen", "127.0.0.1:0"], "text.db"),
        (&["serve"], "no SQLite file"),
        (
            &["serve", "app.db", "--listen", "203.0.113.1:1", "--insecure"],
            "listen on 203.0.113.1:1",
        ),
        (&["serve", "app.db", "--tls-cert", "a", "--tls-key", "b"], "read certificate a"),
        (&["serve", "app.db", "--tls-cert", "a"], "both"),
        (&["serve", "app.db", "--config", "egret.toml"], "prot"),
        (&["serve", "app.db", "--backup", "ftp://x"], "ftp://x"),
        (&["serve", "app.db", "--listen", "127.0.0.1:0", "--socket-dir", "/nowhere"], "/nowhere"),
        (
            &["serve", "app.db", "--users", "text.db", "--listen", "127.0.0.1:0"],
            "users file text.db",
        ),
    ];
    for (arguments, expected) in cases {
        let text = fails(arguments);
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

#[test]
fn a_directory_is_served_whatever_else_lies_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("all")).expect("a folder");
    let all = folder.path().join("all");
    make_file(&all);
    std::fs::write(all.join("text.db"), "no database, but longer than nothing".repeat(99))
        .expect("a file");
    let server = Server::start_in(folder, &["all"]);
    let mut client = server.connect();
    client.packet(V3_0, b"user\0ann\0database\0text\0\0");
    assert_eq!(client.refused().0, "3D000");
}
