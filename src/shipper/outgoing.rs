//! One file, made while it is stored.
//!
//! What enters: pages, from wherever they are ([`Pages`]). What leaves: a file of a level in the
//! store. Nothing is written to the disk, and memory does not grow with the file but for a few bytes
//! for each page.

use super::Error;
use super::merge::blocking;
use crate::ltx::{self, Encoder, Header, Merge, PageEncoding, lock_page};
use crate::sqlite::{self, Pin};
use crate::store::{self, Body, BodyWriter, Level, Put, PutMode, Replica};
use std::io::Read;

/// Where pages come from.
pub(super) enum Pages {
    /// A whole database, as a read transaction sees it.
    Database(Pin),
    /// What files make that follow one another.
    Files(Merge<Input>),
}

/// A file, wherever it is.
pub(super) type Input = Box<dyn Read + Send>;

/// A file that is not there yet.
pub(super) struct Outgoing {
    pub(super) header: Header,
    pub(super) pages: Pages,
    pub(super) encoding: PageEncoding,
    /// About how long it will be, in bytes.
    pub(super) len_about: u64,
}

impl Outgoing {
    /// What a read transaction sees, which is what this header tells of.
    pub(super) fn database(pin: Pin, header: Header, encoding: PageEncoding) -> Self {
        let len_about = u64::from(header.commit) * u64::from(header.page_size);
        Self { header, pages: Pages::Database(pin), encoding, len_about }
    }

    /// Stores it, and returns its length as it is stored. What is there already under its name was
    /// stored by an attempt whose end nobody heard of.
    pub(super) async fn ensure(
        self,
        replica: &Replica,
        level: Level,
        mode: PutMode,
    ) -> Result<u64, Error> {
        let key = replica.ltx_key(level, self.header.name());
        match self.store(replica, level, mode).await {
            Err(Error::Store(store::Error::AlreadyExists { .. })) => {
                Ok(replica.store().head(&key).await?.size)
            }
            stored => stored,
        }
    }

    /// Stores it, and returns its length as it is stored.
    pub(super) async fn store<E>(
        self,
        replica: &Replica,
        level: Level,
        mode: PutMode,
    ) -> Result<u64, E>
    where
        E: From<ltx::Error> + From<sqlite::Error> + From<store::Error> + Send + 'static,
    {
        let (name, timestamp_ms) = (self.header.name(), Some(self.header.timestamp_ms));
        let (writer, body) = Body::stream(self.len_about);
        let write = blocking(move || self.write(writer));
        let put = replica.put_ltx(level, name, body, Put { mode, timestamp_ms });
        match tokio::join!(write, put) {
            // Whoever failed first made the other fail.
            (Err(error), Err(store::Error::Unfinished)) => Err(error),
            (_, Err(error)) => Err(error.into()),
            (written, Ok(sealed)) => Ok(sealed.unwrap_or(written?)),
        }
    }

    fn write<E>(self, writer: BodyWriter) -> Result<u64, E>
    where
        E: From<ltx::Error> + From<sqlite::Error>,
    {
        let lock_page = lock_page(self.header.page_size);
        let mut encoder = Encoder::new(writer, self.header, self.encoding)?;
        match self.pages {
            Pages::Files(merge) => merge.pages(|pgno, page| encoder.page(pgno, page))?,
            Pages::Database(pin) => pin.pages(|pgno, page| {
                if pgno == lock_page { Ok(()) } else { Ok::<_, E>(encoder.page(pgno, page)?) }
            })?,
        }
        let (writer, _) = encoder.finish()?;
        Ok(writer.finish().map_err(ltx::Error::from)?)
    }
}
