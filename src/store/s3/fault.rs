//! What a failed request means to a caller, and whether it is made again.

use super::{Patience, S3Store};
use crate::store::Error;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use std::collections::hash_map::RandomState;
use std::error::Error as _;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

const RETRY_DELAY_MIN: Duration = Duration::from_millis(100);
const RENEWALS_MAX: u32 = 2;
/// Who has waited so long is told why.
const TOLD_AFTER: Duration = Duration::from_secs(5);

impl S3Store {
    /// Repeats an operation while its failure may pass and patience lasts.
    pub(super) async fn retrying<T, F>(&self, attempt: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.repeating(self.patience, attempt).await
    }

    /// The same for a part of something large, whose failure would cost all of it.
    pub(super) async fn persisting<T, F>(&self, attempt: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.repeating(self.patience.for_data(), attempt).await
    }

    /// Waits twice as long each time. Credentials that have expired are looked up again.
    async fn repeating<T, F>(
        &self,
        patience: Patience,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (began, mut delay, mut told) = (Instant::now(), RETRY_DELAY_MIN, false);
        let mut attempts = 0;
        loop {
            attempts += 1;
            match attempt().await {
                Err(Error::Expired { .. })
                    if attempts <= RENEWALS_MAX && self.link.renew().await => {}
                Err(error) if patience.lasts(&error, attempts, began.elapsed()) => {
                    if !told && began.elapsed() > TOLD_AFTER {
                        told = true;
                        tracing::warn!(%error, "asking the store again");
                    }
                    tracing::debug!(%error, attempts, "store failed, asking again");
                    tokio::time::sleep(delay.mul_f64(0.5 + random() as f64 / u64::MAX as f64))
                        .await;
                    delay *= 2;
                }
                result => return result,
            }
        }
    }
}

/// A number no other put has; nothing secret hangs on it.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// What a failure means to a caller.
pub(super) fn classify<E>(key: &str, error: SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    const EXPIRED: [&str; 4] =
        ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];
    let key = key.to_owned();
    let status = error.raw_response().map(|reply| reply.status().as_u16());
    let code = error.code();
    let source = explain(&error).into();
    match (status, code) {
        _ if is_transient(&error, status, code) => Error::Unavailable { key, source },
        (_, Some(code)) if EXPIRED.contains(&code) => Error::Expired { key, source },
        (Some(404), code) if code != Some("NoSuchBucket") => Error::NotFound { key },
        (Some(412), _) => Error::Precondition { key },
        (Some(416), _) => Error::Range { key },
        (None, _) if has_no_credentials(&error) => Error::NoCredentials { key },
        (Some(401 | 403), _) | (None, _) => Error::Denied { key, source },
        (Some(501), _) => Error::Unsupported { key, source },
        _ => Error::Refused { key, source },
    }
}

/// What the store said, or what kept us from asking it, on one line.
pub(super) fn explain<E>(error: &SdkError<E>) -> String
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

/// No provider had any, rather than failed.
fn has_no_credentials(error: &(dyn std::error::Error + 'static)) -> bool {
    match (error.downcast_ref(), error.source()) {
        (Some(CredentialsError::CredentialsNotLoaded(_)), _) => true,
        (_, Some(cause)) => has_no_credentials(cause),
        (_, None) => false,
    }
}

/// Whether to ask again: no answer, or one that asks for patience. Without an answer only the
/// failure to find or use credentials is final.
fn is_transient<E>(error: &SdkError<E>, status: Option<u16>, code: Option<&str>) -> bool {
    const PATIENCE: [&str; 8] = [
        "ConditionalRequestConflict",
        "InternalError",
        "OperationAborted",
        "RequestCanceled",
        // The client knows the store's time now.
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
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
