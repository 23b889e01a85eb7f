//! tokio-postgres against the program itself: prepared statements with binary values, portals,
//! pipelining, COPY, errors by SQLSTATE, cancel, notifications; in clear and over TLS with SCRAM.
//!
//! `EGRET_TEST_POSTGRES`, a connection string to a database that holds `tests/fixtures/shop.sql`,
//! sends the cases to that server instead: it proves the cases.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod tls;

use self::tls::Tls;
use futures_util::future::{join_all, poll_fn, try_join_all};
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Error, SimpleQueryMessage};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs every case in clear, then over TLS with SCRAM.
macro_rules! cases {
    ($($name:ident)*) => {
        mod clear {
            $(#[tokio::test] async fn $name() {
                super::judge(stringify!($name), super::$name(super::Shop::new(false))).await;
            })*
        }
        mod encrypted {
            $(#[tokio::test] async fn $name() {
                super::judge(stringify!($name), super::$name(super::Shop::new(true))).await;
            })*
        }
    };
}

cases! {
    values binary_forms numeric_scale prepared pipelined portals transactions errors simple_queries copies cancel notifications
}

const CERTIFICATE: &[u8] = include_bytes!("../fixtures/tls/server.crt");

/// A server over a fresh shop; ends with the test.
struct Shop {
    config: String,
    tls: Tls,
    server: Option<(Child, tempfile::TempDir)>,
}

impl Shop {
    fn new(tls: bool) -> Self {
        let (mut config, server) = match std::env::var("EGRET_TEST_POSTGRES") {
            Ok(config) => (config, None),
            Err(_) => {
                let (port, server) = serve(tls);
                (format!("host=127.0.0.1 port={port} user=tester dbname=shop"), Some(server))
            }
        };
        config.push_str(match tls {
            true => " sslmode=require channel_binding=require password=secret",
            false => " sslmode=disable",
        });
        Self { config, tls: Tls::trusting(CERTIFICATE), server }
    }

    async fn connect(&self) -> Client {
        let (client, connection) =
            tokio_postgres::connect(&self.config, self.tls.clone()).await.expect("connects");
        tokio::spawn(connection);
        client
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.server {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn serve(tls: bool) -> (u16, (Child, tempfile::TempDir)) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("shop.db");
    let db = rusqlite::Connection::open(&file).expect("a file");
    db.execute_batch(include_str!("../fixtures/shop.sql")).expect("the fixture");
    drop(db);
    let mut egret = Command::new(env!("CARGO_BIN_EXE_egret"));
    egret.arg("serve").arg(&file).args(["--listen", "127.0.0.1:0"]).stderr(Stdio::piped());
    if tls {
        let users = folder.path().join("users");
        add_user(&users);
        egret.args(["--tls-cert", "tests/fixtures/tls/server.crt"]);
        egret.args(["--tls-key", "tests/fixtures/tls/server.key"]);
        egret.arg("--users").arg(users);
    }
    let mut child = egret.spawn().expect("egret starts");
    (port_of(&mut child), (child, folder))
}

fn add_user(users: &Path) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_egret"))
        .args(["user", "add", "tester", "--password-stdin", "--users"])
        .arg(users)
        .stdin(Stdio::piped())
        .spawn()
        .expect("egret starts");
    child.stdin.take().expect("a pipe").write_all(b"secret\n").expect("a reader");
    assert!(child.wait().expect("an end").success());
}

/// Reads the log up to the line that names the port; the rest is read so that the pipe stays open.
fn port_of(child: &mut Child) -> u16 {
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let port = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| line.split_once("listening on 127.0.0.1:")?.1.trim().parse().ok())
        .expect("egret says where it listens");
    std::thread::spawn(move || {
        lines.map_while(Result::ok).for_each(|line| assert!(!line.contains("panicked"), "{line}"));
    });
    port
}

