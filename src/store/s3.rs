//! A store in a bucket of S3, or of what speaks like it.
//!
//! Requests are plain: signed, with a length, without trailing checksums, since many servers know
//! no other kind. Failures that may pass are retried here and not by the SDK, whose allowance of
//! retries runs dry in an outage. An object too large for one request goes up in parts.

use super::{Body, BoxFuture, Error, Etag, Layout, Object, Put, PutMode, S3Location, Store};
use aws_config::meta::region::RegionProviderChain;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use bytes::Bytes;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::error::Error as _;
use std::fs::File;
use std::hash::BuildHasher;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A store in a bucket.
#[derive(Clone, Debug)]
pub struct S3Store {
    client: Client,
    bucket: String,
}

impl S3Store {
    /// The store of a location's bucket, with the credentials of the environment, found as other
    /// programs of Amazon's find them. Nothing is asked of it yet.
    pub async fn connect(location: &S3Location) -> Self {
        let tls = Provider::Rustls(CryptoMode::Ring);
        let http = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
        let shared = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .region(region(location))
            .load()
            .await;
        Self::new(&shared, location)
    }

    fn new(shared: &SdkConfig, location: &S3Location) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let mut config = aws_sdk_s3::config::Builder::from(shared)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .force_path_style(location.force_path_style.unwrap_or(location.endpoint.is_some()));
        if let Some(endpoint) = &location.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Self { client: Client::from_conf(config.build()), bucket: location.bucket.clone() }
    }

    /// A store that needs nothing of the environment.
    #[cfg(test)]
    pub(super) fn for_test(location: &S3Location) -> Self {
        use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
        let credentials = Credentials::new("id", "secret", None, None, "test");
        let shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .region(Region::new("us-east-1"))
            .build();
        Self::new(&shared, location)
    }

    async fn put_object(&self, key: &str, source: Source, put: &Put) -> Result<Etag, Error> {
        let write_id = format!("{:016x}", random());
        let metadata = metadata(put, &write_id);
        let written = if source.len() <= PART_LEN {
            let bytes = source.read(0..source.len()).await?;
            retrying(|| self.put_whole(key, bytes.clone(), &put.mode, metadata.clone())).await
        } else {
            self.put_parts(key, &source, &put.mode, metadata).await
        };
        match written {
            Err(Error::Precondition { .. }) => self.settle(key, &put.mode, &write_id).await,
            written => written,
        }
    }

    /// A put whose reply was lost and which was then repeated fails because of itself: the object
    /// tells whose it is.
    async fn settle(&self, key: &str, mode: &PutMode, write_id: &str) -> Result<Etag, Error> {
        let key = key.to_owned();
        match self.describe(&key).await {
            Ok((object, Some(found))) if found == write_id => Ok(object.etag.unwrap_or_default()),
            Err(error) if error.is_retryable() => Err(error),
            _ if *mode == PutMode::IfAbsent => Err(Error::AlreadyExists { key }),
            _ => Err(Error::Precondition { key }),
        }
    }

    async fn put_whole(
        &self,
        key: &str,
        bytes: Bytes,
        mode: &PutMode,
        metadata: HashMap<String, String>,
    ) -> Result<Etag, Error> {
        let request = self.client.put_object().bucket(&self.bucket).key(key);
        let request = request.set_metadata(Some(metadata)).body(ByteStream::from(bytes));
        let request = match mode {
            PutMode::Overwrite => request,
            PutMode::IfAbsent => request.if_none_match("*"),
            PutMode::IfMatch(etag) => request.if_match(etag),
        };
        let reply = request.send().await.map_err(|error| classify(key, error))?;
        Ok(reply.e_tag.unwrap_or_default())
    }

    async fn put_parts(
        &self,
        key: &str,
        source: &Source,
        mode: &PutMode,
        metadata: HashMap<String, String>,
    ) -> Result<Etag, Error> {
        let begin = || async {
            let request = self.client.create_multipart_upload().bucket(&self.bucket).key(key);
            let request = request.set_metadata(Some(metadata.clone()));
            let reply = request.send().await.map_err(|error| classify(key, error))?;
            reply.upload_id.ok_or_else(|| refused(key, "no upload id"))
        };
        let upload = retrying(begin).await?;
        let put = async {
            let parts = self.put_each_part(key, &upload, source).await?;
            retrying(|| self.complete(key, &upload, mode, parts.clone())).await
        };
        let written = put.await;
        if written.is_err() {
            let abort = self.client.abort_multipart_upload().bucket(&self.bucket).key(key);
            if let Err(error) = abort.upload_id(&upload).send().await {
                tracing::debug!(key, error = explain(&error), "abort upload");
            }
        }
        written
    }

    async fn put_each_part(
        &self,
        key: &str,
        upload: &str,
        source: &Source,
    ) -> Result<Vec<CompletedPart>, Error> {
        let part_len = PART_LEN.max(source.len().div_ceil(PARTS_MAX));
        let mut parts = Vec::new();
        let mut start = 0;
        while start < source.len() {
            let end = (start + part_len).min(source.len());
            let number = i32::try_from(parts.len() + 1).unwrap_or(i32::MAX);
            let bytes = source.read(start..end).await?;
            let put = || self.put_part(key, upload, number, bytes.clone());
            parts.push(retrying(put).await?);
            start = end;
        }
        Ok(parts)
    }

    async fn put_part(
        &self,
        key: &str,
        upload: &str,
        number: i32,
        bytes: Bytes,
    ) -> Result<CompletedPart, Error> {
        let request = self.client.upload_part().bucket(&self.bucket).key(key);
        let request = request.upload_id(upload).part_number(number).body(ByteStream::from(bytes));
        let reply = request.send().await.map_err(|error| classify(key, error))?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(reply.e_tag).build())
    }

    async fn complete(
        &self,
        key: &str,
        upload: &str,
        mode: &PutMode,
        parts: Vec<CompletedPart>,
    ) -> Result<Etag, Error> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(key);
        let request = request.upload_id(upload).multipart_upload(parts);
        let request = match mode {
            PutMode::Overwrite => request,
            PutMode::IfAbsent => request.if_none_match("*"),
            PutMode::IfMatch(etag) => request.if_match(etag),
        };
        let reply = request.send().await.map_err(|error| classify(key, error))?;
        Ok(reply.e_tag.unwrap_or_default())
    }

    async fn get_whole(&self, key: &str) -> Result<(Object, Bytes), Error> {
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let reply = request.send().await.map_err(|error| classify(key, error))?;
        let (etag, modified_ms) = (reply.e_tag, reply.last_modified.and_then(unix_ms));
        let timestamp_ms = timestamp(reply.metadata.as_ref());
        let bytes = collect(key, reply.body).await?;
        let (key, size) = (key.to_owned(), bytes.len() as u64);
        Ok((Object { key, size, etag, modified_ms, timestamp_ms }, bytes))
    }

    async fn get_part(&self, key: &str, range: &Range<u64>) -> Result<Bytes, Error> {
        let Some(last) = range.end.checked_sub(1).filter(|last| *last >= range.start) else {
            return Ok(Bytes::new());
        };
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let request = request.range(format!("bytes={}-{last}", range.start));
        let reply = request.send().await.map_err(|error| classify(key, error))?;
        let bytes = collect(key, reply.body).await?;
        let complete = bytes.len() as u64 == range.end - range.start;
        if complete { Ok(bytes) } else { Err(Error::Range { key: key.to_owned() }) }
    }

    /// The object, and the mark of the put that wrote it.
    async fn describe(&self, key: &str) -> Result<(Object, Option<String>), Error> {
        let head = || async {
            let request = self.client.head_object().bucket(&self.bucket).key(key);
            request.send().await.map_err(|error| classify(key, error))
        };
        let reply = retrying(head).await?;
        let object = Object {
            key: key.to_owned(),
            size: reply.content_length.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
            etag: reply.e_tag,
            modified_ms: reply.last_modified.and_then(unix_ms),
            timestamp_ms: timestamp(reply.metadata.as_ref()),
        };
        Ok((object, reply.metadata.and_then(|mut metadata| metadata.remove(WRITE_ID))))
    }

    async fn list_all(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Object>, Error> {
        let mut objects = Vec::new();
        let mut token = None;
        loop {
            let list = || async {
                let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
                let request = request.set_continuation_token(token.clone());
                let request = request.set_start_after(after.map(str::to_owned));
                request.send().await.map_err(|error| classify(prefix, error))
            };
            let page = retrying(list).await?;
            objects.extend(page.contents.unwrap_or_default().into_iter().filter_map(listed));
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(objects);
            }
        }
    }

    async fn remove(&self, key: &str) -> Result<(), Error> {
        let request = self.client.delete_object().bucket(&self.bucket).key(key);
        match request.send().await.map_err(|error| classify(key, error)) {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Store for S3Store {
    fn put<'a>(&'a self, key: &'a str, body: Body, put: Put) -> BoxFuture<'a, Etag> {
        Box::pin(async move {
            let source = Source::open(body).await?;
            self.put_object(key, source, &put).await
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, (Object, Bytes)> {
        Box::pin(retrying(|| self.get_whole(key)))
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Bytes> {
        Box::pin(async move { retrying(|| self.get_part(key, &range)).await })
    }

    fn head<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Object> {
        Box::pin(async move { self.describe(key).await.map(|(object, _)| object) })
    }

    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Vec<Object>> {
        Box::pin(self.list_all(prefix, after))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(retrying(|| self.remove(key)))
    }

    fn layout(&self) -> Layout {
        Layout::Hex
    }
}

/// The metadata Litestream keeps an LTX file's time in.
const TIMESTAMP: &str = "litestream-timestamp";
/// The metadata that marks which put wrote an object.
const WRITE_ID: &str = "egret-write-id";
const PART_LEN: u64 = 16 << 20;
/// S3 takes 10,000 parts; the length is rounded up.
const PARTS_MAX: u64 = 9_000;
const ATTEMPTS_MAX: u32 = 8;
const RETRY_DELAY_MIN: Duration = Duration::from_millis(100);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(300);

/// What a put reads from.
enum Source {
    Bytes(Bytes),
    File { path: PathBuf, file: Arc<File>, len: u64 },
}

impl Source {
    async fn open(body: Body) -> Result<Self, Error> {
        let path = match body {
            Body::Bytes(bytes) => return Ok(Self::Bytes(bytes)),
            Body::File(path) => path,
        };
        let open = move || {
            let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
            let (len, file) = opened.map_err(|error| Error::io(&path, error))?;
            Ok(Self::File { path, file: Arc::new(file), len })
        };
        blocking(open).await
    }

    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
        }
    }

    /// Parts are held in memory, since only then is their content signed.
    async fn read(&self, range: Range<u64>) -> Result<Bytes, Error> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.slice(range.start as usize..range.end as usize)),
            Self::File { path, file, .. } => {
                let (path, file) = (path.clone(), Arc::clone(file));
                blocking(move || read_at(&path, &file, &range)).await
            }
        }
    }
}

fn read_at(path: &Path, file: &File, range: &Range<u64>) -> Result<Bytes, Error> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    file.read_exact_at(&mut bytes, range.start).map_err(|error| Error::io(path, error))?;
    Ok(bytes.into())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Stopped))
}

