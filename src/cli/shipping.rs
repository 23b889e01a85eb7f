//! The flags that say where commits are shipped to and how, the same for all subcommands that ship.

use crate::config::Layer;

/// Where commits are shipped to, and how.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Shipping {
    /// Ship every commit to file:///directory or s3://bucket/prefix; repeat for several. With
    /// ?age=age1... it is encrypted, for egret's own restore only
    #[arg(long, value_name = "URL")]
    backup: Vec<String>,

    /// Keep at most so much of the log locally while a store is away, as 512MB or 10GB; beyond it
    /// that store starts over with the whole database [default: 4GB]
    #[arg(long, value_name = "SIZE")]
    backup_log_max: Option<String>,

    /// Restore each backup and compare it with its file this often, as 12h or 7d; 0 for never
    /// [default: 1d]
    #[arg(long, value_name = "TIME")]
    verify_interval: Option<String>,

    /// Store commits together that follow each other closer than this [default: 1s]
    #[arg(long, value_name = "TIME")]
    sync_interval: Option<String>,

    /// Merge what is stored into files that cover these times [default: 30s,5min,1h]
    #[arg(long, value_name = "TIME", value_delimiter = ',')]
    backup_levels: Option<Vec<String>>,

    /// Store the whole database so often, if it was written to [default: 1d]
    #[arg(long, value_name = "TIME")]
    snapshot_interval: Option<String>,

    /// Keep every moment of so much time restorable, and delete what is older [default: 7d]
    #[arg(long, value_name = "TIME")]
    backup_retention: Option<String>,
}

impl Shipping {
    /// These flags, beside others.
    #[must_use]
    pub fn over(self, layer: Layer) -> Layer {
        Layer {
            backup: (!self.backup.is_empty()).then_some(self.backup),
            backup_log_max: self.backup_log_max,
            verify_interval: self.verify_interval,
            sync_interval: self.sync_interval,
            backup_levels: self.backup_levels,
            snapshot_interval: self.snapshot_interval,
            backup_retention: self.backup_retention,
            ..layer
        }
    }
}
