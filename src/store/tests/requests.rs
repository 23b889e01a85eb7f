//! What requests to S3 and its like are, to the byte where that matters.

use super::server::{Reply, Request, Server, s3_location};
use crate::store::{Body, Patience, Put, PutMode, S3Location, S3Store, Sse, Store};
use base64::Engine as _;

const BEGUN: &str = "<InitiateMultipartUploadResult><UploadId>u</UploadId>\
    </InitiateMultipartUploadResult>";
const DONE: &str = "<CompleteMultipartUploadResult><ETag>\"e\"</ETag>\
    </CompleteMultipartUploadResult>";

/// Two parts: begin, part, part, complete.
fn multipart() -> Vec<Reply> {
    vec![
        Reply::Status(200, BEGUN),
        Reply::Status(200, ""),
        Reply::Status(200, ""),
        Reply::Status(200, DONE),
    ]
}

fn large() -> Body {
    Body::from(vec![7; (16 << 20) + 5])
}

/// Signed over its whole content, with a length, and nothing that only Amazon understands.
fn assert_plain(request: &Request) {
    let line = request.line();
    for absent in ["transfer-encoding", "content-encoding", "x-amz-trailer", "te"] {
        assert_eq!(request.header(absent), None, "{line}: {absent}");
    }
    let head = request.head.to_ascii_lowercase();
    assert!(!head.contains("checksum") && !head.contains("aws-chunked"), "{}", request.head);
    let hash = request.header("x-amz-content-sha256").unwrap();
    assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{line}: {hash}");
    // A proxy may change these, and the signature would not fit.
    let authorization = request.header("authorization").unwrap();
    for unsigned in ["accept-encoding", "user-agent", "expect"] {
        let named = [format!("={unsigned};"), format!(";{unsigned};"), format!(";{unsigned},")];
        let is_signed = named.iter().any(|name| authorization.contains(name.as_str()));
        assert!(!is_signed, "{line}: {authorization}");
    }
}

#[tokio::test]
async fn a_put_is_plain_signed_and_says_its_time() {
    let server = Server::start(vec![Reply::Status(200, "")]).await;
    server.put_new().await.unwrap();
    let request = server.requests().remove(0);
    assert_eq!(request.line(), "PUT /bucket/key?x-id=PutObject");
    assert_plain(&request);
    assert_eq!(request.header("content-length"), Some("4"));
    assert_eq!(request.header("if-none-match"), Some("*"));
    let timestamp = request.header("x-amz-meta-litestream-timestamp");
    assert_eq!(timestamp, Some("2023-11-14T22:13:20.12Z"));
    assert_eq!(request.body, b"body");
}

#[tokio::test]
async fn parts_are_plain_too_and_the_whole_has_the_condition() {
    let server = Server::start(multipart()).await;
    let put = Put { mode: PutMode::IfAbsent, timestamp_ms: Some(1_700_000_000_120) };
    server.store.put("key", large(), put).await.unwrap();
    let requests = server.requests();
    requests.iter().for_each(assert_plain);
    let sizes: Vec<_> = requests.iter().map(|r| r.body.len()).collect();
    assert_eq!(sizes[1..3], [16 << 20, 5]);
    let conditions = requests.iter().map(|r| r.header("if-none-match"));
    assert_eq!(conditions.collect::<Vec<_>>(), [None, None, None, Some("*")]);
    let timestamp = requests[0].header("x-amz-meta-litestream-timestamp");
    assert_eq!(timestamp, Some("2023-11-14T22:13:20.12Z"));
}