/// With an endpoint the region is rarely more than a word to sign, and no reason to ask the
/// machine's metadata service.
fn region(location: &S3Location) -> RegionProviderChain {
    let named = location.region.clone().map(Region::new);
    let chain = RegionProviderChain::first_try(named);
    let chain = if location.endpoint.is_some() {
        chain.or_else(aws_config::environment::EnvironmentVariableRegionProvider::new())
    } else {
        chain.or_default_provider()
    };
    chain.or_else(Region::new("us-east-1"))
}

/// Repeats an operation while its failure may pass, waiting twice as long each time.
async fn retrying<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut delay = RETRY_DELAY_MIN;
    for attempts in 1..ATTEMPTS_MAX {
        match attempt().await {
            Err(error) if error.is_retryable() => {
                tracing::debug!(%error, attempts, "store failed, asking again");
                tokio::time::sleep(delay.mul_f64(0.5 + random() as f64 / u64::MAX as f64)).await;
                delay *= 2;
            }
            result => return result,
        }
    }
    attempt().await
}

/// A number no other put has; nothing secret hangs on it.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

fn metadata(put: &Put, write_id: &str) -> HashMap<String, String> {
    let timestamp = put.timestamp_ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let timestamp = timestamp.map(|timestamp| (TIMESTAMP.to_owned(), timestamp.to_string()));
    let conditional = put.mode != PutMode::Overwrite;
    let write_id = conditional.then(|| (WRITE_ID.to_owned(), write_id.to_owned()));
    timestamp.into_iter().chain(write_id).collect()
}

