//! A replica and a moment asked for in, what a restore would read and make out.

use super::plans::Plans;
use super::{Error, Target};
use crate::ltx::Txid;
use crate::shipper::plan;
use crate::store::{LtxFile, Replica};

/// What a restore would read and make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The LTX files, in the order in which they are merged.
    pub files: Vec<LtxFile>,
    /// The last transaction.
    pub txid: Txid,
    /// When it was taken, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The size of the database in pages.
    pub pages: u32,
    /// The size of a page in bytes.
    pub page_size: u32,
}

impl Preview {
    /// The length of all files together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The size of the database in bytes.
    #[must_use]
    pub fn database_bytes(&self) -> u64 {
        u64::from(self.pages) * u64::from(self.page_size)
    }
}

/// What a restore would read and make. Only the header of the last file is read.
///
/// # Errors
/// If the store fails, or the replica does not have the moment.
pub async fn preview(replica: &Replica, target: Target) -> Result<Preview, Error> {
    let mut plans = Plans::new(replica, target);
    loop {
        let files = plans.next().await?;
        let last = files.last().ok_or(plan::Error::Empty)?;
        let header = match replica.ltx_header(last).await {
            Ok(header) => header.map_err(Error::from),
            Err(error) => Err(error.into()),
        };
        match header {
            Ok(header) => {
                return Ok(Preview {
                    txid: header.max_txid,
                    timestamp_ms: header.timestamp_ms,
                    pages: header.commit,
                    page_size: header.page_size,
                    files,
                });
            }
            Err(error) => plans.failed(error, last)?,
        }
    }
}
