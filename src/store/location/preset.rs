//! What is known of the services that speak like S3.

use super::{Fault, S3Location};

/// A service whose ways are known. Chosen by the endpoint's host, or by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Preset {
    /// Amazon S3.
    Aws,
    /// Cloudflare R2.
    R2,
    /// Backblaze B2.
    B2,
    /// Tigris.
    Tigris,
    /// MinIO.
    Minio,
    /// Google Cloud Storage, as it speaks to clients of S3.
    Gcs,
}

/// Name, and what the host of its endpoints ends with.
const PRESETS: [(Preset, &str, &[&str]); 6] = [
    (Preset::Aws, "aws", &["amazonaws.com", "amazonaws.com.cn"]),
    (Preset::R2, "r2", &["r2.cloudflarestorage.com"]),
    (Preset::B2, "b2", &["backblazeb2.com"]),
    (Preset::Tigris, "tigris", &["tigris.dev", "storage.dev"]),
    (Preset::Minio, "minio", &["min.io"]),
    (Preset::Gcs, "gcs", &["storage.googleapis.com"]),
];

impl Preset {
    /// The service of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        PRESETS.iter().find(|(_, known, _)| *known == name).map(|(preset, ..)| *preset)
    }

    /// All names, as they are listed.
    pub(super) fn names() -> String {
        PRESETS.map(|(_, name, _)| name).join(", ")
    }

    /// The service an endpoint belongs to.
    pub(super) fn at(endpoint: &str) -> Option<Self> {
        let host = host(endpoint);
        let belongs = |suffix: &&str| {
            host.strip_suffix(*suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        PRESETS.iter().find(|(.., hosts)| hosts.iter().any(belongs)).map(|(preset, ..)| *preset)
    }

    /// Fills in what the service needs and the URL does not say.
    pub(super) fn complete(self, location: &mut S3Location) -> Result<(), Fault> {
        if location.endpoint.is_none() {
            location.endpoint = self.endpoint(location.region.as_deref())?;
        }
        if location.region.is_none() {
            location.region = self.region(location.endpoint.as_deref());
        }
        location.force_path_style.get_or_insert(self.is_path_style());
        Ok(())
    }

    fn endpoint(self, region: Option<&str>) -> Result<Option<String>, Fault> {
        match (self, region) {
            (Self::Aws, _) => Ok(None),
            (Self::Tigris, _) => Ok(Some("https://t3.storage.dev".to_owned())),
            (Self::Gcs, _) => Ok(Some("https://storage.googleapis.com".to_owned())),
            (Self::B2, Some(region)) => Ok(Some(format!("https://s3.{region}.backblazeb2.com"))),
            (Self::B2, None) => Err(Fault::Needs("b2", "region=us-west-004 or the like")),
            (Self::R2, _) => {
                Err(Fault::Needs("r2", "endpoint=https://ACCOUNT.r2.cloudflarestorage.com"))
            }
            (Self::Minio, _) => Err(Fault::Needs("minio", "endpoint=http://HOST:9000")),
        }
    }

    /// The region requests are signed for; none if the environment has to tell.
    fn region(self, endpoint: Option<&str>) -> Option<String> {
        match self {
            Self::Aws => None,
            Self::R2 | Self::Tigris | Self::Gcs => Some("auto".to_owned()),
            Self::Minio => Some("us-east-1".to_owned()),
            Self::B2 => {
                let region = host(endpoint?).strip_prefix("s3.")?.strip_suffix(".backblazeb2.com");
                region.map(str::to_owned)
            }
        }
    }

    /// The bucket is named in the path; where both ways work, that is the one without a
    /// certificate for each bucket.
    fn is_path_style(self) -> bool {
        !matches!(self, Self::Aws | Self::Tigris)
    }

    /// What goes with every request besides.
    pub(in crate::store) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            // Without it a read may answer from another region, which does not know the write yet.
            Self::Tigris => &[("x-tigris-consistent", "true")],
            _ => &[],
        }
    }

    /// The service takes conditions on puts and takes no notice of them.
    pub(in crate::store) fn ignores_conditions(self) -> bool {
        self == Self::Gcs
    }
}

/// The host of an endpoint, without the port.
fn host(endpoint: &str) -> &str {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or_default()
}
