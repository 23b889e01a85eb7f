//! Reads one query's result as fast as a socket gives it and does nothing with it, so that a full
//! scan measures the server. Plain `rustc -O`; no crates.
//!
//! `reader PORT USER DATABASE text|binary|copy SQL` prints `rows seconds bytes`.

use std::io::{Error, Read, Result, Write};
use std::net::TcpStream;
use std::time::Instant;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, port, user, database, format, sql] = &arguments[..] else {
        return Err(Error::other("usage: reader PORT USER DATABASE text|binary|copy SQL"));
    };
    let mut socket = TcpStream::connect(format!("127.0.0.1:{port}"))?;
    socket.set_nodelay(true)?;
    let mut startup = 196_608_u32.to_be_bytes().to_vec();
    startup.extend(format!("user\0{user}\0database\0{database}\0\0").bytes());
    socket.write_all(&((startup.len() + 4) as u32).to_be_bytes())?;
    socket.write_all(&startup)?;
    let mut scan = Scan::new();
    scan.until_ready(&mut socket)?;

    let request = if format == "copy" { simple(sql) } else { extended(sql, format == "binary") };
    let (start, before) = (Instant::now(), scan.bytes);
    socket.write_all(&request)?;
    scan.until_ready(&mut socket)?;
    println!("{} {:.6} {}", scan.rows, start.elapsed().as_secs_f64(), scan.bytes - before);
    Ok(())
}

fn simple(sql: &str) -> Vec<u8> {
    message(b'Q', format!("{sql}\0").as_bytes())
}

fn extended(sql: &str, binary: bool) -> Vec<u8> {
    let mut request = message(b'P', format!("\0{sql}\0\0\0").as_bytes());
    request.extend(message(b'B', &[0, 0, 0, 0, 0, 0, 0, 1, 0, u8::from(binary)]));
    request.extend(message(b'E', &[0, 0, 0, 0, 0]));
    request.extend(message(b'S', &[]));
    request
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend(((body.len() + 4) as u32).to_be_bytes());
    out.extend(body);
    out
}

/// Walks over messages by their lengths alone.
struct Scan {
    buffer: Vec<u8>,
    /// Unread bytes are `buffer[at..end]`.
    at: usize,
    end: usize,
    rows: u64,
    bytes: u64,
}

impl Scan {
    fn new() -> Self {
        Self { buffer: vec![0; 1 << 18], at: 0, end: 0, rows: 0, bytes: 0 }
    }

    fn until_ready(&mut self, socket: &mut TcpStream) -> Result<()> {
        loop {
            self.need(socket, 5)?;
            let kind = self.buffer[self.at];
            let size = &self.buffer[self.at + 1..self.at + 5];
            let size = 1 + size.iter().fold(0, |n, &byte| n << 8 | usize::from(byte));
            self.need(socket, size)?;
            match kind {
                b'D' | b'd' => self.rows += 1,
                b'E' => {
                    let body = &self.buffer[self.at + 5..self.at + size];
                    return Err(Error::other(String::from_utf8_lossy(body).replace('\0', " ")));
                }
                _ => {}
            }
            self.at += size;
            if kind == b'Z' {
                return Ok(());
            }
        }
    }

    /// Makes `size` bytes available from `at`.
    fn need(&mut self, socket: &mut TcpStream, size: usize) -> Result<()> {
        while self.end - self.at < size {
            if self.at > 0 {
                self.buffer.copy_within(self.at..self.end, 0);
                self.end -= self.at;
                self.at = 0;
            }
            if self.buffer.len() < size {
                self.buffer.resize(size, 0);
            }
            let got = socket.read(&mut self.buffer[self.end..])?;
            if got == 0 {
                return Err(Error::other("the server closed the connection"));
            }
            self.end += got;
            self.bytes += got as u64;
        }
        Ok(())
    }
}
