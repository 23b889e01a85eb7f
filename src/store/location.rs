//! The URL of a replica.
//!
//! `file:///dir`, or
//! `s3://bucket/prefix?endpoint=https://host&region=eu-west-1&force-path-style=true`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a replica lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// A directory.
    File(PathBuf),
    /// A prefix in a bucket.
    S3(S3Location),
}

/// Where a replica lies in S3 or what speaks like it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct S3Location {
    /// The bucket.
    pub bucket: String,
    /// The prefix of every key, without slashes around it; may be empty.
    pub prefix: String,
    /// The server, when it is not Amazon's.
    pub endpoint: Option<String>,
    /// The region, when it is not that of the environment.
    pub region: Option<String>,
    /// The bucket is named in the path rather than in the host; by default so with an endpoint.
    pub force_path_style: Option<bool>,
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
    #[error("the bucket is missing")]
    Bucket,
    #[error("unknown option {0:?}; known for s3 are endpoint, region, force-path-style")]
    Option(String),
    #[error("option {0:?} is given twice")]
    Twice(String),
    #[error("{key} cannot be {value:?}")]
    Value { key: String, value: String },
    #[error("% is not followed by two hexadecimal digits")]
    Percent,
}

impl Location {
    /// Reads a URL.
    ///
    /// # Errors
    /// If it is of no known kind or has an option not known.
    pub fn parse(url: &str) -> Result<Self, LocationError> {
        parse(url).map_err(|fault| LocationError { url: url.to_owned(), fault })
    }

    /// The location below this one at a relative path.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        match self {
            Self::File(root) => Self::File(root.join(path)),
            Self::S3(s3) => {
                let prefix = [s3.prefix.as_str(), path].join("/").trim_matches('/').to_owned();
                Self::S3(S3Location { prefix, ..s3.clone() })
            }
        }
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
        match self {
            Self::File(root) => write!(f, "file://{}", root.display()),
            Self::S3(s3) if s3.prefix.is_empty() => write!(f, "s3://{}", s3.bucket),
            Self::S3(s3) => write!(f, "s3://{}/{}", s3.bucket, s3.prefix),
        }
    }
}

fn parse(url: &str) -> Result<Location, Fault> {
    let (scheme, rest) = url.split_once("://").ok_or(Fault::Scheme)?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    match scheme {
        "file" => parse_file(path, query),
        "s3" => parse_s3(path, query).map(Location::S3),
        _ => Err(Fault::Scheme),
    }
}

fn parse_file(path: &str, query: &str) -> Result<Location, Fault> {
    if let Some((key, _)) = options(query).next().transpose()? {
        return Err(Fault::Option(key));
    }
    let path = decode(path)?;
    if path.starts_with('/') { Ok(Location::File(path.into())) } else { Err(Fault::RelativePath) }
}

fn parse_s3(path: &str, query: &str) -> Result<S3Location, Fault> {
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    if bucket.is_empty() {
        return Err(Fault::Bucket);
    }
    let mut location = S3Location {
        bucket: decode(bucket)?,
        prefix: decode(prefix)?.trim_matches('/').to_owned(),
        ..S3Location::default()
    };
    for option in options(query) {
        let (key, value) = option?;
        match key.as_str() {
            "endpoint" => set(&mut location.endpoint, &key, endpoint(&key, value)?)?,
            "region" => set(&mut location.region, &key, value)?,
            "force-path-style" => {
                set(&mut location.force_path_style, &key, boolean(&key, value)?)?;
            }
            _ => return Err(Fault::Option(key)),
        }
    }
    Ok(location)
}

fn options(query: &str) -> impl Iterator<Item = Result<(String, String), Fault>> {
    query.split('&').filter(|option| !option.is_empty()).map(|option| {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        Ok((decode(key)?, decode(value)?))
    })
}

fn set<T>(option: &mut Option<T>, key: &str, value: T) -> Result<(), Fault> {
    match option.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::Twice(key.to_owned())),
    }
}

/// An endpoint without a scheme is taken for https, as elsewhere.
fn endpoint(key: &str, value: String) -> Result<String, Fault> {
    match value.split_once("://") {
        Some(("http" | "https", host)) if !host.is_empty() => Ok(value),
        None if !value.is_empty() => Ok(format!("https://{value}")),
        _ => Err(Fault::Value { key: key.to_owned(), value }),
    }
}

fn boolean(key: &str, value: String) -> Result<bool, Fault> {
    match value.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Fault::Value { key: key.to_owned(), value }),
    }
}

fn decode(text: &str) -> Result<String, Fault> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next())? << 4 | hex(bytes.next())?,
            _ => byte,
        });
    }
    String::from_utf8(decoded).map_err(|_not_text| Fault::Percent)
}

fn hex(digit: Option<u8>) -> Result<u8, Fault> {
    let value = digit.and_then(|digit| char::from(digit).to_digit(16));
    value.and_then(|value| u8::try_from(value).ok()).ok_or(Fault::Percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(url: &str) -> String {
        Location::parse(url).unwrap_err().to_string()
    }

    #[test]
    fn files() {
        assert_eq!(Location::parse("file:///a/b%20c"), Ok(Location::File("/a/b c".into())));
        assert!(fault("file://a/b").contains("three slashes"));
        assert!(fault("file:///a?x=1").contains("unknown option \"x\""));
        assert!(fault("/a/b").contains("file:///directory"));
        assert!(fault("ftp://a/b").contains("s3://bucket"));
        assert!(fault("file:///a%2").contains('%'));
    }

    #[test]
    fn s3() {
        let url = "s3://b/p/q/?endpoint=http://127.0.0.1:8333&region=eu&force-path-style=false";
        let expected = S3Location {
            bucket: "b".into(),
            prefix: "p/q".into(),
            endpoint: Some("http://127.0.0.1:8333".into()),
            region: Some("eu".into()),
            force_path_style: Some(false),
        };
        let location = Location::parse(url).unwrap();
        assert_eq!(location, Location::S3(expected));
        assert_eq!(location.join("x/y.db").to_string(), "s3://b/p/q/x/y.db");
        assert_eq!(Location::parse("s3://b").unwrap().join("x").to_string(), "s3://b/x");
        let Ok(Location::S3(bare)) = Location::parse("s3://b/?endpoint=host") else { panic!() };
        assert_eq!((bare.prefix.as_str(), bare.endpoint.as_deref()), ("", Some("https://host")));
    }

    #[test]
    fn s3_options_are_checked() {
        assert!(fault("s3:///p").contains("bucket"));
        assert!(fault("s3://b?sse=1").contains("unknown option \"sse\""));
        assert!(fault("s3://b?region=a&region=b").contains("twice"));
        assert!(fault("s3://b?force-path-style=1").contains("cannot be \"1\""));
        assert!(fault("s3://b?endpoint=ftp://h").contains("cannot be"));
    }
}
