//! A `litestream.yml` in, what egret ships by it out.
//!
//! Keys that egret has a meaning for are taken; those that tune how Litestream works are named in the
//! log and passed over; all others are refused, since without them something else would be stored, or
//! somewhere else, than the file says.
//! <https://litestream.io/reference/config/>

use super::{Config, Error, Layer, places};
use crate::store::IDENTITY_VARIABLE;
use serde_json::{Map, Value};
use std::env;
use std::fs;
use std::path::Path;

/// Keys that say how Litestream works, not what is stored.
const PASSED_OVER: &[&str] = &[
    "addr",
    "auto-recover",
    "busy-timeout",
    "checkpoint-interval",
    "concurrency",
    "l0-retention",
    "l0-retention-check-interval",
    "logging",
    "max-sync-ltx-files",
    "max-sync-wal-bytes",
    "mcp-addr",
    "meta-dir",
    "meta-path",
    "min-checkpoint-page-count",
    "monitor-interval",
    "name",
    "part-size",
    "shutdown-sync-interval",
    "shutdown-sync-timeout",
    "sign-payload",
    "socket",
    "truncate-page-n",
    "validation",
    "validation-interval",
    "verify-compaction",
    "watch",
];
/// Keys of a replica, which may stand at the top for all.
const REPLICA: &[&str] = &[
    "access-key-id",
    "age",
    "bucket",
    "endpoint",
    "force-path-style",
    "path",
    "region",
    "secret-access-key",
    "storage-class",
    "sync-interval",
    "type",
    "url",
];
const TOP: &[&str] = &["dbs", "levels", "snapshot"];
const DATABASE: &[&str] =
    &["path", "dir", "pattern", "recursive", "replica", "replicas", "snapshot", "sync-interval"];
/// Names of files that egret takes for databases in a directory.
const PATTERNS: &[&str] = &["*.db", "*.sqlite", "*.sqlite3", "*.db3"];

/// Why egret does not ship by a `litestream.yml`.
#[derive(Debug, thiserror::Error)]
pub enum BadLitestream {
    /// The file is no YAML.
    #[error("{0}")]
    Syntax(String),
    /// A key that egret has no meaning for.
    #[error("{0}: egret does not do that; take the key out if you do not need it")]
    Key(String),
    /// A value that egret has no meaning for.
    #[error("{key}: {reason}")]
    Value {
        /// Which key.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Reads a `litestream.yml`: one [`Config`] for each of its databases. What `flags` say goes before
/// it.
pub(super) fn read(path: &Path, flags: &Layer) -> Result<Vec<Config>, Error> {
    let text =
        fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let layers = layers(&expand(&text, |name| env::var(name).ok()));
    let layers = layers.map_err(|source| Error::Litestream { path: path.to_owned(), source })?;
    let configs = layers.into_iter().map(|layer| flags.clone().over(layer.unserved()).check());
    let configs: Vec<Config> = configs.collect::<Result<_, _>>()?;
    places::apart(configs.iter().flat_map(|config| &config.backups))?;
    Ok(configs)
}

/// `$NAME` and `${NAME}`, as Litestream has them.
fn expand(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, left) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some(braced) => braced,
            None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
        };
        match name {
            "" => out.push('$'),
            name => out.push_str(&value(name).unwrap_or_default()),
        }
        rest = left;
    }
    out.push_str(rest);
    out
}

fn layers(text: &str) -> Result<Vec<Layer>, BadLitestream> {
    let value: Value =
        serde_saphyr::from_str(text).map_err(|error| BadLitestream::Syntax(error.to_string()))?;
    let top = object(&value, "litestream.yml")?;
    check_keys(top, "", &[TOP, REPLICA])?;
    let databases = match top.get("dbs") {
        Some(Value::Array(databases)) if !databases.is_empty() => databases,
        Some(Value::Array(_)) | None => return Err(bad("dbs", "name the databases")),
        Some(_) => return Err(bad("dbs", "give a list")),
    };
    let databases = databases.iter().enumerate();
    databases.map(|(index, database)| layer(top, database, &format!("dbs[{index}]"))).collect()
}