fn timestamp(metadata: Option<&HashMap<String, String>>) -> Option<i64> {
    let text = metadata?.get(TIMESTAMP)?;
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

fn unix_ms(time: DateTime) -> Option<i64> {
    time.to_millis().ok()
}

fn listed(object: aws_sdk_s3::types::Object) -> Option<Object> {
    Some(Object {
        key: object.key?,
        size: u64::try_from(object.size?).ok()?,
        etag: object.e_tag,
        modified_ms: object.last_modified.and_then(unix_ms),
        timestamp_ms: None,
    })
}

async fn collect(key: &str, body: ByteStream) -> Result<Bytes, Error> {
    let collected = body
        .collect()
        .await
        .map_err(|error| Error::Unavailable { key: key.to_owned(), source: error.into() })?;
    Ok(collected.into_bytes())
}

fn refused(key: &str, what: &'static str) -> Error {
    Error::Refused { key: key.to_owned(), source: what.into() }
}

/// What a failure means to a caller.
fn classify<E>(key: &str, error: SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let key = key.to_owned();
    let status = error.raw_response().map(|reply| reply.status().as_u16());
    let code = error.code().map(str::to_owned);
    let transient = is_transient(&error, status, code.as_deref());
    let source = explain(&error).into();
    match (status, code.as_deref()) {
        _ if transient => Error::Unavailable { key, source },
        (Some(404), code) if code != Some("NoSuchBucket") => Error::NotFound { key },
        (Some(412), _) => Error::Precondition { key },
        (Some(416), _) => Error::Range { key },
        (Some(401 | 403), _) | (None, _) => Error::Denied { key, source },
        _ => Error::Refused { key, source },
    }
}

/// What the store said, or what kept us from asking it, on one line.
fn explain<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if let Some(code) = error.code() {
        return format!("{code}: {}", error.message().unwrap_or("no message"));
    }
    if let Some(reply) = error.raw_response() {
        return format!("status {}", reply.status().as_u16());
    }
    let mut text = String::new();
    let mut link = error.source();
    while let Some(cause) = link {
        let cause_text = cause.to_string();
        let line = cause_text.lines().next().unwrap_or_default();
        if !text.ends_with(line) {
            text = [text.as_str(), if text.is_empty() { "" } else { ": " }, line].concat();
        }
        link = cause.source();
    }
    text
}

/// Whether to ask again: no answer, or one that asks for patience. Without an answer only the
/// failure to find or use credentials is final.
fn is_transient<E>(error: &SdkError<E>, status: Option<u16>, code: Option<&str>) -> bool {
    const PATIENCE: [&str; 6] = [
        "ConditionalRequestConflict",
        "InternalError",
        "OperationAborted",
        "RequestCanceled",
        "RequestTimeout",
        "SlowDown",
    ];
    match error {
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        SdkError::DispatchFailure(failure) => {
            failure.is_io() || failure.is_timeout() || failure.as_other().is_some()
        }
        _ => {
            code.is_some_and(|code| PATIENCE.contains(&code))
                || matches!(status, Some(408 | 425 | 429 | 500 | 502..=599))
        }
    }
}
