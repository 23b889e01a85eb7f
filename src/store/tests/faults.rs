//! What becomes of requests to S3 when the server fails or refuses.

use super::server::{Reply, Server, s3_location};
use crate::store::{Error, Patience, S3Location, Store};
use std::time::Duration;

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

/// A listener that never replies.
#[tokio::test]
async fn a_store_that_does_not_answer_is_told_of_and_asked_again() {
    let deaf = || vec![Reply::Deaf, Reply::Deaf, Reply::Status(200, "content")];
    let start = async |patience: Patience, script| {
        let patience = patience.answer(Duration::from_millis(1200));
        let location = |port| s3_location(&format!("s3://bucket?endpoint=http://127.0.0.1:{port}"));
        Server::for_patience(patience, location, script).await
    };
    let server = start(Patience::SHORT, deaf()).await;
    let error = server.put_new().await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("timeout"), "{error}");
    assert_eq!(server.requests().len(), 1);

    let server = start(Patience::LONG, deaf()).await;
    assert_eq!(&*server.store.get("key").await.unwrap().1, b"content");
    // What is large is not begun anew for one failure, whoever asks.
    let server = start(Patience::SHORT, deaf()).await;
    assert_eq!(&*server.store.get_range("key", 0..7).await.unwrap(), b"content");
}

#[tokio::test]
async fn a_body_that_ends_early_is_never_taken() {
    let script =
        || vec![Reply::Cut(200, "con", 4), Reply::Cut(206, "", 7), Reply::Status(200, "content")];
    let server = Server::start(script()).await;
    assert_eq!(&*server.store.get("key").await.unwrap().1, b"content");
    let server = Server::start(script()).await;
    assert_eq!(&*server.store.get_range("key", 0..7).await.unwrap(), b"content");
    // The server itself says that there is less.
    let server = Server::start(vec![Reply::Status(206, "con")]).await;
    let error = server.store.get_range("key", 0..7).await.unwrap_err();
    assert!(matches!(error, Error::Range { .. }), "{error:?}");
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

/// The store's clock is followed when it refuses what ours says.
#[tokio::test]
async fn a_clock_that_is_wrong_is_corrected() {
    let skewed = "<Error><Code>RequestTimeTooSkewed</Code><Message>no</Message></Error>";
    let denied = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
    let then = "Tue, 14 Nov 2028 22:13:20 GMT";
    let script = vec![
        Reply::At(403, then, skewed),
        Reply::Status(200, "content"),
        Reply::Status(403, denied),
    ];
    let server = Server::start(script).await;
    assert_eq!(&*server.store.get("key").await.unwrap().1, b"content");
    let dates: Vec<_> =
        server.requests().iter().map(|r| r.header("x-amz-date").unwrap().to_owned()).collect();
    assert!(!dates[0].starts_with("20281114"), "{dates:?}");
    assert!(dates[1].starts_with("20281114T22"), "{dates:?}");
    let error = server.store.get("key").await.unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
}

#[tokio::test]
async fn credentials_that_have_expired_are_looked_up_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("credentials");
    let keys = |id| format!("[job]\naws_access_key_id = {id}\naws_secret_access_key = s\n");
    std::fs::write(&path, keys("old")).unwrap();
    let newer = "[job]\naws_access_key_id = new\naws_secret_access_key = s\n\
                 aws_session_token = token\n";
    let expired = "<Error><Code>ExpiredToken</Code><Message>old</Message></Error>";
    let script = vec![
        Reply::Rewriting(path.clone(), newer, 400, expired),
        Reply::Status(200, "content"),
        Reply::Status(400, expired),
    ];
    let location = |port: u16| S3Location {
        bucket: "bucket".into(),
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        profile: Some("job".into()),
        credentials_file: Some(path),
        ..S3Location::default()
    };
    let server = Server::with(location, script).await;
    assert_eq!(&*server.store.get("key").await.unwrap().1, b"content");
    // No newer ones are found a moment later.
    let error = server.store.get("key").await.unwrap_err();
    assert!(matches!(error, Error::Expired { .. }), "{error:?}");
    let requests = server.requests();
    let signed_by = |n: usize, id: &str| {
        requests[n].header("authorization").unwrap().contains(&format!("Credential={id}/"))
    };
    assert!(signed_by(0, "old") && signed_by(1, "new"), "{requests:?}");
    assert_eq!(requests[0].header("x-amz-security-token"), None);
    assert_eq!(requests[1].header("x-amz-security-token"), Some("token"));
}

#[tokio::test]
async fn a_store_without_conditional_puts_is_known_as_one() {
    let unknown = "<Error><Code>NotImplemented</Code><Message>header</Message></Error>";
    let script = vec![
        Reply::Status(501, unknown),
        Reply::Status(404, ""),
        Reply::Status(200, ""),
        // The next put finds an object.
        Reply::Status(200, ""),
        Reply::Status(200, ""),
    ];
    let server = Server::start(script).await;
    assert!(server.store.fences());
    server.put_new().await.unwrap();
    assert!(!server.store.fences());
    let second = server.put_new().await;
    assert!(matches!(second, Err(Error::AlreadyExists { .. })), "{second:?}");
    let asked: Vec<_> = server
        .requests()
        .iter()
        .map(|r| (r.line()[..4].to_owned(), r.header("if-none-match").is_some()))
        .collect();
    let asked: Vec<_> = asked.iter().map(|(method, none)| (method.as_str(), *none)).collect();
    assert_eq!(
        asked,
        [("PUT ", true), ("HEAD", false), ("PUT ", false), ("HEAD", false), ("HEAD", false)]
    );
}