fn layer(top: &Map<String, Value>, database: &Value, at: &str) -> Result<Layer, BadLitestream> {
    let database = object(database, at)?;
    check_keys(database, at, &[DATABASE])?;
    let path = match (text(database, "path"), text(database, "dir")) {
        (Some(path), None) => path,
        (None, Some(directory)) => {
            check_directory(database, at)?;
            directory
        }
        _ => return Err(bad(at, "give either path or dir")),
    };
    let replicas = match (database.get("replica"), database.get("replicas")) {
        (Some(replica), None) => std::slice::from_ref(replica),
        (None, Some(Value::Array(replicas))) => replicas.as_slice(),
        _ => return Err(bad(at, "give replica, or replicas as a list")),
    };
    let mut backup = Vec::new();
    for (index, replica) in replicas.iter().enumerate() {
        backup.push(url(top, replica, &format!("{at}.replicas[{index}]"))?);
    }
    let maps = replicas.iter().filter_map(Value::as_object).chain([database, top]);
    let sync_interval = sync_interval(maps)?;
    // What the database does not say of it is said at the top.
    let mut snapshot = Map::new();
    for said in [top, database].into_iter().filter_map(|map| map.get("snapshot")) {
        snapshot.extend(object(said, &format!("{at}.snapshot"))?.clone());
    }
    check_keys(&snapshot, "snapshot", &[&["interval", "retention"]])?;
    Ok(Layer {
        paths: Some(vec![path.into()]),
        backup: Some(backup),
        sync_interval,
        backup_levels: levels(top)?,
        snapshot_interval: span(&snapshot, "interval", "snapshot.interval")?,
        backup_retention: span(&snapshot, "retention", "snapshot.retention")?,
        ..Layer::default()
    })
}

/// What is said first: of each replica, of the database, of all.
fn sync_interval<'a>(
    maps: impl Iterator<Item = &'a Map<String, Value>>,
) -> Result<Option<String>, BadLitestream> {
    for map in maps {
        if let Some(interval) = span(map, "sync-interval", "sync-interval")? {
            return Ok(Some(interval));
        }
    }
    Ok(None)
}

fn levels(top: &Map<String, Value>) -> Result<Option<Vec<String>>, BadLitestream> {
    let Some(levels) = top.get("levels") else { return Ok(None) };
    let levels = levels.as_array().ok_or_else(|| bad("levels", "give a list"))?;
    let level = |level: &Value| {
        let level = object(level, "levels")?;
        check_keys(level, "levels", &[&["interval"]])?;
        let interval = span(level, "interval", "levels.interval")?;
        interval.ok_or_else(|| bad("levels", "each has an interval"))
    };
    levels.iter().map(level).collect::<Result<_, _>>().map(Some)
}

/// A span of time as Go writes it, `1h30m`, as egret does.
fn span(object: &Map<String, Value>, key: &str, at: &str) -> Result<Option<String>, BadLitestream> {
    let Some(text) = text(object, key) else { return Ok(None) };
    let ms = go_ms(&text).ok_or_else(|| bad(at, "give a span of time, as 24h or 1h30m"))?;
    Ok(Some(format!("{ms}ms")))
}

fn go_ms(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];
    let (mut ms, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(end);
        let (unit, left) = UNITS.iter().find_map(|u| Some((u.1, after.strip_prefix(u.0)?)))?;
        ms = ms.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = left;
    }
    (!text.is_empty()).then_some(ms)
}

fn check_directory(database: &Map<String, Value>, at: &str) -> Result<(), BadLitestream> {
    if database.get("recursive").and_then(Value::as_bool) != Some(true) {
        let reason = "egret takes a directory with all that is below it: say so, recursive: true";
        return Err(bad(&format!("{at}.recursive"), reason));
    }
    match text(database, "pattern") {
        Some(pattern) if !PATTERNS.contains(&pattern.as_str()) => {
            let reason = "egret takes *.db, *.sqlite, *.sqlite3 and *.db3, all of them";
            Err(bad(&format!("{at}.pattern"), reason))
        }
        _ => Ok(()),
    }
}

