//! An object as a blocking [`Read`], fetched ahead in pieces, so that an object of any size is
//! read in bounded memory and a dropped connection costs one piece.

use super::{Error, Store};
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// How an object is read.
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    /// The length of a piece.
    pub piece_len: u64,
    /// How many pieces are fetched ahead or being read.
    pub pieces_ahead: usize,
    /// How many requests all readers that share this run at once.
    pub requests: Arc<Semaphore>,
}

/// Reads an object from its beginning.
///
/// It is made inside a tokio runtime and read outside of its worker threads
/// (`spawn_blocking`), since reading blocks.
pub struct Reader {
    store: Arc<dyn Store>,
    key: Arc<str>,
    size: u64,
    options: ReaderOptions,
    handle: Handle,
    requested: u64,
    pending: VecDeque<JoinHandle<Result<Bytes, Error>>>,
    piece: Bytes,
}

impl Reader {
    /// Begins to fetch an object of which a listing says it has this size.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(super) fn new(
        store: Arc<dyn Store>,
        key: String,
        size: u64,
        options: ReaderOptions,
    ) -> Self {
        let mut reader = Self {
            store,
            key: key.into(),
            size,
            options,
            handle: Handle::current(),
            requested: 0,
            pending: VecDeque::new(),
            piece: Bytes::new(),
        };
        reader.request();
        reader
    }

    /// Requests pieces up to the number allowed.
    fn request(&mut self) {
        while self.requested < self.size && self.pending.len() < self.options.pieces_ahead.max(1) {
            let end = (self.requested + self.options.piece_len.max(1)).min(self.size);
            let range = self.requested..end;
            self.requested = end;
            let (store, key) = (Arc::clone(&self.store), Arc::clone(&self.key));
            let (requests, size) = (Arc::clone(&self.options.requests), self.size);
            self.pending.push_back(self.handle.spawn(async move {
                let _permit = requests.acquire().await;
                let length = store.length(&key, size).await?;
                // What is encrypted is a little shorter than it is listed.
                let range = range.start.min(length)..range.end.min(length);
                if range.is_empty() { Ok(Bytes::new()) } else { store.get_range(&key, range).await }
            }));
        }
    }

    fn next_piece(&mut self) -> io::Result<()> {
        if let Some(task) = self.pending.pop_front() {
            let fetched = self.handle.block_on(task).unwrap_or(Err(Error::Stopped));
            self.piece = fetched.map_err(io::Error::other)?;
            self.request();
        }
        Ok(())
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            self.next_piece()?;
        }
        let length = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(buffer.split_at_mut(length).0);
        Ok(length)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.pending.iter().for_each(JoinHandle::abort);
    }
}
