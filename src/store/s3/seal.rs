//! Encryption by the server, in the headers of requests.

use crate::store::{Error, Sse};
use aws_sdk_s3::operation::complete_multipart_upload::builders as complete;
use aws_sdk_s3::operation::create_multipart_upload::builders as begin;
use aws_sdk_s3::operation::get_object::builders as get;
use aws_sdk_s3::operation::head_object::builders as head;
use aws_sdk_s3::operation::put_object::builders as put;
use aws_sdk_s3::operation::upload_part::builders as part;
use aws_sdk_s3::types::ServerSideEncryption;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use std::fmt;
use std::path::Path;

const KEY_LEN: usize = 32;

/// What requests say of encryption.
#[derive(Clone, Debug, Default)]
pub(super) struct Seal {
    mode: Option<ServerSideEncryption>,
    kms_key_id: Option<String>,
    customer: Option<CustomerKey>,
}

/// A key that goes with every request; the server forgets it.
#[derive(Clone)]
struct CustomerKey {
    key: String,
    md5: String,
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomerKey").field("md5", &self.md5).finish_non_exhaustive()
    }
}

impl CustomerKey {
    /// The key in a file: 32 bytes, or base64 of them.
    fn read(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|error| Error::io(path, error))?;
        let decoded = STANDARD.decode(bytes.trim_ascii()).ok();
        let key = Some(bytes).filter(|bytes| bytes.len() == KEY_LEN).or(decoded);
        let key = key.filter(|key| key.len() == KEY_LEN);
        let key = key.ok_or_else(|| Error::EncryptionKey { path: path.to_owned() })?;
        Ok(Self { key: STANDARD.encode(&key), md5: STANDARD.encode(Md5::digest(&key)) })
    }
}

/// Adds the customer's key to a request.
macro_rules! with_customer_key {
    ($seal:expr, $request:expr) => {{
        let customer = $seal.customer.clone();
        let (key, md5) = customer.map(|customer| (customer.key, customer.md5)).unzip();
        let algorithm = key.is_some().then(|| "AES256".to_owned());
        $request
            .set_sse_customer_algorithm(algorithm)
            .set_sse_customer_key(key)
            .set_sse_customer_key_md5(md5)
    }};
}

impl Seal {
    /// Reads the key file, if there is one.
    pub(super) fn open(sse: Option<&Sse>) -> Result<Self, Error> {
        let mut seal = Self::default();
        match sse {
            None => {}
            Some(Sse::S3) => seal.mode = Some(ServerSideEncryption::Aes256),
            Some(Sse::Kms(key_id)) => {
                seal.mode = Some(ServerSideEncryption::AwsKms);
                seal.kms_key_id.clone_from(key_id);
            }
            Some(Sse::Customer(path)) => seal.customer = Some(CustomerKey::read(path)?),
        }
        Ok(seal)
    }

    pub(super) fn put(&self, request: put::PutObjectFluentBuilder) -> put::PutObjectFluentBuilder {
        with_customer_key!(self, request)
            .set_server_side_encryption(self.mode.clone())
            .set_ssekms_key_id(self.kms_key_id.clone())
    }

    pub(super) fn begin(
        &self,
        request: begin::CreateMultipartUploadFluentBuilder,
    ) -> begin::CreateMultipartUploadFluentBuilder {
        with_customer_key!(self, request)
            .set_server_side_encryption(self.mode.clone())
            .set_ssekms_key_id(self.kms_key_id.clone())
    }

    pub(super) fn part(
        &self,
        request: part::UploadPartFluentBuilder,
    ) -> part::UploadPartFluentBuilder {
        with_customer_key!(self, request)
    }

    pub(super) fn complete(
        &self,
        request: complete::CompleteMultipartUploadFluentBuilder,
    ) -> complete::CompleteMultipartUploadFluentBuilder {
        with_customer_key!(self, request)
    }

    pub(super) fn get(&self, request: get::GetObjectFluentBuilder) -> get::GetObjectFluentBuilder {
        with_customer_key!(self, request)
    }

    pub(super) fn head(
        &self,
        request: head::HeadObjectFluentBuilder,
    ) -> head::HeadObjectFluentBuilder {
        with_customer_key!(self, request)
    }
}