/// Runs a case. One that is listed in `tests/unsupported.txt` must fail.
async fn judge(name: &str, case: impl Future<Output = ()> + Send + 'static) {
    let is_oracle = std::env::var("EGRET_TEST_POSTGRES").is_ok();
    let target = if is_oracle { "postgres" } else { "egret" };
    let listed = format!("tokio_postgres::{name}");
    let known = include_str!("../unsupported.txt").lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some(target) && words.next() == Some(listed.as_str())
    });
    match tokio::spawn(case).await {
        Ok(()) => assert!(!known, "{name} passes: take it out of unsupported.txt"),
        Err(_) if known => {}
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// The bytes of a value, whatever its type.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn state(error: &Error) -> Option<&SqlState> {
    error.as_db_error().map(DbError::code)
}

async fn round_trip<T>(client: &Client, kind: &str, value: T)
where
    T: ToSql + Sync + for<'a> FromSql<'a> + PartialEq + std::fmt::Debug,
{
    let sql = format!("SELECT $1::{kind}, NULL::{kind}");
    let row = client.query_one(&sql, &[&value]).await.unwrap_or_else(|e| panic!("{kind}: {e:?}"));
    assert_eq!(row.get::<_, T>(0), value, "{kind}");
    assert_eq!(row.get::<_, Option<T>>(1), None, "{kind}");
}

async fn values(shop: Shop) {
    let client = shop.connect().await;
    round_trip(&client, "bool", true).await;
    round_trip(&client, "int2", i16::MIN).await;
    round_trip(&client, "int4", i32::MAX).await;
    round_trip(&client, "int8", i64::MIN).await;
    round_trip(&client, "float4", 1.5_f32).await;
    round_trip(&client, "float8", 0.1_f64).await;
    round_trip(&client, "text", "Größe".to_owned()).await;
    round_trip(&client, "varchar", String::new()).await;
    round_trip(&client, "bytea", vec![0_u8, 255]).await;
    round_trip(&client, "int4[]", vec![Some(1), None, Some(3)]).await;
    round_trip(&client, "text[]", vec![Some("a \"b\"".to_owned()), None]).await;
    let moment = SystemTime::UNIX_EPOCH + Duration::from_micros(1_709_211_723_000_004);
    round_trip(&client, "timestamp", moment).await;
    round_trip(&client, "timestamptz", moment).await;
}

async fn binary_forms(shop: Shop) {
    let client = shop.connect().await;
    let row = client
        .query_one(
            "SELECT '1.5'::numeric, '2000-01-02'::date, '1 day'::interval, '00:00:01'::time, \
             'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, '{}'::jsonb, '[1]'::json",
            &[],
        )
        .await
        .expect("a row");
    let expected: [&[u8]; 7] = [
        &[0, 2, 0, 0, 0, 0, 0, 1, 0, 1, 0x13, 0x88],
        &[0, 0, 0, 1],
        &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        &[0, 0, 0, 0, 0, 0x0f, 0x42, 0x40],
        b"\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11",
        b"\x01{}",
        b"[1]",
    ];
    for (n, bytes) in expected.into_iter().enumerate() {
        assert_eq!(row.get::<_, Raw>(n).0, bytes, "{}", row.columns()[n].type_());
    }
}

async fn numeric_scale(shop: Shop) {
    let client = shop.connect().await;
    let row = client.query_one("SELECT '1.50'::numeric", &[]).await.expect("a row");
    assert_eq!(row.get::<_, Raw>(0).0, [0, 2, 0, 0, 0, 0, 0, 2, 0, 1, 0x13, 0x88]);
}

