//! How a bucket is reached: client, region, credentials.
//!
//! The client goes by the store's clock once that has told the time, which it does with every
//! reply.

use super::Patience;
use crate::store::{Error, S3Location};
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::config::{SharedHttpClient, StalledStreamProtectionConfig};
use aws_sdk_s3::error::BoxError;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Credentials are not looked up again sooner.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(5);

/// A client, made anew when its credentials are no longer good.
#[derive(Debug)]
pub(super) struct Link {
    location: S3Location,
    patience: Patience,
    http: SharedHttpClient,
    client: RwLock<Client>,
    renewed: Mutex<Option<Instant>>,
}

impl Link {
    /// A client with the credentials that the location names, or with those of the environment,
    /// found as other programs of Amazon's find them.
    pub(super) async fn open(location: &S3Location, patience: Patience) -> Result<Self, Error> {
        if let Some(path) = &location.credentials_file {
            // Later on it may be away for a moment; now it is a mistake.
            std::fs::metadata(path).map_err(|error| Error::io(path, error))?;
        }
        let tls = Provider::Rustls(CryptoMode::Ring);
        let http = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
        Ok(Self::with_http(location, patience, http).await)
    }

    pub(super) async fn with_http(
        location: &S3Location,
        patience: Patience,
        http: SharedHttpClient,
    ) -> Self {
        let client = RwLock::new(connect(location, patience, &http).await);
        let (location, renewed) = (location.clone(), Mutex::default());
        Self { location, patience, http, client, renewed }
    }

    pub(super) fn client(&self) -> Client {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks the credentials up again, wherever they come from: what is remembered of them is no
    /// longer good. False if that was done a moment ago.
    pub(super) async fn renew(&self) -> bool {
        let mut renewed = self.renewed.lock().await;
        if renewed.is_some_and(|at| at.elapsed() < RENEWAL_INTERVAL) {
            return false;
        }
        let client = connect(&self.location, self.patience, &self.http).await;
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
        *renewed = Some(Instant::now());
        true
    }
}

async fn connect(location: &S3Location, patience: Patience, http: &SharedHttpClient) -> Client {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .region(region(location));
    if let Some(credentials) = litestreams(|name| std::env::var(name).ok()) {
        loader = loader.credentials_provider(credentials);
    }
    let shared = match credentials(location) {
        Some(credentials) => {
            let config = ProviderConfig::without_region()
                .with_http_client(http.clone())
                .with_region(region(location).region().await);
            loader.credentials_provider(credentials.configure(&config).build()).load().await
        }
        None => loader.load().await,
    };
    Client::from_conf(configure(&shared, location, patience))
}

/// Requests as every server knows them, each sent once: who calls decides about another attempt.
fn configure(shared: &SdkConfig, location: &S3Location, patience: Patience) -> aws_sdk_s3::Config {
    let mut config = aws_sdk_s3::config::Builder::from(shared)
        .retry_config(RetryConfig::disabled())
        .timeout_config(patience.timeouts())
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().build())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .force_path_style(location.force_path_style.unwrap_or(location.endpoint.is_some()));
    if let Some(endpoint) = &location.endpoint {
        config = config.endpoint_url(endpoint);
    }
    let headers = location.preset.map_or(&[][..], |preset| preset.headers());
    if !headers.is_empty() {
        config = config.interceptor(Headers(headers));
    }
    config.build()
}

/// Those of Litestream's own variables, which it takes where Amazon's are not set.
/// <https://litestream.io/reference/config/#variables>
fn litestreams(value: impl Fn(&str) -> Option<String>) -> Option<Credentials> {
    if value("AWS_ACCESS_KEY_ID").is_some() {
        return None;
    }
    let id = value("LITESTREAM_ACCESS_KEY_ID")?;
    let secret =
        value("AWS_SECRET_ACCESS_KEY").or_else(|| value("LITESTREAM_SECRET_ACCESS_KEY"))?;
    Some(Credentials::new(id, secret, None, None, "Litestream"))
}

/// The provider of the credentials a location names; none if it names none.
fn credentials(location: &S3Location) -> Option<aws_config::profile::credentials::Builder> {
    if location.profile.is_none() && location.credentials_file.is_none() {
        return None;
    }
    let mut provider = ProfileFileCredentialsProvider::builder();
    if let Some(profile) = &location.profile {
        provider = provider.profile_name(profile);
    }
    if let Some(path) = &location.credentials_file {
        provider = provider.profile_files(credentials_file(path));
    }
    Some(provider)
}

fn credentials_file(path: &Path) -> EnvConfigFiles {
    EnvConfigFiles::builder().with_file(EnvConfigFileKind::Credentials, path).build()
}

/// With an endpoint the region is rarely more than a word to sign, and no reason to ask the
/// machine's metadata service.
fn region(location: &S3Location) -> RegionProviderChain {
    let named = location.region.clone().map(Region::new);
    let mut chain = RegionProviderChain::first_try(named);
    if let Some(profile) = &location.profile {
        chain = chain.or_else(ProfileFileRegionProvider::builder().profile_name(profile).build());
    }
    let chain = if location.endpoint.is_some() {
        chain.or_else(aws_config::environment::EnvironmentVariableRegionProvider::new())
    } else {
        chain.or_default_provider()
    };
    chain.or_else(Region::new("us-east-1"))
}

/// What goes with every request.
#[derive(Debug)]
struct Headers(&'static [(&'static str, &'static str)]);

impl Intercept for Headers {
    fn name(&self) -> &'static str {
        "headers of a preset"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        for (name, value) in self.0 {
            context.request_mut().headers_mut().insert(*name, *value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn litestreams_variables_count_where_amazons_are_not_set() {
        let found = |variables: &[(&str, &str)]| {
            let value = |name: &str| {
                let found = variables.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let found = litestreams(value)?;
            Some([found.access_key_id().to_owned(), found.secret_access_key().to_owned()])
        };
        let litestream =
            [("LITESTREAM_ACCESS_KEY_ID", "l"), ("LITESTREAM_SECRET_ACCESS_KEY", "ls")];
        assert_eq!(found(&litestream), Some(["l".to_owned(), "ls".to_owned()]));
        assert_eq!(found(&litestream[..1]), None);
        assert_eq!(found(&[litestream[0], litestream[1], ("AWS_ACCESS_KEY_ID", "a")]), None);
        assert_eq!(found(&[]), None);
    }
}
