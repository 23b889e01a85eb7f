//! The URL of a replica.
//!
//! `file:///dir`, or
//! `s3://bucket/prefix?endpoint=https://host&region=eu-west-1&storage-class=STANDARD_IA`; either with
//! `age=age1...&age-identity=/path/to/key.txt`.

mod common;
mod preset;
mod query;

pub use preset::Preset;

use common::Common;
use query::{boolean, decode, endpoint, options, set};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a replica lies, and how it is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// Where.
    pub place: Place,
    /// What it is called in the status and in metrics, when that is not its URL.
    pub name: Option<String>,
    /// How what is put there is encrypted.
    pub age: AgeKeys,
}

/// Whom objects are encrypted for before they leave this machine, and who reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AgeKeys {
    /// For whom: `age1...`; nothing is encrypted if there is nobody.
    pub recipients: Vec<String>,
    /// The file with the identities of readers, as `age-keygen` writes it.
    pub identity: Option<PathBuf>,
}

/// Where a replica lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A directory.
    File(PathBuf),
    /// A prefix in a bucket.
    S3(Box<S3Location>),
}

/// Where a replica lies in S3 or what speaks like it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct S3Location {
    /// The bucket.
    pub bucket: String,
    /// The prefix of every key, without slashes around it; may be empty.
    pub prefix: String,
    /// The service, if it is known.
    pub preset: Option<Preset>,
    /// The server, when it is not Amazon's.
    pub endpoint: Option<String>,
    /// The region, when it is not that of the environment.
    pub region: Option<String>,
    /// The bucket is named in the path rather than in the host; by default so with an endpoint.
    pub force_path_style: Option<bool>,
    /// The profile whose credentials are used, when it is not that of the environment.
    pub profile: Option<String>,
    /// The file with the credentials, in the format of `~/.aws/credentials`.
    pub credentials_file: Option<PathBuf>,
    /// The storage class of what is put.
    pub storage_class: Option<String>,
    /// How the service encrypts what is put.
    pub sse: Option<Sse>,
}

/// How a service encrypts what it stores.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sse {
    /// With a key of the service's own: `sse=AES256`.
    S3,
    /// With a key of its key management: `sse=aws:kms`, and `kms-key-id` if it is not the default
    /// one.
    Kms(Option<String>),
    /// With the key in this file, which the service does not keep: `sse-c-key-file`.
    Customer(PathBuf),
}

/// Why a URL names no store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url}: {fault}")]
pub struct LocationError {
    url: String,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("a backup is given as file:///directory or s3://bucket/prefix")]
    Scheme,
    #[error("a file URL has three slashes and a whole path, as in file:///var/backups/app")]
    RelativePath,
    #[error("the bucket is missing: give s3://bucket/prefix")]
    Bucket,
    #[error("unknown option {0:?}; known here are {1}")]
    Option(String, &'static str),
    #[error("option {0:?} is given twice")]
    Twice(String),
    #[error("{key} cannot be {value:?}")]
    Value { key: String, value: String },
    #[error("preset cannot be {0:?}; known are {1}")]
    Preset(String, String),
    #[error("preset={0} needs {1}")]
    Needs(&'static str, &'static str),
    #[error("{0} goes with sse={1} only")]
    Sse(&'static str, &'static str),
    #[error("an encryption key is not sent in clear: the endpoint must be https")]
    KeyInClear,
    #[error("age={0}: no recipient: give age1..., as age-keygen prints it")]
    Recipient(String),
    #[error("{0} is a secret key: age takes its public key, age1..., and age-identity a file")]
    Secret(String),
    #[error("% is not followed by two hexadecimal digits")]
    Percent,
}

const FILE_OPTIONS: &str = "name, age, age-identity";
const S3_OPTIONS: &str = "name, age, age-identity, preset, endpoint, region, force-path-style, profile, \
    credentials-file, storage-class, sse, kms-key-id, sse-c-key-file";

impl Location {
    /// Reads a URL.
    ///
    /// # Errors
    /// If it is of no known kind or has an option not known.
    pub fn parse(url: &str) -> Result<Self, LocationError> {
        parse(url).map_err(|fault| {
            // What is told goes to logs.
            let is_secret = matches!(fault, Fault::Secret(_));
            let shown = url.split('?').next().filter(|_| is_secret).unwrap_or(url);
            LocationError { url: shown.to_owned(), fault }
        })
    }