/// Host, target and the region of the signature, as each service wants them.
#[tokio::test]
async fn presets() {
    let cases = [
        ("http://s3.eu-west-1.amazonaws.com", "&region=eu-west-1", "bucket.", "/", "eu-west-1"),
        ("http://abc.r2.cloudflarestorage.com", "", "", "/bucket/", "auto"),
        ("http://s3.us-west-004.backblazeb2.com", "", "", "/bucket/", "us-west-004"),
        ("http://t3.storage.dev", "", "bucket.", "/", "auto"),
        ("http://fly.storage.tigris.dev", "", "bucket.", "/", "auto"),
        ("http://nas", "&preset=minio", "", "/bucket/", "us-east-1"),
        ("http://storage.googleapis.com", "", "", "/bucket/", "auto"),
        ("http://nas", "&force-path-style=false&region=x", "bucket.", "/", "x"),
    ];
    for (endpoint, options, bucket, path, region) in cases {
        let script = vec![Reply::Status(200, ""), Reply::Status(200, "")];
        let server = Server::at(endpoint, options, script).await;
        server.store.put("key", Body::from(vec![1]), Put::default()).await.unwrap();
        server.store.get("key").await.unwrap();
        for request in server.requests() {
            let host = request.header("host").unwrap().split(':').next().unwrap();
            assert_eq!(host, format!("{bucket}{}", endpoint.trim_start_matches("http://")));
            let target = request.line().split(' ').nth(1).unwrap();
            assert!(target.starts_with(&format!("{path}key?")), "{endpoint}: {target}");
            let authorization = request.header("authorization").unwrap();
            assert!(authorization.contains(&format!("/{region}/s3/")), "{authorization}");
            assert_plain(&request);
            let consistent = request.header("x-tigris-consistent");
            let is_tigris = endpoint.contains("storage.dev") || endpoint.contains("tigris");
            assert_eq!(consistent, is_tigris.then_some("true"), "{endpoint}");
        }
        assert_eq!(server.store.fences(), !endpoint.contains("googleapis"), "{endpoint}");
    }
}

#[tokio::test]
async fn storage_class_and_encryption_go_with_what_is_put() {
    let options = "&storage-class=STANDARD_IA&sse=aws:kms&kms-key-id=k";
    let mut script = vec![Reply::Status(200, "")];
    script.extend(multipart());
    let server = Server::at("http://127.0.0.1", options, script).await;
    server.store.put("key", Body::from(vec![1]), Put::default()).await.unwrap();
    server.store.put("key", large(), Put::default()).await.unwrap();
    let requests = server.requests();
    for begun in [&requests[0], &requests[1]] {
        assert_eq!(begun.header("x-amz-storage-class"), Some("STANDARD_IA"));
        assert_eq!(begun.header("x-amz-server-side-encryption"), Some("aws:kms"));
        assert_eq!(begun.header("x-amz-server-side-encryption-aws-kms-key-id"), Some("k"));
    }
    assert_eq!(requests[2].header("x-amz-server-side-encryption"), None);
}

#[tokio::test]
async fn a_key_of_the_customer_goes_with_every_request() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    // The MD5 of 32 zero bytes.
    let (key, md5) =
        (base64::engine::general_purpose::STANDARD.encode([0; 32]), "cLyPS3KoaSFGi/joRB3OUQ==");
    std::fs::write(&path, format!("{key}\n")).unwrap();
    let location = |port: u16| S3Location {
        sse: Some(Sse::Customer(path.clone())),
        ..s3_location(&format!("s3://bucket?endpoint=http://127.0.0.1:{port}"))
    };
    let mut script = multipart();
    script.extend([Reply::Status(200, ""), Reply::Status(200, "")]);
    let server = Server::with(location, script).await;
    server.store.put("key", large(), Put::default()).await.unwrap();
    server.store.get("key").await.unwrap();
    server.store.head("key").await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 6);
    for request in requests {
        let header = |name: &str| {
            let name = format!("x-amz-server-side-encryption-customer-{name}");
            request.header(&name).map(str::to_owned)
        };
        let found = (header("algorithm"), header("key"), header("key-md5"));
        let expected = (Some("AES256".to_owned()), Some(key.clone()), Some(md5.to_owned()));
        assert_eq!(found, expected, "{}", request.line());
    }

    std::fs::write(&path, "short").unwrap();
    let error = S3Store::connect(&location(1), Patience::LONG).await.unwrap_err();
    assert!(error.to_string().contains("32 bytes"), "{error}");
}