async fn prepared(shop: Shop) {
    let client = shop.connect().await;
    let sql = "SELECT \"Name\", \"Stock\" FROM \"Product\" WHERE \"Stock\" > $1 \
               AND \"Name\" LIKE $2 ORDER BY \"ProductId\" LIMIT $3";
    let statement = client.prepare(sql).await.expect("prepares");
    assert_eq!(statement.params(), [Type::INT2, Type::TEXT, Type::INT8]);
    let types: Vec<_> = statement.columns().iter().map(|c| (c.name(), c.type_())).collect();
    assert_eq!(types, [("Name", &Type::TEXT), ("Stock", &Type::INT2)]);
    for _ in 0..3 {
        let rows = client.query(&statement, &[&10_i16, &"Product 1%", &5_i64]).await.expect("rows");
        assert_eq!(rows.len(), 5);
    }
    let codes = vec!["DE", "JP"];
    let rows = client
        .query("SELECT \"Code\" FROM \"Country\" WHERE \"Code\" = ANY($1::text[])", &[&codes])
        .await
        .expect("rows");
    assert_eq!(rows.len(), 2);
}

async fn pipelined(shop: Shop) {
    let client = shop.connect().await;
    let statement = client.prepare("SELECT $1::int4 + 1").await.expect("prepares");
    let numbers: Vec<i32> = (0..200).collect();
    let rows = join_all(numbers.iter().map(async |n| client.query_one(&statement, &[n]).await));
    for (n, row) in rows.await.into_iter().enumerate() {
        assert_eq!(usize::try_from(row.expect("a row").get::<_, i32>(0)), Ok(n + 1));
    }
}

async fn portals(shop: Shop) {
    let mut client = shop.connect().await;
    let transaction = client.transaction().await.expect("begins");
    let portal = transaction
        .bind("SELECT \"InvoiceId\"::int8 FROM \"Invoice\" ORDER BY 1", &[])
        .await
        .expect("binds");
    let mut seen = Vec::new();
    loop {
        let rows = transaction.query_portal(&portal, 50).await.expect("rows");
        if rows.is_empty() {
            break;
        }
        seen.extend(rows.iter().map(|row| row.get::<_, i64>(0)));
    }
    assert_eq!(seen, (1..=412).collect::<Vec<_>>());
    transaction.commit().await.expect("commits");
}

async fn transactions(shop: Shop) {
    let mut client = shop.connect().await;
    client
        .batch_execute("DROP TABLE IF EXISTS tp_t; CREATE TABLE tp_t (id int4 PRIMARY KEY)")
        .await
        .expect("creates");
    let mut outer = client.transaction().await.expect("begins");
    outer.execute("INSERT INTO tp_t VALUES ($1)", &[&1_i32]).await.expect("inserts");
    let inner = outer.savepoint("s").await.expect("a savepoint");
    let error = inner.execute("INSERT INTO tp_t VALUES (1)", &[]).await.expect_err("fails");
    assert_eq!(state(&error), Some(&SqlState::UNIQUE_VIOLATION));
    let error = inner.query("SELECT 1", &[]).await.expect_err("fails");
    assert_eq!(state(&error), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    inner.rollback().await.expect("rolls back");
    outer.commit().await.expect("commits");
    let gone = client.transaction().await.expect("begins");
    assert_eq!(gone.execute("DELETE FROM tp_t", &[]).await.expect("deletes"), 1);
    drop(gone);
    let rows = client.query("SELECT id FROM tp_t", &[]).await.expect("rows");
    assert_eq!(rows.len(), 1);
    client.batch_execute("DROP TABLE tp_t").await.expect("drops");
}

async fn errors(shop: Shop) {
    let client = shop.connect().await;
    let cases = [
        ("SELECT * FROM nowhere", SqlState::UNDEFINED_TABLE),
        ("SELECT nothing FROM \"Country\"", SqlState::UNDEFINED_COLUMN),
        ("SELEC", SqlState::SYNTAX_ERROR),
        (
            "SELECT 1 / (\"CategoryId\" - \"CategoryId\") FROM \"Category\"",
            SqlState::DIVISION_BY_ZERO,
        ),
        ("SELECT 'x'::int4", SqlState::INVALID_TEXT_REPRESENTATION),
        ("INSERT INTO \"Country\" VALUES ('DE', 'x', 'EUR')", SqlState::UNIQUE_VIOLATION),
        ("INSERT INTO \"Country\" VALUES ('XX', NULL, 'EUR')", SqlState::NOT_NULL_VIOLATION),
        ("UPDATE \"Product\" SET \"Price\" = -1", SqlState::CHECK_VIOLATION),
        ("DELETE FROM \"Customer\"", SqlState::FOREIGN_KEY_VIOLATION),
    ];
    for (sql, expected) in cases {
        let error = client.query(sql, &[]).await.expect_err(sql);
        assert_eq!(state(&error), Some(&expected), "{sql}: {error:?}");
    }
    let error = client
        .execute("INSERT INTO \"Country\" VALUES ('DE', 'x', 'EUR')", &[])
        .await
        .expect_err("fails");
    let error = error.as_db_error().expect("a server's error");
    assert_eq!((error.table(), error.constraint()), (Some("Country"), Some("Country_pkey")));
}

async fn simple_queries(shop: Shop) {
    let client = shop.connect().await;
    let messages = client.simple_query("SELECT 1 AS one; SELECT 'x;'").await.expect("answers");
    let values: Vec<_> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        })
        .collect();
    assert_eq!(values, ["1", "x;"]);
}

