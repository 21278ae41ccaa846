//! What every long session is told.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use probity_differential::session::Until;

#[derive(Args)]
pub struct SessionArgs {
    /// The first seed; by default the first that the ledger does not have.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Seconds to run.
    #[arg(long, required_unless_present = "count")]
    seconds: Option<u64>,
    /// Cases to run.
    #[arg(long)]
    count: Option<u64>,
    /// The ledger; the committed one by default.
    #[arg(long)]
    pub ledger: Option<PathBuf>,
    /// Leaves the ledger as it is.
    #[arg(long)]
    pub no_ledger: bool,
}

impl SessionArgs {
    /// When the session ends.
    pub fn until(&self) -> Until {
        Until {
            time: self.seconds.map(Duration::from_secs),
            count: self.count,
        }
    }
}
