//! Puts: in one request, or in parts.
//!
//! Parts are held in memory, one at a time, since only then is their content signed and can they be
//! sent again. All but the last are of one length, which some servers insist on.

use super::fault::{classify, explain, random};
use super::{S3Store, TIMESTAMP};
use crate::store::{Body, BodyStream, Error, Etag, Put, PutMode};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, StorageClass};
use bytes::Bytes;
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The metadata that marks which put wrote an object.
pub(super) const WRITE_ID: &str = "egret-write-id";
/// What is shorter goes up in one request.
const PART_LEN: u64 = 16 << 20;
/// S3 takes 10,000 parts. A stream may be longer than was thought.
const PARTS_MAX: u64 = 4_500;

impl S3Store {
    pub(super) async fn put_object(
        &self,
        key: &str,
        mut source: Source,
        put: &Put,
    ) -> Result<Etag, Error> {
        let write_id = format!("{:016x}", random());
        let metadata = metadata(put, &write_id);
        let first = source.next().await?;
        let written = if (first.len() as u64) < source.part_len {
            self.retrying(|| self.put_whole(key, first.clone(), &put.mode, metadata.clone())).await
        } else {
            self.put_parts(key, first, source, &put.mode, metadata).await
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
        let condition = self.condition(key, mode).await?;
        let timeouts = self.patience.timeouts_to_send(bytes.len());
        let request = self.seal.put(self.client().put_object());
        let request = request.bucket(&self.bucket).key(key).set_metadata(Some(metadata));
        let request = request
            .set_storage_class(self.storage_class.as_deref().map(StorageClass::from))
            .set_if_none_match(condition.none_match)
            .set_if_match(condition.matches)
            .body(ByteStream::from(bytes));
        let request = request.customize().config_override(within(timeouts));
        let reply = request.send().await.map_err(|error| classify(key, error));
        Ok(self.conditional(mode, reply)?.e_tag.unwrap_or_default())
    }

    async fn put_parts(
        &self,
        key: &str,
        first: Bytes,
        source: Source,
        mode: &PutMode,
        metadata: HashMap<String, String>,
    ) -> Result<Etag, Error> {
        let upload = self.retrying(|| self.begin(key, metadata.clone())).await?;
        let put = async {
            let parts = self.put_each_part(key, &upload, first, source).await?;
            self.persisting(|| self.complete(key, &upload, mode, parts.clone())).await
        };
        let written = put.await;
        if written.is_err() {
            let abort = self.client().abort_multipart_upload().bucket(&self.bucket).key(key);
            if let Err(error) = abort.upload_id(&upload).send().await {
                tracing::debug!(key, error = explain(&error), "abort upload");
            }
        }
        written
    }

    async fn begin(&self, key: &str, metadata: HashMap<String, String>) -> Result<String, Error> {
        let request = self.seal.begin(self.client().create_multipart_upload());
        let request = request.bucket(&self.bucket).key(key).set_metadata(Some(metadata));
        let storage_class = self.storage_class.as_deref().map(StorageClass::from);
        let request = request.set_storage_class(storage_class);
        let reply = request.send().await.map_err(|error| classify(key, error))?;
        let no_id = || Error::Refused { key: key.to_owned(), source: "no upload id".into() };
        reply.upload_id.ok_or_else(no_id)
    }

    async fn put_each_part(
        &self,
        key: &str,
        upload: &str,
        first: Bytes,
        mut source: Source,
    ) -> Result<Vec<CompletedPart>, Error> {
        let (mut parts, mut part) = (Vec::new(), first);
        while !part.is_empty() {
            let number = i32::try_from(parts.len() + 1).unwrap_or(i32::MAX);
            let put = || self.put_part(key, upload, number, part.clone());
            parts.push(self.persisting(put).await?);
            part = source.next().await?;
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
        let timeouts = self.patience.timeouts_to_send(bytes.len());
        let request = self.seal.part(self.client().upload_part()).bucket(&self.bucket).key(key);
        let request = request.upload_id(upload).part_number(number).body(ByteStream::from(bytes));
        let request = request.customize().config_override(within(timeouts));
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
        let condition = self.condition(key, mode).await?;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client().complete_multipart_upload().bucket(&self.bucket).key(key);
        let request = self.seal.complete(request).upload_id(upload).multipart_upload(parts);
        let request =
            request.set_if_none_match(condition.none_match).set_if_match(condition.matches);
        let timeouts = self.patience.timeouts_to_join();
        let request = request.customize().config_override(within(timeouts));
        let reply = request.send().await.map_err(|error| classify(key, error));
        Ok(self.conditional(mode, reply)?.e_tag.unwrap_or_default())
    }

    /// What a request says of its condition. A server that knows none is not told: then it is looked
    /// at here, which is better than nothing.
    async fn condition(&self, key: &str, mode: &PutMode) -> Result<Condition, Error> {
        let fences = self.fences.load(Ordering::Relaxed);
        if !fences && *mode != PutMode::Overwrite {
            let found = match self.describe(key).await {
                Ok((object, _)) => object.etag,
                Err(Error::NotFound { .. }) => None,
                Err(error) => return Err(error),
            };
            return match (mode, found) {
                (PutMode::IfAbsent, None) => Ok(Condition::default()),
                (PutMode::IfMatch(etag), Some(found)) if *etag == found => Ok(Condition::default()),
                _ => Err(Error::Precondition { key: key.to_owned() }),
            };
        }
        Ok(match mode {
            PutMode::Overwrite => Condition::default(),
            PutMode::IfAbsent => {
                Condition { none_match: Some("*".to_owned()), ..Condition::default() }
            }
            PutMode::IfMatch(etag) => {
                Condition { matches: Some(etag.clone()), ..Condition::default() }
            }
        })
    }

    /// Learns from a refusal that the server knows no conditions: to be tried again without.
    fn conditional<T>(&self, mode: &PutMode, reply: Result<T, Error>) -> Result<T, Error> {
        match reply {
            Err(Error::Unsupported { key, source })
                if *mode != PutMode::Overwrite && self.fences.swap(false, Ordering::Relaxed) =>
            {
                let bucket = &self.bucket;
                tracing::warn!(
                    bucket,
                    "the store knows no conditional puts: two writers to one backup are not kept apart by it"
                );
                Err(Error::Unavailable { key, source })
            }
            reply => reply,
        }
    }
}

/// The client's settings, but for how long it waits.
fn within(timeouts: TimeoutConfig) -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::config::Builder::default().timeout_config(timeouts)
}

/// `If-None-Match` and `If-Match`
#[derive(Default)]
struct Condition {
    none_match: Option<String>,
    matches: Option<String>,
}

/// What a put reads from, part by part.
pub(super) struct Source {
    kind: Kind,
    part_len: u64,
}

enum Kind {
    Bytes(Bytes),
    File { path: PathBuf, file: Arc<File>, offset: u64, len: u64 },
    Stream(BodyStream),
}

impl Source {
    pub(super) async fn open(body: Body) -> Result<Self, Error> {
        let kind = match body {
            Body::Bytes(bytes) => Kind::Bytes(bytes),
            Body::File(path) => blocking(move || Kind::open(path)).await?,
            Body::Stream(stream) => Kind::Stream(stream),
        };
        let part_len = PART_LEN.max(kind.len_about().div_ceil(PARTS_MAX));
        Ok(Self { kind, part_len })
    }