/// The URL of a replica; what it does not say is said at the top.
fn url(top: &Map<String, Value>, replica: &Value, at: &str) -> Result<String, BadLitestream> {
    let named = Map::from_iter([("url".to_owned(), replica.clone())]);
    let replica = if replica.is_string() { &named } else { object(replica, at)? };
    check_keys(replica, at, &[REPLICA])?;
    if replica.contains_key("url") && ["path", "bucket"].iter().any(|k| replica.contains_key(*k)) {
        return Err(bad(at, "give either url, or path and bucket"));
    }
    let said = |key| text(replica, key).or_else(|| text(top, key));
    check_credentials(&said, at)?;
    let path = said("path").unwrap_or_default();
    let base = match (said("url"), said("type").as_deref()) {
        (Some(url), _) => url,
        (None, Some("s3")) => {
            let bucket = said("bucket").ok_or_else(|| bad(at, "the bucket is missing"))?;
            format!("s3://{bucket}/{}", path.trim_matches('/'))
        }
        (None, Some("file") | None) if path.starts_with('/') => format!("file://{path}"),
        _ => return Err(bad(at, "give url, or type: s3 with a bucket, or a whole path")),
    };
    let options = match base.starts_with("s3://") {
        true => ["endpoint", "region", "force-path-style", "storage-class"].as_slice(),
        false => &[],
    };
    let options = options.iter().filter_map(|key| Some(format!("{key}={}", said(key)?)));
    let age = replica.get("age").or_else(|| top.get("age"));
    let age = age.map(|age| recipients(age, &format!("{at}.age"))).transpose()?;
    let options: Vec<_> = options.chain(age).collect();
    let separator = if base.contains('?') { "&" } else { "?" };
    Ok(if options.is_empty() { base } else { format!("{base}{separator}{}", options.join("&")) })
}

/// Whom a replica is encrypted for, as an option of its URL.
fn recipients(age: &Value, at: &str) -> Result<String, BadLitestream> {
    let age = object(age, at)?;
    check_keys(age, at, &[&["identities", "recipients"]])?;
    let list = |key: &str| -> Result<Vec<&str>, BadLitestream> {
        let at = || bad(&format!("{at}.{key}"), "give a list of texts");
        let Some(list) = age.get(key) else { return Ok(Vec::new()) };
        let list = list.as_array().ok_or_else(at)?;
        list.iter().map(|text| text.as_str().ok_or_else(at)).collect()
    };
    let known = env::var(IDENTITY_VARIABLE).unwrap_or_default();
    let is_known =
        |identity: &&str| identity.is_empty() || known.lines().any(|k| k.trim() == *identity);
    if !list("identities")?.iter().all(is_known) {
        let reason = "set EGRET_AGE_IDENTITY in the environment instead";
        return Err(bad(&format!("{at}.identities"), reason));
    }
    match list("recipients")?.as_slice() {
        [] => Err(bad(&format!("{at}.recipients"), "give those to encrypt for")),
        recipients => Ok(format!("age={}", recipients.join(","))),
    }
}

/// Keys are taken from the environment, where no listing of processes or files shows them, by
/// Amazon's names for them or Litestream's.
fn check_credentials(
    said: &impl Fn(&'static str) -> Option<String>,
    at: &str,
) -> Result<(), BadLitestream> {
    let names = [
        ("access-key-id", "AWS_ACCESS_KEY_ID", "LITESTREAM_ACCESS_KEY_ID"),
        ("secret-access-key", "AWS_SECRET_ACCESS_KEY", "LITESTREAM_SECRET_ACCESS_KEY"),
    ];
    for (key, amazon, litestream) in names {
        let known = || env::var(amazon).or_else(|_| env::var(litestream)).ok();
        if said(key).is_some_and(|value| known() != Some(value)) {
            let reason =
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment instead";
            return Err(bad(&format!("{at}.{key}"), reason));
        }
    }
    Ok(())
}

fn check_keys(
    object: &Map<String, Value>,
    at: &str,
    known: &[&[&str]],
) -> Result<(), BadLitestream> {
    for key in object.keys() {
        let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
        if PASSED_OVER.contains(&key.as_str()) {
            tracing::warn!(key = path, "passed over: egret has no such setting");
        } else if !known.iter().any(|keys| keys.contains(&key.as_str())) {
            return Err(BadLitestream::Key(path));
        }
    }
    Ok(())
}

fn object<'a>(value: &'a Value, at: &str) -> Result<&'a Map<String, Value>, BadLitestream> {
    value.as_object().ok_or_else(|| bad(at, "give keys and values"))
}

