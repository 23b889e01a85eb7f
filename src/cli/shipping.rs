//! The flags that say how commits are shipped, the same for all subcommands that ship.

use crate::config::Layer;

/// How commits are shipped.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Shipping {
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
            sync_interval: self.sync_interval,
            backup_levels: self.backup_levels,
            snapshot_interval: self.snapshot_interval,
            backup_retention: self.backup_retention,
            ..layer
        }
    }
}
