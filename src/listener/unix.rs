//! The Unix socket: made where a dead server left one, and removed at the end.

use super::Error;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// As PostgreSQL's: the directory's permissions say who comes near it.
const MODE: u32 = 0o777;

/// A listening Unix socket.
pub(super) struct UnixDoor {
    pub(super) listener: UnixListener,
    pub(super) file: SocketFile,
}

/// Its name, which is removed when this is dropped.
pub(super) struct SocketFile(PathBuf);

impl UnixDoor {
    pub(super) fn open(directory: &Path, port: u16) -> Result<Self, Error> {
        let path = directory.join(format!(".s.PGSQL.{port}"));
        if StdStream::connect(&path).is_ok() {
            return Err(Error::Taken { path });
        }
        match bind(&path) {
            Ok(listener) => Ok(Self { listener, file: SocketFile(path) }),
            Err(source) => Err(Error::BindUnix { path, source }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.file.0
    }
}

/// Nobody answers there: a socket that is left over is in the way, anything else is not ours.
fn bind(path: &Path) -> io::Result<UnixListener> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
    Ok(listener)
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Whoever removed it before has done our work.
        drop(fs::remove_file(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stale_and_taken() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".s.PGSQL.5432");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let door = UnixDoor::open(directory.path(), 5432).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert!(matches!(UnixDoor::open(directory.path(), 5432), Err(Error::Taken { .. })));
        drop(door);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_no_socket_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".s.PGSQL.1");
        fs::write(&path, "mine").unwrap();
        assert!(matches!(UnixDoor::open(directory.path(), 1), Err(Error::BindUnix { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }
}