async fn copies(shop: Shop) {
    let client = shop.connect().await;
    client
        .batch_execute("DROP TABLE IF EXISTS tp_c; CREATE TABLE tp_c (id int4 PRIMARY KEY, n text)")
        .await
        .expect("creates");
    let mut sink = pin!(client.copy_in("COPY tp_c FROM STDIN").await.expect("copies"));
    for piece in [b"1\to".as_slice(), b"ne\n2\t\\N\n"] {
        sink.send(piece).await.expect("sends");
    }
    assert_eq!(sink.finish().await.expect("finishes"), 2);
    let stream = client.copy_out("COPY tp_c TO STDOUT (FORMAT csv)").await.expect("copies");
    let pieces: Vec<_> = stream.try_collect().await.expect("pieces");
    assert_eq!(pieces.concat(), b"1,one\n2,\n");
    // A sink that is dropped undoes its COPY.
    let sink = client.copy_in::<_, &[u8]>("COPY tp_c FROM STDIN").await.expect("copies");
    drop(sink);
    let count = client.query_one("SELECT count(*) FROM tp_c", &[]).await.expect("a row");
    assert_eq!(count.get::<_, i64>(0), 2);
    client.batch_execute("DROP TABLE tp_c").await.expect("drops");
}

async fn cancel(shop: Shop) {
    let (client, other) = (shop.connect().await, shop.connect().await);
    let (token, tls) = (client.cancel_token(), shop.tls.clone());
    let started = Instant::now();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        token.cancel_query(tls).await.expect("the request is sent");
    });
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1::int8 UNION ALL SELECT i + 1 FROM n \
                   WHERE i < 10000000000) SELECT count(*) FROM n";
    let (slow, quick) = futures_util::future::join(
        client.query(endless, &[]),
        try_join_all((0..20).map(|_| other.query_one("SELECT 1", &[]))),
    )
    .await;
    assert_eq!(state(&slow.expect_err("cancelled")), Some(&SqlState::QUERY_CANCELED));
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(quick.expect("answers").len(), 20);
    client.query_one("SELECT 1", &[]).await.expect("still works");
}

async fn notifications(shop: Shop) {
    let (listener, mut connection) =
        tokio_postgres::connect(&shop.config, shop.tls.clone()).await.expect("connects");
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut messages = futures_util::stream::poll_fn(|cx| connection.poll_message(cx));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(note) = message {
                drop(sender.send(note));
            }
        }
    });
    listener.batch_execute("LISTEN tp_news").await.expect("listens");
    let other = shop.connect().await;
    other.execute("SELECT pg_notify('tp_news', $1)", &[&"hello"]).await.expect("notifies");
    let wait = poll_fn(|cx| heard.poll_recv(cx));
    let note = tokio::time::timeout(Duration::from_secs(5), wait).await.expect("in time");
    assert_eq!(note.expect("a notification").payload(), "hello");
}