/// A value as text; numbers and booleans are what they are written as.
fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    match object.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

fn bad(key: &str, reason: &'static str) -> BadLitestream {
    BadLitestream::Value { key: key.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `path -> url url`
    fn shown(text: &str) -> String {
        match layers(text) {
            Err(error) => error.to_string(),
            Ok(layers) => {
                let line = |layer: &Layer| {
                    let path = layer.paths.as_ref().unwrap()[0].display();
                    format!("{path} -> {}", layer.backup.as_ref().unwrap().join(" "))
                };
                layers.iter().map(line).collect::<Vec<_>>().join("\n")
            }
        }
    }

    #[test]
    fn what_is_shipped() {
        let text = "
region: eu-west-1
dbs:
  - path: /data/app.db
    monitor-interval: 1s
    replicas:
      - url: s3://bucket/app
      - type: s3
        bucket: other
        path: deep/app
        endpoint: http://127.0.0.1:9000
        force-path-style: true
        sync-interval: 5s
        age: {recipients: [age1x, age1y]}
      - path: /mnt/nas/app
        age: {recipients: [age1z], identities: []}
  - dir: /data/customers
    pattern: '*.db'
    recursive: true
    watch: true
    replica: file:///backups
";
        // A text is a URL, to which the top is added as to any.
        let encrypted = "
age: {recipients: [age1x]}
dbs: [{path: a.db, replicas: ['file:///a', {url: 'file:///b'}]}]";
        assert_eq!(shown(encrypted), "a.db -> file:///a?age=age1x file:///b?age=age1x");
        let expected = "/data/app.db -> s3://bucket/app?region=eu-west-1 \
            s3://other/deep/app?endpoint=http://127.0.0.1:9000&region=eu-west-1&force-path-style=true\
            &age=age1x,age1y file:///mnt/nas/app?age=age1z\n/data/customers -> file:///backups";
        assert_eq!(shown(text), expected);
    }

    #[test]
    fn what_is_refused() {
        let replica = |keys: &str| format!("dbs:\n  - path: a.db\n    replica:\n{keys}");
        let cases = [
            ("exec: app".to_owned(), "exec: egret does not do that"),
            (
                "dbs: [{path: a, restore-if-db-not-exists: true, replica: x}]".to_owned(),
                "dbs[0].restore-if-db-not-exists: egret does not do that",
            ),
            (
                replica(
                    "      url: s3://b/p\n      age: {recipients: [x], identities: [AGE-SECRET-KEY-1]}",
                ),
                "age.identities: set EGRET_AGE_IDENTITY in the environment instead",
            ),
            (replica("      url: s3://b/p\n      age: {identities: []}"), "age.recipients: give"),
            (replica("      url: s3://b/p\n      age: {recipients: x}"), "give a list of texts"),
            (replica("      url: s3://b/p\n      age: {ssh: [x]}"), "age.ssh: egret does not"),
            (replica("      url: s3://b/p\n      sse-kms-key-id: x"), "sse-kms-key-id: egret does"),
            (
                replica("      url: s3://b/p\n      secret-access-key: x"),
                "in the environment instead",
            ),
            (replica("      type: gcs\n      bucket: b"), "give url, or type: s3"),
            (replica("      type: s3"), "the bucket is missing"),
            ("dbs: [{replica: x}]".to_owned(), "give either path or dir"),
            ("dbs: [{path: a.db}]".to_owned(), "give replica, or replicas"),
            ("dbs: [{dir: /x, replica: y}]".to_owned(), "recursive: true"),
            ("dbs: [{dir: /x, recursive: true, pattern: '*.data', replica: y}]".to_owned(), "*.db"),
            (replica("      url: s3://b/p\n      path: x"), "give either url, or path and bucket"),
            ("dbs: 5".to_owned(), "dbs: give a list"),
            ("dbs: []".to_owned(), "dbs: name the databases"),
            ("sync-interval: 1s".to_owned(), "dbs: name the databases"),
            ("- x".to_owned(), "give keys and values"),
        ];
        for (text, expected) in cases {
            assert!(shown(&text).contains(expected), "{text}: {}", shown(&text));
        }
        assert!(layers("dbs: [").is_err());
    }

    #[test]
    fn how_long_it_is_kept() {
        let text = "
levels: [{interval: 1m}, {interval: 10m}]
snapshot: {interval: 24h, retention: 168h}
dbs:
  - {path: a.db, replica: {url: 'file:///a'}}
  - {path: b.db, replica: {url: 'file:///b'}, snapshot: {interval: 1h30m}}";
        let layers = layers(text).unwrap();
        let said = |layer: &Layer| {
            let (every, kept) = (layer.snapshot_interval.clone(), layer.backup_retention.clone());
            (layer.backup_levels.clone().unwrap().join(" "), every, kept)
        };
        let ms = |text: &str| Some(text.to_owned());
        let levels = "60000ms 600000ms".to_owned();
        assert_eq!(said(&layers[0]), (levels.clone(), ms("86400000ms"), ms("604800000ms")));
        assert_eq!(said(&layers[1]), (levels, ms("5400000ms"), ms("604800000ms")));
        for wrong in [
            "snapshot: {interval: 1}",
            "snapshot: {interval: 1d}",
            "levels: [{}]",
            "snapshot: {every: 1h}",
            "levels: 1h",
            "retention: {enabled: false}",
        ] {
            let text = format!("{wrong}\ndbs: [{{path: a.db, replica: {{url: 'file:///a'}}}}]");
            assert!(super::layers(&text).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_database_has_places_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("litestream.yml");
        let count = |first: &str, second: &str| {
            let text = format!(
                "dbs:\n  - path: a.db\n    replica: {{type: file{first}}}\n  - path: b.db\n    replica: {{type: file{second}}}"
            );
            fs::write(&path, text).unwrap();
            read(&path, &Layer::default()).map(|configs| configs.len())
        };
        assert_eq!(count(", path: /x", ", path: /y").unwrap(), 2);
        let refused = count(", path: /x", ", path: /x/").unwrap_err().to_string();
        assert!(refused.contains("is given twice"), "{refused}");
    }

    #[test]
    fn how_often_it_is_sent() {
        let interval = |top: &str, database: &str, replica: &str| {
            let text = format!(
                "{top}\ndbs: [{{path: a.db, {database}replica: {{url: 'file:///a'{replica}}}}}]"
            );
            layers(&text).map(|layers| layers[0].sync_interval.clone().unwrap_or_default())
        };
        assert_eq!(interval("", "", "").unwrap(), "");
        assert_eq!(interval("sync-interval: 1m", "", "").unwrap(), "60000ms");
        assert_eq!(interval("sync-interval: 1m", "sync-interval: 2s, ", "").unwrap(), "2000ms");
        let nearest = interval("sync-interval: 1m", "sync-interval: 2s, ", ", sync-interval: 5s");
        assert_eq!(nearest.unwrap(), "5000ms");
        assert!(interval("", "", ", sync-interval: 5").unwrap_err().to_string().contains("span"));
    }

    #[test]
    fn variables() {
        let value = |name: &str| (name == "NAME").then(|| "value".to_owned());
        let cases = [
            ("a $NAME b", "a value b"),
            ("${NAME}x$NAME.db", "valuexvalue.db"),
            ("$OTHER|${OTHER}|", "||"),
            ("5 $ and $", "5 $ and $"),
            ("${NAME", "${NAME"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, value), expected, "{text}");
        }
    }
}