    /// A directory.
    #[must_use]
    pub fn directory(path: PathBuf) -> Self {
        Self { place: Place::File(path), name: None, age: AgeKeys::default() }
    }

    /// The location below this one at a relative path.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        let place = match &self.place {
            Place::File(root) => Place::File(root.join(path)),
            Place::S3(s3) => {
                let prefix = [s3.prefix.as_str(), path].join("/").trim_matches('/').to_owned();
                Place::S3(Box::new(S3Location { prefix, ..S3Location::clone(s3) }))
            }
        };
        Self { place, ..self.clone() }
    }

    /// What it is called: its name, or its URL without options.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.to_string())
    }
}

impl Place {
    /// Both are the same place, however it is reached and what is put there is stored.
    #[must_use]
    pub fn is_at(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::S3(one), Self::S3(other)) => one.is_at(other),
            (one, other) => one == other,
        }
    }
}

impl S3Location {
    /// A region that is not said may be the other's.
    fn is_at(&self, other: &Self) -> bool {
        let host = |s3: &Self| s3.endpoint.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        let regions = self.region.as_ref().zip(other.region.as_ref());
        self.bucket == other.bucket
            && self.prefix == other.prefix
            && host(self) == host(other)
            && regions.is_none_or(|(one, other)| one == other)
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(url: &str) -> Result<Self, LocationError> {
        Self::parse(url)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(root) => write!(f, "file://{}", root.display()),
            Place::S3(s3) if s3.prefix.is_empty() => write!(f, "s3://{}", s3.bucket),
            Place::S3(s3) => write!(f, "s3://{}/{}", s3.bucket, s3.prefix),
        }
    }
}

fn parse(url: &str) -> Result<Location, Fault> {
    let (scheme, rest) = url.split_once("://").ok_or(Fault::Scheme)?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    match scheme {
        "file" => parse_file(path, query),
        "s3" => parse_s3(path, query),
        _ => Err(Fault::Scheme),
    }
}

fn parse_file(path: &str, query: &str) -> Result<Location, Fault> {
    let mut common = Common::default();
    for option in options(query) {
        let (key, value) = option?;
        if !common.set(&key, &value)? {
            return Err(Fault::Option(key, FILE_OPTIONS));
        }
    }
    let path = decode(path)?;
    if !path.starts_with('/') {
        return Err(Fault::RelativePath);
    }
    // However many slashes it has.
    Ok(common.at(Place::File(Path::new(&path).components().collect())))
}

fn parse_s3(path: &str, query: &str) -> Result<Location, Fault> {
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    if bucket.is_empty() {
        return Err(Fault::Bucket);
    }
    let mut draft = Draft::default();
    draft.location.bucket = decode(bucket)?;
    draft.location.prefix = decode(prefix)?.trim_matches('/').to_owned();
    for option in options(query) {
        let (key, value) = option?;
        draft.set(key, value)?;
    }
    draft.finish()
}

/// What the options of an S3 URL said so far.
#[derive(Default)]
struct Draft {
    location: S3Location,
    common: Common,
    sse: Option<String>,
    kms_key_id: Option<String>,
    sse_c_key_file: Option<PathBuf>,
}

impl Draft {
    fn set(&mut self, key: String, value: String) -> Result<(), Fault> {
        if self.common.set(&key, &value)? {
            return Ok(());
        }
        let location = &mut self.location;
        let known = key.as_str();
        match known {
            "preset" => {
                let preset = Preset::named(&value);
                let preset = preset.ok_or_else(|| Fault::Preset(value, Preset::names()))?;
                set(&mut location.preset, known, preset)
            }
            "endpoint" => set(&mut location.endpoint, known, endpoint(known, value)?),
            "region" => set(&mut location.region, known, value),
            "force-path-style" => {
                set(&mut location.force_path_style, known, boolean(known, value)?)
            }
            "profile" => set(&mut location.profile, known, value),
            "credentials-file" => set(&mut location.credentials_file, known, value.into()),
            "storage-class" => set(&mut location.storage_class, known, value),
            "sse" => set(&mut self.sse, known, value),
            "kms-key-id" => set(&mut self.kms_key_id, known, value),
            "sse-c-key-file" => set(&mut self.sse_c_key_file, known, value.into()),
            _ => Err(Fault::Option(key, S3_OPTIONS)),
        }
    }

