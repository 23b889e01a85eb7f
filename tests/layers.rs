//! The house rules that a compiler does not check: which room may name which, one door per crate,
//! the size of files, and where the program may print.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room, the rooms it may name, and why. A room that is not listed fails the test.
const ROOMS: &[(&str, &[&str], &str)] = &[
    ("types", &[], "pure: bytes and values"),
    ("schema", &["types"], "beside: a snapshot of names and types"),
    ("wal", &[], "pure `Read`: could be a crate of its own"),
    ("ltx", &[], "pure `Read`/`Write`: could be a crate of its own"),
    ("machine", &[], "what the system has left"),
    ("statement", &["types", "schema"], "pure: text and schema in, a plan out"),
    ("sqlite", &["types", "schema", "machine"], "the door to SQLite; answers through `Host`"),
    ("catalog", &["types", "schema", "sqlite"], "rows of pg_catalog from the snapshot"),
    ("store", &["ltx", "machine"], "objects; names them by the transactions they hold"),
    ("observe", &[], "counters and states, and the door to monitors"),
    ("shipper", &["wal", "ltx", "store", "sqlite", "observe", "machine"], "commits to the store"),
    ("replica", &["ltx", "store", "sqlite", "shipper", "observe"], "the store to a file"),
    (
        "database",
        &[
            "statement",
            "catalog",
            "sqlite",
            "schema",
            "types",
            "shipper",
            "replica",
            "store",
            "wal",
            "ltx",
            "observe",
        ],
        "one served file: both flows meet here",
    ),
    (
        "session",
        &["statement", "database", "sqlite", "schema", "types", "catalog", "observe", "machine"],
        "messages in, messages out; its error.rs names every room's errors",
    ),
    ("tls", &[], "the door to rustls"),
    ("auth", &["config"], "users and verifiers"),
    (
        "listener",
        &["session", "tls", "auth", "config", "database", "observe", "machine"],
        "sockets to sessions",
    ),
    ("config", &["store"], "flags and file to one checked value"),
    ("cli", &["*"], "the program"),
    ("main", &["*"], "the program"),
    ("lib", &["*"], "the map"),
];

/// A crate, the only place that may name it.
const DOORS: &[(&str, &[&str])] = &[
    ("rusqlite", &["sqlite"]),
    ("sqlparser", &["statement"]),
    ("aws_sdk_s3", &["store/s3"]),
    ("aws_config", &["store/s3"]),
    ("aws_credential_types", &["store/s3"]),
    ("aws_runtime", &["store/s3"]),
    ("aws_smithy_http_client", &["store/s3", "store/tests"]),
    ("rustls", &["tls"]),
    ("tokio_rustls", &["tls"]),
    ("clap", &["cli", "main"]),
    ("toml", &["config", "auth"]),
    ("serde_saphyr", &["config/litestream"]),
    ("lz4_flex", &["ltx"]),
    ("indicatif", &["cli"]),
    ("httparse", &["observe"]),
    ("libc", &["shipper/memory"]),
    ("age", &["store/age"]),
];

const LINES_MAX: usize = 600;

#[test]
fn rooms_name_only_rooms_to_their_right() {
    let mut wrong = Vec::new();
    for file in sources() {
        let room = file.room();
        let Some((_, allowed, why)) = ROOMS.iter().find(|(name, ..)| *name == room) else {
            wrong.push(format!("{}: the room `{room}` is not in the table", file.path.display()));
            continue;
        };
        for named in file.rooms_named() {
            if named != room && !allowed.contains(&"*") && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{}: names `{named}` ({room}: {why})", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn each_crate_has_one_door() {
    let mut wrong = Vec::new();
    for file in sources() {
        let place = file.place();
        for (name, doors) in DOORS {
            let inside = doors.iter().any(|door| {
                place == *door || place.strip_prefix(door).is_some_and(|r| r.starts_with('/'))
            });
            if !inside && names_crate(&file.code(), name) {
                wrong.push(format!("{}: names {name}, whose door is {doors:?}", place));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn files_are_short() {
    let long: Vec<String> = sources()
        .iter()
        .map(|file| (file.place(), file.text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(place, lines)| format!("{place}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines:\n{}", long.join("\n"));
}

#[test]
fn only_the_program_prints() {
    let prints: Vec<String> = sources()
        .iter()
        .filter(|file| !["cli", "main"].contains(&file.room().as_str()))
        .filter(|file| ["println!", "print!", "eprint!"].iter().any(|m| file.code().contains(m)))
        .map(Source::place)
        .collect();
    assert!(prints.is_empty(), "prints outside cli: {prints:?}");
}

#[test]
fn the_table_finds_what_is_there() {
    let file = Source {
        path: PathBuf::from("src/wal/mod.rs"),
        text: "use crate::{\n    store::Key,\n    types::{Value, Oid},\n};\nfn f() { \
               crate::session::run(); } // crate::cli\n#[cfg(test)]\nmod tests { use crate::ltx; }"
            .into(),
    };
    let named: Vec<String> = file.rooms_named().into_iter().collect();
    assert_eq!(named, ["session", "store", "types"]);
    assert!(names_crate("let x = rusqlite::Connection", "rusqlite"));
    assert!(!names_crate("let rusqlite = 1; tokio_rustls::x", "rustls"));
}

/// A file of `src/`.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The path below `src/` without `.rs` or `/mod.rs`.
    fn place(&self) -> String {
        let path = self.path.with_extension("");
        let below = path.strip_prefix("src").expect("a path in src").to_string_lossy();
        below.trim_end_matches("/mod").to_owned()
    }

    fn room(&self) -> String {
        self.place().split('/').next().expect("a first part").to_owned()
    }

    /// The text without comments and without a test module at its end.
    fn code(&self) -> String {
        let text = self.text.split("#[cfg(test)]").next().unwrap_or_default();
        if self.place().ends_with("/tests") {
            return String::new();
        }
        let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The first names after `crate::`, groups in braces included.
    fn rooms_named(&self) -> BTreeSet<String> {
        let code = self.code();
        let mut rooms = BTreeSet::new();
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + "crate::".len()..];
            match rest.strip_prefix('{') {
                Some(group) => rooms.extend(group_heads(group)),
                None => rooms.extend(identifier(rest)),
            }
        }
        rooms
    }
}

/// The first name of each member of a `use` group, up to its closing brace.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let (mut depth, mut fresh) = (0_i32, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && !c.is_whitespace() => {
                heads.extend(identifier(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    heads
}

fn identifier(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    // `crate::Error` is the root's own item, not a room.
    text[..end].starts_with(char::is_lowercase).then(|| text[..end].to_owned())
}

/// Whether the code has the path `name::`, not as the end of a longer name or inside another path.
fn names_crate(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path)
        .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(read(&path));
            }
        }
    }
    files
}

fn read(path: &Path) -> Source {
    Source { path: path.to_owned(), text: fs::read_to_string(path).expect("a text file") }
}