    /// The next part: all are of one length but the last, which is shorter and may be empty.
    async fn next(&mut self) -> Result<Bytes, Error> {
        let part_len = usize::try_from(self.part_len).unwrap_or(usize::MAX);
        match &mut self.kind {
            Kind::Bytes(bytes) => Ok(bytes.split_to(part_len.min(bytes.len()))),
            Kind::Stream(stream) => stream.read(part_len).await,
            Kind::File { path, file, offset, len } => {
                let (path, file, start) = (path.clone(), Arc::clone(file), *offset);
                let length = self.part_len.min(*len - start);
                *offset += length;
                blocking(move || read_at(&path, &file, start, length)).await
            }
        }
    }
}

impl Kind {
    fn open(path: PathBuf) -> Result<Self, Error> {
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (len, file) = opened.map_err(|error| Error::io(&path, error))?;
        Ok(Self::File { path, file: Arc::new(file), offset: 0, len })
    }

    fn len_about(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
            Self::Stream(stream) => stream.len_about(),
        }
    }
}

fn read_at(path: &Path, file: &File, start: u64, length: u64) -> Result<Bytes, Error> {
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, start).map_err(|error| Error::io(path, error))?;
    Ok(bytes.into())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Stopped))
}

fn metadata(put: &Put, write_id: &str) -> HashMap<String, String> {
    let timestamp = put.timestamp_ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let timestamp = timestamp.map(|timestamp| (TIMESTAMP.to_owned(), timestamp.to_string()));
    let conditional = put.mode != PutMode::Overwrite;
    let write_id = conditional.then(|| (WRITE_ID.to_owned(), write_id.to_owned()));
    timestamp.into_iter().chain(write_id).collect()
}