    fn finish(self) -> Result<Location, Fault> {
        let sse = self.sse()?;
        let mut location = self.location;
        location.sse = sse;
        location.preset = location.preset.or_else(|| match &location.endpoint {
            Some(endpoint) => Preset::at(endpoint),
            None => Some(Preset::Aws),
        });
        if let Some(preset) = location.preset {
            preset.complete(&mut location)?;
        }
        let in_clear = location.endpoint.as_ref().is_some_and(|url| url.starts_with("http://"));
        if in_clear && matches!(location.sse, Some(Sse::Customer(_))) {
            return Err(Fault::KeyInClear);
        }
        Ok(self.common.at(Place::S3(Box::new(location))))
    }

    fn sse(&self) -> Result<Option<Sse>, Fault> {
        let (kms_key_id, key_file) = (self.kms_key_id.clone(), self.sse_c_key_file.clone());
        match (self.sse.as_deref(), kms_key_id, key_file) {
            (Some("aws:kms"), id, None) => Ok(Some(Sse::Kms(id))),
            (_, Some(_), _) => Err(Fault::Sse("kms-key-id", "aws:kms")),
            (Some("AES256"), None, None) => Ok(Some(Sse::S3)),
            (Some("customer") | None, None, Some(path)) => Ok(Some(Sse::Customer(path))),
            (Some("customer"), None, None) => Err(Fault::Sse("sse-c-key-file", "customer")),
            (Some(_), None, Some(_)) => Err(Fault::Sse("sse-c-key-file", "customer")),
            (Some(other), ..) => Err(Fault::Value { key: "sse".to_owned(), value: other.into() }),
            (None, None, None) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(url: &str) -> String {
        Location::parse(url).unwrap_err().to_string()
    }

    fn s3_at(url: &str) -> S3Location {
        match Location::parse(url).unwrap().place {
            Place::S3(s3) => *s3,
            place @ Place::File(_) => panic!("{place:?}"),
        }
    }

    #[test]
    fn files() {
        let directory = Location::directory("/a/b c".into());
        for url in ["file:///a/b%20c", "file:///a//b%20c/"] {
            assert_eq!(Location::parse(url).as_ref(), Ok(&directory));
        }
        assert_eq!(Location::parse("file:///a?name=near").unwrap().join("b").name(), "near");
        assert!(fault("file://a/b").contains("three slashes"));
        assert!(fault("file:///a?x=1").contains("unknown option \"x\""));
        assert!(fault("/a/b").contains("file:///directory"));
        assert!(fault("ftp://a/b").contains("s3://bucket"));
        assert!(fault("file:///a%2").contains('%'));
    }

    #[test]
    fn encryption() {
        let (ann, secret) = crate::store::age::pair();
        let (bob, _) = crate::store::age::pair();
        for base in ["file:///a", "s3://b/p"] {
            let url = format!("{base}?age={ann},{bob}&age-identity=/k%20y&name=n");
            let location = Location::parse(&url).unwrap().join("x");
            let recipients = vec![ann.clone(), bob.clone()];
            assert_eq!(location.age, AgeKeys { recipients, identity: Some("/k y".into()) });
            assert_eq!((location.name(), location.to_string()), ("n".into(), format!("{base}/x")));
            assert!(fault(&format!("{base}?age=age1x")).contains("age-keygen"));
            assert!(fault(&format!("{base}?age={ann},")).contains("age-keygen"));
            for option in ["age", "age-identity"] {
                let said = fault(&format!("{base}?name=n&{option}={secret}"));
                assert!(said.contains("secret key") && !said.contains(&secret[16..]), "{said}");
            }
        }
    }

    #[test]
    fn s3() {
        let url = "s3://b/p/q/?endpoint=http://127.0.0.1:8333&region=eu&force-path-style=false\
            &profile=p&credentials-file=/c&storage-class=STANDARD_IA&sse=aws:kms&kms-key-id=k";
        let expected = S3Location {
            bucket: "b".into(),
            prefix: "p/q".into(),
            preset: None,
            endpoint: Some("http://127.0.0.1:8333".into()),
            region: Some("eu".into()),
            force_path_style: Some(false),
            profile: Some("p".into()),
            credentials_file: Some("/c".into()),
            storage_class: Some("STANDARD_IA".into()),
            sse: Some(Sse::Kms(Some("k".into()))),
        };
        assert_eq!(s3_at(url), expected);
        let location = Location::parse(url).unwrap();
        assert_eq!(location.join("x/y.db").to_string(), "s3://b/p/q/x/y.db");
        assert_eq!(Location::parse("s3://b").unwrap().join("x").to_string(), "s3://b/x");
        let bare = s3_at("s3://b/?endpoint=host");
        assert_eq!((bare.prefix.as_str(), bare.endpoint.as_deref()), ("", Some("https://host")));
    }

    #[test]
    fn presets() {
        let found = |query: &str| {
            let s3 = s3_at(&format!("s3://b?{query}"));
            let (endpoint, region) = (s3.endpoint.unwrap_or_default(), s3.region);
            (s3.preset, endpoint, region.unwrap_or_default(), s3.force_path_style)
        };
        let is = |preset, endpoint: &str, region: &str, style| {
            (preset, endpoint.to_owned(), region.to_owned(), style)
        };
        let r2 = "https://abc.r2.cloudflarestorage.com";
        let b2 = "https://s3.eu-central-003.backblazeb2.com";
        assert_eq!(found(""), is(Some(Preset::Aws), "", "", Some(false)));
        assert_eq!(
            found("endpoint=bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com&region=eu-west-1").0,
            Some(Preset::Aws)
        );
        assert_eq!(found(&format!("endpoint={r2}")), is(Some(Preset::R2), r2, "auto", Some(true)));
        let b2_found = is(Some(Preset::B2), b2, "eu-central-003", Some(true));
        assert_eq!(found("preset=b2&region=eu-central-003"), b2_found);
        assert_eq!(found(&format!("endpoint={b2}")), b2_found);
        assert_eq!(
            found("preset=tigris"),
            is(Some(Preset::Tigris), "https://t3.storage.dev", "auto", Some(false))
        );
        assert_eq!(
            found("preset=gcs"),
            is(Some(Preset::Gcs), "https://storage.googleapis.com", "auto", Some(true))
        );
        assert_eq!(
            found("preset=minio&endpoint=http://nas:9000"),
            is(Some(Preset::Minio), "http://nas:9000", "us-east-1", Some(true))
        );
        // A name that only ends like a known one belongs to somebody else.
        assert_eq!(found("endpoint=evilamazonaws.com").0, None);
        assert!(fault("s3://b?preset=r2").contains("ACCOUNT.r2.cloudflarestorage.com"));
        assert!(fault("s3://b?preset=b2").contains("region="));
        assert!(fault("s3://b?preset=minio").contains("endpoint="));
        assert!(fault("s3://b?preset=azure").contains("cannot be \"azure\""));
    }

    #[test]
    fn s3_options_are_checked() {
        assert!(fault("s3:///p").contains("bucket"));
        assert!(fault("s3://b?ssl=1").contains("unknown option \"ssl\""));
        assert!(fault("s3://b?region=a&region=b").contains("twice"));
        assert!(fault("s3://b?force-path-style=1").contains("cannot be \"1\""));
        assert!(fault("s3://b?endpoint=ftp://h").contains("cannot be"));
    }

    #[test]
    fn server_side_encryption() {
        assert_eq!(s3_at("s3://b?sse=AES256").sse, Some(Sse::S3));
        assert_eq!(s3_at("s3://b?sse=aws:kms").sse, Some(Sse::Kms(None)));
        let customer = Some(Sse::Customer("/k".into()));
        assert_eq!(s3_at("s3://b?sse-c-key-file=/k").sse, customer);
        assert_eq!(s3_at("s3://b?sse=customer&sse-c-key-file=/k").sse, customer);
        assert!(fault("s3://b?sse=rot13").contains("cannot be \"rot13\""));
        assert!(fault("s3://b?kms-key-id=k").contains("aws:kms"));
        assert!(fault("s3://b?sse=AES256&kms-key-id=k").contains("aws:kms"));
        assert!(fault("s3://b?sse=customer").contains("sse-c-key-file"));
        assert!(fault("s3://b?sse=AES256&sse-c-key-file=/k").contains("sse=customer"));
        assert!(fault("s3://b?sse-c-key-file=/k&endpoint=http://h").contains("https"));
    }
}
